//! What strangers try: to hold all places, to speak for others, to write into headers, to send
//! more than anyone wants.

use std::time::Duration;

use tokio::time::timeout;

use crate::support::{
    Answer, CHASE, Client, FakeDevice, Firmware, Form, MARSHALL, TestApp, exchange,
};

/// Asks for a page as a browser does.
async fn browse(app: &TestApp, method: &str, path: &str, headers: &str) -> Answer {
    let request = format!(
        "{method} {path} HTTP/1.1\r\nAccept: text/html\r\nConnection: close\r\n{headers}\
         Content-Length: 0\r\n\r\n"
    );
    exchange(app.address, request.as_bytes()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_that_say_little_keep_no_device_from_its_answer() {
    let app = TestApp::start().await;
    app.platform("chase").open().releasing("v1.0.2", Firmware::esp8266().size(200_000)).await;
    let mut slow = Vec::new();
    for number in 0..200 {
        let mut client = Client::connect(app.address).await;
        let start = match number % 4 {
            0 => "",
            1 => "GET /update?dev=chase HTTP/1.1\r\nHost: pi\r\nX-a: b\r\n",
            2 => "POST /api/v1/platforms HTTP/1.1\r\nContent-Length: 50000\r\n\r\n{",
            _ => "GET /up",
        };
        client.send(start.as_bytes()).await;
        slow.push(client);
    }
    let mut answers = 0;
    for number in 0..300 {
        // All of them send another byte now and then, unless the server has given them up.
        if number % 100 == 0 {
            for client in &mut slow {
                let _ = client.try_send(b"x").await;
            }
        }
        let device = FakeDevice::esp8266(&format!("18:FE:34:00:{:02X}:01", number % 100));
        let version = if number % 10 == 0 { "v1.0.1" } else { "v1.0.2" };
        let answer = timeout(Duration::from_secs(10), device.polls(&app, "chase", version));
        let answer = answer.await.unwrap_or_else(|_| panic!("device {number} waits"));
        answers += usize::from(matches!(answer.status, 200 | 304));
    }
    assert_eq!((answers, slow.len()), (300, 200));
}

#[tokio::test]
async fn made_up_devices_do_not_drive_all_others_out_of_the_inbox() {
    let app = TestApp::plan().with("--trusted-proxies").with("127.0.0.1").start().await;
    app.platform("chase").released("v1.0.2").await;
    let asks = async |mac: &str, address: &str| {
        let device = FakeDevice::esp8266(mac);
        let device = device.with_header(&format!("X-Forwarded-For: {address}"));
        device.polls(&app, "chase", "v1.0.1").await.said()
    };
    asks(CHASE, "192.0.2.1").await;
    let mut said = Vec::new();
    for number in 0..600 {
        let mac = format!("18:FE:35:00:{:02X}:{:02X}", number / 256, number % 256);
        said.push(asks(&mac, "192.0.2.66").await);
    }
    said.dedup();
    assert_eq!(said, [(400, "Error: Device not whitelisted.".to_owned())]);
    asks(MARSHALL, "192.0.2.2").await;
    assert!(app.device(CHASE).await.is_some() && app.device(MARSHALL).await.is_some());
    assert!(app.device("18:FE:35:00:00:F9").await.is_some(), "the 250th");
    assert!(app.device("18:FE:35:00:00:FA").await.is_none(), "the 251st");
    let told = app.events().await;
    let told = told.iter().filter(|event| event.text.contains("more new devices"));
    assert_eq!(told.count(), 1);
}

#[tokio::test]
async fn pages_and_api_answer_to_their_own_names_only() {
    let app = TestApp::plan().with("--allowed-hosts").with("ota.example.org").start().await;
    let released = app.platform("chase").released("v1.0.2").approving(CHASE).await;
    for path in ["/", "/devices", "/settings", "/nothing/here", "/static/app.css", "/connect"] {
        for host in ["evil.example", "evil.example:8000", "127.0.0.1.evil.example"] {
            let answer = browse(&app, "GET", path, &format!("Host: {host}\r\n")).await;
            assert_eq!(answer.status, 421, "{path} {host}");
            let text = answer.text();
            assert!(text.contains("ESPALIER_ALLOWED_HOSTS") && !text.contains("chase"), "{text}");
            assert!(answer.header("content-security-policy").is_some(), "{path}");
        }
    }
    let answer = browse(&app, "GET", "/api/v1/platforms", "Host: evil.example\r\n").await;
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!((answer.status, &answer.json()["code"]), (421, &"unknown_host".into()));
    for host in ["pi", "pi.local", "pi.lan:8000", "192.168.1.10:8000", "[::1]", "ota.example.org"] {
        let answer = browse(&app, "GET", "/devices", &format!("Host: {host}\r\n")).await;
        assert_eq!(answer.status, 200, "{host}");
    }
    assert_eq!(exchange(app.address, b"GET /devices HTTP/1.0\r\n\r\n").await.status, 200);
    // Devices and probes take every name.
    let device = FakeDevice::esp8266(CHASE).without_host().with_header("Host: evil.example");
    device.polls(&app, "chase", "v1.0.1").await.is_firmware(&released[0].bytes);
    for path in ["/_catalog?op=list&path=.", "/healthz", "/readyz"] {
        let request = format!(
            "GET {path} HTTP/1.0\r\nHost: evil.example\r\nUser-Agent: ESP8266HTTPClient\r\n\r\n"
        );
        assert_eq!(exchange(app.address, request.as_bytes()).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn every_page_brings_its_policy() {
    let frames = "http://ha.local:8123";
    let framed = TestApp::plan().with("--frame-ancestors").with(frames).start().await;
    let app = TestApp::start().await;
    for path in ["/", "/devices", "/api/v1/devices", "/static/nothing.css", "/nothing", "/api/x"] {
        let answer = browse(&app, "GET", path, "Host: pi.lan\r\n").await;
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none';"), "{policy}");
        assert!(policy.ends_with("frame-ancestors 'none'"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
            ("x-frame-options", "DENY"),
        ] {
            assert_eq!(answer.all(name), [value], "{path}");
        }
        assert_eq!(answer.header("strict-transport-security"), None);
        let answer = browse(&framed, "GET", path, "Host: pi.lan\r\n").await;
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.ends_with(&format!("frame-ancestors {frames}")), "{policy}");
        assert_eq!(answer.header("x-frame-options"), None);
    }
}

#[tokio::test]
async fn a_change_for_another_site_is_a_problem_below_api_and_a_sentence_elsewhere() {
    let app = TestApp::start().await;
    for origin in ["Origin: http://evil.example\r\n", "Sec-Fetch-Site: cross-site\r\n"] {
        let headers = format!("Host: pi.lan\r\n{origin}");
        for method in ["POST", "PATCH", "DELETE"] {
            let answer = browse(&app, method, "/api/v1/platforms/chase", &headers).await;
            assert_eq!(answer.header("content-type"), Some("application/problem+json"));
            assert_eq!((answer.status, &answer.json()["code"]), (403, &"foreign_origin".into()));
        }
        assert_eq!(browse(&app, "POST", "/platforms", &headers).await.status, 403);
    }
    assert_eq!(app.events().await.len(), 0);
}

#[tokio::test]
async fn nothing_that_is_asked_for_gets_into_the_headers() {
    let app = TestApp::start().await;
    app.platform("chase").released("v1.0.2").approving(CHASE).await;
    let evil = "%0d%0aX-Evil:%201%0d%0a%0d%0a";
    for path in [
        format!("/{evil}"),
        format!("/devices/{evil}"),
        format!("/platforms/{evil}"),
        format!("/api/v1/platforms/{evil}"),
        format!("/connect?platform={evil}"),
        format!("/_catalog?op=list&path={evil}"),
        format!("/{evil}.bin"),
        format!("/update?dev={evil}&ver={evil}"),
    ] {
        for agent in ["Mozilla/5.0", "ESP8266-http-Update"] {
            let headers =
                format!("Host: pi.lan\r\nUser-Agent: {agent}\r\nx-ESP8266-STA-MAC: {MARSHALL}\r\n");
            let answer = browse(&app, "GET", &path, &headers).await;
            assert_eq!(answer.header("x-evil"), None, "{path}");
            assert!(answer.status < 500, "{path}: {answer:?}");
        }
    }
    let body = format!("theme=dark&back=/{evil}");
    let request = format!(
        "POST /settings/theme HTTP/1.1\r\nHost: pi.lan\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = exchange(app.address, request.as_bytes()).await;
    assert_eq!((answer.status, answer.header("x-evil")), (303, None), "{answer:?}");
}

#[tokio::test]
async fn too_much_of_anything_is_refused() {
    let app = TestApp::start().await;
    let many = "x-a: b\r\n".repeat(500);
    let long = format!("x-a: {}\r\n", "b".repeat(100_000));
    for headers in [many, long] {
        let answer = browse(&app, "GET", "/", &headers).await;
        assert!(matches!(answer.status, 400 | 431), "{answer:?}");
    }
    let deep = format!("{}1{}", "[".repeat(30_000), "]".repeat(30_000));
    for body in [deep.clone(), format!("{{\"name\":{deep}}}")] {
        let request = format!(
            "POST /api/v1/platforms HTTP/1.1\r\nHost: pi\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = exchange(app.address, request.as_bytes()).await;
        assert_eq!((answer.status, &answer.json()["code"]), (400, &"invalid_json".into()));
    }
    let image = Firmware::esp8266().of("chase", "v1.0.2").build();
    let fields = |name: &str| (0..5_000).fold(Form::default(), |form, _| form.field(name, "x"));
    let answer =
        fields("platform").and_file("a.bin", &image).sent_to(&app, "/api/v1/releases").await;
    assert_eq!((answer.status, &answer.json()["code"]), (400, &"too_many_fields".into()));
    let answer = fields("nothing").and_file("a.bin", &image).sent_to(&app, "/releases").await;
    assert_eq!(answer.status, 409, "{answer:?}");
    assert_eq!(app.files("firmware").len(), 0);
}

/// A gzip file of so many zeros, which takes a thousandth of that.
fn bomb(first: u8, zeros: usize) -> Vec<u8> {
    let mut content = vec![0; zeros];
    content[0] = first;
    let mut file = vec![0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 0xFF];
    file.extend(miniz_oxide::deflate::compress_to_vec(&content, 6));
    let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(&content);
    file.extend(crc.to_le_bytes());
    file.extend(u32::try_from(zeros).unwrap().to_le_bytes());
    file
}

#[tokio::test]
async fn what_is_packed_small_and_is_large_is_not_unpacked() {
    let app = TestApp::plan().with("--max-upload").with("1MiB").start().await;
    let released = app.platform("chase").without_gzip().released("v1.0.2").approving(CHASE).await;
    app.app.pack_wanted().await.unwrap();
    let kept = app.files("firmware").len();
    for first in [0xE9, 0] {
        let file = bomb(first, 64 << 20);
        assert!(file.len() < 100_000, "{}", file.len());
        for name in ["firmware.bin", "firmware.bin.gz"] {
            let form = Form::file(name, &file).field("platform", "chase");
            let form = form.field("version", "v1.0.3").field("publish", "true");
            let answer = form.sent_to(&app, "/api/v1/releases").await;
            let code = &answer.json()["code"];
            assert_eq!((answer.status, code), (413, &"gzip_too_long".into()), "{name}");
        }
    }
    assert_eq!(app.files("firmware").len(), kept, "nothing is kept");
    assert_eq!(app.files("incoming").len(), 0, "nothing is left");
    // A body is never unpacked before it is read.
    let body = bomb(b'{', 1 << 20);
    let head = format!(
        "POST /api/v1/platforms HTTP/1.1\r\nHost: pi\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let answer = exchange(app.address, &[head.as_bytes(), &body].concat()).await;
    assert!(matches!(answer.status, 400 | 415), "{answer:?}");
    let device = FakeDevice::esp8266(CHASE);
    device.polls(&app, "chase", "v1.0.1").await.is_firmware(&released[0].bytes);
}

#[tokio::test]
async fn what_is_searched_for_is_no_part_of_a_query() {
    let app = TestApp::start().await;
    app.platform("chase").released("v1.0.2").approving(CHASE).approving(MARSHALL).await;
    let count = async |path: &str| {
        let answer = browse(&app, "GET", path, "Host: pi.lan\r\n").await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.json()["items"].as_array().unwrap().len()
    };
    assert_eq!(count("/api/v1/devices?q=18FE34").await, 2);
    for evil in
        ["%27%20OR%20%271%27%3D%271", "%25", "_", "%27%3B%20DROP%20TABLE%20devices%3B--", "!"]
    {
        assert_eq!(count(&format!("/api/v1/devices?q={evil}")).await, 0, "{evil}");
        assert_eq!(count(&format!("/api/v1/events?platform={evil}")).await, 0, "{evil}");
        let poll = format!("/update?dev={evil}&ver={evil}");
        assert_eq!(FakeDevice::esp8266(CHASE).asks(&app, &poll).await.status, 400, "{evil}");
    }
    assert_eq!(count("/api/v1/devices").await, 2);
}

#[tokio::test]
async fn made_up_devices_do_not_fill_a_platform_that_is_open_to_any() {
    let app = TestApp::start().await;
    app.platform("chase").open().released("v1.0.2").await;
    let mut statuses = Vec::new();
    for number in 0..300 {
        let mac = format!("18:FE:35:00:{:02X}:{:02X}", number / 256, number % 256);
        statuses.push(FakeDevice::esp8266(&mac).polls(&app, "chase", "v1.0.2").await.status);
    }
    assert_eq!(statuses.iter().filter(|status| **status == 304).count(), 250, "{statuses:?}");
    assert!(app.device("18:FE:35:00:00:F9").await.is_some(), "the 250th");
    assert!(app.device("18:FE:35:00:00:FA").await.is_none(), "the 251st");
    // Whoever is known stays known.
    let known = FakeDevice::esp8266("18:FE:35:00:00:01");
    assert_eq!(known.polls(&app, "chase", "v1.0.2").await.status, 304);
    let audit = app.app.store().audit(&espalier::store::AuditFilter::default()).await.unwrap();
    assert!(audit.len() < 10, "devices do not fill the audit log: {}", audit.len());
}

#[tokio::test]
async fn who_names_two_hosts_gets_no_page() {
    let app = TestApp::plan().with("--allowed-hosts").with("ota.example.org").start().await;
    for (target, hosts) in [
        ("/devices", "Host: pi.lan\r\nHost: evil.example\r\n"),
        ("/devices", "Host: pi.lan\r\nHost: pi.lan\r\n"),
        ("http://ota.example.org/devices", "Host: pi.lan\r\n"),
        ("http://evil.example/devices", "Host: pi.lan\r\n"),
        ("/nothing/here", "Host: pi.lan\r\nHost: ota.example.org\r\n"),
        ("/api/v1/devices", "Host: pi.lan\r\nHost: ota.example.org\r\n"),
    ] {
        let answer = browse(&app, "GET", target, hosts).await;
        assert_eq!(answer.status, 400, "{target} {hosts}");
    }
    let answer = browse(&app, "GET", "http://PI.lan/devices", "Host: pi.lan\r\n").await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn no_browser_guesses_what_an_answer_is() {
    let app = TestApp::plan().with("--device-port").with("0").start().await;
    app.platform("chase").released("v1.0.2").await;
    for address in &app.addresses {
        for path in ["/update?dev=chase", "/_catalog?op=list&path=", "/x.bin", "/healthz", "/none"]
        {
            let request = format!("GET {path} HTTP/1.0\r\nHost: pi\r\n\r\n");
            let answer = exchange(*address, request.as_bytes()).await;
            assert_eq!(answer.all("x-content-type-options"), ["nosniff"], "{path} {answer:?}");
        }
    }
}
