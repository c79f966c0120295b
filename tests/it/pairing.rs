//! Pairing: closed, ask, open for a while; of the server and of platforms.

use espalier::app::{PairingChange, Settings};
use espalier::domain::device::Approval;
use espalier::domain::event::Kind;
use espalier::domain::pairing::Rule;

use crate::support::{Answer, CHASE, FakeDevice, Firmware, MARSHALL, SKYE, TestApp, mac};

const REFUSED: (u16, &str) = (400, "Error: Device not whitelisted.");

/// Changes the pairing of a platform, or of the server.
async fn pair(app: &TestApp, platform: Option<&str>, change: PairingChange) {
    app.app.change_pairing(platform, change, "anna").await.unwrap();
}

async fn asks(app: &TestApp, mac: &str) -> Answer {
    FakeDevice::esp8266(mac).polls(app, "chase", "v1.0.1").await
}

#[track_caller]
fn is_refused(answer: &Answer) {
    let (status, text) = answer.said();
    assert_eq!((status, text.as_str()), REFUSED);
}

/// How a device came to be approved.
async fn via(app: &TestApp, device: &str) -> Option<String> {
    let id = app.device(device).await?.id;
    app.app.store().approved_via(id).await.unwrap().map(|(via, _)| via)
}

async fn approval(app: &TestApp, device: &str) -> Option<Approval> {
    app.device(device).await.map(|device| device.approval)
}

#[tokio::test]
async fn a_window_approves_who_asks_and_closes_at_its_minute() {
    let app = TestApp::start().await;
    let released = app.platform("chase").released("v1.0.2").await;
    is_refused(&asks(&app, CHASE).await);
    assert_eq!(approval(&app, CHASE).await, Some(Approval::Pending), "ask is what is usual");

    pair(&app, None, PairingChange::Open(15)).await;
    // One that waited, and two that nobody knows.
    asks(&app, CHASE).await.is_firmware(&released[0].bytes);
    asks(&app, MARSHALL).await.is_firmware(&released[0].bytes);
    app.clock.advance(14 * 60 + 59);
    asks(&app, "18:FE:34:00:00:03").await.is_firmware(&released[0].bytes);
    app.clock.advance(1);
    is_refused(&asks(&app, "18:FE:34:00:00:04").await);
    assert_eq!(approval(&app, "18:FE:34:00:00:04").await, Some(Approval::Pending));
    for device in [CHASE, MARSHALL, "18:FE:34:00:00:03"] {
        assert_eq!(via(&app, device).await.as_deref(), Some("pairing"), "{device}");
        assert_eq!(app.device(device).await.unwrap().platform.as_deref(), Some("chase"));
    }
    assert_eq!(approval(&app, MARSHALL).await, Some(Approval::Approved), "for good");
    let told = app.told(Kind::Approved).await;
    assert_eq!(told, ["Approved for chase: the pairing window is open."; 3]);
    assert_eq!(
        app.told(Kind::Pairing).await,
        ["The pairing window of this server was opened for 15 minutes."]
    );
}

#[tokio::test]
async fn a_restart_in_the_middle_neither_opens_nor_closes_a_window() {
    let app = TestApp::start().await;
    app.platform("chase").released("v1.0.1").await;
    pair(&app, Some("chase"), PairingChange::Open(10)).await;
    pair(&app, None, PairingChange::Rule(Some(Rule::Closed))).await;
    asks(&app, CHASE).await.is_not_modified();
    app.clock.advance(5 * 60);
    let app = app.restarted().await;
    asks(&app, MARSHALL).await.is_not_modified();
    let window = app.app.shelf().pairings().windows().next().unwrap().1;
    let (paired, all) = app.app.store().paired_since(None, window.opened_at, 1).await.unwrap();
    assert_eq!((paired[0].mac, paired[0].platform.as_str(), all), (mac(MARSHALL), "chase", 2));
    app.clock.advance(5 * 60);
    is_refused(&asks(&app, SKYE).await);
    assert!(app.device(SKYE).await.is_none(), "and the server stays closed behind it");
    let app = app.restarted().await;
    is_refused(&asks(&app, SKYE).await);
}

