//! File systems: cases 31–33 and 55.

use espalier::domain::chip::Chip;
use espalier::domain::device::AttemptState;
use espalier::domain::event::Kind;
use espalier::domain::release::{ChipChoice, Part};

use crate::support::{
    Board, CHASE, Came, FakeDevice, Firmware, Released, SKYE, TestApp, a_test, mac,
};

const WORDS: [&str; 4] = ["spiffs", "littlefs", "fatfs", "flashfs"];

/// A release with an application for the ESP8266, and one with files too.
async fn stocked() -> (TestApp, Released, Released, Released) {
    let app = TestApp::start().await;
    app.platform("door").approving(CHASE).approving(SKYE).await;
    let old = app.release("door", "v1.0.0", Firmware::esp8266().of("door", "v1.0.0")).await;
    let new = app.release("door", "v1.1.0", Firmware::esp8266().of("door", "v1.1.0")).await;
    let files = app.release("door", "v1.1.0", Firmware::littlefs().text("v1.1.0")).await;
    assert_eq!(new.id(), files.id(), "one release");
    (app, old, new, files)
}

// Case 55.
#[tokio::test]
async fn every_word_for_files_means_files() {
    let (app, _, _, files) = stocked().await;
    for device in [FakeDevice::esp8266(CHASE), FakeDevice::esp32(SKYE)] {
        for word in WORDS {
            let device = device.clone().reporting("v1.0.0").in_mode(word);
            for target in ["/update", "/update?dev=door", "/door_1_1_0.bin", "/door.bin"] {
                let answer = device.asks_with("HEAD", &app, target).await;
                assert_eq!(answer.status, 200, "{word} {target}");
                assert_eq!(answer.header("x-md5"), Some(&*files.md5()), "{word} {target}");
                assert_eq!(answer.header("x-version"), Some("v1.1.0"), "{word} {target}");
            }
        }
        let teapot = device.reporting("v1.0.0").in_mode("teapot");
        assert_eq!(teapot.asks(&app, "/update").await.status, 404);
    }
}

// Case 31: the room for a file system is not the room for sketches.
#[tokio::test]
async fn files_need_no_free_space() {
    let (app, _, _, files) = stocked().await;
    for device in [FakeDevice::esp8266(CHASE), FakeDevice::esp32(SKYE)] {
        let device = device.reporting("v1.0.0").with_free_space(0).in_mode("spiffs");
        let answer = device.asks(&app, "/update").await;
        answer.is_firmware(&files.bytes);
        let disposition = answer.header("content-disposition");
        assert_eq!(disposition, Some("attachment; filename=\"door_1_1_0_fs.bin\""));
    }
}

// Case 32.
#[tokio::test]
async fn without_files_there_are_none() {
    let app = TestApp::start().await;
    app.platform("door").released("v1.1.0").approving(CHASE).await;
    let device = FakeDevice::esp8266(CHASE).reporting("v1.0.0").in_mode("littlefs");
    for target in ["/update", "/update?dev=door", "/door_1_1_0.bin", "/door_1_1_0_fs.bin"] {
        assert_eq!(device.asks(&app, target).await.status, 404, "{target}");
    }
}

// Case 33.
#[tokio::test]
async fn a_sketch_is_never_updated_with_files() {
    let app = TestApp::start().await;
    app.platform("door").approving(CHASE).approving(SKYE).await;
    app.release("door", "v1.1.0", Firmware::littlefs().text("v1.1.0")).await;
    for device in [FakeDevice::esp8266(CHASE), FakeDevice::esp32(SKYE)] {
        let sketch = device.reporting("v1.0.0");
        for device in [sketch.clone(), sketch.without_mode()] {
            for target in ["/update", "/update?dev=door", "/door_1_1_0_fs.bin", "/door.bin"] {
                device.asks(&app, target).await.is_not_modified();
            }
        }
    }
    let version = FakeDevice::esp8266(CHASE).in_mode("version").reporting("v1.0.0");
    assert_eq!(version.asks(&app, "/update").await.status, 404);
    assert_eq!(app.told(Kind::Offered).await, <[&str; 0]>::default());
}

// The SPIFFS of the two families differ; a `LittleFS` tells nothing.
#[tokio::test]
async fn files_of_the_other_family_are_not_offered() {
    let app = TestApp::start().await;
    app.platform("door").approving(CHASE).approving(SKYE).await;
    let files = app.release("door", "v1.1.0", Firmware::spiffs().text("v1.1.0")).await;
    let device = FakeDevice::esp32(SKYE).reporting("v1.0.0").in_mode("spiffs");
    device.asks(&app, "/update").await.is_not_modified();
    let own = FakeDevice::esp8266(CHASE).reporting("v1.0.0").in_mode("spiffs");
    own.asks(&app, "/update").await.is_firmware(&files.bytes);
}

