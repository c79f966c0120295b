//! The "advanced updater" of the ESP8266 core, which decides by headers: cases 21–35 and 41.

use espalier::domain::device::AttemptState;
use espalier::domain::event::Kind;

use crate::support::{CHASE, FakeDevice, Firmware, MARSHALL, TestApp, a_test, image, mac};

// Case 21, as amended: newer only.
#[tokio::test]
async fn a_device_with_an_older_version_in_its_header_gets_the_release() {
    let app = TestApp::start().await;
    let released = app.platform("door").released("v7.1.0").approving(CHASE).await;
    let device = FakeDevice::esp8266(CHASE).reporting("v7.0.0");
    for path in ["/update", "/esp/update/arduino.php", "/arduino.php?x=1", "/nowhere"] {
        let answer = device.asks(&app, path).await;
        answer.is_firmware(&released[0].bytes);
        assert_eq!(answer.header("x-version"), Some("v7.1.0"));
        let name = "attachment; filename=\"door_7_1_0.bin\"";
        assert_eq!(answer.header("content-disposition"), Some(name));
        app.until_attempt(CHASE, AttemptState::Delivered).await;
        app.app.try_again(mac(CHASE), &a_test()).await.unwrap();
    }
    device.clone().reporting("v8.0.0").asks(&app, "/update").await.is_not_modified();
}

// Case 22.
#[tokio::test]
async fn a_device_with_the_same_version_in_its_header_gets_304() {
    let app = TestApp::start().await;
    app.platform("door").released("v7.1.0").approving(CHASE).await;
    for version in ["v7.1.0", "7.1.0", "7.1"] {
        let device = FakeDevice::esp8266(CHASE).reporting(version);
        device.asks(&app, "/update").await.is_not_modified();
        device.asks(&app, "/update?dev=door").await.is_not_modified();
    }
}

// Case 23.
#[tokio::test]
async fn a_device_without_a_version_is_known_by_what_it_runs() {
    let app = TestApp::start().await;
    let plan = app.platform("door").without_gzip().approving(CHASE);
    let released = plan.released("v7.0.0").released("v7.1.0").await;
    let current = FakeDevice::esp8266(CHASE).running(&released[1]);
    for target in ["/update", "/update?dev=door", "/door_7_1_0.bin"] {
        current.asks(&app, target).await.is_not_modified();
    }
    let older = FakeDevice::esp8266(CHASE).running(&released[0]);
    older.asks(&app, "/update").await.is_firmware(&released[1].bytes);
    app.until_attempt(CHASE, AttemptState::Delivered).await;
    older.asks(&app, "/update?dev=door").await.is_firmware(&released[1].bytes);
}

// Case 23: a withdrawn release is still known.
#[tokio::test]
async fn a_device_that_runs_a_withdrawn_release_is_known_too() {
    let app = TestApp::start().await;
    let released = app.platform("door").released("v7.0.0").released("v7.1.0").await;
    app.approve(CHASE, "door").await;
    app.withdraw(&released[1]).await;
    let device = FakeDevice::esp8266(CHASE).running(&released[1]);
    device.asks(&app, "/update").await.is_not_modified();
}

// Case 24, as amended: 200 by the address of a file, and 304 or 400 on `/update`.
#[tokio::test]
async fn a_device_that_tells_nothing_gets_a_file_only_by_its_address() {
    let app = TestApp::start().await;
    let released = app.platform("door").released("v7.1.0").approving(CHASE).await;
    let device = FakeDevice::esp8266(CHASE);
    device.asks(&app, "/update").await.is_not_modified();
    assert_eq!(device.asks(&app, "/update?dev=door").await.status, 400);
    let explained = app.app.explain(mac(CHASE)).unwrap();
    assert!(explained.reasons.iter().any(|reason| !reason.ok), "{explained:?}");
    device.asks(&app, "/door_7_1_0.bin").await.is_firmware(&released[0].bytes);
}

// A version that was not raised must be told, not offered for ever.
#[tokio::test]
async fn the_same_image_with_an_older_version_is_not_sent_again() {
    let app = TestApp::start().await;
    let released = app.platform("door").released("v7.1.0").approving(CHASE).await;
    let device = FakeDevice::esp8266(CHASE).running(&released[0]).reporting("v7.0.0");
    device.asks(&app, "/update").await.is_not_modified();
    let told = app.told(Kind::Withheld).await;
    assert!(told.len() == 1 && told[0].contains("was not raised"), "{told:?}");
}

