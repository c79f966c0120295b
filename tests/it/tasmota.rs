//! Tasmota's two steps: cases 98 and 99.

use espalier::domain::device::AttemptState;

use crate::support::{CHASE, FakeDevice, Firmware, SKYE, TestApp, a_test, mac};

// Case 98.
#[tokio::test]
async fn a_too_large_image_is_sent_with_its_true_length_so_that_the_two_steps_begin() {
    let app = TestApp::start().await;
    let whole = Firmware::esp8266().of("tasmota", "15.0.0").size(600_000);
    let minimal = Firmware::esp8266().of("tasmota-minimal", "15.0.0").size(200_000);
    let released = app.platform("tasmota").releasing("15.0.0", whole).approving(CHASE).await;
    let small = app.platform("tasmota-minimal").releasing("15.0.0", minimal).await;
    let device =
        FakeDevice::esp8266(CHASE).reporting("14.4.1(release-tasmota)").with_free_space(400_000);

    // The device sees that it is too large and leaves.
    let (head, client) = device.begins(&app, "/tasmota.bin").await;
    assert_eq!((head.status, head.length()), (200, Some(released[0].size())));
    drop(client);
    app.until_attempt(CHASE, AttemptState::Aborted).await;

    // Unknown variants must be told quickly.
    for target in ["/tasmota.bin.gz", "/tasmota-minimal.bin.gz", "/tasmota-DE.bin"] {
        assert_eq!(device.asks(&app, target).await.status, 404, "{target}");
    }

    // The first step, for which it needs no approval of its own.
    device.asks(&app, "/tasmota-minimal.bin").await.is_firmware(&small[0].bytes);
    app.until_attempt(CHASE, AttemptState::Delivered).await;

    // The second one, from the small image.
    let stepping = device.reporting("15.0.0(minimal)").running(&small[0]).with_free_space(700_000);
    stepping.asks(&app, "/tasmota.bin").await.is_firmware(&released[0].bytes);
    assert_eq!(app.device(CHASE).await.unwrap().platform.as_deref(), Some("tasmota"));
}

// Case 98, on `/update`.
#[tokio::test]
async fn a_too_large_update_is_offered_to_tasmota_only() {
    let app = TestApp::start().await;
    let whole = Firmware::esp8266().of("tasmota", "15.0.0").size(600_000);
    let released = app.platform("tasmota").releasing("15.0.0", whole).approving(CHASE).await;
    let device = FakeDevice::esp8266(CHASE).with_free_space(400_000);
    let tasmota = device.clone().reporting("14.4.1(release-tasmota)");
    tasmota.asks(&app, "/update").await.is_firmware(&released[0].bytes);
    app.until_attempt(CHASE, AttemptState::Delivered).await;
    device.reporting("14.4.1").asks(&app, "/update").await.is_not_modified();
}

// Case 99.
#[tokio::test]
async fn a_stepping_stone_of_the_same_number_gets_the_release() {
    let app = TestApp::start().await;
    let released = app.platform("tasmota").released("14.4.1").approving(CHASE).await;
    let device = FakeDevice::esp8266(CHASE);
    for version in ["14.4.1(minimal)", "14.4.1(safeboot)", "14.4.1(release-minimal)"] {
        for target in ["/update", "/tasmota.bin", "/tasmota_14_4_1.bin"] {
            let device = device.clone().reporting(version);
            device.asks(&app, target).await.is_firmware(&released[0].bytes);
            app.until_attempt(CHASE, AttemptState::Delivered).await;
            app.app.try_again(mac(CHASE), &a_test()).await.unwrap();
        }
    }
    for version in ["14.4.1(release-tasmota)", "14.4.1(tasmota)", "14.4.1(85cff52-tasmota)"] {
        let device = device.clone().reporting(version);
        device.asks(&app, "/update").await.is_not_modified();
    }
}

// Case 99, for the ESP32's safeboot.
#[tokio::test]
async fn safeboot_gets_the_release_too() {
    let app = TestApp::start().await;
    let sketch = Firmware::esp32().of("tasmota32", "14.4.1");
    let released = app.platform("tasmota32").releasing("14.4.1", sketch).approving(SKYE).await;
    let device = FakeDevice::esp32(SKYE).reporting("14.4.1(safeboot)");
    device.asks(&app, "/update").await.is_firmware(&released[0].bytes);
    app.until_attempt(SKYE, AttemptState::Delivered).await;
    // Another device's stepping stone opens nobody else's door.
    app.platform("other").released("1.0.0").await;
    assert_eq!(device.asks(&app, "/other.bin").await.status, 403);
}
