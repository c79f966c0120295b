//! What is held back because the device could not take it: cases 35–37, 40, 53, 54 and 56. A 304,
//! a reason on the page, and one event.

use espalier::app::{DeviceChange, Error, PlatformChange, Wishes};
use espalier::domain::chip::Chip;
use espalier::domain::event::Kind;
use espalier::domain::platform::GzipPolicy;

use crate::support::{
    Board, CHASE, Came, FakeDevice, Firmware, MARSHALL, Released, SKYE, TestApp, mac,
};

const ADDRESSES: [&str; 4] =
    ["/update", "/update?dev=door&ver=v1.0.0", "/door_1_1_0.bin", "/door.bin"];

async fn stocked(new: Firmware) -> (TestApp, Released) {
    let app = TestApp::start().await;
    app.platform("door").approving(CHASE).approving(SKYE).approving(MARSHALL).await;
    let new = app.release("door", "v1.1.0", new.of("door", "v1.1.0")).await;
    (app, new)
}

/// Whatever it asks for, it gets nothing, for this reason, which is told once.
async fn is_withheld(app: &TestApp, device: &FakeDevice, address: &str, code: &str, word: &str) {
    for target in ADDRESSES {
        device.asks(app, target).await.is_not_modified();
        assert_eq!(app.decision(address), code, "{target}");
    }
    let explained = app.app.explain(mac(address)).unwrap();
    let against: Vec<_> = explained.reasons.iter().filter(|reason| !reason.ok).collect();
    assert_eq!(against.len(), 1, "{:?}", explained.reasons);
    let told = app.told(Kind::Withheld).await;
    assert!(told.len() == 1 && told[0].contains(word), "{told:?}");
    assert_eq!(app.attempts(address).await.len(), 0);
}

// Case 36: the updater would answer -107.
#[tokio::test]
async fn an_image_for_more_flash_memory_than_there_is() {
    let (app, new) = stocked(Firmware::esp8266().flash_size(4)).await;
    let device = FakeDevice::esp8266(CHASE).reporting("v1.0.0");
    let small = device.clone().with_chip_size(1 << 20);
    is_withheld(&app, &small, CHASE, "flash_too_small", "4096 KiB").await;
    device.with_chip_size(4 << 20).asks(&app, "/update").await.is_firmware(&new.bytes);
}

// T30: the same number means other sizes for the ESP32, whose updater does not compare it.
#[tokio::test]
async fn the_flash_size_of_an_esp32_is_no_reason() {
    let (app, new) = stocked(Firmware::esp32()).await;
    let device = FakeDevice::esp32(SKYE).reporting("v1.0.0").with_chip_size(1 << 20);
    device.asks(&app, "/update").await.is_firmware(&new.bytes);
}

// Case 35, with a compressed form that is of no use to this device.
#[tokio::test]
async fn an_image_that_does_not_fit_says_why_compressed_does_not_help() {
    let (app, _) = stocked(Firmware::esp8266().hollow(0x8000)).await;
    app.app.pack_wanted().await.unwrap();
    let device = FakeDevice::esp8266(CHASE).reporting("v1.0.0").with_free_space(0x8000);
    device.asks(&app, "/update").await.is_not_modified();
    let explained = app.app.explain(mac(CHASE)).unwrap();
    assert_eq!(explained.decision.code(), "too_big");
    assert!(explained.decision.text().contains("not known to unpack"), "{explained:?}");
}

// Case 37 and T15.
#[tokio::test]
async fn an_image_of_the_other_family() {
    let (app, _) = stocked(Firmware::esp32()).await;
    let device = FakeDevice::esp8266(CHASE).reporting("v1.0.0");
    is_withheld(&app, &device, CHASE, "wrong_family", "ESP8266 family").await;
    let (app, _) = stocked(Firmware::esp8266()).await;
    let device = FakeDevice::esp32(SKYE).reporting("v1.0.0");
    is_withheld(&app, &device, SKYE, "wrong_family", "ESP32 family").await;
}

