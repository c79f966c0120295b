//! What attackers try.

use std::net::Ipv4Addr;

use espalier::domain::event::Kind;

use crate::client::{PASSWORD, Server};

const STRANGER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 66);

#[tokio::test]
async fn a_session_that_was_slipped_in_is_not_taken_over() {
    let server = Server::with_anna().await;
    let mut victim = server.browser();
    victim.keep("espalier_session", &"f".repeat(64));
    victim.get("/login").await.is(200);
    victim.keep("espalier_session", "");
    let visit = victim.cookie("espalier_visit").unwrap();
    victim.keep("espalier_session", &"f".repeat(64));
    let csrf = espalier::domain::secret::Secret::new(visit.as_str()).derived("form");
    let sent = [("csrf", csrf.expose()), ("name", "anna"), ("password", PASSWORD)];
    victim.post_bare("/login", &sent).await.goes_to("/");
    let session = victim.cookie("espalier_session").unwrap();
    assert_ne!(session, "f".repeat(64), "a new one at every sign-in");
    assert_ne!(session, visit);
    let mut thief = server.browser_at(STRANGER);
    thief.keep("espalier_session", &"f".repeat(64));
    thief.get("/account").await.goes_to("/login?next=%2Faccount");
    thief.keep("espalier_session", &visit);
    thief.get("/account").await.goes_to("/login?next=%2Faccount");
}

#[tokio::test]
async fn signing_in_anew_ends_the_session_before() {
    let server = Server::with_anna().await;
    let mut browser = server.browser();
    browser.signs_in("anna", PASSWORD).await.goes_to("/");
    let mut old = browser.clone();
    let sent = [("name", "anna"), ("password", PASSWORD)];
    browser.post("/login", &sent).await.goes_to("/");
    old.get("/account").await.goes_to("/login?next=%2Faccount");
    browser.get("/account").await.is(200);
}

#[tokio::test]
async fn a_form_without_the_right_token_changes_nothing() {
    let server = Server::with_anna().await;
    let mut anna = server.signed_in("anna").await;
    let other = server.signed_in("anna").await.csrf();
    let platform = [("name", "chase"), ("description", ""), ("admission", "any")];
    for csrf in ["", "0", other.as_str()] {
        let fields: Vec<_> = [("csrf", csrf)].into_iter().chain(platform).collect();
        let answer = anna.post_bare("/platforms", &fields).await;
        answer.is(403).says("Nothing was changed").says("reload the page");
    }
    anna.post_bare("/platforms", &platform).await.is(403);
    let text = [("content-type", "text/plain")];
    anna.send("POST", "/platforms", &text, b"name=chase").await.is(403);
    assert!(server.app.store().platforms().await.unwrap().is_empty());
    for path in ["/logout", "/account/sessions/all", "/settings/tokens", "/settings/users"] {
        anna.post_bare(path, &[]).await.is(403);
    }
    anna.post("/platforms", &platform).await.is(303);
}

#[tokio::test]
async fn an_upload_without_the_right_token_is_not_taken() {
    let server = Server::with_anna().await;
    let anna = server.signed_in("anna").await;
    let form = |csrf: &str| {
        let field = |name: &str, value: &str| {
            format!("--e\r\nContent-Disposition: form-data; name={name}\r\n\r\n{value}\r\n")
        };
        format!("{}{}--e--\r\n", field("\"csrf\"", csrf), field("\"publish\"", ""))
    };
    let kind = [("content-type", "multipart/form-data; boundary=e"), ("accept", "text/html")];
    let bare = "--e\r\nContent-Disposition: form-data; name=\"publish\"\r\n\r\n\r\n--e--\r\n";
    for body in [form("wrong"), form(""), bare.to_owned()] {
        anna.send("POST", "/releases", &kind, body.as_bytes()).await.is(403);
    }
    let taken = anna.send("POST", "/releases", &kind, form(&anna.csrf()).as_bytes()).await;
    assert_ne!(taken.status, 403, "{taken:?}");
}

