//! Chromium, as a person uses it: by the words on the page.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::driver::{Driver, PATIENCE, wait};
use crate::server::Server;

/// Browsers are heavy: one at a time.
static TURN: Mutex<()> = Mutex::new(());

/// What `WebDriver` calls an element in its JSON.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Whether the pages' scripts run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Script {
    Runs,
    Blocked,
}

/// A fresh browser on a server's pages.
pub struct Browser {
    driver: Driver,
    base: String,
    _profile: TempDir,
    _turn: MutexGuard<'static, ()>,
}

impl Browser {
    /// Opens one; where Chromium is not installed, says so and returns nothing, unless
    /// `ESPALIER_REQUIRE_BROWSER` demands it.
    pub fn open(server: &Server, script: Script) -> Option<Self> {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let profile = TempDir::new().expect("a folder for the profile");
        let wish = |chromium: &str| capabilities(chromium, profile.path(), script);
        match Driver::start(wish) {
            Ok(driver) => Some(Self { driver, base: server.url(), _profile: profile, _turn: turn }),
            Err(why) => {
                let demanded = std::env::var("ESPALIER_REQUIRE_BROWSER").is_ok_and(|v| v == "1");
                assert!(!demanded, "{why}, and ESPALIER_REQUIRE_BROWSER=1 demands it");
                // Not by `eprintln!`, which a passing test keeps to itself.
                let why = format!("SKIPPED: browser test: {why} (Debian: chromium-driver)");
                let _ = writeln!(std::io::stderr(), "{why}");
                None
            }
        }
    }

    /// Opens a page by its path.
    pub fn goes_to(&self, path: &str) {
        self.driver.post("url", json!({"url": format!("{}{path}", self.base)})).expect(path);
    }

    /// The path of the page that is shown.
    pub fn path(&self) -> String {
        let url = self.driver.get("url").expect("the page's address");
        url.as_str().and_then(|url| url.strip_prefix(&self.base)).unwrap_or_default().to_owned()
    }

    /// Waits until the page's path satisfies the condition.
    pub fn arrives_at(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        wait(&format!("the page {what}"), || Some(self.path()).filter(|path| wanted(path)))
    }

    /// What can be read on the page.
    pub fn text(&self) -> String {
        wait("the page's text", || {
            let body = self.elements("body").pop()?;
            self.ask(&body, "text").ok()?.as_str().map(str::to_owned)
        })
    }

    /// Waits until these words can be read.
    pub fn sees(&self, words: &str) {
        self.reads(&format!("“{words}” does not appear"), |text| text.contains(words));
    }

    /// Waits until these words cannot be read any more.
    pub fn no_longer_sees(&self, words: &str) {
        self.reads(&format!("“{words}” does not go away"), |text| !text.contains(words));
    }

    fn reads(&self, failure: &str, is_so: impl Fn(&str) -> bool) {
        let end = Instant::now() + PATIENCE;
        loop {
            let text = self.text();
            if is_so(&text) {
                return;
            }
            assert!(Instant::now() < end, "{failure} on {}:\n{text}", self.path());
            std::thread::sleep(Duration::from_millis(40));
        }
    }

    /// Waits for what a selector finds; the words on it.
    pub fn words_of(&self, selector: &str) -> String {
        wait(selector, || {
            let shown = self.elements(selector).into_iter().find(|id| self.is_shown(id))?;
            self.ask(&shown, "text").ok()?.as_str().map(str::to_owned)
        })
    }

    /// Reloads a page until these words are on what a selector finds: some things are written up to
    /// a second after the device has its answer, and without script no page renews itself.
    pub fn finds(&self, path: &str, selector: &str, words: &str) {
        wait(&format!("“{words}” on {path}"), || {
            self.goes_to(path);
            let found = self.elements(selector).into_iter().find_map(|id| {
                let text = self.ask(&id, "text").ok()?;
                Some(text.as_str()?.contains(words))
            });
            found.filter(|there| *there)
        });
    }

    /// Asserts that these words cannot be read.
    pub fn does_not_see(&self, words: &str) {
        let text = self.text();
        assert!(!text.contains(words), "“{words}” is on {}:\n{text}", self.path());
    }

    /// Clicks on a link or button by the words on it.
    pub fn clicks(&self, words: &str) {
        let path = format!(
            "//*[self::a or self::button or self::summary or self::label]\
             [contains(normalize-space(.), {})]",
            quoted(words)
        );
        wait(&format!("a click on “{words}”"), || {
            let shown = self.found("xpath", &path).into_iter().find(|id| self.is_shown(id))?;
            self.act(&shown, "click", json!({})).ok()
        });
    }

    /// Clicks on what a selector finds.
    pub fn clicks_on(&self, selector: &str) {
        wait(&format!("a click on {selector}"), || {
            let shown = self.elements(selector).into_iter().find(|id| self.is_shown(id))?;
            self.act(&shown, "click", json!({})).ok()
        });
    }

    /// Types into the field with this label, in place of what was there.
    pub fn fills(&self, label: &str, text: &str) {
        let field = self.field(label);
        self.act(&field, "clear", json!({})).expect(label);
        self.act(&field, "value", json!({"text": text})).expect(label);
    }

    /// Chooses files for the field with this label.
    pub fn chooses_files(&self, label: &str, files: &[&Path]) {
        let names: Vec<_> = files.iter().map(|file| file.to_string_lossy()).collect();
        let field = self.field(label);
        self.act(&field, "value", json!({"text": names.join("\n")})).expect(label);
    }

