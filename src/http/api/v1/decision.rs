//! What a device would get now, and why.

use axum::Json;
use axum::extract::State;

use super::device::DecisionView;
use super::devices::{find, read_mac};
use crate::app::App;
use crate::http::api::codes;
use crate::http::api::describe::{NO_MAC, Operation, when};
use crate::http::api::extract::Segment;
use crate::http::api::problem::Problem;

pub(super) const SHOW: Operation =
    Operation::new("devices", "explainDevice", "Say what a device would get now, and why")
        .gives("The decision.")
        .refuses(&[
            when("There is no such device", &[codes::NOT_FOUND]),
            when("It has not asked yet", &[codes::NEVER_ASKED]),
            NO_MAC,
        ]);

/// `GET /api/v1/devices/{mac}/decision`
pub(super) async fn show(
    State(app): State<App>,
    Segment(mac): Segment<String>,
) -> Result<Json<DecisionView>, Problem> {
    let device = find(&app, read_mac(&mac)?).await?;
    let (explanation, _) = app.explain_fully(&device).await?;
    let explanation = explanation.ok_or_else(|| {
        let detail = "The device has not asked yet, so there is nothing to decide.";
        Problem::new(codes::NEVER_ASKED, detail)
    })?;
    Ok(Json(DecisionView::of(&app, explanation)))
}
