//! What devices have to show besides their MAC address, and what they did show.

use super::Timestamp;
use super::device_secret::{SecretDigest, Secrets};

/// Seconds for which a device that was proven stays so although somebody came without its secret:
/// a MAC address is no secret, and whoever knows it could make any device look outdated.
const DOUBT: i64 = 86_400;

/// What a platform's devices show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ProofKind {
    /// Nothing: their MAC address is all.
    #[default]
    None,
    /// One secret that all of them have.
    Shared,
    /// Each a secret of its own.
    PerDevice,
}

impl ProofKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::None, Self::Shared, Self::PerDevice];

    /// The word in forms, JSON and the database.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Shared => "shared",
            Self::PerDevice => "per_device",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// A platform's rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Proof {
    /// What its devices show.
    pub kind: ProofKind,
    /// Whether a device without it is refused. Before that it is looked at, and nobody is refused:
    /// so a fleet gets its new sketch over the air.
    pub demanded: bool,
}

impl Proof {
    /// Whether a device without it is refused.
    #[must_use]
    pub fn is_demanded(self) -> bool {
        self.demanded && self.kind != ProofKind::None
    }
}

/// What a check-in showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SecretShown {
    /// Nobody looked: the platform wants nothing.
    #[default]
    Unasked,
    /// No secret.
    Missing,
    /// A wrong one.
    Wrong,
    /// The old one, though the device was seen with the new one already.
    Ended,
    /// Nobody looked: too many wrong ones came before it.
    TooOften,
    /// The secret of this number.
    Right(i64),
}

/// Why a check-in proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// No secret.
    Missing,
    /// A wrong one.
    Wrong,
    /// The old one, though the device was seen with the new one already.
    Ended,
    /// Too many wrong ones came before it.
    TooOften,
}

impl Lack {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Missing => "secret_missing",
            Self::Wrong => "secret_wrong",
            Self::Ended => "secret_ended",
            Self::TooOften => "secret_throttled",
        }
    }

    /// In one sentence about the device.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Missing => "It came without the secret.",
            Self::Wrong => "It came with a wrong secret.",
            Self::Ended => {
                "It came with its old secret, which ended when it was seen with the new one."
            }
            Self::TooOften => {
                "Too many wrong secrets came before it, so its own was not looked at; that lasts \
                 a minute."
            }
        }
    }
}

impl SecretShown {
    /// Why this proves nothing, if it does not.
    #[must_use]
    pub const fn lack(self) -> Option<Lack> {
        match self {
            Self::Right(_) => None,
            Self::Unasked | Self::Missing => Some(Lack::Missing),
            Self::Wrong => Some(Lack::Wrong),
            Self::Ended => Some(Lack::Ended),
            Self::TooOften => Some(Lack::TooOften),
        }
    }
}

/// What a device showed last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LastShown {
    /// No secret.
    Missing,
    /// A wrong one.
    Wrong,
    /// The old one, after the new one.
    Ended,
    /// A right one.
    Right,
}

impl LastShown {
    /// The word in JSON and the database.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Wrong => "wrong",
            Self::Ended => "ended",
            Self::Right => "right",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn read(word: &str) -> Option<Self> {
        [Self::Missing, Self::Wrong, Self::Ended, Self::Right]
            .into_iter()
            .find(|last| last.word() == word)
    }
}

/// Which secret a device was seen with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ProofSeen {
    /// The number of the secret that it was last seen with.
    pub secret: Option<i64>,
    /// What it showed last; `None` where nobody ever looked.
    pub last: Option<LastShown>,
    /// When somebody first came with its MAC address and without its secret, since it was last
    /// proven.
    pub doubted: Option<Timestamp>,
}

impl ProofSeen {
    /// What is known after a check-in that showed this.
    #[must_use]
    pub fn after(self, shown: SecretShown, now: Timestamp) -> Self {
        let last = match shown {
            SecretShown::Unasked | SecretShown::TooOften => return self,
            SecretShown::Right(id) => {
                // Who it was is told for a day, also when the device itself has come again.
                let doubted = self.doubted.filter(|at| now - at < DOUBT);
                return Self { secret: Some(id), last: Some(LastShown::Right), doubted };
            }
            SecretShown::Missing => LastShown::Missing,
            SecretShown::Wrong => LastShown::Wrong,
            SecretShown::Ended => LastShown::Ended,
        };
        let doubted = match self.last {
            Some(LastShown::Right) => Some(now),
            _ => self.doubted,
        };
        Self { last: Some(last), doubted, ..self }
    }

    /// Whether somebody came with its MAC address and without its secret within a day.
    #[must_use]
    pub fn is_doubted(self, now: Timestamp) -> bool {
        self.secret.is_some() && self.doubted.is_some_and(|at| now - at < DOUBT)
    }

