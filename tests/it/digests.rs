//! Which image a device runs, by the digest that it reports (`protocol.md` §7): cases 23–27, 49–52
//! and 60.

use espalier::app::PlatformChange;
use espalier::domain::chip::Chip;
use espalier::domain::platform::GzipPolicy;

use crate::support::{
    Board, CHASE, Came, FakeDevice, Firmware, Released, SKYE, TestApp, a_test, eventually, image,
    mac,
};

/// An older release, and this one of a newer version.
async fn stocked(old: Firmware, new: Firmware) -> (TestApp, Released, Released) {
    let app = TestApp::start().await;
    app.platform("door").approving(CHASE).approving(SKYE).await;
    let old = app.release("door", "v1.0.0", old.of("door", "v1.0.0")).await;
    let new = app.release("door", "v1.1.0", new.of("door", "v1.1.0")).await;
    (app, old, new)
}

/// It says nothing but digests, and is known by them: 304 for what it has already.
#[track_caller]
fn assert_identical(app: &TestApp, device: &str) {
    assert_eq!(app.decision(device), "identical");
    assert!(app.app.explain(mac(device)).unwrap().running.is_some());
}

// Cases 23 and 25: an update corrects byte 2 where the flash memory is wired differently.
#[tokio::test]
async fn an_image_is_known_in_the_flash_mode_of_the_device() {
    for wired in 0..4 {
        let (app, old, new) = stocked(Firmware::esp8266(), Firmware::esp8266()).await;
        let mut board = Board::esp8266(CHASE, &old.bytes).wired(wired).silent();
        assert_eq!(board.updates(&app).await, Came::Installed, "{wired}");
        assert_eq!(board.program() == new.bytes, wired == 2, "{wired}");
        assert_eq!(board.updates(&app).await, Came::NoUpdate, "{wired}");
        assert_identical(&app, CHASE);
        let running = app.app.explain(mac(CHASE)).unwrap().running.unwrap();
        assert_eq!(running.flash_mode, Some(wired));
    }
}

// The image for another board, installed by a cable as it is.
#[tokio::test]
async fn an_image_is_known_in_the_flash_mode_that_it_was_built_for() {
    let (app, old, new) = stocked(Firmware::esp8266().flash_mode(0), Firmware::esp8266()).await;
    let mut board = Board::esp8266(CHASE, &old.bytes).silent();
    board.device().asks_with("HEAD", &app, "/update").await;
    let running = app.app.explain(mac(CHASE)).unwrap().running.unwrap();
    assert_eq!((running.release.id, running.flash_mode), (old.id(), Some(0)));
    assert_eq!(board.updates(&app).await, Came::Installed);
    assert!(board.program()[3..] == new.bytes[3..] && board.program()[2] == 0);
}

// Case 26: uploaded compressed, run unpacked.
#[tokio::test]
async fn a_compressed_upload_is_known_by_what_was_inside() {
    let (app, old, new) = stocked(Firmware::esp8266(), Firmware::esp8266().compressed()).await;
    let plain = Firmware::esp8266().of("door", "v1.1.0").build();
    let mut board = Board::esp8266(CHASE, &old.bytes).silent();
    assert_eq!(board.updates(&app).await, Came::Installed);
    assert!(board.program() == plain && new.bytes != plain);
    assert_eq!(board.updates(&app).await, Came::NoUpdate);
    assert_identical(&app, CHASE);
    // The digest of the compressed file is none that a device could have.
    let device = FakeDevice::esp8266(CHASE).with_md5(&new.md5());
    assert_eq!(device.asks(&app, "/update?dev=door").await.status, 400);
}

