//! Groups: the list, and making, changing and deleting them.

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::confirm::{Confirm, Part};
use super::error::{PageError, sentence, status};
use super::foreseen::asks_of_group;
use super::page::{Actor, Flash, Page, View};
use super::query::QueryString;
use crate::app::{App, GroupChange};
use crate::domain::group::Group;
use crate::http::view::filters;

#[derive(Debug, Template)]
#[template(path = "groups.html")]
struct List {
    page: Page,
    rows: Vec<Row>,
    /// The zone that quiet hours are in.
    zone: String,
    /// What was typed for a new one, and what is wrong with it.
    name: String,
    quiet: String,
    error: String,
}

#[derive(Debug)]
struct Row {
    id: i64,
    name: String,
    quiet: String,
    devices: u64,
    /// Where they are listed.
    link: String,
}

/// What the form of a group sends.
#[derive(Debug, Deserialize)]
pub(super) struct Sent {
    name: String,
    #[serde(default)]
    quiet: String,
    /// Whether a person was told whom the change touches.
    #[serde(default)]
    sure: String,
}

async fn listed(app: &App, page: Page) -> Result<List, PageError> {
    let sizes = app.store().group_sizes().await?;
    let shelf = app.shelf();
    let rows = shelf.groups().iter().map(|group| Row {
        id: group.id,
        name: group.name.to_string(),
        quiet: group.quiet.map(|quiet| quiet.to_string()).unwrap_or_default(),
        devices: sizes.get(&group.id).copied().unwrap_or(0),
        link: link(group),
    });
    let rows = rows.collect();
    let zone = app.settings().time_zone.name().to_owned();
    let (name, quiet, error) = (String::new(), String::new(), String::new());
    Ok(List { page, rows, zone, name, quiet, error })
}

/// `GET /groups`
pub(super) async fn list(State(app): State<App>, page: Page) -> Result<Response, PageError> {
    Ok(View(listed(&app, page).await?).into_response())
}

/// `POST /groups`
pub(super) async fn create(
    State(app): State<App>,
    Actor(actor): Actor,
    page: Page,
    Form(sent): Form<Sent>,
) -> Result<Response, PageError> {
    match app.create_group(&sent.name, &sent.quiet, &actor).await {
        Ok(group) => {
            let text = format!("The group {} was made. Put devices into it next.", group.name);
            Ok(Flash::good(text).go("/groups"))
        }
        Err(error) if error.is_internal() => Err(error.into()),
        Err(error) => {
            let Sent { name, quiet, sure: _ } = sent;
            let (code, error) = (status(&error), sentence(&error.to_string()));
            let list = List { name, quiet, error, ..listed(&app, page).await? };
            Ok((code, View(list)).into_response())
        }
    }
}

/// `POST /groups/{id}`
pub(super) async fn save(
    State(app): State<App>,
    Actor(actor): Actor,
    page: Page,
    Path(id): Path<i64>,
    Form(sent): Form<Sent>,
) -> Result<Response, PageError> {
    find(&app, id)?;
    if sent.sure.is_empty() {
        let typed = (sent.name.as_str(), sent.quiet.as_str());
        if let Some(asks) = asks_of_group(&app, page, id, typed).await? {
            return Ok(asks);
        }
    }
    let change = GroupChange { name: Some(sent.name), quiet: Some(sent.quiet) };
    let flash = match app.change_group(id, &change, &actor).await {
        Ok(group) => Flash::good(format!("{} was saved.", group.name)),
        Err(error @ crate::app::Error::NotFound(_)) => return Err(error.into()),
        Err(error) if error.is_internal() => return Err(error.into()),
        Err(error) => Flash::bad(sentence(&error.to_string())),
    };
    Ok(flash.go("/groups"))
}

fn find(app: &App, id: i64) -> Result<Group, PageError> {
    app.shelf().group(id).cloned().ok_or_else(|| PageError::not_found("group"))
}

/// `GET /groups/{id}/delete`
pub(super) async fn confirm_delete(
    State(app): State<App>,
    page: Page,
    Path(id): Path<i64>,
    Query(part): Query<Part>,
) -> Result<Response, PageError> {
    let group = find(&app, id)?;
    let devices = app.store().group_sizes().await?.get(&id).copied().unwrap_or(0);
    let mut consequences = Vec::new();
    if devices > 0 {
        let devices = filters::count(&devices, "device loses", "devices lose");
        consequences.push(format!("{devices} the label {}", group.name));
    }
    if let Some(quiet) = group.quiet {
        consequences.push(format!("Its quiet hours, {quiet}"));
    }
    let confirm = Confirm {
        title: format!("Delete the group {}?", group.name),
        consequences,
        remains: "The devices themselves stay as they are.",
        action: format!("/groups/{id}/delete"),
        button: "Delete it",
        back: "/groups".to_owned(),
        page,
    };
    Ok(confirm.show(&part))
}

/// `POST /groups/{id}/delete`
pub(super) async fn delete(
    State(app): State<App>,
    Actor(actor): Actor,
    Path(id): Path<i64>,
) -> Result<Response, PageError> {
    find(&app, id)?;
    Ok(match app.delete_group(id, &actor).await {
        Ok(group) => Flash::good(format!("The group {} was deleted.", group.name)).go("/groups"),
        Err(error) if error.is_internal() => return Err(error.into()),
        Err(error) => Flash::bad(sentence(&error.to_string())).go("/groups"),
    })
}

/// Where the devices of a group are listed.
fn link(group: &Group) -> String {
    let mut query = QueryString::new("/devices");
    query.add("group", group.name.as_str());
    query.finish()
}
