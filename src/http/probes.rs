//! Whether the process lives, and whether it can do its work.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;

use crate::app::App;

/// The probes.
pub(super) fn router() -> Router<App> {
    liveness().route("/readyz", get(works))
}

/// The one that tells nothing but that the process lives.
pub(super) fn liveness() -> Router<App> {
    Router::new().route("/healthz", get(lives))
}

async fn lives() -> &'static str {
    "ok\n"
}

async fn works(State(app): State<App>) -> (StatusCode, &'static str) {
    match app.store().ping().await {
        Ok(()) => (StatusCode::OK, "ready\n"),
        Err(error) => {
            let error: &dyn std::error::Error = &error;
            tracing::error!(error, "the database does not answer");
            (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n")
        }
    }
}
