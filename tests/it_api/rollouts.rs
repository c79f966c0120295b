//! `/api/v1/rollouts`, and what would come of a change.

use serde_json::{Value, json};

use crate::images;
use crate::server::{Form, Server};

const MACS: [&str; 3] = ["5c:cf:7f:00:00:01", "5c:cf:7f:00:00:02", "5c:cf:7f:00:00:03"];

/// Three devices that run v1.0.0 of a platform.
async fn fleet() -> Server {
    let server = Server::with_platform("chase").await;
    server.release("chase", "v1.0.0").await;
    for mac in MACS {
        let body = format!(r#"{{"mac": "{mac}"}}"#);
        server.post("/api/v1/platforms/chase/devices", &body).await.is(201);
        assert_eq!(server.poll(mac, "chase", "v1.0.0").await, 304);
    }
    server
}

fn upload(version: &str) -> Form {
    let form = Form::default().file("firmware.bin", &images::esp8266(&["chase", version]));
    form.text("platform", "chase").text("version", version)
}

/// What is foretold, as counts by word.
fn counts(preview: &Value) -> Vec<(String, u64)> {
    let prospects = preview["prospects"].as_array().unwrap().iter();
    prospects
        .map(|own| (own["prospect"].as_str().unwrap().to_owned(), own["count"].as_u64().unwrap()))
        .collect()
}

fn pair(word: &str, count: u64) -> (String, u64) {
    (word.to_owned(), count)
}

#[tokio::test]
async fn a_release_is_uploaded_with_a_rollout_that_is_told_how_to_go_on() {
    let server = fleet().await;
    let wish = json!({"stages": "canaries, 50%", "canaries": [MACS[1]], "soak": 60, "ask": true});
    let form = upload("v1.1.0").text("publish", "true").text("rollout", &wish.to_string());
    let release = server.upload(form).await.is(201).json()["id"].clone();
    let page = server.get("/api/v1/rollouts").await.is(200).json();
    let rollout = &page["items"][0];
    assert_eq!((&rollout["release_id"], &rollout["state"]), (&release, &json!("running")));
    assert_eq!((&rollout["canaries"], &rollout["stage"]), (&json!([MACS[1]]), &json!(1)));
    assert_eq!(rollout["counts"]["devices"], 3);
    assert_eq!(server.poll(MACS[0], "chase", "v1.0.0").await, 304);
    assert_eq!(server.poll(MACS[1], "chase", "v1.0.0").await, 200);
    let path = format!("/api/v1/rollouts/{}", rollout["id"]);
    let shown = server.get(&path).await.is(200).json();
    assert_eq!(
        (&shown["devices"][0]["mac"], &shown["counts"]["offered"]),
        (&json!(MACS[1]), &json!(1))
    );
    let paused = server.patch(&path, r#"{"action": "pause"}"#).await.is(200).json();
    assert_eq!(paused["state"], "paused");
    server.patch(&path, r#"{"action": "advance"}"#).await.problem(409, "wrong_state");
    server.patch(&path, r#"{"action": "jump"}"#).await.problem(422, "invalid_value");
    server.patch(&path, r#"{"word": "pause"}"#).await.problem(400, "unknown_field");
    let everyone = server.patch(&path, r#"{"action": "everyone"}"#).await.is(200).json();
    assert_eq!(everyone["stage"], 3);
    assert_eq!(server.poll(MACS[0], "chase", "v1.0.0").await, 200);
    server.patch(&path, r#"{"action": "end"}"#).await.is(200);
    server.get("/api/v1/rollouts/99").await.problem(404, "not_found");
    server.patch("/api/v1/rollouts/99", r#"{"action": "end"}"#).await.problem(404, "not_found");
    let own = server.get(&format!("/api/v1/rollouts?release={release}&limit=1")).await.is(200);
    assert_eq!(own.json()["items"][0]["state"], "ended");
}

#[tokio::test]
async fn a_plan_that_makes_no_sense_keeps_nothing() {
    let server = fleet().await;
    for (wish, code) in [
        (r#"{"stages": "50%, 10%"}"#, "invalid_plan"),
        (r#"{"stages": "many"}"#, "invalid_plan"),
        (r#"{"stages": "canaries", "canaries": ["nonsense"]}"#, "invalid_mac"),
        (r#"{"starts_at": "tomorrow"}"#, "invalid_value"),
        (r#"{"colour": "red"}"#, "invalid_plan"),
        ("canaries", "invalid_plan"),
    ] {
        let form = upload("v1.1.0").text("publish", "true").text("rollout", wish);
        server.upload(form).await.problem(422, code);
    }
    let releases = server.get("/api/v1/releases").await.is(200).json();
    assert_eq!(releases["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_draft_is_published_with_a_rollout() {
    let server = fleet().await;
    let id = server.upload(upload("v1.1.0")).await.is(201).json()["id"].clone();
    let path = format!("/api/v1/releases/{id}");
    let early = r#"{"rollout": {"stages": "canaries"}}"#;
    server.patch(&path, early).await.problem(409, "wrong_state");
    let wrong = r#"{"state": "published", "rollout": {"stages": "0"}}"#;
    server.patch(&path, wrong).await.problem(422, "invalid_plan");
    let right = r#"{"state": "published", "channel": "beta", "rollout": {"stages": "canaries"}}"#;
    let release = server.patch(&path, right).await.is(200).json();
    assert_eq!((&release["state"], &release["channel"]), (&json!("published"), &json!("beta")));
    let page = server.get("/api/v1/rollouts").await.is(200).json();
    assert_eq!(page["items"][0]["release_id"], id);
}

#[tokio::test]
async fn what_would_come_of_publishing_is_told_beforehand() {
    let server = fleet().await;
    let looked = server.upload(upload("v1.1.0").text("dry_run", "1")).await.is(200).json();
    assert_eq!(counts(&looked["preview"]), [pair("gets_it", 3)]);
    let id = server.upload(upload("v1.1.0")).await.is(201).json()["id"].clone();
    let path = format!("/api/v1/releases/{id}/preview");
    let all = server.get(&path).await.is(200).json();
    assert_eq!((counts(&all), &all["devices"]), (vec![pair("gets_it", 3)], &json!(3)));
    let body = json!({"rollout": {"stages": "canaries", "canaries": [MACS[2]]}, "limit": 1});
    let careful = server.post(&path, &body.to_string()).await.is(200).json();
    assert_eq!(counts(&careful), [pair("gets_it", 1), pair("waits", 2)]);
    let first = &careful["prospects"][0]["devices"][0];
    assert_eq!((&first["mac"], &first["decision"]), (&json!(MACS[2]), &json!("offer")));
    assert_eq!(first["release_id"], id);
    assert_eq!(careful["prospects"][1]["devices"].as_array().unwrap().len(), 1, "limited");
    let beta = server.get(&format!("{path}?channel=beta")).await.is(200).json();
    assert_eq!(counts(&beta), [pair("has_it", 3)]);
    server.get(&format!("{path}?colour=red")).await.problem(400, "invalid_query");
    server.get(&format!("{path}?limit=501")).await.problem(422, "invalid_value");
    server.get("/api/v1/releases/99/preview").await.problem(404, "not_found");
    let wrong = r#"{"rollout": {"stages": "many"}}"#;
    server.post(&path, wrong).await.problem(422, "invalid_plan");
}

/// Every device of a dry run, page after page.
async fn foreseen(server: &Server, path: &str, wish: Option<&Value>) -> Vec<(String, String)> {
    let (mut all, mut path) = (Vec::new(), path.to_owned());
    loop {
        let answer = match wish {
            Some(wish) => server.post(&path, &wish.to_string()).await.is(200),
            None => server.get(&path).await.is(200),
        };
        let (page, link) = (answer.json(), answer.header("link").map(ToOwned::to_owned));
        let items = page["items"].as_array().unwrap().iter();
        let told = |item: &Value, key: &str| item[key].as_str().unwrap().to_lowercase();
        all.extend(items.map(|item| (told(item, "mac"), told(item, "prospect"))));
        assert_eq!(link.is_some(), page["next"].is_string());
        match link {
            Some(link) => {
                link.trim_start_matches('<').split('>').next().unwrap().clone_into(&mut path);
            }
            None => return all,
        }
    }
}

#[tokio::test]
async fn a_dry_run_names_every_device_page_after_page() {
    let server = fleet().await;
    let id = server.upload(upload("v1.1.0")).await.is(201).json()["id"].clone();
    let path = format!("/api/v1/releases/{id}/preview/devices");
    let all = |words: [&str; 3]| {
        let told = MACS.iter().zip(words);
        told.map(|(mac, word)| ((*mac).to_owned(), word.to_owned())).collect::<Vec<_>>()
    };
    let plain = foreseen(&server, &format!("{path}?limit=2"), None).await;
    assert_eq!(plain, all(["gets_it"; 3]));
    let wish = json!({"rollout": {"stages": "canaries", "canaries": [MACS[1]]}});
    let careful = foreseen(&server, &format!("{path}?limit=1"), Some(&wish)).await;
    assert_eq!(careful, all(["waits", "gets_it", "waits"]));
    let waiting = format!("{path}?limit=1&prospect=waits");
    let waiting = foreseen(&server, &waiting, Some(&wish)).await;
    let words: Vec<&str> = waiting.iter().map(|(mac, _)| mac.as_str()).collect();
    assert_eq!(words, [MACS[0], MACS[2]]);
    let encoded = "%7B%22stages%22%3A%22canaries%22%2C%22canaries%22%3A%5B%225ccf7f000002%22%5D%7D";
    let asked = foreseen(&server, &format!("{path}?rollout={encoded}&limit=1"), None).await;
    assert_eq!(asked, careful);
    let of_platform = "/api/v1/platforms/chase/preview/devices?limit=10000";
    assert_eq!(foreseen(&server, of_platform, None).await, all(["has_it"; 3]));
    let ruled = foreseen(&server, of_platform, Some(&json!({"rule": "different"}))).await;
    assert_eq!(ruled, all(["has_it"; 3]));
}

#[tokio::test]
async fn a_list_of_a_dry_run_says_what_it_does_not_understand() {
    let server = fleet().await;
    let id = server.upload(upload("v1.1.0")).await.is(201).json()["id"].clone();
    let path = format!("/api/v1/releases/{id}/preview/devices");
    for query in ["prospect=happy", "limit=10001", "limit=0", "colour=red"] {
        server.get(&format!("{path}?{query}")).await.problem(400, "invalid_query");
        server.post(&format!("{path}?{query}"), "{}").await.problem(400, "invalid_query");
    }
    server.get(&format!("{path}?cursor=zz")).await.problem(400, "invalid_cursor");
    server.get(&format!("{path}?state=odd")).await.problem(422, "invalid_value");
    server.post(&path, r#"{"rollout": {"stages": "many"}}"#).await.problem(422, "invalid_plan");
    server.post(&path, r#"{"colour": "red"}"#).await.problem(400, "unknown_field");
    server.get("/api/v1/releases/99/preview/devices").await.problem(404, "not_found");
    server.get("/api/v1/platforms/nothing/preview/devices").await.problem(404, "not_found");
    let rule = "/api/v1/platforms/chase/preview/devices";
    server.post(rule, r#"{"rule": "odd"}"#).await.problem(422, "invalid_value");
}

#[tokio::test]
async fn what_would_come_of_other_rules_is_told_beforehand() {
    let server = fleet().await;
    let path = "/api/v1/platforms/chase/preview";
    let now = server.get(path).await.is(200).json();
    assert_eq!(counts(&now), [pair("has_it", 3)]);
    assert_eq!(server.poll(MACS[0], "chase", "v2.0.0").await, 304);
    let rule = server.get(&format!("{path}?rule=different")).await.is(200).json();
    assert_eq!(counts(&rule), [pair("gets_it", 1), pair("has_it", 2)]);
    let floor = server.post(path, r#"{"floor": "v9.0.0"}"#).await.is(200).json();
    assert_eq!(floor["devices"], 3);
    server.get(&format!("{path}?rule=odd")).await.problem(422, "invalid_value");
    server.get("/api/v1/platforms/nothing/preview").await.problem(404, "not_found");
    let release = server.get("/api/v1/releases").await.is(200).json()["items"][0]["id"].clone();
    let gone = format!("/api/v1/releases/{release}/preview?state=withdrawn");
    let gone = server.get(&gone).await.is(200).json();
    assert_eq!(counts(&gone), [pair("nothing", 3)]);
}
