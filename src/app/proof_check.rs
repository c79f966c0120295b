//! Whether a check-in proves that it comes from the device: looked at only where a platform wants
//! that, and with a bound on wrong secrets.
//!
//! Wrong secrets are counted by address in memory, each different one once, so that a fleet with
//! one outdated sketch does not count. Beyond the limit no other secret of that address is looked
//! at until a minute is over. A device that was seen with a right secret at the same address has a
//! count of its own: a stranger behind the same router does not hold it up.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::Error;
use super::accounts::{network, random};
use super::fleet::Live;
use super::poll::Poll;
use super::shelf::ShelfPlatform;
use crate::domain::Timestamp;
use crate::domain::device_secret::{SecretDigest, SecretKey, Secrets};
use crate::domain::mac::MacAddr;
use crate::domain::proof::{ProofKind, SecretShown, look};
use crate::domain::secret::Secret;
use crate::store::Store;

/// Where the key of the digests is kept.
const KEY: &str = "device_secret_key";
/// Seconds for which wrong secrets are counted together, and for which one waits at most.
const WINDOW: i64 = 60;
/// Different wrong secrets of one address, and of one device that is known there.
const OF_ADDRESS: usize = 20;
const OF_DEVICE: usize = 10;
/// Addresses and devices that are counted apart; further ones are counted together.
const LIMIT: usize = 4096;

/// Who tries, as far as it can be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Who {
    /// A device that was seen with a right secret at this very address.
    Known(MacAddr),
    /// Anybody else there.
    At(IpAddr),
    /// Those for whom there is no more room.
    Others,
}

impl Who {
    const fn limit(self) -> usize {
        match self {
            Self::Known(_) => OF_DEVICE,
            Self::At(_) | Self::Others => OF_ADDRESS,
        }
    }
}

/// Wrong secrets since a moment, each once.
#[derive(Debug)]
struct Tries {
    since: Timestamp,
    wrong: Vec<(u64, u64)>,
}

impl Tries {
    fn is_over(&self, now: Timestamp) -> bool {
        !(0..WINDOW).contains(&(now - self.since))
    }
}

/// Looks at secrets.
#[derive(Debug)]
pub(super) struct ProofCheck {
    key: SecretKey,
    tries: Mutex<HashMap<Who, Tries>>,
    /// How many are counted, so that nobody waits for a lock while there are none.
    counted: AtomicUsize,
    /// Whether a device was seen with a newer secret since the last look at all of them.
    rotated: AtomicBool,
}

/// The secrets that a device may show on a platform.
pub(super) fn secrets_for<'a>(platform: &'a ShelfPlatform, live: &'a Live) -> &'a Secrets {
    const NONE: &Secrets = &Secrets::NONE;
    match platform.platform.proof.kind {
        ProofKind::None => NONE,
        ProofKind::Shared => &platform.secrets,
        ProofKind::PerDevice => live.secrets.as_deref().unwrap_or(NONE),
    }
}

impl ProofCheck {
    /// With the key from the database, which is made at the first start.
    pub(super) async fn open(store: &Store) -> Result<Self, Error> {
        let kept = store.settings().await?.get(KEY).and_then(|text| SecretKey::read(text));
        let key = if let Some(key) = kept {
            key
        } else {
            let key = SecretKey::new(random()?);
            store.save_settings(&[(KEY, key.text())]).await?;
            key
        };
        Ok(Self::new(key))
    }

    fn new(key: SecretKey) -> Self {
        let (tries, counted) = (Mutex::default(), AtomicUsize::new(0));
        // What the last run did not get to is looked for at the start.
        Self { key, tries, counted, rotated: AtomicBool::new(true) }
    }

    /// What is kept of a secret.
    pub(super) fn digest(&self, secret: &Secret) -> SecretDigest {
        self.key.digest(secret)
    }

    /// What a check-in shows. Nothing is computed where the platform wants no proof.
    pub(super) fn shown(
        &self,
        poll: &Poll,
        live: &Live,
        platform: Option<&Arc<ShelfPlatform>>,
        now: Timestamp,
    ) -> SecretShown {
        let asks = |platform: &&Arc<ShelfPlatform>| platform.platform.proof.kind != ProofKind::None;
        let Some(platform) = platform.filter(asks) else { return SecretShown::Unasked };
        let Some(secret) = &poll.secret else { return SecretShown::Missing };
        let seen = live.learnt.proof;
        let known = seen.secret.is_some() && live.address == Some(poll.address);
        let mac = poll.report.mac;
        let who = if known { Who::Known(mac) } else { Who::At(network(poll.address)) };
        let digest = self.digest(secret);
        // A secret of one device may be tried on another: that is another guess.
        let scope = match platform.platform.proof.kind {
            ProofKind::PerDevice => u64::try_from(live.id).unwrap_or(0) << 32,
            ProofKind::None | ProofKind::Shared => u64::try_from(platform.platform.id).unwrap_or(0),
        };
        let shown = look(secrets_for(platform, live), &digest, seen);
        self.bounded(who, (scope, digest.number()), shown, now)
    }

