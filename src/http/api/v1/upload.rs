//! A file is uploaded: it is streamed to disk while it arrives, and what is to be done with it is
//! decided after the last field, because fields may come after the file.

use std::sync::LazyLock;

use axum::extract::State;
use axum::extract::multipart::{Field, Multipart, MultipartError};
use axum::http::StatusCode;

use super::foreseen::PreviewView;
use super::preview::{self, read_channel};
use super::report::ReportView;
use super::rollouts::WishView;
use super::uploaded::{Answer, DryRunView, Fields, UploadedView};
use crate::app::{Accepted, App, Error, ReportCard, Uploaded, Wishes};
use crate::domain::actor;
use crate::domain::release::{ChipChoice, Question, Release};
use crate::http::api::codes::{self, Code};
use crate::http::api::describe::{Created, Operation, Refusal, when};
use crate::http::api::extract::{Actor, Form, TEXT_LIMIT};
use crate::http::api::granted::Granted;
use crate::http::api::problem::Problem;

/// How an upload is refused.
const REFUSALS: &[Refusal] = &[
    when("The form holds a second file", &[codes::SEVERAL_FILES]),
    when("It ended before the file was whole", &[codes::CUT]),
    when(
        "It should be published, and the version is not higher than the newest one (which can be \
         accepted), or exists, or these bytes are a release. With the report card; nothing was \
         kept",
        &[codes::VERSION_NOT_HIGHER, codes::VERSION_EXISTS, codes::IDENTICAL],
    ),
    when(
        "The file is larger than the server takes, or a field larger than 64 KiB",
        &[codes::TOO_LARGE],
    ),
    when("A gzip file unpacks to more", &[codes::GZIP_TOO_LONG]),
    when("By its name the file is of another kind", &[codes::NOT_BIN]),
    when(
        "By its content the file is of another kind",
        &[
            codes::HTML,
            codes::ELF,
            codes::UF2,
            codes::ZIP,
            codes::GZIP,
            codes::INTEL_HEX,
            codes::SDK_V2,
            codes::NOT_FIRMWARE,
            codes::MERGED_IMAGE,
            codes::BOOTLOADER,
            codes::PARTITION_TABLE,
            codes::FILE_SYSTEM,
            codes::GZIP_OF_OTHER,
            codes::GZIP_FILE_SYSTEM,
        ],
    ),
    when(
        "It should be published, and a question is open. Its code; with the report card; nothing \
         was kept",
        codes::QUESTIONS,
    ),
    when(
        "The file is damaged",
        &[codes::EMPTY, codes::TOO_SHORT, codes::TRUNCATED, codes::GZIP_DAMAGED],
    ),
    when(
        "A field cannot be used",
        &[codes::INVALID_NAME, codes::INVALID_VALUE, codes::INVALID_MAC],
    ),
    when("Its rollout cannot be planned so", &[codes::INVALID_PLAN]),
    when("There is no file", &[codes::NO_FILE]),
    when("Its rollout is for a device or group that there is none of", &[codes::NOT_FOUND]),
];
/// The codes of the questions that a person may answer with "do it anyway", in words.
static ACCEPTABLE: LazyLock<String> = LazyLock::new(|| {
    let codes: Vec<&str> = Question::acceptable_codes().collect();
    let (last, others) = codes.split_last().unwrap_or((&"", &[]));
    format!("{} or {last}", others.join(", "))
});
/// Their names.
const FIELD_NAMES: &str =
    "file, platform, version, chip, channel, rollout, notes, publish, dry_run or accept";
/// Fields that a form may have: far more than there are.
const FIELDS: usize = 32;
/// Characters of an unknown field's name that are repeated.
const NAME_SHOWN: usize = 40;

