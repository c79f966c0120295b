//! Rollouts: the list, one of them, and what a person tells it.

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::confirm::Part;
use super::error::{PageError, sentence, status};
use super::page::{Actor, Flash, Page, View};
use super::preview::title;
use super::rollout_cards::{Card, card, clock, standing};
use super::touched::nothing_before;
use crate::app::{App, Error, RolloutStatus};
use crate::domain::Timestamp;
use crate::domain::mac::MacAddr;
use crate::domain::rollout::{Command, Member, Size, Stage, StageState, State as Standing};
use crate::http::view::filters;
use crate::http::view::rollout::{self as view, commands, label};

/// Rollouts on a page of the list.
const LISTED: usize = 20;
/// Devices of a rollout that its page lists.
const MEMBERS: usize = 200;

#[derive(Debug, Template)]
#[template(path = "rollouts/list.html", blocks = ["live"])]
struct List {
    page: Page,
    cards: Vec<Card>,
    older: Option<i64>,
    first: bool,
}

/// Which rollouts the list shows.
#[derive(Debug, Deserialize)]
pub(super) struct ListWish {
    before: Option<i64>,
    /// Only those of this release; where it is one, that is shown.
    release: Option<i64>,
    fragment: Option<String>,
}

/// `GET /rollouts`
pub(super) async fn list(
    State(app): State<App>,
    page: Page,
    Query(wish): Query<ListWish>,
) -> Result<Response, PageError> {
    let mut rollouts = app.store().rollouts(false, wish.release).await?;
    if let ([only], Some(_)) = (rollouts.as_slice(), wish.release) {
        return Ok(Redirect::to(&format!("/rollouts/{}", only.id)).into_response());
    }
    rollouts.retain(|rollout| wish.before.is_none_or(|before| rollout.id < before));
    let more = rollouts.len() > LISTED;
    rollouts.truncate(LISTED);
    let older = rollouts.last().filter(|_| more).map(|rollout| rollout.id);
    let mut cards = Vec::new();
    for rollout in rollouts {
        cards.push(card(&app, &page, &app.rollout_in_short(rollout.id).await?).await?);
    }
    let list = List { page, cards, older, first: wish.before.is_none() };
    if wish.fragment.as_deref() == Some("live") {
        return Ok(View(list.as_live()).into_response());
    }
    Ok(View(list).into_response())
}

