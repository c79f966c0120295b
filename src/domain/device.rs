//! Devices: what is known of each.

use std::net::IpAddr;

use super::Timestamp;
use super::learnt::Learnt;
use super::mac::MacAddr;
use super::policy::Policy;
use super::release::Part;
use super::report::Report;
use super::rhythm::Rhythm;

/// Whether a device may have releases ("whitelist").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Approval {
    /// It asked and waits for a person's word.
    Pending,
    /// It gets the releases of its platform.
    Approved,
    /// A person does not want to be asked about it; it gets nothing.
    Ignored,
    /// It was approved once and gets nothing any more.
    Blocked,
}

impl Approval {
    /// All of them, in the order pages list them.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Approved, Self::Ignored, Self::Blocked];

    /// The word in forms, JSON and the database.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Ignored => "ignored",
            Self::Blocked => "blocked",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|value| value.word() == word)
    }

    /// Whether a person may say so of a device that stands like this: one that was approved is
    /// blocked and not ignored, one that was set aside is approved, and none waits again.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        use Approval::{Approved, Blocked, Ignored, Pending};
        matches!(
            (self, next),
            (_, Approved)
                | (Pending, Pending | Ignored)
                | (Ignored, Ignored)
                | (Pending | Approved | Blocked, Blocked)
        )
    }
}

/// A device as pages and the API show it.
#[derive(Debug, Clone)]
pub struct Device {
    /// Its number in the database.
    pub id: i64,
    /// Its identity.
    pub mac: MacAddr,
    /// What a person calls it, empty where nobody did.
    pub name: String,
    /// Whether it may have releases.
    pub approval: Approval,
    /// The platform it belongs to.
    pub platform_id: Option<i64>,
    /// That platform's name.
    pub platform: Option<String>,
    /// When it was recorded.
    pub first_seen: Timestamp,
    /// Its latest check-in; `None` where it was typed in and never asked.
    pub last_seen: Option<Timestamp>,
    /// How many times it checked in.
    pub checkins: u64,
    /// How often it asks.
    pub rhythm: Rhythm,
    /// What it said last.
    pub report: Option<Report>,
    /// Where it last asked from.
    pub address: Option<IpAddr>,
    /// The `Host` it last asked for.
    pub host: Option<String>,
    /// What the last check-in came to.
    pub outcome: Option<Outcome>,
    /// What is known of it beyond what it says.
    pub learnt: Learnt,
    /// What a person decided about it.
    pub policy: Policy,
    /// The numbers of the groups it is in, ascending.
    pub groups: Vec<i64>,
}

impl Device {
    /// What to call it: its name, else its address.
    #[must_use]
    pub fn title(&self) -> String {
        if self.name.is_empty() { self.mac.to_string() } else { self.name.clone() }
    }
}

/// What a check-in came to: the status that was sent and the code of the decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The HTTP status.
    pub status: u16,
    /// The decision's stable code, like `up_to_date`.
    pub code: String,
    /// The decision in one sentence.
    pub text: String,
}

/// How one try to update a device stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AttemptState {
    /// The firmware was offered (200) and is being sent.
    Offered,
    /// The transfer ended before the last byte.
    Aborted,
    /// The last byte was taken and the connection closed in order; no proof yet.
    Delivered,
    /// The device came back with the new version.
    Confirmed,
    /// The device came back unchanged.
    NotTaken,
    /// The device came back with something else.
    Overtaken,
    /// The device came back with the new version, and then with the old one again.
    RolledBack,
    /// The device did not check in again; it may yet.
    Lost,
}

impl AttemptState {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Offered,
        Self::Aborted,
        Self::Delivered,
        Self::Confirmed,
        Self::NotTaken,
        Self::Overtaken,
        Self::RolledBack,
        Self::Lost,
    ];

    /// The word in JSON and the database.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Offered => "offered",
            Self::Aborted => "aborted",
            Self::Delivered => "delivered",
            Self::Confirmed => "confirmed",
            Self::NotTaken => "not_taken",
            Self::Overtaken => "overtaken",
            Self::RolledBack => "rolled_back",
            Self::Lost => "lost",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|value| value.word() == word)
    }

    /// The word as a person reads it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::NotTaken => "not taken",
            Self::RolledBack => "rolled back",
            other => other.word(),
        }
    }
}

/// One try to update a device.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// Its number in the database.
    pub id: i64,
    /// The device.
    pub device_id: i64,
    /// The release that was offered; `None` once that was deleted.
    pub release_id: Option<i64>,
    /// The version that was offered.
    pub version: String,
    /// How it stands.
    pub state: AttemptState,
    /// When it was offered.
    pub offered_at: Timestamp,
    /// When the transfer ended.
    pub ended_at: Option<Timestamp>,
    /// When the next check-in settled it.
    pub settled_at: Option<Timestamp>,
    /// Bytes that the device's connection took.
    pub bytes: u64,
    /// Bytes of the image.
    pub size: u64,
    /// How long the transfer took, in milliseconds.
    pub millis: Option<u64>,
    /// What the image is for.
    pub part: Part,
    /// Whether it was sent compressed.
    pub packed: bool,
}
