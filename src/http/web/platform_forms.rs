//! Platforms: created, changed, deleted.

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::confirm::{Confirm, Part};
use super::error::{PageError, sentence, status};
use super::page::{Actor, Flash, Page, View};
use super::platforms::find;
use super::preview::PreviewView;
use super::touched::{Asks, Choice};
use super::updates::{Pin, pins, read_pin};
use crate::app::{App, Error, PlatformChange, Supposed, Touched};
use crate::domain::platform::{Admission, GzipPolicy, Platform};
use crate::domain::policy::Rule;
use crate::domain::version::FirmwareVersion;
use crate::http::view::filters;

/// How a sentence about the lowest version begins.
const FLOOR: &str = "The lowest version";
/// How a sentence about quiet hours ends.
const QUIET: &str = "write it like 22:00-06:00.";

#[derive(Debug, Template)]
#[template(path = "platforms/form.html")]
struct FormPage {
    page: Page,
    /// The name so far; empty for a new platform.
    original: String,
    sent: Sent,
    pins: Vec<Pin>,
    /// The zone that quiet hours are in.
    zone: String,
    error: String,
    /// What its devices would get by what is in the form; of a new one there is nothing to say.
    preview: PreviewView,
}

impl FormPage {
    /// Whether the mistake is in the lowest version.
    fn is_about_floor(&self) -> bool {
        self.error.starts_with(FLOOR)
    }

    /// Whether the mistake is in the quiet hours.
    fn is_about_quiet(&self) -> bool {
        self.error.ends_with(QUIET)
    }

    /// Whether the mistake is in the name.
    fn is_about_name(&self) -> bool {
        !self.error.is_empty() && !self.is_about_floor() && !self.is_about_quiet()
    }

    fn open(&self) -> bool {
        self.sent.admission == Admission::Any.word()
    }

    fn gzip(&self) -> GzipPolicy {
        self.sent.gzip.as_deref().and_then(GzipPolicy::read).unwrap_or_default()
    }

    fn is_rule(&self, rule: Rule) -> bool {
        self.sent.rule.as_deref().and_then(Rule::read).unwrap_or_default() == rule
    }
}

/// What the form sends.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Sent {
    name: String,
    description: String,
    admission: String,
    /// Only on the form of a platform that exists, as all that follow.
    gzip: Option<String>,
    floor: Option<String>,
    rule: Option<String>,
    pinned: Option<String>,
    quiet: Option<String>,
    /// Whether a person was told whom the change touches.
    sure: String,
    /// Whether it is only to be previewed.
    action: String,
}

impl Sent {
    fn of(platform: &Platform) -> Self {
        Self {
            name: platform.name.to_string(),
            description: platform.description.clone(),
            admission: platform.admission.word().to_owned(),
            gzip: Some(platform.gzip.word().to_owned()),
            floor: Some(platform.floor.as_ref().map(ToString::to_string).unwrap_or_default()),
            rule: Some(platform.rule.word().to_owned()),
            pinned: Some(platform.pinned.map(|id| id.to_string()).unwrap_or_default()),
            quiet: Some(platform.quiet.map(|quiet| quiet.to_string()).unwrap_or_default()),
            ..Self::default()
        }
    }

    fn change(&self) -> PlatformChange {
        PlatformChange {
            name: Some(self.name.clone()),
            description: Some(self.description.clone()),
            admission: Admission::read(&self.admission),
            gzip: self.gzip.as_deref().and_then(GzipPolicy::read),
            floor: self.floor.clone(),
            rule: self.rule.as_deref().and_then(Rule::read),
            pinned: self.pinned.as_deref().map(read_pin),
            quiet: self.quiet.clone(),
            ..PlatformChange::default()
        }
    }

    /// What of it decides which release devices get, if that is to be different.
    fn supposed(&self, platform: &Platform) -> Option<Supposed> {
        let change = self.change();
        let pinned = change.pinned.filter(|pinned| *pinned != platform.pinned);
        let rule = change.rule.filter(|rule| *rule != platform.rule);
        let floor = change.floor.map(|text| text.trim().to_owned());
        let floor = floor.map(|text| (!text.is_empty()).then(|| FirmwareVersion::read(&text)));
        let floor = floor.filter(|floor| *floor != platform.floor);
        let all =
            [pinned.map(Supposed::Pinned), rule.map(Supposed::Ruled), floor.map(Supposed::Floor)];
        let all: Vec<Supposed> = all.into_iter().flatten().collect();
        (!all.is_empty()).then_some(Supposed::All(all))
    }