#[derive(Debug, Template)]
#[template(path = "rollouts/show.html", blocks = ["live"])]
struct Show {
    page: Page,
    card: Card,
    platform: String,
    stages: Vec<StageRow>,
    counts: Vec<(u64, &'static str)>,
    stop_rule: String,
    /// That there is no release to go back to; empty: there is one.
    nothing_before: String,
    /// Which canaries have to ask once more; empty: none.
    again: String,
    group: Option<String>,
    members: Vec<MemberRow>,
    more: u64,
    commands: Vec<Button>,
}

/// A stage as a step.
#[derive(Debug)]
struct StageRow {
    tone: &'static str,
    icon: &'static str,
    title: String,
    text: String,
    current: bool,
}

#[derive(Debug)]
struct MemberRow {
    hex: String,
    title: String,
    member: Member,
    since: Timestamp,
}

#[derive(Debug)]
struct Button {
    word: &'static str,
    label: &'static str,
    /// Whether it asks first.
    asks: bool,
}

impl Show {
    fn is_live(&self) -> bool {
        self.card.active
    }
}

impl StageRow {
    fn new(stage: &Stage, page: &Page, state: Standing, canaries: &str) -> Self {
        let at = |at: Option<Timestamp>| at.map(|at| clock(at, page)).unwrap_or_default();
        let open = || {
            let since = at(stage.opened_at);
            let until = at(stage.opened_at.map(|since| since + stage.deadline));
            let everyone = stage.size == Size::Everyone;
            let until =
                if everyone { String::new() } else { format!("; waits till {until} at most") };
            format!("open since {since}{until}")
        };
        let (tone, icon, text) = match stage.state {
            StageState::Waiting if state == Standing::Ended => ("", "x", "not reached".to_owned()),
            StageState::Waiting => ("", "clock", "waits".to_owned()),
            _ if state.is_still() && stage.state.is_current() => {
                ("warn", "stop", "stands still".to_owned())
            }
            StageState::Open => ("wait", "steps", open()),
            StageState::Soaking => {
                let until = stage.soaking_at.map(|since| since + stage.soak);
                ("wait", "search", format!("watched until {}", at(until)))
            }
            StageState::Asking => ("warn", "info", "waits for your word".to_owned()),
            StageState::Passed if stage.opened_at.is_none() => {
                ("good", "check", "left out".to_owned())
            }
            StageState::Passed => ("good", "check", format!("passed {}", at(stage.passed_at))),
        };
        let mut title = view::size(stage.size);
        if let Some(first) = title.get(..1).map(str::to_uppercase) {
            title.replace_range(..1, &first);
        }
        if stage.size == Size::Canaries && !canaries.is_empty() {
            title = format!("{title}: {canaries}");
        }
        let current = stage.state.is_current();
        Self { tone, icon, title, text, current }
    }
}

/// `GET /rollouts/{id}`
pub(super) async fn show(
    State(app): State<App>,
    page: Page,
    Path(id): Path<i64>,
    Query(part): Query<Part>,
) -> Result<Response, PageError> {
    let status = app.rollout_status(id).await?;
    let show = Show::of(&app, page, &status).await?;
    if part.is("live") {
        return Ok(View(show.as_live()).into_response());
    }
    Ok(View(show).into_response())
}

impl Show {
    async fn of(app: &App, page: Page, status: &RolloutStatus) -> Result<Self, PageError> {
        let card = card(app, &page, status).await?;
        let release = app.store().release(card.release_id).await?;
        let RolloutStatus { rollout, progress, survey, members, unseen, .. } = status;
        let mut members: Vec<&(MacAddr, Member, Timestamp)> = members.iter().collect();
        members.sort_unstable_by_key(|(mac, member, since)| (rank(*member), -since, *mac));
        let more = members.len().saturating_sub(MEMBERS) as u64;
        members.truncate(MEMBERS);
        let mut canaries: Vec<MacAddr> = app.addresses(&rollout.canaries).into_values().collect();
        canaries.sort_unstable();
        let shown = members.iter().map(|(mac, ..)| mac).chain(&canaries).chain(unseen).copied();
        let names = app.store().device_names(&shown.collect::<Vec<_>>()).await?;
        let again: Vec<String> = unseen.iter().map(|mac| title(&names, *mac)).collect();
        let row = |(mac, member, since): &(MacAddr, Member, Timestamp)| MemberRow {
            hex: mac.hex(),
            title: title(&names, *mac),
            member: *member,
            since: *since,
        };
        let mut counts = vec![
            (u64::from(card.meant), "devices it is for"),
            (u64::from(progress.members), "were offered it"),
            (u64::from(progress.exposed), "on the way"),
            (u64::from(progress.confirmed), "confirmed"),
            (u64::from(progress.failed), "failed"),
        ];
        if let Some(survey) = survey.filter(|survey| survey.asleep > 0) {
            counts.push((survey.asleep.into(), "asleep"));
        }
        let group = rollout.group.and_then(|id| {
            let shelf = app.shelf();
            let group = shelf.groups().iter().find(|group| group.id == id);
            group.map(|group| group.name.to_string())
        });
        let canaries: Vec<String> = canaries.iter().map(|mac| title(&names, *mac)).collect();
        let canaries = canaries.join(", ");
        let stage = |stage: &Stage| StageRow::new(stage, &page, rollout.state, &canaries);
        let button = |command: &Command| Button {
            word: command.word(),
            label: label(*command, rollout.state),
            asks: matches!(command, Command::Everyone | Command::End),
        };
        Ok(Self {
            nothing_before: match &release {
                Some(release) if !app.has_before(release) => nothing_before(release),
                _ => String::new(),
            },
            again: standing(status, &again).again(|at| clock(at, &page)),
            platform: release.and_then(|release| release.platform).unwrap_or_default(),
            stages: rollout.stages.iter().map(stage).collect(),
            stop_rule: standing(status, &[]).stop_rule(),
            members: members.into_iter().map(row).collect(),
            commands: commands(rollout).iter().map(button).collect(),
            counts,
            group,
            more,
            card,
            page,
        })
    }
}

/// The most telling first.
const fn rank(member: Member) -> u8 {
    match member {
        Member::Failed | Member::Strayed | Member::Forgiven => 0,
        Member::Broken => 1,
        Member::Exposed => 2,
        Member::Confirmed => 3,
        Member::Left => 4,
    }
}

#[derive(Debug, Template)]
#[template(path = "rollouts/confirm.html", blocks = ["confirm"])]
struct Confirm {
    page: Page,
    id: i64,
    title: String,
    consequences: Vec<String>,
    word: &'static str,
    button: &'static str,
    danger: bool,
}

/// What is to be confirmed.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    action: String,
    fragment: Option<String>,
}

