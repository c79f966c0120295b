//! Pairing: closed, ask, open for a while; of the server and of platforms.

use espalier::app::{PairingChange, Settings};
use espalier::domain::device::Approval;
use espalier::domain::event::Kind;
use espalier::domain::pairing::Rule;

use crate::support::{
    Answer, CHASE, FakeDevice, Firmware, MARSHALL, SKYE, TestApp, a_test, exchange, mac,
};

const REFUSED: (u16, &str) = (400, "Error: Device not whitelisted.");

/// Changes the pairing of a platform, or of the server.
async fn pair(app: &TestApp, platform: Option<&str>, change: PairingChange) {
    app.app.change_pairing(platform, change, &a_test()).await.unwrap();
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
    app.app.save_settings(quiet, &a_test()).await.unwrap();
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
    app.app.save_settings(few, &a_test()).await.unwrap();
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
        let refused = app.app.change_pairing(None, change, &a_test()).await.unwrap_err();
        assert!(refused.to_string().contains("1 to 1440"), "{refused}");
    }
    let nowhere = app.app.change_pairing(Some("nope"), PairingChange::Open(1), &a_test()).await;
    assert!(nowhere.is_err());
    assert!(app.told(Kind::Pairing).await.is_empty());
}

/// Sends a form as a browser does, and answers what it shows in the end.
async fn form(app: &TestApp, path: &str, fields: &str) -> String {
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: pi.lan:8000\r\nAccept: text/html\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{fields}",
        fields.len()
    );
    let answer = exchange(app.address, request.as_bytes()).await;
    let Some(location) = answer.header("location") else {
        assert_eq!(answer.status, 200, "{}", answer.text());
        return answer.text();
    };
    let cookie = answer.header("set-cookie").unwrap_or_default();
    let cookie = cookie.split(';').next().unwrap_or_default();
    page(app, location, &format!("Cookie: {cookie}\r\n")).await
}

async fn page(app: &TestApp, path: &str, headers: &str) -> String {
    app.app.flush().await.unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: pi.lan:8000\r\nAccept: text/html\r\nConnection: close\r\n\
         {headers}\r\n"
    );
    let answer = exchange(app.address, request.as_bytes()).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.text()
}

#[track_caller]
fn says(page: &str, words: &[&str]) {
    for word in words {
        assert!(page.contains(word), "no “{word}” in {page}");
    }
}

#[tokio::test]
async fn a_person_opens_a_window_sees_whom_it_let_in_and_undoes_it() {
    let app = TestApp::start().await;
    app.platform("chase").released("v1.0.1").await;
    let opened = form(&app, "/pairing", "platform=&change=open&minutes=15").await;
    says(&opened, &["Open for 15 minutes", "closes <time", ">in 15 min</time>", "Close now"]);
    asks(&app, CHASE).await.is_not_modified();
    asks(&app, MARSHALL).await.is_not_modified();
    let inbox = page(&app, "/inbox", "").await;
    says(&inbox, &["2 so far", "Approved in this window: 2", "/devices/18fe34000001"]);
    says(&page(&app, "/platforms/chase", "").await, &["of this server closes", "Close now"]);
    let undone = form(&app, "/pairing/undo", "mac=18fe34000001").await;
    says(&undone, &["waits for approval again", "1 device<", "Approved in this window: 1"]);
    is_refused(&asks(&app, CHASE).await);
    let device = page(&app, "/devices/18fe34000002", "").await;
    says(&device, &["It is approved for chase: a pairing window let it in.", "pairing window"]);
    let closed = form(&app, "/pairing", "platform=&change=close").await;
    says(&closed, &["is closed", "Approved in the last window: 1"]);
    assert!(!closed.contains("Close now"));
    let shut = form(&app, "/pairing", "platform=chase&change=rule&rule=closed").await;
    says(&shut, &["New devices of chase are refused", "Closed by a rule of their own"]);
    is_refused(&asks(&app, SKYE).await);
    says(
        &page(&app, "/inbox", "").await,
        &["1 unknown device asked while closed", &SKYE.to_lowercase()],
    );
    for (fields, words) in [
        ("change=open&minutes=0", "1 to 1440"),
        ("change=open&minutes=soon", "no number of minutes"),
        ("change=rule", "Choose who may ask"),
        ("platform=nope&change=open&minutes=5", "no such platform"),
        ("", "Choose what to change"),
    ] {
        says(&form(&app, "/pairing", fields).await, &[words]);
    }
}