    /// As the database keeps it: the word for what was shown last, and since when it is doubted.
    #[must_use]
    pub fn text(self) -> Option<String> {
        let word = self.last?.word();
        Some(self.doubted.map_or_else(|| word.to_owned(), |at| format!("{word} {at}")))
    }

    /// Reads what the database keeps.
    #[must_use]
    pub fn read(secret: Option<i64>, text: Option<&str>) -> Self {
        let (word, at) = match text.unwrap_or_default().split_once(' ') {
            Some((word, at)) => (word, at.parse().ok()),
            None => (text.unwrap_or_default(), None),
        };
        Self { secret, last: LastShown::read(word), doubted: at }
    }

    /// What the device shows if it comes again as it came last.
    #[must_use]
    pub fn again(self, secrets: &Secrets) -> SecretShown {
        match (self.last, self.secret) {
            (Some(LastShown::Right), Some(id)) if secrets.is_newest(id) || secrets.is_old(id) => {
                SecretShown::Right(id)
            }
            (Some(LastShown::Ended), _) if secrets.overlap() => SecretShown::Ended,
            (Some(LastShown::Right | LastShown::Wrong | LastShown::Ended), _) => SecretShown::Wrong,
            (Some(LastShown::Missing) | None, _) => SecretShown::Missing,
        }
    }
}

/// How a device stands to the secrets that it may show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProofStanding {
    /// There is no secret for it yet.
    NoSecret,
    /// Nobody has seen what it shows.
    Unknown,
    /// It shows none.
    Missing,
    /// It shows a wrong one.
    Wrong,
    /// It shows the old one.
    Old,
    /// It shows the newest.
    Newest,
}

impl ProofStanding {
    /// How a device that was seen so stands: as it was proven, as long as that is only doubted.
    #[must_use]
    pub fn of(seen: ProofSeen, secrets: &Secrets, now: Timestamp) -> Self {
        if secrets.newest.is_none() {
            return Self::NoSecret;
        }
        let last = if seen.is_doubted(now) { Some(LastShown::Right) } else { seen.last };
        match (last, seen.secret) {
            (Some(LastShown::Missing), _) => Self::Missing,
            (Some(LastShown::Wrong | LastShown::Ended), _) => Self::Wrong,
            (Some(LastShown::Right), Some(id)) if secrets.is_newest(id) => Self::Newest,
            (Some(LastShown::Right), Some(id)) if secrets.is_old(id) => Self::Old,
            (Some(LastShown::Right) | None, _) => Self::Unknown,
        }
    }

    /// Whether it is let in where proof is demanded.
    #[must_use]
    pub const fn is_proven(self) -> bool {
        matches!(self, Self::Old | Self::Newest)
    }

    /// The word in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::NoSecret => "no_secret",
            Self::Unknown => "unknown",
            Self::Missing => "missing",
            Self::Wrong => "wrong",
            Self::Old => "old",
            Self::Newest => "newest",
        }
    }

    /// As a person reads it, behind the device's name.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::NoSecret => "no secret was made for it",
            Self::Unknown => "has not asked since",
            Self::Missing => "comes without it",
            Self::Wrong => "comes with a wrong one",
            Self::Old => "uses the old one",
            Self::Newest => "uses the newest one",
        }
    }
}

