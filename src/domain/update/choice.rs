//! Which of a platform's images a device gets, by what is known of its chip.

use super::{Chip, Family, Part, Published};
use crate::domain::rollout::GateWait;

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

/// A release that its rollout keeps from a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting<'a> {
    /// The release.
    pub release: &'a Published,
    /// What the device waits for.
    pub wait: GateWait,
}

/// What there is for a device now, and what there will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Selection<'a> {
    /// What it can have.
    pub choice: Choice<'a>,
    /// A newer one that its rollout keeps from it.
    pub waiting: Option<Waiting<'a>>,
}

impl Selection<'_> {
    /// Nothing now, and nothing to wait for.
    pub const NOTHING: Self = Self { choice: Choice::Nothing, waiting: None };
}

/// The newest of these images that a device can take. `on_offer` holds the newest images per part
/// and chip, down to the first one without a rollout; `chips` are those of the ESP32 family among
/// them; `gate` asks the rollout of a release.
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
    gate: impl Fn(&Published) -> Result<(), GateWait>,
) -> Selection<'a> {
    let mut newest: Option<&Published> = None;
    let mut foreign: Option<Chip> = None;
    let mut waiting: Option<Waiting<'_>> = None;
    for release in on_offer.filter(|release| release.image.part == part) {
        if !release.image.suits(family, chip) {
            // One of its own family says more.
            let same = release.image.chip.family() == family;
            if foreign.is_none_or(|foreign| same && foreign.family() != family) {
                foreign = Some(release.image.chip);
            }
        } else if newest.is_none_or(|newest| release.version > newest.version) {
            match gate(release) {
                Ok(()) => newest = Some(release),
                Err(_) if waiting.is_some_and(|other| other.release.version > release.version) => {}
                Err(wait) => waiting = Some(Waiting { release, wait }),
            }
        }
    }
    let waiting = waiting
        .filter(|waiting| newest.is_none_or(|newest| waiting.release.version > newest.version));
    let choice = match (newest, foreign) {
        (Some(_), _) if family == Family::Esp32 && chip.is_none() && chips.len() > 1 => {
            Choice::Several(chips)
        }
        (Some(newest), _) => Choice::One(newest),
        (None, Some(foreign)) if waiting.is_none() => Choice::Foreign(foreign),
        (None, _) => Choice::Nothing,
    };
    Selection { choice, waiting }
}
