//! Uploads: what is kept, what is refused and why, and what is asked; case 74.

use espalier::app::{Error, ReportCard, Uploaded, Wishes};
use espalier::domain::event::Kind;
use espalier::domain::release::{Question, Release, ReleaseState};
use espalier::store::ReleaseFilter;
use serde_json::Value;

use crate::support::{
    CHASE, Client, FakeDevice, Firmware, Form, MARSHALL, TestApp, a_test, eventually,
};

/// Larger than what two sockets can hold.
const HUGE: usize = 8 << 20;

fn publish() -> Wishes {
    Wishes { publish: true, ..Wishes::default() }
}

async fn releases(app: &TestApp) -> Vec<Release> {
    app.app.store().releases(&ReleaseFilter::default()).await.unwrap()
}

/// Neither a row nor a byte is left.
#[track_caller]
fn assert_nothing_kept(app: &TestApp, releases: &[Release], what: &str) {
    assert!(releases.is_empty(), "{what}: {releases:?}");
    for folder in ["firmware", "incoming"] {
        assert_eq!(app.files(folder), <[&str; 0]>::default(), "{what}");
    }
}

/// How many files there are once nothing is being compressed any more: an image and its
/// compressed form make two.
async fn files_kept(app: &TestApp) -> usize {
    app.app.pack_wanted().await.unwrap();
    app.files("firmware").len()
}

async fn nothing_is_kept(app: &TestApp, what: &str) {
    // The temporary file goes when the connection's task has ended.
    let gone = async || app.files("incoming").is_empty().then_some(());
    eventually("the temporary file is gone", gone).await;
    assert_nothing_kept(app, &releases(app).await, what);
}

#[track_caller]
fn card(uploaded: Uploaded) -> ReportCard {
    match uploaded {
        Uploaded::Looked(card)
        | Uploaded::Draft(_, card)
        | Uploaded::Published(_, card)
        | Uploaded::Existing(_, card) => *card,
    }
}

#[track_caller]
fn codes(result: &Result<Uploaded, Error>) -> Vec<&'static str> {
    let card = match result {
        Ok(
            Uploaded::Looked(card)
            | Uploaded::Draft(_, card)
            | Uploaded::Published(_, card)
            | Uploaded::Existing(_, card),
        )
        | Err(Error::Questions(card)) => card,
        Err(error) => panic!("{error}"),
    };
    card.questions.iter().map(Question::code).collect()
}

/// Files that are no firmware, with a word of the sentence that says so.
fn unusable() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let page = b"<!DOCTYPE html><html><body>404 Not Found</body></html>".to_vec();
    vec![
        ("empty.bin", Vec::new(), "empty"),
        ("page.bin", page, "web page"),
        ("program.bin", b"\x7FELF\x01\x01\x01\0\0\0\0\0\0\0\0\0\0".to_vec(), "ELF"),
        ("drive.bin", b"UF2\nWQ]\x9E\0\0\0\0\0\0\0\0\0\0\0\0".to_vec(), "UF2"),
        ("archive.bin", b"PK\x03\x04\x14\0\0\0\x08\0\0\0\0\0\0\0".to_vec(), "ZIP"),
        ("packed.bin", b"\x1F\x8B\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0".to_vec(), "gzip"),
        ("firmware.bin.gz", b"\x1F\x8B\x08\0\0\0\0\0\0\x03\x03\0".to_vec(), "gzip"),
        ("text.bin", b"hello, this is a text".to_vec(), "0xE9"),
        ("sketch.ino", Firmware::esp8266().build(), ".bin"),
        ("firmware.hex", b":100000000C9434000C".to_vec(), ".bin"),
        ("noname", Firmware::esp8266().build(), ".bin"),
        ("short.bin", vec![0xE9], "too short"),
        ("cut.bin", Firmware::esp32().build()[..3000].to_vec(), "cut off"),
    ]
}

