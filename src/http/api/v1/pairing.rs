//! Pairing: who may ask, and windows in which devices are approved at once.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use crate::app::{App, PairingChange};
use crate::domain::Timestamp;
use crate::domain::pairing::{Pairing, Rule};
use crate::http::api::extract::{Actor, Body, present};
use crate::http::api::problem::Problem;
use crate::http::api::time;

/// Of the server, and of the platforms that have something of their own.
#[derive(Debug, Serialize)]
pub(super) struct PairingView {
    rule: &'static str,
    open_until: Option<String>,
    turned_away: usize,
    platforms: Vec<OwnView>,
}

/// Of a platform.
#[derive(Debug, Serialize)]
struct OwnView {
    platform: String,
    rule: Option<&'static str>,
    open_until: Option<String>,
}

fn open_until(pairing: &Pairing, now: Timestamp) -> Option<String> {
    pairing.open_window(now).map(|window| time::text(window.until))
}

impl PairingView {
    fn of(app: &App) -> Self {
        let (shelf, now) = (app.shelf(), app.now());
        let server = shelf.pairings().of(None);
        let own = |platform: &crate::domain::platform::Platform| {
            let pairing = shelf.pairings().of(Some(platform.id));
            let (rule, open_until) = (pairing.rule.map(Rule::word), open_until(&pairing, now));
            let own = rule.is_some() || open_until.is_some();
            own.then(|| OwnView { platform: platform.name.to_string(), rule, open_until })
        };
        Self {
            rule: server.rule.unwrap_or_default().word(),
            open_until: open_until(&server, now),
            turned_away: app.turned_away().devices(),
            platforms: shelf.platforms().iter().filter_map(|entry| own(&entry.platform)).collect(),
        }
    }
}

/// `GET /api/v1/pairing`
pub(super) async fn show(State(app): State<App>) -> Json<PairingView> {
    Json(PairingView::of(&app))
}

/// A rule by its word; null: as the server.
#[derive(Debug, Deserialize)]
struct RuleWord(Option<String>);

/// What is to be different.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a JSON object")]
pub(super) struct Change {
    #[serde(default, deserialize_with = "present")]
    platform: Option<String>,
    #[serde(default, deserialize_with = "present")]
    rule: Option<RuleWord>,
    #[serde(default, deserialize_with = "present")]
    minutes: Option<u32>,
}

fn read_rule(word: Option<String>, of_platform: bool) -> Result<Option<Rule>, Problem> {
    let expected = "“ask” or “closed”, or null for a platform that does as the server";
    match word {
        None if of_platform => Ok(None),
        None => Err(Problem::value("rule", "null", expected)),
        Some(word) => match Rule::read(&word) {
            Some(rule) => Ok(Some(rule)),
            None => Err(Problem::value("rule", &word, expected)),
        },
    }
}

/// `PATCH /api/v1/pairing`
pub(super) async fn change(
    State(app): State<App>,
    Actor(actor): Actor,
    Body(Change { platform, rule, minutes }): Body<Change>,
) -> Result<Json<PairingView>, Problem> {
    let platform = platform.as_deref();
    let rule = rule.map(|RuleWord(word)| read_rule(word, platform.is_some())).transpose()?;
    let changes = [
        rule.map(PairingChange::Rule),
        minutes.map(|minutes| match minutes {
            0 => PairingChange::Close,
            minutes => PairingChange::Open(minutes),
        }),
    ];
    for change in changes.into_iter().flatten() {
        app.change_pairing(platform, change, &actor).await?;
    }
    Ok(Json(PairingView::of(&app)))
}
