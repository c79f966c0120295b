//! The real program, killed at random moments: whatever it had said to be published is there and
//! whole afterwards, and nothing half-written is pointed at. And its orderly end.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test says what is wrong by failing"
)]

#[expect(dead_code, reason = "shared with the other tests, which need all of it")]
#[path = "it/support/image.rs"]
mod image;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use espalier::domain::release::{Release, ReleaseState};
use espalier::store::{DeviceFilter, ReleaseFilter, Store};
use image::Firmware;
use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};

/// Longer than anything here takes when all is well, however slow the machine is.
const PATIENCE: Duration = Duration::from_mins(2);
/// How often the process is killed.
const ROUNDS: u32 = 24;
/// No more rounds are begun after this time.
const LONGEST: Duration = Duration::from_secs(45);

/// The program as a process of its own.
struct Process {
    child: Child,
    port: u16,
    log: PathBuf,
}

impl Process {
    /// Starts it, and waits until it serves.
    fn start(data: &Path, port: u16) -> Self {
        let process = Self::spawn(data, port);
        process.serves();
        process
    }

    /// Waits until it serves.
    fn serves(&self) {
        let began = Instant::now();
        while !matches!(exchange(self.port, b"GET /readyz HTTP/1.0\r\n\r\n"), Ok((200, _))) {
            assert!(began.elapsed() < PATIENCE, "it does not serve: {}", self.said());
            let said = self.said();
            assert!(!said.contains("espalier: "), "it ended: {said}");
            sleep(Duration::from_millis(5));
        }
    }

