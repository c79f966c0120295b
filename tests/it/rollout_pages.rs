//! Publishing with a rollout over the pages, and the dry run: what it foretells happens.

use std::collections::BTreeMap;

use espalier::app::{PlanWish, PolicyChange, Preview, Supposed, Uploaded, Wishes};
use espalier::domain::mac::MacAddr;
use espalier::domain::policy::Channel;
use espalier::domain::rollout::State;
use espalier::domain::update::Prospect;

use crate::support::{Answer, FakeDevice, Firmware, TestApp, a_test, exchange, mac};

const FIRST: &str = "5C:CF:7F:00:00:01";
const SECOND: &str = "5C:CF:7F:00:00:02";
const THIRD: &str = "5C:CF:7F:00:00:03";
const NEWER: &str = "5C:CF:7F:00:00:04";
const SMALL: &str = "5C:CF:7F:00:00:05";
const OTHER_CHIP: &str = "24:0A:C4:00:00:06";
const NEVER: &str = "5C:CF:7F:00:00:07";
const STRANGER: &str = "5C:CF:7F:00:00:08";
const PINNED: &str = "5C:CF:7F:00:00:09";
const OFF: &str = "5C:CF:7F:00:00:0A";

/// Every device with the version it reports; all but one ask.
fn fleet() -> Vec<(FakeDevice, &'static str, &'static str)> {
    let plain = FakeDevice::esp8266;
    vec![
        (plain(FIRST), FIRST, "v1.0.0"),
        (plain(SECOND), SECOND, "v1.0.0"),
        (plain(THIRD), THIRD, "v1.0.0"),
        (plain(NEWER), NEWER, "v2.0.0"),
        (plain(SMALL).with_free_space(100), SMALL, "v1.0.0"),
        (FakeDevice::esp32(OTHER_CHIP), OTHER_CHIP, "v1.0.0"),
        (plain(STRANGER), STRANGER, "v1.0.0"),
        (plain(PINNED), PINNED, "v1.0.0"),
        (plain(OFF), OFF, "v1.0.0"),
    ]
}

/// A platform with a fleet of all sorts, and the number of a draft for it.
async fn mixed() -> (TestApp, i64) {
    let app = TestApp::start().await;
    let released = app.platform("chase").without_gzip().released("v1.0.0").await;
    for device in [FIRST, SECOND, THIRD, NEWER, SMALL, OTHER_CHIP, NEVER, PINNED, OFF] {
        app.approve(device, "chase").await;
    }
    for (device, _, version) in fleet() {
        device.polls(&app, "chase", version).await;
        app.clock.advance(1);
    }
    let pinned = Some(Some(released[0].id()));
    let pin = PolicyChange { pinned, ..PolicyChange::default() };
    app.app.change_policy(mac(PINNED), &pin, &a_test()).await.unwrap();
    let off = PolicyChange { updates_off: Some(true), ..PolicyChange::default() };
    app.app.change_policy(mac(OFF), &off, &a_test()).await.unwrap();
    let bytes = Firmware::esp8266().of("chase", "v1.1.0").build();
    let uploaded = app.upload("chase.bin", &bytes, &Wishes::default()).await.unwrap();
    let Uploaded::Draft(draft, _) = uploaded else { panic!("{uploaded:?}") };
    (app, draft.id)
}

async fn preview(app: &TestApp, draft: i64, plan: Option<PlanWish>) -> Preview {
    let card = app.app.report_card(draft, &Wishes::default()).await.unwrap();
    let (release, joins) =
        app.app.as_published(&card, draft, Channel::Stable).await.unwrap().unwrap();
    assert!(!joins);
    let platform_id = release.platform_id.unwrap();
    let supposed = Supposed::New { release: Box::new(release), plan };
    app.app.preview(platform_id, &supposed).await.unwrap()
}

fn plan(stages: &str, canaries: &[&str]) -> PlanWish {
    let canaries = canaries.iter().map(|mac| (*mac).to_owned()).collect();
    PlanWish { stages: stages.to_owned(), canaries, ..PlanWish::default() }
}

