//! Platforms: created, changed, deleted.

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::confirm::{Confirm, Part};
use super::error::{PageError, sentence, status};
use super::page::{Actor, Flash, Page, View};
use super::platforms::find;
use crate::app::{App, Error, PlatformChange};
use crate::domain::platform::{Admission, GzipPolicy};
use crate::http::view::filters;

/// How a sentence about the lowest version begins.
const FLOOR: &str = "The lowest version";

#[derive(Debug, Template)]
#[template(path = "platforms/form.html")]
struct FormPage {
    page: Page,
    /// The name so far; empty for a new platform.
    original: String,
    name: String,
    description: String,
    open: bool,
    gzip: GzipPolicy,
    floor: String,
    error: String,
}

impl FormPage {
    /// Whether the mistake is in the lowest version.
    fn is_about_floor(&self) -> bool {
        self.error.starts_with(FLOOR)
    }
}

/// What the form sends.
#[derive(Debug, Deserialize)]
pub(super) struct Sent {
    name: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    admission: String,
    /// Only on the form of a platform that exists.
    gzip: Option<String>,
    floor: Option<String>,
}

impl Sent {
    fn change(&self) -> PlatformChange {
        PlatformChange {
            name: Some(self.name.clone()),
            description: Some(self.description.clone()),
            admission: Admission::read(&self.admission),
            gzip: self.gzip.as_deref().and_then(GzipPolicy::read),
            floor: self.floor.clone(),
            ..PlatformChange::default()
        }
    }

    /// The form again, with what was typed and what is wrong.
    fn again(self, page: Page, original: String, error: &Error) -> Response {
        let Self { name, description, admission, gzip, floor } = self;
        let open = admission == Admission::Any.word();
        let gzip = gzip.as_deref().and_then(GzipPolicy::read).unwrap_or_default();
        let (floor, text) = (floor.unwrap_or_default(), sentence(&error.to_string()));
        let form = FormPage { page, original, name, description, open, gzip, floor, error: text };
        (status(error), View(form)).into_response()
    }
}

/// `GET /platforms/new`
pub(super) async fn new(page: Page, Query(wish): Query<Wish>) -> Response {
    let form = FormPage {
        page,
        original: String::new(),
        name: wish.name.unwrap_or_default(),
        description: String::new(),
        open: false,
        gzip: GzipPolicy::default(),
        floor: String::new(),
        error: String::new(),
    };
    View(form).into_response()
}

/// A name that a link proposes.
#[derive(Debug, Deserialize)]
pub(super) struct Wish {
    name: Option<String>,
}

/// `GET /platforms/{name}/edit`
pub(super) async fn edit(
    State(app): State<App>,
    page: Page,
    Path(name): Path<String>,
) -> Result<Response, PageError> {
    let platform = find(&app, &name)?;
    let form = FormPage {
        page,
        original: platform.name.to_string(),
        name: platform.name.to_string(),
        description: platform.description,
        open: platform.admission == Admission::Any,
        gzip: platform.gzip,
        floor: platform.floor.map(|floor| floor.to_string()).unwrap_or_default(),
        error: String::new(),
    };
    Ok(View(form).into_response())
}

/// `POST /platforms`
pub(super) async fn create(
    State(app): State<App>,
    Actor(actor): Actor,
    page: Page,
    Form(sent): Form<Sent>,
) -> Response {
    let admission = Admission::read(&sent.admission).unwrap_or_default();
    match app.create_platform(&sent.name, &sent.description, admission, &actor).await {
        Ok(platform) => {
            let name = platform.name;
            let text = format!("The platform {name} was created. Upload its first release next.");
            Flash::good(text).go(&format!("/platforms/{name}"))
        }
        Err(error) if error.is_internal() => PageError::from(error).into_response(),
        Err(error) => sent.again(page, String::new(), &error),
    }
}

/// `POST /platforms/{name}/edit`
pub(super) async fn save(
    State(app): State<App>,
    Actor(actor): Actor,
    page: Page,
    Path(name): Path<String>,
    Form(sent): Form<Sent>,
) -> Result<Response, PageError> {
    let platform = find(&app, &name)?;
    Ok(match app.change_platform(&name, &sent.change(), &actor).await {
        Ok(platform) => {
            let name = platform.name;
            Flash::good(format!("{name} was saved.")).go(&format!("/platforms/{name}"))
        }
        Err(error) if error.is_internal() => PageError::from(error).into_response(),
        Err(error) => sent.again(page, platform.name.to_string(), &error),
    })
}

/// `GET /platforms/{name}/delete`
pub(super) async fn confirm_delete(
    State(app): State<App>,
    page: Page,
    Path(name): Path<String>,
    Query(part): Query<Part>,
) -> Result<Response, PageError> {
    let platform = find(&app, &name)?;
    let name = &platform.name;
    let summaries = app.store().platform_summaries().await?;
    let summary = summaries.into_iter().find(|summary| summary.platform.id == platform.id);
    let (releases, devices) = summary.map_or((0, 0), |own| (own.releases, own.devices));
    let mut consequences = Vec::new();
    if releases > 0 {
        let releases = filters::count(&releases, "release", "releases");
        consequences.push(format!("{releases} with images and notes"));
    }
    if devices > 0 {
        let then = if devices == 1 { "it becomes" } else { "they become" };
        let devices = filters::count(&devices, "device", "devices");
        let text = format!("The approval of {devices}; {then} pending, with name and history kept");
        consequences.push(text);
    }
    consequences.push(format!("Sketches that ask for dev={name} are refused from then on"));
    let confirm = Confirm {
        title: format!("Delete the platform {name}?"),
        consequences,
        remains: "The event log keeps what happened. This cannot be undone.",
        action: format!("/platforms/{name}/delete"),
        button: "Delete it",
        back: format!("/platforms/{name}"),
        page,
    };
    Ok(confirm.show(&part))
}

/// `POST /platforms/{name}/delete`
pub(super) async fn delete(
    State(app): State<App>,
    Actor(actor): Actor,
    Path(name): Path<String>,
) -> Result<Response, PageError> {
    let platform = app.delete_platform(&name, &actor).await?;
    Ok(Flash::good(format!("The platform {} was deleted.", platform.name)).go("/platforms"))
}
