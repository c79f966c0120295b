//! The listeners as clients meet them, over real sockets.

use std::future::Future;
use std::io::{self, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Extension, Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::{Connection, Listener, Outcome, Transfer, WireSettings, accept};
use crate::tls::Tls;

/// Longer than anything here takes when all is well, however slow the machine is.
const PATIENCE: Duration = Duration::from_mins(2);

async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(PATIENCE, what).await.expect("it takes too long")
}

#[derive(Clone)]
struct Backstage {
    transfers: mpsc::UnboundedSender<Transfer>,
    entered: Arc<Notify>,
    release: Arc<Notify>,
}

struct Server {
    address: SocketAddr,
    transfers: mpsc::UnboundedReceiver<Transfer>,
    entered: Arc<Notify>,
    release: Arc<Notify>,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
    certificate: Option<CertificateDer<'static>>,
}

async fn firmware(
    State(backstage): State<Backstage>,
    Extension(connection): Extension<Connection>,
    Path(size): Path<usize>,
) -> Response {
    let transfer = connection.watch(u64::try_from(size).unwrap());
    backstage.transfers.send(transfer).unwrap();
    Bytes::from(vec![0xE9; size]).into_response()
}

async fn held(State(backstage): State<Backstage>) -> &'static str {
    backstage.entered.notify_one();
    backstage.release.notified().await;
    "released"
}

async fn addresses(Extension(connection): Extension<Connection>) -> String {
    format!("{} {}", connection.remote(), connection.local())
}

async fn echo(request: Request) -> String {
    format!("<{} {}>", request.method(), request.uri())
}

impl Server {
    async fn start(settings: WireSettings) -> Self {
        Self::start_with(settings, None).await
    }

