//! What went wrong, as a problem document (RFC 9457) with a stable code.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;

use super::codes::{self, Code};
use super::describe::never_null;
use super::v1::report::ReportView;
use super::words::Word;
use crate::app::{Error, ReportCard};
use crate::domain::access::{Need, Principal, Where};
use crate::domain::image::{Merged, Partition};
use crate::domain::release::Question;
use crate::store::StoreError;

/// Characters of a wrong value that are repeated.
const VALUE_SHOWN: usize = 80;

/// Something went wrong on the way to an answer.
#[derive(Debug)]
pub struct Problem {
    code: Code,
    detail: String,
    more: Option<Box<More>>,
}

/// What went wrong (RFC 9457). `code` is stable; `title` and `detail` are for people.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Problem", transform = never_null)]
pub(super) struct Document {
    /// `urn:espalier:problem:` and the code.
    r#type: String,
    /// What sort of problem.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What happened and what to do, in a sentence.
    detail: String,
    /// The stable code.
    code: Word<Code>,
    #[serde(flatten)]
    more: More,
}

/// What some problems say besides.
#[derive(Debug, Default, Serialize, JsonSchema)]
struct More {
    /// With open questions: the report card of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<Box<ReportView>>,
    /// With `already_approved`: the platform it is approved for.
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<String>,
    /// With `already_approved`: the device.
    #[serde(skip_serializing_if = "Option::is_none")]
    mac: Option<String>,
    /// With a file that can never be sent: what it is. The same as `code`.
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    /// With `merged_image`: what its partition table lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    parts: Option<Vec<PartView>>,
    /// With `forbidden`: the scope that the token lacks.
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    /// With `forbidden`: the role that is needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    /// With `too_large`: the largest file that is taken, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u64>,
}

/// A part of a merged (factory) image.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Partition")]
struct PartView {
    /// Its label.
    label: String,
    /// What it is for, such as `app ota_0`.
    purpose: String,
    /// Where it begins in the flash memory.
    offset: u32,
    /// Bytes that are set aside for it.
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
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), more: None }
    }

    /// What was named does not exist.
    pub(super) fn not_found(what: &str) -> Self {
        Self::new(codes::NOT_FOUND, format!("There is no such {what}."))
    }

    /// The one who asks is known, but may not do this.
    pub(crate) fn lacks(principal: &Principal, need: Need, place: Where<'_>) -> Self {
        if let Principal::User { role, .. } = principal {
            let (has, wants) = (role.word(), need.role().word());
            let detail = format!("Your role is {has}; this needs the role {wants}.");
            let more = More { role: Some(wants), ..More::default() };
            return Self::new(codes::FORBIDDEN, detail).with(more);
        }
        let scope = need.scope(place);
        let detail = format!("This token lacks the scope {scope}.");
        let more = More { scope: Some(scope), ..More::default() };
        Self::new(codes::FORBIDDEN, detail).with(more)
    }

    /// The query string cannot be used.
    pub(super) fn query(detail: impl Into<String>) -> Self {
        Self::new(codes::INVALID_QUERY, detail)
    }

    /// A member has a value that it cannot have.
    pub(super) fn value(field: &'static str, value: &str, expected: &'static str) -> Self {
        let value = value.chars().take(VALUE_SHOWN).collect();
        Self::of(&Error::Value { field, value, expected })
    }

    /// An error as a problem, for those who log the cause themselves.
    pub(super) fn of(error: &Error) -> Self {
        let code = match error {
            Error::Questions(card) => Code::from(leading(card)),
            _ => Code::from(error),
        };
        let problem = Self::new(code, detail(error));
        match More::of(error) {
            Some(more) => problem.with(more),
            None => problem,
        }
    }

    fn with(self, more: More) -> Self {
        Self { more: Some(Box::new(more)), ..self }
    }
}

impl More {
    fn of(error: &Error) -> Option<Self> {
        let none = Self::default();
        Some(match error {
            Error::Questions(card) => Self { report: Some(Box::new(ReportView::of(card))), ..none },
            Error::AlreadyApproved { mac, platform, same: _ } => {
                Self { mac: Some(mac.to_string()), platform: Some(platform.clone()), ..none }
            }
            Error::TooLarge { limit } => Self { limit: Some(*limit), ..none },
            Error::Unusable(cause, merged) => {
                let parts =
                    |merged: &Merged| merged.table.partitions.iter().map(PartView::from).collect();
                Self { kind: Some(cause.code()), parts: merged.as_deref().map(parts), ..none }
            }
            Error::Forbidden(scope) => Self { scope: Some(scope.clone()), ..none },
            _ => return None,
        })
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
        let status = self.code.http_status();
        let mut response = (status, Json(Document::from(self))).into_response();
        let problem = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(CONTENT_TYPE, problem);
        response
    }
}

impl From<Problem> for Document {
    fn from(problem: Problem) -> Self {
        let Problem { code, detail, more } = problem;
        let r#type = format!("urn:espalier:problem:{}", code.word());
        let (title, status) = (title(code.http_status()), code.status());
        let more = more.map(|more| *more).unwrap_or_default();
        Self { r#type, title, status, detail, code: Word(code), more }
    }
}

/// What a problem of this code looks like.
pub(super) fn example(code: Code, detail: &str) -> impl Serialize + use<> {
    Document::from(Problem::new(code, sentence(detail)))
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

/// The question that names the problem: a conflict with what is there, else the first.
fn leading(card: &ReportCard) -> &Question {
    let is_conflict =
        |question: &&Question| Code::from(*question).http_status() == StatusCode::CONFLICT;
    let conflict = card.questions.iter().find(is_conflict);
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
    use crate::domain::image::Unusable;

    #[test]
    fn a_full_disk_is_507() {
        for error in [Error::from(StoreError::Full), Error::from(BlobError::Full)] {
            let problem = Problem::of(&error);
            assert_eq!((problem.code, problem.code.status()), (codes::DISK_FULL, 507));
        }
    }

    #[test]
    fn internal_causes_are_not_shown() {
        let cause = BlobError::Io(std::io::Error::other("/srv/secret/firmware"));
        let problem = Problem::from(Error::from(cause));
        assert_eq!((problem.code, problem.code.status()), (codes::INTERNAL, 500));
        assert!(!problem.detail.contains("secret"));
    }

    #[test]
    fn a_damaged_file_is_told_from_one_of_another_kind() {
        let status = |cause| Problem::of(&Error::Unusable(cause, None)).code.status();
        assert_eq!(status(Unusable::Truncated { size: 4, expected: 9 }), 422);
        assert_eq!(status(Unusable::Html), 415);
    }
}
