//! Devices and people through nginx, Caddy and Traefik, with the lines of the README as they stand
//! there: only ports, the addresses of the server, and paths of certificates are put in.

use std::ffi::OsString;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use espalier::domain::device::AttemptState;
use espalier::tls::Tls;
use rustls::version::TLS12;
use socket2::{Domain, Socket, Type};
use tempfile::TempDir;
use tokio::net::{TcpSocket, TcpStream};

use crate::support::http::eventually;
use crate::support::{
    CHASE, Client, FakeDevice, Firmware, Form, TestApp, TlsClient, a_test, exchange, is_installed,
};

/// The name that the README gives the server.
const NAME: &str = "ota.example.com";

/// A proxy in front of a server; ends with the value.
struct Proxy {
    process: Child,
    people: SocketAddr,
    devices: SocketAddr,
    _ports: [Socket; 2],
    _folder: TempDir,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Where a proxy that is about to be started keeps its files, and where it listens.
struct Place {
    folder: TempDir,
    people: SocketAddr,
    devices: SocketAddr,
    ports: [Socket; 2],
}

impl Place {
    fn choose() -> Self {
        let ((one, people), (other, devices)) = (port(), port());
        Self { folder: tempfile::tempdir().unwrap(), people, devices, ports: [one, other] }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// Runs the proxy, and waits until people and devices can reach it.
    async fn run(self, program: OsString, arguments: &[&str]) -> Proxy {
        let folder = self.folder.path();
        let process = Command::new(program)
            .args(arguments)
            .envs(["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"].map(|name| (name, folder)))
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let Self { folder, people, devices, ports } = self;
        let proxy = Proxy { process, people, devices, _ports: ports, _folder: folder };
        eventually("devices reach it", async || {
            TcpStream::connect(devices).await.ok()?;
            let asked =
                exchange(devices, b"GET /healthz HTTP/1.0\r\nHost: ota.example.com\r\n\r\n");
            (asked.await.status == 200).then_some(())
        })
        .await;
        eventually("people reach it", async || {
            TlsClient::connect_to(NAME, people, &TLS12).await.ok()
        })
        .await;
        proxy
    }
}

/// The lines of the README between these fences, with this put in.
fn snippet(language: &str, changes: &[(&str, String)]) -> String {
    let readme = include_str!("../../README.md");
    let (_, rest) = readme.split_once(&format!("```{language}\n")).expect("it is there");
    let mut text = rest.split_once("```").expect("it ends").0.to_owned();
    for (written, here) in changes {
        assert!(text.contains(written), "{written}");
        text = text.replace(written, here);
    }
    text
}

/// A port on which nobody listens, and that nobody else gets while the socket is held.
fn port() -> (Socket, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, address)
}

/// A server behind a proxy on this machine, with a device and an image for it.
async fn server() -> (TestApp, Vec<u8>) {
    let app = TestApp::plan().with("--device-port").with("0").with("--trusted-proxies");
    let app = app.with("127.0.0.1").with("--allowed-hosts").with(NAME).start().await;
    let firmware = Firmware::esp8266().size(900_000);
    let mut released = app.platform("chase").releasing("v1.0.2", firmware).approving(CHASE).await;
    (app, released.remove(0).bytes)
}

/// The addresses in the lines of the README, and those of the server here.
fn upstream(app: &TestApp) -> [(&'static str, String); 2] {
    let [pages, devices, ..] = app.addresses.as_slice() else { panic!("two ports") };
    [("127.0.0.1:8000", pages.to_string()), ("127.0.0.1:8001", devices.to_string())]
}

async fn nginx(app: &TestApp) -> Proxy {
    let place = Place::choose();
    let folder = place.folder.path();
    let made = Tls::self_signed(folder, &["localhost".to_owned()]).unwrap();
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    let mut changes = vec![
        ("listen 443 ", format!("listen {} ", place.people)),
        ("listen 80 ", format!("listen {} ", place.devices)),
        ("/etc/ssl/ota.example.com.pem", path(&made.location().certificate)),
        ("/etc/ssl/ota.example.com.key", path(&made.location().key)),
    ];
    changes.extend(upstream(app));
    let server = snippet("nginx", &changes);
    let temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {};\n", place.path(kind)));
    // As a distribution has it: compression switched on for everybody.
    let config = format!(
        "daemon off;\nmaster_process off;\nerror_log stderr crit;\npid {};\n\
         events {{ worker_connections 256; }}\n\
         http {{\naccess_log off;\ngzip on;\ngzip_types *;\ngzip_proxied any;\n{}{server}}}\n",
        place.path("nginx.pid"),
        temp.concat(),
    );
    let (file, folder) = (place.write("nginx.conf", &config), place.path(""));
    place.run("nginx".into(), &["-p", &folder, "-c", &file]).await
}

async fn caddy(app: &TestApp) -> Proxy {
    let place = Place::choose();
    let sites = snippet("caddy", &upstream(app));
    // Ports and a certificate authority of its own, for what would be 80, 443 and Let's Encrypt.
    let options = format!(
        "{{\n\tadmin off\n\tdefault_bind 127.0.0.1\n\thttp_port {}\n\thttps_port {}\n\
         \tlocal_certs\n\tskip_install_trust\n\tstorage file_system {}\n\
         \tlog {{\n\t\tlevel ERROR\n\t}}\n}}\n",
        place.devices.port(),
        place.people.port(),
        place.path("storage"),
    );
    let file = place.write("Caddyfile", &format!("{options}{sites}"));
    place.run("caddy".into(), &["run", "--adapter", "caddyfile", "--config", &file]).await
}

async fn traefik(app: &TestApp, program: OsString) -> Proxy {
    let place = Place::choose();
    let routes = place.write("routes.yml", &snippet("yaml", &upstream(app)));
    let config = format!(
        "entryPoints:\n  web: {{ address: \"{}\" }}\n  websecure: {{ address: \"{}\" }}\n\
         providers: {{ file: {{ filename: \"{routes}\" }} }}\n\
         global: {{ checkNewVersion: false, sendAnonymousUsage: false }}\n\
         log: {{ level: FATAL }}\n",
        place.devices, place.people,
    );
    let file = place.write("traefik.yml", &config);
    place.run(program, &["--configFile", &file]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn devices_and_people_are_served_through_nginx() {
    if is_installed("nginx") {
        let (app, bytes) = server().await;
        are_served(&app, &nginx(&app).await, &bytes).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn devices_and_people_are_served_through_caddy() {
    if is_installed("caddy") {
        let (app, bytes) = server().await;
        are_served(&app, &caddy(&app).await, &bytes).await;
    }
}

/// Debian has no Traefik, so `.ci/run` says where it is if it could be had.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn devices_and_people_are_served_through_traefik() {
    let Some(program) = std::env::var_os("ESPALIER_TRAEFIK") else {
        eprintln!("SKIPPED: ESPALIER_TRAEFIK does not name the program");
        return;
    };
    let (app, bytes) = server().await;
    are_served(&app, &traefik(&app, program).await, &bytes).await;
}

async fn are_served(app: &TestApp, proxy: &Proxy, bytes: &[u8]) {
    devices_are_served(app, proxy, bytes).await;
    nothing_is_changed_on_the_way(proxy).await;
    the_pace_is_that_of_the_device(app, proxy, bytes).await;
    people_are_served(proxy).await;
}

/// A device that knows the server by its name.
fn device() -> FakeDevice {
    FakeDevice::esp8266(CHASE).without_host().with_header("Host: ota.example.com")
}

async fn devices_are_served(app: &TestApp, proxy: &Proxy, bytes: &[u8]) {
    // It says of itself what only the proxy may say.
    let liar = device()
        .with_header("X-Forwarded-For: 203.0.113.66")
        .with_header("X-Forwarded-Host: evil.example")
        .with_header("Forwarded: for=203.0.113.66;host=evil.example");
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.9:0".parse().unwrap()).unwrap();
    let mut client = Client::over(socket.connect(proxy.devices).await.unwrap());
    client.send(&liar.request("GET", "/update?dev=chase&ver=v1.0.1")).await;
    let answer = client.rest().await;
    answer.is_firmware(bytes);
    assert_eq!(answer.header("x-version"), Some("v1.0.2"));
    drop(client);
    app.until_attempt(CHASE, AttemptState::Delivered).await;
    let recorded = app.device(CHASE).await.unwrap();
    assert_eq!(recorded.address, Some("127.0.0.9".parse().unwrap()), "the device's own address");
    assert_eq!(recorded.host.as_deref(), Some(NAME));

    let current = "/update?dev=chase&ver=v1.0.2";
    exchange(proxy.devices, &device().request("GET", current)).await.is_not_modified();
    // As the sketches do that were there before the proxy: by the address.
    for device in [FakeDevice::esp8266(CHASE), FakeDevice::esp32(CHASE)] {
        let request = device.request("GET", current);
        exchange(proxy.devices, &request).await.is_not_modified();
    }
    // What no proxy understands, as the README says.
    let slashless = device().request("GET", "bin/x.bin");
    assert_eq!(exchange(proxy.devices, &slashless).await.status, 400);
}

async fn nothing_is_changed_on_the_way(proxy: &Proxy) {
    // Who would take compressed, and who would take pieces.
    for (version, name) in [("1.0", NAME), ("1.1", NAME), ("1.1", "192.168.1.10")] {
        let list = format!(
            "GET /_catalog?op=list&path=. HTTP/{version}\r\nHost: {name}\r\nConnection: close\r\n\
             Accept-Encoding: gzip, deflate, br, zstd\r\nUser-Agent: ESP8266HTTPClient\r\n\r\n"
        );
        let list = exchange(proxy.devices, list.as_bytes()).await;
        assert_eq!((list.status, list.length()), (200, Some(list.body.len())), "{list:?}");
        for header in ["transfer-encoding", "content-encoding", "location"] {
            assert_eq!(list.header(header), None, "{list:?}");
        }
        assert!(list.text().contains("chase_1_0_2.bin"), "{list:?}");
        for target in ["/", "/settings", "/api/v1/devices"] {
            let request =
                format!("GET {target} HTTP/{version}\r\nHost: {name}\r\nConnection: close\r\n\r\n");
            let answer = exchange(proxy.devices, request.as_bytes()).await;
            assert_eq!(answer.status, 404, "{target} of {name}: {answer:?}");
        }
    }
}

/// A connection as a device has it: a small window, and segments that fit into Ethernet. With those
/// of the loopback interface the kernel has room for the whole image in the buffers of a proxy.
async fn connect_small(proxy: &Proxy) -> Client {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket2::SockRef::from(&socket).set_tcp_mss(1460).unwrap();
    Client::over(socket.connect(proxy.devices).await.unwrap())
}

async fn the_pace_is_that_of_the_device(app: &TestApp, proxy: &Proxy, bytes: &[u8]) {
    let update = device().request("GET", "/update?dev=chase&ver=v1.0.1");
    // It seems to have rolled back, until a person says otherwise.
    exchange(proxy.devices, &update).await.is_not_modified();
    app.app.try_again(CHASE.parse().unwrap(), &a_test()).await.unwrap();
    let mut leaves = connect_small(proxy).await;
    leaves.send(&update).await;
    assert_eq!(leaves.head().await.length(), Some(bytes.len()));
    leaves.read_exactly(10_000).await;
    leaves.reset();
    app.until_attempt(CHASE, AttemptState::Aborted).await;

    let mut slow = connect_small(proxy).await;
    slow.send(&update).await;
    assert_eq!(slow.head().await.length(), Some(bytes.len()));
    for piece in bytes.chunks(1000) {
        assert!(slow.read_exactly(piece.len()).await == piece);
    }
    assert!(slow.is_closed().await);
    drop(slow);
    app.until_attempt(CHASE, AttemptState::Delivered).await;
}

async fn people_are_served(proxy: &Proxy) {
    let mut browser = TlsClient::connect_to(NAME, proxy.people, &TLS12).await.unwrap();
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
    let mut sender = TlsClient::connect_to(NAME, proxy.people, &TLS12).await.unwrap();
    sender.send(&request.concat()).await;
    let answer = sender.page().await;
    assert!(answer.contains("\"state\":\"published\""), "{answer}");
}
