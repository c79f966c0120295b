//! What sorts of devices there are, and how many of each.

use std::str::FromStr;

use super::random::Random;

/// What is peculiar about a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Behaviour {
    /// Nothing: it asks every minute to every six hours, and takes what it gets.
    Normal,
    /// It sleeps for a day or a week in between.
    Sleeper,
    /// Its Wi-Fi breaks every second transfer at a random byte.
    Weak,
    /// The power fails in the middle of a transfer, or right after its last byte.
    PowerCut,
    /// It asks twice at the same time.
    Parallel,
    /// It takes the image, but its version never rises.
    Stuck,
    /// Its flash memory refuses: it comes back unchanged.
    Refuses,
    /// Its flash memory refuses, and from then on it calls itself otherwise each time.
    Babbler,
    /// The same, and its library never says which image it runs.
    Mute,
    /// What it installs crashes: it comes back a few times fast, then rolls back or falls silent.
    BootLoop,
    /// It never comes back from an update.
    Silent,
    /// Its chip is not the one of its platform.
    WrongChip,
    /// It says something else each time, and writes its MAC as it likes.
    Liar,
    /// Nobody has approved it.
    Stranger,
}

impl Behaviour {
    /// All of them, in the order of the report.
    pub const ALL: [Self; 14] = [
        Self::Normal,
        Self::Sleeper,
        Self::Weak,
        Self::PowerCut,
        Self::Parallel,
        Self::Stuck,
        Self::Refuses,
        Self::Babbler,
        Self::Mute,
        Self::BootLoop,
        Self::Silent,
        Self::WrongChip,
        Self::Liar,
        Self::Stranger,
    ];

    /// The word on the command line and in the report.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Sleeper => "sleeper",
            Self::Weak => "weak",
            Self::PowerCut => "power-cut",
            Self::Parallel => "parallel",
            Self::Stuck => "stuck",
            Self::Refuses => "refuses",
            Self::Babbler => "babbler",
            Self::Mute => "mute",
            Self::BootLoop => "boot-loop",
            Self::Silent => "silent",
            Self::WrongChip => "wrong-chip",
            Self::Liar => "liar",
            Self::Stranger => "stranger",
        }
    }

    /// Whether what it is sent does not come to run on it, by a fault of its own.
    pub const fn is_defective(self) -> bool {
        matches!(self, Self::Stuck | Self::Refuses | Self::BootLoop | Self::Silent | Self::Liar)
    }

    /// Whether its transfers break.
    pub const fn breaks_transfers(self) -> bool {
        matches!(self, Self::Weak | Self::PowerCut)
    }

    /// Whether what it says of itself is true.
    pub const fn is_honest(self) -> bool {
        !matches!(self, Self::Liar | Self::Babbler | Self::Mute)
    }
}

/// How many of a hundred devices behave how; the rest is normal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mix(Vec<(Behaviour, u32)>);

impl Mix {
    /// What a fleet is like, as a person would write it.
    pub const REALISTIC: &str = "sleeper:8,weak:6,power-cut:3,parallel:2,stuck:2,refuses:2,\
                                 boot-loop:2,silent:1,wrong-chip:3,liar:2,stranger:1";

    /// The behaviour of one device.
    pub fn draw(&self, random: &mut Random) -> Behaviour {
        let mut drawn = random.below(100);
        for (behaviour, share) in &self.0 {
            match drawn.checked_sub(u64::from(*share)) {
                None => return *behaviour,
                Some(rest) => drawn = rest,
            }
        }
        Behaviour::Normal
    }
}

impl FromStr for Mix {
    type Err = String;

    /// Reads `weak:6,liar:2`; the shares are percent, and what is missing to a hundred is normal.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut shares = Vec::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (word, share) = part.split_once(':').unwrap_or((part, ""));
            let known = Behaviour::ALL.into_iter().find(|behaviour| behaviour.word() == word);
            let behaviour = known.ok_or_else(|| format!("“{word}” is none of {}", words()))?;
            let share = share.parse().map_err(|_| format!("expected “{word}:percent”"))?;
            shares.push((behaviour, share));
        }
        let all: u64 = shares.iter().map(|(_, share)| u64::from(*share)).sum();
        if all > 100 { Err(format!("the shares add up to {all} %")) } else { Ok(Self(shares)) }
    }
}

fn words() -> String {
    Behaviour::ALL.map(Behaviour::word).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mix_is_read_and_drawn() {
        let mix: Mix = "weak:20, liar:30".parse().unwrap();
        let mut random = Random::of(7, 7);
        let drawn: Vec<Behaviour> = (0..10_000).map(|_| mix.draw(&mut random)).collect();
        let count = |wanted| drawn.iter().filter(|drawn| **drawn == wanted).count();
        assert!((1_800..2_200).contains(&count(Behaviour::Weak)));
        assert!((2_800..3_200).contains(&count(Behaviour::Liar)));
        assert!((4_700..5_300).contains(&count(Behaviour::Normal)));
    }

    #[test]
    fn every_behaviour_has_its_share_in_a_realistic_fleet() {
        let mix: Mix = Mix::REALISTIC.parse().unwrap();
        let mut random = Random::of(1, 1);
        let drawn: Vec<Behaviour> = (0..10_000).map(|_| mix.draw(&mut random)).collect();
        // Those stand for a release that spoils a whole fleet: they are there where asked for.
        let asked_for = [Behaviour::Babbler, Behaviour::Mute];
        let mut usual = Behaviour::ALL.iter().filter(|behaviour| !asked_for.contains(behaviour));
        assert!(usual.all(|behaviour| drawn.contains(behaviour)));
    }

    #[test]
    fn what_is_no_mix_is_told() {
        for text in ["teapot:3", "weak", "weak:x", "weak:60,liar:41"] {
            assert!(text.parse::<Mix>().is_err(), "{text}");
        }
        assert_eq!("".parse::<Mix>(), Ok(Mix(Vec::new())));
    }
}
