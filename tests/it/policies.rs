//! Which release a device gets, as people decide it: channels, pins, groups, quiet hours, recalls.

use espalier::app::{GroupChange, PlanWish, PlatformChange, PolicyChange, Supposed, Wishes};
use espalier::domain::device::AttemptState;
use espalier::domain::event::Kind;
use espalier::domain::policy::{Channel, Rule};
use espalier::domain::release::ReleaseState;

use crate::support::{
    Answer, CHASE, FakeDevice, Firmware, MARSHALL, Released, TestApp, a_test, catalog, exchange,
    mac,
};

const PLATFORM: &str = "chase";

/// A platform with v1.0.0, v1.1.0 and v1.2.0, and two devices.
async fn stocked() -> (TestApp, Vec<Released>) {
    stocked_on(TestApp::start().await).await
}

async fn stocked_on(app: TestApp) -> (TestApp, Vec<Released>) {
    let plan = app.platform(PLATFORM).without_gzip();
    let plan = plan.released("v1.0.0").released("v1.1.0").released("v1.2.0");
    let released = plan.approving(CHASE).approving(MARSHALL).await;
    (app, released)
}

fn device() -> FakeDevice {
    FakeDevice::esp8266(CHASE)
}

async fn wants(app: &TestApp, change: PolicyChange) {
    app.app.change_policy(mac(CHASE), &change, &a_test()).await.unwrap();
}

async fn pin(app: &TestApp, release: Option<&Released>) {
    let pinned = Some(release.map(Released::id));
    wants(app, PolicyChange { pinned, ..PolicyChange::default() }).await;
}

async fn follow(app: &TestApp, channel: Channel) {
    wants(app, PolicyChange { channel: Some(channel), ..PolicyChange::default() }).await;
}

/// Checks in, and holds the answer against the explanation: both are one decision.
async fn polls(app: &TestApp, version: &str) -> Answer {
    let answer = device().polls(app, PLATFORM, version).await;
    if answer.status == 200 {
        app.until_attempt(CHASE, AttemptState::Delivered).await;
    }
    answer
}

/// Checks in and gets nothing, for this reason; the explanation and the dry run say the same.
#[track_caller]
fn agrees(app: &TestApp, answer: &Answer, code: &str) {
    assert_eq!(answer.status, 304, "{code}: {}", answer.text());
    assert_eq!(app.decision(CHASE), code);
}

async fn forecast(app: &TestApp) -> &'static str {
    let shelf = app.app.shelf();
    let id = shelf.platform(PLATFORM).unwrap().platform.id;
    let preview = app.app.preview(id, &Supposed::Nothing).await.unwrap();
    preview.devices.iter().find(|own| own.mac == mac(CHASE)).unwrap().code()
}

#[tokio::test]
async fn a_beta_release_is_for_beta_devices_until_it_is_promoted() {
    let (app, released) = stocked().await;
    app.app.set_channel(released[2].id(), Channel::Beta, &a_test()).await.unwrap();
    polls(&app, "v1.0.0").await.is_firmware(&released[1].bytes);
    let answer = polls(&app, "v1.1.0").await;
    agrees(&app, &answer, "up_to_date");
    assert_eq!(forecast(&app).await, "up_to_date");
    follow(&app, Channel::Beta).await;
    polls(&app, "v1.1.0").await.is_firmware(&released[2].bytes);

    let other = FakeDevice::esp8266(MARSHALL);
    assert_eq!(other.polls(&app, PLATFORM, "v1.1.0").await.status, 304);
    app.app.set_channel(released[2].id(), Channel::Stable, &a_test()).await.unwrap();
    other.polls(&app, PLATFORM, "v1.1.0").await.is_firmware(&released[2].bytes);
    let told = app.told(Kind::ReleaseEdited).await;
    assert_eq!(told[0], "chase v1.2.0 was promoted to stable.");
}

