//! What an upload holds, and what comes of it.

use std::borrow::Cow;

use axum::Json;
use axum::response::{IntoResponse, Response};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;

use super::foreseen::PreviewView;
use super::release::{ImageView, ReleaseView};
use super::report::ReportView;
use crate::domain::policy::Channel;
use crate::domain::release::Question;
use crate::http::api::describe::{Created, Example, Gives, Sheet};
use crate::http::api::words::{Given, Word};

/// A firmware file and what is to be done with it. Fields may come before or after the file; those
/// that are no file may have 64 KiB.
#[derive(Debug, JsonSchema)]
#[schemars(rename = "Upload", deny_unknown_fields)]
#[expect(dead_code, reason = "the fields of a form are read as they arrive")]
pub(super) struct Fields {
    /// The .bin, .bin.gz or .bin.signed; its part needs a file name.
    #[schemars(extend("contentMediaType" = "application/octet-stream"))]
    file: String,
    /// The platform; without it the one that the file names.
    #[serde(default)]
    platform: Given<String>,
    /// The version; without it the one that the file names.
    #[serde(default)]
    version: Given<String>,
    /// The chip it is for, where the file does not prove it (`ESP32-C3`, `esp32c3`); `any` for a
    /// file system that is for all.
    #[serde(default)]
    chip: Given<String>,
    /// Whom it is for: all devices (`stable`), or those only that follow `beta`.
    #[serde(default)]
    #[schemars(with = "Word<Channel>", extend("default" = "stable"))]
    channel: Given<String>,
    /// With `publish`: how it reaches its devices, `RolloutWish` as JSON; without it all at once.
    #[schemars(example = &r#"{"stages": "canaries", "soak": 1800}"#)]
    #[serde(default)]
    rollout: Given<String>,
    /// Anything about it.
    #[serde(default)]
    notes: Given<String>,
    /// Whether to publish it at once; without it, it is kept as a draft for 24 hours.
    #[serde(default)]
    #[schemars(extend("enum" = FLAGS, "default" = "false"))]
    publish: String,
    /// Whether to only look at it.
    #[serde(default)]
    #[schemars(extend("enum" = FLAGS, "default" = "false"))]
    dry_run: String,
    /// Codes of open questions that are answered with “do it anyway”. Repeatable, or separated by
    /// commas.
    #[serde(default)]
    accept: Vec<AcceptCode>,
}

/// What says yes or no in a form.
const FLAGS: [&str; 8] = ["true", "false", "1", "0", "yes", "no", "on", "off"];

/// The code of a question that can be answered with “do it anyway”; from `too_many_versions` on,
/// of what is odd about a file.
#[derive(Debug)]
pub(super) struct AcceptCode;

impl JsonSchema for AcceptCode {
    fn schema_name() -> Cow<'static, str> {
        "AcceptCode".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let codes: Vec<&str> = Question::acceptable_codes().collect();
        json_schema!({
            "type": "string",
            "description": "The code of a question that can be answered with “do it anyway”; from \
                            `too_many_versions` on, of what is odd about a file.",
            "enum": codes,
        })
    }
}

/// A release or draft that came out of an upload, with its report card.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "UploadedRelease")]
pub(super) struct UploadedView {
    #[serde(flatten)]
    pub(super) release: ReleaseView,
    pub(super) report: ReportView,
}

/// What an upload with `dry_run` would come to. Nothing was kept.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DryRun")]
pub(super) struct DryRunView {
    /// Always null: it got no number.
    pub(super) id: Option<Never>,
    /// The platform it would be published on.
    pub(super) platform: Option<String>,
    /// The version it would be published as.
    pub(super) version: Option<String>,
    /// Always null: it is nowhere.
    pub(super) state: Option<Never>,
    /// Its one file.
    pub(super) images: Vec<ImageView>,
    pub(super) report: ReportView,
    /// Who would get it; null where platform or version are open, or where the token may not read.
    pub(super) preview: Option<PreviewView>,
}

/// Nothing that there is.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) enum Never {}

impl JsonSchema for Never {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Never".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "null"})
    }
}

/// What is answered to an upload.
#[derive(Debug)]
pub(super) enum Answer {
    /// It is kept.
    Kept(Box<Created<UploadedView>>),
    /// Exactly these bytes are a release already.
    Existing(Box<UploadedView>),
    /// It was only looked at.
    Looked(Box<DryRunView>),
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        match self {
            Self::Kept(created) => created.into_response(),
            Self::Existing(release) => Json(*release).into_response(),
            Self::Looked(card) => Json(*card).into_response(),
        }
    }
}

impl Gives for Answer {
    fn draw(sheet: &mut Sheet<'_>) {
        Created::<UploadedView>::draw(sheet);
        let looked = "Exactly these bytes are a release already, which is answered; or it was only \
                      looked at (`dry_run`): also what could not be published, with its questions, \
                      and with the verdict `red` what is damaged. What no device could ever take \
                      (415, 422) is refused in a dry run too.";
        sheet.either::<UploadedView, DryRunView>(200, looked);
    }
}

impl Example for UploadedView {
    fn example() -> Self {
        Self { release: ReleaseView::example(), report: ReportView::example() }
    }
}

impl Example for DryRunView {
    fn example() -> Self {
        Self {
            id: None,
            platform: Some("chase".to_owned()),
            version: Some("v1.2.0".to_owned()),
            state: None,
            images: vec![ImageView::example()],
            report: ReportView::example(),
            preview: Some(PreviewView::example()),
        }
    }
}
