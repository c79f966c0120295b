//! Going back to a release, and whom that touches.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::device::ReleaseRef;
use crate::app::{App, Error, ReleaseChange, Supposed, Touch, Touched};
use crate::domain::release::ReleaseState;
use crate::http::api::codes;
use crate::http::api::describe::{Example, MISSING, Operation, when};
use crate::http::api::extract::{Actor, Body, Segment};
use crate::http::api::granted::Granted;
use crate::http::api::problem::Problem;

/// What going back to a release does.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Back")]
pub(super) struct BackView {
    /// Whether it was done; false: only said.
    done: bool,
    /// The releases that are recalled, highest first; none where no higher one is published.
    recalled: Vec<ReleaseRef>,
    /// For how many devices something is different.
    touched: u64,
    /// For how many devices of the platform nothing is.
    others: u64,
    /// Those that are touched, by what they run and get.
    devices: Vec<TouchView>,
}

/// Devices to which the same happens.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Touched")]
struct TouchView {
    /// How many they are.
    count: u64,
    /// What the first twelve of them are called.
    names: Vec<String>,
    /// The version they report.
    runs: Option<String>,
    /// The version they get; null: nothing.
    gets: Option<String>,
    /// Whether their version goes backwards.
    lower: bool,
    /// Why they get nothing, in a sentence; empty where they get something.
    why: String,
}

impl Example for BackView {
    fn example() -> Self {
        let touched = TouchView {
            count: 2,
            names: vec!["Attic".to_owned(), "Greenhouse".to_owned()],
            runs: Some("v1.2.0".to_owned()),
            gets: Some("v1.1.0".to_owned()),
            lower: true,
            why: String::new(),
        };
        let recalled = vec![ReleaseRef::example()];
        Self { done: false, recalled, touched: 2, others: 1, devices: vec![touched] }
    }
}

impl From<Touch> for TouchView {
    fn from(touch: Touch) -> Self {
        Self {
            count: touch.devices,
            names: touch.names,
            runs: touch.runs,
            gets: touch.gets.map(|version| version.to_string()),
            lower: touch.lower,
            why: touch.why,
        }
    }
}

/// Whether to go back, or only to say what that would do.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a JSON object")]
#[schemars(rename = "BackWish")]
pub(super) struct Wish {
    /// Whether only to say it.
    #[serde(default)]
    dry_run: bool,
}

pub(super) const BACK: Operation =
    Operation::new("releases", "goBack", "Go back to a release, or say whom that would touch")
        .more(
            "All higher releases that the same devices follow are recalled: devices that run one \
             of them get this one.",
        )
        .takes(r#"{"dry_run": true}"#)
        .gives("What is recalled, and whom that touches.")
        .refuses(&[MISSING, when("It is not published", &[codes::WRONG_STATE])]);

/// `POST /api/v1/releases/{id}/back`
pub(super) async fn back(
    State(app): State<App>,
    Actor(actor): Actor,
    granted: Granted,
    Segment(id): Segment<i64>,
    Body(wish): Body<Wish>,
) -> Result<Json<BackView>, Problem> {
    let release = app.store().release(id).await?.ok_or_else(|| Problem::not_found("release"))?;
    granted.change(&release, &ReleaseChange::default())?;
    let above = app.above(&release);
    let (Some(platform_id), ReleaseState::Published) = (release.platform_id, release.state) else {
        return Err(Error::State("publish the release first, then go back to it").into());
    };
    let supposed = Supposed::Recalled(above.iter().map(|own| own.id).collect());
    let Touched { groups, others } = app.touched(platform_id, &supposed).await?;
    if !wish.dry_run {
        app.go_back(id, &actor).await?;
    }
    Ok(Json(BackView {
        done: !wish.dry_run,
        recalled: above.iter().map(|own| ReleaseRef::of(&app, own)).collect(),
        touched: groups.iter().map(|group| group.devices).sum(),
        others,
        devices: groups.into_iter().map(TouchView::from).collect(),
    }))
}
