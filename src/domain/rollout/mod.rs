//! Rollouts: a release is given to few devices first, and stops by itself where it does harm.
//!
//! A rollout has stages. Who belongs to the stage that is open is decided when a device checks in
//! (`gate`); whether it goes on, waits or stops is decided from what became of those that took it
//! (`machine`). Both are pure.

use std::fmt;
use std::str::FromStr;

use super::Timestamp;
use super::device::AttemptState;

mod gate;
mod machine;
mod plan;
#[cfg(test)]
mod tests;

pub use gate::{Candidate, GateWait};
pub use machine::{Command, Refused, Step, Survey};
pub use plan::{Plan, PlanError, StagePlan};

/// Where a rollout stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// It begins at a time that was set.
    Scheduled,
    /// A stage is open.
    Running,
    /// A person stopped it for a while.
    Paused,
    /// The machine stopped it; a person decides.
    Halted,
    /// Every stage was passed: the release is for everyone it is meant for.
    Finished,
    /// A person or a newer release ended it: nobody gets the release by it any more.
    Ended,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Scheduled, Self::Running, Self::Paused, Self::Halted, Self::Finished, Self::Ended];

    /// The word in JSON and the database.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Halted => "halted",
            Self::Finished => "finished",
            Self::Ended => "ended",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }

    /// Whether nobody gets the release as long as a person says nothing.
    #[must_use]
    pub const fn is_still(self) -> bool {
        matches!(self, Self::Paused | Self::Halted | Self::Ended)
    }

    /// Whether something can still come of it.
    #[must_use]
    pub const fn is_active(self) -> bool {
        !matches!(self, Self::Finished | Self::Ended)
    }
}

/// Where a stage stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StageState {
    /// Earlier ones come first.
    Waiting,
    /// Its devices get the release.
    Open,
    /// Its devices have it and are watched for a while.
    Soaking,
    /// It is through, and a person is asked before the next one.
    Asking,
    /// It is through.
    Passed,
}

impl StageState {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Waiting, Self::Open, Self::Soaking, Self::Asking, Self::Passed];

    /// The word in JSON and the database.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Open => "open",
            Self::Soaking => "soaking",
            Self::Asking => "asking",
            Self::Passed => "passed",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }

    /// Whether it is the stage of the moment.
    #[must_use]
    pub const fn is_current(self) -> bool {
        matches!(self, Self::Open | Self::Soaking | Self::Asking)
    }
}

/// How many devices a stage lets in, those of earlier stages included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Size {
    /// Those that a person named.
    Canaries,
    /// So many: whoever asks first.
    Count(u32),
    /// So many of a hundred, by a stable hash of device and rollout.
    Percent(u8),
    /// All.
    Everyone,
}

/// Why a text is no size of a stage.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "“{0}” is no size of a stage; write canaries, a number, a percentage like 10%, or everyone"
)]
pub struct SizeError(String);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Canaries => f.write_str("canaries"),
            Self::Count(count) => write!(f, "{count}"),
            Self::Percent(percent) => write!(f, "{percent}%"),
            Self::Everyone => f.write_str("everyone"),
        }
    }
}

impl FromStr for Size {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, SizeError> {
        let wrong = || SizeError(text.chars().take(40).collect());
        match text.trim().to_ascii_lowercase().as_str() {
            "canaries" => Ok(Self::Canaries),
            "everyone" | "100%" => Ok(Self::Everyone),
            other => {
                if let Some(percent) = other.strip_suffix('%') {
                    let percent = percent.trim().parse().ok().filter(|p| (1..100).contains(p));
                    return percent.map(Self::Percent).ok_or_else(wrong);
                }
                let count = other.parse().ok().filter(|count| (1..=1_000_000).contains(count));
                count.map(Self::Count).ok_or_else(wrong)
            }
        }
    }
}

/// A stage of a rollout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// Whom it lets in.
    pub size: Size,
    /// Seconds for which its devices are watched before the next stage.
    pub soak: i64,
    /// Seconds after which it goes on without the devices that did not ask.
    pub deadline: i64,
    /// At how many failures it halts; `None`: by the usual rule.
    pub max_failures: Option<u32>,
    /// Where it stands.
    pub state: StageState,
    /// When it was opened.
    pub opened_at: Option<Timestamp>,
    /// Since when its devices are watched.
    pub soaking_at: Option<Timestamp>,
    /// When it was through.
    pub passed_at: Option<Timestamp>,
}

/// A rollout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rollout {
    /// Its number in the database.
    pub id: i64,
    /// The release.
    pub release_id: i64,
    /// The only group that gets the release; `None`: all devices.
    pub group: Option<i64>,
    /// The devices that get it first.
    pub canaries: Vec<i64>,
    /// Where it stands.
    pub state: State,
    /// Why it was halted or ended, in a sentence.
    pub reason: String,
    /// Whether a person is asked before each further stage.
    pub ask: bool,
    /// How many devices may have the release without being confirmed, at least: as many as are
    /// confirmed may have it at any time.
    pub at_once: u32,
    /// When a person last looked at its failures, and had it go on.
    pub resumed_at: Option<Timestamp>,
    /// When it begins, where that was set.
    pub starts_at: Option<Timestamp>,
    /// Its stages; the last one is for everyone.
    pub stages: Vec<Stage>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: String,
    /// When it was finished or ended.
    pub ended_at: Option<Timestamp>,
}

