//! Answers in the exact form that the updaters demand (`protocol.md` §2.2, §3.2).

use axum::body::Body;
use axum::http::header::{
    CONNECTION, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, WWW_AUTHENTICATE,
};
use axum::http::{HeaderValue, Response, StatusCode};
use bytes::Bytes;

use crate::app::{Answer, App, Firmware, TransferEnd};
use crate::domain::digest::Md5;
use crate::http::wire::Connection;

const X_MD5: HeaderName = HeaderName::from_static("x-md5");
const X_VERSION: HeaderName = HeaderName::from_static("x-version");
const OCTETS: HeaderValue = HeaderValue::from_static("application/octet-stream");
/// What `esp_http_client` must be told before it sends its credentials.
const REALM: HeaderValue = HeaderValue::from_static("Basic realm=\"Espalier\"");
const PLAIN: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// Draws an answer; a download is followed to its end on `connection`.
pub(super) fn draw(app: &App, answer: Answer, connection: Option<&Connection>) -> Response<Body> {
    match answer {
        Answer::NotModified => not_modified(),
        Answer::Error { status, text } => error(status, text),
        Answer::Version { version, md5 } => described(&version, md5),
        Answer::Firmware(firmware) => send(app, firmware, connection),
    }
}

/// 304: no body, no length, no type.
fn not_modified() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    response
}

/// The original's error: plain text. 401 says how a device proves itself.
pub(super) fn error(status: u16, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, PLAIN);
    if status == 401 {
        response.headers_mut().insert(WWW_AUTHENTICATE, REALM);
    }
    response
}

/// The answer to `mode: version`: headers only.
fn described(version: &str, md5: Md5) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, OCTETS);
    headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    put(&mut response, X_MD5, &md5.to_string());
    put(&mut response, X_VERSION, version);
    response
}

fn send(app: &App, firmware: Firmware, connection: Option<&Connection>) -> Response<Body> {
    let Firmware { bytes, md5, version, file_name, flight } = firmware;
    let size = bytes.len() as u64;
    let mut response = image(bytes, md5, &file_name);
    put(&mut response, X_VERSION, &version);
    if let (Some(flight), Some(connection)) = (flight, connection) {
        let transfer = connection.watch(size);
        let (progress, end) = (transfer.progress, transfer.end);
        let counted = std::sync::Arc::clone(&progress);
        app.follow(flight, progress, async move {
            match end.await {
                Ok(outcome) => TransferEnd {
                    bytes: outcome.bytes,
                    completed: outcome.completed,
                    elapsed: outcome.elapsed,
                },
                Err(_) => TransferEnd {
                    bytes: counted.load(std::sync::atomic::Ordering::Relaxed),
                    completed: false,
                    elapsed: std::time::Duration::ZERO,
                },
            }
        });
    }
    response
}

/// 200 with a whole image; the connection ends with it, because old cores wait for more.
pub(super) fn image(bytes: Bytes, md5: Md5, file_name: &str) -> Response<Body> {
    let length = HeaderValue::from(bytes.len() as u64);
    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, OCTETS);
    headers.insert(CONTENT_LENGTH, length);
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    put(&mut response, CONTENT_DISPOSITION, &format!("attachment; filename=\"{file_name}\""));
    put(&mut response, X_MD5, &md5.to_string());
    response
}

/// Sets a header; characters that no header can hold are left out.
fn put(response: &mut Response<Body>, name: HeaderName, value: &str) {
    let plain: String = value.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').collect();
    if let Ok(value) = HeaderValue::try_from(plain) {
        response.headers_mut().insert(name, value);
    }
}
