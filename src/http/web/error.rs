//! What went wrong, as a page.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::page::{Page, View};
use crate::app::Error;
use crate::store::StoreError;

/// Something went wrong on the way to a page.
#[derive(Debug, Clone)]
pub struct PageError {
    status: StatusCode,
    title: &'static str,
    text: String,
}

/// The page that says what went wrong.
#[derive(Debug, Template)]
#[template(path = "error.html")]
struct ErrorPage {
    page: Page,
    status: u16,
    title: &'static str,
    text: String,
    back: String,
}

impl PageError {
    /// There is nothing at this address.
    #[must_use]
    pub fn not_found(what: &str) -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            title: "Not found",
            text: format!("There is no such {what}. It may have been deleted or renamed."),
        }
    }

    /// An error in words of its own.
    pub(crate) fn with(status: StatusCode, title: &'static str, text: &str) -> Self {
        Self { status, title, text: text.to_owned() }
    }

    /// The page in its frame; `back` is where the visitor came from.
    pub(super) fn draw(self, page: Page, back: String) -> Response {
        let Self { status, title, text } = self;
        let page = ErrorPage { page, status: status.as_u16(), title, text, back };
        (status, View(page)).into_response()
    }
}

/// Leaves the drawing to `frame`, which knows the visitor's colours.
impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// The status that a page answers with.
pub(super) fn status(error: &Error) -> StatusCode {
    match error {
        Error::NotFound(_) => StatusCode::NOT_FOUND,
        Error::PlatformExists(_)
        | Error::AlreadyApproved { .. }
        | Error::UserExists(_)
        | Error::LastAdministrator
        | Error::Rollout(_)
        | Error::GroupExists(_)
        | Error::State(_) => StatusCode::CONFLICT,
        Error::Forbidden(_) => StatusCode::FORBIDDEN,
        Error::Busy => StatusCode::SERVICE_UNAVAILABLE,
        Error::NotBin(_) | Error::Unusable(..) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Error::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        Error::Cut => StatusCode::BAD_REQUEST,
        Error::DiskFull => StatusCode::INSUFFICIENT_STORAGE,
        Error::Name(_)
        | Error::Mac(_)
        | Error::DeviceSecret(_)
        | Error::NoPlatformChosen
        | Error::Value { .. }
        | Error::NoFile
        | Error::Plan(_)
        | Error::GroupName(_)
        | Error::Quiet(_)
        | Error::Label(_)
        | Error::Password(_)
        | Error::Scope(_)
        | Error::WrongCode
        | Error::SessionEnded
        | Error::Questions(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Error::Store(_) | Error::Blob(_) | Error::Broken(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl From<Error> for PageError {
    fn from(error: Error) -> Self {
        if let Error::NotFound(what) = error {
            return Self::not_found(what);
        }
        let status = status(&error);
        if error.is_internal() {
            tracing::error!(error = &error as &dyn std::error::Error, "a page was not answered");
            let text = "The server could not do this; its log says why.".to_owned();
            return Self { status, title: "Something broke", text };
        }
        Self { status, title: "That did not work", text: sentence(&error.to_string()) }
    }
}

impl From<StoreError> for PageError {
    fn from(error: StoreError) -> Self {
        Error::from(error).into()
    }
}

/// A message as a sentence: with a capital letter and a full stop.
pub(super) fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    let stop = if text.ends_with(['.', '!', '?', '”']) { "" } else { "." };
    format!("{first}{}{stop}", chars.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_become_sentences() {
        assert_eq!(sentence("the name is empty"), "The name is empty.");
        assert_eq!(sentence("Already one."), "Already one.");
    }
}
