//! Releases and drafts.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::preview::read_channel;
use super::report::ReportView;
use super::rollouts::WishView;
use super::upload::{check_code, chip as read_chip};
use crate::app::{App, Error, ReleaseChange, Wishes};
use crate::domain::release::{
    Counters, Image, Packed, PackedSize, Question, Release, ReleaseState,
};
use crate::domain::version::FirmwareVersion;
use crate::http::api::extract::{Actor, Body, Segment, present};
use crate::http::api::granted::Granted;
use crate::http::api::page::{List, Page};
use crate::http::api::problem::Problem;
use crate::http::api::time;
use crate::store::ReleaseFilter;

/// The words of where a release stands.
const STATES: &str = "“draft”, “published” or “withdrawn”";

/// A release or draft, as it is shown.
#[derive(Debug, Serialize)]
pub(super) struct ReleaseView {
    id: i64,
    platform: Option<String>,
    version: Option<String>,
    channel: &'static str,
    state: &'static str,
    recalled: bool,
    notes: String,
    images: Vec<ImageView>,
    created_at: String,
    published_at: Option<String>,
    expires_at: Option<String>,
    counters: CountersView,
}

#[derive(Debug, Serialize)]
pub(super) struct ImageView {
    id: Option<i64>,
    part: &'static str,
    chip: Option<&'static str>,
    chip_certain: bool,
    size: u64,
    md5: String,
    sha256: String,
    flash_size: Option<u64>,
    signed: bool,
    packed: Option<PackedView>,
    file_name: String,
}

/// The compressed form of an image.
#[derive(Debug, Serialize)]
struct PackedView {
    size: u64,
    md5: String,
    sha256: String,
    signed: bool,
    made_by: &'static str,
}

#[derive(Debug, Serialize)]
struct CountersView {
    offers: u64,
    downloads: u64,
    bytes: u64,
}

impl From<Release> for ReleaseView {
    fn from(release: Release) -> Self {
        let Counters { offers, downloads, bytes } = release.counters;
        let images = release.images().cloned().map(ImageView::from).collect();
        Self {
            id: release.id,
            platform: release.platform,
            version: release.version.map(|version| version.to_string()),
            channel: release.channel.word(),
            state: release.state.word(),
            recalled: release.recalled,
            notes: release.notes,
            images,
            created_at: time::text(release.created_at),
            published_at: release.published_at.map(time::text),
            expires_at: release.expires_at.map(time::text),
            counters: CountersView { offers, downloads, bytes },
        }
    }
}

impl From<Image> for ImageView {
    fn from(image: Image) -> Self {
        let any_chip = image.is_for_any_chip();
        Self {
            // An image that was only looked at has no number.
            id: Some(image.id).filter(|id| *id > 0),
            part: image.part.word(),
            chip: (!any_chip).then_some(image.chip.name()),
            chip_certain: image.chip_certain,
            size: image.size,
            md5: image.md5.to_string(),
            sha256: image.sha256.to_string(),
            flash_size: image.flash_size,
            signed: image.signed,
            packed: image.packed.as_ref().map(PackedView::from),
            file_name: image.file_name,
        }
    }
}

impl From<&Packed> for PackedView {
    fn from(packed: &Packed) -> Self {
        Self {
            size: packed.size,
            md5: packed.md5.to_string(),
            sha256: packed.sha256.to_string(),
            signed: packed.signed,
            made_by: PackedSize::of(packed).from.word(),
        }
    }
}

/// Which releases a list shows.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    platform: Option<String>,
    state: Option<String>,
}

/// `GET /api/v1/releases`
pub(super) async fn list(
    State(app): State<App>,
    List { filter, paging }: List<Filter>,
) -> Result<Page<ReleaseView>, Problem> {
    let platform_id = |name: String| {
        let shelf = app.shelf();
        let found = shelf.platform(&name).map(|entry| entry.platform.id);
        found.ok_or_else(|| Problem::not_found("platform"))
    };
    let state = |word: String| {
        let expected = || Problem::query(format!("state is “{word}”; expected {STATES}."));
        ReleaseState::read(&word).ok_or_else(expected)
    };
    let filter = ReleaseFilter {
        platform_id: filter.platform.map(platform_id).transpose()?,
        state: filter.state.map(state).transpose()?,
        before: paging.after()?,
        limit: Some(paging.rows()),
    };
    let releases = app.store().releases(&filter).await?;
    Ok(paging.page(releases, |release| release.id.to_string()).map(ReleaseView::from))
}

async fn find(app: &App, id: i64) -> Result<Release, Problem> {
    app.store().release(id).await?.ok_or_else(|| Problem::not_found("release"))
}

/// `GET /api/v1/releases/{id}`
pub(super) async fn show(
    State(app): State<App>,
    Segment(id): Segment<i64>,
) -> Result<Json<ReleaseView>, Problem> {
    Ok(Json(find(&app, id).await?.into()))
}

