//! How a rollout begins.

use super::super::fleet::Live;
use super::super::poll::View;
use super::super::shelf::{Shelf, ShelfPlatform};
use super::super::{App, Error, Wishes};
use crate::domain::actor::Actor;
use crate::domain::chip::Family;
use crate::domain::policy::Channel;
use crate::domain::release::{Part, Release};
use crate::domain::rollout::{Plan, Size, StagePlan, Step};
use crate::domain::update::Decision;
use crate::domain::version::FirmwareVersion;

/// A rollout as a person wishes for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlanWish {
    /// Its stages, like `canaries, 10%, everyone`.
    pub stages: String,
    /// The addresses of its canaries; empty where a stage of canaries is wished for: the device of
    /// the platform that asked last, of those that would get the release.
    pub canaries: Vec<String>,
    /// The only group that gets it, by name.
    pub group: Option<String>,
    /// Seconds for which each stage is watched; `None`: half an hour.
    pub soak: Option<i64>,
    /// At how many failures a stage halts; `None`: by the usual rule.
    pub max_failures: Option<u32>,
    /// Whether a person is asked before each further stage.
    pub ask: bool,
    /// How many devices may have it unconfirmed, at least; `None`: ten.
    pub at_once: Option<u32>,
    /// Seconds after which a stage goes on without the devices that did not ask; `None`: a week.
    pub deadline: Option<i64>,
    /// When it begins; `None`: at once.
    pub starts_at: Option<i64>,
}

impl App {
    /// The plan that a wish comes to for a platform, for an image for this family of chips; `open`
    /// is the shelf with the release of this number published all at once, where that is known.
    ///
    /// # Errors
    /// [`Error::Plan`], [`Error::NotFound`] where a canary or group is not known.
    pub(in crate::app) fn plan(
        &self,
        wish: &PlanWish,
        (platform_id, family): (i64, Option<Family>),
        open: Option<(&Shelf, i64)>,
    ) -> Result<Plan, Error> {
        let shelf = self.shelf();
        let mut stages = Plan::read_stages(&wish.stages)?;
        for stage in &mut stages {
            tune(stage, wish);
        }
        let default = Plan::default();
        let mut plan = Plan {
            group: wish.group.as_deref().map(|name| group(&shelf, name)).transpose()?,
            canaries: self.canaries(&wish.canaries)?,
            stages,
            ask: wish.ask,
            at_once: wish.at_once.unwrap_or(default.at_once),
            deadline: wish.deadline.unwrap_or(default.deadline),
            starts_at: wish.starts_at,
        };
        let wants = plan.stages.iter().any(|stage| stage.size == Size::Canaries);
        if wants && plan.canaries.is_empty() {
            plan.canaries.extend(self.liveliest(platform_id, plan.group, family, open));
        }
        plan.check()?;
        Ok(plan)
    }

    /// Refuses a plan that cannot be carried out, before anything is kept.
    pub(in crate::app) fn check_plan(
        &self,
        wishes: &Wishes,
        platform_id: Option<i64>,
    ) -> Result<(), Error> {
        if let Some(plan) = &wishes.plan {
            // A platform that does not exist yet has no devices, and no number.
            self.plan(plan, (platform_id.unwrap_or_default(), None), None)?;
        }
        Ok(())
    }

    /// Puts the gate of a rollout before a release that is about to be published, or takes away an
    /// old one; `release` is what it is about to be. Whoever calls it holds `changing` and makes a
    /// new shelf.
    pub(in crate::app) async fn begin_rollout(
        &self,
        release: Release,
        wish: Option<&PlanWish>,
        actor: &Actor,
    ) -> Result<(), Error> {
        let release_id = release.id;
        let Some(wish) = wish else {
            return Ok(self.0.store.ungate(release_id).await?);
        };
        let now = self.now();
        let of = (release.platform_id.unwrap_or_default(), Some(release.image.chip.family()));
        let open = self.shelf_with(release).await?;
        let plan = self.plan(wish, of, Some((&open, release_id)))?;
        let mut rollout = plan.begin(release_id, &actor.to_string(), now);
        if plan.starts_at.is_none_or(|start| start <= now) {
            rollout.take(&Step::Start, now);
        }
        self.0.store.insert_rollout(&rollout).await?;
        Ok(())
    }

    /// Ends the rollouts of lower releases for the same devices: a newer one takes their place.
    pub(in crate::app) async fn replace_rollouts(
        &self,
        release_id: i64,
        platform: &ShelfPlatform,
        version: &FirmwareVersion,
        channel: Channel,
    ) -> Result<(), Error> {
        let older = platform.published.iter().filter(|release| {
            let same = release.channel == channel && release.version < *version;
            same && release.id != release_id && release.image.part == Part::Application
        });
        for release in older {
            self.end_rollout(release.id, &format!("{version} takes its place.")).await?;
        }
        Ok(())
    }

    fn canaries(&self, addresses: &[String]) -> Result<Vec<i64>, Error> {
        let mut canaries = Vec::new();
        for address in addresses.iter().filter(|address| !address.trim().is_empty()) {
            let id = self.0.fleet.with(address.parse()?, |live| live.id);
            canaries.push(id.ok_or(Error::NotFound("device"))?);
        }
        canaries.sort_unstable();
        canaries.dedup();
        Ok(canaries)
    }

    /// The approved device of a platform that asked last, of those that would get the release: the
    /// one whose outcome is known soonest. Where none would get it now, the one that asked last; one
    /// of another family of chips could never take it.
    fn liveliest(
        &self,
        platform_id: i64,
        group: Option<i64>,
        family: Option<Family>,
        open: Option<(&Shelf, i64)>,
    ) -> Option<i64> {
        let (settings, now) = (self.settings(), self.now());
        let would_get = |live: &Live| {
            let Some((shelf, release_id)) = open else { return false };
            let decided = View::offer_of_last(live, shelf, &settings, now);
            decided.is_some_and(|(decision, release)| {
                let own = release.is_some_and(|release| release.id == release_id);
                own && matches!(decision, Decision::Offer(_))
            })
        };
        // Whether it would get it, when it asked, and its number.
        let mut found: Option<(bool, i64, i64)> = None;
        self.0.fleet.each(|_, live| {
            let own = live.gets_updates_of(platform_id);
            let grouped = group.is_none_or(|group| live.groups.contains(&group));
            let report = live.report.as_deref();
            let fits = family.is_none_or(|one| report.is_none_or(|said| said.family == one));
            if !(own && grouped && fits && live.last_seen > 0) {
                return;
            }
            let later = found.is_none_or(|(_, seen, _)| live.last_seen > seen);
            let settled = found.is_some_and(|(gets, ..)| gets);
            // The decision is only asked for where it matters: fleets are large.
            if later || !settled {
                let gets = would_get(live);
                if (gets && !settled) || (gets == settled && later) {
                    found = Some((gets, live.last_seen, live.id));
                }
            }
        });
        found.map(|(_, _, id)| id)
    }
}

fn tune(stage: &mut StagePlan, wish: &PlanWish) {
    if let Some(soak) = wish.soak.filter(|_| stage.size != Size::Everyone) {
        stage.soak = soak;
    }
    stage.max_failures = wish.max_failures;
}

fn group(shelf: &Shelf, name: &str) -> Result<i64, Error> {
    let key = name.trim().to_lowercase();
    let group = shelf.groups().iter().find(|group| group.name.key() == key);
    group.map(|group| group.id).ok_or(Error::NotFound("group"))
}