    fn spawn(data: &Path, port: u16) -> Self {
        let log = data.with_extension("log");
        let said = File::create(&log).unwrap();
        let child = espalier()
            .args(["--auth", "none", "--bind", "127.0.0.1", "--port", &port.to_string(), "--data"])
            .arg(data)
            .stdout(Stdio::null())
            .stderr(said)
            .spawn()
            .unwrap();
        Self { child, port, log }
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// SIGKILL: no last words.
    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM.
    fn terminate(&self) {
        let kill = format!("kill -TERM {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    fn ends(&mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(began.elapsed() < PATIENCE, "it does not end: {}", self.said());
            sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program, without what the environment of the tests says.
fn espalier() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_espalier"));
    command.env_clear();
    command
}

/// A port on which nobody listens, and that nobody else gets meanwhile: the program can listen on
/// it, again and again.
struct Port(Socket);

impl Port {
    fn new() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_reuse_address(true).unwrap();
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        Self(socket)
    }

    fn number(&self) -> u16 {
        self.0.local_addr().unwrap().as_socket().unwrap().port()
    }
}

/// Sends a request and reads until the server closes.
fn exchange(port: u16, request: &[u8]) -> io::Result<(u16, Vec<u8>)> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(request)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let head = memchr::memmem::find(&answer, b"\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let text = String::from_utf8_lossy(&answer[..head]);
    let status = text.split(' ').nth(1).and_then(|code| code.parse().ok());
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    let body = answer.split_off(head + 4);
    if length.is_some_and(|length: usize| length != body.len()) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok((status.ok_or(io::ErrorKind::InvalidData)?, body))
}

/// Asks the API; an error is a process that died meanwhile.
fn ask(port: u16, method: &str, target: &str, kind: &str, body: &[u8]) -> io::Result<(u16, Value)> {
    let head = format!(
        "{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let (status, body) = exchange(port, &[head.as_bytes(), body].concat())?;
    Ok((status, serde_json::from_slice(&body).unwrap_or_default()))
}

fn ask_json(port: u16, method: &str, target: &str, body: &Value) -> io::Result<(u16, Value)> {
    ask(port, method, target, "application/json", body.to_string().as_bytes())
}

fn upload(port: u16, bytes: &[u8], fields: &[(&str, &str)]) -> io::Result<(u16, Value)> {
    let mut form = Vec::new();
    for (name, value) in fields {
        let part =
            format!("--xx\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        form.extend(part.as_bytes());
    }
    form.extend(
        b"--xx\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.bin\"\r\n\r\n",
    );
    form.extend(bytes);
    form.extend(b"\r\n--xx--\r\n");
    ask(port, "POST", "/api/v1/releases", "multipart/form-data; boundary=xx", &form)
}

/// Numbers that look random and are the same in every run.
#[derive(Clone)]
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

fn firmware(number: u32) -> Vec<u8> {
    let size = 40_000 + usize::try_from(number % 7).unwrap() * 30_000;
    Firmware::esp8266().of("chase", &format!("v1.0.{number}")).size(size).build()
}

/// What the server has said to be so, by the number in the version.
#[derive(Default)]
struct Promises {
    /// Published, with the MD5.
    published: BTreeMap<u32, String>,
    /// The numbers of the releases.
    ids: BTreeMap<u32, i64>,
    /// The next number.
    next: u32,
    /// How many were ever published.
    kept: u64,
}

/// Uploads, publishes and deletes until the server dies.
fn work(port: u16, promises: &Mutex<Promises>, mut random: Random) -> io::Result<()> {
    loop {
        let number = {
            let mut promises = promises.lock().unwrap();
            promises.next += 1;
            promises.next
        };
        let (bytes, version) = (firmware(number), format!("v1.0.{number}"));
        let mut fields = vec![("platform", "chase"), ("version", &*version)];
        let at_once = random.below(3) > 0;
        if at_once {
            fields.push(("publish", "true"));
        }
        let (status, release) = upload(port, &bytes, &fields)?;
        assert_eq!(status, 201, "{release}");
        let id = release["id"].as_i64().unwrap();
        if !at_once {
            let target = format!("/api/v1/releases/{id}");
            let change = json!({"state": "published"});
            let (status, answer) = ask_json(port, "PATCH", &target, &change)?;
            assert_eq!(status, 200, "{answer}");
        }
        let old = {
            let mut promises = promises.lock().unwrap();
            promises.published.insert(number, image::md5(&bytes));
            promises.kept += 1;
            promises.ids.insert(number, id);
            let too_many = promises.published.len() > 8;
            // From here on it may be there or not.
            let old = if too_many { promises.published.pop_first() } else { None };
            old.and_then(|(number, _)| promises.ids.remove(&number))
        };
        if let Some(id) = old {
            let target = format!("/api/v1/releases/{id}");
            let (status, answer) = ask(port, "DELETE", &target, "application/json", b"")?;
            assert!(matches!(status, 200 | 204), "{answer}");
        }
    }
}

/// The database as the dead process left it, read from a copy.
fn left_behind(data: &Path) -> Vec<Release> {
    let copy = tempfile::tempdir().unwrap();
    for name in ["espalier.db", "espalier.db-wal"] {
        if data.join(name).exists() {
            fs::copy(data.join(name), copy.path().join(name)).unwrap();
        }
    }
    blocking(async {
        let store = Store::open(&copy.path().join("espalier.db")).await.unwrap();
        let releases = store.releases(&ReleaseFilter::default()).await.unwrap();
        store.close().await;
        releases
    })
}

fn blocking<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// Everything that a row points at is there and whole.
fn check_files(data: &Path, releases: &[Release]) {
    for release in releases {
        let path = data.join("firmware").join(format!("{}.bin", release.image.sha256));
        let bytes = fs::read(&path)
            .unwrap_or_else(|error| panic!("{} ({:?}): {error}", release.title(), release.state));
        assert_eq!(image::sha256(&bytes), release.image.sha256.to_string(), "{}", release.title());
        assert_eq!(bytes.len() as u64, release.image.size);
    }
}

/// What a new device gets at this address.
fn download(port: u16, mac: &str, target: &str) -> io::Result<(u16, Vec<u8>)> {
    exchange(port, &device_request(mac, target))
}

fn device_request(mac: &str, target: &str) -> Vec<u8> {
    format!(
        "GET {target} HTTP/1.0\r\nHost: localhost\r\nUser-Agent: ESP8266-http-Update\r\n\
         Connection: close\r\nx-ESP8266-STA-MAC: {mac}\r\nx-ESP8266-free-space: 3000000\r\n\
         x-ESP8266-mode: sketch\r\n\r\n"
    )
    .into_bytes()
}

#[test]
fn whatever_was_published_survives_kill_9_at_any_moment() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let held = Port::new();
    let port = held.number();
    let mut random = Random(0x0123_4567_89AB_CDEF);
    let mut process = Process::start(&data, port);
    let platform = json!({"name": "chase", "admission": "any"});
    assert_eq!(ask_json(port, "POST", "/api/v1/platforms", &platform).unwrap().0, 201);
    let promises = Arc::new(Mutex::new(Promises::default()));
    let began = Instant::now();
    let mut rounds = 0;
    while rounds < ROUNDS && (began.elapsed() < LONGEST || rounds < 20) {
        let worker = {
            let (promises, random) = (Arc::clone(&promises), Random(random.0 | 1));
            thread::spawn(move || work(port, &promises, random))
        };
        // This is the random moment: some uploads later, and anywhere in the next one.
        wait_for(&promises, random.below(4));
        sleep(Duration::from_micros(random.below(60_000)));
        process.kill();
        let worked = worker.join().expect("every answer was as it should be");
        assert!(worked.is_err(), "only a dead server ends the work");

        let releases = left_behind(&data);
        check_files(&data, &releases);
        let promised = promises.lock().unwrap().published.clone();
        for (number, md5) in &promised {
            let version = format!("v1.0.{number}");
            let found = releases.iter().find(|release| {
                release.state == ReleaseState::Published
                    && release.version.as_ref().is_some_and(|own| own.as_str() == version)
            });
            let found = found.unwrap_or_else(|| panic!("round {rounds}: {version} is lost"));
            assert_eq!(found.image.md5.to_string(), *md5, "{version}");
        }

        process = Process::start(&data, port);
        assert!(fs::read_dir(data.join("incoming")).unwrap().next().is_none());
        let published = releases.iter().filter(|release| release.state == ReleaseState::Published);
        for release in published {
            let version = release.version.as_ref().unwrap();
            let target = format!("/chase_{}.bin", version.file_part());
            let mac = format!("18:FE:34:00:00:{rounds:02X}");
            let (status, bytes) = download(port, &mac, &target).unwrap();
            assert_eq!(status, 200, "round {rounds}: {target}");
            assert_eq!(image::md5(&bytes), release.image.md5.to_string(), "{target}");
        }
        rounds += 1;
    }
    let done = promises.lock().unwrap().kept;
    assert!(rounds >= 20 && done > u64::from(rounds), "{rounds} rounds, {done} uploads");
}

/// Waits until so many more releases are published.
fn wait_for(promises: &Mutex<Promises>, more: u64) {
    let wanted = promises.lock().unwrap().kept + more;
    let began = Instant::now();
    while promises.lock().unwrap().kept < wanted && began.elapsed() < PATIENCE {
        sleep(Duration::from_millis(1));
    }
}

#[test]
fn sigterm_lets_a_download_finish_and_writes_everything() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let held = Port::new();
    let port = held.number();
    let mut process = Process::start(&data, port);
    let platform = json!({"name": "chase", "admission": "any"});
    assert_eq!(ask_json(port, "POST", "/api/v1/platforms", &platform).unwrap().0, 201);
    let bytes = Firmware::esp8266().of("chase", "v1.0.2").size(2 << 20).build();
    let fields = [("platform", "chase"), ("version", "v1.0.2"), ("publish", "true")];
    assert_eq!(upload(port, &bytes, &fields).unwrap().0, 201);
    let known = "18:FE:34:00:00:02";
    assert_eq!(download(port, known, "/update?dev=chase&ver=v1.0.2").unwrap().0, 304);

    // A device with little memory begins to download.
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into()).unwrap();
    let mut slow = TcpStream::from(socket);
    slow.set_read_timeout(Some(PATIENCE)).unwrap();
    slow.write_all(&device_request("18:FE:34:00:00:01", "/update?dev=chase&ver=v1.0.1")).unwrap();
    // What is left is more than the system can hold, and little: the end must not be hurried.
    let mut answer = vec![0; bytes.len() - 200_000];
    slow.read_exact(&mut answer).unwrap();

    // One check-in that nobody has written yet, and the end.
    for _ in 0..3 {
        assert_eq!(download(port, known, "/update?dev=chase&ver=v1.0.2").unwrap().0, 304);
    }
    process.terminate();
    let refused = || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err();
    let began = Instant::now();
    while !refused() {
        assert!(began.elapsed() < PATIENCE, "it still takes connections");
        sleep(Duration::from_millis(5));
    }
    assert!(process.child.try_wait().unwrap().is_none(), "the download goes on");
    slow.read_to_end(&mut answer).unwrap();
    let head = memchr::memmem::find(&answer, b"\r\n\r\n").unwrap() + 4;
    assert!(answer[head..] == bytes, "the download is whole");
    drop(slow);
    let status = process.ends();
    assert!(status.success(), "{status}: {}", process.said());
    assert!(process.said().contains("everything is written"), "{}", process.said());

    let releases = left_behind(&data);
    assert_eq!(releases[0].counters.downloads, 1, "a completed download counts");
    let devices = blocking(async {
        let store = Store::open(&data.join("espalier.db")).await.unwrap();
        let devices = store.devices(&DeviceFilter::default()).await.unwrap();
        store.close().await;
        devices
    });
    let known = devices.iter().find(|device| device.mac.to_string().ends_with("02")).unwrap();
    assert_eq!(known.checkins, 4, "every check-in was written");
    let seen = known.last_seen;
    assert!(seen.is_some());

    let process = Process::start(&data, port);
    let (status, device) =
        ask(port, "GET", "/api/v1/devices/18fe34000002", "application/json", b"").unwrap();
    assert_eq!(status, 200);
    assert!(device["last_seen"].is_string(), "{device}");
    drop(process);
}

#[test]
fn a_second_process_on_the_same_folder_says_so_and_ends() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let held = Port::new();
    let first = Process::start(&data, held.number());
    let log = folder.path().join("second.log");
    let status = espalier()
        .args(["--bind", "127.0.0.1", "--port", "0", "--data"])
        .arg(&data)
        .stdout(Stdio::null())
        .stderr(File::create(&log).unwrap())
        .status()
        .unwrap();
    let said = fs::read_to_string(log).unwrap();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("in use by another espalier"), "{said}");
    assert!(said.contains(data.to_str().unwrap()), "{said}");
    assert_eq!(exchange(first.port, b"GET /readyz HTTP/1.0\r\n\r\n").unwrap().0, 200);
}