#[tokio::test]
async fn a_file_waits_as_a_draft_until_it_is_published() {
    let app = TestApp::start().await;
    app.platform("Chase").approving(CHASE).await;
    let bytes = Firmware::esp8266().of("chase", "v1.0.2").build();
    let uploaded = app.upload("sketch.ino.bin", &bytes, &Wishes::default()).await.unwrap();
    let Uploaded::Draft(draft, card) = uploaded else { panic!("{uploaded:?}") };
    assert_eq!(card.platform.as_deref(), Some("Chase"));
    assert_eq!(card.version.as_ref().unwrap().as_str(), "v1.0.2");
    assert!(card.questions.is_empty(), "{:?}", card.questions);
    assert_eq!(
        (draft.state, draft.expires_at),
        (ReleaseState::Draft, Some(app.app.now() + 86_400))
    );
    let device = FakeDevice::esp8266(CHASE);
    device.polls(&app, "chase", "v1.0.1").await.is_not_modified();
    assert_eq!(device.asks(&app, "/chase_1_0_2.bin").await.status, 404);
    app.app.publish_draft(draft.id, &Wishes::default(), &a_test()).await.unwrap();
    device.polls(&app, "chase", "v1.0.1").await.is_firmware(&bytes);
    assert_eq!(app.told(Kind::Published).await, ["Chase v1.0.2 was published."]);
}

#[tokio::test]
async fn a_clear_case_is_published_in_one_go() {
    let app = TestApp::start().await;
    app.platform("chase").approving(CHASE).await;
    let bytes = Firmware::esp8266().of("Chase", "v1.0.2").build();
    let form =
        Form::file("sketch.ino.bin", &bytes).field("publish", "true").field("notes", "Spring");
    let answer = form.sent_to(&app, "/releases").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["files"][0]["state"], "published");
    let all = releases(&app).await;
    assert_eq!((all.len(), &*all[0].notes), (1, "Spring"));
    assert_eq!(all[0].image.file_name, "sketch.ino.bin");
    FakeDevice::esp8266(CHASE).polls(&app, "chase", "v1.0.1").await.is_firmware(&bytes);
}

#[tokio::test]
async fn several_files_make_several_drafts() {
    let app = TestApp::start().await;
    app.platform("chase").await;
    let (one, two) = (Firmware::esp8266().of("chase", "v1.0.1"), Firmware::esp8266().text("two"));
    let form = Form::file("one.bin", &one.build()).and_file("page.bin", b"<html>");
    let answer = form.and_file("two.bin", &two.build()).sent_to(&app, "/releases").await;
    let files = answer.json()["files"].clone();
    let states: Vec<&Value> = files.as_array().unwrap().iter().map(|file| &file["state"]).collect();
    assert_eq!(states, ["draft", "refused", "draft"]);
    assert_eq!(releases(&app).await.len(), 2);
}

#[tokio::test]
async fn what_is_no_firmware_is_refused_with_a_sentence_and_nothing_is_kept() {
    let app = TestApp::start().await;
    app.platform("chase").await;
    for (name, bytes, word) in unusable() {
        let error = app.upload(name, &bytes, &publish()).await.unwrap_err();
        assert!(error.to_string().contains(word), "{name}: {error}");
        nothing_is_kept(&app, name).await;
    }
}

#[tokio::test]
async fn the_form_says_the_same_and_keeps_nothing() {
    let app = TestApp::start().await;
    app.platform("chase").await;
    let all = unusable();
    for (name, bytes, word) in &all {
        let answer = Form::file(name, bytes).sent_to(&app, "/releases").await;
        assert_eq!(answer.status, 415, "{name}: {}", answer.text());
        let file = &answer.json()["files"][0];
        assert_eq!(file["state"], "refused", "{name}");
        assert!(file["sentence"].as_str().unwrap().contains(word), "{name}: {file}");
        nothing_is_kept(&app, name).await;
    }
    assert_eq!(app.told(Kind::UploadRefused).await.len(), all.len());
}

#[tokio::test]
async fn a_too_large_file_is_refused_and_the_sentence_arrives() {
    let app = TestApp::plan().with("--max-upload").with("100KiB").start().await;
    let fits = Firmware::esp8266().of("chase", "v1.0.2").size(90 * 1024).build();
    let too_large = Firmware::esp8266().of("chase", "v1.0.2").size(101 * 1024).build();
    let error = app.upload("firmware.bin", &too_large, &publish()).await.unwrap_err();
    assert!(error.to_string().contains("larger than 102400 bytes"), "{error}");
    for bytes in [too_large, vec![0xE9; HUGE]] {
        let answer = Form::file("firmware.bin", &bytes).sent_to(&app, "/releases").await;
        assert_eq!(answer.status, 413, "{}", answer.text());
        let sentence = answer.json()["files"][0]["sentence"].clone();
        assert!(sentence.as_str().unwrap().contains("102400 bytes"), "{sentence}");
        nothing_is_kept(&app, "too large").await;
    }
    let answer = Form::file("firmware.bin", &fits).sent_to(&app, "/releases").await;
    assert_eq!(answer.json()["files"][0]["state"], "draft");
}

