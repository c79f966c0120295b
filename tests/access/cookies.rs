//! Cookies, as browsers get them: with TLS, behind a proxy that speaks it, and without.

use espalier::domain::access::Role;
use espalier::domain::secret::Secret;
use rustls::version::TLS13;

use crate::client::{PASSWORD, Server, a_test};
use crate::tls::TlsClient;

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

async fn with_anna(arguments: &[&str]) -> Server {
    let server = Server::start(arguments).await;
    let accounts = server.app.accounts();
    let password = Secret::new(PASSWORD);
    accounts.create_user("anna", Role::Administrator, &password, &a_test()).await.unwrap();
    server
}

/// The value of one of these cookies, by its whole name.
fn value<'a>(cookies: &[&'a str], name: &str) -> &'a str {
    let named = cookies.iter().find_map(|cookie| cookie.strip_prefix(name)?.strip_prefix('='));
    named.and_then(|rest| rest.split(';').next()).unwrap_or_else(|| panic!("{name}: {cookies:?}"))
}

#[track_caller]
fn are_secure(cookies: &[&str]) {
    for cookie in cookies {
        assert_eq!(cookie.matches("; Secure").count(), 1, "{cookie}");
        let own = ["__Host-espalier_", "espalier_theme=", "espalier_flash="];
        assert!(own.iter().any(|name| cookie.starts_with(name)), "{cookie}");
        assert!(cookie.contains("; Path=/") && !cookie.contains("Domain"), "{cookie}");
    }
}

#[tokio::test]
async fn with_tls_every_cookie_is_secure_and_of_this_host_and_one_can_sign_in() {
    let server = with_anna(&["--tls", "self-signed"]).await;
    let mut browser = TlsClient::connect(server.address, &TLS13).await.unwrap();
    let host = "Host: localhost\r\n";
    browser.send(format!("GET /login HTTP/1.1\r\n{host}\r\n").as_bytes()).await;
    let page = browser.answer().await;
    let cookies = page.all("set-cookie");
    are_secure(&cookies);
    let visit = value(&cookies, "__Host-espalier_visit").to_owned();
    let csrf = Secret::new(visit.as_str()).derived("form");
    let body = format!("csrf={}&name=anna&password={}", csrf.expose(), PASSWORD.replace(' ', "+"));
    let request = format!(
        "POST /login HTTP/1.1\r\n{host}Cookie: __Host-espalier_visit={visit}\r\n{}: {}\r\n\
         Content-Length: {}\r\n\r\n{body}",
        FORM.0,
        FORM.1,
        body.len()
    );
    browser.send(request.as_bytes()).await;
    let entered = browser.answer().await;
    assert_eq!((entered.status, entered.header("location")), (303, Some("/")), "{entered:?}");
    let cookies = entered.all("set-cookie");
    are_secure(&cookies);
    let session = value(&cookies, "__Host-espalier_session").to_owned();
    for (name, status) in [("__Host-espalier_session", 200), ("espalier_session", 303)] {
        let request = format!("GET /account HTTP/1.1\r\n{host}Cookie: {name}={session}\r\n\r\n");
        browser.send(request.as_bytes()).await;
        let account = browser.answer().await;
        assert_eq!(account.status, status, "{name}");
        are_secure(&account.all("set-cookie"));
    }
}

#[tokio::test]
async fn behind_a_proxy_cookies_are_as_secure_as_it_says() {
    let server = with_anna(&["--trusted-proxies", "127.0.0.1"]).await;
    for (scheme, prefix) in [("https", "__Host-"), ("http", "")] {
        let forwarded = [("x-forwarded-for", "192.0.2.9"), ("x-forwarded-proto", scheme)];
        let mut browser = server.browser();
        let page = browser.send("GET", "/login", &forwarded, b"").await;
        let name = format!("{prefix}espalier_visit");
        browser.keep(&name, value(&page.all("set-cookie"), &name));
        let csrf = browser.csrf();
        let headers = [forwarded[0], forwarded[1], FORM];
        let body = format!("csrf={csrf}&name=anna&password={}", PASSWORD.replace(' ', "+"));
        let entered = browser.send("POST", "/login", &headers, body.as_bytes()).await;
        let cookies = entered.all("set-cookie");
        let session = value(&cookies, &format!("{prefix}espalier_session")).to_owned();
        if scheme == "https" {
            are_secure(&cookies);
        } else {
            assert!(cookies.iter().all(|cookie| !cookie.contains("Secure")), "{cookies:?}");
        }
        let mut browser = server.browser();
        browser.keep(&format!("{prefix}espalier_session"), &session);
        let body = format!("csrf={}&theme=dark", browser.csrf());
        let themed =
            browser.send("POST", "/settings/theme", &headers, body.as_bytes()).await.is(303);
        let theme = themed.all("set-cookie").join("");
        assert!(theme.contains("espalier_theme=dark"), "{themed:?}");
        assert_eq!(theme.contains("; Secure"), scheme == "https", "{theme}");
    }
}
