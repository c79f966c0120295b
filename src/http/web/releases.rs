//! Releases: one of them, published or withdrawn; and what drafts share with them.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::confirm::{Confirm, Part};
use super::drafts;
use super::error::PageError;
use super::images::{self, ImageRow};
use super::page::{Actor, Flash, Page, View};
use super::reached::{Reached, Wish};
use super::record::OtherNameView;
use super::rollout_cards::{About, Card, banners};
use super::sending::SendingView;
use super::updates::version_of;
use crate::app::{App, ReleaseChange, Wishes};
use crate::domain::event::Event;
use crate::domain::policy::Channel;
use crate::domain::release::{Published, Release, ReleaseState};
use crate::domain::version::FirmwareVersion;
use crate::http::view::rollout::limit;
use crate::http::view::{filters, words};
use crate::store::EventFilter;

const EVENTS_SHOWN: u32 = 15;

#[derive(Debug, Template)]
#[template(path = "releases/show.html", blocks = ["live"])]
#[expect(clippy::struct_excessive_bools, reason = "each is a question of the template")]
struct Show {
    page: Page,
    release: Release,
    /// Another release that devices get.
    newest: Option<(i64, String)>,
    is_newest: bool,
    /// Who alone gets it, because of its rollout; empty: whoever asks.
    limit: &'static str,
    /// Whether its rollout was ended, so that it can be published again.
    has_ended: bool,
    /// Whether it is for beta devices only.
    is_beta: bool,
    /// Whether higher releases are published, from which one can go back to it.
    has_higher: bool,
    /// What all devices of the platform are pinned to instead; empty: to nothing else.
    pinned_to: String,
    /// How many devices report its version.
    running: u64,
    images: Vec<ImageRow>,
    /// Devices that it is held back from.
    held: u64,
    /// Those of them that get it again where the holds are lifted.
    lifts: u64,
    /// What devices call it that run its file and say another version.
    names: Vec<OtherNameView>,
    /// Devices that get nothing until their chip is known.
    undecided: u64,
    /// Where another image of this version is uploaded.
    another: String,
    sending: SendingView,
    reached: Reached,
    events: Vec<Event>,
    rollouts: Vec<Card>,
}

impl Show {
    fn is_published(&self) -> bool {
        self.release.state == ReleaseState::Published
    }
}

/// The release of a number.
pub(super) async fn find(app: &App, id: i64) -> Result<Release, PageError> {
    app.store().release(id).await?.ok_or_else(|| PageError::not_found("release"))
}

/// What devices of the release's family, on its channel, get now.
fn newest(app: &App, release: &Release) -> Option<Arc<Published>> {
    let shelf = app.shelf();
    let platform = shelf.platform_by_id(release.platform_id?)?;
    let beta = platform.newest_beta().filter(|_| release.channel == Channel::Beta);
    beta.or_else(|| platform.newest_for(release.image.chip.family())).cloned()
}

/// What all devices of the release's platform are pinned to, where that is another one.
fn pinned_to(app: &App, release: &Release) -> Option<String> {
    let shelf = app.shelf();
    let platform = shelf.platform_by_id(release.platform_id?)?;
    let pin = platform.platform.pinned.filter(|id| *id != release.id)?;
    Some(version_of(&shelf, pin)?.0)
}

/// What devices get once the release is gone.
fn next_lower(app: &App, release: &Release) -> Option<Arc<Published>> {
    let shelf = app.shelf();
    let platform = shelf.platform_by_id(release.platform_id?)?;
    let family = release.image.chip.family();
    let mut others = platform
        .published
        .iter()
        .filter(|other| other.id != release.id && release.channel.follows(other.channel));
    others.find(|other| other.image.chip.family() == family).cloned()
}

/// `GET /releases`
pub(super) async fn list(page: Page) -> Redirect {
    Redirect::to(if page.may_edit() { "/releases/new" } else { "/platforms" })
}

/// `GET /releases/{id}`
pub(super) async fn show(
    State(app): State<App>,
    page: Page,
    Path(id): Path<i64>,
    Query(wish): Query<Wish>,
) -> Result<Response, PageError> {
    let sending = SendingView::of(&app, id, page.now).await?;
    if wish.fragment == "sending" {
        return Ok(View(sending).into_response());
    }
    let release = find(&app, id).await?;
    if release.state == ReleaseState::Draft {
        return drafts::show(&app, page, release).await;
    }
    let filter =
        EventFilter { release_id: Some(id), limit: EVENTS_SHOWN, ..EventFilter::default() };
    let newest = newest(&app, &release);
    let is_newest = newest.as_ref().is_some_and(|newest| newest.id == id);
    let platform = release.platform.clone().unwrap_or_default();
    let published = release.state == ReleaseState::Published;
    let reach = release.platform_id.filter(|_| published).map(|id| app.reach(id));
    let waiting = images::waiting(&app).await?;
    let held = app.held_from(id);
    let show = Show {
        images: ImageRow::all(&release, &waiting, reach.as_ref()),
        held: held.len() as u64,
        lifts: held.iter().filter(|device| !device.has_file).count() as u64,
        names: OtherNameView::all(&app, &release).await?,
        undecided: reach.filter(|_| is_newest).map_or(0, |reach| reach.undecided),
        another: images::another(&release),
        newest: newest
            .filter(|_| !is_newest)
            .map(|newest| (newest.id, format!("{platform} {}", newest.version))),
        is_newest,
        limit: app.rollout_before(id).map_or("", |rollout| limit(&rollout)),
        has_ended: app.has_ended_rollout(id),
        is_beta: release.channel == Channel::Beta,
        has_higher: published && !app.above(&release).is_empty(),
        pinned_to: pinned_to(&app, &release).unwrap_or_default(),
        running: running(&app, &release).await?,
        events: app.store().events(&filter).await?,
        reached: Reached::of(&app, &release, &wish, &page).await?,
        sending,
        rollouts: banners(&app, &page, About::Release(id)).await?,
        release,
        page,
    };
    if wish.fragment == "live" {
        return Ok(View(show.as_live()).into_response());
    }
    Ok(View(show).into_response())
}

