//! One release with images for several chips: the right one for each device (cases 37, 56).

use espalier::domain::chip::Chip;
use espalier::domain::event::Kind;

use crate::support::{
    Board, CHASE, Came, FakeDevice, Firmware, Released, SKYE, TestApp, catalog, exchange,
};

/// An ESP32-C3.
const ZUMA: &str = "24:0A:C4:00:00:20";
/// An ESP32-S3.
const TRACKER: &str = "24:0A:C4:00:00:21";

/// A firmware of every chip that the tests have.
fn each(version: &str) -> [Firmware; 3] {
    [Firmware::esp8266(), Firmware::esp32(), Firmware::esp32().chip(Chip::Esp32C3)]
        .map(|firmware| firmware.of("door", version))
}

/// A release with three images.
async fn release_each(app: &TestApp, version: &str) -> Vec<Released> {
    let mut released = Vec::new();
    for firmware in each(version) {
        released.push(app.release("door", version, firmware).await);
    }
    released
}

async fn with_devices() -> TestApp {
    let app = TestApp::start().await;
    let plan = app.platform("door").approving(CHASE).approving(SKYE);
    plan.approving(ZUMA).approving(TRACKER).await;
    app
}

#[tokio::test]
async fn a_version_may_have_an_image_for_each_chip() {
    let app = with_devices().await;
    let released = release_each(&app, "v1.1.0").await;
    assert!(released.iter().all(|image| image.id() == released[0].id()), "one release");
    let release = app.app.store().release(released[0].id()).await.unwrap().unwrap();
    let chips: Vec<Chip> = release.images().map(|image| image.chip).collect();
    assert_eq!(chips, [Chip::Esp8266, Chip::Esp32, Chip::Esp32C3]);
}

#[tokio::test]
async fn three_devices_get_three_images_of_one_release() {
    let app = with_devices().await;
    let old = release_each(&app, "v1.0.0").await;
    let new = release_each(&app, "v1.1.0").await;
    let boards = [
        Board::esp8266(CHASE, &old[0].bytes),
        Board::of(Chip::Esp32, SKYE, &old[1].bytes),
        Board::of(Chip::Esp32C3, ZUMA, &old[2].bytes),
    ];
    for (mut board, image) in boards.into_iter().zip(&new) {
        assert_eq!(board.updates(&app).await, Came::Installed);
        assert!(board.program() == image.bytes, "the image for its chip");
        assert_eq!(board.updates(&app).await, Came::NoUpdate);
    }
    assert_eq!(app.told(Kind::Confirmed).await.len(), 3);
    let counters = app.counters(&new[0]).await;
    assert_eq!((counters.offers, counters.downloads), (3, 3));
    let bytes: u64 = new.iter().map(|image| image.bytes.len() as u64).sum();
    assert!(counters.bytes <= bytes, "one of them may have been compressed");
}

// Without a version the recognised image decides.
#[tokio::test]
async fn three_silent_devices_get_three_images_of_one_release() {
    let app = with_devices().await;
    let old = release_each(&app, "v1.0.0").await;
    let new = release_each(&app, "v1.1.0").await;
    let boards = [
        Board::esp8266(CHASE, &old[0].bytes),
        Board::of(Chip::Esp32, SKYE, &old[1].bytes),
        Board::of(Chip::Esp32C3, ZUMA, &old[2].bytes),
    ];
    for (board, image) in boards.into_iter().zip(&new) {
        let mut board = board.silent();
        assert_eq!(board.updates(&app).await, Came::Installed);
        assert!(board.program() == image.bytes, "the image for its chip");
        assert_eq!(board.updates(&app).await, Came::NoUpdate);
    }
    assert_eq!(app.told(Kind::Confirmed).await.len(), 3);
}

// It would download a wrong image completely, refuse it, and come back for ever.
#[tokio::test]
async fn a_stranger_of_the_esp32_family_gets_none_of_several() {
    let app = with_devices().await;
    release_each(&app, "v1.1.0").await;
    let device = FakeDevice::esp32(TRACKER).reporting("v1.0.0");
    for target in ["/update", "/update?dev=door", "/door_1_1_0.bin", "/door.bin"] {
        device.asks(&app, target).await.is_not_modified();
        assert_eq!(app.decision(TRACKER), "chip_unknown", "{target}");
    }
    let told = app.told(Kind::Withheld).await;
    assert!(told.len() == 1 && told[0].contains("ESP32, ESP32-C3"), "{told:?}");
    // That a chip of the other family is known says nothing.
    let answer = device.asks(&app, "/update?chip=esp8266").await;
    answer.is_not_modified();
}

// Its family is certain from its headers.
#[tokio::test]
async fn a_stranger_of_the_esp8266_family_gets_its_only_image() {
    let app = with_devices().await;
    let new = release_each(&app, "v1.1.0").await;
    let device = FakeDevice::esp8266(CHASE).reporting("v1.0.0");
    device.asks(&app, "/update").await.is_firmware(&new[0].bytes);
}

#[tokio::test]
async fn where_only_one_chip_is_possible_it_is_offered_at_once() {
    let app = with_devices().await;
    app.release("door", "v1.1.0", Firmware::esp8266().of("door", "v1.1.0")).await;
    let c3 = Firmware::esp32().chip(Chip::Esp32C3).of("door", "v1.1.0");
    let c3 = app.release("door", "v1.1.0", c3).await;
    let device = FakeDevice::esp32(TRACKER).reporting("v1.0.0");
    device.asks(&app, "/update").await.is_firmware(&c3.bytes);
}

