//! The pages on which people decide which release a device gets, as forms without script.

use espalier::app::Error;
use espalier::domain::device::AttemptState;
use espalier::domain::policy::{Channel, Rule};
use espalier::domain::version::FirmwareVersion;

use crate::support::{
    Answer, CHASE, FakeDevice, MARSHALL, Released, SKYE, TestApp, a_test, exchange,
};

const ATTIC: &str = "/devices/18fe34000001";

async fn get(app: &TestApp, path: &str) -> String {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: pi.lan\r\nAccept: text/html\r\nConnection: close\r\n\r\n"
    );
    let answer = exchange(app.address, request.as_bytes()).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.text()
}

async fn post(app: &TestApp, path: &str, body: &str) -> Answer {
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: pi.lan\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    exchange(app.address, request.as_bytes()).await
}

/// What a form comes to: the page that it leads to, and the message there.
async fn sends(app: &TestApp, path: &str, body: &str) -> String {
    let answer = post(app, path, body).await;
    assert_eq!(answer.status, 303, "{path} {body}: {}", answer.text());
    answer.header("set-cookie").unwrap_or_default().replace("%20", " ")
}

async fn stocked() -> (TestApp, Vec<Released>) {
    let app = TestApp::start().await;
    let plan = app.platform("chase").without_gzip();
    let plan = plan.released("v1.0.0").released("v1.1.0").released("v1.2.0");
    let released = plan.approving(CHASE).approving(MARSHALL).await;
    (app, released)
}

#[tokio::test]
async fn one_form_decides_how_a_device_gets_updates() {
    let (app, released) = stocked().await;
    let page = get(&app, ATTIC).await;
    assert!(
        page.contains("none: it gets the newest") && page.contains("v1.1.0</option>"),
        "{page}"
    );
    let body = format!("channel=beta&pinned={}&join=Ground+floor", released[1].id());
    sends(&app, &format!("{ATTIC}/updates"), &body).await;
    let device = app.device(CHASE).await.unwrap();
    assert_eq!(device.policy.channel, Channel::Beta);
    assert_eq!(device.policy.pinned, Some(released[1].id()));
    assert!(device.policy.updates_off, "the box was not ticked");
    for path in [ATTIC, "/devices", "/platforms/chase"] {
        let page = get(&app, path).await;
        for label in ["pinned to v1.1.0", "updates off", "beta", "Ground floor"] {
            assert!(page.contains(label), "{path}: {label}");
        }
    }
    // What the form shows is what it sends again, withdrawn or not.
    app.withdraw(&released[1]).await;
    assert!(get(&app, ATTIC).await.contains("v1.1.0 (withdrawn)"));
    let body = format!("channel=stable&pinned={}&updates=on&group=Ground+floor", released[1].id());
    sends(&app, &format!("{ATTIC}/updates"), &body).await;
    let device = app.device(CHASE).await.unwrap();
    assert_eq!((device.policy.updates_off, device.groups.len()), (false, 1));
    assert!(get(&app, ATTIC).await.contains("pinned to a release that is withdrawn"));
    sends(&app, &format!("{ATTIC}/updates"), "channel=stable&pinned=&updates=on").await;
    let device = app.device(CHASE).await.unwrap();
    assert_eq!((device.policy.pinned, device.groups.len()), (None, 0));
}

#[tokio::test]
async fn several_devices_are_changed_at_once() {
    let (app, _) = stocked().await;
    let both = "mac=18fe34000001&mac=18fe34000002";
    let told = sends(&app, "/devices/several", &format!("{both}&action=join&group=Roof")).await;
    assert!(told.contains("2 devices are in the group Roof now"), "{told}");
    sends(&app, "/devices/several", "mac=18fe34000002&action=off").await;
    sends(&app, "/devices/several", "mac=18fe34000002&action=beta").await;
    let narrowed = get(&app, "/devices?group=roof&channel=beta").await;
    assert!(narrowed.contains("18fe34000002") && !narrowed.contains("18fe34000001"), "{narrowed}");
    let told = sends(&app, "/devices/several", &format!("{both}&action=leave&group=roof")).await;
    assert!(told.contains("not in the group Roof any more"), "{told}");
    assert!(app.device(CHASE).await.unwrap().groups.is_empty());
    for (body, words) in [
        ("action=beta".to_owned(), "tick the boxes"),
        (format!("{both}&action=join&group="), "No group was named"),
        (format!("{both}&action=leave&group=Cellar"), "There is no group Cellar"),
        (format!("{both}&action=join&group=a/b"), "no name for a group"),
        (format!("{both}&action=explode"), "Nothing was chosen"),
    ] {
        let told = sends(&app, "/devices/several", &body).await;
        assert!(told.contains(words), "{body}: {told}");
    }
}

