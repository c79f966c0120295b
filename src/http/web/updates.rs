//! How one device gets updates: its channel, its pin, its groups, or none at all.

use axum::extract::{Form, Path, State};
use axum::response::Response;

use super::device::find;
use super::error::PageError;
use super::foreseen::{Fields, asks_of_devices, value};
use super::page::{Actor, Flash, Page};
use crate::app::{App, PolicyChange, Shelf};
use crate::domain::device::Device;
use crate::domain::policy::Channel;

/// What a person decided about a device, as a chip in a list.
#[derive(Debug, Clone)]
pub(super) struct Label {
    pub(super) tone: &'static str,
    pub(super) icon: &'static str,
    pub(super) text: String,
}

/// What is out of the ordinary about how a device gets updates, and its groups.
pub(super) fn labels(device: &Device, shelf: &Shelf) -> Vec<Label> {
    let mut labels = Vec::new();
    let policy = device.policy;
    if policy.updates_off {
        labels.push(Label { tone: "warn", icon: "ban", text: "updates off".to_owned() });
    }
    if let Some(id) = policy.pinned {
        let version = version_of(shelf, id);
        let text = version.map_or_else(
            || "pinned to nothing".to_owned(),
            |(version, _)| format!("pinned to {version}"),
        );
        labels.push(Label { tone: "wait", icon: "lock", text });
    }
    if policy.channel == Channel::Beta {
        labels.push(Label { tone: "wait", icon: "leaf", text: "beta".to_owned() });
    }
    let groups = shelf.groups().iter().filter(|group| device.groups.contains(&group.id));
    let label = |name: String| Label { tone: "", icon: "platform", text: name };
    labels.extend(groups.map(|group| label(group.name.to_string())));
    labels
}

/// The version of a release, and whether it is published.
pub(super) fn version_of(shelf: &Shelf, release_id: i64) -> Option<(String, bool)> {
    let published = shelf.release(release_id).and_then(|files| files.images().first());
    let found = published.or_else(|| shelf.images().find(|release| release.id == release_id));
    found.map(|release| (release.version.to_string(), published.is_some()))
}

/// A release that a device or platform may be pinned to.
#[derive(Debug, Clone)]
pub(super) struct Pin {
    pub(super) id: i64,
    pub(super) title: String,
    pub(super) chosen: bool,
}

/// The published releases of a platform, highest first, and the one that is chosen even where it
/// is published no more.
pub(super) fn pins(shelf: &Shelf, platform_id: i64, chosen: Option<i64>) -> Vec<Pin> {
    let mut pins: Vec<Pin> = Vec::new();
    let published = shelf.platform_by_id(platform_id).map(|own| own.published.as_slice());
    for release in published.unwrap_or_default() {
        if pins.iter().any(|pin| pin.id == release.id) {
            continue;
        }
        let beta = if release.channel == Channel::Beta { " (beta)" } else { "" };
        let title = format!("{}{beta}", release.version);
        pins.push(Pin { id: release.id, title, chosen: chosen == Some(release.id) });
    }
    if let Some(id) = chosen.filter(|id| pins.iter().all(|pin| pin.id != *id)) {
        let version = version_of(shelf, id).map_or_else(|| "a deleted release".to_owned(), |v| v.0);
        pins.push(Pin { id, title: format!("{version} (withdrawn)"), chosen: true });
    }
    pins
}

