//! The rows: what is asked of both servers.

use std::path::Path;
use std::time::{Duration, Instant};

use espalier::domain::digest::{Md5, Sha256};
use espalier::domain::image::{KnownNames, inspect};
use sqlx::{ConnectOptions, QueryBuilder};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::load::{self, Manner};
use crate::servers::{self, Process};

/// Rounds of each row; each round asks both servers.
const ROUNDS: usize = 5;

pub async fn run(words: &[String]) {
    let wanted = |row: &str| words.is_empty() || words.iter().any(|word| row.contains(word));
    println!("{:<52} {:>12} {:>12} {:>7}", "row", "espalier", "bare axum", "ratio");
    if wanted("start idle") {
        start_and_idle();
    }
    if wanted("poll download catalog slow") {
        serving(&wanted).await;
    }
    if wanted("upload") {
        upload().await;
    }
    if wanted("inspect") {
        inspection();
    }
}

/// A line: CPU per request of both, and the ratio of the medians.
fn line(row: &str, ours: &mut [f64], theirs: &mut [f64], unit: &str) {
    let middle = |figures: &mut [f64]| {
        figures.sort_by(f64::total_cmp);
        figures[figures.len() / 2]
    };
    let (ours, theirs) = (middle(ours), middle(theirs));
    println!("{row:<52} {ours:>9.2} {unit} {theirs:>9.2} {unit} {:>7.3}", ours / theirs);
}

/// Server CPU per request in microseconds.
async fn cpu_per_request(
    process: &Process,
    connections: usize,
    count: u64,
    manner: Manner,
    status: u16,
    make: impl Fn(u64) -> Vec<u8> + Send + Sync + 'static,
) -> f64 {
    let before = process.cpu();
    load::run(process.address, connections, count, manner, status, make).await;
    process.cpu().saturating_sub(before).as_secs_f64() * 1e6 / count as f64
}

fn start_and_idle() {
    let folder = servers::folder();
    let mut starts: Vec<Duration> = Vec::new();
    let mut memory = 0;
    for _ in 0..ROUNDS {
        let (process, took) = servers::espalier(folder.path(), None);
        std::thread::sleep(Duration::from_secs(1));
        memory = process.memory();
        starts.push(took);
    }
    starts.sort();
    println!(
        "start to first connection {:>8.1} ms, idle memory {memory} KiB",
        starts[2].as_secs_f64() * 1e3
    );
}

async fn serving(wanted: &impl Fn(&str) -> bool) {
    for devices in [10_u64, 100_000] {
        let (ours_folder, bare_folder) = (servers::folder(), servers::folder());
        seed(ours_folder.path(), devices).await;
        let (ours, took) = servers::espalier(ours_folder.path(), None);
        let bare = servers::bare(bare_folder.path());
        println!(
            "-- {devices} devices: start {:.0} ms, memory {} KiB",
            took.as_secs_f64() * 1e3,
            ours.memory()
        );
        if wanted("poll") {
            polls(&ours, &bare, devices).await;
        }
        if devices > 10 {
            continue;
        }
        if wanted("download") {
            downloads(&ours, &bare).await;
        }
        if wanted("catalog") {
            catalog().await;
        }
        if wanted("slow") {
            slow_devices().await;
        }
    }
}

async fn polls(ours: &Process, bare: &Process, devices: u64) {
    let rows = [
        (Manner::KeepAlive, 32, 60_000, "poll → 304, keep-alive, 32 connections"),
        (Manner::KeepAlive, 256, 60_000, "poll → 304, keep-alive, 256 connections"),
        (Manner::Fresh, 32, 20_000, "poll → 304, a new HTTP/1.0 connection each"),
    ];
    for (manner, connections, count, row) in rows {
        let make = move |number: u64| {
            load::request("/update?dev=chase&ver=v1.0.0", manner, number % devices)
        };
        let (mut a, mut b) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            a.push(cpu_per_request(ours, connections, count, manner, 304, make).await);
            b.push(cpu_per_request(bare, connections, count, manner, 304, make).await);
        }
        line(&format!("{row}, {devices} devices"), &mut a, &mut b, "µs");
    }
}

