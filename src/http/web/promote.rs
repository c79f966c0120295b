//! A beta release is promoted to stable: whom that touches, and how it reaches them.

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
use crate::app::App;
use crate::domain::policy::Channel;
use crate::domain::release::{Release, ReleaseState};
use crate::http::view::filters;

#[derive(Debug, Template)]
#[template(path = "releases/promote.html")]
struct Promote {
    page: Page,
    release: Release,
    wish: WishForm,
}

impl Promote {
    async fn of(
        app: &App,
        page: Page,
        release: Release,
        typed: Typed,
        mistake: Option<Mistake>,
    ) -> Result<Self, PageError> {
        let wish = WishForm::of(app, &page, release.platform_id, typed).await?;
        let wished = (Some(Channel::Stable), &wish.typed);
        let preview = PreviewView::of_wish(app, &page, &release, wished).await?;
        let wish = WishForm { mistake, preview, asks_channel: false, ..wish };
        Ok(Self { page, release, wish })
    }
}

/// `GET /releases/{id}/promote`
pub(super) async fn form(
    State(app): State<App>,
    page: Page,
    Path(id): Path<i64>,
    Query(fields): Query<Vec<(String, String)>>,
) -> Result<Response, PageError> {
    let release = find(&app, id).await?;
    if release.state != ReleaseState::Published {
        return Err(crate::app::Error::State("the release is not published").into());
    }
    if release.channel == Channel::Stable {
        let text = format!("{} is stable already.", release.title());
        return Ok(Flash::warn(text).go(&format!("/releases/{id}")));
    }
    let typed = Typed::read(&fields);
    Ok(View(Promote::of(&app, page, release, typed, None).await?).into_response())
}

/// `POST /releases/{id}/promote`
pub(super) async fn promote(
    State(app): State<App>,
    Actor(actor): Actor,
    page: Page,
    Path(id): Path<i64>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, PageError> {
    let release = find(&app, id).await?;
    let typed = Typed::read(&fields);
    if fields.iter().any(|(name, value)| name == "action" && value == "preview") {
        return Ok(View(Promote::of(&app, page, release, typed, None).await?).into_response());
    }
    let mistake = match typed.plan(&page) {
        Err(mistake) => mistake,
        Ok(plan) => match app.promote(id, plan.as_ref(), &actor).await {
            Ok(release) => return promoted(&app, &release, plan.is_some()).await,
            Err(error) => match Mistake::of(&error) {
                Some(mistake) => mistake,
                None => return Err(error.into()),
            },
        },
    };
    let again = Promote::of(&app, page, release, typed, Some(mistake)).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, View(again)).into_response())
}

async fn promoted(app: &App, release: &Release, by_plan: bool) -> Result<Response, PageError> {
    let title = release.title();
    let rollout = rollouts::page_of(app, release.id).await?.filter(|_| by_plan);
    if let Some(rollout) = rollout {
        let text = format!("{title} is stable now. This page says how it goes on.");
        return Ok(Flash::good(text).go(&rollout));
    }
    let text = format!("{title} is stable now: every device gets it.");
    Ok(Flash::good(text).go(&format!("/releases/{}", release.id)))
}
