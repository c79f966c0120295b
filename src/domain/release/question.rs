//! Questions that only a person can answer before a draft becomes a release.

use super::{Image, Part, Release, ReleaseState};
use crate::domain::chip::Chip;
use crate::domain::image::DOUBTS;
use crate::domain::policy::Channel;
use crate::domain::version::FirmwareVersion;

/// Something that keeps a draft from being published without a person's word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// The file is damaged: no device could start it.
    Damaged(
        /// What is wrong, as a sentence.
        String,
    ),
    /// No known platform's name is in the file, and nobody named one.
    PlatformMissing,
    /// A platform was named that does not exist.
    PlatformUnknown(String),
    /// The names of several platforms are in the file.
    PlatformAmbiguous(Vec<String>),
    /// No version is in the file, and nobody typed one.
    VersionMissing,
    /// Several versions are in the file.
    VersionAmbiguous(Vec<String>),
    /// The version cannot be read as a number; it would sort below every other.
    VersionUnreadable(String),
    /// A release with this version exists on the platform.
    VersionExists(String),
    /// The version is not higher than the newest one of the platform.
    VersionNotHigher {
        /// The version of the file.
        offered: String,
        /// The newest one that is published.
        newest: String,
    },
    /// The image is for another family of chips than the platform's newest release.
    OtherFamily {
        /// The chip of the file.
        offered: Chip,
        /// The chip of the newest release.
        newest: Chip,
    },
    /// It is the first image for this chip on the platform, though the family has others.
    OtherChip {
        /// The chip of the file.
        offered: Chip,
        /// The chips of the platform's releases.
        known: Vec<Chip>,
    },
    /// It is not signed, though the release before was.
    Unsigned {
        /// What that release is called.
        previous: String,
    },
    /// It was built for more flash memory than the smallest device of the platform has.
    FlashSize {
        /// What it was built for, in bytes.
        built_for: u64,
        /// What that device has, in bytes.
        smallest: u64,
        /// What that device is called.
        device: String,
    },
    /// It fits none of the platform's devices.
    FitsNone {
        /// How many devices there are.
        devices: usize,
    },
    /// Something about the file that a person should look at.
    Doubtful {
        /// The stable word of what is odd.
        code: &'static str,
        /// What is odd, as a sentence.
        text: String,
    },
    /// The file was released already, as that release of that platform.
    Identical {
        /// The release.
        release_id: i64,
        /// What it is called.
        title: String,
    },
}

/// The codes of the questions that a person may answer with "publish it anyway", without those of
/// what is odd about a file ([`DOUBTS`]).
const ACCEPTABLE: [&str; 9] = [
    "platform_unknown",
    "version_unreadable",
    "version_not_higher",
    "other_family",
    "other_chip",
    "unsigned",
    "flash_size",
    "fits_none",
    "identical",
];

impl Question {
    /// All codes that `accept=` takes.
    pub fn acceptable_codes() -> impl Iterator<Item = &'static str> {
        ACCEPTABLE.into_iter().chain(DOUBTS)
    }

    /// The stable code, as `accept=` takes it.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Damaged(_) => "damaged",
            Self::PlatformMissing => "platform_missing",
            Self::PlatformUnknown(_) => "platform_unknown",
            Self::PlatformAmbiguous(_) => "platform_ambiguous",
            Self::VersionMissing => "version_missing",
            Self::VersionAmbiguous(_) => "version_ambiguous",
            Self::VersionUnreadable(_) => "version_unreadable",
            Self::VersionExists(_) => "version_exists",
            Self::VersionNotHigher { .. } => "version_not_higher",
            Self::OtherFamily { .. } => "other_family",
            Self::OtherChip { .. } => "other_chip",
            Self::Unsigned { .. } => "unsigned",
            Self::FlashSize { .. } => "flash_size",
            Self::FitsNone { .. } => "fits_none",
            Self::Doubtful { code, .. } => code,
            Self::Identical { .. } => "identical",
        }
    }

    /// Whether a person may say "publish it anyway" (`accept=<code>`).
    #[must_use]
    pub const fn can_be_accepted(&self) -> bool {
        !matches!(
            self,
            Self::Damaged(_)
                | Self::PlatformMissing
                | Self::PlatformAmbiguous(_)
                | Self::VersionMissing
                | Self::VersionAmbiguous(_)
                | Self::VersionExists(_)
        )
    }

    /// The question in one sentence, with what to do.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Damaged(what) => what.clone(),
            Self::PlatformMissing => "No platform's name was found in the file. Choose the \
                platform it is for, or create it."
                .to_owned(),
            Self::PlatformUnknown(name) => {
                format!("There is no platform “{name}” yet. Create it, or choose another one.")
            }
            Self::PlatformAmbiguous(names) => platform_ambiguous(names),
            Self::VersionMissing => "No version was found in the file. Type the version that the \
                sketch will report."
                .to_owned(),
            Self::VersionAmbiguous(versions) => version_ambiguous(versions),
            Self::VersionUnreadable(version) => format!(
                "“{version}” cannot be read as a version. It sorts below every other one, and a \
                 device gets it unless it reports exactly this text."
            ),
            Self::VersionExists(version) => format!(
                "Version {version} of this platform exists already with an image of this kind. \
                 Raise the version in the sketch, or delete the other release first."
            ),
            Self::VersionNotHigher { offered, newest } => format!(
                "Version {offered} is not higher than {newest}, which is already published. \
                 Devices that run {newest} will not get it."
            ),
            Self::OtherFamily { offered, newest } => format!(
                "This image is for {offered}, but the newest release of this platform is for \
                 {newest}. Devices of the other family would get nothing from it."
            ),
            Self::OtherChip { offered, known } => format!(
                "This is the first image for {offered} on this platform; its releases so far are \
                 for {}. Is it the right platform?",
                list(known)
            ),
            Self::Unsigned { previous } => format!(
                "This file is not signed, but {previous} was. Devices that check signatures \
                 refuse it, and devices that ran a signed image are not offered it."
            ),
            Self::FlashSize { built_for, smallest, device } => {
                more_flash(*built_for, *smallest, device)
            }
            Self::FitsNone { devices } => fits_none(*devices),
            Self::Doubtful { text, .. } => text.clone(),
            Self::Identical { title, .. } => {
                format!("Exactly this file is already there as {title}.")
            }
        }
    }
}