// Case 27.
#[tokio::test]
async fn a_signed_upload_is_known_by_its_payload() {
    let (app, old, new) = stocked(Firmware::esp8266(), Firmware::esp8266().signed()).await;
    let plain = Firmware::esp8266().of("door", "v1.1.0").build();
    for board in [
        Board::esp8266(CHASE, &old.bytes),
        Board::esp8266(CHASE, &old.bytes).verifying(),
        Board::esp8266(CHASE, &old.bytes).wired(0),
    ] {
        let mut board = board.silent();
        assert_eq!(board.updates(&app).await, Came::Installed);
        assert!(board.program()[3..] == plain[3..] && board.program().len() < new.size());
        assert_eq!(board.updates(&app).await, Came::NoUpdate);
        assert_identical(&app, CHASE);
        // Back to the old one by cable, which looks like a rollback until a person speaks.
        Board::esp8266(CHASE, &old.bytes).silent().updates(&app).await;
        app.app.try_again(mac(CHASE), &a_test()).await.unwrap();
    }
}

// What stands behind the image is not written, or not counted.
#[tokio::test]
async fn padding_is_not_part_of_an_image() {
    let padded = |firmware: Firmware| firmware.followed_by(&[0xFF; 300]);
    let (app, old, _) = stocked(Firmware::esp32(), padded(Firmware::esp32())).await;
    let mut board = Board::of(Chip::Esp32, SKYE, &old.bytes).silent();
    assert_eq!(board.updates(&app).await, Came::Installed);
    assert_eq!(board.updates(&app).await, Came::NoUpdate);
    assert_identical(&app, SKYE);
}

// Case 60: the 512 bytes are served, and not counted by the device.
#[tokio::test]
async fn a_signed_image_for_the_esp32_is_served_whole_and_known_without_its_signature() {
    let (app, old, new) = stocked(Firmware::esp32(), Firmware::esp32().signed()).await;
    let plain = Firmware::esp32().of("door", "v1.1.0").build();
    assert_eq!(new.size(), plain.len() + 512);
    let device = Board::of(Chip::Esp32, SKYE, &old.bytes).silent().device();
    let answer = device.asks(&app, "/update").await;
    answer.is_firmware(&new.bytes);
    app.until_downloaded(SKYE).await;
    let mut board = Board::of(Chip::Esp32, SKYE, &old.bytes).silent();
    assert_eq!(board.takes(&answer), Came::Installed);
    assert!(board.program() == plain);
    assert_eq!(board.updates(&app).await, Came::NoUpdate);
    assert_identical(&app, SKYE);
}

// Cases 49–51: with a digest behind the image that is the one, without it the image's own.
#[tokio::test]
async fn an_esp32_is_known_by_the_digest_that_it_really_sends() {
    for newer in [Firmware::esp32(), Firmware::esp32().unchecked()] {
        let (app, old, new) = stocked(Firmware::esp32(), newer).await;
        let only_sha256 = |board: &Board| board.device().core_1_0_x();
        let mut board = Board::of(Chip::Esp32, SKYE, &old.bytes).silent();
        let answer = only_sha256(&board).asks(&app, "/update").await;
        answer.is_firmware(&new.bytes);
        app.until_downloaded(SKYE).await;
        assert_eq!(board.takes(&answer), Came::Installed);
        only_sha256(&board).asks(&app, "/update").await.is_not_modified();
        assert_identical(&app, SKYE);
    }
}

// Case 51: without a digest behind it, but with padding, neither file nor digest will do.
#[tokio::test]
async fn the_digest_of_the_file_is_not_enough() {
    let padded = Firmware::esp32().unchecked().followed_by(&[0xFF; 64]);
    let (app, old, new) = stocked(Firmware::esp32(), padded).await;
    let mut board = Board::of(Chip::Esp32, SKYE, &old.bytes).silent();
    assert_eq!(board.updates(&app).await, Came::Installed);
    let sent = String::from_utf8(board.device().request("GET", "/")).unwrap();
    assert!(!sent.contains(&image::sha256(&new.bytes).to_uppercase()), "not the file's");
    board.device().core_1_0_x().asks(&app, "/update").await.is_not_modified();
    assert_identical(&app, SKYE);
}

