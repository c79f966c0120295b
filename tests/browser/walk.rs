//! Every page, at two widths, in two schemes: readable, labelled, in its frame, without complaints.

use std::path::PathBuf;
use std::sync::Arc;

use espalier::clock::{Clock, FakeClock, SystemClock};
use serde_json::json;

use crate::browser::{Browser, Script};
use crate::device::{Device, md5};
use crate::image::{files, image, kept, sketch};
use crate::rollout;
use crate::server::Server;

const WIDTHS: [(&str, u32, u32); 2] = [("desktop", 1280, 900), ("phone", 390, 844)];
const SCHEMES: [&str; 2] = ["light", "dark"];
/// The rules, as a script.
const AUDIT: &str = include_str!("audit.js");

/// A page: its name in pictures, and its path.
pub type Stop = (&'static str, String);

#[test]
fn every_page_is_in_order_when_there_is_nothing() {
    let server = Server::start();
    let stops = [
        ("empty-dashboard", "/"),
        ("empty-platforms", "/platforms"),
        ("empty-devices", "/devices"),
        ("empty-groups", "/groups"),
        ("empty-add", "/devices/add"),
        ("empty-inbox", "/inbox"),
        ("empty-decoder", "/decoder"),
        ("empty-events", "/events"),
        ("empty-audit", "/audit"),
        ("empty-upload", "/releases/new"),
        ("empty-connect", "/connect"),
        ("empty-rollouts", "/rollouts"),
    ];
    let stops = stops.map(|(name, path)| (name, path.to_owned()));
    walk(&server, &stops);
}

#[test]
fn every_page_is_in_order_when_there_is_much() {
    let server = Server::start();
    let stops = furnish(&server);
    walk(&server, &stops);
}

#[test]
fn a_download_is_watched_while_its_bytes_flow() {
    let server = Server::start();
    server.form("/platforms", "name=chase&description=&admission=any");
    server.upload("chase_1_0_0.bin", &image("chase", "v1.0.0", 300_000), true);
    let release = server.upload("chase.ino.bin", &image("chase", "v1.1.0", 1_500_000), true);
    let Some(browser) = Browser::open(&server, Script::Runs) else {
        return;
    };
    let device = Device::new("5C:CF:7F:00:00:01", server.address());
    let slow = device.begins("chase", "v1.0.0");
    let page = "/devices/5ccf7f000001";
    let stops = [("device-sending", page.to_owned()), ("release-sending", release)];
    walk_in(&browser, &stops);
    browser.goes_to(page);
    browser.sees("Being sent now");
    browser.sees("v1.1.0 is being sent.");
    slow.finishes();
    // Without a reload.
    browser.sees("It is confirmed when it comes back with the new version.");
    browser.no_longer_sees("Being sent now");
}

#[test]
fn every_page_is_in_order_when_devices_are_overdue_lost_or_restart() {
    let now = SystemClock.now();
    let clock = Arc::new(FakeClock::at(now - 7 * 86_400));
    let server = Server::start_at(clock.clone());
    server.form("/platforms", "name=chase&description=Lights&admission=any");
    let device = |mac| Device::new(mac, server.address());
    let (steady, sleeper) = (device("5C:CF:7F:00:00:01"), device("5C:CF:7F:00:00:02"));
    let (quiet, fidget) = (device("5C:CF:7F:00:00:03"), device("5C:CF:7F:00:00:04"));
    for half_hour in 0..7 * 48 - 48 {
        clock.advance(1800);
        steady.polls("chase", "v1.0.0");
        if half_hour % 48 == 0 {
            sleeper.polls("chase", "v1.0.0");
        }
        if half_hour % 2 == 0 && half_hour < 200 {
            quiet.polls("chase", "v1.0.0");
        }
        if half_hour % 2 == 0 && (half_hour / 16) % 2 == 0 {
            fidget.polls("chase", "v1.0.0");
        }
    }
    let image = image("chase", "v1.1.0", 30_000);
    server.upload("chase.ino.bin", &image, true);
    for device in [&sleeper, &quiet, &fidget] {
        device.polls_running("chase", "v1.0.0", "2d1f3a0c6b8e4d5f9a7b1c2d3e4f5a6b");
    }
    sleeper.polls_running("chase", "v1.1.0", &md5(&image));
    for _ in 0..48 {
        clock.advance(1800);
        steady.polls("chase", "v1.1.0");
    }
    for _ in 0..9 {
        clock.advance(30);
        fidget.polls_running("chase", "v1.1.0", &md5(&image));
    }
    server.works();
    let stops = [
        ("rhythm-dashboard", "/"),
        ("rhythm-devices", "/devices"),
        ("rhythm-steady", "/devices/5ccf7f000001"),
        ("rhythm-sleeper", "/devices/5ccf7f000002"),
        ("rhythm-lost", "/devices/5ccf7f000003"),
        ("rhythm-restarting", "/devices/5ccf7f000004"),
        ("rhythm-overdue", "/devices?presence=overdue"),
        ("rhythm-events", "/events"),
    ];
    for (path, words) in [
        ("/", "1 device is lost"),
        ("/", "1 device restarts often"),
        ("/devices/5ccf7f000001", "about every 30 min"),
        ("/devices/5ccf7f000002", "about every 24 h"),
    ] {
        assert!(server.page(path).contains(words), "{path}: {words}");
    }
    let stops = stops.map(|(name, path)| (name, path.to_owned()));
    walk(&server, &stops);
}

#[test]
fn every_page_about_rollouts_is_in_order() {
    let server = Server::start();
    if let Some(browser) = Browser::open(&server, Script::Runs) {
        walk_in(&browser, &rollout::furnish(&server));
    }
}

#[test]
fn the_rules_find_what_is_wrong() {
    let server = Server::start();
    let Some(browser) = Browser::open(&server, Script::Runs) else {
        return;
    };
    browser.goes_to("/settings");
    let (_, width, _) = WIDTHS[0];
    assert_eq!(examine(&browser, "settings", width), Vec::<String>::new());
    for (harm, words) in [
        ("document.documentElement.lang = ''", "no lang"),
        ("document.querySelector('h1').remove()", "0 h1"),
        ("document.querySelector('.lead').style.color = '#aaa'", "contrast"),
        ("document.querySelector('label[for=time_zone]').remove()", "no label"),
        ("document.querySelector('footer button').style.minWidth = '2000px'", "wide"),
        ("document.querySelector('main').append(document.createElement('table'))", "caption"),
        ("document.querySelector('svg').removeAttribute('aria-hidden')", "drawing without name"),
        ("document.querySelector('.skip').remove()", "skip link"),
        ("document.querySelector('main button').innerHTML = ''", "no words"),
        ("document.querySelector('nav .menu [aria-current]').ariaCurrent = null", "menu"),
        ("console.error('something broke')", "something broke"),
    ] {
        browser.goes_to("/settings");
        browser.script(harm, &[]);
        let found = examine(&browser, "settings", width);
        assert!(found.iter().any(|sentence| sentence.contains(words)), "{harm}: {found:?}");
    }
}

/// Puts a little of everything on a server; the pages that show it.
pub fn furnish(server: &Server) -> Vec<Stop> {
    for (name, words) in [("chase", "Lights+along+the+wall"), ("greenhouse", "Opens+the+windows")] {
        server.form("/platforms", &format!("name={name}&description={words}&admission=approved"));
    }
    server.form("/platforms", "name=porch&description=&admission=any");
    let old = server.upload("chase_1_0_0.bin", &image("chase", "v1.0.0", 310_000), true);
    let release = server.upload("chase.ino.bin", &image("chase", "v1.1.0", 320_000), true);
    server.upload("porch.bin", &image("porch", "v2.0.0", 290_000), true);
    let draft =
        server.upload("two.bin", &sketch("v1.2.3\0\0chase\0\0\0greenhouse\0v1.3.0", 9000), false);
    server.form(
        "/devices/add",
        "platform=chase&devices=5c:cf:7f:00:00:01+Attic%0A5c:cf:7f:00:00:02+Hall",
    );
    server.form("/devices/add", "platform=greenhouse&devices=5c:cf:7f:00:00:03+Window+by+the+door");
    let device = |mac| Device::new(mac, server.address());
    device("5C:CF:7F:00:00:01").polls("chase", "v1.0.0");
    device("5C:CF:7F:00:00:01").polls("chase", "v1.1.0");
    // Twice delivered and never taken: stopped.
    for _ in 0..3 {
        device("5C:CF:7F:00:00:02").polls("chase", "v1.0.0");
    }
    device("5C:CF:7F:00:00:04").polls("porch", "v2.0.0");
    device("5C:CF:7F:00:00:05").polls("chase", "v1.0.0");
    device("5E:CF:7F:00:00:06").polls("garage", "v0.9.0");
    let stops = [
        ("dashboard", "/"),
        ("dashboard-porch", "/?field=porch"),
        ("platforms", "/platforms"),
        ("platform-new", "/platforms/new"),
        ("platform", "/platforms/chase"),
        ("platform-edit", "/platforms/chase/edit"),
        ("platform-delete", "/platforms/chase/delete"),
        ("upload", "/releases/new"),
        ("releases", "/releases"),
        ("release", release.as_str()),
        ("release-old", old.as_str()),
        ("draft", draft.as_str()),
        ("devices", "/devices"),
        ("devices-search", "/devices?q=attic"),
        ("add", "/devices/add"),
        ("device", "/devices/5ccf7f000001"),
        ("device-stopped", "/devices/5ccf7f000002"),
        ("device-pending", "/devices/5ccf7f000005"),
        ("device-delete", "/devices/5ccf7f000001/delete"),
        ("inbox", "/inbox"),
        ("events", "/events"),
        ("audit", "/audit"),
        ("audit-narrowed", "/audit?what=approved&q=greenhouse"),
        ("events-narrowed", "/events?platform=chase&kind=offered"),
        ("connect", "/connect?platform=chase"),
        ("settings", "/settings"),
        ("missing", "/nothing/here"),
    ];
    let mut stops: Vec<Stop> = stops.map(|(name, path)| (name, path.to_owned())).into();
    stops.extend(about_releases(&release, &old));
    stops.extend(furnish_policies(server));
    stops.push(("device-end", "/devices/5ccf7f000002?before=1.1".to_owned()));
    stops.extend(furnish_several(server));
    stops.extend(furnish_pairing(server));
    stops.extend(crate::secrets::furnish(server));
    stops
}

/// What is asked about a release, and about one that others came after.
fn about_releases(release: &str, old: &str) -> Vec<Stop> {
    vec![
        ("release-delete", format!("{release}/delete")),
        ("release-withdraw", format!("{release}/withdraw")),
        ("release-back", format!("{old}/back")),
        ("release-needs-you", format!("{release}?stand=needs_you")),
        ("release-nobody", format!("{release}?stand=aside")),
    ]
}

/// The server is closed, with one who asked all the same; a platform is open, with one let in.
fn furnish_pairing(server: &Server) -> Vec<Stop> {
    server.form("/pairing", "change=rule&rule=closed");
    Device::new("5C:CF:7F:00:00:0B", server.address()).polls("chase", "v1.0.0");
    server.form("/pairing", "platform=greenhouse&change=open&minutes=15");
    Device::new("5C:CF:7F:00:00:0C", server.address()).polls("greenhouse", "v1.0.0");
    let log = "rst%20cause:2,%20boot%20mode:(1,7)%0AError%20(-104):%20Wrong%20HTTP%20Code%0Ahello";
    vec![
        ("platform-pairing", "/platforms/greenhouse".to_owned()),
        ("device-paired", "/devices/5ccf7f00000c".to_owned()),
        ("decoder", "/decoder".to_owned()),
        ("decoder-line", format!("/decoder?line={log}")),
    ]
}

/// A platform whose release has an image for each of three chips, and files; what its devices run
/// is recognised, unknown, or not what they say.
fn furnish_several(server: &Server) -> Vec<Stop> {
    server.form("/platforms", "name=lantern&description=By+the+gate&admission=any");
    let (old, new) = (image("lantern", "v1.0.0", 24_000), image("lantern", "v1.1.0", 26_000));
    let first = server.upload("lantern_1_0_0.bin", &old, true);
    let release = server.upload("lantern.ino.bin", &new, true);
    for (name, image) in [
        ("lantern-c3.bin", kept("esp32c3.bin")),
        ("lantern-esp32.bin", kept("esp32-arduino.bin")),
        ("littlefs.bin", files()),
    ] {
        let codes = ["other_family", "other_chip"].map(|code| ("accept", code));
        let wishes = [("platform", "lantern"), ("version", "v1.1.0"), ("publish", "true")];
        let page = server.upload_as(name, &image, &[&wishes[..], &codes[..]].concat());
        assert_eq!(page, release, "{name}: {}", server.page(&page));
    }
    for page in [&first, &release] {
        while server.page(page).contains("being compressed") {
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    }
    let device = |mac| Device::new(mac, server.address());
    device("5C:CF:7F:00:00:08").polls_running("lantern", "v1.0.0", &md5(&old));
    device("5C:CF:7F:00:00:08").polls_running("lantern", "v1.1.0", &md5(&new));
    device("24:0A:C4:00:00:09").polls_as_esp32("lantern", "v1.0.0");
    device("5C:CF:7F:00:00:0A").polls_running("lantern", "v1.1.0", &md5(&old));
    let page = server.page(&release);
    let remove = page.split('"').find(|part| part.starts_with(&format!("{release}/images/")));
    let remove = remove.expect("a button that removes an image").to_owned();
    vec![
        ("platform-several", "/platforms/lantern".to_owned()),
        ("release-several", release),
        ("image-delete", remove),
        ("device-recognised", "/devices/5ccf7f000008".to_owned()),
        ("device-chip", "/devices/240ac4000009".to_owned()),
        ("device-mismatch", "/devices/5ccf7f00000a".to_owned()),
    ]
}

/// Groups, a pinned platform, a beta release, and devices that get updates in their own way.
fn furnish_policies(server: &Server) -> Vec<Stop> {
    server.form("/platforms", "name=bell&description=At+the+door&admission=any");
    let old = server.upload("bell_1_0_0.bin", &image("bell", "v1.0.0", 21_000), true);
    let beta = server.upload("bell_1_1_0.bin", &image("bell", "v1.1.0", 22_000), true);
    let number = beta.rsplit('/').next().expect("a number");
    let body = r#"{"channel": "beta"}"#;
    let head = format!(
        "PATCH /api/v1/releases/{number} HTTP/1.0\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = server.exchange(head.as_bytes());
    assert!(answer.contains(" 200 "), "{answer}");
    for (mac, version) in [("5C:CF:7F:00:00:11", "v1.0.0"), ("5C:CF:7F:00:00:12", "v1.0.0")] {
        Device::new(mac, server.address()).polls("bell", version);
    }
    server.form("/groups", "name=Ground+floor&quiet=22:00-06:00");
    server.form("/groups", "name=Things+with+a+rather+long+name&quiet=");
    let both = "mac=5ccf7f000011&mac=5ccf7f000012";
    server.form("/devices/several", &format!("{both}&action=join&group=Ground+floor"));
    server.form("/devices/several", "mac=5ccf7f000012&action=off");
    let pin = old.rsplit('/').next().expect("a number");
    server.form(
        "/devices/5ccf7f000011/updates",
        &format!("channel=beta&pinned={pin}&updates=on&group=Ground+floor&join=Doors"),
    );
    server.form(
        "/platforms/bell/edit",
        &format!(
            "name=bell&description=&admission=any&gzip=auto&floor=&rule=different&pinned={pin}&\
             quiet=01:00-02:00&sure=yes"
        ),
    );
    let stops = [
        ("groups", "/groups"),
        ("devices-group", "/devices?group=Ground+floor"),
        ("device-policy", "/devices/5ccf7f000011"),
        ("platform-pinned", "/platforms/bell"),
        ("platform-rules", "/platforms/bell/edit"),
        ("release-beta", beta.as_str()),
    ];
    let mut stops: Vec<Stop> = stops.map(|(name, path)| (name, path.to_owned())).into();
    stops.push(("release-promote", format!("{beta}/promote")));
    stops
}

fn walk(server: &Server, stops: &[Stop]) {
    if let Some(browser) = Browser::open(server, Script::Runs) {
        walk_in(&browser, stops);
    }
}

/// Visits the pages in a browser in which somebody may have signed in.
pub fn walk_in(browser: &Browser, stops: &[Stop]) {
    let mut wrong = Vec::new();
    for (device, width, height) in WIDTHS {
        for scheme in SCHEMES {
            let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
            browser.devtools("Emulation.setEmulatedMedia", &media);
            for (name, path) in stops {
                browser.resizes(width, height);
                browser.goes_to(path);
                let found = examine(browser, name, width);
                let here = |sentence| format!("{path} on a {device}, {scheme}: {sentence}");
                wrong.extend(found.into_iter().map(here));
                keep_picture(browser, &format!("{name}-{device}-{scheme}.png"), width);
            }
        }
    }
    assert!(wrong.is_empty(), "{} things are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Looks at the page that a form answered with, which no address leads to.
pub fn look_here(browser: &Browser, name: &str) {
    let mut wrong = Vec::new();
    for (device, width, height) in WIDTHS {
        browser.resizes(width, height);
        wrong.extend(examine(browser, name, width));
        keep_picture(browser, &format!("{name}-{device}.png"), width);
    }
    assert!(wrong.is_empty(), "{} things are wrong:\n{}", wrong.len(), wrong.join("\n"));
    let (_, width, height) = WIDTHS[0];
    browser.resizes(width, height);
}

/// Keeps a picture of the whole page, where one is wished for.
fn keep_picture(browser: &Browser, name: &str, width: u32) {
    let Some(folder) = std::env::var_os("ESPALIER_SCREENSHOTS").map(PathBuf::from) else {
        return;
    };
    std::fs::create_dir_all(&folder).expect("the folder for pictures");
    let height = browser.script("return document.documentElement.scrollHeight", &[]);
    let height = height.as_u64().and_then(|height| u32::try_from(height).ok());
    browser.resizes(width, height.expect("a height"));
    browser.photographs(&folder.join(name));
}

/// What is wrong with the page that is shown, a sentence each.
fn examine(browser: &Browser, name: &str, width: u32) -> Vec<String> {
    let found = browser.script(AUDIT, &[json!(width)]);
    let found = found.as_array().cloned().unwrap_or_default();
    let mut wrong: Vec<String> = found.iter().map(ToString::to_string).collect();
    let complaints = browser.complaints();
    // The browser itself complains about the status of the page that says 404.
    wrong.extend(complaints.into_iter().filter(|_| name != "missing"));
    wrong
}
