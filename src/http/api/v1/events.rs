//! The event log.

use axum::extract::State;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::domain::Timestamp;
use crate::domain::event::{Event, Kind, Severity};
use crate::domain::mac::{MacAddr, MacError};
use crate::http::api::page::{List, Page};
use crate::http::api::problem::{Problem, sentence};
use crate::http::api::time;
use crate::store::EventFilter;

/// An event, as it is shown.
#[derive(Debug, Serialize)]
pub(super) struct EventView {
    id: i64,
    at: String,
    kind: &'static str,
    severity: &'static str,
    text: String,
    device: Option<String>,
    platform: Option<String>,
    release: Option<i64>,
    actor: String,
}

impl From<Event> for EventView {
    fn from(event: Event) -> Self {
        let Event { id, at, kind, text, mac, platform, release_id: release, actor, .. } = event;
        let severity = match kind.severity() {
            Severity::Info => "info",
            Severity::Good => "good",
            Severity::Warning => "warning",
            Severity::Problem => "problem",
        };
        let (at, device) = (time::text(at), mac.map(|mac| mac.to_string()));
        Self { id, at, kind: kind.word(), severity, text, device, platform, release, actor }
    }
}

/// Which events a list shows.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    device: Option<String>,
    platform: Option<String>,
    release: Option<i64>,
    kind: Option<String>,
    since: Option<String>,
    until: Option<String>,
}

/// `GET /api/v1/events`
pub(super) async fn list(
    State(app): State<App>,
    List { filter, paging }: List<Filter>,
) -> Result<Page<EventView>, Problem> {
    let mac = filter.device.as_deref().map(str::parse::<MacAddr>).transpose();
    let filter = EventFilter {
        mac: mac.map_err(|error: MacError| Problem::query(sentence(&error.to_string())))?,
        platform: filter.platform,
        release_id: filter.release,
        kind: filter.kind.as_deref().map(read_kind).transpose()?,
        since: filter.since.as_deref().map(|text| read_time("since", text)).transpose()?,
        until: filter.until.as_deref().map(|text| read_time("until", text)).transpose()?,
        before: paging.after()?,
        limit: paging.rows(),
    };
    let events = app.store().events(&filter).await?;
    Ok(paging.page(events, |event| event.id.to_string()).map(EventView::from))
}

fn read_kind(word: &str) -> Result<Kind, Problem> {
    Kind::read(word).ok_or_else(|| {
        let words: Vec<_> = Kind::ALL.iter().map(|kind| kind.word()).collect();
        let words = words.join(", ");
        Problem::query(format!("kind is “{word}”; expected one of {words}."))
    })
}

pub(super) fn read_time(name: &str, text: &str) -> Result<Timestamp, Problem> {
    time::read(text).ok_or_else(|| {
        let expected = "expected a time like 2026-03-01T12:00:00Z or a day like 2026-03-01";
        Problem::query(format!("{name} is “{text}”; {expected}."))
    })
}
