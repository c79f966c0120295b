//! Who may ask, and pairing windows: what pages show of them, and the forms.

use axum::extract::{Form, State};
use axum::response::Response;
use serde::Deserialize;

use super::error::{PageError, sentence};
use super::page::{Actor, Back, Flash};
use crate::app::{App, DeviceChange, PairingChange};
use crate::domain::Timestamp;
use crate::domain::device::Approval;
use crate::domain::mac::MacAddr;
use crate::domain::pairing::{Rule, span};
use crate::store::Paired;

/// For how long after its end a page shows whom a window let in, in seconds.
const REMEMBERED: i64 = 86_400;
/// Of those it let in, how many are listed.
const LISTED: u32 = 100;

/// A window that is open.
#[derive(Debug, Clone)]
pub struct OpenWindow {
    /// The platform whose it is; empty: the server's.
    pub platform: String,
    /// When it closes.
    pub until: Timestamp,
    /// How many devices it has let in.
    pub approved: u64,
}

/// What a page shows of pairing: of the server, or of one platform.
#[derive(Debug, Clone)]
pub struct PairingView {
    /// The platform; empty: the server.
    pub platform: String,
    /// The word of its own rule; empty: as the server.
    pub rule: &'static str,
    /// The word of the server's rule.
    pub server_rule: &'static str,
    /// The windows that are open and matter here.
    pub open: Vec<OpenWindow>,
    /// Platforms that are closed by a rule of their own.
    pub closed: Vec<String>,
    /// Whom windows let in lately, the latest first.
    pub paired: Vec<Paired>,
    /// How many those are in all.
    pub all_paired: u64,
}

impl PairingView {
    /// Of the server, with the windows of all platforms; or of one platform.
    pub(super) async fn of(
        app: &App,
        platform: Option<(i64, &str)>,
        now: Timestamp,
    ) -> Result<Self, PageError> {
        let shelf = app.shelf();
        let pairings = shelf.pairings();
        let name = |id: Option<i64>| {
            let entry = id.and_then(|id| shelf.platform_by_id(id));
            entry.map(|entry| entry.platform.name.to_string()).unwrap_or_default()
        };
        let (id, own) = (platform.map(|(id, _)| id), platform.map(|(id, _)| pairings.of(Some(id))));
        let word = |rule: Option<Rule>| rule.unwrap_or_default().word();
        // On a platform's page its own window matters, and the server's where it has no say.
        let matters = |of: Option<i64>| {
            let silent = own.is_some_and(|own| own.rule.is_none());
            id.is_none() || of == id || (of.is_none() && silent)
        };
        let (mut open, mut since) = (Vec::new(), None);
        for (of, window) in pairings.windows().filter(|(of, _)| matters(*of)) {
            if now - window.until < REMEMBERED {
                // Of those that are over, only the latest.
                since = since.max(Some(window.opened_at));
            }
            if window.is_open(now) {
                let (_, approved) =
                    app.store().paired_since(of.or(id), window.opened_at, 1).await?;
                open.push(OpenWindow { platform: name(of), until: window.until, approved });
            }
        }
        open.sort_by(|a, b| a.platform.cmp(&b.platform));
        // Of windows that are open side by side, the earlier one shows all.
        let opened = pairings.windows().filter(|(of, window)| matters(*of) && window.is_open(now));
        let since = opened.map(|(_, window)| window.opened_at).min().or(since);
        let (paired, all_paired) = match since {
            Some(since) => app.store().paired_since(id, since, LISTED).await?,
            None => (Vec::new(), 0),
        };
        let mut closed = Vec::new();
        if id.is_none() {
            for platform in shelf.platforms().iter().map(|entry| &entry.platform) {
                if pairings.of(Some(platform.id)).rule == Some(Rule::Closed) {
                    closed.push(platform.name.to_string());
                }
            }
        }
        Ok(Self {
            platform: platform.map(|(_, name)| name.to_owned()).unwrap_or_default(),
            rule: match own {
                None => word(pairings.of(None).rule),
                Some(own) => own.rule.map(Rule::word).unwrap_or_default(),
            },
            server_rule: word(pairings.of(None).rule),
            open,
            closed,
            paired,
            all_paired,
        })
    }

