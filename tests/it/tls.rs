//! TLS: who gets it, with which certificate, in which records, and whether what is said of a
//! download stays true.

use std::io::Write;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use espalier::domain::device::AttemptState;
use espalier::tls::{Fingerprints, Tls};
use rustls::SupportedProtocolVersion;
use rustls::version::{TLS12, TLS13};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::tls::records;
use crate::support::{
    CHASE, Client, FakeDevice, Firmware, MARSHALL, SKYE, TestApp, TlsClient, a_test, eventually,
    exchange, is_installed,
};

const UPDATE: &str = "/update?dev=chase&ver=v1.0.1";
const HANDSHAKE: u8 = 22;
const DATA: u8 = 23;

/// The most that a cipher of TLS 1.2 adds to what a record holds.
const OVERHEAD: usize = 8 + 16;

async fn start() -> TestApp {
    TestApp::plan().with("--tls").with("self-signed").with("--device-port").with("0").start().await
}

async fn connect(app: &TestApp, version: &'static SupportedProtocolVersion) -> TlsClient {
    TlsClient::connect(app.address, version).await.expect("they agree")
}

#[tokio::test]
async fn devices_and_people_are_served_in_both_versions() {
    let app = start().await;
    let released = app
        .platform("chase")
        .releasing("v1.0.2", Firmware::esp8266().size(300_000))
        .approving(CHASE)
        .approving(MARSHALL)
        .await;
    for (version, mac) in [(&TLS12, CHASE), (&TLS13, MARSHALL)] {
        let device = FakeDevice::esp8266(mac);
        let mut client = connect(&app, version).await;
        client.send(&device.request("GET", UPDATE)).await;
        client.answer().await.is_firmware(&released[0].bytes);
        assert!(client.is_ended().await, "the connection ends with the image");
        client.close().await;
        app.until_attempt(mac, AttemptState::Delivered).await;
        let mut client = connect(&app, version).await;
        client.send(&device.request("GET", "/update?dev=chase&ver=v1.0.2")).await;
        client.answer().await.is_not_modified();
        let mut browser = connect(&app, version).await;
        for _ in 0..3 {
            browser.send(b"GET /platforms HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
            assert_eq!(browser.answer().await.status, 200);
        }
    }
}

#[tokio::test]
async fn the_fingerprints_are_those_of_the_certificate_and_survive_a_restart() {
    let app = start().await;
    let seen = Fingerprints::of(&connect(&app, &TLS12).await.certificate());
    let told = app.greeting.join("\n");
    assert!(told.contains(&seen.sha1()) && told.contains(&seen.sha256()), "{told}");
    if !espalier::machine::in_container() {
        assert!(told.contains("https://127.0.0.1:"), "{told}");
    }
    let page = TlsClient::connect(app.address, &TLS13).await;
    let mut page = page.unwrap();
    page.send(b"GET /settings HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    let page = page.answer().await.text();
    assert!(page.contains(&seen.sha1()) && page.contains(&seen.sha256()));
    let app = app.restarted().await;
    assert_eq!(Fingerprints::of(&connect(&app, &TLS13).await.certificate()), seen);
}

#[tokio::test]
async fn a_download_counts_when_the_device_took_it_and_closed_in_order() {
    let app = start().await;
    let firmware = Firmware::esp8266().size(400_000);
    let released = app.platform("chase").releasing("v1.0.2", firmware).approving(CHASE).await;
    let device = FakeDevice::esp8266(CHASE);
    let again = async || {
        app.app.try_again(CHASE.parse().unwrap(), &a_test()).await.unwrap();
        let mut client = connect(&app, &TLS12).await;
        client.send(&device.request("GET", UPDATE)).await;
        client
    };
    // Without an alert of its own, as an ESP32 closes.
    let mut silent = again().await;
    silent.answer().await.is_firmware(&released[0].bytes);
    drop(silent);
    app.until_attempt(CHASE, AttemptState::Delivered).await;

    for read in [1000, 200_000, 390_000] {
        let mut left = again().await;
        left.read_up_to(read).await;
        drop(left);
        app.until_attempt(CHASE, AttemptState::Aborted).await;
        let attempt = &app.attempts(CHASE).await[0];
        let bytes = usize::try_from(attempt.bytes).unwrap();
        // The last record may not have left as a whole.
        assert!(bytes + 17_000 >= read, "{read} {bytes}");
        assert!(read > 1000 || bytes < 300_000, "swallowed by the system: {bytes}");
    }
    let mut reset = again().await;
    reset.answer().await.is_firmware(&released[0].bytes);
    reset.reset();
    app.until_attempt(CHASE, AttemptState::Aborted).await;
}

#[tokio::test]
async fn whoever_speaks_plain_http_to_a_tls_port_is_told() {
    let app = start().await;
    app.platform("chase").released("v1.0.2").approving(CHASE).await;
    let device = FakeDevice::esp8266(CHASE);
    let answer = device.asks(&app, UPDATE).await;
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("https"), "{answer:?}");
    assert_eq!(app.attempts(CHASE).await.len(), 0);
    let events = app.events().await;
    assert!(events.iter().any(|event| event.text.contains("--device-port")), "{events:?}");
    for path in ["/", "/api/v1/devices", "/settings", "/_catalog?op=list&path="] {
        let request = format!("GET {path} HTTP/1.0\r\nHost: pi.lan:8000\r\n\r\n");
        assert_eq!(exchange(app.address, request.as_bytes()).await.status, 400, "{path}");
    }
    let browser = b"GET /devices?x=1 HTTP/1.0\r\nHost: pi.lan:8000\r\nAccept: text/html\r\n\r\n";
    let answer = exchange(app.address, browser).await;
    assert_eq!(answer.header("location"), Some("https://pi.lan:8000/devices?x=1"));
    for probe in ["/healthz", "/readyz"] {
        let request = format!("GET {probe} HTTP/1.0\r\n\r\n");
        assert_eq!(exchange(app.address, request.as_bytes()).await.status, 200, "{probe}");
    }
}

#[tokio::test]
async fn a_device_port_speaks_both_and_knows_devices_only() {
    let app = start().await;
    let released = app.platform("chase").released("v1.0.2").approving(CHASE).await;
    let port = app.addresses[1];
    let device = FakeDevice::esp8266(CHASE);
    let mut secure = TlsClient::connect(port, &TLS12).await.unwrap();
    secure.send(&device.request("GET", UPDATE)).await;
    secure.answer().await.is_firmware(&released[0].bytes);
    secure.close().await;
    app.until_attempt(CHASE, AttemptState::Delivered).await;
    app.app.try_again(CHASE.parse().unwrap(), &a_test()).await.unwrap();
    exchange(port, &device.request("GET", UPDATE)).await.is_firmware(&released[0].bytes);
    administration_is_nowhere(port).await;
}

#[tokio::test]
async fn a_device_port_needs_no_tls() {
    let app = TestApp::plan().with("--device-port").with("0").start().await;
    let released = app.platform("chase").released("v1.0.2").approving(CHASE).await;
    let port = app.addresses[1];
    let device = FakeDevice::esp8266(CHASE);
    exchange(port, &device.request("GET", UPDATE)).await.is_firmware(&released[0].bytes);
    exchange(port, &device.request("GET", "any/path.php")).await.is_not_modified();
    let list = b"GET /_catalog?op=list&path=. HTTP/1.0\r\nUser-Agent: ESP8266HTTPClient\r\n\r\n";
    assert_eq!(exchange(port, list).await.status, 200);
    assert_eq!(exchange(port, b"GET /healthz HTTP/1.0\r\n\r\n").await.status, 200);
    administration_is_nowhere(port).await;
}

/// Every address of pages and API, found in the router's own sources.
async fn administration_is_nowhere(port: SocketAddr) {
    let sources = [
        include_str!("../../src/http/web/mod.rs"),
        include_str!("../../src/http/api/v1/mod.rs"),
        "\"/api\" \"/api/\" \"/static/app.css\" \"/readyz\" \"/metrics\" \"/api/v1/openapi.json\"",
    ];
    let texts = sources.iter().flat_map(|source| source.split('"'));
    let is_path = |text: &&str| text.starts_with('/') && !text.contains(char::is_whitespace);
    let paths: Vec<&str> = texts.filter(is_path).collect();
    assert!(paths.len() > 30, "{paths:?}");
    for path in paths {
        let path = path.replace("{name}", "chase").replace("{id}", "1").replace("{mac}", CHASE);
        for method in ["GET", "POST", "PATCH", "DELETE"] {
            let request = format!(
                "{method} {path} HTTP/1.0\r\nHost: pi.lan\r\nAccept: text/html\r\n\
                 Content-Length: 0\r\n\r\n"
            );
            let answer = exchange(port, request.as_bytes()).await;
            let said = answer.said();
            assert_eq!(said, (404, "There is nothing at this address.\n".to_owned()), "{path}");
        }
    }
}

/// A hello as `BearSSL` writes it on an ESP8266, with this code for its buffers.
fn hello_of_a_device(code: u8) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([0x5A; 32]);
    body.push(0);
    let suites = [0xCC, 0xA9, 0xC0, 0x2B, 0xC0, 0x2C, 0xC0, 0x23, 0xC0, 0x09];
    body.extend([0, 10]);
    body.extend(suites);
    body.extend([1, 0]);
    let mut extensions = vec![0xFF, 0x01, 0, 1, 0];
    extensions.extend([0, 1, 0, 1, code]);
    extensions.extend([0, 13, 0, 6, 0, 4, 4, 3, 4, 1]);
    extensions.extend([0, 10, 0, 4, 0, 2, 0, 23]);
    extensions.extend([0, 11, 0, 2, 1, 0]);
    body.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
    body.extend(extensions);
    let length = u8::try_from(body.len()).unwrap();
    let message = [vec![1, 0, 0, length], body].concat();
    [vec![HANDSHAKE, 3, 1, 0, length + 4], message].concat()
}

