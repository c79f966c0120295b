//! `POST /api/v1/releases` where nothing is kept.

use serde_json::json;

use crate::images;
use crate::server::{Form, MAX_UPLOAD, Server, eventually};

#[tokio::test]
async fn files_of_another_kind_are_415_and_damaged_ones_422() {
    let server = Server::with_platform("chase").await;
    let whole = images::sketch("chase", "v1.4.2");
    let cut = &whole[..whole.len() / 2];
    let cases: &[(&str, &[u8], u16, &str)] = &[
        ("firmware.elf", &whole, 415, "not_bin"),
        ("firmware.bin", b"<!DOCTYPE html><html><body>404</body></html>", 415, "html"),
        ("firmware.bin", b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0", 415, "elf"),
        ("firmware.bin", b"PK\x03\x04\x14\0\0\0\x08\0aaaaaaaaaaaaaaaa", 415, "zip"),
        ("firmware.bin", b"\x1f\x8b\x08\0\0\0\0\0\0\x03aaaaaaaaaaaaaa", 422, "gzip_damaged"),
        ("firmware.bin", b"Hello, this is a text and not firmware.", 415, "not_firmware"),
        ("firmware.bin", b"", 422, "empty"),
        ("firmware.bin", b"\xe9\x01", 422, "too_short"),
        ("firmware.bin", cut, 422, "truncated"),
    ];
    for (name, bytes, status, code) in cases {
        let answer = server.upload(Form::default().file(name, bytes)).await;
        answer.problem(*status, code);
        assert_eq!(server.files().await, 0, "{code}");
    }
    let events = server.events("upload_refused").await;
    assert_eq!(events.len(), cases.len());
    assert!(events.iter().all(|text| !text.contains("..")), "{events:?}");
}

#[tokio::test]
async fn a_file_that_is_too_large_is_413_and_the_sentence_arrives() {
    let server = Server::with_platform("chase").await;
    let mut image = images::sketch("chase", "v1.4.2");
    image.resize(8 << 20, 0xFF);
    let answer = server.upload(Form::default().file("firmware.bin", &image)).await;
    assert_eq!(answer.json()["limit"], MAX_UPLOAD);
    let detail = answer.problem(413, "too_large");
    assert!(detail.contains(&MAX_UPLOAD.to_string()), "{detail}");
    assert_eq!(server.files().await, 0);
    assert_eq!(server.events("upload_refused").await.len(), 1);
}

#[tokio::test]
async fn fields_that_mean_nothing_are_refused_before_the_file_is_read() {
    let server = Server::with_platform("chase").await;
    let image = images::sketch("chase", "v1.4.2");
    for (name, value, status, code, reason) in [
        ("channel", "alpha", 422, "invalid_value", "“stable”"),
        ("publish", "perhaps", 422, "invalid_value", "true or false"),
        ("dry_run", "2", 422, "invalid_value", "true or false"),
        ("accept", "everything", 422, "invalid_value", "version_not_higher"),
        ("plattform", "chase", 400, "unknown_field", "platform, version"),
    ] {
        let form = Form::default().text(name, value).file("firmware.bin", &image);
        let detail = server.upload(form).await.problem(status, code);
        assert!(detail.contains(reason), "{name}: {detail}");
    }
    let long = "x".repeat((64 << 10) + 1);
    let form = Form::default().text("notes", &long).file("firmware.bin", &image);
    server.upload(form).await.problem(413, "too_large");
    let form = Form::default().text("platform", "no pe").file("firmware.bin", &image);
    server.upload(form).await.problem(422, "invalid_name");
    assert_eq!(server.files().await, 0);
}

#[tokio::test]
async fn a_form_holds_one_file() {
    let server = Server::start().await;
    let image = images::sketch("chase", "v1.4.2");
    server.upload(Form::default().text("version", "1")).await.problem(422, "no_file");
    server.upload(Form::default().text("file", "firmware")).await.problem(422, "no_file");
    let two = Form::default().file("a.bin", &image).file("b.bin", &image);
    server.upload(two).await.problem(400, "several_files");
    assert_eq!(server.files().await, 0);
}

#[tokio::test]
async fn a_body_that_is_no_form_is_refused() {
    let server = Server::start().await;
    let send = async |kind: &str, body: &[u8]| {
        server.send("POST", "/api/v1/releases", &[("content-type", kind)], body).await
    };
    let detail = send("application/octet-stream", b"\xe9").await.problem(415, "not_multipart");
    assert!(detail.contains("curl -F"), "{detail}");
    let bare = server.send("POST", "/api/v1/releases", &[], b"").await;
    bare.problem(415, "not_multipart");
    send("multipart/form-data", b"x").await.problem(400, "malformed_multipart");
    let kind = "multipart/form-data; boundary=abc";
    send(kind, b"this is no form").await.problem(400, "malformed_multipart");
    let head = b"--abc\r\nContent-Disposition: form-data; name=\"version\"\r\n\r\nv1";
    send(kind, head).await.problem(400, "malformed_multipart");
}

#[tokio::test]
async fn an_upload_that_is_cut_leaves_nothing() {
    let server = Server::with_platform("chase").await;
    let image = images::sketch("chase", "v1.4.2");
    let form = Form::default().file("firmware.bin", &image).unfinished(1 << 20);
    let answer = server.send_bytes(&form).await;
    assert_eq!(answer.status, 400, "{answer:?}");
    let events = eventually("it is told", async || {
        Some(server.events("upload_refused").await).filter(|events| !events.is_empty())
    })
    .await;
    assert!(events[0].contains("firmware.bin") && events[0].contains("cut"), "{events:?}");
    assert_eq!(server.files().await, 0);
}

#[tokio::test]
async fn an_open_question_stops_the_publication_and_keeps_nothing() {
    let server = Server::with_platform("chase").await;
    for (texts, fields, code) in [
        (&["no name here", "ver=v1.0.0"][..], &[][..], "platform_missing"),
        (&["chase", "no number"], &[("platform", "chase")], "version_missing"),
        (&["x"], &[("platform", "nope"), ("version", "v1")], "platform_unknown"),
        (&["x"], &[("platform", "chase"), ("version", "banana")], "version_unreadable"),
    ] {
        let form = Form::default().file("firmware.bin", &images::esp8266(texts));
        let add = |form: Form, (name, value): &(&str, &str)| form.text(name, value);
        let form = fields.iter().fold(form, add).text("publish", "true");
        let answer = server.upload(form).await;
        let problem = answer.json();
        let asked = &problem["report"]["questions"][0];
        assert_eq!((&asked["code"], &asked["text"]), (&json!(code), &problem["detail"]));
        answer.problem(422, code);
        assert_eq!(server.files().await, 0);
    }
    assert_eq!(server.events("upload_refused").await.len(), 4);
}

#[tokio::test]
async fn a_version_must_be_higher_than_the_newest() {
    let server = Server::with_platform("chase").await;
    server.release("chase", "v1.2.0").await;
    server.app.pack_wanted().await.unwrap();
    let files = server.files().await;
    let upload = |version: &str| {
        let form = Form::default().text("platform", "chase").text("version", version);
        let image = images::esp8266(&["another build of", version]);
        form.text("publish", "true").file("firmware.bin", &image)
    };
    let same = server.upload(upload("1.02.0")).await;
    assert!(same.json()["report"].is_object());
    same.problem(409, "version_exists");
    let lower = server.upload(upload("v1.1.9")).await;
    let detail = lower.problem(409, "version_not_higher");
    assert!(detail.contains("v1.1.9") && detail.contains("v1.2.0"), "{detail}");
    assert_eq!(server.files().await, files);
    let anyway = upload("v1.1.9").text("accept", "version_not_higher");
    assert_eq!(server.upload(anyway).await.is(201).json()["state"], "published");
}
