//! The API to read: routes, parameters, answers, examples, made from its description.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Response};

use super::address::Address;
use super::page::{Page, View};
use crate::app::App;
use crate::http::api;
use crate::http::view::operations::{Group, groups};

#[derive(Debug, Template)]
#[template(path = "api.html")]
struct Api {
    page: Page,
    groups: Vec<Group>,
    base: String,
}

/// `GET /api`
pub(super) async fn show(State(app): State<App>, page: Page) -> Response {
    // The address in the browser is the one that works for whoever reads this.
    let base = page.host.as_deref().map(|host| format!("http://{host}"));
    let base = base.unwrap_or_else(|| Address::of(&app, &page).base);
    View(Api { groups: groups(api::description(), &base), page, base }).into_response()
}
