//! How often a device checked in during each hour of a day: counters, no row per check-in.

use super::Timestamp;

/// Seconds of a day.
const DAY: i64 = 86_400;
/// Days of which the counts are kept: a week, and today.
pub const KEPT_DAYS: i64 = 8;

/// The number of a day, in UTC.
#[must_use]
pub const fn day_of(at: Timestamp) -> i64 {
    at.div_euclid(DAY)
}

/// The check-ins of one day (UTC) by hour. It takes 26 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hours {
    day: u16,
    counts: [u8; 24],
}

impl Hours {
    /// The most that is counted in an hour: it stands for "so many or more".
    pub const MOST: u8 = u8::MAX;

    /// The counts of a day.
    #[must_use]
    pub fn of(day: i64, counts: [u8; 24]) -> Self {
        Self { day: u16::try_from(day).unwrap_or(0), counts }
    }

    /// Counts a check-in. Where it is the first one of another day, that of the day before is
    /// answered.
    pub fn count(&mut self, now: Timestamp) -> Option<Self> {
        let day = u16::try_from(day_of(now)).unwrap_or(0);
        let ended = (self.day != day && self.day != 0).then_some(*self);
        if self.day != day {
            *self = Self { day, counts: [0; 24] };
        }
        let hour = usize::try_from(now.rem_euclid(DAY) / 3_600).unwrap_or(0);
        if let Some(count) = self.counts.get_mut(hour) {
            *count = count.saturating_add(1);
        }
        ended
    }

    /// The number of the day.
    #[must_use]
    pub fn day(&self) -> i64 {
        i64::from(self.day)
    }

    /// The counts, from midnight on.
    #[must_use]
    pub const fn counts(&self) -> &[u8; 24] {
        &self.counts
    }

    /// The first second of each hour, with its count.
    pub fn hours(&self) -> impl Iterator<Item = (Timestamp, u8)> {
        let midnight = self.day() * DAY;
        (midnight..).step_by(3_600).zip(self.counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIDNIGHT: Timestamp = 1_699_920_000;

    #[test]
    fn it_stays_small() {
        assert!(size_of::<Hours>() <= 48);
    }

    #[test]
    fn check_ins_are_counted_by_hour_until_the_day_ends() {
        let mut hours = Hours::default();
        for at in [0, 3_599, 3_600, 82_800, 86_399] {
            assert_eq!(hours.count(MIDNIGHT + at), None);
        }
        let counts = hours.counts();
        assert_eq!((counts[0], counts[1], counts[2], counts[23]), (2, 1, 0, 2));
        let ended = hours.count(MIDNIGHT + 86_400).unwrap();
        assert_eq!((ended.day(), ended.counts()[23]), (day_of(MIDNIGHT), 2));
        assert_eq!((hours.day(), hours.counts()[0]), (day_of(MIDNIGHT) + 1, 1));
        assert_eq!(Hours::of(ended.day(), *ended.counts()), ended);
        assert_eq!(ended.hours().nth(1), Some((MIDNIGHT + 3_600, 1)));
    }

    #[test]
    fn many_check_ins_are_as_many_or_more() {
        let mut hours = Hours::default();
        for _ in 0..1_000 {
            hours.count(MIDNIGHT);
        }
        assert_eq!(hours.counts()[0], Hours::MOST);
    }
}