// Nothing tells which files a device has.
#[tokio::test]
async fn files_are_delivered_once_and_again_only_when_a_person_says_so() {
    let (app, old, _, files) = stocked().await;
    let mut board = Board::esp8266(CHASE, &old.bytes);
    assert_eq!(board.updates_files(&app).await, Came::Installed);
    assert!(board.files() == files.bytes);
    let app = app.restarted().await;
    for _ in 0..3 {
        assert_eq!(board.updates_files(&app).await, Came::NoUpdate);
    }
    app.app.try_again(mac(CHASE), &a_test()).await.unwrap();
    assert_eq!(board.updates_files(&app).await, Came::Installed);
    assert_eq!(board.updates_files(&app).await, Came::NoUpdate);
    let attempts = app.attempts(CHASE).await;
    assert_eq!(attempts.len(), 2);
    for attempt in attempts {
        assert_eq!((attempt.part, attempt.packed), (Part::FileSystem, false));
        assert_eq!(attempt.state, AttemptState::Delivered, "no check-in can confirm it");
        assert_eq!((attempt.bytes, attempt.size), (0x1_0000, 0x1_0000));
    }
    let counters = app.counters(&files).await;
    assert_eq!((counters.offers, counters.downloads, counters.bytes), (2, 2, 0x2_0000));
}

// The program that it runs later proves nothing of the files.
#[tokio::test]
async fn files_are_taken_whatever_the_program_does() {
    let (app, old, _, _) = stocked().await;
    let mut board = Board::esp8266(CHASE, &old.bytes);
    assert_eq!(board.updates(&app).await, Came::Installed);
    assert_eq!(board.updates(&app).await, Came::NoUpdate);
    assert_eq!(board.updates_files(&app).await, Came::Installed);
    // By cable, and over the air again.
    let flashed = Firmware::esp8266().of("door", "v0.9.0").build();
    let mut board = Board::esp8266(CHASE, &flashed);
    assert_eq!(board.updates_files(&app).await, Came::NoUpdate);
    assert_eq!(board.updates(&app).await, Came::Installed);
    assert_eq!(board.updates(&app).await, Came::NoUpdate);
    assert_eq!(board.updates_files(&app).await, Came::NoUpdate);
    let code = app.app.explain(mac(CHASE)).unwrap().decision.code();
    assert_eq!(code, "identical", "the page speaks of the program");
}

#[tokio::test]
async fn the_files_of_a_release_come_after_its_program() {
    let (app, old, new, files) = stocked().await;
    let mut board = Board::esp8266(CHASE, &old.bytes);
    assert_eq!(board.updates(&app).await, Came::Installed);
    assert!(board.program() == new.bytes);
    // Not before the program is known to have come back with the version.
    assert_eq!(board.updates_files(&app).await, Came::NoUpdate);
    assert_eq!(board.updates(&app).await, Came::NoUpdate);
    let app = app.restarted().await;
    assert_eq!(board.updates_files(&app).await, Came::Installed);
    assert!(board.files() == files.bytes);
    assert_eq!(board.updates_files(&app).await, Came::NoUpdate);
}

#[tokio::test]
async fn who_has_the_version_by_cable_has_its_files() {
    let (app, _, new, _) = stocked().await;
    let mut board = Board::esp8266(CHASE, &new.bytes);
    assert_eq!(board.updates(&app).await, Came::NoUpdate);
    assert_eq!(board.updates_files(&app).await, Came::NoUpdate);
}

// Sketches may say the version of their files when they ask for files.
#[tokio::test]
async fn a_version_of_files_disturbs_neither_loop_stop_nor_confirmation() {
    let (app, old, _, _) = stocked().await;
    let mut board = Board::esp8266(CHASE, &old.bytes).stuck();
    for state in ["delivered", "stopped"] {
        assert_eq!(board.updates(&app).await, Came::Installed, "{state}");
        for version in ["files-7", "v1.1.0"] {
            // The second one is the very version that its program should come back with.
            let device = board.device().reporting(version).in_mode("spiffs");
            device.asks_with("HEAD", &app, "/update").await;
            device.asks(&app, "/update?dev=door").await;
        }
        let latest = &app.attempts(CHASE).await;
        let latest = latest.iter().find(|attempt| attempt.part == Part::Application).unwrap();
        assert_eq!(latest.state, AttemptState::Delivered, "a request for files settles nothing");
    }
    assert_eq!(board.updates(&app).await, Came::NoUpdate);
    assert_eq!(app.decision(CHASE), "retry_later");
    for kind in [Kind::Changed, Kind::Confirmed] {
        assert_eq!(app.told(kind).await, <[&str; 0]>::default(), "{kind:?}");
    }
    let device = app.device(CHASE).await.unwrap();
    assert_eq!(device.report.unwrap().version.as_deref(), Some("v1.0.0"), "the program's");
}

