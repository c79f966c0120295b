//! Groups: labels on devices.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use crate::app::{App, GroupChange};
use crate::domain::group::Group;
use crate::http::api::extract::{Actor, Body, Segment, present};
use crate::http::api::page::{Everything, List, Page};
use crate::http::api::problem::Problem;
use crate::http::api::time;

/// A group, as it is shown.
#[derive(Debug, Serialize)]
pub(super) struct GroupView {
    name: String,
    quiet_hours: Option<String>,
    devices: u64,
    created_at: String,
}

impl GroupView {
    fn of(group: &Group, sizes: &HashMap<i64, u64>) -> Self {
        Self {
            devices: sizes.get(&group.id).copied().unwrap_or(0),
            name: group.name.to_string(),
            quiet_hours: group.quiet.map(|quiet| quiet.to_string()),
            created_at: time::text(group.created_at),
        }
    }
}

fn find(app: &App, name: &str) -> Result<Group, Problem> {
    app.group_named(name).ok_or_else(|| Problem::not_found("group"))
}

/// `GET /api/v1/groups`
pub(super) async fn list(
    State(app): State<App>,
    list: List<Everything>,
) -> Result<Page<GroupView>, Problem> {
    let after: Option<String> = list.paging.after()?;
    let sizes = app.store().group_sizes().await?;
    let mut all = app.shelf().groups().to_vec();
    if let Some(after) = after {
        all.retain(|group| group.name.key() > after);
    }
    let page = list.paging.page(all, |group| group.name.key());
    Ok(page.map(|group| GroupView::of(&group, &sizes)))
}

/// A group that is to be made.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a JSON object")]
pub(super) struct New {
    name: String,
    #[serde(default)]
    quiet_hours: String,
}

/// `POST /api/v1/groups`
pub(super) async fn create(
    State(app): State<App>,
    Actor(actor): Actor,
    Body(new): Body<New>,
) -> Result<Response, Problem> {
    let group = app.create_group(&new.name, &new.quiet_hours, &actor).await?;
    let name = utf8_percent_encode(group.name.as_str(), NON_ALPHANUMERIC);
    let location = [(LOCATION, format!("/api/v1/groups/{name}"))];
    let view = GroupView::of(&group, &HashMap::new());
    Ok((StatusCode::CREATED, location, Json(view)).into_response())
}

/// `GET /api/v1/groups/{name}`
pub(super) async fn show(
    State(app): State<App>,
    Segment(name): Segment<String>,
) -> Result<Json<GroupView>, Problem> {
    let group = find(&app, &name)?;
    Ok(Json(GroupView::of(&group, &app.store().group_sizes().await?)))
}

/// What is to be different about a group.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a JSON object")]
pub(super) struct Change {
    #[serde(default, deserialize_with = "present")]
    name: Option<String>,
    #[serde(default, deserialize_with = "present")]
    quiet_hours: Option<String>,
}

/// `PATCH /api/v1/groups/{name}`
pub(super) async fn change(
    State(app): State<App>,
    Actor(actor): Actor,
    Segment(name): Segment<String>,
    Body(change): Body<Change>,
) -> Result<Json<GroupView>, Problem> {
    let group = find(&app, &name)?;
    let Change { name, quiet_hours: quiet } = change;
    let group = app.change_group(group.id, &GroupChange { name, quiet }, &actor).await?;
    Ok(Json(GroupView::of(&group, &app.store().group_sizes().await?)))
}

/// `DELETE /api/v1/groups/{name}`
pub(super) async fn delete(
    State(app): State<App>,
    Actor(actor): Actor,
    Segment(name): Segment<String>,
) -> Result<StatusCode, Problem> {
    app.delete_group(find(&app, &name)?.id, &actor).await?;
    Ok(StatusCode::NO_CONTENT)
}
