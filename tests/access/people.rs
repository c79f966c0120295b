//! People: the first start, signing in and out, users, roles, sessions.

use espalier::domain::access::Role;
use espalier::domain::event::Kind;
use espalier::domain::secret::Secret;

use crate::client::{PASSWORD, Server};

fn code_in(greeting: &[String]) -> String {
    let line = greeting.iter().find(|line| line.contains("set-up code")).unwrap();
    line.rsplit(' ').next().unwrap().to_owned()
}

#[tokio::test]
async fn the_first_administrator_is_made_by_whoever_reads_the_log() {
    let server = Server::start(&[]).await;
    let code = code_in(&server.greeting);
    let mut browser = server.browser();
    browser.get("/").await.goes_to("/setup");
    browser.get("/devices").await.goes_to("/setup");
    browser.get("/login").await.goes_to("/setup");
    browser.get("/setup").await.is(200).says("Welcome to Espalier");
    let sent = |code, password, again| {
        [("code", code), ("name", "anna"), ("password", password), ("again", again)]
    };
    let wrong = browser.post("/setup", &sent("AAAA-BBBB", PASSWORD, PASSWORD)).await;
    wrong.is(422).says("code is not right").says("value=\"anna\"");
    browser.post("/setup", &sent(&code, PASSWORD, "other")).await.is(422).says("not the same");
    browser.post("/setup", &sent(&code, "short", "short")).await.is(422).says("fewer than 12");
    let lower = code.to_lowercase().replace('-', " ");
    browser.post("/setup", &sent(&lower, PASSWORD, PASSWORD)).await.goes_to("/");
    browser.get("/").await.is(200).says("anna");
    // Once only.
    let mut other = server.browser();
    other.get("/").await.goes_to("/login");
    other.get("/setup").await.goes_to("/login");
    let again = other.post("/setup", &sent(&code, PASSWORD, PASSWORD)).await;
    assert!(again.status >= 400, "{again:?}");
    assert_eq!(server.audit(Kind::UserCreated).await.len(), 1);
    assert!(server.app.accounts().setup_code().is_none());
}

#[tokio::test]
async fn the_first_administrator_may_come_from_the_environment() {
    let server = Server::start_with(&[], Some(PASSWORD)).await;
    assert!(!server.greeting.iter().any(|line| line.contains("set-up code")));
    server.browser().signs_in("admin", PASSWORD).await.goes_to("/");
}

#[tokio::test]
async fn signing_in_leads_to_where_one_wanted_to_go() {
    let server = Server::with_anna().await;
    let mut browser = server.browser();
    browser.get("/devices?q=attic").await.goes_to("/login?next=%2Fdevices%3Fq%3Dattic");
    browser.get("/login?next=%2Fdevices%3Fq%3Dattic").await.is(200).says("/devices?q=attic");
    let sent = [("name", "Anna"), ("password", PASSWORD), ("next", "/devices?q=attic")];
    browser.post("/login", &sent).await.goes_to("/devices?q=attic");
    let page = browser.get("/devices?q=attic").await.is(200);
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert_eq!(server.audit(Kind::SignedIn).await[0].actor.name(), "anna");
}

