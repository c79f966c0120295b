//! The main job, from an empty server to a device that runs the new version.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use crate::browser::{Browser, Script};
use crate::device::{Device, md5};
use crate::driver::wait;
use crate::image::{image, sketch};
use crate::server::Server;

const MAC: &str = "5C:CF:7F:1C:A1:A5";
const TAB: char = '\u{E004}';
const ENTER: char = '\u{E007}';

/// Files on a person's disk.
struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        Self(TempDir::new().expect("a folder"))
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, bytes).expect(name);
        path
    }
}

#[test]
fn from_the_first_start_to_a_confirmed_update() {
    the_main_job(Script::Runs);
}

#[test]
fn from_the_first_start_to_a_confirmed_update_without_script() {
    the_main_job(Script::Blocked);
}

fn the_main_job(script: Script) {
    let (server, desk) = (Server::start(), Desk::new());
    let Some(browser) = Browser::open(&server, script) else {
        return;
    };
    let firmware = image("chase", "v1.0.1", 300_000);

    first_start(&browser);
    create_a_platform(&browser, "chase");
    upload_and_publish(&browser, &desk.file("chase.ino.bin", &firmware), script);

    let device = Device::new(MAC, server.address());
    assert_eq!(device.polls("chase", "v1.0.0").status, 400);
    browser.goes_to("/inbox");
    browser.sees(&MAC.to_lowercase());
    browser.clicks("Approve for chase");
    browser.sees("approved");
    browser.goes_to("/inbox");
    browser.sees("Nobody is waiting");

    let offered = device.polls("chase", "v1.0.0");
    assert_eq!(offered.status, 200);
    assert_eq!(offered.md5.as_deref(), Some(md5(&firmware).as_str()));
    assert_eq!(offered.body, firmware);
    let (page, state) = ("/devices/5ccf7f1ca1a5", "[aria-labelledby=history] .badge");
    browser.finds(page, state, "delivered");

    assert_eq!(device.polls("chase", "v1.0.1").status, 304);
    browser.finds(page, state, "confirmed");
    browser.sees("It is up to date");
    browser.finds("/events?kind=confirmed", ".log", "v1.0.1");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

fn first_start(browser: &Browser) {
    browser.goes_to("/");
    browser.sees("Four steps to the first update.");
    browser.sees("ESPhttpUpdate.update(client");
    browser.goes_to("/platforms");
    browser.sees("No platform yet");
}

fn create_a_platform(browser: &Browser, name: &str) {
    browser.clicks("Create the first platform");
    browser.fills("Name", name);
    browser.fills("Description", "Runs along the wall");
    browser.clicks("Create the platform");
    browser.arrives_at("of the platform", |path| path == format!("/platforms/{name}"));
    browser.sees("Nothing uploaded yet");
}

fn upload_and_publish(browser: &Browser, file: &std::path::Path, script: Script) {
    browser.goes_to("/releases/new");
    if script == Script::Runs {
        browser.sends_slowly(10_000);
    }
    browser.chooses_files("Drop your .bin files here", &[file]);
    browser.clicks_on("form[data-upload] footer button");
    if script == Script::Runs {
        browser.sees("/s");
        assert_eq!(browser.elements("progress[aria-label]").len(), 1);
        browser.sends_slowly(100_000_000);
    }
    browser.arrives_at("of the report card", |path| {
        path.strip_prefix("/releases/").is_some_and(|id| id.parse::<u64>().is_ok())
    });
    browser.sees("Nothing speaks against it");
    browser.sees("Platform chase.");
    browser.sees("v1.0.1");
    browser.sees(&md5(&fs::read(file).expect("the file")));
    browser.clicks("Publish");
    browser.sees("the newest: this is what devices get");
}

#[test]
fn a_pasted_whitelist_says_which_line_is_malformed() {
    let server = Server::start();
    server.form("/platforms", "name=chase&description=&admission=approved");
    for script in [Script::Runs, Script::Blocked] {
        let Some(browser) = Browser::open(&server, script) else {
            return;
        };
        let (first, second, third) = match script {
            Script::Runs => ("5c:cf:7f:00:00:01 Attic", "5C-CF-7F-00-00-02", "5ccf7f000003"),
            Script::Blocked => ("5c:cf:7f:00:00:11 Cellar", "5C-CF-7F-00-00-12", "5ccf7f000013"),
        };
        browser.goes_to("/devices/add?platform=chase");
        let lines = format!("{first}\n{second}, Porch\nnot-a-mac\n{third}\n{third}");
        browser.fills("MAC addresses, one a line", &lines);
        browser.clicks("Add and approve");
        browser.sees("2 lines were not added");
        browser.sees("3 added");
        browser.sees("not-a-mac");
        browser.goes_to("/devices");
        browser.sees(if script == Script::Runs { "Attic" } else { "Cellar" });
        browser.sees("Porch");
    }
}

#[test]
fn deleting_asks_first_and_says_what_goes() {
    let server = Server::start();
    for (script, name) in [(Script::Runs, "chase"), (Script::Blocked, "porch")] {
        server.form("/platforms", &format!("name={name}&description=&admission=approved"));
        let bin = format!("{name}.bin");
        server.upload(&bin, &image(name, "v1.0.0", 5000), true);
        let Some(browser) = Browser::open(&server, script) else {
            return;
        };
        browser.goes_to(&format!("/platforms/{name}"));
        browser.clicks_on("main .head a.danger");
        browser.sees("1 release");
        let stays = browser.path() == format!("/platforms/{name}");
        assert_eq!(stays, script == Script::Runs, "a dialog with script, a page without");
        browser.clicks("Keep it");
        browser.goes_to(&format!("/platforms/{name}"));
        browser.clicks_on("main .head a.danger");
        browser.clicks_on(".confirm button.danger");
        browser.arrives_at("of all platforms", |path| path == "/platforms");
        browser.goes_to("/platforms");
        browser.does_not_see("v1.0.0");
        assert_eq!(browser.complaints(), Vec::<String>::new());
    }
}

#[test]
fn several_files_make_several_drafts() {
    let (server, desk) = (Server::start(), Desk::new());
    for (script, major) in [(Script::Runs, 1), (Script::Blocked, 2)] {
        let Some(browser) = Browser::open(&server, script) else {
            return;
        };
        let hall = desk.file("hall.bin", &image("hall", &format!("v{major}.0.0"), 6000));
        let silent = desk.file("silent.bin", &sketch(&format!("nothing {major}"), 7000 * major));
        browser.goes_to("/releases/new");
        browser.chooses_files("Drop your .bin files here", &[&hall, &silent]);
        browser.clicks_on("form[data-upload] footer button");
        browser.sees("2 files");
        browser.goes_to("/releases/new");
        browser.sees("Drafts that wait for you");
        assert_eq!(browser.elements("tbody tr").len(), 2 * major);
        assert_eq!(browser.complaints(), Vec::<String>::new());
    }
}

#[test]
fn a_refused_file_says_why_and_leaves_nothing() {
    let (server, desk) = (Server::start(), Desk::new());
    let page = desk.file("page.bin", b"<!doctype html><title>Not found</title>");
    let zip = desk.file("sketch.zip", b"PK\x03\x04 and so on");
    for script in [Script::Runs, Script::Blocked] {
        let Some(browser) = Browser::open(&server, script) else {
            return;
        };
        for (file, words) in [(&page, "web page"), (&zip, ".bin")] {
            browser.goes_to("/releases/new");
            browser.chooses_files("Drop your .bin files here", &[file]);
            browser.clicks_on("form[data-upload] footer button");
            let said = match script {
                Script::Runs => ".uploads .said.bad",
                Script::Blocked => "main .bad [role=alert]",
            };
            let said = browser.words_of(said);
            assert!(said.contains(words), "{said}");
        }
        browser.goes_to("/releases/new");
        browser.does_not_see("Drafts that wait for you");
    }
}

#[test]
fn what_is_doubtful_is_published_with_a_second_click() {
    let server = Server::start();
    server.form("/platforms", "name=chase&description=&admission=approved");
    for (script, version) in [(Script::Runs, "v1.0.0"), (Script::Blocked, "v1.1.0")] {
        let Some(browser) = Browser::open(&server, script) else {
            return;
        };
        let odd = [image("chase", version, 5000), vec![1, 2, 3, 4]].concat();
        server.upload("odd.bin", &odd, false);
        browser.goes_to("/releases/new");
        browser.clicks_on("tbody a.button");
        browser.sees("1 open question");
        browser.sees("follow 4 bytes that do not belong to it");
        browser.clicks_on("button[value=publish]");
        browser.sees("Not published: 1 question is still open");
        browser.clicks_on("input[name=accept]");
        browser.clicks_on("button[value=publish]");
        browser.sees("the newest: this is what devices get");
        // The first click was answered with 422.
        assert!(browser.complaints().iter().all(|one| one.contains("422")));
    }
}

#[test]
fn what_is_damaged_cannot_be_published() {
    let server = Server::start();
    let mut damaged = image("chase", "v1.0.0", 5000);
    damaged[0x1800] ^= 1;
    server.upload("damaged.bin", &damaged, false);
    let Some(browser) = Browser::open(&server, Script::Blocked) else {
        return;
    };
    browser.goes_to("/releases/new");
    browser.clicks_on("tbody a.button");
    browser.sees("It cannot be published");
    browser.sees("Its CRC-32 at 0x1014 is wrong.");
    assert_eq!(browser.elements("button[value=publish]").len(), 0);
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn a_running_upload_can_be_cancelled() {
    let (server, desk) = (Server::start(), Desk::new());
    let Some(browser) = Browser::open(&server, Script::Runs) else {
        return;
    };
    let large = desk.file("large.bin", &image("large", "v1.0.0", 2_000_000));
    browser.goes_to("/releases/new");
    browser.sends_slowly(10_000);
    browser.chooses_files("Drop your .bin files here", &[&large]);
    browser.clicks_on("form[data-upload] footer button");
    browser.sees("/s");
    browser.clicks("Cancel");
    browser.sees("Cancelled; nothing was kept.");
    browser.goes_to("/releases/new");
    browser.does_not_see("Drafts that wait for you");
}

#[test]
fn the_keyboard_reaches_the_content_first() {
    let server = Server::start();
    let Some(browser) = Browser::open(&server, Script::Runs) else {
        return;
    };
    browser.goes_to("/settings");
    browser.presses(TAB);
    let skip = "return document.activeElement.getBoundingClientRect().top >= 0 \
                && document.activeElement.textContent";
    wait("the skip link", || {
        Some(browser.script(skip, &[])).filter(|on| on == "Skip to the content")
    });
    browser.presses(ENTER);
    let on = "return document.activeElement.id";
    wait("the content", || Some(browser.script(on, &[])).filter(|id| id == "main"));
}
