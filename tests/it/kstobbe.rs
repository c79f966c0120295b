//! ESP Update Server's sketches, unchanged: cases 61–73.

use espalier::domain::device::{Approval, AttemptState};
use espalier::domain::event::Kind;

use crate::support::{CHASE, FakeDevice, Firmware, MARSHALL, SKYE, TestApp, a_test, exchange};

const NOT_WHITELISTED: &str = "Error: Device not whitelisted.";
const INVALID: &str = "Error: Invalid parameters.";

// Cases 61, 62 and 73.
#[tokio::test]
async fn a_listed_device_gets_the_newer_release() {
    let app = TestApp::start().await;
    let released = app.platform("Chase").released("v1.0.3").approving(CHASE).await;
    for target in [
        "/update?ver=v1.0.2&dev=chase",
        "/update?dev=CHASE&ver=v1.0.2",
        "/update?x=1&dev=Chase&&ver=1.0.2&y",
        "/update?dev=%43hase&ver=v1%2E0.2",
    ] {
        let answer = FakeDevice::esp8266(CHASE).asks(&app, target).await;
        answer.is_firmware(&released[0].bytes);
        assert_eq!(answer.header("x-version"), Some("v1.0.3"));
        let name = "attachment; filename=\"chase_1_0_3.bin\"";
        assert_eq!(answer.header("content-disposition"), Some(name));
        app.until_attempt(CHASE, AttemptState::Delivered).await;
        app.app.try_again(CHASE.parse().unwrap(), &a_test()).await.unwrap();
    }
}

// Case 63.
#[tokio::test]
async fn a_device_with_the_newest_version_gets_304_and_nothing_else() {
    let app = TestApp::start().await;
    app.platform("chase").released("v1.0.3").approving(CHASE).await;
    for version in ["v1.0.3", "1.0.3", "V1.0.3", "1.0.03", "v1.0.4", "v2"] {
        let answer = FakeDevice::esp8266(CHASE).polls(&app, "chase", version).await;
        answer.is_not_modified();
        assert!(answer.closed);
    }
    assert_eq!(app.attempts(CHASE).await.len(), 0);
}

// Case 64.
#[tokio::test]
async fn versions_are_compared_as_numbers() {
    let app = TestApp::start().await;
    let released = app.platform("chase").released("1.0.9").released("1.0.10").await;
    app.approve(CHASE, "chase").await;
    let device = FakeDevice::esp8266(CHASE);
    device.polls(&app, "chase", "1.0.9").await.is_firmware(&released[1].bytes);
    app.until_attempt(CHASE, AttemptState::Delivered).await;
    app.withdraw(&released[1]).await;
    device.polls(&app, "chase", "1.0.10").await.is_not_modified();
}

// Case 65.
#[tokio::test]
async fn a_version_that_cannot_be_read_is_older_than_any() {
    let app = TestApp::start().await;
    let released = app.platform("chase").released("v1.0.3").approving(CHASE).await;
    let device = FakeDevice::esp8266(CHASE);
    device.polls(&app, "chase", "garbage").await.is_firmware(&released[0].bytes);
}

// Case 66.
#[tokio::test]
async fn an_unlisted_device_is_refused_and_recorded_once() {
    let app = TestApp::start().await;
    app.platform("chase").released("v1.0.3").approving(CHASE).await;
    let stranger = FakeDevice::esp8266(MARSHALL);
    for _ in 0..3 {
        let answer = stranger.polls(&app, "chase", "v1.0.2").await;
        assert_eq!(answer.said(), (400, NOT_WHITELISTED.to_owned()));
    }
    let device = app.device(MARSHALL).await.unwrap();
    assert_eq!((device.approval, device.checkins), (Approval::Pending, 3));
    let report = device.report.unwrap();
    assert_eq!((report.dev.as_deref(), report.version.as_deref()), (Some("chase"), Some("v1.0.2")));
    assert_eq!(app.told(Kind::FirstContact).await, ["Asked for the first time, for chase."]);
    assert_eq!(app.told(Kind::Refused).await, ["It is not approved yet."]);
    assert_eq!(app.attempts(MARSHALL).await.len(), 0);
    // The original forgot by itself; here a person approves, and the next poll is served.
    app.approve("18fe34000002", "chase").await;
    assert_eq!(stranger.polls(&app, "chase", "v1.0.2").await.status, 200);
}

// Case 66: a device belongs to one platform.
#[tokio::test]
async fn a_device_of_another_platform_is_refused_and_not_moved() {
    let app = TestApp::start().await;
    app.platform("chase").released("v1.0.3").approving(CHASE).await;
    app.platform("marshall").released("v1.0.3").await;
    let answer = FakeDevice::esp8266(CHASE).polls(&app, "marshall", "v1.0.2").await;
    assert_eq!(answer.said(), (400, NOT_WHITELISTED.to_owned()));
    let device = app.device(CHASE).await.unwrap();
    assert_eq!(device.platform.as_deref(), Some("chase"));
    assert_eq!(app.told(Kind::Refused).await.len(), 1);
}

