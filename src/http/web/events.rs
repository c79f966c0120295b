//! The event log.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::error::PageError;
use super::page::{Page, View};
use super::platforms::names;
use super::query::QueryString;
use crate::app::App;
use crate::domain::Timestamp;
use crate::domain::event::{Event, Kind};
use crate::domain::mac::MacAddr;
use crate::http::view::filters;
use crate::store::{DeviceFilter, EventFilter};

const SHOWN: u32 = 50;

/// The spans of the filter: word, label, seconds.
const SPANS: [(&str, &str, i64); 5] = [
    ("", "the beginning", 0),
    ("1h", "the last hour", 3600),
    ("24h", "the last 24 hours", 86_400),
    ("7d", "the last 7 days", 7 * 86_400),
    ("30d", "the last 30 days", 30 * 86_400),
];

/// What the filter asks for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wish {
    device: String,
    platform: String,
    kind: String,
    since: String,
    release: i64,
    before: i64,
    fragment: String,
}

impl Wish {
    fn is_platform(&self, name: &str) -> bool {
        self.platform.eq_ignore_ascii_case(name)
    }

    fn is_narrowed(&self) -> bool {
        let words = [&self.device, &self.platform, &self.kind, &self.since];
        self.release > 0 || words.iter().any(|word| !word.is_empty())
    }

    /// The device that is meant, by its address or its name; else why there is none.
    async fn mac(&self, app: &App) -> Result<Result<Option<MacAddr>, String>, PageError> {
        let text = self.device.trim();
        if text.is_empty() {
            return Ok(Ok(None));
        }
        if let Ok(mac) = text.parse() {
            return Ok(Ok(Some(mac)));
        }
        let filter =
            DeviceFilter { query: Some(text.to_owned()), limit: 500, ..DeviceFilter::default() };
        let mut devices = app.store().devices(&filter).await?;
        devices.retain(|device| device.name.to_lowercase() == text.to_lowercase());
        Ok(match devices.as_slice() {
            [only] => Ok(Some(only.mac)),
            [] => Err(format!("“{text}” is neither a MAC address nor the name of a device.")),
            _ => Err(format!("Several devices are called “{text}”; type the MAC address of one.")),
        })
    }

    /// Why nothing can match the kind; `None` where it is one.
    fn kind_error(&self) -> Option<String> {
        let known = self.kind.is_empty() || Kind::read(&self.kind).is_some();
        (!known).then(|| format!("There is no kind of event called “{}”.", self.kind))
    }

    fn filter(&self, mac: Option<MacAddr>, now: Timestamp) -> EventFilter {
        let span = SPANS.iter().find(|(word, ..)| *word == self.since).map_or(0, |span| span.2);
        let some = |word: &String| (!word.is_empty()).then(|| word.clone());
        EventFilter {
            mac,
            platform: some(&self.platform),
            release_id: (self.release > 0).then_some(self.release),
            kind: Kind::read(&self.kind),
            since: (span > 0).then_some(now - span),
            before: (self.before > 0).then_some(self.before),
            limit: SHOWN + 1,
            until: None,
            without_attempts: false,
        }
    }

    /// The same filter from another event on; 0: from the newest.
    fn page(&self, before: i64) -> String {
        let mut query = QueryString::new("/events");
        query.add("device", &self.device).add("platform", &self.platform);
        query.add("kind", &self.kind).add("since", &self.since);
        if self.release > 0 {
            query.add("release", &self.release.to_string());
        }
        if before > 0 {
            query.add("before", &before.to_string());
        }
        query.finish()
    }
}

#[derive(Debug, Template)]
#[template(path = "events.html", blocks = ["rows"])]
struct Log {
    page: Page,
    query: Wish,
    device_error: String,
    kind_error: String,
    platforms: Vec<String>,
    retention: u64,
    events: Vec<Event>,
    older: String,
    newest: String,
}

/// `GET /events`
pub(super) async fn list(
    State(app): State<App>,
    page: Page,
    Query(query): Query<Wish>,
) -> Result<Response, PageError> {
    let (mac, device_error) = match query.mac(&app).await? {
        Ok(mac) => (mac, String::new()),
        Err(error) => (None, error),
    };
    let kind_error = query.kind_error().unwrap_or_default();
    let mut events = if device_error.is_empty() && kind_error.is_empty() {
        app.store().events(&query.filter(mac, page.now)).await?
    } else {
        Vec::new()
    };
    let more = events.len() > SHOWN as usize;
    events.truncate(SHOWN as usize);
    let last = events.last().filter(|_| more);
    let log = Log {
        older: last.map(|last| query.page(last.id)).unwrap_or_default(),
        newest: query.page(0),
        platforms: names(&app),
        retention: u64::from(app.settings().retention_days),
        page,
        query,
        device_error,
        kind_error,
        events,
    };
    if log.query.fragment == "rows" {
        return Ok(View(log.as_rows()).into_response());
    }
    Ok(View(log).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_is_kept_from_page_to_page() {
        let wish = Wish { platform: "a+b".to_owned(), since: "7d".to_owned(), ..Wish::default() };
        assert_eq!(wish.page(40), "/events?platform=a%2Bb&since=7d&before=40");
        assert_eq!(Wish::default().page(0), "/events");
        assert_eq!(wish.filter(None, 1_000_000).since, Some(1_000_000 - 604_800));
    }

    #[test]
    fn an_unknown_kind_is_told() {
        let wish = |kind: &str| Wish { kind: kind.to_owned(), ..Wish::default() };
        assert_eq!(wish("").kind_error(), None);
        assert_eq!(wish("offered").kind_error(), None);
        assert!(wish("nonsense").kind_error().is_some());
    }
}
