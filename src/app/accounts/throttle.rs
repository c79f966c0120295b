//! How long one must wait after wrong passwords.
//!
//! A stranger must not be able to lock the owner out. So wrong attempts are counted apart: those
//! of a browser from which the user has signed in before, and those from an address from which
//! anybody has, in tallies of their own, those of strangers by user and address, by address, and by
//! user. A tally of strangers never holds up an acquaintance.
//!
//! Where strangers have tried a user too often, those that follow are looked at one by one, each at
//! a time that it is told. Every address may wait for one such time only, so that one who asks more
//! often gets no more of them: with so many addresses against it, another waits as many times 30 s
//! and one more.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Mutex;

use super::lock;
use crate::domain::Timestamp;

/// Tallies that are kept at most.
const LIMIT: usize = 20_000;
/// Seconds after which wrong attempts are forgotten.
const MEMORY: i64 = 3600;
/// Wrong attempts of strangers on a user before the others are looked at one by one.
const FREE: u32 = 100;
/// Seconds between two of them, and for how long each may come late.
const TURN: i64 = 30;
const LATE: i64 = 120;
/// Bits of an IPv6 address that count as one for these: what one subscriber often has.
const SUBSCRIBER: u32 = 56;

/// Who tries to sign in, as far as it can be known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// Somebody in a browser from which this user has signed in before.
    Acquaintance(String),
    /// Somebody at an address from which a user has signed in before.
    Neighbour(String),
    /// Somebody else.
    Stranger,
    /// Somebody who may be anybody, and tries what cannot be guessed.
    Guesser,
}

/// One tally of wrong attempts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Bucket {
    /// Of an acquaintance of this user.
    Own(String, String),
    /// Of strangers at an address who try this user.
    Pair(String, IpAddr),
    /// Of strangers at an address, whoever they try.
    Address(IpAddr),
    /// Of all strangers who try this user.
    User(String),
}

#[derive(Debug, Clone, Copy)]
struct Tally {
    wrong: u32,
    last: Timestamp,
}

#[derive(Debug, Default)]
pub(super) struct Throttle(Mutex<Tallies>);

#[derive(Debug, Default)]
struct Tallies {
    wrong: HashMap<Bucket, Tally>,
    turns: Turns,
}

/// When strangers may try users that were tried too often.
#[derive(Debug, Default)]
struct Turns {
    /// The first moment of a user that nobody has yet.
    free: HashMap<String, Timestamp>,
    /// The moments that were given, each to one address.
    given: HashMap<(String, IpAddr), Timestamp>,
    /// When those that are over were last thrown away.
    tidied: Timestamp,
}

impl Turns {
    /// Uses the turn of this address; where it has none or comes too early, the seconds to wait.
    fn take(&mut self, user: &str, address: IpAddr, now: Timestamp) -> Option<i64> {
        let key = (user.to_owned(), subscriber(address));
        if let Some(at) = self.given.get(&key).copied().filter(|at| now < at + LATE) {
            if now < at {
                return Some(at - now);
            }
            self.given.remove(&key);
            return None;
        }
        // Once a second: it takes long, and whoever fills it asks often.
        if self.given.len() + self.free.len() >= LIMIT && self.tidied != now {
            self.tidied = now;
            self.given.retain(|_, at| now < *at + LATE);
            self.free.retain(|_, at| now < *at);
        }
        if self.given.len() + self.free.len() >= LIMIT {
            return Some(TURN * 10);
        }
        let free = self.free.entry(key.0.clone()).or_insert(now);
        let at = now.max(*free);
        *free = at + TURN;
        if at == now {
            self.given.remove(&key);
            return None;
        }
        self.given.insert(key, at);
        Some(at - now)
    }
}

impl Bucket {
    /// Seconds between attempts after so many wrong ones.
    fn delay(&self, wrong: u32) -> i64 {
        let (free, longest) = match self {
            Self::Own(..) => (5, 60),
            Self::Pair(..) => (5, 900),
            Self::Address(_) => (30, 300),
            // Their turns are given one by one.
            Self::User(_) => return 0,
        };
        match wrong.checked_sub(free) {
            None => 0,
            Some(more) => longest.min(1 << more.min(20)),
        }
    }
}

impl Tally {
    fn is_over(&self, now: Timestamp) -> bool {
        now - self.last > MEMORY
    }
}

