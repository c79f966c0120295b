//! What a device saw with its own eyes.

use espalier::domain::Timestamp;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// What a device saw.
#[derive(Debug, Clone, Default)]
pub struct Logbook {
    /// Check-ins that were answered.
    pub answered: u64,
    /// Those at the time when the latest release was published.
    pub answered_before: u64,
    /// Those by the time when all are made to ask, at the end.
    pub answered_by_itself: u64,
    /// When it was last answered before that.
    pub before_all: Option<Timestamp>,
    /// Requests that nobody answered.
    pub failed: u64,
    /// When it was last answered.
    pub last: Option<Timestamp>,
    /// Bytes of images that it read.
    pub bytes: u64,
    /// What it did with which build.
    pub offers: Vec<Offers>,
    /// The first answer that it should not have got.
    pub odd: Option<String>,
    /// It was sent what destroyed it.
    pub bricked: bool,
}

/// What a device did with a build.
#[derive(Debug, Clone)]
pub struct Offers {
    /// The number of the build.
    pub build: usize,
    /// How often it took all bytes.
    pub whole: u32,
    /// When a transfer broke.
    pub broken: Vec<Timestamp>,
    /// When it installed it.
    pub installed: Option<Timestamp>,
    /// When it was first answered while it ran it.
    pub ran: Option<Timestamp>,
}

impl Offers {
    /// The most transfers that broke within a day, as the server counts days: from the first one.
    pub fn broken_in_a_day(&self) -> usize {
        let (mut most, mut count, mut since) = (0, 0, i64::MIN / 2);
        for at in &self.broken {
            if *at >= since + DAY {
                (since, count) = (*at, 0);
            }
            count += 1;
            most = most.max(count);
        }
        most
    }
}

impl Logbook {
    /// What it did with a build so far.
    pub fn offer(&self, build: usize) -> Option<&Offers> {
        self.offers.iter().find(|own| own.build == build)
    }

    /// The same to be changed.
    pub fn offer_mut(&mut self, build: usize) -> &mut Offers {
        let found = self.offers.iter().position(|own| own.build == build);
        let index = found.unwrap_or_else(|| {
            let (installed, ran) = (None, None);
            self.offers.push(Offers { build, whole: 0, broken: Vec::new(), installed, ran });
            self.offers.len() - 1
        });
        &mut self.offers[index]
    }

    /// Check-ins that were answered since the latest release was published.
    pub const fn since_release(&self) -> u64 {
        self.answered.saturating_sub(self.answered_before)
    }

    /// Those of them that it made of itself, before all were made to ask.
    pub const fn of_itself(&self) -> u64 {
        self.answered_by_itself.saturating_sub(self.answered_before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_transfers_are_counted_by_days_from_the_first() {
        let mut log = Logbook::default();
        let offers = log.offer_mut(3);
        offers.broken = vec![0, 10, DAY - 1, DAY, DAY + 5];
        assert_eq!(offers.broken_in_a_day(), 3);
        assert_eq!(log.offer(3).map(|offers| offers.whole), Some(0));
        assert!(log.offer(1).is_none());
    }
}