#[tokio::test]
async fn the_handshake_fits_the_buffers_that_a_device_announces() {
    let app = start().await;
    for (code, most) in [(1, 512), (2, 1024), (3, 2048), (4, 4096)] {
        let mut stream = TcpStream::connect(app.address).await.unwrap();
        stream.write_all(&hello_of_a_device(code)).await.unwrap();
        let mut flight = Vec::new();
        // Up to ServerHelloDone, the last message before the client's turn.
        while !flight.ends_with(&[14, 0, 0, 0]) {
            let mut some = [0; 4096];
            let length = crate::support::http::soon(stream.read(&mut some)).await.unwrap();
            assert!(length > 0, "{code}: {:?}", records(&flight));
            flight.extend(&some[..length]);
        }
        let records = records(&flight);
        assert!(records.iter().all(|(kind, length)| *kind == HANDSHAKE && *length <= most));
        let whole: usize = records.iter().map(|(_, length)| length).sum();
        assert!(whole > 512, "a certificate is longer than a record of 512: {records:?}");
    }
}

#[tokio::test]
async fn others_get_large_records() {
    let app = start().await;
    app.platform("chase")
        .releasing("v1.0.2", Firmware::esp8266().size(100_000))
        .approving(CHASE)
        .await;
    let mut client = connect(&app, &TLS12).await;
    client.send(&FakeDevice::esp8266(CHASE).request("GET", UPDATE)).await;
    client.answer().await;
    let largest = records(&client.received).into_iter().map(|(_, length)| length).max();
    assert!(largest > Some(16_000), "{largest:?}");
}