/// `GET /api/v1/releases/{id}/report`
pub(super) async fn report(
    State(app): State<App>,
    Segment(id): Segment<i64>,
) -> Result<Json<ReportView>, Problem> {
    let card = app.report_card(id, &Wishes::default()).await?;
    Ok(Json(ReportView::of(&card)))
}

/// What is to be different about a release or draft.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a JSON object")]
pub(super) struct Change {
    #[serde(default, deserialize_with = "present")]
    state: Option<String>,
    #[serde(default, deserialize_with = "present")]
    notes: Option<String>,
    #[serde(default, deserialize_with = "present")]
    platform: Option<String>,
    #[serde(default, deserialize_with = "present")]
    version: Option<String>,
    #[serde(default, deserialize_with = "present")]
    chip: Option<String>,
    #[serde(default, deserialize_with = "present")]
    channel: Option<String>,
    #[serde(default, deserialize_with = "present")]
    rollout: Option<WishView>,
    #[serde(default)]
    accept: Vec<String>,
    #[serde(default)]
    lift_holds: bool,
    #[serde(default)]
    recall: bool,
}

/// `PATCH /api/v1/releases/{id}`
pub(super) async fn change(
    State(app): State<App>,
    Actor(actor): Actor,
    granted: Granted,
    Segment(id): Segment<i64>,
    Body(change): Body<Change>,
) -> Result<Json<ReleaseView>, Problem> {
    let (lift_holds, recall) = (change.lift_holds, change.recall);
    let (change, release) = (change.read()?, find(&app, id).await?);
    granted.change(&release, &change)?;
    check(&app, &release, &change)?;
    if recall && change.state != Some(ReleaseState::Withdrawn) {
        let text = "recall goes with the state “withdrawn”: devices that took the release get \
                    the one before it";
        return Err(Error::State(text).into());
    }
    if recall {
        app.recall(id, &actor).await?;
    }
    let recorded =
        change.wishes.version.as_deref().filter(|_| release.state != ReleaseState::Draft);
    if let Some(version) = recorded.map(FirmwareVersion::read)
        && release.version.as_ref() != Some(&version)
    {
        app.record_as(id, &version, &actor).await?;
    }
    let mut changed = app.change_release(id, &change, &actor).await?;
    if let Some(channel) = change.wishes.channel {
        changed = app.set_channel(id, channel, &actor).await?;
    }
    if lift_holds {
        app.lift_holds(id, &actor).await?;
    }
    Ok(Json(changed.into()))
}

impl Change {
    fn read(self) -> Result<ReleaseChange, Problem> {
        let Self { state, notes, platform, version, chip, accept, .. } = self;
        let channel = self.channel.as_deref().map(read_channel).transpose()?;
        let plan = self.rollout.map(WishView::read).transpose()?;
        let state = state.map(|word| {
            ReleaseState::read(&word).ok_or_else(|| Problem::value("state", &word, STATES))
        });
        accept.iter().try_for_each(|code| check_code(code))?;
        let chip = chip.as_deref().map(read_chip).transpose()?;
        let wishes =
            Wishes { platform, version, chip, notes, accept, channel, plan, ..Wishes::default() };
        Ok(ReleaseChange { state: state.transpose()?, wishes })
    }
}

/// Refuses what would be silently without effect.
fn check(app: &App, release: &Release, change: &ReleaseChange) -> Result<(), Problem> {
    let Wishes { platform, chip, accept, .. } = &change.wishes;
    let publishes = change.state == Some(ReleaseState::Published);
    if change.wishes.plan.is_some() && (!publishes || release.state == ReleaseState::Published) {
        let text = "a rollout begins when a release is published; send it with “state”: \
                    “published” of a draft or withdrawn release";
        return Err(Error::State(text).into());
    }
    if release.state != ReleaseState::Draft {
        if platform.is_none() && chip.is_none() && accept.is_empty() {
            return Ok(());
        }
        let text = "platform and chip of a release cannot be changed any more; delete it and upload \
                    the file again";
        return Err(Error::State(text).into());
    }
    let unknown = platform.as_ref().filter(|name| {
        !publishes && !name.trim().is_empty() && app.shelf().platform(name).is_none()
    });
    match unknown {
        None => Ok(()),
        Some(name) => {
            let question = Question::PlatformUnknown(name.clone());
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            Err(Problem::new(status, question.code(), question.text()))
        }
    }
}

/// `DELETE /api/v1/releases/{id}`
pub(super) async fn delete(
    State(app): State<App>,
    Actor(actor): Actor,
    Segment(id): Segment<i64>,
) -> Result<StatusCode, Problem> {
    app.delete_release(id, &actor).await?;
    Ok(StatusCode::NO_CONTENT)
}