/// The form on a device's page.
#[derive(Debug)]
pub(super) struct UpdatesForm {
    pub(super) channels: Vec<(&'static str, &'static str, &'static str, bool)>,
    pub(super) pins: Vec<Pin>,
    /// Whether it is pinned to what is no longer published.
    pub(super) pinned_to_nothing: bool,
    pub(super) off: bool,
    /// The groups it is in.
    pub(super) groups: Vec<String>,
    /// All others.
    pub(super) other_groups: Vec<String>,
    /// What its whole platform is pinned to; empty: to none.
    pub(super) platform_pin: String,
    /// When it is left alone; empty: never.
    pub(super) quiet: String,
    pub(super) labels: Vec<Label>,
}

impl UpdatesForm {
    pub(super) fn new(app: &App, device: &Device) -> Self {
        let shelf = app.shelf();
        let policy = device.policy;
        let platform = device.platform_id.and_then(|id| shelf.platform_by_id(id));
        let pin = platform.and_then(|own| own.platform.pinned);
        let pin = pin.filter(|_| policy.pinned.is_none()).and_then(|id| version_of(&shelf, id));
        let is_in = |id: i64| device.groups.contains(&id);
        let (own, others): (Vec<_>, Vec<_>) =
            shelf.groups().iter().partition(|group| is_in(group.id));
        let name = |group: &&crate::domain::group::Group| group.name.to_string();
        let quiet = shelf.quiet(platform.map(AsRef::as_ref), &device.groups);
        let quiet: Vec<String> = quiet.map(|hours| hours.to_string()).collect();
        Self {
            channels: channels(policy.channel),
            pins: device.platform_id.map_or_else(Vec::new, |id| pins(&shelf, id, policy.pinned)),
            pinned_to_nothing: policy.pinned.is_some_and(|id| shelf.release(id).is_none()),
            off: policy.updates_off,
            groups: own.iter().map(name).collect(),
            other_groups: others.iter().map(name).collect(),
            platform_pin: pin.map(|(version, _)| version).unwrap_or_default(),
            quiet: match quiet.as_slice() {
                [] => String::new(),
                hours => {
                    format!("{} ({})", hours.join(" and "), app.settings().time_zone.name())
                }
            },
            labels: labels(device, &shelf),
        }
    }
}

/// The channels: word, label, what it means, whether it is chosen.
fn channels(chosen: Channel) -> Vec<(&'static str, &'static str, &'static str, bool)> {
    let describe = |channel: Channel| match channel {
        Channel::Stable => ("Stable", "It gets the releases that are for every device."),
        Channel::Beta => ("Beta", "It gets beta releases too: it tries them before the others."),
    };
    let row = |channel: Channel| {
        let (label, hint) = describe(channel);
        (channel.word(), label, hint, channel == chosen)
    };
    Channel::ALL.into_iter().map(row).collect()
}

/// The number of the release that a form pins to; empty: none.
pub(super) fn read_pin(text: &str) -> Option<i64> {
    text.trim().parse().ok()
}

/// What the form asks for.
pub(super) fn wish(fields: &Fields) -> PolicyChange {
    let groups = fields.iter().filter(|(key, _)| key == "group" || key == "join");
    PolicyChange {
        channel: value(fields, "channel").and_then(Channel::read),
        pinned: value(fields, "pinned").map(read_pin),
        updates_off: Some(value(fields, "updates").is_none()),
        groups: Some(groups.map(|(_, name)| name.clone()).collect()),
        ..PolicyChange::default()
    }
}

/// `POST /devices/{mac}/updates`
pub(super) async fn save(
    State(app): State<App>,
    Actor(actor): Actor,
    page: Page,
    Path(mac): Path<String>,
    Form(fields): Form<Fields>,
) -> Result<Response, PageError> {
    let device = find(&app, &mac).await?;
    let (change, back) = (wish(&fields), format!("/devices/{}", device.mac.hex()));
    if value(&fields, "sure").is_none() {
        let action = format!("{back}/updates");
        let sent = ["channel", "pinned", "updates", "group", "join"];
        let fields = fields.iter().filter_map(|(key, value)| {
            Some((*sent.iter().find(|known| *known == key)?, value.clone()))
        });
        let devices = std::slice::from_ref(&device);
        let asks =
            asks_of_devices(&app, page, (devices, &change), (&action, &back), fields.collect());
        if let Some(asks) = asks.await? {
            return Ok(asks);
        }
    }
    app.change_policy(device.mac, &change, &actor).await?;
    let title = device.title();
    let text = format!("How {title} gets updates was saved; it holds from its next check-in on.");
    Ok(Flash::good(text).go(&back))
}
