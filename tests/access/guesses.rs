//! Guessing: the password in a stolen session, and the names that there are.

use std::net::Ipv4Addr;

use espalier::domain::access::Role;
use espalier::domain::event::Kind;

use crate::client::{PASSWORD, Server};

#[tokio::test]
async fn the_password_is_not_guessed_in_a_stolen_session() {
    let server = Server::with_anna().await;
    for (path, fields) in [
        ("/account/password", ["current", "password", "again"]),
        ("/account/codes/off", ["password", "", ""]),
    ] {
        let mut elsewhere = server.signed_in("anna").await;
        let mut thief = server.signed_in("anna").await;
        let before = server.app.accounts().passwords_checked();
        for guess in 0..20 {
            let guess = format!("guess number {guess}");
            let new = "another good password";
            let sent: Vec<_> = fields
                .iter()
                .enumerate()
                .filter(|(_, name)| !name.is_empty())
                .map(|(at, name)| (*name, if at == 0 { guess.as_str() } else { new }))
                .collect();
            thief.post(path, &sent).await;
        }
        assert_eq!(server.app.accounts().passwords_checked(), before + 5, "{path}");
        thief.get("/account").await.is(303);
        elsewhere.get("/account").await.is(200);
        // Right ones in between begin anew, and nothing is held against other sessions.
        let typos = ["x", "y", "z", "u"];
        for wrong in typos {
            elsewhere.post("/account/codes/off", &[("password", wrong)]).await.is(422);
        }
        elsewhere.post("/account/codes/off", &[("password", PASSWORD)]).await.is(303);
        elsewhere.post("/account/codes/off", &[("password", "x")]).await.is(422);
    }
    let told = server.audit(Kind::SignInFailed).await;
    assert_eq!(told.len(), 2 * (5 + 5), "{told:?}");
    assert!(told.iter().all(|entry| entry.text.starts_with("anna typed a wrong password")));
    let ended = server.audit(Kind::SignedOut).await;
    assert_eq!(ended.iter().filter(|entry| entry.text.contains("5 wrong passwords")).count(), 2);
}

#[tokio::test]
async fn how_long_one_waits_does_not_tell_which_names_there_are() {
    for from in [Ipv4Addr::LOCALHOST, Ipv4Addr::new(127, 0, 0, 66)] {
        let server = Server::with(&[("anna", Role::Administrator), ("bert", Role::Viewer)]).await;
        // She is known at home, and nobody elsewhere.
        server.signed_in("anna").await;
        let mut waits = Vec::new();
        for name in ["anna", "bert", "zora"] {
            let mut browser = server.browser_at(from);
            browser.get("/login").await.is(200);
            let mut told = Vec::new();
            for _ in 0..14 {
                let answer = browser.post("/login", &[("name", name), ("password", "x")]).await;
                let wait = answer.header("retry-after").map(|text| text.parse::<i64>().unwrap());
                server.clock.advance(wait.unwrap_or(0));
                told.push(wait);
            }
            waits.push(told);
            // Past every memory, so that the next name begins anew.
            server.clock.advance(2 * 3600);
        }
        assert!(waits.iter().all(|told| *told == waits[0]), "{from}: {waits:?}");
        assert!(waits[0].iter().any(Option::is_some), "{waits:?}");
    }
}

#[tokio::test]
async fn who_knows_the_set_up_code_never_waits_for_those_who_try() {
    let server = Server::start(&[]).await;
    let code = server.app.accounts().setup_code().unwrap().expose().to_owned();
    let mut owner = server.browser();
    let sent =
        |code| [("code", code), ("name", "anna"), ("password", PASSWORD), ("again", PASSWORD)];
    owner.get("/setup").await.is(200);
    for number in 1..=60_u8 {
        let mut thief = server.browser_at(Ipv4Addr::new(127, 0, 1, number));
        thief.get("/setup").await.is(200);
        for _ in 0..8 {
            thief.post("/setup", &sent("AAAA-AAAA-AAAA-AAAA")).await;
        }
    }
    for _ in 0..10 {
        owner.post("/setup", &sent("AAAA-AAAA-AAAA-AAAB")).await;
    }
    owner.post("/setup", &sent("AAAA-AAAA-AAAA-AAAC")).await.is(429);
    owner.post("/setup", &sent(&code)).await.goes_to("/");
}

#[tokio::test]
async fn a_stranger_who_tries_all_the_time_does_not_keep_the_owner_out_of_a_new_browser() {
    let server = Server::with_anna().await;
    let mut strangers = Vec::new();
    for number in 1..=5_u8 {
        let mut browser = server.browser_at(Ipv4Addr::new(127, 0, 2, number));
        browser.get("/login").await.is(200);
        strangers.push(browser);
    }
    let mut owner = server.browser_at(Ipv4Addr::new(127, 0, 3, 1));
    owner.get("/login").await.is(200);
    let wrong = [("name", "anna"), ("password", "wrong")];
    // Past what strangers may try before they are looked at one by one.
    for _ in 0..25 {
        for stranger in &mut strangers {
            while stranger.post("/login", &wrong).await.status != 429 {}
        }
        server.clock.advance(900);
    }
    let began = server.app.now();
    let mut waited_until = began;
    loop {
        for stranger in &mut strangers {
            for _ in 0..3 {
                stranger.post("/login", &wrong).await;
            }
        }
        if server.app.now() >= waited_until {
            let right = [("name", "anna"), ("password", PASSWORD)];
            let answer = owner.post("/login", &right).await;
            if answer.status == 303 {
                break;
            }
            let wait = answer.header("retry-after").unwrap().parse::<i64>().unwrap();
            waited_until = server.app.now() + wait;
        }
        server.clock.advance(5);
        assert!(server.app.now() < began + 6 * 30 + 10, "five others, and oneself");
    }
}
