//! What a dry run supposes.

use std::collections::HashMap;

use super::rollouts::{Gate, PlanWish};
use super::shelf::Shelf;
use super::stock::Stock;
use super::{App, Error};
use crate::domain::mac::MacAddr;
use crate::domain::platform::{GzipPolicy, Platform};
use crate::domain::policy::{Channel, Policy, QuietHours, Rule};
use crate::domain::release::{Release, ReleaseState};
use crate::domain::rollout::Step;
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

impl App {
    /// The shelf as it would be with a release published all at once.
    ///
    /// # Errors
    /// Where the database fails.
    pub(super) async fn shelf_with(&self, release: Release) -> Result<Shelf, Error> {
        let mut stock = Stock::picture(&self.0.store, &self.0.rollouts).await?;
        stock.gates.remove(&release.id);
        self.suppose_published(&mut stock, release, None, None)?;
        Ok(Shelf::new(stock))
    }

    /// Puts a release on the shelf of what would be, with the gate of its plan; `open` is the same
    /// shelf without that gate.
    fn suppose_published(
        &self,
        stock: &mut Stock,
        mut release: Release,
        plan: Option<&PlanWish>,
        open: Option<&Shelf>,
    ) -> Result<(), Error> {
        let (id, now) = (release.id, self.now());
        release.state = ReleaseState::Published;
        release.recalled = false;
        if let Some(wish) = plan {
            let family = Some(release.image.chip.family());
            let of = (release.platform_id.unwrap_or_default(), family);
            let plan = self.plan(wish, of, open.map(|open| (open, id)))?;
            let mut rollout = plan.begin(id, "", now);
            if plan.starts_at.is_none_or(|start| start <= now) {
                rollout.take(&Step::Start, now);
            }
            stock.gates.insert(id, Gate::supposed(rollout));
        }
        stock.releases.retain(|own| own.id != id);
        stock.releases.push(release);
        Ok(())
    }

    /// Changes the stock as if that had happened.
    pub(super) fn suppose(
        &self,
        stock: &mut Stock,
        platform_id: i64,
        supposed: &Supposed,
        open: Option<&Shelf>,
    ) -> Result<(), Error> {
        match supposed {
            // What is supposed of a device is looked at when that is.
            Supposed::Nothing | Supposed::Decided(_) => {}
            Supposed::Published { release_id, version, channel, plan } => {
                let mut release = find(&mut stock.releases, *release_id)?.clone();
                release.platform_id = Some(platform_id);
                release.version = version.clone().or(release.version);
                release.channel = *channel;
                stock.gates.remove(release_id);
                self.suppose_published(stock, release, plan.as_ref(), open)?;
            }
            Supposed::New { release, plan } => {
                let same = |own: &&Release| own.id == release.id;
                let joins = stock.releases.iter().find(same);
                if joins.is_none_or(|own| own.state != ReleaseState::Published) {
                    stock.gates.remove(&release.id);
                }
                self.suppose_published(stock, release.as_ref().clone(), plan.as_ref(), open)?;
            }
            Supposed::Recorded { release_id, version } => {
                find(&mut stock.releases, *release_id)?.version = Some(version.clone());
            }
            Supposed::Withdrawn(id) => {
                find(&mut stock.releases, *id)?.state = ReleaseState::Withdrawn;
            }
            Supposed::Recalled(ids) => {
                for id in ids {
                    let release = find(&mut stock.releases, *id)?;
                    release.state = ReleaseState::Withdrawn;
                    release.recalled = true;
                }
            }
            Supposed::All(several) => {
                for one in several {
                    self.suppose(stock, platform_id, one, open)?;
                }
            }
            Supposed::GroupQuiet(id, quiet) => {
                let group = stock.groups.iter_mut().find(|group| group.id == *id);
                group.ok_or(Error::NotFound("group"))?.quiet = *quiet;
            }
            Supposed::Ruled(_)
            | Supposed::Pinned(_)
            | Supposed::Floor(_)
            | Supposed::Quiet(_)
            | Supposed::Gzip(_) => {
                let mut platforms = stock.platforms.iter_mut();
                let platform = platforms.find(|platform| platform.id == platform_id);
                supposed.change(platform.ok_or(Error::NotFound("platform"))?);
            }
        }
        Ok(())
    }
}

fn find(releases: &mut [Release], id: i64) -> Result<&mut Release, Error> {
    releases.iter_mut().find(|release| release.id == id).ok_or(Error::NotFound("release"))
}
