//! What handlers take out of a request; whatever cannot be taken is a problem with a sentence.

use std::marker::PhantomData;

use axum::extract::{FromRequest, FromRequestParts, Multipart, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::codes;
use super::problem::{Problem, sentence};
pub(super) use crate::http::access::Actor;

/// Bytes of a JSON body, or of a form field that is no file.
pub(super) const TEXT_LIMIT: usize = 64 << 10;

/// A segment of the path.
#[derive(Debug)]
pub(super) struct Segment<T>(pub(super) T);

impl<S, T> FromRequestParts<S> for Segment<T>
where
    S: Send + Sync,
    T: DeserializeOwned + Send,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        let unknown = |_| Problem::not_found("thing; the path cannot be read");
        path.map(|axum::extract::Path(value)| Self(value)).map_err(unknown)
    }
}

/// A JSON body.
#[derive(Debug)]
pub(super) struct Body<T>(pub(super) T);

impl<S, T> FromRequest<S> for Body<T>
where
    S: Send + Sync,
    T: DeserializeOwned,
{
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        if content_type(&request).is_some_and(|kind| !is_json(&kind)) {
            let detail = "Send JSON, with the header Content-Type: application/json.";
            return Err(Problem::new(codes::NOT_JSON, detail));
        }
        let body = Limited::new(request.into_body(), TEXT_LIMIT).collect().await;
        let bytes = body.map_err(|error| unread(error.as_ref()))?.to_bytes();
        if bytes.trim_ascii().is_empty() {
            return Err(invalid_json("The body is empty; send a JSON object."));
        }
        serde_json::from_slice(&bytes).map(Self).map_err(|error| misread(&error))
    }
}

fn content_type(request: &Request) -> Option<String> {
    let kind = request.headers().get(CONTENT_TYPE)?.to_str().unwrap_or_default();
    Some(kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

fn is_json(kind: &str) -> bool {
    kind == "application/json" || kind.ends_with("+json")
}

fn invalid_json(detail: impl Into<String>) -> Problem {
    Problem::new(codes::INVALID_JSON, detail)
}

fn unread(error: &(dyn std::error::Error + 'static)) -> Problem {
    if error.is::<LengthLimitError>() {
        let detail = "The JSON is larger than 64 KiB, the most that is taken.";
        return Problem::new(codes::TOO_LARGE, detail);
    }
    invalid_json("The body was cut before its end.")
}

fn misread(error: &serde_json::Error) -> Problem {
    let text = error.to_string();
    match error.classify() {
        Category::Data if text.starts_with("unknown field") => {
            Problem::new(codes::UNKNOWN_FIELD, sentence(&text))
        }
        Category::Data => invalid_json(format!("The JSON does not fit: {text}.")),
        Category::Syntax | Category::Eof | Category::Io => {
            invalid_json(format!("The body is not JSON: {text}."))
        }
    }
}

/// A form with files; its fields are those of `F`.
#[derive(Debug)]
pub(super) struct Form<F>(pub(super) Multipart, pub(super) PhantomData<F>);

impl<S: Send + Sync, F> FromRequest<S> for Form<F> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if content_type(&request).as_deref() != Some("multipart/form-data") {
            let detail = "Send the file as a form, as curl -F file=@firmware.bin does.";
            return Err(Problem::new(codes::NOT_MULTIPART, detail));
        }
        let boundless = |_| {
            let detail = "The Content-Type of the form has no boundary.";
            Problem::new(codes::MALFORMED_MULTIPART, detail)
        };
        let form = Multipart::from_request(request, state).await.map_err(boundless)?;
        Ok(Self(form, PhantomData))
    }
}
