//! What a dry run supposes.

use super::rollouts::PlanWish;
use crate::domain::policy::{Channel, Rule};
use crate::domain::release::Release;
use crate::domain::version::FirmwareVersion;

/// What is supposed to be changed.
#[derive(Debug, Clone)]
pub enum Supposed {
    /// Nothing: how things stand.
    Nothing,
    /// A draft or withdrawn release is published, as this version where it has none yet.
    Published {
        /// Its number.
        release_id: i64,
        /// The version.
        version: Option<FirmwareVersion>,
        /// Whom it is for.
        channel: Channel,
        /// How it reaches them; `None`: all at once.
        plan: Option<PlanWish>,
    },
    /// This is published: a draft, an upload that is not kept, or a release with one image more.
    New {
        /// What it would be.
        release: Box<Release>,
        /// How it reaches its devices; `None`: all at once.
        plan: Option<PlanWish>,
    },
    /// A release is recorded as another version.
    Recorded {
        /// Its number.
        release_id: i64,
        /// The version.
        version: FirmwareVersion,
    },
    /// A release is withdrawn.
    Withdrawn(i64),
    /// These releases are recalled.
    Recalled(Vec<i64>),
    /// A platform has another rule.
    Ruled(Rule),
    /// A platform is pinned to a release, or to none.
    Pinned(Option<i64>),
    /// The lowest version of a platform is another one.
    Floor(Option<FirmwareVersion>),
    /// All of these.
    All(Vec<Supposed>),
}

impl Supposed {
    /// The release that devices would get by it.
    pub(super) fn release_id(&self) -> Option<i64> {
        match self {
            Self::Published { release_id, .. } => Some(*release_id),
            Self::New { release, .. } => Some(release.id),
            _ => None,
        }
    }

    /// The same all at once; `None` where it is so already.
    pub(super) fn without_plan(&self) -> Option<Self> {
        match self.clone() {
            Self::Published { release_id, version, channel, plan: Some(_) } => {
                Some(Self::Published { release_id, version, channel, plan: None })
            }
            Self::New { release, plan: Some(_) } => Some(Self::New { release, plan: None }),
            _ => None,
        }
    }
}