// Case 67.
#[tokio::test]
async fn an_unknown_platform_is_named_as_such() {
    let app = TestApp::start().await;
    app.platform("chase").released("v1.0.3").approving(CHASE).await;
    let answer = FakeDevice::esp8266(CHASE).polls(&app, "rubble", "v1.0.2").await;
    assert_eq!(answer.said(), (400, "Error: Unknown platform.".to_owned()));
}

// The original's answer before the first platform.
#[tokio::test]
async fn without_any_platform_the_server_says_so() {
    let app = TestApp::start().await;
    let answer = FakeDevice::esp8266(CHASE).polls(&app, "chase", "v1.0.2").await;
    assert_eq!(answer.said(), (500, "Error: Create platforms before updating.".to_owned()));
    let answer = FakeDevice::esp8266(CHASE).asks(&app, "/update?dev=chase").await;
    assert_eq!(answer.said(), (400, INVALID.to_owned()), "parameters are looked at first");
}

// Case 68, as amended: `dev` may be missing.
#[tokio::test]
async fn what_cannot_be_answered_is_called_invalid() {
    let app = TestApp::start().await;
    app.platform("chase").released("v1.0.3").approving(CHASE).await;
    let device = FakeDevice::esp8266(CHASE);
    for target in ["/update?dev=chase", "/update?dev=chase&ver=", "/update?dev=chase&ver=%20"] {
        assert_eq!(device.asks(&app, target).await.said(), (400, INVALID.to_owned()), "{target}");
    }
    let nobody = b"GET /update?dev=chase&ver=v1.0.2 HTTP/1.0\r\nHost: x\r\n\r\n";
    assert_eq!(exchange(app.address, nobody).await.said(), (400, INVALID.to_owned()));
    for mac in ["nonsense", "18:FE:34:00:00", "00:00:00:00:00:00"] {
        let answer = FakeDevice::esp8266(mac).polls(&app, "chase", "v1.0.2").await;
        assert_eq!(answer.said(), (400, INVALID.to_owned()), "{mac}");
    }
    let unnamed = device.clone().reporting("v1.0.2").asks(&app, "/update").await;
    assert_eq!(unnamed.status, 200, "its own platform's");
    let stranger = FakeDevice::esp8266(MARSHALL).reporting("v1.0.2").asks(&app, "/update").await;
    assert_eq!(stranger.said(), (400, NOT_WHITELISTED.to_owned()));
    assert_eq!(app.device(MARSHALL).await.unwrap().approval, Approval::Pending);
}

// Case 69: the original failed with 500.
#[tokio::test]
async fn a_platform_without_firmware_or_devices_is_no_error() {
    let app = TestApp::start().await;
    app.platform("chase").approving(CHASE).await;
    FakeDevice::esp8266(CHASE).polls(&app, "chase", "v1.0.2").await.is_not_modified();
    let answer = FakeDevice::esp8266(MARSHALL).polls(&app, "chase", "v1.0.2").await;
    assert_eq!(answer.said(), (400, NOT_WHITELISTED.to_owned()));
}

// The original answered "Invalid parameters" for a file that it had lost.
#[tokio::test]
async fn a_lost_file_is_the_servers_fault_and_logged_as_such() {
    let app = TestApp::start().await;
    let released = app.platform("chase").released("v1.0.3").approving(CHASE).await;
    let path =
        app.data().join("firmware").join(format!("{}.bin", released[0].release.image.sha256));
    std::fs::remove_file(path).unwrap();
    let answer = FakeDevice::esp8266(CHASE).polls(&app, "chase", "v1.0.2").await;
    assert_eq!(answer.status, 500);
    assert!(!answer.text().contains('/'), "no path leaks: {}", answer.text());
    assert_eq!(app.told(Kind::Fault).await.len(), 1);
}

// Case 70.
#[tokio::test]
async fn an_esp32_is_known_by_its_own_headers() {
    let app = TestApp::start().await;
    let sketch = Firmware::esp32().of("skye", "v1.0.3");
    let released = app.platform("skye").releasing("v1.0.3", sketch).approving(SKYE).await;
    let device = FakeDevice::esp32(SKYE);
    device.polls(&app, "skye", "v1.0.2").await.is_firmware(&released[0].bytes);
}

