//! Platforms: the kinds of devices that share a firmware.

use super::Timestamp;
use super::names::PlatformName;
use super::policy::{QuietHours, Rule};
use super::version::FirmwareVersion;

/// Which devices of a platform get its releases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Admission {
    /// Only those a person approved.
    #[default]
    Approved,
    /// Any device that asks: it is approved at its first contact.
    Any,
}

impl Admission {
    /// The word in forms, JSON and the database.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Any => "any",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn read(word: &str) -> Option<Self> {
        [Self::Approved, Self::Any].into_iter().find(|value| value.word() == word)
    }
}

/// Whether ESP8266 devices of a platform get compressed images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GzipPolicy {
    /// Those that are known to unpack them, where nothing speaks against it.
    #[default]
    Auto,
    /// None.
    Off,
    /// All, unless it is known to be harmful; a device that does not take one gets plain images.
    Always,
}

impl GzipPolicy {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Auto, Self::Off, Self::Always];

    /// The word in forms, JSON and the database.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Off => "off",
            Self::Always => "always",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.word() == word)
    }
}

/// A kind of device, named as the sketch names itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Platform {
    /// Its number in the database.
    pub id: i64,
    /// Its name.
    pub name: PlatformName,
    /// What a person wrote about it.
    pub description: String,
    /// Which devices get its releases.
    pub admission: Admission,
    /// Whether its ESP8266 devices get compressed images.
    pub gzip: GzipPolicy,
    /// The lowest version that is ever offered.
    pub floor: Option<FirmwareVersion>,
    /// When a release is offered to a device that runs another one.
    pub rule: Rule,
    /// The release that all its devices get, and no other.
    pub pinned: Option<i64>,
    /// Hours in which nothing is offered.
    pub quiet: Option<QuietHours>,
    /// When it was created.
    pub created_at: Timestamp,
}