#[tokio::test]
async fn groups_are_made_renamed_kept_quiet_and_deleted() {
    let (app, _) = stocked().await;
    assert!(get(&app, "/groups").await.contains("No group yet"));
    sends(&app, "/groups", "name=Roof&quiet=22:00-06:00").await;
    let again = post(&app, "/groups", "name=roof&quiet=").await;
    assert_eq!(again.status, 409);
    assert!(again.text().contains("exists already") && again.text().contains("value=\"roof\""));
    let id = app.app.group_named("Roof").unwrap().id;
    let page = get(&app, "/groups").await;
    assert!(page.contains("22:00-06:00") && page.contains("/devices?group=Roof"), "{page}");
    sends(&app, "/devices/several", "mac=18fe34000001&action=join&group=Roof").await;
    // It is 22:13 in UTC.
    FakeDevice::esp8266(CHASE).polls(&app, "chase", "v1.0.0").await.is_not_modified();
    let page = get(&app, ATTIC).await;
    assert!(page.contains("quiet hours until 06:00; then it gets chase v1.2.0"), "{page}");
    let audit = get(&app, "/audit").await;
    assert!(audit.contains("made the group Roof with quiet hours 22:00-06:00"), "{audit}");
    sends(&app, &format!("/groups/{id}"), "name=Top&quiet=&sure=yes").await;
    let audit = get(&app, "/audit").await;
    assert!(
        audit.contains("renamed the group Roof to Top and removed its quiet hours."),
        "{audit}"
    );
    let told = sends(&app, &format!("/groups/{id}"), "name=Top&quiet=now").await;
    assert!(told.contains("write it like"), "{told}");
    let asks = get(&app, &format!("/groups/{id}/delete")).await;
    assert!(asks.contains("1 device loses the label Top"), "{asks}");
    sends(&app, &format!("/groups/{id}/delete"), "").await;
    assert!(app.app.shelf().groups().is_empty());
    assert_eq!(post(&app, &format!("/groups/{id}"), "name=X").await.status, 404);
}

#[tokio::test]
async fn going_back_withdrawing_and_promoting_say_whom_they_touch() {
    let (app, released) = stocked().await;
    let named = espalier::app::DeviceChange { name: Some("Attic".into()), ..Default::default() };
    app.teach(CHASE, named).await;
    FakeDevice::esp8266(CHASE).polls(&app, "chase", "v1.2.0").await;
    FakeDevice::esp8266(MARSHALL).polls(&app, "chase", "v1.1.0").await;
    app.until_attempt(MARSHALL, AttemptState::Delivered).await;
    let of = |index: usize, what: &str| format!("/releases/{}{what}", released[index].id());

    let page = get(&app, &of(1, "")).await;
    assert!(page.contains("Go back to this release") && !page.contains("Promote"), "{page}");
    assert!(!get(&app, &of(2, "")).await.contains("Go back to this release"));
    let asks = get(&app, &of(1, "/back")).await;
    assert!(asks.contains("1 device that runs v1.2.0 gets v1.1.0"), "{asks}");
    assert!(asks.contains("Attic") && asks.contains("goes backwards"), "{asks}");

    let asks = get(&app, &of(2, "/withdraw")).await;
    assert!(asks.contains("devices that run it keep it"), "{asks}");
    assert!(asks.contains("give those who took it the release before"), "{asks}");
    let told = sends(&app, &of(2, "/withdraw"), "choice=yes").await;
    assert!(told.contains("is recalled"), "{told}");
    assert!(get(&app, &of(2, "")).await.contains("Recalled: it is kept"));

    app.app.set_channel(released[1].id(), Channel::Beta, &a_test()).await.unwrap();
    let page = get(&app, &of(1, "")).await;
    assert!(page.contains("Promote to stable") && page.contains("the newest beta"), "{page}");
    let asks = get(&app, &of(1, "/promote")).await;
    assert!(asks.contains("get v1.1.0") || asks.contains("gets v1.1.0"), "{asks}");
    sends(&app, &of(1, "/promote"), "").await;
    assert!(!get(&app, &of(1, "")).await.contains("Promote to stable"));
    sends(&app, &of(0, "/back"), "").await;
    FakeDevice::esp8266(CHASE).polls(&app, "chase", "v1.2.0").await.is_firmware(&released[0].bytes);
    assert_eq!(post(&app, &of(1, "/back"), "").await.status, 409);
}

