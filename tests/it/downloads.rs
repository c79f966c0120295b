//! What counts as a download, and what an attempt comes to.

use espalier::domain::device::AttemptState;
use espalier::domain::event::Kind;

use crate::support::{CHASE, FakeDevice, Firmware, Released, TestApp, exchange, mac};

const OLD: &str = "/update?dev=chase&ver=v1.0.1";
const NEW: &str = "/update?dev=chase&ver=v1.0.2";

async fn stocked(size: usize) -> (TestApp, Released) {
    let app = TestApp::start().await;
    let sketch = Firmware::esp8266().of("chase", "v1.0.2").size(size);
    let mut released = app.platform("chase").releasing("v1.0.2", sketch).approving(CHASE).await;
    (app, released.remove(0))
}

#[tokio::test]
async fn a_completed_download_counts_once_and_is_confirmed_by_the_next_check_in() {
    let (app, released) = stocked(0).await;
    let device = FakeDevice::esp8266(CHASE);
    device.asks(&app, OLD).await.is_firmware(&released.bytes);
    app.until_attempt(CHASE, AttemptState::Delivered).await;
    let counters = app.counters(&released).await;
    assert_eq!((counters.offers, counters.downloads), (1, 1));
    assert_eq!(counters.bytes, released.bytes.len() as u64);
    assert_eq!(app.told(Kind::Confirmed).await, <[&str; 0]>::default(), "no proof yet");
    device.running(&released).asks(&app, NEW).await.is_not_modified();
    app.until_attempt(CHASE, AttemptState::Confirmed).await;
    assert_eq!(app.told(Kind::Confirmed).await, ["Came back with v1.0.2."]);
    let app = app.restarted().await;
    assert_eq!(app.counters(&released).await.downloads, 1);
    assert_eq!(app.attempts(CHASE).await[0].state, AttemptState::Confirmed);
}

#[tokio::test]
async fn a_download_that_is_left_or_reset_is_aborted() {
    let (app, released) = stocked(600_000).await;
    let device = FakeDevice::esp8266(CHASE);
    for (read, reset) in [(0, false), (100_000, false), (0, true), (100_000, true)] {
        let (head, mut client) = device.begins(&app, OLD).await;
        assert_eq!(head.status, 200, "aborted downloads do not stop the offers");
        client.read_exactly(read).await;
        if reset {
            client.reset();
        } else {
            drop(client);
        }
        app.until_attempt(CHASE, AttemptState::Aborted).await;
    }
    let counters = app.counters(&released).await;
    assert_eq!((counters.offers, counters.downloads), (4, 0));
    assert!(counters.bytes >= 200_000, "what was sent is counted: {counters:?}");
    app.until_told(Kind::Aborted).await;
    // It gets all of it in the end.
    device.asks(&app, OLD).await.is_firmware(&released.bytes);
    app.until_attempt(CHASE, AttemptState::Delivered).await;
    assert_eq!(app.counters(&released).await.downloads, 1);
}

#[tokio::test]
async fn a_reset_after_the_last_byte_is_no_completed_download() {
    let (app, released) = stocked(0).await;
    let (_, mut client) = FakeDevice::esp8266(CHASE).begins(&app, OLD).await;
    client.read_exactly(released.size()).await;
    client.reset();
    app.until_attempt(CHASE, AttemptState::Aborted).await;
    assert_eq!(app.counters(&released).await.downloads, 0);
}

#[tokio::test]
async fn an_unchanged_304_makes_no_event_but_is_seen() {
    let (app, _) = stocked(0).await;
    let device = FakeDevice::esp8266(CHASE);
    device.asks(&app, NEW).await.is_not_modified();
    let before = app.events().await.len();
    for _ in 0..5 {
        app.clock.advance(60);
        device.asks(&app, NEW).await.is_not_modified();
    }
    assert_eq!(app.events().await.len(), before);
    let seen = app.device(CHASE).await.unwrap();
    assert_eq!((seen.checkins, seen.last_seen), (6, Some(app.app.now())));
    let hours = app.app.store().checkins_per_hour(None, 0).await.unwrap();
    assert_eq!(hours.iter().map(|hour| hour.count).sum::<i64>(), 6);
    let app = app.restarted().await;
    let seen = app.device(CHASE).await.unwrap();
    assert_eq!((seen.checkins, seen.last_seen), (6, Some(app.app.now())));
}

