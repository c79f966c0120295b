//! What is written behind the answers.

use super::{App, Error};
use crate::domain::event::{Event, Kind};

/// Events that are kept in memory while the database fails; beyond, the oldest are lost.
const EVENTS_KEPT: usize = 10_000;

impl App {
    /// Writes the check-ins since the last time in one transaction.
    ///
    /// # Errors
    /// Where the database fails; everything is then written with the next batch.
    pub async fn flush(&self) -> Result<(), Error> {
        let batch = self.0.fleet.take_batch();
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
        for id in self.0.store.expired_drafts(now).await? {
            let Some(draft) = self.0.store.release(id).await? else {
                continue;
            };
            self.0.store.delete_release(id).await?;
            let text = format!("The draft {} was thrown away after a day.", draft.title());
            let event = Event::new(now, Kind::ReleaseDeleted, text);
            self.record(event.on(draft.platform).by("server")).await?;
        }
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
