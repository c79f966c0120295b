//! What is answered when a device is approved.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::DeviceView;
use crate::http::api::describe::{Created, Gives, Sheet};

/// A device that is approved, here already or moved here from another platform.
#[derive(Debug)]
pub(in crate::http::api::v1) enum Approved {
    /// It belongs here from now on.
    Here(Created<DeviceView>),
    /// It belonged to another platform.
    Moved(Created<DeviceView>),
}

impl IntoResponse for Approved {
    fn into_response(self) -> Response {
        match self {
            Self::Here(created) => created.into_response(),
            Self::Moved(created) => {
                let mut response = created.into_response();
                *response.status_mut() = StatusCode::OK;
                response
            }
        }
    }
}

impl Gives for Approved {
    fn draw(sheet: &mut Sheet<'_>) {
        Created::<DeviceView>::draw(sheet);
        sheet.also(200, 201, "It was approved for another platform and is moved.");
    }
}
