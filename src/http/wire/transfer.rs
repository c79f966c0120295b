//! What becomes of an answer: how much of it has left, and how it ended.

use std::io::IoSlice;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::HOST;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::peer::{self, Peer};
use super::places::Places;
use super::slot::Slot;
use crate::domain::network::Network;

/// The connection a request came on; every request has one among its extensions.
#[derive(Clone, Debug)]
pub struct Connection {
    pub(super) shared: Arc<Shared>,
    peer: Peer,
}

/// A registered answer: watch it leave, and wait for its end.
#[derive(Debug)]
pub struct Transfer {
    /// The bytes of the body that the socket has taken so far.
    pub progress: Arc<AtomicU64>,
    /// How it ended; always sent, also when the connection broke before the first byte.
    pub end: oneshot::Receiver<Outcome>,
}

/// How a transfer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The bytes of the body that the socket has taken.
    pub bytes: u64,
    /// Whether all of them were taken and the client then closed in an orderly way.
    ///
    /// No proof that it has kept them: only its next check-in is.
    pub completed: bool,
    /// The time from the registration to the last byte.
    pub elapsed: Duration,
}

impl Connection {
    /// A connection without a socket, for tests: what is watched on it ends as aborted as soon as
    /// the connection is dropped.
    #[must_use]
    pub fn detached(remote: SocketAddr, local: SocketAddr) -> Self {
        let shared = Shared::new(remote, local, false, &[], (Arc::new(Slot::detached()), None));
        let peer = shared.direct();
        Self::new(Arc::new(shared), peer)
    }

    pub(super) const fn new(shared: Arc<Shared>, peer: Peer) -> Self {
        Self { shared, peer }
    }

    /// Who asks: the client itself, also where a trusted proxy hands its request on.
    #[must_use]
    pub const fn peer(&self) -> Peer {
        self.peer
    }

    /// The other end of the connection: the client, or the proxy in front of us.
    #[must_use]
    pub fn remote(&self) -> SocketAddr {
        self.shared.remote
    }

    /// Our own address as the client sees it.
    #[must_use]
    pub fn local(&self) -> SocketAddr {
        self.shared.local
    }

    /// The one who asks has shown who they are: the connection keeps its place until its next
    /// request, however slow it is.
    pub fn keep(&self) {
        self.shared.slot.keep();
    }

    /// The whole request is there: its answer does not depend on the client any more.
    pub fn has_asked(&self) {
        self.shared.slot.works();
    }

    /// Counts the connection among those that people hold, of which there is always less than
    /// there is room; says whether one more could be let in.
    #[must_use]
    pub fn is_let_among_people(&self) -> bool {
        let places = self.shared.places.as_ref();
        places.is_none_or(|places| places.let_among_people(&self.shared.slot))
    }

    /// Registers the answer to the current request, which must be 200 with `size` bytes of body.
    ///
    /// Its connection ends with it.
    #[must_use]
    pub fn watch(&self, size: u64) -> Transfer {
        let (sender, end) = oneshot::channel();
        let progress = Arc::new(AtomicU64::new(0));
        let now = Instant::now();
        let watch = Watch {
            size,
            head: None,
            progress: Arc::clone(&progress),
            end: Some(sender),
            began: now,
            moved: now,
        };
        self.shared.put(watch);
        Transfer { progress, end }
    }
}

const UNWATCHED: u8 = 0;
const REGISTERED: u8 = 1;
const ARMED: u8 = 2;

/// What the handlers, the service around them and the socket know in common.
#[derive(Debug)]
pub(super) struct Shared {
    remote: SocketAddr,
    local: SocketAddr,
    secure: bool,
    /// Whether the other end is a proxy whose word is taken.
    trusted: bool,
    calls: AtomicU64,
    open: AtomicU64,
    state: AtomicU8,
    watch: Mutex<Option<Watch>>,
    slot: Arc<Slot>,
    places: Option<Arc<Places>>,
}

impl Shared {
    pub(super) fn new(
        remote: SocketAddr,
        local: SocketAddr,
        secure: bool,
        trusted: &[Network],
        (slot, places): (Arc<Slot>, Option<Arc<Places>>),
    ) -> Self {
        Self {
            remote,
            local,
            secure,
            trusted: trusted.iter().any(|network| network.contains(remote.ip())),
            calls: AtomicU64::new(0),
            open: AtomicU64::new(0),
            state: AtomicU8::new(UNWATCHED),
            watch: Mutex::new(None),
            slot,
            places,
        }
    }

    /// The place that the connection holds.
    pub(super) fn slot(&self) -> &Slot {
        &self.slot
    }

    /// The other end of the connection as one who asks.
    fn direct(&self) -> Peer {
        let address = self.remote.ip().to_canonical();
        Peer { address, secure: self.secure, proxied: false }
    }

    /// Who sent a request with these headers. Where a trusted proxy names the host that the client
    /// asked for, that becomes the `Host`.
    pub(super) fn peer(&self, headers: &mut HeaderMap, trusted: &[Network]) -> Peer {
        if !self.trusted {
            return self.direct();
        }
        let told = peer::told(headers, self.direct(), trusted);
        if let Some(host) = told.host {
            headers.insert(HOST, host);
        }
        told.peer
    }

    /// A request reaches the handlers; its number, from 1.
    pub(super) fn begin(&self) -> u64 {
        let number = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        self.slot.begins(self.is_open(number));
        if let (true, Some(places)) = (self.slot.is_among_people(), &self.places) {
            places.take_from_people(&self.slot);
        }
        number
    }

    /// The number of the request whose body has not arrived in full, or 0.
    pub(super) fn set_open(&self, request: u64) {
        self.open.store(request, Ordering::Relaxed);
    }

