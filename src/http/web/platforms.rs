//! Platforms: list, one of them, and the form.

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::confirm::{Confirm, Part};
use super::connect::Address;
use super::error::{PageError, sentence, status};
use super::page::{Actor, Flash, Page, View};
use crate::app::{App, PlatformChange};
use crate::domain::device::Device;
use crate::domain::event::Event;
use crate::domain::platform::{Admission, Platform};
use crate::domain::release::{Release, ReleaseState};
use crate::domain::update::Decision;
use crate::domain::version::FirmwareVersion;
use crate::http::view::charts::{Bars, Stack, per_hour, stack};
use crate::http::view::{filters, words};
use crate::store::{DeviceFilter, DeviceSort, EventFilter, ReleaseFilter, VersionCount};

const HOURS: u8 = 24;
const DEVICES_SHOWN: u32 = 50;
const EVENTS_SHOWN: u32 = 10;

/// The names of all platforms.
pub(super) fn names(app: &App) -> Vec<String> {
    let shelf = app.shelf();
    shelf.platforms().iter().map(|entry| entry.platform.name.to_string()).collect()
}

/// The platform of this name.
fn find(app: &App, name: &str) -> Result<Platform, PageError> {
    let shelf = app.shelf();
    let entry = shelf.platform(name).ok_or_else(|| PageError::not_found("platform"))?;
    Ok(entry.platform.clone())
}

/// Check-ins of the last day, of one platform or of all.
pub(super) async fn checkins(
    app: &App,
    platform_id: Option<i64>,
    page: &Page,
) -> Result<Bars, PageError> {
    let since = page.now - i64::from(HOURS) * 3600;
    let hours = app.store().checkins_per_hour(platform_id, since - since.rem_euclid(3600)).await?;
    let counts: Vec<_> =
        hours.iter().map(|hour| (hour.hour, u64::try_from(hour.count).unwrap_or(0))).collect();
    Ok(per_hour(&counts, HOURS, page.now, &page.zone))
}

/// The versions of a platform's devices, newest first, as a bar.
pub(super) fn stack_of(counts: &[VersionCount], platform_id: i64) -> Stack {
    let own = counts.iter().filter(|count| count.platform_id == platform_id);
    let mut versions: Vec<(String, u64)> =
        own.map(|count| (count.version.clone().unwrap_or_default(), count.devices)).collect();
    versions.sort_by_cached_key(|(version, _)| std::cmp::Reverse(FirmwareVersion::read(version)));
    stack(&versions)
}

#[derive(Debug, Template)]
#[template(path = "platforms/list.html")]
struct List {
    page: Page,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    platform: Platform,
    newest: Option<Newest>,
    devices: u64,
    pending: u64,
    /// How many devices report the newest version.
    current: u64,
}

#[derive(Debug)]
struct Newest {
    id: i64,
    version: String,
    published_at: i64,
}

impl Row {
    fn is_open(&self) -> bool {
        self.platform.admission == Admission::Any
    }
}

/// `GET /platforms`
pub(super) async fn list(State(app): State<App>, page: Page) -> Result<Response, PageError> {
    let shelf = app.shelf();
    let counts = app.store().versions_in_field().await?;
    let rows = app.store().platform_summaries().await?.into_iter().map(|summary| {
        let entry = shelf.platform_by_id(summary.platform.id);
        let newest = entry.and_then(|entry| entry.newest());
        let own = counts.iter().filter(|count| count.platform_id == summary.platform.id);
        let current = own.filter(|count| {
            let reported = count.version.as_deref().map(FirmwareVersion::read);
            reported.is_some() && reported.as_ref() == newest.map(|newest| &newest.version)
        });
        Row {
            current: current.map(|count| count.devices).sum(),
            newest: newest.map(|newest| Newest {
                id: newest.id,
                version: newest.version.to_string(),
                published_at: newest.published_at,
            }),
            devices: summary.devices,
            pending: summary.pending,
            platform: summary.platform,
        }
    });
    Ok(View(List { rows: rows.collect(), page }).into_response())
}

#[derive(Debug, Template)]
#[template(path = "platforms/show.html")]
struct Show {
    page: Page,
    platform: Platform,
    devices: Vec<Gets>,
    more_devices: bool,
    releases: Vec<Release>,
    newest_id: Option<i64>,
    stack: Stack,
    checkins: Bars,
    events: Vec<Event>,
    base: String,
}

impl Show {
    fn is_open(&self) -> bool {
        self.platform.admission == Admission::Any
    }

    fn is_newest(&self, release: &Release) -> bool {
        self.newest_id == Some(release.id)
    }
}

