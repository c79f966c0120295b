//! Going back to a release, and whom that touches.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::device::ReleaseRef;
use crate::app::{App, Error, ReleaseChange, Supposed, Touch, Touched};
use crate::domain::release::ReleaseState;
use crate::http::api::extract::{Actor, Body, Segment};
use crate::http::api::granted::Granted;
use crate::http::api::problem::Problem;

/// What going back does.
#[derive(Debug, Serialize)]
pub(super) struct BackView {
    done: bool,
    recalled: Vec<ReleaseRef>,
    touched: u64,
    others: u64,
    devices: Vec<TouchView>,
}

/// Devices to which the same happens.
#[derive(Debug, Serialize)]
struct TouchView {
    count: u64,
    names: Vec<String>,
    runs: Option<String>,
    gets: Option<String>,
    lower: bool,
    why: String,
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

/// Whether to do it, or only to say what it would do.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a JSON object")]
pub(super) struct Wish {
    #[serde(default)]
    dry_run: bool,
}

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
