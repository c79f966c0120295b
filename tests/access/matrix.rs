//! Every route × everybody. The routes come from the router itself; a new one that is not written
//! down here fails the test.

use std::collections::BTreeMap;

use espalier::domain::access::Role;
use espalier::domain::platform::Admission;
use espalier::domain::secret::Secret;
use espalier::http::access::Face;

use crate::client::{Answer, PASSWORD, Server, a_test};

/// Everybody who tries.
const EVERYBODY: [&str; 11] = [
    "nobody",
    "viewer",
    "editor",
    "administrator",
    "read",
    "upload:chase",
    "upload:*",
    "publish:chase",
    "publish:*",
    "admin",
    "device",
];
const VIEW: &[&str] = &["viewer", "editor", "administrator", "read", "admin"];
const EDIT: &[&str] = &["editor", "administrator", "admin"];
const UPLOAD: &[&str] = &["editor", "administrator", "upload:chase", "upload:*", "admin"];
const PUBLISH: &[&str] = &["editor", "administrator", "publish:chase", "publish:*", "admin"];
const ADMINISTER: &[&str] = &["administrator", "admin"];
/// Everybody's own things: programs have none.
const OWN: &[&str] = &["viewer", "editor", "administrator"];
const ALL: &[&str] = &EVERYBODY;

