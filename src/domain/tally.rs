//! The loop breaker: what a device did with a release so far, and when it may try again.
//!
//! A device that downloads the same release for ever wears out its flash memory and its battery.
//! What counts is why: an image that was not taken is tried again after a while, and held after a
//! few times; one that was rolled back is held at once; a broken transfer is weak Wi-Fi and is
//! counted apart. Nothing but a person's word makes a tally forget.

use super::Timestamp;
use super::release::Part;

/// Seconds in which broken transfers add up.
const DAY: i64 = 86_400;

/// How much is tried before a person is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patience {
    /// After how many complete downloads of a release without success it is held.
    pub limit: u32,
    /// Seconds to wait after the first, second, … download that was not taken; the last one
    /// counts for all further ones.
    pub spacing: Vec<i64>,
    /// Broken transfers of a release in a day before it rests for the remainder of the day.
    pub aborted: u32,
}

impl Default for Patience {
    fn default() -> Self {
        Self { limit: 3, spacing: vec![0, 15 * 60, 2 * 3600, 12 * 3600], aborted: 10 }
    }
}

/// Why a release is held back from a device until a person decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Hold {
    /// It took it too often without success.
    NotTaken,
    /// It came back with the new version, and then with the old one again.
    RolledBack,
    /// It runs the very file, but reports another version.
    ReportsOther,
    /// A person said so.
    ByHand,
}

impl Hold {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::NotTaken, Self::RolledBack, Self::ReportsOther, Self::ByHand];

    /// The word in JSON and the database.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::NotTaken => "not_taken",
            Self::RolledBack => "rolled_back",
            Self::ReportsOther => "reports_other",
            Self::ByHand => "by_hand",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|hold| hold.word() == word)
    }
}

/// What a device did with an image of a release since a person last said to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// The release.
    pub release_id: i64,
    /// What the image is for.
    pub part: Part,
    /// How often it took all bytes.
    pub delivered: u32,
    /// How often it came back unchanged after that.
    pub not_taken: u32,
    /// How often a transfer broke within a day.
    pub aborted: u32,
    /// When that day began.
    pub aborted_since: Timestamp,
    /// Not to be offered before.
    pub retry_at: Option<Timestamp>,
    /// Not to be offered until a person decides.
    pub hold: Option<Hold>,
}

/// Why a release is not offered now, though everything else speaks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Until a person decides.
    Hold {
        /// Why.
        hold: Hold,
        /// How often it was downloaded whole.
        delivered: u32,
    },
    /// Until this moment, because it was not taken.
    Retry(Timestamp),
    /// Until this moment, because transfers broke too often.
    Broken {
        /// How often.
        aborted: u32,
        /// Until when.
        until: Timestamp,
    },
    /// It is being downloaded already, as often as it may be.
    Downloading,
}

impl Tally {
    /// Nothing happened yet.
    #[must_use]
    pub const fn new(release_id: i64, part: Part) -> Self {
        Self {
            release_id,
            part,
            delivered: 0,
            not_taken: 0,
            aborted: 0,
            aborted_since: 0,
            retry_at: None,
            hold: None,
        }
    }

    /// The last byte was taken.
    pub const fn delivered(&mut self) {
        self.delivered = self.delivered.saturating_add(1);
    }

    /// The transfer broke before its end.
    pub const fn aborted(&mut self, now: Timestamp) {
        if now >= self.aborted_since + DAY {
            (self.aborted, self.aborted_since) = (0, now);
        }
        self.aborted = self.aborted.saturating_add(1);
    }

    /// The device came back unchanged after a complete download.
    pub fn not_taken(&mut self, patience: &Patience, now: Timestamp) {
        self.not_taken = self.not_taken.saturating_add(1);
        if self.delivered.max(self.not_taken) >= patience.limit {
            self.hold = self.hold.or(Some(Hold::NotTaken));
            self.retry_at = None;
            return;
        }
        let nth = usize::try_from(self.not_taken - 1).unwrap_or(usize::MAX);
        let wait = patience.spacing.get(nth).or(patience.spacing.last()).copied().unwrap_or(0);
        self.retry_at = (wait > 0).then(|| now.saturating_add(wait));
    }

    /// A person is asked before it is offered again.
    pub fn hold(&mut self, hold: Hold) {
        self.hold = Some(hold);
        self.retry_at = None;
    }

    /// Why a person is asked before it is offered again: because that was said, or because the
    /// limit is reached.
    #[must_use]
    pub fn held(&self, patience: &Patience) -> Option<Hold> {
        self.hold.or((self.delivered >= patience.limit).then_some(Hold::NotTaken))
    }

