//! The loop breaker: no device downloads the same release more often than the limit without a
//! person's word, whatever it does.

use espalier::app::Supposed;
use espalier::domain::actor::ActorKind;
use espalier::domain::device::AttemptState;
use espalier::domain::event::Kind;
use espalier::domain::update::Prospect;
use espalier::store::AuditFilter;

use crate::support::{CHASE, FakeDevice, Firmware, MARSHALL, Released, TestApp, a_test, mac};

const OLD: &str = "/update?dev=chase&ver=v1.0.1";
const NEW: &str = "/update?dev=chase&ver=v1.0.2";
/// How often a release is downloaded before a person is asked.
const LIMIT: usize = 3;

async fn stocked() -> (TestApp, Released) {
    stocked_with(0).await
}

async fn stocked_with(size: usize) -> (TestApp, Released) {
    let app = TestApp::start().await;
    let sketch = Firmware::esp8266().of("chase", "v1.0.2").size(size);
    let mut released = app.platform("chase").releasing("v1.0.2", sketch).approving(CHASE).await;
    (app, released.remove(0))
}

/// Takes a release whole.
async fn takes(app: &TestApp, device: &FakeDevice, path: &str, released: &Released) {
    device.asks(app, path).await.is_firmware(&released.bytes);
    app.until_attempt(CHASE, AttemptState::Delivered).await;
}

/// Takes it as often as it gets it, waiting half a day each time; answers how often.
async fn takes_all_it_can(app: &TestApp, device: &FakeDevice, path: &str) -> usize {
    let mut downloads = 0;
    for _ in 0..12 {
        if device.asks(app, path).await.status == 200 {
            downloads += 1;
            app.until_attempt(CHASE, AttemptState::Delivered).await;
        }
        app.clock.advance(12 * 3600);
    }
    downloads
}

fn decision(app: &TestApp) -> &'static str {
    app.app.explain(mac(CHASE)).unwrap().decision.code()
}

#[tokio::test]
async fn a_device_that_comes_back_unchanged_is_tried_three_times_further_and_further_apart() {
    let (app, released) = stocked().await;
    let device = FakeDevice::esp8266(CHASE);
    takes(&app, &device, OLD, &released).await;
    assert_eq!(decision(&app), "offer", "the next check-in tries again");
    takes(&app, &device, OLD, &released).await;
    assert_eq!(decision(&app), "retry_later", "what the next check-in comes to, if unchanged");
    device.asks(&app, OLD).await.is_not_modified();
    assert_eq!(decision(&app), "retry_later");
    app.clock.advance(14 * 60);
    device.asks(&app, OLD).await.is_not_modified();
    app.clock.advance(60);
    takes(&app, &device, OLD, &released).await;
    for _ in 0..3 {
        app.clock.advance(86_400);
        device.asks(&app, OLD).await.is_not_modified();
    }
    assert_eq!(decision(&app), "stopped");
    let told = app.told(Kind::Stopped).await;
    assert!(told.len() == 1 && told[0].contains("3 times"), "{told:?}");
    assert_eq!(app.told(Kind::NotTaken).await.len(), LIMIT);
    assert_eq!(app.attempts(CHASE).await[0].state, AttemptState::NotTaken);
    assert_eq!(app.device(CHASE).await.unwrap().outcome.unwrap().code, "stopped");
    assert_eq!(app.counters(&released).await.downloads, 3);
}

#[tokio::test]
async fn the_wait_and_the_hold_outlive_a_restart_and_end_by_a_persons_word() {
    let (app, released) = stocked().await;
    let device = FakeDevice::esp8266(CHASE);
    takes(&app, &device, OLD, &released).await;
    takes(&app, &device, OLD, &released).await;
    device.asks(&app, OLD).await.is_not_modified();
    let app = app.restarted().await;
    device.asks(&app, OLD).await.is_not_modified();
    assert_eq!(decision(&app), "retry_later");
    app.clock.advance(900);
    takes(&app, &device, OLD, &released).await;
    device.asks(&app, OLD).await.is_not_modified();
    let app = app.restarted().await;
    device.asks(&app, OLD).await.is_not_modified();
    assert_eq!(decision(&app), "stopped");
    app.app.try_again(mac(CHASE), &a_test()).await.unwrap();
    assert_eq!(app.told(Kind::Lifted).await.len(), 1);
    let app = app.restarted().await;
    assert_eq!(takes_all_it_can(&app, &device, OLD).await, LIMIT, "the count begins anew");
}

