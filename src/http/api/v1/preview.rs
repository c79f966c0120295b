//! The dry run: what the devices of a platform would get after a change.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use schemars::JsonSchema;
use serde::Deserialize;

use super::foreseen::PreviewView;
use super::rollouts::WishView;
use crate::app::{App, Error, PlanWish, ReportCard, Supposed, Wishes};
use crate::domain::policy::{Channel, Rule};
use crate::domain::release::{Release, ReleaseState};
use crate::domain::version::FirmwareVersion;
use crate::http::api::codes;
use crate::http::api::describe::{MISSING, Operation, Refusal, when};
use crate::http::api::extract::{Body, Segment};
use crate::http::api::problem::Problem;
use crate::http::api::words::Word;

/// Devices of each prospect, where the request does not say.
const LIMIT: usize = 100;
/// The same at most.
const HIGHEST: usize = crate::app::DETAILED;

/// The words of what may be supposed of a release.
pub(super) const STATES: [Option<&str>; 4] =
    [Some("published"), Some("withdrawn"), Some("recalled"), None];
/// What the answers to all four have in common.
const MORE: &str = "What each device of the platform would get, decided by the function that \
                    answers devices. Nothing is changed. Counts are complete; of each prospect \
                    at most `limit` devices are told.";
/// A draft of which too little is known.
pub(super) const OPEN: Refusal =
    when("Platform or version of the draft are open", &[codes::WRONG_STATE]);
/// A plan or value that cannot be used.
pub(super) const VALUE: Refusal = when(
    "The rollout cannot be planned so: `invalid_plan`; or a value cannot be used: \
     `invalid_value`, `invalid_mac`",
    &[codes::INVALID_PLAN, codes::INVALID_VALUE, codes::INVALID_MAC],
);
/// A value that cannot be used.
pub(super) const BAD_VALUE: Refusal = when("A value cannot be used", &[codes::INVALID_VALUE]);

/// What is supposed of a release.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a JSON object")]
#[schemars(rename = "ReleasePreviewWish")]
pub(super) struct ReleaseWish {
    /// What is supposed of it.
    #[schemars(extend("enum" = STATES, "default" = "published"))]
    pub(super) state: Option<String>,
    /// Whom it is for.
    #[schemars(with = "Option<Word<Channel>>")]
    pub(super) channel: Option<String>,
    /// Draft: its platform.
    pub(super) platform: Option<String>,
    /// Draft: its version.
    pub(super) version: Option<String>,
    pub(super) rollout: Option<WishView>,
    /// Devices of each prospect at most.
    #[schemars(range(max = 500), extend("default" = LIMIT))]
    pub(super) limit: Option<usize>,
}

/// The same as a query string; `rollout` is its JSON as text.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReleaseQuery {
    /// What is supposed of it.
    #[schemars(extend("enum" = STATES, "default" = "published"))]
    state: Option<String>,
    /// Whom it is for.
    #[schemars(with = "Option<Word<Channel>>")]
    channel: Option<String>,
    /// Draft: its platform.
    platform: Option<String>,
    /// Draft: its version.
    version: Option<String>,
    /// How it reaches its devices: `RolloutWish` as JSON.
    rollout: Option<String>,
    /// Devices of each prospect at most.
    #[schemars(range(max = 500), extend("default" = LIMIT))]
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

pub(super) const RELEASE_ASKED: Operation =
    Operation::new("releases", "previewRelease", "Preview who would get a release")
        .more(MORE)
        .gives("What would come of it.")
        .refuses(&[MISSING, OPEN, VALUE]);

/// `GET /api/v1/releases/{id}/preview`
pub(super) async fn release_asked(
    State(app): State<App>,
    Segment(id): Segment<i64>,
    query: Result<Query<ReleaseQuery>, QueryRejection>,
) -> Result<Json<PreviewView>, Problem> {
    let Query(query) = query.map_err(unread)?;
    let (wish, plan) = query.read()?;
    release_preview(&app, id, wish, plan).await
}

pub(super) const RELEASE: Operation = Operation::new(
    "releases",
    "previewReleaseBy",
    "Preview who would get a release, by a wish in JSON",
)
.more(MORE)
.takes(
    r#"{"rollout": {"stages": "canaries, 10%", "canaries": ["5c:cf:7f:1c:a1:a5"], "soak": 1800}}"#,
)
.gives("What would come of it.")
.refuses(&[MISSING, OPEN, VALUE]);

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
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a JSON object")]
#[schemars(rename = "PlatformPreviewWish")]
pub(super) struct PlatformWish {
    /// The rule; see `rule` of a platform.
    #[schemars(with = "Option<Word<Rule>>")]
    pub(super) rule: Option<String>,
    /// The lowest version; empty: none.
    pub(super) floor: Option<String>,
    /// The release that it is pinned to; 0: none.
    pub(super) pinned: Option<i64>,
    /// Devices of each prospect at most.
    #[schemars(range(max = 500), extend("default" = LIMIT))]
    pub(super) limit: Option<usize>,
}

pub(super) const PLATFORM_ASKED: Operation =
    Operation::new("platforms", "previewPlatform", "Preview what devices would get")
        .more(MORE)
        .gives("What would come of it; without parameters: as things stand.")
        .refuses(&[MISSING, BAD_VALUE]);

/// `GET /api/v1/platforms/{name}/preview`
pub(super) async fn platform_asked(
    State(app): State<App>,
    Segment(name): Segment<String>,
    query: Result<Query<PlatformWish>, QueryRejection>,
) -> Result<Json<PreviewView>, Problem> {
    let Query(wish) = query.map_err(unread)?;
    platform_preview(&app, &name, wish).await
}

pub(super) const PLATFORM: Operation = Operation::new(
    "platforms",
    "previewPlatformBy",
    "Preview what devices would get, by a wish in JSON",
)
.more(MORE)
.takes(r#"{"rule": "different"}"#)
.gives("What would come of it.")
.refuses(&[MISSING, BAD_VALUE]);

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
fn unread(error: QueryRejection) -> Problem {
    Problem::query(format!("{}.", error.body_text().trim_end_matches('.')))
}
