//! Whom a change of a device, of several, or of a group touches, before it is saved.
//!
//! `GET /devices/{mac}/preview` and `GET /groups/{id}/preview` take the fields of those forms; with
//! `fragment=preview` they are the part that a form shows beside itself. Who has seen it is not
//! asked again; everybody else is, by [`asks`].

use std::collections::{BTreeSet, HashMap};

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};

use super::device::find;
use super::error::{PageError, sentence};
use super::page::{Page, View};
use super::touched::{Asks, Choice, Line};
use super::updates;
use crate::app::{App, Decided, PolicyChange, Supposed};
use crate::domain::device::Device;
use crate::domain::mac::MacAddr;
use crate::domain::policy::QuietHours;
use crate::store::DeviceFilter;

/// Fields of a form.
pub(super) type Fields = Vec<(String, String)>;

/// Devices of a group whose platforms are looked at.
const LOOKED_AT: u32 = 1000;

#[derive(Debug, Template)]
#[template(path = "foreseen.html", blocks = ["preview"])]
struct Foreseen {
    page: Page,
    title: String,
    back: String,
    lines: Vec<Line>,
    /// What is said where nothing is different.
    none: String,
}

impl Foreseen {
    fn lower(&self) -> bool {
        self.lines.iter().any(|line| line.lower)
    }

    fn answer(self, fields: &Fields) -> Response {
        if value(fields, "fragment") == Some("preview") {
            View(self.as_preview()).into_response()
        } else {
            View(self).into_response()
        }
    }
}

/// The value of a field, where it is there.
pub(super) fn value<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    let found = fields.iter().find(|(key, _)| key == name);
    found.map(|(_, value)| value.as_str())
}

/// `GET /devices/{mac}/preview`
pub(super) async fn device(
    State(app): State<App>,
    page: Page,
    Path(mac): Path<String>,
    Query(fields): Query<Fields>,
) -> Result<Response, PageError> {
    let device = find(&app, &mac).await?;
    let decided = app.as_decided(&device, &updates::wish(&fields));
    let forecast = app.foresee(device.mac, decided).await?;
    let none = "It has never asked; what it gets is decided when it does.".to_owned();
    let foreseen = Foreseen {
        title: format!("What {} would get", device.title()),
        back: format!("/devices/{}", device.mac.hex()),
        lines: forecast.iter().map(Line::of_device).collect(),
        none,
        page,
    };
    Ok(foreseen.answer(&fields))
}

/// `GET /groups/{id}/preview`
pub(super) async fn group(
    State(app): State<App>,
    page: Page,
    Path(id): Path<i64>,
    Query(fields): Query<Fields>,
) -> Result<Response, PageError> {
    let group = app.shelf().group(id).cloned().ok_or_else(|| PageError::not_found("group"))?;
    let (lines, none) = match read_quiet(value(&fields, "quiet").unwrap_or_default()) {
        Err(text) => (Vec::new(), text),
        Ok(quiet) => {
            let lines = group_choice(&app, id, quiet).await?.lines;
            let hours = page.at(&page.now).to_string();
            (lines, format!("Nothing is different for its devices now ({hours})."))
        }
    };
    let title = format!("What devices of {} would get", group.name);
    Ok(Foreseen { title, back: "/groups".to_owned(), lines, none, page }.answer(&fields))
}

fn read_quiet(text: &str) -> Result<Option<QuietHours>, String> {
    let text = text.trim();
    let quiet = (!text.is_empty()).then(|| text.parse::<QuietHours>()).transpose();
    quiet.map_err(|error| sentence(&error.to_string()))
}

async fn group_choice(app: &App, id: i64, quiet: Option<QuietHours>) -> Result<Choice, PageError> {
    let filter = DeviceFilter { group: Some(id), limit: LOOKED_AT, ..DeviceFilter::default() };
    let devices = app.store().devices(&filter).await?;
    let platforms = devices.iter().filter_map(|device| device.platform_id).collect();
    let supposed = Supposed::GroupQuiet(id, quiet);
    Ok(Choice::new("", "", &app.touched_on(&platforms, &supposed).await?))
}

/// The page that says whom new quiet hours touch; `None` where nobody has to be asked.
pub(super) async fn asks_of_group(
    app: &App,
    page: Page,
    id: i64,
    (name, quiet): (&str, &str),
) -> Result<Option<Response>, PageError> {
    let Ok(hours) = read_quiet(quiet) else { return Ok(None) };
    let choice = group_choice(app, id, hours).await?;
    let hidden = vec![("name", name.to_owned()), ("quiet", quiet.to_owned())];
    let action = format!("/groups/{id}");
    Ok(asks(page, choice, (&action, "/groups"), hidden))
}

/// The page that says what a change of these devices does; `None` where nobody has to be asked.
pub(super) async fn asks_of_devices(
    app: &App,
    page: Page,
    (devices, change): (&[Device], &PolicyChange),
    (action, back): (&str, &str),
    hidden: Vec<(&'static str, String)>,
) -> Result<Option<Response>, PageError> {
    let decided: HashMap<MacAddr, Decided> =
        devices.iter().map(|own| (own.mac, app.as_decided(own, change))).collect();
    let platforms: BTreeSet<i64> = devices.iter().filter_map(|own| own.platform_id).collect();
    let touched = app.touched_on(&platforms, &Supposed::Decided(decided)).await?;
    Ok(asks(page, Choice::new("", "", &touched), (action, back), hidden))
}

fn asks(
    page: Page,
    choice: Choice,
    (action, back): (&str, &str),
    mut hidden: Vec<(&'static str, String)>,
) -> Option<Response> {
    if choice.lines.is_empty() {
        return None;
    }
    hidden.push(("sure", "yes".to_owned()));
    let asks = Asks {
        page,
        title: "Change what devices get?".to_owned(),
        lead: "Nothing is saved yet. This is what the change does, as things stand now.".to_owned(),
        choices: vec![choice],
        action: action.to_owned(),
        hidden,
        button: "Save the change",
        back: back.to_owned(),
    };
    Some(View(asks).into_response())
}
