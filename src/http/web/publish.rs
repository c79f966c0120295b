//! A release that was withdrawn, or whose rollout was ended, is published again: to whom, and how.

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::error::PageError;
use super::page::{Actor, Flash, Page, View};
use super::preview::PreviewView;
use super::releases::find;
use super::rollouts;
use super::wish::{EXAMPLES, Mistake, Typed, WishForm};
use crate::app::{App, ReleaseChange, Wishes};
use crate::domain::release::{Release, ReleaseState};
use crate::http::view::filters;

#[derive(Debug, Template)]
#[template(path = "releases/publish.html")]
struct Again {
    page: Page,
    release: Release,
    wish: WishForm,
}

impl Again {
    fn is_withdrawn(&self) -> bool {
        self.release.state == ReleaseState::Withdrawn
    }

    async fn of(
        app: &App,
        page: Page,
        release: Release,
        mut typed: Typed,
        mistake: Option<Mistake>,
    ) -> Result<Self, PageError> {
        typed.channel = typed.channel.or(Some(release.channel));
        let mut wish = WishForm::of(app, &page, release.platform_id, typed).await?;
        let wished = (wish.typed.channel, &wish.typed);
        wish.preview = PreviewView::of_wish(app, &page, &release, wished).await?;
        wish.mistake = mistake;
        Ok(Self { page, release, wish })
    }
}

/// `GET /releases/{id}/publish`
pub(super) async fn form(
    State(app): State<App>,
    page: Page,
    Path(id): Path<i64>,
    Query(fields): Query<Vec<(String, String)>>,
) -> Result<Response, PageError> {
    let release = find(&app, id).await?;
    if release.state != ReleaseState::Withdrawn && !app.has_ended_rollout(id) {
        let to = format!("/releases/{id}");
        return Ok(Flash::warn(format!("{} is not withdrawn.", release.title())).go(&to));
    }
    Ok(View(Again::of(&app, page, release, Typed::read(&fields), None).await?).into_response())
}

/// `POST /releases/{id}/publish`
pub(super) async fn publish(
    State(app): State<App>,
    Actor(actor): Actor,
    page: Page,
    Path(id): Path<i64>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, PageError> {
    let release = find(&app, id).await?;
    let typed = Typed::read(&fields);
    let previews = fields.iter().any(|(name, value)| name == "action" && value == "preview");
    if previews {
        return Ok(View(Again::of(&app, page, release, typed, None).await?).into_response());
    }
    let mistake = match typed.plan(&page) {
        Err(mistake) => mistake,
        Ok(plan) => {
            let wishes = Wishes { plan, channel: typed.channel, ..Wishes::default() };
            let change = ReleaseChange { state: Some(ReleaseState::Published), wishes };
            match app.change_release(id, &change, &actor).await {
                Ok(release) => return published(&app, &release).await,
                Err(error) => match Mistake::of(&error) {
                    Some(mistake) => mistake,
                    None => return Err(error.into()),
                },
            }
        }
    };
    let again = Again::of(&app, page, release, typed, Some(mistake)).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, View(again)).into_response())
}

/// Where a person goes who has just published a release: to its rollout, where it has one.
pub(super) async fn published(app: &App, release: &Release) -> Result<Response, PageError> {
    let title = release.title();
    if let Some(rollout) = rollouts::page_of(app, release.id).await? {
        let text = format!("{title} is published. This page says how it goes on.");
        return Ok(Flash::good(text).go(&rollout));
    }
    let text = format!("{title} is published. Devices get it at their next check-in.");
    Ok(Flash::good(text).go(&format!("/releases/{}", release.id)))
}
