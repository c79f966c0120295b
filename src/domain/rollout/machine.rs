//! How a rollout goes on: by itself, and by a person's word.

use super::{Progress, Rollout, Size, Stage, StageState, State};
use crate::domain::Timestamp;

/// What a look at the fleet says about the stage of the moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Survey {
    /// Devices of the stage that are about to get the release, have it unconfirmed, or are expected
    /// to ask soon.
    pub busy: u32,
    /// Devices of the stage that have not asked for longer than is usual for them.
    pub asleep: u32,
    /// All devices that belong to the stage.
    pub meant: u32,
    /// All devices that the rollout is for.
    pub fleet: u32,
}

/// What a rollout does by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Its time has come: the first stage opens.
    Start,
    /// It failed on too many devices: nobody else gets it.
    Halt(
        /// Why, in a sentence.
        String,
    ),
    /// The stage is through; its devices are watched for a while.
    Soak,
    /// A person is asked whether to go on.
    Ask,
    /// The next stage opens.
    Open,
    /// The last stage is through.
    Finish,
}

/// What a person tells a rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Command {
    /// No further offers for now.
    Pause,
    /// Go on; failures so far are forgiven.
    Resume,
    /// Open the next stage now.
    Advance,
    /// Open the last stage now.
    Everyone,
    /// No further offers, for good.
    End,
}

impl Command {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Pause, Self::Resume, Self::Advance, Self::Everyone, Self::End];

    /// The word in forms and JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Advance => "advance",
            Self::Everyone => "everyone",
            Self::End => "end",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|command| command.word() == word)
    }
}

/// Why a rollout does not do what a person tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a rollout that is {} cannot be told to {}", .state.word(), .command.word())]
pub struct Refused {
    /// Where it stands.
    pub state: State,
    /// What it was told.
    pub command: Command,
}

impl Stage {
    /// At how many failures it halts: at the first among canaries; else at two, or at a fifth of
    /// those whose outcome is known. What is not known yet counts on neither side.
    #[must_use]
    pub fn allowance(&self, progress: &Progress) -> u32 {
        self.max_failures.unwrap_or_else(|| match self.size {
            Size::Canaries => 1,
            _ => progress.settled().div_ceil(5).max(2),
        })
    }

    fn open(&mut self, now: Timestamp) {
        self.state = StageState::Open;
        self.opened_at = Some(now);
    }

    fn pass(&mut self, now: Timestamp) {
        self.state = StageState::Passed;
        self.passed_at = Some(now);
    }
}

impl Rollout {
    /// The stage of the moment; `None` before the first and after the last.
    #[must_use]
    pub fn current(&self) -> Option<usize> {
        self.stages.iter().position(|stage| stage.state.is_current())
    }

    /// Whether it waits for a person's word before the next stage.
    #[must_use]
    pub fn is_asking(&self) -> bool {
        let stage = self.current().and_then(|index| self.stages.get(index));
        self.state == State::Running && stage.is_some_and(|stage| stage.state == StageState::Asking)
    }

    /// Whether nothing more comes of it until a person decides.
    #[must_use]
    pub fn needs_you(&self) -> bool {
        self.state == State::Halted || self.is_asking()
    }

    /// What it does now by itself; `None`: it waits.
    #[must_use]
    pub fn step(&self, progress: &Progress, survey: &Survey, now: Timestamp) -> Option<Step> {
        match self.state {
            State::Scheduled => {
                self.starts_at.is_none_or(|start| start <= now).then_some(Step::Start)
            }
            State::Running => self.running(progress, survey, now),
            State::Paused | State::Halted | State::Finished | State::Ended => None,
        }
    }

    /// How many failures there are that nobody has looked at, and how many are too many, where that
    /// is reached.
    #[must_use]
    pub fn excess(&self, progress: &Progress) -> Option<(u32, u32)> {
        let stage = self.stages.get(self.current()?).filter(|_| self.state == State::Running)?;
        let allowed = stage.allowance(progress);
        (progress.failed >= allowed).then_some((progress.failed, allowed))
    }

    /// Whether it has to stop, as far as that can be told without looking at the fleet.
    #[must_use]
    pub fn must_halt(&self, progress: &Progress) -> Option<Step> {
        let (failures, allowed) = self.excess(progress)?;
        let (took, confirmed) = (progress.members, progress.confirmed);
        if took == 1 {
            let only = if progress.strayed > 0 {
                "The only device that it was offered to took it, and came back with something else."
            } else {
                "The only device that it was offered to did not come back with it, or rolled it \
                 back."
            };
            return Some(Step::Halt(only.to_owned()));
        }
        let how = match progress.strayed {
            0 => "did not come back with it or rolled it back".to_owned(),
            all if all == failures => "took it, and came back with something else".to_owned(),
            some => format!(
                "did not come back with it, rolled it back, or came back with something else \
                 ({some} of them)"
            ),
        };
        Some(Step::Halt(format!(
            "Of {took} devices that it was offered to, {failures} {how} ({confirmed} came back \
             with it). The stage halts at {allowed}."
        )))
    }

