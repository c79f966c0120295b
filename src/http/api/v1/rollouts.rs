//! Rollouts: how they stand, and what they are told.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Deserializer, Serialize};

use crate::app::{App, Error, PlanWish, ReleaseChange, RolloutStatus};
use crate::domain::mac::MacAddr;
use crate::domain::rollout::{Command, Member, Rollout, Stage};
use crate::http::api::extract::{Actor, Body, Segment, present};
use crate::http::api::granted::Granted;
use crate::http::api::page::{List, Page};
use crate::http::api::problem::Problem;
use crate::http::api::time;

/// Devices of a rollout that are told one by one.
const MEMBERS: usize = 500;
/// The words of what a rollout can be told.
const ACTIONS: &str = "“pause”, “resume”, “advance”, “everyone” or “end”";

/// How a release is to reach its devices.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a JSON object")]
pub(super) struct WishView {
    #[serde(default)]
    stages: String,
    #[serde(default)]
    canaries: Vec<String>,
    group: Option<String>,
    #[serde(default, deserialize_with = "seconds")]
    soak: Option<i64>,
    max_failures: Option<u32>,
    #[serde(default)]
    ask: bool,
    at_once: Option<u32>,
    #[serde(default, deserialize_with = "seconds")]
    deadline: Option<i64>,
    starts_at: Option<String>,
}

/// A span of time: JSON has no other word for it than a number.
fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a number of seconds, like 1800, or null")]
    enum Span {
        Seconds(i64),
        Null(()),
    }
    Ok(match Span::deserialize(deserializer)? {
        Span::Seconds(seconds) => Some(seconds),
        Span::Null(()) => None,
    })
}

impl WishView {
    pub(super) fn read(self) -> Result<PlanWish, Error> {
        let starts_at = self.starts_at.map(|text| {
            let expected = "a time like “2026-03-01T12:00:00Z”";
            time::read(&text).ok_or(Error::Value { field: "starts_at", value: text, expected })
        });
        Ok(PlanWish {
            stages: self.stages,
            canaries: self.canaries,
            group: self.group,
            soak: self.soak,
            max_failures: self.max_failures,
            ask: self.ask,
            at_once: self.at_once,
            deadline: self.deadline,
            starts_at: starts_at.transpose()?,
        })
    }

    /// From the text of a form field or parameter.
    pub(super) fn parse(text: &str) -> Result<PlanWish, Problem> {
        let wish: Self = serde_json::from_str(text).map_err(|error| {
            let detail = format!("The field rollout is no rollout in JSON: {error}.");
            Problem::new(axum::http::StatusCode::UNPROCESSABLE_ENTITY, "invalid_plan", detail)
        })?;
        Ok(wish.read()?)
    }
}

/// A rollout, as it is shown.
#[derive(Debug, Serialize)]
pub(super) struct RolloutView {
    id: i64,
    release_id: i64,
    platform: Option<String>,
    version: Option<String>,
    state: &'static str,
    reason: String,
    group: Option<String>,
    canaries: Vec<String>,
    ask: bool,
    at_once: u32,
    starts_at: Option<String>,
    stage: Option<usize>,
    stages: Vec<StageView>,
    counts: CountsView,
    created_at: String,
    created_by: String,
    ended_at: Option<String>,
}

#[derive(Debug, Serialize)]
struct StageView {
    size: String,
    state: &'static str,
    soak: i64,
    deadline: i64,
    max_failures: Option<u32>,
    opened_at: Option<String>,
    soaking_at: Option<String>,
    passed_at: Option<String>,
}

#[derive(Debug, Serialize)]
struct CountsView {
    devices: u32,
    offered: u32,
    on_the_way: u32,
    confirmed: u32,
    failed: u32,
    came_back_otherwise: u32,
    others: u32,
    asleep: Option<u32>,
}

/// A rollout with its devices.
#[derive(Debug, Serialize)]
pub(super) struct StatusView {
    #[serde(flatten)]
    rollout: RolloutView,
    devices: Vec<MemberView>,
    more_devices: usize,
}

#[derive(Debug, Serialize)]
struct MemberView {
    mac: String,
    state: &'static str,
    since: Option<String>,
}

impl From<&Stage> for StageView {
    fn from(stage: &Stage) -> Self {
        Self {
            size: stage.size.to_string(),
            state: stage.state.word(),
            soak: stage.soak,
            deadline: stage.deadline,
            max_failures: stage.max_failures,
            opened_at: stage.opened_at.map(time::text),
            soaking_at: stage.soaking_at.map(time::text),
            passed_at: stage.passed_at.map(time::text),
        }
    }
}