// Case 71.
#[tokio::test]
async fn post_is_the_same_as_get() {
    let app = TestApp::start().await;
    let released = app.platform("chase").released("v1.0.3").approving(CHASE).await;
    let device = FakeDevice::esp8266(CHASE);
    let target = "/update?dev=chase&ver=v1.0.2";
    device.asks_with("POST", &app, target).await.is_firmware(&released[0].bytes);
    app.until_attempt(CHASE, AttemptState::Delivered).await;
    let target = "/update?dev=chase&ver=v1.0.3";
    device.asks_with("POST", &app, target).await.is_not_modified();
}

// Case 72: the original counted both.
#[tokio::test]
async fn head_and_ranges_are_no_downloads() {
    let app = TestApp::start().await;
    let released = app.platform("chase").released("v1.0.3").approving(CHASE).await;
    let device = FakeDevice::esp8266(CHASE);
    let target = "/update?dev=chase&ver=v1.0.2";
    assert_eq!(device.asks_with("HEAD", &app, target).await.status, 200);
    let ranged = device.clone().with_header("Range: bytes=0-99");
    // Ranges are ignored here: the answer is whole.
    ranged.asks(&app, target).await.is_firmware(&released[0].bytes);
    let app = app.restarted().await;
    assert_eq!(app.counters(&released[0]).await.downloads, 0);
}

// Regular expressions were taken for names, and a `+` for a space.
#[tokio::test]
async fn names_are_plain_words() {
    let app = TestApp::start().await;
    let released = app.platform("a+b").released("v1.0.3").approving(CHASE).await;
    app.platform("c.d").released("v1.0.3").approving(MARSHALL).await;
    let device = FakeDevice::esp8266(CHASE);
    for name in ["a+b", "A%2Bb"] {
        device.polls(&app, name, "v1.0.2").await.is_firmware(&released[0].bytes);
        app.until_attempt(CHASE, AttemptState::Delivered).await;
        app.app.try_again(CHASE.parse().unwrap(), &a_test()).await.unwrap();
    }
    for name in ["aab", "c_d", "cxd", ".*", "a", "["] {
        let answer = device.polls(&app, name, "v1.0.2").await;
        assert_eq!(answer.said(), (400, "Error: Unknown platform.".to_owned()), "{name}");
    }
}

// T37: the address in any notation.
#[tokio::test]
async fn a_device_is_the_same_in_any_notation() {
    let app = TestApp::start().await;
    app.platform("chase").released("v1.0.3").await;
    app.approve("18-fe-34-00-00-01", "chase").await;
    for mac in ["18:FE:34:00:00:01", "18fe34000001", "18FE.3400.0001"] {
        FakeDevice::esp8266(mac).polls(&app, "chase", "v1.0.3").await.is_not_modified();
    }
    assert_eq!(app.device(CHASE).await.unwrap().checkins, 3);
}

// Design §6: open platforms.
#[tokio::test]
async fn an_open_platform_lets_any_device_in_and_records_that() {
    let app = TestApp::start().await;
    let released = app.platform("chase").open().released("v1.0.3").await;
    let device = FakeDevice::esp8266(CHASE);
    device.polls(&app, "chase", "v1.0.2").await.is_firmware(&released[0].bytes);
    let device = app.device(CHASE).await.unwrap();
    assert_eq!(device.approval, Approval::Approved);
    assert_eq!(device.platform.as_deref(), Some("chase"));
}

// Ignored and blocked devices get what a stranger gets.
#[tokio::test]
async fn an_ignored_or_blocked_device_gets_nothing() {
    let app = TestApp::start().await;
    app.platform("chase").open().released("v1.0.3").approving(CHASE).await;
    for approval in [Approval::Ignored, Approval::Blocked] {
        app.set_aside(CHASE, approval).await;
        let answer = FakeDevice::esp8266(CHASE).polls(&app, "chase", "v1.0.2").await;
        assert_eq!(answer.said(), (400, NOT_WHITELISTED.to_owned()));
        assert_eq!(app.device(CHASE).await.unwrap().approval, approval);
    }
}

#[tokio::test]
async fn an_open_platform_does_not_take_over_the_device_of_another() {
    let app = TestApp::start().await;
    app.platform("chase").released("v1.0.3").approving(CHASE).await;
    app.platform("skye").open().released("v1.0.3").await;
    let answer = FakeDevice::esp8266(CHASE).polls(&app, "skye", "v1.0.2").await;
    assert_eq!(answer.said(), (400, NOT_WHITELISTED.to_owned()));
    assert_eq!(app.device(CHASE).await.unwrap().platform.as_deref(), Some("chase"));
}