// Case 25.
#[tokio::test]
async fn an_image_is_known_with_another_flash_mode() {
    let app = TestApp::start().await;
    let mut released = app.platform("door").released("v7.1.0").approving(CHASE).await.remove(0);
    for mode in 0..4 {
        released.bytes[2] = mode;
        let device = FakeDevice::esp8266(CHASE).running(&released);
        assert_eq!(device.asks(&app, "/update?dev=door").await.status, 304, "{mode}");
    }
}

// Case 26 is in digests.rs and gzip.rs. Case 27.
#[tokio::test]
async fn a_signed_image_is_known_without_its_signature() {
    let app = TestApp::start().await;
    let payload = Firmware::esp8266().of("door", "v7.1.0").build();
    let signed = [&payload[..], &[7; 256], &256_u32.to_le_bytes()].concat();
    app.platform("door").approving(CHASE).await;
    let wishes = espalier::app::Wishes {
        platform: Some("door".to_owned()),
        version: Some("v7.1.0".to_owned()),
        publish: true,
        ..Default::default()
    };
    app.upload("door.bin", &signed, &wishes).await.unwrap();
    let device = FakeDevice::esp8266(CHASE).with_md5(&image::md5(&payload));
    assert_eq!(device.asks(&app, "/update?dev=door").await.status, 304);
}

// Cases 28 and 30.
#[tokio::test]
async fn version_mode_wants_headers_and_counts_as_nothing() {
    let app = TestApp::start().await;
    let released = app.platform("door").released("v7.1.0").approving(CHASE).await;
    for version in ["v7.0.0", "v7.1.0", "v8.0.0"] {
        let device = FakeDevice::esp8266(CHASE).in_mode("version").reporting(version);
        for target in ["/update", "/update?dev=door", "/any.php"] {
            let answer = device.asks(&app, target).await;
            assert_eq!((answer.status, answer.length()), (200, Some(0)), "{version} {target}");
            assert_eq!(answer.header("x-version"), Some("v7.1.0"));
            assert_eq!(answer.all("x-md5"), [released[0].md5()]);
            assert!(answer.body.is_empty());
        }
    }
    let unversioned = FakeDevice::esp8266(CHASE).in_mode("version").running(&released[0]);
    assert_eq!(unversioned.asks(&app, "/update").await.status, 200);
    let app = app.restarted().await;
    let counters = app.counters(&released[0]).await;
    assert_eq!((counters.offers, counters.downloads, counters.bytes), (0, 0, 0));
    assert_eq!(app.attempts(CHASE).await.len(), 0);
}

// Case 29.
#[tokio::test]
async fn version_mode_without_anything_published_is_not_found() {
    let app = TestApp::start().await;
    app.platform("door").approving(CHASE).await;
    let device = FakeDevice::esp8266(CHASE).in_mode("version").reporting("v7.0.0");
    for target in ["/update", "/update?dev=door"] {
        let answer = device.asks(&app, target).await;
        assert_eq!((answer.status, answer.header("x-version")), (404, None), "{target}");
    }
}

// T5: a 304 would be an error there, also where the release is not for the device.
#[tokio::test]
async fn version_mode_never_gets_304() {
    let app = TestApp::start().await;
    let sketch = Firmware::esp32().of("door", "v7.1.0");
    app.platform("door").releasing("v7.1.0", sketch).approving(CHASE).await;
    let device = FakeDevice::esp8266(CHASE).in_mode("version").reporting("v7.0.0");
    assert_eq!(device.asks(&app, "/update").await.status, 404);
}

// Cases 32 and 33: the sketch would overwrite the files.
#[tokio::test]
async fn a_file_system_is_never_updated_with_a_sketch() {
    let app = TestApp::start().await;
    app.platform("door").released("v7.1.0").approving(CHASE).await;
    for mode in ["spiffs", "littlefs", "fatfs", "flashfs", "teapot"] {
        let device = FakeDevice::esp8266(CHASE).in_mode(mode).reporting("v7.0.0");
        for target in ["/update", "/update?dev=door&ver=v7.0.0", "/door_7_1_0.bin", "/any.php"] {
            let answer = device.asks(&app, target).await;
            assert_eq!(answer.status, 404, "{mode} {target}");
            assert!(answer.body.len() < 100 && answer.header("x-md5").is_none());
        }
    }
    assert_eq!(app.attempts(CHASE).await.len(), 0);
}

