//! What a dry run supposes.

use std::collections::HashMap;

use super::rollouts::PlanWish;
use crate::domain::mac::MacAddr;
use crate::domain::platform::{GzipPolicy, Platform};
use crate::domain::policy::{Channel, Policy, QuietHours, Rule};
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
    /// A platform has other quiet hours, or none.
    Quiet(Option<QuietHours>),
    /// A platform sends compressed images by another rule.
    Gzip(GzipPolicy),
    /// A group has other quiet hours, or none.
    GroupQuiet(i64, Option<QuietHours>),
    /// These devices get updates in another way.
    Decided(HashMap<MacAddr, Decided>),
    /// All of these.
    All(Vec<Supposed>),
}

/// How a device gets updates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// Its channel, its pin, and whether it gets any.
    pub policy: Policy,
    /// The groups it is in.
    pub groups: Vec<i64>,
}

impl Supposed {
    /// What is supposed of this device.
    pub(super) fn of_device(&self, mac: MacAddr) -> Option<&Decided> {
        match self {
            Self::Decided(devices) => devices.get(&mac),
            Self::All(several) => several.iter().find_map(|one| one.of_device(mac)),
            _ => None,
        }
    }

    /// Changes a platform, where it is about one.
    pub(super) fn change(&self, platform: &mut Platform) {
        match self {
            Self::Ruled(rule) => platform.rule = *rule,
            Self::Pinned(pinned) => platform.pinned = *pinned,
            Self::Floor(floor) => platform.floor.clone_from(floor),
            Self::Quiet(quiet) => platform.quiet = *quiet,
            Self::Gzip(gzip) => platform.gzip = *gzip,
            _ => {}
        }
    }

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