#[tokio::test]
async fn signing_in_is_protected_from_other_sites_too() {
    let server = Server::with_anna().await;
    let mut browser = server.browser();
    let sent = [("name", "anna"), ("password", PASSWORD)];
    browser.post_bare("/login", &sent).await.is(403);
    browser.get("/login").await.is(200);
    browser.post_bare("/login", &sent).await.is(403);
    assert_eq!(browser.cookie("espalier_session"), None);
    assert_eq!(server.app.accounts().passwords_checked(), 0);
    let csrf = browser.csrf();
    let body = format!("csrf={csrf}&name=anna&password=apple+trellis+rain");
    let kind = ("content-type", "application/x-www-form-urlencoded");
    let foreign = [kind, ("origin", "http://evil.example")];
    browser.send("POST", "/login", &foreign, body.as_bytes()).await.is(403);
}

#[tokio::test]
async fn a_cookie_is_worth_nothing_after_signing_out() {
    let server = Server::with_anna().await;
    let mut anna = server.browser();
    anna.signs_in("anna", PASSWORD).await.goes_to("/");
    let mut replay = anna.clone();
    replay.get("/account").await.is(200);
    let answer = anna.post("/logout", &[]).await.goes_to("/login");
    let gone = answer.all("set-cookie").into_iter().find(|c| c.starts_with("espalier_session="));
    assert!(gone.unwrap().contains("Max-Age=0"));
    replay.get("/account").await.goes_to("/login?next=%2Faccount");
    replay.post("/platforms", &[("name", "x")]).await.is(303);
    assert!(server.app.store().platforms().await.unwrap().is_empty());
    replay.send("GET", "/api/v1/devices", &[], b"").await.problem(401, "unauthorized");
}

