//! The images of a release.

use axum::extract::State;
use axum::http::StatusCode;

use crate::app::App;
use crate::http::api::extract::{Actor, Segment};
use crate::http::api::problem::Problem;

/// `DELETE /api/v1/releases/{id}/images/{image}`
pub(super) async fn delete(
    State(app): State<App>,
    Actor(actor): Actor,
    Segment((id, image)): Segment<(i64, i64)>,
) -> Result<StatusCode, Problem> {
    app.remove_image(id, image, &actor).await?;
    Ok(StatusCode::NO_CONTENT)
}
