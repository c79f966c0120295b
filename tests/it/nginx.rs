//! Devices and people through nginx, with the lines of the README as they stand there.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use espalier::domain::device::AttemptState;
use espalier::tls::Tls;
use rustls::version::TLS12;
use socket2::{Domain, Socket, Type};
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::support::http::eventually;
use crate::support::{
    CHASE, Client, FakeDevice, Firmware, Form, TestApp, TlsClient, a_test, exchange, is_installed,
};

/// nginx in front of a server; ends with the value.
struct Nginx {
    process: Child,
    people: SocketAddr,
    devices: SocketAddr,
    _ports: [Socket; 2],
    _folder: TempDir,
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The lines of the README between these fences.
fn snippet(language: &str) -> &'static str {
    let readme = include_str!("../../README.md");
    let (_, rest) = readme.split_once(&format!("```{language}\n")).expect("it is there");
    rest.split_once("```").expect("it ends").0
}

/// A port on which nobody listens, and that nobody else gets while the socket is held.
fn port() -> (Socket, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, address)
}

impl Nginx {
    async fn start(app: &TestApp) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ((one, people), (other, devices)) = (port(), port());
        let made = Tls::self_signed(folder.path(), &["localhost".to_owned()]).unwrap();
        let path = |path: &Path| path.to_str().unwrap().to_owned();
        let files = made.location();
        let mut server = snippet("nginx").to_owned();
        for (written, here) in [
            ("listen 443 ", format!("listen {people} ")),
            ("listen 80 ", format!("listen {devices} ")),
            ("/etc/ssl/ota.example.com.pem", path(&files.certificate)),
            ("/etc/ssl/ota.example.com.key", path(&files.key)),
            ("127.0.0.1:8000", app.addresses[0].to_string()),
            ("127.0.0.1:8001", app.addresses[1].to_string()),
        ] {
            assert!(server.contains(written), "{written}");
            server = server.replace(written, &here);
        }
        let temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {}/{kind};\n", folder.path().display()));
        // As a distribution has it: compression switched on for everybody.
        let config = format!(
            "daemon off;\nmaster_process off;\nerror_log stderr crit;\npid {0}/nginx.pid;\n\
             events {{ worker_connections 256; }}\n\
             http {{\naccess_log off;\ngzip on;\ngzip_types *;\ngzip_proxied any;\n{1}{server}}}\n",
            folder.path().display(),
            temp.concat(),
        );
        let file = folder.path().join("nginx.conf");
        fs::write(&file, config).unwrap();
        let process = Command::new("nginx")
            .args(["-p", &path(folder.path()), "-c", &path(&file)])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        eventually("nginx listens", async || TcpStream::connect(devices).await.ok()).await;
        Self { process, people, devices, _ports: [one, other], _folder: folder }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn devices_and_people_are_served_through_nginx() {
    if !is_installed("nginx") {
        return;
    }
    let app = TestApp::plan().with("--device-port").with("0").with("--trusted-proxies");
    let app = app.with("127.0.0.1").with("--allowed-hosts").with("ota.example.com").start().await;
    let firmware = Firmware::esp8266().size(600_000);
    let released = app.platform("chase").releasing("v1.0.2", firmware).approving(CHASE).await;
    let nginx = Nginx::start(&app).await;
    devices(&app, &nginx, &released[0].bytes).await;
    people(&nginx).await;
}

async fn devices(app: &TestApp, nginx: &Nginx, bytes: &[u8]) {
    let device = FakeDevice::esp8266(CHASE);
    let update = device.request("GET", "/update?dev=chase&ver=v1.0.1");
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.9:0".parse().unwrap()).unwrap();
    let mut client = Client::over(socket.connect(nginx.devices).await.unwrap());
    client.send(&update).await;
    let answer = client.rest().await;
    answer.is_firmware(bytes);
    assert_eq!(answer.header("x-version"), Some("v1.0.2"));
    drop(client);
    app.until_attempt(CHASE, AttemptState::Delivered).await;
    let address = app.device(CHASE).await.unwrap().address;
    assert_eq!(address, Some("127.0.0.9".parse().unwrap()), "the device's own address");

    let current = device.request("GET", "/update?dev=chase&ver=v1.0.2");
    exchange(nginx.devices, &current).await.is_not_modified();
    let esp32 = FakeDevice::esp32(CHASE).request("GET", "/update?dev=chase&ver=v1.0.2");
    exchange(nginx.devices, &esp32).await.is_not_modified();
    let list = b"GET /_catalog?op=list&path=. HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\
                 Accept-Encoding: identity;q=1,chunked;q=0.1,*;q=0\r\n\
                 User-Agent: ESP8266HTTPClient\r\n\r\n";
    let list = exchange(nginx.devices, list).await;
    assert_eq!((list.status, list.length()), (200, Some(list.body.len())));
    assert_eq!(list.header("transfer-encoding"), None);
    for target in ["/", "/settings", "/api/v1/devices"] {
        let request = format!("GET {target} HTTP/1.0\r\nHost: ota.example.com\r\n\r\n");
        assert_eq!(exchange(nginx.devices, request.as_bytes()).await.status, 404, "{target}");
    }
    // What no proxy understands, as the README says.
    let slashless = device.request("GET", "bin/x.bin");
    assert_eq!(exchange(nginx.devices, &slashless).await.status, 400);

    // It seems to have rolled back, until a person says otherwise.
    exchange(nginx.devices, &update).await.is_not_modified();
    app.app.try_again(CHASE.parse().unwrap(), &a_test()).await.unwrap();
    let mut leaves = Client::connect_small(nginx.devices).await;
    leaves.send(&update).await;
    assert_eq!(leaves.head().await.length(), Some(bytes.len()));
    leaves.read_exactly(10_000).await;
    leaves.reset();
    app.until_attempt(CHASE, AttemptState::Aborted).await;
}

async fn people(nginx: &Nginx) {
    let mut browser = TlsClient::connect(nginx.people, &TLS12).await.unwrap();
    let own = "Host: ota.example.com\r\nOrigin: https://ota.example.com\r\n";
    browser.send(format!("GET /connect HTTP/1.1\r\n{own}\r\n").as_bytes()).await;
    let page = browser.page().await;
    assert!(page.contains("https://ota.example.com"), "it knows that the browser speaks TLS");
    let image = Firmware::esp8266().of("chase", "v1.0.3").size(300_000).build();
    let form = Form::file("firmware.bin", &image).field("platform", "chase");
    let form = form.field("version", "v1.0.3").field("publish", "true");
    let request = form.request("/api/v1/releases");
    let request = [b"POST /api/v1/releases HTTP/1.1\r\n".to_vec(), own.into(), {
        let rest = memchr::memmem::find(&request, b"Accept:").unwrap();
        request[rest..].to_vec()
    }];
    let mut sender = TlsClient::connect(nginx.people, &TLS12).await.unwrap();
    sender.send(&request.concat()).await;
    let answer = sender.page().await;
    assert!(answer.contains("\"state\":\"published\""), "{answer}");
}