#[tokio::test]
async fn a_pinned_device_gets_exactly_that_up_and_down() {
    let (app, released) = stocked().await;
    pin(&app, Some(&released[1])).await;
    polls(&app, "v1.0.0").await.is_firmware(&released[1].bytes);
    polls(&app, "v1.2.0").await.is_firmware(&released[1].bytes);
    let answer = polls(&app, "v1.1.0").await;
    agrees(&app, &answer, "pinned");
    assert_eq!(forecast(&app).await, "pinned");
    pin(&app, None).await;
    polls(&app, "v1.1.0").await.is_firmware(&released[2].bytes);
}

#[tokio::test]
async fn a_pin_to_what_is_withdrawn_gives_nothing_and_says_so() {
    let (app, released) = stocked().await;
    pin(&app, Some(&released[1])).await;
    app.withdraw(&released[1]).await;
    let answer = polls(&app, "v1.0.0").await;
    agrees(&app, &answer, "pinned_to_nothing");
    let refused = app.app.delete_release(released[1].id(), &a_test()).await.unwrap_err();
    assert!(refused.to_string().contains("pinned"), "{refused}");
    let change = PolicyChange { pinned: Some(Some(released[1].id())), ..PolicyChange::default() };
    let refused = app.app.change_policy(mac(MARSHALL), &change, &a_test()).await.unwrap_err();
    assert!(refused.to_string().contains("published release of its own platform"), "{refused}");
}

// The releases of another platform are none that it could be pinned to.
#[tokio::test]
async fn a_pin_ends_with_a_move_to_another_platform() {
    let (app, released) = stocked().await;
    let other = app.platform("skye").without_gzip().released("v1.1.5").await.remove(0);
    pin(&app, Some(&released[0])).await;
    app.approve(CHASE, "skye").await;
    assert_eq!(app.device(CHASE).await.unwrap().policy.pinned, None);
    device().polls(&app, "skye", "v1.1.0").await.is_firmware(&other.bytes);
}

#[tokio::test]
async fn updates_that_are_off_are_off() {
    let (app, released) = stocked().await;
    wants(&app, PolicyChange { updates_off: Some(true), ..PolicyChange::default() }).await;
    let answer = polls(&app, "v1.0.0").await;
    agrees(&app, &answer, "updates_off");
    assert_eq!(forecast(&app).await, "updates_off");
    let file = device().asks(&app, "/chase_1_2_0.bin").await;
    assert_eq!(file.status, 304, "neither by its name");
    wants(&app, PolicyChange { updates_off: Some(false), ..PolicyChange::default() }).await;
    polls(&app, "v1.0.0").await.is_firmware(&released[2].bytes);
}

#[tokio::test]
async fn a_platform_that_wants_no_other_version_takes_devices_down_but_not_for_ever() {
    let (app, released) = stocked().await;
    assert_eq!(polls(&app, "v9.9.9").await.status, 304);
    let change = PlatformChange { rule: Some(Rule::Different), ..PlatformChange::default() };
    app.change_platform(PLATFORM, change).await;
    // A liar: it takes the release and goes on to say v9.9.9.
    let mut downloads = 0;
    for _ in 0..12 {
        let answer = polls(&app, "v9.9.9").await;
        if answer.status == 200 {
            answer.is_firmware(&released[2].bytes);
            downloads += 1;
        }
        app.clock.advance(12 * 3600);
    }
    assert_eq!(downloads, 3, "the loop stop");
    assert_eq!(app.decision(CHASE), "stopped");
    let other = FakeDevice::esp8266(MARSHALL);
    assert_eq!(other.polls(&app, PLATFORM, "v1.2.0").await.status, 304, "it has it");
}

