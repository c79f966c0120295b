//! The inbox: devices that asked and wait for a person's word.

use askama::Template;
use axum::extract::{Form, Query, State};
use axum::response::{IntoResponse, Response};

use super::device_forms;
use super::error::{PageError, sentence};
use super::page::{Actor, Flash, Page, View};
use super::pairing::PairingView;
use super::platforms::names;
use super::runs::chip_of;
use crate::app::{App, Crowd, DeviceChange, Shelf, TurnedAway};
use crate::domain::actor;
use crate::domain::device::{Approval, Device};
use crate::domain::mac::MacAddr;
use crate::domain::names::PlatformName;
use crate::http::view::filters;
use crate::store::{Addresses, DeviceFilter, DeviceSort};
use serde::Deserialize;

/// What a device that waits is most likely approved for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Suggestion {
    /// A platform that exists.
    Existing(String),
    /// A platform that is to be created first.
    Create(String),
    /// Nothing points to one.
    Choose,
}

impl Suggestion {
    /// Whether its platform is to be created first.
    #[must_use]
    pub const fn is_create(&self) -> bool {
        matches!(self, Self::Create(_))
    }

    /// Whether one click is enough.
    #[must_use]
    pub const fn is_existing(&self) -> bool {
        matches!(self, Self::Existing(_))
    }
}

/// A device that waits for a person's word.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// The device.
    pub device: Device,
    /// What it is most likely approved for.
    pub suggestion: Suggestion,
    recognised: Option<String>,
    addresses: Option<Addresses>,
}

impl Waiting {
    /// Reads a suggestion out of what the device said: the platform it named, else the platform
    /// whose image it runs.
    #[must_use]
    pub fn new(device: Device, shelf: &Shelf) -> Self {
        let report = device.report.as_ref();
        let running = report.and_then(|report| shelf.running(report));
        let running = running.map(|running| &running.release);
        let own = running.and_then(|release| shelf.platform_by_id(release.platform_id));
        let own = own.map(|own| own.platform.name.to_string());
        let recognised = running
            .zip(own.as_ref())
            .map(|(release, platform)| format!("{platform} {}", release.version));
        let asked = report.and_then(|report| report.dev.as_deref());
        let suggestion = match asked {
            Some(dev) => match (shelf.platform(dev), dev.parse::<PlatformName>()) {
                (Some(known), _) => Suggestion::Existing(known.platform.name.to_string()),
                (None, Ok(name)) => Suggestion::Create(name.to_string()),
                (None, Err(_)) => Suggestion::Choose,
            },
            None => own.map_or(Suggestion::Choose, Suggestion::Existing),
        };
        Self { device, suggestion, recognised, addresses: None }
    }

    /// What it said, in a line: "ESP8266, asked for chase, runs v1.0.0".
    #[must_use]
    pub fn said(&self) -> String {
        let Some(report) = &self.device.report else {
            return "It has not said anything yet".to_owned();
        };
        let mut parts = vec![chip_of(&self.device)];
        match report.dev.as_deref() {
            Some(dev) => parts.push(format!("asked for {dev}")),
            None => parts.push("named no platform".to_owned()),
        }
        match report.version.as_deref() {
            Some(version) => parts.push(format!("runs {version}")),
            None => parts.push("sent no version".to_owned()),
        }
        if let Some(recognised) = &self.recognised {
            parts.push(format!("this is our {recognised}"));
        }
        if let Some(free) = report.free_space {
            parts.push(format!("{} free", filters::bytes(&u64::from(free))));
        }
        parts.join(", ")
    }

    /// Where it asked from before, where that is known: " (before: 10.0.0.7; changed 3 times)".
    #[must_use]
    pub fn moved(&self) -> String {
        let Some(addresses) = &self.addresses else { return String::new() };
        let changes = filters::count(&addresses.changes, "once", "times");
        let changes = changes.strip_prefix("1 ").unwrap_or(&changes).to_owned();
        let before = addresses.before.map(|before| format!("before from {before}; "));
        format!(" ({}its address changed {changes})", before.unwrap_or_default())
    }
}

