//! How rollouts go on: by themselves, and by a person's word.

use std::sync::Arc;

use super::super::{App, Error};
use super::Gate;
use super::status::gate_of;
use crate::domain::actor::Actor;
use crate::domain::event::{Event, Kind};
use crate::domain::release::Release;
use crate::domain::rollout::{Command, Refused, Rollout, State, Step};

impl App {
    /// Lets every rollout go on that can: stages pass, bad ones halt. A job calls it often; unless
    /// it is `thorough`, a large fleet is only looked at where something happened, and once a minute.
    ///
    /// # Errors
    /// Where the database fails; the next time makes up for it.
    pub async fn watch_rollouts(&self, thorough: bool) -> Result<(), Error> {
        let now = self.now();
        let pause = if self.0.fleet.is_large() { 60 } else { 5 };
        let running: Vec<i64> = self
            .shelf()
            .gates()
            .filter(|gate| matches!(gate.rollout.state, State::Scheduled | State::Running))
            .filter(|gate| gate.watch.is_due(now, pause) || thorough)
            .map(|gate| gate.rollout.release_id)
            .collect();
        for release_id in running {
            self.step_rollout(release_id).await?;
        }
        Ok(())
    }

    /// Takes the steps that the rollout of a release can take now.
    pub(in crate::app) async fn step_rollout(&self, release_id: i64) -> Result<(), Error> {
        let _changing = self.0.changing.lock().await;
        // As many steps as there are stages and states between them, and no more.
        for _ in 0..40 {
            let (shelf, now) = (self.shelf(), self.now());
            let Some(gate) = shelf.gate(release_id) else { return Ok(()) };
            if gate.rollout.state == State::Running {
                self.fail_fallen(gate, now).await?;
            }
            let progress = gate.progress();
            let halt = gate.rollout.must_halt(&progress);
            let step = if halt.is_some() {
                halt
            } else {
                let survey = self.surveyed(gate, &shelf, now).await?;
                gate.rollout.step(&progress, &survey, now)
            };
            let Some(step) = step else { return Ok(()) };
            let mut rollout = gate.rollout.as_ref().clone();
            rollout.take(&step, now);
            self.keep_rollout(&rollout).await?;
            let title = self.title_of(release_id).await?;
            let (kind, text) = told(&step, &rollout, &title);
            let deed = judged(&step, &rollout, &title);
            self.record_rollout(kind, text, deed, release_id, &Actor::machine()).await?;
        }
        Ok(())
    }

