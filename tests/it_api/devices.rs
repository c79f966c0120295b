//! `/api/v1/devices` and the whitelist of a platform.

use espalier::domain::rhythm::Rhythm;
use espalier::store::{Batch, Seen};
use serde_json::{Value, json};

use crate::server::{Server, eventually};

const MAC: &str = "5c:cf:7f:1c:a1:a5";

async fn approved() -> Server {
    let server = Server::with_platform("chase").await;
    let new = r#"{"mac": "5C-CF-7F-1C-A1-A5", "name": "Attic"}"#;
    server.post("/api/v1/platforms/chase/devices", new).await.is(201);
    server
}

#[tokio::test]
async fn a_device_is_approved_before_it_ever_asked() {
    let server = Server::with_platform("chase").await;
    let new = r#"{"mac": "5CCF.7F1C.A1A5", "name": "Attic"}"#;
    let added = server.post("/api/v1/platforms/CHASE/devices", new).await.is(201);
    assert_eq!(added.header("location"), Some("/api/v1/devices/5ccf7f1ca1a5"));
    let device = added.json();
    assert_eq!((&device["mac"], &device["name"]), (&json!(MAC), &json!("Attic")));
    assert_eq!((&device["platform"], &device["approval"]), (&json!("chase"), &json!("approved")));
    for member in ["version", "running", "last_seen", "rhythm", "last_attempt", "hold", "report"] {
        assert_eq!(device[member], json!(null), "{member}");
    }
    let asked = server.get(&format!("/api/v1/devices/{MAC}/decision")).await;
    asked.problem(404, "never_asked");
}

#[tokio::test]
async fn any_notation_names_the_same_device() {
    let server = approved().await;
    for mac in ["5ccf7f1ca1a5", "5C:CF:7F:1C:A1:A5", "5c-cf-7f-1c-a1-a5", "5ccf.7f1c.a1a5"] {
        let device = server.get(&format!("/api/v1/devices/{mac}")).await.is(200).json();
        assert_eq!(device["mac"], MAC, "{mac}");
    }
    server.get("/api/v1/devices/5ccf7f1ca1a6").await.problem(404, "not_found");
    let detail = server.get("/api/v1/devices/attic").await.problem(422, "invalid_mac");
    assert!(detail.contains("holds “t”"), "{detail}");
}