/// Hands bytes on in both directions, and keeps those of the server.
async fn relay(server: SocketAddr) -> (SocketAddr, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let kept = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&kept);
    tokio::spawn(async move {
        let (client, _) = listener.accept().await.unwrap();
        let upstream = TcpStream::connect(server).await.unwrap();
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = upstream.into_split();
        tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
        let mut some = vec![0; 16 * 1024];
        while let Ok(length @ 1..) = from_server.read(&mut some).await {
            sink.lock().unwrap().extend(&some[..length]);
            if to_client.write_all(&some[..length]).await.is_err() {
                return;
            }
        }
        let _ = to_client.shutdown().await;
    });
    (address, kept)
}

// T27: ESPHome on an ESP8266 has buffers of 512 bytes. OpenSSL plays it, down to the last record.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_download_fits_the_buffers_that_a_device_announces() {
    if !is_installed("openssl") {
        return;
    }
    let app = start().await;
    let firmware = Firmware::esp8266().size(300_000);
    let released = app.platform("chase").releasing("v1.0.2", firmware).approving(CHASE).await;
    for (announced, most) in [("512", 512), ("1024", 1024), ("4096", 4096)] {
        let (address, kept) = relay(app.address).await;
        let request = FakeDevice::esp8266(CHASE).request("GET", UPDATE);
        let (connect, announced) = (address.to_string(), announced.to_owned());
        let output = tokio::task::spawn_blocking(move || {
            let mut client = Command::new("openssl")
                .args(["s_client", "-tls1_2", "-quiet", "-maxfraglen", &announced])
                .args(["-connect", &connect])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            client.stdin.as_mut().unwrap().write_all(&request).unwrap();
            client.wait_with_output().unwrap().stdout
        });
        let output = output.await.unwrap();
        assert!(output.ends_with(&released[0].bytes), "{most}: {} bytes", output.len());
        let records = records(&kept.lock().unwrap());
        let (data, handshake): (Vec<_>, Vec<_>) =
            records.into_iter().partition(|(kind, _)| *kind == DATA);
        assert!(handshake.iter().all(|(_, length)| *length <= most), "{handshake:?}");
        assert!(data.iter().all(|(_, length)| *length <= most + OVERHEAD), "{most}: {data:?}");
        assert!(data.len() >= 300_000 / most, "{most}: {} records", data.len());
        app.until_attempt(CHASE, AttemptState::Delivered).await;
        app.app.try_again(CHASE.parse().unwrap(), &a_test()).await.unwrap();
    }
}

