//! What pages count: versions per day, bytes per day, how a release's devices stand, and what the
//! pages make of it.

use espalier::app::App;
use espalier::domain::device::AttemptState;
use espalier::domain::release::Part;
use espalier::domain::stats::Standing;
use espalier::domain::tally::{Hold, Tally};
use espalier::store::{DeviceAttemptFilter, EndedAttempt, NewOffer, TransferDay};

use crate::support::{
    CHASE, FakeDevice, Firmware, MARSHALL, Released, SKYE, TestApp, a_test, eventually, exchange,
    mac,
};

const OLD: &str = "/update?dev=chase&ver=v1.0.1";
const NEW: &str = "/update?dev=chase&ver=v1.0.2";
/// The day on which the clock stands at first.
const TODAY: i64 = 19_675;
const DAY: i64 = 86_400;

async fn page(app: &TestApp, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.0\r\nAccept: text/html\r\n\r\n");
    let answer = exchange(app.address, request.as_bytes()).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.text()
}

#[track_caller]
fn holds(page: &str, words: &[&str]) {
    for word in words {
        assert!(page.contains(word), "“{word}” is missing in {page}");
    }
}

async fn stocked(devices: &[&str]) -> (TestApp, Released) {
    let app = TestApp::start().await;
    let mut plan = app.platform("chase").without_gzip();
    plan = plan.releasing("v1.0.2", Firmware::esp8266().of("chase", "v1.0.2").size(400_000));
    for device in devices {
        plan = plan.approving(device);
    }
    let released = plan.await.remove(0);
    (app, released)
}

/// A device takes a release, and comes back with it so many seconds later.
async fn updates(app: &TestApp, device: &str, released: &Released, later: i64) {
    let sketch = FakeDevice::esp8266(device);
    sketch.asks(app, OLD).await.is_firmware(&released.bytes);
    app.until_attempt(device, AttemptState::Delivered).await;
    app.clock.advance(later);
    sketch.running(released).asks(app, NEW).await.is_not_modified();
    app.until_attempt(device, AttemptState::Confirmed).await;
}

async fn field(app: &App) -> Vec<(i64, String, u64)> {
    let days = app.store().field_days(1, 0).await.unwrap();
    days.into_iter().map(|day| (day.day, day.version, day.devices)).collect()
}

fn row(day: i64, version: &str, devices: u64) -> (i64, String, u64) {
    (day, version.to_owned(), devices)
}

#[tokio::test]
async fn versions_are_counted_once_a_day_and_the_last_count_stays() {
    let (app, released) = stocked(&[CHASE, MARSHALL]).await;
    for device in [CHASE, MARSHALL] {
        FakeDevice::esp8266(device).asks(&app, OLD).await.is_firmware(&released.bytes);
        app.until_attempt(device, AttemptState::Delivered).await;
    }
    app.app.flush().await.unwrap();
    for _ in 0..3 {
        app.app.count_field().await.unwrap();
        assert_eq!(field(&app.app).await, [row(TODAY, "v1.0.1", 2)]);
    }
    let back = FakeDevice::esp8266(CHASE).running(&released);
    back.asks(&app, NEW).await.is_not_modified();
    app.app.flush().await.unwrap();
    app.app.count_field().await.unwrap();
    let both = [row(TODAY, "v1.0.1", 1), row(TODAY, "v1.0.2", 1)];
    assert_eq!(field(&app.app).await, both);
    // 22:13 on the first day; two hours later is the next.
    app.clock.advance(7200);
    app.app.count_field().await.unwrap();
    let next = [row(TODAY + 1, "v1.0.1", 1), row(TODAY + 1, "v1.0.2", 1)];
    assert_eq!(field(&app.app).await, [both.to_vec(), next.to_vec()].concat());
    app.clock.advance(400 * DAY);
    app.app.tidy().await.unwrap();
    assert_eq!(field(&app.app).await, next, "kept for 400 days");
}

#[tokio::test]
async fn days_are_those_of_the_servers_calendar() {
    let app = TestApp::plan().with("--tz").with("Asia/Tokyo").start().await;
    assert_eq!(app.app.day(app.app.now()), TODAY + 1, "22:13 in London is morning in Tokyo");
    app.platform("chase").approving(CHASE).await;
    FakeDevice::esp8266(CHASE).asks(&app, OLD).await.is_not_modified();
    app.app.flush().await.unwrap();
    app.app.count_field().await.unwrap();
    assert_eq!(field(&app.app).await, [row(TODAY + 1, "v1.0.1", 1)]);
}

