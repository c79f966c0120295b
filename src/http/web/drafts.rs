//! A draft: its report card, and the form that confirms or corrects it.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::card::{
    Banner, ChipOption, Fact, Group, Piece, PlatformChoice, VersionChoice, chip_options, facts,
    groups, pieces,
};
use super::error::{PageError, sentence};
use super::page::{Actor, Flash, Page, View};
use super::platforms::names;
use super::preview::PreviewView;
use super::publish::published;
use super::releases::find;
use super::wish::{EXAMPLES, Mistake, Typed, WishForm};
use crate::app::{App, Error, ReportCard, Wishes};
use crate::domain::image::{Source, Verdict};
use crate::domain::policy::Channel;
use crate::domain::release::{ChipChoice, Question, Release, ReleaseState};
use crate::http::view::{filters, words};

/// Radio values that point to the field beside them; no platform or version can have a colon first.
const NEW: &str = ":new";
const OTHER: &str = ":other";
const TYPED: &str = ":typed";

#[derive(Debug, Template)]
#[template(path = "releases/draft.html")]
struct Draft {
    page: Page,
    release: Release,
    error: String,
    /// The field that was chosen and left empty.
    empty: &'static str,
    verdict: Verdict,
    banner: Banner,
    groups: Vec<Group>,
    chips: Vec<ChipOption>,
    questions: Vec<Question>,
    /// The platforms that the file names.
    platforms: Vec<PlatformChoice>,
    /// All others.
    others: Vec<String>,
    other_chosen: bool,
    new_chosen: bool,
    new_platform: String,
    chosen_platform: String,
    versions: Vec<VersionChoice>,
    passed_over: Vec<VersionChoice>,
    typed_chosen: bool,
    typed: String,
    facts: Vec<Fact>,
    pieces: Vec<Piece>,
    accepted: Vec<String>,
    /// Who gets it.
    wish: WishForm,
}

impl Draft {
    fn new(app: &App, page: Page, release: Release, card: &ReportCard, wish: WishForm) -> Self {
        let chosen = card.platform.clone().unwrap_or_default();
        let info = card.file.info();
        let platforms = info.map(|info| PlatformChoice::all(info, &chosen)).unwrap_or_default();
        let mentioned = |name: &String| platforms.iter().any(|choice| choice.name == **name);
        let others: Vec<String> = names(app).into_iter().filter(|name| !mentioned(name)).collect();
        let version = card.version.as_ref().map(ToString::to_string).unwrap_or_default();
        let all = VersionChoice::all(card, &version);
        let (passed_over, versions): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|choice| choice.source == Source::Library);
        let listed = versions.iter().chain(&passed_over).any(|choice| choice.chosen);
        let is_new = card.platform_id.is_none() && !chosen.is_empty();
        Self {
            other_chosen: card.platform_id.is_some() && others.contains(&chosen),
            new_chosen: is_new || (platforms.is_empty() && others.is_empty()),
            new_platform: if is_new { chosen.clone() } else { proposed(card) },
            chosen_platform: chosen,
            typed_chosen: !listed && (versions.is_empty() || !version.is_empty()),
            typed: if listed { String::new() } else { version },
            banner: Banner::of(card),
            groups: groups(card),
            chips: chip_options(&card.file),
            questions: asked(card),
            facts: facts(card),
            pieces: pieces(card),
            verdict: card.verdict(),
            accepted: card.accepted.iter().map(|question| question.code().to_owned()).collect(),
            error: String::new(),
            empty: "",
            wish,
            page,
            release,
            platforms,
            others,
            versions,
            passed_over,
        }
    }

    /// Whether it is damaged, so that it can never be published.
    fn is_unfit(&self) -> bool {
        self.verdict == Verdict::Unfit
    }

    fn is_chosen(&self, name: &str) -> bool {
        self.chosen_platform == name
    }

    /// The open questions about a field: "platform", "version", or "" for all others.
    fn about(&self, field: &str) -> Vec<&Question> {
        self.questions.iter().filter(|question| field_of(question) == field).collect()
    }

    /// What describes a field: the sentences beside it.
    fn described(&self, field: &str) -> String {
        let ids = self.about(field).into_iter().map(|question| question.code().to_owned());
        ids.collect::<Vec<_>>().join(" ")
    }

    fn is_accepted(&self, question: &Question) -> bool {
        self.accepted.iter().any(|code| code == question.code())
    }
}

/// A name for a new platform, as the file or its name proposes it.
fn proposed(card: &ReportCard) -> String {
    let file = &card.file;
    let names = file.info().map(|info| info.proposed_names(Some(&file.image.file_name)));
    let best = names.unwrap_or_default().into_iter().next();
    best.map(|proposal| proposal.name).unwrap_or_default()
}

