//! How a rollout begins.

use super::super::shelf::{Shelf, ShelfPlatform};
use super::super::{App, Error, Wishes};
use crate::domain::actor::Actor;
use crate::domain::chip::Family;
use crate::domain::policy::Channel;
use crate::domain::release::Part;
use crate::domain::rollout::{Plan, Size, StagePlan, Step};
use crate::domain::version::FirmwareVersion;

/// A rollout as a person wishes for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlanWish {
    /// Its stages, like `canaries, 10%, everyone`.
    pub stages: String,
    /// The addresses of its canaries; empty where a stage of canaries is wished for: the device of
    /// the platform that asked last.
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
    /// The plan that a wish comes to for a platform, for an image for this family of chips.
    ///
    /// # Errors
    /// [`Error::Plan`], [`Error::NotFound`] where a canary or group is not known.
    pub(in crate::app) fn plan(
        &self,
        wish: &PlanWish,
        (platform_id, family): (i64, Option<Family>),
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
            plan.canaries.extend(self.liveliest(platform_id, plan.group, family));
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
            self.plan(plan, (platform_id.unwrap_or_default(), None))?;
        }
        Ok(())
    }

    /// Puts the gate of a rollout before a release that is about to be published, or takes away an
    /// old one. Whoever calls it holds `changing` and makes a new shelf.
    pub(in crate::app) async fn begin_rollout(
        &self,
        release_id: i64,
        platform_id: i64,
        wish: Option<&PlanWish>,
        actor: &Actor,
    ) -> Result<(), Error> {
        let Some(wish) = wish else {
            return Ok(self.0.store.ungate(release_id).await?);
        };
        let now = self.now();
        let release = self.0.store.release(release_id).await?;
        let family = release.map(|release| release.image.chip.family());
        let plan = self.plan(wish, (platform_id, family))?;
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

    /// The approved device of a platform that asked last: the one whose outcome is known soonest.
    /// One of another family of chips could never take it.
    fn liveliest(
        &self,
        platform_id: i64,
        group: Option<i64>,
        family: Option<Family>,
    ) -> Option<i64> {
        let mut found: Option<(i64, i64)> = None;
        self.0.fleet.each(|_, live| {
            let own = live.gets_updates_of(platform_id);
            let grouped = group.is_none_or(|group| live.groups.contains(&group));
            let report = live.report.as_deref();
            let fits = family.is_none_or(|one| report.is_none_or(|said| said.family == one));
            if own && grouped && fits && found.is_none_or(|(seen, _)| live.last_seen > seen) {
                found = Some((live.last_seen, live.id));
            }
        });
        found.filter(|(seen, _)| *seen > 0).map(|(_, id)| id)
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
