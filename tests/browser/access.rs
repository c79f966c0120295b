//! From the first start of a server with access control to a program that uploads, and out again.

use crate::browser::{Browser, Script};
use crate::image::image;
use crate::server::Server;
use crate::walk::{Stop, furnish, walk_in};

const PASSWORD: &str = "apple trellis rain";

fn set_up(server: &Server, browser: &Browser) {
    browser.goes_to("/devices");
    browser.arrives_at("to set up", |path| path == "/setup");
    browser.fills("Set-up code", &server.setup_code());
    browser.fills("Your name", "anna");
    browser.fills("Password", PASSWORD);
    browser.fills("The same once more", PASSWORD);
    browser.clicks("Create the administrator");
    browser.arrives_at("of the dashboard", |path| path == "/");
    browser.sees("Four steps to the first update.");
}

fn signs_in(browser: &Browser, password: &str) {
    browser.fills("Name", "anna");
    browser.fills("Password", password);
    browser.clicks_on(".gate footer button");
}

fn signs_out(browser: &Browser) {
    browser.goes_to("/account");
    browser.clicks_on(".head form[action='/logout'] button");
    browser.arrives_at("to sign in", |path| path == "/login");
    browser.sees("You have signed out.");
}

#[test]
fn from_the_first_start_to_a_token_and_out() {
    the_way_in_and_out(Script::Runs);
}

#[test]
fn from_the_first_start_to_a_token_and_out_without_script() {
    the_way_in_and_out(Script::Blocked);
}

fn the_way_in_and_out(script: Script) {
    let server = Server::start_with_access();
    let Some(browser) = Browser::open(&server, script) else {
        return;
    };
    set_up(&server, &browser);
    browser.goes_to("/platforms/new");
    browser.fills("Name", "chase");
    browser.clicks("Create the platform");
    browser.arrives_at("of the platform", |path| path == "/platforms/chase");

    browser.goes_to("/settings/tokens");
    browser.fills("What it is for", "Nightly build");
    browser.clicks("Make the token");
    browser.sees("Copy it now");
    let token = browser.words_of("[aria-labelledby=made] pre");
    let answer = server.upload_with_token(&token, "chase.bin", &image("chase", "v1.0.1", 9000));
    assert!(answer.contains(" 201 "), "{answer}");
    browser.finds("/events?kind=uploaded", ".log", "by token Nightly build");
    browser.goes_to("/settings/tokens");
    browser.clicks("Revoke");
    browser.sees("Revoke the token Nightly build?");
    browser.clicks_on(".confirm button.danger");
    browser.sees("The token was revoked.");
    let answer = server.upload_with_token(&token, "chase.bin", &image("chase", "v1.0.2", 9000));
    assert!(answer.contains(" 401 "), "{answer}");

    signs_out(&browser);
    browser.goes_to("/inbox");
    browser.arrives_at("to sign in", |path| path == "/login?next=%2Finbox");
    signs_in(&browser, "wrong password");
    browser.sees("Name or password is not right.");
    signs_in(&browser, PASSWORD);
    browser.arrives_at("that was asked for", |path| path == "/inbox");
    one_time_codes(&server, &browser);
}

fn one_time_codes(server: &Server, browser: &Browser) {
    browser.goes_to("/account/codes");
    let key = browser.script("return document.querySelector('[name=key]').value", &[]);
    let key = espalier::domain::totp::Key::read(key.as_str().unwrap_or_default()).expect("a key");
    browser.fills("The code that the app shows", &key.code(server.now()));
    browser.fills("Your password", PASSWORD);
    browser.clicks_on("main footer button");
    browser.sees("Keep these recovery codes");
    let codes = browser.words_of("[aria-labelledby=recovery] pre");
    let codes: Vec<&str> = codes.lines().collect();
    assert_eq!(codes.len(), 10, "{codes:?}");
    signs_out(browser);
    signs_in(browser, PASSWORD);
    browser.sees("One more step");
    browser.fills("Code", codes[0]);
    browser.clicks_on(".gate footer button");
    browser.arrives_at("of the dashboard", |path| path == "/");
}

#[test]
fn every_page_of_access_is_in_order() {
    let server = Server::start_with_access();
    let Some(browser) = Browser::open(&server, Script::Runs) else {
        return;
    };
    let stops = |stops: &[(&'static str, &str)]| -> Vec<Stop> {
        stops.iter().map(|(name, path)| (*name, (*path).to_owned())).collect()
    };
    walk_in(&browser, &stops(&[("setup", "/setup")]));
    browser.resizes(1280, 900);
    set_up(&server, &browser);
    browser.goes_to("/settings/users");
    browser.fills("Name", "bert");
    browser.fills("First password", PASSWORD);
    browser.clicks_on("form[action='/settings/users'] footer button");
    browser.sees("bert was added");
    browser.goes_to("/settings/tokens");
    browser.fills("What it is for", "Nightly build");
    browser.clicks("Make the token");
    browser.sees("Copy it now");
    let pages = [
        ("account", "/account"),
        ("codes", "/account/codes"),
        ("users", "/settings/users"),
        ("tokens", "/settings/tokens"),
        ("token-revoke", "/settings/tokens/1/revoke"),
        ("settings-signed-in", "/settings"),
        ("api", "/api"),
        ("connect-signed-in", "/connect?platform=chase"),
    ];
    walk_in(&browser, &stops(&pages));
    browser.resizes(1280, 900);
    signs_out(&browser);
    walk_in(&browser, &stops(&[("login", "/login")]));
    browser.resizes(1280, 900);
    browser.goes_to("/login");
    browser.fills("Name", "bert");
    browser.fills("Password", PASSWORD);
    browser.clicks_on(".gate footer button");
    browser.arrives_at("of the dashboard", |path| path == "/");
    let pages = [
        ("viewer-dashboard", "/"),
        ("viewer-platforms", "/platforms"),
        ("viewer-settings", "/settings"),
    ];
    walk_in(&browser, &stops(&pages));
}

#[test]
fn every_page_is_in_order_for_a_viewer() {
    let server = Server::start();
    let stops = furnish(&server);
    let server = server.with_viewer("vera", PASSWORD);
    let Some(browser) = Browser::open(&server, Script::Runs) else {
        return;
    };
    browser.goes_to("/login");
    browser.fills("Name", "vera");
    browser.fills("Password", PASSWORD);
    browser.clicks_on(".gate footer button");
    browser.arrives_at("of the dashboard", |path| path == "/");
    let asks =
        ["/new", "/add", "/edit", "/delete", "/withdraw", "/back", "/promote", "/demand", "/old"];
    let seen = |path: &str| {
        let path = path.split('?').next().unwrap_or_default();
        !path.starts_with("/audit")
            && path != "/nothing/here"
            && !asks.iter().any(|end| path.ends_with(end))
    };
    let stops = stops.into_iter().filter(|(_, path)| seen(path));
    let named = |(name, path)| -> Stop { (format!("viewer-{name}").leak(), path) };
    let stops: Vec<Stop> = stops.map(named).collect();
    walk_in(&browser, &stops);
}