    /// Whether this is about a platform.
    #[must_use]
    pub fn is_of_platform(&self) -> bool {
        !self.platform.is_empty()
    }

    /// Whether devices that nobody knows are refused here and not recorded.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        let rule = if self.rule.is_empty() { self.server_rule } else { self.rule };
        self.open.is_empty() && rule == Rule::Closed.word()
    }
}

/// A change of pairing.
#[derive(Debug, Deserialize)]
pub(super) struct Sent {
    /// Of this platform; empty: of the server.
    #[serde(default)]
    platform: String,
    /// `open`, `close` or `rule`.
    #[serde(default)]
    change: String,
    #[serde(default)]
    minutes: String,
    /// `ask`, `closed`, or empty: as the server.
    #[serde(default)]
    rule: String,
}

impl Sent {
    fn change(&self) -> Result<PairingChange, String> {
        match self.change.as_str() {
            "close" => Ok(PairingChange::Close),
            "open" => self
                .minutes
                .trim()
                .parse()
                .map(PairingChange::Open)
                .map_err(|_| format!("“{}” is no number of minutes.", self.minutes.trim())),
            "rule" if self.rule.is_empty() && !self.platform.is_empty() => {
                Ok(PairingChange::Rule(None))
            }
            "rule" => match Rule::read(&self.rule) {
                Some(rule) => Ok(PairingChange::Rule(Some(rule))),
                None => Err("Choose who may ask.".to_owned()),
            },
            _ => Err("Choose what to change.".to_owned()),
        }
    }
}

/// `POST /pairing`
pub(super) async fn change(
    State(app): State<App>,
    Actor(actor): Actor,
    back: Back,
    Form(sent): Form<Sent>,
) -> Result<Response, PageError> {
    let back = back.or("/inbox");
    let change = match sent.change() {
        Ok(change) => change,
        Err(text) => return Ok(Flash::bad(text).go(&back)),
    };
    let platform = Some(sent.platform.as_str()).filter(|name| !name.is_empty());
    let pairing = match app.change_pairing(platform, change, &actor).await {
        Ok(pairing) => pairing,
        Err(error) if error.is_internal() => return Err(error.into()),
        Err(error) => return Ok(Flash::bad(sentence(&error.to_string())).go(&back)),
    };
    let whose = platform.unwrap_or("this server");
    let text = match (change, pairing.window) {
        (PairingChange::Open(_), Some(window)) => {
            let span = span(window.until - app.now());
            format!("Open for {span}: who asks for {whose} meanwhile is approved at once.")
        }
        (PairingChange::Rule(rule), _) => match rule {
            Some(Rule::Closed) => format!("New devices of {whose} are refused from now on."),
            Some(Rule::Ask) => format!("New devices of {whose} wait in the inbox."),
            None => format!("{whose} does with new devices as the server does."),
        },
        _ => format!("The pairing window of {whose} is closed."),
    };
    Ok(Flash::good(sentence(&text)).go(&back))
}

/// A device that a window let in, and that is to wait again.
#[derive(Debug, Deserialize)]
pub(super) struct Undo {
    #[serde(default)]
    mac: String,
}

/// `POST /pairing/undo`
pub(super) async fn undo(
    State(app): State<App>,
    Actor(actor): Actor,
    back: Back,
    Form(undo): Form<Undo>,
) -> Result<Response, PageError> {
    let mac: MacAddr = undo.mac.parse().map_err(|_| PageError::not_found("device"))?;
    let device = app.store().device(mac).await?;
    let device = device.ok_or_else(|| PageError::not_found("device"))?;
    if device.approval != Approval::Approved {
        let text = format!("{} is {} already.", device.title(), device.approval.word());
        return Ok(Flash::warn(text).go(&back.or("/inbox")));
    }
    let change = DeviceChange { approval: Some(Approval::Pending), ..DeviceChange::default() };
    let device = app.change_device(mac, &change, &actor).await?;
    let text = format!("{} waits for approval again; this window lets it wait.", device.title());
    Ok(Flash::good(text).go(&back.or("/inbox")))
}