#[tokio::test]
async fn a_device_that_asks_for_files_first_has_not_changed_when_it_asks_for_its_program() {
    let (app, old, _, _) = stocked().await;
    let board = Board::esp8266(CHASE, &old.bytes);
    board.device().reporting("files-7").in_mode("spiffs").asks(&app, "/update").await;
    board.device().asks_with("HEAD", &app, "/update").await;
    assert_eq!(app.told(Kind::Changed).await, <[&str; 0]>::default());
}

// Each check-in of a device that asks for both would be news otherwise.
#[tokio::test]
async fn asking_for_both_in_turn_is_told_once() {
    let (app, old, _, _) = stocked().await;
    let mut board = Board::esp8266(CHASE, &old.bytes).with_room(0x3000);
    assert_eq!(board.updates_files(&app).await, Came::Installed);
    for _ in 0..4 {
        assert_eq!(board.updates_files(&app).await, Came::NoUpdate);
        assert_eq!(board.updates(&app).await, Came::NoUpdate);
    }
    assert_eq!(app.decision(CHASE), "too_big");
    assert_eq!(app.told(Kind::Withheld).await.len(), 1);
    let outcome = app.device(CHASE).await.unwrap().outcome.unwrap();
    assert_eq!(outcome.code, "too_big", "the one about its program");
}

#[tokio::test]
async fn the_refusal_of_files_is_told_once_too() {
    let app = TestApp::start().await;
    app.platform("door").released("v1.1.0").approving(CHASE).await;
    let device = FakeDevice::esp8266(CHASE).reporting("v1.1.0");
    for _ in 0..4 {
        device.asks(&app, "/update").await.is_not_modified();
        let files = device.clone().in_mode("spiffs").asks(&app, "/update").await;
        assert_eq!(files.status, 404);
    }
    assert_eq!(app.told(Kind::Refused).await.len(), 1);
}

#[tokio::test]
async fn a_broken_download_of_files_is_no_delivery() {
    let (app, old, _, files) = stocked().await;
    let mut board = Board::esp8266(CHASE, &old.bytes);
    let (head, client) = board.device().in_mode("spiffs").begins(&app, "/update").await;
    assert_eq!(head.status, 200);
    client.reset();
    app.until_attempt(CHASE, AttemptState::Aborted).await;
    assert_eq!(app.counters(&files).await.downloads, 0);
    assert_eq!(board.updates_files(&app).await, Came::Installed);
}

// What is left behind the room for sketches is the most that there can be.
#[tokio::test]
async fn files_that_are_larger_than_the_flash_memory_leaves_are_not_offered() {
    let (app, _, _, _) = stocked().await;
    let device = FakeDevice::esp8266(CHASE).reporting("v1.0.0").in_mode("spiffs");
    let device = device.with_sketch_size(0x9000).with_free_space(0xE_8000);
    let tight = device.clone().with_chip_size(0x10_0000);
    tight.asks(&app, "/update").await.is_not_modified();
    assert_eq!(app.decision(CHASE), "flash_too_small");
    let answer = device.with_chip_size(0x20_0000).asks_with("HEAD", &app, "/update").await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn files_of_one_chip_are_for_that_chip() {
    let app = TestApp::start().await;
    app.platform("door").approving(CHASE).approving(SKYE).await;
    let wishes = |chip| espalier::app::Wishes {
        platform: Some("door".to_owned()),
        version: Some("v1.1.0".to_owned()),
        chip: Some(ChipChoice::One(chip)),
        publish: true,
        ..Default::default()
    };
    let [first, second] = ["one", "two"].map(|text| Firmware::littlefs().text(text).build());
    app.upload("fs.bin", &first, &wishes(Chip::Esp8266)).await.unwrap();
    app.upload("fs.bin", &second, &wishes(Chip::Esp32)).await.unwrap();
    let esp8266 = FakeDevice::esp8266(CHASE).reporting("v1.0.0").in_mode("spiffs");
    esp8266.asks(&app, "/update").await.is_firmware(&first);
    let esp32 = FakeDevice::esp32(SKYE).reporting("v1.0.0").in_mode("spiffs");
    let answer = esp32.asks(&app, "/update").await;
    answer.is_firmware(&second);
    let disposition = answer.header("content-disposition");
    assert_eq!(disposition, Some("attachment; filename=\"door_1_1_0_fs_esp32.bin\""));
}