#[tokio::test]
async fn nonsense_versions_and_changing_images_do_not_get_more() {
    let (app, released) = stocked().await;
    let mut downloads = 0;
    for poll in 0..40_u32 {
        let device = FakeDevice::esp8266(CHASE).with_md5(&format!("{poll:032x}"));
        let path = format!("/update?dev=chase&ver=nonsense{poll}");
        if device.asks(&app, &path).await.status == 200 {
            downloads += 1;
            app.until_attempt(CHASE, AttemptState::Delivered).await;
        }
        app.clock.advance(12 * 3600);
    }
    assert_eq!(downloads, LIMIT);
    assert_eq!(app.counters(&released).await.downloads, 3);
    let deeds = AuditFilter { actor_kind: Some(ActorKind::Machine), ..AuditFilter::default() };
    let deeds = app.app.store().audit(&deeds).await.unwrap();
    let told: Vec<_> = deeds.iter().map(|entry| entry.text.as_str()).collect();
    let held = format!(
        "espalier held v1.0.2 back from {}: it took it 3 times and came back without it.",
        mac(CHASE)
    );
    assert_eq!(told, [held.as_str()], "once, however often it calls itself otherwise");
    let app = app.restarted().await;
    assert_eq!(app.app.held_from(released.id()).len(), 1, "and it is written down");
}

#[tokio::test]
async fn a_liar_that_claims_the_new_version_and_falls_back_is_held_at_once() {
    let (app, released) = stocked().await;
    let device = FakeDevice::esp8266(CHASE);
    takes(&app, &device, OLD, &released).await;
    device.asks(&app, NEW).await.is_not_modified();
    app.until_attempt(CHASE, AttemptState::Confirmed).await;
    device.asks(&app, OLD).await.is_not_modified();
    assert_eq!(decision(&app), "rolled_back");
    assert_eq!(app.attempts(CHASE).await[0].state, AttemptState::RolledBack);
    assert_eq!(app.told(Kind::RolledBack).await.len(), 1);
    let app = app.restarted().await;
    app.clock.advance(30 * 86_400);
    device.asks(&app, OLD).await.is_not_modified();
    assert_eq!(app.counters(&released).await.downloads, 1);
}

#[tokio::test]
async fn a_liar_with_a_new_story_each_time_gets_no_more_than_the_limit() {
    let (app, released) = stocked().await;
    let mut downloads = 0;
    for story in 0..20_u32 {
        let device = FakeDevice::esp8266(CHASE).with_md5(&format!("{story:032x}"));
        let path = format!("/update?dev=chase&ver=v0.0.{story}");
        if device.asks(&app, &path).await.status == 200 {
            downloads += 1;
            app.until_attempt(CHASE, AttemptState::Delivered).await;
        }
        device.asks(&app, NEW).await.is_not_modified();
        app.clock.advance(12 * 3600);
    }
    assert_eq!((downloads, app.counters(&released).await.downloads), (LIMIT, 3));
}

#[tokio::test]
async fn a_rollback_is_told_from_a_developers_cable() {
    let (app, released) = stocked().await;
    let device = FakeDevice::esp8266(CHASE);
    takes(&app, &device, OLD, &released).await;
    device.clone().running(&released).asks(&app, NEW).await.is_not_modified();
    app.until_attempt(CHASE, AttemptState::Confirmed).await;
    let flashed = device.with_md5("000000000000000000000000000000aa");
    takes(&app, &flashed, "/update?dev=chase&ver=v0.9.0", &released).await;
    assert_eq!(app.told(Kind::RolledBack).await, <[&str; 0]>::default());
}

