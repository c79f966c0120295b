//! The error decoder.

use axum::Json;
use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::decoder::{Decoded, Finding, Place, Tone, decode};
use crate::http::api::describe::{Example, Operation};
use crate::http::api::problem::Problem;
use crate::http::api::words::Word;

/// What is known about a serial log.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Decoded")]
pub(super) struct DecodedView {
    /// What the lines say, in their order.
    findings: Vec<FindingView>,
    /// Lines about which nothing is known.
    unknown: u32,
}

/// Something that a serial log says.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Finding")]
struct FindingView {
    /// Its stable code.
    #[schemars(example = &"wrong_http_code")]
    code: &'static str,
    /// How it is meant.
    severity: Word<Tone>,
    /// The first line that says so.
    line: String,
    /// How many lines say so.
    times: u32,
    /// What it means.
    meaning: &'static str,
    /// The likely cause.
    cause: &'static str,
    /// What to do.
    remedy: &'static str,
    /// The page of this server on which to go on.
    page: Option<&'static str>,
}

impl Example for DecodedView {
    fn example() -> Self {
        let Decoded { findings, unknown, .. } = decode("Error (-104): Wrong HTTP Code");
        Self { findings: findings.into_iter().map(FindingView::from).collect(), unknown }
    }
}

impl From<Finding> for FindingView {
    fn from(Finding { line, times, entry }: Finding) -> Self {
        Self {
            code: entry.code,
            severity: Word(entry.tone),
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
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Line {
    /// A line of the serial monitor, or several.
    #[schemars(example = &"Error (-104): Wrong HTTP Code")]
    line: String,
}

pub(super) const SHOW: Operation =
    Operation::new("decoder", "decode", "What a serial line or log means")
        .gives("What is known about it, in the order of the lines.");

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
