//! Forms carry a token that only pages of this server know.
//!
//! It follows from the session's secret (before there is one: from a cookie that stands in for
//! it), so that nothing has to be kept, and it ends with the session.

use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::multipart::MultipartRejection;
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::header::{CONTENT_TYPE, HOST, HeaderName, ORIGIN};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, Limited};

use super::identify::Identity;
use crate::domain::secret::Secret;
use crate::http::wire::Connection;

/// The field of a form that holds the token.
const FIELD: &str = "csrf";
const HEADER: HeaderName = HeaderName::from_static("x-csrf-token");
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// Bytes of a form without files.
const LONGEST_FORM: usize = 2 << 20;
/// The same of one who has not signed in: a name, a password and a code.
const STRANGERS_FORM: usize = 16 << 10;
/// How long such a form may take to arrive.
const STRANGERS_TIME: Duration = Duration::from_secs(30);

/// The token that the first field of an upload must hold.
#[derive(Debug, Clone)]
pub(super) struct Expected(Secret);

/// Why a form is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// It does not hold the token.
    Token,
    /// It is larger than forms are.
    Large,
    /// It broke off.
    Broken,
    /// It did not come in time.
    Slow,
}

/// The request of one whom nobody knows, with its whole body, which is small and soon there: it
/// must hold no place of others.
pub(super) async fn whole(request: Request) -> Result<Request, Refused> {
    whole_within(request, STRANGERS_TIME).await
}

async fn whole_within(request: Request, time: Duration) -> Result<Request, Refused> {
    let (parts, body) = request.into_parts();
    let least = body.size_hint().lower();
    if usize::try_from(least).is_ok_and(|least| least > STRANGERS_FORM) {
        return Err(Refused::Large);
    }
    let read = tokio::time::timeout(time, read(body, STRANGERS_FORM));
    let bytes = read.await.map_err(|_| Refused::Slow)??;
    if let Some(connection) = parts.extensions.get::<Connection>() {
        connection.has_asked();
    }
    Ok(Request::from_parts(parts, Body::from(bytes)))
}

async fn read(body: Body, limit: usize) -> Result<Bytes, Refused> {
    let body = Limited::new(body, limit).collect().await.map_err(|error| {
        if error.is::<http_body_util::LengthLimitError>() {
            Refused::Large
        } else {
            Refused::Broken
        }
    })?;
    Ok(body.to_bytes())
}

/// Checks the token of a form; answers the request for the handler.
pub(super) async fn check_form(
    identity: &Identity,
    uploads: bool,
    mut request: Request,
) -> Result<Request, Refused> {
    let Some(expected) = &identity.csrf else {
        return Ok(request);
    };
    if let Some(sent) = request.headers().get(HEADER) {
        let right = sent.to_str().is_ok_and(|sent| expected.is(sent));
        return if right { Ok(request) } else { Err(Refused::Token) };
    }
    if uploads && is(request.headers(), "multipart/form-data") {
        // Files are not held in memory: the token is the first field, see `CheckedForm`.
        request.extensions_mut().insert(Expected(expected.clone()));
        return Ok(request);
    }
    if !is(request.headers(), "application/x-www-form-urlencoded") {
        return Err(Refused::Token);
    }
    let (parts, body) = request.into_parts();
    let bytes = read(body, LONGEST_FORM).await?;
    let right =
        form_urlencoded::parse(&bytes).any(|(name, value)| name == FIELD && expected.is(&value));
    if right { Ok(Request::from_parts(parts, Body::from(bytes))) } else { Err(Refused::Token) }
}

/// Whether a change that a browser's session asks the API for comes from a page of ours: by the
/// token, or because the browser says so.
pub(super) fn is_ours(identity: &Identity, headers: &HeaderMap) -> bool {
    let Some(expected) = &identity.csrf else { return true };
    if let Some(sent) = headers.get(HEADER) {
        return sent.to_str().is_ok_and(|sent| expected.is(sent));
    }
    if let Some(site) = headers.get(SEC_FETCH_SITE) {
        return site.as_bytes() == b"same-origin";
    }
    let origin = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok()?.parse::<Uri>().ok());
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    match (origin.as_ref().and_then(Uri::authority), host) {
        (Some(origin), Some(host)) => origin.as_str().eq_ignore_ascii_case(host),
        _ => false,
    }
}

fn is(headers: &HeaderMap, wanted: &str) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(wanted)
}

/// A form with files whose token has been checked.
#[derive(Debug)]
pub struct CheckedForm(pub Multipart);

/// Why an upload form is not taken.
#[derive(Debug)]
pub enum FormRefused {
    /// It is no form with files.
    Kind(MultipartRejection),
    /// It does not begin with the token.
    Token,
}

impl IntoResponse for FormRefused {
    fn into_response(self) -> Response {
        match self {
            Self::Kind(rejection) => rejection.into_response(),
            Self::Token => super::guard::stale_form(StatusCode::FORBIDDEN),
        }
    }
}

impl<S: Send + Sync> FromRequest<S> for CheckedForm {
    type Rejection = FormRefused;

    async fn from_request(mut request: Request, state: &S) -> Result<Self, FormRefused> {
        let expected = request.extensions_mut().remove::<Expected>();
        let form = Multipart::from_request(request, state).await;
        let mut form = form.map_err(FormRefused::Kind)?;
        let Some(Expected(expected)) = expected else {
            return Ok(Self(form));
        };
        let first = form.next_field().await.ok().flatten();
        let mut field =
            first.filter(|field| field.name() == Some(FIELD)).ok_or(FormRefused::Token)?;
        let mut sent = Vec::new();
        while let Some(chunk) = field.chunk().await.map_err(|_| FormRefused::Token)? {
            sent.extend_from_slice(&chunk);
            if sent.len() > 256 {
                return Err(FormRefused::Token);
            }
        }
        drop(field);
        let right = String::from_utf8(sent).is_ok_and(|sent| expected.is(&sent));
        if right { Ok(Self(form)) } else { Err(FormRefused::Token) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_a_stranger_sends_is_small_and_soon_there() {
        let sends = async |body: Body, time| {
            let request = whole_within(Request::new(body), Duration::from_millis(time)).await;
            request.map(|_| ())
        };
        assert_eq!(sends(Body::from(vec![b'a'; STRANGERS_FORM]), 60_000).await, Ok(()));
        let large = Body::from(vec![b'a'; STRANGERS_FORM + 1]);
        assert_eq!(sends(large, 60_000).await, Err(Refused::Large));
        // It never stops, but takes its time; nobody has told its length.
        let drops = futures_util::stream::unfold((), async |()| {
            tokio::task::yield_now().await;
            Some((Ok::<_, std::io::Error>(Bytes::new()), ()))
        });
        assert_eq!(sends(Body::from_stream(drops), 10).await, Err(Refused::Slow));
    }
}