// T31: a release whose sketch reports another version than it was published as.
#[tokio::test]
async fn a_file_that_reports_another_version_is_held_at_once_where_the_image_tells() {
    let (app, released) = stocked().await;
    let device = FakeDevice::esp8266(CHASE);
    takes(&app, &device, OLD, &released).await;
    let flashed = device.running(&released);
    for _ in 0..3 {
        flashed.asks(&app, OLD).await.is_not_modified();
        app.clock.advance(86_400);
    }
    assert_eq!(decision(&app), "identical_but_reports");
    assert_eq!(app.attempts(CHASE).await.len(), 1);
    let told = app.told(Kind::NotTaken).await;
    assert_eq!(told, ["Runs exactly the file of v1.0.2, but says v1.0.1."]);
    // It is held, and everything that tells of it says so.
    assert!(app.app.explain(mac(CHASE)).unwrap().decision.is_held());
    let held = app.app.held_from(released.id());
    assert!(held.len() == 1 && held[0].has_file, "{held:?}");
    let platform = app.app.shelf().platform("chase").unwrap().platform.id;
    let preview = app.app.preview(platform, &Supposed::Nothing).await.unwrap();
    assert_eq!(preview.prospects.get(&Prospect::OnHold), Some(&1), "{:?}", preview.prospects);
    // To get what it has already is no help.
    assert_eq!(app.app.lift_holds(released.id(), &a_test()).await.unwrap(), 0);
    flashed.asks(&app, OLD).await.is_not_modified();
    assert_eq!(app.app.held_from(released.id()).len(), 1);
}

#[tokio::test]
async fn lifting_the_holds_of_a_release_counts_holds_and_nothing_else() {
    let (app, released) = stocked().await;
    app.approve(MARSHALL, "chase").await;
    let waits = FakeDevice::esp8266(MARSHALL);
    for _ in 0..2 {
        waits.asks(&app, OLD).await.is_firmware(&released.bytes);
        app.until_attempt(MARSHALL, AttemptState::Delivered).await;
    }
    waits.asks(&app, OLD).await.is_not_modified();
    // The limit is reached, and the device did not ask since.
    let device = FakeDevice::esp8266(CHASE);
    for story in 0..3_u32 {
        let device = device.clone().with_md5(&format!("{story:032x}"));
        takes(&app, &device, &format!("/update?dev=chase&ver=v0.0.{story}"), &released).await;
    }
    assert_eq!(app.app.held_from(released.id()).len(), 1, "one waits, and is not held");
    assert_eq!(app.app.lift_holds(released.id(), &a_test()).await.unwrap(), 1);
    assert_eq!(app.app.held_from(released.id()).len(), 0);
    let waiting = app.app.explain(mac(MARSHALL)).unwrap().decision.code();
    assert_eq!(waiting, "retry_later", "it goes on waiting");
    takes(&app, &device, OLD, &released).await;
}

#[tokio::test]
async fn a_file_that_reports_another_version_ends_in_the_hold_where_nothing_tells() {
    let (app, _) = stocked().await;
    let device = FakeDevice::esp8266(CHASE).with_md5("");
    assert_eq!(takes_all_it_can(&app, &device, OLD).await, LIMIT);
}

#[tokio::test]
async fn parallel_downloads_count_before_they_end() {
    let (app, released) = stocked_with(600_000).await;
    let device = FakeDevice::esp8266(CHASE);
    let mut open = Vec::new();
    for _ in 0..LIMIT {
        let (head, client) = device.begins(&app, OLD).await;
        assert_eq!(head.status, 200);
        open.push(client);
    }
    device.asks(&app, OLD).await.is_not_modified();
    assert_eq!(decision(&app), "downloading");
    assert_eq!(app.attempts(CHASE).await.len(), 1, "what overlaps is one attempt");
    for client in &mut open {
        client.read_exactly(released.size()).await;
    }
    drop(open);
    app.until_attempt(CHASE, AttemptState::Delivered).await;
}

#[tokio::test]
async fn broken_downloads_are_counted_apart_and_rest_for_a_day() {
    let (app, released) = stocked_with(600_000).await;
    let device = FakeDevice::esp8266(CHASE);
    for _ in 0..10 {
        let (head, client) = device.begins(&app, OLD).await;
        assert_eq!(head.status, 200, "weak Wi-Fi is no bad image");
        client.reset();
        app.until_attempt(CHASE, AttemptState::Aborted).await;
    }
    device.asks(&app, OLD).await.is_not_modified();
    assert_eq!(decision(&app), "transfers_broke");
    let app = app.restarted().await;
    device.asks(&app, OLD).await.is_not_modified();
    app.clock.advance(86_400);
    takes(&app, &device, OLD, &released).await;
}

