//! A rollout, as it is shown.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::app::{App, RolloutStatus};
use crate::domain::mac::MacAddr;
use crate::domain::rollout::{Member, Rollout, Stage, StageState, State};
use crate::http::api::describe::Example;
use crate::http::api::problem::Problem;
use crate::http::api::words::{Time, Word};

/// Devices of a rollout that are told one by one.
const MEMBERS: usize = 500;

/// A rollout: a release reaches its devices in stages, and stops by itself where it does harm.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Rollout")]
pub(super) struct RolloutView {
    /// Its number.
    id: i64,
    /// The number of its release.
    release_id: i64,
    /// The platform.
    platform: Option<String>,
    /// The version.
    version: Option<String>,
    /// Where it stands. `halted`: it stopped by itself; a person decides.
    state: Word<State>,
    /// Why it was halted or ended, in a sentence.
    reason: String,
    /// The only group that gets the release.
    group: Option<String>,
    /// The devices that get it first.
    canaries: Vec<String>,
    /// Whether a person is asked before each further stage.
    ask: bool,
    /// How many devices may have it unconfirmed, at least.
    at_once: u32,
    /// When it begins, where that was set.
    starts_at: Option<Time>,
    /// The number of the stage of the moment, from 1.
    stage: Option<usize>,
    /// Its stages; the last one is for everyone.
    stages: Vec<StageView>,
    counts: CountsView,
    /// When it was made.
    created_at: Time,
    /// Who made it.
    created_by: String,
    /// When it was finished or ended.
    ended_at: Option<Time>,
}

/// A stage of a rollout.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RolloutStage")]
struct StageView {
    /// Whom it lets in: `canaries`, a count, a percentage or `everyone`; those before included.
    size: String,
    /// Where it stands.
    state: Word<StageState>,
    /// Seconds for which it is watched.
    soak: i64,
    /// Seconds after which it goes on without devices that did not ask.
    deadline: i64,
    /// At how many failures it halts; null: by the usual rule.
    max_failures: Option<u32>,
    /// When it was opened.
    opened_at: Option<Time>,
    /// Since when it is watched.
    soaking_at: Option<Time>,
    /// When it was through.
    passed_at: Option<Time>,
}

/// What became of it, in devices.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RolloutCounts")]
struct CountsView {
    /// How many it is for, all stages together.
    devices: u32,
    /// How many it was offered to.
    offered: u32,
    /// Those that have it or are getting it, and are not confirmed.
    on_the_way: u32,
    /// Those that came back with it.
    confirmed: u32,
    /// Those that came back without it, rolled it back, did not come back, or came back with
    /// something else. The stop rule counts these.
    failed: u32,
    /// Those of the failed that took it whole and came back with something else: neither with the
    /// release nor with what they ran before.
    came_back_otherwise: u32,
    /// Those whose transfer broke, and those that run something else by now.
    others: u32,
    /// Those of the open stage that have not asked for longer than is usual; null where no stage is
    /// open.
    asleep: Option<u32>,
}

/// A rollout with its devices.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RolloutStatus")]
pub(super) struct StatusView {
    #[serde(flatten)]
    rollout: RolloutView,
    /// The devices that were offered it, the latest first; at most 500.
    devices: Vec<MemberView>,
    /// How many devices more there are.
    more_devices: usize,
}

/// How a device of a rollout stands.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RolloutDevice")]
struct MemberView {
    /// Its address.
    mac: String,
    /// How it stands.
    state: Word<Member>,
    /// Since when; null where that was before the last start of the server.
    since: Option<Time>,
}

impl From<&Stage> for StageView {
    fn from(stage: &Stage) -> Self {
        Self {
            size: stage.size.to_string(),
            state: Word(stage.state),
            soak: stage.soak,
            deadline: stage.deadline,
            max_failures: stage.max_failures,
            opened_at: stage.opened_at.map(Time),
            soaking_at: stage.soaking_at.map(Time),
            passed_at: stage.passed_at.map(Time),
        }
    }
}

