//! What is learnt of a device beyond what it says: from what it runs, from updates that worked or
//! did not, and from a person.

use super::Timestamp;
use super::chip::{Chip, Family};
use super::proof::ProofSeen;
use super::release::Image;

/// Where a device's chip is known from, surest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChipFrom {
    /// It runs an image for this chip: no other would start.
    Running,
    /// A person said so.
    Person,
    /// The sketch said so (`chip=`).
    Told,
}

impl ChipFrom {
    /// The word in JSON and the database.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Person => "person",
            Self::Told => "told",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn read(word: &str) -> Option<Self> {
        [Self::Running, Self::Person, Self::Told].into_iter().find(|from| from.word() == word)
    }

    /// How it is known, for a sentence.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Running => "known from the image it runs",
            Self::Person => "set by a person",
            Self::Told => "said by its sketch",
        }
    }
}

/// How a device took a compressed image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GzipTried {
    /// It came back with the new version.
    Taken,
    /// It did not; it gets plain images from now on.
    Failed,
}

impl GzipTried {
    /// The word in JSON and the database.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Failed => "failed",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn read(word: &str) -> Option<Self> {
        [Self::Taken, Self::Failed].into_iter().find(|tried| tried.word() == word)
    }
}

/// What is known of a device beyond what it says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Learnt {
    /// The chip; within the ESP32 family no header tells it.
    pub chip: Option<(Chip, ChipFrom)>,
    /// Whether it ever ran a signed image: from then on it gets no unsigned one.
    pub ran_signed: bool,
    /// Whether its program checks signatures, as a person said.
    pub verifies: bool,
    /// How it took a compressed image, if it was ever sent one.
    pub gzip: Option<GzipTried>,
    /// Since when it runs what it runs.
    pub running_since: Option<Timestamp>,
    /// Which secret it was seen with.
    pub proof: ProofSeen,
}

/// What one check-in shows.
#[derive(Debug, Clone, Copy, Default)]
pub struct Evidence<'a> {
    /// The image that it runs, where that is recognised, or that it was confirmed to have taken.
    pub image: Option<&'a Image>,
    /// The chip that the sketch names.
    pub told: Option<Chip>,
    /// What became of a compressed image.
    pub gzip: Option<GzipTried>,
    /// It runs something else than before, as of this moment.
    pub changed: Option<Timestamp>,
}

impl Learnt {
    /// The chip, where it is known.
    #[must_use]
    pub fn known_chip(&self) -> Option<Chip> {
        self.chip.map(|(chip, _)| chip)
    }

    /// What is known after a check-in of a device of this family.
    #[must_use]
    pub fn after(mut self, family: Family, evidence: &Evidence<'_>) -> Self {
        let of_family = |chip: Chip| (chip.family() == family).then_some(chip);
        let proven = evidence.image.and_then(Image::certain_chip).and_then(of_family);
        let told = evidence.told.and_then(of_family);
        let may_be_told = self.chip.is_none_or(|(_, from)| from == ChipFrom::Told);
        if self.chip.is_some_and(|(chip, _)| chip.family() != family) {
            self.chip = None;
        }
        if let Some(chip) = proven {
            self.chip = Some((chip, ChipFrom::Running));
        } else if let (Some(chip), true) = (told, may_be_told) {
            self.chip = Some((chip, ChipFrom::Told));
        }
        self.ran_signed |= evidence.image.is_some_and(|image| image.signed);
        self.gzip = evidence.gzip.or(self.gzip);
        self.running_since = evidence.changed.or(self.running_since);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::digest::{Md5, Sha256};
    use crate::domain::release::Part;

    fn image(chip: Chip) -> Image {
        Image {
            id: 1,
            sha256: Sha256([1; 32]),
            md5: Md5([1; 16]),
            size: 1,
            part: Part::Application,
            chip,
            chip_certain: true,
            flash_size: None,
            flash_mode: None,
            signed: false,
            unpacks: false,
            appended_sha256: None,
            packed: None,
            file_name: String::new(),
        }
    }

    #[test]
    fn what_runs_is_surer_than_what_is_said() {
        let (c3, s3) = (image(Chip::Esp32C3), Some(Chip::Esp32S3));
        let told =
            Learnt::default().after(Family::Esp32, &Evidence { told: s3, ..Evidence::default() });
        assert_eq!(told.chip, Some((Chip::Esp32S3, ChipFrom::Told)));
        let runs = Evidence { image: Some(&c3), told: s3, ..Evidence::default() };
        let proven = told.after(Family::Esp32, &runs);
        assert_eq!(proven.chip, Some((Chip::Esp32C3, ChipFrom::Running)));
        let again = Evidence { told: s3, ..Evidence::default() };
        assert_eq!(proven.after(Family::Esp32, &again), proven, "what was proven stays");
        let person = Learnt { chip: Some((Chip::Esp32, ChipFrom::Person)), ..Learnt::default() };
        assert_eq!(person.after(Family::Esp32, &again), person, "a person's word stays");
        assert_eq!(person.after(Family::Esp32, &runs).chip, proven.chip);
    }

    #[test]
    fn no_chip_of_another_family_is_believed() {
        let c3 = image(Chip::Esp32C3);
        let evidence =
            Evidence { image: Some(&c3), told: Some(Chip::Esp32), ..Evidence::default() };
        assert_eq!(Learnt::default().after(Family::Esp8266, &evidence).chip, None);
        let replaced = Learnt { chip: Some((Chip::Esp32, ChipFrom::Person)), ..Learnt::default() };
        assert_eq!(replaced.after(Family::Esp8266, &Evidence::default()).chip, None);
    }

    #[test]
    fn signed_once_is_signed_for_ever() {
        let signed = Image { signed: true, ..image(Chip::Esp8266) };
        let ran = Learnt::default()
            .after(Family::Esp8266, &Evidence { image: Some(&signed), ..Evidence::default() });
        let plain = image(Chip::Esp8266);
        let later = ran.after(
            Family::Esp8266,
            &Evidence { image: Some(&plain), changed: Some(7), ..Evidence::default() },
        );
        assert!(ran.ran_signed && later.ran_signed);
        assert_eq!(later.running_since, Some(7));
    }
}
