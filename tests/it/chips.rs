//! The chip of an ESP32 is in no header (`protocol.md` §3.1): how the server comes to know it.

use espalier::app::DeviceChange;
use espalier::domain::chip::Chip;
use espalier::domain::device::AttemptState;
use espalier::domain::event::Kind;
use espalier::domain::learnt::ChipFrom;

use crate::support::{Board, Came, FakeDevice, Firmware, Released, SKYE, TestApp, a_test, mac};

async fn stocked(version: &str) -> (TestApp, [Released; 2]) {
    let app = TestApp::start().await;
    app.platform("door").approving(SKYE).await;
    let released = more(&app, version).await;
    (app, released)
}

/// A release with images for the ESP32 and the ESP32-C3.
async fn more(app: &TestApp, version: &str) -> [Released; 2] {
    let (esp32, c3) = (Firmware::esp32(), Firmware::esp32().chip(Chip::Esp32C3));
    let esp32 = app.release("door", version, esp32.of("door", version)).await;
    [esp32, app.release("door", version, c3.of("door", version)).await]
}

async fn known(app: &TestApp) -> Option<(Chip, ChipFrom)> {
    app.device(SKYE).await.expect("it asked").learnt.chip
}

fn is(chip: Chip) -> DeviceChange {
    DeviceChange { chip: Some(Some(chip)), ..DeviceChange::default() }
}

#[tokio::test]
async fn a_recognised_image_tells_the_chip_for_good() {
    let (app, old) = stocked("v1.0.0").await;
    FakeDevice::esp32(SKYE).running(&old[1]).asks(&app, "/update").await.is_not_modified();
    assert_eq!(known(&app).await, Some((Chip::Esp32C3, ChipFrom::Running)));
    let app = app.restarted().await;
    assert_eq!(known(&app).await, Some((Chip::Esp32C3, ChipFrom::Running)));
    let new = more(&app, "v1.1.0").await;
    // It runs a build of its owner's now.
    let device = FakeDevice::esp32(SKYE).reporting("v1.0.5");
    device.asks(&app, "/update").await.is_firmware(&new[1].bytes);
}

#[tokio::test]
async fn the_sketch_may_say_it() {
    let (app, new) = stocked("v1.1.0").await;
    let device = FakeDevice::esp32(SKYE).reporting("v1.0.0");
    device.asks(&app, "/update").await.is_not_modified();
    for spelling in ["esp32c3", "ESP32-C3"] {
        let answer = device.asks_with("HEAD", &app, &format!("/update?chip={spelling}")).await;
        assert_eq!(answer.header("x-md5"), Some(&*new[1].md5()), "{spelling}");
    }
    assert_eq!(known(&app).await, Some((Chip::Esp32C3, ChipFrom::Told)));
    // It need not repeat it, but may correct itself.
    device.asks(&app, "/update").await.is_firmware(&new[1].bytes);
    let answer = device.asks_with("HEAD", &app, "/update?chip=esp32").await;
    assert_eq!(answer.header("x-md5"), Some(&*new[0].md5()));
}

#[tokio::test]
async fn what_is_no_chip_says_nothing() {
    let (app, _) = stocked("v1.1.0").await;
    let device = FakeDevice::esp32(SKYE).reporting("v1.0.0");
    for target in ["/update?chip=", "/update?chip=teapot", "/update?chip=esp8266", "/update?chip"] {
        device.asks(&app, target).await.is_not_modified();
        assert_eq!((known(&app).await, app.decision(SKYE)), (None, "chip_unknown"), "{target}");
    }
}

