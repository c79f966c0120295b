//! When devices ask: the rhythm that is learnt, who is overdue, lost, or restarting too often.

use espalier::app::Presences;
use espalier::domain::device::AttemptState;
use espalier::domain::event::Kind;
use espalier::domain::hours::{Hours, day_of};
use espalier::domain::rhythm::Presence;
use espalier::store::DeviceFilter;

use crate::support::{CHASE, FakeDevice, Firmware, MARSHALL, Released, TestApp, exchange, mac};

const OLD: &str = "/update?dev=chase&ver=v1.0.1";
const NEW: &str = "/update?dev=chase&ver=v1.0.2";
const HOUR: i64 = 3600;
const DAY: i64 = 86_400;

async fn stocked() -> TestApp {
    let app = TestApp::start().await;
    app.platform("chase").approving(CHASE).approving(MARSHALL).await;
    app
}

async fn release(app: &TestApp) -> Released {
    app.release("chase", "v1.0.2", Firmware::esp8266().of("chase", "v1.0.2")).await
}

/// Checks in `times` times, `gap` seconds apart; the clock stands at the last one.
async fn keeps_asking(app: &TestApp, device: &FakeDevice, path: &str, gap: i64, times: usize) {
    for _ in 0..times {
        app.clock.advance(gap);
        device.asks(app, path).await.is_not_modified();
    }
}

/// A device that asks every hour takes a release, which is published now.
async fn takes_an_update(app: &TestApp, device: &FakeDevice, gap: i64) -> Released {
    device.asks(app, OLD).await.is_not_modified();
    keeps_asking(app, device, OLD, gap, 4).await;
    let released = release(app).await;
    app.clock.advance(gap);
    device.asks(app, OLD).await.is_firmware(&released.bytes);
    app.until_attempt(CHASE, AttemptState::Delivered).await;
    released
}

async fn every(app: &TestApp, device: &str) -> Option<u32> {
    app.device(device).await.unwrap().rhythm.every()
}

fn matters(app: &TestApp, device: &str) -> Vec<Presence> {
    app.app.presence_of(mac(device))
}

/// The addresses of the devices with which this is the matter, as lists find them.
async fn listed(app: &TestApp, presence: Presence) -> Vec<String> {
    app.app.flush().await.unwrap();
    let presence = Some(app.app.presence(presence));
    let filter = DeviceFilter { presence, ..DeviceFilter::default() };
    let devices = app.app.store().devices(&filter).await.unwrap();
    devices.into_iter().map(|device| device.mac.to_string().to_uppercase()).collect()
}

async fn page(app: &TestApp, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n");
    let answer = exchange(app.address, request.as_bytes()).await;
    assert_eq!(answer.status, 200, "{path}");
    answer.text()
}

async fn state(app: &TestApp) -> AttemptState {
    app.attempts(CHASE).await[0].state
}

#[tokio::test]
async fn the_rhythm_of_a_device_is_learnt_and_outlives_a_restart() {
    let app = stocked().await;
    let device = FakeDevice::esp8266(CHASE);
    device.asks(&app, OLD).await.is_not_modified();
    keeps_asking(&app, &device, OLD, HOUR, 2).await;
    assert_eq!(every(&app, CHASE).await, None, "two gaps are too few");
    let text = page(&app, "/devices/18fe34000001").await;
    assert!(text.contains("Its rhythm is not known yet (2 of 3)."));
    keeps_asking(&app, &device, OLD, HOUR, 2).await;
    // A second request at once is no check-in of its own.
    keeps_asking(&app, &device, OLD, 2, 1).await;
    assert_eq!(every(&app, CHASE).await, Some(3600));
    let app = app.restarted().await;
    assert_eq!(every(&app, CHASE).await, Some(3600));
    // Noon is 22:13; four hours later.
    let text = page(&app, "/devices/18fe34000001").await;
    assert!(text.contains("It asks about every 60 min, next expected 03:13."), "{text}");
    keeps_asking(&app, &device, OLD, HOUR - 2, 1).await;
    assert_eq!(app.device(CHASE).await.unwrap().rhythm.bytes().len(), 5 * 2, "it goes on");
    assert!(!text.contains("offline"));
}

