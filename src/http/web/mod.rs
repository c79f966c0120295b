//! Pages: complete without script, better with it.
//!
//! A page is a typed template beside its handler, inside one frame ([`page::Page`]). Every change
//! is a form that answers with a redirect to a page that says what happened. An error is drawn by
//! `frame`, which knows the visitor's colours.

mod account;
mod address;
mod api_docs;
mod attempts;
mod audit;
mod audit_csv;
mod card;
mod confirm;
mod connect;
mod dashboard;
mod decoder;
mod device;
mod device_forms;
mod device_secret;
mod devices;
mod drafts;
mod error;
mod events;
mod foreseen;
mod groups;
mod history;
mod images;
pub mod inbox;
mod known;
mod login;
pub mod page;
pub mod pairing;
mod parts;
mod platform_forms;
mod platforms;
mod plots;
mod presence;
mod preview;
mod promote;
mod proof;
mod publish;
mod query;
mod reached;
mod record;
mod releases;
mod rollout_cards;
mod rollouts;
mod runs;
mod secret_lines;
mod sending;
mod settings;
mod setup;
mod several;
mod snippets;
mod tokens;
mod touched;
mod two_factor;
mod updates;
mod upload;
mod users;
mod wish;

use axum::Router;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::domain::access::Need;
use crate::http::NOTHING;
use crate::http::access::{Cookies, Face, Identity, Routes, identify, settle_visit};
pub use error::PageError;
use page::{Back, FLASH_COOKIE, Page};

/// The pages, for those who may see them.
pub fn router(app: &App) -> Router<App> {
    routes()
        .into_router()
        .layer(middleware::from_fn(frame))
        .layer(middleware::from_fn_with_state(app.clone(), identify))
}

/// The routes of the pages, with what they need.
#[must_use]
pub fn routes() -> Routes {
    Routes::new(Face::Page)
        .get("/", Need::View, dashboard::show)
        .get("/inbox", Need::View, inbox::show)
        .post("/inbox", Need::Edit, inbox::several)
        .post("/pairing", Need::Edit, pairing::change)
        .post("/pairing/undo", Need::Edit, pairing::undo)
        .get("/decoder", Need::View, decoder::show)
        .post("/decoder", Need::View, decoder::explain)
        .get("/events", Need::View, events::list)
        .get("/connect", Need::View, connect::show)
        .get("/api", Need::View, api_docs::show)
        .get("/settings", Need::View, settings::show)
        .post("/settings", Need::Administer, settings::save)
        .post("/settings/theme", Need::Public, settings::theme)
        .merge(platform_routes())
        .merge(release_routes())
        .merge(device_routes())
        .merge(people_routes())
}

fn platform_routes() -> Routes {
    use Need::{Administer, Edit, View};
    Routes::new(Face::Page)
        .get("/platforms", View, platforms::list)
        .post("/platforms", Edit, platform_forms::create)
        .get("/platforms/new", Edit, platform_forms::new)
        .get("/platforms/{name}", View, platforms::show)
        .get("/platforms/{name}/edit", Edit, platform_forms::edit)
        .post("/platforms/{name}/edit", Edit, platform_forms::save)
        .get("/platforms/{name}/delete", Administer, platform_forms::confirm_delete)
        .post("/platforms/{name}/delete", Administer, platform_forms::delete)
        .get("/platforms/{name}/proof", View, proof::show)
        .post("/platforms/{name}/proof", Edit, proof::save)
        .get("/platforms/{name}/proof/demand", Edit, proof::confirm_demand)
        .post("/platforms/{name}/secret", Edit, proof::make)
        .get("/platforms/{name}/secret/old", Edit, proof::confirm_end)
        .post("/platforms/{name}/secret/old", Edit, proof::end)
}

fn release_routes() -> Routes {
    use Need::{Edit, Publish, Upload, View};
    Routes::new(Face::Page)
        .get("/releases", View, releases::list)
        .upload("/releases", Upload, upload::receive)
        .get("/releases/new", Upload, upload::form)
        .get("/releases/{id}", View, releases::show)
        .post("/releases/{id}", Publish, drafts::decide)
        .get("/releases/{id}/download", View, images::download)
        .get("/releases/{id}/images/{image}/delete", Edit, images::confirm_delete)
        .post("/releases/{id}/images/{image}/delete", Edit, images::delete)
        .get("/releases/{id}/publish", Publish, publish::form)
        .post("/releases/{id}/publish", Publish, publish::publish)
        .get("/releases/{id}/preview", View, preview::release)
        .get("/platforms/{name}/preview", View, preview::platform)
        .get("/rollouts", View, rollouts::list)
        .get("/rollouts/{id}", View, rollouts::show)
        .post("/rollouts/{id}", Publish, rollouts::tell)
        .get("/rollouts/{id}/confirm", Publish, rollouts::confirm)
        .get("/releases/{id}/withdraw", Publish, touched::confirm_withdraw)
        .post("/releases/{id}/withdraw", Publish, touched::withdraw)
        .get("/releases/{id}/promote", Publish, promote::form)
        .post("/releases/{id}/promote", Publish, promote::promote)
        .get("/releases/{id}/back", Publish, touched::confirm_back)
        .post("/releases/{id}/back", Publish, touched::back)
        .post("/releases/{id}/lift", Edit, releases::lift)
        .get("/releases/{id}/record", Publish, record::confirm)
        .post("/releases/{id}/record", Publish, record::record)
        .post("/releases/{id}/notes", Edit, releases::note)
        .get("/releases/{id}/delete", Edit, releases::confirm_delete)
        .post("/releases/{id}/delete", Edit, releases::delete)
}

