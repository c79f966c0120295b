//! Secrets of devices: where they are shown, what is refused without them, how they are replaced.

use std::sync::{Arc, Mutex};

use espalier::app::PlatformChange;
use espalier::domain::device::{Approval, AttemptState};
use espalier::domain::event::Kind;
use espalier::domain::proof::{ProofKind, ProofStanding};

use crate::support::catalog::names;
use crate::support::{
    Answer, CHASE, Client, FakeDevice, Firmware, MARSHALL, Released, SKYE, TestApp, a_test,
    exchange, mac,
};

const WORDS: &str = "Error: Wrong or missing secret.";
const POLL: &str = "/update?dev=chase&ver=v1.0.0";

/// A platform with a release, an approved device, and a secret that is demanded.
async fn guarded() -> (TestApp, Released, String) {
    let app = TestApp::start().await;
    let released = app.platform("chase").without_gzip().released("v1.1.0").approving(CHASE).await;
    let secret = app.shares_secret("chase", None, true).await;
    let released = released.into_iter().next().unwrap();
    (app, released, secret)
}

fn device() -> FakeDevice {
    FakeDevice::esp8266(CHASE)
}

/// The header as the updaters build it.
fn basic(user: &str, secret: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in format!("{user}:{secret}").as_bytes().chunks(3) {
        let sum = chunk.iter().fold(0_usize, |sum, byte| (sum << 8) | usize::from(*byte));
        let sum = sum << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = char::from(DIGITS[(sum >> (18 - 6 * place)) & 63]);
            text.push(if place <= chunk.len() { digit } else { '=' });
        }
    }
    format!("Authorization: Basic {text}")
}

fn with(device: &FakeDevice, secret: &str) -> FakeDevice {
    device.clone().with_header(&basic("device", secret))
}

// Cases 42 and 107.
#[track_caller]
fn refused(answer: &Answer) {
    assert_eq!(answer.said(), (401, WORDS.to_owned()));
    assert_eq!(answer.header("www-authenticate"), Some("Basic realm=\"Espalier\""));
    assert_eq!(answer.header("x-md5"), None);
}

fn standing(app: &TestApp, device: &str) -> ProofStanding {
    app.app.device_proof(mac(device)).unwrap().standing
}

#[tokio::test]
async fn every_place_where_an_updater_can_put_the_secret_is_good() {
    let (app, released, secret) = guarded().await;
    assert_eq!(basic("a", "1"), "Authorization: Basic YTox");
    let bearer = format!("Authorization: Bearer {secret}");
    for (device, target) in [
        (with(&device(), &secret), POLL.to_owned()),
        (device().with_header(&basic("", &secret)), POLL.to_owned()),
        (device().with_header(&bearer), POLL.to_owned()),
        (device(), format!("{POLL}&key={secret}")),
        (device(), format!("{POLL}?key={secret}")),
        (device(), format!("/k/{secret}{POLL}")),
        // The "advanced updater" has a path of its own.
        (device().reporting("v1.0.0"), format!("/k/{secret}/my/update.php")),
        (device().reporting("v1.0.0"), format!("/k/{secret}")),
        (device().reporting("v1.0.0"), format!("/my/update.php?key={secret}")),
        (with(&device().reporting("v1.0.0"), &secret), "/devices".to_owned()),
        (device(), format!("/k/{secret}/chase_1_1_0.bin")),
        (device(), format!("k/{secret}/chase_1_1_0.bin")),
        (device(), format!("/k/{secret}//chase/chase_1_1_0.bin")),
        (device(), format!("/chase.bin?key={secret}")),
        (with(&device(), &secret), "/chase.bin".to_owned()),
    ] {
        let answer = device.asks_with("HEAD", &app, &target).await;
        assert_eq!(answer.status, 200, "{target}");
        assert_eq!(answer.header("x-md5"), Some(&*released.md5()), "{target}");
    }
    with(&device(), &secret).asks(&app, POLL).await.is_firmware(&released.bytes);
    let esp32 = with(&FakeDevice::esp32(CHASE), &secret).core_1_0_x();
    assert_eq!(esp32.asks(&app, "/update?dev=chase&ver=v1.1.0").await.status, 304);
}

