//! Pages: complete without script, better with it.
//!
//! A page is a typed template beside its handler, inside one frame ([`page::Page`]). Every change
//! is a form that answers with a redirect to a page that says what happened. An error is drawn by
//! `frame`, which knows the visitor's colours.

mod address;
mod attempts;
mod card;
mod confirm;
mod connect;
mod dashboard;
mod device;
mod device_forms;
mod devices;
mod drafts;
mod error;
mod events;
mod images;
pub mod inbox;
mod known;
pub mod page;
mod parts;
mod platform_forms;
mod platforms;
mod query;
mod releases;
pub mod runs;
mod settings;
mod snippets;
mod upload;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequestParts, Request, State};
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use crate::app::App;
use crate::http::layers;
pub use error::PageError;
use page::{Back, FLASH_COOKIE, Page};

/// The routes of the pages.
pub fn router() -> Router<App> {
    Router::new()
        .route("/", get(dashboard::show))
        .route("/inbox", get(inbox::show).post(inbox::several))
        .route("/events", get(events::list))
        .route("/connect", get(connect::show))
        .route("/settings", get(settings::show).post(settings::save))
        .route("/settings/theme", post(settings::theme))
        .merge(platform_routes())
        .merge(release_routes())
        .merge(device_routes())
        .layer(middleware::from_fn(frame))
}

fn platform_routes() -> Router<App> {
    Router::new()
        .route("/platforms", get(platforms::list).post(platform_forms::create))
        .route("/platforms/new", get(platform_forms::new))
        .route("/platforms/{name}", get(platforms::show))
        .route("/platforms/{name}/edit", get(platform_forms::edit).post(platform_forms::save))
        .route(
            "/platforms/{name}/delete",
            get(platform_forms::confirm_delete).post(platform_forms::delete),
        )
}

fn release_routes() -> Router<App> {
    // The upload counts its bytes itself, file by file.
    let upload = post(upload::receive).layer(DefaultBodyLimit::disable());
    Router::new()
        .route("/releases", upload.get(releases::list))
        .route("/releases/new", get(upload::form))
        .route("/releases/{id}", get(releases::show).post(drafts::decide))
        .route("/releases/{id}/download", get(images::download))
        .route(
            "/releases/{id}/images/{image}/delete",
            get(images::confirm_delete).post(images::delete),
        )
        .route("/releases/{id}/publish", post(releases::publish))
        .route("/releases/{id}/withdraw", post(releases::withdraw))
        .route("/releases/{id}/lift", post(releases::lift))
        .route("/releases/{id}/notes", post(releases::note))
        .route("/releases/{id}/delete", get(releases::confirm_delete).post(releases::delete))
}

fn device_routes() -> Router<App> {
    Router::new()
        .route("/devices", get(devices::list))
        .route("/devices/add", get(devices::add_form).post(devices::add))
        .route("/devices/{mac}", get(device::show))
        .route("/devices/{mac}/approve", post(device_forms::approve))
        .route("/devices/{mac}/ignore", post(device_forms::ignore))
        .route("/devices/{mac}/block", post(device_forms::block))
        .route("/devices/{mac}/move", post(device_forms::move_to))
        .route("/devices/{mac}/rename", post(device_forms::rename))
        .route("/devices/{mac}/retry", post(device_forms::retry))
        .route("/devices/{mac}/hold", post(device_forms::hold))
        .route("/devices/{mac}/chip", post(device_forms::chip))
        .route("/devices/{mac}/verifies", post(device_forms::verifies))
        .route(
            "/devices/{mac}/delete",
            get(device_forms::confirm_delete).post(device_forms::delete),
        )
}

/// Draws errors in the visitor's colours, and forgets the message that a page has shown.
async fn frame(request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    // An error page shows no times, so the clock and the zone do not matter.
    let page = Page::of(&parts, 0, jiff::tz::TimeZone::UTC);
    let back = Back::of(&parts.headers).or("/");
    let reading = parts.method == Method::GET;
    let part = parts.uri.query().is_some_and(|query| query.contains("fragment="));
    let showed = page.flash.is_some() && reading && !part;
    let mut response = next.run(Request::from_parts(parts, body)).await;
    if let Some(error) = response.extensions_mut().remove::<PageError>() {
        response = error.draw(page, back);
    } else if is_bare(&response) {
        response = unreadable(response.status(), reading).draw(page, back);
    }
    let headers = response.headers_mut();
    if headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html")) {
        headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-cache"));
        if showed {
            let gone = format!("{FLASH_COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
            if let Ok(gone) = HeaderValue::try_from(gone) {
                headers.append(SET_COOKIE, gone);
            }
        }
    }
    response
}

/// Whether an extractor refused the request in its own words: plain text, not ours.
fn is_bare(response: &Response) -> bool {
    let kind = response.headers().get(CONTENT_TYPE);
    let plain = kind.is_none_or(|kind| kind.as_bytes().starts_with(b"text/plain"));
    response.status().is_client_error() && plain
}

fn unreadable(status: StatusCode, reading: bool) -> PageError {
    match status {
        StatusCode::METHOD_NOT_ALLOWED => {
            PageError::with(status, "Not like this", "This address only takes forms of its page.")
        }
        StatusCode::NOT_FOUND => PageError::not_found("page"),
        StatusCode::BAD_REQUEST if reading => PageError::not_found("page"),
        _ => PageError::with(
            status,
            "That did not work",
            "The form could not be understood. Go back, reload the page, and try again.",
        ),
    }
}

/// The answer where nothing is at an address: a page for browsers, a line for programs.
pub async fn not_found(State(app): State<App>, request: Request) -> Response {
    let html = |headers: &HeaderMap| {
        let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
        accept.is_some_and(|accept| accept.contains("text/html"))
    };
    if !html(request.headers()) {
        return (StatusCode::NOT_FOUND, "There is nothing at this address.\n").into_response();
    }
    let (mut parts, _) = request.into_parts();
    let back = Back::of(&parts.headers).or("/");
    let page = match Page::from_request_parts(&mut parts, &app).await {
        Ok(page) => page,
        Err(error) => return error.into_response(),
    };
    let mut response = PageError::not_found("page").draw(page, back);
    layers::secure(response.headers_mut());
    response
}
