//! AutoConnect's catalog and downloads: cases 75–92.

use espalier::domain::chip::Chip;
use espalier::domain::device::Approval;

use crate::support::catalog::{entries, kind, names, shown};
use crate::support::{
    Answer, CHASE, Client, FakeDevice, Firmware, MARSHALL, SKYE, TestApp, a_test, exchange,
};

const ESP8266: &str = "ESP8266HTTPClient";
const ESP32: &str = "ESP32HTTPClient";

/// The request of AutoConnect's page, to the letter.
fn request(target: &str, agent: &str) -> String {
    let length = if agent == ESP8266 { "Content-Length: 0\r\n" } else { "" };
    let agent = if agent.is_empty() { String::new() } else { format!("User-Agent: {agent}\r\n") };
    format!(
        "GET {target} HTTP/1.1\r\nHost: 192.168.1.10:8000\r\n{agent}\
         Accept-Encoding: identity;q=1,chunked;q=0.1,*;q=0\r\nConnection: keep-alive\r\n{length}\r\n"
    )
}

async fn list_as(app: &TestApp, path: &str, agent: &str) -> Answer {
    let mut client = Client::connect(app.address).await;
    let target = format!("/_catalog?op=list&path={path}");
    client.send(request(&target, agent).as_bytes()).await;
    client.framed(false).await
}

async fn list(app: &TestApp, path: &str) -> Answer {
    list_as(app, path, ESP8266).await
}

fn sketch(text: &str) -> Vec<u8> {
    Firmware::esp8266().text(text).build()
}

// Case 75.
#[tokio::test]
async fn the_root_lists_the_newest_release_of_each_platform() {
    let app = TestApp::start().await;
    let chase = app.platform("Chase").released("v1.0.1").released("v1.0.2").await;
    app.platform("marshall").released("v3.0.0").await;
    app.platform("empty").await;
    let answer = list(&app, ".").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("transfer-encoding"), None);
    assert_eq!(answer.header("content-encoding"), None);
    let shown = shown(&answer.body).unwrap();
    assert_eq!(shown.len(), 2, "{shown:?}");
    assert_eq!(shown[0].name, "chase_1_0_2.bin");
    assert_eq!(shown[0].size, chase[1].size());
    assert_eq!((&*shown[0].date, &*shown[0].time), ("11/14/23", "22:13:20"));
    assert_eq!(shown[1].name, "marshall_3_0_0.bin");
    let bin = entries(&answer.body).unwrap().into_iter().find(|entry| entry.len() == 5).unwrap();
    let keys: Vec<String> = bin.into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["name", "type", "date", "time", "size"]);
}

// Case 75: dates in the chosen time zone.
#[tokio::test]
async fn dates_are_those_of_the_time_zone() {
    let app = TestApp::plan().with("--tz").with("Asia/Tokyo").start().await;
    app.platform("chase").released("v1.0.2").await;
    let shown = shown(&list(&app, ".").await.body).unwrap();
    assert_eq!((&*shown[0].date, &*shown[0].time), ("11/15/23", "07:13:20"));
}

#[tokio::test]
async fn a_list_that_was_made_before_follows_a_new_time_zone() {
    let app = TestApp::start().await;
    app.platform("chase").released("v1.0.2").await;
    let before = shown(&list(&app, ".").await.body).unwrap();
    let mut settings = (*app.app.settings()).clone();
    settings.time_zone = "Asia/Tokyo".parse().unwrap();
    app.app.save_settings(settings, &a_test()).await.unwrap();
    let after = shown(&list(&app, ".").await.body).unwrap();
    assert_ne!(before[0].time, after[0].time);
}

// Case 76.
#[tokio::test]
async fn the_root_has_many_names() {
    let app = TestApp::plan().with_catalog(&[("x.bin", &sketch("x"))]).start().await;
    app.platform("chase").released("v1.0.2").await;
    for target in [
        "/_catalog?op=list&path=.",
        "/_catalog?op=list&path=",
        "/_catalog?op=list&path=/",
        "/_catalog?op=list&path=./",
        "/_catalog?op=list&path=%2F",
        "/_catalog?op=list",
        "/_catalog?path=.&op=list",
        "/_catalog/?op=list&path=.",
    ] {
        let mut client = Client::connect(app.address).await;
        client.send(request(target, ESP8266).as_bytes()).await;
        let answer = client.framed(false).await;
        assert_eq!(names(&answer.body), ["chase_1_0_2.bin", "x.bin"], "{target}");
    }
}

