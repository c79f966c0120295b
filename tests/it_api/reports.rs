//! The report card: `POST /api/v1/releases` and `GET /api/v1/releases/{id}/report`.

use serde_json::{Value, json};

use crate::images;
use crate::server::{Form, Server};

/// What is said of a file that is only looked at.
async fn look(server: &Server, name: &str, bytes: &[u8], fields: &[(&str, &str)]) -> Value {
    let form = Form::default().file(name, bytes).text("dry_run", "1");
    let form = fields.iter().fold(form, |form, (name, value)| form.text(name, value));
    let looked = server.upload(form).await.is(200).json();
    looked["report"].clone()
}

fn codes(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|entry| entry["code"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn an_application_is_taken_apart() {
    let server = Server::with_platform("chase").await;
    let image = images::sketch("chase", "v1.4.2");
    let report = look(&server, "firmware.bin", &image, &[]).await;
    assert_eq!((&report["verdict"], &report["kind"]), (&json!("green"), &json!("application")));
    assert_eq!((&report["form"], &report["chip"]), (&json!("esp8266_arduino"), &json!("ESP8266")));
    let integrity = &report["integrity"];
    assert_eq!(integrity["crc32"], json!({"state": "right", "offset": null}));
    assert_eq!(integrity["sha256"]["state"], "absent");
    assert_eq!(report["image_length"], image.len());
    assert_eq!(report["segments"].as_array().unwrap().len(), 2);
    assert_eq!(report["flash"]["mode"], "dio");
    assert_eq!((&report["signed"], &report["signature"]), (&json!(false), &json!(null)));
    assert_eq!(
        (&report["previous"], &report["gzip"]["source"]),
        (&json!(null), &json!("estimate"))
    );
    assert_eq!(report["fits"], json!({"devices": 0, "fitting": 0, "lacking": []}));
}

#[tokio::test]
async fn a_file_that_contradicts_itself_is_asked_about() {
    let server = Server::with_platform("chase").await;
    let image = images::sketch("chase", "v1.4.2");
    let report = look(&server, "chase-v1.3.0.bin", &image, &[]).await;
    assert_eq!(
        (&report["verdict"], &report["file_name_version"]),
        (&json!("amber"), &json!("v1.3.0"))
    );
    assert_eq!(codes(&report["questions"]), ["version_ambiguous"]);
    let said = &report["contradictions"][0];
    assert_eq!(said["text"], "The name of the file says v1.3.0, not v1.4.2.");
    // Whoever names the version has decided; it is said all the same.
    let report = look(&server, "chase-v1.3.0.bin", &image, &[("version", "v1.4.2")]).await;
    assert_eq!(report["verdict"], "green");
    assert_eq!(codes(&report["contradictions"]), ["file_name"]);
}

#[tokio::test]
async fn an_esp32_image_shows_revisions_and_digest() {
    let server = Server::with_platform("MyPlatform").await;
    let report = look(&server, "firmware.bin", &images::esp32c3(), &[]).await;
    assert_eq!((&report["form"], &report["chip"]), (&json!("esp32"), &json!("ESP32-C3")));
    assert!(report["revisions"]["min"].is_string(), "{report}");
    assert_eq!(report["integrity"]["sha256"]["state"], "right");
    assert!(report["built_with"][0].as_str().unwrap().starts_with("ESP-IDF"), "{report}");
}

#[tokio::test]
async fn a_damaged_image_is_red_and_cannot_be_accepted() {
    let server = Server::with_platform("MyPlatform").await;
    let mut image = images::esp32c3();
    let last = image.len() - 1;
    image[last] ^= 1;
    let report = look(&server, "firmware.bin", &image, &[]).await;
    assert_eq!(report["verdict"], "red");
    assert_eq!(report["integrity"]["sha256"]["state"], "wrong");
    assert!(report["integrity"]["sha256"]["offset"].is_u64());
    let damaged = &report["questions"][0];
    assert_eq!((&damaged["code"], &damaged["can_be_accepted"]), (&json!("damaged"), &json!(false)));
    let form = Form::default().file("firmware.bin", &image).text("publish", "true");
    server.upload(form).await.problem(422, "damaged");
    let form = Form::default().file("firmware.bin", &image).text("accept", "damaged");
    server.upload(form).await.problem(422, "invalid_value");
    // As a draft it can be looked at, and never be published.
    let draft = server.upload(Form::default().file("firmware.bin", &image)).await.is(201).json();
    let path = format!("/api/v1/releases/{}", draft["id"]);
    server.patch(&path, r#"{"state": "published"}"#).await.problem(422, "damaged");
}

#[tokio::test]
async fn what_is_doubtful_is_accepted_by_its_code() {
    let server = Server::with_platform("chase").await;
    let mut image = images::sketch("chase", "v1.4.2");
    image.extend([1, 2, 3, 4]);
    let report = look(&server, "firmware.bin", &image, &[]).await;
    assert_eq!(
        (&report["verdict"], &report["warnings"][0]["severity"]),
        (&json!("amber"), &json!("doubt"))
    );
    assert_eq!(codes(&report["questions"]), ["trailing_bytes"]);
    let publish = || Form::default().file("firmware.bin", &image).text("publish", "true");
    server.upload(publish()).await.problem(422, "trailing_bytes");
    let report = look(&server, "firmware.bin", &image, &[("accept", "trailing_bytes")]).await;
    assert_eq!(report["verdict"], "green");
    let release = server.upload(publish().text("accept", "trailing_bytes")).await.is(201).json();
    assert_eq!(release["state"], "published");
    assert_eq!(codes(&release["report"]["accepted"]), ["trailing_bytes"]);
}

#[tokio::test]
async fn a_merged_image_is_refused_with_its_parts() {
    let server = Server::start().await;
    for dry_run in ["0", "1"] {
        let form = Form::default().file("factory.bin", &images::merged()).text("dry_run", dry_run);
        let answer = server.upload(form).await;
        let problem = answer.json();
        assert_eq!(problem["kind"], "merged_image");
        let part =
            json!({"label": "app0", "purpose": "app ota_0", "offset": 0x1_0000, "size": 0x14_0000});
        assert_eq!(problem["parts"][1], part);
        assert_eq!(problem["parts"].as_array().unwrap().len(), 3);
        let detail = answer.problem(415, "merged_image");
        assert!(detail.contains("ESP32-C3") && detail.contains("firmware.bin"), "{detail}");
        assert_eq!(server.files().await, 0);
    }
    let page = Form::default().file("firmware.bin", b"<!DOCTYPE html><html></html>");
    assert_eq!(server.upload(page).await.json()["kind"], "html");
}

#[tokio::test]
async fn a_compressed_image_is_judged_by_what_is_inside() {
    let server = Server::with_platform("chase").await;
    let image = images::sketch("chase", "v1.4.2");
    let file = images::gzip(&image);
    let draft = server.upload(Form::default().file("chase.bin.gz", &file)).await.is(201).json();
    let (report, shown) = (&draft["report"], &draft["images"][0]);
    assert_eq!((&report["kind"], &report["part"]), (&json!("gzip"), &json!("application")));
    assert_eq!((&report["version"], &report["verdict"]), (&json!("v1.4.2"), &json!("green")));
    let saved = image.len() - file.len();
    let gzip = json!({"size": file.len(), "saved": saved, "source": "upload"});
    assert_eq!(report["gzip"], gzip);
    assert_eq!(
        (&shown["size"], &shown["packed"]["size"]),
        (&json!(image.len()), &json!(file.len()))
    );
    assert_eq!(shown["packed"]["made_by"], "upload");
    // Read again from what was stored, it is the same.
    let path = format!("/api/v1/releases/{}/report", draft["id"]);
    assert_eq!(server.get(&path).await.is(200).json(), *report);
    // What would destroy a boot loader stays red, also when it is read again.
    let broken = [&images::gzip(&images::sketch("chase", "v1.5.0"))[..], &[0; 9]].concat();
    let draft = server.upload(Form::default().file("chase.bin.gz", &broken)).await.is(201).json();
    assert_eq!(draft["report"]["verdict"], "red");
    let path = format!("/api/v1/releases/{}/report", draft["id"]);
    assert_eq!(server.get(&path).await.is(200).json()["verdict"], "red");
}

#[tokio::test]
async fn a_file_system_is_for_any_chip_until_someone_says_for_which() {
    let server = Server::with_platform("chase").await;
    server.release("chase", "v1.0.0").await;
    let form = || Form::default().file("chase-v1.0.0.bin", &images::littlefs());
    let draft = server.upload(form().text("platform", "chase")).await.is(201).json();
    let report = &draft["report"];
    assert_eq!((&report["kind"], &report["chip"]), (&json!("file_system"), &json!(null)));
    let littlefs = json!({"kind": "LittleFS", "block_size": 4096, "announced_size": 0x4000});
    assert_eq!((&report["file_system"], &report["form"]), (&littlefs, &json!(null)));
    // Its version stands in its name alone, so somebody has to say it.
    assert_eq!(codes(&report["questions"]), ["version_ambiguous"]);

    let path = format!("/api/v1/releases/{}", draft["id"]);
    let saved = server.patch(&path, r#"{"chip": "esp32c3", "version": "v1.0.0"}"#).await.is(200);
    assert_eq!(saved.json()["images"][0]["chip"], "ESP32-C3");
    let report = server.get(&format!("{path}/report")).await.is(200).json();
    assert_eq!((&report["chip"], &report["chip_certain"]), (&json!("ESP32-C3"), &json!(true)));
    let any = server.patch(&path, r#"{"chip": "any"}"#).await.is(200).json();
    assert_eq!(any["images"][0]["chip"], json!(null));
    server.patch(&path, r#"{"chip": "ESP31"}"#).await.problem(422, "invalid_value");

    let body = r#"{"chip": "ESP32-S3", "state": "published"}"#;
    let release = server.patch(&path, body).await.is(200).json();
    let images = release["images"].as_array().unwrap();
    let parts: Vec<_> = images.iter().map(|image| (&image["part"], &image["chip"])).collect();
    let expected =
        [(json!("application"), json!("ESP8266")), (json!("file_system"), json!("ESP32-S3"))];
    assert_eq!(parts, expected.iter().map(|(part, chip)| (part, chip)).collect::<Vec<_>>());
    server
        .patch(&format!("/api/v1/releases/{}", release["id"]), r#"{"chip": "any"}"#)
        .await
        .problem(409, "wrong_state");
}

#[tokio::test]
async fn the_chip_that_a_file_proves_stands() {
    let server = Server::with_platform("chase").await;
    let image = images::sketch("chase", "v1.4.2");
    let form = |chip| Form::default().file("firmware.bin", &image).text("chip", chip);
    server.upload(form("ESP32")).await.problem(422, "invalid_value");
    server.upload(form("Z80")).await.problem(422, "invalid_value");
    server.upload(form("esp8266").text("publish", "1")).await.is(201);
}

#[tokio::test]
async fn a_chip_that_is_a_guess_is_settled_by_a_person() {
    let server = Server::with_platform("chase").await;
    let mut image = vec![0xE9, 9];
    image.extend(std::iter::repeat_n([0xA5, 0x17, 0xFE], 3000).flatten());
    let report = look(&server, "firmware.bin", &image, &[]).await;
    assert_eq!((&report["form"], &report["chip_certain"]), (&json!("unknown"), &json!(false)));
    assert!(codes(&report["questions"]).contains(&"no_segments"));
    let fields = [("chip", "ESP32-C6"), ("platform", "chase"), ("version", "v1"), ("publish", "1")];
    let form = Form::default().file("firmware.bin", &image).text("accept", "no_segments");
    let form = fields.iter().fold(form, |form, (name, value)| form.text(name, value));
    let release = server.upload(form).await.is(201).json();
    let image = &release["images"][0];
    assert_eq!((&image["chip"], &image["chip_certain"]), (&json!("ESP32-C6"), &json!(true)));
}

#[tokio::test]
async fn the_release_before_and_the_devices_are_held_against_it() {
    let server = Server::with_platform("chase").await;
    server.release("chase", "v1.0.0").await;
    server
        .post("/api/v1/platforms/chase/devices", r#"{"mac": "84:F3:EB:A1:B2:C3", "name": "Attic"}"#)
        .await
        .is(201);
    server.poll("84:F3:EB:A1:B2:C3", "chase", "v1.0.0").await;
    let image = images::sketch("chase", "v1.1.0");
    let report = look(&server, "firmware.bin", &image, &[]).await;
    assert_eq!(report["previous"]["title"], "chase v1.0.0");
    assert_eq!(report["fits"], json!({"devices": 1, "fitting": 1, "lacking": []}));
}