#[tokio::test]
async fn a_person_may_say_it_and_take_it_back() {
    let (app, new) = stocked("v1.1.0").await;
    let device = FakeDevice::esp32(SKYE).reporting("v1.0.0");
    device.asks(&app, "/update").await.is_not_modified();
    app.teach(SKYE, is(Chip::Esp32)).await;
    assert_eq!(app.decision(SKYE), "offer");
    app.teach(SKYE, DeviceChange { chip: Some(None), ..DeviceChange::default() }).await;
    assert_eq!(app.decision(SKYE), "chip_unknown");
    app.teach(SKYE, is(Chip::Esp32)).await;
    // A person's word weighs more than the sketch's.
    device.asks(&app, "/update?chip=esp32c3").await.is_firmware(&new[0].bytes);
    let app = app.restarted().await;
    assert_eq!(known(&app).await, Some((Chip::Esp32, ChipFrom::Person)));
}

#[tokio::test]
async fn a_chip_of_the_other_family_is_not_believed_of_anyone() {
    let (app, _) = stocked("v1.1.0").await;
    let device = FakeDevice::esp32(SKYE).reporting("v1.0.0");
    device.asks(&app, "/update").await.is_not_modified();
    let refused = app.app.change_device(mac(SKYE), &is(Chip::Esp8266), &a_test()).await;
    assert!(refused.is_err());
    assert_eq!((known(&app).await, app.decision(SKYE)), (None, "chip_unknown"));
}

#[tokio::test]
async fn what_it_runs_is_surer_than_what_anyone_said() {
    let (app, old) = stocked("v1.0.0").await;
    let new = more(&app, "v1.1.0").await;
    let device = FakeDevice::esp32(SKYE).reporting("v1.0.0");
    device.asks(&app, "/update").await.is_not_modified();
    app.teach(SKYE, is(Chip::Esp32)).await;
    device.running(&old[1]).asks(&app, "/update?chip=esp32").await.is_firmware(&new[1].bytes);
    assert_eq!(known(&app).await, Some((Chip::Esp32C3, ChipFrom::Running)));
}

// Where there was only one image at first, the update that worked tells the chip.
#[tokio::test]
async fn a_confirmed_update_tells_the_chip() {
    let app = TestApp::start().await;
    app.platform("door").approving(SKYE).await;
    let c3 = || Firmware::esp32().chip(Chip::Esp32C3);
    app.release("door", "v1.1.0", c3().of("door", "v1.1.0")).await;
    let own = c3().of("door", "v1.0.0").build();
    let mut board = Board::of(Chip::Esp32C3, SKYE, &own);
    assert_eq!(board.updates(&app).await, Came::Installed);
    assert_eq!(known(&app).await, None, "a download proves nothing");
    // Flash encryption: its digests are those of nothing that anybody knows.
    let encrypted = board.device().with_md5(&"ab".repeat(16)).with_sha256(&"AB".repeat(32));
    encrypted.asks(&app, "/update").await.is_not_modified();
    assert_eq!(app.told(Kind::Confirmed).await.len(), 1);
    assert_eq!(known(&app).await, Some((Chip::Esp32C3, ChipFrom::Running)));
    let newer = more(&app, "v1.2.0").await;
    encrypted.asks(&app, "/update").await.is_firmware(&newer[1].bytes);
}

// The other way round: an image that it refuses says nothing, and ends in the loop stop.
#[tokio::test]
async fn an_image_that_it_refused_does_not_tell_the_chip() {
    let app = TestApp::start().await;
    app.platform("door").approving(SKYE).await;
    let c3 = Firmware::esp32().chip(Chip::Esp32C3).of("door", "v1.1.0");
    app.release("door", "v1.1.0", c3).await;
    let own = Firmware::esp32().chip(Chip::Esp32S3).of("door", "v1.0.0").build();
    let mut board = Board::of(Chip::Esp32S3, SKYE, &own);
    for _ in 0..2 {
        assert_eq!(board.updates(&app).await, Came::Refused(9));
    }
    assert_eq!(board.updates(&app).await, Came::NoUpdate);
    assert_eq!((known(&app).await, app.decision(SKYE)), (None, "retry_later"));
    let attempts = app.attempts(SKYE).await;
    assert!(attempts.iter().all(|attempt| attempt.state == AttemptState::NotTaken));
}
