//! The dry run: what every device of a platform would get, if something were changed.
//!
//! It makes a shelf of what would be and lets the very function decide that answers devices.

use std::collections::BTreeMap;

use super::fleet::Live;
use super::poll::View;
use super::rollouts::{Gate, PlanWish};
use super::shelf::Shelf;
use super::stock::Stock;
use super::{App, Error};
use crate::domain::device::Approval;
use crate::domain::mac::MacAddr;
use crate::domain::policy::{Channel, Rule};
use crate::domain::release::{Release, ReleaseState};
use crate::domain::rollout::Step;
use crate::domain::update::Decision;
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
}

/// What a device would get.
#[derive(Debug, Clone)]
pub struct Forecast {
    /// The device.
    pub mac: MacAddr,
    /// When it asked last; 0: never.
    pub last_seen: i64,
    /// What it runs, as it says.
    pub version: Option<String>,
    /// The decision; `None` where it never asked, so that nothing can be said.
    pub decision: Option<Decision>,
    /// The release that it would get; `None` where it gets none.
    pub gets: Option<FirmwareVersion>,
}

/// What the devices of a platform would get.
#[derive(Debug, Clone, Default)]
pub struct Preview {
    /// The platform's name.
    pub platform: String,
    /// One line per device, by address.
    pub devices: Vec<Forecast>,
    /// How many devices there are of each code of a decision; `never_asked` for those that never
    /// asked.
    pub counts: BTreeMap<&'static str, u64>,
}

impl Forecast {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.decision.as_ref().map_or("never_asked", Decision::code)
    }

    /// What it would get and why, in a sentence.
    #[must_use]
    pub fn text(&self) -> String {
        let never = || "It has never asked; what it gets is decided when it does.".to_owned();
        self.decision.as_ref().map_or_else(never, Decision::text)
    }
}

impl App {
    /// What every device of a platform would get after a change, if it asked as it did last.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Plan`].
    pub async fn preview(&self, platform_id: i64, supposed: &Supposed) -> Result<Preview, Error> {
        let (now, settings) = (self.now(), self.settings());
        let mut stock = Stock::load(&self.0.store, &self.0.rollouts).await?;
        self.suppose(&mut stock, platform_id, supposed)?;
        let shelf = Shelf::new(stock);
        let platform = shelf.platform_by_id(platform_id).ok_or(Error::NotFound("platform"))?;
        let mut preview =
            Preview { platform: platform.platform.name.to_string(), ..Preview::default() };
        self.0.fleet.each(|mac, live| {
            if is_concerned(live, platform_id, &shelf) {
                let found = View::offer_of_last(live, &shelf, &settings, now);
                let (decision, release) = found.unzip();
                let gets = release.flatten().map(|release| release.version.clone());
                let gets = gets.filter(|_| matches!(decision, Some(Decision::Offer(_))));
                let report = live.report.as_deref();
                let version = report.and_then(|report| report.version.as_deref());
                let version = version.map(ToOwned::to_owned);
                let last_seen = live.last_seen;
                preview.devices.push(Forecast { mac, last_seen, version, decision, gets });
            }
        });
        preview.devices.sort_unstable_by_key(|forecast| forecast.mac);
        for forecast in &preview.devices {
            *preview.counts.entry(forecast.code()).or_default() += 1;
        }
        Ok(preview)
    }

    /// Changes the stock as if that had happened.
    fn suppose(
        &self,
        stock: &mut Stock,
        platform_id: i64,
        supposed: &Supposed,
    ) -> Result<(), Error> {
        match supposed {
            Supposed::Nothing => {}
            Supposed::Published { release_id, version, channel, plan } => {
                let release = find(&mut stock.releases, *release_id)?;
                release.state = ReleaseState::Published;
                release.platform_id = Some(platform_id);
                release.version = version.clone().or_else(|| release.version.clone());
                release.channel = *channel;
                release.recalled = false;
                stock.gates.remove(release_id);
                if let Some(wish) = plan {
                    let now = self.now();
                    let plan = self.plan(wish, platform_id)?;
                    let mut rollout = plan.begin(*release_id, "", now);
                    if plan.starts_at.is_none_or(|start| start <= now) {
                        rollout.take(&Step::Start, now);
                    }
                    stock.gates.insert(*release_id, Gate::supposed(rollout));
                }
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
            Supposed::Ruled(_) | Supposed::Pinned(_) | Supposed::Floor(_) => {
                let mut platforms = stock.platforms.iter_mut();
                let platform = platforms.find(|platform| platform.id == platform_id);
                let platform = platform.ok_or(Error::NotFound("platform"))?;
                match supposed {
                    Supposed::Ruled(rule) => platform.rule = *rule,
                    Supposed::Pinned(pinned) => platform.pinned = *pinned,
                    Supposed::Floor(floor) => platform.floor.clone_from(floor),
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

fn find(releases: &mut [Release], id: i64) -> Result<&mut Release, Error> {
    releases.iter_mut().find(|release| release.id == id).ok_or(Error::NotFound("release"))
}

/// Whether a device belongs to a platform, or waits to be approved for it.
fn is_concerned(live: &Live, platform_id: i64, shelf: &Shelf) -> bool {
    if live.platform_id == Some(platform_id) {
        return true;
    }
    let asked = live.report.as_deref().and_then(|report| report.dev.as_deref());
    let asked = asked.and_then(|name| shelf.platform(name));
    live.approval == Approval::Pending && asked.is_some_and(|own| own.platform.id == platform_id)
}