#[tokio::test]
async fn nothing_is_given_away_without_it() {
    let app = TestApp::plan().with_catalog(&[("free.bin", b"\xE9 free for all")]).start().await;
    app.platform("chase").without_gzip().released("v1.1.0").approving(CHASE).await;
    app.release("chase", "v1.1.0", Firmware::littlefs().text("v1.1.0")).await;
    let secret = app.shares_secret("chase", None, true).await;
    for shown in [device(), with(&device(), "wrong secret"), with(&device(), "")] {
        for mode in ["sketch", "version", "spiffs", "teapot"] {
            let shown = shown.clone().in_mode(mode).reporting("v1.0.0");
            for target in [
                "/update",
                POLL,
                "/update?dev=chase&ver=v9.0.0",
                "/any/path",
                "/k/wrong/update?dev=chase&ver=v1.0.0",
                "/update?dev=chase&ver=v1.0.0&key=wrong",
                "/chase.bin",
                "/chase_1_1_0.bin",
                "/chase/chase_1_1_0.bin",
                "/k/wrong/chase.bin",
            ] {
                refused(&shown.asks(&app, target).await);
                refused(&shown.asks_with("POST", &app, target).await);
                let ranged = shown.clone().with_header("Range: bytes=0-99");
                refused(&ranged.asks(&app, target).await);
                let head = shown.asks_with("HEAD", &app, target).await;
                assert_eq!((head.status, head.body.len()), (401, 0), "{mode} {target}");
            }
        }
    }
    assert_eq!(app.attempts(CHASE).await.len(), 0, "nothing was offered");
    // What belongs to no platform needs no secret.
    assert_eq!(device().asks(&app, "/free.bin").await.status, 200);
    assert_eq!(device().asks(&app, &format!("/k/{secret}/free.bin")).await.status, 200);
    let nothing = exchange(app.address, b"GET /k/anything/else HTTP/1.0\r\n\r\n").await;
    assert_eq!(nothing.said(), (404, "Error: No such file.".to_owned()));
    let mac = "x-ESP8266-STA-MAC: 18:FE:34:00:00:01";
    let bare = format!("GET /k/{secret}/chase.bin HTTP/1.0\r\n{mac}\r\n\r\n");
    assert_eq!(exchange(app.address, bare.as_bytes()).await.status, 403, "no updater");
}

