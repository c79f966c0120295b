//! The images of a release.

use axum::extract::State;

use crate::app::App;
use crate::http::api::codes;
use crate::http::api::describe::{Done, Operation, when};
use crate::http::api::extract::{Actor, Segment};
use crate::http::api::problem::Problem;

pub(super) const DELETE: Operation =
    Operation::new("releases", "removeImage", "Take one image out of a release that has others")
        .refuses(&[
            when("There is no such release, or no such image in it", &[codes::NOT_FOUND]),
            when(
                "It is the only image of the release, which is to be deleted instead",
                &[codes::WRONG_STATE],
            ),
        ]);

/// `DELETE /api/v1/releases/{id}/images/{image}`
pub(super) async fn delete(
    State(app): State<App>,
    Actor(actor): Actor,
    Segment((id, image)): Segment<(i64, i64)>,
) -> Result<Done, Problem> {
    app.remove_image(id, image, &actor).await?;
    Ok(Done)
}