#[tokio::test]
async fn a_sleeper_is_overdue_after_days_and_back_with_its_next_check_in() {
    let app = stocked().await;
    let device = FakeDevice::esp8266(CHASE);
    device.asks(&app, OLD).await.is_not_modified();
    keeps_asking(&app, &device, OLD, DAY, 5).await;
    assert_eq!(every(&app, CHASE).await, Some(86_400));
    app.clock.advance(3 * DAY);
    assert_eq!(matters(&app, CHASE), []);
    assert_eq!(listed(&app, Presence::Overdue).await, <[&str; 0]>::default());
    app.clock.advance(1);
    assert_eq!(matters(&app, CHASE), [Presence::Overdue]);
    assert_eq!(listed(&app, Presence::Overdue).await, [CHASE]);
    assert_eq!(app.app.presences(), Presences { overdue: 1, ..Presences::default() });
    let list = page(&app, "/devices?presence=overdue").await;
    assert!(list.contains("18fe34000001") && !list.contains("18fe34000002"), "{list}");
    assert!(list.contains("overdue</span>"));
    assert!(page(&app, "/devices/18fe34000001").await.contains("Overdue since "));
    let dashboard = page(&app, "/").await;
    assert!(dashboard.contains("1 device is overdue"), "{dashboard}");
    assert!(dashboard.contains("/devices?approval=approved&#38;presence=overdue"), "{dashboard}");
    // A restart does not forget it, and does not blame anybody else.
    let app = app.restarted().await;
    assert_eq!(listed(&app, Presence::Overdue).await, [CHASE]);
    assert_eq!(matters(&app, CHASE), [Presence::Overdue]);
    device.asks(&app, OLD).await.is_not_modified();
    assert_eq!(matters(&app, CHASE), []);
    assert_eq!(listed(&app, Presence::Overdue).await, <[&str; 0]>::default());
}

#[tokio::test]
async fn a_device_whose_rhythm_is_not_known_is_never_overdue() {
    let app = stocked().await;
    let device = FakeDevice::esp8266(CHASE);
    device.asks(&app, OLD).await.is_not_modified();
    keeps_asking(&app, &device, OLD, 60, 2).await;
    app.clock.advance(365 * DAY);
    assert_eq!(matters(&app, CHASE), []);
    assert_eq!(matters(&app, MARSHALL), [], "nor is one that never asked");
    assert_eq!(listed(&app, Presence::Overdue).await, <[&str; 0]>::default());
}

#[tokio::test]
async fn silence_while_the_server_does_not_run_is_nobodys_fault() {
    let app = stocked().await;
    let device = FakeDevice::esp8266(CHASE);
    takes_an_update(&app, &device, HOUR).await;
    let learnt = app.device(CHASE).await.unwrap().rhythm.bytes();
    let app = app.restarted_after(7 * DAY).await;
    app.clock.advance(3 * HOUR);
    assert_eq!(matters(&app, CHASE), []);
    assert_eq!(listed(&app, Presence::Overdue).await, <[&str; 0]>::default());
    assert_eq!(app.app.look_for_lost().await, 0);
    app.clock.advance(1);
    assert_eq!(listed(&app, Presence::Overdue).await, [CHASE]);
    // The job that looks for them at the start may have been quicker.
    app.app.look_for_lost().await;
    app.until_attempt(CHASE, AttemptState::Lost).await;
    assert!(app.until_told(Kind::Lost).await.text.contains("No check-in for 3 h"));
    device.asks(&app, NEW).await;
    assert_eq!(app.device(CHASE).await.unwrap().rhythm.bytes(), learnt, "that week is no gap");
}