impl RolloutView {
    pub(super) async fn of(app: &App, status: &RolloutStatus) -> Result<Self, Problem> {
        let RolloutStatus { rollout, progress, meant, survey, .. } = status;
        let release = app.store().release(rollout.release_id).await?;
        let (platform, version) =
            release.map(|release| (release.platform, release.version)).unwrap_or_default();
        let addresses = app.addresses(&rollout.canaries);
        Ok(Self {
            id: rollout.id,
            release_id: rollout.release_id,
            platform,
            version: version.map(|version| version.to_string()),
            state: Word(rollout.state),
            reason: rollout.reason.clone(),
            group: group(app, rollout),
            canaries: canaries(rollout, &addresses),
            ask: rollout.ask,
            at_once: rollout.at_once,
            starts_at: rollout.starts_at.map(Time),
            stage: rollout.current().map(|index| index + 1),
            stages: rollout.stages.iter().map(StageView::from).collect(),
            counts: CountsView {
                devices: *meant,
                offered: progress.members,
                on_the_way: progress.exposed,
                confirmed: progress.confirmed,
                failed: progress.failed,
                came_back_otherwise: progress.strayed,
                others: progress.others,
                asleep: survey.as_ref().map(|survey| survey.asleep),
            },
            created_at: Time(rollout.created_at),
            created_by: rollout.created_by.clone(),
            ended_at: rollout.ended_at.map(Time),
        })
    }
}

fn group(app: &App, rollout: &Rollout) -> Option<String> {
    let (id, shelf) = (rollout.group?, app.shelf());
    let group = shelf.groups().iter().find(|group| group.id == id)?;
    Some(group.name.to_string())
}

fn canaries(rollout: &Rollout, addresses: &HashMap<i64, MacAddr>) -> Vec<String> {
    let known = rollout.canaries.iter().filter_map(|id| addresses.get(id));
    known.map(ToString::to_string).collect()
}

impl StatusView {
    pub(super) async fn of(app: &App, id: i64) -> Result<Self, Problem> {
        let status = app.rollout_status(id).await?;
        let devices = status.members.iter().take(MEMBERS).map(|(mac, member, since)| MemberView {
            mac: mac.to_string(),
            state: Word(*member),
            since: Some(*since).filter(|since| *since > 0).map(Time),
        });
        Ok(Self {
            rollout: RolloutView::of(app, &status).await?,
            devices: devices.collect(),
            more_devices: status.members.len().saturating_sub(MEMBERS),
        })
    }
}

impl Example for RolloutView {
    fn example() -> Self {
        Self {
            id: 3,
            release_id: 7,
            platform: Some("chase".to_owned()),
            version: Some("v1.2.0".to_owned()),
            state: Word(State::Running),
            reason: String::new(),
            group: None,
            canaries: vec!["5c:cf:7f:1c:a1:a5".to_owned()],
            ask: false,
            at_once: 10,
            starts_at: None,
            stage: Some(1),
            stages: vec![StageView::example()],
            counts: CountsView::example(),
            created_at: Time::EXAMPLE,
            created_by: "anna".to_owned(),
            ended_at: None,
        }
    }
}

impl Example for StageView {
    fn example() -> Self {
        Self {
            size: "canaries".to_owned(),
            state: Word(StageState::Soaking),
            soak: 1800,
            deadline: 604_800,
            max_failures: None,
            opened_at: Some(Time::EXAMPLE),
            soaking_at: Some(Time::EXAMPLE),
            passed_at: None,
        }
    }
}

impl Example for CountsView {
    fn example() -> Self {
        Self {
            devices: 4,
            offered: 1,
            on_the_way: 0,
            confirmed: 1,
            failed: 0,
            came_back_otherwise: 0,
            others: 0,
            asleep: Some(0),
        }
    }
}

impl Example for StatusView {
    fn example() -> Self {
        let device = MemberView {
            mac: "5c:cf:7f:1c:a1:a5".to_owned(),
            state: Word(Member::Confirmed),
            since: Some(Time::EXAMPLE),
        };
        Self { rollout: RolloutView::example(), devices: vec![device], more_devices: 0 }
    }
}