/// Publishes the draft, lets every device ask, the most lively first as the preview has it, and
/// answers who got the release.
async fn publish_and_ask(
    app: &TestApp,
    draft: i64,
    plan: Option<PlanWish>,
) -> BTreeMap<MacAddr, bool> {
    let wishes = Wishes { plan, ..Wishes::default() };
    app.app.publish_draft(draft, &wishes, &a_test()).await.unwrap();
    let mut got = BTreeMap::new();
    for (device, address, version) in fleet().into_iter().rev() {
        let answer = device.polls(app, "chase", version).await;
        got.insert(mac(address), answer.status == 200);
    }
    got
}

#[tokio::test]
async fn what_the_dry_run_foretells_happens_at_the_next_check_in() {
    for wish in [
        None,
        Some(plan("canaries", &[SECOND])),
        Some(plan("2", &[])),
        Some(plan("50%", &[])),
        Some(PlanWish { starts_at: Some(9_000_000_000), ..plan("", &[]) }),
    ] {
        let (app, draft) = mixed().await;
        let foretold = preview(&app, draft, wish.clone()).await;
        assert_eq!(foretold.total(), 10, "{:?}", foretold.prospects);
        for prospect in [Prospect::NeverAsked, Prospect::TooSmall, Prospect::WrongChip] {
            assert_eq!(foretold.prospects.get(&prospect), Some(&1), "{wish:?} {prospect:?}");
        }
        assert_eq!(foretold.prospects.get(&Prospect::Pinned), Some(&2), "{wish:?}");
        assert_eq!(foretold.prospects.get(&Prospect::NotApproved), Some(&1), "{wish:?}");
        let got = publish_and_ask(&app, draft, wish.clone()).await;
        for device in &foretold.devices {
            let Some(got) = got.get(&device.mac) else { continue };
            let gets = device.prospect == Prospect::Gets;
            assert_eq!(*got, gets, "{wish:?}: {} {}", device.mac, device.text());
        }
    }
}

#[tokio::test]
async fn a_stage_lets_in_as_many_as_the_dry_run_says() {
    let (app, draft) = mixed().await;
    for (wish, gets, waits) in [
        (None, 3, None),
        (Some(plan("canaries", &[SECOND])), 1, Some(2)),
        (Some(plan("1, 2", &[])), 1, Some(2)),
        (Some(PlanWish { at_once: Some(2), ..plan("", &[]) }), 2, Some(1)),
    ] {
        let foretold = preview(&app, draft, wish.clone()).await;
        let count = |prospect| foretold.prospects.get(&prospect).copied();
        assert_eq!(
            (count(Prospect::Gets), count(Prospect::Waits)),
            (Some(gets), waits),
            "{wish:?}"
        );
        let listed = foretold.devices.iter().filter(|own| own.prospect == Prospect::Gets);
        assert_eq!(u64::try_from(listed.count()).unwrap(), gets, "{wish:?}");
    }
}

#[tokio::test]
async fn a_dry_run_changes_nothing() {
    let (app, draft) = mixed().await;
    preview(&app, draft, Some(plan("canaries", &[FIRST]))).await;
    assert!(app.app.store().rollouts(false, None).await.unwrap().is_empty());
    for (device, _, version) in fleet() {
        assert_ne!(device.polls(&app, "chase", version).await.status, 200);
    }
}

async fn get(app: &TestApp, path: &str) -> Answer {
    let request = format!("GET {path} HTTP/1.1\r\nHost: pi.lan\r\nConnection: close\r\n\r\n");
    exchange(app.address, request.as_bytes()).await
}

async fn post(app: &TestApp, path: &str, body: &str) -> Answer {
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: pi.lan\r\nConnection: close\r\nContent-Type: \
         application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    exchange(app.address, request.as_bytes()).await
}

