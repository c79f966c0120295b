//! Files are uploaded: as a form with all of them at once, or one by one from the script.

use askama::Template;
use axum::Json;
use axum::extract::{Query, State};
use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::address::Address;
use super::error::PageError;
use super::page::{Actor, Flash, Page, View};
use super::parts;
use super::platforms::names;
use super::snippets::BEARER;
use crate::app::App;
use crate::domain::release::{Release, ReleaseState};
use crate::http::access::CheckedForm;
use crate::http::view::filters;
use crate::store::ReleaseFilter;

#[derive(Debug, Template)]
#[template(path = "releases/new.html")]
struct New {
    page: Page,
    platforms: Vec<String>,
    /// What the form is filled with.
    wish: For,
    limit: u64,
    curl: String,
    address: Address,
    drafts: Vec<Release>,
    outcomes: Vec<Outcome>,
}

impl New {
    async fn of(
        app: &App,
        page: Page,
        wish: For,
        outcomes: Vec<Outcome>,
    ) -> Result<Self, PageError> {
        let state = Some(ReleaseState::Draft);
        let drafts = ReleaseFilter { state, ..ReleaseFilter::default() };
        let address = Address::of(app, &page);
        let (base, bearer) = (&address.base, if app.is_open() { "" } else { BEARER });
        Ok(Self {
            platforms: names(app),
            limit: app.limits().max_upload,
            curl: format!("curl -fsS {bearer}-F file=@firmware.bin {base}/api/v1/releases"),
            address,
            drafts: app.store().releases(&drafts).await?,
            page,
            wish,
            outcomes,
        })
    }

    fn is_platform(&self, name: &str) -> bool {
        self.wish.platform.eq_ignore_ascii_case(name)
    }
}

/// What became of a file.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Outcome {
    pub(super) name: String,
    pub(super) state: Became,
    pub(super) sentence: String,
    /// The parts of a factory image, which is refused.
    pub(super) parts: Vec<String>,
    /// The page to go on with; empty where nothing was kept.
    pub(super) url: String,
    #[serde(skip)]
    pub(super) status: StatusCode,
}

/// What became of a file, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Became {
    Published,
    Draft,
    Existing,
    Refused,
}

impl Outcome {
    fn tone(&self) -> &'static str {
        match self.state {
            Became::Published => "good",
            Became::Draft => "warn",
            Became::Existing => "wait",
            Became::Refused => "bad",
        }
    }

    fn icon(&self) -> &'static str {
        match self.state {
            Became::Published => "leaf",
            Became::Draft => "file",
            Became::Existing => "info",
            Became::Refused => "ban",
        }
    }

    fn is_refused(&self) -> bool {
        self.state == Became::Refused
    }

    fn flash(&self) -> Flash {
        match self.state {
            Became::Published => Flash::good(&self.sentence),
            Became::Draft | Became::Existing => Flash::warn(&self.sentence),
            Became::Refused => Flash::bad(&self.sentence),
        }
    }
}

/// Which platform and version a link proposes.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct For {
    platform: String,
    version: String,
}

/// `GET /releases/new`
pub(super) async fn form(
    State(app): State<App>,
    page: Page,
    Query(wish): Query<For>,
) -> Result<Response, PageError> {
    Ok(View(New::of(&app, page, wish, Vec::new()).await?).into_response())
}

/// `POST /releases`
pub(super) async fn receive(
    State(app): State<App>,
    Actor(actor): Actor,
    page: Page,
    headers: HeaderMap,
    CheckedForm(form): CheckedForm,
) -> Result<Response, PageError> {
    let outcomes = parts::receive(&app, form, &actor).await;
    let refused = outcomes.iter().find(|outcome| outcome.is_refused());
    let status = refused.map_or(StatusCode::OK, |outcome| outcome.status);
    let wants = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    if wants.contains("application/json") {
        return Ok((status, Json(Answer { files: outcomes })).into_response());
    }
    match (outcomes.as_slice(), refused) {
        ([only], None) => Ok(only.flash().go(&only.url)),
        (many, None) => {
            let text = format!("{} files were uploaded; the drafts wait below.", many.len());
            Ok(Flash::good(text).go("/releases/new"))
        }
        (_, Some(_)) => {
            let page = New::of(&app, page, For::default(), outcomes).await?;
            Ok((status, View(page)).into_response())
        }
    }
}

/// The answer to the script.
#[derive(Debug, Serialize)]
struct Answer {
    files: Vec<Outcome>,
}