// Case 56, for a chip that a person named.
#[tokio::test]
async fn an_image_of_another_chip() {
    let (app, _) = stocked(Firmware::esp32().chip(Chip::Esp32C6)).await;
    let device = FakeDevice::esp32(SKYE).reporting("v1.1.0");
    device.asks(&app, "/update").await.is_not_modified();
    let chip = Some(Some(Chip::Esp32S3));
    app.teach(SKYE, DeviceChange { chip, ..DeviceChange::default() }).await;
    let device = device.reporting("v1.0.0");
    is_withheld(&app, &device, SKYE, "wrong_chip", "ESP32-C6, the device has an ESP32-S3").await;
}

// Case 54.
#[tokio::test]
async fn an_esp32_without_a_slot() {
    let (app, _) = stocked(Firmware::esp32()).await;
    let device = FakeDevice::esp32(SKYE).reporting("v1.0.0").with_free_space(0);
    is_withheld(&app, &device, SKYE, "no_slot", "no slot for updates").await;
}

// Case 53.
#[tokio::test]
async fn an_esp32_never_gets_gzip() {
    let (app, new) = stocked(Firmware::esp32().hollow(0x8000)).await;
    app.app.pack_wanted().await.unwrap();
    let change = PlatformChange { gzip: Some(GzipPolicy::Always), ..PlatformChange::default() };
    app.change_platform("door", change).await;
    let device = FakeDevice::esp32(SKYE).reporting("v1.0.0");
    device.asks(&app, "/update").await.is_firmware(&new.bytes);
    let packed = Firmware::esp32().of("door", "v1.2.0").compressed().build();
    let wishes = Wishes { publish: true, ..Wishes::default() };
    let refused = app.upload("door.bin.gz", &packed, &wishes).await;
    let Err(Error::Questions(card)) = refused else { panic!("{refused:?}") };
    assert!(card.questions[0].text().contains("cannot unpack gzip"), "{:?}", card.questions);
    assert_eq!(app.files("firmware").len(), 1, "nothing of it is kept");
}

#[tokio::test]
async fn nothing_below_the_floor() {
    let (app, new) = stocked(Firmware::esp8266()).await;
    let floor =
        |text: &str| PlatformChange { floor: Some(text.to_owned()), ..PlatformChange::default() };
    app.change_platform("door", floor("v1.2.0")).await;
    let device = FakeDevice::esp8266(CHASE).reporting("v1.0.0");
    is_withheld(&app, &device, CHASE, "below_floor", "below v1.2.0").await;
    app.change_platform("door", floor("1.1")).await;
    device.asks(&app, "/update").await.is_firmware(&new.bytes);
}

/// Devices by what they were seen to run.
async fn after_a_signed_release() -> (TestApp, Released, Released) {
    let app = TestApp::start().await;
    app.platform("door").approving(CHASE).approving(MARSHALL).await;
    let old = app.release("door", "v1.0.0", Firmware::esp8266().of("door", "v1.0.0")).await;
    let signed = Firmware::esp8266().of("door", "v1.1.0").signed();
    let signed = app.release("door", "v1.1.0", signed).await;
    (app, old, signed)
}

#[tokio::test]
async fn who_ran_a_signed_image_gets_no_other() {
    let (app, old, signed) = after_a_signed_release().await;
    let mut board = Board::esp8266(CHASE, &old.bytes);
    assert_eq!(board.updates(&app).await, Came::Installed);
    assert_eq!(board.updates(&app).await, Came::NoUpdate);
    assert!(signed.release.image.signed);
    let unsigned = Firmware::esp8266().of("door", "v1.2.0");
    let unsigned = app.release("door", "v1.2.0", unsigned).await;
    app.app.pack_wanted().await.unwrap();
    let app = app.restarted().await;
    for target in ["/update", "/door_1_2_0.bin"] {
        assert_eq!(board.fetches(&app, target).await, Came::NoUpdate);
        assert_eq!(app.decision(CHASE), "unsigned");
    }
    let told = app.told(Kind::Withheld).await;
    assert!(told.len() == 1 && told[0].contains("not signed"), "{told:?}");
    // Who never did gets it.
    let other = FakeDevice::esp8266(MARSHALL).reporting("v1.0.0");
    other.asks(&app, "/update").await.is_firmware(&unsigned.bytes);
    let again = Firmware::esp8266().of("door", "v1.3.0").signed();
    app.release("door", "v1.3.0", again).await;
    assert_eq!(board.updates(&app).await, Came::Installed);
}

