//! Pairing: who may ask, and windows in which devices are approved at once.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::app::{App, PairingChange};
use crate::domain::Timestamp;
use crate::domain::pairing::{Pairing, Rule};
use crate::http::api::codes;
use crate::http::api::describe::{Example, MISSING, Operation, when};
use crate::http::api::extract::{Actor, Body};
use crate::http::api::problem::Problem;
use crate::http::api::words::{Given, Time, Word};

/// What becomes of a device that nobody knows. A platform’s open window wins, then its rule, then
/// the server’s window, then the server’s rule.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Pairing")]
pub(super) struct PairingView {
    /// While no window is open: it waits in the inbox, or it is refused and not recorded.
    rule: Word<Rule>,
    /// When the server’s window closes; null where it is not open.
    open_until: Option<Time>,
    /// How many devices asked while closed, since the start or the last change of the server’s
    /// rule; at most 1000 are told apart.
    turned_away: usize,
    /// Those with a rule or an open window of their own.
    platforms: Vec<OwnView>,
}

/// What a platform has of its own.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "OwnPairing")]
struct OwnView {
    /// The platform.
    platform: String,
    /// Its rule; null: as the server.
    rule: Option<Word<Rule>>,
    /// When its window closes; null where it is not open.
    open_until: Option<Time>,
}

fn open_until(pairing: &Pairing, now: Timestamp) -> Option<Time> {
    pairing.open_window(now).map(|window| Time(window.until))
}

impl Example for PairingView {
    fn example() -> Self {
        let own =
            OwnView { platform: "chase".to_owned(), rule: None, open_until: Some(Time::EXAMPLE) };
        let platforms = vec![own];
        Self { rule: Word(Rule::Ask), open_until: None, turned_away: 0, platforms }
    }
}

impl PairingView {
    fn of(app: &App) -> Self {
        let (shelf, now) = (app.shelf(), app.now());
        let server = shelf.pairings().of(None);
        let own = |platform: &crate::domain::platform::Platform| {
            let pairing = shelf.pairings().of(Some(platform.id));
            let (rule, open_until) = (pairing.rule.map(Word), open_until(&pairing, now));
            let own = rule.is_some() || open_until.is_some();
            own.then(|| OwnView { platform: platform.name.to_string(), rule, open_until })
        };
        Self {
            rule: Word(server.rule.unwrap_or_default()),
            open_until: open_until(&server, now),
            turned_away: app.turned_away().devices(),
            platforms: shelf.platforms().iter().filter_map(|entry| own(&entry.platform)).collect(),
        }
    }
}

pub(super) const SHOW: Operation =
    Operation::new("pairing", "getPairing", "Who may ask, and which pairing windows are open")
        .gives("As it is.");

/// `GET /api/v1/pairing`
pub(super) async fn show(State(app): State<App>) -> Json<PairingView> {
    Json(PairingView::of(&app))
}

/// A rule by its word; null: as the server.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(inline)]
struct RuleWord(#[schemars(with = "Option<Word<Rule>>")] Option<String>);

/// What is to be different; what is missing stays as it is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a JSON object")]
#[schemars(rename = "PairingChange")]
pub(super) struct Change {
    /// The platform; missing: the server.
    #[serde(default)]
    platform: Given<String>,
    /// Its rule; null: a platform does as the server. An open window closes.
    #[serde(default)]
    #[schemars(with = "Option<Word<Rule>>")]
    rule: Given<RuleWord>,
    /// For how long a window is open from now on; 0: it closes now.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1440))]
    minutes: Given<u32>,
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

pub(super) const CHANGE: Operation = Operation::new(
    "pairing",
    "changePairing",
    "Open or close a pairing window, or change who may ask",
)
.more(
    "Of a platform, or of the server where none is named. In an open window every new device that \
     asks for the platform is approved at once (`approved_via` is `pairing`).",
)
.takes(r#"{"platform": "chase", "minutes": 15}"#)
.gives("As it is now.")
.refuses(&[MISSING, when("A value cannot be used", &[codes::INVALID_VALUE])]);

/// `PATCH /api/v1/pairing`
pub(super) async fn change(
    State(app): State<App>,
    Actor(actor): Actor,
    Body(change): Body<Change>,
) -> Result<Json<PairingView>, Problem> {
    let Change { platform: Given(platform), rule: Given(rule), minutes: Given(minutes) } = change;
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
