//! Downloads under way, and how they end.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::App;
use super::rollouts::Watch;
use super::stats::Sending;
use super::write_behind::LateWrite;
use crate::domain::Timestamp;
use crate::domain::device::AttemptState;
use crate::domain::event::{Event, Kind};
use crate::domain::mac::MacAddr;
use crate::domain::release::{Part, Published};
use crate::store::EndedAttempt;

/// How long a check-in waits for the end of a download whose last byte was taken already.
const PATIENCE: Duration = Duration::from_secs(1);

/// A download under way.
#[derive(Debug)]
pub struct InFlight {
    pub(super) attempt_id: i64,
    pub(super) mac: MacAddr,
    pub(super) release_id: i64,
    pub(super) title: String,
    pub(super) platform: String,
    pub(super) part: Part,
    pub(super) packed: bool,
    pub(super) size: u64,
    /// When it was offered.
    pub(super) started: Timestamp,
    /// Whether it counts as a download of the release.
    pub(super) counted: bool,
    pub(super) progress: OnceLock<Arc<AtomicU64>>,
    /// Bytes of it that the database knows of.
    pub(super) written: AtomicU64,
    pub(super) settled: CancellationToken,
    /// The rollout by which the device gets it.
    pub(super) watch: Option<Arc<Watch>>,
}

/// How a transfer ended.
#[derive(Debug, Clone, Copy)]
pub struct TransferEnd {
    /// Bytes of the body that the connection took.
    pub bytes: u64,
    /// Whether the last byte was taken and the connection closed in order.
    pub completed: bool,
    /// How long it took.
    pub elapsed: Duration,
}

impl InFlight {
    /// A download that is about to begin.
    pub(super) fn new(
        attempt_id: i64,
        mac: MacAddr,
        (platform, release): (&str, &Published),
        packed: bool,
        size: u64,
    ) -> Self {
        Self {
            attempt_id,
            mac,
            release_id: release.id,
            title: format!("{platform} {}", release.version),
            platform: platform.to_owned(),
            part: release.image.part,
            packed,
            size,
            started: 0,
            counted: true,
            progress: OnceLock::new(),
            written: AtomicU64::new(0),
            settled: CancellationToken::new(),
            watch: None,
        }
    }

    /// Bytes that the connection took so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.progress.get().map_or(0, |progress| progress.load(Ordering::Relaxed))
    }

    /// How far it is, where the database does not know that: after a crash the attempt is to say
    /// about how much was sent. The last byte only counts with the end of the transfer.
    pub(super) fn unwritten(&self) -> Option<(i64, u64)> {
        let bytes = self.bytes().min(self.size.saturating_sub(1));
        let news = !self.is_settled() && self.written.swap(bytes, Ordering::Relaxed) != bytes;
        news.then_some((self.attempt_id, bytes))
    }

    /// How far it is; `None` once its end is recorded.
    pub(super) fn sending(&self) -> Option<Sending> {
        let bytes = self.bytes().min(self.size);
        let (title, mac, started, size) = (self.title.clone(), self.mac, self.started, self.size);
        let (release_id, attempt_id) = (self.release_id, self.attempt_id);
        let sending = Sending { mac, release_id, attempt_id, title, bytes, size, started };
        (!self.is_settled()).then_some(sending)
    }

    /// Whether all bytes were taken, but the end is not recorded yet.
    pub(super) fn is_ending(&self) -> bool {
        self.bytes() >= self.size && !self.settled.is_cancelled()
    }

    /// Whether its end is recorded.
    pub(super) fn is_settled(&self) -> bool {
        self.settled.is_cancelled()
    }

    /// Whether it is one of this image.
    pub(super) fn is_of(&self, release_id: i64, part: Part) -> bool {
        (self.release_id, self.part) == (release_id, part)
    }

    /// Whether it is the same as one that would begin now, so that both are one attempt.
    pub(super) fn is_like(&self, release_id: i64, part: Part, packed: bool) -> bool {
        let same = (self.release_id, self.part, self.packed) == (release_id, part, packed);
        same && !self.is_settled() && self.bytes() < self.size
    }

    /// Waits until the end is recorded, but not for long.
    pub(super) async fn ended(&self) {
        let _ = tokio::time::timeout(PATIENCE, self.settled.cancelled()).await;
    }
}

impl App {
    /// Follows a download to its end. `progress` counts the bytes that the connection takes.
    pub fn follow(
        &self,
        flight: Arc<InFlight>,
        progress: Arc<AtomicU64>,
        end: impl Future<Output = TransferEnd> + Send + 'static,
    ) {
        let _ = flight.progress.set(progress);
        let app = self.clone();
        self.0.tasks.spawn(async move {
            let end = end.await;
            app.transfer_ended(&flight, end).await;
            flight.settled.cancel();
        });
    }

    async fn transfer_ended(&self, flight: &InFlight, end: TransferEnd) {
        let now = self.now();
        let state = if end.completed { AttemptState::Delivered } else { AttemptState::Aborted };
        let tally = self.0.fleet.with(flight.mac, |live| {
            let tally = live.tally_mut(flight.release_id, flight.part);
            // A device that restarts without closing took the bytes all the same.
            if end.completed || end.bytes >= flight.size {
                tally.delivered();
            } else {
                tally.aborted(now);
            }
            let tally = *tally;
            let attempt = live.attempt.as_mut().filter(|own| own.id == flight.attempt_id);
            if let Some(attempt) = attempt
                && (attempt.state == AttemptState::Offered
                    || (attempt.state == AttemptState::Aborted && end.completed))
            {
                attempt.state = state;
                (attempt.at, attempt.whole) = (now, end.bytes >= flight.size);
            }
            (live.id, tally)
        });
        if let (Some(watch), Some((device_id, _))) = (&flight.watch, tally) {
            // What was taken whole may be running, however the connection ended.
            let whole = end.completed || end.bytes >= flight.size;
            watch.transferred(device_id, whole, now);
        }
        let seconds = end.elapsed.as_secs_f64();
        let (kind, text) = if end.completed {
            let text = format!("Took {} whole, in {seconds:.1} s.", flight.title);
            (Kind::Delivered, text)
        } else {
            let percent = end.bytes.saturating_mul(100) / flight.size.max(1);
            let (bytes, title) = (end.bytes, &flight.title);
            let text = format!("The download of {title} ended at {percent} % ({bytes} bytes).");
            (Kind::Aborted, text)
        };
        let event = Event::new(now, kind, text).of(flight.mac).about(flight.release_id);
        self.record_later(event.on(Some(flight.platform.as_str())));
        flight.settled.cancel();
        let millis = u64::try_from(end.elapsed.as_millis()).unwrap_or(u64::MAX);
        let ended = EndedAttempt {
            id: flight.attempt_id,
            release_id: flight.release_id,
            completed: end.completed,
            counted: flight.counted,
            bytes: end.bytes,
            millis,
            now,
            day: self.day(now),
            tally,
        };
        self.write(LateWrite::Transfer(ended)).await;
    }
}