pub(super) const CREATE: Operation =
    Operation::new("releases", "uploadRelease", "Upload a firmware")
        .more(
            "`curl -F file=@firmware.bin http://…/api/v1/releases` keeps a draft; with \
             `-F publish=true` it is published where no question is open. A refusal is answered \
             as soon as it is certain, without reading the rest.",
        )
        .takes(r#"{"file": "firmware.bin", "platform": "chase", "publish": "true"}"#)
        .gives("It is kept: as a draft, or published.")
        .refuses(REFUSALS);

/// `POST /api/v1/releases`
pub(super) async fn create(
    State(app): State<App>,
    Actor(actor): Actor,
    granted: Granted,
    Form(form, _): Form<Fields>,
) -> Result<Answer, Problem> {
    let mut upload = Upload::default();
    let uploaded = upload.receive(&app, form, &actor, &granted).await;
    let uploaded = uploaded.map_err(|Refused { error, problem }| {
        app.upload_refused(upload.title(), &error, &actor);
        problem
    })?;
    let preview = match &uploaded {
        // Which devices there are is not for a token that only uploads.
        Uploaded::Looked(card) if granted.views() => {
            preview::of_upload(&app, card, &upload.wishes).await?
        }
        _ => None,
    };
    Ok(answer(uploaded, preview))
}

fn answer(uploaded: Uploaded, preview: Option<PreviewView>) -> Answer {
    match uploaded {
        Uploaded::Published(release, card) | Uploaded::Draft(release, card) => {
            let location = format!("/api/v1/releases/{}", release.id);
            Answer::Kept(Box::new(Created { location, body: shown(*release, &card) }))
        }
        Uploaded::Existing(release, card) => Answer::Existing(Box::new(shown(*release, &card))),
        Uploaded::Looked(card) => Answer::Looked(Box::new(looked(*card, preview))),
    }
}

fn shown(release: Release, card: &ReportCard) -> UploadedView {
    UploadedView { release: release.into(), report: ReportView::of(card) }
}

fn looked(card: ReportCard, preview: Option<PreviewView>) -> DryRunView {
    DryRunView {
        id: None,
        state: None,
        report: ReportView::of(&card),
        platform: card.platform,
        version: card.version.map(|version| version.to_string()),
        images: vec![card.file.image.into()],
        preview,
    }
}

/// An upload that is refused: for the log and for the one who sent it.
#[derive(Debug)]
struct Refused {
    error: Error,
    problem: Problem,
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        // The log gets its cause where the refusal is recorded.
        let problem = Problem::of(&error);
        Self { error, problem }
    }
}

impl Refused {
    /// A request that is at fault itself.
    fn request(error: Error, code: Code, detail: impl Into<String>) -> Self {
        Self { error, problem: Problem::new(code, detail) }
    }

    /// The form broke off, or is none.
    fn broken(error: &MultipartError) -> Self {
        tracing::debug!(error = error as &dyn std::error::Error, "an upload form broke off");
        if error.status() != StatusCode::BAD_REQUEST {
            return Error::Cut.into();
        }
        let detail = "The form is not well-formed multipart/form-data, or ended too early; \
                      nothing was kept.";
        Self::request(Error::Cut, codes::MALFORMED_MULTIPART, detail)
    }
}

/// The form, as far as it has arrived.
#[derive(Debug, Default)]
struct Upload {
    file_name: String,
    file: Option<Accepted>,
    wishes: Wishes,
}

impl Upload {
    /// What the event log calls it.
    fn title(&self) -> &str {
        if self.file_name.is_empty() { "a file" } else { &self.file_name }
    }

    async fn receive(
        &mut self,
        app: &App,
        mut form: Multipart,
        actor: &actor::Actor,
        granted: &Granted,
    ) -> Result<Uploaded, Refused> {
        for fields in 0.. {
            let field = form.next_field().await.map_err(|error| Refused::broken(&error))?;
            let Some(field) = field else { break };
            if fields == FIELDS {
                let error = Error::State("too many fields in one form");
                let detail = format!("The form has more than {FIELDS} fields.");
                return Err(Refused::request(error, codes::TOO_MANY_FIELDS, detail));
            }
            match field.name().unwrap_or_default() {
                "file" => self.take(app, field).await?,
                "platform" => self.wishes.platform = text("platform", field).await?,
                "version" => self.wishes.version = text("version", field).await?,
                "chip" => {
                    let text = text("chip", field).await?;
                    self.wishes.chip = text.as_deref().map(chip).transpose()?;
                }
                "notes" => self.wishes.notes = text("notes", field).await?,
                "channel" => {
                    let text = text("channel", field).await?;
                    self.wishes.channel = text.as_deref().map(read_channel).transpose()?;
                }
                "rollout" => {
                    let text = text("rollout", field).await?;
                    let plan = text.as_deref().map(WishView::parse).transpose();
                    self.wishes.plan = plan.map_err(|problem| {
                        let error = Error::State("the rollout in its form cannot be read");
                        Refused { error, problem }
                    })?;
                }
                "publish" => self.wishes.publish = flag("publish", field).await?,
                "dry_run" => self.wishes.dry_run = flag("dry_run", field).await?,
                "accept" => self.accept(text("accept", field).await?.as_deref())?,
                other => return Err(unknown(other)),
            }
        }
        let file = self.file.take().ok_or(Error::NoFile)?;
        granted.upload(&mut self.wishes)?;
        Ok(app.accept(file, &self.wishes, actor).await?)
    }