/// The devices that wait, latest first.
pub(super) async fn waiting(app: &App, limit: u32) -> Result<Vec<Waiting>, PageError> {
    let filter = DeviceFilter {
        approval: Some(Approval::Pending),
        sort: DeviceSort::Seen,
        limit,
        ..DeviceFilter::default()
    };
    let shelf = app.shelf();
    let devices = app.store().devices(&filter).await?;
    Ok(devices.into_iter().map(|device| Waiting::new(device, &shelf)).collect())
}

/// Devices that are listed at once.
const LISTED: u32 = 200;

#[derive(Debug, Template)]
#[template(path = "inbox.html", blocks = ["live"])]
struct Inbox {
    page: Page,
    waiting: Vec<Waiting>,
    platforms: Vec<String>,
    pairing: PairingView,
    turned_away: TurnedAway,
    crowds: Vec<Crowd>,
    /// How many devices are kept at most.
    places: u64,
    /// Whether all boxes are ticked.
    all: bool,
    /// What was done with several devices, where some of them failed.
    done: String,
    /// Those that failed, with the reason.
    undone: Vec<(MacAddr, String)>,
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// "3 further requests were".
fn refused(crowd: &Crowd) -> String {
    filters::count(&u64::from(crowd.refused), "further request was", "further requests were")
}

impl Inbox {
    async fn of(app: &App, page: Page) -> Result<Self, PageError> {
        let mut waiting = waiting(app, LISTED).await?;
        let mut addresses = app.store().addresses_of_pending().await?;
        for item in &mut waiting {
            item.addresses = addresses.remove(&item.device.id);
        }
        Ok(Self {
            waiting,
            platforms: names(app),
            pairing: PairingView::of(app, None, page.now).await?,
            turned_away: app.turned_away(),
            crowds: app.crowds(),
            places: u64::from(app.settings().pending_limit),
            all: false,
            done: String::new(),
            undone: Vec::new(),
            page,
        })
    }

    /// "3 unknown devices".
    fn strangers(&self) -> String {
        let devices = number(self.turned_away.devices());
        filters::count(&devices, "unknown device", "unknown devices")
    }

    fn is_full(&self) -> bool {
        self.page.pending >= self.places
    }

    fn is_cut(&self) -> bool {
        self.page.pending > number(self.waiting.len())
    }
}

/// Which part of the page is asked for, and whether all boxes are ticked.
#[derive(Debug, Deserialize)]
pub(super) struct Wish {
    fragment: Option<String>,
    #[serde(default)]
    all: String,
}

/// `GET /inbox`
pub(super) async fn show(
    State(app): State<App>,
    page: Page,
    Query(wish): Query<Wish>,
) -> Result<Response, PageError> {
    let inbox = Inbox { all: !wish.all.is_empty(), ..Inbox::of(&app, page).await? };
    if wish.fragment.as_deref() == Some("live") {
        return Ok(View(inbox.as_live()).into_response());
    }
    Ok(View(inbox).into_response())
}

/// What is to be done with several devices.
#[derive(Debug, Clone, Copy)]
enum Deed<'a> {
    /// Each for what it asks; `create`: whatever platforms that takes.
    ApproveEach {
        create: bool,
    },
    ApproveFor(&'a str),
    Aside(Approval),
}

impl<'a> Deed<'a> {
    fn read(action: &str, platform: &'a str) -> Option<Self> {
        match (action, platform) {
            ("approve", "") => Some(Self::ApproveEach { create: false }),
            ("approve", "*") => Some(Self::ApproveEach { create: true }),
            ("approve", name) => Some(Self::ApproveFor(name)),
            ("ignore", _) => Some(Self::Aside(Approval::Ignored)),
            ("block", _) => Some(Self::Aside(Approval::Blocked)),
            _ => None,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::ApproveEach { .. } | Self::ApproveFor(_) => "approved",
            Self::Aside(approval) => approval.word(),
        }
    }