    /// Halts the rollout of a release in the database, too.
    pub(in crate::app) async fn halt_rollout(&self, release_id: i64) {
        if let Err(error) = self.step_rollout(release_id).await {
            // Nobody is let in, and the job tries it again.
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, "a rollout could not be halted in the database");
        }
    }

    /// Tells a rollout what to do.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Rollout`] where it makes no sense as it stands.
    pub async fn tell_rollout(
        &self,
        id: i64,
        command: Command,
        actor: &Actor,
    ) -> Result<Rollout, Error> {
        let _changing = self.0.changing.lock().await;
        let shelf = self.shelf();
        let Ok(gate) = gate_of(&shelf, id) else {
            let known = self.0.store.rollout(id).await?;
            let state = known.ok_or(Error::NotFound("rollout"))?.state;
            return Err(Refused { state, command }.into());
        };
        // So that whoever resumes it has looked at those, too.
        self.fail_fallen(gate, self.now()).await?;
        let mut rollout = gate.rollout.as_ref().clone();
        rollout.obey(command, self.now())?;
        if command == Command::Resume {
            gate.watch.forgive(self.now());
        }
        self.keep_rollout(&rollout).await?;
        let title = self.title_of(rollout.release_id).await?;
        let text = match command {
            Command::Pause => format!("The rollout of {title} was paused."),
            Command::Resume => format!("The rollout of {title} goes on."),
            Command::Advance => format!("The next stage of the rollout of {title} was opened."),
            Command::Everyone => format!("The rollout of {title} was opened to everyone."),
            Command::End => format!("The rollout of {title} was ended."),
        };
        let deed = match command {
            Command::Pause => format!("paused the rollout of {title}"),
            Command::Resume => format!("resumed the rollout of {title}"),
            Command::Advance => format!("opened the next stage of the rollout of {title}"),
            Command::Everyone => format!("opened the rollout of {title} to everyone"),
            Command::End => format!("ended the rollout of {title}"),
        };
        let release_id = rollout.release_id;
        self.record_rollout(Kind::RolloutChanged, text, deed, release_id, actor).await?;
        Ok(rollout)
    }

    /// The rollout that stands before a release, if one does.
    #[must_use]
    pub fn rollout_before(&self, release_id: i64) -> Option<Arc<Rollout>> {
        self.shelf().gate(release_id).map(|gate| Arc::clone(&gate.rollout))
    }

    /// Whether a release is published, and nobody new gets it, as its rollout was ended.
    #[must_use]
    pub fn has_ended_rollout(&self, release_id: i64) -> bool {
        let shelf = self.shelf();
        let ended = |gate: &Gate| gate.rollout.state == State::Ended;
        shelf.release(release_id).is_some() && shelf.gate(release_id).is_some_and(ended)
    }

    /// Ends the rollouts of a release that is withdrawn or replaced. Whoever calls it holds
    /// `changing` and makes a new shelf.
    pub(in crate::app) async fn end_rollout(
        &self,
        release_id: i64,
        reason: &str,
    ) -> Result<(), Error> {
        let shelf = self.shelf();
        let Some(gate) = shelf.gate(release_id).filter(|gate| gate.rollout.state.is_active())
        else {
            return Ok(());
        };
        let mut rollout = gate.rollout.as_ref().clone();
        rollout.obey(Command::End, self.now())?;
        reason.clone_into(&mut rollout.reason);
        Ok(self.0.store.save_rollout(&rollout).await?)
    }

    async fn keep_rollout(&self, rollout: &Rollout) -> Result<(), Error> {
        self.0.store.save_rollout(rollout).await?;
        self.restock().await
    }

    pub(super) async fn title_of(&self, release_id: i64) -> Result<String, Error> {
        let release = self.0.store.release(release_id).await?;
        Ok(release.as_ref().map(Release::title).unwrap_or_default())
    }

    pub(super) async fn record_rollout(
        &self,
        kind: Kind,
        text: String,
        deed: String,
        release_id: i64,
        actor: &Actor,
    ) -> Result<(), Error> {
        let shelf = self.shelf();
        let files = shelf.release(release_id).and_then(|files| files.images().first());
        let platform = files.and_then(|release| shelf.platform_by_id(release.platform_id));
        let platform = platform.map(|own| own.platform.name.as_str());
        let event = Event::new(self.now(), kind, text).about(release_id).by(actor);
        self.record(event.on(platform).does(deed)).await
    }
}

/// The stage of the moment: `stage 2 of 3 (10%)`.
fn stage_of(rollout: &Rollout) -> String {
    let index = rollout.current().unwrap_or_default();
    let size = rollout.stages.get(index).map(|stage| stage.size.to_string());
    let (nth, count) = (index + 1, rollout.stages.len());
    format!("stage {nth} of {count} ({})", size.unwrap_or_default())
}

/// What a step is in the audit log.
fn judged(step: &Step, rollout: &Rollout, title: &str) -> String {
    let stage = stage_of(rollout);
    match step {
        Step::Start => format!("began the rollout of {title}, {stage}"),
        Step::Halt(reason) => format!("halted the rollout of {title}: {reason}"),
        Step::Soak => format!("found {stage} of the rollout of {title} through, and watches it"),
        Step::Ask => format!("asks before it goes on with the rollout of {title} after {stage}"),
        Step::Open => format!("went on with the rollout of {title}, {stage}"),
        Step::Finish => format!("finished the rollout of {title}"),
    }
}

/// What a step is told as.
fn told(step: &Step, rollout: &Rollout, title: &str) -> (Kind, String) {
    let stage = || stage_of(rollout);
    match step {
        Step::Start => {
            (Kind::RolloutChanged, format!("The rollout of {title} began: {}.", stage()))
        }
        Step::Halt(reason) => {
            (Kind::RolloutHalted, format!("The rollout of {title} was halted. {reason}"))
        }
        Step::Soak => (
            Kind::RolloutChanged,
            format!("The rollout of {title}: {} is through and is watched.", stage()),
        ),
        Step::Ask => (
            Kind::RolloutAsks,
            format!("The rollout of {title} waits for your word after {}.", stage()),
        ),
        Step::Open => {
            (Kind::RolloutChanged, format!("The rollout of {title} goes on: {}.", stage()))
        }
        Step::Finish => (Kind::RolloutFinished, format!("The rollout of {title} is through.")),
    }
}