#[tokio::test]
async fn several_are_approved_ignored_or_blocked_and_who_was_not_is_named() {
    let app = TestApp::start().await;
    app.platform("chase").released("v1.0.1").await;
    let polls = async |mac: &str, target: &str| {
        FakeDevice::esp8266(mac).asks(&app, target).await;
    };
    polls(CHASE, "/update?dev=chase&ver=v1.0.1").await;
    polls(MARSHALL, "/update?dev=garage&ver=v1.0.1").await;
    polls(SKYE, "/update?ver=v1.0.1").await;
    polls("5E:FE:34:00:00:09", "/update?dev=chase&ver=v1.0.0").await;
    let inbox = page(&app, "/inbox?all=yes", "").await;
    says(&inbox, &["Approve for chase", "Create garage and approve", "named no platform", " free"]);
    says(&inbox, &["400 → -104 Wrong HTTP Code", "/decoder?line=400", "random-looking MAC"]);
    assert_eq!(inbox.matches("type=\"checkbox\" name=\"mac\"").count(), 4);
    assert_eq!(inbox.matches("form=\"several\" aria-label").count(), 4);
    let all = "mac=18fe34000001&mac=18fe34000002&mac=240ac4000010";
    let told = form(&app, "/inbox", &format!("{all}&action=approve&platform=")).await;
    says(
        &told,
        &["1 device was approved. 2 were not:", "it asks for garage, which does not exist"],
    );
    says(&told, &["nothing tells its platform: choose one"]);
    assert_eq!(approval(&app, CHASE).await, Some(Approval::Approved));
    let told = form(&app, "/inbox", &format!("{all}&action=approve&platform=*")).await;
    says(&told, &["it does not wait any more, it is approved", "choose one"]);
    let garage = app.device(MARSHALL).await.unwrap();
    assert_eq!(garage.platform.as_deref(), Some("garage"));
    let told = form(&app, "/inbox", "mac=240ac4000010&action=approve&platform=chase").await;
    says(&told, &["1 device was approved."]);
    says(&form(&app, "/inbox", "action=ignore").await, &["tick the boxes first"]);
    says(&form(&app, "/inbox", "mac=5efe34000009").await, &["Nothing was chosen"]);
    let told = form(&app, "/inbox", "mac=5efe34000009&mac=5efe34000010&action=block").await;
    says(&told, &["1 device was blocked. 1 was not:", "it is not known any more"]);
    assert_eq!(approval(&app, "5E:FE:34:00:00:09").await, Some(Approval::Blocked));
}

#[tokio::test]
async fn the_inbox_tells_where_a_device_asked_from_and_who_is_left_out() {
    let app = TestApp::plan().with("--trusted-proxies").with("127.0.0.1").start().await;
    app.platform("chase").released("v1.0.1").await;
    let polls = async |mac: &str, address: &str| {
        let device = FakeDevice::esp8266(mac);
        let device = device.with_header(&format!("X-Forwarded-For: {address}"));
        device.polls(&app, "chase", "v1.0.1").await;
        app.app.flush().await.unwrap();
    };
    for address in ["10.0.0.7", "10.0.0.8", "10.0.0.8", "10.0.0.9"] {
        polls(CHASE, address).await;
    }
    says(
        &page(&app, "/inbox", "").await,
        &["asked 4 times", "from 10.0.0.9 (before from 10.0.0.8; its address changed 2 times)"],
    );
    let few = Settings { pending_limit: 3, ..app.app.settings().as_ref().clone() };
    app.app.save_settings(few, &a_test()).await.unwrap();
    for number in 0..103 {
        let device = FakeDevice::esp8266(&made_up(number));
        device.with_header("X-Forwarded-For: 10.0.0.66").polls(&app, "chase", "v1.0.1").await;
    }
    let inbox = page(&app, "/inbox", "").await;
    says(&inbox, &["The inbox is full", "More devices asked from 10.0.0.66 than are recorded"]);
    says(&inbox, &["3 further requests were refused"]);
}

#[tokio::test]
async fn a_pasted_log_is_explained_in_order_with_the_way_on() {
    let app = TestApp::start().await;
    says(&page(&app, "/decoder", "").await, &["Paste what the serial monitor shows"]);
    let log = "log=rst+cause:2,+boot+mode:(1,7)%0D%0A%3Cscript%3E%0D%0A\
               HTTP_UPDATE_FAILD+Error+(-104):+Wrong+HTTP+Code";
    let told = form(&app, "/decoder", log).await;
    says(&told, &["2 findings", "power off and on once", "href=\"/inbox\"", "&#60;script&#62;"]);
    assert!(told.find("boot mode 1") < told.find("-104 Wrong HTTP Code: the server"), "in order");
    let told = page(&app, "/decoder?line=hello", "").await;
    says(&told, &["Nothing of this is known here", "getLastErrorString"]);
    says(&page(&app, "/connect", "").await, &["href=\"/decoder\""]);
}
