//! Tokens: what they may do, where they end, and the recipes that use them.

use espalier::app::TokenWish;
use espalier::domain::access::Role;
use espalier::domain::event::Kind;
use espalier::domain::platform::Admission;

use crate::client::{Answer, Server, a_test};

const FIRMWARE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/images/esp8266-arduino.bin");
const EDGE: &str = "------------------------d74496d66958873e";

async fn upload(server: &Server, token: &str, fields: &[(&str, &str)]) -> Answer {
    let mut body = Vec::new();
    for (name, value) in fields {
        let part = format!(
            "--{EDGE}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        );
        body.extend(part.into_bytes());
    }
    let head = format!(
        "--{EDGE}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.bin\"\r\n\r\n"
    );
    body.extend(head.into_bytes());
    body.extend(std::fs::read(FIRMWARE).unwrap());
    body.extend(format!("\r\n--{EDGE}--\r\n").into_bytes());
    let kind = format!("multipart/form-data; boundary={EDGE}");
    let bearer = format!("Bearer {token}");
    let headers = [("content-type", kind.as_str()), ("authorization", bearer.as_str())];
    server.browser().send("POST", "/api/v1/releases", &headers, &body).await
}

#[tokio::test]
async fn a_token_is_made_shown_once_used_and_revoked() {
    let server = Server::with_anna().await;
    let mut anna = server.signed_in("anna").await;
    let sent = [("name", "CI <b>"), ("read", "yes"), ("upload", "yes"), ("days", "30")];
    let page = anna.post("/settings/tokens", &sent).await.is(200).says("shown once");
    let token = page.body.split("esp_").nth(1).unwrap();
    let token = format!("esp_{}", &token[..64]);
    let page = anna.get("/settings/tokens").await.is(200).says("CI &#60;b&#62;");
    assert!(!page.body.contains(&token), "only once");
    server.ask(&token, "GET", "/api/v1/platforms", "").await.is(200);
    server.app.flush().await.unwrap();
    let listed = server.app.accounts().store().tokens().await.unwrap().remove(0);
    assert_eq!(
        (listed.last_used, listed.address.as_deref()),
        (Some(server.app.now()), Some("127.0.0.1"))
    );
    anna.post(&format!("/settings/tokens/{}/revoke", listed.id), &[]).await.is(303);
    let answer = server.ask(&token, "GET", "/api/v1/platforms", "").await;
    assert_eq!(
        answer.header("www-authenticate"),
        Some("Bearer realm=\"espalier\", error=\"invalid_token\"")
    );
    assert!(answer.problem(401, "unauthorized").contains("revoked"));
    assert_eq!(server.audit(Kind::TokenRevoked).await[0].actor.name(), "anna");
}

#[tokio::test]
async fn tokens_are_managed_by_the_api_too() {
    let server = Server::with_anna().await;
    let admin = server.token("admin").await;
    let new = r#"{"name": "ci", "scopes": ["upload:chase", "read"], "days": 1}"#;
    let made = server.ask(&admin, "POST", "/api/v1/tokens", new).await.is(201).json();
    let token = made["token"].as_str().unwrap();
    server.ask(token, "GET", "/api/v1/devices", "").await.is(200);
    let detail = server.ask(token, "GET", "/api/v1/tokens", "").await.problem(403, "forbidden");
    assert_eq!(detail, "This token lacks the scope admin.");
    server.clock.advance(86_400);
    let answer = server.ask(token, "GET", "/api/v1/devices", "").await;
    assert!(answer.problem(401, "unauthorized").contains("over"));
    let list = server.ask(&admin, "GET", "/api/v1/tokens", "").await.is(200).json();
    assert_eq!(list["items"].as_array().unwrap().len(), 2);
    assert!(!list.to_string().contains(token));
    let path = format!("/api/v1/tokens/{}", made["id"]);
    server.ask(&admin, "DELETE", &path, "").await.is(204);
    server.ask(&admin, "DELETE", &path, "").await.problem(404, "not_found");
    for (json, code) in [
        (r#"{"name": "", "scopes": ["read"]}"#, "invalid_name"),
        (r#"{"name": "x", "scopes": []}"#, "invalid_scope"),
        (r#"{"name": "x", "scopes": ["all"]}"#, "invalid_scope"),
        (r#"{"name": "x", "scopes": ["read"], "days": 0}"#, "invalid_value"),
    ] {
        server.ask(&admin, "POST", "/api/v1/tokens", json).await.problem(422, code);
    }
    let users = server.ask(&admin, "GET", "/api/v1/users", "").await.is(200).json();
    assert_eq!(users["items"][0]["name"], "anna");
}

#[tokio::test]
async fn a_build_server_stays_on_its_platform() {
    let server = Server::with_anna().await;
    let admin = server.token("admin").await;
    for name in ["chase", "other"] {
        let json = format!(r#"{{"name": "{name}"}}"#);
        server.ask(&admin, "POST", "/api/v1/platforms", &json).await.is(201);
    }
    let bound = server.token("upload:chase").await;
    let there = [("platform", "other"), ("version", "v1.0.0")];
    let detail = upload(&server, &bound, &there).await.problem(403, "forbidden");
    assert!(detail.contains("upload:other"), "{detail}");
    let at_once = [("version", "v1.0.0"), ("publish", "true")];
    let detail = upload(&server, &bound, &at_once).await.problem(403, "forbidden");
    assert!(detail.contains("publish:chase"), "{detail}");
    let draft = upload(&server, &bound, &[("version", "v1.0.0")]).await.is(201).json();
    assert_eq!((&draft["platform"], &draft["state"]), (&"chase".into(), &"draft".into()));
    let path = format!("/api/v1/releases/{}", draft["id"]);
    server.ask(&bound, "PATCH", &path, r#"{"state": "published"}"#).await.problem(403, "forbidden");
    let elsewhere = server.token("publish:other").await;
    let publish = r#"{"state": "published"}"#;
    server.ask(&elsewhere, "PATCH", &path, publish).await.problem(403, "forbidden");
    let moved = r#"{"state": "published", "platform": "other"}"#;
    let publisher = server.token("publish:chase").await;
    server.ask(&publisher, "PATCH", &path, moved).await.problem(403, "forbidden");
    let done = server.ask(&publisher, "PATCH", &path, publish).await.is(200).json();
    assert_eq!(done["state"], "published");
    let several = server.token("upload:chase upload:other").await;
    let detail =
        upload(&server, &several, &[("version", "v2.0.0")]).await.problem(403, "forbidden");
    assert!(detail.contains("upload:*"), "{detail}");
}

#[tokio::test]
async fn a_browser_may_use_the_api_from_a_page_of_ours() {
    let server = Server::with(&[("anna", Role::Administrator)]).await;
    let anna = server.signed_in("anna").await;
    anna.send("GET", "/api/v1/devices", &[], b"").await.is(200);
    let (path, body) = ("/api/v1/platforms", br#"{"name": "chase"}"#);
    let json = ("content-type", "application/json");
    anna.send("POST", path, &[json], body).await.problem(403, "csrf");
    anna.send("POST", path, &[json, ("x-csrf-token", "wrong")], body).await.problem(403, "csrf");
    anna.send("POST", path, &[json, ("sec-fetch-site", "cross-site")], body).await.is(403);
    let csrf = anna.csrf();
    anna.send("POST", path, &[json, ("x-csrf-token", &csrf)], body).await.is(201);
}

#[tokio::test]
async fn a_token_in_a_header_wins_over_a_session() {
    let server = Server::with_anna().await;
    let (anna, token) = (server.signed_in("anna").await, server.token("read").await);
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let body = br#"{"name": "chase"}"#;
    anna.send("POST", "/api/v1/platforms", &headers, body).await.problem(403, "forbidden");
    // A proxy's own credentials are none of our business.
    let basic = [("authorization", "Basic YTpi")];
    anna.send("GET", "/api/v1/devices", &basic, b"").await.is(200);
}

#[tokio::test]
async fn a_token_lasts_as_long_as_it_may() {
    let server = Server::with_anna().await;
    let wish =
        |days| TokenWish { name: "x".parse().unwrap(), scopes: "read".parse().unwrap(), days };
    assert!(server.app.accounts().create_token(wish(Some(0)), &a_test()).await.is_err());
    assert!(server.app.accounts().create_token(wish(Some(3651)), &a_test()).await.is_err());
    let (token, _) = server.app.accounts().create_token(wish(Some(2)), &a_test()).await.unwrap();
    assert_eq!(token.expires_at, Some(server.app.now() + 2 * 86_400));
}

#[tokio::test]
async fn an_upload_for_one_platform_leaves_the_drafts_of_others_alone() {
    let server = Server::with_anna().await;
    for name in ["chase", "other"] {
        server.app.create_platform(name, "", Admission::Approved, &a_test()).await.unwrap();
    }
    let (all, other) = (server.token("upload:*").await, server.token("upload:other").await);
    let version = ("version", "v1.0.0");
    let number = |answer: Answer| answer.is(201).json()["id"].as_i64().unwrap();
    let chase = number(upload(&server, &all, &[("platform", "chase"), version]).await);
    let mine = number(upload(&server, &other, &[("platform", "other"), version]).await);
    let again = number(upload(&server, &other, &[version]).await);
    // One that has no platform yet is not theirs either, also where they name a new one.
    let refused = upload(&server, &other, &[("platform", "chase"), version]).await;
    refused.problem(403, "forbidden");
    let store = server.app.store();
    assert!(store.release(chase).await.unwrap().is_some(), "another platform's draft");
    assert!(store.release(mine).await.unwrap().is_none(), "replaced by the same once more");
    assert!(store.release(again).await.unwrap().is_some());
}