    /// Does it with one device; the inner error is a sentence why not.
    async fn done_to(
        self,
        app: &App,
        device: Device,
        actor: &actor::Actor,
    ) -> Result<Result<(), String>, PageError> {
        let mac = device.mac;
        if device.approval != Approval::Pending {
            let word = device.approval.word();
            return Ok(Err(format!("it does not wait any more, it is {word}.")));
        }
        let suggestion = Waiting::new(device, &app.shelf()).suggestion;
        let done = match (self, &suggestion) {
            (Self::ApproveFor(name), _) => {
                device_forms::approve_for(app, mac, name, false, actor).await
            }
            (Self::ApproveEach { .. }, Suggestion::Existing(name)) => {
                device_forms::approve_for(app, mac, name, false, actor).await
            }
            (Self::ApproveEach { create: true }, Suggestion::Create(name)) => {
                device_forms::approve_for(app, mac, name, true, actor).await
            }
            (Self::ApproveEach { .. }, Suggestion::Create(name)) => {
                return Ok(Err(format!("it asks for {name}, which does not exist.")));
            }
            (Self::ApproveEach { .. }, Suggestion::Choose) => {
                return Ok(Err("nothing tells its platform: choose one.".to_owned()));
            }
            (Self::Aside(approval), _) => {
                let change = DeviceChange { approval: Some(approval), ..DeviceChange::default() };
                app.change_device(mac, &change, actor).await
            }
        };
        match done {
            Ok(_) => Ok(Ok(())),
            Err(error) if error.is_internal() => Err(error.into()),
            Err(error) => Ok(Err(sentence(&error.to_string()))),
        }
    }
}

/// `POST /inbox`: the boxes that were ticked, an action, and perhaps one platform for all.
pub(super) async fn several(
    State(app): State<App>,
    Actor(actor): Actor,
    page: Page,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, PageError> {
    let value = |name: &str| {
        let field = fields.iter().find(|(key, _)| key == name);
        field.map(|(_, value)| value.as_str()).unwrap_or_default()
    };
    let Some(deed) = Deed::read(value("action"), value("platform")) else {
        return Ok(Flash::bad("Nothing was chosen to be done.").go("/inbox"));
    };
    let macs = fields.iter().filter(|(key, _)| key == "mac");
    let (mut done, mut undone) = (0, Vec::new());
    for mac in macs.filter_map(|(_, mac)| mac.parse::<MacAddr>().ok()) {
        let Some(device) = app.store().device(mac).await? else {
            undone.push((mac, "it is not known any more.".to_owned()));
            continue;
        };
        match deed.done_to(&app, device, &actor).await? {
            Ok(()) => done += 1,
            Err(why) => undone.push((mac, why)),
        }
    }
    let text = outcome(deed.word(), done, number(undone.len()));
    if undone.is_empty() {
        let flash = if done == 0 { Flash::bad(text) } else { Flash::good(text) };
        return Ok(flash.go("/inbox"));
    }
    let counts = app.store().count_devices().await?;
    let pending = counts.iter().find(|(approval, _)| *approval == Approval::Pending);
    let page = Page { pending: pending.map_or(0, |(_, count)| *count), ..page };
    let inbox = Inbox { done: text, undone, ..Inbox::of(&app, page).await? };
    Ok(View(inbox).into_response())
}

fn outcome(word: &str, done: u64, undone: u64) -> String {
    let did = match done {
        0 if undone == 0 => return "No device was chosen: tick the boxes first.".to_owned(),
        0 => format!("No device was {word}."),
        _ => format!("{} {word}.", filters::count(&done, "device was", "devices were")),
    };
    match undone {
        0 => did,
        _ => format!("{did} {}:", filters::count(&undone, "was not", "were not")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_skipped_is_said() {
        assert_eq!(outcome("approved", 2, 0), "2 devices were approved.");
        assert_eq!(outcome("approved", 1, 2), "1 device was approved. 2 were not:");
        assert_eq!(outcome("ignored", 0, 1), "No device was ignored. 1 was not:");
        assert!(outcome("approved", 0, 0).contains("tick"));
    }

    #[test]
    fn a_deed_is_read() {
        assert!(matches!(Deed::read("approve", ""), Some(Deed::ApproveEach { create: false })));
        assert!(matches!(Deed::read("approve", "*"), Some(Deed::ApproveEach { create: true })));
        assert!(matches!(Deed::read("approve", "chase"), Some(Deed::ApproveFor("chase"))));
        assert!(matches!(Deed::read("block", ""), Some(Deed::Aside(Approval::Blocked))));
        assert!(Deed::read("", "").is_none());
    }
}
