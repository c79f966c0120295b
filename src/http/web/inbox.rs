//! The inbox: devices that asked and wait for a person's word.

use askama::Template;
use axum::extract::{Form, Query, State};
use axum::response::{IntoResponse, Response};

use super::confirm::Part;
use super::device_forms;
use super::error::PageError;
use super::page::{Actor, Flash, Page, View};
use super::platforms::names;
use super::runs::chip_of;
use crate::app::{App, DeviceChange, Shelf};
use crate::domain::device::{Approval, Device};
use crate::domain::names::PlatformName;
use crate::http::view::filters;
use crate::store::{DeviceFilter, DeviceSort};

/// What a device that waits is most likely approved for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Suggestion {
    /// A platform that exists.
    Existing(String),
    /// A platform that is to be created first.
    Create(String),
    /// Nothing points to one.
    Choose,
}

impl Suggestion {
    /// Whether its platform is to be created first.
    #[must_use]
    pub const fn is_create(&self) -> bool {
        matches!(self, Self::Create(_))
    }

    /// Whether one click is enough.
    #[must_use]
    pub const fn is_existing(&self) -> bool {
        matches!(self, Self::Existing(_))
    }
}

/// A device that waits for a person's word.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// The device.
    pub device: Device,
    /// What it is most likely approved for.
    pub suggestion: Suggestion,
    recognised: Option<String>,
}

impl Waiting {
    /// Reads a suggestion out of what the device said: the platform it named, else the platform
    /// whose image it runs.
    #[must_use]
    pub fn new(device: Device, shelf: &Shelf) -> Self {
        let report = device.report.as_ref();
        let running = report.and_then(|report| shelf.running(report));
        let running = running.map(|running| &running.release);
        let own = running.and_then(|release| shelf.platform_by_id(release.platform_id));
        let own = own.map(|own| own.platform.name.to_string());
        let recognised = running
            .zip(own.as_ref())
            .map(|(release, platform)| format!("{platform} {}", release.version));
        let asked = report.and_then(|report| report.dev.as_deref());
        let suggestion = match asked {
            Some(dev) => match (shelf.platform(dev), dev.parse::<PlatformName>()) {
                (Some(known), _) => Suggestion::Existing(known.platform.name.to_string()),
                (None, Ok(name)) => Suggestion::Create(name.to_string()),
                (None, Err(_)) => Suggestion::Choose,
            },
            None => own.map_or(Suggestion::Choose, Suggestion::Existing),
        };
        Self { device, suggestion, recognised }
    }

    /// What it said, in a line: "ESP8266, asked for chase, runs v1.0.0".
    #[must_use]
    pub fn said(&self) -> String {
        let Some(report) = &self.device.report else {
            return "It has not said anything yet".to_owned();
        };
        let mut parts = vec![chip_of(&self.device)];
        match report.dev.as_deref() {
            Some(dev) => parts.push(format!("asked for {dev}")),
            None => parts.push("named no platform".to_owned()),
        }
        match report.version.as_deref() {
            Some(version) => parts.push(format!("runs {version}")),
            None => parts.push("sent no version".to_owned()),
        }
        if let Some(recognised) = &self.recognised {
            parts.push(format!("its image is our {recognised}"));
        }
        if let Some(free) = report.free_space {
            parts.push(format!("{} free", filters::bytes(&u64::from(free))));
        }
        parts.join(", ")
    }
}

/// The devices that wait, latest first.
pub(super) async fn waiting(app: &App, limit: u32) -> Result<Vec<Waiting>, PageError> {
    let filter = DeviceFilter {
        approval: Some(Approval::Pending),
        sort: DeviceSort::Seen,
        limit,
        ..DeviceFilter::default()
    };
    let shelf = app.shelf();
    let devices = app.store().devices(&filter).await?;
    Ok(devices.into_iter().map(|device| Waiting::new(device, &shelf)).collect())
}

