//! Clients that break off at the worst moment: what is in memory stays in step with the database.

use espalier::app::{Uploaded, Wishes};
use espalier::domain::device::AttemptState;
use espalier::domain::event::Kind;
use espalier::domain::release::{Release, ReleaseState};
use espalier::store::ReleaseFilter;

use crate::support::{CHASE, Client, FakeDevice, Firmware, Form, TestApp, a_test, eventually, mac};

/// Addresses of devices that nobody knows.
fn strangers() -> impl Iterator<Item = String> {
    (0..40).map(|number| format!("18:FE:34:00:02:{number:02X}"))
}

/// Sends a request and breaks off without reading the answer.
async fn breaks_off(app: &TestApp, request: &[u8], after: std::time::Duration) {
    let mut client = Client::connect(app.address).await;
    client.send(request).await;
    tokio::time::sleep(after).await;
    client.reset();
}

async fn releases(app: &TestApp) -> Vec<Release> {
    app.app.store().releases(&ReleaseFilter::default()).await.unwrap()
}

/// A different moment for each number.
fn moment(number: usize) -> std::time::Duration {
    std::time::Duration::from_micros(100 * u64::try_from(number % 20).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_that_breaks_off_is_known_or_unknown_but_never_an_error() {
    let app = TestApp::start().await;
    app.platform("chase").released("v1.0.2").await;
    for (number, address) in strangers().enumerate() {
        let device = FakeDevice::esp8266(&address);
        let request = device.request("GET", "/update?dev=chase&ver=v1.0.1");
        breaks_off(&app, &request, moment(number)).await;
        let answer = device.polls(&app, "chase", "v1.0.1").await;
        assert_eq!(answer.status, 400, "{address}: {}", answer.text());
    }
    assert_eq!(app.told(Kind::Fault).await, <[&str; 0]>::default());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_is_let_in_and_breaks_off_is_served_the_next_time() {
    let app = TestApp::start().await;
    let released = app.platform("chase").open().released("v1.0.2").await;
    for (number, address) in strangers().enumerate() {
        let device = FakeDevice::esp8266(&address);
        let request = device.request("GET", "/update?dev=chase&ver=v1.0.1");
        breaks_off(&app, &request, moment(number)).await;
        device.polls(&app, "chase", "v1.0.1").await.is_firmware(&released[0].bytes);
    }
    // Which of the two requests comes last is not said.
    for address in strangers() {
        eventually("it was delivered, and nothing is left open", async || {
            let attempts = app.attempts(&address).await;
            let open = attempts.iter().any(|attempt| attempt.state == AttemptState::Offered);
            let whole = attempts.iter().any(|attempt| {
                matches!(attempt.state, AttemptState::Delivered | AttemptState::NotTaken)
            });
            (whole && !open).then_some(())
        })
        .await;
    }
    assert_eq!(app.told(Kind::Fault).await, <[&str; 0]>::default());
}

// An offer that was recorded but never sent would stand as "offered" until the next start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_offer_to_a_device_that_breaks_off_comes_to_an_end() {
    let app = TestApp::start().await;
    app.platform("chase").released("v1.0.2").approving(CHASE).await;
    let device = FakeDevice::esp8266(CHASE);
    let request = device.request("GET", "/update?dev=chase&ver=v1.0.1");
    for number in 0..30 {
        breaks_off(&app, &request, moment(number)).await;
    }
    eventually("no attempt is left open", async || {
        let attempts = app.attempts(CHASE).await;
        attempts.iter().all(|attempt| attempt.state != AttemptState::Offered).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_whose_uploader_breaks_off_is_offered_or_not_there() {
    let app = TestApp::start().await;
    app.platform("chase").await;
    for number in 0..20 {
        let version = format!("v1.0.{number}");
        let bytes = Firmware::esp8266().of("chase", &version).build();
        let form = Form::file("firmware.bin", &bytes).field("publish", "true");
        let target = ["/releases", "/api/v1/releases"][number % 2];
        breaks_off(&app, &form.request(target), 2 * moment(number)).await;
    }
    eventually("nothing arrives any more, and memory and database agree", async || {
        let shelf = app.app.shelf();
        let chase = shelf.platform("chase").unwrap();
        let mut offered: Vec<i64> = chase.published.iter().map(|release| release.id).collect();
        let all = releases(&app).await.into_iter();
        let published = all.filter(|release| release.state == ReleaseState::Published);
        let mut published: Vec<i64> = published.map(|release| release.id).collect();
        offered.sort_unstable();
        published.sort_unstable();
        (app.files("incoming").is_empty() && offered == published).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approval_whose_person_breaks_off_is_done_or_not() {
    let app = TestApp::start().await;
    let released = app.platform("chase").released("v1.0.2").await;
    for (number, address) in strangers().enumerate() {
        let body = format!("{{\"mac\": \"{address}\"}}");
        let request = format!(
            "POST /api/v1/platforms/chase/devices HTTP/1.1\r\nHost: x\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        breaks_off(&app, request.as_bytes(), moment(number)).await;
        let device = FakeDevice::esp8266(&address);
        let answer = device.polls(&app, "chase", "v1.0.1").await;
        // The approval may still be on its way; what counts is that both agree in the end.
        assert!(matches!(answer.status, 200 | 400), "{address}: {}", answer.text());
        eventually("memory and database agree", async || {
            let device = app.device(&address).await?;
            let approved = device.approval == espalier::domain::device::Approval::Approved;
            let explained = app.app.explain(mac(&address))?;
            (approved == (explained.decision.code() != "not_approved")).then_some(())
        })
        .await;
    }
    assert!(released[0].size() > 0);
    assert_eq!(app.told(Kind::Fault).await, <[&str; 0]>::default());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_of_first_contacts_is_one_device() {
    let app = TestApp::start().await;
    app.platform("chase").released("v1.0.2").await;
    let app = std::sync::Arc::new(app);
    let mut crowd = Vec::new();
    for _ in 0..30 {
        let app = std::sync::Arc::clone(&app);
        crowd.push(tokio::spawn(async move {
            FakeDevice::esp8266(CHASE).polls(&app, "chase", "v1.0.1").await.status
        }));
    }
    for answer in crowd {
        assert_eq!(answer.await.unwrap(), 400);
    }
    assert_eq!(app.told(Kind::FirstContact).await.len(), 1);
    assert_eq!(app.device(CHASE).await.unwrap().checkins, 30);
}

// Two build servers at once: one release, and nothing else is left.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_uploads_of_one_version_one_is_published_and_nothing_else_is_kept() {
    let app = TestApp::start().await;
    app.platform("chase").await;
    let app = std::sync::Arc::new(app);
    let mut crowd = Vec::new();
    for number in 0..8 {
        let app = std::sync::Arc::clone(&app);
        crowd.push(tokio::spawn(async move {
            let sketch = Firmware::esp8266().of("chase", "v1.0.2").text(&format!("build {number}"));
            let wishes = Wishes { publish: true, ..Wishes::default() };
            app.upload("firmware.bin", &sketch.build(), &wishes).await
        }));
    }
    let mut published = 0;
    for upload in crowd {
        match upload.await.unwrap() {
            Ok(Uploaded::Published(..)) => published += 1,
            Ok(other) => panic!("{other:?}"),
            Err(error) => assert_eq!(error.code(), "version_exists"),
        }
    }
    assert_eq!(published, 1);
    assert_eq!(releases(&app).await.len(), 1, "no drafts are left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_uploads_of_one_file_all_end_well() {
    let app = TestApp::start().await;
    app.platform("chase").approving(CHASE).await;
    let app = std::sync::Arc::new(app);
    let bytes = Firmware::esp8266().of("chase", "v1.0.2").build();
    let mut crowd = Vec::new();
    for _ in 0..8 {
        let (app, bytes) = (std::sync::Arc::clone(&app), bytes.clone());
        crowd.push(tokio::spawn(async move {
            let wishes = Wishes { publish: true, ..Wishes::default() };
            app.upload("firmware.bin", &bytes, &wishes).await
        }));
    }
    let mut published = 0;
    for upload in crowd {
        match upload.await.unwrap() {
            Ok(Uploaded::Published(..)) => published += 1,
            Ok(Uploaded::Existing(..)) => {}
            Ok(other) => panic!("{other:?}"),
            Err(error) => assert!(
                matches!(error.code(), "version_exists" | "identical" | "not_found"),
                "{error:?}"
            ),
        }
    }
    assert_eq!(published, 1);
    assert_eq!(releases(&app).await.len(), 1, "no drafts are left");
    FakeDevice::esp8266(CHASE).polls(&app, "chase", "v1.0.1").await.is_firmware(&bytes);
}

#[tokio::test]
async fn what_is_deleted_during_a_download_is_sent_to_the_end() {
    let app = TestApp::start().await;
    let sketch = Firmware::esp8266().of("chase", "v1.0.2").size(600_000);
    let released = app.platform("chase").releasing("v1.0.2", sketch).approving(CHASE).await;
    let device = FakeDevice::esp8266(CHASE);
    for step in 0..2 {
        let (head, mut client) = device.begins(&app, "/update?dev=chase&ver=v1.0.1").await;
        if step == 1 {
            assert_eq!(head.status, 304, "the release is gone");
            continue;
        }
        let first = client.read_exactly(1000).await;
        app.app.delete_release(released[0].id(), &a_test()).await.unwrap();
        let rest = client.read_exactly(released[0].size() - 1000).await;
        assert!([first, rest].concat() == released[0].bytes);
        drop(client);
        app.until_attempt(CHASE, AttemptState::Delivered).await;
    }
    let (_, client) = device.begins(&app, "/update?dev=chase&ver=v1.0.1").await;
    app.app.remove_device(mac(CHASE), &a_test()).await.unwrap();
    drop(client);
    assert_eq!(device.polls(&app, "chase", "v1.0.1").await.status, 400);
    assert_eq!(app.told(Kind::Fault).await, <[&str; 0]>::default());
}