impl Throttle {
    /// Counts an attempt, as a wrong one until it is forgiven; where it comes too early, it is not
    /// counted, and the seconds to wait are answered.
    pub(super) fn charge(
        &self,
        user: &str,
        address: IpAddr,
        standing: &Standing,
        now: Timestamp,
    ) -> Option<i64> {
        let buckets = buckets(user, address, standing);
        let mut state = lock(&self.0);
        let Tallies { wrong: tallies, turns } = &mut *state;
        let wait = |bucket: &Bucket| {
            let tally = tallies.get(bucket).filter(|tally| !tally.is_over(now))?;
            let wait = tally.last + bucket.delay(tally.wrong) - now;
            (wait > 0).then_some(wait)
        };
        if let Some(wait) = buckets.iter().filter_map(wait).max() {
            return Some(wait);
        }
        let tried = tallies.get(&Bucket::User(user.to_owned()));
        let often = tried.is_some_and(|tally| !tally.is_over(now) && tally.wrong >= FREE);
        if *standing == Standing::Stranger
            && often
            && let Some(wait) = turns.take(user, address, now)
        {
            return Some(wait);
        }
        if tallies.len() + buckets.len() > LIMIT {
            make_room(tallies, now);
        }
        for bucket in buckets {
            let tally = tallies.entry(bucket).or_insert(Tally { wrong: 0, last: now });
            let wrong = if tally.is_over(now) { 0 } else { tally.wrong };
            *tally = Tally { wrong: wrong.saturating_add(1), last: now };
        }
        None
    }

    /// The attempt was right: nothing of it, or of the wrong ones before it, is held against the
    /// one who made it.
    pub(super) fn forgive(&self, user: &str, address: IpAddr, standing: &Standing) {
        let tallies = &mut lock(&self.0).wrong;
        for bucket in buckets(user, address, standing) {
            match bucket {
                Bucket::Own(..) | Bucket::Pair(..) => {
                    tallies.remove(&bucket);
                }
                // Others have a part in these.
                Bucket::Address(_) | Bucket::User(_) => {
                    if let Some(tally) = tallies.get_mut(&bucket) {
                        tally.wrong = tally.wrong.saturating_sub(1);
                    }
                }
            }
        }
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        let state = lock(&self.0);
        state.wrong.len().max(state.turns.given.len() + state.turns.free.len())
    }
}

fn buckets(user: &str, address: IpAddr, standing: &Standing) -> Vec<Bucket> {
    let (user, address) = (user.to_owned(), network(address));
    match standing {
        Standing::Acquaintance(mark) | Standing::Neighbour(mark) => {
            vec![Bucket::Own(user, mark.clone())]
        }
        Standing::Guesser => vec![Bucket::Pair(user, address), Bucket::Address(address)],
        Standing::Stranger => {
            vec![Bucket::Pair(user.clone(), address), Bucket::Address(address), Bucket::User(user)]
        }
    }
}

/// The address, or of IPv6 the network of it: one subscriber has all addresses of a /64.
pub(in crate::app) fn network(address: IpAddr) -> IpAddr {
    first_bits(address, 64)
}

/// The same for turns, of which one with many networks must not get many.
fn subscriber(address: IpAddr) -> IpAddr {
    first_bits(address, SUBSCRIBER)
}

fn first_bits(address: IpAddr, bits: u32) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let rest = 128 - bits;
            IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> rest << rest))
        }
        IpAddr::V4(v4) => IpAddr::V4(v4),
    }
}