// Cases 41 and 52 beside a digest that is known.
#[tokio::test]
async fn one_known_digest_is_enough_and_nothings_is_none() {
    let (app, _, new) = stocked(Firmware::esp32(), Firmware::esp32()).await;
    let device = FakeDevice::esp32(SKYE).running(&new);
    for md5 in ["", "d41d8cd98f00b204e9800998ecf8427e", &"ab".repeat(16)] {
        device.clone().with_md5(md5).asks(&app, "/update?dev=door").await.is_not_modified();
        assert_identical(&app, SKYE);
    }
    let device = device.with_md5("").with_sha256(&"AB".repeat(32));
    assert_eq!(device.asks(&app, "/update?dev=door").await.status, 400);
}

/// As a cable's tool leaves it that sets flash mode, size and clock.
fn by_cable(file: &[u8]) -> Vec<u8> {
    let mut program = file.to_vec();
    (program[2], program[3]) = (3, 0x3F);
    program
}

async fn is_known_soon(app: &TestApp, device: &FakeDevice) {
    eventually("the image is recognised", async || {
        // Where a look is under way already, the next check-in starts one.
        device.asks(app, "/update").await.is_not_modified();
        app.app.explain(mac(CHASE)).unwrap().running.map(|_| ())
    })
    .await;
    device.asks(app, "/update").await.is_not_modified();
    assert_identical(app, CHASE);
}

#[tokio::test]
async fn what_a_cable_changed_is_known_after_a_closer_look() {
    let (app, _, new) = stocked(Firmware::esp8266(), Firmware::esp8266()).await;
    let board = Board::esp8266(CHASE, &by_cable(&new.bytes)).silent();
    is_known_soon(&app, &board.device()).await;
    // For good, and with the flash mode.
    let app = app.restarted().await;
    board.device().asks(&app, "/update?dev=door").await.is_not_modified();
    assert_eq!(app.app.explain(mac(CHASE)).unwrap().running.unwrap().flash_mode, Some(3));
}

// The usual order: first the cable, then the upload of the same build.
#[tokio::test]
async fn what_a_cable_changed_is_known_when_its_file_comes_later() {
    let (app, _, _) = stocked(Firmware::esp8266(), Firmware::esp8266()).await;
    let file = Firmware::esp8266().of("door", "v1.2.0");
    let device = Board::esp8266(CHASE, &by_cable(&file.build())).silent().device();
    for _ in 0..2 {
        device.asks(&app, "/update").await.is_not_modified();
        assert_eq!(app.decision(CHASE), "version_unknown");
    }
    app.release("door", "v1.2.0", file).await;
    is_known_soon(&app, &device).await;
}

#[tokio::test]
async fn what_a_cable_changed_is_known_after_a_restart_between() {
    let (app, _, _) = stocked(Firmware::esp8266(), Firmware::esp8266()).await;
    let file = Firmware::esp8266().of("door", "v1.2.0");
    let device = Board::esp8266(CHASE, &by_cable(&file.build())).silent().device();
    device.asks(&app, "/update").await.is_not_modified();
    app.release("door", "v1.2.0", file).await;
    let app = app.restarted().await;
    is_known_soon(&app, &device).await;
}

// The same build may be released on two platforms.
#[tokio::test]
async fn a_file_of_two_platforms_is_known_on_each_of_them() {
    let (app, old, _) = stocked(Firmware::esp8266(), Firmware::esp8266()).await;
    app.platform("gate").await;
    let wishes = espalier::app::Wishes {
        platform: Some("gate".to_owned()),
        version: Some("v9.0.0".to_owned()),
        accept: vec!["identical".to_owned()],
        publish: true,
        ..Default::default()
    };
    app.upload("firmware.bin", &old.bytes, &wishes).await.unwrap();
    let change = PlatformChange { gzip: Some(GzipPolicy::Off), ..PlatformChange::default() };
    app.change_platform("door", change).await;
    let mut board = Board::esp8266(CHASE, &old.bytes).silent();
    assert_eq!(board.updates(&app).await, Came::Installed, "v1.0.0 of its own platform");
    assert_eq!(board.updates(&app).await, Came::NoUpdate);
    let mut board = Board::esp8266(CHASE, &old.bytes).silent();
    app.approve(CHASE, "gate").await;
    assert_eq!(board.updates(&app).await, Came::NoUpdate);
    assert_identical(&app, CHASE);
}
