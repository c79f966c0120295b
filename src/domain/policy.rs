//! What people decide about updates ahead of time: channels, pins, rules, quiet hours.

use std::fmt;
use std::str::FromStr;

use super::Timestamp;

/// Seconds of a minute, and minutes of a day.
const MINUTE: i64 = 60;
const DAY: u16 = 24 * 60;

/// Which releases a device follows, and which devices a release is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// For every device.
    #[default]
    Stable,
    /// For devices that try things first. They get stable releases too.
    Beta,
}

impl Channel {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Stable, Self::Beta];

    /// The word in forms, JSON and the database.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Beta => "beta",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.word() == word)
    }

    /// Whether a device that follows this channel gets releases of the other one.
    #[must_use]
    pub const fn follows(self, release: Self) -> bool {
        matches!((self, release), (Self::Beta, _) | (Self::Stable, Self::Stable))
    }
}

/// When a release is offered to a device that runs another one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Rule {
    /// Where the release is newer.
    #[default]
    Newer,
    /// Where the release differs in any way: also to devices that run something higher.
    Different,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Newer, Self::Different];

    /// The word in forms, JSON and the database.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Newer => "newer",
            Self::Different => "different",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.word() == word)
    }

    /// The word as a person reads it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Newer => "newer only",
            Self::Different => "any different",
        }
    }
}

/// What a person decided about one device.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Policy {
    /// Which releases it follows.
    pub channel: Channel,
    /// The release that it gets, and no other.
    pub pinned: Option<i64>,
    /// It gets nothing.
    pub updates_off: bool,
}

/// Hours in which nothing is offered, by the clock on the wall: from one minute of the day up to
/// another one, over midnight where the end is not after the begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct QuietHours {
    from: u16,
    to: u16,
}

/// Why a text is no quiet hours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("“{0}” is no span of hours; write it like 22:00-06:00")]
pub struct QuietHoursError(String);

impl QuietHours {
    /// Seconds until they end, where this minute of the day (and second of the minute) is in them.
    #[must_use]
    pub fn ends_in(self, minute: u16, second: i64) -> Option<i64> {
        let length = (self.to + DAY - self.from) % DAY;
        let passed = (minute + DAY - self.from) % DAY;
        let left = length.checked_sub(passed).filter(|left| *left > 0)?;
        Some(i64::from(left) * MINUTE - second)
    }

    /// When they end, where now, which is this many seconds after midnight, is in them.
    #[must_use]
    pub fn until(self, now: Timestamp, of_day: u32) -> Option<Timestamp> {
        let minute = u16::try_from(of_day / 60).ok()? % DAY;
        Some(now + self.ends_in(minute, i64::from(of_day % 60))?)
    }
}

impl fmt::Display for QuietHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = (self.from, self.to);
        write!(f, "{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, to / 60, to % 60)
    }
}

impl FromStr for QuietHours {
    type Err = QuietHoursError;

    fn from_str(text: &str) -> Result<Self, QuietHoursError> {
        let wrong = || QuietHoursError(text.chars().take(40).collect());
        let (from, to) = text.split_once(['-', '–']).ok_or_else(wrong)?;
        let (from, to) = (minute(from).ok_or_else(wrong)?, minute(to).ok_or_else(wrong)?);
        if from == to { Err(wrong()) } else { Ok(Self { from, to }) }
    }
}

/// A minute of the day from `22:00`, `9:30` or `22`.
fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.trim().split_once(':').unwrap_or((text.trim(), "0"));
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    (hour < 24 && minute < 60).then(|| hour * 60 + minute)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beta_devices_get_everything_and_stable_ones_only_stable() {
        for (device, release, gets) in [
            (Channel::Stable, Channel::Stable, true),
            (Channel::Stable, Channel::Beta, false),
            (Channel::Beta, Channel::Stable, true),
            (Channel::Beta, Channel::Beta, true),
        ] {
            assert_eq!(device.follows(release), gets, "{device:?} {release:?}");
        }
    }

    #[test]
    fn quiet_hours_go_over_midnight() {
        let night: QuietHours = "22:00-06:00".parse().unwrap();
        for (minute, second, left) in [
            (22 * 60, 0, Some(8 * 3600)),
            (22 * 60, 30, Some(8 * 3600 - 30)),
            (0, 0, Some(6 * 3600)),
            (5 * 60 + 59, 59, Some(1)),
            (6 * 60, 0, None),
            (12 * 60, 0, None),
            (21 * 60 + 59, 0, None),
        ] {
            assert_eq!(night.ends_in(minute, second), left, "{minute}");
        }
        let evening: QuietHours = " 17 - 23:30".parse().unwrap();
        assert_eq!(evening.to_string(), "17:00-23:30");
        assert_eq!(evening.until(1_000, 23 * 3600), Some(1_000 + 1_800));
        assert_eq!(evening.until(1_000, 23 * 3600 + 1_800), None);
    }

    #[test]
    fn what_is_no_span_of_hours_is_refused() {
        for text in [
            "",
            "22:00",
            "24:00-06:00",
            "22:60-1:00",
            "a-b",
            "5-5",
            "-",
            "22:00-06:00-7",
            "9999-12",
            "1093:0-1:0",
        ] {
            assert!(text.parse::<QuietHours>().is_err(), "{text}");
        }
    }
}
