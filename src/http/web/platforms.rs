//! Platforms: the list, and one of them.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};

use super::address::Address;
use super::error::PageError;
use super::page::{Page, View};
use super::pairing::PairingView;
use super::rollout_cards::{About, Card, banners};
use super::runs::RunsView;
use super::updates::{Label, labels, version_of};
use crate::app::{App, Shelf};
use crate::domain::device::Device;
use crate::domain::event::Event;
use crate::domain::platform::{Admission, Platform};
use crate::domain::policy::{Channel, Rule};
use crate::domain::release::{Image, Published, Release, ReleaseState};
use crate::domain::update::Decision;
use crate::domain::version::FirmwareVersion;
use crate::http::view::charts::{Bars, Stack, per_hour, stack};
use crate::http::view::rollout::limit;
use crate::http::view::{filters, words};
use crate::store::{DeviceFilter, DeviceSort, EventFilter, ReleaseFilter, VersionCount};

const HOURS: u8 = 24;
const DEVICES_SHOWN: u32 = 50;
const EVENTS_SHOWN: u32 = 8;

/// The names of all platforms.
pub(super) fn names(app: &App) -> Vec<String> {
    let shelf = app.shelf();
    shelf.platforms().iter().map(|entry| entry.platform.name.to_string()).collect()
}

/// The platform of this name.
pub(super) fn find(app: &App, name: &str) -> Result<Platform, PageError> {
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
pub(super) fn stack_of(
    counts: &[VersionCount],
    platform_id: i64,
    newest: Option<&FirmwareVersion>,
) -> Stack {
    let own = counts.iter().filter(|count| count.platform_id == platform_id);
    let mut versions: Vec<(String, u64)> =
        own.map(|count| (count.version.clone().unwrap_or_default(), count.devices)).collect();
    versions.sort_by_cached_key(|(version, _)| std::cmp::Reverse(FirmwareVersion::read(version)));
    stack(&versions, |version| newest == Some(&FirmwareVersion::read(version)))
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
    /// The newest for beta devices, where that is higher.
    beta: Option<Newest>,
    /// What all its devices are pinned to; empty: nothing.
    pinned: String,
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

impl Newest {
    fn new(release: &Arc<Published>) -> Self {
        let (version, published_at) = (release.version.to_string(), release.published_at);
        Self { id: release.id, version, published_at }
    }
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
            newest: newest.map(Newest::new),
            beta: entry.and_then(|entry| entry.newest_beta()).map(Newest::new),
            pinned: pin_of(&shelf, &summary.platform),
            devices: summary.devices,
            pending: summary.pending,
            platform: summary.platform,
        }
    });
    Ok(View(List { rows: rows.collect(), page }).into_response())
}

/// The version that all devices of a platform are pinned to; empty: they are not.
fn pin_of(shelf: &Shelf, platform: &Platform) -> String {
    let pin = platform.pinned.map(|id| version_of(shelf, id));
    pin.map_or_else(String::new, |own| own.map_or_else(|| "nothing".to_owned(), |own| own.0))
}

#[derive(Debug, Template)]
#[template(path = "platforms/show.html")]
struct Show {
    page: Page,
    platform: Platform,
    devices: Vec<Gets>,
    more_devices: bool,
    /// Devices that asked for it and wait in the inbox.
    pending: u64,
    releases: Vec<Release>,
    newest_id: Option<i64>,
    beta_id: Option<i64>,
    /// Who alone gets those two, because of their rollouts; empty: whoever asks.
    limits: [&'static str; 2],
    /// What all its devices are pinned to; empty: nothing.
    pinned: String,
    /// What reaches nobody because of that; empty: nothing.
    unreached: String,
    zone: String,
    stack: Stack,
    checkins: Bars,
    events: Vec<Event>,
    rollouts: Vec<Card>,
    address: Address,
    pairing: PairingView,
}

impl Show {
    fn is_open(&self) -> bool {
        self.platform.admission == Admission::Any
    }

