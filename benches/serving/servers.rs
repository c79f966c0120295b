//! The two servers that are compared, each a process of its own.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use bytes::Bytes;

/// The environment variable that makes this program the bare server.
pub const BARE: &str = "ESPALIER_BENCH_BARE";

/// A server process, killed when dropped.
pub struct Process {
    child: Child,
    pub address: SocketAddr,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Process {
    /// User and system time that the process used so far.
    pub fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        // USER_HZ is 100 on every Linux that Rust's standard library supports.
        Duration::from_millis(ticks * 10)
    }

    /// Resident memory in KiB.
    pub fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

fn wait_for(address: SocketAddr) -> Duration {
    let began = Instant::now();
    while std::net::TcpStream::connect(address).is_err() {
        assert!(began.elapsed() < Duration::from_mins(1), "{address} does not answer");
        std::thread::sleep(Duration::from_millis(1));
    }
    began.elapsed()
}

/// Starts Espalier on this data folder; also says how long that took.
pub fn espalier(data: &Path, catalog: Option<&Path>) -> (Process, Duration) {
    let port = free_port();
    let mut command = Command::new(env!("CARGO_BIN_EXE_espalier"));
    command.args(["--bind", "127.0.0.1", "--log", "error", "--port", &port.to_string(), "--data"]);
    command.env("ESPALIER_AUTH", "none").arg(data).stdout(Stdio::null());
    if let Some(catalog) = catalog {
        command.arg("--catalog").arg(catalog);
    }
    let child = command.spawn().unwrap();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let took = wait_for(address);
    (Process { child, address }, took)
}

/// Starts the bare server.
pub fn bare(folder: &Path) -> Process {
    let port_file = folder.join("port");
    let child = Command::new(std::env::current_exe().unwrap()).env(BARE, &port_file).spawn();
    let mut process = Process { child: child.unwrap(), address: ([127, 0, 0, 1], 0).into() };
    let began = Instant::now();
    let port = loop {
        let text = std::fs::read_to_string(&port_file).unwrap_or_default();
        if let Some(port) = text.strip_suffix('\n') {
            break port.parse().unwrap();
        }
        assert!(began.elapsed() < Duration::from_secs(10), "the bare server does not start");
        std::thread::sleep(Duration::from_millis(2));
    };
    process.address.set_port(port);
    process
}

/// Axum as it comes: one route that answers 304, one that sends bytes, one with a ready list.
pub fn serve_bare(port_file: &Path) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut file = std::fs::File::create(port_file).unwrap();
        writeln!(file, "{port}").unwrap();
        let image = |size: usize| {
            let bytes = Bytes::from(vec![0xE9_u8; size]);
            move || async move {
                let mut headers = HeaderMap::new();
                headers.insert("x-md5", "a56f8ef78a0bebd812f62067daf1408a".parse().unwrap());
                (headers, Body::from(bytes.clone()))
            }
        };
        let list = Bytes::from("x".repeat(98_000));
        let router = Router::new()
            .route("/update", get(|| async { StatusCode::NOT_MODIFIED }))
            .route("/1", get(image(1 << 20)))
            .route("/4", get(image(4 << 20)))
            .route("/_catalog", get(|| async move { list.clone() }));
        axum::serve(listener, router).await.unwrap();
    });
}

/// A fresh folder for one run, in memory where the machine has such a place.
pub fn folder() -> tempfile::TempDir {
    let memory = PathBuf::from("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap()
}