    async fn start_with(settings: WireSettings, tls: Option<Arc<Tls>>) -> Self {
        let certificate = tls
            .as_ref()
            .map(|tls| CertificateDer::from_pem_file(&tls.location().certificate).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, transfers) = mpsc::unbounded_channel();
        let (entered, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let backstage = Backstage {
            transfers: sender,
            entered: Arc::clone(&entered),
            release: Arc::clone(&release),
        };
        let router = Router::new()
            .route("/firmware/{size}", get(firmware))
            .route("/held", get(held))
            .route("/poll", get(|| async { StatusCode::NOT_MODIFIED }))
            .route("/addresses", get(addresses))
            .route("/refused", post(|| async { (StatusCode::PAYLOAD_TOO_LARGE, "too large") }))
            .route("/read", post(|body: Bytes| async move { body.len().to_string() }))
            .route(
                "/stream",
                get(|| async {
                    Body::from_stream(futures_util::stream::pending::<Result<Bytes, io::Error>>())
                }),
            )
            .fallback(echo)
            .layer(axum::extract::DefaultBodyLimit::disable())
            .with_state(backstage);
        let shutdown = CancellationToken::new();
        let secure = tls.map(|tls| (tls, router.clone().into()));
        let listeners = vec![Listener { socket: listener, plain: router.into(), secure }];
        let task = tokio::spawn(accept::run(listeners, settings, shutdown.clone()));
        Self { address, transfers, entered, release, shutdown, task, certificate }
    }

    async fn client(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// A client whose system buffers little, like a device.
    async fn small_client(&self) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        socket.connect(self.address).await.unwrap()
    }

    async fn answer(&self, request: &[u8]) -> String {
        let mut client = self.client().await;
        client.write_all(request).await.unwrap();
        rest(&mut client).await
    }

    async fn transfer(&mut self) -> Transfer {
        soon(self.transfers.recv()).await.unwrap()
    }

    async fn outcome(&mut self) -> Outcome {
        let transfer = self.transfer().await;
        soon(transfer.end).await.unwrap()
    }

    async fn ends(self) {
        soon(self.task).await.unwrap();
    }
}

/// All that comes until the server closes.
async fn rest(client: &mut TcpStream) -> String {
    let mut all = Vec::new();
    soon(client.read_to_end(&mut all)).await.unwrap();
    String::from_utf8_lossy(&all).into_owned()
}

/// Reads up to the end of the text.
async fn read_until(client: &mut TcpStream, end: &str) -> String {
    let mut all = Vec::new();
    while !all.ends_with(end.as_bytes()) {
        all.push(soon(client.read_u8()).await.unwrap());
    }
    String::from_utf8_lossy(&all).into_owned()
}

fn reset(client: TcpStream) {
    SockRef::from(&client).set_linger(Some(Duration::ZERO)).unwrap();
    drop(client);
}

fn settings() -> WireSettings {
    WireSettings::default()
}

#[tokio::test]
async fn request_lines_of_real_clients_reach_the_router() {
    let server = Server::start(settings()).await;
    for (target, seen) in [
        ("bin/x.bin", "/bin/x.bin"),
        ("x.bin", "/x.bin"),
        ("//x.bin", "/x.bin"),
        ("/my file.bin", "/my%20file.bin"),
        ("", "/"),
        ("/?a[]={\"b\"}", "/?a%5B%5D=%7B%22b%22%7D"),
        ("/grün.bin", "/gr%C3%BCn.bin"),
    ] {
        let request = format!("GET {target} HTTP/1.0\r\nConnection: close\r\n\r\n");
        let answer = server.answer(request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.0 200 OK\r\n"), "{answer}");
        assert!(answer.ends_with(&format!("\r\n\r\n<GET {seen}>")), "{answer}");
    }
}

#[tokio::test]
async fn what_is_no_request_is_answered_with_400() {
    let server = Server::start(settings()).await;
    for request in ["GET /x\r\n\r\n", "\x16\x03\x01 what\r\n\r\n", "GET HTTP/1.0\r\n\r\n"] {
        let answer = server.answer(request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
    }
    let long = format!("GET /{} HTTP/1.0\r\n\r\n", "x".repeat(70_000));
    assert!(server.answer(long.as_bytes()).await.starts_with("HTTP/1.1 4"));
}

#[tokio::test]
async fn every_request_of_a_connection_is_repaired_wherever_it_is_cut() {
    let server = Server::start(settings()).await;
    let mut client = server.client().await;
    client.set_nodelay(true).unwrap();
    let stream = "POST read HTTP/1.1\r\nContent-Length: 20\r\n\r\nGET x y HTTP/1.0\r\n\r\n";
    client.write_all(stream.as_bytes()).await.unwrap();
    assert!(read_until(&mut client, "\r\n\r\n20").await.starts_with("HTTP/1.1 200"));
    client.write_all(b"GET g HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").await.unwrap();
    let answer = read_until(&mut client, "<GET /g>").await;
    assert!(answer.contains("\r\nconnection: keep-alive\r\n"), "{answer}");
    for byte in "GET a b HTTP/1.1\r\nHost: a\r\n\r\n".bytes() {
        client.write_all(&[byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert!(read_until(&mut client, "<GET /a%20b>").await.starts_with("HTTP/1.1 200"));
    client.write_all(b"GET c d HTTP/1.1\r\n\r\nGET e f HTTP/1.0\r\n\r\n").await.unwrap();
    let answers = rest(&mut client).await;
    assert!(answers.contains("<GET /c%20d>") && answers.ends_with("<GET /e%20f>"), "{answers}");
}

#[tokio::test]
async fn a_handler_knows_both_addresses() {
    let server = Server::start(settings()).await;
    let mut client = server.client().await;
    let expected = format!("{} {}", client.local_addr().unwrap(), server.address);
    client.write_all(b"GET /addresses HTTP/1.0\r\n\r\n").await.unwrap();
    assert!(rest(&mut client).await.ends_with(&expected));
}

#[tokio::test]
async fn the_first_bytes_of_a_body_come_with_the_head() {
    let server = Server::start(settings()).await;
    for _ in 0..50 {
        let mut client = server.client().await;
        client.write_all(b"GET /firmware/400000 HTTP/1.0\r\n\r\n").await.unwrap();
        let mut first = vec![0; 65536];
        let length = soon(client.read(&mut first)).await.unwrap();
        let head = memchr::memmem::find(&first[..length], b"\r\n\r\n").unwrap();
        assert!(length > head + 1000, "{length}");
    }
}

#[tokio::test]
async fn a_download_is_completed_when_the_client_has_read_all_and_closed() {
    let mut server = Server::start(settings()).await;
    for version in ["1.0", "1.1"] {
        let mut client = server.client().await;
        let request =
            format!("GET firmware/400000 HTTP/{version}\r\nConnection: keep-alive\r\n\r\n");
        client.write_all(request.as_bytes()).await.unwrap();
        let mut all = Vec::new();
        soon(client.read_to_end(&mut all)).await.unwrap();
        let head = String::from_utf8_lossy(&all[..all.len() - 400_000]).into_owned();
        assert!(head.contains("\r\ncontent-length: 400000\r\n"), "{head}");
        assert!(head.contains("\r\nconnection: close\r\n"), "{head}");
        let mut transfer = server.transfer().await;
        assert_eq!(transfer.progress.load(Ordering::Relaxed), 400_000);
        assert!(transfer.end.try_recv().is_err(), "reported before the client has closed");
        drop(client);
        let outcome = soon(transfer.end).await.unwrap();
        assert_eq!((outcome.bytes, outcome.completed), (400_000, true));
    }
}

#[tokio::test]
async fn a_client_may_close_before_the_server_or_end_its_side_at_once() {
    let mut server = Server::start(settings()).await;
    let mut early = server.client().await;
    early.write_all(b"GET /firmware/300000 HTTP/1.0\r\n\r\n").await.unwrap();
    read_until(&mut early, "\r\n\r\n").await;
    soon(early.read_exact(&mut vec![0; 300_000])).await.unwrap();
    drop(early);
    assert!(server.outcome().await.completed);

    let mut half = server.client().await;
    half.write_all(b"GET /firmware/300000 HTTP/1.0\r\n\r\n").await.unwrap();
    SockRef::from(&half).shutdown(Shutdown::Write).unwrap();
    assert!(rest(&mut half).await.len() > 300_000);
    assert!(server.outcome().await.completed);
}

#[tokio::test]
async fn a_download_that_is_left_in_the_middle_is_aborted() {
    let mut server = Server::start(settings()).await;
    for read in [0, 200_000, 399_999] {
        let mut client = server.small_client().await;
        client.write_all(b"GET /firmware/400000 HTTP/1.0\r\n\r\n").await.unwrap();
        read_until(&mut client, "\r\n\r\n").await;
        soon(client.read_exact(&mut vec![0; read])).await.unwrap();
        drop(client);
        let outcome = server.outcome().await;
        assert!(!outcome.completed, "{read} {outcome:?}");
        assert!(outcome.bytes >= u64::try_from(read).unwrap(), "{read} {outcome:?}");
        assert!(read > 0 || outcome.bytes < 300_000, "swallowed by the system: {outcome:?}");
    }
}

#[tokio::test]
async fn a_small_download_that_is_left_early_was_not_handed_over_whole() {
    let mut server = Server::start(settings()).await;
    for end in [drop as fn(TcpStream), reset] {
        let mut client = server.small_client().await;
        client.write_all(b"GET /firmware/35000 HTTP/1.0\r\n\r\n").await.unwrap();
        read_until(&mut client, "\r\n\r\n").await;
        soon(client.read_exact(&mut [0; 9_000])).await.unwrap();
        end(client);
        let outcome = server.outcome().await;
        assert!(!outcome.completed && outcome.bytes < 35_000, "{outcome:?}");
    }
}

#[tokio::test]
async fn bytes_that_only_the_clients_system_has_taken_do_not_complete_a_download() {
    let mut server = Server::start(settings()).await;
    let mut client = server.client().await;
    client.write_all(b"GET /firmware/60000 HTTP/1.0\r\n\r\n").await.unwrap();
    read_until(&mut client, "\r\n\r\n").await;
    let transfer = server.transfer().await;
    soon(async {
        while transfer.progress.load(Ordering::Relaxed) < 60_000 {
            tokio::task::yield_now().await;
        }
        let mut seen = vec![0; 60_000];
        while client.peek(&mut seen).await.unwrap() < seen.len() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    drop(client);
    let outcome = soon(transfer.end).await.unwrap();
    assert_eq!((outcome.bytes, outcome.completed), (60_000, false));
}

#[tokio::test]
async fn a_reset_is_an_abort_also_after_the_last_byte() {
    let mut server = Server::start(settings()).await;
    let mut client = server.client().await;
    client.write_all(b"GET /firmware/60000 HTTP/1.0\r\n\r\n").await.unwrap();
    read_until(&mut client, "\r\n\r\n").await;
    soon(client.read_exact(&mut vec![0; 60_000])).await.unwrap();
    reset(client);
    assert!(!server.outcome().await.completed);

    let mut client = server.client().await;
    client.write_all(b"GET /firmware/60000 HTTP/1.0\r\n\r\n").await.unwrap();
    rest(&mut client).await;
    reset(client);
    let outcome = server.outcome().await;
    assert_eq!((outcome.bytes, outcome.completed), (60_000, false));
}

#[tokio::test]
async fn a_client_that_never_closes_is_aborted_when_its_time_is_over() {
    let drain_time = Duration::from_millis(50);
    let mut server = Server::start(WireSettings { drain_time, ..settings() }).await;
    let mut client = server.client().await;
    client.write_all(b"GET /firmware/1000 HTTP/1.0\r\n\r\n").await.unwrap();
    let outcome = server.outcome().await;
    assert_eq!((outcome.bytes, outcome.completed), (1000, false));
    drop(client);

    let drain_bytes = 10_000;
    let mut server = Server::start(WireSettings { drain_bytes, ..settings() }).await;
    client = server.client().await;
    client.write_all(b"GET /firmware/1000 HTTP/1.0\r\n\r\n").await.unwrap();
    // It is cut off before all of this is sent, or after.
    let _ = client.write_all(&vec![b'x'; 100_000]).await;
    assert!(!server.outcome().await.completed);
}

#[tokio::test]
async fn a_watched_answer_may_follow_others_on_its_connection() {
    let mut server = Server::start(settings()).await;
    let mut client = server.client().await;
    let polls = "GET /poll HTTP/1.1\r\n\r\n".repeat(3);
    let stream = format!("{polls}GET firmware/5000 HTTP/1.1\r\n\r\n");
    client.write_all(stream.as_bytes()).await.unwrap();
    let answers = rest(&mut client).await;
    assert_eq!(answers.matches("HTTP/1.1 304 Not Modified").count(), 3);
    drop(client);
    let outcome = server.outcome().await;
    assert_eq!((outcome.bytes, outcome.completed), (5000, true));
}

#[tokio::test]
async fn a_head_request_is_no_download() {
    let mut server = Server::start(settings()).await;
    let answer = server.answer(b"HEAD /firmware/5000 HTTP/1.0\r\n\r\n").await;
    assert!(answer.contains("content-length: 5000\r\n") && answer.ends_with("\r\n\r\n"));
    let outcome = server.outcome().await;
    assert_eq!((outcome.bytes, outcome.completed), (0, false));
}

#[tokio::test]
async fn a_slow_reader_is_served_and_a_dead_one_given_up() {
    let write_idle_timeout = Duration::from_secs(2);
    let mut server = Server::start(WireSettings { write_idle_timeout, ..settings() }).await;
    let mut slow = server.small_client().await;
    slow.write_all(b"GET /firmware/4000000 HTTP/1.0\r\n\r\n").await.unwrap();
    let mut transfer = server.transfer().await;
    let mut dead = server.small_client().await;
    dead.write_all(b"GET /firmware/4000000 HTTP/1.0\r\n\r\n").await.unwrap();
    let began = Instant::now();
    // The pause is the device's, not the test's.
    while began.elapsed() < Duration::from_secs(4) {
        soon(slow.read(&mut [0; 4096])).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(transfer.end.try_recv().is_err(), "a slow reader was given up");
    let outcome = server.outcome().await;
    assert!(!outcome.completed && outcome.bytes < 1_000_000, "{outcome:?}");
    drop(dead);
}

/// A client that has shaken hands, and has its request on the way: nothing of the answer is read.
async fn secure_client(server: &Server, request: &[u8]) -> TcpStream {
    use rustls::client::ClientConnection;
    let (mut stream, trusted) = (server.small_client().await, server.certificate.clone().unwrap());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(trusted).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider);
    let config = config.with_protocol_versions(&[&rustls::version::TLS12]).unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let name = "localhost".try_into().unwrap();
    let mut tls = ClientConnection::new(Arc::new(config), name).unwrap();
    tls.writer().write_all(request).unwrap();
    while tls.is_handshaking() || tls.wants_write() {
        let mut out = Vec::new();
        while tls.wants_write() {
            tls.write_tls(&mut out).unwrap();
        }
        stream.write_all(&out).await.unwrap();
        if tls.is_handshaking() {
            let mut some = [0; 4096];
            let length = soon(stream.read(&mut some)).await.unwrap();
            tls.read_tls(&mut &some[..length]).unwrap();
            tls.process_new_packets().unwrap();
        }
    }
    stream
}

#[tokio::test]
async fn with_tls_too_a_slow_reader_is_served_and_a_dead_one_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let tls = Arc::new(Tls::self_signed(folder.path(), &["localhost".to_owned()]).unwrap());
    let write_idle_timeout = Duration::from_secs(2);
    let settings = WireSettings { write_idle_timeout, ..settings() };
    let mut server = Server::start_with(settings, Some(tls)).await;
    let request = b"GET /firmware/4000000 HTTP/1.0\r\n\r\n";
    let mut slow = secure_client(&server, request).await;
    let mut transfer = server.transfer().await;
    let dead = secure_client(&server, request).await;
    let began = Instant::now();
    // Slower than a record in the time that a dead one is given. The pause is the device's.
    while began.elapsed() < Duration::from_secs(6) {
        soon(slow.read(&mut [0; 256])).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(transfer.end.try_recv().is_err(), "a slow reader was given up");
    let outcome = server.outcome().await;
    assert!(!outcome.completed && outcome.bytes < 1_000_000, "{outcome:?}");
    drop(dead);
}

#[tokio::test]
async fn a_refusal_reaches_a_client_that_is_still_sending() {
    let server = Server::start(settings()).await;
    for head in ["Content-Length: 8000000", "Transfer-Encoding: chunked"] {
        let mut client = server.client().await;
        client
            .write_all(format!("POST /refused HTTP/1.1\r\n{head}\r\n\r\n").as_bytes())
            .await
            .unwrap();
        if head.starts_with('T') {
            client.write_all(b"7a1200\r\n").await.unwrap();
        }
        soon(client.write_all(&vec![b'x'; 8_000_000])).await.unwrap();
        let answer = rest(&mut client).await;
        assert!(answer.starts_with("HTTP/1.1 413 Payload Too Large\r\n"), "{answer}");
        assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
        assert!(answer.ends_with("too large"), "{answer}");
    }
}

#[tokio::test]
async fn a_refused_client_that_waits_for_permission_gets_the_answer_alone() {
    let server = Server::start(settings()).await;
    let head = "POST /refused HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n";
    let answer = server.answer(head.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
}

#[tokio::test]
async fn an_upload_that_is_read_keeps_its_connection() {
    let server = Server::start(settings()).await;
    let mut client = server.client().await;
    for size in [0_usize, 1, 3_000_000] {
        let head = format!("POST /read HTTP/1.1\r\nContent-Length: {size}\r\n\r\n");
        client.write_all(head.as_bytes()).await.unwrap();
        client.write_all(&vec![b'x'; size]).await.unwrap();
        let answer = read_until(&mut client, &format!("\r\n\r\n{size}")).await;
        assert!(!answer.contains("connection: close"), "{answer}");
    }
}

#[tokio::test]
async fn a_request_that_does_not_come_ends_the_connection() {
    let header_timeout = Duration::from_millis(50);
    let server = Server::start(WireSettings { header_timeout, ..settings() }).await;
    for start in ["", "\r\n", "GET /x", "GET /x HTTP/1.1\r\nHost: a\r\n"] {
        assert_eq!(server.answer(start.as_bytes()).await, "");
    }
    let mut client = server.client().await;
    client.write_all(b"GET /x HTTP/1.1\r\n\r\n").await.unwrap();
    assert!(rest(&mut client).await.ends_with("<GET /x>"), "kept alive, then idle");
}

#[tokio::test]
async fn a_slow_answer_is_not_taken_for_a_missing_request() {
    let header_timeout = Duration::from_millis(20);
    let server = Server::start(WireSettings { header_timeout, ..settings() }).await;
    let mut client = server.client().await;
    client.write_all(b"GET /held HTTP/1.1\r\n\r\n").await.unwrap();
    let early = timeout(header_timeout * 5, client.read_u8()).await;
    assert!(early.is_err(), "{early:?}");
    server.release.notify_one();
    assert!(rest(&mut client).await.ends_with("released"));
}

#[tokio::test]
async fn beyond_the_limit_connections_wait_for_those_that_are_answered() {
    let server = Server::start(WireSettings { max_connections: 2, ..settings() }).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut client = server.client().await;
        client.write_all(b"GET /held HTTP/1.1\r\n\r\n").await.unwrap();
        soon(server.entered.notified()).await;
        held.push(client);
    }
    let mut third = server.client().await;
    third.write_all(b"GET /y HTTP/1.0\r\n\r\n").await.unwrap();
    assert!(timeout(Duration::from_millis(50), third.read_u8()).await.is_err());
    server.release.notify_one();
    assert!(rest(&mut third).await.ends_with("<GET /y>"), "whoever has its answer makes room");
}

#[tokio::test]
async fn slow_bodies_of_strangers_make_room_at_once() {
    let server = Server::start(WireSettings { max_connections: 8, ..settings() }).await;
    let mut slow = Vec::new();
    for number in 0..24_u8 {
        let mut client = client_from([127, 0, 0, 2 + number % 2], server.address).await;
        let start = b"POST /read HTTP/1.1\r\nContent-Length: 2000000\r\n\r\nx";
        client.write_all(start).await.unwrap();
        slow.push(client);
    }
    for _ in 0..20 {
        let answer = soon(server.answer(b"GET /poll HTTP/1.0\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.0 304"), "{answer}");
    }
}

/// A client on another loopback address.
async fn client_from(address: [u8; 4], server: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from((address, 0))).unwrap();
    socket.connect(server).await.unwrap()
}

#[tokio::test]
async fn one_address_cannot_take_all_places() {
    let limits = WireSettings { max_connections: 8, max_per_address: 4, ..settings() };
    let server = Server::start(limits).await;
    let mut held = Vec::new();
    for _ in 0..4 {
        let mut client = server.client().await;
        client.write_all(b"GET /x HTTP/1.1\r\n\r\n").await.unwrap();
        read_until(&mut client, "<GET /x>").await;
        held.push(client);
    }
    // Nothing is read of it, so its request may be answered with a reset.
    let mut fifth = server.client().await;
    assert!(matches!(soon(fifth.read(&mut [0; 64])).await, Ok(0) | Err(_)));
    let mut other = client_from([127, 0, 0, 2], server.address).await;
    other.write_all(b"GET /y HTTP/1.0\r\n\r\n").await.unwrap();
    assert!(rest(&mut other).await.ends_with("<GET /y>"));
    held.pop();
    soon(async {
        loop {
            let mut again = server.client().await;
            let sent = again.write_all(b"GET /z HTTP/1.0\r\n\r\n").await;
            let mut answer = Vec::new();
            if sent.is_ok() && again.read_to_end(&mut answer).await.is_ok() && !answer.is_empty() {
                break;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_trusted_proxy_may_take_all_places() {
    let trusted_proxies = ["127.0.0.1".parse().unwrap()].into();
    let limits =
        WireSettings { max_connections: 8, max_per_address: 2, trusted_proxies, ..settings() };
    let server = Server::start(limits).await;
    let mut held = Vec::new();
    for _ in 0..8 {
        let mut client = server.client().await;
        client.write_all(b"GET /x HTTP/1.1\r\n\r\n").await.unwrap();
        read_until(&mut client, "<GET /x>").await;
        held.push(client);
    }
}

#[tokio::test]
async fn where_places_are_scarce_those_who_only_wait_make_room_and_downloads_go_on() {
    let header_timeout = Duration::from_secs(24);
    let limits = WireSettings { max_connections: 8, header_timeout, ..settings() };
    let mut server = Server::start(limits).await;
    let mut loading = server.small_client().await;
    loading.write_all(b"GET /firmware/3000000 HTTP/1.0\r\n\r\n").await.unwrap();
    let transfer = server.transfer().await;
    let began = Instant::now();
    let mut waiting = Vec::new();
    for start in ["", "GET /x", "GET /x HTTP/1.1\r\nHost: a\r\n", "", "GET", "POST / H", ""] {
        let mut client = server.client().await;
        client.write_all(start.as_bytes()).await.unwrap();
        waiting.push(client);
    }
    let mut late = server.client().await;
    late.write_all(b"GET /late HTTP/1.0\r\n\r\n").await.unwrap();
    assert!(rest(&mut late).await.ends_with("<GET /late>"));
    assert!(began.elapsed() < header_timeout, "{:?}", began.elapsed());
    assert!(rest(&mut loading).await.len() > 3_000_000);
    drop(loading);
    assert!(soon(transfer.end).await.unwrap().completed);
}

#[tokio::test]
async fn a_shutdown_lets_running_answers_finish_and_takes_no_new_ones() {
    let shutdown_grace = PATIENCE;
    let mut server = Server::start(WireSettings { shutdown_grace, ..settings() }).await;
    let mut idle = server.client().await;
    idle.write_all(b"GET /x HTTP/1.1\r\n\r\n").await.unwrap();
    read_until(&mut idle, "<GET /x>").await;
    let mut loading = server.small_client().await;
    loading.write_all(b"GET /firmware/3000000 HTTP/1.0\r\n\r\n").await.unwrap();
    let transfer = server.transfer().await;
    let mut waiting = server.client().await;
    waiting.write_all(b"GET /held HTTP/1.1\r\n\r\n").await.unwrap();
    soon(server.entered.notified()).await;

    server.shutdown.cancel();
    assert_eq!(rest(&mut idle).await, "");
    soon(async { while TcpStream::connect(server.address).await.is_ok() {} }).await;
    server.release.notify_one();
    assert!(rest(&mut waiting).await.ends_with("released"));
    assert!(rest(&mut loading).await.len() > 3_000_000);
    drop(loading);
    assert!(soon(transfer.end).await.unwrap().completed);
    server.ends().await;
}

#[tokio::test]
async fn a_shutdown_has_an_end() {
    let shutdown_grace = Duration::from_millis(50);
    let mut server = Server::start(WireSettings { shutdown_grace, ..settings() }).await;
    let mut stuck = server.small_client().await;
    stuck.write_all(b"GET /firmware/3000000 HTTP/1.0\r\n\r\n").await.unwrap();
    let mut open = server.client().await;
    open.write_all(b"GET /firmware/100 HTTP/1.0\r\n\r\n").await.unwrap();
    let mut endless = server.client().await;
    endless.write_all(b"GET /stream HTTP/1.1\r\n\r\n").await.unwrap();
    read_until(&mut endless, "\r\n\r\n").await;
    let (one, other) = (server.transfer().await, server.transfer().await);
    server.shutdown.cancel();
    server.ends().await;
    assert!(!soon(one.end).await.unwrap().completed);
    assert!(!soon(other.end).await.unwrap().completed);
}