#[tokio::test]
async fn a_stolen_cookie_is_worth_nothing_after_signing_out_everywhere() {
    let server = Server::with_anna().await;
    let mut thief = server.browser_at(STRANGER);
    let (stolen, mut anna) = (server.signed_in("anna").await, server.signed_in("anna").await);
    thief.cookies = stolen.cookies;
    thief.get("/account").await.is(200);
    anna.post("/account/sessions/all", &[]).await.goes_to("/login");
    thief.get("/account").await.goes_to("/login?next=%2Faccount");
    assert!(server.app.accounts().sessions(1).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_sign_in_does_not_tell_which_names_there_are() {
    let server = Server::with_anna().await;
    let mut answers = Vec::new();
    for name in ["anna", "nobody-has-this-name", "", "<script>alert(1)</script>"] {
        let before = server.app.accounts().passwords_checked();
        let mut browser = server.browser();
        let answer = browser.signs_in(name, "wrong password").await.is(422);
        assert_eq!(server.app.accounts().passwords_checked(), before + 1, "the same work: {name}");
        answers.push(answer.body.replace(name, "").replace(&browser.csrf(), ""));
        assert!(!answer.body.contains("<script>alert"), "escaped");
    }
    assert_eq!(answers[0], answers[1], "and the same words");
    let told = server.audit(Kind::SignInFailed).await;
    assert_eq!(told.len(), 4);
    assert!(told.iter().all(|entry| !entry.text.contains("nobody-has")), "it may be a password");
}

#[tokio::test]
async fn ten_thousand_wrong_passwords_do_not_lock_the_owner_out() {
    let server = Server::with_anna().await;
    let mut anna = server.browser();
    anna.signs_in("anna", PASSWORD).await.goes_to("/");
    anna.post("/logout", &[]).await.goes_to("/login");
    let mut strangers: Vec<_> = Vec::new();
    for number in 0..50_u8 {
        let mut browser = server.browser_at(Ipv4Addr::new(127, 0, 1, number + 1));
        browser.get("/login").await.is(200);
        strangers.push(browser);
    }
    // At anna's own address, too: a neighbour behind the same router.
    let mut neighbour = server.browser();
    neighbour.get("/login").await.is(200);
    strangers.push(neighbour);
    let (mut looked_at, mut sent_away) = (0, 0);
    for attempt in 0..10_000_usize {
        if attempt % 500 == 0 {
            server.clock.advance(1);
        }
        let count = strangers.len();
        let browser = &mut strangers[attempt % count];
        let guess = format!("wrong password {attempt}");
        let answer = browser.post("/login", &[("name", "anna"), ("password", &guess)]).await;
        match answer.status {
            422 => looked_at += 1,
            429 => {
                sent_away += 1;
                assert!(answer.header("retry-after").is_some());
            }
            _ => panic!("{answer:?}"),
        }
    }
    assert_eq!(looked_at + sent_away, 10_000);
    assert!(looked_at < 400, "{looked_at} guesses were looked at");
    // In her own browser she gets in at once.
    anna.signs_in("anna", PASSWORD).await.goes_to("/");
    assert!(server.audit(Kind::SignInFailed).await.len() <= 120, "the log is not flooded");
}

#[tokio::test]
async fn the_way_on_after_signing_in_stays_on_this_server() {
    let server = Server::with_anna().await;
    for next in [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "/\t/evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "/login?next=/login",
        "/ok\r\nSet-Cookie: a=b",
    ] {
        let mut browser = server.browser();
        browser.get("/login").await.is(200);
        let sent = [("name", "anna"), ("password", PASSWORD), ("next", next)];
        browser.post("/login", &sent).await.goes_to("/");
        let escaped = form_urlencoded::byte_serialize(next.as_bytes()).collect::<String>();
        browser.get(&format!("/login?next={escaped}")).await.goes_to("/");
    }
}

#[tokio::test]
async fn names_bring_no_headers_and_no_markup() {
    let server = Server::with_anna().await;
    let mut anna = server.signed_in("anna").await;
    for name in ["a\r\nSet-Cookie: x=y", "<img src=x onerror=alert(1)>", "a\"b", "é"] {
        let sent = [("name", name), ("password", PASSWORD), ("role", "viewer")];
        let answer = anna.post("/settings/users", &sent).await.is(422);
        assert!(!answer.body.contains("<img src=x"), "{answer:?}");
        assert!(answer.header("x").is_none());
    }
    let name = "<b>bold</b> \" & '";
    let sent = [("name", name), ("read", "yes"), ("days", "30")];
    let page = anna.post("/settings/tokens", &sent).await.is(200);
    assert!(!page.body.contains("<b>bold"), "{page:?}");
    for page in ["/settings/tokens", "/audit"] {
        let page = anna.get(page).await.is(200);
        assert!(!page.body.contains("<b>bold") && page.body.contains("bold"));
    }
}

#[tokio::test]
async fn cookies_are_closed_to_scripts_and_other_sites() {
    let server = Server::with_anna().await;
    let mut browser = server.browser();
    let visit = browser.get("/login").await;
    let entered = browser.signs_in("anna", PASSWORD).await;
    let cookies: Vec<&str> = [visit.all("set-cookie"), entered.all("set-cookie")].concat();
    assert_eq!(cookies.len(), 3, "{cookies:?}");
    for cookie in cookies {
        for word in ["HttpOnly", "SameSite=Lax", "Path=/"] {
            assert!(cookie.contains(word), "{cookie}");
        }
        assert!(!cookie.contains("Domain"), "{cookie}");
    }
}

#[tokio::test]
async fn the_set_up_code_cannot_be_guessed() {
    let server = Server::start(&[]).await;
    let mut thief = server.browser_at(STRANGER);
    thief.get("/setup").await.is(200);
    let mut last = 0;
    for guess in 0..20 {
        let code = format!("AAAA-AAAA-AAAA-{guess:04}");
        let sent =
            [("code", &*code), ("name", "evil"), ("password", PASSWORD), ("again", PASSWORD)];
        last = thief.post("/setup", &sent).await.status;
    }
    assert_eq!(last, 429);
    assert!(server.app.accounts().needs_setup().await.unwrap());
}

#[tokio::test]
async fn a_device_is_not_kept_out_and_a_stranger_is_not_let_in_by_posing_as_one() {
    let server = Server::with_anna().await;
    let device =
        [("user-agent", "ESP8266-http-Update"), ("x-esp8266-sta-mac", "18:FE:34:00:00:01")];
    for path in
        ["/update?dev=chase&ver=v1.0.0", "/", "/devices", "/api/v1/devices", "/settings/users"]
    {
        let answer = server.browser().send("GET", path, &device, b"").await;
        assert!(answer.body.starts_with("Error: "), "{path}: {answer:?}");
        assert!(answer.all("set-cookie").is_empty(), "{path}");
    }
    let answer = server.browser().send("POST", "/platforms", &device, b"name=x").await;
    assert!(answer.body.starts_with("Error: "), "{answer:?}");
    assert!(server.app.store().platforms().await.unwrap().is_empty());
}
