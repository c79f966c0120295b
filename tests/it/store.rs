//! The store's functions on SQLite in memory.

use espalier::domain::chip::{Chip, Family};
use espalier::domain::device::{Approval, AttemptState, Outcome};
use espalier::domain::digest::{Md5, Sha256};
use espalier::domain::event::{Event, Kind};
use espalier::domain::hours::Hours;
use espalier::domain::learnt::Learnt;
use espalier::domain::platform::{Admission, Platform};
use espalier::domain::policy::Channel;
use espalier::domain::release::{Image, Part, ReleaseState};
use espalier::domain::report::{Mode, Report};
use espalier::domain::rhythm::Rhythm;
use espalier::domain::tally::{Hold, Tally};
use espalier::domain::version::FirmwareVersion;
use espalier::store::{
    Batch, DayCount, DeviceFilter, DeviceSort, EndedAttempt, EventFilter, HourCount, NewDevice,
    NewDraft, NewOffer, News, ReleaseFilter, Seen, Store, StoreError,
};

use crate::support::{CHASE, MARSHALL, SKYE, mac};

/// The moment at which everything happens here, unless it says otherwise.
const NOW: i64 = 1_700_000_000;

async fn store() -> Store {
    Store::in_memory().await.unwrap()
}

async fn platform(store: &Store, name: &str) -> i64 {
    let name = name.parse().unwrap();
    store.create_platform(&name, "", Admission::Approved, NOW).await.unwrap()
}

fn image(number: u8) -> Image {
    Image {
        sha256: Sha256([number; 32]),
        md5: Md5([number; 16]),
        size: 1000 + u64::from(number),
        chip: Chip::Esp32C3,
        chip_certain: true,
        id: 0,
        part: Part::Application,
        flash_size: Some(4 << 20),
        flash_mode: Some(2),
        signed: true,
        unpacks: false,
        packed: None,
        appended_sha256: Some(Sha256([number + 100; 32])),
        file_name: format!("{number} “grün”.bin"),
    }
}

async fn draft(store: &Store, number: u8) -> i64 {
    let image = image(number);
    let draft = NewDraft {
        platform_id: None,
        version: None,
        notes: "",
        image: &image,
        digests: &[],
        pack: false,
        now: NOW,
        expires_at: NOW + 100,
    };
    store.insert_draft(&draft).await.unwrap()
}

async fn published(store: &Store, platform_id: i64, version: &str, number: u8) -> i64 {
    let id = draft(store, number).await;
    let version = FirmwareVersion::read(version);
    store.publish_release(id, platform_id, &version, "notes", Channel::Stable, NOW).await.unwrap();
    id
}

async fn device(store: &Store, address: &str, approval: Approval, platform: Option<i64>) -> i64 {
    let new = NewDevice {
        mac: mac(address),
        name: String::new(),
        approval,
        platform_id: platform,
        via: "typed",
        news: None,
        now: NOW,
    };
    store.insert_device(&new).await.unwrap()
}

fn report(address: &str, version: &str) -> Report {
    Report {
        family: Family::Esp32,
        mac: mac(address),
        mode: Mode::Sketch,
        dev: Some("chase".into()),
        version: Some(version.into()),
        sketch_md5: Some(Md5([1; 16])),
        sketch_sha256: Some(Sha256([2; 32])),
        free_space: Some(u32::MAX),
        sketch_size: Some(0),
        chip_size: None,
        sdk: Some("v4.4.7".into()),
    }
}

fn news(address: &str, version: &str) -> News {
    let outcome = Outcome { status: 304, code: "up_to_date".into(), text: "It is.".into() };
    let (report, address) = (report(address, version), Some("192.168.1.20".parse().unwrap()));
    let learnt = Learnt { ran_signed: true, running_since: Some(NOW), ..Learnt::default() };
    News { report, address, host: Some("pi.lan".into()), outcome, learnt }
}

fn seen(device_id: i64, last_seen: i64, checkins: u64, news: Option<News>) -> Seen {
    // Only the program's memory asks for the address.
    let news = news.map(Box::new);
    let rhythm = Rhythm::default();
    Seen { mac: mac(CHASE), device_id, last_seen, checkins, rhythm, news }
}

async fn names(store: &Store, filter: DeviceFilter) -> Vec<String> {
    let devices = store.devices(&filter).await.unwrap();
    devices.iter().map(espalier::domain::device::Device::title).collect()
}