// Case 33, for the folder of `--catalog`.
#[tokio::test]
async fn a_file_system_is_not_updated_with_a_sketch_of_the_folder_either() {
    let sketch = Firmware::esp8266().text("x").build();
    let app = TestApp::plan().with_catalog(&[("x.bin", &sketch)]).start().await;
    let device = FakeDevice::esp8266(CHASE).in_mode("spiffs");
    assert_eq!(device.asks(&app, "/x.bin").await.status, 404);
}

// Case 34: core 2.0.0.
#[tokio::test]
async fn without_a_mode_a_sketch_is_meant() {
    let app = TestApp::start().await;
    let released = app.platform("door").released("v7.1.0").approving(CHASE).await;
    let device = FakeDevice::esp8266(CHASE).without_mode().reporting("v7.0.0");
    device.asks(&app, "/update").await.is_firmware(&released[0].bytes);
}

// Case 35, as amended: 304, and the page says why.
#[tokio::test]
async fn an_image_that_does_not_fit_is_not_offered() {
    let app = TestApp::start().await;
    let released = app.platform("door").released("v7.1.0").approving(CHASE).await;
    let needed = u64::try_from(released[0].size()).unwrap().next_multiple_of(4096);
    let device = FakeDevice::esp8266(CHASE).reporting("v7.0.0");
    let tight = device.clone().with_free_space(needed - 1);
    for target in ["/update", "/update?dev=door&ver=v7.0.0", "/door_7_1_0.bin"] {
        tight.asks(&app, target).await.is_not_modified();
    }
    let told = app.told(Kind::Withheld).await;
    assert_eq!(told.len(), 1, "one event, however often it asks: {told:?}");
    let sentence = format!("needs {} KiB", needed / 1024);
    assert!(told[0].contains(&sentence), "{told:?}");
    let explained = app.app.explain(mac(CHASE)).unwrap();
    assert_eq!(explained.decision.code(), "too_big");
    device.with_free_space(needed).asks(&app, "/update").await.is_firmware(&released[0].bytes);
}

// Case 41.
#[tokio::test]
async fn an_empty_or_broken_digest_is_none() {
    let app = TestApp::start().await;
    let released = app.platform("door").released("v7.1.0").approving(CHASE).await;
    for md5 in ["", " ", "d41d8cd98f00b204e9800998ecf8427e", "xyz", "5fe77a34"] {
        let device = FakeDevice::esp8266(CHASE).with_md5(md5);
        assert_eq!(device.asks(&app, "/update?dev=door").await.status, 400, "{md5:?}");
        device.asks(&app, "/update").await.is_not_modified();
        let device = device.reporting("v7.0.0");
        device.asks(&app, "/update").await.is_firmware(&released[0].bytes);
        app.until_attempt(CHASE, AttemptState::Delivered).await;
        app.app.try_again(mac(CHASE), &a_test()).await.unwrap();
    }
}

// T15: an ESP8266 accepts any file that begins with 0xE9, and bricks.
#[tokio::test]
async fn an_image_of_the_other_family_is_never_offered() {
    let app = TestApp::start().await;
    let sketch = Firmware::esp32().of("door", "v7.1.0");
    app.platform("door").releasing("v7.1.0", sketch).approving(CHASE).await;
    let device = FakeDevice::esp8266(CHASE).reporting("v7.0.0");
    for target in ["/update", "/update?dev=door&ver=v7.0.0", "/door_7_1_0.bin", "/door.bin"] {
        device.asks(&app, target).await.is_not_modified();
    }
    let told = app.told(Kind::Withheld).await;
    assert!(told.iter().all(|text| text.contains("ESP32")) && !told.is_empty(), "{told:?}");
    assert_eq!(app.attempts(CHASE).await.len(), 0);
}

// A newest release for the other family does not hide the older one for this.
#[tokio::test]
async fn each_family_gets_its_own_newest_release() {
    let app = TestApp::start().await;
    let released = app
        .platform("door")
        .released("v7.1.0")
        .releasing("v7.2.0", Firmware::esp32().of("door", "v7.2.0"))
        .approving(CHASE)
        .approving(MARSHALL)
        .await;
    let old = FakeDevice::esp8266(CHASE).reporting("v7.0.0");
    old.asks(&app, "/update").await.is_firmware(&released[0].bytes);
    let new = FakeDevice::esp32(MARSHALL).reporting("v7.0.0");
    new.asks(&app, "/update").await.is_firmware(&released[1].bytes);
}