// Case 77, and sub-folders at any depth.
#[tokio::test]
async fn folders_and_platforms_are_listed_with_and_without_a_slash() {
    let (x, deep) = (sketch("x"), sketch("deep"));
    let files: [(&str, &[u8]); 3] = [("bin/x.bin", &x), ("bin/a/b/y.bin", &deep), ("z.bin", &x)];
    let app = TestApp::plan().with_catalog(&files).start().await;
    app.platform("Chase").released("v1.0.1").released("v1.0.2").await;
    for path in ["bin", "/bin", "bin/", "./bin"] {
        assert_eq!(names(&list(&app, path).await.body), ["x.bin"], "{path}");
    }
    assert_eq!(names(&list(&app, "/bin/a/b").await.body), ["y.bin"]);
    assert_eq!(kind(&list(&app, "bin").await.body, "a").as_deref(), Some("directory"));
    for path in ["chase", "/Chase/"] {
        let all = names(&list(&app, path).await.body);
        assert_eq!(all, ["chase_1_0_1.bin", "chase_1_0_2.bin"], "{path}");
    }
    let root = list(&app, ".").await;
    assert_eq!(kind(&root.body, "Chase").as_deref(), Some("directory"));
    assert_eq!(kind(&root.body, "bin").as_deref(), Some("directory"));
}

// Case 78: `[]` is an error there.
#[tokio::test]
async fn an_empty_list_has_an_empty_entry() {
    let app = TestApp::plan().with_catalog(&[("bin/readme", b"x")]).start().await;
    std::fs::create_dir(app.catalog().join("void")).unwrap();
    app.platform("chase").await;
    for path in ["void", "chase"] {
        let answer = list(&app, path).await;
        assert_eq!(answer.text(), "[{}]", "{path}");
        assert_eq!(shown(&answer.body), Ok(Vec::new()));
    }
    let fresh = TestApp::start().await;
    assert_eq!(list(&fresh, ".").await.text(), "[{}]");
}

// Cases 79 and 80: one entry too large disables the whole list.
#[tokio::test]
async fn names_that_the_parser_cannot_hold_are_left_out_and_the_others_stay() {
    let x = sketch("x");
    let (longest, too_long) = ("x".repeat(96) + ".bin", "y".repeat(97) + ".bin");
    assert_eq!((longest.len(), too_long.len()), (100, 101));
    let files: [(&str, &[u8]); 3] = [("a.bin", &x), (&longest, &x), (&too_long, &x)];
    let app = TestApp::plan().with_catalog(&files).start().await;
    let name = "n".repeat(40);
    let version = format!("1.0.0-{}", "9".repeat(58));
    app.platform(&name).released(&version).await;
    let all = names(&list(&app, ".").await.body);
    assert!(all.contains(&"a.bin".to_owned()) && all.contains(&longest), "{all:?}");
    assert!(!all.contains(&too_long), "{all:?}");
    assert!(all.iter().all(|name| name.len() <= 100), "{all:?}");
    assert_eq!(all.len(), 3, "{all:?}");
}

// Case 81: AutoConnect neither encodes nor escapes.
#[tokio::test]
async fn names_that_cannot_be_asked_for_are_left_out() {
    let x = sketch("x");
    let odd = [
        "grün.bin",
        "my file.bin",
        "a\"b.bin",
        "a<b.bin",
        "a&b.bin",
        "a%b.bin",
        "a?b.bin",
        "a#b.bin",
        "a'b.bin",
        "a\\b.bin",
        "a\nb.bin",
    ];
    let mut files: Vec<(&str, &[u8])> = odd.iter().map(|name| (*name, &x[..])).collect();
    files.push(("fine-1.0_x+y.bin", &x));
    let app = TestApp::plan().with_catalog(&files).start().await;
    let answer = list(&app, ".").await;
    assert_eq!(names(&answer.body), ["fine-1.0_x+y.bin"]);
    assert!(!answer.text().contains('\\') && answer.text().is_ascii(), "{}", answer.text());
    let device = FakeDevice::esp8266(CHASE);
    device.asks(&app, "/fine-1.0_x+y.bin").await.is_firmware(&x);
}

