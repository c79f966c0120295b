//! When a device asks: the rhythm it shows, and what follows for a device that is silent or that
//! asks far too often.
//!
//! Nobody tells a stock sketch how often to ask, so that its rhythm is learnt from the gaps
//! between its check-ins. Never is a device called offline: a sleeper is silent most of the time.

use super::Timestamp;

/// Gaps that are remembered.
const KEPT: usize = 20;
/// Gaps without which a rhythm is not known.
pub const KNOWN: u8 = 3;
/// Requests that are closer together are one check-in: a retry, or a request for files.
const ONE_CHECK_IN: i64 = 5;
/// The least silence that makes a device overdue.
const OVERDUE: i64 = 10 * 60;
/// The least silence that makes an attempt lost.
const LOST: i64 = 30 * 60;
/// The same where no rhythm is known.
const LOST_UNKNOWN: i64 = 24 * 3600;
/// Short gaps in a row that make "restarting often".
const BURST: usize = 5;
/// Within so many seconds.
const BURST_WITHIN: i64 = 10 * 60;
/// A gap is short where it is less than this part of the usual one.
const SHORT: i64 = 5;
/// Who asks more often than every so many seconds anyway is never "restarting".
const BUSY: u32 = 60;
/// The largest mantissa of a gap: gaps up to it are exact, longer ones to 0.05 %.
const MANTISSA: u32 = 0x0FFF;

/// How often a device asks, learnt from its latest gaps. It takes 48 bytes and allocates nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rhythm {
    /// The gaps, oldest first: 4 bits of exponent, 12 of mantissa, so that they sort as they are.
    gaps: [u16; KEPT],
    /// The check-in from which the next gap is counted; 0 where there is none.
    anchor: u32,
    /// How many gaps there are.
    len: u8,
}

impl Rhythm {
    /// Takes a check-in. Where the device is known to restart too often, `restarting` is its usual
    /// gap, and much shorter ones are not learnt: they are no rhythm.
    pub fn check_in(&mut self, now: Timestamp, restarting: Option<u32>) {
        let (from, now_short) = (i64::from(self.anchor), u32::try_from(now).unwrap_or(0));
        let gap = now - from;
        if self.anchor == 0 || gap < 0 {
            // The first one, or the clock was set back.
            self.anchor = now_short;
            return;
        }
        if gap < ONE_CHECK_IN {
            return;
        }
        self.anchor = now_short;
        if !restarting.is_some_and(|usual| is_short(gap, usual)) {
            self.learn(gap);
        }
    }

    fn learn(&mut self, gap: i64) {
        let len = usize::from(self.len);
        if len < KEPT {
            self.gaps[len] = encode(gap);
            self.len += 1;
        } else {
            self.gaps.copy_within(1.., 0);
            self.gaps[KEPT - 1] = encode(gap);
        }
    }

    /// The server did not listen for a while: the next check-in ends no gap.
    pub const fn interrupt(&mut self) {
        self.anchor = 0;
    }

    /// How many gaps are known, up to [`KNOWN`].
    #[must_use]
    pub fn known(&self) -> u8 {
        self.len.min(KNOWN)
    }

    /// Seconds that are not exceeded by so many per cent of the gaps; `None` where too few are
    /// known.
    fn percentile(&self, percent: usize) -> Option<i64> {
        if self.len < KNOWN {
            return None;
        }
        let (mut gaps, len) = (self.gaps, usize::from(self.len));
        let sorted = &mut gaps[..len];
        sorted.sort_unstable();
        let rank = (len * percent).div_ceil(100).max(1);
        sorted.get(rank - 1).map(|gap| i64::from(decode(*gap)))
    }

    /// Every how many seconds it asks (the median); `None` where too few gaps are known.
    #[must_use]
    pub fn every(&self) -> Option<u32> {
        self.percentile(50).and_then(|gap| u32::try_from(gap).ok())
    }

    /// When it should ask next.
    #[must_use]
    pub fn next_expected(&self, last_seen: Timestamp) -> Option<Timestamp> {
        Some(last_seen + i64::from(self.every()?))
    }

    /// After how many seconds of silence it is overdue; `None` where its rhythm is not known.
    #[must_use]
    pub fn overdue_after(&self) -> Option<i64> {
        self.percentile(90).map(|gap| gap.saturating_mul(3).max(OVERDUE))
    }

    /// Whether it is overdue after so many seconds of silence.
    #[must_use]
    pub fn is_overdue(&self, silent: i64) -> bool {
        silent > OVERDUE && self.overdue_after().is_some_and(|after| silent > after)
    }

    /// After how many seconds of silence an attempt of it is lost.
    #[must_use]
    pub fn lost_after(&self) -> i64 {
        self.percentile(90).map_or(LOST_UNKNOWN, |gap| gap.saturating_mul(3).max(LOST))
    }

