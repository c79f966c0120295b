//! The dry run: who would get what after a change that has not been made yet.
//!
//! `GET /releases/{id}/preview` (publish; `state=withdrawn`, `state=recalled`) and
//! `GET /platforms/{name}/preview` (`rule=`, `floor=`, `pinned=`, `quiet=`, `gzip=`) are pages of their own; with
//! `fragment=preview` they are the part that other forms show beside themselves.

use std::collections::HashMap;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};

use super::drafts::Decided;
use super::error::{PageError, sentence};
use super::page::{Page, View};
use super::platforms;
use super::releases::find;
use super::wish::Typed;
use crate::app::{App, Error, PlanWish, Preview, ReportCard, Supposed, Wishes};
use crate::domain::mac::MacAddr;
use crate::domain::platform::GzipPolicy;
use crate::domain::policy::{Channel, QuietHours, Rule};
use crate::domain::release::{Release, ReleaseState};
use crate::domain::update::Prospect;
use crate::domain::version::FirmwareVersion;
use crate::http::view::filters;

/// Devices of one prospect that a page lists.
const LISTED: usize = 200;

/// What would come of a change, as a page shows it.
#[derive(Debug, Default)]
pub(super) struct PreviewView {
    /// Why nothing can be said; empty where something can.
    pub(super) note: String,
    pub(super) platform: String,
    pub(super) total: u64,
    pub(super) groups: Vec<Group>,
    /// How many get the release now that it is about; `None`: it is about none.
    pub(super) gets: Option<u64>,
}

/// The devices that have the same to expect.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) tone: &'static str,
    pub(super) icon: &'static str,
    pub(super) label: &'static str,
    pub(super) count: u64,
    pub(super) devices: Vec<Row>,
    /// How many more there are.
    pub(super) more: u64,
}

/// A device with its sentence.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) hex: String,
    pub(super) title: String,
    pub(super) text: String,
}

#[derive(Debug, Template)]
#[template(path = "rollouts/preview.html", blocks = ["preview"])]
struct PreviewPage {
    page: Page,
    title: String,
    back: String,
    preview: PreviewView,
}

impl PreviewView {
    /// Nothing can be said, and why.
    pub(super) fn silent(note: impl Into<String>) -> Self {
        Self { note: note.into(), ..Self::default() }
    }

    /// Whether it is about a release that no device gets now.
    pub(super) fn is_for_nobody(&self) -> bool {
        self.gets == Some(0)
    }

    /// How many devices get the release now, in a sentence; empty where it is about none.
    pub(super) fn headline(&self) -> String {
        let total = filters::count(&self.total, "device", "devices");
        match self.gets {
            None => String::new(),
            Some(0) => "Nobody gets it now: see why below.".to_owned(),
            Some(1) => format!("Now 1 of {total} gets it."),
            Some(gets) => format!("Now {} of {total} get it.", filters::thousands(&gets)),
        }
    }

    /// The sentence that is read out when it changes.
    pub(super) fn summary(&self) -> String {
        let first = self.groups.first();
        let gets = first.map_or(0, |group| group.count);
        let total = filters::count(&self.total, "device", "devices");
        match first {
            Some(group) => {
                format!("{} of {total}: {}.", filters::thousands(&gets), group.label)
            }
            None => format!("{} has no devices yet.", self.platform),
        }
    }

    async fn of(app: &App, preview: Preview) -> Result<Self, PageError> {
        let macs: Vec<MacAddr> = preview.devices.iter().map(|device| device.mac).collect();
        let names = app.store().device_names(&macs).await?;
        let groups = Prospect::ALL.into_iter().filter_map(|prospect| {
            let count = *preview.prospects.get(&prospect)?;
            let own = preview.devices.iter().filter(|device| device.prospect == prospect);
            let row = |device: &crate::app::Forecast| Row {
                hex: device.mac.hex(),
                title: title(&names, device.mac),
                text: device.text(),
            };
            let devices: Vec<Row> = own.take(LISTED).map(row).collect();
            let more = count.saturating_sub(devices.len() as u64);
            let (tone, icon) = look(prospect);
            Some(Group { tone, icon, label: prospect.label(), count, devices, more })
        });
        let (groups, total) = (groups.collect(), preview.total());
        Ok(Self { platform: preview.platform, total, groups, ..Self::default() })
    }

