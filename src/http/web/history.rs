//! The history of a device: its attempts and what else happened, as one list by day.

use jiff::tz::TimeZone;
use serde::Deserialize;

use super::attempts::Try;
use super::error::PageError;
use super::page::Page;
use crate::app::App;
use crate::domain::Timestamp;
use crate::domain::device::{Attempt, Device};
use crate::domain::event::{Event, Kind};
use crate::http::view::filters::{Moment, strftime};
use crate::store::EventFilter;

/// Entries on a page.
const SHOWN: usize = 20;

/// Where a page of the history begins: behind this event and this attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Cursor {
    event: Option<i64>,
    attempt: Option<i64>,
}

/// What the address says about the history.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Wish {
    #[serde(default)]
    before: String,
}

impl Cursor {
    /// Reads `event.attempt`; what cannot be read is the beginning.
    fn read(text: &str) -> Self {
        let (event, attempt) = text.split_once('.').unwrap_or_default();
        let number = |text: &str| text.parse().ok();
        Self { event: number(event), attempt: number(attempt) }
    }

    fn text(self) -> String {
        let number = |id: Option<i64>| id.map(|id| id.to_string()).unwrap_or_default();
        format!("{}.{}", number(self.event), number(self.attempt))
    }
}

/// What happened at one moment.
#[derive(Debug)]
pub(super) enum What {
    /// An attempt, with all its steps.
    Attempt(Box<Try>),
    /// Anything else.
    Event(Box<Event>),
}

/// An entry of the history.
#[derive(Debug)]
pub(super) struct Entry {
    /// When.
    pub(super) time: Moment,
    /// What.
    pub(super) what: What,
}

/// The entries of a day.
#[derive(Debug)]
pub(super) struct Day {
    /// "Today", "Tuesday, 14 November".
    pub(super) label: String,
    /// Newest first.
    pub(super) entries: Vec<Entry>,
}

/// The history of a device, a page of it.
#[derive(Debug)]
pub(super) struct History {
    /// Newest first.
    pub(super) days: Vec<Day>,
    /// Where older entries are; empty where there are none.
    pub(super) older: String,
    /// Whether newer entries stand before these.
    pub(super) is_older: bool,
    /// Whether the first contact is to be named at its end.
    pub(super) first_seen: bool,
}

impl History {
    /// Reads a page of a device's history.
    pub(super) async fn of(
        app: &App,
        device: &Device,
        wish: &Wish,
        page: &Page,
    ) -> Result<Self, PageError> {
        let cursor = Cursor::read(&wish.before);
        let limit = u32::try_from(SHOWN + 1).unwrap_or(u32::MAX);
        let filter = EventFilter {
            mac: Some(device.mac),
            before: cursor.event,
            without_attempts: true,
            limit,
            ..EventFilter::default()
        };
        let events = app.store().events(&filter).await?;
        let attempts = app.store().attempts_before(device.id, cursor.attempt, limit).await?;
        let (merged, next) = merge(events, attempts, cursor);
        let (shelf, sending) = (app.shelf(), app.sending_to(device.mac));
        let is_first =
            |what: &Either| matches!(what, Either::Event(e) if e.kind == Kind::FirstContact);
        let first_seen = next.is_none() && !merged.iter().any(is_first);
        let entries = merged.into_iter().map(|either| match either {
            Either::Event(event) => (event.at, What::Event(event)),
            Either::Attempt(attempt) => {
                let at = attempt.offered_at;
                (at, What::Attempt(Box::new(Try::new(*attempt, &shelf).sending(&sending))))
            }
        });
        let older = next
            .map(|next| format!("/devices/{}?before={}#history", device.mac.hex(), next.text()));
        Ok(Self {
            days: by_day(entries, page.now, &page.zone),
            older: older.unwrap_or_default(),
            is_older: cursor != Cursor::default(),
            first_seen,
        })
    }

    /// Whether nothing has happened yet.
    pub(super) fn is_empty(&self) -> bool {
        self.days.is_empty()
    }
}

#[derive(Debug)]
enum Either {
    Event(Box<Event>),
    Attempt(Box<Attempt>),
}

/// The newest of both lists as one, and where the next page begins if there is one. An event that
/// only says what an attempt says too is left out.
fn merge(
    events: Vec<Event>,
    attempts: Vec<Attempt>,
    from: Cursor,
) -> (Vec<Either>, Option<Cursor>) {
    let settled: Vec<Timestamp> =
        attempts.iter().filter_map(|attempt| attempt.settled_at).collect();
    let mut events = events.into_iter().peekable();
    let mut attempts = attempts.into_iter().peekable();
    let (mut merged, mut cursor) = (Vec::new(), from);
    while merged.len() < SHOWN {
        let event_is_next = match (events.peek(), attempts.peek()) {
            (Some(event), Some(attempt)) => {
                // Within a second the offer comes behind what made it possible.
                let before = matches!(event.kind, Kind::FirstContact | Kind::Approved);
                event.at > attempt.offered_at || (event.at == attempt.offered_at && !before)
            }
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (None, None) => return (merged, None),
        };
        if event_is_next {
            let Some(event) = events.next() else { break };
            cursor.event = Some(event.id);
            if event.kind != Kind::Changed || !settled.contains(&event.at) {
                merged.push(Either::Event(Box::new(event)));
            }
        } else {
            let Some(attempt) = attempts.next() else { break };
            cursor.attempt = Some(attempt.id);
            merged.push(Either::Attempt(Box::new(attempt)));
        }
    }
    let more = events.peek().is_some() || attempts.peek().is_some();
    (merged, more.then_some(cursor))
}