#[test]
fn a_port_that_is_taken_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let mut process = Process::spawn(&folder.path().join("data"), port);
    assert_eq!(process.ends().code(), Some(1));
    let said = process.said();
    assert!(said.contains(&format!("127.0.0.1:{port}")) && said.contains("--port"), "{said}");
}

#[test]
fn healthcheck_tells_by_its_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let held = Port::new();
    let port = held.number();
    let check = |by_flag: bool| {
        let mut command = espalier();
        command.arg("healthcheck");
        if by_flag {
            command.args(["--port", &port.to_string()]);
        } else {
            command.env("ESPALIER_PORT", format!("{port},9")).env("ESPALIER_BIND", "0.0.0.0");
        }
        let done = command.output().unwrap();
        (done.status.code(), String::from_utf8_lossy(&done.stderr).into_owned())
    };
    let (code, said) = check(true);
    assert_eq!(code, Some(1));
    assert!(said.contains(&port.to_string()), "{said}");
    let process = Process::start(&folder.path().join("data"), port);
    for by_flag in [true, false] {
        assert_eq!(check(by_flag).0, Some(0), "{by_flag}");
    }
    drop(process);
    assert_eq!(check(false).0, Some(1));
}

// `updateserver.py --port 8080 --bind 127.0.0.1 --catalog bin --log debug`, typed in its folder.
#[test]
fn the_command_line_of_updateserver_py_works_as_it_did() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("bin")).unwrap();
    let bytes = Firmware::esp8266().text("x").build();
    fs::write(folder.path().join("bin/x.bin"), &bytes).unwrap();
    let held = Port::new();
    let port = held.number();
    let log = folder.path().join("log");
    let child = espalier()
        .current_dir(folder.path())
        .args(["--bind", "127.0.0.1", "--catalog", "bin", "--log", "debug"])
        .args(["--port", &port.to_string()])
        .stdout(Stdio::null())
        .stderr(File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let process = Process { child, port, log };
    process.serves();
    let list = b"GET /_catalog?op=list&path=. HTTP/1.0\r\nUser-Agent: ESP8266HTTPClient\r\n\r\n";
    let (status, list) = exchange(port, list).unwrap();
    assert_eq!(status, 200);
    assert!(String::from_utf8(list).unwrap().contains("\"x.bin\""));
    assert_eq!(download(port, "18:FE:34:00:00:01", "x.bin").unwrap(), (200, bytes));
    assert!(folder.path().join("data/espalier.db").exists(), "./data beside it");
}