/// What is open, and what was accepted: its box stays ticked, and can be cleared again.
fn asked(card: &ReportCard) -> Vec<Question> {
    if card.verdict() == Verdict::Unfit {
        let damage = card.questions.iter().filter(|one| matches!(one, Question::Damaged(_)));
        return damage.cloned().collect();
    }
    // To name a new platform in the form is its acceptance.
    let named = |question: &&Question| !matches!(question, Question::PlatformUnknown(_));
    card.questions.iter().chain(card.accepted.iter().filter(named)).cloned().collect()
}

/// The report card of a draft.
pub(super) async fn show(app: &App, page: Page, draft: Release) -> Result<Response, PageError> {
    let card = app.report_card(draft.id, &Wishes::default()).await?;
    let wish = who(app, &page, draft.id, &card, Typed::default()).await?;
    Ok(View(Draft::new(app, page, draft, &card, wish)).into_response())
}

/// The part of the form about who gets it, with its preview.
async fn who(
    app: &App,
    page: &Page,
    id: i64,
    card: &ReportCard,
    typed: Typed,
) -> Result<WishForm, PageError> {
    let mut wish = WishForm::of(app, page, card.platform_id, typed).await?;
    wish.preview = match wish.typed.plan(page) {
        Ok(plan) => PreviewView::of_card(app, id, card, wish.typed.channel, plan).await?,
        Err(mistake) => PreviewView::silent(mistake.text),
    };
    Ok(wish)
}

/// What a person decided.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decided {
    publish: bool,
    /// Only what would come of it is wished for.
    preview: bool,
    wishes_platform: Option<String>,
    wishes_version: Option<String>,
    chip: Option<ChipChoice>,
    channel: Option<Channel>,
    notes: Option<String>,
    accept: Vec<String>,
    /// The field that was chosen and left empty.
    empty: &'static str,
}

/// The field that a question is about.
fn field_of(question: &Question) -> &'static str {
    let code = question.code();
    ["platform", "version"].into_iter().find(|field| code.starts_with(field)).unwrap_or("")
}

impl Decided {
    pub(super) fn read(fields: &[(String, String)]) -> Self {
        let value = |name: &str| {
            let field = fields.iter().find(|(key, _)| key == name);
            field.map(|(_, value)| value.trim().to_owned()).filter(|value| !value.is_empty())
        };
        let platform = value("platform");
        let is_new = platform.as_deref() == Some(NEW);
        let mut accept: Vec<String> = fields
            .iter()
            .filter(|(key, _)| key == "accept")
            .map(|(_, code)| code.clone())
            .collect();
        if is_new {
            // To choose "a new platform" and to name it is the answer to that question.
            accept.push("platform_unknown".to_owned());
        }
        let empty = if is_new && value("new_platform").is_none() {
            "platform"
        } else if value("version").as_deref() == Some(TYPED) && value("typed").is_none() {
            "version"
        } else {
            ""
        };
        Self {
            empty,
            publish: value("action").as_deref() == Some("publish"),
            preview: value("action").as_deref() == Some("preview"),
            wishes_platform: match platform.as_deref() {
                Some(NEW) => value("new_platform"),
                Some(OTHER) => value("other"),
                _ => platform,
            },
            wishes_version: match value("version").as_deref() {
                Some(TYPED) => value("typed"),
                other => other.map(str::to_owned),
            },
            chip: value("chip").and_then(|chip| chip.parse().ok()),
            channel: value("channel").and_then(|word| Channel::read(&word)),
            notes: fields.iter().find(|(key, _)| key == "notes").map(|(_, notes)| notes.clone()),
            accept,
        }
    }

    pub(super) fn wishes(&self) -> Wishes {
        Wishes {
            platform: self.wishes_platform.clone(),
            version: self.wishes_version.clone(),
            notes: self.notes.clone(),
            accept: self.accept.clone(),
            chip: self.chip,
            channel: self.channel,
            plan: None,
            publish: self.publish,
            keep_on_questions: true,
            dry_run: false,
            anywhere: true,
        }
    }
}