#[tokio::test]
async fn who_checks_signatures_gets_only_signed_images() {
    let (app, old, _) = after_a_signed_release().await;
    let unsigned = Firmware::esp8266().of("door", "v1.2.0");
    app.release("door", "v1.2.0", unsigned).await;
    let mut board = Board::esp8266(CHASE, &old.bytes).verifying();
    board.device().reporting("v9").asks(&app, "/update").await.is_not_modified();
    let verifies = DeviceChange { verifies: Some(true), ..DeviceChange::default() };
    app.teach(CHASE, verifies).await;
    assert_eq!(board.updates(&app).await, Came::NoUpdate);
    assert_eq!(app.decision(CHASE), "unsigned");
    assert_eq!(board.fetches(&app, "/door_1_1_0.bin").await, Came::Installed);
}

/// A signed gzip file of this version.
fn signed_gzip(version: &str) -> Firmware {
    Firmware::esp8266().of("door", version).compressed().signed()
}

// Case 40 and T18: on a device that does not check signatures it would overwrite the boot loader.
#[tokio::test]
async fn signed_gzip_goes_to_nobody_who_is_not_known_to_check_signatures() {
    let (app, _, _) = after_a_signed_release().await;
    app.release("door", "v1.2.0", signed_gzip("v1.2.0")).await;
    for policy in [GzipPolicy::Auto, GzipPolicy::Always, GzipPolicy::Off] {
        let change = PlatformChange { gzip: Some(policy), ..PlatformChange::default() };
        app.change_platform("door", change).await;
        let old = Firmware::esp8266().of("door", "v1.0.0").build();
        let mut board = Board::esp8266(CHASE, &old);
        for target in ["/update", "/update?dev=door", "/door_1_2_0.bin", "/door.bin"] {
            assert_eq!(board.fetches(&app, target).await, Came::NoUpdate, "{policy:?} {target}");
            assert_eq!(app.decision(CHASE), "signed_gzip");
        }
        let esp32 = FakeDevice::esp32(MARSHALL).reporting("v1.0.0");
        esp32.asks(&app, "/door_1_2_0.bin").await.is_not_modified();
    }
    let told = app.told(Kind::Withheld).await;
    assert!(told.iter().any(|text| text.contains("destroys a device")), "{told:?}");
}

#[tokio::test]
async fn signed_gzip_goes_whole_to_a_device_that_checks_signatures() {
    let (app, old, _) = after_a_signed_release().await;
    let packed = app.release("door", "v1.2.0", signed_gzip("v1.2.0")).await;
    let mut board = Board::esp8266(CHASE, &old.bytes).verifying();
    board.device().reporting("v9").asks(&app, "/update").await.is_not_modified();
    let verifies = DeviceChange { verifies: Some(true), ..DeviceChange::default() };
    app.teach(CHASE, verifies).await;
    let answer = board.device().asks_with("HEAD", &app, "/update").await;
    assert_eq!(answer.header("x-md5"), Some(&*packed.md5()));
    assert_eq!(board.updates(&app).await, Came::Installed);
    assert_eq!(board.version().as_deref(), Some("v1.2.0"));
    assert_eq!(board.updates(&app).await, Came::NoUpdate);
    assert_eq!(app.told(Kind::Confirmed).await.len(), 1);
    assert!(app.attempts(CHASE).await[0].packed);
    // One whose flash memory is wired differently would not start with it.
    let mut board = Board::esp8266(CHASE, &old.bytes).verifying().wired(0);
    assert_eq!(board.updates(&app).await, Came::NoUpdate);
    assert_eq!(app.decision(CHASE), "signed_gzip");
}