#[tokio::test]
async fn silence_after_an_update_is_lost_and_the_device_may_still_come_back_with_it() {
    let app = stocked().await;
    let device = FakeDevice::esp8266(CHASE);
    let released = takes_an_update(&app, &device, HOUR).await;
    app.clock.advance(3 * HOUR);
    assert_eq!(app.app.look_for_lost().await, 0);
    assert_eq!(state(&app).await, AttemptState::Delivered);
    app.clock.advance(1);
    assert_eq!(app.app.look_for_lost().await, 1);
    assert_eq!(app.app.look_for_lost().await, 0, "it is found once");
    assert_eq!(state(&app).await, AttemptState::Lost);
    let told = app.told(Kind::Lost).await;
    assert_eq!(told, ["No check-in for 3 h since it took v1.0.2; it asked every ≈ 60 min before."]);
    assert_eq!(matters(&app, CHASE), [Presence::Lost, Presence::Overdue]);
    assert_eq!(listed(&app, Presence::Lost).await, [CHASE]);
    assert!(page(&app, "/").await.contains("1 device is lost"));
    let text = page(&app, "/devices/18fe34000001").await;
    assert!(text.contains("it has not checked in since") && text.contains("lost</span>"), "{text}");

    let app = app.restarted().await;
    assert_eq!(state(&app).await, AttemptState::Lost);
    assert_eq!(app.app.presences().lost, 1);
    device.running(&released).asks(&app, NEW).await.is_not_modified();
    app.until_attempt(CHASE, AttemptState::Confirmed).await;
    assert_eq!(app.told(Kind::Confirmed).await.len(), 1);
    assert_eq!(matters(&app, CHASE), []);
    assert_eq!(listed(&app, Presence::Lost).await, <[&str; 0]>::default());
}

#[tokio::test]
async fn a_lost_device_that_comes_back_unchanged_did_not_take_it() {
    let app = stocked().await;
    let device = FakeDevice::esp8266(CHASE);
    let released = takes_an_update(&app, &device, HOUR).await;
    app.clock.advance(DAY);
    assert_eq!(app.app.look_for_lost().await, 1);
    // The loop breaker counts it as any other: the first time it is tried again at once.
    device.asks(&app, OLD).await.is_firmware(&released.bytes);
    let attempts = app.attempts(CHASE).await;
    assert_eq!(attempts[1].state, AttemptState::NotTaken);
    assert_eq!(app.told(Kind::NotTaken).await.len(), 1);
}

#[tokio::test]
async fn without_a_rhythm_an_attempt_is_lost_after_a_day() {
    let app = stocked().await;
    let released = release(&app).await;
    let device = FakeDevice::esp8266(CHASE);
    device.asks(&app, OLD).await.is_firmware(&released.bytes);
    app.until_attempt(CHASE, AttemptState::Delivered).await;
    app.clock.advance(DAY);
    assert_eq!(app.app.look_for_lost().await, 0);
    app.clock.advance(1);
    assert_eq!(app.app.look_for_lost().await, 1);
    assert_eq!(app.told(Kind::Lost).await, ["No check-in for 24 h since it took v1.0.2."]);
}

#[tokio::test]
async fn a_broken_transfer_is_lost_only_where_the_device_falls_silent() {
    let app = stocked().await;
    let sketch = Firmware::esp8266().of("chase", "v1.0.2").size(400_000);
    app.release("chase", "v1.0.2", sketch).await;
    let device = FakeDevice::esp8266(CHASE);
    let (head, client) = device.begins(&app, OLD).await;
    assert_eq!(head.status, 200);
    app.clock.advance(30 * DAY);
    assert_eq!(app.app.look_for_lost().await, 0, "bytes are still flowing");
    client.reset();
    app.until_attempt(CHASE, AttemptState::Aborted).await;
    app.clock.advance(DAY - 1);
    // It asks for the version only: it is there, though nothing is settled.
    device.clone().in_mode("version").asks(&app, OLD).await;
    app.clock.advance(DAY);
    assert_eq!(app.app.look_for_lost().await, 0);
    app.clock.advance(1);
    assert_eq!(app.app.look_for_lost().await, 1);
    let told = app.told(Kind::Lost).await;
    assert_eq!(told, ["No check-in for 24 h since the download of v1.0.2 broke off."]);
    // Back unchanged: it never had the last byte, so nobody says that it did not take it.
    let (head, client) = device.begins(&app, OLD).await;
    assert_eq!(head.status, 200);
    client.reset();
    let attempts = app.attempts(CHASE).await;
    assert_eq!(attempts[1].state, AttemptState::Aborted);
    assert_eq!(app.told(Kind::NotTaken).await, <[&str; 0]>::default());
}

