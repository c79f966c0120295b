//! What attempts come to: how devices stand with a release, how often it works, and how long it takes.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::Timestamp;
use super::device::AttemptState;
use super::release::Part;
use super::tally::Hold;

/// Seconds in a day.
const DAY: i64 = 86_400;
/// From how many devices on a share is worth a percentage.
const ENOUGH: u64 = 10;
/// What versions are called together that are too many to be kept one by one.
pub const OTHERS: &str = "other";

/// The day of a moment: days since 1970-01-01 on a calendar that is `offset` seconds before UTC's.
#[must_use]
pub const fn day_of(at: Timestamp, offset: i64) -> i64 {
    at.saturating_add(offset).div_euclid(DAY)
}

/// How a device stands with a release, by its latest attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// It came back with it.
    Confirmed,
    /// It is being sent, or waits for its next check-in.
    OnTheWay,
    /// It came back without it, or went back to its old image; it may be tried again.
    NotTaken,
    /// Nothing happens until a person decides.
    NeedsYou,
    /// It went another way: a person held it back, it runs something else, or nothing can tell.
    Aside,
}

impl Standing {
    /// All of them, in the order they are shown.
    pub const ALL: [Self; 5] =
        [Self::Confirmed, Self::OnTheWay, Self::NotTaken, Self::NeedsYou, Self::Aside];

    /// How a device stands whose latest attempt is in this state, and held like this.
    #[must_use]
    pub const fn of(state: AttemptState, hold: Option<Hold>, part: Part) -> Self {
        use AttemptState::{
            Aborted, Confirmed, Delivered, Lost, NotTaken, Offered, Overtaken, RolledBack,
        };
        match (state, hold) {
            (Confirmed, _) => Self::Confirmed,
            (Overtaken, _) | (_, Some(Hold::ByHand)) => Self::Aside,
            (_, Some(Hold::NotTaken | Hold::RolledBack | Hold::ReportsOther)) | (Lost, None) => {
                Self::NeedsYou
            }
            // Files prove nothing.
            (Delivered, None) if matches!(part, Part::FileSystem) => Self::Aside,
            (NotTaken | RolledBack, None) => Self::NotTaken,
            (Offered | Delivered | Aborted, None) => Self::OnTheWay,
        }
    }

    /// The word in addresses.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::OnTheWay => "on_the_way",
            Self::NotTaken => "not_taken",
            Self::NeedsYou => "needs_you",
            Self::Aside => "aside",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|standing| standing.word() == word)
    }
}

/// How many devices stand how with a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Devices that came back with it.
    pub confirmed: u64,
    /// Devices on their way.
    pub on_the_way: u64,
    /// Devices that came back without it.
    pub not_taken: u64,
    /// Devices that wait for a person.
    pub needs_you: u64,
    /// Devices that went another way.
    pub aside: u64,
}

impl Progress {
    /// Adds devices.
    pub const fn add(&mut self, standing: Standing, devices: u64) {
        match standing {
            Standing::Confirmed => self.confirmed += devices,
            Standing::OnTheWay => self.on_the_way += devices,
            Standing::NotTaken => self.not_taken += devices,
            Standing::NeedsYou => self.needs_you += devices,
            Standing::Aside => self.aside += devices,
        }
    }

    /// The devices that stand like this.
    #[must_use]
    pub const fn of(&self, standing: Standing) -> u64 {
        match standing {
            Standing::Confirmed => self.confirmed,
            Standing::OnTheWay => self.on_the_way,
            Standing::NotTaken => self.not_taken,
            Standing::NeedsYou => self.needs_you,
            Standing::Aside => self.aside,
        }
    }

    /// All devices that were offered it.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.confirmed + self.on_the_way + self.not_taken + self.needs_you + self.aside
    }
}

/// How often it worked: devices that came back with a release, of those whose latest attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Success {
    /// Devices that came back with it.
    pub confirmed: u64,
    /// Devices whose latest attempt ended, well or badly.
    pub settled: u64,
}

impl Success {
    /// Adds devices whose latest attempt is in this state.
    pub fn add(&mut self, state: AttemptState, devices: u64) {
        if state == AttemptState::Confirmed {
            self.confirmed += devices;
        }
        // What is open says nothing yet, and what was overtaken says nothing about the release.
        let open = [AttemptState::Offered, AttemptState::Delivered, AttemptState::Overtaken];
        if !open.contains(&state) {
            self.settled += devices;
        }
    }

    /// The share in per cent, rounded; `None` where too few devices are behind it.
    #[must_use]
    pub const fn percent(&self) -> Option<u64> {
        if self.settled < ENOUGH {
            return None;
        }
        let percent = (self.confirmed * 100 + self.settled / 2) / self.settled;
        // Not all is not 100 per cent, however many there are.
        Some(if percent == 100 && self.confirmed < self.settled { 99 } else { percent })
    }
}

