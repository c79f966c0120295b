//! The report card: everything that is known of a file before it is published.

use super::{Examined, Fits, Previous};
use crate::domain::chip::Family;
use crate::domain::image::Verdict;
use crate::domain::release::{Contradiction, PackedFrom, PackedSize, Question, contradictions};
use crate::domain::version::FirmwareVersion;

/// What is known of a file before it is published.
#[derive(Debug, Clone)]
pub struct ReportCard {
    /// What was read out of it.
    pub file: Examined,
    /// On which of the platform's devices it fits.
    pub fits: Fits,
    /// The release before, of the same chip and part.
    pub previous: Option<Previous>,
    /// The platform it would be published on; it may not exist yet.
    pub platform: Option<String>,
    /// That platform's number, where it exists.
    pub platform_id: Option<i64>,
    /// The version it would be published as.
    pub version: Option<FirmwareVersion>,
    /// The newest published version of that platform.
    pub newest: Option<String>,
    /// What keeps it from being published.
    pub questions: Vec<Question>,
    /// Questions that were answered with "do it anyway".
    pub accepted: Vec<Question>,
}

impl ReportCard {
    /// The family that the image is for.
    #[must_use]
    pub fn family(&self) -> Family {
        self.file.image.chip.family()
    }

    /// Its colour: whether it can be published as it is, with a person's word, or never.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        if self.questions.iter().any(|question| matches!(question, Question::Damaged(_))) {
            Verdict::Unfit
        } else if self.questions.is_empty() {
            Verdict::Sound
        } else {
            Verdict::Doubtful
        }
    }

    /// Where the file, its name and what it would be published as do not agree.
    #[must_use]
    pub fn contradictions(&self) -> Vec<Contradiction> {
        let file = &self.file;
        let platform = self.platform.as_deref();
        let version = self.version.clone().or_else(|| file.version_inside(platform));
        contradictions(&file.image.file_name, file.info(), platform, version.as_ref())
    }

    /// How large the image is compressed, as far as that is known.
    #[must_use]
    pub fn packed(&self) -> Option<PackedSize> {
        let estimate = |size| PackedSize { size, from: PackedFrom::Estimated };
        let packed = self.file.image.packed.as_ref();
        packed.map(PackedSize::of).or_else(|| self.file.packed_estimate.map(estimate))
    }
}