#[test]
fn what_cannot_be_is_named_with_its_option_and_its_variable() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "x").unwrap();
    let missing = folder.path().join("missing");
    let said = |command: &mut Command| {
        let done = command.output().unwrap();
        assert!(!done.status.success(), "{done:?}");
        String::from_utf8_lossy(&done.stderr).into_owned()
    };
    let data = said(espalier().args(["--port", "0", "--data"]).arg(&file));
    assert!(data.contains("--data") && data.contains("ESPALIER_DATA"), "{data}");
    let catalog = said(espalier().current_dir(folder.path()).arg("--catalog").arg(&missing));
    assert!(catalog.contains("--catalog") && catalog.contains("ESPALIER_CATALOG"), "{catalog}");
    for (variable, value, word) in [
        ("ESPALIER_PORT", "many", "--port"),
        ("ESPALIER_BIND", "here", "--bind"),
        ("ESPALIER_LOG", "loud", "DEBUG"),
        ("ESPALIER_MAX_UPLOAD", "much", "32MiB"),
        ("ESPALIER_TZ", "Middle/Earth", "Europe/Berlin"),
        ("ESPALIER_PUBLIC_URL", "home", "http://"),
    ] {
        let said = said(espalier().current_dir(folder.path()).env(variable, value));
        assert!(said.contains(word) && said.contains(value), "{variable}: {said}");
    }
}
