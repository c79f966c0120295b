//! Groups: labels on devices.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::app::{App, GroupChange};
use crate::domain::group::Group;
use crate::http::api::codes;
use crate::http::api::describe::{Created, Done, Example, MISSING, Operation, Refusal, when};
use crate::http::api::extract::{Actor, Body, Segment};
use crate::http::api::page::{Everything, List, Page};
use crate::http::api::problem::Problem;
use crate::http::api::words::{Given, Time};

/// A label on devices: to filter by, to roll out to, and to keep quiet together.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Group")]
pub(super) struct GroupView {
    /// Its name; compared without case.
    #[schemars(example = &"Ground floor")]
    name: String,
    /// Hours in which its devices are offered nothing, by the server’s time zone.
    #[schemars(example = &"22:00-06:00")]
    quiet_hours: Option<String>,
    /// How many devices are in it.
    devices: u64,
    /// When it was made.
    created_at: Time,
}

impl GroupView {
    fn of(group: &Group, sizes: &HashMap<i64, u64>) -> Self {
        Self {
            devices: sizes.get(&group.id).copied().unwrap_or(0),
            name: group.name.to_string(),
            quiet_hours: group.quiet.map(|quiet| quiet.to_string()),
            created_at: Time(group.created_at),
        }
    }
}

impl Example for GroupView {
    fn example() -> Self {
        Self {
            name: "Ground floor".to_owned(),
            quiet_hours: Some("22:00-06:00".to_owned()),
            devices: 4,
            created_at: Time::EXAMPLE,
        }
    }
}

/// A value that cannot be used.
const VALUE: Refusal = when("A value cannot be used", &[codes::INVALID_NAME, codes::INVALID_VALUE]);

fn find(app: &App, name: &str) -> Result<Group, Problem> {
    app.group_named(name).ok_or_else(|| Problem::not_found("group"))
}

pub(super) const LIST: Operation =
    Operation::new("groups", "listGroups", "List the groups").gives("Groups, by name.");

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
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a JSON object")]
#[schemars(rename = "NewGroup")]
pub(super) struct New {
    /// Its name, without commas and slashes.
    #[schemars(length(min = 1, max = 40))]
    name: String,
    /// Hours in which its devices are offered nothing; empty: none.
    #[serde(default)]
    #[schemars(example = &"22:00-06:00")]
    quiet_hours: String,
}

pub(super) const CREATE: Operation = Operation::new("groups", "createGroup", "Make a group")
    .takes(r#"{"name": "Ground floor", "quiet_hours": "22:00-06:00"}"#)
    .gives("It is made.")
    .refuses(&[when("There is one of this name", &[codes::GROUP_EXISTS]), VALUE]);

/// `POST /api/v1/groups`
pub(super) async fn create(
    State(app): State<App>,
    Actor(actor): Actor,
    Body(new): Body<New>,
) -> Result<Created<GroupView>, Problem> {
    let group = app.create_group(&new.name, &new.quiet_hours, &actor).await?;
    let name = utf8_percent_encode(group.name.as_str(), NON_ALPHANUMERIC);
    let body = GroupView::of(&group, &HashMap::new());
    Ok(Created { location: format!("/api/v1/groups/{name}"), body })
}

pub(super) const SHOW: Operation =
    Operation::new("groups", "showGroup", "Show a group").gives("The group.").refuses(&[MISSING]);

/// `GET /api/v1/groups/{name}`
pub(super) async fn show(
    State(app): State<App>,
    Segment(name): Segment<String>,
) -> Result<Json<GroupView>, Problem> {
    let group = find(&app, &name)?;
    Ok(Json(GroupView::of(&group, &app.store().group_sizes().await?)))
}

/// What is to be different; what is missing stays as it is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a JSON object")]
#[schemars(rename = "GroupChange")]
pub(super) struct Change {
    /// Its new name.
    #[serde(default)]
    #[schemars(length(min = 1, max = 40))]
    name: Given<String>,
    /// Hours in which its devices are offered nothing; empty: none.
    #[serde(default)]
    #[schemars(example = &"22:00-06:00")]
    quiet_hours: Given<String>,
}

pub(super) const CHANGE: Operation =
    Operation::new("groups", "changeGroup", "Rename a group, or set its quiet hours")
        .takes(r#"{"quiet_hours": "22:00-06:00"}"#)
        .gives("As it is now.")
        .refuses(&[
            MISSING,
            when("There is another one of the new name", &[codes::GROUP_EXISTS]),
            VALUE,
        ]);

/// `PATCH /api/v1/groups/{name}`
pub(super) async fn change(
    State(app): State<App>,
    Actor(actor): Actor,
    Segment(name): Segment<String>,
    Body(change): Body<Change>,
) -> Result<Json<GroupView>, Problem> {
    let group = find(&app, &name)?;
    let Change { name: Given(name), quiet_hours: Given(quiet) } = change;
    let group = app.change_group(group.id, &GroupChange { name, quiet }, &actor).await?;
    Ok(Json(GroupView::of(&group, &app.store().group_sizes().await?)))
}

pub(super) const DELETE: Operation =
    Operation::new("groups", "deleteGroup", "Delete a group; its devices stay")
        .refuses(&[MISSING, when("A release is for this group only", &[codes::WRONG_STATE])]);

/// `DELETE /api/v1/groups/{name}`
pub(super) async fn delete(
    State(app): State<App>,
    Actor(actor): Actor,
    Segment(name): Segment<String>,
) -> Result<Done, Problem> {
    app.delete_group(find(&app, &name)?.id, &actor).await?;
    Ok(Done)
}
