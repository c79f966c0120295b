//! What becomes of a device that installs an image.

use espalier::domain::chip::{Chip, Family};

use super::behaviour::Behaviour;
use super::library::Build;
use super::random::Random;

/// What becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It runs the image.
    Runs,
    /// It runs the image, which still names the old version.
    KeepsVersion,
    /// It comes back as it was.
    Unchanged,
    /// It comes back so many times fast, and then as it was, or never again.
    Loops {
        /// How many times.
        times: u32,
        /// Whether it rolls back.
        back: bool,
    },
    /// It never comes back.
    Silent,
    /// It never comes back because of what it was sent: that must not happen.
    Bricked,
}

/// What becomes of a device with this chip and seed. The same device always fares alike with the
/// same build.
pub fn fate(behaviour: Behaviour, chip: Chip, seed: u64, build: &Build, number: usize) -> Fate {
    if chip != build.chip {
        // An ESP32 looks at the image before it starts it, an ESP8266 does not.
        let careful = chip.family() == Family::Esp32;
        return if careful { Fate::Unchanged } else { Fate::Bricked };
    }
    let mut random = Random::of(seed, u64::try_from(number).unwrap_or(0).wrapping_add(1_000));
    let broken = random.chance(build.breaks);
    let drawn = random.below(4);
    match behaviour {
        Behaviour::Stuck => Fate::KeepsVersion,
        Behaviour::Refuses | Behaviour::Babbler | Behaviour::Mute => Fate::Unchanged,
        Behaviour::BootLoop => loops(chip, &mut random),
        Behaviour::Silent => Fate::Silent,
        Behaviour::Liar if drawn < 2 => Fate::Unchanged,
        _ if !broken => Fate::Runs,
        _ => match drawn {
            0 => Fate::Silent,
            1 => Fate::Unchanged,
            _ => loops(chip, &mut random),
        },
    }
}

/// Most ESP32 boot loaders roll back; that of the ESP8266 never does.
fn loops(chip: Chip, random: &mut Random) -> Fate {
    let times = u32::try_from(random.within(2..=5)).unwrap_or(2);
    Fate::Loops { times, back: chip.family() == Family::Esp32 && random.chance(75) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(breaks: u32) -> Build {
        let mut build = Build::new(0, "meter", "v1.1.0", Chip::Esp32, 32);
        build.breaks = breaks;
        build
    }

    #[test]
    fn a_release_breaks_its_share_of_devices_and_always_the_same_ones() {
        let build = build(30);
        let draw = |seed| fate(Behaviour::Normal, Chip::Esp32, seed, &build, 1);
        let broken = (0..10_000).filter(|seed| draw(*seed) != Fate::Runs).count();
        assert!((2_800..3_200).contains(&broken), "{broken}");
        assert!((0..100).all(|seed| draw(seed) == draw(seed)));
        let other = |seed| fate(Behaviour::Normal, Chip::Esp32, seed, &build, 2);
        assert!((0..100).any(|seed| draw(seed) != other(seed)), "the next release breaks others");
    }

    #[test]
    fn a_good_release_breaks_nothing() {
        let good = build(0);
        for behaviour in [Behaviour::Normal, Behaviour::Sleeper, Behaviour::Weak] {
            let runs = |seed| fate(behaviour, Chip::Esp32, seed, &good, 1) == Fate::Runs;
            assert!((0..1_000).all(runs));
        }
    }

    #[test]
    fn only_an_esp8266_is_destroyed_by_an_image_for_another_chip() {
        let good = build(0);
        let of = |chip| fate(Behaviour::WrongChip, chip, 1, &good, 1);
        assert_eq!(of(Chip::Esp32C3), Fate::Unchanged);
        assert_eq!(of(Chip::Esp8266), Fate::Bricked);
        assert_eq!(of(Chip::Esp32), Fate::Runs);
    }
}