// Case 82.
#[tokio::test]
async fn each_family_sees_its_own_images() {
    let (old, new) = (sketch("x"), Firmware::esp32().text("y").build());
    let c3 = Firmware::esp32().chip(Chip::Esp32C3).text("z").build();
    let files: [(&str, &[u8]); 5] = [
        ("old.bin", &old),
        ("new.bin", &new),
        ("c3.bin", &c3),
        ("littlefs.bin", b"\x01\0\0\0\xF0\x0F\xFF\xF7littlefs"),
        ("readme.txt", b"hello"),
    ];
    let app = TestApp::plan().with_catalog(&files).start().await;
    app.platform("chase").released("v1.0.0").await;
    app.platform("skye").releasing("v2.0.0", Firmware::esp32().of("skye", "v2.0.0")).await;
    let esp8266 = list_as(&app, ".", ESP8266).await;
    assert_eq!(names(&esp8266.body), ["chase_1_0_0.bin", "old.bin"]);
    let esp32 = list_as(&app, ".", ESP32).await;
    assert_eq!(names(&esp32.body), ["c3.bin", "new.bin", "skye_2_0_0.bin"]);
    for (answer, others) in
        [(&esp8266, ["new.bin", "c3.bin"]), (&esp32, ["old.bin", "littlefs.bin"])]
    {
        for other in others {
            assert_eq!(kind(&answer.body, other).as_deref(), Some("file"), "{other}");
        }
    }
    // Without a name, or with a browser's, all chips are listed.
    for agent in ["", "Mozilla/5.0"] {
        let all = names(&list_as(&app, ".", agent).await.body);
        let expected = ["c3.bin", "chase_1_0_0.bin", "new.bin", "old.bin", "skye_2_0_0.bin"];
        assert_eq!(all, expected, "{agent}");
    }
}

// Case 83.
#[tokio::test]
async fn another_operation_than_list_is_refused() {
    let app = TestApp::start().await;
    for target in ["/_catalog?op=foo&path=.", "/_catalog?path=.", "/_catalog", "/_catalog?op="] {
        let mut client = Client::connect(app.address).await;
        client.send(request(target, ESP8266).as_bytes()).await;
        assert_eq!(client.framed(false).await.status, 403, "{target}");
    }
}

// Case 84.
#[tokio::test]
async fn a_path_out_of_the_folder_is_refused() {
    let app = TestApp::plan().with_catalog(&[("bin/x.bin", &sketch("x"))]).start().await;
    std::fs::create_dir(app.outside().join("catalog-secret")).unwrap();
    let link = app.catalog().join("link");
    std::os::unix::fs::symlink(app.outside().join("catalog-secret"), link).unwrap();
    for path in ["..", "../", "/../", "bin/../..", "%2e%2e", "../catalog-secret", "link"] {
        let answer = list(&app, path).await;
        assert_eq!(answer.status, 403, "{path}");
        assert_eq!(answer.text(), "Path traversal detected", "{path}");
    }
}

// Case 85: the original dropped the connection.
#[tokio::test]
async fn a_missing_folder_is_not_found() {
    let app = TestApp::plan().with_catalog(&[("x.bin", &sketch("x"))]).start().await;
    for path in ["nowhere", "/no/where", "x.bin"] {
        assert_eq!(list(&app, path).await.status, 404, "{path}");
    }
    assert_eq!(list(&TestApp::start().await, "bin").await.status, 404);
}

// Case 86.
#[tokio::test]
async fn a_file_of_the_folder_needs_no_approval_and_leaves_no_trace() {
    let x = sketch("x");
    let app = TestApp::plan().with_catalog(&[("x.bin", &x)]).start().await;
    let answer = FakeDevice::esp8266(CHASE).asks(&app, "/x.bin").await;
    answer.is_firmware(&x);
    assert_eq!(answer.header("content-disposition"), Some("attachment; filename=\"x.bin\""));
    assert!(app.device(CHASE).await.is_none(), "nobody has to approve it");
}