    fn running(&self, progress: &Progress, survey: &Survey, now: Timestamp) -> Option<Step> {
        if let Some(halt) = self.must_halt(progress) {
            return Some(halt);
        }
        let index = self.current()?;
        let stage = self.stages.get(index)?;
        let is_last = index + 1 == self.stages.len();
        let next = || match (is_last, self.ask) {
            (true, _) => Step::Finish,
            (false, true) => Step::Ask,
            (false, false) => Step::Open,
        };
        let since = |at: Option<Timestamp>| at.map_or(0, |at| now - at);
        match stage.state {
            StageState::Open => {
                let through = survey.busy == 0 && progress.confirmed > 0;
                let late = since(stage.opened_at) >= stage.deadline;
                // A tenth of three devices is nobody. Where somebody got it, that is another matter.
                let share = matches!(stage.size, Size::Percent(_));
                if share && survey.meant == 0 && survey.fleet > 0 && progress.members == 0 {
                    return Some(next());
                }
                if !through && !late {
                    return None;
                }
                // Nobody has proven it yet, or no canary was seen twice: a person judges that.
                let unproven =
                    progress.confirmed == 0 || (stage.size == Size::Canaries && survey.busy > 0);
                if unproven && !is_last {
                    return Some(Step::Ask);
                }
                Some(if stage.soak > 0 { Step::Soak } else { next() })
            }
            StageState::Soaking => (since(stage.soaking_at) >= stage.soak).then(next),
            StageState::Asking | StageState::Waiting | StageState::Passed => None,
        }
    }

    /// Does a step that [`Self::step`] answered.
    pub fn take(&mut self, step: &Step, now: Timestamp) {
        match step {
            Step::Start => {
                self.state = State::Running;
                self.open(0, now);
            }
            Step::Halt(reason) => {
                self.state = State::Halted;
                self.reason.clone_from(reason);
            }
            Step::Soak => {
                if let Some(stage) = self.stage_mut() {
                    stage.state = StageState::Soaking;
                    stage.soaking_at = Some(now);
                }
            }
            Step::Ask => {
                if let Some(stage) = self.stage_mut() {
                    stage.state = StageState::Asking;
                }
            }
            Step::Open => self.open_next(now),
            Step::Finish => self.finish(now),
        }
    }

    /// Does what a person says.
    ///
    /// # Errors
    /// Where it makes no sense as it stands.
    pub fn obey(&mut self, command: Command, now: Timestamp) -> Result<(), Refused> {
        use Command::{Advance, End, Everyone, Pause, Resume};
        use State::{Halted, Paused, Running, Scheduled};
        match (self.state, command) {
            (Scheduled | Running, Pause) => self.state = Paused,
            (Paused | Halted, Resume) => {
                self.resumed_at = Some(now);
                self.reason.clear();
                self.state = if self.current().is_some() { Running } else { Scheduled };
            }
            (Scheduled, Advance) => self.take(&Step::Start, now),
            (Running, Advance) => self.open_next(now),
            (Scheduled | Running | Paused, Everyone) => {
                self.state = Running;
                let last = self.stages.len().saturating_sub(1);
                self.open(last, now);
            }
            (Scheduled | Running | Paused | Halted, End) => {
                self.state = State::Ended;
                self.ended_at = Some(now);
            }
            (state, command) => return Err(Refused { state, command }),
        }
        Ok(())
    }

    fn stage_mut(&mut self) -> Option<&mut Stage> {
        let index = self.current()?;
        self.stages.get_mut(index)
    }

    /// Opens the stage after that of the moment, or finishes.
    fn open_next(&mut self, now: Timestamp) {
        match self.current() {
            Some(index) if index + 1 < self.stages.len() => self.open(index + 1, now),
            _ => self.finish(now),
        }
    }

    /// Opens a stage; those before it are passed.
    fn open(&mut self, index: usize, now: Timestamp) {
        for stage in self.stages.iter_mut().take(index) {
            if stage.state != StageState::Passed {
                stage.pass(now);
            }
        }
        if let Some(stage) = self.stages.get_mut(index)
            && stage.state == StageState::Waiting
        {
            stage.open(now);
        }
    }

    fn finish(&mut self, now: Timestamp) {
        for stage in &mut self.stages {
            if stage.state != StageState::Passed {
                stage.pass(now);
            }
        }
        self.state = State::Finished;
        self.ended_at = Some(now);
    }
}