#[tokio::test]
async fn a_device_that_restarts_over_and_over_after_an_update_is_flagged_once() {
    let app = stocked().await;
    let device = FakeDevice::esp8266(CHASE);
    let released = takes_an_update(&app, &device, HOUR).await;
    let device = device.running(&released);
    keeps_asking(&app, &device, NEW, 40, 5).await;
    assert_eq!(matters(&app, CHASE), [], "five check-ins are four gaps");
    keeps_asking(&app, &device, NEW, 40, 1).await;
    assert_eq!(matters(&app, CHASE), [Presence::Restarting]);
    keeps_asking(&app, &device, NEW, 40, 30).await;
    let told = app.told(Kind::Restarting).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("taking v1.0.2; before, it asked every ≈ 60 min."), "{told:?}");
    assert_eq!(every(&app, CHASE).await, Some(3600), "restarts are no rhythm");
    assert_eq!(listed(&app, Presence::Restarting).await, [CHASE]);
    assert!(page(&app, "/").await.contains("1 device restarts often"));
    assert!(page(&app, "/devices").await.contains("restarting often</span>"));

    let app = app.restarted().await;
    assert_eq!(matters(&app, CHASE), [Presence::Restarting]);
    keeps_asking(&app, &device, NEW, 40, 30).await;
    assert_eq!(app.told(Kind::Restarting).await.len(), 1);
    keeps_asking(&app, &device, NEW, DAY, 1).await;
    assert_eq!(matters(&app, CHASE), [], "a day later it is forgotten");
    assert_eq!(listed(&app, Presence::Restarting).await, <[&str; 0]>::default());
}

#[tokio::test]
async fn who_is_quick_anyway_or_was_not_updated_does_not_restart_too_often() {
    let app = stocked().await;
    let quick = FakeDevice::esp8266(CHASE);
    let released = takes_an_update(&app, &quick, 55).await;
    let quick = quick.running(&released);
    keeps_asking(&app, &quick, NEW, 6, 20).await;
    // A developer who resets the board all the time, without an update.
    let other = FakeDevice::esp8266(MARSHALL);
    other.asks(&app, NEW).await.is_not_modified();
    keeps_asking(&app, &other, NEW, HOUR, 5).await;
    keeps_asking(&app, &other, NEW, 20, 20).await;
    assert_eq!(app.told(Kind::Restarting).await, <[&str; 0]>::default());
    assert_eq!(app.app.presences().restarting, 0);
}

#[tokio::test]
async fn check_ins_are_counted_by_the_hour_and_kept_for_a_week() {
    let app = stocked().await;
    let device = FakeDevice::esp8266(CHASE);
    device.asks(&app, OLD).await.is_not_modified();
    keeps_asking(&app, &device, OLD, 60, 3).await;
    let today = day_of(app.app.now());
    keeps_asking(&app, &device, OLD, DAY, 1).await;
    let id = app.device(CHASE).await.unwrap().id;
    let counts = |days: &[Hours], day: i64| {
        let found = days.iter().find(|hours| hours.day() == day);
        found.map(|hours| hours.counts().iter().map(|count| u32::from(*count)).sum::<u32>())
    };
    let app = app.restarted().await;
    keeps_asking(&app, &device, OLD, 60, 1).await;
    let days = app.app.device_hours(id, mac(CHASE)).await.unwrap();
    assert_eq!((days.len(), counts(&days, today), counts(&days, today + 1)), (2, Some(4), Some(2)));
    let stored = app.app.store().device_hours(id, 0).await.unwrap();
    assert_eq!(counts(&stored, today), Some(4), "what has ended is written");
    assert_eq!(days[0].counts()[22], 4, "noon is in the hour from 22 on");
    let text = page(&app, "/devices/18fe34000001").await;
    assert!(text.contains("6 check-ins in the last 7 days, on 2 of them"), "{text}");

    app.clock.advance(7 * DAY);
    app.app.tidy().await.unwrap();
    let days = app.app.device_hours(id, mac(CHASE)).await.unwrap();
    assert_eq!((counts(&days, today), counts(&days, today + 1)), (None, Some(2)));
    assert_eq!(app.app.store().device_hours(id, 0).await.unwrap().len(), 1);
}
