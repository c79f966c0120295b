//! Rollouts: how they stand, and what they are told.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use super::rollout::{RolloutView, StatusView};
use crate::app::{App, Error, PlanWish, ReleaseChange};
use crate::domain::rollout::Command;
use crate::http::api::codes;
use crate::http::api::describe::{MISSING, Operation, when};
use crate::http::api::extract::{Actor, Body, Segment};
use crate::http::api::granted::Granted;
use crate::http::api::page::{List, Page};
use crate::http::api::problem::Problem;
use crate::http::api::time;
use crate::http::api::words::{Given, Time, Word};

/// The words of what a rollout can be told.
const ACTIONS: &str = "“pause”, “resume”, “advance”, “everyone” or “end”";

/// How a release is to reach its devices.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a JSON object")]
#[schemars(rename = "RolloutWish")]
pub(super) struct WishView {
    /// Sizes, each larger than the one before: `canaries`, counts, percentages; everyone comes last
    /// by itself.
    #[serde(default)]
    #[schemars(example = &"canaries, 10%, 50%")]
    stages: String,
    /// MAC addresses of those that get it first; where a stage of canaries has none: the device
    /// that asked last, of those that would get it.
    #[serde(default)]
    canaries: Vec<String>,
    /// Only for this group, by name.
    group: Option<String>,
    /// Seconds for which each stage is watched; half an hour by default.
    #[serde(default, deserialize_with = "seconds")]
    soak: Option<i64>,
    /// At how many failures a stage halts; by default one for canaries, else two or a fifth of
    /// those whose outcome is known.
    max_failures: Option<u32>,
    /// Whether a person is asked before each further stage.
    #[serde(default)]
    ask: bool,
    /// How many devices may have it unconfirmed, at least; ten by default.
    at_once: Option<u32>,
    /// Seconds after which a stage goes on without devices that did not ask; a week by default.
    #[serde(default, deserialize_with = "seconds")]
    deadline: Option<i64>,
    /// When it begins; at once by default.
    #[schemars(with = "Option<Time>")]
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
            Problem::new(codes::INVALID_PLAN, detail)
        })?;
        Ok(wish.read()?)
    }
}

/// Which rollouts a list shows.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    /// Only those of this release.
    release: Option<i64>,
}

pub(super) const LIST: Operation = Operation::new("rollouts", "listRollouts", "List the rollouts")
    .gives("Rollouts, newest first.");

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

pub(super) const SHOW: Operation =
    Operation::new("rollouts", "showRollout", "Show a rollout with its devices")
        .gives("The rollout.")
        .refuses(&[MISSING]);

/// `GET /api/v1/rollouts/{id}`
pub(super) async fn show(
    State(app): State<App>,
    Segment(id): Segment<i64>,
) -> Result<Json<StatusView>, Problem> {
    Ok(Json(StatusView::of(&app, id).await?))
}

/// What a rollout is told.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a JSON object")]
#[schemars(rename = "RolloutChange", extend("required" = ["action"]))]
pub(super) struct Told {
    /// What to do.
    #[serde(default)]
    #[schemars(with = "Word<Command>")]
    action: Given<String>,
}

pub(super) const TELL: Operation =
    Operation::new("rollouts", "tellRollout", "Tell a rollout how to go on")
        .more(
            "`pause`: nobody else gets it for now. `resume`: go on; failures so far are forgiven. \
             `advance`: open the next stage now. `everyone`: open the last stage now. `end`: \
             nobody else gets it by this rollout, for good.",
        )
        .takes(r#"{"action": "pause"}"#)
        .gives("As it stands now.")
        .refuses(&[
            MISSING,
            when("That makes no sense as it stands", &[codes::WRONG_STATE]),
            when("The action is none", &[codes::INVALID_VALUE]),
        ]);

/// `PATCH /api/v1/rollouts/{id}`
pub(super) async fn tell(
    State(app): State<App>,
    Actor(actor): Actor,
    granted: Granted,
    Segment(id): Segment<i64>,
    Body(told): Body<Told>,
) -> Result<Json<StatusView>, Problem> {
    let rollout = app.rollout_in_short(id).await?.rollout;
    let release = app.store().release(rollout.release_id).await?;
    let release = release.ok_or_else(|| Problem::not_found("release"))?;
    granted.change(&release, &ReleaseChange::default())?;
    let action = told.action.0.unwrap_or_default();
    let command = Command::read(&action).ok_or_else(|| Problem::value("action", &action, ACTIONS));
    app.tell_rollout(id, command?, &actor).await?;
    Ok(Json(StatusView::of(&app, id).await?))
}
