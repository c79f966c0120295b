//! The HTTP that real updaters speak: cases 1–20, 44 and 45.

use std::time::Duration;

use espalier::domain::device::AttemptState;
use espalier::domain::event::Kind;
use espalier::http::wire::WireSettings;

use crate::support::{CHASE, Client, FakeDevice, Firmware, SKYE, TestApp, a_test, exchange};

/// Large enough not to disappear in the buffers of two sockets.
const LARGE: usize = 600_000;

fn large() -> Firmware {
    Firmware::esp8266().of("chase", "v1.0.2").size(LARGE)
}

// Case 1.
#[tokio::test]
async fn an_update_comes_with_its_length_and_the_connection_ends_with_it() {
    let app = TestApp::start().await;
    let released = app.platform("chase").releasing("v1.0.2", large()).approving(CHASE).await;
    let answer = FakeDevice::esp8266(CHASE).polls(&app, "chase", "v1.0.1").await;
    answer.is_firmware(&released[0].bytes);
    assert_eq!(answer.line, "HTTP/1.0 200 OK");
    assert!(answer.closed);
}

// Case 2: core 2.0.0 speaks HTTP/1.1.
#[tokio::test]
async fn the_first_core_gets_the_same_over_http_1_1() {
    let app = TestApp::start().await;
    let released = app.platform("chase").releasing("v1.0.2", large()).approving(CHASE).await;
    let device = FakeDevice::esp8266_core_2_0_0(CHASE);
    let answer = device.polls(&app, "chase", "v1.0.1").await;
    answer.is_firmware(&released[0].bytes);
    assert_eq!(answer.line, "HTTP/1.1 200 OK");
}

// Case 3.
#[tokio::test]
async fn a_content_length_of_nothing_changes_nothing() {
    let app = TestApp::start().await;
    let released = app.platform("chase").released("v1.0.2").approving(CHASE).await;
    let with = FakeDevice::esp8266(CHASE);
    let request = with.request("GET", "/update?dev=chase&ver=v1.0.1");
    let text = String::from_utf8(request).unwrap();
    assert!(text.contains("\r\nContent-Length: 0\r\n"), "{text}");
    let without = text.replace("Content-Length: 0\r\n", "");
    for request in [text, without] {
        exchange(app.address, request.as_bytes()).await.is_firmware(&released[0].bytes);
        app.until_attempt(CHASE, AttemptState::Delivered).await;
        app.app.try_again(CHASE.parse().unwrap(), &a_test()).await.unwrap();
    }
}

// Cases 4, 5, 6, 7, 8 and 9: what AutoConnect and old cores write into the request line.
#[tokio::test]
async fn a_target_without_slash_or_with_spaces_is_understood() {
    let x = Firmware::esp8266().text("x").build();
    let beneath = Firmware::esp8266().text("bin/x").build();
    let spaced = Firmware::esp8266().text("my file").build();
    let files: [(&str, &[u8]); 3] =
        [("x.bin", &x), ("bin/x.bin", &beneath), ("my file.bin", &spaced)];
    let app = TestApp::plan().with_catalog(&files).start().await;
    let device = FakeDevice::esp8266(CHASE);
    for (target, bytes) in [
        ("bin/x.bin", &beneath),
        ("/bin/x.bin", &beneath),
        ("x.bin", &x),
        ("/x.bin", &x),
        ("//x.bin", &x),
        ("/my file.bin", &spaced),
        ("my file.bin", &spaced),
        ("/my%20file.bin", &spaced),
    ] {
        let answer = device.asks(&app, target).await;
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        answer.is_firmware(bytes);
    }
    for missing in ["/my other file.bin", "/your%20file.bin", "bin/y.bin", "y.bin"] {
        assert_eq!(device.asks(&app, missing).await.status, 404, "{missing}");
    }
}

// Case 9: ESP32 cores 1 and 2 with an address without a path.
#[tokio::test]
async fn an_empty_target_is_the_root() {
    let app = TestApp::start().await;
    let device = FakeDevice::esp32(SKYE);
    let root = device.asks(&app, "/").await;
    let empty = device.asks(&app, "").await;
    assert_eq!((empty.status, empty.length()), (root.status, root.length()));
    let browser = exchange(app.address, b"GET  HTTP/1.0\r\nHost: x\r\n\r\n").await;
    assert_eq!(browser.status, 200);
    assert_eq!(browser.header("content-type"), Some("text/html; charset=utf-8"));
}

