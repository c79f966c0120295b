//! What a rollout is meant to be, before it begins.

use super::{Rollout, Size, SizeError, Stage, StageState, State};
use crate::domain::Timestamp;

/// How long a stage's devices are watched, where nobody says otherwise: half an hour.
pub const SOAK: i64 = 30 * 60;
/// After how long a stage goes on without the devices that did not ask: a week.
pub const DEADLINE: i64 = 7 * 86_400;
/// How many devices may have a release without being confirmed, at least.
pub const AT_ONCE: u32 = 10;
/// The longest span that a plan may name: a year.
const LONGEST: i64 = 366 * 86_400;
/// The most stages.
const STAGES: usize = 12;

/// A stage as it is planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StagePlan {
    /// Whom it lets in.
    pub size: Size,
    /// Seconds for which its devices are watched.
    pub soak: i64,
    /// At how many failures it halts; `None`: by the usual rule.
    pub max_failures: Option<u32>,
}

/// A rollout as it is planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Only for this group.
    pub group: Option<i64>,
    /// The devices that get it first.
    pub canaries: Vec<i64>,
    /// The stages; the last one is for everyone.
    pub stages: Vec<StagePlan>,
    /// Whether a person is asked before each further stage.
    pub ask: bool,
    /// How many devices may have the release without being confirmed, at least.
    pub at_once: u32,
    /// Seconds after which a stage goes on without the devices that did not ask.
    pub deadline: i64,
    /// When it begins.
    pub starts_at: Option<Timestamp>,
}

/// Why a plan is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A size cannot be read.
    #[error(transparent)]
    Size(#[from] SizeError),
    /// There are no stages, or too many.
    #[error("a rollout has one to {STAGES} stages")]
    Stages,
    /// A stage is not larger than the one before.
    #[error("stage “{0}” is not larger than the one before it; each stage includes those before")]
    Order(Size),
    /// A stage of canaries, and no canaries.
    #[error(
        "there is no canary, because no device would get the release now: name the devices that are \
         to try it first, or give it to all at once"
    )]
    NoCanaries,
    /// The deadline of a stage is out of its bounds.
    #[error("the deadline of a stage is a minute to a year")]
    Deadline,
    /// No device might get it.
    #[error("at least one device gets it at once")]
    AtOnce,
    /// A number of a stage is out of its bounds.
    #[error("{0}")]
    Bounds(&'static str),
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            group: None,
            canaries: Vec::new(),
            stages: vec![StagePlan::of(Size::Everyone)],
            ask: false,
            at_once: AT_ONCE,
            deadline: DEADLINE,
            starts_at: None,
        }
    }
}

impl StagePlan {
    /// A stage of this size as it is where nobody says otherwise; the last one is not watched.
    #[must_use]
    pub const fn of(size: Size) -> Self {
        let soak = if matches!(size, Size::Everyone) { 0 } else { SOAK };
        Self { size, soak, max_failures: None }
    }
}

impl Plan {
    /// Canaries first, then everyone.
    #[must_use]
    pub fn careful(canaries: Vec<i64>) -> Self {
        let stages = vec![StagePlan::of(Size::Canaries), StagePlan::of(Size::Everyone)];
        Self { canaries, stages, ..Self::default() }
    }

    /// The stages of a text like `canaries, 10%, 50%`; a last one for everyone is added.
    ///
    /// # Errors
    /// Where a size cannot be read.
    pub fn read_stages(text: &str) -> Result<Vec<StagePlan>, PlanError> {
        let parts = text.split([',', ' ', '→']).map(str::trim).filter(|part| !part.is_empty());
        let mut stages = Vec::new();
        for part in parts {
            stages.push(StagePlan::of(part.parse()?));
        }
        if stages.last().is_none_or(|last| last.size != Size::Everyone) {
            stages.push(StagePlan::of(Size::Everyone));
        }
        Ok(stages)
    }

    /// Whether the plan makes sense.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self) -> Result<(), PlanError> {
        if self.stages.is_empty() || self.stages.len() > STAGES {
            return Err(PlanError::Stages);
        }
        for (earlier, later) in self.stages.iter().zip(self.stages.iter().skip(1)) {
            if !is_larger(later.size, earlier.size) {
                return Err(PlanError::Order(later.size));
            }
        }
        if self.stages.last().is_none_or(|last| last.size != Size::Everyone) {
            return Err(PlanError::Stages);
        }
        let canaries = self.stages.iter().any(|stage| stage.size == Size::Canaries);
        if canaries && self.canaries.is_empty() {
            return Err(PlanError::NoCanaries);
        }
        let soaks = self.stages.iter().all(|stage| (0..=LONGEST).contains(&stage.soak));
        let failures = self.stages.iter().all(|stage| stage.max_failures != Some(0));
        if !soaks || !failures {
            let text = "a stage is watched for at most a year, and halts at one failure or more";
            return Err(PlanError::Bounds(text));
        }
        if !(60..=LONGEST).contains(&self.deadline) {
            return Err(PlanError::Deadline);
        }
        if !(1..=1_000_000).contains(&self.at_once) {
            return Err(PlanError::AtOnce);
        }
        Ok(())
    }

    /// The rollout of a release by this plan; it starts with the next step.
    #[must_use]
    pub fn begin(&self, release_id: i64, created_by: &str, now: Timestamp) -> Rollout {
        let stage = |plan: &StagePlan| Stage {
            size: plan.size,
            soak: plan.soak,
            deadline: self.deadline,
            max_failures: plan.max_failures,
            state: StageState::Waiting,
            opened_at: None,
            soaking_at: None,
            passed_at: None,
        };
        Rollout {
            id: 0,
            release_id,
            group: self.group,
            canaries: self.canaries.clone(),
            state: State::Scheduled,
            reason: String::new(),
            ask: self.ask,
            at_once: self.at_once,
            resumed_at: None,
            starts_at: self.starts_at,
            stages: self.stages.iter().map(stage).collect(),
            created_at: now,
            created_by: created_by.to_owned(),
            ended_at: None,
        }
    }
}

/// Whether a stage can let in more than the one before. Counts and percentages cannot be compared.
const fn is_larger(later: Size, earlier: Size) -> bool {
    match (later, earlier) {
        (Size::Canaries, _) | (_, Size::Everyone) | (Size::Count(_), Size::Percent(_)) => false,
        (Size::Count(later), Size::Count(earlier)) => later > earlier,
        (Size::Percent(later), Size::Percent(earlier)) => later > earlier,
        (_, Size::Canaries) | (Size::Everyone, _) | (Size::Percent(_), Size::Count(_)) => true,
    }
}
