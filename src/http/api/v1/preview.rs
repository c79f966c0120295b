//! The dry run: what the devices of a platform would get after a change.

use axum::Json;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};

use super::rollouts::WishView;
use crate::app::{App, Error, Forecast, PlanWish, Preview, ReportCard, Supposed, Wishes};
use crate::domain::policy::{Channel, Rule};
use crate::domain::release::{Release, ReleaseState};
use crate::domain::update::Prospect;
use crate::domain::version::FirmwareVersion;
use crate::http::api::extract::{Body, Segment};
use crate::http::api::problem::Problem;
use crate::http::api::time;

/// Devices of each prospect, where the request does not say.
const LIMIT: usize = 100;
/// The same at most.
const HIGHEST: usize = crate::app::DETAILED;

/// What the devices of a platform would get.
#[derive(Debug, Serialize)]
pub(super) struct PreviewView {
    platform: String,
    devices: u64,
    prospects: Vec<ProspectView>,
}

/// The devices that have the same to expect.
#[derive(Debug, Serialize)]
struct ProspectView {
    prospect: &'static str,
    text: &'static str,
    count: u64,
    devices: Vec<DeviceView>,
}

#[derive(Debug, Serialize)]
pub(super) struct DeviceView {
    mac: String,
    last_seen: Option<String>,
    version: Option<String>,
    prospect: &'static str,
    decision: &'static str,
    text: String,
    release_id: Option<i64>,
}

impl PreviewView {
    fn of(preview: Preview, limit: usize) -> Self {
        let devices = preview.total();
        let prospects = Prospect::ALL.into_iter().filter_map(|prospect| {
            let count = *preview.prospects.get(&prospect)?;
            let own = preview.devices.iter().filter(|device| device.prospect == prospect);
            let devices = own.take(limit).map(DeviceView::of).collect();
            let (text, prospect) = (prospect.label(), prospect.word());
            Some(ProspectView { prospect, text, count, devices })
        });
        Self { prospects: prospects.collect(), devices, platform: preview.platform }
    }
}

impl DeviceView {
    pub(super) fn of(forecast: &Forecast) -> Self {
        Self {
            mac: forecast.mac.to_string(),
            last_seen: Some(forecast.last_seen).filter(|at| *at > 0).map(time::text),
            version: forecast.version.clone(),
            prospect: forecast.prospect.word(),
            decision: forecast.code(),
            text: forecast.text(),
            release_id: forecast.release.as_ref().map(|release| release.id),
        }
    }
}

/// What is supposed of a release.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a JSON object")]
pub(super) struct ReleaseWish {
    pub(super) state: Option<String>,
    pub(super) channel: Option<String>,
    pub(super) platform: Option<String>,
    pub(super) version: Option<String>,
    pub(super) rollout: Option<WishView>,
    pub(super) limit: Option<usize>,
}

/// The same as a query string; `rollout` is its JSON as text.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReleaseQuery {
    state: Option<String>,
    channel: Option<String>,
    platform: Option<String>,
    version: Option<String>,
    rollout: Option<String>,
    limit: Option<usize>,
}

impl ReleaseWish {
    pub(super) fn plan(&mut self) -> Result<Option<PlanWish>, Error> {
        self.rollout.take().map(WishView::read).transpose()
    }
}

impl ReleaseQuery {
    fn read(self) -> Result<(ReleaseWish, Option<PlanWish>), Problem> {
        let plan = self.rollout.as_deref().map(WishView::parse).transpose()?;
        let Self { state, channel, platform, version, limit, rollout: _ } = self;
        Ok((ReleaseWish { state, channel, platform, version, limit, rollout: None }, plan))
    }
}