// Case 86, for releases: the same files, but approved devices only.
#[tokio::test]
async fn a_releases_file_is_for_approved_devices() {
    let app = TestApp::start().await;
    let released = app.platform("Chase").released("v1.0.1").released("v1.0.2").await;
    let device = FakeDevice::esp8266(CHASE);
    assert_eq!(device.asks(&app, "/chase_1_0_2.bin").await.status, 403);
    let pending = app.device(CHASE).await.unwrap();
    assert_eq!(pending.approval, Approval::Pending);
    assert_eq!(pending.report.unwrap().dev.as_deref(), Some("Chase"));
    app.approve(CHASE, "chase").await;
    for (target, bytes) in [
        ("/chase_1_0_2.bin", &released[1].bytes),
        ("/chase/chase_1_0_2.bin", &released[1].bytes),
        ("chase/chase_1_0_1.bin", &released[0].bytes),
        ("/Chase/CHASE_1_0_1.bin", &released[0].bytes),
        ("/chase.bin", &released[1].bytes),
    ] {
        let answer = device.asks(&app, target).await;
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        answer.is_firmware(bytes);
        app.until_attempt(CHASE, espalier::domain::device::AttemptState::Delivered).await;
        app.app.try_again(crate::support::mac(CHASE), &a_test()).await.unwrap();
    }
    // AutoConnect may install an older one: the file is chosen by its address.
    let newest = device.reporting("v1.0.2");
    newest.asks(&app, "/chase_1_0_1.bin").await.is_firmware(&released[0].bytes);
    for target in ["/marshall/chase_1_0_2.bin", "/chase_9_9_9.bin", "/a/chase/chase_1_0_2.bin"] {
        assert_eq!(newest.asks(&app, target).await.status, 404, "{target}");
    }
}

// The folder wins where a release has the same name.
#[tokio::test]
async fn the_folder_wins_on_a_clash_of_names() {
    let own = sketch("own");
    let files: [(&str, &[u8]); 1] = [("chase_1_0_2.bin", &own)];
    let app = TestApp::plan().with_catalog(&files).start().await;
    app.platform("chase").released("v1.0.2").await;
    let shown = shown(&list(&app, ".").await.body).unwrap();
    assert_eq!((shown.len(), shown[0].size), (1, own.len()));
    FakeDevice::esp8266(CHASE).asks(&app, "/chase_1_0_2.bin").await.is_firmware(&own);
}

// T15: AutoConnect's updater checks nothing.
#[tokio::test]
async fn a_file_for_the_other_family_is_refused() {
    let (old, new) = (sketch("x"), Firmware::esp32().text("y").build());
    let files: [(&str, &[u8]); 2] = [("old.bin", &old), ("new.bin", &new)];
    let app = TestApp::plan().with_catalog(&files).start().await;
    let (esp8266, esp32) = (FakeDevice::esp8266(CHASE), FakeDevice::esp32(SKYE));
    for (device, target) in [(&esp8266, "/new.bin"), (&esp32, "/old.bin")] {
        let answer = device.asks(&app, target).await;
        assert!(matches!(answer.status, 304 | 403 | 404), "{target}: {answer:?}");
    }
    esp32.asks(&app, "/new.bin").await.is_firmware(&new);
}

// Cases 87 and 92.
#[tokio::test]
async fn who_is_no_updater_is_refused_in_the_originals_words() {
    let app = TestApp::plan().with_catalog(&[("x.bin", &sketch("x"))]).start().await;
    let agents = ["", "User-Agent: Mozilla/5.0\r\n", "User-Agent: curl/8.5\r\n"];
    for agent in agents.into_iter().chain(["User-Agent: ESP8266HTTPClient\r\n"]) {
        for target in ["/x.bin", "/missing.bin"] {
            let request = format!("GET {target} HTTP/1.0\r\nHost: x\r\n{agent}\r\n");
            let answer = exchange(app.address, request.as_bytes()).await;
            assert_eq!(answer.status, 403, "{agent}");
            let words = "The request available only from ESP8266 or ESP32 http updater.";
            assert_eq!(answer.text().trim(), words);
        }
    }
}

// Case 88: the original demanded sketch-md5.
#[tokio::test]
async fn an_esp32_with_core_1_0_is_served() {
    let new = Firmware::esp32().text("y").build();
    let app = TestApp::plan().with_catalog(&[("y.bin", &new)]).start().await;
    FakeDevice::esp32(SKYE).core_1_0_x().asks(&app, "/y.bin").await.is_firmware(&new);
    FakeDevice::esp32(SKYE).without_wifi().asks(&app, "/y.bin").await.is_firmware(&new);
}

// Cases 89 and 90.
#[tokio::test]
async fn a_query_does_not_belong_to_the_name_and_a_missing_file_is_not_found() {
    let x = sketch("x");
    let app = TestApp::plan().with_catalog(&[("x.bin", &x)]).start().await;
    let device = FakeDevice::esp8266(CHASE);
    for target in ["/x.bin?token=1", "/x.bin?", "x.bin?a=b c", "/%78.bin"] {
        device.asks(&app, target).await.is_firmware(&x);
    }
    for target in ["/y.bin", "/x/x.bin", "/y.bin?x.bin", "/x.bin/y.bin"] {
        assert_eq!(device.asks(&app, target).await.status, 404, "{target}");
    }
}

