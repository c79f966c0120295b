//! Releases: a version of a platform with its image.

use super::Timestamp;
use super::chip::{Chip, Family};
use super::digest::{Md5, Sha256};
use super::version::FirmwareVersion;

/// Where a release stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReleaseState {
    /// Uploaded, with its report card; not offered to anyone.
    Draft,
    /// Offered to devices while it is the newest of its platform.
    Published,
    /// Taken back: kept, offered to nobody.
    Withdrawn,
}

impl ReleaseState {
    /// The word in forms, JSON and the database.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Published => "published",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn read(word: &str) -> Option<Self> {
        [Self::Draft, Self::Published, Self::Withdrawn].into_iter().find(|v| v.word() == word)
    }
}

/// A firmware file as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// SHA-256 of the file, and the name under which it is stored.
    pub sha256: Sha256,
    /// MD5 of the file, as devices verify it.
    pub md5: Md5,
    /// Bytes of the file.
    pub size: u64,
    /// The chip it is for.
    pub chip: Chip,
    /// Whether the file's structure proves the chip's family; else `chip` is a guess, and nothing
    /// is withheld because of it.
    pub chip_certain: bool,
    /// The digest appended to an ESP32 image, which devices report.
    pub appended_sha256: Option<Sha256>,
    /// The name under which it was uploaded.
    pub file_name: String,
}

impl Image {
    /// Whether a device of this family may get it: never across families, as far as that is known.
    #[must_use]
    pub fn is_for(&self, family: Family) -> bool {
        !self.chip_certain || self.chip.family() == family
    }
}

/// What became of a release so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// How many times it was offered (200).
    pub offers: u64,
    /// How many downloads were completed.
    pub downloads: u64,
    /// Bytes that were sent, aborted downloads included.
    pub bytes: u64,
}

/// A release as pages and the API show it.
#[derive(Debug, Clone)]
pub struct Release {
    /// Its number in the database.
    pub id: i64,
    /// The platform; a draft may have none yet.
    pub platform_id: Option<i64>,
    /// That platform's name.
    pub platform: Option<String>,
    /// The version; a draft may have none yet.
    pub version: Option<FirmwareVersion>,
    /// Where it stands.
    pub state: ReleaseState,
    /// What a person wrote about it.
    pub notes: String,
    /// The image.
    pub image: Image,
    /// When it was uploaded.
    pub created_at: Timestamp,
    /// When it was published, last.
    pub published_at: Option<Timestamp>,
    /// When a draft is thrown away.
    pub expires_at: Option<Timestamp>,
    /// What became of it.
    pub counters: Counters,
}

impl Release {
    /// What to call it: "chase v1.0.2", or the file's name while it is a draft.
    #[must_use]
    pub fn title(&self) -> String {
        match (&self.platform, &self.version) {
            (Some(platform), Some(version)) => format!("{platform} {version}"),
            _ => self.image.file_name.clone(),
        }
    }
}

/// A published release as decisions see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Its number in the database.
    pub id: i64,
    /// Its platform.
    pub platform_id: i64,
    /// Its version.
    pub version: FirmwareVersion,
    /// Its image.
    pub image: Image,
    /// When it was published, last.
    pub published_at: Timestamp,
}

/// The name of a release's file: `<platform in lower case>_<1_0_2>.bin`.
#[must_use]
pub fn file_name(platform: &str, version: &FirmwareVersion) -> String {
    format!("{}_{}.bin", platform.to_ascii_lowercase(), version.file_part())
}

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
    /// The file was released already, as that release of that platform.
    Identical {
        /// The release.
        release_id: i64,
        /// What it is called.
        title: String,
    },
}

impl Question {
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
            Self::Identical { .. } => "identical",
        }
    }

    /// Whether a person may say "publish it anyway" (`accept=<code>`).
    #[must_use]
    pub const fn can_be_accepted(&self) -> bool {
        matches!(
            self,
            Self::PlatformUnknown(_)
                | Self::VersionUnreadable(_)
                | Self::VersionNotHigher { .. }
                | Self::OtherFamily { .. }
                | Self::Identical { .. }
        )
    }

    /// The question in one sentence, with what to do.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Damaged(what) => format!("The file is damaged. {what} Build it again."),
            Self::PlatformMissing => "No platform's name was found in the file. Choose the \
                platform it is for, or create it."
                .to_owned(),
            Self::PlatformUnknown(name) => {
                format!("There is no platform “{name}” yet. Create it, or choose another one.")
            }
            Self::PlatformAmbiguous(names) => format!(
                "The names of several platforms are in the file ({}). Choose the one it is for.",
                names.join(", ")
            ),
            Self::VersionMissing => "No version was found in the file. Type the version that the \
                sketch will report."
                .to_owned(),
            Self::VersionAmbiguous(versions) => format!(
                "Several versions are in the file ({}). Choose the one that the sketch will report.",
                versions.join(", ")
            ),
            Self::VersionUnreadable(version) => format!(
                "“{version}” cannot be read as a version. It sorts below every other one, and a \
                 device gets it unless it reports exactly this text."
            ),
            Self::VersionExists(version) => format!(
                "Version {version} of this platform exists already. Raise the version in the \
                 sketch, or delete the other release first."
            ),
            Self::VersionNotHigher { offered, newest } => format!(
                "Version {offered} is not higher than {newest}, which is already published. \
                 Devices that run {newest} will not get it."
            ),
            Self::OtherFamily { offered, newest } => format!(
                "This image is for {offered}, but the newest release of this platform is for \
                 {newest}. Devices of the other family would get nothing from it."
            ),
            Self::Identical { title, .. } => {
                format!("Exactly this file is already there as {title}.")
            }
        }
    }
}

/// What a draft's publication is judged by.
#[derive(Debug, Clone, Copy)]
pub struct Proposal<'a> {
    /// The version it would be published as.
    pub version: Option<&'a FirmwareVersion>,
    /// The image.
    pub image: &'a Image,
    /// The draft's own number, which is not its own rival.
    pub own_id: Option<i64>,
}

/// The questions about publishing a version on a platform that has these releases.
#[must_use]
pub fn questions_about_version(proposal: Proposal<'_>, others: &[Release]) -> Vec<Question> {
    let others = || {
        let settled = others.iter().filter(|other| other.state != ReleaseState::Draft);
        settled.filter(|other| Some(other.id) != proposal.own_id)
    };
    let mut questions = Vec::new();
    if let Some(same) = others().find(|other| other.image.sha256 == proposal.image.sha256) {
        questions.push(Question::Identical { release_id: same.id, title: same.title() });
    }
    let Some(version) = proposal.version else {
        return questions;
    };
    if !version.is_readable() {
        questions.push(Question::VersionUnreadable(version.to_string()));
    }
    let published = others().filter(|other| other.state == ReleaseState::Published);
    let newest = published.max_by(|a, b| a.version.cmp(&b.version).then(a.id.cmp(&b.id)));
    if others().any(|other| other.version.as_ref() == Some(version)) {
        questions.push(Question::VersionExists(version.to_string()));
    } else if let Some(newest_version) = newest.and_then(|newest| newest.version.as_ref())
        && version <= newest_version
    {
        let (offered, newest) = (version.to_string(), newest_version.to_string());
        questions.push(Question::VersionNotHigher { offered, newest });
    }
    if let Some(newest) = newest
        && proposal.image.chip_certain
        && !newest.image.is_for(proposal.image.chip.family())
    {
        let (offered, newest) = (proposal.image.chip, newest.image.chip);
        questions.push(Question::OtherFamily { offered, newest });
    }
    questions
}
