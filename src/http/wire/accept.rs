//! Accepting connections and seeing each of them through to its end.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use futures_util::TryFutureExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::close::{self, Bounds};
use super::hello;
use super::places::Places;
use super::repair::Wire;
use super::slot::Slot;
use super::stream::Stream;
use super::transfer::{Connection, Shared, Watch};
use super::{Listener, Site, WireSettings};
use crate::tls::Tls;

/// The largest head of a request.
const MAX_HEAD: usize = 64 * 1024;
/// What a client whose upload was refused may still send, so that it reads why.
const REFUSED: Bounds = Bounds {
    bytes: 64 * 1024 * 1024,
    time: Duration::from_secs(20),
    pause: Duration::from_secs(5),
};
/// The pauses after a failed accept, first and longest: usually no file descriptor is left.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));
/// How long the tasks may take to end when they were told to.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What all connections have in common.
struct Server {
    settings: Arc<WireSettings>,
    places: Arc<Places>,
    http: http1::Builder,
    /// No more requests.
    shutdown: CancellationToken,
    /// No more anything.
    kill: CancellationToken,
}

/// What is answered on a port.
struct Port {
    plain: Site,
    secure: Option<(Arc<Tls>, Site)>,
    /// Our address, where it is the same for all connections.
    bound: Option<SocketAddr>,
    /// Which of the listeners this is.
    number: usize,
}

/// Serves until `shutdown` and for at most the grace period after it.
pub(super) async fn run(
    listeners: Vec<Listener>,
    settings: WireSettings,
    shutdown: CancellationToken,
) {
    let places = Places::new(&settings, listeners.len());
    let mut http = http1::Builder::new();
    // The waiting for requests is limited by the stream itself.
    http.half_close(true).header_read_timeout(None).max_header_size(MAX_HEAD);
    // Otherwise an upload has hyper gather 400 KiB at a time, and several copies of that.
    http.max_buf_size(MAX_HEAD);
    let server = Arc::new(Server {
        settings: Arc::new(settings),
        places,
        http,
        shutdown,
        kill: CancellationToken::new(),
    });
    let mut loops = JoinSet::new();
    for (number, listener) in listeners.into_iter().enumerate() {
        loops.spawn(accept(number, listener, Arc::clone(&server)));
    }
    server.shutdown.cancelled().await;
    while loops.join_next().await.is_some() {}
    let places = &server.places;
    if timeout(server.settings.shutdown_grace, places.all_free()).await.is_err() {
        server.kill.cancel();
        let _ = timeout(LAST_WORDS, places.all_free()).await;
    }
}

async fn accept(number: usize, listener: Listener, server: Arc<Server>) {
    let Listener { socket, plain, secure } = listener;
    let bound = socket.local_addr().ok().filter(|address| !address.ip().is_unspecified());
    let port = Arc::new(Port { plain, secure, bound, number });
    // Linux hands this on to every connection; the others are told one by one.
    let _ = SockRef::from(&socket).set_tcp_nodelay(true);
    tokio::select! {
        () = server.shutdown.cancelled() => {}
        () = accept_all(&socket, &port, &server) => {}
    }
}

async fn accept_all(listener: &TcpListener, port: &Arc<Port>, server: &Arc<Server>) {
    let mut pause = BACK_OFF.0;
    loop {
        match listener.accept().await {
            Ok((socket, peer)) => {
                pause = BACK_OFF.0;
                // Only then, or an idle listener would keep a place from the others.
                let taken = server.places.take(peer.ip(), port.number).await;
                let Some((place, slot)) = taken else {
                    continue;
                };
                let (server, port) = (Arc::clone(server), Arc::clone(port));
                tokio::spawn(async move {
                    tokio::select! {
                        biased;
                        () = slot.is_cut() => {}
                        () = serve(socket, peer, &slot, &port, &server) => {}
                    }
                    drop(place);
                });
            }
            Err(error) => {
                if pause == BACK_OFF.0 {
                    warn!(%error, "a connection could not be accepted");
                }
                sleep(pause).await;
                pause = BACK_OFF.1.min(pause * 2);
            }
        }
    }
}