#[tokio::test]
async fn a_recall_gives_those_who_took_it_the_release_before() {
    let (app, released) = stocked().await;
    polls(&app, "v1.1.0").await.is_firmware(&released[2].bytes);
    polls(&app, "v1.2.0").await;
    let id = released[2].release.platform_id.unwrap();
    let supposed = Supposed::Recalled(vec![released[2].id()]);
    let touched = app.app.touched(id, &supposed).await.unwrap();
    assert_eq!((touched.devices(), touched.others, touched.goes_backwards()), (1, 1, true));
    let gets = touched.groups[0].gets.as_ref().map(ToString::to_string);
    assert_eq!(gets.as_deref(), Some("v1.1.0"));

    let recalled = app.app.recall(released[2].id(), &a_test()).await.unwrap();
    assert_eq!((recalled.state, recalled.recalled), (ReleaseState::Withdrawn, true));
    polls(&app, "v1.2.0").await.is_firmware(&released[1].bytes);
    // One that was never on it keeps what it runs.
    let other = FakeDevice::esp8266(MARSHALL);
    assert_eq!(other.polls(&app, PLATFORM, "v1.1.0").await.status, 304);
    assert_eq!(other.polls(&app, PLATFORM, "v1.5.0").await.status, 304);
    let answer = polls(&app, "v1.1.0").await;
    agrees(&app, &answer, "up_to_date");
}

#[tokio::test]
async fn going_back_recalls_all_that_is_above() {
    let (app, released) = stocked().await;
    polls(&app, "v1.2.0").await;
    let release = app.app.store().release(released[0].id()).await.unwrap().unwrap();
    let above: Vec<_> = app.app.above(&release).iter().map(|own| own.id).collect();
    assert_eq!(above, [released[2].id(), released[1].id()]);
    assert_eq!(app.app.go_back(released[0].id(), &a_test()).await.unwrap(), above);
    polls(&app, "v1.2.0").await.is_firmware(&released[0].bytes);
    let answer = polls(&app, "v1.0.0").await;
    agrees(&app, &answer, "up_to_date");
    assert!(app.app.go_back(released[0].id(), &a_test()).await.unwrap().is_empty());
    let told = app.told(Kind::Withdrawn).await;
    assert_eq!(told, ["Back to chase v1.0.0: 2 higher releases were recalled."]);
}

/// What the clock on the wall in Kolkata says at the start: 3:43:20 in the morning of 15 November.
const KOLKATA: &str = "Asia/Kolkata";

#[tokio::test]
async fn quiet_hours_go_by_the_clock_of_the_server_over_midnight() {
    let app = TestApp::plan().with("--tz").with(KOLKATA).start().await;
    let (app, released) = stocked_on(app).await;
    let quiet = Some("22:00-06:00".to_owned());
    app.change_platform(PLATFORM, PlatformChange { quiet, ..PlatformChange::default() }).await;
    let answer = polls(&app, "v1.0.0").await;
    agrees(&app, &answer, "quiet_hours");
    assert_eq!(forecast(&app).await, "quiet_hours");
    app.clock.advance(2 * 3600 + 16 * 60 + 39);
    let answer = polls(&app, "v1.0.0").await;
    agrees(&app, &answer, "quiet_hours");
    app.clock.advance(1);
    polls(&app, "v1.0.0").await.is_firmware(&released[2].bytes);
    // 22:00 of the same day, in front of midnight.
    app.clock.advance(16 * 3600);
    let other = FakeDevice::esp8266(MARSHALL);
    assert_eq!(other.polls(&app, PLATFORM, "v1.0.0").await.status, 304);
}

#[tokio::test]
async fn a_group_has_quiet_hours_of_its_own() {
    let (app, released) = stocked().await;
    // It is 22:13 in UTC.
    let bedroom = app.app.create_group("Bedroom", "22:00-08:00", &a_test()).await.unwrap();
    let groups = Some(vec!["bedroom".to_owned(), "Upstairs".to_owned()]);
    wants(&app, PolicyChange { groups, ..PolicyChange::default() }).await;
    let answer = polls(&app, "v1.0.0").await;
    agrees(&app, &answer, "quiet_hours");
    let other = FakeDevice::esp8266(MARSHALL);
    other.polls(&app, PLATFORM, "v1.0.0").await.is_firmware(&released[2].bytes);
    let change = GroupChange { quiet: Some(String::new()), ..GroupChange::default() };
    app.app.change_group(bedroom.id, &change, &a_test()).await.unwrap();
    polls(&app, "v1.0.0").await.is_firmware(&released[2].bytes);
    app.app.delete_group(bedroom.id, &a_test()).await.unwrap();
    let upstairs = app.app.group_named("UPSTAIRS").unwrap();
    assert_eq!(app.device(CHASE).await.unwrap().groups, [upstairs.id]);
    wants(&app, PolicyChange { leave: Some(upstairs.id), ..PolicyChange::default() }).await;
    assert!(app.device(CHASE).await.unwrap().groups.is_empty());
}

