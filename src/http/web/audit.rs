//! The audit log: who changed what, when, and from where.

use std::collections::HashSet;

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
use crate::domain::actor::ActorKind;
use crate::domain::audit::Entry;
use crate::domain::event::Kind;
use crate::domain::mac::MacAddr;
use crate::http::view::filters;
use crate::store::AuditFilter;

const SHOWN: u32 = 50;

/// The spans of the filter: word, label, days.
const SPANS: [(&str, &str, i64); 5] = [
    ("", "the beginning", 0),
    ("1d", "the last 24 hours", 1),
    ("7d", "the last 7 days", 7),
    ("30d", "the last 30 days", 30),
    ("90d", "the last 90 days", 90),
];

/// What the filter asks for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wish {
    q: String,
    who: String,
    what: String,
    platform: String,
    since: String,
    release: i64,
    device: String,
    before: i64,
}

/// An entry with where its subject is to be seen.
#[derive(Debug)]
struct Line {
    entry: Entry,
    /// From where it came; empty where it came over no network.
    from: String,
    /// What of it is still there to be looked at: words and address.
    links: Vec<(String, String)>,
}

/// What of the subjects of a page is still there to be looked at.
#[derive(Debug, Default)]
struct There {
    devices: HashSet<MacAddr>,
    releases: HashSet<i64>,
}

impl There {
    async fn of(entries: &[Entry], app: &App) -> Result<Self, PageError> {
        let mut there = Self::default();
        let devices: HashSet<_> = entries.iter().filter_map(|entry| entry.mac).collect();
        for mac in devices {
            if app.store().device(mac).await?.is_some() {
                there.devices.insert(mac);
            }
        }
        let releases: HashSet<_> = entries.iter().filter_map(|entry| entry.release_id).collect();
        for id in releases {
            if app.store().release(id).await?.is_some() {
                there.releases.insert(id);
            }
        }
        Ok(there)
    }
}

impl Line {
    fn of(entry: Entry, app: &App, there: &There) -> Self {
        let mut links = Vec::new();
        if let Some(mac) = entry.mac.filter(|mac| there.devices.contains(mac)) {
            links.push((mac.to_string(), format!("/devices/{}", mac.hex())));
        }
        if let Some(id) = entry.release_id.filter(|id| there.releases.contains(id)) {
            links.push((format!("release {id}"), format!("/releases/{id}")));
        }
        let platform =
            entry.platform.as_deref().and_then(|name| app.shelf().platform(name).cloned());
        if let Some(platform) = platform {
            let name = platform.platform.name.to_string();
            let path = format!("/platforms/{name}");
            links.push((name, path));
        }
        let page = match entry.action {
            Kind::UserCreated | Kind::UserEdited | Kind::UserRemoved => {
                Some(("users", "/settings/users"))
            }
            Kind::TokenCreated | Kind::TokenRevoked => Some(("tokens", "/settings/tokens")),
            Kind::Settings => Some(("settings", "/settings")),
            _ => None,
        };
        links.extend(page.map(|(words, path)| (words.to_owned(), path.to_owned())));
        let from = entry.actor.address().map(|address| address.to_string());
        Self { from: from.unwrap_or_default(), entry, links }
    }
}

impl Wish {
    fn is_platform(&self, name: &str) -> bool {
        self.platform.eq_ignore_ascii_case(name)
    }

    fn is_narrowed(&self) -> bool {
        let words = [&self.q, &self.who, &self.what, &self.platform, &self.since, &self.device];
        self.release > 0 || words.iter().any(|word| !word.trim().is_empty())
    }

    /// Whose changes are meant: a sort of actors, or one of them by name.
    fn actor(&self) -> (Option<ActorKind>, Option<String>) {
        match self.who.split_once(':') {
            Some((kind, name)) => (ActorKind::read(kind), Some(name.to_owned())),
            None => (ActorKind::read(&self.who), None),
        }
    }

    /// Why nothing can match; `None` where something could.
    pub(super) fn error(&self) -> Option<String> {
        if !self.who.is_empty() && self.actor().0.is_none() {
            return Some(format!("There is nobody like “{}” here.", self.who));
        }
        if !self.what.is_empty() && !Kind::read(&self.what).is_some_and(Kind::is_change) {
            return Some(format!("There is no change called “{}”.", self.what));
        }
        if !self.device.is_empty() && self.device.parse::<MacAddr>().is_err() {
            return Some(format!("“{}” is no MAC address.", self.device));
        }
        None
    }