/// Who gets past the guard of each route.
const MATRIX: &[(&str, &[&str])] = &[
    ("GET /", VIEW),
    ("GET /inbox", VIEW),
    ("POST /inbox", EDIT),
    ("POST /pairing", EDIT),
    ("POST /pairing/undo", EDIT),
    ("GET /decoder", VIEW),
    ("POST /decoder", VIEW),
    ("GET /events", VIEW),
    ("GET /connect", VIEW),
    ("GET /api", VIEW),
    ("GET /settings", VIEW),
    ("POST /settings", ADMINISTER),
    ("POST /settings/theme", ALL),
    ("GET /platforms", VIEW),
    ("POST /platforms", EDIT),
    ("GET /platforms/new", EDIT),
    ("GET /platforms/{name}", VIEW),
    ("GET /platforms/{name}/edit", EDIT),
    ("POST /platforms/{name}/edit", EDIT),
    ("GET /platforms/{name}/delete", ADMINISTER),
    ("POST /platforms/{name}/delete", ADMINISTER),
    ("GET /platforms/{name}/proof", VIEW),
    ("POST /platforms/{name}/proof", EDIT),
    ("GET /platforms/{name}/proof/demand", EDIT),
    ("POST /platforms/{name}/secret", EDIT),
    ("GET /platforms/{name}/secret/old", EDIT),
    ("POST /platforms/{name}/secret/old", EDIT),
    ("GET /releases", VIEW),
    ("POST /releases", UPLOAD),
    ("GET /releases/new", UPLOAD),
    ("GET /releases/{id}", VIEW),
    ("POST /releases/{id}", PUBLISH),
    ("GET /releases/{id}/download", VIEW),
    ("GET /releases/{id}/publish", PUBLISH),
    ("POST /releases/{id}/publish", PUBLISH),
    ("GET /releases/{id}/preview", VIEW),
    ("GET /platforms/{name}/preview", VIEW),
    ("GET /rollouts", VIEW),
    ("GET /rollouts/{id}", VIEW),
    ("POST /rollouts/{id}", PUBLISH),
    ("GET /rollouts/{id}/confirm", PUBLISH),
    ("GET /releases/{id}/withdraw", PUBLISH),
    ("POST /releases/{id}/withdraw", PUBLISH),
    ("GET /releases/{id}/promote", PUBLISH),
    ("POST /releases/{id}/promote", PUBLISH),
    ("GET /releases/{id}/back", PUBLISH),
    ("POST /releases/{id}/back", PUBLISH),
    ("POST /releases/{id}/lift", EDIT),
    ("GET /releases/{id}/record", PUBLISH),
    ("POST /releases/{id}/record", PUBLISH),
    ("GET /releases/{id}/images/{image}/delete", EDIT),
    ("POST /releases/{id}/images/{image}/delete", EDIT),
    ("POST /releases/{id}/notes", EDIT),
    ("GET /releases/{id}/delete", EDIT),
    ("POST /releases/{id}/delete", EDIT),
    ("GET /devices", VIEW),
    ("GET /devices/add", EDIT),
    ("POST /devices/add", EDIT),
    ("GET /devices/{mac}", VIEW),
    ("POST /devices/{mac}/approve", EDIT),
    ("POST /devices/{mac}/ignore", EDIT),
    ("POST /devices/{mac}/block", EDIT),
    ("POST /devices/{mac}/move", EDIT),
    ("POST /devices/{mac}/rename", EDIT),
    ("POST /devices/{mac}/retry", EDIT),
    ("POST /devices/{mac}/hold", EDIT),
    ("POST /devices/{mac}/chip", EDIT),
    ("POST /devices/{mac}/verifies", EDIT),
    ("GET /devices/{mac}/secret", VIEW),
    ("POST /devices/{mac}/secret", EDIT),
    ("GET /devices/{mac}/secret/old", EDIT),
    ("POST /devices/{mac}/secret/old", EDIT),
    ("GET /devices/{mac}/delete", EDIT),
    ("POST /devices/{mac}/delete", EDIT),
    ("POST /devices/{mac}/updates", EDIT),
    ("GET /devices/{mac}/preview", VIEW),
    ("POST /devices/several", EDIT),
    ("GET /groups", VIEW),
    ("POST /groups", EDIT),
    ("POST /groups/{id}", EDIT),
    ("GET /groups/{id}/preview", VIEW),
    ("GET /groups/{id}/delete", EDIT),
    ("POST /groups/{id}/delete", EDIT),
    ("GET /login", ALL),
    ("POST /login", ALL),
    ("POST /login/code", ALL),
    ("GET /setup", ALL),
    ("POST /setup", ALL),
    ("POST /logout", OWN),
    ("GET /account", OWN),
    ("POST /account/password", OWN),
    ("POST /account/sessions", OWN),
    ("POST /account/sessions/all", OWN),
    ("GET /account/codes", OWN),
    ("POST /account/codes", OWN),
    ("POST /account/codes/off", OWN),
    ("GET /audit", ADMINISTER),
    ("GET /audit.csv", ADMINISTER),
    ("GET /settings/users", ADMINISTER),
    ("POST /settings/users", ADMINISTER),
    ("POST /settings/users/{name}/role", ADMINISTER),
    ("POST /settings/users/{name}/password", ADMINISTER),
    ("GET /settings/users/{name}/remove", ADMINISTER),
    ("POST /settings/users/{name}/remove", ADMINISTER),
    ("GET /settings/tokens", ADMINISTER),
    ("POST /settings/tokens", ADMINISTER),
    ("GET /settings/tokens/{id}/revoke", ADMINISTER),
    ("POST /settings/tokens/{id}/revoke", ADMINISTER),
    ("GET /api/v1/openapi.json", ALL),
    ("GET /api/v1/platforms", VIEW),
    ("POST /api/v1/platforms", EDIT),
    ("GET /api/v1/platforms/{name}", VIEW),
    ("PATCH /api/v1/platforms/{name}", EDIT),
    ("DELETE /api/v1/platforms/{name}", ADMINISTER),
    ("POST /api/v1/platforms/{name}/secret", EDIT),
    ("DELETE /api/v1/platforms/{name}/secret/old", EDIT),
    ("GET /api/v1/platforms/{name}/devices", VIEW),
    ("POST /api/v1/platforms/{name}/devices", EDIT),
    ("GET /api/v1/devices", VIEW),
    ("GET /api/v1/devices/{mac}", VIEW),
    ("PATCH /api/v1/devices/{mac}", EDIT),
    ("DELETE /api/v1/devices/{mac}", EDIT),
    ("POST /api/v1/devices/{mac}/secret", EDIT),
    ("DELETE /api/v1/devices/{mac}/secret/old", EDIT),
    ("GET /api/v1/devices/{mac}/decision", VIEW),
    ("GET /api/v1/releases", VIEW),
    ("POST /api/v1/releases", UPLOAD),
    ("GET /api/v1/releases/{id}", VIEW),
    ("PATCH /api/v1/releases/{id}", PUBLISH),
    ("DELETE /api/v1/releases/{id}", EDIT),
    ("GET /api/v1/releases/{id}/report", VIEW),
    ("DELETE /api/v1/releases/{id}/images/{image}", EDIT),
    ("GET /api/v1/releases/{id}/preview", VIEW),
    ("POST /api/v1/releases/{id}/preview", VIEW),
    ("GET /api/v1/platforms/{name}/preview", VIEW),
    ("POST /api/v1/platforms/{name}/preview", VIEW),
    ("GET /api/v1/releases/{id}/preview/devices", VIEW),
    ("POST /api/v1/releases/{id}/preview/devices", VIEW),
    ("GET /api/v1/platforms/{name}/preview/devices", VIEW),
    ("POST /api/v1/platforms/{name}/preview/devices", VIEW),
    ("GET /api/v1/rollouts", VIEW),
    ("GET /api/v1/rollouts/{id}", VIEW),
    ("PATCH /api/v1/rollouts/{id}", PUBLISH),
    ("POST /api/v1/releases/{id}/back", PUBLISH),
    ("GET /api/v1/groups", VIEW),
    ("POST /api/v1/groups", EDIT),
    ("GET /api/v1/groups/{name}", VIEW),
    ("PATCH /api/v1/groups/{name}", EDIT),
    ("DELETE /api/v1/groups/{name}", EDIT),
    ("GET /api/v1/events", VIEW),
    ("GET /api/v1/audit", ADMINISTER),
    ("GET /api/v1/pairing", VIEW),
    ("PATCH /api/v1/pairing", EDIT),
    ("GET /api/v1/decoder", VIEW),
    ("GET /api/v1/tokens", ADMINISTER),
    ("POST /api/v1/tokens", ADMINISTER),
    ("DELETE /api/v1/tokens/{id}", ADMINISTER),
    ("GET /api/v1/users", ADMINISTER),
    ("* /update", ALL),
    ("GET /_catalog", ALL),
    ("GET /_catalog/", ALL),
    ("* /k/{secret}", ALL),
    ("* /k/{secret}/", ALL),
    ("* /k/{secret}/{*path}", ALL),
    ("GET /healthz", ALL),
    ("GET /readyz", ALL),
    ("GET /static/{file}", ALL),
    ("GET /favicon.ico", ALL),
];