fn device_routes() -> Routes {
    use Need::{Edit, View};
    Routes::new(Face::Page)
        .get("/devices", View, devices::list)
        .get("/devices/add", Edit, devices::add_form)
        .post("/devices/add", Edit, devices::add)
        .get("/devices/{mac}", View, device::show)
        .post("/devices/{mac}/approve", Edit, device_forms::approve)
        .post("/devices/{mac}/ignore", Edit, device_forms::ignore)
        .post("/devices/{mac}/block", Edit, device_forms::block)
        .post("/devices/{mac}/move", Edit, device_forms::move_to)
        .post("/devices/{mac}/rename", Edit, device_forms::rename)
        .post("/devices/{mac}/retry", Edit, device_forms::retry)
        .post("/devices/{mac}/hold", Edit, device_forms::hold)
        .post("/devices/{mac}/chip", Edit, device_forms::chip)
        .post("/devices/{mac}/verifies", Edit, device_forms::verifies)
        .get("/devices/{mac}/secret", View, device_secret::show)
        .post("/devices/{mac}/secret", Edit, device_secret::make)
        .get("/devices/{mac}/secret/old", Edit, device_secret::confirm_end)
        .post("/devices/{mac}/secret/old", Edit, device_secret::end)
        .post("/devices/{mac}/updates", Edit, updates::save)
        .get("/devices/{mac}/preview", View, foreseen::device)
        .post("/devices/several", Edit, several::change)
        .get("/groups", View, groups::list)
        .post("/groups", Edit, groups::create)
        .post("/groups/{id}", Edit, groups::save)
        .get("/groups/{id}/preview", View, foreseen::group)
        .get("/groups/{id}/delete", Edit, groups::confirm_delete)
        .post("/groups/{id}/delete", Edit, groups::delete)
        .get("/devices/{mac}/delete", Edit, device_forms::confirm_delete)
        .post("/devices/{mac}/delete", Edit, device_forms::delete)
}

fn people_routes() -> Routes {
    use Need::{Account, Administer, Public};
    Routes::new(Face::Page)
        .get("/login", Public, login::show)
        .post("/login", Public, login::sign_in)
        .post("/login/code", Public, login::code)
        .get("/setup", Public, setup::show)
        .post("/setup", Public, setup::set_up)
        .post("/logout", Account, account::sign_out)
        .get("/account", Account, account::show)
        .post("/account/password", Account, account::change_password)
        .post("/account/sessions", Account, account::end_session)
        .post("/account/sessions/all", Account, account::end_all)
        .get("/account/codes", Account, two_factor::show)
        .post("/account/codes", Account, two_factor::enrol)
        .post("/account/codes/off", Account, two_factor::disenrol)
        .get("/audit", Administer, audit::list)
        .get("/audit.csv", Administer, audit_csv::download)
        .get("/settings/users", Administer, users::list)
        .post("/settings/users", Administer, users::create)
        .post("/settings/users/{name}/role", Administer, users::change_role)
        .post("/settings/users/{name}/password", Administer, users::reset_password)
        .get("/settings/users/{name}/remove", Administer, users::confirm_remove)
        .post("/settings/users/{name}/remove", Administer, users::remove)
        .get("/settings/tokens", Administer, tokens::list)
        .post("/settings/tokens", Administer, tokens::create)
        .get("/settings/tokens/{id}/revoke", Administer, tokens::confirm_revoke)
        .post("/settings/tokens/{id}/revoke", Administer, tokens::revoke)
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
    let (identity, cookies) = (Identity::of(&parts.extensions), Cookies::of(&parts.extensions));
    let mut response = next.run(Request::from_parts(parts, body)).await;
    if let Some(error) = response.extensions_mut().remove::<PageError>() {
        response = error.draw(page, back);
    } else if is_bare(&response) {
        response = unreadable(response.status(), reading).draw(page, back);
    }
    if is_html(&response) {
        settle_visit(&identity, cookies, &mut response);
        let headers = response.headers_mut();
        headers.entry(CACHE_CONTROL).or_insert(kept(&identity));
        if showed {
            let gone = format!("{FLASH_COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
            if let Ok(gone) = HeaderValue::try_from(gone) {
                headers.append(SET_COOKIE, gone);
            }
        }
    }
    response
}

fn is_html(response: &Response) -> bool {
    let kind = response.headers().get(CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"))
}

/// How long a browser may keep a page: what only somebody who signed in may see, not at all.
fn kept(identity: &Identity) -> HeaderValue {
    let private = identity.session.is_some();
    HeaderValue::from_static(if private { "no-store" } else { "no-cache" })
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
        return (StatusCode::NOT_FOUND, NOTHING).into_response();
    }
    let (mut parts, _) = request.into_parts();
    let back = Back::of(&parts.headers).or("/");
    let page = match Page::from_request_parts(&mut parts, &app).await {
        Ok(page) => page,
        Err(error) => return error.into_response(),
    };
    let mut response = PageError::not_found("page").draw(page, back);
    settle_visit(&Identity::of(&parts.extensions), Cookies::of(&parts.extensions), &mut response);
    response
}
