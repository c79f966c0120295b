//! Compressed images: cases 26, 38–40 and 53, T8 and T17–T19 (`protocol.md` §2.3).

use espalier::app::{PlatformChange, Uploaded, Wishes};
use espalier::domain::device::AttemptState;
use espalier::domain::event::Kind;
use espalier::domain::learnt::GzipTried;
use espalier::domain::platform::GzipPolicy;
use espalier::domain::release::Packed;

use crate::support::{
    Board, CHASE, Came, FakeDevice, Firmware, Released, TestApp, a_test, image, mac,
};

fn sketch(version: &str) -> Firmware {
    Firmware::esp8266().of("door", version).hollow(0x8000)
}

/// Two releases with compressed forms, and a device that may have them.
async fn stocked() -> (TestApp, Released, Released) {
    let app = TestApp::start().await;
    app.platform("door").approving(CHASE).await;
    let old = app.release("door", "v1.0.0", sketch("v1.0.0")).await;
    let new = app.release("door", "v1.1.0", sketch("v1.1.0")).await;
    app.app.pack_wanted().await.unwrap();
    (app, old, new)
}

/// The compressed form of a release's image.
async fn packed(app: &TestApp, released: &Released) -> Packed {
    let release = app.app.store().release(released.id()).await.unwrap().unwrap();
    release.image.packed.expect("it is compressed")
}

async fn policy(app: &TestApp, policy: GzipPolicy) {
    let change = PlatformChange { gzip: Some(policy), ..PlatformChange::default() };
    app.change_platform("door", change).await;
}

async fn tried(app: &TestApp) -> Option<GzipTried> {
    app.device(CHASE).await.unwrap().learnt.gzip
}

/// Whether it is sent the compressed form.
async fn gets_gzip(app: &TestApp, device: &FakeDevice) -> bool {
    let answer = device.asks_with("HEAD", app, "/update").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.header("content-disposition").unwrap().ends_with(".gz\"")
}

// Case 26, T8 and T19: opaque bytes, and the digest of what is sent.
#[tokio::test]
async fn a_recognised_device_gets_the_compressed_form_and_comes_back_with_the_version() {
    let (app, old, new) = stocked().await;
    let form = packed(&app, &new).await;
    assert!(!form.uploaded && !form.signed && form.size < new.bytes.len() as u64 / 2);
    for board in [Board::esp8266(CHASE, &old.bytes), Board::esp8266(CHASE, &old.bytes).silent()] {
        let mut board = board;
        let answer = board.device().asks(&app, "/update").await;
        app.until_downloaded(CHASE).await;
        assert_eq!(answer.body[..2], [0x1F, 0x8B]);
        answer.is_firmware(&answer.body);
        assert_eq!(answer.body.len() as u64, form.size);
        assert_eq!(image::md5(&answer.body), form.md5.to_string());
        assert_eq!(answer.header("x-version"), Some("v1.1.0"));
        let disposition = answer.header("content-disposition");
        assert_eq!(disposition, Some("attachment; filename=\"door_1_1_0.bin.gz\""));
        assert_eq!(board.takes(&answer), Came::Installed);
        assert!(board.program() == new.bytes);
        assert_eq!(board.updates(&app).await, Came::NoUpdate);
        assert_eq!(app.decision(CHASE), "identical");
        // Back to the old one by cable, which looks like a rollback until a person speaks.
        Board::esp8266(CHASE, &old.bytes).updates(&app).await;
        app.app.try_again(mac(CHASE), &a_test()).await.unwrap();
    }
    let attempts = app.attempts(CHASE).await;
    assert_eq!(attempts.len(), 2);
    for attempt in attempts {
        assert_eq!((attempt.packed, attempt.state), (true, AttemptState::RolledBack));
        assert_eq!((attempt.size, attempt.bytes), (form.size, form.size));
    }
    assert_eq!(tried(&app).await, Some(GzipTried::Taken));
    let counters = app.counters(&new).await;
    assert_eq!((counters.offers, counters.downloads, counters.bytes), (2, 2, 2 * form.size));
    let offered = app.told(Kind::Offered).await;
    assert!(offered.iter().all(|text| text.contains("(compressed)")), "{offered:?}");
}

