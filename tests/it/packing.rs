//! Compressed forms are made behind the answers: what happens beside that, and what a crash leaves.

use std::sync::Arc;

use espalier::app::{Uploaded, Wishes};
use espalier::domain::event::Kind;

use crate::support::http::soon;
use crate::support::{Board, CHASE, Came, FakeDevice, Firmware, TestApp, a_test, image};

/// A firmware that takes a moment to be compressed.
fn sketch(version: &str) -> Firmware {
    Firmware::esp8266().of("door", version).size(0x1_0000).hollow(0x8000)
}

fn wishes(version: &str, publish: bool) -> Wishes {
    let (platform, version) = (Some("door".to_owned()), Some(version.to_owned()));
    Wishes { platform, version, publish, ..Wishes::default() }
}

async fn with_platform() -> Arc<TestApp> {
    let app = TestApp::start().await;
    app.platform("door").approving(CHASE).await;
    Arc::new(app)
}

/// Nothing failed that somebody should look at, and every file belongs to a row.
async fn all_is_well(app: &TestApp, files: usize) {
    app.app.pack_wanted().await.unwrap();
    app.app.tidy().await.unwrap();
    assert_eq!(app.files("firmware").len(), files);
    assert_eq!(app.files("incoming"), <[&str; 0]>::default());
    assert_eq!(app.told(Kind::Fault).await, <[&str; 0]>::default());
}

#[tokio::test]
async fn the_sweep_spares_both_forms_and_a_deletion_removes_both() {
    let app = with_platform().await;
    let released = app.release("door", "v1.0.0", sketch("v1.0.0")).await;
    all_is_well(&app, 2).await;
    let release = app.app.store().release(released.id()).await.unwrap().unwrap();
    let packed = release.image.packed.unwrap();
    for (sha256, size) in [(release.image.sha256, release.image.size), (packed.sha256, packed.size)]
    {
        let path = app.data().join("firmware").join(format!("{sha256}.bin"));
        let bytes = std::fs::read(path).unwrap();
        assert_eq!((bytes.len() as u64, image::sha256(&bytes)), (size, sha256.to_string()));
    }
    app.app.delete_release(released.id(), &a_test()).await.unwrap();
    assert_eq!(app.files("firmware").len(), 0);
}

// The file is there before the row that names it: what a crash leaves between is swept.
#[tokio::test]
async fn a_file_without_a_row_goes_and_the_work_is_done_again() {
    let app = with_platform().await;
    let released = app.release("door", "v1.0.0", sketch("v1.0.0")).await;
    all_is_well(&app, 2).await;
    let lost = app.data().join("firmware").join(format!("{}.bin", "ab".repeat(32)));
    std::fs::write(&lost, b"half a form").unwrap();
    let app = Arc::into_inner(app).unwrap().restarted().await;
    all_is_well(&app, 2).await;
    assert!(!lost.exists());
    assert!(app.app.shelf().image(released.release.image.id).unwrap().image.packed.is_some());
}

// A form that was lost is a fault that is told, and not one byte of something else is sent.
#[tokio::test]
async fn a_damaged_form_is_never_sent() {
    let app = with_platform().await;
    let old = app.release("door", "v1.0.0", sketch("v1.0.0")).await;
    let new = app.release("door", "v1.1.0", sketch("v1.1.0")).await;
    app.app.pack_wanted().await.unwrap();
    let packed = app.app.store().release(new.id()).await.unwrap().unwrap().image.packed.unwrap();
    let path = app.data().join("firmware").join(format!("{}.bin", packed.sha256));
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let device = Board::esp8266(CHASE, &old.bytes).device();
    assert_eq!(device.asks(&app, "/update").await.status, 500);
    assert_eq!(app.told(Kind::Fault).await.len(), 1);
    assert_eq!(app.attempts(CHASE).await.len(), 0);
}