async fn downloads(ours: &Process, bare: &Process) {
    for (mib, path) in [(1_u64, "/update?dev=one&ver=v0.0.1"), (4, "/update?dev=four&ver=v0.0.1")] {
        for clients in [32_usize, 1] {
            let count = if clients == 1 { 60 } else { 200 };
            let bare_path = format!("/{mib}");
            // Devices beyond those that poll; each asks but once a run, so none is stopped.
            let (mut a, mut b) = (Vec::new(), Vec::new());
            let mut first = mib * 1_000_000 + clients as u64 * 10_000;
            for _ in 0..ROUNDS {
                let base = first;
                first += count;
                let make = move |n: u64| load::request(path, Manner::Fresh, 1 << 32 | (base + n));
                a.push(rate(ours, clients, count, mib, make).await);
                let path = bare_path.clone();
                b.push(
                    rate(bare, clients, count, mib, move |n| {
                        load::request(&path, Manner::Fresh, n)
                    })
                    .await,
                );
            }
            line(
                &format!("download {mib} MiB, {clients} clients (higher is better)"),
                &mut a,
                &mut b,
                "MB/s",
            );
        }
    }
}

/// MB per second that the server sends.
async fn rate(
    process: &Process,
    clients: usize,
    count: u64,
    mib: u64,
    make: impl Fn(u64) -> Vec<u8> + Send + Sync + 'static,
) -> f64 {
    let began = Instant::now();
    load::run(process.address, clients, count, Manner::Fresh, 200, make).await;
    (count * mib) as f64 * 1.048_576 / began.elapsed().as_secs_f64()
}

async fn catalog() {
    let (folder, files, bare_folder) = (servers::folder(), servers::folder(), servers::folder());
    for number in 0..1_000 {
        let path = files.path().join(format!("firmware_{number:04}.bin"));
        std::fs::write(path, image(4_096)).unwrap();
    }
    let (ours, _) = servers::espalier(folder.path(), Some(files.path()));
    let bare = servers::bare(bare_folder.path());
    let manner = Manner::KeepAlive;
    let make = move |_| load::request("/_catalog?op=list&path=.", manner, 0);
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        a.push(cpu_per_request(&ours, 8, 5_000, manner, 200, make).await);
        b.push(cpu_per_request(&bare, 8, 5_000, manner, 200, make).await);
    }
    line("catalog of 1,000 files", &mut a, &mut b, "µs");
}

/// 1,000 devices download 1 MiB and pause; polls go on.
async fn slow_devices() {
    let (folder, bare_folder) = (servers::folder(), servers::folder());
    seed(folder.path(), 10).await;
    let (ours, _) = servers::espalier(folder.path(), None);
    let bare = servers::bare(bare_folder.path());
    let make =
        |number: u64| load::request("/update?dev=chase&ver=v1.0.0", Manner::KeepAlive, number % 10);
    let before = ours.memory();
    let mut held = Vec::new();
    for number in 0..1_000 {
        let mut stream = TcpStream::connect(ours.address).await.unwrap();
        let bytes = load::request("/update?dev=one&ver=v0.0.1", Manner::Fresh, 2 << 32 | number);
        stream.write_all(&bytes).await.unwrap();
        let mut start = [0_u8; 4096];
        stream.read_exact(&mut start).await.unwrap();
        held.push(stream);
    }
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        a.push(cpu_per_request(&ours, 32, 30_000, Manner::KeepAlive, 304, make).await);
        b.push(cpu_per_request(&bare, 32, 30_000, Manner::KeepAlive, 304, make).await);
    }
    line("poll while 1,000 slow devices download", &mut a, &mut b, "µs");
    println!("memory with 1,000 slow downloads: {} KiB (before: {before} KiB)", ours.memory());
}

async fn upload() {
    let folder = servers::folder();
    seed(folder.path(), 10).await;
    let (ours, _) = servers::espalier(folder.path(), None);
    let mut took = Vec::new();
    let before = ours.memory();
    for round in 0..ROUNDS {
        let mut image = image(16 << 20);
        image[100..108].copy_from_slice(&(round as u64).to_le_bytes());
        let boundary = "espalier-bench";
        let mut body = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; \
            filename=\"big.bin\"\r\nContent-Type: application/octet-stream\r\n\r\n"
        )
        .into_bytes();
        body.extend_from_slice(&image);
        body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        let head = format!(
            "POST /api/v1/releases HTTP/1.1\r\nHost: x\r\nContent-Type: \
            multipart/form-data; boundary={boundary}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let mut stream = TcpStream::connect(ours.address).await.unwrap();
        let began = Instant::now();
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&body).await.unwrap();
        let mut buffer = Vec::new();
        let answer = load::read_answer(&mut stream, &mut buffer).await;
        assert_eq!(answer.map(|(status, _)| status), Some(201));
        took.push(began.elapsed().as_secs_f64());
    }
    took.sort_by(f64::total_cmp);
    let memory = ours.memory().saturating_sub(before);
    println!(
        "upload of 16 MiB, 50 platforms: {:.0} ms, memory grew by {memory} KiB",
        took[2] * 1e3
    );
}

