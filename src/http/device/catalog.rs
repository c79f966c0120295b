//! `/_catalog?op=list&path=`: the list that AutoConnect shows on a device's own page.

use std::fmt::Write;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, USER_AGENT};
use axum::http::{HeaderMap, HeaderValue, Response};
use bytes::Bytes;
use jiff::tz::TimeZone;

use super::report::{self, Caller};
use super::{query, respond, secret};
use crate::app::{App, Asker, CatalogError, Entry, EntryKind};
use crate::domain::chip::Family;

/// Answers with the list.
pub(super) async fn list(State(app): State<App>, request: Request) -> Response<Body> {
    let query = request.uri().query().unwrap_or_default();
    match query::value(query, "op").as_deref() {
        Some("list") => {}
        Some(_) => return respond::error(403, "unknown operation"),
        None => return respond::error(403, "invalid catalog request"),
    }
    let path = query::value(query, "path").unwrap_or_default();
    let (in_path, path) = secret::take_from_catalog(&path);
    let shown = in_path.or_else(|| secret::shown(&request));
    let address = Caller::of(&request).address;
    let mac = report::read(&request).map(|report| report.mac);
    let asker = Asker { family: family(request.headers()), mac };
    match app.catalog(path, &asker, shown.as_ref(), address).await {
        Ok(catalog) => {
            let zone = &app.settings().time_zone.0;
            json(catalog.drawn(|entries| draw(entries, zone)))
        }
        Err(CatalogError::Traversal) => respond::error(403, "Path traversal detected"),
        Err(CatalogError::NotFound) => respond::error(404, "Not found"),
        Err(CatalogError::Io(error)) => {
            let error: &dyn std::error::Error = &error;
            tracing::error!(error, "the catalog folder could not be read");
            respond::error(500, "Error: The server failed.")
        }
    }
}

/// The family of the asking device: at catalog time only the `User-Agent` tells.
fn family(headers: &HeaderMap) -> Option<Family> {
    let agent = headers.get(USER_AGENT)?.as_bytes();
    if agent.starts_with(b"ESP8266") {
        Some(Family::Esp8266)
    } else if agent.starts_with(b"ESP32") {
        Some(Family::Esp32)
    } else {
        None
    }
}

fn json(body: Bytes) -> Response<Body> {
    let length = HeaderValue::from(body.len() as u64);
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CONTENT_LENGTH, length);
    response
}

/// Exactly the five keys that AutoConnect's parser has room for; `[{}]` instead of an empty list,
/// which it takes for an error (`protocol.md` §4.2). Names need no escapes.
fn draw(entries: &[Entry], zone: &TimeZone) -> Bytes {
    if entries.is_empty() {
        return Bytes::from_static(b"[{}]");
    }
    let mut text = String::with_capacity(entries.len() * 96);
    for entry in entries {
        text.push_str(if text.is_empty() { "[" } else { ", " });
        let (name, kind) = (&entry.name, entry.kind.word());
        let _ = write!(text, r#"{{"name": "{name}", "type": "{kind}""#);
        if entry.kind == EntryKind::Bin {
            let moment = jiff::Timestamp::from_second(entry.modified).unwrap_or_default();
            let moment = moment.to_zoned(zone.clone());
            let (date, time) = (moment.strftime("%m/%d/%y"), moment.strftime("%H:%M:%S"));
            let size = entry.size;
            let _ = write!(text, r#", "date": "{date}", "time": "{time}", "size": {size}"#);
        }
        text.push('}');
    }
    text.push(']');
    Bytes::from(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, kind: EntryKind) -> Entry {
        Entry { name: name.to_owned(), kind, modified: 1_700_000_000, size: 1024 }
    }

    #[test]
    fn an_empty_list_is_not_empty() {
        assert_eq!(draw(&[], &TimeZone::UTC), "[{}]");
    }

    #[test]
    fn firmware_has_five_keys_and_the_rest_two() {
        let entries =
            [entry("chase_1_0_2.bin", EntryKind::Bin), entry("sub", EntryKind::Directory)];
        assert_eq!(
            draw(&entries, &TimeZone::UTC),
            "[{\"name\": \"chase_1_0_2.bin\", \"type\": \"bin\", \"date\": \"11/14/23\", \
             \"time\": \"22:13:20\", \"size\": 1024}, {\"name\": \"sub\", \"type\": \"directory\"}]"
        );
    }
}
