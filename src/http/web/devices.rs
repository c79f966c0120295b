//! Devices: the list, and adding them by address.

use askama::Template;
use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::address::Address;
use super::error::{PageError, sentence};
use super::page::{Actor, Flash, Page, View};
use super::platforms::names;
use super::query::QueryString;
use super::runs::{RunsView, chip_of};
use super::updates::{Label, labels};
use crate::app::{App, Error, NewApproval, Shelf};
use crate::domain::actor;
use crate::domain::device::{Approval, Device};
use crate::domain::mac::MacAddr;
use crate::domain::policy::Channel;
use crate::domain::rhythm::Presence;
use crate::http::view::{filters, words};
use crate::store::{DeviceFilter, DeviceSort};

const SHOWN: u32 = 50;
/// Lines that are taken at once.
const LINES: usize = 1_000;

/// The orders of the list: word, label.
const SORTS: [(&str, &str); 5] = [
    ("seen", "last check-in"),
    ("name", "name"),
    ("platform", "platform"),
    ("version", "version"),
    ("mac", "MAC address"),
];

/// What the list is narrowed to.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wish {
    q: String,
    platform: String,
    approval: String,
    outcome: String,
    presence: String,
    group: String,
    channel: String,
    sort: String,
    offset: u32,
    fragment: String,
}

impl Wish {
    fn is_platform(&self, name: &str) -> bool {
        self.platform.eq_ignore_ascii_case(name)
    }

    fn is_group(&self, name: &str) -> bool {
        self.group.trim().to_lowercase() == name.to_lowercase()
    }

    fn is_narrowed(&self) -> bool {
        let words = [&self.q, &self.platform, &self.approval, &self.outcome, &self.group];
        let words = words.into_iter().chain([&self.channel, &self.presence]);
        words.into_iter().any(|word| !word.trim().is_empty())
    }

    fn filter(&self, app: &App) -> DeviceFilter {
        let some = |text: &String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let shelf = app.shelf();
        let platform = some(&self.platform);
        DeviceFilter {
            query: some(&self.q),
            // A platform that does not exist has no devices.
            platform_id: platform
                .map(|name| shelf.platform(&name).map_or(-1, |entry| entry.platform.id)),
            approval: Approval::read(&self.approval),
            outcome: some(&self.outcome),
            presence: Presence::read(&self.presence).map(|wanted| app.presence(wanted)),
            // Nobody is in a group that does not exist.
            group: some(&self.group)
                .map(|name| app.group_named(&name).map_or(-1, |group| group.id)),
            channel: Channel::read(&self.channel),
            after: None,
            sort: DeviceSort::read(&self.sort).unwrap_or(DeviceSort::Seen),
            limit: SHOWN + 1,
            offset: self.offset,
        }
    }

    /// The same list from another device on.
    fn page(&self, offset: u32) -> String {
        let mut query = QueryString::new("/devices");
        query.add("q", self.q.trim()).add("platform", &self.platform);
        query.add("approval", &self.approval).add("outcome", &self.outcome);
        query.add("presence", &self.presence);
        query.add("group", &self.group).add("channel", &self.channel);
        query.add("sort", &self.sort);
        if offset > 0 {
            query.add("offset", &offset.to_string());
        }
        query.finish()
    }
}

#[derive(Debug, Template)]
#[template(path = "devices/list.html", blocks = ["rows"])]
struct List {
    page: Page,
    query: Wish,
    platforms: Vec<String>,
    /// The names of all groups.
    groups: Vec<String>,
    total: u64,
    devices: Vec<Row>,
    first: u32,
    earlier: String,
    later: String,
    address: Address,
}

/// A device with what it runs.
#[derive(Debug)]
struct Row {
    device: Device,
    runs: RunsView,
    chip: String,
    /// What is the matter because of when it asks.
    presence: Vec<Presence>,
    labels: Vec<Label>,
}

impl Row {
    fn new(device: Device, app: &App, shelf: &Shelf, page: &Page) -> Self {
        let runs = RunsView::of(&device, shelf, page);
        let presence = app.presence_of(device.mac);
        Self { chip: chip_of(&device), presence, labels: labels(&device, shelf), runs, device }
    }

    /// The platform that a device without one named.
    fn asked_for(&self) -> Option<&str> {
        self.device.report.as_ref()?.dev.as_deref()
    }
}

/// `GET /devices`
pub(super) async fn list(
    State(app): State<App>,
    page: Page,
    Query(query): Query<Wish>,
) -> Result<Response, PageError> {
    let mut devices = app.store().devices(&query.filter(&app)).await?;
    let more = devices.len() > SHOWN as usize;
    devices.truncate(SHOWN as usize);
    let counts = app.store().count_devices().await?;
    let before = query.offset > 0;
    let shelf = app.shelf();
    let row = |device: Device| Row::new(device, &app, &shelf, &page);
    let devices = devices.into_iter().map(row).collect();
    let list = List {
        platforms: names(&app),
        groups: shelf.groups().iter().map(|group| group.name.to_string()).collect(),
        total: counts.iter().map(|(_, count)| count).sum(),
        first: query.offset + 1,
        earlier: if before {
            query.page(query.offset.saturating_sub(SHOWN))
        } else {
            String::new()
        },
        later: if more { query.page(query.offset + SHOWN) } else { String::new() },
        address: Address::of(&app, &page),
        page,
        query,
        devices,
    };
    if list.query.fragment == "rows" {
        return Ok(View(list.as_rows()).into_response());
    }
    Ok(View(list).into_response())
}