#[tokio::test]
async fn a_platforms_rules_are_saved_after_saying_whom_they_touch() {
    let (app, released) = stocked().await;
    FakeDevice::esp8266(CHASE).polls(&app, "chase", "v1.2.0").await;
    FakeDevice::esp8266(SKYE).polls(&app, "chase", "v1.2.0").await;
    app.app.flush().await.unwrap();
    let page = get(&app, "/platforms/chase").await;
    for words in ["it is newer only", "approved devices only", "1 device asks for chase and waits"]
    {
        assert!(page.contains(words), "no {words}: {page}");
    }
    let body = format!(
        "name=chase&description=&admission=approved&gzip=off&floor=&rule=different&pinned={}&\
         quiet=23:00-05:00",
        released[1].id()
    );
    let asks = post(&app, "/platforms/chase/edit", &body).await;
    assert_eq!(asks.status, 200, "{}", asks.text());
    assert!(asks.text().contains("1 device that runs v1.2.0 gets v1.1.0"), "{}", asks.text());
    assert!(asks.text().contains("name=\"quiet\" value=\"23:00-05:00\""), "{}", asks.text());
    let platform = || app.app.shelf().platform("chase").unwrap().platform.clone();
    assert_eq!(platform().pinned, None, "nothing is saved yet");
    sends(&app, "/platforms/chase/edit", &format!("{body}&sure=yes")).await;
    assert_eq!((platform().pinned, platform().rule), (Some(released[1].id()), Rule::Different));
    let page = get(&app, "/platforms/chase").await;
    let banner = "All devices get exactly v1.1.0; v1.2.0 reaches nobody until you unpin";
    assert!(page.contains(banner), "{page}");
    assert!(page.contains("23:00-05:00") && page.contains("it differs in any way"), "{page}");
    assert!(
        get(&app, &format!("/releases/{}", released[2].id())).await.contains("pinned to v1.1.0")
    );
    let wrong = body.replace("23:00-05:00", "now") + "&sure=yes";
    let again = post(&app, "/platforms/chase/edit", &wrong).await;
    assert_eq!(again.status, 422);
    assert!(again.text().contains("quiet-error"), "{}", again.text());
}

#[tokio::test]
async fn stable_and_beta_are_told_apart_where_the_newest_is_shown() {
    let (app, released) = stocked().await;
    app.app.set_channel(released[2].id(), Channel::Beta, &a_test()).await.unwrap();
    let shelf = app.app.shelf();
    let platform = shelf.platform("chase").unwrap();
    assert_eq!(platform.newest().unwrap().version.to_string(), "v1.1.0");
    assert_eq!(platform.newest_beta().unwrap().version.to_string(), "v1.2.0");
    let page = get(&app, "/platforms").await;
    assert!(page.contains("v1.1.0") && page.contains("v1.2.0</a>"), "{page}");
    let page = get(&app, "/platforms/chase").await;
    assert!(page.contains("offered to beta devices") && page.contains("offered now"), "{page}");
    // A lower beta is of no interest to anyone.
    app.app.set_channel(released[2].id(), Channel::Stable, &a_test()).await.unwrap();
    app.app.set_channel(released[1].id(), Channel::Beta, &a_test()).await.unwrap();
    assert!(app.app.shelf().platform("chase").unwrap().newest_beta().is_none());
}