    /// The fields that a dry run reads.
    fn fields(&self) -> Vec<(String, String)> {
        let hidden = self.clone().hidden().into_iter();
        hidden.map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// The same once more, as fields of the page that asks.
    fn hidden(self) -> Vec<(&'static str, String)> {
        let Self { name, description, admission, gzip, floor, rule, pinned, quiet, .. } = self;
        let mut fields = vec![("name", name), ("description", description)];
        fields.extend([("admission", admission), ("sure", "yes".to_owned())]);
        let others = [
            ("gzip", gzip),
            ("floor", floor),
            ("rule", rule),
            ("pinned", pinned),
            ("quiet", quiet),
        ];
        fields.extend(others.into_iter().filter_map(|(name, value)| Some((name, value?))));
        fields
    }

    /// The form again, with what was typed and what is wrong.
    async fn again(
        self,
        app: &App,
        page: Page,
        original: Option<&Platform>,
        error: &Error,
    ) -> Result<Response, PageError> {
        let text = sentence(&error.to_string());
        let form = form(app, page, original, self, text).await?;
        Ok((status(error), View(form)).into_response())
    }
}

async fn form(
    app: &App,
    page: Page,
    original: Option<&Platform>,
    sent: Sent,
    error: String,
) -> Result<FormPage, PageError> {
    let chosen = sent.pinned.as_deref().and_then(read_pin);
    let preview = match original {
        Some(own) => PreviewView::of_rules(app, own.id, &sent.fields()).await?,
        None => PreviewView::default(),
    };
    Ok(FormPage {
        page,
        preview,
        pins: original.map_or_else(Vec::new, |own| pins(&app.shelf(), own.id, chosen)),
        original: original.map(|own| own.name.to_string()).unwrap_or_default(),
        zone: app.settings().time_zone.name().to_owned(),
        sent,
        error,
    })
}

/// `GET /platforms/new`
pub(super) async fn new(
    State(app): State<App>,
    page: Page,
    Query(wish): Query<Wish>,
) -> Result<Response, PageError> {
    let sent = Sent { name: wish.name.unwrap_or_default(), ..Sent::default() };
    Ok(View(form(&app, page, None, sent, String::new()).await?).into_response())
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
    let sent = Sent::of(&platform);
    Ok(View(form(&app, page, Some(&platform), sent, String::new()).await?).into_response())
}

/// `POST /platforms`
pub(super) async fn create(
    State(app): State<App>,
    Actor(actor): Actor,
    page: Page,
    Form(sent): Form<Sent>,
) -> Result<Response, PageError> {
    let admission = Admission::read(&sent.admission).unwrap_or_default();
    match app.create_platform(&sent.name, &sent.description, admission, &actor).await {
        Ok(platform) => {
            let name = platform.name;
            let text = format!("The platform {name} was created. Upload its first release next.");
            Ok(Flash::good(text).go(&format!("/platforms/{name}")))
        }
        Err(error) if error.is_internal() => Err(error.into()),
        Err(error) => sent.again(&app, page, None, &error).await,
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
    if sent.action == "preview" {
        let form = form(&app, page, Some(&platform), sent, String::new()).await?;
        return Ok(View(form).into_response());
    }
    if let Some(supposed) = sent.supposed(&platform).filter(|_| sent.sure.is_empty()) {
        let touched = app.touched(platform.id, &supposed).await?;
        if touched.devices() > 0 {
            return Ok(asks(page, &platform, sent, &touched));
        }
    }
    Ok(match app.change_platform(&name, &sent.change(), &actor).await {
        Ok(platform) => {
            let name = platform.name;
            Flash::good(format!("{name} was saved.")).go(&format!("/platforms/{name}"))
        }
        Err(error) if error.is_internal() => return Err(error.into()),
        Err(error) => return sent.again(&app, page, Some(&platform), &error).await,
    })
}

/// Says whom a change of the rules touches, before it is made.
fn asks(page: Page, platform: &Platform, sent: Sent, touched: &Touched) -> Response {
    let name = &platform.name;
    let asks = Asks {
        page,
        title: format!("Change what the devices of {name} get?"),
        lead: "Nothing is saved yet. This is what the change does, as things stand now.".to_owned(),
        choices: vec![Choice::new("", "", touched)],
        action: format!("/platforms/{name}/edit"),
        hidden: sent.hidden(),
        button: "Save the change",
        back: format!("/platforms/{name}/edit"),
    };
    View(asks).into_response()
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
