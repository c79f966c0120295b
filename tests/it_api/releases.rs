//! `/api/v1/releases` after the upload.

use serde_json::json;

use crate::images;
use crate::server::{Answer, Form, Server};

/// A draft that lacks its version; answers its number.
async fn draft(server: &Server) -> i64 {
    let image = images::esp8266(&["nothing", "to", "see"]);
    let form = Form::default().text("platform", "chase").file("firmware.bin", &image);
    let draft = server.upload(form).await.is(201).json();
    assert_eq!((&draft["state"], &draft["version"]), (&json!("draft"), &json!(null)));
    draft["id"].as_i64().unwrap()
}

#[tokio::test]
async fn a_release_is_withdrawn_and_published_again() {
    let server = Server::with_platform("chase").await;
    let id = server.release("chase", "v1.2.0").await;
    let path = format!("/api/v1/releases/{id}");
    let release = server.get(&path).await.is(200).json();
    assert_eq!(release["counters"], json!({"offers": 0, "downloads": 0, "bytes": 0}));
    assert_eq!((&release["state"], &release["channel"]), (&json!("published"), &json!("stable")));
    let withdrawn = server.patch(&path, r#"{"state": "withdrawn"}"#).await.is(200).json();
    assert_eq!(withdrawn["state"], "withdrawn");
    let platform = server.get("/api/v1/platforms/chase").await.is(200).json();
    assert_eq!(platform["newest"], json!(null));
    let change = r#"{"state": "published", "notes": "It was right after all."}"#;
    let again = server.patch(&path, change).await.is(200).json();
    assert_eq!((&again["state"], &again["version"]), (&json!("published"), &json!("v1.2.0")));
    assert_eq!(again["notes"], "It was right after all.");
}

#[tokio::test]
async fn a_release_stays_what_it_is() {
    let server = Server::with_platform("chase").await;
    let id = server.release("chase", "v1.2.0").await;
    let path = format!("/api/v1/releases/{id}");
    for change in [
        r#"{"state": "draft"}"#,
        r#"{"version": "v9.9.9"}"#,
        r#"{"platform": "other"}"#,
        r#"{"accept": ["identical"]}"#,
    ] {
        server.patch(&path, change).await.problem(409, "wrong_state");
    }
    server.patch(&path, r#"{"state": "gone"}"#).await.problem(422, "invalid_value");
    let change = r#"{"accept": ["version_exists"]}"#;
    server.patch(&path, change).await.problem(422, "invalid_value");
}

#[tokio::test]
async fn a_draft_is_completed_and_published() {
    let server = Server::with_platform("chase").await;
    let id = draft(&server).await;
    let path = format!("/api/v1/releases/{id}");
    let open = server.patch(&path, r#"{"state": "published"}"#).await;
    assert_eq!(open.json()["report"]["questions"][0]["code"], "version_missing");
    open.problem(422, "version_missing");
    let change = r#"{"version": "v1.3.0", "notes": "First."}"#;
    let saved = server.patch(&path, change).await.is(200).json();
    assert_eq!((&saved["state"], &saved["version"]), (&json!("draft"), &json!("v1.3.0")));
    let published = server.patch(&path, r#"{"state": "published"}"#).await.is(200).json();
    assert_eq!((&published["state"], &published["notes"]), (&json!("published"), &json!("First.")));
    assert_eq!(published["expires_at"], json!(null));
}

#[tokio::test]
async fn a_draft_is_refused_where_it_cannot_be_published() {
    let server = Server::with_platform("chase").await;
    server.release("chase", "v1.2.0").await;
    let id = draft(&server).await;
    let path = format!("/api/v1/releases/{id}");
    let change = r#"{"state": "published", "version": "v1.2.0"}"#;
    server.patch(&path, change).await.problem(409, "version_exists");
    let change = r#"{"state": "published", "version": "v1.1.0"}"#;
    server.patch(&path, change).await.problem(409, "version_not_higher");
    server.patch(&path, r#"{"state": "withdrawn"}"#).await.problem(409, "wrong_state");
    let change = r#"{"platform": "nope"}"#;
    server.patch(&path, change).await.problem(422, "platform_unknown");
    let change = r#"{"platform": "no pe"}"#;
    let answer = server.patch(&path, change).await;
    assert_eq!(answer.status, 422, "{answer:?}");
    let change = r#"{"state": "published", "version": "v1.1.0", "accept": ["version_not_higher"]}"#;
    let published = server.patch(&path, change).await.is(200).json();
    assert_eq!(published["version"], "v1.1.0");
}

#[tokio::test]
async fn a_release_and_a_draft_are_deleted_with_their_files() {
    let server = Server::with_platform("chase").await;
    let (release, draft) = (server.release("chase", "v1.2.0").await, draft(&server).await);
    assert_eq!(server.files().await, 2);
    for id in [release, draft] {
        let path = format!("/api/v1/releases/{id}");
        server.delete(&path).await.is(204);
        server.delete(&path).await.problem(404, "not_found");
        server.get(&path).await.problem(404, "not_found");
        server.patch(&path, "{}").await.problem(404, "not_found");
        server.get(&format!("{path}/report")).await.problem(404, "not_found");
    }
    assert_eq!(server.files().await, 0);
}

#[tokio::test]
async fn a_number_that_is_none_names_no_release() {
    let server = Server::start().await;
    for id in ["first", "-1", "99999999999999999999", "%FF"] {
        let answer = server.get(&format!("/api/v1/releases/{id}")).await;
        answer.problem(404, "not_found");
    }
}

#[tokio::test]
async fn the_list_is_filtered_newest_first() {
    let server = Server::with_platform("chase").await;
    let first = server.release("chase", "v1.2.0").await;
    let second = server.release("chase", "v1.3.0").await;
    let draft = draft(&server).await;
    let ids = async |query: &str| {
        let list = server.get(&format!("/api/v1/releases{query}")).await.is(200).json();
        let items = list["items"].as_array().unwrap();
        items.iter().map(|release| release["id"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(ids("").await, [draft, second, first]);
    assert_eq!(ids("?state=published&platform=Chase").await, [second, first]);
    assert_eq!(ids("?state=draft").await, [draft]);
    server.get("/api/v1/releases?platform=nope").await.problem(404, "not_found");
    server.get("/api/v1/releases?state=lost").await.problem(400, "invalid_query");
}

#[tokio::test]
async fn a_report_card_can_be_read_again() {
    let server = Server::with_platform("chase").await;
    let image = images::sketch("chase", "v1.4.2");
    let upload = server.upload(Form::default().file("firmware.bin", &image)).await.is(201).json();
    let path = format!("/api/v1/releases/{}/report", upload["id"]);
    let report = server.get(&path).await.is(200).json();
    assert_eq!(report, upload["report"]);
    assert_eq!((&report["platform"], &report["version"]), (&json!("chase"), &json!("v1.4.2")));
}

#[tokio::test]
async fn one_image_of_several_is_removed_but_not_the_last() {
    let server = Server::with_platform("chase").await;
    let id = server.release("chase", "v1.2.0").await;
    let form = Form::default().file("c3.bin", &images::esp32c3()).text("publish", "true");
    let form = form.text("platform", "chase").text("version", "v1.2.0");
    let form = form.text("accept", "other_family");
    let added = server.upload(form).await.is(201).json();
    assert_eq!(added["id"], id, "it joins the release of that version");
    assert_eq!(added["images"].as_array().unwrap().len(), 2);
    let number = |place: usize| added["images"][place]["id"].as_i64().unwrap();
    let (first, second) = (number(0), number(1));
    let path = |image: i64| format!("/api/v1/releases/{id}/images/{image}");
    server.delete(&path(999)).await.problem(404, "not_found");
    server.delete("/api/v1/releases/999/images/1").await.problem(404, "not_found");
    server.delete(&path(second)).await.is(204);
    let left = server.get(&format!("/api/v1/releases/{id}")).await.is(200).json();
    assert_eq!(left["images"].as_array().unwrap().len(), 1);
    let detail = server.delete(&path(first)).await.problem(409, "wrong_state");
    assert!(detail.contains("delete the release instead"), "{detail}");
    let events = server.events("release_edited").await;
    assert_eq!(events, ["The image for ESP32-C3 of chase v1.2.0 was removed."]);
    assert_eq!(server.files().await, 1);
}

#[tokio::test]
async fn every_file_of_a_release_can_be_downloaded() {
    let server = Server::with_platform("chase").await;
    let id = server.release("chase", "v1.2.0").await;
    server.app.pack_wanted().await.unwrap();
    let get = async |query: &str| {
        let path = format!("/releases/{id}/download{query}");
        server.send_raw("GET", &path, &[], b"").await
    };
    let plain = get("").await.is(200);
    let named = plain.header("content-disposition").unwrap();
    assert_eq!(named, "attachment; filename=\"chase_1_2_0.bin\"");
    let packed = get("?packed=1").await.is(200);
    let named = packed.header("content-disposition").unwrap();
    assert_eq!(named, "attachment; filename=\"chase_1_2_0.bin.gz\"");
    let size = |answer: &Answer| answer.header("content-length").unwrap().parse::<u64>().unwrap();
    assert!(size(&packed) < size(&plain));
    assert_eq!(packed.header("content-encoding"), None);
    get("?image=999").await.is(404);
}