#[tokio::test]
async fn a_whole_platform_is_pinned_but_a_devices_own_pin_counts_more() {
    let (app, released) = stocked().await;
    let pinned = Some(Some(released[1].id()));
    app.change_platform(PLATFORM, PlatformChange { pinned, ..PlatformChange::default() }).await;
    polls(&app, "v1.2.0").await.is_firmware(&released[1].bytes);
    pin(&app, Some(&released[0])).await;
    polls(&app, "v1.2.0").await.is_firmware(&released[0].bytes);
    let other = FakeDevice::esp8266(MARSHALL);
    assert_eq!(other.polls(&app, PLATFORM, "v1.1.0").await.status, 304);
    let told = app.told(Kind::PlatformEdited).await;
    assert_eq!(told[0], "All devices of chase get exactly chase v1.1.0.");
}

#[tokio::test]
async fn a_restart_keeps_all_of_it() {
    let (app, released) = stocked().await;
    app.app.set_channel(released[2].id(), Channel::Beta, &a_test()).await.unwrap();
    follow(&app, Channel::Beta).await;
    let groups = Some(vec!["Attic".to_owned()]);
    let updates_off = Some(true);
    wants(&app, PolicyChange { groups, updates_off, ..PolicyChange::default() }).await;
    let (quiet, rule) = (Some("01:00-02:00".to_owned()), Some(Rule::Different));
    app.change_platform(PLATFORM, PlatformChange { quiet, rule, ..PlatformChange::default() })
        .await;
    let app = app.restarted().await;
    let kept = app.device(CHASE).await.unwrap();
    assert_eq!((kept.policy.channel, kept.policy.updates_off), (Channel::Beta, true));
    let attic = app.app.group_named("attic").unwrap();
    assert_eq!(kept.groups, [attic.id]);
    let platform = app.app.shelf().platform(PLATFORM).unwrap().platform.clone();
    assert_eq!(platform.quiet.unwrap().to_string(), "01:00-02:00");
    assert_eq!(platform.rule, Rule::Different);
    let answer = polls(&app, "v1.0.0").await;
    agrees(&app, &answer, "updates_off");
    wants(&app, PolicyChange { updates_off: Some(false), ..PolicyChange::default() }).await;
    polls(&app, "v1.0.0").await.is_firmware(&released[2].bytes);
    app.app.recall(released[2].id(), &a_test()).await.unwrap();
    pin(&app, Some(&released[0])).await;
    let app = app.restarted().await;
    polls(&app, "v1.2.0").await.is_firmware(&released[0].bytes);
    pin(&app, None).await;
    polls(&app, "v1.2.0").await.is_firmware(&released[1].bytes);
}

// A file that a device asks for by its name is its own choice.
#[tokio::test]
async fn a_file_by_its_name_comes_whatever_channel_and_pin() {
    let (app, released) = stocked().await;
    app.app.set_channel(released[2].id(), Channel::Beta, &a_test()).await.unwrap();
    device().asks(&app, "/chase_1_2_0.bin").await.is_firmware(&released[2].bytes);
    device().asks(&app, "/chase.bin").await.is_firmware(&released[1].bytes);
    let other = FakeDevice::esp8266(MARSHALL);
    let change = PolicyChange { pinned: Some(Some(released[0].id())), ..PolicyChange::default() };
    app.app.change_policy(mac(MARSHALL), &change, &a_test()).await.unwrap();
    other.asks(&app, "/chase_1_1_0.bin").await.is_firmware(&released[1].bytes);
    // The short address is no choice: there is what it would get.
    other.asks(&app, "/chase.bin").await.is_firmware(&released[0].bytes);
    follow(&app, Channel::Beta).await;
    device().asks(&app, "/Chase.bin").await.is_firmware(&released[2].bytes);
    app.app.recall(released[2].id(), &a_test()).await.unwrap();
    assert_eq!(other.asks(&app, "/chase_1_2_0.bin").await.status, 404);
}

