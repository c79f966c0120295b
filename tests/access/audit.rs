//! The audit log: every route that changes something, and what is written down of it. The routes
//! come from the router itself; a new one that is not written down here fails the test.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use espalier::app::{PlanWish, Uploaded, Wishes};
use espalier::domain::access::Role;
use espalier::domain::actor::{Actor, ActorKind};
use espalier::domain::audit::Entry;
use espalier::domain::event::Kind;
use espalier::domain::platform::Admission;
use espalier::domain::policy::Channel;
use espalier::domain::release::Question;
use espalier::domain::secret::Secret;
use espalier::domain::totp::Key;
use espalier::store::AuditFilter;

use crate::client::{Answer, Browser, PASSWORD, Server, a_test};
use crate::image::Firmware;

/// From where everybody changes things here.
const DESK: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 7);
const NEW_PASSWORD: &str = "a brand new password";
/// Approved for chase, called Attic.
const ATTIC: &str = "18:fe:34:00:00:01";
/// They wait in the inbox.
const WAIT: [&str; 3] = ["18:fe:34:00:00:02", "18:fe:34:00:00:03", "18:fe:34:00:00:04"];

/// What a route is sent.
enum Sent {
    /// By anna, signed in.
    Form(&'static [(&'static str, &'static str)]),
    /// By a program with a token.
    Json(&'static str),
    /// A file.
    Upload,
    /// By somebody who has not signed in.
    Stranger(&'static [(&'static str, &'static str)]),
}

use Sent::{Form, Json, Stranger, Upload};

/// Each route that changes something, where it is tried, what it is sent, and the changes that
/// are written down. They are tried one after the other on the same server; see [`Scene::for_`].
const CHANGES: &[(&str, &str, Sent, &[&str])] = &[
    ("POST /settings", "/settings", Form(&SETTINGS), &["settings"]),
    // A cookie of this browser, which is nobody else's business.
    ("POST /settings/theme", "/settings/theme", Form(&[("theme", "dark")]), &[]),
    (
        "POST /platforms",
        "/platforms",
        Form(&[("name", "fresh"), ("admission", "approved")]),
        &["platform_created"],
    ),
    (
        "POST /platforms/{name}/edit",
        "/platforms/chase/edit",
        Form(&[("name", "chase"), ("description", "lights"), ("admission", "approved")]),
        &["platform_edited"],
    ),
    ("POST /releases", "/releases", Upload, &["uploaded"]),
    (
        "POST /releases/{id}",
        "/releases/{draft}",
        Form(&[("action", "save"), ("notes", "soon")]),
        &["release_edited"],
    ),
    ("POST /releases/{id}/lift", "/releases/{release}/lift", Form(&[]), &["lifted"]),
    (
        "POST /releases/{id}/record",
        "/releases/{release}/record",
        Form(&[("version", "v1.0.9")]),
        &["release_edited"],
    ),
    (
        "POST /releases/{id}/notes",
        "/releases/{release}/notes",
        Form(&[("notes", "quieter")]),
        &["release_edited"],
    ),
    ("POST /releases/{id}/publish", "/releases/{withdrawn}/publish", Form(&[]), &["published"]),
    // Nothing is changed by looking ahead.
    ("POST /api/v1/releases/{id}/preview", "/api/v1/releases/{release}/preview", Json("{}"), &[]),
    ("POST /api/v1/platforms/{name}/preview", "/api/v1/platforms/chase/preview", Json("{}"), &[]),
    (
        "POST /api/v1/releases/{id}/preview/devices",
        "/api/v1/releases/{release}/preview/devices",
        Json("{}"),
        &[],
    ),
    (
        "POST /api/v1/platforms/{name}/preview/devices",
        "/api/v1/platforms/chase/preview/devices",
        Json("{}"),
        &[],
    ),
    ("POST /groups", "/groups", Form(&[("name", "Garden")]), &["grouped"]),
    ("POST /groups/{id}", "/groups/1", Form(&[("name", "Orchard")]), &["grouped"]),
    ("POST /groups/{id}/delete", "/groups/1/delete", Form(&[]), &["grouped"]),
    (
        "POST /devices/several",
        "/devices/several",
        Form(&[("mac", "18fe34000001"), ("action", "beta"), ("sure", "yes")]),
        &["device_edited"],
    ),
    (
        "POST /devices/{mac}/updates",
        "/devices/18fe34000001/updates",
        Form(&[
            ("channel", "stable"),
            ("pinned", ""),
            ("updates", "on"),
            ("groups", ""),
            ("sure", "yes"),
        ]),
        &["device_edited"],
    ),
    (
        "POST /rollouts/{id}",
        "/rollouts/{rollout}",
        Form(&[("action", "pause")]),
        &["rollout_changed"],
    ),
    ("POST /releases/{id}/promote", "/releases/{beta}/promote", Form(&[]), &["release_edited"]),
    ("POST /releases/{id}/back", "/releases/{release}/back", Form(&[]), &["withdrawn"]),
    (
        "POST /pairing",
        "/pairing",
        Form(&[("platform", "gate"), ("change", "open"), ("minutes", "5")]),
        &["pairing"],
    ),
    ("POST /decoder", "/decoder", Form(&[("log", "-104")]), &[]),
    (
        "POST /platforms/{name}/proof",
        "/platforms/gate/proof",
        Form(&[("proof", "shared")]),
        &["platform_edited"],
    ),
    ("POST /platforms/{name}/secret", "/platforms/gate/secret", Form(&[]), &["secret_made"]),
    ("POST /devices/{mac}/secret", "/devices/18fe34000001/secret", Form(&[]), &["secret_made"]),
    (
        "POST /inbox",
        "/inbox",
        Form(&[("mac", WAIT[0]), ("action", "approve"), ("platform", "chase")]),
        &["approved"],
    ),
    (
        "POST /devices/add",
        "/devices/add",
        Form(&[("platform", "chase"), ("devices", "18fe34000009 Hall")]),
        &["approved"],
    ),
    (
        "POST /devices/{mac}/approve",
        "/devices/18fe34000003/approve",
        Form(&[("platform", "chase")]),
        &["approved"],
    ),
    ("POST /pairing/undo", "/pairing/undo", Form(&[("mac", "18fe34000003")]), &["device_edited"]),
    ("POST /devices/{mac}/ignore", "/devices/18fe34000004/ignore", Form(&[]), &["ignored"]),
    (
        "POST /devices/{mac}/rename",
        "/devices/18fe34000001/rename",
        Form(&[("name", "Cellar")]),
        &["device_edited"],
    ),
    ("POST /devices/{mac}/retry", "/devices/18fe34000001/retry", Form(&[]), &["lifted"]),
    (
        "POST /devices/{mac}/hold",
        "/devices/18fe34000001/hold",
        Form(&[("release", "{release}")]),
        &["held"],
    ),
    (
        "POST /devices/{mac}/chip",
        "/devices/18fe34000001/chip",
        Form(&[("chip", "ESP32-C3")]),
        &["device_edited"],
    ),
    (
        "POST /devices/{mac}/verifies",
        "/devices/18fe34000001/verifies",
        Form(&[("verifies", "yes")]),
        &["device_edited"],
    ),
    (
        "POST /devices/{mac}/move",
        "/devices/18fe34000001/move",
        Form(&[("platform", "gate")]),
        &["approved"],
    ),
    ("POST /devices/{mac}/block", "/devices/18fe34000001/block", Form(&[]), &["blocked"]),
    ("POST /devices/{mac}/delete", "/devices/18fe34000001/delete", Form(&[]), &["device_removed"]),
    (
        "POST /releases/{id}/images/{image}/delete",
        "/releases/{release}/images/{image}/delete",
        Form(&[]),
        &["release_edited"],
    ),
    ("POST /releases/{id}/withdraw", "/releases/{release}/withdraw", Form(&[]), &["withdrawn"]),
    ("POST /releases/{id}/delete", "/releases/{draft}/delete", Form(&[]), &["release_deleted"]),
    ("POST /platforms/{name}/delete", "/platforms/chase/delete", Form(&[]), &["platform_deleted"]),
    (
        "POST /settings/users",
        "/settings/users",
        Form(&[("name", "carl"), ("role", "viewer"), ("password", NEW_PASSWORD)]),
        &["user_created"],
    ),
    (
        "POST /settings/users/{name}/role",
        "/settings/users/bert/role",
        Form(&[("role", "editor")]),
        &["user_edited"],
    ),
    (
        "POST /settings/users/{name}/password",
        "/settings/users/bert/password",
        Form(&[("password", NEW_PASSWORD)]),
        &["password_changed"],
    ),
    (
        "POST /settings/users/{name}/remove",
        "/settings/users/bert/remove",
        Form(&[]),
        &["user_removed"],
    ),
    (
        "POST /settings/tokens",
        "/settings/tokens",
        Form(&[("name", "ci"), ("read", "yes"), ("days", "30")]),
        &["token_created"],
    ),
    (
        "POST /settings/tokens/{id}/revoke",
        "/settings/tokens/1/revoke",
        Form(&[]),
        &["token_revoked"],
    ),
    (
        "POST /login",
        "/login",
        Stranger(&[("name", "anna"), ("password", PASSWORD)]),
        &["signed_in"],
    ),
    ("POST /account/sessions", "/account/sessions", Form(&[("id", "{session}")]), &["signed_out"]),
    (
        "POST /account/codes",
        "/account/codes",
        Form(&[("key", "{key}"), ("code", "{code}"), ("password", PASSWORD)]),
        &["two_factor"],
    ),
    (
        "POST /account/codes/off",
        "/account/codes/off",
        Form(&[("password", PASSWORD)]),
        &["two_factor"],
    ),
    (
        "POST /account/password",
        "/account/password",
        Form(&[("current", PASSWORD), ("password", NEW_PASSWORD), ("again", NEW_PASSWORD)]),
        &["password_changed"],
    ),
    ("POST /logout", "/logout", Form(&[]), &["signed_out"]),
    ("POST /account/sessions/all", "/account/sessions/all", Form(&[]), &["signed_out"]),
    (
        "POST /login/code",
        "/login/code",
        Stranger(&[("ticket", "{ticket}"), ("code", "{code}")]),
        &["signed_in"],
    ),
    // Whoever sets the server up is signed in at once.
    (
        "POST /setup",
        "/setup",
        Stranger(&[
            ("code", "{setup}"),
            ("name", "anna"),
            ("password", NEW_PASSWORD),
            ("again", NEW_PASSWORD),
        ]),
        &["signed_in", "user_created"],
    ),
    (
        "POST /api/v1/platforms",
        "/api/v1/platforms",
        Json(r#"{"name": "fresh"}"#),
        &["platform_created"],
    ),
    (
        "PATCH /api/v1/platforms/{name}",
        "/api/v1/platforms/chase",
        Json(r#"{"admission": "any", "proof": "shared"}"#),
        &["platform_edited"],
    ),
    (
        "POST /api/v1/platforms/{name}/secret",
        "/api/v1/platforms/chase/secret",
        Json("{}"),
        &["secret_made"],
    ),
    ("POST /api/v1/groups", "/api/v1/groups", Json(r#"{"name": "Hall"}"#), &["grouped"]),
    (
        "PATCH /api/v1/groups/{name}",
        "/api/v1/groups/Hall",
        Json(r#"{"quiet_hours": "22:00-06:00"}"#),
        &["grouped"],
    ),
    ("DELETE /api/v1/groups/{name}", "/api/v1/groups/Hall", Json(""), &["grouped"]),
    (
        "PATCH /api/v1/rollouts/{id}",
        "/api/v1/rollouts/{rollout}",
        Json(r#"{"action": "pause"}"#),
        &["rollout_changed"],
    ),
    (
        "PATCH /api/v1/releases/{id}",
        "/api/v1/releases/{beta}",
        Json(r#"{"channel": "stable"}"#),
        &["release_edited"],
    ),
    (
        "POST /api/v1/releases/{id}/back",
        "/api/v1/releases/{release}/back",
        Json("{}"),
        &["withdrawn"],
    ),
    (
        "POST /api/v1/platforms/{name}/devices",
        "/api/v1/platforms/chase/devices",
        Json(r#"{"mac": "18fe34000009"}"#),
        &["approved"],
    ),
    ("PATCH /api/v1/pairing", "/api/v1/pairing", Json(r#"{"minutes": 5}"#), &["pairing"]),
    (
        "POST /api/v1/devices/{mac}/secret",
        "/api/v1/devices/18fe34000001/secret",
        Json("{}"),
        &["secret_made"],
    ),
    (
        "PATCH /api/v1/devices/{mac}",
        "/api/v1/devices/18fe34000001",
        Json(r#"{"name": "Cellar"}"#),
        &["device_edited"],
    ),
    ("DELETE /api/v1/devices/{mac}", "/api/v1/devices/18fe34000001", Json(""), &["device_removed"]),
    ("POST /api/v1/releases", "/api/v1/releases", Upload, &["uploaded"]),
    (
        "DELETE /api/v1/releases/{id}/images/{image}",
        "/api/v1/releases/{release}/images/{image}",
        Json(""),
        &["release_edited"],
    ),
    (
        "PATCH /api/v1/releases/{id}",
        "/api/v1/releases/{release}",
        Json(r#"{"state": "withdrawn"}"#),
        &["withdrawn"],
    ),
    ("DELETE /api/v1/releases/{id}", "/api/v1/releases/{release}", Json(""), &["release_deleted"]),
    ("DELETE /api/v1/platforms/{name}", "/api/v1/platforms/chase", Json(""), &["platform_deleted"]),
    (
        "POST /api/v1/tokens",
        "/api/v1/tokens",
        Json(r#"{"name": "ci", "scopes": ["read"]}"#),
        &["token_created"],
    ),
    ("DELETE /api/v1/tokens/{id}", "/api/v1/tokens/1", Json(""), &["token_revoked"]),
];

const SETTINGS: [(&str, &str); 9] = [
    ("public_url", "http://anna:hunter22@pi.lan:8000"),
    ("time_zone", "UTC"),
    ("retention_days", "90"),
    ("audit_days", "30"),
    ("pending_answer", "refuse"),
    ("pending_limit", "500"),
    ("attempt_limit", "3"),
    ("aborted_limit", "10"),
    ("retry_minutes", "0, 15, 120, 720"),
];

/// A server with a little of everything, and those who change it.
pub struct Scene {
    pub server: Server,
    pub anna: Browser,
    token: String,
    /// What stands for itself in paths and forms: `{release}`, `{ticket}` …
    places: Vec<(&'static str, String)>,
}

impl Scene {
    async fn bare() -> Self {
        let server = Server::start(&[]).await;
        let setup = server.app.accounts().setup_code().unwrap().expose().to_owned();
        let (anna, token) = (server.browser_at(DESK), String::new());
        Self { server, anna, token, places: vec![("{setup}", setup)] }
    }

    pub async fn new() -> Self {
        let users = [("anna", Role::Administrator), ("bert", Role::Viewer)];
        let server = Server::with(&users).await;
        for name in ["chase", "gate"] {
            server.app.create_platform(name, "", Admission::Approved, &a_test()).await.unwrap();
        }
        let token = server.token("admin").await;
        let spare = server.token("read").await;
        let one = Firmware::esp8266().of("chase", "v1.1.0");
        let release = upload(&server, &one, true).await;
        upload(&server, &Firmware::esp32().of("chase", "v1.1.0"), true).await;
        let withdrawn = upload(&server, &Firmware::esp8266().of("chase", "v1.2.0"), true).await;
        let draft = upload(&server, &Firmware::esp8266().of("chase", "v1.3.0"), false).await;
        let beta = upload(&server, &Firmware::esp8266().of("chase", "v1.4.0"), true).await;
        server.app.set_channel(beta, Channel::Beta, &a_test()).await.unwrap();
        let rollout = roll_out(&server, &Firmware::esp8266().of("gate", "v1.0.0")).await;
        let json = format!(r#"{{"mac": "{ATTIC}", "name": "Attic"}}"#);
        server.ask(&token, "POST", "/api/v1/platforms/chase/devices", &json).await.is(201);
        let path = format!("/api/v1/releases/{withdrawn}");
        server.ask(&token, "PATCH", &path, r#"{"state": "withdrawn"}"#).await.is(200);
        for mac in WAIT {
            polls(&server, mac, "v1.0.0").await;
        }
        let kept = server.app.store().release(release).await.unwrap().unwrap();
        let image = kept.others[0].id;
        server.signed_in("anna").await;
        let other = server.app.accounts().sessions(1).await.unwrap()[0].id;
        let key = Key::new([7; 20]);
        let code = key.code(server.app.now());
        let anna = server.signed_in("anna").await.at(DESK);
        let places = vec![
            ("{release}", release.to_string()),
            ("{beta}", beta.to_string()),
            ("{rollout}", rollout.to_string()),
            ("{image}", image.to_string()),
            ("{withdrawn}", withdrawn.to_string()),
            ("{draft}", draft.to_string()),
            ("{session}", other.to_string()),
            ("{key}", key.text().to_owned()),
            ("{code}", code),
            ("{spare}", spare),
        ];
        Self { server, anna, token, places }
    }

    /// The same server, or a fresh one where the route needs what those before have taken away.
    async fn for_(self, route: &str) -> Self {
        match route {
            "POST /setup" => Self::bare().await,
            "POST /login/code" => Self::new().await.with_codes().await,
            "POST /releases/{id}/record" => {
                let id = self.filled("{release}").parse().unwrap();
                misnamed(&self.server, id).await;
                self
            }
            "POST /account/sessions/all" | "POST /api/v1/platforms" => Self::new().await,
            _ => self,
        }
    }

    /// For routes that need one-time codes to be on already.
    async fn with_codes(mut self) -> Self {
        let accounts = self.server.app.accounts();
        let (key, now) = (Key::new([7; 20]), self.server.app.now());
        let password = Secret::new(PASSWORD);
        self.server.signed_in("anna").await;
        let session = accounts.sessions(1).await.unwrap().remove(0);
        accounts.enrol(&session, &password, &key, &key.code(now), &a_test()).await.unwrap();
        self.server.clock.advance(60);
        let mut stranger = self.server.browser();
        let page = stranger.signs_in("anna", PASSWORD).await.is(200).body;
        let ticket = page.split("name=\"ticket\" value=\"").nth(1).unwrap();
        self.places.retain(|(place, _)| *place != "{code}");
        self.places.push(("{ticket}", ticket.split('"').next().unwrap().to_owned()));
        self.places.push(("{code}", key.code(self.server.app.now())));
        self
    }

    pub fn filled(&self, text: &str) -> String {
        let fill = |text: String, (place, value): &(&str, String)| text.replace(place, value);
        self.places.iter().fold(text.to_owned(), fill)
    }

    async fn entries(&self) -> Vec<Entry> {
        let all = AuditFilter { limit: 1000, ..AuditFilter::default() };
        self.server.app.store().audit(&all).await.unwrap()
    }

    async fn send(&mut self, route: &str, path: &str, sent: &Sent) -> Answer {
        let method = route.split(' ').next().unwrap();
        let path = self.filled(path);
        match sent {
            Form(fields) => {
                let fields = self.all_filled(fields);
                let fields: Vec<_> =
                    fields.iter().map(|(name, text)| (*name, text.as_str())).collect();
                self.anna.post(&path, &fields).await
            }
            Stranger(fields) => {
                let fields = self.all_filled(fields);
                let fields: Vec<_> =
                    fields.iter().map(|(name, text)| (*name, text.as_str())).collect();
                let mut stranger = self.server.browser_at(DESK);
                stranger.get(if path == "/setup" { "/setup" } else { "/login" }).await;
                stranger.post(&path, &fields).await
            }
            Json(json) => {
                let authorization = format!("Bearer {}", self.token);
                let headers = [
                    ("authorization", authorization.as_str()),
                    ("content-type", "application/json"),
                ];
                let program = self.server.browser_at(DESK);
                program.send(method, &path, &headers, json.as_bytes()).await
            }
            Upload => self.uploads(&path).await,
        }
    }

    fn all_filled<'a>(&self, fields: &[(&'a str, &str)]) -> Vec<(&'a str, String)> {
        fields.iter().map(|(name, text)| (*name, self.filled(text))).collect()
    }

    /// A file by a form of a page or of the API.
    async fn uploads(&self, path: &str) -> Answer {
        let (csrf, authorization) = (self.anna.csrf(), format!("Bearer {}", self.token));
        let mut body = format!(
            "--cut\r\ncontent-disposition: form-data; name=\"csrf\"\r\n\r\n{csrf}\r\n--cut\r\n\
             content-disposition: form-data; name=\"file\"; filename=\"new.bin\"\r\n\r\n"
        );
        if path.starts_with("/api/") {
            body = body
                .split_once("--cut\r\n")
                .unwrap()
                .1
                .split_once("--cut\r\n")
                .unwrap()
                .1
                .to_owned();
            body.insert_str(0, "--cut\r\n");
        }
        let mut body = body.into_bytes();
        body.extend(Firmware::esp8266().of("chase", "v2.0.0").build());
        body.extend(b"\r\n--cut--\r\n");
        let kind = ("content-type", "multipart/form-data; boundary=cut");
        if path.starts_with("/api/") {
            let headers = [kind, ("authorization", authorization.as_str())];
            return self.server.browser_at(DESK).send("POST", path, &headers, &body).await;
        }
        self.anna.send("POST", path, &[kind], &body).await
    }
}

pub async fn upload(server: &Server, firmware: &Firmware, publish: bool) -> i64 {
    let mut receiving = server.app.receive("firmware.bin").await.unwrap();
    receiving.write(&firmware.build()).await.unwrap();
    let accepted = receiving.finish().await.unwrap();
    let accept = Question::acceptable_codes().map(str::to_owned).collect();
    let wishes = Wishes { publish, accept, ..Wishes::default() };
    match server.app.accept(accepted, &wishes, &a_test()).await.unwrap() {
        Uploaded::Published(release, _) | Uploaded::Draft(release, _) => release.id,
        other => panic!("{other:?}"),
    }
}

/// Publishes a firmware by a rollout that begins in a year; the number of that.
async fn roll_out(server: &Server, firmware: &Firmware) -> i64 {
    let mut receiving = server.app.receive("firmware.bin").await.unwrap();
    receiving.write(&firmware.build()).await.unwrap();
    let accepted = receiving.finish().await.unwrap();
    let starts_at = Some(server.app.now() + 300 * 86_400);
    let plan = PlanWish { stages: "50%".to_owned(), starts_at, ..PlanWish::default() };
    let wishes = Wishes { publish: true, plan: Some(plan), ..Wishes::default() };
    server.app.accept(accepted, &wishes, &a_test()).await.unwrap();
    server.app.store().rollouts(true, None).await.unwrap()[0].id
}

/// An ESP8266 asks and takes what it is given; the status.
pub async fn polls(server: &Server, mac: &str, version: &str) -> u16 {
    polls_running(server, mac, version, "").await
}

/// A device that runs the file of this release and says v1.0.9.
pub async fn misnamed(server: &Server, release: i64) {
    const SHED: &str = "18:fe:34:00:00:61";
    let token = server.token("admin").await;
    let json = format!(r#"{{"mac": "{SHED}", "name": "Shed"}}"#);
    server.ask(&token, "POST", "/api/v1/platforms/chase/devices", &json).await.is(201);
    let release = server.app.store().release(release).await.unwrap().unwrap();
    polls_running(server, SHED, "v1.0.9", &release.image.md5.to_string()).await;
}

async fn polls_running(server: &Server, mac: &str, version: &str, md5: &str) -> u16 {
    let headers = [
        ("user-agent", "ESP8266-http-Update"),
        ("x-esp8266-sta-mac", mac),
        ("x-esp8266-free-space", "2097152"),
        ("x-esp8266-sketch-size", "300000"),
        ("x-esp8266-sketch-md5", md5),
        ("x-esp8266-mode", "sketch"),
    ];
    let path = format!("/update?dev=chase&ver={version}");
    let answer = server.browser().send("GET", &path, &headers, b"").await;
    server.app.flush().await.unwrap();
    answer.status
}

#[tokio::test]
async fn every_change_is_written_down_once() {
    let (mut scene, mut wrong) = (Scene::new().await, Vec::new());
    for (route, path, sent, expected) in CHANGES {
        scene = scene.for_(route).await;
        let before = scene.entries().await.first().map_or(0, |entry| entry.id);
        let answer = scene.send(route, path, sent).await;
        if !matches!(answer.status, 200 | 201 | 204 | 303) {
            wrong.push(format!("{route} → {answer:?}"));
            continue;
        }
        let entries = scene.entries().await;
        let new: Vec<_> = entries.iter().filter(|entry| entry.id > before).collect();
        let actions: Vec<_> = new.iter().map(|entry| entry.action.word()).collect();
        if actions != *expected {
            wrong.push(format!("{route}: {new:?}, not {expected:?}"));
        }
        wrong.extend(new.iter().filter_map(|entry| wrong_with(entry, route, sent)));
        wrong.extend(told_secrets(&scene, &answer).await);
    }
    assert!(wrong.is_empty(), "{} things are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Why an entry is not what it should be.
fn wrong_with(entry: &Entry, route: &str, sent: &Sent) -> Option<String> {
    let (kind, name) = match sent {
        Stranger(_) if entry.action == Kind::UserCreated => (ActorKind::Somebody, ""),
        Json(_) | Upload if route.contains(" /api/") => (ActorKind::Token, "a test"),
        Form(_) | Json(_) | Stranger(_) | Upload => (ActorKind::Person, "anna"),
    };
    let right = Actor::new(kind, name.to_owned(), Some(IpAddr::V4(DESK)));
    if entry.actor != right {
        return Some(format!("{route}: {:?}, not {right:?}", entry.actor));
    }
    // Where no deed is given, the event's text stands behind a colon.
    let begins = entry.text.starts_with(&format!("{} ", right.subject()));
    let sentence = begins && entry.text.ends_with('.');
    (!sentence).then(|| format!("{route}: “{}” is no sentence", entry.text))
}

/// The secrets that the audit log or the event log repeats.
async fn told_secrets(scene: &Scene, answer: &Answer) -> Vec<String> {
    let mut secrets = vec![PASSWORD.to_owned(), NEW_PASSWORD.to_owned(), "hunter22".to_owned()];
    secrets.push("esp_".to_owned());
    let kept = ["{key}", "{code}", "{ticket}", "{setup}", "{spare}"];
    let known = scene.places.iter().filter(|(place, _)| kept.contains(place));
    secrets.extend(known.map(|(_, secret)| secret.clone()));
    secrets.extend(scene.anna.cookies.iter().map(|(_, value)| value.clone()));
    // Recovery codes are shown in groups of four.
    let codes = answer.body.split("<code>").nth(1).and_then(|code| code.split("</code>").next());
    let codes = codes.into_iter().flat_map(str::lines);
    secrets.extend(codes.filter(|code| code.len() > 8).map(str::to_owned));
    let filter = espalier::store::EventFilter { limit: 1000, ..Default::default() };
    let events = scene.server.app.store().events(&filter).await.unwrap();
    let told = format!("{:?} {events:?}", scene.entries().await);
    secrets.retain(|secret| secret.len() > 3 && told.contains(secret.as_str()));
    secrets
}

#[test]
fn every_route_that_changes_something_is_tried() {
    let routes: BTreeSet<String> = espalier::http::table()
        .into_iter()
        .filter_map(|(_, route)| Some((route.method?, route.path)))
        .filter(|(method, _)| !matches!(method.as_str(), "GET" | "HEAD"))
        .map(|(method, path)| format!("{method} {path}"))
        .collect();
    let tried: BTreeSet<String> = CHANGES.iter().map(|change| change.0.to_owned()).collect();
    // An old secret needs a device that was seen with a newer one: `it::secrets` tells of these.
    let told_elsewhere = |route: &&String| route.ends_with("/secret/old");
    let missing: Vec<_> = routes.difference(&tried).filter(|own| !told_elsewhere(own)).collect();
    assert!(missing.is_empty(), "what is written down of these? {missing:?}");
    let gone: Vec<_> = tried.difference(&routes).collect();
    assert!(gone.is_empty(), "these are not there any more: {gone:?}");
}

#[tokio::test]
async fn what_the_server_judges_is_written_down() {
    let server = Server::with_anna().await;
    server.app.create_platform("chase", "", Admission::Any, &a_test()).await.unwrap();
    upload(&server, &Firmware::esp8266().of("chase", "v1.1.0"), true).await;
    upload(&server, &Firmware::esp8266().of("chase", "v1.2.0"), false).await;
    let mut downloads = 0;
    for _ in 0..6 {
        downloads += u32::from(polls(&server, ATTIC, "v1.0.0").await == 200);
        // Given the time to notice that the transfer ended, and past every wait.
        tokio::task::yield_now().await;
        server.clock.advance(13 * 3600);
    }
    assert_eq!(downloads, 3, "then it is held");
    server.clock.advance(86_400);
    server.app.tidy().await.unwrap();
    let by_machine = AuditFilter { actor_kind: Some(ActorKind::Machine), ..AuditFilter::default() };
    let told = server.app.store().audit(&by_machine).await.unwrap();
    let told: Vec<_> =
        told.iter().map(|entry| (entry.action.word(), entry.text.as_str())).collect();
    let mac = ATTIC;
    let held = format!(
        "espalier held v1.1.0 back from {mac}: it took it 3 times and came back without it."
    );
    let thrown = "espalier threw the draft chase v1.2.0 away after a day.";
    assert_eq!(told, [("release_deleted", thrown), ("stopped", held.as_str())]);
    // That it came to a platform which is open to any device is the device's own deed.
    let came = server.events(Kind::FirstContact).await;
    assert!(came.iter().any(|event| event.text.contains("open to any device")), "{came:?}");
}

#[tokio::test]
async fn who_could_not_sign_in_is_written_down_without_what_they_typed() {
    let server = Server::with_anna().await;
    server.browser_at(DESK).signs_in("anna", "wrong password").await.is(422);
    server.browser_at(DESK).signs_in("my-password-by-mistake", "x").await.is(422);
    let told = server.audit(Kind::SignInFailed).await;
    let texts: Vec<_> = told.iter().map(|entry| entry.text.as_str()).collect();
    let unknown = "somebody failed to sign in: there is no such user.";
    assert_eq!(texts, [unknown, "somebody failed to sign in as anna: wrong password."]);
    assert!(told.iter().all(|entry| entry.actor.address() == Some(IpAddr::V4(DESK))));
    assert!(server.events(Kind::SignInFailed).await.is_empty(), "no device’s business");
}

#[tokio::test]
async fn behind_a_trusted_proxy_the_visitor_counts() {
    let server = Server::start(&["--trusted-proxies", "127.0.0.1"]).await;
    let password = Secret::new(PASSWORD);
    let accounts = server.app.accounts();
    accounts.create_user("anna", Role::Administrator, &password, &a_test()).await.unwrap();
    let token = server.token("admin").await;
    let authorization = format!("Bearer {token}");
    let headers = [
        ("authorization", authorization.as_str()),
        ("content-type", "application/json"),
        ("x-forwarded-for", "192.168.1.7"),
    ];
    for (from, name, address) in
        [("127.0.0.1", "one", "192.168.1.7"), ("127.0.0.7", "two", "127.0.0.7")]
    {
        let program = server.browser_at(from.parse().unwrap());
        let json = format!(r#"{{"name": "{name}"}}"#);
        program.send("POST", "/api/v1/platforms", &headers, json.as_bytes()).await.is(201);
        let told = server.audit(Kind::PlatformCreated).await;
        assert_eq!(told[0].actor.address(), address.parse().ok());
    }
}

#[tokio::test]
async fn the_log_outlives_what_it_tells_of_and_ends_with_its_time() {
    let scene = Scene::new().await;
    let (mut anna, server) = (scene.anna.clone(), &scene.server);
    anna.post("/devices/18fe34000001/rename", &[("name", "Cellar")]).await.is(303);
    anna.post("/platforms/chase/delete", &[]).await.is(303);
    anna.post("/devices/18fe34000001/delete", &[]).await.is(303);
    anna.post("/settings/users/bert/remove", &[]).await.is(303);
    let page = anna.get("/audit").await.is(200);
    for sentence in [
        "anna renamed Attic to Cellar.",
        "anna deleted the platform chase.",
        "anna removed Cellar.",
        "anna removed the user bert.",
        "token a test approved 18:fe:34:00:00:01 for chase as Attic.",
    ] {
        assert!(page.body.contains(sentence), "{sentence} is not in {page:?}");
    }
    for gone in ["/platforms/chase", "/devices/18fe34000001", "/releases/1"] {
        assert!(!page.body.contains(&format!("href=\"{gone}\"")), "{gone} is not there any more");
    }
    let page = anna.get("/audit?platform=gate").await.is(200);
    page.says("href=\"/platforms/gate\"");
    let page = anna.get("/events?device=18fe34000001").await.is(200);
    page.says("It is called Cellar now.");

    server.clock.advance(364 * 86_400);
    server.app.tidy().await.unwrap();
    assert!(!server.audit(Kind::UserRemoved).await.is_empty(), "kept for a year");
    server.clock.advance(2 * 86_400);
    server.app.tidy().await.unwrap();
    assert!(scene.entries().await.iter().all(|entry| entry.actor.kind() == ActorKind::Machine));
}

#[tokio::test]
async fn the_log_is_searched() {
    let mut scene = Scene::new().await;
    scene.anna.post("/devices/18fe34000001/rename", &[("name", "Cellar")]).await.is(303);
    let renamed = "anna renamed Attic to Cellar.";
    for query in [
        "q=cellar",
        "q=127.0.0.7&what=device_edited",
        "who=person&what=device_edited",
        "who=person%3Aanna&what=device_edited",
        "device=18-fe-34-00-00-01&since=7d",
        "q=18%3Afe%3A34%3A00%3A00%3A01",
        "platform=CHASE&what=device_edited",
    ] {
        scene.anna.get(&format!("/audit?{query}")).await.is(200).says(renamed);
    }
    for query in ["q=nothing-like-it", "who=token&what=device_edited", "q=100%25"] {
        let page = scene.anna.get(&format!("/audit?{query}")).await.is(200).says("Nothing matches");
        assert!(!page.body.contains(renamed), "{query}");
    }
    scene.anna.get("/audit?who=robots").await.is(200).says("nobody like");
    scene.anna.get("/audit?what=offered").await.is(200).says("no change called");
    for n in 0..60 {
        scene.anna.post("/platforms", &[("name", &format!("p{n}"))]).await.is(303);
    }
    let page = scene.anna.get("/audit?what=platform_created").await.is(200).body;
    assert!(page.contains("created the platform p59.") && !page.contains("the platform p0."));
    let older = page.split("href=\"/audit?what=platform%5Fcreated&#38;before=").nth(1).unwrap();
    let older = older.split('"').next().unwrap();
    let page = scene.anna.get(&format!("/audit?what=platform_created&before={older}")).await;
    page.is(200).says("created the platform p0.");
}

#[tokio::test]
async fn the_log_is_downloaded_as_a_table() {
    let mut scene = Scene::new().await;
    scene.anna.post("/groups", &[("name", "=1+1")]).await.is(303);
    for n in 0..450 {
        let name = format!("p{n}");
        scene.server.app.create_platform(&name, "", Admission::Approved, &a_test()).await.unwrap();
    }
    let page = scene.anna.get("/audit?what=grouped").await.is(200);
    page.says("href=\"/audit.csv?what=grouped\" download");
    let answer = scene.anna.get("/audit.csv?what=grouped").await.is(200);
    assert_eq!(answer.header("content-type"), Some("text/csv; charset=utf-8; header=present"));
    let kept = answer.header("content-disposition").unwrap();
    assert_eq!(kept, "attachment; filename=\"espalier-audit.csv\"");
    let head = "time,actor_kind,actor,address,action,text,device,platform,release,subject\r\n";
    answer.clone().says(head).says(
        "2023-11-14T22:13:20Z,person,anna,127.0.0.7,grouped,anna made the group =1+1.,,,,'=1+1\r\n",
    );
    // More than are read at once, each once, the newest first.
    let answer = scene.anna.get("/audit.csv?what=platform_created&q=p").await.is(200);
    let told: Vec<_> = answer.body.lines().filter(|line| line.contains("the platform p")).collect();
    assert_eq!(told.len(), 450);
    assert!(told[0].contains("the platform p449.") && told[449].contains("the platform p0."));
    scene.anna.get("/audit.csv?who=robots").await.is(422).says("nobody like");
}

#[tokio::test]
async fn only_administrators_read_it() {
    let users = [("anna", Role::Administrator), ("emil", Role::Editor), ("vera", Role::Viewer)];
    let server = Server::with(&users).await;
    for name in ["emil", "vera"] {
        let mut browser = server.signed_in(name).await;
        browser.get("/audit").await.is(403);
        browser.send("GET", "/api/v1/audit", &[], b"").await.problem(403, "forbidden");
        assert!(!browser.get("/events").await.is(200).body.contains("href=\"/audit\""));
    }
    let mut anna = server.signed_in("anna").await;
    anna.get("/events").await.is(200).says("href=\"/audit\"");
    anna.get("/settings").await.is(200).says("href=\"/audit\"");
    let token = server.token("read").await;
    server.ask(&token, "GET", "/api/v1/audit", "").await.problem(403, "forbidden");
}

#[tokio::test]
async fn a_change_of_nothing_is_none() {
    let mut scene = Scene::new().await;
    let count = scene.entries().await.len();
    let fields: Vec<_> = SETTINGS.iter().map(|(name, text)| (*name, *text)).collect();
    scene.anna.post("/settings", &fields).await.is(303);
    let told = scene.server.audit(Kind::Settings).await;
    assert_eq!(
        told[0].text,
        "anna changed “Keep the audit log for (days)” from 365 to 30 and “Public address” from \
         nothing to http://pi.lan:8000."
    );
    scene.anna.post("/settings", &fields).await.is(303);
    scene.anna.post("/devices/18fe34000001/rename", &[("name", "Attic")]).await.is(303);
    assert_eq!(scene.entries().await.len(), count + 1);
}
