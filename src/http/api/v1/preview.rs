//! The dry run: what the devices of a platform would get after a change.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rollouts::WishView;
use crate::app::{App, Error, Forecast, PlanWish, Preview, ReportCard, Supposed, Wishes};
use crate::domain::policy::{Channel, Rule};
use crate::domain::release::{Release, ReleaseState};
use crate::domain::update::Prospect;
use crate::domain::version::FirmwareVersion;
use crate::http::api::codes;
use crate::http::api::describe::{Example, MISSING, Operation, Refusal, when};
use crate::http::api::extract::{Body, Segment};
use crate::http::api::problem::Problem;
use crate::http::api::words::{Time, Word};

/// Devices of each prospect, where the request does not say.
const LIMIT: usize = 100;
/// The same at most.
const HIGHEST: usize = crate::app::DETAILED;

/// What the devices of a platform would get.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Preview")]
pub(super) struct PreviewView {
    /// The platform.
    platform: String,
    /// How many devices there are.
    devices: u64,
    /// By what they have to expect; only those that some device has.
    prospects: Vec<ProspectView>,
}

/// The devices that have the same to expect.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Prospect")]
struct ProspectView {
    /// The stable word.
    prospect: Word<Prospect>,
    /// The same in words.
    text: &'static str,
    /// How many devices, all of them.
    count: u64,
    /// Some of them, one by one.
    devices: Vec<DeviceView>,
}

/// What a device would get.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PreviewedDevice")]
struct DeviceView {
    /// Its address.
    mac: String,
    /// When it asked last.
    last_seen: Option<Time>,
    /// What it runs, as it says.
    version: Option<String>,
    /// The stable code of the decision, as in `Decision`; `never_asked` for a device that never
    /// asked.
    decision: &'static str,
    /// The decision in a sentence.
    text: String,
    /// The release that it would be offered.
    release_id: Option<i64>,
}

impl PreviewView {
    fn of(preview: Preview, limit: usize) -> Self {
        let devices = preview.total();
        let prospects = Prospect::ALL.into_iter().filter_map(|prospect| {
            let count = *preview.prospects.get(&prospect)?;
            let own = preview.devices.iter().filter(|device| device.prospect == prospect);
            let devices = own.take(limit).map(DeviceView::of).collect();
            let (text, prospect) = (prospect.label(), Word(prospect));
            Some(ProspectView { prospect, text, count, devices })
        });
        Self { prospects: prospects.collect(), devices, platform: preview.platform }
    }
}

impl DeviceView {
    fn of(forecast: &Forecast) -> Self {
        Self {
            mac: forecast.mac.to_string(),
            last_seen: Some(forecast.last_seen).filter(|at| *at > 0).map(Time),
            version: forecast.version.clone(),
            decision: forecast.code(),
            text: forecast.text(),
            release_id: forecast.release.as_ref().map(|release| release.id),
        }
    }
}

impl Example for PreviewView {
    fn example() -> Self {
        let device = DeviceView {
            mac: "5c:cf:7f:1c:a1:a5".to_owned(),
            last_seen: Some(Time::EXAMPLE),
            version: Some("v1.1.0".to_owned()),
            decision: "offer",
            text: "It gets v1.2.0.".to_owned(),
            release_id: Some(7),
        };
        let prospect = ProspectView {
            prospect: Word(Prospect::Gets),
            text: Prospect::Gets.label(),
            count: 1,
            devices: vec![device],
        };
        Self { platform: "chase".to_owned(), devices: 1, prospects: vec![prospect] }
    }
}

/// The words of what may be supposed of a release.
const STATES: [Option<&str>; 4] = [Some("published"), Some("withdrawn"), Some("recalled"), None];
/// What the answers to all four have in common.
const MORE: &str = "What each device of the platform would get, decided by the function that \
                    answers devices. Nothing is changed. Counts are complete; of each prospect \
                    at most `limit` devices are told.";
/// A draft of which too little is known.
const OPEN: Refusal = when("Platform or version of the draft are open", &[codes::WRONG_STATE]);
/// A plan or value that cannot be used.
const VALUE: Refusal = when(
    "The rollout cannot be planned so: `invalid_plan`; or a value cannot be used: \
     `invalid_value`, `invalid_mac`",
    &[codes::INVALID_PLAN, codes::INVALID_VALUE, codes::INVALID_MAC],
);
/// A value that cannot be used.
const BAD_VALUE: Refusal = when("A value cannot be used", &[codes::INVALID_VALUE]);

/// What is supposed of a release.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a JSON object")]
#[schemars(rename = "ReleasePreviewWish")]
pub(super) struct ReleaseWish {
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
    rollout: Option<WishView>,
    /// Devices of each prospect at most.
    #[schemars(range(max = 500), extend("default" = LIMIT))]
    limit: Option<usize>,
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
    let plan = query.rollout.as_deref().map(WishView::parse).transpose()?;
    let ReleaseQuery { state, channel, platform, version, limit, rollout: _ } = query;
    let wish = ReleaseWish { state, channel, platform, version, limit, rollout: None };
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
    let plan = wish.rollout.take().map(WishView::read).transpose()?;
    release_preview(&app, id, wish, plan).await
}

async fn release_preview(
    app: &App,
    id: i64,
    wish: ReleaseWish,
    plan: Option<PlanWish>,
) -> Result<Json<PreviewView>, Problem> {
    let limit = limit(wish.limit)?;
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
            return Ok(Json(of_card(app, &card, id, channel, plan, limit).await?));
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
    Ok(Json(PreviewView::of(app.preview(platform_id, &supposed).await?, limit)))
}

/// What would come of publishing a draft or upload.
async fn of_card(
    app: &App,
    card: &ReportCard,
    id: i64,
    channel: Option<Channel>,
    plan: Option<PlanWish>,
    limit: usize,
) -> Result<PreviewView, Problem> {
    let found = app.as_published(card, id, channel.unwrap_or_default()).await?;
    let Some((release, joins)) = found else {
        let text = "say platform (of those that exist) and version: only then it is clear who gets \
                    the draft";
        return Err(Error::State(text).into());
    };
    let platform_id = release.platform_id.ok_or_else(|| Problem::not_found("platform"))?;
    let plan = plan.filter(|_| !joins);
    let supposed = Supposed::New { release: Box::new(release), plan };
    Ok(PreviewView::of(app.preview(platform_id, &supposed).await?, limit))
}

/// The same for an upload that is only looked at; `None` where platform or version are open.
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
    rule: Option<String>,
    /// The lowest version; empty: none.
    floor: Option<String>,
    /// The release that it is pinned to; 0: none.
    pinned: Option<i64>,
    /// Devices of each prospect at most.
    #[schemars(range(max = 500), extend("default" = LIMIT))]
    limit: Option<usize>,
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
    let supposed = Supposed::All(all);
    Ok(Json(PreviewView::of(app.preview(platform_id, &supposed).await?, limit)))
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