/// Which of these secrets was shown by a device that was seen so before. The old one is good
/// until the device was seen with the new one.
#[must_use]
pub fn look(secrets: &Secrets, digest: &SecretDigest, seen: ProofSeen) -> SecretShown {
    let (newest, old) = (secrets.newest, secrets.old);
    // Both are compared in any case.
    let newest = newest.filter(|kept| kept.digest.is(digest));
    let old = old.filter(|kept| kept.digest.is(digest));
    match (newest, old) {
        (Some(newest), _) => SecretShown::Right(newest.id),
        (None, Some(_)) if seen.secret.is_some_and(|id| secrets.is_newest(id)) => {
            SecretShown::Ended
        }
        (None, Some(old)) => SecretShown::Right(old.id),
        (None, None) => SecretShown::Wrong,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::device_secret::{Kept, SecretKey};
    use crate::domain::secret::Secret;

    fn digest(text: &str) -> SecretDigest {
        SecretKey::new([9; 32]).digest(&Secret::new(text))
    }

    fn secrets(texts: &[(i64, &str)]) -> Secrets {
        texts.iter().fold(Secrets::NONE, |secrets, (id, text)| {
            secrets.with(Kept { id: *id, digest: digest(text), typed: false, made_at: 0 })
        })
    }

    fn seen(id: i64) -> ProofSeen {
        ProofSeen::default().after(SecretShown::Right(id), 0)
    }

    #[test]
    fn the_table_of_rotation() {
        let (one, both) = (secrets(&[(1, "old")]), secrets(&[(1, "old"), (2, "new")]));
        let nothing = ProofSeen::default();
        for (secrets, shown, before, comes_to) in [
            (&Secrets::NONE, "old", nothing, SecretShown::Wrong),
            (&one, "old", nothing, SecretShown::Right(1)),
            (&one, "old", seen(1), SecretShown::Right(1)),
            (&one, "new", seen(1), SecretShown::Wrong),
            (&both, "old", nothing, SecretShown::Right(1)),
            (&both, "old", seen(1), SecretShown::Right(1)),
            (&both, "new", seen(1), SecretShown::Right(2)),
            (&both, "new", seen(2), SecretShown::Right(2)),
            (&both, "old", seen(2), SecretShown::Ended),
            (&both, "other", seen(2), SecretShown::Wrong),
            // One that came from a platform with other secrets.
            (&both, "old", seen(7), SecretShown::Right(1)),
        ] {
            assert_eq!(look(secrets, &digest(shown), before), comes_to, "{shown} {before:?}");
        }
    }

    #[test]
    fn what_was_seen_is_remembered() {
        let proven = seen(2);
        let doubted = |last| ProofSeen { last: Some(last), doubted: Some(9), ..proven };
        for (shown, after) in [
            (SecretShown::Unasked, proven),
            (SecretShown::TooOften, proven),
            (SecretShown::Missing, doubted(LastShown::Missing)),
            (SecretShown::Wrong, doubted(LastShown::Wrong)),
            (SecretShown::Ended, doubted(LastShown::Ended)),
            (SecretShown::Right(3), seen(3)),
        ] {
            assert_eq!(proven.after(shown, 9), after);
            assert_eq!(ProofSeen::read(after.secret, after.text().as_deref()), after);
        }
    }

    #[test]
    fn standings() {
        let both = secrets(&[(1, "old"), (2, "new")]);
        let missing = seen(2).after(SecretShown::Missing, 0);
        for (seen, secrets, standing, again) in [
            (seen(2), &both, ProofStanding::Newest, SecretShown::Right(2)),
            (seen(1), &both, ProofStanding::Old, SecretShown::Right(1)),
            (seen(9), &both, ProofStanding::Unknown, SecretShown::Wrong),
            (missing, &both, ProofStanding::Missing, SecretShown::Missing),
            (seen(2).after(SecretShown::Ended, 0), &both, ProofStanding::Wrong, SecretShown::Ended),
            (ProofSeen::default(), &both, ProofStanding::Unknown, SecretShown::Missing),
            (seen(1), &Secrets::NONE, ProofStanding::NoSecret, SecretShown::Wrong),
        ] {
            assert_eq!(ProofStanding::of(seen, secrets, DOUBT), standing, "{seen:?}");
            assert_eq!(seen.again(secrets), again, "{seen:?}");
        }
    }

    #[test]
    fn a_mac_address_alone_does_not_make_a_proven_device_unproven() {
        let both = secrets(&[(1, "old"), (2, "new")]);
        let standing = |seen, now| ProofStanding::of(seen, &both, now);
        let doubted = seen(2).after(SecretShown::Missing, 100).after(SecretShown::Wrong, 5000);
        assert!(doubted.is_doubted(5000));
        assert_eq!(standing(doubted, 100 + DOUBT - 1), ProofStanding::Newest);
        // It has not come itself for a day: it is the one without.
        assert_eq!(standing(doubted, 100 + DOUBT), ProofStanding::Wrong);
        let back = doubted.after(SecretShown::Right(2), 6000);
        assert!(back.is_doubted(6000) && !back.is_doubted(100 + DOUBT), "both are told for a day");
        assert_eq!(standing(back, 1_000_000), ProofStanding::Newest);
        // One that was never proven is not proven by anybody's coming without.
        let never = ProofSeen::default().after(SecretShown::Missing, 0);
        assert_eq!(standing(never, 1), ProofStanding::Missing);
    }

    #[test]
    fn words_are_read_back() {
        for kind in ProofKind::ALL {
            assert_eq!(ProofKind::read(kind.word()), Some(kind));
        }
        for last in [LastShown::Missing, LastShown::Wrong, LastShown::Ended, LastShown::Right] {
            assert_eq!(LastShown::read(last.word()), Some(last));
        }
        assert!(!Proof { kind: ProofKind::None, demanded: true }.is_demanded());
        assert_eq!(SecretShown::Unasked.lack(), Some(Lack::Missing), "in doubt it proves nothing");
    }
}