/// What the guard did.
#[derive(Debug, PartialEq, Eq)]
enum Guard {
    LetPass,
    /// A page: sign in first.
    ToLogin,
    /// The API: who are you?
    Unknown,
    /// Known, but not allowed.
    Forbidden,
    /// A device was answered as a device, whatever it asked for.
    AsDevice,
}

fn seen(answer: &Answer) -> Guard {
    let location = answer.header("location").unwrap_or_default();
    match answer.status {
        _ if answer.body.starts_with("Error: ") => Guard::AsDevice,
        401 => Guard::Unknown,
        403 => Guard::Forbidden,
        303 if location.starts_with("/login")
            && !answer
                .all("set-cookie")
                .iter()
                .any(|cookie| cookie.starts_with("espalier_flash")) =>
        {
            Guard::ToLogin
        }
        _ => Guard::LetPass,
    }
}

fn expected(face: Face, route: &str, who: &str, let_in: &[&str]) -> Guard {
    let for_devices =
        route.ends_with("/update") || route.contains("/_catalog") || route.contains("{secret}");
    let probe = route.ends_with("/healthz") || route.ends_with("/readyz");
    let program = who == "read" || who == "admin" || who.contains(':');
    if who == "device" {
        return match () {
            () if probe || route.contains("/_catalog") => Guard::LetPass,
            () => Guard::AsDevice,
        };
    }
    if for_devices {
        // A browser or program is no device: no MAC address.
        return if route.contains("/_catalog") { Guard::LetPass } else { Guard::AsDevice };
    }
    if route == "GET /setup" {
        // There is an administrator already.
        return Guard::ToLogin;
    }
    let anybody = let_in.contains(&"nobody");
    match face {
        // Pages are for people: a token is nobody there.
        Face::Page if program || who == "nobody" => {
            if anybody {
                Guard::LetPass
            } else {
                Guard::ToLogin
            }
        }
        _ if let_in.contains(&who) => Guard::LetPass,
        Face::Program if who == "nobody" => Guard::Unknown,
        Face::Page | Face::Program => Guard::Forbidden,
    }
}