#[tokio::test]
async fn a_device_is_approved_for_one_platform_only_unless_it_is_moved() {
    let server = approved().await;
    server.post("/api/v1/platforms", r#"{"name": "marshall"}"#).await.is(201);
    let new = format!(r#"{{"mac": "{MAC}"}}"#);
    let same = server.post("/api/v1/platforms/chase/devices", &new).await;
    assert_eq!(same.json()["platform"], "chase");
    let detail = same.problem(409, "already_approved");
    assert_eq!(detail, format!("The device {MAC} is already approved for chase."));
    let other = server.post("/api/v1/platforms/marshall/devices", &new).await;
    assert_eq!(other.json()["platform"], "chase");
    let detail = other.problem(409, "already_approved");
    assert!(detail.contains("\"move\": true"), "{detail}");
    let new = format!(r#"{{"mac": "{MAC}", "move": true}}"#);
    let moved = server.post("/api/v1/platforms/marshall/devices", &new).await.is(200).json();
    assert_eq!((&moved["platform"], &moved["name"]), (&json!("marshall"), &json!("Attic")));
}

#[tokio::test]
async fn what_cannot_be_approved_is_refused_with_the_reason() {
    let server = Server::with_platform("chase").await;
    let path = "/api/v1/platforms/chase/devices";
    server.post(path, r#"{"mac": "5CCF"}"#).await.problem(422, "invalid_mac");
    let long = format!(r#"{{"mac": "{MAC}", "name": "{}"}}"#, "x".repeat(61));
    server.post(path, &long).await.problem(422, "invalid_name");
    server.post(path, "{}").await.problem(400, "invalid_json");
    let nowhere = server.post("/api/v1/platforms/nope/devices", r#"{"mac": "5ccf7f1ca1a5"}"#).await;
    nowhere.problem(404, "not_found");
    server.get("/api/v1/platforms/nope/devices").await.problem(404, "not_found");
}

#[tokio::test]
async fn a_pending_device_is_approved_by_a_change() {
    let server = Server::with_platform("chase").await;
    assert_eq!(server.poll(MAC, "chase", "v1.0.0").await, 400);
    let path = format!("/api/v1/devices/{MAC}");
    let pending = server.get(&path).await.is(200).json();
    assert_eq!((&pending["approval"], &pending["platform"]), (&json!("pending"), &json!(null)));
    assert_eq!(pending["last_outcome"]["code"], "not_approved");
    let decision = server.get(&format!("{path}/decision")).await.is(200).json();
    assert_eq!((&decision["decision"], &decision["status"]), (&json!("not_approved"), &json!(400)));

    // It asked for chase, so that is where it belongs.
    let change = r#"{"approval": "approved", "name": "Attic"}"#;
    let device = server.patch(&path, change).await.is(200).json();
    assert_eq!((&device["approval"], &device["platform"]), (&json!("approved"), &json!("chase")));
    assert_eq!(device["name"], "Attic");
    assert_eq!(server.poll(MAC, "chase", "v1.0.0").await, 304);
}

#[tokio::test]
async fn a_device_is_renamed_moved_blocked_and_removed() {
    let server = approved().await;
    server.post("/api/v1/platforms", r#"{"name": "marshall"}"#).await.is(201);
    let path = format!("/api/v1/devices/{MAC}");
    let renamed = server.patch(&path, r#"{"name": ""}"#).await.is(200).json();
    assert_eq!(renamed["name"], "");
    let moved = server.patch(&path, r#"{"platform": "marshall"}"#).await.is(200).json();
    assert_eq!(moved["platform"], "marshall");
    for (word, may) in [
        ("pending", false),
        ("ignored", false),
        ("blocked", true),
        ("ignored", false),
        ("pending", false),
        ("approved", true),
        ("blocked", true),
    ] {
        let answer = server.patch(&path, &format!(r#"{{"approval": "{word}"}}"#)).await;
        if may {
            assert_eq!(answer.is(200).json()["approval"], word);
        } else {
            answer.problem(409, "wrong_state");
        }
    }
    server.delete(&path).await.is(204);
    server.get(&path).await.problem(404, "not_found");
    server.delete(&path).await.problem(404, "not_found");
    server.patch(&path, "{}").await.problem(404, "not_found");
}

#[tokio::test]
async fn a_change_that_is_refused_changes_nothing() {
    let server = approved().await;
    let path = format!("/api/v1/devices/{MAC}");
    let before = server.get(&path).await.json();
    let unknown = server.patch(&path, r#"{"name": "Cellar", "platform": "nope"}"#).await;
    unknown.problem(404, "not_found");
    let change = r#"{"name": "Cellar", "approval": "welcome"}"#;
    server.patch(&path, change).await.problem(422, "invalid_value");
    let change = r#"{"name": null}"#;
    server.patch(&path, change).await.problem(400, "invalid_json");
    assert_eq!(server.get(&path).await.json(), before);
}

#[tokio::test]
async fn a_device_without_any_platform_cannot_be_approved() {
    let server = Server::with_platform("chase").await;
    // It asks for something that does not exist, so nothing tells where it belongs.
    server.poll(MAC, "unheard-of", "v1.0.0").await;
    let change = r#"{"approval": "approved"}"#;
    let answer = server.patch(&format!("/api/v1/devices/{MAC}"), change).await;
    assert!(matches!(answer.status, 404 | 422), "{answer:?}");
}

#[tokio::test]
async fn the_list_is_filtered() {
    let server = approved().await;
    server.poll("5c:cf:7f:00:00:02", "chase", "v1.0.0").await;
    let count = async |query: &str| {
        let list = server.get(&format!("/api/v1/devices{query}")).await.is(200).json();
        list["items"].as_array().unwrap().len()
    };
    assert_eq!(count("").await, 2);
    assert_eq!(count("?approval=pending").await, 1);
    assert_eq!(count("?platform=CHASE").await, 1);
    assert_eq!(count("?q=attic").await, 1);
    assert_eq!(count("?q=5c:cf:7f").await, 2);
    assert_eq!(count("?q=nobody").await, 0);
    let own = server.get("/api/v1/platforms/chase/devices?q=attic").await.is(200).json();
    assert_eq!(own["items"][0]["mac"], MAC);
    server.get("/api/v1/devices?platform=nope").await.problem(404, "not_found");
    let wrong = server.get("/api/v1/devices?approval=maybe").await.problem(400, "invalid_query");
    assert!(wrong.contains("“maybe”"), "{wrong}");
}

#[tokio::test]
async fn a_decision_says_what_would_happen_and_why() {
    let server = approved().await;
    let path = format!("/api/v1/devices/{MAC}/decision");
    assert_eq!(server.poll(MAC, "chase", "v1.0.0").await, 304);
    let decision = server.get(&path).await.is(200).json();
    assert_eq!(decision["decision"], "nothing_published");
    let id = server.release("chase", "v1.2.0").await;
    let decision = server.get(&path).await.is(200).json();
    assert_eq!((&decision["decision"], &decision["status"]), (&json!("offer"), &json!(200)));
    assert_eq!(decision["release"], json!({"id": id, "platform": "chase", "version": "v1.2.0"}));
    let reasons = decision["reasons"].as_array().unwrap();
    assert!(reasons.iter().all(|reason| reason["ok"] == true), "{decision}");
    let newer = reasons.iter().find(|reason| reason["code"] == "newer").unwrap();
    assert_eq!(newer["text"], "v1.2.0 is newer than v1.0.0.");
    let gone = server.get("/api/v1/devices/5ccf7f1ca1a6/decision").await;
    gone.problem(404, "not_found");
}

#[tokio::test]
async fn a_device_that_runs_in_circles_is_held_until_a_person_says_try_again() {
    let server = approved().await;
    let id = server.release("chase", "v1.2.0").await;
    for _ in 0..2 {
        assert_eq!(server.poll(MAC, "chase", "v1.0.0").await, 200);
        delivered(&server).await;
    }
    assert_eq!(server.poll(MAC, "chase", "v1.0.0").await, 304);
    let path = format!("/api/v1/devices/{MAC}");
    let device = server.get(&path).await.is(200).json();
    assert_eq!(device["hold"]["code"], "retry_later");
    let attempt = &device["last_attempt"];
    assert_eq!((&attempt["release"], &attempt["version"]), (&json!(id), &json!("v1.2.0")));
    assert_eq!(attempt["state"], "not_taken");
    let device = server.patch(&path, r#"{"try_again": true}"#).await.is(200).json();
    assert_eq!(device["hold"], json!(null));
    assert_eq!(server.poll(MAC, "chase", "v1.0.0").await, 200);
}

/// Waits until the last download is known to have arrived.
async fn delivered(server: &Server) {
    eventually("the download counts as delivered", async || {
        let device = server.get(&format!("/api/v1/devices/{MAC}")).await.json();
        (device["last_attempt"]["state"] == "delivered").then_some(())
    })
    .await;
}

/// Headers with which an ESP32 asks.
fn esp32<'a>(mac: &'a str, sha256: &'a str) -> Vec<(&'a str, &'a str)> {
    let headers = [
        ("user-agent", "ESP32-http-Update"),
        ("x-esp32-sta-mac", mac),
        ("x-esp32-free-space", "1310720"),
        ("x-esp32-sketch-sha256", sha256),
        ("x-esp32-mode", "sketch"),
    ];
    headers.into_iter().filter(|(_, value)| !value.is_empty()).collect()
}

#[tokio::test]
async fn the_chip_is_learnt_chosen_and_forgotten() {
    let server = approved().await;
    let path = format!("/api/v1/devices/{MAC}");
    let ask = "/update?dev=chase&ver=v1.0.0";
    server.send_raw("GET", ask, &esp32(MAC, ""), b"").await.is(304);
    server.app.flush().await.unwrap();
    assert_eq!(server.get(&path).await.is(200).json()["chip"], json!(null));
    let chosen = server.patch(&path, r#"{"chip": "esp32-s3"}"#).await.is(200).json();
    assert_eq!(chosen["chip"], json!({"name": "ESP32-S3", "from": "person"}));
    // A person's word counts more than the sketch's.
    let told = format!("{ask}&chip=ESP32-D0WDQ6-V3");
    server.send_raw("GET", &told, &esp32(MAC, ""), b"").await.is(304);
    server.app.flush().await.unwrap();
    assert_eq!(server.get(&path).await.json()["chip"]["name"], "ESP32-S3");
    let forgotten = server.patch(&path, r#"{"chip": null}"#).await.is(200).json();
    assert_eq!(forgotten["chip"], json!(null));
    server.send_raw("GET", &told, &esp32(MAC, ""), b"").await.is(304);
    server.app.flush().await.unwrap();
    let chip = json!({"name": "ESP32", "from": "told"});
    assert_eq!(server.get(&path).await.json()["chip"], chip);

    let before = server.get(&path).await.json();
    let change = r#"{"name": "Cellar", "chip": "ESP8266"}"#;
    server.patch(&path, change).await.problem(422, "invalid_value");
    server.patch(&path, r#"{"chip": "Z80"}"#).await.problem(422, "invalid_value");
    assert_eq!(server.get(&path).await.json(), before);
}

#[tokio::test]
async fn signatures_are_a_persons_word() {
    let server = approved().await;
    let path = format!("/api/v1/devices/{MAC}");
    let fresh = server.get(&path).await.is(200).json();
    let known = (&fresh["verifies"], &fresh["ran_signed"], &fresh["gzip"]);
    assert_eq!(known, (&json!(false), &json!(false), &json!(null)));
    let changed = server.patch(&path, r#"{"verifies": true}"#).await.is(200).json();
    assert_eq!(changed["verifies"], true);
    server.release("chase", "v1.2.0").await;
    assert_eq!(server.poll(MAC, "chase", "v1.0.0").await, 304);
    let decision = server.get(&format!("{path}/decision")).await.is(200).json();
    assert_eq!(decision["decision"], "unsigned");
    server.patch(&path, r#"{"verifies": null}"#).await.problem(400, "invalid_json");
}

#[tokio::test]
async fn what_runs_there_is_told_by_the_image() {
    let server = approved().await;
    let path = format!("/api/v1/devices/{MAC}");
    let id = server.release("chase", "v1.2.0").await;
    let release = server.get(&format!("/api/v1/releases/{id}")).await.json();
    let md5 = release["images"][0]["md5"].as_str().unwrap().to_owned();
    let asks = async |version: &str, md5: &str| {
        let headers = [
            ("user-agent", "ESP8266-http-Update"),
            ("x-esp8266-sta-mac", MAC),
            ("x-esp8266-sketch-md5", md5),
            ("x-esp8266-mode", "sketch"),
        ];
        let ask = format!("/update?dev=chase&ver={version}");
        server.send_raw("GET", &ask, &headers, b"").await.is(304);
        server.app.flush().await.unwrap();
        server.get(&path).await.is(200).json()
    };
    let same = asks("v1.2.0", &md5).await;
    let running = json!({
        "release": id, "platform": "chase", "version": "v1.2.0", "recognised": true
    });
    assert_eq!((&same["running"], &same["mismatch"]), (&running, &json!(false)));
    assert!(same["running_since"].is_string(), "{same}");
    assert_eq!(same["chip"], json!({"name": "ESP8266", "from": "running"}));
    let other = asks("v1.3.0", &md5).await;
    assert_eq!((&other["running"], &other["mismatch"]), (&running, &json!(true)));
    let unknown = asks("v1.3.0", "0123456789abcdef0123456789abcdef").await;
    let running =
        json!({"release": null, "platform": null, "version": "v1.3.0", "recognised": false});
    assert_eq!((&unknown["running"], &unknown["mismatch"]), (&running, &json!(false)));
}

#[tokio::test]
async fn the_page_takes_the_same_words_as_the_api() {
    let server = approved().await;
    let path = format!("/api/v1/devices/{MAC}");
    server.send_raw("GET", "/update?dev=chase&ver=v1.0.0", &esp32(MAC, ""), b"").await.is(304);
    server.app.flush().await.unwrap();
    let form = async |what: &str, body: &str| {
        let kind = [("content-type", "application/x-www-form-urlencoded")];
        let page = format!("/devices/5ccf7f1ca1a5/{what}");
        server.send_raw("POST", &page, &kind, body.as_bytes()).await.is(303);
        server.get(&path).await.is(200).json()
    };
    let chip = json!({"name": "ESP32-C6", "from": "person"});
    assert_eq!(form("chip", "chip=esp32c6").await["chip"], chip);
    assert_eq!(form("chip", "chip=z80").await["chip"], chip);
    assert_eq!(form("chip", "chip=").await["chip"], json!(null));
    assert_eq!(form("verifies", "verifies=yes").await["verifies"], true);
    assert_eq!(form("verifies", "").await["verifies"], false);
}

#[tokio::test]
async fn the_rhythm_of_a_device_and_who_is_overdue() {
    let server = approved().await;
    let store = server.app.store();
    let device = store.device(MAC.parse().unwrap()).await.unwrap().unwrap();
    let now = server.app.now();
    let asked_hourly = |last_seen: i64| {
        let mut rhythm = Rhythm::default();
        (0..5).rev().for_each(|back| rhythm.check_in(last_seen - back * 3600, None));
        let (mac, device_id) = (device.mac, device.id);
        let seen = vec![Seen { mac, device_id, last_seen, checkins: 5, rhythm, news: None }];
        Batch { seen, ..Batch::default() }
    };
    let overdue = async || {
        let answer = server.get("/api/v1/devices?presence=overdue").await.is(200).json();
        answer["items"].as_array().unwrap().clone()
    };
    store.write_behind(&asked_hourly(now)).await.unwrap();
    let shown = server.get(&format!("/api/v1/devices/{MAC}")).await.is(200).json();
    assert_eq!(shown["rhythm"]["every"], 3600);
    assert_eq!(shown["rhythm"]["overdue"], false);
    let next: jiff::Timestamp = shown["rhythm"]["next_expected"].as_str().unwrap().parse().unwrap();
    assert_eq!(next.as_second(), now + 3600);
    assert_eq!(shown["rhythm"]["restarting"], false);
    assert_eq!(overdue().await, Vec::<Value>::new());

    store.write_behind(&asked_hourly(now - 4 * 3600)).await.unwrap();
    let found = overdue().await;
    assert_eq!(found.len(), 1);
    assert_eq!((&found[0]["mac"], &found[0]["rhythm"]["overdue"]), (&json!(MAC), &json!(true)));
    for path in
        ["/api/v1/devices?presence=lost", "/api/v1/platforms/chase/devices?presence=restarting"]
    {
        assert_eq!(server.get(path).await.is(200).json()["items"], json!([]), "{path}");
    }
    let wrong = server.get("/api/v1/devices?presence=offline").await.problem(400, "invalid_query");
    assert!(wrong.contains("“overdue”, “lost” or “restarting”"), "{wrong}");
}

#[tokio::test]
async fn a_release_is_recorded_as_what_its_devices_say() {
    let server = approved().await;
    let id = server.release("chase", "v1.2.0").await;
    let path = format!("/api/v1/releases/{id}");
    let version = r#"{"version": "v1.1.0"}"#;
    server.patch(&path, version).await.problem(409, "wrong_state");
    let release = server.get(&path).await.is(200).json();
    let md5 = release["images"][0]["md5"].as_str().unwrap();
    let headers = [
        ("user-agent", "ESP8266-http-Update"),
        ("x-esp8266-sta-mac", MAC),
        ("x-esp8266-free-space", "2097152"),
        ("x-esp8266-sketch-md5", md5),
        ("x-esp8266-mode", "sketch"),
    ];
    let ask = "/update?dev=chase&ver=v1.1.0";
    server.send_raw("GET", ask, &headers, b"").await.is(304);
    server.app.flush().await.unwrap();
    let device = format!("/api/v1/devices/{MAC}");
    let held = server.get(&device).await.is(200).json();
    assert_eq!(held["hold"]["code"], "identical_but_reports", "{held}");
    let recorded = server.patch(&path, version).await.is(200).json();
    assert_eq!(recorded["version"], "v1.1.0");
    assert_eq!(server.get(&device).await.json()["hold"], json!(null));
    server.send_raw("GET", ask, &headers, b"").await.is(304);
    server.app.flush().await.unwrap();
    assert_eq!(server.get(&device).await.json()["last_outcome"]["code"], "identical");
}