#[tokio::test]
async fn the_catalog_leaves_out_what_is_not_opened() {
    let app = TestApp::plan().with_catalog(&[("free.bin", b"\xE9 free")]).start().await;
    app.platform("chase").without_gzip().released("v1.1.0").approving(CHASE).await;
    app.platform("open").without_gzip().released("v2.0.0").await;
    app.platform("skye").without_gzip().released("v3.0.0").approving(SKYE).await;
    let secret = app.shares_secret("chase", None, true).await;
    let proof = Some(ProofKind::PerDevice);
    let change = PlatformChange { proof, proof_demanded: Some(true), ..Default::default() };
    app.change_platform("skye", change).await;
    let own = app.app.make_device_secret(mac(SKYE), None, &a_test()).await.unwrap();
    let list = async |target: String, header: String| {
        let mut client = Client::connect(app.address).await;
        let agent = "User-Agent: ESP8266HTTPClient\r\nHost: pi";
        let text = format!("GET {target} HTTP/1.1\r\n{agent}\r\n{header}\r\n");
        client.send(text.as_bytes()).await;
        let answer = client.framed(false).await;
        assert_eq!(answer.status, 200, "{target}");
        names(&answer.body)
    };
    let none = String::new;
    let strangers = ["free.bin", "open_2_0_0.bin"];
    assert_eq!(list("/_catalog?op=list&path=.".into(), none()).await, strangers);
    let shared = ["chase_1_1_0.bin", "free.bin", "open_2_0_0.bin"];
    for (target, header) in [
        (format!("/_catalog?op=list&path=/k/{secret}"), none()),
        (format!("/_catalog?op=list&path=k/{secret}/."), none()),
        (format!("/k/{secret}/_catalog?op=list&path="), none()),
        (format!("/_catalog?op=list&path=.&key={secret}"), none()),
        ("/_catalog?op=list&path=.".into(), format!("{}\r\n", basic("x", &secret))),
    ] {
        assert_eq!(list(target, header).await, shared);
    }
    let own = own.expose();
    let opened = list(format!("/_catalog?op=list&path=/k/{own}"), none()).await;
    assert_eq!(opened, ["free.bin", "open_2_0_0.bin", "skye_3_0_0.bin"]);
    assert_eq!(
        list(format!("/_catalog?op=list&path=/k/{own}/skye"), none()).await,
        ["skye_3_0_0.bin"]
    );
    assert_eq!(list("/_catalog?op=list&path=skye".into(), none()).await, [""; 0]);
    assert_eq!(list(format!("/_catalog?op=list&path=/k/{secret}/skye"), none()).await, [""; 0]);
    assert_eq!(list("/_catalog?op=list&path=.".into(), none()).await, strangers, "not kept");
    // The list's address is also that of the files.
    let answer = device().asks(&app, &format!("/k/{secret}/chase_1_1_0.bin")).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn the_secret_of_another_device_is_a_wrong_one() {
    let app = TestApp::start().await;
    let released = app.platform("chase").released("v1.1.0").approving(CHASE).approving(SKYE).await;
    let proof = Some(ProofKind::PerDevice);
    app.change_platform("chase", PlatformChange { proof, ..Default::default() }).await;
    app.demand_secret("chase", true).await;
    let own = app.app.make_device_secret(mac(CHASE), None, &a_test()).await.unwrap();
    let others = app.app.make_device_secret(mac(SKYE), None, &a_test()).await.unwrap();
    refused(&with(&device(), others.expose()).asks(&app, POLL).await);
    assert_eq!(standing(&app, CHASE), ProofStanding::Wrong);
    with(&device(), own.expose()).asks(&app, POLL).await.is_firmware(&released[0].bytes);
    assert_eq!(standing(&app, CHASE), ProofStanding::Newest);
    let third = FakeDevice::esp8266(MARSHALL);
    app.approve(MARSHALL, "chase").await;
    refused(&with(&third, own.expose()).asks(&app, POLL).await);
    assert_eq!(standing(&app, MARSHALL), ProofStanding::NoSecret);
}

#[tokio::test]
async fn the_proof_comes_after_the_platform_and_before_the_approval() {
    let (app, _, secret) = guarded().await;
    let stranger = FakeDevice::esp8266(SKYE);
    let texts = |answer: &Answer| answer.said();
    let asks = async |device: &FakeDevice, target: &str| texts(&device.asks(&app, target).await);
    let invalid = (400, "Error: Invalid parameters.".to_owned());
    assert_eq!(asks(&device(), "/update?dev=chase").await, invalid);
    let unknown = (400, "Error: Unknown platform.".to_owned());
    assert_eq!(asks(&device(), "/update?dev=nowhere&ver=1").await, unknown);
    refused(&stranger.asks(&app, POLL).await);
    let row = app.device(SKYE).await.unwrap();
    assert_eq!(
        (row.approval, row.outcome.unwrap().code),
        (Approval::Pending, "secret_missing".into())
    );
    assert_eq!(row.report.unwrap().dev.as_deref(), Some("chase"), "the inbox knows what it asked");
    refused(&stranger.asks(&app, POLL).await);
    let first = app.told(Kind::FirstContact).await;
    assert_eq!(first, ["Asked for the first time, for chase."], "one row");
    let not_approved = (400, "Error: Device not whitelisted.".to_owned());
    assert_eq!(asks(&with(&stranger, &secret), POLL).await, not_approved);
    let told = app.told(Kind::Refused).await;
    assert_eq!(told[..2], ["It is not approved yet.", "It came without the secret."]);
}

#[tokio::test]
async fn an_open_platform_lets_in_who_knows_the_secret() {
    let app = TestApp::start().await;
    let released = app.platform("chase").open().without_gzip().released("v1.1.0").await;
    let secret = app.shares_secret("chase", Some("our-old-word"), true).await;
    assert_eq!(secret, "our-old-word");
    refused(&device().asks(&app, POLL).await);
    assert_eq!(app.device(CHASE).await.unwrap().approval, Approval::Pending);
    let answer = with(&device(), &secret).asks(&app, POLL).await;
    answer.is_firmware(&released[0].bytes);
    assert_eq!(app.device(CHASE).await.unwrap().approval, Approval::Approved);
    let newcomer = with(&FakeDevice::esp8266(SKYE), &secret);
    newcomer.asks(&app, POLL).await.is_firmware(&released[0].bytes);
    refused(&FakeDevice::esp8266(MARSHALL).asks(&app, "/chase.bin").await);
    assert_eq!(app.device(MARSHALL).await.unwrap().approval, Approval::Pending);
}

#[tokio::test]
async fn who_only_knows_the_address_changes_nothing() {
    let (app, released, secret) = guarded().await;
    let good = with(&device(), &secret);
    good.asks(&app, POLL).await.is_firmware(&released.bytes);
    app.until_attempt(CHASE, AttemptState::Delivered).await;
    let before = app.device(CHASE).await.unwrap();
    app.platform("other").released("v5.0.0").await;
    // Without a proof this would be "it came back unchanged", thrice, and then a hold. To ask for
    // another platform, for none, or for nothing at all is no way around that.
    for target in ["/update?dev=other&ver=v1.0.0", "/update?dev=none&ver=v1.0.0", "/other.bin"] {
        assert!(matches!(device().asks(&app, target).await.status, 400 | 403), "{target}");
    }
    let bare = FakeDevice::esp8266(CHASE).with_md5("");
    assert_eq!(bare.asks(&app, "/update?dev=chase").await.status, 400);
    for version in ["v1.0.0", "v0.1.0", "v9.9.9"] {
        let imposter = FakeDevice::esp32(CHASE).reporting(version).with_md5(&"ab".repeat(16));
        refused(
            &imposter.asks(&app, &format!("/update?dev=chase&ver={version}&chip=ESP32-C3")).await,
        );
    }
    let after = app.device(CHASE).await.unwrap();
    assert_eq!(
        (after.report, after.address, after.host),
        (before.report, before.address, before.host)
    );
    assert_eq!(after.learnt.chip, before.learnt.chip);
    assert_eq!(after.outcome.unwrap().code, "secret_missing", "its page says it");
    assert_eq!(app.attempts(CHASE).await[0].state, AttemptState::Delivered);
    assert_eq!(app.told(Kind::Changed).await, [""; 0]);
    let told = app.told(Kind::Refused).await;
    let missing = told.iter().filter(|text| *text == "It came without the secret.");
    assert_eq!(missing.count(), 1, "told once: {told:?}");
    let back = good.running(&released).asks(&app, "/update?dev=chase&ver=v1.1.0").await;
    back.is_not_modified();
    assert_eq!(app.attempts(CHASE).await[0].state, AttemptState::Confirmed);
}

#[tokio::test]
async fn a_running_fleet_is_moved_before_the_secret_is_demanded() {
    let app = TestApp::start().await;
    let released = app
        .platform("chase")
        .without_gzip()
        .released("v1.1.0")
        .approving(CHASE)
        .approving(SKYE)
        .await;
    let secret = app.shares_secret("chase", None, false).await;
    device().asks(&app, POLL).await.is_firmware(&released[0].bytes);
    assert_eq!(standing(&app, CHASE), ProofStanding::Missing);
    let current = "/update?dev=chase&ver=v1.1.0";
    with(&device(), &secret).asks(&app, current).await.is_not_modified();
    with(&FakeDevice::esp8266(SKYE), "wrong-one").asks(&app, current).await.is_not_modified();
    let shelf = app.app.shelf();
    let count = app.app.proof_count(shelf.platform("chase").unwrap());
    assert_eq!((count.devices, count.proven()), (2, 1));
    assert_eq!(count.others, [(mac(SKYE), ProofStanding::Wrong)]);
    let reasons = app.app.explain(mac(SKYE)).unwrap().reasons;
    let reason = reasons.iter().find(|reason| reason.code == "proof").unwrap();
    assert!(reason.ok && reason.text.contains("not demanded yet"), "{reason:?}");

    app.demand_secret("chase", true).await;
    assert_eq!(app.decision(SKYE), "secret_wrong", "as it came last");
    assert_eq!(app.decision(CHASE), "up_to_date");
    refused(&with(&FakeDevice::esp8266(SKYE), "wrong-one").asks(&app, current).await);
    with(&device(), &secret).asks(&app, current).await.is_not_modified();
    let told = app.told(Kind::PlatformEdited).await;
    assert!(told.contains(&"Devices of chase get nothing without the secret now.".to_owned()));
}

#[tokio::test]
async fn what_nobody_could_show_is_not_demanded() {
    let app = TestApp::start().await;
    app.platform("chase").await;
    let demand = || PlatformChange { proof_demanded: Some(true), ..Default::default() };
    app.app.change_platform("chase", &demand(), &a_test()).await.unwrap_err();
    let shared = PlatformChange { proof: Some(ProofKind::Shared), ..demand() };
    let error = app.app.change_platform("chase", &shared, &a_test()).await.unwrap_err();
    assert!(error.to_string().contains("make the secret first"), "{error}");
    app.shares_secret("chase", None, true).await;
    // Another kind begins with the grace again.
    let change = PlatformChange { proof: Some(ProofKind::PerDevice), ..Default::default() };
    let platform = app.app.change_platform("chase", &change, &a_test()).await.unwrap();
    assert!(!platform.proof.demanded);
    app.app.make_platform_secret("chase", None, &a_test()).await.unwrap_err();
}

#[tokio::test]
async fn a_shared_secret_is_replaced_with_an_overlap_that_survives_a_restart() {
    let (app, _, old) = guarded().await;
    app.approve(SKYE, "chase").await;
    let current = "/update?dev=chase&ver=v1.1.0";
    let skye = FakeDevice::esp8266(SKYE);
    with(&device(), &old).asks(&app, current).await.is_not_modified();
    with(&skye, &old).asks(&app, current).await.is_not_modified();
    let new = app.app.make_platform_secret("chase", None, &a_test()).await.unwrap();
    let new = new.expose();
    assert_ne!(old, new);
    assert_eq!(standing(&app, CHASE), ProofStanding::Old);
    // Both are good, until the device was seen with the new one.
    for secret in [&*old, &*old, new, new] {
        with(&device(), secret).asks(&app, current).await.is_not_modified();
    }
    refused(&with(&device(), &old).asks(&app, current).await);
    assert_eq!(app.device(CHASE).await.unwrap().outcome.unwrap().code, "secret_ended");
    assert_eq!(app.decision(CHASE), "secret_ended", "the explanation is the same");
    with(&skye, &old).asks(&app, current).await.is_not_modified();
    app.app.end_rotations().await.unwrap();
    assert_eq!(app.told(Kind::SecretEnded).await, [""; 0], "one device needs it yet");
    let app = app.restarted().await;
    refused(&with(&device(), &old).asks(&app, current).await);
    with(&device(), new).asks(&app, current).await.is_not_modified();
    with(&skye, &old).asks(&app, current).await.is_not_modified();
    assert_eq!(standing(&app, SKYE), ProofStanding::Old);

    with(&skye, new).asks(&app, current).await.is_not_modified();
    // Who is told that it is done can count on that, also while the job is at it.
    let job = app.app.end_rotations();
    let beside = async {
        app.app.end_rotations().await.unwrap();
        app.told(Kind::SecretEnded).await
    };
    let (done, told) = tokio::join!(job, beside);
    done.unwrap();
    assert_eq!(told, ["All devices of chase use the new secret; the old one has ended."]);
    let shelf = app.app.shelf();
    assert!(!shelf.platform("chase").unwrap().secrets.overlap());
    app.approve(MARSHALL, "chase").await;
    refused(&with(&FakeDevice::esp8266(MARSHALL), &old).asks(&app, current).await);
    let app = app.restarted().await;
    with(&skye, new).asks(&app, current).await.is_not_modified();
    refused(&with(&FakeDevice::esp8266(MARSHALL), &old).asks(&app, current).await);
}

#[tokio::test]
async fn an_old_secret_can_be_ended_at_once() {
    let (app, _, old) = guarded().await;
    let current = "/update?dev=chase&ver=v1.1.0";
    with(&device(), &old).asks(&app, current).await.is_not_modified();
    app.app.end_old_platform_secret("chase", &a_test()).await.unwrap_err();
    let lost = app.app.make_platform_secret("chase", None, &a_test()).await.unwrap();
    // Nobody has the lost one: the next takes its place, and the old one stays.
    let new = app.app.make_platform_secret("chase", None, &a_test()).await.unwrap();
    refused(&with(&device(), lost.expose()).asks(&app, current).await);
    with(&device(), &old).asks(&app, current).await.is_not_modified();
    app.approve(SKYE, "chase").await;
    let skye = with(&FakeDevice::esp8266(SKYE), new.expose());
    skye.asks(&app, current).await.is_not_modified();
    let error = app.app.make_platform_secret("chase", None, &a_test()).await.unwrap_err();
    assert!(error.to_string().contains("end the old one first"), "{error}");
    app.app.end_old_platform_secret("chase", &a_test()).await.unwrap();
    refused(&with(&device(), &old).asks(&app, current).await);
    assert_eq!(app.told(Kind::SecretEnded).await, ["The old secret of chase was ended."]);
}

#[tokio::test]
async fn the_secret_of_a_device_is_replaced_the_same_way() {
    let app = TestApp::start().await;
    app.platform("chase").released("v1.1.0").approving(CHASE).approving(SKYE).await;
    let proof = Some(ProofKind::PerDevice);
    app.change_platform("chase", PlatformChange { proof, ..Default::default() }).await;
    app.demand_secret("chase", true).await;
    let current = "/update?dev=chase&ver=v1.1.0";
    let make = async |app: &TestApp| {
        let made = app.app.make_device_secret(mac(CHASE), None, &a_test()).await.unwrap();
        made.expose().to_owned()
    };
    let old = make(&app).await;
    with(&device(), &old).asks(&app, current).await.is_not_modified();
    let new = make(&app).await;
    let app = app.restarted().await;
    with(&device(), &old).asks(&app, current).await.is_not_modified();
    with(&device(), &new).asks(&app, current).await.is_not_modified();
    refused(&with(&device(), &old).asks(&app, current).await);
    app.app.end_rotations().await.unwrap();
    let own = app.app.device_proof(mac(CHASE)).unwrap().own;
    assert!(own.newest.is_some() && own.old.is_none());
    let told = app.told(Kind::SecretEnded).await;
    assert_eq!(told, ["Was seen with its new secret; the old one has ended."]);
    let last = make(&app).await;
    app.app.end_old_device_secret(mac(CHASE), &a_test()).await.unwrap();
    refused(&with(&device(), &new).asks(&app, current).await);
    let app = app.restarted().await;
    refused(&with(&device(), &new).asks(&app, current).await);
    with(&device(), &last).asks(&app, current).await.is_not_modified();
}

#[tokio::test]
async fn who_guesses_waits_but_the_device_beside_them_does_not() {
    let (app, _, secret) = guarded().await;
    let current = "/update?dev=chase&ver=v1.1.0";
    app.approve(SKYE, "chase").await;
    app.approve(MARSHALL, "chase").await;
    let (known, late) = (with(&device(), &secret), FakeDevice::esp8266(MARSHALL));
    known.asks(&app, current).await.is_not_modified();
    let guesser = FakeDevice::esp8266(SKYE);
    for guess in 0..30 {
        refused(&with(&guesser, &format!("guess-{guess:04}")).asks(&app, current).await);
    }
    assert_eq!(app.device(SKYE).await.unwrap().outcome.unwrap().code, "secret_throttled");
    refused(&with(&guesser, &secret).asks(&app, current).await);
    known.asks(&app, current).await.is_not_modified();
    refused(&with(&late, &secret).asks(&app, current).await);
    app.clock.advance(60);
    with(&late, &secret).asks(&app, current).await.is_not_modified();
    with(&guesser, &secret).asks(&app, current).await.is_not_modified();
}

/// Keeps what is logged on this thread.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// All that is written beneath a folder.
fn written(folder: &std::path::Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        all.extend(if path.is_dir() { written(&path) } else { std::fs::read(path).unwrap() });
    }
    all
}

