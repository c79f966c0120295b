//! How a rollout stands, for those who look at it.

use std::sync::Arc;

use super::super::{App, Error, Shelf};
use super::survey::is_for;
use super::{Gate, Watch, recalled};
use crate::domain::Timestamp;
use crate::domain::mac::MacAddr;
use crate::domain::rollout::{Member, Progress, Rollout, State, Survey};

/// Everything that there is to say about a rollout.
#[derive(Debug, Clone)]
pub struct RolloutStatus {
    /// The rollout.
    pub rollout: Rollout,
    /// What became of it, in devices.
    pub progress: Progress,
    /// How many devices it is for as things stand, all stages together, and those that got it.
    pub meant: u32,
    /// What its stage waits for; `None` where none is open, and in short.
    pub survey: Option<Survey>,
    /// The devices that got the release by it, with how they stand and since when; the latest
    /// first.
    pub members: Vec<(MacAddr, Member, Timestamp)>,
    /// The canaries of the stage that is open that came back with it and did not ask since.
    pub unseen: Vec<MacAddr>,
}

impl App {
    /// How a rollout stands.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn rollout_status(&self, id: i64) -> Result<RolloutStatus, Error> {
        self.status(id, true).await
    }

    /// The same in short, for a sentence: without a survey, which takes a decision on every device.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn rollout_in_short(&self, id: i64) -> Result<RolloutStatus, Error> {
        self.status(id, false).await
    }

    async fn status(&self, id: i64, surveys: bool) -> Result<RolloutStatus, Error> {
        let shelf = self.shelf();
        let Ok(gate) = gate_of(&shelf, id) else {
            let rollout = self.0.store.rollout(id).await?.ok_or(Error::NotFound("rollout"))?;
            let watch = recalled(&self.0.store, &rollout).await?;
            let (progress, unseen) = (watch.progress(), Vec::new());
            let (members, meant) = self.members(&rollout, &watch, &shelf);
            let meant = meant.max(progress.members);
            return Ok(RolloutStatus { rollout, progress, meant, survey: None, members, unseen });
        };
        let open = gate.rollout.state == State::Running;
        let survey = if open && surveys {
            Some(self.surveyed(gate, &shelf, self.now()).await?)
        } else {
            None
        };
        let rollout = gate.rollout.as_ref().clone();
        let (members, meant) = self.members(&rollout, &gate.watch, &shelf);
        let unseen = if open { self.unseen(gate) } else { Vec::new() };
        let progress = gate.progress();
        let meant = meant.max(progress.members);
        Ok(RolloutStatus { rollout, progress, meant, survey, members, unseen })
    }

    /// A look at the fleet, and in a large one not where polls are answered.
    pub(super) async fn surveyed(
        &self,
        gate: &Gate,
        shelf: &Arc<Shelf>,
        now: Timestamp,
    ) -> Result<Survey, Error> {
        if !self.0.fleet.is_large() {
            return Ok(self.survey(gate, shelf, now));
        }
        let (app, gate, shelf) = (self.clone(), gate.clone(), Arc::clone(shelf));
        let look = move || app.survey(&gate, &shelf, now);
        let looked = tokio::task::spawn_blocking(look).await;
        looked.map_err(|_| Error::Broken("a look at the fleet broke off"))
    }

    /// The devices of a rollout, the latest first, and how many it is for.
    fn members(
        &self,
        rollout: &Rollout,
        watch: &Watch,
        shelf: &Shelf,
    ) -> (Vec<(MacAddr, Member, Timestamp)>, u32) {
        let release = shelf.release(rollout.release_id).and_then(|files| files.images().first());
        let (all, mut members, mut meant) = (watch.all(), Vec::new(), 0);
        self.0.fleet.each(|mac, live| {
            if let Some((member, since)) = all.get(&live.id) {
                members.push((mac, *member, *since));
            }
            meant += u32::from(release.is_some_and(|release| is_for(live, release, rollout.group)));
        });
        members.sort_unstable_by_key(|(mac, _, since)| (-since, *mac));
        (members, meant)
    }
}

pub(super) fn gate_of(shelf: &Shelf, id: i64) -> Result<&Gate, Error> {
    shelf.gates().find(|gate| gate.rollout.id == id).ok_or(Error::NotFound("rollout"))
}