#[tokio::test]
async fn that_it_is_ready_is_told() {
    let (app, _, new) = stocked().await;
    let told = app.events().await.into_iter().find(|event| event.kind == Kind::Packed).unwrap();
    assert_eq!((told.release_id, told.platform.as_deref()), (Some(new.id()), Some("door")));
    assert!(told.text.contains("v1.1.0 is ready; it is"), "{}", told.text);
    let app = app.restarted().await;
    app.app.pack_wanted().await.unwrap();
    assert_eq!(app.told(Kind::Packed).await.len(), 2, "nothing is compressed twice");
}

// Case 38: older cores refuse it at its first byte.
#[tokio::test]
async fn who_is_not_known_to_unpack_gets_the_plain_image() {
    let (app, _, new) = stocked().await;
    let unknown = Firmware::esp8266().of("door", "v1.0.0").text("not ours").build();
    let mut board = Board::esp8266(CHASE, &unknown);
    assert_eq!(board.updates(&app).await, Came::Installed);
    assert!(board.program() == new.bytes);
    assert!(!app.attempts(CHASE).await[0].packed);
}

#[tokio::test]
async fn who_runs_a_core_before_2_7_0_gets_the_plain_image() {
    let app = TestApp::start().await;
    app.platform("door").approving(CHASE).await;
    let old = app.release("door", "v1.0.0", sketch("v1.0.0").unchecked()).await;
    let new = app.release("door", "v1.1.0", sketch("v1.1.0")).await;
    app.app.pack_wanted().await.unwrap();
    let mut board = Board::esp8266(CHASE, &old.bytes);
    assert!(!gets_gzip(&app, &board.device()).await);
    assert_eq!(board.updates(&app).await, Came::Installed);
    assert_eq!(board.updates(&app).await, Came::NoUpdate);
    // From now on it runs a newer core.
    let newest = app.release("door", "v1.2.0", sketch("v1.2.0")).await;
    app.app.pack_wanted().await.unwrap();
    assert!(gets_gzip(&app, &board.device()).await);
    assert_eq!(board.updates(&app).await, Came::Installed);
    assert!(board.program() == newest.bytes && new.size() > 0);
}

// Gzip is written as it is: the wrong flash mode would be the end of the device.
#[tokio::test]
async fn who_runs_in_another_flash_mode_gets_the_plain_image() {
    let (app, old, new) = stocked().await;
    for policies in [GzipPolicy::Auto, GzipPolicy::Always] {
        policy(&app, policies).await;
        let mut board = Board::esp8266(CHASE, &old.bytes).wired(0);
        assert!(!gets_gzip(&app, &board.device()).await, "{policies:?}");
        assert_eq!(board.updates(&app).await, Came::Installed);
        assert!(board.program()[3..] == new.bytes[3..] && board.program()[2] == 0);
        assert_eq!(board.updates(&app).await, Came::NoUpdate);
        Board::esp8266(CHASE, &old.bytes).updates(&app).await;
        app.app.try_again(mac(CHASE), &a_test()).await.unwrap();
    }
}

#[tokio::test]
async fn a_policy_switches_it_off_or_on_for_all() {
    let (app, old, _) = stocked().await;
    let known = Board::esp8266(CHASE, &old.bytes).device();
    let unknown = FakeDevice::esp8266(CHASE).reporting("v1.0.0");
    for (mode, expected) in [
        (GzipPolicy::Auto, [true, false]),
        (GzipPolicy::Off, [false, false]),
        (GzipPolicy::Always, [true, true]),
    ] {
        policy(&app, mode).await;
        let got = [gets_gzip(&app, &known).await, gets_gzip(&app, &unknown).await];
        assert_eq!(got, expected, "{mode:?}");
    }
    let app = app.restarted().await;
    assert!(gets_gzip(&app, &unknown).await, "the policy stays");
}

// What a person asks for by its name is what comes.
#[tokio::test]
async fn a_file_by_its_address_is_the_plain_one() {
    let (app, old, new) = stocked().await;
    let mut board = Board::esp8266(CHASE, &old.bytes);
    let answer = board.device().asks(&app, "/door_1_1_0.bin").await;
    answer.is_firmware(&new.bytes);
    app.until_downloaded(CHASE).await;
    assert_eq!(board.takes(&answer), Came::Installed);
    assert_eq!(board.device().asks(&app, "/door_1_1_0.bin.gz").await.status, 404);
}

