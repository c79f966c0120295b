//! Rollouts in a browser: chosen in the form, followed on their page.

use std::time::Duration;

use crate::browser::{Browser, Script};
use crate::device::{Device, md5};
use crate::driver::wait;
use crate::image::image;
use crate::server::Server;
use crate::walk::Stop;

const CANARY: &str = "5C:CF:7F:00:01:01";
const OTHERS: [&str; 5] = [
    "5C:CF:7F:00:01:02",
    "5C:CF:7F:00:01:03",
    "5C:CF:7F:00:01:04",
    "5C:CF:7F:00:01:05",
    "5C:CF:7F:00:01:06",
];

/// A platform with six devices that run v1.0.0.
fn plant(server: &Server, name: &str) -> Vec<u8> {
    let devices = "5c:cf:7f:00:01:01+Greenhouse%0A5c:cf:7f:00:01:02+Attic%0A\
                   5c:cf:7f:00:01:03+Cellar%0A5c:cf:7f:00:01:04+Porch%0A\
                   5c:cf:7f:00:01:05+Hall%0A5c:cf:7f:00:01:06+Shed";
    server.form("/platforms", &format!("name={name}&description=&admission=approved"));
    server.form("/devices/add", &format!("platform={name}&devices={devices}"));
    let first = image(name, "v1.0.0", 40_000);
    server.upload("first.bin", &first, true);
    for mac in OTHERS.into_iter().chain([CANARY]) {
        Device::new(mac, server.address()).polls_running(name, "v1.0.0", &md5(&first));
    }
    first
}

/// Takes an update and comes back with it, until the rollout has seen that.
fn update(server: &Server, mac: &'static str, name: &str, version: &str, until: impl Fn() -> bool) {
    let device = Device::new(mac, server.address());
    let offered = device.polls(name, "v1.0.0");
    assert_eq!(offered.status, 200);
    let runs = md5(&offered.body);
    // A device restarts first; meanwhile the server sees that the download ended.
    let own = format!("/devices/{}", mac.replace(':', "").to_lowercase());
    wait("the end of the download", || server.page(&own).contains("delivered").then_some(()));
    wait("the rollout to go on", || {
        // The device's own pause.
        std::thread::sleep(Duration::from_millis(200));
        device.polls_running(name, version, &runs);
        until().then_some(())
    });
}

#[test]
fn a_canary_tries_it_first_and_the_others_follow() {
    let server = Server::start();
    let Some(browser) = Browser::open(&server, Script::Runs) else {
        return;
    };
    plant(&server, "vine");
    let draft = server.upload("vine.bin", &image("vine", "v1.1.0", 41_000), false);
    browser.goes_to(&draft);
    browser.clicks_on("#how-all");
    browser.sees("6\nwill get it");
    browser.clicks_on("#how-canaries");
    browser.sees("waiting for others first");
    browser.clicks_on("input[name=canary][value='5ccf7f000101']");
    browser.clicks_on(".wish details summary");
    browser.fills("Watch each stage for, in minutes", "0");
    browser.clicks_on("button[value=publish]");
    browser.arrives_at("of the rollout", |path| path == "/rollouts/1");
    browser.sees("It waits for Greenhouse to ask, then the other 5.");
    let other = Device::new(OTHERS[0], server.address());
    assert_eq!(other.polls("vine", "v1.0.0").status, 304);
    update(&server, CANARY, "vine", "v1.1.0", || {
        server.page("/rollouts/1").contains("the others get it when they ask")
    });
    // The page that is open moves on by itself.
    browser.sees("1 of 6 (Greenhouse) confirmed; the others get it when they ask.");
    assert_eq!(other.polls("vine", "v1.0.0").status, 200);
    browser.clicks("Pause");
    browser.sees("nobody else gets it for now");
    browser.clicks("End it");
    browser.clicks_on(".confirm button.danger");
    browser.sees("nobody else gets it by this rollout");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn without_script_a_button_shows_who_will_get_it() {
    let server = Server::start();
    let Some(browser) = Browser::open(&server, Script::Blocked) else {
        return;
    };
    plant(&server, "vine");
    let draft = server.upload("vine.bin", &image("vine", "v1.1.0", 41_000), false);
    browser.goes_to(&draft);
    browser.clicks_on("#how-all");
    browser.clicks("Preview who will get it");
    browser.sees("6\nwill get it");
    browser.clicks_on("#how-stages");
    browser.fills("Stages", "50%, 10%");
    browser.clicks_on("button[value=publish]");
    browser.sees("is not larger than the one before it");
    assert_eq!(browser.elements("#stages[value='50%, 10%']").len(), 1);
}

/// Rollouts of all sorts; the pages that show them.
pub fn furnish(server: &Server) -> Vec<Stop> {
    let publish = |draft: &str, name: &str, more: &str| {
        let body = format!("action=publish&platform={name}&version=v1.1.0&{more}");
        server.form(draft, &body);
    };
    plant(server, "vine");
    let draft = server.upload("vine.bin", &image("vine", "v1.1.0", 41_000), false);
    publish(&draft, "vine", "how=stages&stages=canaries,+50%25&canary=5ccf7f000101");
    update(server, CANARY, "vine", "v1.1.0", || {
        server.page("/rollouts/1").contains("watching until")
    });
    server.form("/platforms", "name=ivy&description=&admission=any");
    let old = server.upload("ivy.bin", &image("ivy", "v1.0.0", 42_000), true);
    let device = Device::new("5C:CF:7F:00:02:01", server.address());
    device.polls("ivy", "v1.0.0");
    let halted = server.upload("ivy.bin", &image("ivy", "v1.1.0", 43_000), false);
    publish(&halted, "ivy", "how=canaries");
    for _ in 0..4 {
        device.polls("ivy", "v1.0.0");
    }
    server.form(&format!("{old}/withdraw"), "");
    let open = server.upload("vine.bin", &image("vine", "v1.2.0", 44_000), false);
    [
        ("rollouts", "/rollouts".to_owned()),
        ("rollout-watched", "/rollouts/1".to_owned()),
        ("rollout-halted", "/rollouts/2".to_owned()),
        ("rollout-confirm", "/rollouts/1/confirm?action=end".to_owned()),
        ("rollout-platform", "/platforms/ivy".to_owned()),
        ("rollout-release", halted),
        ("rollout-dashboard", "/".to_owned()),
        ("draft-canaries", open.clone()),
        ("draft-preview", format!("{open}/preview?how=stages&stages=canaries")),
        ("publish-again", format!("{old}/publish")),
        ("platform-preview", "/platforms/vine/preview?rule=different".to_owned()),
    ]
    .into()
}
