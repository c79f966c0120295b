//! `/api/v1/events`, and lists in pages.

use serde_json::json;

use crate::server::Server;

#[tokio::test]
async fn events_are_filtered() {
    let server = Server::with_platform("chase").await;
    let mac = "5c:cf:7f:1c:a1:a5";
    let new = format!(r#"{{"mac": "{mac}"}}"#);
    server.post("/api/v1/platforms/chase/devices", &new).await.is(201);
    let id = server.release("chase", "v1.2.0").await;
    server.app.flush().await.unwrap();
    let kinds = async |query: &str| {
        let list = server.get(&format!("/api/v1/events?{query}")).await.is(200).json();
        let events = list["items"].as_array().unwrap().iter();
        let kinds = events.map(|event| event["kind"].as_str().unwrap().to_owned());
        // That comes behind the answers, sooner or later.
        kinds.filter(|kind| kind != "packed").collect::<Vec<_>>()
    };
    assert_eq!(kinds("").await, ["published", "uploaded", "approved", "platform_created"]);
    assert_eq!(kinds("device=5CCF7F1CA1A5").await, ["approved"]);
    assert_eq!(kinds("kind=published&platform=CHASE").await, ["published"]);
    assert_eq!(kinds(&format!("release={id}")).await, ["published", "uploaded"]);
    assert_eq!(kinds("since=2000-01-01&until=2000-01-02T00:00:00Z").await, [""; 0]);
    assert_eq!(kinds("since=2000-01-01T00:00:00%2B01:00").await.len(), 4);
    assert_eq!(kinds("platform=nope").await, [""; 0]);
}

#[tokio::test]
async fn filters_that_mean_nothing_are_refused() {
    let server = Server::start().await;
    for (query, reason) in [
        ("kind=party", "first_contact"),
        ("device=attic", "“attic”"),
        ("since=yesterday", "2026-03-01T12:00:00Z"),
        ("until=2026-13-01", "until"),
        ("release=first", "release"),
        ("colour=red", "colour"),
        ("limit=0", "from 1 to 500"),
        ("limit=501", "from 1 to 500"),
        ("limit=many", "“many”"),
    ] {
        let answer = server.get(&format!("/api/v1/events?{query}")).await;
        let detail = answer.problem(400, "invalid_query");
        assert!(detail.contains(reason), "{query}: {detail}");
    }
}

#[tokio::test]
async fn every_list_is_walked_to_its_end_by_its_cursors() {
    let server = Server::with_platform("p0").await;
    for n in 1..5 {
        server.post("/api/v1/platforms", &format!(r#"{{"name": "p{n}"}}"#)).await.is(201);
        let new = format!(r#"{{"mac": "5ccf7f00000{n}"}}"#);
        server.post("/api/v1/platforms/p0/devices", &new).await.is(201);
        server.release("p0", &format!("v1.{n}.0")).await;
    }
    // Its events come behind the answers.
    server.app.pack_wanted().await.unwrap();
    server.app.flush().await.unwrap();
    for (path, count) in [
        ("/api/v1/platforms?limit=2", 5),
        ("/api/v1/devices?platform=p0&limit=2", 4),
        ("/api/v1/platforms/p0/devices?limit=3", 4),
        ("/api/v1/releases?limit=3&state=published", 4),
        ("/api/v1/events?limit=7", 21),
        ("/api/v1/audit?limit=7", 17),
    ] {
        let (mut next, mut items) = (Some(path.to_owned()), Vec::new());
        while let Some(path) = next.take() {
            let answer = server.get(&path).await.is(200);
            let page = answer.json();
            items.extend(page["items"].as_array().unwrap().clone());
            let link = answer.header("link").map(str::to_owned);
            assert_eq!(page["next"].is_null(), link.is_none(), "{path}");
            if let Some(link) = link {
                let target = link.strip_prefix('<').unwrap();
                let target = target.strip_suffix(r#">; rel="next""#).unwrap().to_owned();
                let cursor = page["next"].as_str().unwrap();
                assert!(target.ends_with(&format!("cursor={cursor}")), "{target}");
                assert!(target.contains("limit="), "{target}");
                next = Some(target);
            }
        }
        assert_eq!(items.len(), count, "{path}");
        let all = path.replace("limit=", "limit=50&x=").split("&x=").next().unwrap().to_owned();
        let state = if path.contains("state") { "&state=published" } else { "" };
        let all = server.get(&format!("{all}{state}")).await.is(200).json();
        assert_eq!(all["items"], json!(items), "{path}");
    }
}

#[tokio::test]
async fn a_cursor_that_no_list_gave_is_refused() {
    let server = Server::start().await;
    for path in ["platforms", "devices", "releases", "events", "audit"] {
        let answer = server.get(&format!("/api/v1/{path}?cursor=42x")).await;
        answer.problem(400, "invalid_cursor");
    }
}

#[tokio::test]
async fn the_audit_log_says_who_changed_what() {
    let server = Server::with_platform("chase").await;
    let new = r#"{"mac": "5c:cf:7f:1c:a1:a5", "name": "Greenhouse"}"#;
    server.post("/api/v1/platforms/chase/devices", new).await.is(201);
    let id = server.release("chase", "v1.2.0").await;
    server.poll("5c:cf:7f:00:00:09", "chase", "v1.0.0").await;
    server.delete(&format!("/api/v1/releases/{id}")).await.is(204);
    let texts = async |query: &str| {
        let list = server.get(&format!("/api/v1/audit?{query}")).await.is(200).json();
        let entries = list["items"].as_array().unwrap();
        entries.iter().map(|entry| entry["text"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let deleted = "somebody deleted chase v1.2.0.";
    let published = "somebody published chase v1.2.0 to stable.";
    let approved = "somebody approved 5c:cf:7f:1c:a1:a5 for chase as Greenhouse.";
    let created = "somebody created the platform chase.";
    let all = texts("").await;
    assert!(all[2].starts_with("somebody uploaded chase v1.2.0 (firmware.bin, "), "{all:?}");
    assert_eq!(
        [all[0].as_str(), &all[1], &all[3], &all[4]],
        [deleted, published, approved, created]
    );
    assert_eq!(all.len(), 5, "what the device did is no change: {all:?}");
    assert_eq!(texts("device=5CCF7F1CA1A5").await, [approved]);
    assert_eq!(texts("q=greenhouse&platform=CHASE").await, [approved]);
    assert_eq!(texts(&format!("release={id}&action=published")).await, [published]);
    assert_eq!(texts("actor_kind=somebody&since=2000-01-01").await.len(), 5);
    assert_eq!(texts("actor_kind=person").await, [""; 0]);
    assert_eq!(texts("actor=anna").await, [""; 0]);
    assert_eq!(texts("until=2000-01-01").await, [""; 0]);
    for (query, reason) in [
        ("action=party", "approved"),
        ("action=offered", "approved"),
        ("actor_kind=robot", "machine"),
        ("device=attic", "“attic”"),
        ("colour=red", "colour"),
    ] {
        let answer = server.get(&format!("/api/v1/audit?{query}")).await;
        let detail = answer.problem(400, "invalid_query");
        assert!(detail.contains(reason), "{query}: {detail}");
    }
}