    /// Whether the release may be offered now; `flights` downloads of it are under way.
    ///
    /// # Errors
    /// Why it may not.
    pub fn allows(&self, flights: u32, patience: &Patience, now: Timestamp) -> Result<(), Wait> {
        let delivered = self.delivered;
        if let Some(hold) = self.held(patience) {
            return Err(Wait::Hold { hold, delivered });
        }
        if delivered.saturating_add(flights) >= patience.limit {
            return Err(Wait::Downloading);
        }
        if let Some(at) = self.retry_at.filter(|at| now < *at) {
            return Err(Wait::Retry(at));
        }
        let until = self.aborted_since.saturating_add(DAY);
        if self.aborted >= patience.aborted && now < until {
            return Err(Wait::Broken { aborted: self.aborted, until });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = 1_700_000_000;

    fn tally() -> Tally {
        Tally::new(7, Part::Application)
    }

    fn allows(tally: &Tally, now: Timestamp) -> Result<(), Wait> {
        tally.allows(0, &Patience::default(), now)
    }

    #[test]
    fn what_is_not_taken_is_tried_at_once_then_after_a_while_then_held() {
        let (mut tally, patience) = (tally(), Patience::default());
        assert_eq!(allows(&tally, NOW), Ok(()));
        tally.delivered();
        tally.not_taken(&patience, NOW);
        assert_eq!(allows(&tally, NOW), Ok(()), "the next check-in tries again");
        tally.delivered();
        tally.not_taken(&patience, NOW);
        assert_eq!(allows(&tally, NOW), Err(Wait::Retry(NOW + 900)));
        assert_eq!(allows(&tally, NOW + 900), Ok(()));
        tally.delivered();
        tally.not_taken(&patience, NOW + 900);
        let held = Err(Wait::Hold { hold: Hold::NotTaken, delivered: 3 });
        assert_eq!(allows(&tally, NOW + 900), held);
        assert_eq!(allows(&tally, NOW + 1_000_000_000), held, "the hold has no end");
    }

    #[test]
    fn a_longer_patience_waits_longer_each_time() {
        let (mut tally, patience) = (tally(), Patience { limit: 9, ..Patience::default() });
        let mut waits = Vec::new();
        for _ in 0..6 {
            tally.delivered();
            tally.not_taken(&patience, NOW);
            waits.push(match tally.allows(0, &patience, NOW) {
                Err(Wait::Retry(at)) => at - NOW,
                other => {
                    assert_eq!(other, Ok(()));
                    0
                }
            });
        }
        assert_eq!(waits, [0, 900, 7200, 43_200, 43_200, 43_200]);
    }

    #[test]
    fn complete_downloads_count_even_where_the_next_check_in_says_something_odd() {
        let mut tally = tally();
        for _ in 0..3 {
            assert_eq!(allows(&tally, NOW), Ok(()));
            tally.delivered();
        }
        assert_eq!(allows(&tally, NOW), Err(Wait::Hold { hold: Hold::NotTaken, delivered: 3 }));
    }

    #[test]
    fn downloads_under_way_count_too() {
        let (mut tally, patience) = (tally(), Patience::default());
        assert_eq!(tally.allows(2, &patience, NOW), Ok(()));
        assert_eq!(tally.allows(3, &patience, NOW), Err(Wait::Downloading));
        tally.delivered();
        assert_eq!(tally.allows(2, &patience, NOW), Err(Wait::Downloading));
    }

    #[test]
    fn broken_transfers_are_counted_apart_and_rest_for_the_day() {
        let mut tally = tally();
        for nth in 0..10 {
            assert_eq!(allows(&tally, NOW + nth), Ok(()));
            tally.aborted(NOW + nth);
        }
        let until = NOW + DAY;
        assert_eq!(allows(&tally, NOW + 60), Err(Wait::Broken { aborted: 10, until }));
        assert_eq!(allows(&tally, until), Ok(()));
        tally.aborted(until);
        assert_eq!((tally.aborted, tally.delivered), (1, 0));
    }

    #[test]
    fn a_hold_stays_whatever_happens() {
        for hold in Hold::ALL {
            let mut held = tally();
            held.hold(hold);
            held.not_taken(&Patience::default(), NOW);
            held.aborted(NOW);
            assert_eq!(allows(&held, NOW + DAY * 365), Err(Wait::Hold { hold, delivered: 0 }));
            assert_eq!(Hold::read(hold.word()), Some(hold));
        }
    }
}