// Case 10.
#[tokio::test]
async fn a_request_without_host_is_served() {
    let app = TestApp::start().await;
    let released = app.platform("chase").released("v1.0.2").approving(CHASE).await;
    let device = FakeDevice::esp8266(CHASE).without_host();
    device.polls(&app, "chase", "v1.0.1").await.is_firmware(&released[0].bytes);
}

// Case 11: ESP32 core 1.0.x wants to keep its HTTP/1.0 connection.
#[tokio::test]
async fn a_connection_that_wants_to_stay_is_framed_by_length() {
    let app = TestApp::start().await;
    let sketch = Firmware::esp32().of("skye", "v2.0.0").size(LARGE);
    let released = app.platform("skye").releasing("v2.0.0", sketch).approving(SKYE).await;
    let device = FakeDevice::esp32(SKYE).core_1_0_x();
    let mut client = Client::connect(app.address).await;
    client.send(&device.request("GET", "/update?dev=skye&ver=2.0.0")).await;
    client.framed(false).await.is_not_modified();
    // It may ask for the next on the same connection, slash or not.
    client.send(&device.request("GET", "update?dev=skye&ver=1.0.0")).await;
    client.framed(false).await.is_firmware(&released[0].bytes);
    assert!(client.is_closed().await, "nothing follows an image");
}

// Case 12: proxies write names in their own way.
#[tokio::test]
async fn the_case_of_header_names_does_not_matter() {
    let app = TestApp::start().await;
    let released = app.platform("chase").released("v1.0.2").approving(CHASE).await;
    let device = FakeDevice::esp8266(CHASE).in_lower_case();
    device.polls(&app, "chase", "v1.0.1").await.is_firmware(&released[0].bytes);
    let capital = format!(
        "GET /update?dev=chase&ver=v1.0.2 HTTP/1.0\r\nUser-Agent: ESP8266-http-Update\r\n\
         X-Esp8266-Sta-Mac: {CHASE}\r\nX-ESP8266-MODE: sketch\r\n\r\n"
    );
    exchange(app.address, capital.as_bytes()).await.is_not_modified();
}

// Case 13: an ESP32 does not wait for the first byte of the body.
#[tokio::test]
async fn the_head_brings_the_first_bytes_of_the_image_along() {
    let app = TestApp::start().await;
    app.platform("skye")
        .open()
        .releasing("v2.0.0", Firmware::esp32().of("skye", "v2.0.0").size(LARGE))
        .await;
    for number in 0..10 {
        let device = FakeDevice::esp32(&format!("24:0A:C4:00:01:{number:02X}"));
        let mut client = Client::connect(app.address).await;
        client.send(&device.request("GET", "/update?dev=skye&ver=v1.0.0")).await;
        let first = client.read_some().await;
        let head = memchr::memmem::find(&first, b"\r\n\r\n").expect("the whole head");
        assert_eq!(first.get(head + 4), Some(&0xE9), "the image begins in the same segment");
    }
}

