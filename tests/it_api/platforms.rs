//! `/api/v1/platforms`.

use serde_json::json;

use crate::server::Server;

#[tokio::test]
async fn a_platform_is_created_shown_changed_and_deleted() {
    let server = Server::start().await;
    let new = r#"{"name": "Chase", "description": "LED chaser", "admission": "any"}"#;
    let created = server.post("/api/v1/platforms", new).await.is(201);
    assert_eq!(created.header("location"), Some("/api/v1/platforms/Chase"));
    assert_eq!(created.header("cache-control"), Some("no-store"));
    let shown = server.get("/api/v1/platforms/chase").await.is(200).json();
    assert_eq!(shown, created.json());
    assert_eq!((&shown["admission"], &shown["newest"]), (&json!("any"), &json!(null)));

    let change = r#"{"name": "chaser", "admission": "approved"}"#;
    let changed = server.patch("/api/v1/platforms/CHASE", change).await.is(200).json();
    assert_eq!((&changed["name"], &changed["admission"]), (&json!("chaser"), &json!("approved")));
    assert_eq!(changed["description"], "LED chaser");
    server.get("/api/v1/platforms/chase").await.problem(404, "not_found");

    let deleted = server.delete("/api/v1/platforms/chaser").await.is(204);
    assert_eq!(deleted.body, "");
    server.delete("/api/v1/platforms/chaser").await.problem(404, "not_found");
    server.patch("/api/v1/platforms/chaser", "{}").await.problem(404, "not_found");
}

#[tokio::test]
async fn a_change_of_nothing_changes_nothing() {
    let server = Server::with_platform("chase").await;
    let before = server.get("/api/v1/platforms/chase").await.json();
    let after = server.patch("/api/v1/platforms/chase", "{}").await.is(200).json();
    assert_eq!(before, after);
}

#[tokio::test]
async fn a_name_is_taken_only_once_and_compared_without_case() {
    let server = Server::with_platform("chase").await;
    let again = server.post("/api/v1/platforms", r#"{"name": "CHASE"}"#).await;
    let detail = again.problem(409, "platform_exists");
    assert_eq!(detail, "A platform named “CHASE” exists already.");
    server.post("/api/v1/platforms", r#"{"name": "other"}"#).await.is(201);
    let rename = server.patch("/api/v1/platforms/other", r#"{"name": "Chase"}"#).await;
    rename.problem(409, "platform_exists");
}

#[tokio::test]
async fn names_and_words_that_cannot_be_are_refused_with_the_reason() {
    let server = Server::with_platform("chase").await;
    for (body, code, reason) in [
        (r#"{"name": ""}"#, "invalid_name", "empty"),
        (r#"{"name": "my chase"}"#, "invalid_name", "holds “ ”"),
        (r#"{"name": "update"}"#, "invalid_name", "own pages"),
        (r#"{"name": "x", "admission": "all"}"#, "invalid_value", "“approved” or “any”"),
    ] {
        let detail = server.post("/api/v1/platforms", body).await.problem(422, code);
        assert!(detail.contains(reason), "{body}: {detail}");
    }
    let change = r#"{"admission": "everyone"}"#;
    server.patch("/api/v1/platforms/chase", change).await.problem(422, "invalid_value");
    let long = format!(r#"{{"description": "{}"}}"#, "x".repeat(2001));
    server.patch("/api/v1/platforms/chase", &long).await.problem(422, "invalid_value");
}

#[tokio::test]
async fn the_list_counts_what_belongs_to_each() {
    let server = Server::with_platform("chase").await;
    server.post("/api/v1/platforms", r#"{"name": "a+b"}"#).await.is(201);
    server.post("/api/v1/platforms/chase/devices", r#"{"mac": "5ccf7f000001"}"#).await.is(201);
    assert_eq!(server.poll("5c:cf:7f:00:00:02", "chase", "v1.0.0").await, 400);
    let id = server.release("chase", "v1.2.0").await;
    let list = server.get("/api/v1/platforms").await.is(200).json();
    let names: Vec<_> =
        list["items"].as_array().unwrap().iter().map(|item| &item["name"]).collect();
    assert_eq!(names, ["a+b", "chase"]);
    let chase = &list["items"][1];
    let counts = (&chase["devices"], &chase["pending"], &chase["releases"]);
    assert_eq!(counts, (&json!(1), &json!(1), &json!(1)));
    assert_eq!(chase["newest"], json!({"id": id, "version": "v1.2.0"}));
    assert_eq!(server.get("/api/v1/platforms/a+b").await.is(200).json()["name"], "a+b");
    assert_eq!(server.get("/api/v1/platforms/a%2Bb").await.is(200).json()["name"], "a+b");
}

#[tokio::test]
async fn the_one_who_asked_is_in_the_event_log() {
    let server = Server::with_platform("chase").await;
    server.app.flush().await.unwrap();
    let events = server.get("/api/v1/events?kind=platform_created").await.is(200).json();
    assert_eq!(events["items"][0]["actor"], "127.0.0.1");
    assert_eq!(events["items"][0]["platform"], "chase");
}

#[tokio::test]
async fn a_platform_has_rules_about_gzip_and_the_lowest_version() {
    let server = Server::with_platform("chase").await;
    let path = "/api/v1/platforms/chase";
    let fresh = server.get(path).await.is(200).json();
    assert_eq!((&fresh["gzip"], &fresh["floor"]), (&json!("auto"), &json!(null)));
    let change = r#"{"gzip": "off", "floor": "v1.2.0"}"#;
    let changed = server.patch(path, change).await.is(200).json();
    assert_eq!((&changed["gzip"], &changed["floor"]), (&json!("off"), &json!("v1.2.0")));

    let mac = "5c:cf:7f:1c:a1:a5";
    let new = format!(r#"{{"mac": "{mac}"}}"#);
    server.post("/api/v1/platforms/chase/devices", &new).await.is(201);
    server.release("chase", "v1.1.0").await;
    assert_eq!(server.poll(mac, "chase", "v1.0.0").await, 304);
    let decision = server.get(&format!("/api/v1/devices/{mac}/decision")).await.is(200).json();
    assert_eq!(decision["decision"], "below_floor");
    let changed = server.patch(path, r#"{"floor": ""}"#).await.is(200).json();
    assert_eq!(changed["floor"], json!(null));
    assert_eq!(server.poll(mac, "chase", "v1.0.0").await, 200);

    for (body, reason) in [
        (r#"{"gzip": "sometimes"}"#, "“auto”, “off” or “always”"),
        (r#"{"floor": "newest"}"#, "a version like v1.2.0"),
    ] {
        let detail = server.patch(path, body).await.problem(422, "invalid_value");
        assert!(detail.contains(reason), "{detail}");
    }
}