fn by_day(
    entries: impl Iterator<Item = (Timestamp, What)>,
    now: Timestamp,
    zone: &TimeZone,
) -> Vec<Day> {
    let mut days: Vec<Day> = Vec::new();
    for (at, what) in entries {
        let entry = Entry { time: Moment::of_day(at, now, zone), what };
        let label = day_name(at, now, zone);
        match days.last_mut() {
            Some(last) if last.label == label => last.entries.push(entry),
            _ => days.push(Day { label, entries: vec![entry] }),
        }
    }
    days
}

/// A day as one would say it: "Today", "Tuesday, 14 November"; with the year where that is needed.
fn day_name(at: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let date = |at: Timestamp| strftime(at, zone, "%Y-%m-%d");
    if date(at) == date(now) {
        "Today".to_owned()
    } else if date(at) == date(now - 86_400) {
        "Yesterday".to_owned()
    } else if now - at < 300 * 86_400 {
        strftime(at, zone, "%A, %-d %B")
    } else {
        strftime(at, zone, "%-d %B %Y")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::device::AttemptState;
    use crate::domain::release::Part;

    // Tuesday, 2023-11-14 22:13:20 UTC.
    const NOW: Timestamp = 1_700_000_000;

    fn event(id: i64, at: Timestamp, kind: Kind) -> Event {
        Event { id, ..Event::new(at, kind, "x") }
    }

    fn attempt(id: i64, offered_at: Timestamp, settled_at: Option<Timestamp>) -> Attempt {
        Attempt {
            id,
            device_id: 1,
            release_id: Some(1),
            version: "v1".to_owned(),
            state: AttemptState::Confirmed,
            offered_at,
            ended_at: None,
            settled_at,
            bytes: 1,
            size: 1,
            millis: None,
            part: Part::Application,
            packed: false,
        }
    }

    fn order(merged: &[Either]) -> Vec<String> {
        let name = |either: &Either| match either {
            Either::Event(event) => format!("e{}", event.id),
            Either::Attempt(attempt) => format!("a{}", attempt.id),
        };
        merged.iter().map(name).collect()
    }

    #[test]
    fn both_lists_become_one_newest_first() {
        let events = vec![event(9, 50, Kind::Approved), event(3, 10, Kind::FirstContact)];
        let attempts = vec![attempt(4, 60, None), attempt(2, 20, None)];
        let (merged, next) = merge(events, attempts, Cursor::default());
        assert_eq!(order(&merged), ["a4", "e9", "a2", "e3"]);
        assert_eq!(next, None);
    }

    #[test]
    fn what_an_attempt_says_is_not_said_twice() {
        let events = vec![event(9, 70, Kind::Changed), event(8, 65, Kind::Changed)];
        let (merged, _) = merge(events, vec![attempt(4, 60, Some(70))], Cursor::default());
        assert_eq!(order(&merged), ["e8", "a4"]);
    }

    #[test]
    fn pages_follow_each_other_without_gap_or_repetition() {
        let events: Vec<_> = (1..=30).rev().map(|id| event(id, id * 10, Kind::Refused)).collect();
        let attempts: Vec<_> = (1..=15).rev().map(|id| attempt(id, id * 20 + 5, None)).collect();
        let (mut cursor, mut seen) = (Cursor::default(), Vec::new());
        loop {
            let before = |id: i64, limit: Option<i64>| limit.is_none_or(|limit| id < limit);
            let page = SHOWN + 1;
            let e = events.iter().filter(|e| before(e.id, cursor.event)).take(page).cloned();
            let a = attempts.iter().filter(|a| before(a.id, cursor.attempt)).take(page).cloned();
            let (merged, next) = merge(e.collect(), a.collect(), cursor);
            seen.extend(order(&merged));
            let Some(next) = next else { break };
            assert_eq!(Cursor::read(&next.text()), next);
            cursor = next;
        }
        assert_eq!(seen.len(), 45);
        let mut once = seen.clone();
        once.sort();
        once.dedup();
        assert_eq!(once.len(), 45);
        assert_eq!(seen[..3], ["a15", "e30", "e29"]);
    }

    #[test]
    fn nonsense_in_the_address_is_the_beginning() {
        for text in ["", "x", "x.y", ".", "7"] {
            assert_eq!(Cursor::read(text), Cursor::default(), "{text}");
        }
        assert_eq!(Cursor::read("7."), Cursor { event: Some(7), attempt: None });
    }

    #[test]
    fn days_are_named_as_one_would_say_them() {
        let at = [NOW, NOW - 60, NOW - 86_400, NOW - 3 * 86_400, NOW - 400 * 86_400];
        let entries = at.map(|at| (at, What::Event(Box::new(event(1, at, Kind::Refused)))));
        let days = by_day(entries.into_iter(), NOW, &TimeZone::UTC);
        let labels: Vec<_> =
            days.iter().map(|day| (day.label.as_str(), day.entries.len())).collect();
        assert_eq!(
            labels,
            [("Today", 2), ("Yesterday", 1), ("Saturday, 11 November", 1), ("10 October 2022", 1)]
        );
    }
}