// A client that is still sending must get to read why it is refused.
#[tokio::test]
async fn a_refusal_arrives_although_nobody_wants_the_body() {
    let app = TestApp::start().await;
    let answer = Form::file("huge.txt", &vec![b'x'; HUGE]).sent_to(&app, "/releases").await;
    assert_eq!(answer.status, 415);
    assert!(answer.text().contains(".bin"), "{}", answer.text());
    let form = Form::file("huge.bin", &vec![0xE9; HUGE]).request("/releases");
    let text = b"\r\nOrigin: http://evil.example\r\nAccept:";
    let at = memchr::memmem::find(&form, b"\r\nAccept:").unwrap();
    let foreign = [&form[..at], text, &form[at + 9..]].concat();
    let mut client = Client::connect(app.address).await;
    client.try_send(&foreign).await.expect("the server lets the client finish");
    assert_eq!(client.rest().await.status, 403);
    let mut client = Client::connect(app.address).await;
    let lost = Form::file("huge.bin", &vec![0xE9; HUGE]).request("/nowhere");
    client.try_send(&lost).await.expect("the server lets the client finish");
    assert_eq!(client.rest().await.status, 404);
    nothing_is_kept(&app, "refused").await;
}

#[tokio::test]
async fn an_upload_that_is_cut_leaves_nothing() {
    let app = TestApp::start().await;
    app.platform("chase").await;
    let bytes = Firmware::esp8266().of("chase", "v1.0.2").size(3 << 20).build();
    let form = Form::file("firmware.bin", &bytes).field("publish", "true");
    for target in ["/releases", "/api/v1/releases"] {
        let request = form.request(target);
        for reset in [false, true] {
            let mut client = Client::connect(app.address).await;
            client.send(&request[..request.len() / 2]).await;
            let begun = async || app.files("incoming").first().map(|_| ());
            eventually("the file begins to arrive", begun).await;
            if reset {
                client.reset();
            } else {
                drop(client);
            }
            nothing_is_kept(&app, target).await;
        }
    }
}

#[tokio::test]
async fn identical_bytes_are_the_release_that_is_there() {
    let app = TestApp::start().await;
    let released = app.platform("chase").released("v1.0.2").await;
    let again = app.upload("again.bin", &released[0].bytes, &publish()).await.unwrap();
    let Uploaded::Existing(existing, _) = again else { panic!("{again:?}") };
    assert_eq!(existing.id, released[0].id());
    assert_eq!(releases(&app).await.len(), 1);
    assert_eq!(files_kept(&app).await, 2);
    let answer = Form::file("again.bin", &released[0].bytes).sent_to(&app, "/releases").await;
    assert_eq!(answer.json()["files"][0]["state"], "existing");
}

#[tokio::test]
async fn a_version_that_is_not_higher_is_asked_about() {
    let app = TestApp::start().await;
    app.platform("chase").released("v1.0.2").await;
    let older = Firmware::esp8266().of("chase", "v1.0.1").build();
    let refused = app.upload("older.bin", &older, &publish()).await;
    assert!(matches!(refused, Err(Error::Questions(_))), "{refused:?}");
    assert_eq!(codes(&refused), ["version_not_higher"]);
    assert_eq!((releases(&app).await.len(), files_kept(&app).await), (1, 2), "nothing is kept");
    let draft = app.upload("older.bin", &older, &Wishes::default()).await.unwrap();
    let Uploaded::Draft(draft, _) = draft else { panic!("{draft:?}") };
    let open = app.app.publish_draft(draft.id, &Wishes::default(), &a_test()).await;
    assert!(matches!(open, Err(Error::Questions(_))), "{open:?}");
    let accept = vec!["version_not_higher".to_owned()];
    let anyway = Wishes { accept, ..publish() };
    let published = app.app.publish_draft(draft.id, &anyway, &a_test()).await.unwrap();
    assert_eq!(published.state, ReleaseState::Published);
    let same = Firmware::esp8266().of("chase", "v1.0.2").text("other").build();
    let accept = vec!["version_exists".to_owned(), "version_not_higher".to_owned()];
    let same = app.upload("same.bin", &same, &Wishes { accept, ..publish() }).await;
    assert_eq!(codes(&same), ["version_exists"], "the same version twice is never right");
}

