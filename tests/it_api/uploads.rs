//! `POST /api/v1/releases`.

use serde_json::json;

use crate::images;
use crate::server::{Form, Server};

#[tokio::test]
async fn a_file_that_says_all_is_published_in_one_go() {
    let server = Server::with_platform("chase").await;
    let image = images::sketch("chase", "v1.4.2");
    let form = Form::default().text("publish", "true").file("firmware.bin", &image);
    let answer = server.upload(form).await.is(201);
    let release = answer.json();
    let location = format!("/api/v1/releases/{}", release["id"]);
    assert_eq!(answer.header("location"), Some(location.as_str()));
    assert_eq!((&release["platform"], &release["version"]), (&json!("chase"), &json!("v1.4.2")));
    assert_eq!(release["state"], "published");
    let file = &release["images"][0];
    assert_eq!((&file["chip"], &file["size"]), (&json!("ESP8266"), &json!(image.len())));
    assert_eq!(file["file_name"], "firmware.bin");
    let report = &release["report"];
    assert_eq!((&report["questions"], &report["identical"]), (&json!([]), &json!(null)));
    assert_eq!(report["platforms"][0]["name"], "chase");
    assert_eq!(report["versions"][0]["text"], "v1.4.2");
    assert!(report["versions"][0]["context"].as_str().unwrap().contains("ver=v1.4.2"));
    let mut shown = release.clone();
    shown.as_object_mut().unwrap().remove("report");
    assert_eq!(server.get(&location).await.is(200).json(), shown);
}

#[tokio::test]
async fn without_publish_a_draft_is_kept() {
    let server = Server::with_platform("chase").await;
    let image = images::sketch("chase", "v1.4.2");
    let draft = server.upload(Form::default().file("firmware.bin", &image)).await.is(201).json();
    assert_eq!((&draft["state"], &draft["published_at"]), (&json!("draft"), &json!(null)));
    assert!(draft["expires_at"].is_string(), "{draft}");
    assert_eq!(server.files().await, 1);
}

#[tokio::test]
async fn fields_may_come_after_the_file_and_win() {
    let server = Server::with_platform("chase").await;
    server.post("/api/v1/platforms", r#"{"name": "marshall"}"#).await.is(201);
    let form = Form::default()
        .file("firmware.bin", &images::sketch("chase", "v1.4.2"))
        .text("platform", "MARSHALL")
        .text("version", " v2.0.0 ")
        .text("channel", "stable")
        .text("notes", "Röhren glühen.")
        .text("dry_run", "0")
        .text("publish", "1");
    let release = server.upload(form).await.is(201).json();
    assert_eq!((&release["platform"], &release["version"]), (&json!("marshall"), &json!("v2.0.0")));
    assert_eq!(
        (&release["state"], &release["notes"]),
        (&json!("published"), &json!("Röhren glühen."))
    );
}

#[tokio::test]
async fn an_esp32_image_shows_its_descriptor_and_not_the_version_of_idf() {
    let server = Server::with_platform("MyPlatform").await;
    let form = Form::default().file("firmware.bin", &images::esp32c3());
    let draft = server.upload(form).await.is(201).json();
    assert_eq!(
        (&draft["images"][0]["chip"], &draft["version"]),
        (&json!("ESP32-C3"), &json!("v1.2.3"))
    );
    assert!(draft["report"]["descriptor"]["idf"].is_string(), "{draft}");
}

#[tokio::test]
async fn a_dry_run_keeps_nothing() {
    let server = Server::with_platform("chase").await;
    let image = images::sketch("chase", "v1.4.2");
    let form = Form::default().file("firmware.bin", &image);
    let form = form.text("dry_run", "1").text("publish", "true");
    let looked = server.upload(form).await.is(200).json();
    assert_eq!((&looked["id"], &looked["version"]), (&json!(null), &json!("v1.4.2")));
    assert_eq!(server.files().await, 0);
    let list = server.get("/api/v1/releases").await.is(200).json();
    assert_eq!(list["items"], json!([]));
}

#[tokio::test]
async fn a_question_is_answered_by_its_code() {
    let server = Server::start().await;
    let image = images::esp8266(&["x"]);
    let upload = |accept: &[&str]| {
        let form = Form::default().text("platform", "fresh").text("version", "banana");
        let form = form.text("publish", "true").file("firmware.bin", &image);
        accept.iter().fold(form, |form, codes| form.text("accept", codes))
    };
    let one = server.upload(upload(&["platform_unknown"])).await;
    one.problem(422, "version_unreadable");
    let both = upload(&["platform_unknown, version_unreadable"]);
    let release = server.upload(both).await.is(201).json();
    assert_eq!((&release["platform"], &release["version"]), (&json!("fresh"), &json!("banana")));
    let accepted = release["report"]["accepted"].as_array().unwrap();
    let codes: Vec<_> = accepted.iter().map(|question| &question["code"]).collect();
    assert_eq!(codes, ["platform_unknown", "version_unreadable"]);
    let wrong = server.upload(upload(&["version_missing"])).await;
    assert!(wrong.problem(422, "invalid_value").contains("version_not_higher"));
}

#[tokio::test]
async fn the_same_bytes_again_answer_the_release_that_is_there() {
    let server = Server::with_platform("chase").await;
    let image = images::sketch("chase", "v1.4.2");
    let upload = || Form::default().text("publish", "true").file("again.bin", &image);
    let first = server.upload(upload()).await.is(201).json();
    let again = server.upload(upload()).await.is(200).json();
    assert_eq!((&again["id"], &again["state"]), (&first["id"], &json!("published")));
    assert_eq!(again["report"]["identical"]["release"], first["id"]);
    assert_eq!(server.files().await, 1);
    // Whoever names another platform means that one.
    let other = upload().text("platform", "other").text("accept", "platform_unknown");
    let other = server.upload(other).await.is(201).json();
    assert_eq!(other["platform"], "other");
}

#[tokio::test]
async fn an_image_for_another_family_is_a_question() {
    let server = Server::with_platform("MyPlatform").await;
    server.release("MyPlatform", "v1.0.0").await;
    let upload =
        || Form::default().text("publish", "true").file("firmware.bin", &images::esp32c3());
    server.upload(upload()).await.problem(422, "other_family");
    server.upload(upload().text("accept", "other_family")).await.is(201);
}