#[tokio::test]
async fn a_mistake_stands_beside_its_field_and_nothing_typed_is_lost() {
    let (app, draft) = mixed().await;
    let page = format!("/releases/{draft}");
    let body = |more: &str| format!("action=publish&platform=chase&version=v1.1.0&{more}");
    for (fields, words, kept) in [
        (
            "how=stages&stages=50%25,+10%25",
            "is not larger than the one before",
            "value=\"50%, 10%\"",
        ),
        ("how=stages&stages=many", "is no size of a stage", "value=\"many\""),
        ("how=stages&stages=", "Write the stages", "id=\"how-stages\" checked"),
        ("how=canaries&others=nonsense", "id=\"canary-error\"", "value=\"nonsense\""),
        ("how=canaries&soak=soon", "Write whole minutes", "value=\"soon\""),
        ("how=canaries&deadline=week", "Write whole hours", "value=\"week\""),
        ("how=canaries&deadline=9000", "is a minute to a year", "value=\"9000\""),
        ("how=canaries&at_once=0", "least one device gets it", "id=\"at_once-error\""),
        ("how=all&starts=tomorrow", "Write the time like", "value=\"tomorrow\""),
        ("how=all&group=Nobody", "id=\"group-error\"", "id=\"how-all\" checked"),
        (
            "how=canaries&failures=0",
            "halts at one failure or more",
            "name=\"failures\" inputmode=\"numeric\" value=\"0\"",
        ),
    ] {
        let answer = post(&app, &page, &body(fields)).await;
        assert_eq!(answer.status, 422, "{fields}");
        for words in [words, kept, "Not published"] {
            assert!(answer.text().contains(words), "{fields}: no {words}");
        }
    }
    let state = app.app.store().release(draft).await.unwrap().unwrap().state;
    assert_eq!(state.word(), "draft");
}

#[tokio::test]
async fn how_long_a_stage_waits_and_how_many_have_it_at_once_is_said_by_a_person() {
    let (app, draft) = mixed().await;
    let plan = "how=canaries&canary=5ccf7f000002&soak=5&deadline=12&at_once=3";
    let body = format!("action=publish&platform=chase&version=v1.1.0&{plan}");
    assert_eq!(post(&app, &format!("/releases/{draft}"), &body).await.status, 303);
    let rollouts = app.app.store().rollouts(false, Some(draft)).await.unwrap();
    assert_eq!(rollouts[0].at_once, 3);
    assert!(rollouts[0].stages.iter().all(|stage| stage.deadline == 12 * 3600));
    let page = get(&app, &format!("/rollouts/{}", rollouts[0].id)).await.text();
    assert!(page.contains("; waits till"), "{page}");
}

#[tokio::test]
async fn the_preview_button_draws_the_form_again_with_the_forecast() {
    let (app, draft) = mixed().await;
    let body =
        "action=preview&platform=chase&version=v1.1.0&how=canaries&canary=5ccf7f000002&notes=Mine";
    let answer = post(&app, &format!("/releases/{draft}"), body).await;
    assert_eq!(answer.status, 200);
    let text = answer.text();
    for words in [
        "<b>1</b><span>will get it</span>",
        "<b>2</b><span>waiting for others first",
        ">Mine<",
        "value=\"5ccf7f000002\" checked",
    ] {
        assert!(text.contains(words), "no {words}: {text}");
    }
    let path =
        format!("/releases/{draft}/preview?fragment=preview&platform=chase&version=v1.1.0&how=all");
    let part = get(&app, &path).await.text();
    assert!(part.contains("<b>3</b><span>will get it</span>"), "{part}");
    assert!(part.contains("Now 3 of 10 devices get it."), "{part}");
    let nobody = get(&app, &path.replace("how=all", "how=canaries&canary=5ccf7f000005")).await;
    assert!(nobody.text().contains("Nobody gets it now: see why below."), "{}", nobody.text());
    assert!(!part.contains("<html"), "only the part");
    let rule = get(&app, "/platforms/chase/preview?rule=different").await.text();
    assert!(rule.contains("What devices of chase would get"), "{rule}");
}

