//! Images from which a device gets the one for its chip.

use std::collections::HashMap;
use std::sync::Arc;

use super::rollouts::Gate;
use crate::domain::chip::{Chip, Family};
use crate::domain::release::{Part, Published};
use crate::domain::rollout::GateWait;
use crate::domain::update::{Choice, Selection, choose};

/// Images from which a device gets the one for its chip.
#[derive(Debug, Clone, Default)]
pub struct OnOffer {
    images: Vec<Arc<Published>>,
    /// The chips of the ESP32 family that the applications are for.
    chips: Vec<Chip>,
}

impl OnOffer {
    /// Of these images, newest first, those of each part and chip down to the first one that is
    /// for everyone.
    pub(super) fn newest<'a>(
        published: impl Iterator<Item = &'a Arc<Published>>,
        gates: &HashMap<i64, Gate>,
    ) -> Self {
        let key = |release: &Published| (release.image.part, release.image.certain_chip());
        let (mut on_offer, mut done) = (Self::default(), Vec::new());
        for release in published {
            if done.contains(&key(release)) {
                continue;
            }
            on_offer.push(release);
            if !gates.contains_key(&release.id) {
                done.push(key(release));
            }
        }
        on_offer
    }

    pub(super) fn push(&mut self, release: &Arc<Published>) {
        let image = &release.image;
        self.images.push(Arc::clone(release));
        let chip = image.certain_chip().filter(|_| image.part == Part::Application);
        let esp32 = chip.filter(|chip| chip.family() == Family::Esp32);
        if let Some(chip) = esp32.filter(|chip| !self.chips.contains(chip)) {
            self.chips.push(chip);
            self.chips.sort_unstable();
        }
    }

    /// What there is for a device.
    #[must_use]
    pub fn choose(
        &self,
        part: Part,
        family: Family,
        chip: Option<Chip>,
        gate: impl Fn(&Published) -> Result<(), GateWait>,
    ) -> Selection<'_> {
        choose(self.images.iter().map(AsRef::as_ref), &self.chips, part, family, chip, gate)
    }

    /// The images.
    #[must_use]
    pub fn images(&self) -> &[Arc<Published>] {
        &self.images
    }

    /// The very image that a choice fell on, to be shared.
    #[must_use]
    pub fn shared(&self, choice: Choice<'_>) -> Option<&Arc<Published>> {
        let Choice::One(chosen) = choice else { return None };
        self.images.iter().find(|release| std::ptr::eq(release.as_ref(), chosen))
    }
}