#[tokio::test]
async fn bytes_count_for_the_day_on_which_their_download_ended() {
    let (app, released) = stocked(&[CHASE, MARSHALL, SKYE]).await;
    let size = released.size() as u64;
    updates(&app, CHASE, &released, 60).await;
    let (_, client) = FakeDevice::esp8266(MARSHALL).begins(&app, OLD).await;
    client.reset();
    app.until_attempt(MARSHALL, AttemptState::Aborted).await;
    let cut = app.attempts(MARSHALL).await[0].bytes;
    assert!(cut < size);
    app.clock.advance(DAY);
    updates(&app, SKYE, &released, 60).await;
    let days = app.app.store().transfer_days(0).await.unwrap();
    let expected = [
        TransferDay { day: TODAY, bytes: size + cut, downloads: 1 },
        TransferDay { day: TODAY + 1, bytes: size, downloads: 1 },
    ];
    assert_eq!(days, expected);
    let app = app.restarted().await;
    assert_eq!(app.app.store().transfer_days(0).await.unwrap(), expected, "over a restart");
    holds(&page(&app, "/").await, &["last 30 days, 2 completed downloads"]);
}

#[tokio::test]
async fn a_release_tells_for_whom_it_worked_and_how_long_that_took() {
    let (app, released) = stocked(&[CHASE, MARSHALL, SKYE]).await;
    let path = format!("/releases/{}", released.id());
    holds(&page(&app, &path).await, &["It was offered to nobody yet"]);
    updates(&app, CHASE, &released, 38).await;
    updates(&app, MARSHALL, &released, 90).await;
    let sketch = FakeDevice::esp8266(SKYE);
    for _ in 0..2 {
        sketch.asks(&app, OLD).await.is_firmware(&released.bytes);
        app.until_attempt(SKYE, AttemptState::Delivered).await;
    }
    let stats = app.app.release_stats(released.id(), Part::Application).await.unwrap();
    assert_eq!((stats.progress.confirmed, stats.progress.on_the_way), (2, 1));
    assert_eq!((stats.success.confirmed, stats.success.settled), (2, 2), "one is open");
    let time = stats.to_confirm.unwrap();
    assert_eq!((time.count, time.median, time.p90), (2, 38, 90));
    app.clock.advance(900);
    sketch.asks(&app, OLD).await.is_not_modified();
    // It was tried twice; the third is the last.
    app.clock.advance(900);
    sketch.asks(&app, OLD).await.is_firmware(&released.bytes);
    app.until_attempt(SKYE, AttemptState::Delivered).await;
    sketch.asks(&app, OLD).await.is_not_modified();
    app.until_attempt(SKYE, AttemptState::NotTaken).await;
    let text = page(&app, &path).await;
    holds(
        &text,
        &[
            "2 confirmed",
            "1 needs you",
            "2 of 3 devices<",
            "38 s; nine of ten within 1 min",
            "came back 38 s later.",
            "On hold until you decide.",
        ],
    );
    assert!(!text.contains("67 %"), "three devices are no percentage");
    assert_eq!(text.matches("class=\"name").count(), 3, "each device once, however often it tried");
    let held = page(&app, &format!("{path}?stand=needs_you")).await;
    assert_eq!(held.matches("class=\"name").count(), 1);
    let dashboard = page(&app, "/").await;
    holds(&dashboard, &["How releases do", "2 of 3 devices", "?stand=needs_you#devices"]);
    holds(&dashboard, &["1 on v1.0.1", "2 on v1.0.2"]);
}

#[tokio::test]
async fn devices_with_the_same_trouble_are_one_thing_on_the_dashboard() {
    let devices = ["18:FE:34:00:00:01", "18:FE:34:00:00:02", "18:FE:34:00:00:03"];
    let (app, _) = stocked(&devices).await;
    let small = async |device| {
        let device = FakeDevice::esp8266(device).with_free_space(100_000);
        device.asks(&app, OLD).await.is_not_modified();
        app.app.flush().await.unwrap();
    };
    for device in &devices[..2] {
        small(device).await;
    }
    let dashboard = page(&app, "/").await;
    holds(
        &dashboard,
        &["<strong>18:fe:34:00:00:01</strong>", "<strong>18:fe:34:00:00:02</strong>"],
    );
    small(devices[2]).await;
    let dashboard = page(&app, "/").await;
    holds(&dashboard, &["1 thing needs you.", "3 devices in the same trouble", "outcome=too_big"]);
    assert!(!dashboard.contains("<strong>18:fe:34"), "{dashboard}");
}