#[tokio::test]
async fn closed_makes_no_row_but_does_not_leave_the_owner_in_the_dark() {
    let app = TestApp::start().await;
    app.platform("chase").released("v1.0.2").await;
    is_refused(&asks(&app, CHASE).await);
    pair(&app, None, PairingChange::Rule(Some(Rule::Closed))).await;
    for _ in 0..3 {
        is_refused(&asks(&app, MARSHALL).await);
    }
    is_refused(&FakeDevice::esp32(SKYE).polls(&app, "chase", "v1.0.1").await);
    assert!(app.device(MARSHALL).await.is_none() && app.device(SKYE).await.is_none());
    let turned_away = app.app.turned_away();
    assert_eq!(turned_away.devices(), 2);
    let latest = turned_away.latest().next().unwrap();
    assert_eq!((latest.mac, latest.asked_for.as_deref()), (mac(SKYE), Some("chase")));
    let told = app.told(Kind::Refused).await;
    assert_eq!(told.iter().filter(|text| text.contains("pairing is closed")).count(), 1);
    // Who waited already waits on, and the reason says why.
    is_refused(&asks(&app, CHASE).await);
    let explained = app.app.explain(mac(CHASE)).unwrap();
    let reason = explained.reasons.iter().find(|reason| reason.code == "approved").unwrap();
    assert!(!reason.ok && reason.text.contains("closed to new devices"), "{reason:?}");
    // A file's address is no way in either.
    let answer = FakeDevice::esp8266(MARSHALL).asks(&app, "/chase/chase_1_0_2.bin").await;
    assert_eq!(answer.status, 403);
    // Quietly, where that is wished.
    let quiet = Settings {
        pending_answer: espalier::app::PendingAnswer::Quiet,
        ..app.app.settings().as_ref().clone()
    };
    app.app.save_settings(quiet, "anna").await.unwrap();
    asks(&app, MARSHALL).await.is_not_modified();
    assert!(app.device(MARSHALL).await.is_none());
    // A person's word is still a person's word.
    app.approve(MARSHALL, "chase").await;
    assert_eq!(asks(&app, MARSHALL).await.status, 200);
}

#[tokio::test]
async fn a_platforms_own_word_wins() {
    let app = TestApp::start().await;
    app.platform("chase").released("v1.0.1").await;
    app.platform("marshall").released("v1.0.1").await;
    let polls = async |mac: &str, platform: &str| {
        FakeDevice::esp8266(mac).polls(&app, platform, "v1.0.1").await.status
    };
    // The server is open, but chase is closed.
    pair(&app, None, PairingChange::Open(60)).await;
    pair(&app, Some("chase"), PairingChange::Rule(Some(Rule::Closed))).await;
    assert_eq!(polls("18:FE:34:00:01:01", "chase").await, 400);
    assert!(app.device("18:FE:34:00:01:01").await.is_none());
    assert_eq!(polls("18:FE:34:00:01:02", "marshall").await, 304);
    // Its own window opens it, and only it.
    pair(&app, None, PairingChange::Rule(Some(Rule::Closed))).await;
    pair(&app, Some("chase"), PairingChange::Open(10)).await;
    assert_eq!(polls("18:FE:34:00:01:03", "chase").await, 304);
    assert_eq!(polls("18:FE:34:00:01:04", "marshall").await, 400);
    assert!(app.device("18:FE:34:00:01:04").await.is_none(), "the server's window was closed");
    // Who names no platform, or one that is not there, is let in nowhere.
    pair(&app, None, PairingChange::Open(10)).await;
    assert_eq!(polls("18:FE:34:00:01:05", "nope").await, 400);
    assert_eq!(approval(&app, "18:FE:34:00:01:05").await, Some(Approval::Pending));
    // Closed by hand, it is as before: closed.
    pair(&app, Some("chase"), PairingChange::Close).await;
    assert_eq!(polls("18:FE:34:00:01:06", "chase").await, 400);
    assert!(app.device("18:FE:34:00:01:06").await.is_none());
}

#[tokio::test]
async fn who_is_put_back_is_not_let_in_again_by_the_same_window() {
    let app = TestApp::start().await;
    app.platform("chase").released("v1.0.1").await;
    pair(&app, Some("chase"), PairingChange::Open(30)).await;
    asks(&app, CHASE).await.is_not_modified();
    app.clock.advance(60);
    app.set_aside(CHASE, Approval::Pending).await;
    is_refused(&asks(&app, CHASE).await);
    assert_eq!(approval(&app, CHASE).await, Some(Approval::Pending));
    let explained = app.app.explain(mac(CHASE)).unwrap();
    let reason = explained.reasons.iter().find(|reason| reason.code == "approved").unwrap();
    assert!(reason.text.contains("put it back"), "{reason:?}");
    let app = app.restarted().await;
    is_refused(&asks(&app, CHASE).await);
    // A later window is a new word.
    app.clock.advance(60);
    pair(&app, Some("chase"), PairingChange::Open(30)).await;
    asks(&app, CHASE).await.is_not_modified();
    assert_eq!(approval(&app, CHASE).await, Some(Approval::Approved));
    // Nor does any window undo "ignore" and "block".
    for aside in [Approval::Ignored, Approval::Blocked] {
        app.set_aside(CHASE, aside).await;
        is_refused(&asks(&app, CHASE).await);
        assert_eq!(approval(&app, CHASE).await, Some(aside));
    }
}

