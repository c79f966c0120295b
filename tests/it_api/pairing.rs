//! `/api/v1/pairing` and `/api/v1/decoder`.

use serde_json::json;

use crate::server::Server;

const MAC: &str = "5c:cf:7f:1c:a1:a5";
const PATH: &str = "/api/v1/pairing";

#[tokio::test]
async fn a_window_is_opened_and_closed_by_a_program() {
    let server = Server::with_platform("chase").await;
    let usual = server.get(PATH).await.is(200).json();
    assert_eq!(
        usual,
        json!({"rule": "ask", "open_until": null, "turned_away": 0, "platforms": []})
    );
    let open = server.patch(PATH, r#"{"platform": "Chase", "minutes": 15}"#).await.is(200).json();
    let own = &open["platforms"][0];
    assert_eq!((&own["platform"], &own["rule"]), (&json!("chase"), &json!(null)));
    assert!(own["open_until"].is_string() && open["open_until"].is_null(), "{open}");
    assert_eq!(server.poll(MAC, "chase", "v1.0.0").await, 304);
    let device = server.get(&format!("/api/v1/devices/{MAC}")).await.is(200).json();
    assert_eq!(device["approved_via"], "pairing");
    assert_eq!(device["mac_looks_random"], false);
    assert_eq!(server.events("pairing").await.len(), 1);

    let closed = r#"{"rule": "closed"}"#;
    server.patch(PATH, closed).await.is(200);
    let shut = r#"{"platform": "chase", "minutes": 0}"#;
    let shut = server.patch(PATH, shut).await.is(200).json();
    assert_eq!((&shut["rule"], &shut["platforms"]), (&json!("closed"), &json!([])));
    assert_eq!(server.poll("5e:cf:7f:1c:a1:a6", "chase", "v1.0.0").await, 400);
    server.get("/api/v1/devices/5ecf7f1ca1a6").await.problem(404, "not_found");
    assert_eq!(server.get(PATH).await.json()["turned_away"], 1);
    let own = server.patch(PATH, r#"{"platform": "chase", "rule": "ask"}"#).await.is(200).json();
    assert_eq!(own["platforms"][0]["rule"], "ask");
    assert_eq!(server.poll("5e:cf:7f:1c:a1:a6", "chase", "v1.0.0").await, 400);
    let waits = server.get("/api/v1/devices/5ecf7f1ca1a6").await.is(200).json();
    assert_eq!((&waits["approval"], &waits["approved_via"]), (&json!("pending"), &json!(null)));
    assert_eq!(waits["mac_looks_random"], true);
    let own = server.patch(PATH, r#"{"platform": "chase", "rule": null}"#).await.is(200).json();
    assert_eq!(own["platforms"], json!([]));
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_the_reason() {
    let server = Server::with_platform("chase").await;
    let detail = server.patch(PATH, r#"{"minutes": 5000}"#).await.problem(422, "invalid_value");
    assert!(detail.contains("1 to 1440"), "{detail}");
    server.patch(PATH, r#"{"rule": "open"}"#).await.problem(422, "invalid_value");
    server.patch(PATH, r#"{"rule": null}"#).await.problem(422, "invalid_value");
    server.patch(PATH, r#"{"platform": "nope", "minutes": 5}"#).await.problem(404, "not_found");
    server.patch(PATH, r#"{"minute": 5}"#).await.problem(400, "unknown_field");
    server.patch(PATH, "{}").await.is(200);
}

#[tokio::test]
async fn a_line_is_explained() {
    let server = Server::start().await;
    let line = "Error%20(-104):%20Wrong%20HTTP%20Code%0Ahello";
    let found = server.get(&format!("/api/v1/decoder?line={line}")).await.is(200).json();
    let finding = &found["findings"][0];
    assert_eq!((&finding["code"], &finding["page"]), (&json!("wrong_http_code"), &json!("/inbox")));
    assert_eq!(finding["line"], "Error (-104): Wrong HTTP Code");
    assert_eq!((&finding["times"], &found["unknown"]), (&json!(1), &json!(1)));
    let nothing = server.get("/api/v1/decoder?line=").await.is(200).json();
    assert_eq!(nothing, json!({"findings": [], "unknown": 0}));
    server.get("/api/v1/decoder").await.problem(400, "invalid_query");
    server.get("/api/v1/decoder?lines=x").await.problem(400, "invalid_query");
}
