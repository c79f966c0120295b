//! The parts of an upload form, as a stream: files go to disk while they arrive, and the fields
//! that say what is wished may come before or after them.

use axum::extract::Multipart;
use axum::extract::multipart::{Field, MultipartError};
use axum::http::StatusCode;

use super::error::{sentence, status};
use super::upload::{Became, Outcome};
use crate::app::{Accepted, App, Error, Uploaded, Wishes};
use crate::domain::actor;
use crate::domain::image::Partition;
use crate::http::view::filters;

/// Files that are taken in one form; a browser with the script sends each in a form of its own.
const FILES: usize = 20;
/// Answers to questions that are taken in one form.
const ACCEPTS: usize = 16;
/// Parts of any kind that a form may have.
const PARTS: usize = 200;
/// Bytes of a field that is no file.
const FIELD_LIMIT: usize = 16 << 10;

/// Receives all files of a form and does with them what its fields wish.
pub(super) async fn receive(app: &App, mut form: Multipart, actor: &actor::Actor) -> Vec<Outcome> {
    let mut wishes = Wishes { keep_on_questions: true, anywhere: true, ..Wishes::default() };
    let mut files: Vec<(String, Result<Accepted, Error>)> = Vec::new();
    let mut budget = Budget::new(app.limits().max_upload);
    for parts in 0.. {
        let field = match form.next_field().await {
            Ok(Some(_)) if parts == PARTS => {
                let error = Error::State("the form has too many fields");
                return cut_off(app, files, &error, actor);
            }
            Ok(Some(field)) => field,
            Ok(None) => break,
            Err(error) => return cut_off(app, files, &broken(&error), actor),
        };
        if field.name() == Some("file") {
            let name = field.file_name().unwrap_or_default().to_owned();
            if name.is_empty() {
                continue;
            }
            let file = if files.len() < FILES {
                take(app, &name, field, &mut budget).await
            } else {
                Err(Error::State("these are too many files at once; send the others by themselves"))
            };
            if let Err(error @ Error::Cut) = file {
                files.push((name, Err(Error::Cut)));
                return cut_off(app, files, &error, actor);
            }
            files.push((name, file));
            if budget.is_spent() {
                break;
            }
        } else if let Err(error) = wish(&mut wishes, field).await {
            return cut_off(app, files, &error, actor);
        }
    }
    settle(app, files, &wishes, actor).await
}

/// A form that broke off: what it wished is not known, so nothing of it is kept.
fn cut_off(
    app: &App,
    files: Vec<(String, Result<Accepted, Error>)>,
    error: &Error,
    actor: &actor::Actor,
) -> Vec<Outcome> {
    let mut names: Vec<String> = files.into_iter().map(|(name, _)| name).collect();
    if names.is_empty() {
        names.push("The upload".to_owned());
    }
    names.into_iter().map(|name| refused(app, name, error, actor)).collect()
}

/// How many bytes of refused files are still read, so that the browser gets to see the answer.
#[derive(Debug)]
struct Budget(u64);

impl Budget {
    fn new(max_upload: u64) -> Self {
        Self(max_upload.saturating_mul(2).max(64 << 20))
    }

    fn spend(&mut self, bytes: usize) {
        self.0 = self.0.saturating_sub(bytes as u64);
    }

    const fn is_spent(&self) -> bool {
        self.0 == 0
    }
}

/// Writes one file as it arrives. What is refused is read to its end, within bounds.
async fn take(
    app: &App,
    name: &str,
    mut field: Field<'_>,
    budget: &mut Budget,
) -> Result<Accepted, Error> {
    let mut receiving = app.receive(name).await;
    loop {
        let chunk = match field.chunk().await {
            Ok(Some(chunk)) => chunk,
            Ok(None) => break,
            Err(error) => return Err(broken(&error)),
        };
        if let Ok(file) = &mut receiving {
            if let Err(error) = file.write(&chunk).await {
                receiving = Err(error);
            }
            continue;
        }
        budget.spend(chunk.len());
        if budget.is_spent() {
            break;
        }
    }
    receiving?.finish().await
}

/// A form that ends too early, or is none.
fn broken(error: &MultipartError) -> Error {
    tracing::debug!(error = error as &dyn std::error::Error, "an upload form broke off");
    Error::Cut
}