    /// Whether it has begun to restart too often: several gaps in a row, within a few minutes,
    /// each far shorter than its `usual` one. Only what it did in the last `since` seconds counts.
    /// Answers in how many seconds it checked in [`Self::BURST_CHECK_INS`] times.
    #[must_use]
    pub fn restarts(&self, usual: Option<u32>, since: i64) -> Option<i64> {
        let usual = usual.filter(|usual| *usual >= BUSY)?;
        let len = usize::from(self.len);
        let latest = self.gaps.get(len.checked_sub(BURST)?..len)?;
        let mut seconds = 0;
        for gap in latest {
            let gap = i64::from(decode(*gap));
            if !is_short(gap, usual) {
                return None;
            }
            seconds += gap;
        }
        (seconds <= BURST_WITHIN.min(since)).then_some(seconds)
    }

    /// How many check-ins [`Self::restarts`] looks at.
    pub const BURST_CHECK_INS: usize = BURST + 1;

    /// Forgets the gaps that [`Self::restarts`] looked at: they were restarts.
    pub fn forget_burst(&mut self) {
        self.len = self.len.saturating_sub(u8::try_from(BURST).unwrap_or(0));
    }

    /// What is kept over a restart of the server, besides the latest check-in.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let gaps = self.gaps.iter().take(usize::from(self.len));
        gaps.flat_map(|gap| gap.to_le_bytes()).collect()
    }

    /// Reads what was kept.
    #[must_use]
    pub fn restore(bytes: &[u8], last_seen: Option<Timestamp>) -> Self {
        let mut rhythm = Self::default();
        let (gaps, _) = bytes.as_chunks::<2>();
        for (own, gap) in rhythm.gaps.iter_mut().zip(gaps) {
            *own = u16::from_le_bytes(*gap);
            rhythm.len += 1;
        }
        rhythm.anchor = last_seen.and_then(|at| u32::try_from(at).ok()).unwrap_or(0);
        rhythm
    }
}

/// Whether a gap is a fraction of the usual one.
fn is_short(gap: i64, usual: u32) -> bool {
    gap.saturating_mul(SHORT) < i64::from(usual)
}

/// A gap in two bytes; longer ones than four years are four years.
fn encode(seconds: i64) -> u16 {
    let longest = MANTISSA << 15;
    let mut mantissa = u32::try_from(seconds.max(0)).unwrap_or(longest).min(longest);
    let mut exponent = 0;
    while mantissa > MANTISSA {
        mantissa >>= 1;
        exponent += 1;
    }
    u16::try_from(exponent << 12 | mantissa).unwrap_or(u16::MAX)
}

fn decode(gap: u16) -> u32 {
    (u32::from(gap) & MANTISSA) << (gap >> 12)
}

/// The last time that the server did not listen: nobody can be blamed for silence then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pause {
    /// Its last moment before.
    pub from: Timestamp,
    /// Its first moment after.
    pub until: Timestamp,
}

impl Pause {
    /// A pause that is longer ends no gap between check-ins.
    const SHORT: i64 = 10 * 60;

    /// Whether it is long enough to be taken for a change of a device's rhythm.
    #[must_use]
    pub const fn is_long(&self) -> bool {
        self.seconds() >= Self::SHORT
    }

    /// How long it was, in seconds.
    #[must_use]
    pub const fn seconds(&self) -> i64 {
        self.until - self.from
    }

    /// For how many seconds the server listened between a moment and now.
    #[must_use]
    pub fn listened(&self, since: Timestamp, now: Timestamp) -> i64 {
        let missed = self.until.min(now) - self.from.max(since);
        now - since - missed.max(0)
    }
}

/// A device that wants a look because of when it asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Presence {
    /// It should have asked long ago.
    Overdue,
    /// It has not asked since it was offered an update.
    Lost,
    /// It asks far more often than before its update.
    Restarting,
}

impl Presence {
    /// All of them, in the order filters list them.
    pub const ALL: [Self; 3] = [Self::Overdue, Self::Lost, Self::Restarting];

    /// The word in filters and JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Overdue => "overdue",
            Self::Lost => "lost",
            Self::Restarting => "restarting",
        }
    }

    /// The word as a person reads it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Restarting => "restarting often",
            other => other.word(),
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|presence| presence.word() == word)
    }
}