#[tokio::test]
async fn progress_is_shown_while_bytes_flow() {
    let (app, released) = stocked(&[CHASE]).await;
    let device = format!("/devices/{}", mac(CHASE).hex());
    let release = format!("/releases/{}", released.id());
    for path in [&device, &release] {
        let quiet = page(&app, &format!("{path}?fragment=sending")).await;
        assert!(quiet.contains("data-refresh=\"10\"") && quiet.contains("hidden"), "{quiet}");
    }
    let (head, mut client) = FakeDevice::esp8266(CHASE).begins(&app, OLD).await;
    assert_eq!(head.status, 200);
    client.read_exactly(190_000).await;
    app.clock.advance(4);
    for path in [&device, &release] {
        let part = eventually("half of it is seen to be sent", async || {
            let part = page(&app, &format!("{path}?fragment=sending")).await;
            part.contains(" of 400 KB (5").then_some(part)
        })
        .await;
        holds(
            &part,
            &["data-refresh=\"2\"", "data-busy", "<progress max=\"400032\"", "/s, about "],
        );
        let whole = page(&app, path).await;
        holds(&whole, &["Being sent now", "sending 5", "sending</span>", "class=\"now t5\""]);
    }
    client.read_exactly(released.size() - 190_000).await;
    assert!(client.is_closed().await);
    drop(client);
    app.until_attempt(CHASE, AttemptState::Delivered).await;
    let quiet = page(&app, &format!("{device}?fragment=sending")).await;
    assert!(quiet.contains("hidden") && !quiet.contains("data-busy"), "{quiet}");
}

#[tokio::test]
async fn a_devices_history_is_one_list_without_repetition() {
    let (app, released) = stocked(&[CHASE]).await;
    let path = format!("/devices/{}", mac(CHASE).hex());
    holds(&page(&app, &path).await, &["History", "Today"]);
    updates(&app, CHASE, &released, 38).await;
    let text = page(&app, &path).await;
    holds(&text, &["came back 38 s later.", ">confirmed</li>", "Today"]);
    assert!(!text.contains("Reports v1.0.2 now"), "the attempt says it");
    assert!(!text.contains("Came back with"), "the attempt says it");
    // Rolled back, and held with a reason: that is said once, and once more in the chain.
    FakeDevice::esp8266(CHASE).asks(&app, OLD).await.is_not_modified();
    app.app.flush().await.unwrap();
    let reason = app.app.explain(mac(CHASE)).unwrap().decision.text();
    let text = page(&app, &path).await;
    let history = text.find("id=\"history\"").unwrap();
    let said = text[..history].matches(reason.as_str()).count();
    assert_eq!(said, 2, "once in the notice, once in the chain: {reason}");
    holds(&text, &["then went back to its old image.", ">rolled back</li>"]);
}

#[tokio::test]
async fn what_waits_says_so_once_though_the_minutes_pass() {
    let (app, released) = stocked(&[CHASE]).await;
    let sketch = FakeDevice::esp8266(CHASE);
    for _ in 0..2 {
        sketch.asks(&app, OLD).await.is_firmware(&released.bytes);
        app.until_attempt(CHASE, AttemptState::Delivered).await;
    }
    sketch.asks(&app, OLD).await.is_not_modified();
    app.app.flush().await.unwrap();
    app.clock.advance(120);
    let text = page(&app, &format!("/devices/{}", mac(CHASE).hex())).await;
    let above = &text[..text.find("id=\"history\"").unwrap()];
    assert_eq!(above.matches("is tried again in").count(), 2, "{above}");
    holds(above, &["It waits before it tries again.", "Nothing yet; it waits"]);
}

