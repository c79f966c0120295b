//! The routes that devices use: no session, no compression, no redirects, never a chunked body.
//!
//! A device tells who it is by its `User-Agent` and its `x-ESP*` headers alone; its request's body
//! is never read, so that no `100 Continue` can precede the answer.

mod catalog;
mod files;
mod query;
mod report;
mod respond;
mod secret;
mod update;

use std::future::ready;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::Method;
use axum::http::header::{HeaderValue, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;

use super::wire::Shortcut;
use crate::app::App;
use crate::domain::access::Need;
use crate::http::access::{Face, Routes};

pub use report::{Caller, Updater};

/// Where devices check in.
const UPDATE: &str = "/update";

/// The routes with an address of their own.
#[must_use]
pub fn routes() -> Routes {
    Routes::new(Face::Program)
        .any(UPDATE, Need::Device, update::answer)
        .get("/_catalog", Need::Device, catalog::list)
        .get("/_catalog/", Need::Device, catalog::list)
        .any("/k/{secret}", Need::Device, with_secret)
        .any("/k/{secret}/", Need::Device, with_secret)
        .any("/k/{secret}/{*path}", Need::Device, with_secret)
}

/// That no browser makes something else of an answer than what it is called.
pub const AS_CALLED: HeaderValue = HeaderValue::from_static("nosniff");

/// Answers the usual check-in, `GET /update`, past the router.
#[must_use]
#[expect(clippy::result_large_err, reason = "most requests are not handed back")]
pub fn shortcut(app: App) -> Arc<Shortcut> {
    Arc::new(move |request, connection| {
        if request.method() != Method::GET || request.uri().path() != UPDATE {
            return Err((request, connection));
        }
        let poll = update::poll(&app, &request, Some(&connection));
        let app = app.clone();
        Ok(match poll {
            Ok(poll) => update::check_in(app, poll, Some(connection)).map(as_called).boxed(),
            Err(refusal) => ready(as_called(refusal)).boxed(),
        })
    })
}

fn as_called(mut answer: Response) -> Response {
    answer.headers_mut().entry(X_CONTENT_TYPE_OPTIONS).or_insert(AS_CALLED);
    answer
}

/// What is behind `/k/<secret>`, for updaters that can show a secret in the address only.
async fn with_secret(app: State<App>, mut request: Request) -> Response {
    secret::take(&mut request);
    match request.uri().path() {
        UPDATE => update::answer(app, request).await,
        "/_catalog" | "/_catalog/" => catalog::list(app, request).await,
        _ => match fallback(app, request).await {
            Ok(response) => response,
            Err(_) => respond::error(404, "Error: No such file."),
        },
    }
}

/// Requests for addresses that no route knows: files ending in `.bin`, and updaters of the
/// "advanced updater" kind, whatever their path. The others are left to the pages.
///
/// # Errors
/// The request itself, where it is none of these.
pub async fn fallback(State(app): State<App>, request: Request) -> Result<Response, Request> {
    if files::is_file(request.uri().path()) {
        return Ok(files::answer(State(app), request).await);
    }
    let updater = report::updater(request.headers());
    if updater.is_some() && report::has_address(request.headers()) {
        if files::is_compressed(request.uri().path()) {
            return Ok(respond::error(404, "Error: No such file."));
        }
        return Ok(update::answer(State(app), request).await.into_response());
    }
    Err(request)
}