/// `GET /api/v1/releases/{id}/preview`
pub(super) async fn release_asked(
    State(app): State<App>,
    Segment(id): Segment<i64>,
    query: Result<Query<ReleaseQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<PreviewView>, Problem> {
    let Query(query) = query.map_err(unread)?;
    let (wish, plan) = query.read()?;
    release_preview(&app, id, wish, plan).await
}

/// `POST /api/v1/releases/{id}/preview`
pub(super) async fn release(
    State(app): State<App>,
    Segment(id): Segment<i64>,
    Body(mut wish): Body<ReleaseWish>,
) -> Result<Json<PreviewView>, Problem> {
    let plan = wish.plan()?;
    release_preview(&app, id, wish, plan).await
}

async fn release_preview(
    app: &App,
    id: i64,
    wish: ReleaseWish,
    plan: Option<PlanWish>,
) -> Result<Json<PreviewView>, Problem> {
    let limit = limit(wish.limit)?;
    let (platform_id, supposed) = of_release(app, id, wish, plan).await?;
    Ok(Json(PreviewView::of(app.preview(platform_id, &supposed).await?, limit)))
}

/// The platform that a release is for, and what is supposed of it.
pub(super) async fn of_release(
    app: &App,
    id: i64,
    wish: ReleaseWish,
    plan: Option<PlanWish>,
) -> Result<(i64, Supposed), Problem> {
    let channel = wish.channel.as_deref().map(read_channel).transpose()?;
    let release = app.store().release(id).await?.ok_or_else(|| Problem::not_found("release"))?;
    let supposed = match wish.state.as_deref() {
        Some("withdrawn") => Supposed::Withdrawn(id),
        Some("recalled") => Supposed::Recalled(vec![id]),
        Some("published") | None if release.state == ReleaseState::Draft => {
            let wishes = Wishes {
                platform: wish.platform,
                version: wish.version,
                channel,
                ..Wishes::default()
            };
            let card = app.report_card(id, &wishes).await?;
            return of_card(app, &card, id, channel, plan).await;
        }
        Some("published") | None => {
            let channel = channel.unwrap_or(release.channel);
            Supposed::New { release: Box::new(Release { channel, ..release.clone() }), plan }
        }
        Some(other) => {
            let expected = "“published”, “withdrawn” or “recalled”";
            return Err(Problem::value("state", other, expected));
        }
    };
    let platform_id = release.platform_id.ok_or_else(|| Problem::not_found("platform"))?;
    Ok((platform_id, supposed))
}

/// That a draft is published.
async fn of_card(
    app: &App,
    card: &ReportCard,
    id: i64,
    channel: Option<Channel>,
    plan: Option<PlanWish>,
) -> Result<(i64, Supposed), Problem> {
    let found = app.as_published(card, id, channel.unwrap_or_default()).await?;
    let Some((release, joins)) = found else {
        let text = "say platform (of those that exist) and version: only then it is clear who gets \
                    the draft";
        return Err(Error::State(text).into());
    };
    let platform_id = release.platform_id.ok_or_else(|| Problem::not_found("platform"))?;
    let plan = plan.filter(|_| !joins);
    Ok((platform_id, Supposed::New { release: Box::new(release), plan }))
}

/// What would come of an upload that is only looked at; `None` where platform or version are open.
pub(super) async fn of_upload(
    app: &App,
    card: &ReportCard,
    wishes: &Wishes,
) -> Result<Option<PreviewView>, Error> {
    let channel = wishes.channel.unwrap_or_default();
    let Some((release, joins)) = app.as_published(card, 0, channel).await? else {
        return Ok(None);
    };
    let Some(platform_id) = release.platform_id else { return Ok(None) };
    let plan = wishes.plan.clone().filter(|_| !joins);
    let supposed = Supposed::New { release: Box::new(release), plan };
    Ok(Some(PreviewView::of(app.preview(platform_id, &supposed).await?, LIMIT)))
}

/// What is supposed of a platform.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a JSON object")]
pub(super) struct PlatformWish {
    pub(super) rule: Option<String>,
    pub(super) floor: Option<String>,
    pub(super) pinned: Option<i64>,
    pub(super) limit: Option<usize>,
}

/// `GET /api/v1/platforms/{name}/preview`
pub(super) async fn platform_asked(
    State(app): State<App>,
    Segment(name): Segment<String>,
    query: Result<Query<PlatformWish>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<PreviewView>, Problem> {
    let Query(wish) = query.map_err(unread)?;
    platform_preview(&app, &name, wish).await
}

/// `POST /api/v1/platforms/{name}/preview`
pub(super) async fn platform(
    State(app): State<App>,
    Segment(name): Segment<String>,
    Body(wish): Body<PlatformWish>,
) -> Result<Json<PreviewView>, Problem> {
    platform_preview(&app, &name, wish).await
}

async fn platform_preview(
    app: &App,
    name: &str,
    wish: PlatformWish,
) -> Result<Json<PreviewView>, Problem> {
    let limit = limit(wish.limit)?;
    let (platform_id, supposed) = of_platform(app, name, wish)?;
    Ok(Json(PreviewView::of(app.preview(platform_id, &supposed).await?, limit)))
}

/// A platform, and what is supposed of it.
pub(super) fn of_platform(
    app: &App,
    name: &str,
    wish: PlatformWish,
) -> Result<(i64, Supposed), Problem> {
    let found = app.shelf().platform(name).map(|entry| entry.platform.id);
    let platform_id = found.ok_or_else(|| Problem::not_found("platform"))?;
    let mut all = Vec::new();
    if let Some(word) = wish.rule {
        let wrong = || Problem::value("rule", &word, "“newer” or “different”");
        all.push(Supposed::Ruled(Rule::read(&word).ok_or_else(wrong)?));
    }
    if let Some(text) = wish.floor {
        let floor = Some(text.trim()).filter(|text| !text.is_empty());
        all.push(Supposed::Floor(floor.map(FirmwareVersion::read)));
    }
    if let Some(id) = wish.pinned {
        all.push(Supposed::Pinned(Some(id).filter(|id| *id > 0)));
    }
    Ok((platform_id, Supposed::All(all)))
}

/// Reads the word of a channel.
pub(super) fn read_channel(word: &str) -> Result<Channel, Error> {
    Channel::read(word).ok_or_else(|| {
        let value = word.chars().take(40).collect();
        Error::Value { field: "channel", value, expected: "“stable” or “beta”" }
    })
}

fn limit(wish: Option<usize>) -> Result<usize, Problem> {
    let limit = wish.unwrap_or(LIMIT);
    if limit <= HIGHEST {
        return Ok(limit);
    }
    Err(Problem::value("limit", &limit.to_string(), "a number up to 500"))
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
fn unread(error: axum::extract::rejection::QueryRejection) -> Problem {
    Problem::query(format!("{}.", error.body_text().trim_end_matches('.')))
}