// An old boot loader's updater leaves after the first byte (-106).
#[tokio::test]
async fn after_a_transfer_that_was_left_the_plain_image_comes() {
    let (app, old, new) = stocked().await;
    let mut board = Board::esp8266(CHASE, &old.bytes);
    let (head, client) = board.device().begins(&app, "/update").await;
    assert!(head.header("content-disposition").unwrap().ends_with(".gz\""));
    client.reset();
    app.until_attempt(CHASE, AttemptState::Aborted).await;
    let answer = board.device().asks(&app, "/update").await;
    answer.is_firmware(&new.bytes);
    app.until_downloaded(CHASE).await;
    assert_eq!(tried(&app).await, Some(GzipTried::Failed));
    assert_eq!(board.takes(&answer), Came::Installed);
    assert_eq!(board.updates(&app).await, Came::NoUpdate);
    // It is remembered, until a person says otherwise.
    app.release("door", "v1.2.0", sketch("v1.2.0")).await;
    app.app.pack_wanted().await.unwrap();
    let app = app.restarted().await;
    assert!(!gets_gzip(&app, &board.device()).await);
    app.app.try_again(mac(CHASE), &a_test()).await.unwrap();
    assert!(gets_gzip(&app, &board.device()).await);
    assert!(gets_gzip(&app.restarted().await, &board.device()).await);
}

// A boot loader that could not unpack it left the old program in place.
#[tokio::test]
async fn after_one_that_was_not_taken_the_plain_image_comes() {
    let (app, old, new) = stocked().await;
    let mut board = Board::esp8266(CHASE, &old.bytes).stuck();
    assert_eq!(board.updates(&app).await, Came::Installed);
    assert!(app.attempts(CHASE).await[0].packed);
    let answer = board.device().asks(&app, "/update").await;
    answer.is_firmware(&new.bytes);
    app.until_downloaded(CHASE).await;
    assert_eq!(tried(&app).await, Some(GzipTried::Failed));
    let states: Vec<_> =
        app.attempts(CHASE).await.iter().map(|attempt| (attempt.packed, attempt.state)).collect();
    assert_eq!(states, [(false, AttemptState::Delivered), (true, AttemptState::NotTaken)]);
    // Both count for the loop stop.
    assert_eq!(board.updates(&app).await, Came::NoUpdate);
    assert_eq!(app.decision(CHASE), "retry_later");
}

// Where nothing but gzip fits, one broken transfer must not be the end of all updates.
#[tokio::test]
async fn where_only_gzip_fits_a_person_can_have_it_tried_again() {
    let (app, old, _) = stocked().await;
    // The image twice, less a sector, but with room for the compressed one.
    let room = 2 * (old.bytes.len() as u64).next_multiple_of(4096) - 4096;
    let mut board = Board::esp8266(CHASE, &old.bytes).with_room(room);
    let (head, client) = board.device().begins(&app, "/update").await;
    assert!(head.header("content-disposition").unwrap().ends_with(".gz\""));
    client.reset();
    app.until_attempt(CHASE, AttemptState::Aborted).await;
    assert_eq!(board.updates(&app).await, Came::NoUpdate);
    assert_eq!(app.decision(CHASE), "too_big");
    app.app.try_again(mac(CHASE), &a_test()).await.unwrap();
    let app = app.restarted().await;
    assert_eq!(board.updates(&app).await, Came::Installed);
    assert_eq!(board.version().as_deref(), Some("v1.1.0"));
    assert_eq!(board.updates(&app).await, Came::NoUpdate);
    assert_eq!(tried(&app).await, Some(GzipTried::Taken));
}

// It must fit beside the program, and then be unpacked without running over itself.
#[tokio::test]
async fn gzip_needs_room_for_itself_and_for_what_is_inside() {
    let (app, old, new) = stocked().await;
    let sectors = |bytes: u64| bytes.next_multiple_of(4096);
    let form = sectors(packed(&app, &new).await.size);
    let program = sectors(new.bytes.len() as u64);
    for (room, came) in [(program + form, Came::Installed), (program + form - 4096, Came::NoUpdate)]
    {
        let mut board = Board::esp8266(CHASE, &old.bytes).with_room(room);
        assert_eq!(board.updates(&app).await, came, "{room}");
    }
    assert_eq!(app.decision(CHASE), "too_big");
}