    /// Writes the file as it arrives.
    async fn take(&mut self, app: &App, mut field: Field<'_>) -> Result<(), Refused> {
        if !self.file_name.is_empty() {
            let detail = "Send one file a request; this form holds a second one.";
            return Err(Refused::request(
                Error::State("two files in one form"),
                codes::SEVERAL_FILES,
                detail,
            ));
        }
        let name = field.file_name().unwrap_or_default();
        if name.is_empty() {
            return Err(Error::NoFile.into());
        }
        name.clone_into(&mut self.file_name);
        let mut receiving = app.receive(&self.file_name).await?;
        while let Some(chunk) = field.chunk().await.map_err(|_| Error::Cut)? {
            receiving.write(&chunk).await?;
        }
        self.file = Some(receiving.finish().await?);
        Ok(())
    }

    fn accept(&mut self, codes: Option<&str>) -> Result<(), Error> {
        for code in codes.unwrap_or_default().split([',', ' ']) {
            if !code.is_empty() {
                check_code(code)?;
            }
            if !code.is_empty() && !self.wishes.accept.iter().any(|known| known == code) {
                self.wishes.accept.push(code.to_owned());
            }
        }
        Ok(())
    }
}

/// Whether a question of this code can be answered with "do it anyway".
pub(super) fn check_code(code: &str) -> Result<(), Error> {
    if Question::acceptable_codes().any(|known| known == code) {
        return Ok(());
    }
    let value = code.chars().take(NAME_SHOWN).collect();
    Err(Error::Value { field: "accept", value, expected: &ACCEPTABLE })
}

/// Reads a person's word on the chip.
pub(super) fn chip(text: &str) -> Result<ChipChoice, Error> {
    text.parse().map_err(|_| {
        let value = text.chars().take(NAME_SHOWN).collect();
        let expected = "“any” or the name of a chip, such as “ESP8266” or “ESP32-C3”";
        Error::Value { field: "chip", value, expected }
    })
}

fn unknown(name: &str) -> Refused {
    let name: String = name.chars().take(NAME_SHOWN).collect();
    let expected = FIELD_NAMES;
    let detail = format!("The form has a field “{name}”; expected {expected}.");
    let error = Error::Value { field: "the name of a form field", value: name, expected };
    Refused::request(error, codes::UNKNOWN_FIELD, detail)
}

/// Reads a field that is no file; `None` where it is empty.
async fn text(name: &'static str, mut field: Field<'_>) -> Result<Option<String>, Refused> {
    let mut bytes = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(|error| Refused::broken(&error))? {
        if bytes.len() + chunk.len() > TEXT_LIMIT {
            let detail = format!("The field “{name}” is larger than 64 KiB.");
            let error = Error::State("a field of the form is larger than 64 KiB");
            let problem = Problem::new(codes::TOO_LARGE, detail);
            return Err(Refused { error, problem });
        }
        bytes.extend_from_slice(&chunk);
    }
    let text = String::from_utf8(bytes).map_err(|_| {
        let detail = format!("The field “{name}” is not UTF-8 text.");
        Refused::request(
            Error::State("a field of the form is no text"),
            codes::MALFORMED_MULTIPART,
            detail,
        )
    })?;
    Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty()))
}

async fn flag(field: &'static str, part: Field<'_>) -> Result<bool, Refused> {
    let text = text(field, part).await?.unwrap_or_default();
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "" | "false" | "0" | "no" | "off" => Ok(false),
        _ => {
            let value = text.chars().take(NAME_SHOWN).collect();
            Err(Error::Value { field, value, expected: "true or false" }.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::chip::Chip;

    #[test]
    fn every_code_that_can_be_accepted_is_named() {
        for code in Question::acceptable_codes() {
            assert!(check_code(code).is_ok() && ACCEPTABLE.contains(code), "{code}");
        }
        for code in ["damaged", "version_missing", "no_such_code", ""] {
            assert!(check_code(code).is_err(), "{code}");
        }
    }

    #[test]
    fn every_field_is_described() {
        let schema = schemars::schema_for!(Fields);
        let described = schema.as_value()["properties"].as_object().unwrap();
        let names = FIELD_NAMES.split([',', ' ']).filter(|name| !["", "or"].contains(name));
        let names: std::collections::BTreeSet<_> = names.collect();
        assert_eq!(described.keys().map(String::as_str).collect::<Vec<_>>(), Vec::from_iter(names));
    }

    #[test]
    fn a_chip_is_named_in_any_spelling() {
        assert_eq!(chip("esp32c3").unwrap(), ChipChoice::One(Chip::Esp32C3));
        assert_eq!(chip(" Any ").unwrap(), ChipChoice::Any);
        assert!(chip("ESP31").unwrap_err().to_string().contains("“ESP31”"));
    }
}
