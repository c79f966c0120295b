//! What went wrong, as a problem document (RFC 9457) with a stable code.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};

use super::v1::report::ReportView;
use crate::app::{Error, ReportCard};
use crate::domain::access::{Need, Principal, Where};
use crate::domain::image::{Partition, Unusable};
use crate::domain::release::Question;
use crate::store::StoreError;

/// Characters of a wrong value that are repeated.
const VALUE_SHOWN: usize = 80;

/// Something went wrong on the way to an answer.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    more: Map<String, Value>,
}

/// The document as it is sent.
#[derive(Debug, Serialize)]
struct Document {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: String,
    code: &'static str,
    #[serde(flatten)]
    more: Map<String, Value>,
}

/// A part of a factory image, as its partition table describes it.
#[derive(Debug, Serialize)]
struct PartView {
    label: String,
    purpose: String,
    offset: u32,
    size: u32,
}

impl From<&Partition> for PartView {
    fn from(partition: &Partition) -> Self {
        let Partition { label, purpose, offset, size } = partition.clone();
        Self { label, purpose, offset, size }
    }
}

impl Problem {
    /// A problem in a sentence of its own.
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), more: Map::new() }
    }

    /// What was named does not exist.
    pub(super) fn not_found(what: &str) -> Self {
        let detail = format!("There is no such {what}.");
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    /// The one who asks is known, but may not do this.
    pub(crate) fn lacks(principal: &Principal, need: Need, place: Where<'_>) -> Self {
        let (status, code) = (StatusCode::FORBIDDEN, "forbidden");
        if let Principal::User { role, .. } = principal {
            let (has, wants) = (role.word(), need.role().word());
            let detail = format!("Your role is {has}; this needs the role {wants}.");
            return Self::new(status, code, detail).with("role", wants);
        }
        let scope = need.scope(place);
        let detail = format!("This token lacks the scope {scope}.");
        Self::new(status, code, detail).with("scope", scope)
    }

    /// The query string cannot be used.
    pub(super) fn query(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_query", detail)
    }

    /// A member has a value that it cannot have.
    pub(super) fn value(field: &'static str, value: &str, expected: &'static str) -> Self {
        let value = value.chars().take(VALUE_SHOWN).collect();
        Self::of(&Error::Value { field, value, expected })
    }

    /// The problem with one member more.
    pub(super) fn with(mut self, name: &str, value: impl Serialize) -> Self {
        self.more.insert(name.to_owned(), serde_json::to_value(value).unwrap_or_default());
        self
    }

    /// An error as a problem, for those who log the cause themselves.
    pub(super) fn of(error: &Error) -> Self {
        let problem = Self::new(status(error), error.code(), detail(error));
        match error {
            Error::Questions(card) => {
                Self { code: leading(card).code(), ..problem }.with("report", ReportView::of(card))
            }
            Error::AlreadyApproved { mac, platform, same: _ } => {
                problem.with("mac", mac.to_string()).with("platform", platform)
            }
            Error::TooLarge { limit } => problem.with("limit", limit),
            Error::Unusable(cause, None) => problem.with("kind", cause.code()),
            Error::Unusable(cause, Some(merged)) => {
                let parts: Vec<_> = merged.table.partitions.iter().map(PartView::from).collect();
                problem.with("kind", cause.code()).with("parts", parts)
            }
            Error::NotFound(_)
            | Error::Name(_)
            | Error::Mac(_)
            | Error::DeviceSecret(_)
            | Error::PlatformExists(_)
            | Error::NoPlatformChosen
            | Error::Value { .. }
            | Error::NotBin(_)
            | Error::Cut
            | Error::NoFile
            | Error::State(_)
            | Error::Plan(_)
            | Error::Rollout(_)
            | Error::GroupName(_)
            | Error::GroupExists(_)
            | Error::Quiet(_)
            | Error::Label(_)
            | Error::UserExists(_)
            | Error::Password(_)
            | Error::Scope(_)
            | Error::LastAdministrator
            | Error::WrongCode
            | Error::SessionEnded
            | Error::Busy
            | Error::Broken(_)
            | Error::DiskFull
            | Error::Store(_)
            | Error::Blob(_) => problem,
            Error::Forbidden(scope) => problem.with("scope", scope),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        if error.is_internal() {
            tracing::error!(error = &error as &dyn std::error::Error, "the API could not answer");
        }
        Self::of(&error)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Error::from(error).into()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self { status, code, detail, more } = self;
        let r#type = format!("urn:espalier:problem:{code}");
        let (title, number) = (title(status), status.as_u16());
        let document = Document { r#type, title, status: number, detail, code, more };
        let mut response = (status, Json(document)).into_response();
        let problem = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(CONTENT_TYPE, problem);
        response
    }
}

fn title(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST => "The request cannot be read",
        StatusCode::UNAUTHORIZED => "Not signed in",
        StatusCode::FORBIDDEN => "Not allowed",
        StatusCode::TOO_MANY_REQUESTS => "Too many attempts",
        StatusCode::SERVICE_UNAVAILABLE => "Busy",
        StatusCode::NOT_FOUND => "Not found",
        StatusCode::METHOD_NOT_ALLOWED => "Method not allowed",
        StatusCode::CONFLICT => "In conflict with what is there",
        StatusCode::PAYLOAD_TOO_LARGE => "Too large",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "Another kind of file or body is expected",
        StatusCode::UNPROCESSABLE_ENTITY => "Cannot be done as asked",
        StatusCode::INSUFFICIENT_STORAGE => "The disk is full",
        StatusCode::MISDIRECTED_REQUEST => "Asked for by another name",
        _ => "Something broke",
    }
}

fn status(error: &Error) -> StatusCode {
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
        Error::TooLarge { .. } | Error::Unusable(Unusable::GzipTooLong, _) => {
            StatusCode::PAYLOAD_TOO_LARGE
        }
        Error::Unusable(cause, _) if is_damaged(cause) => StatusCode::UNPROCESSABLE_ENTITY,
        Error::NotBin(_) | Error::Unusable(..) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Error::Cut => StatusCode::BAD_REQUEST,
        Error::DiskFull => StatusCode::INSUFFICIENT_STORAGE,
        Error::Questions(card) if is_conflict(leading(card)) => StatusCode::CONFLICT,
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

fn detail(error: &Error) -> String {
    match error {
        Error::Store(_) | Error::Blob(_) | Error::Broken(_) => {
            "The server could not do this; its log says why.".to_owned()
        }
        Error::Questions(card) => leading(card).text(),
        Error::AlreadyApproved { mac, platform, same: true } => {
            format!("The device {mac} is already approved for {platform}.")
        }
        Error::AlreadyApproved { mac, platform, same: false } => format!(
            "The device {mac} is already approved for {platform}. Send \"move\": true to move it."
        ),
        Error::NotFound(_)
        | Error::Name(_)
        | Error::Mac(_)
        | Error::DeviceSecret(_)
        | Error::PlatformExists(_)
        | Error::NoPlatformChosen
        | Error::Value { .. }
        | Error::NotBin(_)
        | Error::Unusable(..)
        | Error::TooLarge { .. }
        | Error::Cut
        | Error::NoFile
        | Error::State(_)
        | Error::Plan(_)
        | Error::Rollout(_)
        | Error::GroupName(_)
        | Error::GroupExists(_)
        | Error::Quiet(_)
        | Error::Label(_)
        | Error::UserExists(_)
        | Error::Password(_)
        | Error::Scope(_)
        | Error::LastAdministrator
        | Error::WrongCode
        | Error::SessionEnded
        | Error::Forbidden(_)
        | Error::Busy
        | Error::DiskFull => sentence(&error.to_string()),
    }
}

/// The right kind of file, but not whole; all others are of another kind.
const fn is_damaged(cause: &Unusable) -> bool {
    matches!(
        cause,
        Unusable::Empty
            | Unusable::TooShort { .. }
            | Unusable::Truncated { .. }
            | Unusable::GzipDamaged
    )
}

const fn is_conflict(question: &Question) -> bool {
    matches!(
        question,
        Question::VersionExists(_) | Question::VersionNotHigher { .. } | Question::Identical { .. }
    )
}

/// The question that names the problem: a conflict with what is there, else the first.
fn leading(card: &ReportCard) -> &Question {
    let conflict = card.questions.iter().find(|question| is_conflict(question));
    conflict.or_else(|| card.questions.first()).unwrap_or(&Question::PlatformMissing)
}

/// A message as a sentence: with a capital letter and a full stop.
pub(super) fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    let stop = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{stop}", chars.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blobs::BlobError;

    #[test]
    fn a_full_disk_is_507() {
        for error in [Error::from(StoreError::Full), Error::from(BlobError::Full)] {
            let problem = Problem::of(&error);
            assert_eq!(problem.status, StatusCode::INSUFFICIENT_STORAGE);
            assert_eq!(problem.code, "disk_full");
        }
    }

    #[test]
    fn internal_causes_are_not_shown() {
        let cause = BlobError::Io(std::io::Error::other("/srv/secret/firmware"));
        let problem = Problem::from(Error::from(cause));
        assert_eq!(problem.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!((problem.code, problem.detail.contains("secret")), ("internal", false));
    }

    #[test]
    fn a_damaged_file_is_told_from_one_of_another_kind() {
        let status = |cause| Problem::of(&Error::Unusable(cause, None)).status.as_u16();
        assert_eq!(status(Unusable::Truncated { size: 4, expected: 9 }), 422);
        assert_eq!(status(Unusable::Html), 415);
    }
}
