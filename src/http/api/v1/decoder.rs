//! The error decoder.

use axum::Json;
use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use serde::{Deserialize, Serialize};

use crate::domain::decoder::{Decoded, Finding, Place, decode};
use crate::http::api::problem::Problem;

/// What is known about a line or log.
#[derive(Debug, Serialize)]
pub(super) struct DecodedView {
    findings: Vec<FindingView>,
    unknown: u32,
}

/// Something that it says.
#[derive(Debug, Serialize)]
struct FindingView {
    code: &'static str,
    severity: &'static str,
    line: String,
    times: u32,
    meaning: &'static str,
    cause: &'static str,
    remedy: &'static str,
    page: Option<&'static str>,
}

impl From<Finding> for FindingView {
    fn from(Finding { line, times, entry }: Finding) -> Self {
        Self {
            code: entry.code,
            severity: entry.tone.word(),
            line,
            times,
            meaning: entry.meaning,
            cause: entry.cause,
            remedy: entry.remedy,
            page: entry.place.map(Place::path),
        }
    }
}

/// The line or log.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Line {
    line: String,
}

/// `GET /api/v1/decoder`
pub(super) async fn show(
    line: Result<Query<Line>, QueryRejection>,
) -> Result<Json<DecodedView>, Problem> {
    let missing = |_| Problem::query("Give the line, or several, as ?line=…, percent-encoded.");
    let Query(Line { line }) = line.map_err(missing)?;
    let Decoded { findings, unknown, .. } = decode(&line);
    let findings = findings.into_iter().map(FindingView::from).collect();
    Ok(Json(DecodedView { findings, unknown }))
}