/// Serves one connection to its end.
async fn serve(
    socket: TcpStream,
    remote: SocketAddr,
    slot: &Arc<Slot>,
    port: &Port,
    server: &Server,
) {
    if !cfg!(target_os = "linux") {
        let _ = socket.set_nodelay(true);
    }
    let Some(local) = port.bound.or_else(|| socket.local_addr().ok()) else {
        return;
    };
    let Some((stream, site)) = open(socket, port, server).await else {
        return;
    };
    let trusted = &server.settings.trusted_proxies;
    let (settings, places) = (Arc::clone(&server.settings), Arc::clone(&server.places));
    let seat = (Arc::clone(slot), Some(Arc::clone(&places)));
    let shared = Arc::new(Shared::new(remote, local, stream.is_secure(), trusted, seat));
    let wire = Wire::new(stream, Arc::clone(&shared), settings, places);
    let service = service(site, shared, Arc::clone(&server.settings));
    let mut connection = server.http.serve_connection(TokioIo::new(wire), service);
    let result = tokio::select! {
        biased;
        result = &mut connection => result,
        () = server.shutdown.cancelled() => {
            Pin::new(&mut connection).graceful_shutdown();
            tokio::select! {
                biased;
                result = &mut connection => result,
                () = server.kill.cancelled() => return,
            }
        }
    };
    let parts = connection.into_parts();
    let (stream, watch, unfinished) = parts.io.into_inner().into_parts();
    let unfinished = unfinished || !parts.read_buf.is_empty();
    // Behind a whole image comes nothing, not even an alert: a device that has closed already
    // would answer it with a reset, and its download would count as aborted.
    let socket = stream.into_socket(watch.is_none());
    tokio::select! {
        () = end(socket, watch, unfinished, result, &server.settings) => {}
        () = server.kill.cancelled() => {}
    }
}

/// Finds out what a new connection speaks, and shakes hands where that is TLS; what answers it.
async fn open(socket: TcpStream, port: &Port, server: &Server) -> Option<(Stream, Site)> {
    let Some((tls, site)) = &port.secure else {
        return Some((Stream::plain(socket), port.plain.clone()));
    };
    let patience = server.settings.header_timeout;
    let patience = if server.places.are_scarce() { patience / 4 } else { patience };
    let opened = tokio::select! {
        biased;
        opened = timeout(patience, hello::open(socket, tls)) => opened,
        () = server.shutdown.cancelled() => return None,
    };
    match opened {
        Ok(Ok(stream)) if stream.is_secure() => Some((stream, site.clone())),
        Ok(Ok(stream)) => Some((stream, port.plain.clone())),
        Ok(Err(error)) => {
            debug!(%error, "a client and the server did not agree on TLS");
            None
        }
        Err(_) => None,
    }
}

/// Closes the connection as its last answer demands.
async fn end(
    socket: TcpStream,
    watch: Option<Watch>,
    unfinished: bool,
    result: hyper::Result<()>,
    settings: &WireSettings,
) {
    match (result, watch) {
        (Ok(()), Some(watch)) if watch.is_all_taken() => {
            let (bytes, time) = (settings.drain_bytes, settings.drain_time);
            let completed = close::confirm(&socket, Bounds { bytes, time, pause: time }).await;
            watch.finish(completed);
        }
        (Ok(()), None) if unfinished => {
            close::linger(&socket, REFUSED).await;
        }
        (Err(error), None) if error.is_parse() => {
            debug!(%error, "a request could not be read");
            close::linger(&socket, REFUSED).await;
        }
        // Dropping the watch reports the abort, dropping the socket closes it.
        (Ok(()), _) => {}
        (Err(error), _) => debug!(%error, "a connection broke"),
    }
}

/// A site as hyper calls it.
fn service(
    site: Site,
    shared: Arc<Shared>,
    settings: Arc<WireSettings>,
) -> impl Service<hyper::Request<Incoming>, Response = Response, Error = Infallible, Future: Send> {
    service_fn(move |mut request: Request<Incoming>| {
        let shared = Arc::clone(&shared);
        let (number, version) = (shared.begin(), request.version());
        let peer = shared.peer(request.headers_mut(), &settings.trusted_proxies);
        let connection = Connection::new(Arc::clone(&shared), peer);
        site.answer(request, connection).map_ok(move |mut response| {
            let watched = shared.arm(response.status() == StatusCode::OK);
            // Nobody waits for the rest of a body that was not wanted.
            if watched || shared.is_open(number) {
                // Otherwise hyper grants the wish of an HTTP/1.0 client to stay.
                *response.version_mut() = version;
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            response
        })
    })
}