#[tokio::test]
async fn every_route_as_everybody() {
    // One more administrator, so that none of them is the last one.
    let users = [
        ("keeper", Role::Administrator),
        ("administrator", Role::Administrator),
        ("editor", Role::Editor),
        ("viewer", Role::Viewer),
    ];
    let server = Server::with(&users).await;
    server.app.create_platform("chase", "", Admission::Approved, &a_test()).await.unwrap();
    let mut tokens = BTreeMap::new();
    for scopes in
        EVERYBODY.iter().filter(|who| **who == "read" || **who == "admin" || who.contains(':'))
    {
        tokens.insert(*scopes, server.token(scopes).await);
    }
    let matrix: BTreeMap<&str, &[&str]> = MATRIX.iter().copied().collect();
    let (mut wrong, mut known) = (Vec::new(), Vec::new());
    for (face, route) in espalier::http::table() {
        let method = route.method.as_ref().map_or("*", |method| method.as_str());
        let name = format!("{method} {}", route.path);
        let Some(let_in) = matrix.get(name.as_str()) else {
            wrong.push(format!("{name} is new: who may use it?"));
            continue;
        };
        known.push(name.clone());
        let path = concrete(route.path);
        let methods = match method {
            "*" => vec!["GET", "POST", "HEAD"],
            "GET" => vec!["GET", "HEAD"],
            method => vec![method],
        };
        for method in methods {
            for who in EVERYBODY {
                let answer = request(&server, &tokens, who, method, &path).await;
                let (seen, expected) = (seen(&answer), expected(face, &name, who, let_in));
                let bodiless = method == "HEAD" && expected == Guard::AsDevice;
                if seen != expected && !bodiless {
                    wrong.push(format!(
                        "{who}: {method} {path} → {} {seen:?}, not {expected:?}",
                        answer.status
                    ));
                }
                if answer.status >= 500 {
                    wrong.push(format!("{who}: {method} {path} → {}", answer.status));
                }
            }
        }
    }
    for (name, _) in MATRIX {
        if !known.iter().any(|known| known == name) {
            wrong.push(format!("{name} is not there any more"));
        }
    }
    assert!(wrong.is_empty(), "{} things are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// A path in which nothing is that could be harmed.
fn concrete(path: &str) -> String {
    if path.starts_with("/_catalog") {
        return format!("{path}?op=list&path=");
    }
    path.replace("{name}", "nowhere")
        .replace("{id}", "999")
        .replace("{mac}", "18fe34000009")
        .replace("{file}", "nothing.css")
        .replace("{secret}", "a-secret")
        .replace("{*path}", "update")
}

async fn request(
    server: &Server,
    tokens: &BTreeMap<&str, String>,
    who: &str,
    method: &str,
    path: &str,
) -> Answer {
    let mut headers: Vec<(&str, String)> = Vec::new();
    let browser = match who {
        "viewer" | "editor" | "administrator" => server.signed_in(who).await,
        "nobody" => {
            let mut browser = server.browser();
            browser.keep("espalier_visit", &"0".repeat(64));
            browser
        }
        "device" => {
            headers.push(("user-agent", "ESP8266-http-Update".to_owned()));
            headers.push(("x-esp8266-sta-mac", "18:FE:34:00:00:01".to_owned()));
            server.browser()
        }
        scopes => {
            headers.push(("authorization", format!("Bearer {}", tokens[scopes])));
            let mut browser = server.browser();
            browser.keep("espalier_visit", &"0".repeat(64));
            browser
        }
    };
    let body = if matches!(method, "POST" | "PATCH") {
        // What is sent is complete for the guard, and nothing for the handler.
        let kind = "application/x-www-form-urlencoded".to_owned();
        headers.push(("content-type", kind));
        headers.push(("sec-fetch-site", "same-origin".to_owned()));
        format!("csrf={}", browser.csrf())
    } else {
        if method == "DELETE" {
            headers.push(("sec-fetch-site", "same-origin".to_owned()));
        }
        String::new()
    };
    let headers: Vec<(&str, &str)> =
        headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    browser.send(method, path, &headers, body.as_bytes()).await
}

#[tokio::test]
async fn what_is_at_no_address_is_not_told_to_strangers_either() {
    let server = Server::with_anna().await;
    let page = [("accept", "text/html")];
    let answer = server.browser().send("GET", "/nothing/here", &page, b"").await.is(404);
    assert!(!answer.body.contains("href=\"/devices\""), "no menu for strangers: {answer:?}");
    let answer = server.signed_in("anna").await.send("GET", "/nothing/here", &page, b"").await;
    answer.is(404).says("href=\"/devices\"");
}

/// Addresses of the main port that only devices may ask for, and of the device port.
#[tokio::test]
async fn beside_the_routes_there_is_nothing() {
    let server = Server::with_anna().await;
    let token = server.token("admin").await;
    let bearer = format!("Bearer {token}");
    let device =
        [("user-agent", "ESP8266-http-Update"), ("x-esp8266-sta-mac", "18:FE:34:00:00:01")];
    for path in ["/nothing", "/x.bin", "/chase/x.bin", "/any/path", "/api/v1/nothing", "/api/"] {
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
            let stranger = server.browser().send(method, path, &[], b"").await;
            assert!((400..500).contains(&stranger.status), "{method} {path} {stranger:?}");
            let program = [("authorization", bearer.as_str())];
            let program = server.browser().send(method, path, &program, b"").await;
            assert!((400..500).contains(&program.status), "{method} {path} {program:?}");
            let polls = server.browser().send(method, path, &device, b"").await;
            assert!(polls.status >= 400, "nobody knows it: {method} {path} {polls:?}");
        }
    }
}

#[tokio::test]
async fn on_the_device_port_there_are_devices_alone() {
    let server = Server::start(&["--device-port", "0"]).await;
    let anna = Secret::new(PASSWORD);
    let accounts = server.app.accounts();
    accounts.create_user("anna", Role::Administrator, &anna, &a_test()).await.unwrap();
    let port = server.addresses[1];
    let bearer = format!("Bearer {}", server.token("admin").await);
    for (_, route) in espalier::http::table() {
        let method = route.method.as_ref().map_or("GET", |method| method.as_str());
        let path = concrete(route.path);
        let for_devices = path == "/update"
            || path == "/healthz"
            || path.starts_with("/_catalog")
            || path.starts_with("/k/");
        let browser = server.signed_in("anna").await.at_port(port);
        let headers = [("authorization", bearer.as_str())];
        let answer = browser.send(method, &path, &headers, b"").await;
        if !for_devices {
            assert_eq!(
                (answer.status, answer.body.as_str()),
                match method {
                    "HEAD" => (404, ""),
                    _ => (404, "There is nothing at this address.\n"),
                },
                "{method} {path}"
            );
        }
        assert!(answer.all("set-cookie").is_empty(), "{method} {path}");
    }
}