/// A span of time as a rhythm is told: "40 s", "60 min", "24 h", "7 days".
#[must_use]
pub fn span(seconds: i64) -> String {
    let rounded = |unit: i64| (seconds + unit / 2) / unit;
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", rounded(60)),
        7_200..172_800 => format!("{} h", rounded(3_600)),
        _ => format!("{} days", rounded(86_400)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = 1_700_000_000;
    const HOUR: i64 = 3_600;

    /// A device that checked in with these gaps; and when it did last.
    fn after(gaps: impl IntoIterator<Item = i64>) -> (Rhythm, Timestamp) {
        let (mut rhythm, mut now) = (Rhythm::default(), NOW);
        rhythm.check_in(now, None);
        for gap in gaps {
            now += gap;
            rhythm.check_in(now, None);
        }
        (rhythm, now)
    }

    fn numbers(mut seed: u64) -> impl Iterator<Item = u64> {
        std::iter::repeat_with(move || {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed
        })
    }

    #[test]
    fn it_stays_small() {
        assert!(size_of::<Rhythm>() <= 48);
    }

    #[test]
    fn gaps_are_kept_in_their_order_and_closely() {
        let mut last = 0;
        for seconds in (0..5_000).chain((5_000..100_000_000).step_by(9_973)) {
            let gap = encode(seconds);
            assert!(gap >= last, "{seconds}");
            last = gap;
            let error = seconds - i64::from(decode(gap));
            assert!(error >= 0 && error * 2_000 <= seconds, "{seconds}: off by {error}");
        }
        for exact in [60, HOUR, 24 * HOUR] {
            assert_eq!(i64::from(decode(encode(exact))), exact);
        }
        assert_eq!(encode(i64::MAX), u16::MAX);
        assert_eq!(encode(-1), 0);
    }

    #[test]
    fn the_rhythm_is_the_median_of_the_last_twenty_gaps() {
        for (gaps, every) in [
            (vec![], None),
            (vec![60, 60], None),
            (vec![60, 60, 60], Some(60)),
            (vec![HOUR, HOUR, 30, HOUR], Some(3_600)),
            (vec![HOUR; 40], Some(3_600)),
            (vec![86_400; 3], Some(86_400)),
            ([vec![600; 30], vec![HOUR; 9]].concat(), Some(600)),
            ([vec![600; 30], vec![HOUR; 11]].concat(), Some(3_600)),
        ] {
            assert_eq!(after(gaps.iter().copied()).0.every(), every, "{gaps:?}");
        }
    }

    #[test]
    fn retries_and_double_requests_are_one_check_in() {
        let pairs = [HOUR - 2, 2].repeat(6);
        let (rhythm, _) = after([2].into_iter().chain(pairs));
        assert_eq!(rhythm.every(), Some(3_600));
        let (rhythm, _) = after([1; 4]);
        assert_eq!((rhythm.every(), rhythm.known()), (None, 0));
    }

    #[test]
    fn overdue_is_three_times_the_longest_usual_gap_but_never_before_ten_minutes() {
        for (gaps, overdue, lost) in [
            (vec![HOUR; 2], None, 24 * HOUR),
            (vec![HOUR; 3], Some(3 * HOUR), 3 * HOUR),
            (vec![60; 20], Some(600), 1_800),
            (vec![86_400; 4], Some(3 * 86_400), 3 * 86_400),
            // One gap in twenty does not count, three do.
            ([vec![60; 19], vec![HOUR]].concat(), Some(600), 1_800),
            ([vec![60; 17], vec![HOUR; 3]].concat(), Some(3 * HOUR), 3 * HOUR),
        ] {
            let (rhythm, _) = after(gaps.iter().copied());
            assert_eq!((rhythm.overdue_after(), rhythm.lost_after()), (overdue, lost), "{gaps:?}");
            let after = overdue.unwrap_or(i64::MAX - 1);
            assert!(!rhythm.is_overdue(after));
            assert_eq!(rhythm.is_overdue(after.saturating_add(1)), overdue.is_some());
        }
    }

    #[test]
    fn whatever_the_gaps_the_answers_fit_together() {
        let mut numbers = numbers(0x5EED);
        for _ in 0..2_000 {
            let count = usize::try_from(numbers.next().unwrap() % 50).unwrap();
            let gaps: Vec<i64> = numbers
                .by_ref()
                .take(count)
                .map(|n| i64::try_from(n % 10_u64.pow(1 + u32::try_from(n % 7).unwrap())).unwrap())
                .collect();
            let (rhythm, last) = after(gaps.iter().copied());
            let known = rhythm.known() == KNOWN;
            assert_eq!(rhythm.every().is_some(), known, "{gaps:?}");
            assert_eq!(rhythm.overdue_after().is_some(), known, "{gaps:?}");
            if let (Some(every), Some(after)) = (rhythm.every(), rhythm.overdue_after()) {
                assert!(i64::from(every) >= ONE_CHECK_IN && after >= OVERDUE, "{gaps:?}");
                assert!(after >= 3 * i64::from(every), "{gaps:?}");
                assert!(rhythm.lost_after() >= after, "{gaps:?}");
                assert!(rhythm.next_expected(last).unwrap() <= last + after, "{gaps:?}");
            }
            let restored = Rhythm::restore(&rhythm.bytes(), Some(last));
            assert_eq!(restored.every(), rhythm.every());
            assert_eq!(restored.overdue_after(), rhythm.overdue_after());
        }
    }

    #[test]
    fn it_outlives_a_restart_and_what_was_kept_may_be_anything() {
        let (mut rhythm, last) = after([HOUR; 5]);
        let mut restored = Rhythm::restore(&rhythm.bytes(), Some(last));
        for _ in 0..15 {
            let now = last + HOUR;
            rhythm.check_in(now, None);
            restored.check_in(now, None);
        }
        assert_eq!(rhythm.bytes(), restored.bytes());
        for bytes in [vec![], vec![7], vec![255; 41], vec![0; 400]] {
            let odd = Rhythm::restore(&bytes, None);
            assert!(odd.bytes().len() <= 2 * KEPT && odd.lost_after() >= LOST);
        }
    }

    #[test]
    fn a_clock_that_is_set_back_ends_no_gap() {
        let (mut rhythm, last) = after([HOUR; 5]);
        rhythm.check_in(last - 30 * 86_400, None);
        rhythm.check_in(last - 30 * 86_400 + HOUR, None);
        assert_eq!((rhythm.every(), rhythm.bytes().len()), (Some(3_600), 12));
        rhythm.interrupt();
        rhythm.check_in(last, None);
        assert_eq!(rhythm.bytes().len(), 12, "nor does the first one after a pause");
    }

    #[test]
    fn five_short_gaps_within_ten_minutes_are_restarts() {
        const USUAL: Option<u32> = Some(3_600);
        for (gaps, usual, since, restarts) in [
            (vec![30; 5], USUAL, 3_600, Some(150)),
            (vec![30; 4], USUAL, 3_600, None),
            (vec![119, 119, 119, 119, 119], USUAL, 3_600, Some(595)),
            (vec![121; 5], USUAL, 3_600, None),
            (vec![30, 30, 900, 30, 30], USUAL, 3_600, None),
            (vec![30, 30, 900, 30, 30, 30, 30, 30], USUAL, 3_600, Some(150)),
            // Before the update.
            (vec![30; 5], USUAL, 149, None),
            (vec![30; 5], USUAL, 150, Some(150)),
            // Whose rhythm is not known, or who is quick anyway.
            (vec![8; 5], None, 3_600, None),
            (vec![8; 5], Some(59), 3_600, None),
            (vec![8; 5], Some(60), 3_600, Some(40)),
            (vec![12; 5], Some(60), 3_600, None),
        ] {
            let (rhythm, _) = after([3_600; 6].into_iter().chain(gaps.iter().copied()));
            assert_eq!(rhythm.restarts(usual, since), restarts, "{gaps:?}, {usual:?}, {since}");
        }
    }

    #[test]
    fn restarts_are_not_learnt_as_a_rhythm() {
        let (mut rhythm, mut now) = after([[3_600; 3].as_slice(), &[20; 5]].concat());
        assert!(rhythm.restarts(Some(3_600), 100).is_some());
        rhythm.forget_burst();
        for _ in 0..100 {
            now += 20;
            rhythm.check_in(now, Some(3_600));
        }
        assert_eq!(rhythm.every(), Some(3_600));
        rhythm.check_in(now + HOUR, Some(3_600));
        assert_eq!(rhythm.bytes().len(), 8, "a gap as usual is learnt");
    }

    #[test]
    fn silence_while_the_server_did_not_listen_is_no_silence() {
        let pause = Pause { from: 1_000, until: 5_000 };
        for (since, now, listened) in [
            (500, 900, 400),
            (500, 1_000, 500),
            (500, 6_000, 1_500),
            (1_000, 5_000, 0),
            (2_000, 6_000, 1_000),
            (5_000, 6_000, 1_000),
            (7_000, 9_000, 2_000),
        ] {
            assert_eq!(pause.listened(since, now), listened, "{since} to {now}");
        }
        assert!(pause.is_long() && !Pause::default().is_long());
        assert_eq!(Pause::default().listened(NOW, NOW + 5), 5);
    }

    #[test]
    fn spans_and_words_are_as_people_say_them() {
        for (seconds, text) in [
            (40, "40 s"),
            (119, "119 s"),
            (600, "10 min"),
            (3_600, "60 min"),
            (3_629, "60 min"),
            (10_800, "3 h"),
            (86_400, "24 h"),
            (604_800, "7 days"),
        ] {
            assert_eq!(span(seconds), text);
        }
        for presence in Presence::ALL {
            assert_eq!(Presence::read(presence.word()), Some(presence));
        }
        assert_eq!(Presence::Restarting.label(), "restarting often");
    }
}
