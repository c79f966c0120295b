//! `/api/v1/…/secret`.

use serde_json::json;

use crate::server::Server;

const MAC: &str = "5c:cf:7f:00:00:01";

#[tokio::test]
async fn a_platform_gets_a_secret_that_is_shown_once() {
    let server = Server::with_platform("chase").await;
    let plain = server.get("/api/v1/platforms/chase").await.json();
    assert_eq!((&plain["proof"], &plain["secret"]), (&json!("none"), &json!(null)));
    let early = server.post("/api/v1/platforms/chase/secret", "{}").await;
    assert!(early.problem(409, "wrong_state").contains("share one secret"));
    let change = r#"{"proof": "shared"}"#;
    let changed = server.patch("/api/v1/platforms/chase", change).await.is(200).json();
    let state = (&changed["proof"], &changed["proof_demanded"]);
    assert_eq!(state, (&json!("shared"), &json!(false)));
    let demand = r#"{"proof_demanded": true}"#;
    let early = server.patch("/api/v1/platforms/chase", demand).await;
    assert!(early.problem(409, "wrong_state").contains("Make the secret first"));

    let made = server.post("/api/v1/platforms/chase/secret", "{}").await.is(201);
    assert_eq!(made.header("cache-control"), Some("no-store"));
    let secret = made.json()["secret"].as_str().unwrap().to_owned();
    assert_eq!(secret.len(), 32);
    server.patch("/api/v1/platforms/chase", demand).await.is(200);
    let shown = server.get("/api/v1/platforms/chase").await;
    assert!(!shown.body.contains(&secret), "not twice");
    assert_eq!(shown.json()["secret"]["typed"], false);
    assert_eq!(shown.json()["secret"]["old_made_at"], json!(null));

    server.post("/api/v1/platforms/chase/devices", &format!(r#"{{"mac": "{MAC}"}}"#)).await.is(201);
    assert_eq!(server.poll(MAC, "chase", "v1.0.0").await, 401);
    let device = server.get(&format!("/api/v1/devices/{MAC}")).await.is(200).json();
    assert_eq!((&device["proof"], &device["secret"]), (&json!("missing"), &json!(null)));
    assert_eq!(device["last_outcome"]["code"], "secret_missing");
    let decision = server.get(&format!("/api/v1/devices/{MAC}/decision")).await.is(200).json();
    assert_eq!(
        (&decision["status"], &decision["decision"]),
        (&json!(401), &json!("secret_missing"))
    );
    let proof = json!({"code": "proof", "ok": false, "text": "It came without the secret."});
    assert!(decision["reasons"].as_array().unwrap().contains(&proof), "{decision}");
    assert_eq!(server.poll(MAC, &format!("chase&key={secret}"), "v1.0.0").await, 304);
    let platform = server.get("/api/v1/platforms/chase").await.json();
    assert_eq!((&platform["devices"], &platform["proven"]), (&json!(1), &json!(1)));
    let events = server.get("/api/v1/events?kind=secret_made").await.is(200);
    assert!(events.body.contains("have a secret now") && !events.body.contains(&secret));
}

#[tokio::test]
async fn a_secret_that_is_typed_is_checked_and_never_repeated() {
    let server = Server::with_platform("chase").await;
    server.patch("/api/v1/platforms/chase", r#"{"proof": "shared"}"#).await.is(200);
    for (body, code) in [
        (r#"{"secret": "seven77"}"#, "invalid_secret"),
        (r#"{"secret": "with a space"}"#, "invalid_secret"),
        (r#"{"secret": "with/a/slash"}"#, "invalid_secret"),
    ] {
        let detail = server.post("/api/v1/platforms/chase/secret", body).await.problem(422, code);
        assert!(!detail.contains("seven77") && !detail.contains("slash"), "{detail}");
    }
    server
        .post("/api/v1/platforms/chase/secret", r#"{"secrets": "x"}"#)
        .await
        .problem(400, "unknown_field");
    let made = server.post("/api/v1/platforms/chase/secret", r#"{"secret": "hunter22"}"#).await;
    assert_eq!(made.is(201).json()["secret"], "hunter22");
    let shown = server.get("/api/v1/platforms/chase").await.json();
    assert_eq!(shown["secret"]["typed"], true);
    server
        .patch("/api/v1/platforms/chase", r#"{"proof": "mac"}"#)
        .await
        .problem(422, "invalid_value");
    server.post("/api/v1/platforms/nowhere/secret", "{}").await.problem(404, "not_found");
}

#[tokio::test]
async fn the_old_secret_is_ended() {
    let server = Server::with_platform("chase").await;
    server.patch("/api/v1/platforms/chase", r#"{"proof": "shared"}"#).await.is(200);
    let path = "/api/v1/platforms/chase/secret";
    server.delete(&format!("{path}/old")).await.problem(404, "not_found");
    for _ in 0..2 {
        server.post(path, "{}").await.is(201);
    }
    let shown = server.get("/api/v1/platforms/chase").await.json();
    assert!(shown["secret"]["old_made_at"].is_string());
    server.delete(&format!("{path}/old")).await.is(204);
    let shown = server.get("/api/v1/platforms/chase").await.json();
    assert_eq!(shown["secret"]["old_made_at"], json!(null));
}

#[tokio::test]
async fn a_device_gets_a_secret_of_its_own() {
    let server = Server::with_platform("chase").await;
    server.patch("/api/v1/platforms/chase", r#"{"proof": "per_device"}"#).await.is(200);
    let path = format!("/api/v1/devices/{MAC}/secret");
    server.post(&path, "{}").await.problem(404, "not_found");
    server.post("/api/v1/devices/nonsense/secret", "{}").await.problem(422, "invalid_mac");
    server.post("/api/v1/platforms/chase/devices", &format!(r#"{{"mac": "{MAC}"}}"#)).await.is(201);
    let secret =
        server.post(&path, "{}").await.is(201).json()["secret"].as_str().unwrap().to_owned();
    server.patch("/api/v1/platforms/chase", r#"{"proof_demanded": true}"#).await.is(200);
    assert_eq!(server.poll(MAC, &format!("chase&key={secret}"), "v1.0.0").await, 304);
    let device = server.get(&format!("/api/v1/devices/{MAC}")).await.json();
    assert_eq!(device["proof"], "newest");
    server.post(&path, r#"{"secret": "another-one"}"#).await.is(201);
    let device = server.get(&format!("/api/v1/devices/{MAC}")).await.json();
    assert_eq!((&device["proof"], &device["secret"]["typed"]), (&json!("old"), &json!(true)));
    assert_eq!(server.poll(MAC, "chase&key=another-one", "v1.0.0").await, 304);
    assert_eq!(server.poll(MAC, &format!("chase&key={secret}"), "v1.0.0").await, 401);
    server.app.end_rotations().await.unwrap();
    server.delete(&format!("{path}/old")).await.problem(404, "not_found");
}