/// How a device of a rollout stands, by its latest attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Member {
    /// Bytes flow, or it has them all: it may be running the release.
    Exposed,
    /// The transfer broke; it runs what it ran.
    Broken,
    /// It came back with the release.
    Confirmed,
    /// It came back without it, rolled it back, or did not come back at all.
    Failed,
    /// It took it whole, and came back with something else: that proves nothing for the release,
    /// whether a person flashed the device or the release calls itself by any other name.
    Strayed,
    /// It failed, and a person looked at that.
    Forgiven,
    /// It is gone, or runs something else without having taken the release.
    Left,
}

impl Member {
    /// The word in the database; that a person looked at a failure is told by the rollout.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Exposed => "exposed",
            Self::Broken => "broken",
            Self::Confirmed => "confirmed",
            Self::Failed | Self::Forgiven => "failed",
            Self::Strayed => "strayed",
            Self::Left => "left",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn read(word: &str) -> Option<Self> {
        let all =
            [Self::Exposed, Self::Broken, Self::Confirmed, Self::Failed, Self::Strayed, Self::Left];
        all.into_iter().find(|member| member.word() == word)
    }

    /// How it stands after this happened: a failure stays one, until the device comes back with the
    /// release after all.
    #[must_use]
    pub const fn then(self, next: Self) -> Self {
        match (self, next) {
            (Self::Failed, Self::Exposed | Self::Broken | Self::Strayed | Self::Left) => {
                Self::Failed
            }
            (Self::Strayed, Self::Exposed | Self::Broken | Self::Left) => Self::Strayed,
            (Self::Forgiven, Self::Exposed | Self::Broken | Self::Left) => Self::Forgiven,
            _ => next,
        }
    }

    /// Whether it speaks against the release, and nobody has looked at it.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        matches!(self, Self::Failed | Self::Strayed)
    }

    /// How a device stands whose attempt stands so; `whole`: it took the last byte.
    #[must_use]
    pub const fn of(state: AttemptState, whole: bool) -> Self {
        match state {
            AttemptState::Offered | AttemptState::Delivered => Self::Exposed,
            AttemptState::Aborted if whole => Self::Exposed,
            AttemptState::Aborted => Self::Broken,
            AttemptState::Confirmed => Self::Confirmed,
            AttemptState::NotTaken | AttemptState::RolledBack | AttemptState::Lost => Self::Failed,
            AttemptState::Overtaken if whole => Self::Strayed,
            AttemptState::Overtaken => Self::Left,
        }
    }
}

/// What became of a rollout's release so far, in devices.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// All that it was offered to.
    pub members: u32,
    /// Those that have it, or are getting it, and are not confirmed.
    pub exposed: u32,
    /// Those that came back with it.
    pub confirmed: u32,
    /// Those that failed or came back with something else, and nobody has looked at it.
    pub failed: u32,
    /// Those of them that came back with something else.
    pub strayed: u32,
    /// Those that failed, and a person looked at that.
    pub forgiven: u32,
    /// Those whose transfer broke, and those that run something else by now.
    pub others: u32,
}

impl Progress {
    /// Counts a device in.
    pub fn count(&mut self, member: Member) {
        self.members += 1;
        self.add(member);
    }

    /// Counts a device that stands otherwise now.
    pub fn recount(&mut self, was: Member, member: Member) {
        self.subtract(was);
        self.add(member);
    }

    /// Counts a device out that never got it.
    pub fn discount(&mut self, was: Member) {
        self.members = self.members.saturating_sub(1);
        self.subtract(was);
    }

    /// Those that came back or are known not to: confirmed or failed.
    #[must_use]
    pub const fn settled(&self) -> u32 {
        self.confirmed + self.failed + self.forgiven
    }

    fn add(&mut self, member: Member) {
        *self.of(member) += 1;
        self.strayed += u32::from(member == Member::Strayed);
    }

    fn subtract(&mut self, member: Member) {
        let count = self.of(member);
        *count = count.saturating_sub(1);
        self.strayed = self.strayed.saturating_sub(u32::from(member == Member::Strayed));
    }

    fn of(&mut self, member: Member) -> &mut u32 {
        match member {
            Member::Exposed => &mut self.exposed,
            Member::Confirmed => &mut self.confirmed,
            Member::Failed | Member::Strayed => &mut self.failed,
            Member::Forgiven => &mut self.forgiven,
            Member::Broken | Member::Left => &mut self.others,
        }
    }
}
