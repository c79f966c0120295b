//! Which of a platform's images a device gets, by what is known of its chip.

use super::{Chip, Family, Part, Published};

/// What there is for a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice<'a> {
    /// This one.
    One(&'a Published),
    /// It depends on the chip, which nothing tells yet.
    Several(&'a [Chip]),
    /// Only something for another chip.
    Foreign(Chip),
    /// Nothing.
    Nothing,
}

/// The newest of these images that a device can take. `on_offer` holds the newest image per part
/// and chip; `chips` are those of the ESP32 family among them.
///
/// The family is certain from the device's headers; the chip within the ESP32 family is learnt.
/// While it is unknown and several are possible, nothing is chosen: an ESP32 downloads a wrong
/// image completely, refuses it, and comes back for ever.
#[must_use]
pub fn choose<'a>(
    on_offer: impl Iterator<Item = &'a Published>,
    chips: &'a [Chip],
    part: Part,
    family: Family,
    chip: Option<Chip>,
) -> Choice<'a> {
    let mut newest: Option<&Published> = None;
    let mut foreign: Option<Chip> = None;
    for release in on_offer.filter(|release| release.image.part == part) {
        if !release.image.suits(family, chip) {
            // One of its own family says more.
            let same = release.image.chip.family() == family;
            if foreign.is_none_or(|foreign| same && foreign.family() != family) {
                foreign = Some(release.image.chip);
            }
        } else if newest.is_none_or(|newest| release.version > newest.version) {
            newest = Some(release);
        }
    }
    match (newest, foreign) {
        (Some(_), _) if family == Family::Esp32 && chip.is_none() && chips.len() > 1 => {
            Choice::Several(chips)
        }
        (Some(newest), _) => Choice::One(newest),
        (None, Some(foreign)) => Choice::Foreign(foreign),
        (None, None) => Choice::Nothing,
    }
}
