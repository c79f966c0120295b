//! The administration API, `/api/v1`: JSON in, JSON out, errors as problem documents.
//!
//! What it takes and answers is described by `/api/v1/openapi.json`, which is made from the code.

pub(crate) mod codes;
mod describe;
mod extract;
mod granted;
mod page;
mod problem;
mod time;
mod v1;
mod words;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, HeaderValue};
use axum::http::{Method, Uri};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::any;

use crate::app::App;
use crate::http::access::{Routes, identify};
use crate::http::device;
pub use problem::Problem;

/// The description of the API, as `/api/v1/openapi.json` gives it.
#[must_use]
pub fn description() -> &'static serde_json::Value {
    v1::document()
}

/// The routes with what they need; `openapi.json` describes exactly these.
#[must_use]
pub fn routes() -> Routes {
    v1::routes()
}

/// The API's routes, for those who may use them.
pub fn router(app: &App) -> Router<App> {
    routes()
        .into_router()
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::from_fn_with_state(app.clone(), identify))
        .layer(middleware::map_response(never_stored))
        .route("/api/", any(unknown))
        .route("/api/{*rest}", any(unknown))
}

/// Whether a path belongs to the API, so that its errors are problem documents.
#[must_use]
pub fn is_below(path: &str) -> bool {
    path.strip_prefix("/api").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What is true now may be false in a second.
async fn never_stored(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    let detail = format!(
        "{} does not take {method}; the Allow header of this answer lists what it takes.",
        uri.path()
    );
    Problem::new(codes::METHOD_NOT_ALLOWED, detail)
}

/// No route of the API. An updater may still ask here: it is answered whatever its path.
async fn unknown(State(app): State<App>, request: Request) -> Response {
    let request = match device::fallback(State(app), request).await {
        Ok(response) => return response,
        Err(request) => request,
    };
    let path = request.uri().path();
    let detail = format!("There is nothing at {path}; /api/v1/openapi.json lists what there is.");
    Problem::new(codes::NOT_FOUND, detail).into_response()
}
