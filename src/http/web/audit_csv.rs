//! The audit log as a table for a spreadsheet.

use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};

use super::audit::Wish;
use super::error::PageError;
use super::page::Page;
use crate::app::App;
use crate::domain::audit::Entry;
use crate::store::{AuditFilter, StoreError};

/// Entries that are read at once; more are never in memory.
const READ: u32 = 200;
/// The first line. The mark before it says UTF-8, which spreadsheets do not suppose otherwise.
const HEAD: &str =
    "\u{feff}time,actor_kind,actor,address,action,text,device,platform,release,subject\r\n";

/// `GET /audit.csv`
pub(super) async fn download(
    State(app): State<App>,
    page: Page,
    Query(wish): Query<Wish>,
) -> Response {
    if let Some(text) = wish.error() {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        return PageError::with(status, "Nothing can match", &text).into_response();
    }
    let first = AuditFilter { limit: READ, ..wish.filter(page.now) };
    let rows = stream::try_unfold(Some(first), move |filter| {
        let app = app.clone();
        async move {
            let Some(filter) = filter else { return Ok::<_, StoreError>(None) };
            let entries = app.store().audit(&filter).await?;
            let last = entries.last().filter(|_| entries.len() == READ as usize);
            let before = last.map(|last| last.id);
            let next = before.map(|before| AuditFilter { before: Some(before), ..filter });
            Ok(Some((entries.iter().map(line).collect::<String>(), next)))
        }
    });
    let head = stream::once(async { Ok(HEAD.to_owned()) });
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8; header=present"),
        (CONTENT_DISPOSITION, "attachment; filename=\"espalier-audit.csv\""),
        (CACHE_CONTROL, "no-store"),
    ];
    (headers, Body::from_stream(head.chain(rows))).into_response()
}

/// An entry as a line.
fn line(entry: &Entry) -> String {
    let at = jiff::Timestamp::from_second(entry.at).map(|at| at.to_string());
    let address = entry.actor.address().map(|address| address.to_string());
    let release = entry.release_id.map(|id| id.to_string());
    let device = entry.mac.map(|mac| mac.to_string());
    let fields = [
        at.as_deref().unwrap_or_default(),
        entry.actor.kind().word(),
        entry.actor.name(),
        address.as_deref().unwrap_or_default(),
        entry.action.word(),
        &entry.text,
        device.as_deref().unwrap_or_default(),
        entry.platform.as_deref().unwrap_or_default(),
        release.as_deref().unwrap_or_default(),
        entry.other.as_deref().unwrap_or_default(),
    ];
    let fields: Vec<String> = fields.into_iter().map(field).collect();
    format!("{}\r\n", fields.join(","))
}

/// A field as RFC 4180 has it. Spreadsheets take what begins with `=`, `+`, `-` or `@` for a
/// formula, and a name may have been chosen for that: an apostrophe makes it a text.
fn field(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    if text.contains(['"', ',', '\r', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_texts_and_nothing_else() {
        for (text, written) in [
            ("", ""),
            ("Attic", "Attic"),
            ("a, b", "\"a, b\""),
            ("a \"b\"", "\"a \"\"b\"\"\""),
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("=HYPERLINK(\"http://evil\", 1)", "\"'=HYPERLINK(\"\"http://evil\"\", 1)\""),
            ("two\nlines", "\"two\nlines\""),
            ("\t=1", "'\t=1"),
        ] {
            assert_eq!(field(text), written);
        }
    }
}