#[tokio::test]
async fn a_device_that_takes_all_and_resets_is_held_too() {
    let (app, released) = stocked().await;
    let device = FakeDevice::esp8266(CHASE);
    for attempts in 1..=LIMIT {
        let (_, mut client) = device.begins(&app, OLD).await;
        client.read_exactly(released.size()).await;
        client.reset();
        app.until_attempt(CHASE, AttemptState::Aborted).await;
        assert_eq!(app.attempts(CHASE).await.len(), attempts);
        // It took them all, and comes back unchanged: that is not taken.
        if attempts == 2 {
            device.asks(&app, OLD).await.is_not_modified();
            app.clock.advance(900);
        }
    }
    device.asks(&app, OLD).await.is_not_modified();
    assert_eq!(app.attempts(CHASE).await[0].state, AttemptState::NotTaken);
    assert_eq!(app.counters(&released).await.downloads, 0, "none was completed");
    let app = app.restarted().await;
    device.asks(&app, OLD).await.is_not_modified();
}

#[tokio::test]
async fn files_by_their_address_are_attempts_too() {
    let (app, released) = stocked().await;
    let device = FakeDevice::esp8266(CHASE);
    for target in ["/chase_1_0_2.bin", "/chase/chase_1_0_2.bin"] {
        takes(&app, &device, target, &released).await;
    }
    device.asks(&app, "/chase_1_0_2.bin").await.is_not_modified();
    app.clock.advance(900);
    takes(&app, &device, "/chase_1_0_2.bin", &released).await;
    device.asks(&app, "/chase_1_0_2.bin").await.is_not_modified();
    assert_eq!(app.told(Kind::Stopped).await.len(), 1);
}

#[tokio::test]
async fn a_new_release_is_offered_in_spite_of_the_hold_of_the_old_one() {
    let (app, _) = stocked().await;
    let device = FakeDevice::esp8266(CHASE);
    assert_eq!(takes_all_it_can(&app, &device, OLD).await, LIMIT);
    let newer = app.release("chase", "v1.0.3", Firmware::esp8266().of("chase", "v1.0.3")).await;
    device.asks(&app, OLD).await.is_firmware(&newer.bytes);
}

#[tokio::test]
async fn a_person_holds_a_release_back_and_lifts_all_holds_of_it() {
    let (app, released) = stocked().await;
    app.app.hold(mac(CHASE), released.id(), &a_test()).await.unwrap();
    let device = FakeDevice::esp8266(CHASE);
    device.asks(&app, OLD).await.is_not_modified();
    assert_eq!(decision(&app), "held");
    let app = app.restarted().await;
    device.asks(&app, OLD).await.is_not_modified();
    assert_eq!(app.app.held_from(released.id()).len(), 1);
    assert_eq!(app.app.lift_holds(released.id(), &a_test()).await.unwrap(), 1);
    assert_eq!(app.app.held_from(released.id()).len(), 0);
    takes(&app, &device, OLD, &released).await;
    let other = app.app.hold(mac(MARSHALL), released.id(), &a_test()).await;
    assert!(other.is_err(), "nobody knows that device");
}

#[tokio::test]
async fn the_limit_and_the_waits_are_settings() {
    let (app, released) = stocked().await;
    let mut settings = (*app.app.settings()).clone();
    settings.patience.limit = 2;
    settings.patience.spacing = vec![3600];
    app.app.save_settings(settings, &a_test()).await.unwrap();
    let app = app.restarted().await;
    let device = FakeDevice::esp8266(CHASE);
    takes(&app, &device, OLD, &released).await;
    device.asks(&app, OLD).await.is_not_modified();
    assert_eq!(decision(&app), "retry_later");
    app.clock.advance(3600);
    takes(&app, &device, OLD, &released).await;
    device.asks(&app, OLD).await.is_not_modified();
    assert_eq!(decision(&app), "stopped");
}