#[tokio::test]
async fn publishing_with_canaries_leads_to_the_page_of_the_rollout() {
    let (app, draft) = mixed().await;
    let body = "action=publish&platform=chase&version=v1.1.0&how=canaries&canary=5ccf7f000002";
    let answer = post(&app, &format!("/releases/{draft}"), body).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/rollouts/1")));
    let page = get(&app, "/rollouts/1").await.text();
    for words in [
        "Rollout of chase v1.1.0",
        "It waits for 5c:cf:7f:00:00:02 to ask",
        "Go on now",
        "It halts by itself at 1 failure; none so far.",
    ] {
        assert!(page.contains(words), "no {words}: {page}");
    }
    for banner in ["/", "/platforms/chase", &format!("/releases/{draft}")] {
        assert!(get(&app, banner).await.text().contains("href=\"/rollouts/1\""), "{banner}");
    }
    let device = FakeDevice::esp8266(FIRST);
    device.polls(&app, "chase", "v1.0.0").await.is_not_modified();
    let sure = get(&app, "/rollouts/1/confirm?action=everyone").await.text();
    assert!(sure.contains("more get it when they ask"), "{sure}");
    assert_eq!(post(&app, "/rollouts/1", "action=everyone").await.status, 303);
    assert_eq!(device.polls(&app, "chase", "v1.0.0").await.status, 200);
    let ended = post(&app, "/rollouts/1", "action=end").await;
    assert_eq!(ended.header("location"), Some("/rollouts/1"));
    let rollout = app.app.rollout_status(1).await.unwrap().rollout;
    assert_eq!(rollout.state, State::Ended);
    let release = get(&app, &format!("/releases/{draft}")).await.text();
    assert!(release.contains("its rollout was ended: nobody new gets it"), "{release}");
    assert!(release.contains(&format!("/releases/{draft}/publish")), "{release}");
    let platform = get(&app, "/platforms/chase").await.text();
    assert!(platform.contains("its rollout was ended: nobody new gets it"), "{platform}");
    // What makes no sense any more is said, and does no harm.
    assert_eq!(post(&app, "/rollouts/1", "action=pause").await.status, 303);
    assert_eq!(post(&app, "/rollouts/9", "action=pause").await.status, 404);
}

#[tokio::test]
async fn a_release_whose_rollout_was_ended_is_published_again() {
    let (app, draft) = mixed().await;
    let body = "action=publish&platform=chase&version=v1.1.0&how=canaries&canary=5ccf7f000002";
    post(&app, &format!("/releases/{draft}"), body).await;
    let release = get(&app, &format!("/releases/{draft}")).await.text();
    assert!(release.contains("the newest: for those in its rollout so far"), "{release}");
    post(&app, "/rollouts/1", "action=end").await;
    assert!(get(&app, "/rollouts/1").await.text().contains("not reached"));
    let path = format!("/releases/{draft}/publish");
    let again = get(&app, &format!("{path}?how=all")).await.text();
    for words in ["Its rollout was ended", "Now 3 of 10 devices get it."] {
        assert!(again.contains(words), "no {words}: {again}");
    }
    let device = FakeDevice::esp8266(FIRST);
    device.polls(&app, "chase", "v1.0.0").await.is_not_modified();
    assert_eq!(post(&app, &path, "how=all").await.status, 303);
    assert_eq!(device.polls(&app, "chase", "v1.0.0").await.status, 200);
}

#[tokio::test]
async fn one_goes_back_only_where_there_is_a_release_before() {
    let app = TestApp::start().await;
    let released = app.platform("chase").without_gzip().released("v1.0.0").approving(FIRST).await;
    let only = get(&app, &format!("/releases/{}/withdraw?recall=yes", released[0].id())).await;
    let text = only.text();
    assert!(text.contains("There is no release before v1.0.0 to give"), "{text}");
    assert!(!text.contains("value=\"yes\""), "{text}");
    let second = app.roll_out("chase", "v1.1.0", plan("", &[])).await;
    let path = format!("/releases/{}/withdraw", second.id());
    assert!(get(&app, &path).await.text().contains("value=\"no\" checked"));
    let recalls = get(&app, &format!("{path}?recall=yes")).await.text();
    assert!(recalls.contains("value=\"yes\" checked"), "{recalls}");
    assert!(!recalls.contains("value=\"no\" checked"), "{recalls}");
}

#[tokio::test]
async fn a_withdrawn_release_is_published_again_in_stages() {
    let app = TestApp::start().await;
    let released =
        app.platform("chase").released("v1.0.0").approving(FIRST).approving(SECOND).await;
    app.withdraw(&released[0]).await;
    let path = format!("/releases/{}/publish", released[0].id());
    assert!(get(&app, &path).await.text().contains("Who gets it"));
    let wrong = post(&app, &path, "how=stages&stages=many").await;
    assert_eq!(wrong.status, 422);
    let answer = post(&app, &path, "how=stages&stages=1&channel=beta").await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/rollouts/1")));
    let release = app.app.store().release(released[0].id()).await.unwrap().unwrap();
    assert_eq!((release.state.word(), release.channel), ("published", Channel::Beta));
}