    pub(super) fn is_open(&self, request: u64) -> bool {
        self.open.load(Ordering::Relaxed) == request
    }

    fn put(&self, watch: Watch) {
        *self.watch.lock().unwrap_or_else(PoisonError::into_inner) = Some(watch);
        self.state.store(REGISTERED, Ordering::Release);
    }

    fn take(&self) -> Option<Watch> {
        self.state.store(UNWATCHED, Ordering::Relaxed);
        self.watch.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The answer is known and the next thing to be written: says whether it is a watched one.
    pub(super) fn arm(&self, fits: bool) -> bool {
        if self.state.load(Ordering::Acquire) != REGISTERED {
            self.slot.answers();
            return false;
        }
        if fits {
            self.slot.keep();
            self.state.store(ARMED, Ordering::Release);
        } else {
            self.slot.answers();
            drop(self.take());
        }
        fits
    }

    /// The watch of the answer whose head is written now.
    pub(super) fn armed(&self) -> Option<Watch> {
        if self.state.load(Ordering::Acquire) == ARMED { self.take() } else { None }
    }
}

/// The least that may wait in the system.
const LEAST_AHEAD: u32 = 2 * 1024;

/// The server's half of a [`Transfer`]; dropped before its end, it reports an abort.
#[derive(Debug)]
pub(super) struct Watch {
    size: u64,
    /// Bytes of the head that have not left; unknown before the first write.
    head: Option<u64>,
    progress: Arc<AtomicU64>,
    end: Option<oneshot::Sender<Outcome>>,
    began: Instant,
    moved: Instant,
}

impl Watch {
    /// How much of the body may wait in the system, at most `most`: of a small one an eighth. A
    /// device that leaves early must not have been handed all of it.
    pub(super) fn ahead(&self, most: u32) -> u32 {
        let eighth = u32::try_from(self.size / 8).unwrap_or(u32::MAX);
        eighth.max(LEAST_AHEAD).min(most)
    }

    /// These bytes are about to be offered to the socket.
    pub(super) fn offer(&mut self, slices: &[IoSlice<'_>]) {
        if self.head.is_none() {
            let first = slices.iter().find(|slice| !slice.is_empty());
            self.head = first.map(|slice| head_length(slice));
        }
    }

    /// The socket has taken so many of them.
    pub(super) fn took(&mut self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let head = self.head.unwrap_or(0);
        self.head = Some(head.saturating_sub(bytes));
        let body = bytes.saturating_sub(head);
        if body > 0 {
            self.progress.fetch_add(body, Ordering::Relaxed);
            self.moved = Instant::now();
        }
    }

    /// Whether the socket has taken exactly what was promised.
    pub(super) fn is_all_taken(&self) -> bool {
        self.head == Some(0) && self.progress.load(Ordering::Relaxed) == self.size
    }

    pub(super) fn finish(mut self, completed: bool) {
        self.report(completed);
    }

    fn report(&mut self, completed: bool) {
        if let Some(end) = self.end.take() {
            let bytes = self.progress.load(Ordering::Relaxed);
            let elapsed = self.moved - self.began;
            // Nobody has to listen.
            let _ = end.send(Outcome { bytes, completed, elapsed });
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.report(false);
    }
}

/// The length of all heads at the start of `bytes`: an earlier answer without a body may stand
/// before that of the watched one.
fn head_length(bytes: &[u8]) -> u64 {
    let mut at = 0;
    while bytes[at..].starts_with(b"HTTP/1.") {
        match memchr::memmem::find(&bytes[at..], b"\r\n\r\n") {
            Some(end) => at += end + 4,
            None => at = bytes.len(),
        }
    }
    u64::try_from(at).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection() -> Connection {
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        Connection::detached(address, address)
    }

    #[test]
    fn only_the_body_is_counted_however_the_writes_fall() {
        let head = b"HTTP/1.1 304 Not Modified\r\n\r\nHTTP/1.1 200 OK\r\na: b\r\n\r\n";
        for step in 1..=head.len() + 10 {
            let connection = connection();
            let transfer = connection.watch(10);
            assert!(connection.shared.arm(true));
            let mut watch = connection.shared.armed().unwrap();
            let mut left = head.len() + 10;
            while left > 0 {
                let sent = head.len() + 10 - left;
                watch.offer(&[IoSlice::new(&head[sent.min(head.len())..]), IoSlice::new(&[0; 10])]);
                watch.took(step.min(left));
                left -= step.min(left);
                let body = u64::try_from(10_usize.saturating_sub(left)).unwrap();
                assert_eq!(transfer.progress.load(Ordering::Relaxed), body);
            }
            assert!(watch.is_all_taken());
        }
    }

    #[test]
    fn of_a_small_body_little_waits_in_the_system() {
        for (size, ahead) in [(0, 2_048), (35_000, 4_375), (262_144, 32_768), (4 << 20, 32_768)] {
            let connection = connection();
            let _transfer = connection.watch(size);
            assert!(connection.shared.arm(true));
            assert_eq!(connection.shared.armed().unwrap().ahead(32_768), ahead, "{size}");
        }
    }

    #[test]
    fn a_watch_that_comes_to_nothing_is_reported_as_aborted() {
        let connection = connection();
        let mut replaced = connection.watch(10);
        let mut unfit = connection.watch(10);
        assert!(!replaced.end.try_recv().unwrap().completed);
        assert!(!connection.shared.arm(false));
        let outcome = unfit.end.try_recv().unwrap();
        assert_eq!((outcome.bytes, outcome.completed), (0, false));
        let mut dropped = connection.watch(10);
        drop(connection);
        assert!(!dropped.end.try_recv().unwrap().completed);
    }
}
