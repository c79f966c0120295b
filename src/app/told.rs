//! What was told of a device so far: one whose statements change at every check-in must neither fill
//! the disk nor bury what others say.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::domain::Timestamp;
use crate::domain::event::Kind;
use crate::domain::hours::day_of;

/// Events of one device that are written in an hour.
const EVENTS_AN_HOUR: u16 = 60;
/// Different things that are told of one device on a day.
const THINGS_A_DAY: usize = 48;

/// What was told of a device.
#[derive(Debug, Clone, Default)]
pub(super) struct Told {
    /// The hour, and how many events the device made in it.
    hour: (i64, u16),
    /// The day, and the things that were told on it.
    day: (i64, Vec<u64>),
}

impl Told {
    /// Whether one more event of the device is worth a row this hour.
    pub(super) fn allows(&mut self, now: Timestamp) -> bool {
        let hour = now.div_euclid(3600);
        if self.hour.0 != hour {
            self.hour = (hour, 0);
        }
        self.hour.1 = self.hour.1.saturating_add(1);
        self.hour.1 <= EVENTS_AN_HOUR
    }

    /// Whether this was not told on the same day, as one of not too many things.
    pub(super) fn is_news(&mut self, kind: Kind, text: &str, now: Timestamp) -> bool {
        let day = day_of(now);
        if self.day.0 != day {
            self.day = (day, Vec::new());
        }
        let mut hasher = DefaultHasher::new();
        (kind, text).hash(&mut hasher);
        let thing = hasher.finish();
        let told = &mut self.day.1;
        let is_news = !told.contains(&thing) && told.len() < THINGS_A_DAY;
        if is_news {
            told.push(thing);
        }
        is_news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    #[test]
    fn the_same_is_told_once_a_day() {
        let mut told = Told::default();
        for (text, now, news) in [
            ("Reports a now; it was b.", 0, true),
            ("Reports b now; it was a.", 60, true),
            ("Reports a now; it was b.", 120, false),
            ("Reports a now; it was b.", DAY - 1, false),
            ("Reports a now; it was b.", DAY, true),
        ] {
            assert_eq!(told.is_news(Kind::Changed, text, now), news, "{text} {now}");
        }
        assert!(told.is_news(Kind::Stopped, "Reports a now; it was b.", DAY));
    }

    #[test]
    fn not_everything_is_told() {
        let mut told = Told::default();
        let tell = |n: u32| told.is_news(Kind::Changed, &format!("Reports v{n}."), 0);
        assert_eq!((0..1000).map(tell).filter(|news| *news).count(), THINGS_A_DAY);
        let allowed = (0..100).filter(|_| told.allows(0)).count();
        assert_eq!(allowed, usize::from(EVENTS_AN_HOUR));
        assert!(told.allows(3600));
    }
}