#[tokio::test]
async fn an_image_whose_file_is_lost_does_not_keep_the_others_waiting() {
    let app = with_platform().await;
    let first = app.release("door", "v1.0.0", sketch("v1.0.0").signed()).await;
    let lost = app.data().join("firmware").join(format!("{}.bin", image::sha256(&first.bytes)));
    std::fs::remove_file(lost).unwrap();
    let second = app.release("door", "v1.1.0", sketch("v1.1.0")).await;
    app.app.pack_wanted().await.unwrap();
    assert!(app.app.shelf().image(second.release.image.id).unwrap().image.packed.is_some());
}

// Which comes first is a matter of milliseconds: on a slow disk the form, else the publication.
#[tokio::test]
async fn a_form_that_is_ready_before_its_release_is_told_as_well() {
    let app = with_platform().await;
    let bytes = sketch("v1.0.0").build();
    let draft = app.upload("door.bin", &bytes, &wishes("v1.0.0", false)).await.unwrap();
    let Uploaded::Draft(draft, _) = draft else { panic!("{draft:?}") };
    app.app.pack_wanted().await.unwrap();
    app.app.publish_draft(draft.id, &Wishes::default(), &a_test()).await.unwrap();
    let told = app.told(Kind::Packed).await;
    assert!(told.len() == 1 && told[0].contains("form of door v1.0.0 is ready"), "{told:?}");
}

