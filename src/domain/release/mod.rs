//! Releases: a version of a platform with its images, at most one per chip and part.

use std::iter::once;

use super::Timestamp;
use super::policy::Channel;
use super::version::FirmwareVersion;

mod contradiction;
mod image;
mod question;

pub use contradiction::{Contradiction, contradictions};
pub use image::{ChipChoice, Image, Packed, PackedFrom, PackedSize, Part};
pub use question::{Proposal, Question, questions_about_release};

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
    /// Whom it is for.
    pub channel: Channel,
    /// Whether devices that run it get another one, even a lower one.
    pub recalled: bool,
    /// What a person wrote about it.
    pub notes: String,
    /// Its image; of several the first: applications before file systems, ESP8266 first.
    pub image: Image,
    /// Its other images.
    pub others: Vec<Image>,
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

    /// All its images.
    pub fn images(&self) -> impl Iterator<Item = &Image> {
        once(&self.image).chain(&self.others)
    }
}

/// A published or withdrawn release with one of its images, as decisions see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Its number in the database.
    pub id: i64,
    /// Its platform.
    pub platform_id: i64,
    /// Its version.
    pub version: FirmwareVersion,
    /// The image.
    pub image: Image,
    /// Whether the release has other images too.
    pub has_others: bool,
    /// When it was published, last.
    pub published_at: Timestamp,
    /// Whom it is for.
    pub channel: Channel,
    /// Whether devices that run it get another one, even a lower one.
    pub recalled: bool,
}

impl Published {
    /// The name of its file: with the chip or part where the release has several images, and for
    /// every file system.
    #[must_use]
    pub fn file_name(&self, platform: &str) -> String {
        if self.has_others || self.image.part == Part::FileSystem {
            let stem = file_stem(platform, &self.version);
            return format!("{stem}_{}.bin", self.image.slug());
        }
        file_name(platform, &self.version)
    }
}

fn file_stem(platform: &str, version: &FirmwareVersion) -> String {
    format!("{}_{}", platform.to_ascii_lowercase(), version.file_part())
}

/// The name of a release's file: `<platform in lower case>_<1_0_2>.bin`.
#[must_use]
pub fn file_name(platform: &str, version: &FirmwareVersion) -> String {
    format!("{}.bin", file_stem(platform, version))
}