fn inspection() {
    let names: Vec<String> = (0..50).map(|number| format!("platform{number}")).collect();
    let (known, image) = (KnownNames::new(&names), image(16 << 20));
    let mut took: Vec<f64> = Vec::new();
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let info = inspect(std::hint::black_box(&image), &known);
        took.push(began.elapsed().as_secs_f64());
        std::hint::black_box(info.is_ok());
    }
    took.sort_by(f64::total_cmp);
    println!("inspection of 16 MiB, 50 platforms: {:.0} MB/s", 16.0 * 1.048_576 / took[2]);
}

/// Something that begins like firmware and holds text as firmware does.
fn image(size: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut bytes: Vec<u8> = Vec::with_capacity(size);
    while bytes.len() < size {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        bytes.extend_from_slice(&state.to_le_bytes());
        if bytes.len().is_multiple_of(4096) {
            bytes.extend_from_slice(b"\0connecting to %s failed, retry %d\n\0platform7 1.2.3 \0");
        }
    }
    bytes.truncate(size);
    bytes[..4].copy_from_slice(&[0xE9, 1, 2, 0x40]);
    bytes
}

/// Fills a data folder: 50 platforms, approved devices of `chase`, releases of 1 and 4 MiB.
async fn seed(folder: &Path, devices: u64) {
    drop(espalier::store::Store::open(&folder.join("espalier.db")).await.unwrap());
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(folder.join("espalier.db"));
    let mut connection = options.connect().await.unwrap();
    std::fs::create_dir_all(folder.join("firmware")).unwrap();
    sqlx::query("BEGIN").execute(&mut connection).await.unwrap();
    for id in 1..=50_i64 {
        let name = match id {
            1 => "chase".to_owned(),
            2 => "one".to_owned(),
            3 => "four".to_owned(),
            _ => format!("platform{id}"),
        };
        let insert = "INSERT INTO platforms (id, name, key, admission, created_at) VALUES ($1, $2, $2, $3, 0)";
        sqlx::query(insert)
            .bind(id)
            .bind(name)
            .bind("approved")
            .execute(&mut connection)
            .await
            .unwrap();
        if id <= 3 {
            seed_release(folder, id, &mut connection).await;
        }
    }
    // Those that poll, those that download 1 and 4 MiB, and those that download slowly.
    let downloading = |mib: u64| {
        let clients = [1_u64, 32].into_iter();
        clients.flat_map(move |clients| {
            let first = 1 << 32 | (mib * 1_000_000 + clients * 10_000);
            first..first + 1_500
        })
    };
    seed_devices(&mut connection, 1, (0..devices).collect()).await;
    seed_devices(&mut connection, 2, downloading(1).chain(2 << 32..(2 << 32) + 1_000).collect())
        .await;
    seed_devices(&mut connection, 3, downloading(4).collect()).await;
    sqlx::query("COMMIT").execute(&mut connection).await.unwrap();
}

async fn seed_devices(connection: &mut sqlx::SqliteConnection, platform: i64, devices: Vec<u64>) {
    for chunk in devices.chunks(5_000) {
        let mut query =
            QueryBuilder::new("INSERT INTO devices (mac, approval, platform_id, first_seen) ");
        query.push_values(chunk, |mut row, device| {
            let mac = load::mac(*device).replace(':', "").to_lowercase();
            row.push_bind(mac).push_bind("approved").push_bind(platform).push_bind(0_i64);
        });
        query.build().execute(&mut *connection).await.unwrap();
    }
}

async fn seed_release(folder: &Path, id: i64, connection: &mut sqlx::SqliteConnection) {
    use md5::Digest;
    let size = if id == 3 { 4 << 20 } else { 1 << 20 };
    let mut bytes = image(size);
    bytes[200] = u8::try_from(id).unwrap();
    let sha256 = Sha256(sha2::Sha256::digest(&bytes).into()).to_string();
    let md5 = Md5(md5::Md5::digest(&bytes).into()).to_string();
    std::fs::write(folder.join("firmware").join(format!("{sha256}.bin")), &bytes).unwrap();
    sqlx::query(
        "INSERT INTO releases (id, platform_id, version, version_key, state, created_at, published_at)
         VALUES ($1, $1, 'v1.0.0', '1.0.0.0', 'published', 0, 0)",
    )
    .bind(id)
    .execute(&mut *connection)
    .await
    .unwrap();
    sqlx::query(
        "INSERT INTO images (release_id, sha256, md5, size, chip, chip_certain, file_name)
         VALUES ($1, $2, $3, $4, 'esp8266', 1, 'firmware.bin')",
    )
    .bind(id)
    .bind(sha256)
    .bind(md5)
    .bind(i64::try_from(size).unwrap())
    .execute(connection)
    .await
    .unwrap();
}
