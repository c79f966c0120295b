//! What is written behind the answers.

use super::poll::Settlement;
use super::stats::DAYS_KEPT;
use super::{App, Error};
use crate::domain::Timestamp;
use crate::domain::actor::Actor;
use crate::domain::event::{Event, Kind};
use crate::domain::tally::Tally;
use crate::store::{EndedAttempt, StoreError};

/// Events that are kept in memory while the database fails; beyond, the oldest are lost.
const EVENTS_KEPT: usize = 10_000;
/// Devices of each part of the fleet whose counts of the day are written with a batch: many devices
/// that ask at once must not double what it costs.
const DAYS_AT_ONCE: usize = 4;

/// A change of an attempt that memory holds already. It is written at once; where the database
/// fails, it is kept and written before the next batch.
#[derive(Debug, Clone, Copy)]
pub(super) enum LateWrite {
    /// A transfer ended.
    Transfer(EndedAttempt),
    /// A check-in settled an attempt.
    Settled {
        /// What became of it.
        settlement: Settlement,
        /// When.
        at: Timestamp,
    },
    /// The limit holds a release back from a device.
    Held(i64, Tally),
    /// Nobody heard of the device again since this attempt.
    Lost(i64),
}

impl App {
    /// Writes a change of an attempt, now or later.
    pub(super) async fn write(&self, write: LateWrite) {
        let Err(error) = self.try_write(write).await else { return };
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "a change of an attempt is written later"
        );
        self.0.late.lock().await.push(write);
    }

    async fn try_write(&self, write: LateWrite) -> Result<(), StoreError> {
        match write {
            LateWrite::Lost(attempt_id) => self.0.store.lose_attempt(attempt_id).await,
            LateWrite::Held(device_id, tally) => self.0.store.save_tally(device_id, &tally).await,
            LateWrite::Transfer(ended) => self.0.store.record_transfer(ended).await,
            LateWrite::Settled {
                settlement: Settlement { attempt_id, settled, tally, .. },
                at,
            } => {
                let state = settled.state();
                self.0.store.settle_attempt(attempt_id, state, tally.as_ref(), at).await
            }
        }
    }

    /// Writes what could not be written before.
    async fn catch_up(&self) -> Result<(), StoreError> {
        let mut late = self.0.late.lock().await;
        while let Some(write) = late.first().copied() {
            self.try_write(write).await?;
            late.remove(0);
        }
        Ok(())
    }

    /// Writes the check-ins since the last time in one transaction.
    ///
    /// # Errors
    /// Where the database fails; everything is then written with the next batch.
    pub async fn flush(&self) -> Result<(), Error> {
        self.write_batch(DAYS_AT_ONCE).await
    }

    /// Writes what is left before the end, and when that was.
    pub(super) async fn flush_all(&self) -> Result<(), Error> {
        self.write_batch(usize::MAX).await?;
        self.note_listening().await
    }

    async fn write_batch(&self, days_at_once: usize) -> Result<(), Error> {
        let _flushing = self.0.flushing.lock().await;
        self.catch_up().await?;
        self.0.accounts.flush().await?;
        let under_way = self.0.flights.unwritten();
        if !under_way.is_empty() {
            self.0.store.save_progress(&under_way).await?;
        }
        let batch = self.0.fleet.take_batch(days_at_once);
        if batch.is_empty() {
            return Ok(());
        }
        let written = self.0.store.write_behind(&batch).await;
        if written.is_err() {
            self.0.fleet.put_back(batch, EVENTS_KEPT);
        }
        Ok(written?)
    }

    /// Throws away what is old: events beyond the retention, drafts whose time is over, files that
    /// nothing points at.
    ///
    /// # Errors
    /// Where database or disk fails; the next time makes up for it.
    pub async fn tidy(&self) -> Result<(), Error> {
        let now = self.now();
        let keep = i64::from(self.settings().retention_days) * 86_400;
        let purged = self.0.store.purge(now - keep).await?;
        if purged > 0 {
            tracing::info!(events = purged, "old events were deleted");
        }
        let keep = i64::from(self.settings().audit_days) * 86_400;
        let purged = self.0.store.purge_audit(now - keep).await?;
        if purged > 0 {
            tracing::info!(entries = purged, "old entries of the audit log were deleted");
        }
        self.0.store.purge_days(self.day(now) - DAYS_KEPT).await?;
        self.0.accounts.tidy().await?;
        self.tidy_presence().await?;
        // No draft may be published meanwhile.
        let accepting = self.0.accepting.lock().await;
        for id in self.0.store.expired_drafts(now).await? {
            let Some(draft) = self.0.store.release(id).await? else {
                continue;
            };
            self.0.store.delete_release(id).await?;
            let text = format!("The draft {} was thrown away after a day.", draft.title());
            let event = Event::new(now, Kind::ReleaseDeleted, text);
            let deed = format!("threw the draft {} away after a day", draft.title());
            let event = event.on(draft.platform).about(id).by(Actor::machine());
            self.record(event.does(deed)).await?;
        }
        drop(accepting);
        self.sweep().await
    }

    /// Removes the firmware files that nothing points at.
    pub(super) async fn sweep(&self) -> Result<(), Error> {
        let in_use = async { Ok::<_, Error>(self.0.store.files_in_use().await?) };
        let removed = self.0.blobs.sweep(in_use).await?;
        if removed > 0 {
            tracing::info!(files = removed, "firmware files that nothing points at were removed");
        }
        Ok(())
    }
}