    /// Who is offered a release now.
    fn offered(&self, release: &Release) -> &'static str {
        let id = Some(release.id);
        match self.platform.pinned {
            Some(_) if self.platform.pinned == id => "all devices get this",
            None if self.newest_id == id && self.limits[0].is_empty() => "offered now",
            None if self.newest_id == id => self.limits[0],
            None if self.beta_id == id && self.limits[1].is_empty() => "offered to beta devices",
            None if self.beta_id == id => self.limits[1],
            Some(_) | None => "",
        }
    }

    fn is_beta(release: &Release) -> bool {
        release.channel == Channel::Beta
    }
}

/// Who alone gets a release, because of its rollout; empty: whoever asks.
fn limit_of(app: &App, release_id: Option<i64>) -> &'static str {
    let rollout = release_id.and_then(|id| app.rollout_before(id));
    rollout.map_or("", |rollout| limit(&rollout))
}

/// What the images of a release are for: "ESP8266, ESP32-C3, file system".
fn chips(release: &Release) -> String {
    release.images().map(Image::label).collect::<Vec<_>>().join(", ")
}

/// The size of all its images.
fn size(release: &Release) -> String {
    filters::bytes(&release.images().map(|image| image.size).sum())
}

/// A device and what it would get now.
#[derive(Debug)]
struct Gets {
    device: Device,
    runs: RunsView,
    tone: &'static str,
    icon: &'static str,
    word: String,
    why: String,
    labels: Vec<Label>,
}

impl Gets {
    fn new(app: &App, device: Device, page: &Page) -> Self {
        let shelf = app.shelf();
        let runs = RunsView::of(&device, &shelf, page);
        let labels = labels(&device, &shelf);
        let Some(explanation) = app.explain(device.mac) else {
            let word = "not asked yet".to_owned();
            let why = String::new();
            return Self { device, runs, tone: "", icon: "clock", word, why, labels };
        };
        let verdict = words::verdict(&explanation.decision);
        let release =
            explanation.release.filter(|_| matches!(explanation.decision, Decision::Offer(_)));
        let word = match release {
            Some(release) => release.version.to_string(),
            None => verdict.word.to_owned(),
        };
        let why = explanation.decision.is_withheld().then(|| explanation.decision.text());
        let why = why.unwrap_or_default();
        Self { device, runs, tone: verdict.tone, icon: verdict.icon, word, why, labels }
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
    let shelf = app.shelf();
    let entry = shelf.platform_by_id(id);
    let newest = entry.and_then(|entry| entry.newest().cloned());
    let beta = entry.and_then(|entry| entry.newest_beta().cloned());
    let highest = beta.as_ref().or(newest.as_ref());
    let unreached = highest.filter(|own| platform.pinned.is_some_and(|id| id != own.id));
    let show = Show {
        devices: devices.into_iter().map(|device| Gets::new(&app, device, &page)).collect(),
        more_devices,
        pending: pending(&app, id).await?,
        releases: releases_of(&app, id).await?,
        stack: stack_of(&counts, id, newest.as_ref().map(|newest| &newest.version)),
        unreached: unreached.map(|own| own.version.to_string()).unwrap_or_default(),
        pinned: pin_of(&shelf, &platform),
        zone: app.settings().time_zone.name().to_owned(),
        limits: [&newest, &beta].map(|own| limit_of(&app, own.as_ref().map(|own| own.id))),
        newest_id: newest.map(|newest| newest.id),
        beta_id: beta.map(|beta| beta.id),
        checkins: checkins(&app, Some(id), &page).await?,
        events: app.store().events(&events).await?,
        rollouts: banners(&app, &page, About::Platform(id)).await?,
        address: Address::of(&app, &page),
        pairing: PairingView::of(&app, Some((id, platform.name.as_str())), page.now).await?,
        platform,
        page,
    };
    Ok(View(show).into_response())
}

/// How many devices asked for a platform and wait for a person's word.
async fn pending(app: &App, platform_id: i64) -> Result<u64, PageError> {
    let summaries = app.store().platform_summaries().await?;
    let own = summaries.iter().find(|summary| summary.platform.id == platform_id);
    Ok(own.map_or(0, |own| own.pending))
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