#[tokio::test]
async fn a_secret_is_written_down_nowhere() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    // With one subscriber alone, lines that another test was the first to pass would be missing.
    let second = tracing_subscriber::fmt().with_writer(std::io::sink).finish();
    let (_second, _guard) =
        (tracing::Dispatch::new(second), tracing::subscriber::set_default(subscriber));
    let (app, _, secret) = guarded().await;
    let wrong = "this-one-is-wrong";
    for shown in [&*secret, wrong] {
        let stranger = FakeDevice::esp8266(SKYE);
        for (device, target) in [
            (with(&device(), shown), POLL.to_owned()),
            (device(), format!("{POLL}&key={shown}")),
            (device(), format!("{POLL}?key={shown}")),
            (device(), format!("/k/{shown}{POLL}")),
            (device(), format!("/k/{shown}/nothing.bin")),
            (device(), format!("/k/{shown}/nothing.bin.gz")),
            (stranger.clone(), format!("/update?ver=1&dev=chase?key={shown}")),
            (stranger, format!("/update?dev=chase&ver=1?key={shown}")),
            (device().without_host().with_header(&format!("Host: a:{shown}@pi")), POLL.to_owned()),
        ] {
            device.asks(&app, &target).await;
        }
        let list = format!("GET /_catalog?op=list&path=/k/{shown}/ HTTP/1.0\r\n\r\n");
        exchange(app.address, list.as_bytes()).await;
        let page = format!("GET /k/{shown}/update?dev=chase HTTP/1.0\r\n\r\n");
        assert!(!exchange(app.address, page.as_bytes()).await.text().contains(shown));
    }
    let events = app.events().await;
    let debug = format!("{:?} {:?} {events:?}", app.app, app.device(CHASE).await);
    let data = app.data();
    let files = written(&data);
    let logged = lines.0.lock().unwrap().clone();
    assert!(
        memchr::memmem::find(&logged, b"came with a wrong secret").is_some(),
        "{}",
        String::from_utf8_lossy(&logged)
    );
    for shown in [&*secret, wrong] {
        let encoded = basic("device", shown);
        for text in [shown, encoded.rsplit(' ').next().unwrap()] {
            let text = text.trim_end_matches('=').as_bytes();
            assert!(memchr::memmem::find(&logged, text).is_none(), "in the log");
            assert!(memchr::memmem::find(&files, text).is_none(), "in the data folder");
            assert!(memchr::memmem::find(debug.as_bytes(), text).is_none(), "in Debug");
        }
    }
}