#[tokio::test]
async fn a_device_that_says_something_else_each_time_does_not_fill_the_log() {
    let (app, _) = stocked(0).await;
    let device = FakeDevice::esp8266(CHASE);
    for poll in 0..100 {
        let path = format!("/update?dev=chase&ver=v2.0.{poll}");
        device.asks(&app, &path).await.is_not_modified();
    }
    let changes = app.told(Kind::Changed).await.len();
    assert!((10..=60).contains(&changes), "{changes} events");
}

#[tokio::test]
async fn a_device_that_flaps_between_two_stories_is_told_once_a_day() {
    let (app, _) = stocked(0).await;
    let device = FakeDevice::esp8266(CHASE);
    for day in 1..=2 {
        for poll in 0..30 {
            let path = format!("/update?dev=chase&ver=v2.0.{}", poll % 2);
            device.asks(&app, &path).await.is_not_modified();
            app.clock.advance(60);
        }
        let changes = app.told(Kind::Changed).await;
        assert!((2 * day - 1..=2 * day).contains(&changes.len()), "{changes:?}");
        app.clock.advance(86_400);
    }
}

#[tokio::test]
async fn how_far_a_download_is_can_be_asked_and_outlives_a_crash() {
    let (app, _) = stocked(600_000).await;
    let device = FakeDevice::esp8266(CHASE);
    let (head, mut client) = device.begins(&app, "/update?dev=chase&ver=v1.0.1").await;
    assert_eq!(head.status, 200);
    client.read_exactly(100_000).await;
    let request = format!(
        "GET /api/v1/devices/{} HTTP/1.1\r\nHost: pi.lan\r\nConnection: close\r\n\r\n",
        mac(CHASE).hex()
    );
    let answer = exchange(app.address, request.as_bytes()).await;
    let shown: serde_json::Value = serde_json::from_str(&answer.text()).unwrap();
    let attempt = &shown["last_attempt"];
    assert_eq!(attempt["state"], "sending", "{shown}");
    assert!(attempt["bytes"].as_u64().unwrap() >= 100_000, "{shown}");
    assert!(attempt["bytes"].as_u64() < attempt["size"].as_u64(), "{shown}");
    app.app.flush().await.unwrap();
    let known = app.attempts(CHASE).await.remove(0);
    assert!(known.state == AttemptState::Offered && known.bytes >= 100_000, "{known:?}");
    // What a start of the server does that was killed meanwhile.
    app.app.store().end_cut_attempts(app.app.now()).await.unwrap();
    let cut = app.attempts(CHASE).await.remove(0);
    assert_eq!(cut.state, AttemptState::Aborted);
    assert!(cut.bytes >= 100_000 && cut.bytes < cut.size, "{cut:?}");
}

#[tokio::test]
async fn a_small_image_that_is_left_early_is_aborted_and_never_not_taken() {
    let (app, released) = stocked(35_000).await;
    let device = FakeDevice::esp8266(CHASE);
    for attempts in 1..=4 {
        let (head, mut client) = device.begins(&app, OLD).await;
        assert_eq!(head.status, 200, "it is offered again");
        client.read_exactly(9_000).await;
        drop(client);
        app.until_attempt(CHASE, AttemptState::Aborted).await;
        let known = app.attempts(CHASE).await;
        assert_eq!(known.len(), attempts);
        assert!(known[0].bytes < known[0].size, "{:?}", known[0]);
    }
    assert_eq!(app.told(Kind::NotTaken).await, <[&str; 0]>::default());
    device.asks(&app, OLD).await.is_firmware(&released.bytes);
}