#[tokio::test]
async fn platforms_are_unique_without_case_and_come_by_name() {
    let store = store().await;
    for name in ["zuma", "Chase", "a+b"] {
        platform(&store, name).await;
    }
    let again = "CHASE".parse().unwrap();
    let conflict = store.create_platform(&again, "", Admission::Any, NOW).await;
    assert!(matches!(conflict, Err(StoreError::Conflict)), "{conflict:?}");
    let all = store.platforms().await.unwrap();
    let all: Vec<&str> = all.iter().map(|platform| platform.name.as_str()).collect();
    assert_eq!(all, ["a+b", "Chase", "zuma"]);
}

#[tokio::test]
async fn a_renamed_platform_takes_its_events_along() {
    let store = store().await;
    let id = platform(&store, "chase").await;
    platform(&store, "skye").await;
    let event = Event::new(NOW, Kind::Published, "x").on(Some("chase"));
    store.record_events(&[event]).await.unwrap();
    let mut changed: Platform = store.platforms().await.unwrap().remove(0);
    assert_eq!(changed.id, id);
    changed.name = "Skye".parse().unwrap();
    let conflict = store.save_platform(&changed, "chase").await;
    assert!(matches!(conflict, Err(StoreError::Conflict)), "{conflict:?}");
    changed.name = "Marshall".parse().unwrap();
    changed.admission = Admission::Any;
    changed.description = "red".to_owned();
    store.save_platform(&changed, "chase").await.unwrap();
    let all = store.platforms().await.unwrap();
    assert_eq!(all[0], changed);
    let platform = Some("marshall".to_owned());
    let events = store.events(&EventFilter { platform, ..EventFilter::default() }).await.unwrap();
    assert_eq!(events.len(), 1);
}

#[tokio::test]
async fn a_deleted_platform_leaves_its_devices_waiting() {
    let store = store().await;
    let (chase, skye) = (platform(&store, "chase").await, platform(&store, "skye").await);
    published(&store, chase, "v1", 1).await;
    published(&store, skye, "v1", 2).await;
    let own = device(&store, CHASE, Approval::Approved, Some(chase)).await;
    store.rename_device(own, "Attic").await.unwrap();
    device(&store, MARSHALL, Approval::Approved, Some(skye)).await;
    let batch = Batch { hours: vec![(chase, 3600, 5), (skye, 3600, 7)], ..Batch::default() };
    store.write_behind(&batch).await.unwrap();
    let platform = store.platforms().await.unwrap().remove(0);
    store.delete_platform(&platform).await.unwrap();
    assert_eq!(store.releases(&ReleaseFilter::default()).await.unwrap().len(), 1);
    assert_eq!(store.files_in_use().await.unwrap(), [Sha256([2; 32])].into());
    let orphan = store.device(mac(CHASE)).await.unwrap().unwrap();
    assert_eq!((orphan.approval, orphan.platform_id), (Approval::Pending, None));
    assert_eq!(orphan.name, "Attic");
    let hours = store.checkins_per_hour(None, 0).await.unwrap();
    assert_eq!(hours, [HourCount { hour: 3600, count: 7 }]);
}

#[tokio::test]
async fn a_platforms_numbers_are_counted() {
    let store = store().await;
    let chase = platform(&store, "Chase").await;
    published(&store, chase, "v1", 1).await;
    draft(&store, 2).await;
    device(&store, CHASE, Approval::Approved, Some(chase)).await;
    device(&store, SKYE, Approval::Blocked, Some(chase)).await;
    let pending = device(&store, MARSHALL, Approval::Pending, None).await;
    let seen = vec![seen(pending, NOW, 1, Some(news(MARSHALL, "v1")))];
    store.write_behind(&Batch { seen, ..Batch::default() }).await.unwrap();
    let all = store.platform_summaries().await.unwrap();
    assert_eq!((all[0].devices, all[0].pending, all[0].releases), (1, 1, 1));
}