#[tokio::test]
async fn a_file_without_a_known_platform_is_asked_about() {
    let app = TestApp::start().await;
    app.platform("chase").await;
    let nameless = Firmware::esp8266().text("v1.0.1").build();
    let refused = app.upload("rubble.bin", &nameless, &publish()).await;
    assert!(codes(&refused).contains(&"platform_missing"), "{:?}", codes(&refused));
    // What it calls itself in its update address is proposed, and asked about.
    let stranger = Firmware::esp8266().of("rubble", "v1.0.1").build();
    let refused = app.upload("rubble.bin", &stranger, &publish()).await;
    assert_eq!(codes(&refused), ["platform_unknown"]);
    assert!(releases(&app).await.is_empty());
    let platform = Some("rubble".to_owned());
    let named = Wishes { platform, ..publish() };
    assert_eq!(codes(&app.upload("rubble.bin", &stranger, &named).await), ["platform_unknown"]);
    let accept = vec!["platform_unknown".to_owned()];
    let created = app.upload("rubble.bin", &stranger, &Wishes { accept, ..named }).await.unwrap();
    assert!(matches!(created, Uploaded::Published(..)), "{created:?}");
    assert!(app.app.shelf().platform("RUBBLE").is_some());
}

// Case 74: the first `v1.2.3` in every one of them is that of ESP-IDF.
#[tokio::test]
async fn a_sketch_for_the_esp32_has_its_own_version_or_none() {
    let app = TestApp::start().await;
    app.platform("marshall").approving(MARSHALL).await;
    let sketch = Firmware::esp32().of("Marshall", "v1.0.1").build();
    let first = memchr::memmem::find(&sketch, b"v4.4.7").unwrap();
    assert!(first < memchr::memmem::find(&sketch, b"v1.0.1").unwrap(), "a trap it is");
    let published = app.upload("marshall.ino.bin", &sketch, &publish()).await.unwrap();
    assert_eq!(card(published).version.unwrap().as_str(), "v1.0.1");
    let mute = Firmware::esp32().text("marshall").build();
    let wishes = Wishes::default();
    let draft = app.upload("mute.bin", &mute, &wishes).await;
    assert_eq!(codes(&draft), ["version_missing"]);
    let card = card(draft.unwrap());
    assert!(card.version.is_none());
    assert!(
        !card
            .file
            .info()
            .unwrap()
            .versions
            .iter()
            .any(|v| v.text.contains("4.4.7") && v.source.code() != "library")
    );
}

#[tokio::test]
async fn a_platforms_name_is_a_word_and_no_pattern() {
    let app = TestApp::start().await;
    for platform in ["a+b", "light", "c.d"] {
        app.platform(platform).await;
    }
    let accident = Firmware::esp8266()
        .text("aab ab aaab")
        .text("flashlight lights daylight lightning Highlight")
        .text("c-d cxd")
        .text("v1.0.1");
    let draft = app.upload("accident.bin", &accident.build(), &Wishes::default()).await;
    assert_eq!(codes(&draft), ["platform_missing"]);
    assert!(card(draft.unwrap()).file.info().unwrap().platforms.is_empty());
    for (platform, version) in [("a+b", "v1.0.1"), ("Light", "v1.0.2"), ("C.D", "v1.0.3")] {
        let sketch = Firmware::esp8266().of(platform, version).build();
        let found = card(app.upload("own.bin", &sketch, &Wishes::default()).await.unwrap());
        let name = found.platform.as_deref().unwrap_or_default();
        assert!(name.eq_ignore_ascii_case(platform), "{platform}: {found:?}");
        // A name of three letters is no proof, so its version is proposed and asked about.
        assert_eq!(found.file.info().unwrap().versions[0].text, version);
    }
}

#[tokio::test]
async fn two_platforms_in_one_file_are_asked_about() {
    let app = TestApp::start().await;
    app.platform("chase").await;
    app.platform("marshall").await;
    let both = Firmware::esp8266().text("x").text("chase").text("x").text("marshall").text("x");
    let draft = app.upload("both.bin", &both.build(), &Wishes::default()).await;
    assert!(codes(&draft).contains(&"platform_ambiguous"), "{:?}", codes(&draft));
}