#[tokio::test]
async fn a_file_that_calls_itself_otherwise_is_recorded_as_what_it_says() {
    let (app, released) = stocked().await;
    let newest = &released[2];
    let device = FakeDevice::esp8266(CHASE);
    device.asks(&app, "/update?dev=chase&ver=v1.0.0").await.is_firmware(&newest.bytes);
    app.until_attempt(CHASE, AttemptState::Delivered).await;
    let flashed = device.running(newest);
    flashed.asks(&app, "/update?dev=chase&ver=v1.1.9").await.is_not_modified();
    let page = get(&app, ATTIC).await;
    for words in ["On hold", "Upload a corrected build", "Record this file as v1.1.9"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(!page.contains("Try again now"), "it has the file: {page}");
    let release = format!("/releases/{}", newest.id());
    let page = get(&app, &release).await;
    for words in ["1 device runs exactly this file, but says v1.1.9.", "Record this file as v1.1.9"]
    {
        assert!(page.contains(words), "{words}: {page}");
    }
    let asks = get(&app, &format!("{release}/record?version=v1.1.9")).await;
    assert!(asks.contains("Record chase v1.2.0 as v1.1.9?"), "{asks}");
    sends(&app, &format!("{release}/record"), "version=v1.1.9").await;
    let attempt = app.attempts(CHASE).await.remove(0);
    assert_eq!((attempt.state, attempt.version.as_str()), (AttemptState::Confirmed, "v1.1.9"));
    let app = app.restarted().await;
    flashed.asks(&app, "/update?dev=chase&ver=v1.1.9").await.is_not_modified();
    assert_eq!(app.decision(CHASE), "identical");
    assert_eq!(app.app.held_from(newest.id()), []);
    assert_eq!(app.attempts(CHASE).await[0].state, AttemptState::Confirmed);
    let other = FakeDevice::esp8266(MARSHALL);
    other.asks(&app, "/update?dev=chase&ver=v1.0.0").await.is_firmware(&newest.bytes);
}

#[tokio::test]
async fn no_release_is_recorded_as_what_another_one_is_or_nobody_says() {
    let (app, released) = stocked().await;
    let newest = &released[2];
    let flashed = FakeDevice::esp8266(CHASE).running(newest);
    flashed.asks(&app, "/update?dev=chase&ver=v1.1.0").await.is_not_modified();
    let page = get(&app, &format!("/releases/{}", newest.id())).await;
    assert!(page.contains("another v1.1.0</a>"), "{page}");
    assert!(!page.contains("Record this file as"), "{page}");
    for version in ["v1.1.0", "v1.1.9"] {
        let version = FirmwareVersion::read(version);
        let refused = app.app.record_as(newest.id(), &version, &a_test()).await;
        assert!(matches!(refused, Err(Error::State(_))), "{refused:?}");
    }
}

#[tokio::test]
async fn a_rule_is_seen_before_it_is_saved_whichever_it_is() {
    let (app, _) = stocked().await;
    FakeDevice::esp8266(CHASE).polls(&app, "chase", "v1.1.0").await;
    app.app.flush().await.unwrap();
    let form = get(&app, "/platforms/chase/edit").await;
    assert!(form.contains("Who will get it") && form.contains("data-preview"), "{form}");
    let preview = |fields: &str| {
        let path = format!("/platforms/chase/preview?fragment=preview&{fields}");
        let app = &app;
        async move { get(app, &path).await }
    };
    assert!(preview("floor=").await.contains("It gets v1.2.0."));
    assert!(!preview("floor=v2.0.0").await.contains("It gets v1.2.0."));
    // It is 22:13 in UTC.
    assert!(preview("quiet=22:00-06:00").await.contains("quiet hours"));
    assert!(preview("quiet=06:00-22:00").await.contains("It gets v1.2.0."));
    assert!(preview("quiet=soon").await.contains("write it like"));
    let all = "name=chase&description=Mine&admission=approved&gzip=off&rule=newer&pinned=&quiet=";
    let again =
        post(&app, "/platforms/chase/edit", &format!("{all}&floor=v2&action=preview")).await;
    let again = again.text();
    assert!(again.contains("value=\"v2\"") && again.contains("Mine"), "{again}");
    assert!(!again.contains("It gets v1.2.0."), "{again}");
    let asks = post(&app, "/platforms/chase/edit", &format!("{all}&floor=v2")).await;
    assert_eq!(asks.status, 200);
    assert!(asks.text().contains("1 device that runs v1.1.0 gets nothing."), "{}", asks.text());
    assert_eq!(app.app.shelf().platform("chase").unwrap().platform.floor, None);
    sends(&app, "/platforms/chase/edit", &format!("{all}&floor=v2&sure=yes")).await;
    assert!(app.app.shelf().platform("chase").unwrap().platform.floor.is_some());
}

#[tokio::test]
async fn how_a_device_gets_updates_is_seen_before_it_is_saved() {
    let (app, released) = stocked().await;
    FakeDevice::esp8266(CHASE).polls(&app, "chase", "v1.1.0").await;
    app.app.flush().await.unwrap();
    let page = get(&app, ATTIC).await;
    assert!(page.contains("data-preview=\"/devices/18fe34000001/preview\""), "{page}");
    let pinned = format!("channel=stable&updates=on&pinned={}", released[0].id());
    for (fields, words) in [
        ("channel=stable&updates=on&pinned=", "It gets v1.2.0."),
        (pinned.as_str(), "It gets v1.0.0."),
        ("channel=stable&pinned=", "updates are switched off"),
    ] {
        let shown = get(&app, &format!("{ATTIC}/preview?fragment=preview&{fields}")).await;
        assert!(shown.contains(words) && shown.contains("name=\"sure\""), "{fields}: {shown}");
    }
    assert!(get(&app, &format!("{ATTIC}/preview?{pinned}")).await.contains("a lower version"));
    // Who has not seen it is asked, without script too.
    let body = format!("{pinned}&group=&join=Roof");
    let asks = post(&app, &format!("{ATTIC}/updates"), &body).await;
    assert_eq!(asks.status, 200);
    let asks = asks.text();
    assert!(asks.contains("1 device that runs v1.1.0 gets v1.0.0"), "{asks}");
    assert!(asks.contains("name=\"join\" value=\"Roof\""), "{asks}");
    assert_eq!(app.device(CHASE).await.unwrap().policy.pinned, None, "nothing is saved yet");
    sends(&app, &format!("{ATTIC}/updates"), &format!("{body}&sure=yes")).await;
    assert_eq!(app.device(CHASE).await.unwrap().policy.pinned, Some(released[0].id()));
    sends(&app, &format!("{ATTIC}/updates"), "channel=stable&pinned=&updates=on&sure=yes").await;

    let both = "mac=18fe34000001&mac=18fe34000002&action=off&group=";
    let asks = post(&app, "/devices/several", both).await;
    assert_eq!(asks.status, 200);
    let asks = asks.text();
    assert!(asks.contains("1 device that runs v1.1.0 gets nothing."), "{asks}");
    assert!(asks.contains("name=\"mac\" value=\"18fe34000002\""), "{asks}");
    sends(&app, "/devices/several", &format!("{both}&sure=yes")).await;
    assert!(app.device(CHASE).await.unwrap().policy.updates_off);
    sends(&app, "/devices/several", "mac=18fe34000001&action=on&sure=yes").await;

    sends(&app, "/devices/several", "mac=18fe34000001&action=join&group=Roof").await;
    let id = app.app.group_named("Roof").unwrap().id;
    let quiet = "name=Roof&quiet=22:00-06:00";
    let shown = get(&app, &format!("/groups/{id}/preview?fragment=preview&{quiet}")).await;
    assert!(shown.contains("1 device that runs v1.1.0 gets nothing."), "{shown}");
    let shown = get(&app, &format!("/groups/{id}/preview?quiet=06:00-07:00")).await;
    assert!(shown.contains("Nothing is different for its devices now"), "{shown}");
    assert_eq!(post(&app, &format!("/groups/{id}"), quiet).await.status, 200);
    sends(&app, &format!("/groups/{id}"), &format!("{quiet}&sure=yes")).await;
    assert!(app.app.group_named("Roof").unwrap().quiet.is_some());
}

#[tokio::test]
async fn a_beta_release_is_promoted_by_the_same_plans_as_it_is_published() {
    let (app, released) = stocked().await;
    app.app.set_channel(released[2].id(), Channel::Beta, &a_test()).await.unwrap();
    for device in [CHASE, MARSHALL] {
        FakeDevice::esp8266(device).polls(&app, "chase", "v1.1.0").await;
    }
    app.app.flush().await.unwrap();
    let path = format!("/releases/{}/promote", released[2].id());
    let page = get(&app, &path).await;
    for words in
        ["Canaries first", "In stages", "It gets v1.2.0.", "name=\"channel\" value=\"stable\""]
    {
        assert!(page.contains(words), "no {words}: {page}");
    }
    assert!(!page.contains("beta: devices that try things first"), "{page}");
    let plan = "how=canaries&canary=18fe34000002&soak=30";
    let page = post(&app, &path, &format!("{plan}&action=preview")).await.text();
    assert!(page.contains("Now 1 of 2 devices gets it."), "{page}");
    let wrong = post(&app, &path, "how=stages&stages=many").await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.text().contains("Not promoted"), "{}", wrong.text());
    assert_eq!(
        app.app.store().release(released[2].id()).await.unwrap().unwrap().channel,
        Channel::Beta
    );
    let answer = post(&app, &path, plan).await;
    assert!(answer.header("location").unwrap().starts_with("/rollouts/"), "{answer:?}");
    FakeDevice::esp8266(CHASE).polls(&app, "chase", "v1.1.0").await.is_not_modified();
    FakeDevice::esp8266(MARSHALL)
        .polls(&app, "chase", "v1.1.0")
        .await
        .is_firmware(&released[2].bytes);
    let page = exchange(app.address, format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).await;
    assert_eq!(page.status, 303, "it is stable already");
}