    /// The elements that a selector finds at this moment.
    pub fn elements(&self, selector: &str) -> Vec<String> {
        self.found("css selector", selector)
    }

    /// Runs a script of ours, which works on pages whose own scripts are blocked, too.
    pub fn script(&self, script: &str, arguments: &[Value]) -> Value {
        let body = json!({"script": script, "args": arguments});
        self.driver.post("execute/sync", body).expect("the script's result")
    }

    /// A command of the `DevTools` protocol.
    pub fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.driver.devtools(command, parameters)
    }

    /// What the browser has complained about since the last call.
    pub fn complaints(&self) -> Vec<String> {
        let log = self.driver.post("se/log", json!({"type": "browser"})).expect("the console");
        let entries = log.as_array().cloned().unwrap_or_default();
        let bad = entries.iter().filter(|entry| entry["level"] == "SEVERE");
        bad.map(|entry| entry["message"].to_string()).collect()
    }

    /// Sends so many bytes a second at most.
    pub fn sends_slowly(&self, bytes_per_second: u32) {
        self.devtools("Network.enable", &json!({}));
        let limits = json!({"offline": false, "latency": 0, "downloadThroughput": -1,
            "uploadThroughput": bytes_per_second});
        self.devtools("Network.emulateNetworkConditions", &limits);
    }

    /// Gives the page a window, a phone's where it is narrow: headless windows cannot be so small.
    pub fn resizes(&self, width: u32, height: u32) {
        let screen = json!({"width": width, "height": height, "deviceScaleFactor": 1,
            "mobile": width < 600});
        self.devtools("Emulation.setDeviceMetricsOverride", &screen);
        self.devtools("Emulation.setScrollbarsHidden", &json!({"hidden": true}));
    }

    /// What the window shows, as a PNG file.
    pub fn photographs(&self, file: &Path) {
        let shot = self.devtools("Page.captureScreenshot", &json!({"format": "png"}));
        let png = decoded(shot["data"].as_str().unwrap_or_default());
        fs::write(file, png).expect("a screenshot");
    }

    /// Presses keys where the focus is.
    pub fn presses(&self, key: char) {
        let key = key.to_string();
        let keys = json!({"actions": [{"type": "key", "id": "keys", "actions": [
            {"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]}]});
        self.driver.post("actions", keys).expect("a key");
    }

    fn field(&self, label: &str) -> String {
        let path = format!("//label[contains(normalize-space(.), {})]", quoted(label));
        wait(&format!("the field “{label}”"), || {
            let label = self.found("xpath", &path).into_iter().find(|id| self.is_shown(id))?;
            let owner = self.ask(&label, "attribute/for").ok()?;
            match owner.as_str() {
                Some(id) => self.elements(&format!("[id=\"{id}\"]")).pop(),
                None => self.within(&label, "input, select, textarea"),
            }
        })
    }

    fn within(&self, element: &str, selector: &str) -> Option<String> {
        let search = json!({"using": "css selector", "value": selector});
        let found = self.act(element, "element", search).ok()?;
        found[ELEMENT].as_str().map(str::to_owned)
    }

    fn found(&self, using: &str, value: &str) -> Vec<String> {
        let search = json!({"using": using, "value": value});
        let found = self.driver.post("elements", search).unwrap_or_default();
        let ids = found.as_array().cloned().unwrap_or_default();
        ids.iter().filter_map(|id| id[ELEMENT].as_str().map(str::to_owned)).collect()
    }

    fn is_shown(&self, element: &str) -> bool {
        self.ask(element, "displayed").is_ok_and(|shown| shown == true)
    }

    fn ask(&self, element: &str, question: &str) -> Result<Value, String> {
        self.driver.get(&format!("element/{element}/{question}"))
    }

    fn act(&self, element: &str, action: &str, body: Value) -> Result<Value, String> {
        self.driver.post(&format!("element/{element}/{action}"), body)
    }
}

fn capabilities(chromium: &str, profile: &Path, script: Script) -> Value {
    let folder = format!("--user-data-dir={}", profile.display());
    let flags = [
        "--headless",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--window-size=1280,900",
        folder.as_str(),
    ];
    let blocked = if script == Script::Blocked { 2 } else { 1 };
    json!({
        "browserName": "chrome",
        "goog:loggingPrefs": {"browser": "ALL"},
        "goog:chromeOptions": {
            "binary": chromium,
            "args": flags,
            "prefs": {"profile.managed_default_content_settings.javascript": blocked},
        },
    })
}

/// A text as `XPath` writes it.
fn quoted(text: &str) -> String {
    if text.contains('\'') { format!("\"{text}\"") } else { format!("'{text}'") }
}

/// Base 64 without a crate for it.
fn decoded(text: &str) -> Vec<u8> {
    let six = |c: u8| match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let digits: Vec<u8> = text.bytes().filter(|c| *c != b'=').map(six).collect();
    let mut bytes = Vec::with_capacity(digits.len() * 3 / 4);
    for four in digits.chunks(4) {
        let sum = four.iter().fold(0_u32, |sum, digit| sum << 6 | u32::from(*digit));
        let sum = sum << (6 * (4 - four.len()));
        bytes.extend(&sum.to_be_bytes()[1..four.len()]);
    }
    bytes
}