    /// The platforms that a secret opens for somebody who is no device, as `open` finds them.
    pub(super) fn opened(
        &self,
        address: IpAddr,
        digest: &SecretDigest,
        now: Timestamp,
        open: impl FnOnce() -> Vec<i64>,
    ) -> Vec<i64> {
        let (who, guess) = (Who::At(network(address)), (u64::MAX, digest.number()));
        // Looking through all devices is work that nobody shall be able to ask for at will.
        if self.bounded(who, guess, SecretShown::Unasked, now) == SecretShown::TooOften {
            return Vec::new();
        }
        let opened = open();
        let shown = opened.first().map_or(SecretShown::Wrong, |id| SecretShown::Right(*id));
        self.bounded(who, guess, shown, now);
        opened
    }

    /// What comes of a secret, unless too many wrong ones came before it. Wrong ones are counted.
    fn bounded(
        &self,
        who: Who,
        guess: (u64, u64),
        shown: SecretShown,
        now: Timestamp,
    ) -> SecretShown {
        if shown != SecretShown::Wrong && self.counted.load(Ordering::Relaxed) == 0 {
            return shown;
        }
        let mut tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        let who = room_for(&mut tries, who, now);
        if tries.get(&who).is_some_and(|own| own.is_over(now)) {
            tries.remove(&who);
        }
        let known = tries.get(&who).is_some_and(|own| own.wrong.contains(&guess));
        let full = tries.get(&who).is_some_and(|own| own.wrong.len() >= who.limit());
        let shown = if full && !known { SecretShown::TooOften } else { shown };
        if shown == SecretShown::Wrong && !known {
            let own = tries.entry(who).or_insert(Tries { since: now, wrong: Vec::new() });
            if own.wrong.len() < who.limit() {
                own.wrong.push(guess);
            }
        }
        self.counted.store(tries.len(), Ordering::Relaxed);
        shown
    }

    /// A device was seen with a newer secret than its old one.
    pub(super) fn rotate(&self) {
        self.rotated.store(true, Ordering::Relaxed);
    }

    /// Whether that was so since the last time.
    pub(super) fn has_rotated(&self) -> bool {
        self.rotated.load(Ordering::Relaxed) && self.rotated.swap(false, Ordering::Relaxed)
    }
}

/// The one to count for, where memory is bounded. Known devices are as many as there are.
fn room_for(tries: &mut HashMap<Who, Tries>, who: Who, now: Timestamp) -> Who {
    if tries.len() < LIMIT || matches!(who, Who::Known(_)) || tries.contains_key(&who) {
        return who;
    }
    tries.retain(|_, own| !own.is_over(now));
    if tries.len() < LIMIT { who } else { Who::Others }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Who = Who::At(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));
    const KNOWN: Who = Who::Known(MacAddr::new([1; 6]));

    fn gate() -> ProofCheck {
        ProofCheck::new(SecretKey::new([3; 32]))
    }

    fn wrong(gate: &ProofCheck, who: Who, guess: u64, now: i64) -> SecretShown {
        gate.bounded(who, (1, guess), SecretShown::Wrong, now)
    }

    #[test]
    fn who_guesses_waits_and_others_do_not() {
        let gate = gate();
        for guess in 0..20 {
            assert_eq!(wrong(&gate, HERE, guess, 0), SecretShown::Wrong);
        }
        assert_eq!(wrong(&gate, HERE, 20, 30), SecretShown::TooOften);
        let right = SecretShown::Right(7);
        assert_eq!(
            gate.bounded(HERE, (1, 99), right, 59),
            SecretShown::TooOften,
            "nothing is told"
        );
        assert_eq!(gate.bounded(KNOWN, (1, 99), right, 30), right, "a known device is let in");
        let elsewhere = Who::At([10, 0, 0, 1].into());
        assert_eq!(gate.bounded(elsewhere, (1, 99), right, 30), right);
        assert_eq!(gate.bounded(HERE, (1, 99), right, 60), right, "a minute is enough");
        assert_eq!(wrong(&gate, HERE, 20, 61), SecretShown::Wrong);
    }

    #[test]
    fn one_wrong_secret_of_a_whole_fleet_counts_once() {
        let gate = gate();
        for _ in 0..1000 {
            assert_eq!(wrong(&gate, HERE, 1, 0), SecretShown::Wrong);
        }
        assert_eq!(gate.bounded(HERE, (1, 2), SecretShown::Right(7), 0), SecretShown::Right(7));
    }

    #[test]
    fn who_plays_a_known_device_has_few_tries_too() {
        let gate = gate();
        let outcomes: Vec<_> = (0..12).map(|guess| wrong(&gate, KNOWN, guess, 0)).collect();
        assert_eq!(outcomes.iter().filter(|shown| **shown == SecretShown::Wrong).count(), 10);
        assert_eq!(gate.bounded(KNOWN, (1, 99), SecretShown::Right(7), 60), SecretShown::Right(7));
    }

    #[test]
    fn memory_is_bounded() {
        let gate = gate();
        for number in 0..20_000_u32 {
            let who = Who::At(number.to_be_bytes().into());
            wrong(&gate, who, u64::from(number), 0);
        }
        assert!(gate.tries.lock().unwrap().len() <= LIMIT + 1);
        let newcomer = Who::At([9, 9, 9, 9].into());
        assert_eq!(wrong(&gate, newcomer, 1, 1), SecretShown::TooOften, "so many are an attack");
        assert_eq!(gate.bounded(KNOWN, (1, 9), SecretShown::Right(7), 1), SecretShown::Right(7));
        let late = Who::At([1, 2, 3, 4].into());
        assert_eq!(wrong(&gate, late, 1, 100), SecretShown::Wrong, "there is room again");
        assert!(gate.tries.lock().unwrap().len() <= 2);
    }
}