/// A device and what it would get now.
#[derive(Debug)]
struct Gets {
    device: Device,
    tone: &'static str,
    icon: &'static str,
    gets: String,
    why: String,
}

impl Gets {
    fn new(app: &App, device: Device) -> Self {
        let Some(explanation) = app.explain(device.mac) else {
            let gets = "not asked yet".to_owned();
            return Self { device, tone: "", icon: "clock", gets, why: String::new() };
        };
        let verdict = words::verdict(&explanation.decision);
        let release = explanation.release.filter(|_| explanation.decision == Decision::Offer);
        let gets = match release {
            Some(release) => release.version.to_string(),
            None => verdict.word.to_owned(),
        };
        let why = explanation.decision.is_withheld().then(|| explanation.decision.text());
        Self {
            device,
            tone: verdict.tone,
            icon: verdict.icon,
            gets,
            why: why.unwrap_or_default(),
        }
    }

    fn version(&self) -> &str {
        words::version_of(&self.device)
    }
}

/// `GET /platforms/{name}`
pub(super) async fn show(
    State(app): State<App>,
    page: Page,
    Path(name): Path<String>,
) -> Result<Response, PageError> {
    let platform = find(&app, &name)?;
    let (id, key) = (platform.id, platform.name.to_string());
    let filter = DeviceFilter {
        platform_id: Some(id),
        sort: DeviceSort::Seen,
        limit: DEVICES_SHOWN + 1,
        ..DeviceFilter::default()
    };
    let mut devices = app.store().devices(&filter).await?;
    let more_devices = devices.len() > DEVICES_SHOWN as usize;
    devices.truncate(DEVICES_SHOWN as usize);
    let events = EventFilter { platform: Some(key), limit: EVENTS_SHOWN, ..EventFilter::default() };
    let counts = app.store().versions_in_field().await?;
    let newest = app.shelf().platform_by_id(id).and_then(|entry| entry.newest().cloned());
    let show = Show {
        devices: devices.into_iter().map(|device| Gets::new(&app, device)).collect(),
        more_devices,
        releases: releases_of(&app, id).await?,
        newest_id: newest.map(|newest| newest.id),
        stack: stack_of(&counts, id),
        checkins: checkins(&app, Some(id), &page).await?,
        events: app.store().events(&events).await?,
        base: Address::of(&app, &page).base,
        platform,
        page,
    };
    Ok(View(show).into_response())
}

/// Its releases, highest version first, drafts before them.
async fn releases_of(app: &App, platform_id: i64) -> Result<Vec<Release>, PageError> {
    let filter = ReleaseFilter { platform_id: Some(platform_id), ..ReleaseFilter::default() };
    let mut releases = app.store().releases(&filter).await?;
    releases.sort_by(|a, b| {
        let draft = |release: &Release| release.state == ReleaseState::Draft;
        draft(b).cmp(&draft(a)).then(b.version.cmp(&a.version)).then(b.id.cmp(&a.id))
    });
    Ok(releases)
}

#[derive(Debug, Template)]
#[template(path = "platforms/form.html")]
struct FormPage {
    page: Page,
    /// The name so far; empty for a new platform.
    original: String,
    name: String,
    description: String,
    open: bool,
    error: String,
}

/// What the form sends.
#[derive(Debug, Deserialize)]
pub(super) struct Sent {
    name: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    admission: String,
}

impl Sent {
    fn change(&self) -> PlatformChange {
        PlatformChange {
            name: Some(self.name.clone()),
            description: Some(self.description.clone()),
            admission: Admission::read(&self.admission),
        }
    }

    /// The form again, with what was typed and what is wrong.
    fn again(self, page: Page, original: String, error: &crate::app::Error) -> Response {
        let Self { name, description, admission } = self;
        let open = admission == Admission::Any.word();
        let text = sentence(&error.to_string());
        let form = FormPage { page, original, name, description, open, error: text };
        (status(error), View(form)).into_response()
    }
}

/// `GET /platforms/new`
pub(super) async fn new(page: Page, Query(wish): Query<Wish>) -> Response {
    let (original, description, error) = Default::default();
    let name = wish.name.unwrap_or_default();
    View(FormPage { page, original, name, description, open: false, error }).into_response()
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
    let confirm = Confirm {
        title: format!("Delete the platform {name}?"),
        consequences: vec![
            format!("{} with images and notes", filters::count(&releases, "release", "releases")),
            format!(
                "The approval of {}; they become pending, with name and history kept",
                filters::count(&devices, "device", "devices")
            ),
            format!("Sketches that ask for dev={name} are refused from then on"),
        ],
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