/// The middle and the far end of measured values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spread {
    /// How many were measured.
    pub count: u64,
    /// Half of them are at most this.
    pub median: u64,
    /// Nine of ten are at most this.
    pub p90: u64,
}

impl Spread {
    /// The spread of these values; `None` where there are none.
    #[must_use]
    pub fn of(mut values: Vec<u64>) -> Option<Self> {
        values.sort_unstable();
        let (median, p90) = (at_rank(&values, 50)?, at_rank(&values, 90)?);
        Some(Self { count: values.len() as u64, median, p90 })
    }
}

/// The value that so many per cent do not exceed, in sorted values: always one that was measured.
fn at_rank(sorted: &[u64], percent: usize) -> Option<u64> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

/// What one attempt says about time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// How it stands.
    pub state: AttemptState,
    /// When the transfer ended.
    pub ended_at: Option<Timestamp>,
    /// When a check-in settled it.
    pub settled_at: Option<Timestamp>,
    /// Bytes that were taken.
    pub bytes: u64,
    /// Bytes of the image.
    pub size: u64,
    /// How long the transfer took, in milliseconds.
    pub millis: Option<u64>,
}

impl Sample {
    /// Seconds from the last byte to the check-in that confirmed it.
    #[must_use]
    pub fn to_confirm(&self) -> Option<u64> {
        let confirmed = self.state == AttemptState::Confirmed && self.bytes >= self.size;
        let seconds = self.settled_at.zip(self.ended_at).filter(|_| confirmed)?;
        u64::try_from(seconds.0 - seconds.1).ok()
    }

    /// Bytes per second of a transfer that came to its end.
    #[must_use]
    pub fn speed(&self) -> Option<u64> {
        let millis = self.millis.filter(|millis| *millis > 0 && self.bytes >= self.size)?;
        Some(self.bytes.saturating_mul(1000) / millis)
    }
}

/// All that the attempts to take a release come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReleaseStats {
    /// How its devices stand.
    pub progress: Progress,
    /// How often it worked.
    pub success: Success,
    /// Seconds from the last byte to the confirming check-in.
    pub to_confirm: Option<Spread>,
    /// Bytes per second.
    pub speed: Option<Spread>,
}

impl ReleaseStats {
    /// Puts together counts of latest attempts, `(state, hold, devices)`, and samples.
    #[must_use]
    pub fn new(
        counts: &[(AttemptState, Option<Hold>, u64)],
        samples: &[Sample],
        part: Part,
    ) -> Self {
        let mut stats = Self::default();
        for (state, hold, devices) in counts {
            stats.progress.add(Standing::of(*state, *hold, part), *devices);
            stats.success.add(*state, *devices);
        }
        stats.to_confirm = Spread::of(samples.iter().filter_map(Sample::to_confirm).collect());
        stats.speed = Spread::of(samples.iter().filter_map(Sample::speed).collect());
        stats
    }
}