// Case 56, and by the address of a file too.
#[tokio::test]
async fn a_wrong_chip_is_never_served_whatever_the_address() {
    let app = with_devices().await;
    let old = release_each(&app, "v1.0.0").await;
    let c3 = Firmware::esp32().chip(Chip::Esp32C3).of("door", "v1.1.0");
    app.release("door", "v1.1.0", c3).await;
    let device = FakeDevice::esp32(SKYE).running(&old[1]);
    for target in ["/door_1_1_0.bin", "/door/door_1_1_0.bin", "/door_1_0_0_esp32c3.bin"] {
        device.asks(&app, target).await.is_not_modified();
    }
    let told = app.told(Kind::Withheld).await;
    assert!(told.iter().any(|text| text.contains("is for ESP32-C3, the device has an ESP32")));
    // On `/update` the newest one for its chip is what it runs.
    device.asks(&app, "/update?dev=door").await.is_not_modified();
    assert_eq!(app.decision(SKYE), "identical");
    let esp8266 = FakeDevice::esp8266(CHASE).running(&old[0]);
    for target in ["/door_1_1_0.bin", "/door_1_0_0_esp32c3.bin", "/door_1_0_0_esp32.bin"] {
        esp8266.asks(&app, target).await.is_not_modified();
    }
    assert_eq!(app.told(Kind::Offered).await, <[&str; 0]>::default());
}

#[tokio::test]
async fn only_a_foreign_chip_is_a_reason_by_itself() {
    let app = with_devices().await;
    let esp32 = Firmware::esp32().of("door", "v1.0.0");
    let old = app.release("door", "v1.0.0", esp32).await;
    let device = FakeDevice::esp32(SKYE).running(&old);
    device.asks(&app, "/update").await.is_not_modified();
    app.withdraw(&old).await;
    let c3 = Firmware::esp32().chip(Chip::Esp32C3).of("door", "v1.1.0");
    app.release("door", "v1.1.0", c3).await;
    // It runs a withdrawn release: what it runs is known all the same.
    device.asks(&app, "/update").await.is_not_modified();
    assert_eq!(app.decision(SKYE), "wrong_chip");
    let told = app.told(Kind::Withheld).await;
    assert!(told.iter().any(|text| text.contains("is for ESP32-C3")), "{told:?}");
}

#[tokio::test]
async fn each_image_has_a_name_of_its_own_and_one_for_all() {
    let app = with_devices().await;
    let old = release_each(&app, "v1.0.0").await;
    let new = release_each(&app, "v1.1.0").await;
    let devices = [
        FakeDevice::esp8266(CHASE).running(&old[0]),
        FakeDevice::esp32(SKYE).running(&old[1]),
        FakeDevice::esp32(ZUMA).running(&old[2]),
    ];
    for ((device, image), slug) in devices.iter().zip(&new).zip(["esp8266", "esp32", "esp32c3"]) {
        let own = format!("door_1_1_0_{slug}.bin");
        let targets = [
            format!("/{own}"),
            format!("/door/{own}"),
            format!("/DOOR_1_1_0_{}.BIN", slug.to_uppercase()),
            "/door_1_1_0.bin".to_owned(),
            "/door.bin".to_owned(),
        ];
        for target in targets {
            let answer = device.asks_with("HEAD", &app, &target).await;
            assert_eq!((answer.status, answer.length()), (200, Some(image.size())), "{target}");
            assert_eq!(answer.header("x-md5"), Some(&*image.md5()), "{target}");
            let disposition = format!("attachment; filename=\"{own}\"");
            assert_eq!(answer.header("content-disposition"), Some(&*disposition), "{target}");
        }
    }
}

#[tokio::test]
async fn a_release_with_one_image_has_a_name_without_a_chip() {
    let app = with_devices().await;
    let c3 = Firmware::esp32().chip(Chip::Esp32C3).of("door", "v1.1.0");
    let released = app.release("door", "v1.1.0", c3).await;
    let device = FakeDevice::esp32(ZUMA).reporting("v1.0.0");
    let answer = device.asks(&app, "/update").await;
    answer.is_firmware(&released.bytes);
    let disposition = answer.header("content-disposition");
    assert_eq!(disposition, Some("attachment; filename=\"door_1_1_0.bin\""));
    assert_eq!(device.asks(&app, "/door_1_1_0_esp32c3.bin").await.status, 404);
}

// Case 82.
#[tokio::test]
async fn the_catalog_shows_each_family_its_images() {
    let app = with_devices().await;
    release_each(&app, "v1.1.0").await;
    app.release("door", "v1.1.0", Firmware::littlefs()).await;
    let own = ["door_1_1_0_esp32.bin", "door_1_1_0_esp32c3.bin"];
    for path in [".", "door"] {
        for (agent, shown) in
            [("ESP8266HTTPClient", &["door_1_1_0_esp8266.bin"][..]), ("ESP32HTTPClient", &own)]
        {
            let list = format!(
                "GET /_catalog?op=list&path={path} HTTP/1.1\r\nHost: h\r\nUser-Agent: {agent}\r\n\
                 Connection: close\r\n\r\n"
            );
            let answer = exchange(app.address, list.as_bytes()).await;
            assert_eq!(catalog::names(&answer.body), shown, "{path} {agent}");
            let files = catalog::kind(&answer.body, "door_1_1_0_fs.bin");
            assert_eq!(files.as_deref(), Some("file"), "{path} {agent}");
        }
    }
}