/// Reads one field that says what is wished.
async fn wish(wishes: &mut Wishes, mut field: Field<'_>) -> Result<(), Error> {
    let name = field.name().unwrap_or_default().to_owned();
    let mut bytes = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(|error| broken(&error))? {
        if bytes.len() + chunk.len() <= FIELD_LIMIT {
            bytes.extend_from_slice(&chunk);
        }
    }
    let text = String::from_utf8_lossy(&bytes).trim().to_owned();
    let some = Some(text.clone()).filter(|text| !text.is_empty());
    match name.as_str() {
        "platform" => wishes.platform = some,
        "version" => wishes.version = some,
        "chip" => wishes.chip = some.and_then(|chip| chip.parse().ok()),
        "notes" => wishes.notes = some,
        "publish" => wishes.publish = matches!(text.as_str(), "true" | "on" | "yes" | "1"),
        "accept" if wishes.accept.len() < ACCEPTS => wishes.accept.extend(some),
        _ => {}
    }
    Ok(())
}

async fn settle(
    app: &App,
    files: Vec<(String, Result<Accepted, Error>)>,
    wishes: &Wishes,
    actor: &actor::Actor,
) -> Vec<Outcome> {
    if files.is_empty() {
        return vec![refused(app, "No file".to_owned(), &Error::NoFile, actor)];
    }
    let mut outcomes = Vec::with_capacity(files.len());
    for (name, file) in files {
        let uploaded = match file {
            Ok(file) => app.accept(file, wishes, actor).await,
            Err(error) => Err(error),
        };
        outcomes.push(match uploaded {
            Ok(uploaded) => kept(name, uploaded, wishes.publish),
            Err(error) => refused(app, name, &error, actor),
        });
    }
    outcomes
}

fn refused(app: &App, name: String, error: &Error, actor: &actor::Actor) -> Outcome {
    if !matches!(error, Error::NoFile) {
        app.upload_refused(&name, error, actor);
    }
    let text = if error.is_internal() {
        "The server could not keep it; its log says why.".to_owned()
    } else {
        sentence(&error.to_string())
    };
    let (state, url, parts) = (Became::Refused, String::new(), parts_of(error));
    Outcome { name, state, sentence: text, parts, url, status: status(error) }
}

/// What is in a factory image: `app0: app ota_0, 1 280 KiB at 0x10000`.
fn parts_of(error: &Error) -> Vec<String> {
    let Error::Unusable(_, Some(merged)) = error else {
        return Vec::new();
    };
    let parts = merged.table.partitions.iter().map(|part| {
        let Partition { label, purpose, offset, size } = part;
        let size = filters::thousands(&u64::from(size.div_ceil(1024)));
        format!("{label}: {purpose}, {size} KiB at {offset:#x}")
    });
    parts.collect()
}

fn kept(name: String, uploaded: Uploaded, publish: bool) -> Outcome {
    let status = StatusCode::OK;
    let (release, state, sentence) = match uploaded {
        Uploaded::Published(release, _) => {
            let text = format!("Published as {}.", release.title());
            (release, Became::Published, text)
        }
        Uploaded::Existing(release, _) => {
            let text = format!(
                "This is exactly the same file as {}, which is already there; nothing was added.",
                release.title()
            );
            (release, Became::Existing, text)
        }
        Uploaded::Draft(release, card) => {
            let open = card.questions.first().map(crate::domain::release::Question::text);
            let text = match open {
                Some(question) if publish => {
                    format!("Not published, it waits as a draft: {question}")
                }
                Some(question) => format!("It waits as a draft: {question}"),
                None => "It waits as a draft. Look at its report card and publish it.".to_owned(),
            };
            (release, Became::Draft, text)
        }
        Uploaded::Looked(card) => {
            let text = format!("{} was only looked at.", card.file.image.file_name);
            let (state, url) = (Became::Draft, String::new());
            return Outcome { name, state, sentence: text, parts: Vec::new(), url, status };
        }
    };
    let (parts, url) = (Vec::new(), format!("/releases/{}", release.id));
    Outcome { name, state, sentence, parts, url, status }
}