/// The versions that most devices run, most first; all beyond `keep` count as [`OTHERS`]: what
/// devices say of themselves must not fill the disk.
#[must_use]
pub fn fold(counts: impl IntoIterator<Item = (String, u64)>, keep: usize) -> Vec<(String, u64)> {
    let mut sums: BTreeMap<String, u64> = BTreeMap::new();
    for (version, devices) in counts {
        *sums.entry(version).or_default() += devices;
    }
    let mut all: Vec<(String, u64)> = sums.into_iter().collect();
    all.sort_by_key(|(_, devices)| Reverse(*devices));
    if all.len() > keep {
        let rest: u64 = all.drain(keep..).map(|(_, devices)| devices).sum();
        match all.iter_mut().find(|(version, _)| version == OTHERS) {
            Some((_, devices)) => *devices += rest,
            None => all.push((OTHERS.to_owned(), rest)),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use AttemptState::{
        Aborted, Confirmed, Delivered, Lost, NotTaken, Offered, Overtaken, RolledBack,
    };

    #[test]
    fn a_day_begins_at_midnight_of_the_servers_zone() {
        const NOON: Timestamp = 1_700_000_000; // 2023-11-14 22:13:20 UTC
        for (at, offset, day) in [
            (0, 0, 0),
            (-1, 0, -1),
            (NOON, 0, 19_675),
            (NOON, 7200, 19_676),
            (NOON, -82_800, 19_674),
            (86_399, 0, 0),
            (86_400, 0, 1),
        ] {
            assert_eq!(day_of(at, offset), day, "{at} {offset}");
        }
    }

    #[test]
    fn a_device_stands_as_its_latest_attempt_and_its_hold_say() {
        for (state, hold, standing) in [
            (Offered, None, Standing::OnTheWay),
            (Delivered, None, Standing::OnTheWay),
            (Aborted, None, Standing::OnTheWay),
            (NotTaken, None, Standing::NotTaken),
            (RolledBack, None, Standing::NotTaken),
            (Lost, None, Standing::NeedsYou),
            (NotTaken, Some(Hold::NotTaken), Standing::NeedsYou),
            (NotTaken, Some(Hold::ReportsOther), Standing::NeedsYou),
            (RolledBack, Some(Hold::RolledBack), Standing::NeedsYou),
            (NotTaken, Some(Hold::ByHand), Standing::Aside),
            (Overtaken, None, Standing::Aside),
            (Confirmed, None, Standing::Confirmed),
            (Confirmed, Some(Hold::ByHand), Standing::Confirmed),
        ] {
            assert_eq!(
                Standing::of(state, hold, Part::Application),
                standing,
                "{state:?} {hold:?}"
            );
        }
        assert_eq!(Standing::of(Delivered, None, Part::FileSystem), Standing::Aside);
    }

    #[test]
    fn a_share_of_few_devices_is_no_percentage() {
        for (confirmed, settled, percent) in [
            (0, 0, None),
            (2, 2, None),
            (9, 9, None),
            (10, 10, Some(100)),
            (38, 40, Some(95)),
            (0, 40, Some(0)),
            (999, 1000, Some(99)),
        ] {
            assert_eq!(Success { confirmed, settled }.percent(), percent, "{confirmed}/{settled}");
        }
    }

    #[test]
    fn what_is_open_or_overtaken_is_not_settled() {
        let counts = [
            (Confirmed, None, 5),
            (Offered, None, 1),
            (Delivered, None, 2),
            (Overtaken, None, 3),
            (Aborted, None, 4),
            (NotTaken, Some(Hold::NotTaken), 6),
            (NotTaken, None, 8),
            (RolledBack, Some(Hold::RolledBack), 7),
        ];
        let stats = ReleaseStats::new(&counts, &[], Part::Application);
        assert_eq!(stats.success, Success { confirmed: 5, settled: 30 });
        let progress =
            Progress { confirmed: 5, on_the_way: 7, not_taken: 8, needs_you: 13, aside: 3 };
        assert_eq!((stats.progress, stats.progress.total()), (progress, 36));
        assert_eq!((stats.to_confirm, stats.speed), (None, None));
    }

    #[test]
    fn the_middle_and_the_far_end_are_measured_values() {
        let spread = |values: &[u64]| Spread::of(values.to_vec()).map(|s| (s.median, s.p90));
        assert_eq!(spread(&[]), None);
        assert_eq!(spread(&[7]), Some((7, 7)));
        assert_eq!(spread(&[30, 10, 20]), Some((20, 30)));
        assert_eq!(spread(&[4, 3, 2, 1]), Some((2, 4)));
        assert_eq!(spread(&(1..=100).collect::<Vec<_>>()), Some((50, 90)));
    }

    #[test]
    fn time_to_confirm_runs_from_the_last_byte_to_the_confirming_check_in() {
        let sample = Sample {
            state: Confirmed,
            ended_at: Some(1000),
            settled_at: Some(1038),
            bytes: 500,
            size: 500,
            millis: Some(2000),
        };
        assert_eq!((sample.to_confirm(), sample.speed()), (Some(38), Some(250)));
        let earlier = Sample { settled_at: Some(999), ..sample };
        assert_eq!(earlier.to_confirm(), None, "the transfer ended after the check-in");
        let cut = Sample { bytes: 499, ..sample };
        assert_eq!((cut.to_confirm(), cut.speed()), (None, None));
        let back = Sample { state: RolledBack, ..sample };
        assert_eq!((back.to_confirm(), back.speed()), (None, Some(250)));
        assert_eq!(Sample { millis: Some(0), ..sample }.speed(), None);
        let stats = ReleaseStats::new(&[], &[sample, cut, back], Part::Application);
        assert_eq!(stats.to_confirm.map(|spread| (spread.count, spread.median)), Some((1, 38)));
        assert_eq!(stats.speed.map(|spread| (spread.count, spread.median)), Some((2, 250)));
    }

    #[test]
    fn what_too_many_devices_say_differently_is_counted_together() {
        let version = |n: u64| (format!("v{n}"), n);
        let folded = fold((1..=5).map(version), 3);
        let names: Vec<_> = folded.iter().map(|(name, n)| (name.as_str(), *n)).collect();
        assert_eq!(names, [("v5", 5), ("v4", 4), ("v3", 3), (OTHERS, 3)]);
        let clash = fold([(OTHERS.to_owned(), 9), ("a".to_owned(), 2), ("b".to_owned(), 1)], 2);
        assert_eq!(clash, [(OTHERS.to_owned(), 10), ("a".to_owned(), 2)]);
        assert_eq!(fold([("a".to_owned(), 2), ("a".to_owned(), 1)], 1), [("a".to_owned(), 3)]);
    }

    #[test]
    fn every_standing_is_read_back() {
        for standing in Standing::ALL {
            assert_eq!(Standing::read(standing.word()), Some(standing));
        }
    }
}