#[tokio::test]
async fn a_release_is_read_as_it_was_written() {
    let store = store().await;
    let chase = platform(&store, "Chase").await;
    let id = published(&store, chase, "v1.02", 7).await;
    let release = store.release(id).await.unwrap().unwrap();
    assert_eq!(release.image, Image { id: release.image.id, ..image(7) });
    assert_eq!((release.state, &*release.notes), (ReleaseState::Published, "notes"));
    assert_eq!(release.title(), "Chase v1.02");
    assert_eq!((release.published_at, release.expires_at), (Some(NOW), None));
    assert!(store.release(id + 1).await.unwrap().is_none());
    assert_eq!(store.releases_of_file(Sha256([7; 32])).await.unwrap().len(), 1);
    assert!(store.releases_of_file(Sha256([8; 32])).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_version_exists_once_on_its_platform() {
    let store = store().await;
    let (chase, skye) = (platform(&store, "chase").await, platform(&store, "skye").await);
    let first = published(&store, chase, "v1.0.2", 1).await;
    published(&store, skye, "v1.0.2", 2).await;
    let second = draft(&store, 3).await;
    for same in ["1.0.2", "V1.0.02", "1.0.2+build"] {
        let same = FirmwareVersion::read(same);
        let conflict = store.publish_release(second, chase, &same, "", Channel::Stable, NOW).await;
        assert!(matches!(conflict, Err(StoreError::Conflict)), "{conflict:?}");
    }
    store.withdraw_release(first).await.unwrap();
    let same = FirmwareVersion::read("v1.0.2");
    let conflict = store.publish_release(second, chase, &same, "", Channel::Stable, NOW).await;
    assert!(matches!(conflict, Err(StoreError::Conflict)), "a withdrawn one counts too");
    store.delete_release(first).await.unwrap();
    store.publish_release(second, chase, &same, "", Channel::Stable, NOW).await.unwrap();
}

#[tokio::test]
async fn releases_are_filtered_and_paged() {
    let store = store().await;
    let chase = platform(&store, "chase").await;
    let mut ids = Vec::new();
    for number in 1..=5 {
        ids.push(published(&store, chase, &format!("v{number}"), number).await);
    }
    store.withdraw_release(ids[0]).await.unwrap();
    let draft = draft(&store, 9).await;
    let listed = async |filter: ReleaseFilter| -> Vec<i64> {
        store.releases(&filter).await.unwrap().iter().map(|release| release.id).collect()
    };
    let all = ReleaseFilter::default;
    assert_eq!(listed(ReleaseFilter { limit: Some(2), ..all() }).await, [draft, ids[4]]);
    let before = Some(ids[1]);
    assert_eq!(listed(ReleaseFilter { before, ..all() }).await, [ids[0]]);
    let state = Some(ReleaseState::Withdrawn);
    assert_eq!(listed(ReleaseFilter { state, ..all() }).await, [ids[0]]);
    let platform_id = Some(chase + 1);
    assert!(listed(ReleaseFilter { platform_id, ..all() }).await.is_empty());
}

#[tokio::test]
async fn drafts_expire_and_releases_do_not() {
    let store = store().await;
    let chase = platform(&store, "chase").await;
    published(&store, chase, "v1", 1).await;
    let draft = draft(&store, 2).await;
    let version = FirmwareVersion::read("v2");
    store.save_draft(draft, Some(chase), Some(&version)).await.unwrap();
    assert_eq!(store.release(draft).await.unwrap().unwrap().title(), "chase v2");
    assert!(store.expired_drafts(NOW + 99).await.unwrap().is_empty());
    assert_eq!(store.expired_drafts(NOW + 100).await.unwrap(), [draft]);
}

#[tokio::test]
async fn a_device_is_recorded_once() {
    let store = store().await;
    device(&store, CHASE, Approval::Pending, None).await;
    let new = NewDevice {
        mac: mac(CHASE),
        name: String::new(),
        approval: Approval::Pending,
        platform_id: None,
        via: "",
        news: None,
        now: NOW,
    };
    let conflict = store.insert_device(&new).await;
    assert!(matches!(conflict, Err(StoreError::Conflict)), "{conflict:?}");
}

#[tokio::test]
async fn what_a_device_says_is_read_as_it_was_written() {
    let store = store().await;
    let id = device(&store, CHASE, Approval::Pending, None).await;
    let first = seen(id, NOW, 3, Some(news(CHASE, "v1.0.1")));
    store.write_behind(&Batch { seen: vec![first], ..Batch::default() }).await.unwrap();
    let device = store.device(mac(CHASE)).await.unwrap().unwrap();
    assert_eq!(device.report.unwrap(), report(CHASE, "v1.0.1"));
    assert_eq!((device.last_seen, device.checkins), (Some(NOW), 3));
    assert_eq!(device.address.unwrap().to_string(), "192.168.1.20");
    assert_eq!(device.host.as_deref(), Some("pi.lan"));
    assert_eq!(device.outcome.unwrap().code, "up_to_date");
    // Without `dev=` the last named platform stays known.
    let mut later = news(CHASE, "v1.0.2");
    later.report.dev = None;
    let later = seen(id, NOW + 9, 4, Some(later));
    store.write_behind(&Batch { seen: vec![later], ..Batch::default() }).await.unwrap();
    let device = store.device(mac(CHASE)).await.unwrap().unwrap();
    let report = device.report.unwrap();
    assert_eq!((report.dev.as_deref(), report.version.as_deref()), (Some("chase"), Some("v1.0.2")));
}

#[tokio::test]
async fn counts_by_the_hour_take_the_place_of_earlier_ones_and_go_with_their_device() {
    let store = store().await;
    let mut devices = Vec::new();
    for number in 0..300_u32 {
        let address = format!("18:FE:34:00:{:02X}:{:02X}", number / 256, number % 256);
        devices.push(device(&store, &address, Approval::Pending, None).await);
    }
    store.delete_device(devices[1], &[]).await.unwrap();
    for count in [3, 4] {
        let count = |device_id: &i64| DayCount {
            mac: mac(CHASE),
            device_id: *device_id,
            hours: Hours::of(19_675, [count; 24]),
        };
        let days = devices.iter().map(count).collect();
        store.write_behind(&Batch { days, ..Batch::default() }).await.unwrap();
    }
    assert_eq!(store.hours_of_day(19_675, 0..=i64::MAX).await.unwrap().len(), 299);
    let own = store.device_hours(devices[299], 0).await.unwrap();
    assert_eq!(own, [Hours::of(19_675, [4; 24])]);
    store.delete_device(devices[299], &[]).await.unwrap();
    assert_eq!(store.hours_of_day(19_675, 0..=i64::MAX).await.unwrap().len(), 298);
    assert_eq!(store.purge_hours(19_675).await.unwrap(), 0);
    assert_eq!(store.purge_hours(19_676).await.unwrap(), 298);
}

#[tokio::test]
async fn a_lost_attempt_stays_as_it_is_where_something_was_quicker() {
    let (store, device, release) = with_attempts().await;
    let id = offer(&store, device, release).await;
    transfer(&store, id, release, true, 1001).await;
    store.write_behind(&Batch { restarts: vec![(id, NOW + 9)], ..Batch::default() }).await.unwrap();
    store.lose_attempt(id).await.unwrap();
    let last = store.last_attempts().await.unwrap().remove(&device).unwrap();
    assert_eq!((last.state, last.at, last.whole), (AttemptState::Lost, NOW + 5, true));
    assert_eq!((last.usual, last.restarting_at), (Some(3600), Some(NOW + 9)));
    store.settle_attempt(id, AttemptState::Confirmed, None, NOW + 50).await.unwrap();
    store.lose_attempt(id).await.unwrap();
    let last = store.last_attempts().await.unwrap().remove(&device).unwrap();
    assert_eq!((last.state, last.at), (AttemptState::Confirmed, NOW + 50));
}

#[tokio::test]
async fn a_batch_survives_a_device_that_was_removed_meanwhile() {
    let store = store().await;
    let kept = device(&store, CHASE, Approval::Pending, None).await;
    let gone = device(&store, MARSHALL, Approval::Pending, None).await;
    store.delete_device(gone, &[]).await.unwrap();
    let batch = Batch {
        seen: vec![
            seen(gone, NOW, 1, Some(news(MARSHALL, "v1"))),
            seen(kept, NOW, 1, Some(news(CHASE, "v1"))),
        ],
        hours: vec![(0, 3600, 2)],
        events: vec![Event::new(NOW, Kind::FirstContact, "x")],
        ..Batch::default()
    };
    store.write_behind(&batch).await.unwrap();
    assert!(store.device(mac(MARSHALL)).await.unwrap().is_none());
    assert_eq!(store.device(mac(CHASE)).await.unwrap().unwrap().checkins, 1);
    assert_eq!(store.events(&EventFilter::default()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn hours_add_up() {
    let store = store().await;
    let mut batch = Batch { hours: vec![(1, 0, 2), (0, 0, 1), (1, 0, 3)], ..Batch::default() };
    batch.merge_hours();
    assert_eq!(batch.hours, [(0, 0, 1), (1, 0, 5)]);
    for _ in 0..2 {
        store.write_behind(&batch).await.unwrap();
    }
    let batch = Batch { hours: vec![(1, 3600, 1)], ..Batch::default() };
    store.write_behind(&batch).await.unwrap();
    let (first, second) = (HourCount { hour: 0, count: 12 }, HourCount { hour: 3600, count: 1 });
    assert_eq!(store.checkins_per_hour(None, 0).await.unwrap(), [first, second]);
    assert_eq!(store.checkins_per_hour(None, 1).await.unwrap(), [second]);
    assert_eq!(store.checkins_per_hour(Some(0), 0).await.unwrap()[0].count, 2);
}

#[tokio::test]
async fn devices_are_searched_literally() {
    let store = store().await;
    let chase = platform(&store, "chase").await;
    let first = device(&store, CHASE, Approval::Approved, Some(chase)).await;
    let second = device(&store, MARSHALL, Approval::Pending, None).await;
    store.rename_device(first, "100% Grün_oben!").await.unwrap();
    store.rename_device(second, "100 below").await.unwrap();
    for (query, found) in [
        ("100", 2),
        ("100%", 1),
        ("grün_", 0),
        ("GR", 1),
        ("n_o", 1),
        ("oben!", 1),
        ("18:FE:34:00:00:01", 1),
        ("18-fe-34", 2),
        ("34000002", 1),
        ("CHASE", 1),
        ("nothing", 0),
    ] {
        let filter = DeviceFilter { query: Some(query.to_owned()), ..DeviceFilter::default() };
        let devices = names(&store, filter).await;
        // SQLite knows small and capital letters of ASCII only.
        let tolerated = query == "grün_" && devices.len() == 1;
        assert!(devices.len() == found || tolerated, "{query}: {devices:?}");
    }
}

#[tokio::test]
async fn devices_are_filtered_sorted_and_paged() {
    let store = store().await;
    let (skye, chase) = (platform(&store, "skye").await, platform(&store, "chase").await);
    let mut batch = Batch::default();
    for (address, name, platform, last_seen) in
        [(CHASE, "b", skye, 30), (MARSHALL, "C", chase, 10), (SKYE, "a", chase, 20)]
    {
        let id = device(&store, address, Approval::Approved, Some(platform)).await;
        store.rename_device(id, name).await.unwrap();
        batch.seen.push(seen(id, last_seen, 1, None));
    }
    device(&store, "18:FE:34:00:00:09", Approval::Ignored, None).await;
    store.write_behind(&batch).await.unwrap();
    let unnamed = "18:fe:34:00:00:09";
    let sorted = async |sort| names(&store, DeviceFilter { sort, ..DeviceFilter::default() }).await;
    assert_eq!(sorted(DeviceSort::Id).await, ["b", "C", "a", unnamed]);
    assert_eq!(sorted(DeviceSort::Name).await, ["a", "b", "C", unnamed]);
    assert_eq!(sorted(DeviceSort::Platform).await, ["a", "C", "b", unnamed]);
    assert_eq!(sorted(DeviceSort::Seen).await, ["b", "a", "C", unnamed]);
    assert_eq!(sorted(DeviceSort::Mac).await, ["b", "C", unnamed, "a"]);
    let all = DeviceFilter::default;
    let approval = Some(Approval::Ignored);
    assert_eq!(names(&store, DeviceFilter { approval, ..all() }).await, [unnamed]);
    let platform_id = Some(skye);
    assert_eq!(names(&store, DeviceFilter { platform_id, ..all() }).await, ["b"]);
    let page = DeviceFilter { limit: 1, offset: 1, ..all() };
    assert_eq!(names(&store, page).await, ["C"]);
    let second = store.devices(&all()).await.unwrap()[1].id;
    let after = DeviceFilter { after: Some(second), limit: 1, ..all() };
    assert_eq!(names(&store, after).await, ["a"]);
    let counts = store.count_devices().await.unwrap();
    assert!(counts.contains(&(Approval::Approved, 3)) && counts.contains(&(Approval::Ignored, 1)));
}

#[tokio::test]
async fn the_pending_device_that_is_silent_longest_is_found() {
    let store = store().await;
    assert!(store.stalest_pending().await.unwrap().is_none());
    let first = device(&store, CHASE, Approval::Pending, None).await;
    let second = device(&store, MARSHALL, Approval::Pending, None).await;
    device(&store, SKYE, Approval::Ignored, None).await;
    let batch = vec![seen(first, NOW + 50, 2, None), seen(second, NOW + 40, 9, None)];
    store.write_behind(&Batch { seen: batch, ..Batch::default() }).await.unwrap();
    assert_eq!(store.stalest_pending().await.unwrap(), Some(mac(MARSHALL)));
}

#[tokio::test]
async fn the_versions_in_the_field_are_those_of_approved_devices() {
    let store = store().await;
    let chase = platform(&store, "chase").await;
    let mut batch = Batch::default();
    for (address, approval, version) in [
        (CHASE, Approval::Approved, "v1"),
        (MARSHALL, Approval::Approved, "v2"),
        (SKYE, Approval::Approved, "v2"),
        ("18:FE:34:00:00:09", Approval::Blocked, "v3"),
    ] {
        let id = device(&store, address, approval, Some(chase)).await;
        batch.seen.push(seen(id, NOW, 1, Some(news(address, version))));
    }
    store.write_behind(&batch).await.unwrap();
    let field = store.versions_in_field().await.unwrap();
    let field: Vec<_> = field.iter().map(|v| (v.version.as_deref(), v.devices)).collect();
    assert_eq!(field, [(Some("v2"), 2), (Some("v1"), 1)]);
}

/// A store with one device and one release.
async fn with_attempts() -> (Store, i64, i64) {
    let store = store().await;
    let chase = platform(&store, "chase").await;
    let release = published(&store, chase, "v1", 1).await;
    let device = device(&store, CHASE, Approval::Approved, Some(chase)).await;
    (store, device, release)
}

async fn offer(store: &Store, device_id: i64, release_id: i64) -> i64 {
    store.record_offer(new_offer(device_id, release_id)).await.unwrap()
}

fn new_offer(device_id: i64, release_id: i64) -> NewOffer {
    NewOffer {
        rollout_id: None,
        device_id,
        release_id,
        version: "v1".to_owned(),
        image_id: 1,
        part: Part::Application,
        packed: false,
        from_version: Some("v0".to_owned()),
        from_md5: Some(Md5([3; 16])),
        size: 1001,
        usual: Some(3600),
        now: NOW,
    }
}

#[tokio::test]
async fn of_offers_that_are_recorded_together_each_gets_its_own_outcome() {
    let (store, device, release) = with_attempts().await;
    let gone = device + 99;
    // On this one thread all of them wait before the first is written.
    let record = |device: i64| store.record_offer(new_offer(device, release));
    let (one, none, two) = tokio::join!(record(device), record(gone), record(device));
    assert!(none.is_err(), "there is no such device");
    let (one, two) = (one.unwrap(), two.unwrap());
    let recorded = store.attempts(device, 10).await.unwrap();
    let recorded: Vec<i64> = recorded.iter().map(|attempt| attempt.id).collect();
    assert_eq!(recorded, [two, one]);
    let (one, two) = tokio::join!(record(device), record(device));
    assert_eq!(one.unwrap() + 1, two.unwrap(), "in the order in which they came");
    assert_eq!(store.release(release).await.unwrap().unwrap().counters.offers, 4);
}

async fn transfer(store: &Store, id: i64, release_id: i64, completed: bool, bytes: u64) {
    let (millis, now, counted) = (12, NOW + 5, true);
    let (day, tally) = (19_675, None);
    let ended = EndedAttempt { id, release_id, completed, counted, bytes, millis, now, day, tally };
    store.record_transfer(ended).await.unwrap();
}

async fn end(store: &Store, id: i64, release_id: i64, completed: bool) {
    let bytes = if completed { 1001 } else { 400 };
    transfer(store, id, release_id, completed, bytes).await;
}

#[tokio::test]
async fn offers_and_transfers_are_counted() {
    let (store, device, release) = with_attempts().await;
    for completed in [true, false, true] {
        let id = offer(&store, device, release).await;
        end(&store, id, release, completed).await;
    }
    let counters = store.release(release).await.unwrap().unwrap().counters;
    assert_eq!((counters.offers, counters.downloads, counters.bytes), (3, 2, 2402));
    let attempts = store.attempts(device, 2).await.unwrap();
    let states: Vec<AttemptState> = attempts.iter().map(|attempt| attempt.state).collect();
    assert_eq!(states, [AttemptState::Delivered, AttemptState::Aborted]);
    assert_eq!((attempts[0].bytes, attempts[0].size, attempts[0].millis), (1001, 1001, Some(12)));
    assert_eq!(attempts[0].ended_at, Some(NOW + 5));
}

#[tokio::test]
async fn tallies_are_kept_until_they_are_lifted() {
    let (store, device, release) = with_attempts().await;
    let own = async || store.tallies().await.unwrap().remove(&device).unwrap_or_default();
    assert_eq!(own().await, []);
    let mut tally = Tally { delivered: 2, ..Tally::new(release, Part::Application) };
    store.save_tally(device, &tally).await.unwrap();
    let files = Tally { retry_at: Some(NOW), ..Tally::new(release, Part::FileSystem) };
    store.save_tally(device, &files).await.unwrap();
    let id = offer(&store, device, release).await;
    tally.hold(Hold::RolledBack);
    let settled = Some((device, tally));
    store.settle_attempt(id, AttemptState::RolledBack, settled.as_ref(), NOW).await.unwrap();
    assert_eq!(own().await, [tally, files]);
    let last = store.last_attempts().await.unwrap().remove(&device).unwrap();
    assert_eq!((last.id, last.state), (id, AttemptState::RolledBack));
    assert_eq!((last.from_version.as_deref(), last.from_md5), (Some("v0"), Some(Md5([3; 16]))));
    store.lift_release(release, &[device]).await.unwrap();
    assert_eq!(own().await, []);
    store.save_tally(device, &files).await.unwrap();
    store.lift(device, NOW).await.unwrap();
    assert_eq!(own().await, []);
    store.save_tally(device, &Tally::new(999, Part::Application)).await.unwrap();
    assert_eq!(own().await, [], "a release that is gone needs no tally");
}

#[tokio::test]
async fn a_transfer_that_ends_well_after_all_is_delivered() {
    let (store, device, release) = with_attempts().await;
    let id = offer(&store, device, release).await;
    end(&store, id, release, false).await;
    end(&store, id, release, true).await;
    assert_eq!(store.attempts(device, 1).await.unwrap()[0].state, AttemptState::Delivered);
    end(&store, id, release, false).await;
    assert_eq!(store.attempts(device, 1).await.unwrap()[0].state, AttemptState::Delivered);
}

#[tokio::test]
async fn a_number_is_never_given_twice() {
    let (store, device_id, release) = with_attempts().await;
    let chase = store.platforms().await.unwrap().remove(0);
    store.delete_release(release).await.unwrap();
    assert!(published(&store, chase.id, "v2", 2).await > release);
    store.delete_device(device_id, &[]).await.unwrap();
    assert!(device(&store, CHASE, Approval::Approved, Some(chase.id)).await > device_id);
}

#[tokio::test]
async fn a_check_in_that_came_first_is_not_overwritten_by_the_end_of_the_transfer() {
    let (store, device, release) = with_attempts().await;
    let id = offer(&store, device, release).await;
    store.settle_attempt(id, AttemptState::Confirmed, None, NOW).await.unwrap();
    end(&store, id, release, true).await;
    assert_eq!(store.attempts(device, 1).await.unwrap()[0].state, AttemptState::Confirmed);
}

#[tokio::test]
async fn what_a_stop_cut_is_aborted() {
    let (store, device, release) = with_attempts().await;
    let first = offer(&store, device, release).await;
    end(&store, first, release, true).await;
    offer(&store, device, release).await;
    assert_eq!(store.end_cut_attempts(NOW + 9).await.unwrap(), 1);
    let attempts = store.attempts(device, 9).await.unwrap();
    let states: Vec<AttemptState> = attempts.iter().map(|attempt| attempt.state).collect();
    assert_eq!(states, [AttemptState::Aborted, AttemptState::Delivered]);
    assert_eq!(store.end_cut_attempts(NOW + 9).await.unwrap(), 0);
}

#[tokio::test]
async fn attempts_outlive_their_release_and_go_with_their_device() {
    let (store, device, release) = with_attempts().await;
    offer(&store, device, release).await;
    store.delete_release(release).await.unwrap();
    let attempts = store.attempts(device, 9).await.unwrap();
    assert_eq!((attempts[0].release_id, &*attempts[0].version), (None, "v1"));
    store.delete_device(device, &[]).await.unwrap();
    assert!(store.last_attempts().await.unwrap().is_empty());
}

#[tokio::test]
async fn events_are_filtered_and_paged() {
    let store = store().await;
    let event = |at, kind| Event::new(at, kind, format!("at {at}"));
    let all = [
        event(10, Kind::Published).on(Some("Chase")).about(7).by("192.168.1.5"),
        event(20, Kind::Offered).on(Some("Chase")).of(mac(CHASE)).about(7),
        event(30, Kind::Refused).of(mac(SKYE)),
    ];
    store.record_events(&all).await.unwrap();
    let at = async |filter: EventFilter| -> Vec<i64> {
        store.events(&filter).await.unwrap().iter().map(|event| event.at).collect()
    };
    let any = EventFilter::default;
    assert_eq!(at(any()).await, [30, 20, 10]);
    assert_eq!(at(EventFilter { mac: Some(mac(CHASE)), ..any() }).await, [20]);
    let platform = Some("CHASE".to_owned());
    assert_eq!(at(EventFilter { platform, ..any() }).await, [20, 10]);
    assert_eq!(at(EventFilter { release_id: Some(7), ..any() }).await, [20, 10]);
    assert_eq!(at(EventFilter { kind: Some(Kind::Refused), ..any() }).await, [30]);
    let (since, until) = (Some(10), Some(30));
    assert_eq!(at(EventFilter { since, until, ..any() }).await, [20, 10]);
    assert_eq!(at(EventFilter { limit: 1, ..any() }).await, [30]);
    let first = store.events(&any()).await.unwrap()[0].id;
    assert_eq!(at(EventFilter { before: Some(first), ..any() }).await, [20, 10]);
}

#[tokio::test]
async fn what_is_old_is_purged_but_not_a_devices_last_attempt() {
    let (store, device, release) = with_attempts().await;
    let first = offer(&store, device, release).await;
    end(&store, first, release, true).await;
    let second = offer(&store, device, release).await;
    end(&store, second, release, true).await;
    let batch = Batch {
        hours: vec![(0, 3600, 1), (0, NOW + 3600, 1)],
        events: vec![Event::new(10, Kind::Refused, "x"), Event::new(NOW + 100, Kind::Refused, "y")],
        ..Batch::default()
    };
    store.write_behind(&batch).await.unwrap();
    assert_eq!(store.purge(NOW + 100).await.unwrap(), 1);
    assert_eq!(store.events(&EventFilter::default()).await.unwrap().len(), 1);
    assert_eq!(store.checkins_per_hour(None, 0).await.unwrap().len(), 1);
    let attempts = store.attempts(device, 9).await.unwrap();
    assert_eq!(attempts.iter().map(|attempt| attempt.id).collect::<Vec<_>>(), [second]);
}

#[tokio::test]
async fn settings_are_kept_and_replaced() {
    let store = store().await;
    assert!(store.settings().await.unwrap().is_empty());
    store.save_settings(&[("a", "1".to_owned()), ("b", "2".to_owned())]).await.unwrap();
    store.save_settings(&[("b", "3".to_owned())]).await.unwrap();
    let saved = store.settings().await.unwrap();
    assert_eq!((&*saved["a"], &*saved["b"], saved.len()), ("1", "3", 2));
}

#[tokio::test]
async fn an_approval_is_dated_and_can_be_taken_back() {
    let store = store().await;
    let chase = platform(&store, "chase").await;
    let id = device(&store, CHASE, Approval::Pending, None).await;
    let approved = Approval::Approved;
    store.set_approval(id, approved, Some(chase), "inbox", NOW).await.unwrap();
    let device = store.device(mac(CHASE)).await.unwrap().unwrap();
    assert_eq!((device.approval, device.platform.as_deref()), (approved, Some("chase")));
    store.set_approval(id, Approval::Blocked, Some(chase), "", NOW).await.unwrap();
    let device = store.device(mac(CHASE)).await.unwrap().unwrap();
    assert_eq!((device.approval, device.platform_id), (Approval::Blocked, Some(chase)));
    store.ping().await.unwrap();
}
