//! The error decoder: a pasted serial log in words.

use askama::Template;
use axum::extract::{Form, Query, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::page::{Page, View};
use crate::app::App;
use crate::domain::decoder::{Decoded, Tone, decode};
use crate::http::view::filters;

/// Lines to try, for a page that has nothing to explain yet.
const USUAL: [&str; 6] = [
    "HTTP_UPDATE_FAILD Error (-104): Wrong HTTP Code",
    "HTTP_UPDATE_FAILD Error (-100): Not Enough space",
    "Error (-1): HTTP error: connection refused",
    "ERROR[4]: Not Enough Space",
    "rst cause:2, boot mode:(1,7)",
    "E (526) boot: No bootable app partitions in the partition table",
];

#[derive(Debug, Template)]
#[template(path = "decoder.html")]
struct Decoder {
    page: Page,
    log: String,
    decoded: Decoded,
}

impl Decoder {
    /// "3 findings".
    fn found(&self) -> String {
        let findings = u64::try_from(self.decoded.findings.len()).unwrap_or(u64::MAX);
        filters::count(&findings, "finding", "findings")
    }

    /// "3 other lines say".
    fn others(&self) -> String {
        let others = u64::from(self.decoded.unknown);
        filters::count(&others, "other line says", "other lines say")
    }
}

const fn tone(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "good",
        Tone::Info => "note",
        Tone::Warn => "warn",
        Tone::Bad => "bad",
    }
}

const fn icon(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "check",
        Tone::Info => "info",
        Tone::Warn | Tone::Bad => "alert",
    }
}

/// A line to explain, by address.
#[derive(Debug, Deserialize)]
pub(super) struct Line {
    #[serde(default)]
    line: String,
}

/// `GET /decoder`
pub(super) async fn show(State(_): State<App>, page: Page, Query(line): Query<Line>) -> Response {
    let (decoded, log) = (decode(&line.line), line.line);
    View(Decoder { page, log, decoded }).into_response()
}

/// A log to explain.
#[derive(Debug, Deserialize)]
pub(super) struct Log {
    #[serde(default)]
    log: String,
}

/// `POST /decoder`
pub(super) async fn explain(State(_): State<App>, page: Page, Form(log): Form<Log>) -> Response {
    let (decoded, log) = (decode(&log.log), log.log);
    View(Decoder { page, log, decoded }).into_response()
}