// Case 14: flash memory is slow, and an update must survive it.
#[tokio::test]
async fn a_device_that_reads_slowly_gets_all_of_it() {
    let app = TestApp::start().await;
    let released = app.platform("chase").releasing("v1.0.2", large()).approving(CHASE).await;
    let device = FakeDevice::esp8266(CHASE);
    let (head, mut client) = device.begins(&app, "/update?dev=chase&ver=v1.0.1").await;
    assert_eq!(head.length(), Some(released[0].size()));
    let mut body = Vec::new();
    while body.len() < released[0].size() {
        let some = (released[0].size() - body.len()).min(4096);
        body.extend(client.read_exactly(some).await);
        if body.len() % (20 * 4096) == 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    assert!(body == released[0].bytes);
    drop(client);
    app.until_attempt(CHASE, AttemptState::Delivered).await;
    let settings = WireSettings::default();
    assert!(settings.write_idle_timeout >= Duration::from_mins(1), "{settings:?}");
}

// Case 15: -100 on an ESP8266, and Tasmota's first step.
#[tokio::test]
async fn a_device_that_leaves_after_the_head_has_downloaded_nothing() {
    let app = TestApp::start().await;
    let released = app.platform("chase").releasing("v1.0.2", large()).approving(CHASE).await;
    let device = FakeDevice::esp8266(CHASE);
    let (head, client) = device.begins(&app, "/update?dev=chase&ver=v1.0.1").await;
    assert_eq!((head.status, head.length()), (200, Some(released[0].size())));
    drop(client);
    app.until_attempt(CHASE, AttemptState::Aborted).await;
    app.until_told(Kind::Aborted).await;
    let counters = app.counters(&released[0]).await;
    assert_eq!((counters.offers, counters.downloads), (1, 0));
    assert_eq!(app.told(Kind::Fault).await, <[&str; 0]>::default());
}

// Case 16: a single-threaded server stops here.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_slow_downloads_hold_nobody_up() {
    let app = TestApp::start().await;
    app.platform("chase").open().releasing("v1.0.2", large()).await;
    let mut slow = Vec::new();
    for number in 0..100 {
        let device = FakeDevice::esp8266(&format!("18:FE:34:00:01:{number:02X}"));
        let (head, client) = device.begins(&app, "/update?dev=chase&ver=v1.0.1").await;
        assert_eq!(head.status, 200);
        slow.push(client);
    }
    // None of them reads on: who waits for them waits for ever.
    let answer = FakeDevice::esp8266(CHASE).polls(&app, "chase", "v1.0.2").await;
    answer.is_not_modified();
    let list = b"GET /_catalog?op=list&path=. HTTP/1.0\r\nUser-Agent: ESP8266HTTPClient\r\n\r\n";
    assert_eq!(exchange(app.address, list).await.status, 200);
    assert_eq!(slow.len(), 100);
}

// Case 17.
#[tokio::test]
async fn no_address_leads_out_of_the_catalog() {
    let inside = Firmware::esp8266().text("inside").build();
    let app = TestApp::plan().with_catalog(&[("a/x.bin", &inside)]).start().await;
    let secret = Firmware::esp8266().text("secret").build();
    std::fs::write(app.outside().join("secret.bin"), &secret).unwrap();
    std::fs::write(app.outside().join("secret"), &secret).unwrap();
    let link = app.catalog().join("link.bin");
    std::os::unix::fs::symlink(app.outside().join("secret.bin"), &link).unwrap();
    let device = FakeDevice::esp8266(CHASE);
    for target in [
        "/../secret.bin",
        "../secret.bin",
        "/%2e%2e/secret.bin",
        "/a/../../secret.bin",
        "/a/..%2f..%2fsecret.bin",
        "/a/%2e%2e%5c..%5csecret.bin",
        "/link.bin",
        "/%00/secret.bin",
    ] {
        let answer = device.asks(&app, target).await;
        assert!(matches!(answer.status, 403 | 404), "{target}: {answer:?}");
    }
    for target in [
        "/../etc/passwd",
        "/%2e%2e/x",
        "/a/..%2f..%2fx",
        "/../secret",
        "/static/../../data/espalier.db",
        "/static/..%2f..%2fdata%2fespalier.db",
        "/data/espalier.db",
        "/_catalog/../data/espalier.db",
        "/k/secret/../../data/espalier.db",
    ] {
        let request = format!("GET {target} HTTP/1.0\r\nUser-Agent: curl/8.5\r\n\r\n");
        let answer = exchange(app.address, request.as_bytes()).await;
        assert!(matches!(answer.status, 403 | 404), "{target}: {answer:?}");
    }
}

