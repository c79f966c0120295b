//! What every route has in common: errors as problem documents, and the description of it all.

use crate::server::Server;

#[tokio::test]
async fn the_description_is_served() {
    let server = Server::start().await;
    let answer = server.get("/api/v1/openapi.json").await.is(200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.json()["openapi"], "3.1.0");
}

#[tokio::test]
async fn unknown_paths_are_problems_too() {
    let server = Server::start().await;
    for path in ["/api/", "/api/v1", "/api/v2/devices", "/api/v1/devices/x/y/z"] {
        let detail = server.get(path).await.problem(404, "not_found");
        assert!(detail.contains(path) && detail.contains("openapi.json"), "{detail}");
    }
    server.post("/api/v1/nothing", "{}").await.problem(404, "not_found");
}

#[tokio::test]
async fn an_updater_is_answered_below_api_as_anywhere() {
    let server = Server::with_platform("chase").await;
    let headers =
        [("user-agent", "ESP8266-http-Update"), ("x-esp8266-sta-mac", "5c:cf:7f:1c:a1:a5")];
    let path = "/api/ota/update.php?dev=chase&ver=v1.0.0";
    let answer = server.send_raw("GET", path, &headers, b"").await;
    assert_eq!((answer.status, answer.body.trim()), (400, "Error: Device not whitelisted."));
}

#[tokio::test]
async fn a_wrong_method_is_405_and_says_which_are_right() {
    let server = Server::start().await;
    for (path, method, allowed) in [
        ("/api/v1/platforms", "DELETE", "GET,HEAD,POST"),
        ("/api/v1/devices", "POST", "GET,HEAD"),
        ("/api/v1/releases/1", "PUT", "GET,HEAD,PATCH,DELETE"),
        ("/api/v1/events", "PATCH", "GET,HEAD"),
    ] {
        let answer = server.send(method, path, &[], b"").await;
        assert_eq!(answer.header("allow"), Some(allowed), "{path}");
        answer.problem(405, "method_not_allowed");
    }
}

#[tokio::test]
async fn json_that_cannot_be_read_is_refused_with_a_sentence() {
    let server = Server::start().await;
    for (body, code, reason) in [
        ("", "invalid_json", "empty"),
        ("{", "invalid_json", "EOF"),
        ("name=chase", "invalid_json", "not JSON"),
        ("[]", "invalid_json", "a JSON object"),
        (r#""chase""#, "invalid_json", "a JSON object"),
        (r#"{"name": 5}"#, "invalid_json", "expected a string"),
        (r#"{"name": "x", "admission": null}"#, "invalid_json", "null"),
        (r#"{"description": "x"}"#, "invalid_json", "missing field `name`"),
        (r#"{"nam": "chase"}"#, "unknown_field", "expected one of `name`, `description`"),
    ] {
        let detail = server.post("/api/v1/platforms", body).await.problem(400, code);
        assert!(detail.contains(reason), "{body}: {detail}");
        assert!(!detail.contains("struct"), "{detail}");
    }
}

#[tokio::test]
async fn json_says_that_it_is_json_and_is_small() {
    let server = Server::start().await;
    let body = br#"{"name": "chase"}"#;
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let answer = server.send("POST", "/api/v1/platforms", &form, body).await;
    assert!(answer.problem(415, "not_json").contains("application/json"));
    let large = format!(r#"{{"name": "chase", "description": "{}"}}"#, "x".repeat(64 << 10));
    server.post("/api/v1/platforms", &large).await.problem(413, "too_large");
    let vendor = [("content-type", "application/merge-patch+json; charset=utf-8")];
    server.send("POST", "/api/v1/platforms", &vendor, body).await.is(201);
    server.send("POST", "/api/v1/platforms", &[], br#"{"name": "bare"}"#).await.is(201);
}

#[tokio::test]
async fn a_fault_of_the_server_is_500_without_its_cause() {
    let server = Server::with_platform("chase").await;
    let id = server.release("chase", "v1.2.0").await;
    server.delete("/api/v1/releases/0").await.problem(404, "not_found");
    let folder = server.data.path().join("firmware");
    std::fs::remove_dir_all(&folder).unwrap();
    let answer = server.get(&format!("/api/v1/releases/{id}/report")).await;
    assert!(!answer.body.contains("firmware/"), "{answer:?}");
    let detail = answer.problem(500, "internal");
    assert_eq!(detail, "The server could not do this; its log says why.");
}

#[tokio::test]
async fn a_change_that_another_site_asks_for_is_refused() {
    let server = Server::start().await;
    let headers = [("origin", "http://evil.example"), ("content-type", "application/json")];
    let body = br#"{"name": "chase"}"#;
    let answer = server.send_raw("POST", "/api/v1/platforms", &headers, body).await;
    assert_eq!(answer.status, 403, "{answer:?}");
}