// Case 91.
#[tokio::test]
async fn one_connection_serves_list_after_list() {
    let app = TestApp::start().await;
    app.platform("chase").released("v1.0.2").await;
    let mut client = Client::connect(app.address).await;
    for path in [".", "chase", "nowhere", ".", "chase"] {
        let target = format!("/_catalog?op=list&path={path}");
        client.send(request(&target, ESP8266).as_bytes()).await;
        let answer = client.framed(false).await;
        match path {
            "nowhere" => assert_eq!(answer.status, 404),
            _ => assert_eq!(names(&answer.body), ["chase_1_0_2.bin"]),
        }
    }
}

// A file that changes under its name is sent as it is now.
#[tokio::test]
async fn a_file_that_was_replaced_is_sent_with_its_new_digest() {
    let app = TestApp::plan().with_catalog(&[("x.bin", &sketch("one"))]).start().await;
    let device = FakeDevice::esp8266(CHASE);
    assert_eq!(device.asks(&app, "/x.bin").await.status, 200);
    let two = sketch("number two");
    std::fs::write(app.catalog().join("x.bin"), &two).unwrap();
    device.asks(&app, "/x.bin").await.is_firmware(&two);
}

// `sensor` 2.1.0 and `sensor_2` 1.0 would be files of one name.
#[tokio::test]
async fn two_releases_with_files_of_one_name_are_both_in_their_platforms_folder() {
    let app = TestApp::start().await;
    let one = app.platform("sensor").released("v2.1.0").approving(CHASE).await;
    let two = app.platform("sensor_2").released("v1.0").approving(MARSHALL).await;
    for (mac, folder, released) in [(CHASE, "sensor", &one[0]), (MARSHALL, "sensor_2", &two[0])] {
        assert_eq!(names(&list(&app, folder).await.body), ["sensor_2_1_0.bin"]);
        let device = FakeDevice::esp8266(mac);
        let target = format!("/{folder}/sensor_2_1_0.bin");
        device.asks(&app, &target).await.is_firmware(&released.bytes);
    }
}

// `/chase.bin` is the newest one that the asking device can take.
#[tokio::test]
async fn the_short_address_of_a_platform_leads_each_family_to_its_own() {
    let app = TestApp::start().await;
    let released = app
        .platform("chase")
        .released("v1.0.0")
        .releasing("v1.0.1", Firmware::esp32().of("chase", "v1.0.1"))
        .approving(CHASE)
        .approving(SKYE)
        .await;
    let (old, new) = (FakeDevice::esp8266(CHASE), FakeDevice::esp32(SKYE));
    old.asks(&app, "/chase.bin").await.is_firmware(&released[0].bytes);
    new.asks(&app, "/chase.bin").await.is_firmware(&released[1].bytes);
}

// Reading a pipe would never end, and hold everybody up.
#[tokio::test]
async fn what_is_no_regular_file_is_not_read() {
    let app = TestApp::plan().with_catalog(&[("x.bin", &sketch("x"))]).start().await;
    let pipe = app.catalog().join("pipe.bin");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    std::os::unix::fs::symlink("loop.bin", app.catalog().join("loop.bin")).unwrap();
    let answer = list(&app, ".").await;
    assert_eq!(names(&answer.body), ["x.bin"]);
    let device = FakeDevice::esp8266(CHASE);
    assert_eq!(device.asks(&app, "/pipe.bin").await.status, 404);
    let looped = device.asks(&app, "/loop.bin").await.status;
    assert!(matches!(looped, 403 | 404 | 500), "{looped}");
}

// The catalog is made anew after every change.
#[tokio::test]
async fn a_release_appears_and_disappears_at_once() {
    let app = TestApp::start().await;
    assert_eq!(list(&app, ".").await.text(), "[{}]");
    let released = app.platform("chase").released("v1.0.1").await;
    assert_eq!(names(&list(&app, ".").await.body), ["chase_1_0_1.bin"]);
    app.withdraw(&released[0]).await;
    assert_eq!(list(&app, ".").await.text(), "[{}]");
    FakeDevice::esp8266(CHASE).asks(&app, "/chase_1_0_1.bin").await;
    assert!(app.device(CHASE).await.is_none(), "a withdrawn file is missing for everyone");
}
