//! One-time codes and recovery codes.

use espalier::domain::totp::Key;

use crate::client::{Browser, PASSWORD, Server};

fn field(page: &str, name: &str) -> String {
    let after = page.split(&format!("name=\"{name}\" value=\"")).nth(1);
    after.and_then(|text| text.split('"').next()).unwrap_or_default().to_owned()
}

/// Switches codes on; the key and the recovery codes.
async fn enrolled(server: &Server, browser: &mut Browser) -> (Key, Vec<String>) {
    let page = browser.get("/account/codes").await.is(200).says("<svg class=\"qr\"");
    let key = Key::read(&field(&page.body, "key")).unwrap();
    let code = key.code(server.app.now());
    let sent = |code, password| [("key", key.text()), ("code", code), ("password", password)];
    browser.post("/account/codes", &sent("000000", PASSWORD)).await.is(422).says("not right");
    browser.post("/account/codes", &sent(&code, "wrong")).await.is(422).says("password");
    let page = browser.post("/account/codes", &sent(&code, PASSWORD)).await.is(200);
    let list = page.body.split("<code>").nth(1).unwrap().split("</code>").next().unwrap();
    let codes: Vec<String> =
        list.lines().map(str::to_owned).filter(|line| !line.is_empty()).collect();
    assert_eq!(codes.len(), 10, "{page:?}");
    (key, codes)
}

fn sent<'a>(ticket: &'a str, code: &'a str) -> [(&'static str, &'a str); 2] {
    [("ticket", ticket), ("code", code)]
}

async fn first_step(server: &Server) -> (Browser, String) {
    let mut browser = server.browser();
    let page = browser.signs_in("anna", PASSWORD).await.is(200).says("One more step");
    assert_eq!(browser.cookie("espalier_session"), None, "not in yet");
    let ticket = field(&page.body, "ticket");
    assert_eq!(ticket.len(), 64);
    (browser, ticket)
}

#[tokio::test]
async fn with_codes_on_the_password_alone_is_not_enough() {
    let server = Server::with_anna().await;
    let mut browser = server.signed_in("anna").await;
    let (key, recovery) = enrolled(&server, &mut browser).await;
    server.clock.advance(60);

    let (mut other, ticket) = first_step(&server).await;
    other.get("/").await.goes_to("/login");
    let code = key.code(server.app.now());
    other.post("/login/code", &sent(&ticket, "123456")).await.is(422).says("not right");
    other.post("/login/code", &sent(&ticket, &code)).await.goes_to("/");
    other.get("/account").await.is(200).says("10 recovery codes");

    // Neither the ticket nor the code is good a second time.
    let (mut again, fresh) = first_step(&server).await;
    again.post("/login/code", &sent(&ticket, &code)).await.is(422).says("Begin again");
    again.post("/login/code", &sent(&fresh, &code)).await.is(422).says("not right");
    // A recovery code is, once.
    again.post("/login/code", &sent(&fresh, &recovery[3].to_lowercase())).await.goes_to("/");
    let (mut third, fresh) = first_step(&server).await;
    third.post("/login/code", &sent(&fresh, &recovery[3])).await.is(422);
    again.get("/account").await.is(200).says("9 recovery codes");

    again.post("/account/codes/off", &[("password", "wrong")]).await.is(422);
    again.post("/account/codes/off", &[("password", PASSWORD)]).await.goes_to("/account");
    server.browser().signs_in("anna", PASSWORD).await.goes_to("/");
}

#[tokio::test]
async fn codes_cannot_be_guessed() {
    let server = Server::with_anna().await;
    let mut browser = server.signed_in("anna").await;
    enrolled(&server, &mut browser).await;
    let (mut thief, ticket) = first_step(&server).await;
    let mut answers = Vec::new();
    for guess in 0..20 {
        let code = format!("{guess:06}");
        answers.push(thief.post("/login/code", &[("ticket", &ticket), ("code", &code)]).await);
    }
    assert!(answers.iter().all(|answer| matches!(answer.status, 422 | 429)));
    assert!(answers.last().unwrap().body.contains("Begin again"), "five tries a ticket");
    server.clock.advance(60);
    let (mut late, ticket) = first_step(&server).await;
    server.clock.advance(301);
    let answer = late.post("/login/code", &[("ticket", &ticket), ("code", "1")]).await;
    answer.is(422).says("Begin again");
}