fn platform_ambiguous(names: &[String]) -> String {
    match names {
        [only] => format!(
            "The name of {only} is in the file, but perhaps by chance. Choose the platform it is \
             for."
        ),
        many => format!(
            "The names of several platforms are in the file ({}). Choose the one it is for.",
            many.join(", ")
        ),
    }
}

fn version_ambiguous(versions: &[String]) -> String {
    match versions {
        [only] => format!(
            "The version is perhaps {only}, but that is not certain. Choose the one that the \
             sketch will report."
        ),
        many => format!(
            "Several versions are in the file ({}). Choose the one that the sketch will report.",
            many.join(", ")
        ),
    }
}

fn more_flash(built_for: u64, smallest: u64, device: &str) -> String {
    format!(
        "It was built for {} of flash memory, but {device} has only {}. An ESP8266 refuses it \
         (-107); choose the right board in the IDE.",
        megabytes(built_for),
        megabytes(smallest)
    )
}

fn fits_none(devices: usize) -> String {
    let which = if devices == 1 {
        "does not fit the only device".to_owned()
    } else {
        format!("fits none of the {devices} devices")
    };
    format!(
        "It {which} of this platform: make the sketch smaller, or choose a flash layout with more \
         room."
    )
}

/// What a draft's publication is judged by.
#[derive(Debug, Clone, Copy)]
pub struct Proposal<'a> {
    /// The version it would be published as.
    pub version: Option<&'a FirmwareVersion>,
    /// The image.
    pub image: &'a Image,
    /// Whom it would be for.
    pub channel: Channel,
    /// The draft's own number, which is not its own rival.
    pub own_id: Option<i64>,
}

/// The questions about publishing an image on a platform that has these releases.
#[must_use]
pub fn questions_about_release(proposal: Proposal<'_>, others: &[Release]) -> Vec<Question> {
    let others = || {
        let settled = others.iter().filter(|other| other.state != ReleaseState::Draft);
        settled.filter(|other| Some(other.id) != proposal.own_id)
    };
    let mut questions = Vec::new();
    let same = |other: &&Release| other.images().any(|own| own.sha256 == proposal.image.sha256);
    if let Some(same) = others().find(same) {
        questions.push(Question::Identical { release_id: same.id, title: same.title() });
    }
    let published = others().filter(|other| other.state == ReleaseState::Published);
    let newest = published.max_by(|a, b| a.version.cmp(&b.version).then(a.id.cmp(&b.id)));
    if let Some(version) = proposal.version {
        // A stable release may be lower than a beta one: other devices get it.
        let rival = |other: &&Release| {
            other.state == ReleaseState::Published && proposal.channel.follows(other.channel)
        };
        let rivals = others().filter(rival);
        let highest = rivals.max_by(|a, b| a.version.cmp(&b.version).then(a.id.cmp(&b.id)));
        questions.extend(about_version(version, proposal.image, others(), highest));
    }
    if proposal.image.part == Part::Application {
        let published = || others().filter(|other| other.state == ReleaseState::Published);
        questions.extend(about_chip(proposal.image, newest, published().flat_map(Release::images)));
        let before = published().filter(|other| other.version.as_ref() != proposal.version);
        questions.extend(about_signature(proposal.image, before));
    }
    questions
}