// A platform that is opened later lets in those who wait.
#[tokio::test]
async fn a_device_that_waits_is_let_in_when_its_platform_is_opened() {
    let app = TestApp::start().await;
    let released = app.platform("chase").released("v1.0.3").await;
    let device = FakeDevice::esp8266(CHASE);
    assert_eq!(device.polls(&app, "chase", "v1.0.2").await.status, 400);
    let admission = Some(espalier::domain::platform::Admission::Any);
    let change = espalier::app::PlatformChange { admission, ..Default::default() };
    app.app.change_platform("chase", &change, &a_test()).await.unwrap();
    device.polls(&app, "chase", "v1.0.2").await.is_firmware(&released[0].bytes);
    let app = app.restarted().await;
    assert_eq!(app.device(CHASE).await.unwrap().approval, Approval::Approved);
}

#[tokio::test]
async fn who_waits_can_be_answered_quietly() {
    let app = TestApp::start().await;
    app.platform("chase").released("v1.0.3").await;
    let mut settings = (*app.app.settings()).clone();
    settings.pending_answer = espalier::app::PendingAnswer::Quiet;
    app.app.save_settings(settings, &a_test()).await.unwrap();
    let app = app.restarted().await;
    let device = FakeDevice::esp8266(CHASE);
    device.polls(&app, "chase", "v1.0.2").await.is_not_modified();
    assert_eq!(app.device(CHASE).await.unwrap().approval, Approval::Pending);
    app.set_aside(CHASE, Approval::Blocked).await;
    assert_eq!(device.polls(&app, "chase", "v1.0.2").await.status, 400, "only who waits");
}

// A home network has a few dozen devices; somebody's script has thousands of addresses.
#[tokio::test]
async fn a_flood_of_strangers_is_bounded_and_approved_devices_stay() {
    let app = TestApp::start().await;
    app.platform("chase").released("v1.0.3").approving(CHASE).await;
    let mut settings = (*app.app.settings()).clone();
    settings.pending_limit = 5;
    app.app.save_settings(settings, &a_test()).await.unwrap();
    for number in 0..30 {
        app.clock.advance(1);
        let stranger = FakeDevice::esp8266(&format!("18:FE:34:00:03:{number:02X}"));
        assert_eq!(stranger.polls(&app, "chase", "v1.0.2").await.status, 400);
    }
    app.app.flush().await.unwrap();
    let counts = app.app.store().count_devices().await.unwrap();
    assert!(counts.contains(&(Approval::Pending, 5)), "{counts:?}");
    assert!(counts.contains(&(Approval::Approved, 1)), "{counts:?}");
    assert!(app.device("18:FE:34:00:03:1D").await.is_some(), "the latest one is there");
    assert!(app.device("18:FE:34:00:03:00").await.is_none(), "the first one is forgotten");
}

#[tokio::test]
async fn a_deleted_platform_leaves_devices_that_wait_and_can_be_approved_again() {
    let app = TestApp::start().await;
    app.platform("chase").released("v1.0.3").approving(CHASE).await;
    app.platform("skye").released("v1.0.3").await;
    let device = FakeDevice::esp8266(CHASE);
    device.polls(&app, "chase", "v1.0.3").await.is_not_modified();
    app.app.delete_platform("chase", &a_test()).await.unwrap();
    let answer = device.polls(&app, "chase", "v1.0.3").await;
    assert_eq!(answer.said(), (400, "Error: Unknown platform.".to_owned()));
    assert_eq!(app.device(CHASE).await.unwrap().approval, Approval::Pending);
    app.platform("Chase").released("v1.0.4").await;
    app.approve(CHASE, "chase").await;
    assert_eq!(device.polls(&app, "chase", "v1.0.3").await.status, 200);
}

// What a device writes is somebody else's text.
#[tokio::test]
async fn odd_values_are_survived_and_kept_short() {
    let app = TestApp::start().await;
    app.platform("chase").released("v1.0.3").approving(CHASE).await;
    let long = "x".repeat(5000);
    for version in [&*long, "%00", "%FF%FE", "%0d%0aX-Evil:%201", "<script>", "1.0'--"] {
        let answer = FakeDevice::esp8266(CHASE).polls(&app, "chase", version).await;
        assert!(matches!(answer.status, 200 | 304), "{version}: {}", answer.text());
        assert_eq!(answer.header("x-evil"), None);
        let report = app.device(CHASE).await.unwrap().report.unwrap();
        let kept = report.version.unwrap();
        assert!(kept.chars().count() <= 64 && !kept.contains(char::is_control), "{kept:?}");
    }
    for dev in [&*long, "%00", "%FF", "..%2f..", "<script>"] {
        let answer = FakeDevice::esp8266(MARSHALL).polls(&app, dev, "v1").await;
        assert_eq!(answer.status, 400, "{dev}");
    }
    let device = FakeDevice::esp8266(SKYE).with_free_space(u64::MAX).with_md5("\u{fc}");
    let answer =
        device.with_header("x-ESP8266-version: gr\u{fc}n\u{1}").asks(&app, "/update").await;
    assert_eq!(answer.status, 400);
}
