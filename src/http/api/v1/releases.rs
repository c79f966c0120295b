//! Releases and drafts.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;

use super::preview::read_channel;
use super::release::ReleaseView;
use super::report::ReportView;
use super::rollouts::WishView;
use super::upload::{check_code, chip as read_chip};
use super::uploaded::AcceptCode;
use crate::app::{App, Error, ReleaseChange, Wishes};
use crate::domain::policy::Channel;
use crate::domain::release::{Question, Release, ReleaseState};
use crate::domain::version::FirmwareVersion;
use crate::http::api::codes;
use crate::http::api::describe::{Done, MISSING, Operation, when};
use crate::http::api::extract::{Actor, Body, Segment};
use crate::http::api::granted::Granted;
use crate::http::api::page::{List, Page};
use crate::http::api::problem::Problem;
use crate::http::api::words::{Given, Word};
use crate::store::ReleaseFilter;

/// The words of where a release stands.
const STATES: &str = "“draft”, “published” or “withdrawn”";

/// Which releases a list shows.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    /// Only those of this platform.
    platform: Option<String>,
    /// Only those in this state.
    #[schemars(with = "Option<Word<ReleaseState>>")]
    state: Option<String>,
}

pub(super) const LIST: Operation =
    Operation::new("releases", "listReleases", "List the releases and drafts")
        .gives("Releases, newest first.")
        .refuses(&[when("There is no such platform", &[codes::NOT_FOUND])]);

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

pub(super) const SHOW: Operation =
    Operation::new("releases", "showRelease", "Show a release or draft")
        .gives("The release.")
        .refuses(&[MISSING]);

/// `GET /api/v1/releases/{id}`
pub(super) async fn show(
    State(app): State<App>,
    Segment(id): Segment<i64>,
) -> Result<Json<ReleaseView>, Problem> {
    Ok(Json(find(&app, id).await?.into()))
}

pub(super) const REPORT: Operation =
    Operation::new("releases", "showReport", "Show the report card of a release or draft")
        .gives("Its report card, made anew with the platforms that there are now.")
        .refuses(&[MISSING]);

/// `GET /api/v1/releases/{id}/report`
pub(super) async fn report(
    State(app): State<App>,
    Segment(id): Segment<i64>,
) -> Result<Json<ReportView>, Problem> {
    let card = app.report_card(id, &Wishes::default()).await?;
    Ok(Json(ReportView::of(&card)))
}

/// What is to be different; what is missing stays as it is. `platform`, `version`, `chip` and
/// `accept` are for drafts only.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a JSON object")]
#[schemars(rename = "ReleaseChange")]
pub(super) struct Change {
    /// `published` publishes a draft, or a withdrawn release again; `withdrawn` takes a published
    /// one back.
    #[serde(default)]
    #[schemars(with = "Word<ReleaseState>")]
    state: Given<String>,
    /// Anything about it.
    #[serde(default)]
    notes: Given<String>,
    /// Draft: the platform it is to be published on.
    #[serde(default)]
    platform: Given<String>,
    /// Draft: the version it is to be published as.
    #[serde(default)]
    version: Given<String>,
    /// Draft: the chip it is for, where the file does not prove it; `any` for none in particular.
    #[serde(default)]
    chip: Given<String>,
    /// `stable` promotes a beta release: all devices get it. Of a draft: whom it is to be published
    /// for.
    #[serde(default)]
    #[schemars(with = "Word<Channel>")]
    channel: Given<String>,
    /// With `"state": "published"` of a draft or withdrawn release: how it reaches its devices;
    /// without it all at once.
    #[serde(default)]
    rollout: Given<WishView>,
    /// Draft, with `"state": "published"`: open questions that are answered with “do it anyway”.
    #[serde(default)]
    #[schemars(with = "Vec<AcceptCode>")]
    accept: Vec<String>,
    /// Lifts all holds of this release: every device it was held back from gets it again.
    #[serde(default)]
    lift_holds: bool,
    /// Together with `"state": "withdrawn"`: devices that run it get the release before it.
    #[serde(default)]
    recall: bool,
}

pub(super) const CHANGE: Operation = Operation::new(
    "releases",
    "changeRelease",
    "Publish, promote, withdraw, recall or describe a release or draft",
)
.takes(r#"{"state": "published", "rollout": {"stages": "canaries, 10%", "soak": 1800}}"#)
.gives("As it is now.")
.refuses(&[
    MISSING,
    when(
        "It is published or withdrawn, so that platform and version are settled; or it cannot be \
         changed so as it stands",
        &[codes::WRONG_STATE],
    ),
    when(
        "It is a draft whose version exists or is not higher, with the report card",
        &[codes::VERSION_EXISTS, codes::VERSION_NOT_HIGHER, codes::IDENTICAL],
    ),
    when("A question is open (its code; with the report card)", codes::QUESTIONS),
    when(
        "A value cannot be used",
        &[codes::INVALID_NAME, codes::INVALID_VALUE, codes::INVALID_MAC],
    ),
    when("The rollout cannot be planned so", &[codes::INVALID_PLAN]),
]);

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
        let Self { state: Given(state), notes: Given(notes), accept, .. } = self;
        let Self { platform: Given(platform), version: Given(version), chip: Given(chip), .. } =
            self;
        let channel = self.channel.0.as_deref().map(read_channel).transpose()?;
        let plan = self.rollout.0.map(WishView::read).transpose()?;
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
            Err(Problem::new((&question).into(), question.text()))
        }
    }
}

pub(super) const DELETE: Operation =
    Operation::new("releases", "deleteRelease", "Delete a release, or throw a draft away")
        .refuses(&[MISSING, when("Devices are pinned to it", &[codes::WRONG_STATE])]);

/// `DELETE /api/v1/releases/{id}`
pub(super) async fn delete(
    State(app): State<App>,
    Actor(actor): Actor,
    Segment(id): Segment<i64>,
) -> Result<Done, Problem> {
    app.delete_release(id, &actor).await?;
    Ok(Done)
}