fn about_version<'a>(
    version: &FirmwareVersion,
    image: &Image,
    mut others: impl Iterator<Item = &'a Release>,
    newest: Option<&Release>,
) -> Vec<Question> {
    let mut questions = Vec::new();
    if !version.is_readable() {
        questions.push(Question::VersionUnreadable(version.to_string()));
    }
    if let Some(same) = others.find(|other| other.version.as_ref() == Some(version)) {
        // One version may have an image for each chip, and a file system.
        if same.state != ReleaseState::Published || same.images().any(|own| rivals(own, image)) {
            questions.push(Question::VersionExists(version.to_string()));
        }
    } else if let Some(newest) = newest.and_then(|newest| newest.version.as_ref())
        && version <= newest
    {
        let (offered, newest) = (version.to_string(), newest.to_string());
        questions.push(Question::VersionNotHigher { offered, newest });
    }
    questions
}

/// Whether two images of one release would be for the same devices.
#[must_use]
fn rivals(one: &Image, other: &Image) -> bool {
    one.part == other.part && one.chip == other.chip
}

fn about_chip<'a>(
    image: &Image,
    newest: Option<&Release>,
    images: impl Iterator<Item = &'a Image>,
) -> Option<Question> {
    let mut known: Vec<Chip> = Vec::new();
    for other in images.filter(|other| other.part == Part::Application) {
        if !known.contains(&other.chip) {
            known.push(other.chip);
        }
    }
    if !image.chip_certain || known.is_empty() || known.contains(&image.chip) {
        return None;
    }
    known.sort_unstable();
    let offered = image.chip;
    if known.iter().any(|chip| chip.family() == offered.family()) {
        return Some(Question::OtherChip { offered, known });
    }
    let newest = newest.map_or(offered, |newest| newest.image.chip);
    Some(Question::OtherFamily { offered, newest })
}

fn about_signature<'a>(
    image: &Image,
    published: impl Iterator<Item = &'a Release>,
) -> Option<Question> {
    let of_chip = |release: &&Release| {
        let mut images = release.images();
        images.any(|own| own.part == image.part && own.chip == image.chip && own.signed)
    };
    let signed = published.filter(of_chip).max_by(|a, b| a.version.cmp(&b.version))?;
    (!image.signed).then(|| Question::Unsigned { previous: signed.title() })
}

/// Chips as a person reads them.
fn list(chips: &[Chip]) -> String {
    chips.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// A size of flash memory, which is always a power of two.
fn megabytes(bytes: u64) -> String {
    if bytes < 1 << 20 { format!("{} KiB", bytes >> 10) } else { format!("{} MiB", bytes >> 20) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One of each, as far as its code is its own.
    fn all() -> Vec<Question> {
        let text = String::new;
        vec![
            Question::Damaged(text()),
            Question::PlatformMissing,
            Question::PlatformUnknown(text()),
            Question::PlatformAmbiguous(Vec::new()),
            Question::VersionMissing,
            Question::VersionAmbiguous(Vec::new()),
            Question::VersionUnreadable(text()),
            Question::VersionExists(text()),
            Question::VersionNotHigher { offered: text(), newest: text() },
            Question::OtherFamily { offered: Chip::Esp32, newest: Chip::Esp8266 },
            Question::OtherChip { offered: Chip::Esp32, known: Vec::new() },
            Question::Unsigned { previous: text() },
            Question::FlashSize { built_for: 1, smallest: 1, device: text() },
            Question::FitsNone { devices: 1 },
            Question::Identical { release_id: 1, title: text() },
        ]
    }

    #[test]
    fn exactly_the_questions_that_can_be_accepted_have_a_code_to_accept() {
        let mut codes: Vec<&str> = Question::acceptable_codes().collect();
        for question in all() {
            let listed = codes.contains(&question.code());
            assert_eq!(listed, question.can_be_accepted(), "{}", question.code());
            codes.retain(|code| *code != question.code());
        }
        assert_eq!(codes, DOUBTS);
        let doubt = |code| Question::Doubtful { code, text: String::new() };
        assert!(DOUBTS.into_iter().map(doubt).all(|doubt| doubt.can_be_accepted()));
    }
}
