//! What is counted for pages: versions in the field per day, releases, downloads under way.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::transfer::InFlight;
use super::{App, Error};
use crate::domain::Timestamp;
use crate::domain::mac::MacAddr;
use crate::domain::release::Part;
use crate::domain::stats::{ReleaseStats, day_of, fold};

/// Days whose counts are kept.
pub(super) const DAYS_KEPT: i64 = 400;
/// Versions of a platform that are counted one by one in a day.
const VERSIONS_A_DAY: usize = 20;
/// Attempts that times and speeds are taken from.
const SAMPLES: u32 = 1_000;
/// From how many devices on a count is kept for a while.
const MANY: u64 = 2_000;
/// Seconds for which such a count is good.
const GOOD_FOR: i64 = 30;

/// How far a download is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sending {
    /// The device.
    pub mac: MacAddr,
    /// The release.
    pub release_id: i64,
    /// Its attempt.
    pub attempt_id: i64,
    /// What is sent: "chase v1.0.2".
    pub title: String,
    /// Bytes that its connection took.
    pub bytes: u64,
    /// Bytes in all.
    pub size: u64,
    /// When it was offered.
    pub started: Timestamp,
}

impl Sending {
    /// Bytes per second so far; `None` where it is too early to say.
    #[must_use]
    pub fn speed(&self, now: Timestamp) -> Option<u64> {
        let seconds = u64::try_from(now - self.started).ok().filter(|seconds| *seconds >= 2)?;
        Some(self.bytes / seconds).filter(|speed| *speed > 0)
    }

    /// Seconds that are left at this speed.
    #[must_use]
    pub fn rest(&self, now: Timestamp) -> Option<u64> {
        Some((self.size - self.bytes.min(self.size)).div_ceil(self.speed(now)?))
    }
}

/// All downloads under way; whoever follows one holds it.
#[derive(Debug, Default)]
pub(super) struct Flights(Mutex<Vec<Weak<InFlight>>>);

impl Flights {
    fn lock(&self) -> MutexGuard<'_, Vec<Weak<InFlight>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers a download that begins.
    pub(super) fn add(&self, flight: &Arc<InFlight>) {
        let mut flights = self.lock();
        // Only when it would grow, so that many at once are not looked through for each other.
        if flights.len() == flights.capacity() {
            flights.retain(|flight| flight.strong_count() > 0);
        }
        flights.push(Arc::downgrade(flight));
    }

    /// How far those are of which the database does not know it: attempts and bytes.
    pub(super) fn unwritten(&self) -> Vec<(i64, u64)> {
        let alive: Vec<_> = self.lock().iter().filter_map(Weak::upgrade).collect();
        alive.iter().filter_map(|flight| flight.unwritten()).collect()
    }

    fn sending(&self, wanted: impl Fn(&InFlight) -> bool) -> Vec<Sending> {
        let mut flights = self.lock();
        flights.retain(|flight| flight.strong_count() > 0);
        let alive: Vec<_> = flights.iter().filter_map(Weak::upgrade).collect();
        drop(flights);
        // Requests that overlap are one attempt: what counts is the one that is furthest.
        let mut furthest: BTreeMap<i64, Sending> = BTreeMap::new();
        for sending in alive.iter().filter(|f| wanted(f)).filter_map(|f| f.sending()) {
            let known = furthest.get(&sending.attempt_id);
            if known.is_none_or(|known| known.bytes <= sending.bytes) {
                furthest.insert(sending.attempt_id, sending);
            }
        }
        furthest.into_values().rev().collect()
    }
}

/// Statistics of releases with many devices, and when they were counted.
#[derive(Debug, Default)]
pub(super) struct Counted(Mutex<HashMap<(i64, Part), (Timestamp, ReleaseStats)>>);

impl App {
    /// The day of a moment on the server's calendar: days since 1970-01-01.
    #[must_use]
    pub fn day(&self, at: Timestamp) -> i64 {
        let moment = jiff::Timestamp::from_second(at).unwrap_or_default();
        let offset = self.settings().time_zone.0.to_offset(moment);
        day_of(at, i64::from(offset.seconds()))
    }

    /// Counts which versions devices run today. It may be done any number of times a day: the last
    /// count stays.
    ///
    /// # Errors
    /// Where the database fails; the next time makes up for it.
    pub async fn count_field(&self) -> Result<(), Error> {
        let mut platforms: BTreeMap<i64, Vec<(String, u64)>> = BTreeMap::new();
        for count in self.0.store.versions_in_field().await? {
            let version = count.version.unwrap_or_default();
            platforms.entry(count.platform_id).or_default().push((version, count.devices));
        }
        let counts: Vec<_> = platforms
            .into_iter()
            .flat_map(|(platform_id, counts)| {
                let folded = fold(counts, VERSIONS_A_DAY).into_iter();
                folded.map(move |(version, devices)| (platform_id, version, devices))
            })
            .collect();
        Ok(self.0.store.save_field_day(self.day(self.now()), &counts).await?)
    }

    /// What the attempts to take a release come to. With many devices a count is a few seconds old
    /// at times, so that a page that is reloaded every other second costs nothing.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn release_stats(&self, release_id: i64, part: Part) -> Result<ReleaseStats, Error> {
        let now = self.now();
        let key = (release_id, part);
        let known = self.counted().get(&key).copied();
        if let Some((_, stats)) = known.filter(|(at, _)| (0..GOOD_FOR).contains(&(now - at))) {
            return Ok(stats);
        }
        let counts = self.0.store.latest_states(release_id, part).await?;
        let samples = self.0.store.samples(release_id, part, SAMPLES).await?;
        let stats = ReleaseStats::new(&counts, &samples, part);
        let mut counted = self.counted();
        counted.retain(|_, (at, _)| (0..GOOD_FOR).contains(&(now - *at)));
        if stats.progress.total() >= MANY {
            counted.insert(key, (now, stats));
        }
        Ok(stats)
    }

    fn counted(&self) -> MutexGuard<'_, HashMap<(i64, Part), (Timestamp, ReleaseStats)>> {
        self.0.counted.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The downloads of a release under way, newest first.
    #[must_use]
    pub fn sending_of(&self, release_id: i64) -> Vec<Sending> {
        self.0.flights.sending(|flight| flight.release_id == release_id)
    }

    /// The downloads of a device under way, newest first.
    #[must_use]
    pub fn sending_to(&self, mac: MacAddr) -> Vec<Sending> {
        self.0.flights.sending(|flight| flight.mac == mac)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speed_and_rest_are_told_once_there_is_something_to_tell() {
        let mac: MacAddr = "5C:CF:7F:00:00:01".parse().unwrap();
        let title = "chase v1".to_owned();
        let sending = Sending {
            mac,
            release_id: 1,
            attempt_id: 1,
            title,
            bytes: 610,
            size: 1000,
            started: 100,
        };
        assert_eq!((sending.speed(101), sending.rest(101)), (None, None));
        assert_eq!((sending.speed(110), sending.rest(110)), (Some(61), Some(7)));
        let stalled = Sending { bytes: 0, ..sending };
        assert_eq!((stalled.speed(110), stalled.rest(110)), (None, None));
    }
}