    /// What would come of a change; what is wrong with the wish becomes a note.
    pub(super) async fn supposing(
        app: &App,
        platform_id: i64,
        supposed: &Supposed,
    ) -> Result<Self, PageError> {
        match app.preview(platform_id, supposed).await {
            Ok(preview) => {
                let about = matches!(supposed, Supposed::New { .. } | Supposed::Published { .. });
                let gets = preview.prospects.get(&Prospect::Gets).copied().unwrap_or_default();
                let shown = Self::of(app, preview).await?;
                Ok(Self { gets: about.then_some(gets), ..shown })
            }
            Err(error) if error.is_internal() => Err(error.into()),
            Err(error) => Ok(Self::silent(sentence(&error.to_string()))),
        }
    }

    /// What would come of other rules of a platform.
    pub(super) async fn of_rules(
        app: &App,
        platform_id: i64,
        fields: &[(String, String)],
    ) -> Result<Self, PageError> {
        match supposed(fields) {
            Ok(supposed) => Self::supposing(app, platform_id, &supposed).await,
            Err(error) => Ok(Self::silent(sentence(&error.to_string()))),
        }
    }

    /// What would come of publishing a draft.
    pub(super) async fn of_draft(app: &App, id: i64, wishes: &Wishes) -> Result<Self, PageError> {
        let card = app.report_card(id, wishes).await?;
        Self::of_card(app, id, &card, wishes.channel, wishes.plan.clone()).await
    }

    /// The same where its report card is known.
    pub(super) async fn of_card(
        app: &App,
        id: i64,
        card: &ReportCard,
        channel: Option<Channel>,
        plan: Option<PlanWish>,
    ) -> Result<Self, PageError> {
        let Some(platform) = &card.platform else {
            return Ok(Self::silent("Choose the platform first."));
        };
        if card.platform_id.is_none() {
            let text = format!("{platform} is new: it has no devices yet.");
            return Ok(Self::silent(text));
        }
        let channel = channel.unwrap_or_default();
        let Some((release, joins)) = app.as_published(card, id, channel).await? else {
            return Ok(Self::silent("Choose the version first."));
        };
        let plan = plan.filter(|_| !joins);
        Self::supposing_new(app, release, plan).await
    }

    /// What would come of publishing a release that was withdrawn.
    pub(super) async fn of_release(
        app: &App,
        release: &Release,
        channel: Option<Channel>,
        plan: Option<PlanWish>,
    ) -> Result<Self, PageError> {
        let channel = channel.unwrap_or(release.channel);
        if let (ReleaseState::Published, Some(platform_id)) = (release.state, release.platform_id) {
            // Its rollout was ended, and does not count any more.
            let (release_id, version) = (release.id, release.version.clone());
            let supposed = Supposed::Published { release_id, version, channel, plan };
            return Self::supposing(app, platform_id, &supposed).await;
        }
        Self::supposing_new(app, Release { channel, ..release.clone() }, plan).await
    }

    /// The same as somebody wishes for it; a mistake is said in its place.
    pub(super) async fn of_wish(
        app: &App,
        page: &Page,
        release: &Release,
        (channel, typed): (Option<Channel>, &Typed),
    ) -> Result<Self, PageError> {
        match typed.plan(page) {
            Ok(plan) => Self::of_release(app, release, channel, plan).await,
            Err(mistake) => Ok(Self::silent(mistake.text)),
        }
    }

    async fn supposing_new(
        app: &App,
        release: Release,
        plan: Option<PlanWish>,
    ) -> Result<Self, PageError> {
        let Some(platform_id) = release.platform_id else {
            return Ok(Self::silent("Choose the platform first."));
        };
        let release = Box::new(release);
        Self::supposing(app, platform_id, &Supposed::New { release, plan }).await
    }
}

/// What to call a device.
pub(super) fn title(names: &HashMap<MacAddr, String>, mac: MacAddr) -> String {
    names.get(&mac).cloned().unwrap_or_else(|| mac.to_string())
}