/// The names that are shown to a device; `who` is a header line, or nothing.
async fn shown(app: &TestApp, path: &str, who: &str) -> Vec<String> {
    let list = format!(
        "GET /_catalog?op=list&path={path} HTTP/1.1\r\nHost: h\r\nUser-Agent: ESP8266HTTPClient\r\n\
         {who}Connection: close\r\n\r\n"
    );
    catalog::names(&exchange(app.address, list.as_bytes()).await.body)
}

#[tokio::test]
async fn the_catalog_shows_what_the_device_would_get() {
    let (app, released) = stocked().await;
    let own = format!("x-ESP8266-STA-MAC: {CHASE}\r\n");
    app.app.set_channel(released[2].id(), Channel::Beta, &a_test()).await.unwrap();
    assert_eq!(shown(&app, ".", "").await, ["chase_1_1_0.bin"], "a stranger follows stable");
    assert_eq!(shown(&app, ".", &own).await, ["chase_1_1_0.bin"]);
    follow(&app, Channel::Beta).await;
    assert_eq!(shown(&app, ".", &own).await, ["chase_1_2_0.bin"]);
    assert_eq!(shown(&app, ".", "").await, ["chase_1_1_0.bin"]);
    pin(&app, Some(&released[0])).await;
    assert_eq!(shown(&app, ".", &own).await, ["chase_1_0_0.bin"]);
    let all = ["chase_1_0_0.bin", "chase_1_1_0.bin", "chase_1_2_0.bin"];
    assert_eq!(shown(&app, "chase", &own).await, all, "in the folder it may choose");
    let pinned = Some(Some(released[1].id()));
    app.change_platform(PLATFORM, PlatformChange { pinned, ..PlatformChange::default() }).await;
    assert_eq!(shown(&app, ".", "").await, ["chase_1_1_0.bin"]);
    app.app.recall(released[1].id(), &a_test()).await.unwrap();
    assert_eq!(shown(&app, ".", "").await, Vec::<String>::new(), "pinned to nothing");
}

// Whoever has no place in a rollout would get nothing for the name of its file.
#[tokio::test]
async fn the_catalog_leaves_out_what_a_rollout_keeps_back() {
    let (app, _) = stocked().await;
    let own = format!("x-ESP8266-STA-MAC: {CHASE}\r\n");
    let plan = PlanWish {
        stages: "canaries, everyone".to_owned(),
        canaries: vec![CHASE.to_owned()],
        ..PlanWish::default()
    };
    let wishes = Wishes {
        platform: Some(PLATFORM.to_owned()),
        version: Some("v1.3.0".to_owned()),
        publish: true,
        plan: Some(plan),
        ..Wishes::default()
    };
    let bytes = Firmware::esp8266().of(PLATFORM, "v1.3.0").build();
    app.upload("firmware.bin", &bytes, &wishes).await.unwrap();
    assert_eq!(shown(&app, ".", "").await, ["chase_1_2_0.bin"]);
    assert_eq!(shown(&app, ".", &own).await, ["chase_1_3_0.bin"]);
    assert!(!shown(&app, "chase", "").await.contains(&"chase_1_3_0.bin".to_owned()));
    assert!(shown(&app, "chase", &own).await.contains(&"chase_1_3_0.bin".to_owned()));
    let other = FakeDevice::esp8266(MARSHALL);
    assert_eq!(other.asks(&app, "/chase_1_3_0.bin").await.status, 304);
    device().asks(&app, "/chase_1_3_0.bin").await.is_firmware(&bytes);
}
