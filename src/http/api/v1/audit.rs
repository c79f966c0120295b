//! The audit log.

use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::events::read_time;
use crate::app::App;
use crate::domain::actor::ActorKind;
use crate::domain::audit::Entry;
use crate::domain::event::Kind;
use crate::domain::mac::{MacAddr, MacError};
use crate::http::api::page::{List, Page};
use crate::http::api::problem::{Problem, sentence};
use crate::http::api::time;
use crate::store::AuditFilter;

/// An entry, as it is shown.
#[derive(Debug, Serialize)]
pub(super) struct EntryView {
    id: i64,
    at: String,
    actor_kind: &'static str,
    actor: Option<String>,
    address: Option<String>,
    action: &'static str,
    text: String,
    device: Option<String>,
    platform: Option<String>,
    release: Option<i64>,
    subject: Option<String>,
}

impl From<Entry> for EntryView {
    fn from(entry: Entry) -> Self {
        let Entry { id, at, actor, action, text, mac, platform, release_id, other } = entry;
        let name = actor.name();
        Self {
            id,
            at: time::text(at),
            actor_kind: actor.kind().word(),
            actor: (!name.is_empty()).then(|| name.to_owned()),
            address: actor.address().map(|address| address.to_string()),
            action: action.word(),
            text,
            device: mac.map(|mac| mac.to_string()),
            platform,
            release: release_id,
            subject: other,
        }
    }
}

/// Which entries a list shows.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    actor_kind: Option<String>,
    actor: Option<String>,
    action: Option<String>,
    device: Option<String>,
    platform: Option<String>,
    release: Option<i64>,
    q: Option<String>,
    since: Option<String>,
    until: Option<String>,
}

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
        let words = actions().join(", ");
        Problem::query(format!("action is “{word}”; expected one of {words}."))
    })
}

/// The words of all changes.
pub(super) fn actions() -> Vec<&'static str> {
    Kind::ALL.iter().filter(|kind| kind.is_change()).map(|kind| kind.word()).collect()
}