// Case 18.
#[tokio::test]
async fn head_tells_what_get_would_send_and_counts_as_nothing() {
    let app = TestApp::start().await;
    let released = app.platform("chase").released("v1.0.2").approving(CHASE).await;
    let device = FakeDevice::esp8266(CHASE);
    let target = "/update?dev=chase&ver=v1.0.1";
    let head = device.asks_with("HEAD", &app, target).await;
    assert_eq!(head.status, 200);
    assert!(head.body.is_empty());
    assert_eq!(app.attempts(CHASE).await.len(), 0, "HEAD is no attempt");
    let get = device.asks(&app, target).await;
    get.is_firmware(&released[0].bytes);
    for name in ["content-length", "x-md5", "x-version", "content-type", "content-disposition"] {
        assert_eq!(head.all(name), get.all(name), "{name}");
    }
    app.until_attempt(CHASE, AttemptState::Delivered).await;
    let file = device.asks_with("HEAD", &app, "/chase_1_0_2.bin").await;
    assert_eq!((file.status, file.length()), (200, Some(released[0].size())));
    assert!(file.body.is_empty());
    let app = app.restarted().await;
    let counters = app.counters(&released[0]).await;
    assert_eq!((counters.offers, counters.downloads), (1, 1), "only the GET");
    assert_eq!(counters.bytes, released[0].bytes.len() as u64);
}

// Case 19: two would be joined to 65 characters.
#[tokio::test]
async fn every_image_has_exactly_one_digest() {
    let app = TestApp::start().await;
    let released = app.platform("chase").released("v1.0.2").approving(CHASE).await;
    let device = FakeDevice::esp8266(CHASE);
    for target in ["/update?dev=chase&ver=1", "/chase_1_0_2.bin", "/any/path.php"] {
        let device = device.clone().reporting("v1.0.1");
        let answer = device.asks(&app, target).await;
        assert_eq!(answer.all("x-md5"), [released[0].md5()], "{target}");
        app.until_attempt(CHASE, AttemptState::Delivered).await;
        app.app.try_again(CHASE.parse().unwrap(), &a_test()).await.unwrap();
    }
}

// Case 20: a 1xx is taken for the answer.
#[tokio::test]
async fn nothing_comes_before_the_answer_even_when_it_is_asked_for() {
    let app = TestApp::start().await;
    let released = app.platform("chase").released("v1.0.2").approving(CHASE).await;
    for version in ["1.0", "1.1"] {
        let request = format!(
            "POST /update?dev=chase&ver=v1.0.1 HTTP/{version}\r\nHost: x\r\n\
             User-Agent: ESP8266-http-Update\r\nx-ESP8266-STA-MAC: {CHASE}\r\n\
             Expect: 100-continue\r\nContent-Length: 10\r\n\r\n"
        );
        let mut client = Client::connect(app.address).await;
        client.send(request.as_bytes()).await;
        let answer = client.framed(false).await;
        answer.is_firmware(&released[0].bytes);
        drop(client);
        app.until_attempt(CHASE, AttemptState::Delivered).await;
        app.app.try_again(CHASE.parse().unwrap(), &a_test()).await.unwrap();
    }
}

// Cases 44, 45 and the list of design.md §4.
#[tokio::test]
async fn a_device_is_never_redirected_and_never_gets_204() {
    let app = TestApp::start().await;
    app.platform("chase").released("v1.0.2").approving(CHASE).await;
    for device in [
        FakeDevice::esp8266(CHASE).reporting("v1.0.2"),
        FakeDevice::esp8266("18:FE:34:00:00:99").reporting("v1.0.0"),
        FakeDevice::esp32(SKYE).reporting("v1.0.0"),
    ] {
        for target in [
            "/update",
            "/update/",
            "update",
            "//update",
            "/update?",
            "/update?dev=chase&ver=1.0.2",
            "/update/?dev=chase",
            "/Update",
            "/chase",
            "/chase/",
            "/bin/",
            "/chase_1_0_2.bin",
            "/chase/chase_1_0_2.bin",
            "//chase/chase_1_0_2.bin",
            "/_catalog",
            "/_catalog/?op=list",
            "/api/v1/nothing",
            "/arduino.php",
            "/esp/update/arduino.php",
            "/x.bin/",
            "/x.bin",
        ] {
            for method in ["GET", "HEAD", "POST"] {
                let mut client = Client::connect(app.address).await;
                client.send(&device.request(method, target)).await;
                let status = client.head().await.status;
                let fine = matches!(status, 200 | 304 | 400 | 401 | 403 | 404 | 405);
                assert!(fine, "{method} {target}: {status}");
            }
        }
    }
}