/// Forgets what is over, else the older half.
fn make_room(tallies: &mut HashMap<Bucket, Tally>, now: Timestamp) {
    tallies.retain(|_, tally| !tally.is_over(now));
    if tallies.len() < LIMIT / 2 {
        return;
    }
    let mut times: Vec<Timestamp> = tallies.values().map(|tally| tally.last).collect();
    times.sort_unstable();
    let middle = times[times.len() / 2];
    tallies.retain(|_, tally| tally.last > middle);
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: [u8; 4] = [192, 168, 1, 5];

    fn stranger(throttle: &Throttle, user: &str, address: [u8; 4], now: i64) -> Option<i64> {
        throttle.charge(user, address.into(), &Standing::Stranger, now)
    }

    #[test]
    fn after_a_few_wrong_passwords_one_waits_longer_and_longer() {
        let throttle = Throttle::default();
        for _ in 0..5 {
            assert_eq!(stranger(&throttle, "anna", HOME, 0), None);
        }
        // The sixth comes a second later, the seventh two seconds after that, and so on.
        for (early, wait, right) in [(0, 1, 1), (1, 2, 3), (4, 3, 7), (14, 1, 15)] {
            assert_eq!(stranger(&throttle, "anna", HOME, early), Some(wait));
            assert_eq!(stranger(&throttle, "anna", HOME, right), None);
        }
        let long = (0..100_000)
            .step_by(900)
            .filter(|now| stranger(&throttle, "anna", HOME, *now).is_none());
        assert!(long.count() > 50, "never for ever");
        assert_eq!(stranger(&throttle, "bert", [10, 0, 0, 1], 0), None, "others are not meant");
    }

    #[test]
    fn a_stranger_does_not_hold_up_an_acquaintance() {
        let throttle = Throttle::default();
        let own = Standing::Acquaintance("browser".to_owned());
        for attempt in 0..10_000_u32 {
            let [.., a, b] = attempt.to_be_bytes();
            stranger(&throttle, "anna", [10, 0, a, b], 0);
            stranger(&throttle, "anna", HOME, 0);
        }
        assert!(stranger(&throttle, "anna", [10, 1, 0, 1], 0).is_some(), "the user's own budget");
        assert_eq!(throttle.charge("anna", HOME.into(), &own, 0), None);
    }

    #[test]
    fn who_was_right_begins_anew() {
        let throttle = Throttle::default();
        for _ in 0..5 {
            stranger(&throttle, "anna", HOME, 0);
        }
        assert!(stranger(&throttle, "anna", HOME, 0).is_some());
        throttle.forgive("anna", HOME.into(), &Standing::Stranger);
        assert_eq!(stranger(&throttle, "anna", HOME, 0), None);
    }

    #[test]
    fn a_faster_stranger_gets_no_more_turns_than_a_slow_one() {
        let throttle = Throttle::default();
        for attempt in 0..100 {
            stranger(&throttle, "anna", [10, 0, 1, attempt], 0);
        }
        let (mut wrong, mut owner_comes, mut owner_in) = (0, 5, None);
        for now in 1..3600 {
            // Three addresses that ask ten times a second, before the owner does.
            for _ in 0..10 {
                for last in 1..=3 {
                    let wait = stranger(&throttle, "anna", [10, 0, 0, last], now);
                    wrong += u32::from(wait.is_none());
                }
            }
            if now == owner_comes && owner_in.is_none() {
                match stranger(&throttle, "anna", HOME, now) {
                    // A person is a little late.
                    Some(wait) => owner_comes = now + wait + 20,
                    None => owner_in = Some(now),
                }
            }
        }
        assert!(owner_in.is_some_and(|at| at <= 5 + 4 * TURN + 20), "{owner_in:?}");
        assert!(wrong <= 3600 / 30, "{wrong}");
    }

    #[test]
    fn from_very_many_addresses_few_passwords_are_tried() {
        let throttle = Throttle::default();
        let mut tried = 0;
        for now in (0..86_400_i64).step_by(10) {
            for last in 0..10_u8 {
                let [.., a, b] = now.to_be_bytes();
                tried += u32::from(stranger(&throttle, "anna", [a, b, 0, last], now).is_none());
            }
        }
        assert!((100..=100 + 86_400 / 30).contains(&tried), "{tried}");
    }

    #[test]
    fn memory_is_bounded() {
        let throttle = Throttle::default();
        for number in 0..100_000_u32 {
            let address = IpAddr::from(number.to_be_bytes());
            let now = i64::from(number / 1000);
            throttle.charge(&number.to_string(), address, &Standing::Stranger, now);
        }
        assert!(throttle.len() <= LIMIT, "{}", throttle.len());
        for number in 0..100_000_u32 {
            stranger(&throttle, "anna", number.to_be_bytes(), 100);
        }
        assert!(throttle.len() <= LIMIT, "{}", throttle.len());
    }

    #[test]
    fn neighbours_in_an_ipv6_network_are_one() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.168.1.5"), of("192.168.1.5"));
    }
}
