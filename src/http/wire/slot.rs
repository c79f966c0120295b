//! What a connection is at, as far as it matters where places are scarce.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// It is our turn to wait: for a request, or for the body of one whose sender nobody knows.
const WAITING: u8 = 0;
/// A request is being answered.
const BUSY: u8 = 1;
/// An answer stands in its way because the client takes no more for now.
const SENDING: u8 = 2;
/// It carries firmware, or belongs to somebody who has shown who they are.
const KEPT: u8 = 3;
/// It ends.
const CUT: u8 = 4;

/// How long an answer to a device may stand still, and how long it may take in all, before its
/// connection makes room for others. Firmware has no such limit.
const STILL: Duration = Duration::from_secs(10);
const ANSWER: Duration = Duration::from_mins(1);

/// One connection.
#[derive(Debug)]
pub(super) struct Slot {
    number: u64,
    whose: IpAddr,
    /// The listener whose own places it is one of.
    room: Option<usize>,
    state: AtomicU8,
    people: AtomicBool,
    accepted: Instant,
    /// Milliseconds from there to when something moved last, and to the latest request.
    moved: AtomicU64,
    asked: AtomicU64,
    cut: Notify,
}

impl Slot {
    pub(super) fn new(number: u64, whose: IpAddr, room: Option<usize>) -> Self {
        Self {
            number,
            whose,
            room,
            state: AtomicU8::new(WAITING),
            people: AtomicBool::new(false),
            accepted: Instant::now(),
            moved: AtomicU64::new(0),
            asked: AtomicU64::new(0),
            cut: Notify::new(),
        }
    }

    /// Of a connection that is none, for tests.
    pub(super) fn detached() -> Self {
        Self::new(0, IpAddr::V4(Ipv4Addr::UNSPECIFIED), None)
    }

    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    pub(super) const fn whose(&self) -> IpAddr {
        self.whose
    }

    pub(super) const fn room(&self) -> Option<usize> {
        self.room
    }

    /// A request begins, of which the body may still be on its way.
    pub(super) fn begins(&self, open: bool) {
        self.asked.store(self.age(), Ordering::Relaxed);
        self.set(if open { WAITING } else { BUSY });
    }

    /// The body has arrived.
    pub(super) fn works(&self) {
        self.change(WAITING, BUSY);
    }

    /// It keeps its place until its next request.
    pub(super) fn keep(&self) {
        self.set(KEPT);
    }

    /// The answer is known.
    pub(super) fn answers(&self) {
        self.moved.store(self.age(), Ordering::Relaxed);
        self.change(BUSY, WAITING);
    }

    /// The client takes no more for now.
    pub(super) fn stands(&self) {
        self.change(WAITING, SENDING);
    }

    /// The client has taken something.
    pub(super) fn moves(&self) {
        self.moved.store(self.age(), Ordering::Relaxed);
        self.change(SENDING, WAITING);
    }

    /// Whether it has to make room for others.
    pub(super) fn yields(&self, now: Instant) -> bool {
        match self.state.load(Ordering::Relaxed) {
            WAITING => true,
            SENDING => {
                let asked = Duration::from_millis(self.asked.load(Ordering::Relaxed));
                self.is_among_people()
                    || self.waited(now) >= STILL
                    || now.saturating_duration_since(self.accepted) >= asked + ANSWER
            }
            _ => false,
        }
    }

    /// For how long nothing has moved.
    pub(super) fn waited(&self, now: Instant) -> Duration {
        let moved = Duration::from_millis(self.moved.load(Ordering::Relaxed));
        now.saturating_duration_since(self.accepted).saturating_sub(moved)
    }

    pub(super) fn is_among_people(&self) -> bool {
        self.people.load(Ordering::Relaxed)
    }

    pub(super) fn set_among_people(&self, people: bool) {
        self.people.store(people, Ordering::Relaxed);
    }

    /// Ends it.
    pub(super) fn cut(&self) {
        self.state.store(CUT, Ordering::Relaxed);
        self.cut.notify_one();
    }

    /// Waits until it has to end.
    pub(super) async fn is_cut(&self) {
        self.cut.notified().await;
    }

    #[cfg(test)]
    pub(super) fn has_been_cut(&self) -> bool {
        self.state.load(Ordering::Relaxed) == CUT
    }

    fn age(&self) -> u64 {
        u64::try_from(self.accepted.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// What is cut stays so.
    fn set(&self, state: u8) {
        let open = |was| (was != CUT).then_some(state);
        let _ = self.state.fetch_update(Ordering::Relaxed, Ordering::Relaxed, open);
    }

    fn change(&self, from: u8, to: u8) {
        let _ = self.state.compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed);
    }
}
