//! What the fleet knows and the database does not yet: taken in batches, put back where that fails.

use std::sync::PoisonError;

use super::fleet::Fleet;
use crate::store::{Batch, Seen};

impl Fleet {
    /// Puts back what could not be written; of the events only the latest `events_kept`.
    pub(super) fn put_back(&self, batch: Batch, events_kept: usize) {
        for seen in batch.seen {
            let mut shard = self.shard(seen.mac);
            let shard = &mut *shard;
            let Some(live) = shard.devices.get_mut(&seen.mac) else { continue };
            live.news = live.news.take().or(seen.news);
            if !live.dirty {
                live.dirty = true;
                shard.dirty.push(seen.mac);
            }
        }
        if let Some(shard) = self.shards.first() {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.hours.extend(batch.hours);
            shard.asked.restarts.extend(batch.restarts);
        }
        batch.days.into_iter().for_each(|day| self.put_back_day(day));
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let skip = batch.events.len().saturating_sub(events_kept);
        let later = std::mem::take(&mut *events);
        events.extend(batch.events.into_iter().skip(skip));
        events.extend(later);
    }

    /// Takes everything that is not written yet; of the counts of the day those of `days_at_once`
    /// devices of each part of the fleet.
    pub(super) fn take_batch(&self, days_at_once: usize) -> Batch {
        let dirty = self.shards().map(|shard| shard.dirty.len()).sum();
        let mut batch = Batch { seen: Vec::with_capacity(dirty), ..Batch::default() };
        for mut shard in self.shards() {
            let shard = &mut *shard;
            for mac in shard.dirty.drain(..) {
                if let Some(live) = shard.devices.get_mut(&mac) {
                    live.dirty = false;
                    batch.seen.push(Seen {
                        mac,
                        device_id: live.id,
                        last_seen: live.last_seen,
                        checkins: live.checkins,
                        rhythm: live.rhythm,
                        news: live.news.take(),
                    });
                }
            }
            batch.hours.append(&mut shard.hours);
            batch.restarts.append(&mut shard.asked.restarts);
            shard.take_days(days_at_once, &mut batch.days);
        }
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        batch.events = std::mem::take(&mut events);
        batch.merge_hours();
        // In the order of the table, so that its pages are touched one after the other.
        batch.seen.sort_unstable_by_key(|seen| seen.device_id);
        batch.days.sort_unstable_by_key(|day| (day.device_id, day.hours.day()));
        batch
    }
}