const fn look(prospect: Prospect) -> (&'static str, &'static str) {
    match prospect {
        Prospect::Gets => ("good", "check"),
        Prospect::Asleep | Prospect::Waits | Prospect::Later => ("wait", "clock"),
        Prospect::Other => ("wait", "arrow"),
        Prospect::NotApproved => ("", "ban"),
        _ if prospect.is_obstacle() => ("warn", "alert"),
        _ => ("", "info"),
    }
}

fn answer(shown: PreviewPage, fragment: bool) -> Response {
    if fragment { View(shown.as_preview()).into_response() } else { View(shown).into_response() }
}

/// The value of a field, where it is there.
fn value<'a>(fields: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let field = fields.iter().find(|(key, _)| key == name);
    field.map(|(_, value)| value.trim())
}

/// `GET /releases/{id}/preview`
pub(super) async fn release(
    State(app): State<App>,
    page: Page,
    Path(id): Path<i64>,
    Query(fields): Query<Vec<(String, String)>>,
) -> Result<Response, PageError> {
    let release = find(&app, id).await?;
    let typed = Typed::read(&fields);
    let taken_back = match value(&fields, "state") {
        Some("withdrawn") => Some(("withdrawn", Supposed::Withdrawn(id))),
        Some("recalled") => Some(("recalled", Supposed::Recalled(vec![id]))),
        _ => None,
    };
    let preview = match (taken_back.as_ref(), release.platform_id, typed.plan(&page)) {
        (Some((_, supposed)), Some(platform_id), _) => {
            PreviewView::supposing(&app, platform_id, supposed).await?
        }
        (_, _, Err(mistake)) => PreviewView::silent(mistake.text),
        (_, _, Ok(plan)) if release.state == ReleaseState::Draft => {
            let wishes = Decided::read(&fields).wishes();
            PreviewView::of_draft(&app, id, &Wishes { plan, ..wishes }).await?
        }
        (_, _, Ok(plan)) => PreviewView::of_release(&app, &release, typed.channel, plan).await?,
    };
    let change = taken_back.map_or("published", |(word, _)| word);
    let title = format!("If {} is {change}", release.title());
    let back = format!("/releases/{id}");
    let fragment = value(&fields, "fragment") == Some("preview");
    Ok(answer(PreviewPage { page, title, back, preview }, fragment))
}

/// `GET /platforms/{name}/preview`
pub(super) async fn platform(
    State(app): State<App>,
    page: Page,
    Path(name): Path<String>,
    Query(fields): Query<Vec<(String, String)>>,
) -> Result<Response, PageError> {
    let platform = platforms::find(&app, &name)?;
    let preview = PreviewView::of_rules(&app, platform.id, &fields).await?;
    let title = format!("What devices of {} would get", platform.name);
    let back = format!("/platforms/{}", platform.name);
    let fragment = value(&fields, "fragment") == Some("preview");
    Ok(answer(PreviewPage { page, title, back, preview }, fragment))
}

/// What a form about a platform would change.
fn supposed(fields: &[(String, String)]) -> Result<Supposed, Error> {
    let mut all = Vec::new();
    if let Some(word) = value(fields, "rule") {
        let expected = "“newer” or “different”";
        let wrong = || Error::Value { field: "rule", value: word.to_owned(), expected };
        all.push(Supposed::Ruled(Rule::read(word).ok_or_else(wrong)?));
    }
    if let Some(text) = value(fields, "pinned") {
        all.push(Supposed::Pinned(text.parse().ok().filter(|id: &i64| *id > 0)));
    }
    if let Some(text) = value(fields, "floor") {
        let floor = Some(text).filter(|text| !text.is_empty()).map(FirmwareVersion::read);
        all.push(Supposed::Floor(floor));
    }
    if let Some(text) = value(fields, "quiet") {
        let quiet = Some(text).filter(|text| !text.is_empty()).map(str::parse::<QuietHours>);
        all.push(Supposed::Quiet(quiet.transpose()?));
    }
    all.extend(value(fields, "gzip").and_then(GzipPolicy::read).map(Supposed::Gzip));
    Ok(Supposed::All(all))
}