#[derive(Debug, Template)]
#[template(path = "devices/add.html")]
struct Add {
    page: Page,
    platforms: Vec<String>,
    platform: String,
    typed: String,
    added: usize,
    refused: Vec<Refused>,
}

/// A line that was not taken.
#[derive(Debug)]
struct Refused {
    text: String,
    reason: String,
    /// The address where the device may be moved, else empty.
    mac: String,
}

impl Add {
    fn is_platform(&self, name: &str) -> bool {
        self.platform.eq_ignore_ascii_case(name)
    }

    /// Whether a platform is chosen already.
    fn is_settled(&self) -> bool {
        self.platforms.iter().any(|name| self.is_platform(name))
    }
}

/// Which platform a link proposes.
#[derive(Debug, Deserialize)]
pub(super) struct For {
    #[serde(default)]
    platform: String,
}

/// `GET /devices/add`
pub(super) async fn add_form(
    State(app): State<App>,
    page: Page,
    Query(wish): Query<For>,
) -> Response {
    let (platforms, mut platform) = (names(&app), wish.platform);
    if let ([only], true) = (platforms.as_slice(), platform.is_empty()) {
        platform.clone_from(only);
    }
    let (typed, refused) = (String::new(), Vec::new());
    View(Add { page, platforms, platform, typed, added: 0, refused }).into_response()
}

/// What the form sends.
#[derive(Debug, Deserialize)]
pub(super) struct Sent {
    platform: String,
    devices: String,
}

/// `POST /devices/add`
pub(super) async fn add(
    State(app): State<App>,
    Actor(actor): Actor,
    page: Page,
    Form(sent): Form<Sent>,
) -> Result<Response, PageError> {
    let Sent { platform, devices } = sent;
    let (mut added, mut refused) = (Vec::new(), Vec::new());
    for line in devices.lines().map(str::trim).filter(|line| !line.is_empty()).take(LINES) {
        match whitelist(&app, &platform, line, &actor).await {
            Ok(mac) => added.push(mac),
            Err(error) if error.is_internal() => return Err(error.into()),
            Err(error) => refused.push(Refused::new(line, &error)),
        }
    }
    if refused.is_empty() {
        return Ok(match added.as_slice() {
            [] => Flash::bad("No MAC address was typed.").go("/devices/add"),
            [mac] => Flash::good(format!("{mac} is approved for {platform}."))
                .go(&format!("/devices/{}", mac.hex())),
            many => Flash::good(format!("{} devices are approved for {platform}.", many.len()))
                .go(&format!("/platforms/{platform}")),
        });
    }
    let typed = refused.iter().map(|line| line.text.as_str()).collect::<Vec<_>>().join("\n");
    let added = added.len();
    let form = Add { page, platforms: names(&app), platform, typed, added, refused };
    Ok((StatusCode::UNPROCESSABLE_ENTITY, View(form)).into_response())
}

async fn whitelist(
    app: &App,
    platform: &str,
    line: &str,
    actor: &actor::Actor,
) -> Result<MacAddr, Error> {
    let (mac, name) = split(line);
    let new = NewApproval { mac, name, take_over: false, via: "typed" };
    Ok(app.whitelist(platform, &new, actor).await?.0)
}

/// A line as address and name: the address in any notation, spaces included.
fn split(line: &str) -> (String, String) {
    if line.parse::<MacAddr>().is_ok() {
        return (line.to_owned(), String::new());
    }
    let words: Vec<&str> = line.split([' ', '\t', ',', ';']).collect();
    for taken in [1, 6] {
        let Some((head, rest)) = words.split_at_checked(taken) else {
            break;
        };
        let mac = head.join(" ");
        if mac.parse::<MacAddr>().is_ok() {
            let separator = |c: char| c.is_whitespace() || matches!(c, ',' | ';' | '=' | '-');
            let name = rest.join(" ");
            return (mac, name.trim_matches(separator).to_owned());
        }
    }
    let first = words.first().copied().unwrap_or(line);
    (first.to_owned(), String::new())
}

impl Refused {
    fn new(line: &str, error: &Error) -> Self {
        let movable = match error {
            Error::AlreadyApproved { mac, same: false, .. } => mac.hex(),
            _ => String::new(),
        };
        Self { text: line.to_owned(), reason: sentence(&error.to_string()), mac: movable }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_an_address_and_perhaps_a_name() {
        for (line, mac, name) in [
            ("5c:cf:7f:1c:a1:a5", "5c:cf:7f:1c:a1:a5", ""),
            ("5c:cf:7f:1c:a1:a5 Greenhouse", "5c:cf:7f:1c:a1:a5", "Greenhouse"),
            ("5C-CF-7F-1C-A1-A6, Attic left", "5C-CF-7F-1C-A1-A6", "Attic left"),
            ("5ccf7f1ca1a7;Pump", "5ccf7f1ca1a7", "Pump"),
            ("5ccf7f1ca1a7\tPump – old", "5ccf7f1ca1a7", "Pump – old"),
            ("nonsense here", "nonsense", ""),
        ] {
            assert_eq!(split(line), (mac.to_owned(), name.to_owned()), "{line}");
        }
    }

    #[test]
    fn links_keep_the_filter() {
        let wish = Wish { q: "a b".to_owned(), sort: "name".to_owned(), ..Wish::default() };
        assert_eq!(wish.page(50), "/devices?q=a%20b&sort=name&offset=50");
        assert!(wish.is_narrowed());
        assert!(!Wish { sort: "name".to_owned(), ..Wish::default() }.is_narrowed());
    }
}