async fn upload(app: &TestApp, bytes: &[u8]) -> Result<Uploaded, espalier::app::Error> {
    let (platform, version) = (Some("door".to_owned()), Some("v1.1.0".to_owned()));
    let wishes = Wishes { platform, version, publish: true, ..Wishes::default() };
    app.upload("door.bin.gz", bytes, &wishes).await
}

// Case 39 and T17: eboot takes the length from the last four bytes, whatever they are.
#[tokio::test]
async fn a_compressed_file_that_would_destroy_a_device_is_refused_and_nothing_is_kept() {
    let app = TestApp::start().await;
    app.platform("door").await;
    let good = sketch("v1.1.0").compressed().build();
    let with = |at: usize| {
        let mut file = good.clone();
        file[at] ^= 1;
        file
    };
    for (what, file) in [
        ("a trailing byte", [&good[..], b"\n"].concat()),
        ("padding", [&good[..], &[0xFF; 100]].concat()),
        ("two members", [&good[..], &good].concat()),
        ("a wrong length", with(good.len() - 4)),
        ("a wrong checksum", with(good.len() - 8)),
        ("cut off", good[..good.len() - 9].to_vec()),
        ("no application", image::gzip(b"hello")),
        ("files", image::gzip(&Firmware::littlefs().build())),
        ("a factory image", image::gzip(&image::merged(&Firmware::esp32().build()))),
        ("gzip in gzip", image::gzip(&good)),
    ] {
        let refused = upload(&app, &file).await;
        assert!(refused.is_err(), "{what}: {refused:?}");
        for folder in ["firmware", "incoming"] {
            assert_eq!(app.files(folder), <[&str; 0]>::default(), "{what}");
        }
    }
    let uploaded = upload(&app, &good).await;
    assert!(matches!(uploaded, Ok(Uploaded::Published(..))), "{uploaded:?}");
    assert_eq!(app.files("firmware").len(), 2, "what was sent, and what was inside");
}

#[tokio::test]
async fn a_compressed_upload_goes_out_in_both_forms() {
    let app = TestApp::start().await;
    app.platform("door").approving(CHASE).await;
    let old = app.release("door", "v1.0.0", sketch("v1.0.0")).await;
    let new = app.release("door", "v1.1.0", sketch("v1.1.0").compressed()).await;
    let plain = sketch("v1.1.0").build();
    app.app.pack_wanted().await.unwrap();
    assert!(packed(&app, &new).await.uploaded, "the uploaded one stays");
    let mut capable = Board::esp8266(CHASE, &old.bytes);
    capable.device().asks(&app, "/update").await.is_firmware(&new.bytes);
    app.until_downloaded(CHASE).await;
    app.app.try_again(mac(CHASE), &a_test()).await.unwrap();
    assert_eq!(capable.updates(&app).await, Came::Installed);
    assert!(capable.program() == plain);
    assert_eq!(capable.updates(&app).await, Came::NoUpdate);
    let unknown = FakeDevice::esp8266(CHASE).reporting("v1.0.0");
    unknown.asks(&app, "/update").await.is_firmware(&plain);
}

// In whichever order they come.
#[tokio::test]
async fn a_file_and_its_compressed_form_are_one_release() {
    for gzip_first in [false, true] {
        let app = TestApp::start().await;
        app.platform("door").await;
        let plain = sketch("v1.1.0").build();
        let (first, second) = (plain.clone(), image::gzip(&plain));
        let (first, second) = if gzip_first { (second, first) } else { (first, second) };
        let released = app.release_bytes("door", "v1.1.0", first).await;
        app.app.pack_wanted().await.unwrap();
        let kept = app.files("firmware").len();
        let again = upload(&app, &second).await.unwrap();
        let Uploaded::Existing(existing, _) = again else { panic!("{again:?}") };
        assert_eq!(existing.id, released.id());
        assert_eq!((kept, app.files("firmware").len()), (2, 2), "{gzip_first}");
    }
}

// The same program, but not the same file: nobody may believe that it went out signed.
#[tokio::test]
async fn a_signed_compressed_file_is_not_the_unsigned_one_that_is_there() {
    let app = TestApp::start().await;
    app.platform("door").released("v1.0.0").await;
    app.release("door", "v1.1.0", sketch("v1.1.0")).await;
    let signed = sketch("v1.1.0").compressed().signed().build();
    let uploaded = upload(&app, &signed).await;
    assert!(matches!(uploaded, Err(espalier::app::Error::Questions(_))), "{uploaded:?}");
}
