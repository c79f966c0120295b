//! Whether the process lives, and whether it can do its work.

use axum::extract::State;
use axum::http::StatusCode;

use crate::app::App;
use crate::domain::access::Need;
use crate::http::access::{Face, Routes};

/// The probes.
pub(super) fn routes() -> Routes {
    liveness().get("/readyz", Need::Public, works)
}

/// The one that tells nothing but that the process lives.
pub(super) fn liveness() -> Routes {
    Routes::new(Face::Program).get("/healthz", Need::Public, lives)
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
