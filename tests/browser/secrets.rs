//! A platform that gets a secret, from choosing it to demanding it.

use crate::browser::{Browser, Script};
use crate::device::Device;
use crate::server::Server;
use crate::walk::{Stop, look_here};

/// Makes platforms with a secret; the pages that show it.
pub fn furnish(server: &Server) -> Vec<Stop> {
    for name in ["hall", "shed"] {
        server.form("/platforms", &format!("name={name}&description=&admission=approved"));
    }
    server.form(
        "/devices/add",
        "platform=hall&devices=5c:cf:7f:00:00:21+Lamp%0A5c:cf:7f:00:00:22+Door%0A5c:cf:7f:00:00:23",
    );
    server.form("/devices/add", "platform=shed&devices=5c:cf:7f:00:00:24+Pump");
    server.form("/platforms/hall/proof", "proof=shared");
    server.form("/platforms/shed/proof", "proof=per_device");
    let device = |mac| Device::new(mac, server.address());
    server.makes("/platforms/hall/secret", "secret=our-old-word");
    device("5C:CF:7F:00:00:21").polls("hall&key=our-old-word", "v1.0.0");
    device("5C:CF:7F:00:00:22").polls("hall", "v1.0.0");
    server.makes("/platforms/hall/secret", "secret=our-new-word");
    device("5C:CF:7F:00:00:23").polls("hall&key=our-new-word", "v1.0.0");
    server.makes("/devices/5ccf7f000024/secret", "secret=");
    server.form("/platforms/shed/proof", "demanded=yes");
    device("5C:CF:7F:00:00:24").polls("shed", "v1.0.0");
    let stops = [
        ("proof-none", "/platforms/chase/proof"),
        ("proof-shared", "/platforms/hall/proof"),
        ("proof-demand", "/platforms/hall/proof/demand"),
        ("proof-end", "/platforms/hall/secret/old"),
        ("proof-single", "/platforms/shed/proof"),
        ("secret-single", "/devices/5ccf7f000024/secret"),
        ("secret-refused", "/devices/5ccf7f000024"),
        ("secret-unused", "/devices/5ccf7f000001/secret"),
        ("secret-end", "/devices/5ccf7f000024/secret/old"),
    ];
    stops.map(|(name, path)| (name, path.to_owned())).into()
}

#[test]
fn from_a_name_to_a_secret() {
    the_way_to_a_secret(Script::Runs);
}

#[test]
fn from_a_name_to_a_secret_without_script() {
    the_way_to_a_secret(Script::Blocked);
}

fn the_way_to_a_secret(script: Script) {
    let server = Server::start();
    let Some(browser) = Browser::open(&server, script) else {
        return;
    };
    server.form("/platforms", "name=hall&description=&admission=approved");
    server.form("/devices/add", "platform=hall&devices=5c:cf:7f:00:00:21+Lamp");
    let device = Device::new("5C:CF:7F:00:00:21", server.address());
    browser.goes_to("/platforms/hall");
    browser.sees("none: the MAC address is all");
    browser.clicks("Secrets of its devices");
    browser.arrives_at("of the proof", |path| path == "/platforms/hall/proof");
    browser.clicks_on("input[name=proof][value=shared]");
    browser.clicks_on("[aria-labelledby=kind] footer button");
    browser.sees("Nobody is refused without it yet.");
    browser.clicks("Make the secret");
    browser.sees("Copy it now");
    browser.sees("ESPhttpUpdate.setAuthorization");
    if script == Script::Runs {
        look_here(&browser, "proof-made");
    }
    let secret = browser.words_of("[aria-labelledby=made] pre");
    let secret = secret.trim();
    assert_eq!(secret.len(), 32, "{secret}");
    assert_eq!(device.polls("hall", "v1.0.0").status, 304, "not demanded yet");

    browser.goes_to("/platforms/hall/proof");
    assert!(!browser.words_of("main").contains(secret), "shown once");
    browser.sees("0 of 1 device");
    browser.clicks("Demand it…");
    browser.sees("These get nothing any more");
    browser.sees("Lamp: comes without it");
    browser.clicks("Not yet");
    assert_eq!(device.polls(&format!("hall&key={secret}"), "v1.0.0").status, 304);
    browser.goes_to("/platforms/hall/proof");
    browser.sees("1 of 1 device");
    browser.clicks("Demand it…");
    browser.sees("None is cut off.");
    browser.clicks_on(".confirm button");
    browser.sees("From now on a device without the secret gets nothing.");
    assert_eq!(device.polls("hall", "v1.0.0").status, 401);
    assert_eq!(device.polls(&format!("hall&key={secret}"), "v1.0.0").status, 304);

    browser.fills("Secret", "typed-by-hand");
    browser.clicks("Make a new secret");
    browser.sees("typed by a person");
    browser.clicks("End the old one now…");
    browser.sees("Lamp uses it still, and is refused then");
    browser.clicks_on(".confirm button.danger");
    browser.sees("The old secret has ended.");
    assert_eq!(device.polls(&format!("hall&key={secret}"), "v1.0.0").status, 401);
    assert_eq!(device.polls("hall&key=typed-by-hand", "v1.0.0").status, 304);
}