    pub(super) fn filter(&self, now: Timestamp) -> AuditFilter {
        let days = SPANS.iter().find(|(word, ..)| *word == self.since).map_or(0, |span| span.2);
        let some = |word: &str| (!word.trim().is_empty()).then(|| word.trim().to_owned());
        let (actor_kind, actor) = self.actor();
        AuditFilter {
            actor_kind,
            actor,
            action: Kind::read(&self.what),
            mac: self.device.parse().ok(),
            platform: some(&self.platform),
            release_id: (self.release > 0).then_some(self.release),
            query: some(&self.q),
            since: (days > 0).then_some(now - days * 86_400),
            until: None,
            before: (self.before > 0).then_some(self.before),
            limit: SHOWN + 1,
        }
    }

    /// The same filter from another entry on; 0: from the newest.
    fn page(&self, before: i64) -> String {
        let mut query = QueryString::new("/audit");
        query.add("q", self.q.trim()).add("who", &self.who).add("what", &self.what);
        query.add("platform", &self.platform).add("since", &self.since);
        query.add("device", &self.device);
        for (name, number) in [("release", self.release), ("before", before)] {
            if number > 0 {
                query.add(name, &number.to_string());
            }
        }
        query.finish()
    }
}

#[derive(Debug, Template)]
#[template(path = "audit.html")]
struct Log {
    page: Page,
    query: Wish,
    error: String,
    /// Those who changed something: word of the filter, label.
    actors: Vec<(String, String)>,
    platforms: Vec<String>,
    retention: u64,
    lines: Vec<Line>,
    older: String,
    newest: String,
    /// Where the same is as a table.
    table: String,
}

/// `GET /audit`
pub(super) async fn list(
    State(app): State<App>,
    page: Page,
    Query(query): Query<Wish>,
) -> Result<Response, PageError> {
    let error = query.error().unwrap_or_default();
    let mut entries = if error.is_empty() {
        app.store().audit(&query.filter(page.now)).await?
    } else {
        Vec::new()
    };
    let more = entries.len() > SHOWN as usize;
    entries.truncate(SHOWN as usize);
    let last = entries.last().filter(|_| more);
    let there = There::of(&entries, &app).await?;
    let log = Log {
        older: last.map(|last| query.page(last.id)).unwrap_or_default(),
        newest: query.page(0),
        table: query.page(0).replacen("/audit", "/audit.csv", 1),
        actors: actors(&app).await?,
        platforms: names(&app),
        retention: u64::from(app.settings().audit_days),
        lines: entries.into_iter().map(|entry| Line::of(entry, &app, &there)).collect(),
        page,
        query,
        error,
    };
    Ok(View(log).into_response())
}

/// The sorts of actors, and those of them who are named.
async fn actors(app: &App) -> Result<Vec<(String, String)>, PageError> {
    let kinds = ActorKind::ALL.into_iter();
    let mut actors: Vec<_> =
        kinds.map(|kind| (kind.word().to_owned(), kind.label().to_owned())).collect();
    for (kind, name) in app.store().audit_actors().await? {
        let label = if kind == ActorKind::Token { format!("token {name}") } else { name.clone() };
        actors.push((format!("{}:{name}", kind.word()), label));
    }
    Ok(actors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_is_kept_from_page_to_page() {
        let wish = Wish {
            q: " a+b ".to_owned(),
            who: "token:ci".to_owned(),
            since: "7d".to_owned(),
            ..Wish::default()
        };
        assert_eq!(wish.page(40), "/audit?q=a%2Bb&who=token%3Aci&since=7d&before=40");
        assert_eq!(Wish::default().page(0), "/audit");
        let filter = wish.filter(1_000_000);
        assert_eq!(filter.since, Some(1_000_000 - 604_800));
        assert_eq!(
            (filter.actor_kind, filter.actor.as_deref()),
            (Some(ActorKind::Token), Some("ci"))
        );
        assert_eq!(filter.query.as_deref(), Some("a+b"));
    }

    #[test]
    fn what_nothing_can_match_is_told() {
        let who = |who: &str| Wish { who: who.to_owned(), ..Wish::default() }.error();
        assert_eq!((who(""), who("machine"), who("person:anna")), (None, None, None));
        assert!(who("robots").is_some());
        let what = |what: &str| Wish { what: what.to_owned(), ..Wish::default() }.error();
        assert_eq!((what(""), what("approved")), (None, None));
        assert!(what("offered").is_some(), "devices’ doings are events");
        let device = Wish { device: "attic".to_owned(), ..Wish::default() };
        assert!(device.error().is_some());
    }
}
