//! The administration API, `/api/v1`.

use axum::Router;

use crate::app::App;

/// The API's routes.
pub fn router() -> Router<App> {
    Router::new()
}