/// `GET /rollouts/{id}/confirm`
pub(super) async fn confirm(
    State(app): State<App>,
    page: Page,
    Path(id): Path<i64>,
    Query(asked): Query<Asked>,
) -> Result<Response, PageError> {
    let card = card(&app, &page, &app.rollout_in_short(id).await?).await?;
    let command = Command::read(&asked.action).ok_or_else(|| PageError::not_found("action"))?;
    let rest = u64::from(card.meant.saturating_sub(card.confirmed));
    let rest = filters::count(&rest, "device", "devices");
    let (title, consequences) = match command {
        Command::End => (
            format!("End the rollout of {}?", card.title),
            vec![
                "Nobody else gets the release by it, for good.".to_owned(),
                format!("{} of {} devices have it and keep it.", card.confirmed, card.meant),
                "To give it to others later, publish the release again.".to_owned(),
            ],
        ),
        _ => (
            format!("{}: {}?", card.title, label(command, card.rollout.state).to_lowercase()),
            vec![
                format!("{rest} more get it when they ask, without waiting for each other."),
                "Stages that have not been open are left out.".to_owned(),
            ],
        ),
    };
    let confirm = Confirm {
        page,
        id,
        title,
        consequences,
        word: command.word(),
        button: label(command, card.rollout.state),
        danger: command == Command::End,
    };
    if asked.fragment.as_deref() == Some("confirm") {
        return Ok(View(confirm.as_confirm()).into_response());
    }
    Ok(View(confirm).into_response())
}

/// What a button of the page sends.
#[derive(Debug, Deserialize)]
pub(super) struct Told {
    action: String,
}

/// `POST /rollouts/{id}`
pub(super) async fn tell(
    State(app): State<App>,
    Actor(actor): Actor,
    Path(id): Path<i64>,
    Form(told): Form<Told>,
) -> Result<Response, PageError> {
    let to = format!("/rollouts/{id}");
    let command = Command::read(&told.action).ok_or_else(|| {
        let error = Error::NotFound("action");
        PageError::with(status(&error), "That did not work", "There is no such action.")
    })?;
    match app.tell_rollout(id, command, &actor).await {
        Ok(_) => {
            let text = match command {
                Command::Pause => "Paused: nobody else gets it for now.",
                Command::Resume => "It goes on; the failures so far are forgiven.",
                Command::Advance => "The next stage is open.",
                Command::Everyone => "It is open to everyone: they get it when they ask.",
                Command::End => "Ended: nobody else gets it by this rollout.",
            };
            Ok(Flash::good(text).go(&to))
        }
        Err(error @ Error::Rollout(_)) => {
            // Somebody else was faster, or it went on by itself.
            Ok(Flash::warn(sentence(&error.to_string())).go(&to))
        }
        Err(error) => Err(error.into()),
    }
}

/// The page of the newest rollout of a release, if it has one that something can come of.
pub(super) async fn page_of(app: &App, release_id: i64) -> Result<Option<String>, PageError> {
    let rollouts = app.store().rollouts(true, Some(release_id)).await?;
    let active = rollouts.into_iter().find(|rollout| rollout.state.is_active());
    Ok(active.map(|rollout| format!("/rollouts/{}", rollout.id)))
}
