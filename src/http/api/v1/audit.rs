//! The audit log.

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::events::read_time;
use crate::app::App;
use crate::domain::actor::ActorKind;
use crate::domain::audit::Entry;
use crate::domain::event::Kind;
use crate::domain::mac::{MacAddr, MacError};
use crate::http::api::describe::{Example, Operation};
use crate::http::api::page::{List, Page};
use crate::http::api::problem::{Problem, sentence};
use crate::http::api::words::{Time, Word, Words};
use crate::store::AuditFilter;

/// A change: who made it, when, and from where.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AuditEntry")]
pub(super) struct EntryView {
    /// Its number; higher is later.
    id: i64,
    /// When.
    at: Time,
    /// What sort of actor made it. `machine`: the server, by its own judgement; `somebody`: access
    /// control was off, or nobody had signed in.
    actor_kind: Word<ActorKind>,
    /// The name of the person or token.
    actor: Option<String>,
    /// The address that it came from.
    address: Option<String>,
    /// What sort of change.
    action: Word<Action>,
    /// In a sentence.
    text: String,
    /// The device that was changed, by MAC address.
    device: Option<String>,
    /// The platform that was changed.
    platform: Option<String>,
    /// The release that was changed.
    release: Option<i64>,
    /// What else was changed, by name: a user, a token.
    subject: Option<String>,
}

/// A sort of event that is a change.
#[derive(Debug, Clone, Copy)]
struct Action(Kind);

impl Words for Action {
    fn word(self) -> &'static str {
        self.0.word()
    }

    fn all() -> Vec<&'static str> {
        Kind::ALL.iter().filter(|kind| kind.is_change()).map(|kind| kind.word()).collect()
    }
}

impl Example for EntryView {
    fn example() -> Self {
        Self {
            id: 7,
            at: Time::EXAMPLE,
            actor_kind: Word(ActorKind::Person),
            actor: Some("anna".to_owned()),
            address: Some("192.168.1.7".to_owned()),
            action: Word(Action(Kind::Published)),
            text: "anna published chase v1.2.0.".to_owned(),
            device: None,
            platform: Some("chase".to_owned()),
            release: Some(7),
            subject: None,
        }
    }
}

impl From<Entry> for EntryView {
    fn from(entry: Entry) -> Self {
        let Entry { id, at, actor, action, text, mac, platform, release_id, other } = entry;
        let name = actor.name();
        Self {
            id,
            at: Time(at),
            actor_kind: Word(actor.kind()),
            actor: (!name.is_empty()).then(|| name.to_owned()),
            address: actor.address().map(|address| address.to_string()),
            action: Word(Action(action)),
            text,
            device: mac.map(|mac| mac.to_string()),
            platform,
            release: release_id,
            subject: other,
        }
    }
}

/// Which entries a list shows.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    /// Only what this sort of actor did.
    #[schemars(with = "Option<Word<ActorKind>>")]
    actor_kind: Option<String>,
    /// Only what the person or token of this name did, in any case.
    #[schemars(example = &"anna")]
    actor: Option<String>,
    /// Only changes of this sort.
    #[schemars(with = "Option<Word<Action>>")]
    action: Option<String>,
    /// Only changes to this device, by MAC address in any notation.
    device: Option<String>,
    /// Only changes to this platform; it may be deleted.
    platform: Option<String>,
    /// Only changes to this release; it may be deleted.
    release: Option<i64>,
    /// Only those with this text in the sentence, the address, or the name of what was changed.
    q: Option<String>,
    /// Only those at or after this moment (RFC 3339, or a day).
    #[schemars(example = &"2026-03-01T12:00:00Z", example = &"2026-03-01")]
    since: Option<String>,
    /// Only those before this moment (RFC 3339, or a day).
    until: Option<String>,
}

pub(super) const LIST: Operation = Operation::new("audit", "listAudit", "List who changed what")
    .more(
        "Each change by a person, a token or the server itself is one sentence, with its time and \
         the address that it came from. Entries outlive what they tell of.",
    )
    .gives("Changes, newest first.");

/// `GET /api/v1/audit`
pub(super) async fn list(
    State(app): State<App>,
    List { filter, paging }: List<Filter>,
) -> Result<Page<EntryView>, Problem> {
    let mac = filter.device.as_deref().map(str::parse::<MacAddr>).transpose();
    let filter = AuditFilter {
        actor_kind: filter.actor_kind.as_deref().map(read_actor_kind).transpose()?,
        actor: filter.actor,
        action: filter.action.as_deref().map(read_action).transpose()?,
        mac: mac.map_err(|error: MacError| Problem::query(sentence(&error.to_string())))?,
        platform: filter.platform,
        release_id: filter.release,
        query: filter.q.filter(|text| !text.trim().is_empty()),
        since: filter.since.as_deref().map(|text| read_time("since", text)).transpose()?,
        until: filter.until.as_deref().map(|text| read_time("until", text)).transpose()?,
        before: paging.after()?,
        limit: paging.rows(),
    };
    let entries = app.store().audit(&filter).await?;
    Ok(paging.page(entries, |entry| entry.id.to_string()).map(EntryView::from))
}

fn read_actor_kind(word: &str) -> Result<ActorKind, Problem> {
    ActorKind::read(word).ok_or_else(|| {
        let words = ActorKind::ALL.map(ActorKind::word).join(", ");
        Problem::query(format!("actor_kind is “{word}”; expected one of {words}."))
    })
}

fn read_action(word: &str) -> Result<Kind, Problem> {
    Kind::read(word).filter(|kind| kind.is_change()).ok_or_else(|| {
        let words = Action::all().join(", ");
        Problem::query(format!("action is “{word}”; expected one of {words}."))
    })
}