/// `POST /releases/{id}`
pub(super) async fn decide(
    State(app): State<App>,
    Actor(actor): Actor,
    page: Page,
    Path(id): Path<i64>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, PageError> {
    let mut draft = find(&app, id).await?;
    let to = format!("/releases/{id}");
    if draft.state != ReleaseState::Draft {
        return Ok(Flash::warn(format!("{} is published already.", draft.title())).go(&to));
    }
    let (decided, typed) = (Decided::read(&fields), Typed::read(&fields));
    let wishes = decided.wishes();
    if let Some(notes) = &decided.notes {
        draft.notes.clone_from(notes);
    }
    if decided.preview {
        let card = app.report_card(id, &wishes).await?;
        let wish = who(&app, &page, id, &card, typed).await?;
        return Ok(View(Draft::new(&app, page, draft, &card, wish)).into_response());
    }
    if decided.publish && !decided.empty.is_empty() {
        return unnamed(&app, page, draft, (wishes, typed), decided.empty).await;
    }
    if !decided.publish {
        app.save_draft(id, &wishes, &actor).await?;
        return Ok(Flash::good("The draft was saved. It is offered to nobody yet.").go(&to));
    }
    let plan = match typed.plan(&page) {
        Ok(plan) => plan,
        Err(mistake) => return planless(&app, page, draft, (wishes, typed), mistake).await,
    };
    let wishes = Wishes { plan, ..wishes };
    match app.publish_draft(id, &wishes, &actor).await {
        Ok(release) => published(&app, &release).await,
        Err(error) if error.is_internal() => Err(error.into()),
        Err(error) => match Mistake::of(&error) {
            Some(mistake) => planless(&app, page, draft, (wishes, typed), mistake).await,
            None => again(&app, page, draft, (wishes, typed), error).await,
        },
    }
}

/// The form once more, with what is wrong about who gets it.
async fn planless(
    app: &App,
    page: Page,
    draft: Release,
    (wishes, typed): (Wishes, Typed),
    mistake: Mistake,
) -> Result<Response, PageError> {
    let card = app.report_card(draft.id, &wishes).await?;
    let mut wish = who(app, &page, draft.id, &card, typed).await?;
    wish.mistake = Some(mistake);
    let error = "Not published: see who gets it, below.".to_owned();
    let draft = Draft { error, ..Draft::new(app, page, draft, &card, wish) };
    Ok((StatusCode::UNPROCESSABLE_ENTITY, View(draft)).into_response())
}

/// The form once more, with what is still open.
async fn again(
    app: &App,
    page: Page,
    draft: Release,
    (wishes, typed): (Wishes, Typed),
    error: Error,
) -> Result<Response, PageError> {
    let (card, text) = match error {
        Error::Questions(card) => {
            let open = card.questions.len() as u64;
            let open = filters::count(&open, "question is", "questions are");
            (*card, format!("Not published: {open} still open, see below."))
        }
        error => {
            let bare = Wishes { platform: None, version: None, ..wishes };
            (app.report_card(draft.id, &bare).await?, sentence(&error.to_string()))
        }
    };
    let wish = who(app, &page, draft.id, &card, typed).await?;
    let draft = Draft { error: text, ..Draft::new(app, page, draft, &card, wish) };
    Ok((StatusCode::UNPROCESSABLE_ENTITY, View(draft)).into_response())
}

/// The form once more, where a field was chosen and left empty.
async fn unnamed(
    app: &App,
    page: Page,
    draft: Release,
    (wishes, typed): (Wishes, Typed),
    empty: &'static str,
) -> Result<Response, PageError> {
    let card = app.report_card(draft.id, &wishes).await?;
    let wish = who(app, &page, draft.id, &card, typed).await?;
    let mut draft = Draft::new(app, page, draft, &card, wish);
    draft.empty = empty;
    draft.error = if empty == "platform" {
        draft.new_chosen = true;
        draft.other_chosen = false;
        draft.new_platform.clear();
        draft.platforms.iter_mut().for_each(|choice| choice.chosen = false);
        "Not published: the new platform has no name yet.".to_owned()
    } else {
        draft.typed_chosen = true;
        draft.typed.clear();
        let all = draft.versions.iter_mut().chain(&mut draft.passed_over);
        all.for_each(|choice| choice.chosen = false);
        "Not published: the version is not typed yet.".to_owned()
    };
    Ok((StatusCode::UNPROCESSABLE_ENTITY, View(draft)).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_field_beside_the_chosen_button_counts() {
        let decided = Decided::read(&fields(&[
            ("platform", ":new"),
            ("other", "chase"),
            ("new_platform", " pump "),
            ("version", ":typed"),
            ("typed", "v1.0.1"),
            ("accept", "version_not_higher"),
            ("action", "publish"),
        ]));
        assert!(decided.publish && decided.empty.is_empty());
        assert_eq!(decided.wishes_platform.as_deref(), Some("pump"));
        assert_eq!(decided.wishes_version.as_deref(), Some("v1.0.1"));
        assert_eq!(decided.accept, ["version_not_higher", "platform_unknown"]);
    }

    #[test]
    fn a_chosen_field_is_not_left_empty() {
        let new = Decided::read(&fields(&[("platform", ":new"), ("new_platform", " ")]));
        assert_eq!(new.empty, "platform");
        let typed = Decided::read(&fields(&[("platform", "chase"), ("version", ":typed")]));
        assert_eq!(typed.empty, "version");
    }

    #[test]
    fn a_listed_choice_counts_by_itself() {
        let decided = Decided::read(&fields(&[
            ("platform", "chase"),
            ("new_platform", "pump"),
            ("version", "v2.0.0"),
            ("typed", "v1"),
            ("action", "save"),
        ]));
        assert!(!decided.publish && decided.accept.is_empty());
        assert_eq!(decided.wishes_platform.as_deref(), Some("chase"));
        assert_eq!(decided.wishes_version.as_deref(), Some("v2.0.0"));
    }
}