#[tokio::test]
async fn an_old_history_goes_on_on_the_next_page() {
    let (app, released) = stocked(&[CHASE]).await;
    let device = app.device(CHASE).await.unwrap().id;
    for number in 0..45 {
        let id = offer(&app, device, released.id(), Part::Application, number * 60).await;
        app.app.store().settle_attempt(id, AttemptState::Overtaken, None, 1).await.unwrap();
    }
    let mut path = format!("/devices/{}", mac(CHASE).hex());
    let mut attempts = Vec::new();
    loop {
        let text = page(&app, &path).await;
        attempts.push(text.matches("class=\"steps").count());
        let Some(link) = text.split('"').find(|part| part.contains("?before=")) else {
            holds(&text, &["First seen"]);
            break;
        };
        path = link.trim_end_matches("#history").to_owned();
    }
    assert_eq!(attempts.iter().sum::<usize>(), 45, "{attempts:?}");
    assert!(attempts.len() == 3, "{attempts:?}");
}

async fn offer(app: &TestApp, device_id: i64, release_id: i64, part: Part, after: i64) -> i64 {
    let now = app.app.now() + after;
    let (version, from_version) = ("v1.0.2".to_owned(), Some("v1.0.1".to_owned()));
    let (image_id, packed, from_md5, size) = (1, false, None, 1000);
    let new = NewOffer {
        device_id,
        release_id,
        version,
        image_id,
        part,
        packed,
        from_version,
        from_md5,
        size,
        rollout_id: None,
        usual: None,
        now,
    };
    app.app.store().record_offer(new).await.unwrap()
}

#[tokio::test]
async fn lists_and_counts_agree_on_how_every_device_stands() {
    let (app, released) = stocked(&[]).await;
    let store = app.app.store();
    let holds = Hold::ALL.into_iter().map(Some).chain([None]);
    let cases = holds.flat_map(|hold| AttemptState::ALL.map(|state| (state, hold)));
    let cases: Vec<_> = cases.collect();
    for (kind, part) in [Part::Application, Part::FileSystem].into_iter().enumerate() {
        for (number, (state, hold)) in cases.iter().enumerate() {
            let address = format!("18:FE:34:00:{kind:02X}:{number:02X}");
            app.approve(&address, "chase").await;
            let device = app.device(&address).await.unwrap().id;
            // An earlier attempt must not count.
            let earlier = offer(&app, device, released.id(), part, 0).await;
            store.settle_attempt(earlier, AttemptState::Confirmed, None, 1).await.unwrap();
            let id = offer(&app, device, released.id(), part, 60).await;
            let tally = Tally { hold: *hold, ..Tally::new(released.id(), part) };
            store.settle_attempt(id, *state, Some(&(device, tally)), 100).await.unwrap();
        }
        let stats = app.app.release_stats(released.id(), part).await.unwrap();
        assert_eq!(stats.progress.total(), cases.len() as u64);
        for standing in Standing::ALL {
            let filter = DeviceAttemptFilter {
                release_id: released.id(),
                part,
                standing: Some(standing),
                before: None,
                limit: 1000,
            };
            let listed = store.device_attempts(&filter).await.unwrap();
            for found in &listed {
                assert_eq!(Standing::of(found.attempt.state, found.hold, part), standing);
            }
            assert_eq!(listed.len() as u64, stats.progress.of(standing), "{standing:?}");
        }
    }
}

#[tokio::test]
async fn bytes_of_a_release_that_is_gone_are_still_bytes() {
    let (app, released) = stocked(&[CHASE]).await;
    let device = app.device(CHASE).await.unwrap().id;
    let id = offer(&app, device, released.id(), Part::Application, 0).await;
    let (release_id, completed, counted, tally) = (released.id(), true, true, None);
    let (bytes, millis, now, day) = (1000, 10, app.app.now(), TODAY);
    app.app.delete_release(release_id, &a_test()).await.unwrap();
    let ended = EndedAttempt { id, release_id, completed, counted, bytes, millis, now, day, tally };
    app.app.store().record_transfer(ended).await.unwrap();
    let days = app.app.store().transfer_days(0).await.unwrap();
    assert_eq!(days, [TransferDay { day: TODAY, bytes: 1000, downloads: 1 }]);
}

#[tokio::test]
async fn a_server_without_devices_says_what_will_stand_here() {
    let app = TestApp::start().await;
    holds(
        &page(&app, "/").await,
        &[
            "counted here by the version they run",
            "No release was offered yet.",
            "Nobody has checked in for a day.",
            "Nothing was sent in the last 30 days.",
        ],
    );
    app.platform("chase").await;
    app.platform("porch").await;
    holds(&page(&app, "/?field=porch").await, &["No approved device of porch has checked in yet"]);
    holds(&page(&app, "/?field=nonsense").await, &["Versions in the field"]);
}