impl RolloutView {
    async fn of(app: &App, status: &RolloutStatus) -> Result<Self, Problem> {
        let RolloutStatus { rollout, progress, survey, .. } = status;
        let release = app.store().release(rollout.release_id).await?;
        let (platform, version) =
            release.map(|release| (release.platform, release.version)).unwrap_or_default();
        let addresses = app.addresses(&rollout.canaries);
        Ok(Self {
            id: rollout.id,
            release_id: rollout.release_id,
            platform,
            version: version.map(|version| version.to_string()),
            state: rollout.state.word(),
            reason: rollout.reason.clone(),
            group: group(app, rollout),
            canaries: canaries(rollout, &addresses),
            ask: rollout.ask,
            at_once: rollout.at_once,
            starts_at: rollout.starts_at.map(time::text),
            stage: rollout.current().map(|index| index + 1),
            stages: rollout.stages.iter().map(StageView::from).collect(),
            counts: CountsView {
                devices: app.meant_for(rollout).max(progress.members),
                offered: progress.members,
                on_the_way: progress.exposed,
                confirmed: progress.confirmed,
                failed: progress.failed,
                came_back_otherwise: progress.strayed,
                others: progress.others,
                asleep: survey.as_ref().map(|survey| survey.asleep),
            },
            created_at: time::text(rollout.created_at),
            created_by: rollout.created_by.clone(),
            ended_at: rollout.ended_at.map(time::text),
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

const fn word(member: Member) -> &'static str {
    match member {
        Member::Exposed => "on_the_way",
        Member::Broken => "broken",
        Member::Confirmed => "confirmed",
        Member::Failed | Member::Forgiven => "failed",
        Member::Strayed => "came_back_otherwise",
        Member::Left => "left",
    }
}

/// Which rollouts a list shows.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    release: Option<i64>,
}

/// `GET /api/v1/rollouts`
pub(super) async fn list(
    State(app): State<App>,
    List { filter, paging }: List<Filter>,
) -> Result<Page<RolloutView>, Problem> {
    let before: Option<i64> = paging.after()?;
    let mut rollouts = app.store().rollouts(false, filter.release).await?;
    rollouts.retain(|rollout| before.is_none_or(|before| rollout.id < before));
    let page = paging.page(rollouts, |rollout| rollout.id.to_string());
    let app = &app;
    page.try_map(async |rollout| RolloutView::of(app, &app.rollout_status(rollout.id).await?).await)
        .await
}

/// `GET /api/v1/rollouts/{id}`
pub(super) async fn show(
    State(app): State<App>,
    Segment(id): Segment<i64>,
) -> Result<Json<StatusView>, Problem> {
    status(&app, id).await
}

async fn status(app: &App, id: i64) -> Result<Json<StatusView>, Problem> {
    let status = app.rollout_status(id).await?;
    let devices = status.members.iter().take(MEMBERS).map(|(mac, member, since)| MemberView {
        mac: mac.to_string(),
        state: word(*member),
        since: Some(*since).filter(|since| *since > 0).map(time::text),
    });
    Ok(Json(StatusView {
        rollout: RolloutView::of(app, &status).await?,
        devices: devices.collect(),
        more_devices: status.members.len().saturating_sub(MEMBERS),
    }))
}

/// What a rollout is told.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a JSON object")]
pub(super) struct Told {
    #[serde(default, deserialize_with = "present")]
    action: Option<String>,
}

/// `PATCH /api/v1/rollouts/{id}`
pub(super) async fn tell(
    State(app): State<App>,
    Actor(actor): Actor,
    granted: Granted,
    Segment(id): Segment<i64>,
    Body(told): Body<Told>,
) -> Result<Json<StatusView>, Problem> {
    let rollout = app.rollout_status(id).await?.rollout;
    let release = app.store().release(rollout.release_id).await?;
    let release = release.ok_or_else(|| Problem::not_found("release"))?;
    granted.change(&release, &ReleaseChange::default())?;
    let action = told.action.unwrap_or_default();
    let command = Command::read(&action).ok_or_else(|| Problem::value("action", &action, ACTIONS));
    app.tell_rollout(id, command?, &actor).await?;
    status(&app, id).await
}