/// How many devices of its platform report its version.
async fn running(app: &App, release: &Release) -> Result<u64, PageError> {
    let counts = app.store().versions_in_field().await?;
    let own = counts.iter().filter(|count| Some(count.platform_id) == release.platform_id);
    let same = own.filter(|count| {
        let reported = count.version.as_deref().map(FirmwareVersion::read);
        reported.is_some() && reported == release.version
    });
    Ok(same.map(|count| count.devices).sum())
}

/// `POST /releases/{id}/lift`
pub(super) async fn lift(
    State(app): State<App>,
    Actor(actor): Actor,
    Path(id): Path<i64>,
) -> Result<Response, PageError> {
    let devices = app.lift_holds(id, &actor).await? as u64;
    let devices = filters::count(&devices, "device gets", "devices get");
    let text = format!("All holds are lifted: {devices} it at the next check-in.");
    Ok(Flash::good(text).go(&format!("/releases/{id}")))
}

/// Notes as they are typed.
#[derive(Debug, Deserialize)]
pub(super) struct Noted {
    notes: String,
}

/// `POST /releases/{id}/notes`
pub(super) async fn note(
    State(app): State<App>,
    Actor(actor): Actor,
    Path(id): Path<i64>,
    Form(noted): Form<Noted>,
) -> Result<Response, PageError> {
    let wishes = Wishes { notes: Some(noted.notes), ..Wishes::default() };
    app.change_release(id, &ReleaseChange { state: None, wishes }, &actor).await?;
    Ok(Flash::good("The notes were saved.").go(&format!("/releases/{id}")))
}

/// `GET /releases/{id}/delete`
pub(super) async fn confirm_delete(
    State(app): State<App>,
    page: Page,
    Path(id): Path<i64>,
    Query(part): Query<Part>,
) -> Result<Response, PageError> {
    let release = find(&app, id).await?;
    let draft = release.state == ReleaseState::Draft;
    let title = release.title();
    let mut consequences = vec![format!("{} and its notes", its_images(&release))];
    if !draft {
        let downloads = release.counters.downloads;
        let downloads = filters::count(&downloads, "completed download", "completed downloads");
        consequences.push(format!("Its counters: {downloads}"));
    }
    if newest(&app, &release).is_some_and(|newest| newest.id == id) {
        consequences.push(match next_lower(&app, &release) {
            Some(next) => format!("Devices get {} from then on, if it is newer", next.version),
            None => "Devices of its platform get nothing until you publish another".to_owned(),
        });
    }
    let confirm = Confirm {
        page,
        title: if draft { format!("Throw {title} away?") } else { format!("Delete {title}?") },
        consequences,
        remains: if draft {
            "No device has ever been offered it."
        } else {
            "Devices that run it keep it. This cannot be undone; to only stop offering it, \
             withdraw it."
        },
        action: format!("/releases/{id}/delete"),
        button: if draft { "Throw it away" } else { "Delete it" },
        back: format!("/releases/{id}"),
    };
    Ok(confirm.show(&part))
}

/// The images in words: "The image (412 KB)", "3 images (1.2 MB)".
fn its_images(release: &Release) -> String {
    let bytes = filters::bytes(&release.images().map(|image| image.size).sum());
    match release.others.len() as u64 {
        0 => format!("The image ({bytes})"),
        others => format!("{} ({bytes})", filters::count(&(others + 1), "image", "images")),
    }
}

/// `POST /releases/{id}/delete`
pub(super) async fn delete(
    State(app): State<App>,
    Actor(actor): Actor,
    Path(id): Path<i64>,
) -> Result<Response, PageError> {
    let release = app.delete_release(id, &actor).await?;
    let title = release.title();
    if release.state == ReleaseState::Draft {
        return Ok(Flash::good(format!("{title} was thrown away.")).go("/releases/new"));
    }
    let platform = release.platform.unwrap_or_default();
    Ok(Flash::good(format!("{title} was deleted.")).go(&format!("/platforms/{platform}")))
}
