//! The ESP32's `HTTPUpdate`: cases 46–54.

use espalier::domain::chip::Chip;
use espalier::domain::device::AttemptState;
use espalier::domain::event::Kind;

use crate::support::{FakeDevice, Firmware, Released, SKYE, TestApp, a_test, image, mac};

async fn stocked() -> (TestApp, Released, Released) {
    let app = TestApp::start().await;
    let mut released = app
        .platform("skye")
        .releasing("v2.0.0", Firmware::esp32().of("skye", "v2.0.0"))
        .releasing("v2.1.0", Firmware::esp32().of("skye", "v2.1.0"))
        .approving(SKYE)
        .await;
    let newer = released.remove(1);
    (app, released.remove(0), newer)
}

// Case 46.
#[tokio::test]
async fn an_older_device_gets_an_image_that_fits() {
    let (app, _, newer) = stocked().await;
    let device = FakeDevice::esp32(SKYE).reporting("v2.0.0");
    let answer = device.asks(&app, "/update").await;
    answer.is_firmware(&newer.bytes);
    assert_eq!(answer.body[0], 0xE9);
    assert_eq!(answer.header("x-version"), Some("v2.1.0"));
}

// Case 46: the free space is the whole slot, not rounded to sectors.
#[tokio::test]
async fn the_slot_may_be_filled_to_the_last_byte() {
    let (app, _, newer) = stocked().await;
    let size = u64::try_from(newer.size()).unwrap();
    let device = FakeDevice::esp32(SKYE).reporting("v2.0.0");
    device.clone().with_free_space(size - 1).asks(&app, "/update").await.is_not_modified();
    assert_eq!(app.app.explain(mac(SKYE)).unwrap().decision.code(), "too_big");
    device.with_free_space(size).asks(&app, "/update").await.is_firmware(&newer.bytes);
}

// Case 47: 204 would be an error before 2026.
#[tokio::test]
async fn an_up_to_date_device_gets_304() {
    let (app, _, _) = stocked().await;
    for version in ["v2.1.0", "2.1", "v3.0.0"] {
        let device = FakeDevice::esp32(SKYE).reporting(version);
        device.asks(&app, "/update").await.is_not_modified();
        device.polls(&app, "skye", version).await.is_not_modified();
    }
}

// Case 48: ESP32-H2 and -P4 have no other address.
#[tokio::test]
async fn a_device_without_wifi_is_known_by_its_base_address() {
    let (app, _, newer) = stocked().await;
    let device = FakeDevice::esp32(SKYE).without_wifi().reporting("v2.0.0");
    let request = String::from_utf8(device.request("GET", "/update")).unwrap();
    assert!(request.contains("x-ESP32-BASE-MAC") && !request.contains("STA-MAC"), "{request}");
    device.asks(&app, "/update").await.is_firmware(&newer.bytes);
}

// Case 49.
#[tokio::test]
async fn a_device_with_core_1_0_is_recognised_by_the_appended_digest() {
    let (app, older, newer) = stocked().await;
    let device = FakeDevice::esp32(SKYE).core_1_0_x();
    let request = String::from_utf8(device.request("GET", "/update")).unwrap();
    assert!(!request.contains("sketch-md5"), "{request}");
    device.clone().running(&newer).asks(&app, "/update").await.is_not_modified();
    device.clone().running(&newer).asks(&app, "/update?dev=skye").await.is_not_modified();
    device.running(&older).asks(&app, "/update?dev=skye").await.is_firmware(&newer.bytes);
}

// Case 50: devices write it in upper case.
#[tokio::test]
async fn the_appended_digest_is_recognised_in_any_case() {
    let (app, _, newer) = stocked().await;
    let upper = image::appended_sha256(&newer.bytes);
    assert_ne!(upper, upper.to_lowercase());
    for digest in [upper.clone(), upper.to_lowercase()] {
        let device = FakeDevice::esp32(SKYE).with_sha256(&digest);
        device.asks(&app, "/update?dev=skye").await.is_not_modified();
        assert_eq!(app.app.explain(mac(SKYE)).unwrap().decision.code(), "identical");
    }
}

// Case 51: no device sends the digest of the whole file.
#[tokio::test]
async fn the_digest_of_the_whole_file_is_not_what_devices_send() {
    let (app, _, newer) = stocked().await;
    assert_ne!(image::sha256(&newer.bytes).to_uppercase(), image::appended_sha256(&newer.bytes));
    let device = FakeDevice::esp32(SKYE).with_sha256(&image::appended_sha256(&newer.bytes));
    device.asks(&app, "/update?dev=skye").await.is_not_modified();
    let both = FakeDevice::esp32(SKYE).running(&newer);
    both.asks(&app, "/update?dev=skye").await.is_not_modified();
}

// Case 52: a device that could not read its own flash.
#[tokio::test]
async fn the_digest_of_nothing_is_unknown() {
    let (app, _, newer) = stocked().await;
    let nothing = FakeDevice::esp32(SKYE).with_md5("d41d8cd98f00b204e9800998ecf8427e");
    let sizeless = FakeDevice::esp32(SKYE).with_md5(&newer.md5()).with_sketch_size(0);
    for device in [nothing.clone().with_sketch_size(0), nothing, sizeless] {
        assert_eq!(device.asks(&app, "/update?dev=skye").await.status, 400);
        let device = device.reporting("v2.0.0");
        device.asks(&app, "/update").await.is_firmware(&newer.bytes);
        app.until_attempt(SKYE, AttemptState::Delivered).await;
        app.app.try_again(mac(SKYE), &a_test()).await.unwrap();
    }
}

// Case 54, as amended: 304, and the page says why.
#[tokio::test]
async fn a_device_without_a_slot_is_not_offered_anything() {
    let (app, _, _) = stocked().await;
    let device = FakeDevice::esp32(SKYE).reporting("v2.0.0").with_free_space(0);
    for target in ["/update", "/update?dev=skye&ver=v2.0.0", "/skye_2_1_0.bin"] {
        device.asks(&app, target).await.is_not_modified();
    }
    assert_eq!(app.app.explain(mac(SKYE)).unwrap().decision.code(), "no_slot");
    let told = app.told(Kind::Withheld).await;
    assert!(told.len() == 1 && told[0].contains("no slot for updates"), "{told:?}");
}

// T15, the other way round: the device would load it for ever.
#[tokio::test]
async fn an_image_for_the_esp8266_is_never_offered_to_an_esp32() {
    let app = TestApp::start().await;
    app.platform("skye").released("v2.1.0").approving(SKYE).await;
    let device = FakeDevice::esp32(SKYE).reporting("v2.0.0");
    for target in ["/update", "/skye_2_1_0.bin"] {
        device.asks(&app, target).await.is_not_modified();
    }
    assert_eq!(app.app.explain(mac(SKYE)).unwrap().decision.code(), "wrong_family");
}

// The chip is read from the image; the request does not tell it (`protocol.md` §3.1).
#[tokio::test]
async fn other_chips_of_the_family_are_served() {
    let app = TestApp::start().await;
    let sketch = Firmware::esp32().chip(Chip::Esp32C3).of("skye", "v2.1.0");
    let released = app.platform("skye").releasing("v2.1.0", sketch).approving(SKYE).await;
    assert_eq!(released[0].release.image.chip, Chip::Esp32C3);
    let device = FakeDevice::esp32(SKYE).reporting("v2.0.0");
    device.asks(&app, "/update").await.is_firmware(&released[0].bytes);
}