#[tokio::test]
async fn a_window_says_how_long_it_is_open_to_those_who_wait() {
    let app = TestApp::start().await;
    app.platform("chase").releasing("v1.0.2", Firmware::esp8266()).await;
    is_refused(&asks(&app, CHASE).await);
    pair(&app, Some("chase"), PairingChange::Open(15)).await;
    app.clock.advance(61);
    let explained = app.app.explain(mac(CHASE)).unwrap();
    let reason = explained.reasons.iter().find(|reason| reason.code == "approved").unwrap();
    let text = "The pairing window of chase is open for 14 minutes: it is approved for chase as it \
                asks.";
    assert_eq!((reason.ok, reason.text.as_str()), (true, text));
}

/// The addresses of made-up devices.
fn made_up(number: u32) -> String {
    let [_, a, b, c] = number.to_be_bytes();
    format!("18:FE:35:{a:02X}:{b:02X}:{c:02X}")
}

async fn flood(app: &TestApp, devices: u32) {
    for number in 0..devices {
        let device = FakeDevice::esp8266(&made_up(number));
        let answer = device.polls(app, "chase", "v1.0.1").await;
        assert!(matches!(answer.status, 304 | 400), "{answer:?}");
    }
}

async fn recorded(app: &TestApp) -> u64 {
    let counts = app.app.store().count_devices().await.unwrap();
    counts.iter().map(|(_, count)| count).sum()
}

#[tokio::test]
async fn ten_thousand_made_up_devices_get_no_further_than_the_caps() {
    let app = TestApp::start().await;
    app.platform("chase").released("v1.0.1").await;
    pair(&app, None, PairingChange::Rule(Some(Rule::Closed))).await;
    flood(&app, 10_000).await;
    assert_eq!(recorded(&app).await, 0);
    let turned_away = app.app.turned_away();
    assert_eq!((turned_away.devices(), turned_away.more), (1_000, true));
    // An open window lets in no more of one address than the inbox would hold of it.
    pair(&app, None, PairingChange::Open(60)).await;
    flood(&app, 2_000).await;
    assert_eq!(recorded(&app).await, 250);
    assert_eq!(app.app.store().paired_since(None, 0, 1).await.unwrap().1, 250);
    let crowds = app.app.crowds();
    assert_eq!(crowds.len(), 1);
    assert_eq!((crowds[0].address.to_string().as_str(), crowds[0].recorded), ("127.0.0.1", 250));
}

#[tokio::test]
async fn many_addresses_fill_neither_the_inbox_nor_the_fleet() {
    let app = TestApp::plan().with("--trusted-proxies").with("127.0.0.1").start().await;
    app.platform("chase").released("v1.0.1").await;
    let few = Settings { pending_limit: 20, ..app.app.settings().as_ref().clone() };
    app.app.save_settings(few, "anna").await.unwrap();
    let flood = async |from: u32, to: u32| {
        for number in from..to {
            let address = format!("X-Forwarded-For: 198.51.{}.{}", number / 250, number % 250 + 1);
            let device = FakeDevice::esp8266(&made_up(number)).with_header(&address);
            device.polls(&app, "chase", "v1.0.1").await;
        }
    };
    flood(0, 100).await;
    assert_eq!(recorded(&app).await, 20, "the silent ones are forgotten");
    pair(&app, None, PairingChange::Open(60)).await;
    flood(100, 200).await;
    assert_eq!(app.app.store().paired_since(None, 0, 1).await.unwrap().1, 20);
    assert_eq!(recorded(&app).await, 40, "20 let in within the hour, and 20 that wait");
}

#[tokio::test]
async fn a_window_that_makes_no_sense_is_refused() {
    let app = TestApp::start().await;
    for minutes in [0, 1441, u32::MAX] {
        let change = PairingChange::Open(minutes);
        let refused = app.app.change_pairing(None, change, "anna").await.unwrap_err();
        assert!(refused.to_string().contains("1 to 1440"), "{refused}");
    }
    let nowhere = app.app.change_pairing(Some("nope"), PairingChange::Open(1), "anna").await;
    assert!(nowhere.is_err());
    assert!(app.told(Kind::Pairing).await.is_empty());
}
