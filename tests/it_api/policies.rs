//! Which release a device gets, through the API: channels, pins, groups, quiet hours, going back.

use serde_json::json;

use crate::images;
use crate::server::{Form, Server};

const MAC: &str = "18:fe:34:00:00:01";
const DEVICE: &str = "/api/v1/devices/18fe34000001";

/// A platform with v1.0.0 and v1.1.0, and a device called Attic.
async fn stocked() -> (Server, i64, i64) {
    let server = Server::with_platform("chase").await;
    let (old, new) =
        (server.release("chase", "v1.0.0").await, server.release("chase", "v1.1.0").await);
    let device = format!(r#"{{"mac": "{MAC}", "name": "Attic"}}"#);
    server.post("/api/v1/platforms/chase/devices", &device).await.is(201);
    (server, old, new)
}

#[tokio::test]
async fn a_devices_policy_is_shown_and_changed() {
    let (server, old, _) = stocked().await;
    let shown = server.get(DEVICE).await.is(200).json();
    let policy = |shown: &serde_json::Value| {
        json!([shown["channel"], shown["pinned"], shown["updates"], shown["groups"]])
    };
    assert_eq!(policy(&shown), json!(["stable", null, true, []]));
    let change =
        r#"{"channel": "beta", "pinned": "1.0.0", "updates": false, "groups": ["Roof", "Lights"]}"#;
    let changed = server.patch(DEVICE, change).await.is(200).json();
    let pinned = json!({"id": old, "platform": "chase", "version": "v1.0.0"});
    assert_eq!(policy(&changed), json!(["beta", pinned, false, ["Lights", "Roof"]]));
    assert_eq!(server.get(DEVICE).await.json(), changed);
    let change = format!(r#"{{"pinned": {old}, "updates": true}}"#);
    let changed = server.patch(DEVICE, &change).await.is(200).json();
    assert_eq!(policy(&changed), json!(["beta", pinned, true, ["Lights", "Roof"]]));
    let change = r#"{"pinned": null, "groups": ["roof"]}"#;
    let changed = server.patch(DEVICE, change).await.is(200).json();
    assert_eq!(policy(&changed), json!(["beta", null, true, ["Roof"]]));
    let events = server.events("device_edited").await;
    assert_eq!(events[0], "It is not pinned any more. It is in Roof.");
}

#[tokio::test]
async fn what_cannot_be_is_refused_and_changes_nothing() {
    let (server, ..) = stocked().await;
    let before = server.get(DEVICE).await.json();
    for (change, status, code, reason) in [
        (r#"{"name": "X", "channel": "alpha"}"#, 422, "invalid_value", "“stable” or “beta”"),
        (r#"{"name": "X", "pinned": "v7.0.0"}"#, 422, "invalid_value", "published release"),
        (r#"{"pinned": 999}"#, 409, "wrong_state", "published release of its own platform"),
        (r#"{"pinned": true}"#, 400, "invalid_json", "a version, the number"),
        (r#"{"groups": ["a,b"]}"#, 422, "invalid_name", "“a,b”"),
        (r#"{"groups": null}"#, 400, "invalid_json", "null"),
    ] {
        let detail = server.patch(DEVICE, change).await.problem(status, code);
        assert!(detail.contains(reason), "{change}: {detail}");
    }
    assert_eq!(server.get(DEVICE).await.json(), before);
}

#[tokio::test]
async fn lists_are_filtered_by_group_and_channel() {
    let (server, ..) = stocked().await;
    server.patch(DEVICE, r#"{"channel": "beta", "groups": ["Ground floor"]}"#).await.is(200);
    server.poll("18:fe:34:00:00:02", "chase", "v1.0.0").await;
    let count = async |query: &str| {
        let page = server.get(&format!("/api/v1/devices?{query}")).await.is(200).json();
        page["items"].as_array().unwrap().len()
    };
    assert_eq!(count("group=ground%20FLOOR").await, 1);
    assert_eq!((count("channel=beta").await, count("channel=stable").await), (1, 1));
    assert_eq!(count("platform=chase&channel=beta&group=Ground+floor").await, 1);
    let own = server.get("/api/v1/platforms/chase/devices?channel=beta").await.is(200).json();
    assert_eq!(own["items"][0]["name"], "Attic");
    server.get("/api/v1/devices?group=Cellar").await.problem(404, "not_found");
    server.get("/api/v1/devices?channel=alpha").await.problem(400, "invalid_query");
}

#[tokio::test]
async fn a_group_is_made_shown_changed_and_deleted() {
    let (server, ..) = stocked().await;
    let new = r#"{"name": "Ground floor", "quiet_hours": "22-6"}"#;
    let made = server.post("/api/v1/groups", new).await.is(201);
    let location = made.header("location").unwrap().to_owned();
    assert_eq!(location, "/api/v1/groups/Ground%20floor");
    assert_eq!(made.json()["quiet_hours"], "22:00-06:00");
    let again = server.post("/api/v1/groups", r#"{"name": "ground FLOOR"}"#).await;
    assert!(again.problem(409, "group_exists").contains("ground FLOOR"));
    let bad = server.post("/api/v1/groups", r#"{"name": "x", "quiet_hours": "25:00"}"#).await;
    assert!(bad.problem(422, "invalid_value").contains("22:00-06:00"));
    server.post("/api/v1/groups", r#"{"name": "a/b"}"#).await.problem(422, "invalid_name");

    server.patch(DEVICE, r#"{"groups": ["ground floor"]}"#).await.is(200);
    assert_eq!(server.get(&location).await.is(200).json()["devices"], 1);
    let change = r#"{"name": "First floor", "quiet_hours": ""}"#;
    let changed = server.patch(&location, change).await.is(200).json();
    assert_eq!((&changed["name"], &changed["quiet_hours"]), (&json!("First floor"), &json!(null)));
    server.get(&location).await.problem(404, "not_found");
    server.post("/api/v1/groups", r#"{"name": "Attic"}"#).await.is(201);
    let page = server.get("/api/v1/groups?limit=1").await.is(200).json();
    assert_eq!(page["items"][0]["name"], "Attic");
    let next = format!("/api/v1/groups?cursor={}", page["next"].as_str().unwrap());
    assert_eq!(server.get(&next).await.is(200).json()["items"][0]["name"], "First floor");
    server.delete("/api/v1/groups/first%20floor").await.is(204);
    server.delete("/api/v1/groups/first%20floor").await.problem(404, "not_found");
    assert_eq!(server.get(DEVICE).await.json()["groups"], json!([]));
}

#[tokio::test]
async fn a_platforms_rules_are_shown_and_changed() {
    let (server, old, new) = stocked().await;
    let path = "/api/v1/platforms/chase";
    let rules = |shown: &serde_json::Value| {
        json!([shown["rule"], shown["pinned"]["id"], shown["quiet_hours"]])
    };
    assert_eq!(rules(&server.get(path).await.json()), json!(["newer", null, null]));
    let change = r#"{"rule": "different", "pinned": "v1.0.0", "quiet_hours": "23:00-5:30"}"#;
    let changed = server.patch(path, change).await.is(200).json();
    assert_eq!(rules(&changed), json!(["different", old, "23:00-05:30"]));
    assert_eq!(changed["newest"]["id"], new);
    let changed = server.patch(path, r#"{"pinned": null, "quiet_hours": ""}"#).await.json();
    assert_eq!(rules(&changed), json!(["different", null, null]));
    server.patch(path, r#"{"rule": "any"}"#).await.problem(422, "invalid_value");
    server.patch(path, r#"{"pinned": 999}"#).await.problem(409, "wrong_state");
    server.patch(path, r#"{"pinned": "v5.0.0"}"#).await.problem(422, "invalid_value");
    server.patch(path, r#"{"quiet_hours": "now"}"#).await.problem(422, "invalid_value");
}

#[tokio::test]
async fn a_release_is_published_as_beta_promoted_and_recalled() {
    let (server, _, new) = stocked().await;
    let image = images::esp8266(&["chase", "v1.2.0"]);
    let form = |channel: &str| {
        let form = Form::default().file("firmware.bin", &image).text("channel", channel);
        form.text("platform", "chase").text("version", "v1.2.0").text("publish", "true")
    };
    let detail = server.upload(form("alpha")).await.problem(422, "invalid_value");
    assert!(detail.contains("“stable” or “beta”"), "{detail}");
    let made = server.upload(form("beta")).await.is(201).json();
    assert_eq!((&made["channel"], &made["recalled"]), (&json!("beta"), &json!(false)));
    let platform = server.get("/api/v1/platforms/chase").await.json();
    assert_eq!((&platform["newest"]["id"], &platform["beta"]["id"]), (&json!(new), &made["id"]));
    assert_eq!(server.poll(MAC, "chase", "v1.1.0").await, 304);

    // A draft keeps whom it is for.
    let image = images::esp8266(&["chase", "v1.3.0"]);
    let form = Form::default().file("firmware.bin", &image).text("channel", "beta");
    let draft = server.upload(form.text("platform", "chase").text("version", "v1.3.0")).await;
    let draft = draft.is(201).json();
    assert_eq!((&draft["state"], &draft["channel"]), (&json!("draft"), &json!("beta")));
    let path = format!("/api/v1/releases/{}", draft["id"]);
    let published = server.patch(&path, r#"{"state": "published"}"#).await.is(200).json();
    assert_eq!(published["channel"], "beta");
    server.delete(&path).await.is(204);

    let path = format!("/api/v1/releases/{}", made["id"]);
    let promoted = server.patch(&path, r#"{"channel": "stable"}"#).await.is(200).json();
    assert_eq!(promoted["channel"], "stable");
    assert_eq!(server.get("/api/v1/platforms/chase").await.json()["beta"], json!(null));
    assert_eq!(server.poll(MAC, "chase", "v1.1.0").await, 200);
    server.patch(&path, r#"{"recall": true}"#).await.problem(409, "wrong_state");
    let recall = r#"{"state": "withdrawn", "recall": true}"#;
    let recalled = server.patch(&path, recall).await.is(200).json();
    assert_eq!((&recalled["state"], &recalled["recalled"]), (&json!("withdrawn"), &json!(true)));
    assert_eq!(server.poll(MAC, "chase", "v1.2.0").await, 200, "it gets v1.1.0 again");
}

#[tokio::test]
async fn going_back_says_whom_it_touches_first() {
    let (server, old, new) = stocked().await;
    server.poll(MAC, "chase", "v1.1.0").await;
    let path = format!("/api/v1/releases/{old}/back");
    let said = server.post(&path, r#"{"dry_run": true}"#).await.is(200).json();
    let attic = json!({
        "count": 1, "names": ["Attic"], "runs": "v1.1.0", "gets": "v1.0.0", "lower": true, "why": ""
    });
    let recalled = json!([{"id": new, "platform": "chase", "version": "v1.1.0"}]);
    let expected = json!({
        "done": false, "recalled": recalled, "touched": 1, "others": 0, "devices": [attic]
    });
    assert_eq!(said, expected);
    assert_eq!(server.poll(MAC, "chase", "v1.1.0").await, 304, "nothing was done");
    let done = server.post(&path, "{}").await.is(200).json();
    assert_eq!((&done["done"], &done["recalled"]), (&json!(true), &recalled));
    assert_eq!(server.poll(MAC, "chase", "v1.1.0").await, 200);
    let recalled = server.get(&format!("/api/v1/releases/{new}")).await.json();
    assert_eq!((&recalled["state"], &recalled["recalled"]), (&json!("withdrawn"), &json!(true)));
    server.post(&format!("/api/v1/releases/{new}/back"), "{}").await.problem(409, "wrong_state");
    server.post("/api/v1/releases/999/back", "{}").await.problem(404, "not_found");
}

#[tokio::test]
async fn a_release_that_devices_are_pinned_to_is_not_deleted() {
    let (server, old, _) = stocked().await;
    server.patch(DEVICE, r#"{"pinned": "v1.0.0"}"#).await.is(200);
    let path = format!("/api/v1/releases/{old}");
    let detail = server.delete(&path).await.problem(409, "wrong_state");
    assert!(detail.contains("pinned to this release"), "{detail}");
    server.patch(DEVICE, r#"{"pinned": null}"#).await.is(200);
    server.delete(&path).await.is(204);
}