#[derive(Debug, Template)]
#[template(path = "inbox.html", blocks = ["live"])]
struct Inbox {
    page: Page,
    waiting: Vec<Waiting>,
    platforms: Vec<String>,
}

/// `GET /inbox`
pub(super) async fn show(
    State(app): State<App>,
    page: Page,
    Query(part): Query<Part>,
) -> Result<Response, PageError> {
    let waiting = waiting(&app, 200).await?;
    let inbox = Inbox { page, waiting, platforms: names(&app) };
    if part.is("live") {
        return Ok(View(inbox.as_live()).into_response());
    }
    Ok(View(inbox).into_response())
}

/// `POST /inbox`: the boxes that were ticked, an action, and perhaps one platform for all.
pub(super) async fn several(
    State(app): State<App>,
    Actor(actor): Actor,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, PageError> {
    let value = |name: &str| fields.iter().find(|(key, _)| key == name).map(|(_, value)| value);
    let approve = value("action").is_some_and(|action| action == "approve");
    let platform = value("platform").filter(|name| !name.is_empty());
    let (mut done, mut open, mut missing) = (0, 0, Vec::new());
    for (_, mac) in fields.iter().filter(|(key, _)| key == "mac") {
        let Ok(mac) = mac.parse() else { continue };
        let Some(device) = app.store().device(mac).await? else {
            continue;
        };
        if approve {
            let suggestion = Waiting::new(device, &app.shelf()).suggestion;
            let name = match (platform, suggestion) {
                (Some(name), _) => name.clone(),
                (None, Suggestion::Existing(name)) => name,
                (None, Suggestion::Create(name)) => {
                    missing.push(name);
                    continue;
                }
                (None, Suggestion::Choose) => {
                    open += 1;
                    continue;
                }
            };
            device_forms::approve_for(&app, mac, &name, false, &actor).await?;
        } else {
            let approval = Some(Approval::Ignored);
            let change = DeviceChange { approval, ..DeviceChange::default() };
            app.change_device(mac, &change, &actor).await?;
        }
        done += 1;
    }
    Ok(outcome(approve, done, open, &missing).go("/inbox"))
}

fn outcome(approve: bool, done: u64, open: u64, missing: &[String]) -> Flash {
    if (done, open, missing.len()) == (0, 0, 0) {
        return Flash::bad("No device was chosen: tick the boxes first.");
    }
    let word = if approve { "approved" } else { "ignored" };
    let mut said = vec![match done {
        0 => format!("No device was {word}."),
        _ => format!("{} {word}.", filters::count(&done, "device was", "devices were")),
    }];
    if open > 0 {
        let open = filters::count(&open, "names", "name");
        said.push(format!("{open} no platform: choose one."));
    }
    if !missing.is_empty() {
        let mut names: Vec<&str> = missing.iter().map(String::as_str).collect();
        names.sort_unstable();
        names.dedup();
        let list = names.join(", ");
        let asks = match (missing.len(), names.len()) {
            (1, _) => {
                format!("1 asks for a platform that does not exist: {list} – create it first")
            }
            (n, 1) => {
                format!("{n} ask for a platform that does not exist: {list} – create it first")
            }
            (n, _) => {
                format!("{n} ask for platforms that do not exist: {list} – create them first")
            }
        };
        said.push(format!("{asks}."));
    }
    let text = said.join(" ");
    if open == 0 && missing.is_empty() { Flash::good(text) } else { Flash::warn(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_skipped_is_said() {
        let text = |done, open, missing: &[&str]| {
            let missing: Vec<String> = missing.iter().map(|name| (*name).to_owned()).collect();
            outcome(true, done, open, &missing).text
        };
        assert_eq!(text(2, 0, &[]), "2 devices were approved.");
        assert!(text(0, 0, &[]).contains("tick"));
        let skipped = text(1, 0, &["nope", "chase"]);
        assert!(
            skipped.contains("2 ask for platforms that do not exist: chase, nope"),
            "{skipped}"
        );
        assert!(text(0, 1, &["nope"]).starts_with("No device was approved. 1 names no platform"));
    }
}
