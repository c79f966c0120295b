//! The description of the API.

use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

/// Written by hand; tests hold it and the program together.
const DOCUMENT: &str = include_str!("openapi.json");

/// `GET /api/v1/openapi.json`
pub(super) async fn show() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], DOCUMENT)
}