// What is deleted while it is compressed leaves nothing behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_that_is_deleted_while_it_is_compressed_leaves_nothing() {
    let app = with_platform().await;
    for number in 0..4 {
        let version = format!("v1.{number}.0");
        let released = app.release("door", &version, sketch(&version)).await;
        let packing = tokio::spawn({
            let app = Arc::clone(&app);
            async move { app.app.pack_wanted().await }
        });
        app.app.delete_release(released.id(), &a_test()).await.unwrap();
        soon(packing).await.unwrap().unwrap();
        assert_eq!(app.files("firmware"), <[&str; 0]>::default(), "{number}");
    }
    all_is_well(&app, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draft_that_expires_while_it_is_compressed_leaves_nothing() {
    let app = with_platform().await;
    for number in 0..6 {
        let bytes = sketch("v1.0.0").text(&format!("build {number}")).build();
        let draft = app.upload("door.bin", &bytes, &wishes("v1.0.0", false)).await.unwrap();
        assert!(matches!(draft, Uploaded::Draft(..)));
        app.clock.advance(86_400);
        app.app.tidy().await.unwrap();
        app.app.pack_wanted().await.unwrap();
        assert_eq!(app.files("firmware"), <[&str; 0]>::default(), "{number}");
    }
    all_is_well(&app, 0).await;
}

// Two promises that files stay must not wait for a sweep that waits for the first of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn compressed_uploads_and_sweeps_do_not_wait_for_each_other() {
    let app = with_platform().await;
    let sweeps = tokio::spawn({
        let app = Arc::clone(&app);
        async move {
            for _ in 0..30 {
                app.platform("gate").await;
                app.app.delete_platform("gate", &a_test()).await.unwrap();
            }
        }
    });
    let mut uploads = Vec::new();
    for task in 0..4 {
        let app = Arc::clone(&app);
        uploads.push(tokio::spawn(async move {
            for number in 0..5 {
                let text = format!("{task} {number}");
                let file = Firmware::esp8266().of("door", "v1.0.0").text(&text).compressed();
                app.upload("door.bin.gz", &file.build(), &wishes("v1.0.0", false)).await.unwrap();
            }
        }));
    }
    for upload in uploads {
        soon(upload).await.unwrap();
    }
    soon(sweeps).await.unwrap();
    all_is_well(&app, 40).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn devices_are_served_whole_images_while_forms_appear_and_releases_go() {
    let app = with_platform().await;
    let old = app.release("door", "v1.0.0", sketch("v1.0.0")).await;
    let device = Board::esp8266(CHASE, &old.bytes).device();
    let done = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let mut polls = Vec::new();
    for _ in 0..3 {
        let (app, device, done) = (Arc::clone(&app), device.clone(), Arc::clone(&done));
        polls.push(tokio::spawn(async move {
            let mut seen = Vec::new();
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                let answer = device.asks(&app, "/update?ver=v0.9.0&dev=door").await;
                assert!(matches!(answer.status, 200 | 304), "{}: {}", answer.status, answer.text());
                if answer.status == 200 {
                    answer.is_firmware(&answer.body);
                    seen.push(answer.body[0]);
                }
            }
            seen
        }));
    }
    for number in 1..14 {
        let version = format!("v1.{number}.0");
        let released = app.release("door", &version, sketch(&version)).await;
        app.app.pack_wanted().await.unwrap();
        app.app.delete_release(released.id(), &a_test()).await.unwrap();
    }
    done.store(true, std::sync::atomic::Ordering::Relaxed);
    for poll in polls {
        assert!(soon(poll).await.unwrap().iter().all(|first| matches!(first, 0xE9 | 0x1F)));
    }
    assert_eq!(app.told(Kind::Fault).await, <[&str; 0]>::default());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_platform_that_is_deleted_while_devices_download_ends_in_answers() {
    let app = Arc::new(TestApp::start().await);
    for number in 0..6 {
        app.platform("door").open().releasing("v1.0.0", sketch("v1.0.0")).await;
        let mut polls = Vec::new();
        for device in 0..6 {
            let app = Arc::clone(&app);
            let address = format!("18:FE:34:00:{number:02X}:{device:02X}");
            polls.push(tokio::spawn(async move {
                let device = FakeDevice::esp8266(&address);
                let mut statuses = Vec::new();
                for _ in 0..4 {
                    statuses.push(device.polls(&app, "door", "v0.9.0").await.status);
                }
                statuses
            }));
        }
        tokio::task::yield_now().await;
        app.app.delete_platform("door", &a_test()).await.unwrap();
        for poll in polls {
            let statuses = soon(poll).await.unwrap();
            let fine = |status: &u16| matches!(status, 200 | 304 | 400);
            // Without any platform the original answers 500, in its own words.
            assert!(statuses.iter().all(|status| fine(status) || *status == 500), "{statuses:?}");
        }
    }
    all_is_well(&app, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_and_its_compressed_form_at_the_same_time_are_one_release() {
    for _ in 0..5 {
        let app = with_platform().await;
        let plain = sketch("v1.0.0").build();
        let packed = image::gzip(&plain);
        let mut uploads = Vec::new();
        for number in 0..6 {
            let (name, bytes) =
                if number % 2 == 0 { ("door.bin", &plain) } else { ("door.bin.gz", &packed) };
            let bytes = bytes.clone();
            let app = Arc::clone(&app);
            uploads.push(tokio::spawn(async move {
                app.upload(name, &bytes, &wishes("v1.0.0", true)).await.unwrap()
            }));
        }
        let mut published = 0;
        for upload in uploads {
            match soon(upload).await.unwrap() {
                Uploaded::Published(..) => published += 1,
                Uploaded::Existing(..) => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(published, 1);
        all_is_well(&app, 2).await;
    }
}

// What compressing and closer looks add must not overwrite what a person changes meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_change_is_on_the_shelf_in_the_end() {
    let app = with_platform().await;
    let mut work = Vec::new();
    for task in 0..4 {
        let app = Arc::clone(&app);
        work.push(tokio::spawn(async move {
            for number in 0..5 {
                let version = format!("v{task}.{number}.0");
                let firmware = Firmware::esp8266().of("door", &version);
                let released = app.release("door", &version, firmware).await;
                if number == 2 {
                    app.withdraw(&released).await;
                }
            }
        }));
    }
    for task in work {
        soon(task).await.unwrap();
    }
    app.app.pack_wanted().await.unwrap();
    let shelf = app.app.shelf();
    assert_eq!(shelf.platform("door").unwrap().published.len(), 16);
    assert!(shelf.images().all(|release| release.image.packed.is_some()));
    let mut board = Board::esp8266(CHASE, &Firmware::esp8266().of("door", "v0.1.0").build());
    assert_eq!(board.updates(&app).await, Came::Installed);
    assert_eq!(board.version().as_deref(), Some("v3.4.0"));
}
