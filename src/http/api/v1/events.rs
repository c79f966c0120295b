//! The event log.

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::domain::Timestamp;
use crate::domain::event::{Event, Kind, Severity};
use crate::domain::mac::{MacAddr, MacError};
use crate::http::api::describe::{Example, Operation};
use crate::http::api::page::{List, Page};
use crate::http::api::problem::{Problem, sentence};
use crate::http::api::time;
use crate::http::api::words::{Time, Word};
use crate::store::EventFilter;

/// Something that happened.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Event")]
pub(super) struct EventView {
    /// Its number; higher is later.
    id: i64,
    /// When.
    at: Time,
    /// What sort of thing.
    kind: Word<Kind>,
    /// How much it wants to be read.
    severity: Word<Severity>,
    /// In a sentence.
    text: String,
    /// The device it is about, by MAC address.
    device: Option<String>,
    /// The platform it is about.
    platform: Option<String>,
    /// The release it is about.
    release: Option<i64>,
    /// Who did it: an address, or `server`.
    actor: String,
}

impl Example for EventView {
    fn example() -> Self {
        Self {
            id: 12,
            at: Time::EXAMPLE,
            kind: Word(Kind::Confirmed),
            severity: Word(Kind::Confirmed.severity()),
            text: "5c:cf:7f:1c:a1:a5 came back with chase v1.2.0.".to_owned(),
            device: Some("5c:cf:7f:1c:a1:a5".to_owned()),
            platform: Some("chase".to_owned()),
            release: Some(7),
            actor: "server".to_owned(),
        }
    }
}

impl From<Event> for EventView {
    fn from(event: Event) -> Self {
        let Event { id, at, kind, text, mac, platform, release_id: release, actor, .. } = event;
        let (at, device) = (Time(at), mac.map(|mac| mac.to_string()));
        let severity = Word(kind.severity());
        Self { id, at, kind: Word(kind), severity, text, device, platform, release, actor }
    }
}

/// Which events a list shows.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    /// Only those about this device, by MAC address in any notation.
    device: Option<String>,
    /// Only those about this platform; it may be deleted.
    platform: Option<String>,
    /// Only those about this release.
    release: Option<i64>,
    /// Only those of this sort.
    #[schemars(with = "Option<Word<Kind>>")]
    kind: Option<String>,
    /// Only those at or after this moment (RFC 3339, or a day).
    #[schemars(example = &"2026-03-01T12:00:00Z", example = &"2026-03-01")]
    since: Option<String>,
    /// Only those before this moment (RFC 3339, or a day).
    until: Option<String>,
}

pub(super) const LIST: Operation = Operation::new("events", "listEvents", "List what happened")
    .gives("Events, newest first; a check-in’s are at most a second late.");

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
        without_attempts: false,
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