#[tokio::test]
async fn what_is_done_is_written_down_with_the_name_of_who_did_it() {
    let server = Server::with_anna().await;
    let mut browser = server.signed_in("anna").await;
    let fields = [("name", "chase"), ("description", ""), ("admission", "approved")];
    browser.post("/platforms", &fields).await.goes_to("/platforms/chase");
    assert_eq!(server.events(Kind::PlatformCreated).await[0].actor, "anna");
    browser.get("/events").await.is(200).says("by anna");
    let token = server.token("admin").await;
    server.ask(&token, "POST", "/api/v1/platforms", r#"{"name": "other"}"#).await.is(201);
    assert_eq!(server.events(Kind::PlatformCreated).await[0].actor, "token a test");
}

#[tokio::test]
async fn a_viewer_sees_and_does_not_touch() {
    let server = Server::with(&[("anna", Role::Administrator), ("vera", Role::Viewer)]).await;
    let mut browser = server.signed_in("vera").await;
    let page = browser.get("/devices").await.is(200);
    assert!(!page.body.contains("Add by MAC"), "{page:?}");
    let answer = browser.get("/platforms/new").await.is(403);
    answer.says("Your role is viewer; this needs the role editor");
    browser.post("/platforms", &[("name", "x")]).await.is(403);
    browser.get("/settings/users").await.is(403).says("administrator");
}

#[tokio::test]
async fn a_change_of_role_holds_from_the_next_request_on() {
    let server = Server::with(&[("anna", Role::Administrator), ("emil", Role::Editor)]).await;
    let mut emil = server.signed_in("emil").await;
    emil.get("/platforms/new").await.is(200);
    let mut anna = server.signed_in("anna").await;
    let role = [("role", "viewer")];
    anna.post("/settings/users/emil/role", &role).await.goes_to("/settings/users");
    emil.get("/platforms/new").await.is(403);
    anna.post("/settings/users/emil/remove", &[]).await.goes_to("/settings/users");
    emil.get("/devices").await.goes_to("/login?next=%2Fdevices");
}

#[tokio::test]
async fn there_is_always_an_administrator() {
    let server = Server::with(&[("anna", Role::Administrator), ("bert", Role::Viewer)]).await;
    let mut anna = server.signed_in("anna").await;
    anna.post("/settings/users/anna/role", &[("role", "viewer")]).await.goes_to("/settings/users");
    anna.get("/settings/users").await.is(200).says("last administrator");
    anna.post("/settings/users/anna/remove", &[]).await.goes_to("/settings/users");
    anna.get("/settings/users").await.is(200);
    anna.post("/settings/users/bert/role", &[("role", "administrator")]).await.is(303);
    anna.post("/settings/users/anna/role", &[("role", "viewer")]).await.is(303);
    anna.get("/settings/users").await.is(403);
}

#[tokio::test]
async fn users_are_added_with_a_good_password() {
    let server = Server::with_anna().await;
    let mut anna = server.signed_in("anna").await;
    for (name, password, words) in [
        ("bert", "short", "fewer than 12"),
        ("bert", "password1234", "first that a guesser tries"),
        ("anna", PASSWORD, "exists already"),
        ("a b", PASSWORD, "letters A–Z"),
    ] {
        let sent = [("name", name), ("password", password), ("role", "editor")];
        let answer = anna.post("/settings/users", &sent).await;
        assert!(matches!(answer.status, 409 | 422), "{answer:?}");
        answer.says(words);
    }
    let sent = [("name", "bert"), ("password", PASSWORD), ("role", "editor")];
    anna.post("/settings/users", &sent).await.goes_to("/settings/users");
    server.browser().signs_in("bert", PASSWORD).await.goes_to("/");
}

#[tokio::test]
async fn a_new_password_ends_the_other_sessions() {
    let server = Server::with_anna().await;
    let (mut here, mut there) = (server.signed_in("anna").await, server.signed_in("anna").await);
    let new = "another good password";
    let sent = |current| [("current", current), ("password", new), ("again", new)];
    here.post("/account/password", &sent("wrong")).await.is(422).says("not right");
    there.get("/account").await.is(200);
    here.post("/account/password", &sent(PASSWORD)).await.goes_to("/account");
    here.get("/account").await.is(200);
    there.get("/account").await.goes_to("/login?next=%2Faccount");
    server.browser().signs_in("anna", PASSWORD).await.is(422);
    server.browser().signs_in("anna", new).await.goes_to("/");
    assert_eq!(server.audit(Kind::PasswordChanged).await.len(), 1);
}

#[tokio::test]
async fn sessions_are_listed_and_end_one_by_one() {
    let server = Server::with_anna().await;
    let mut here = server.browser();
    here.signs_in("anna", PASSWORD).await.goes_to("/");
    let mut there = server.signed_in("anna").await;
    let page = here.get("/account").await.is(200).says("127.0.0.1").says("this one");
    let id = page.body.split("name=\"id\" value=\"").nth(1).unwrap();
    let id = id.split('"').next().unwrap();
    here.post("/account/sessions", &[("id", id)]).await.goes_to("/account");
    there.get("/").await.goes_to("/login");
    here.get("/account").await.is(200);
    here.post("/account/sessions", &[("id", "999")]).await.is(404);
}

#[tokio::test]
async fn sessions_end_when_idle_and_in_any_case() {
    const DAY: i64 = 86_400;
    let server = Server::with_anna().await;
    let mut browser = server.signed_in("anna").await;
    for _ in 0..5 {
        server.clock.advance(6 * DAY);
        browser.get("/account").await.is(200);
        server.app.flush().await.unwrap();
    }
    server.clock.advance(DAY / 2);
    browser.get("/account").await.goes_to("/login?next=%2Faccount");
    let mut idle = server.signed_in("anna").await;
    server.clock.advance(7 * DAY + 1);
    idle.get("/account").await.goes_to("/login?next=%2Faccount");
    server.app.tidy().await.unwrap();
    assert!(server.app.accounts().sessions(1).await.unwrap().is_empty());
}

#[tokio::test]
async fn use_is_written_down_once_a_minute() {
    let server = Server::with_anna().await;
    let mut browser = server.signed_in("anna").await;
    let used = async || {
        server.app.flush().await.unwrap();
        server.app.accounts().sessions(1).await.unwrap()[0].last_used
    };
    let began = used().await;
    server.clock.advance(59);
    browser.get("/").await.is(200);
    assert_eq!(used().await, began);
    server.clock.advance(1);
    browser.get("/").await.is(200);
    assert_eq!(used().await, began + 60);
}

#[tokio::test]
async fn without_access_control_every_page_says_so() {
    let server = Server::start(&["--auth", "none"]).await;
    assert!(server.greeting.iter().any(|line| line.contains("--auth none")));
    let mut browser = server.browser();
    for path in
        ["/", "/devices", "/platforms", "/events", "/connect", "/settings", "/settings/users"]
    {
        browser
            .get(path)
            .await
            .is(200)
            .says("Anyone who reaches this server can change everything");
    }
    browser.get("/account").await.is(404).says("--auth password");
    browser.get("/login").await.goes_to("/");
    browser
        .post_bare("/platforms", &[("name", "x"), ("description", ""), ("admission", "any")])
        .await
        .is(303);
    let server = Server::with_anna().await;
    let page = server.signed_in("anna").await.get("/").await;
    assert!(!page.body.contains("Anyone who reaches"));
}

#[tokio::test]
async fn a_forgotten_password_is_replaced_by_an_administrator() {
    let server = Server::with(&[("anna", Role::Administrator), ("bert", Role::Editor)]).await;
    let mut bert = server.signed_in("bert").await;
    let mut anna = server.signed_in("anna").await;
    let new = [("password", "a brand new password")];
    anna.post("/settings/users/bert/password", &new).await.goes_to("/settings/users");
    bert.get("/").await.goes_to("/login");
    server.browser().signs_in("bert", "a brand new password").await.goes_to("/");
}

#[tokio::test]
async fn secrets_stay_out_of_the_database_and_the_log() {
    let server = Server::with_anna().await;
    let mut browser = server.browser();
    browser.signs_in("anna", PASSWORD).await.goes_to("/");
    let token = server.token("read").await;
    let session = browser.cookie("espalier_session").unwrap();
    server.app.flush().await.unwrap();
    for secret in [PASSWORD, &token, &session] {
        for file in ["espalier.db", "espalier.db-wal"] {
            let bytes = std::fs::read(server.data.path().join(file)).unwrap_or_default();
            assert!(memchr::memmem::find(&bytes, secret.as_bytes()).is_none(), "{file}");
        }
        let debug = format!("{:?}", Secret::new(secret));
        assert!(!debug.contains(secret));
    }
}