#[tokio::test]
async fn a_draft_that_is_published_twice_is_published_once() {
    let app = TestApp::start().await;
    app.platform("chase").await;
    let bytes = Firmware::esp8266().of("chase", "v1.0.2").build();
    let draft = app.upload("firmware.bin", &bytes, &Wishes::default()).await.unwrap();
    let Uploaded::Draft(draft, _) = draft else { panic!("{draft:?}") };
    let (wishes, actor) = (Wishes::default(), a_test());
    let (one, two) = tokio::join!(
        app.app.publish_draft(draft.id, &wishes, &actor),
        app.app.publish_draft(draft.id, &wishes, &actor),
    );
    assert!(one.is_ok() && two.is_ok(), "{one:?} {two:?}");
    assert_eq!(app.told(Kind::Published).await.len(), 1);
}

#[tokio::test]
async fn the_name_of_a_file_is_its_last_part() {
    let app = TestApp::start().await;
    app.platform("chase").await;
    let bytes = Firmware::esp8266().of("chase", "v1.0.2").build();
    for (number, (sent, kept)) in [
        ("../../etc/x.bin", "x.bin"),
        ("C:\\build\\y.bin", "y.bin"),
        ("Grün.BIN", "Grün.BIN"),
        (".bin", ".bin"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut bytes = bytes.clone();
        bytes[0x1015] ^= u8::try_from(number + 1).unwrap();
        let uploaded = app.upload(sent, &bytes, &Wishes::default()).await.unwrap();
        assert_eq!(card(uploaded).file.image.file_name, kept);
    }
    assert_eq!(app.files("firmware").len(), 4);
    assert!(app.files("firmware").iter().all(|name| name.len() == 68), "named by their digests");
}

#[tokio::test]
async fn a_dry_run_keeps_nothing() {
    let app = TestApp::start().await;
    app.platform("chase").await;
    let bytes = Firmware::esp8266().of("chase", "v1.0.2").build();
    let wishes = Wishes { dry_run: true, ..publish() };
    let looked = app.upload("firmware.bin", &bytes, &wishes).await.unwrap();
    assert!(matches!(looked, Uploaded::Looked(_)), "{looked:?}");
    nothing_is_kept(&app, "dry run").await;
}

#[tokio::test]
async fn a_draft_is_thrown_away_after_a_day() {
    let app = TestApp::start().await;
    app.platform("chase").released("v1.0.1").await;
    let bytes = Firmware::esp8266().of("chase", "v1.0.2").build();
    app.upload("firmware.bin", &bytes, &Wishes::default()).await.unwrap();
    app.clock.advance(86_399);
    app.app.tidy().await.unwrap();
    assert_eq!((releases(&app).await.len(), files_kept(&app).await), (2, 4));
    app.clock.advance(1);
    app.app.tidy().await.unwrap();
    assert_eq!((releases(&app).await.len(), files_kept(&app).await), (1, 2));
}

#[tokio::test]
async fn a_file_goes_only_when_nothing_points_at_it() {
    let app = TestApp::start().await;
    let chase = app.platform("chase").released("v1.0.1").approving(CHASE).await;
    app.platform("marshall").approving(MARSHALL).await;
    let (platform, version) = (Some("marshall".to_owned()), Some("v1.0.1".to_owned()));
    let accept = vec!["identical".to_owned()];
    let wishes = Wishes { platform, version, accept, ..publish() };
    let twin = app.upload("twin.bin", &chase[0].bytes, &wishes).await.unwrap();
    assert!(matches!(twin, Uploaded::Published(..)), "{twin:?}");
    assert_eq!(files_kept(&app).await, 2, "one file for both, and its compressed form");
    app.app.delete_release(chase[0].id(), &a_test()).await.unwrap();
    let device = FakeDevice::esp8266(MARSHALL);
    device.polls(&app, "marshall", "v1.0.0").await.is_firmware(&chase[0].bytes);
    app.app.delete_platform("marshall", &a_test()).await.unwrap();
    assert_eq!(app.files("firmware").len(), 0);
}

// The API: `design.md` §6.
mod api {
    use super::*;

    const RELEASES: &str = "/api/v1/releases";

    #[track_caller]
    fn assert_problem(answer: &crate::support::Answer, status: u16, code: &str) {
        assert_eq!(answer.status, status, "{}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        let problem = answer.json();
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["status"], status, "{problem}");
    }

    #[tokio::test]
    async fn a_file_becomes_a_draft() {
        let app = TestApp::start().await;
        app.platform("chase").await;
        let bytes = Firmware::esp8266().of("chase", "v1.0.2").build();
        let answer = Form::file("firmware.bin", &bytes).sent_to(&app, RELEASES).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        let release = answer.json();
        assert_eq!(release["state"], "draft");
        assert_eq!(
            (&release["platform"], &release["version"]),
            (&"chase".into(), &"v1.0.2".into())
        );
        assert_eq!(release["images"][0]["md5"], crate::support::image::md5(&bytes));
        assert!(release["report"].is_object(), "{release}");
        assert!(answer.header("location").unwrap().starts_with(RELEASES));
    }

    #[tokio::test]
    async fn a_file_is_published_with_fields_before_or_after_it() {
        let app = TestApp::start().await;
        app.platform("chase").approving(CHASE).await;
        let bytes = Firmware::esp8266().text("anything").build();
        let form = Form::file("firmware.bin", &bytes).field("platform", "Chase");
        let form = form.field("version", "v1.0.2").field("publish", "true");
        let answer = form.sent_to(&app, RELEASES).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        assert_eq!(answer.json()["state"], "published");
        let device = FakeDevice::esp8266(CHASE);
        device.polls(&app, "chase", "v1.0.1").await.is_firmware(&bytes);
    }

    #[tokio::test]
    async fn an_open_question_is_a_problem_and_nothing_is_kept() {
        let app = TestApp::start().await;
        app.platform("chase").await;
        let bytes = Firmware::esp8266().text("anything").build();
        let form = Form::file("firmware.bin", &bytes).field("publish", "true");
        let answer = form.sent_to(&app, RELEASES).await;
        assert_eq!(answer.status, 422, "{}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        assert!(answer.json()["report"].is_object(), "{}", answer.text());
        nothing_is_kept(&app, "open questions").await;
    }

    #[tokio::test]
    async fn the_codes_are_those_of_the_design() {
        let app = TestApp::plan().with("--max-upload").with("100KiB").start().await;
        let released = app.platform("chase").released("v1.0.2").await;
        let send = async |form: Form| form.field("publish", "true").sent_to(&app, RELEASES).await;
        let older = Firmware::esp8266().of("chase", "v1.0.1").build();
        let answer = send(Form::file("older.bin", &older)).await;
        assert_problem(&answer, 409, "version_not_higher");
        let same = Firmware::esp8266().of("chase", "v1.0.2").text("other").build();
        assert_problem(&send(Form::file("same.bin", &same)).await, 409, "version_exists");
        let answer = send(Form::file("identical.bin", &released[0].bytes)).await;
        assert_eq!((answer.status, &answer.json()["id"]), (200, &released[0].id().into()));
        assert_problem(&send(Form::file("page.bin", b"<html></html>")).await, 415, "html");
        assert_problem(&send(Form::file("x.txt", b"hello")).await, 415, "not_bin");
        let huge = vec![0xE9; HUGE];
        assert_problem(&send(Form::file("huge.bin", &huge)).await, 413, "too_large");
        assert_problem(&send(Form::default()).await, 422, "no_file");
        let form = Form::file("older.bin", &older).field("accept", "version_not_higher");
        assert_eq!(send(form).await.status, 201);
    }

    #[tokio::test]
    async fn unusable_files_keep_nothing() {
        let app = TestApp::start().await;
        app.platform("chase").await;
        for (name, bytes, word) in unusable() {
            let answer = Form::file(name, &bytes).sent_to(&app, RELEASES).await;
            let names = ["empty.bin", "short.bin", "cut.bin", "packed.bin", "firmware.bin.gz"];
            let damaged = names.contains(&name);
            let status = if damaged { 422 } else { 415 };
            assert_eq!(answer.status, status, "{name}: {}", answer.text());
            let detail = answer.json()["detail"].clone();
            assert!(detail.as_str().unwrap().contains(word), "{name}: {detail}");
            nothing_is_kept(&app, name).await;
        }
    }

    // curl asks before it sends a large body.
    #[tokio::test]
    async fn curl_gets_its_100_continue() {
        let app = TestApp::start().await;
        app.platform("chase").await;
        let bytes = Firmware::esp8266().of("chase", "v1.0.2").size(2 << 20).build();
        let request = Form::file("firmware.bin", &bytes).request(RELEASES);
        let end = memchr::memmem::find(&request, b"\r\n\r\n").unwrap();
        let mut client = Client::connect(app.address).await;
        client.send(&request[..end]).await;
        client.send(b"\r\nExpect: 100-continue\r\n\r\n").await;
        assert_eq!(client.head().await.status, 100);
        client.send(&request[end + 4..]).await;
        assert_eq!(client.rest().await.status, 201);
    }
}