#[tokio::test]
async fn clients_that_say_half_a_hello_hold_nobody_up() {
    let app = start().await;
    let released = app.platform("skye").open().releasing("v2.0.0", Firmware::esp32()).await;
    let mut halves = Vec::new();
    for cut in [1, 5, 40] {
        for _ in 0..20 {
            let mut half = Client::connect(app.address).await;
            half.send(&hello_of_a_device(1)[..cut]).await;
            halves.push(half);
        }
    }
    let mut nonsense = Client::connect(app.address).await;
    let mut ancient = hello_of_a_device(1);
    ancient[10] = 1;
    nonsense.send(&ancient).await;
    let alert = nonsense.read_some().await;
    assert_eq!(alert.first(), Some(&21), "it is told: {alert:?}");
    let mut client = connect(&app, &TLS13).await;
    let request = FakeDevice::esp32(SKYE).request("GET", "/update?dev=skye&ver=v1.0.0");
    client.send(&request).await;
    client.answer().await.is_firmware(&released[0].bytes);
    assert_eq!(halves.len(), 60);
}

#[tokio::test]
async fn with_a_certificate_of_an_authority_browsers_are_told_to_come_back_with_tls() {
    let folder = tempfile::tempdir().unwrap();
    let made = Tls::self_signed(folder.path(), &["localhost".to_owned()]).unwrap();
    let path = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    let files = made.location();
    let plan = TestApp::plan().with("--tls").with("files");
    let plan = plan.with("--tls-cert").with(&path(&files.certificate));
    let app = plan.with("--tls-key").with(&path(&files.key)).start().await;
    let mut browser = connect(&app, &TLS13).await;
    browser.send(b"GET /devices HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    let page = browser.answer().await;
    assert_eq!(page.header("strict-transport-security"), Some("max-age=86400"));
    assert_eq!(Fingerprints::of(&browser.certificate()), made.fingerprints());
    for (origin, status) in [("http://localhost", 403), ("https://localhost", 404)] {
        let change = format!(
            "DELETE /api/v1/platforms/x HTTP/1.1\r\nHost: localhost\r\nOrigin: {origin}\r\n\r\n"
        );
        browser.send(change.as_bytes()).await;
        assert_eq!(browser.answer().await.status, status, "{origin}");
    }
    browser.send(b"GET /_catalog?op=list&path=. HTTP/1.1\r\nUser-Agent: a\r\n\r\n").await;
    assert_eq!(browser.answer().await.header("strict-transport-security"), None);

    let app = start().await;
    let mut browser = connect(&app, &TLS13).await;
    browser.send(b"GET /devices HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert_eq!(browser.answer().await.header("strict-transport-security"), None);
}

// Nobody tells the running server: it looks itself.
#[tokio::test]
async fn a_renewed_certificate_is_shown_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let made = Tls::self_signed(folder.path(), &["localhost".to_owned()]).unwrap();
    let path = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    let files = made.location();
    let plan = TestApp::plan().with("--tls").with("files");
    let plan = plan.with("--tls-cert").with(&path(&files.certificate));
    let app = plan.with("--tls-key").with(&path(&files.key)).start().await;
    let shown = async || Fingerprints::of(&connect(&app, &TLS13).await.certificate());
    assert_eq!(shown().await, made.fingerprints());
    let other = tempfile::tempdir().unwrap();
    let renewed = Tls::self_signed(other.path(), &["localhost".to_owned()]).unwrap();
    std::fs::copy(&renewed.location().key, &files.key).unwrap();
    std::fs::copy(&renewed.location().certificate, &files.certificate).unwrap();
    eventually("the new certificate is shown", async || {
        (shown().await == renewed.fingerprints()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_start_without_a_usable_certificate_says_what_is_wrong() {
    use clap::Parser;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let start = async |more: &[&str]| {
        let line = ["espalier", "--port", "0", "--bind", "127.0.0.1", "--data"];
        let line = line.into_iter().chain([data.to_str().unwrap()]).chain(more.iter().copied());
        let options = espalier::config::CommandLine::try_parse_from(line).unwrap().serve;
        espalier::server::Server::start(&options).await.unwrap_err().to_string()
    };
    let text = start(&["--tls", "files"]).await;
    assert!(text.contains("ESPALIER_TLS_CERT") && text.contains("ESPALIER_TLS_KEY"), "{text}");
    let none = ["--tls", "files", "--tls-cert", "/nowhere/c.pem", "--tls-key", "/nowhere/k.pem"];
    let text = start(&none).await;
    assert!(text.contains("/nowhere/c.pem") && text.contains("ESPALIER_TLS_CERT"), "{text}");
}
