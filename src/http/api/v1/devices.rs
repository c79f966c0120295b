//! Devices.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;

use super::device::{Approved, DeviceView};
use crate::app::{App, DeviceChange, Error, NewApproval, PolicyChange, Whitelisted};
use crate::domain::chip::Chip;
use crate::domain::device::{Approval, Device};
use crate::domain::mac::MacAddr;
use crate::domain::policy::Channel;
use crate::domain::rhythm::Presence;
use crate::domain::version::FirmwareVersion;
use crate::http::api::codes;
use crate::http::api::describe::{Created, Done, MISSING, NO_MAC, Operation, when};
use crate::http::api::extract::{Actor, Body, Segment};
use crate::http::api::page::{List, Page, Paging};
use crate::http::api::problem::Problem;
use crate::http::api::words::{Given, Word};
use crate::store::DeviceFilter;

/// The words of a device's standing.
const APPROVALS: &str = "“pending”, “approved”, “ignored” or “blocked”";
/// The words of what may be the matter because of when a device asks.
const PRESENCES: &str = "“overdue”, “lost” or “restarting”";

/// The words of a channel.
pub(super) const CHANNELS: &str = "“stable” or “beta”";

/// Which devices a list shows.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    /// Only those whose address, name, version, platform or network address holds this text.
    q: Option<String>,
    /// Only those of this platform.
    platform: Option<String>,
    /// Only those with this standing.
    #[schemars(with = "Option<Word<Approval>>")]
    approval: Option<String>,
    /// Only those that should have asked long ago, that were not heard of since an update was
    /// offered to them, or that ask far more often than before their update.
    #[schemars(with = "Option<Word<Presence>>")]
    presence: Option<String>,
    /// Only those in this group, by its name.
    group: Option<String>,
    /// Only those that follow this channel.
    #[schemars(with = "Option<Word<Channel>>")]
    channel: Option<String>,
}

/// Which devices of a platform a list shows.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PlatformFilter {
    /// Only those whose address, name, version, platform or network address holds this text.
    q: Option<String>,
    /// Only those with this standing.
    #[schemars(with = "Option<Word<Approval>>")]
    approval: Option<String>,
    /// Only those that should have asked long ago, that were not heard of since an update was
    /// offered to them, or that ask far more often than before their update.
    #[schemars(with = "Option<Word<Presence>>")]
    presence: Option<String>,
    /// Only those in this group, by its name.
    group: Option<String>,
    /// Only those that follow this channel.
    #[schemars(with = "Option<Word<Channel>>")]
    channel: Option<String>,
}

pub(super) const LIST: Operation = Operation::new("devices", "listDevices", "List the devices")
    .gives("Devices, in the order they were recorded.")
    .refuses(&[when("There is no such platform or group", &[codes::NOT_FOUND])]);

/// `GET /api/v1/devices`
pub(super) async fn list(
    State(app): State<App>,
    List { filter, paging }: List<Filter>,
) -> Result<Page<DeviceView>, Problem> {
    page(&app, filter, paging).await
}

pub(super) const OF_PLATFORM: Operation =
    Operation::new("devices", "listPlatformDevices", "List the devices of a platform")
        .gives("Its devices, in the order they were recorded.")
        .refuses(&[when("There is no such platform or group", &[codes::NOT_FOUND])]);

/// `GET /api/v1/platforms/{name}/devices`
pub(super) async fn of_platform(
    State(app): State<App>,
    Segment(name): Segment<String>,
    List { filter, paging }: List<PlatformFilter>,
) -> Result<Page<DeviceView>, Problem> {
    let PlatformFilter { q, approval, presence, group, channel } = filter;
    let platform = Some(name);
    page(&app, Filter { q, platform, approval, presence, group, channel }, paging).await
}

async fn page(app: &App, filter: Filter, paging: Paging) -> Result<Page<DeviceView>, Problem> {
    let platform_id = |name: String| {
        let shelf = app.shelf();
        let found = shelf.platform(&name).map(|entry| entry.platform.id);
        found.ok_or_else(|| Problem::not_found("platform"))
    };
    let approval = |word: String| {
        let expected = || Problem::query(format!("approval is “{word}”; expected {APPROVALS}."));
        Approval::read(&word).ok_or_else(expected)
    };
    let presence = |word: String| {
        let expected = || Problem::query(format!("presence is “{word}”; expected {PRESENCES}."));
        Presence::read(&word).map(|wanted| app.presence(wanted)).ok_or_else(expected)
    };
    let group_id = |name: String| {
        let found = app.group_named(&name).map(|group| group.id);
        found.ok_or_else(|| Problem::not_found("group"))
    };
    let channel = |word: String| {
        let expected = || Problem::query(format!("channel is “{word}”; expected {CHANNELS}."));
        Channel::read(&word).ok_or_else(expected)
    };
    let filter = DeviceFilter {
        query: filter.q.filter(|text| !text.trim().is_empty()),
        platform_id: filter.platform.map(platform_id).transpose()?,
        approval: filter.approval.map(approval).transpose()?,
        presence: filter.presence.map(presence).transpose()?,
        group: filter.group.map(group_id).transpose()?,
        channel: filter.channel.map(channel).transpose()?,
        after: paging.after()?,
        limit: paging.rows(),
        ..DeviceFilter::default()
    };
    let devices = app.store().devices(&filter).await?;
    let page = paging.page(devices, |device| device.id.to_string());
    page.try_map(|device| DeviceView::of(app, device)).await
}

/// A device that is to be approved (“whitelisted”).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a JSON object")]
#[schemars(rename = "NewDevice")]
pub(super) struct New {
    /// Its MAC address in any notation.
    #[schemars(example = &"5C:CF:7F:1C:A1:A5", example = &"5ccf7f1ca1a5")]
    mac: String,
    /// What to call it.
    #[serde(default)]
    #[schemars(length(max = 60))]
    name: String,
    /// Whether to move it where it is approved for another platform.
    #[serde(default, rename = "move")]
    take_over: bool,
}

pub(super) const APPROVE: Operation =
    Operation::new("devices", "approveDevice", "Approve a device for a platform (“whitelist”)")
        .more("It need not have asked yet.")
        .takes(r#"{"mac": "5C:CF:7F:1C:A1:A5", "name": "Attic"}"#)
        .gives("It is approved: it is new, or was pending, ignored or blocked.")
        .refuses(&[
            MISSING,
            when(
                "It is approved already, for this platform or for another one: \
                 `already_approved`, with `platform`. Send `\"move\": true` to move it",
                &[codes::ALREADY_APPROVED],
            ),
            when("A value cannot be used", &[codes::INVALID_MAC, codes::INVALID_NAME]),
        ]);

/// `POST /api/v1/platforms/{name}/devices`
pub(super) async fn approve(
    State(app): State<App>,
    Actor(actor): Actor,
    Segment(platform): Segment<String>,
    Body(New { mac, name, take_over }): Body<New>,
) -> Result<Approved, Problem> {
    let new = NewApproval { mac, name, take_over, via: "api" };
    let (mac, became) = app.whitelist(&platform, &new, &actor).await?;
    let view = DeviceView::of(&app, find(&app, mac).await?).await?;
    let created = Created { location: format!("/api/v1/devices/{}", mac.hex()), body: view };
    Ok(match became {
        Whitelisted::Added | Whitelisted::Approved => Approved::Here(created),
        Whitelisted::Moved => Approved::Moved(created),
    })
}

/// The device at an address.
pub(super) async fn find(app: &App, mac: MacAddr) -> Result<Device, Problem> {
    app.store().device(mac).await?.ok_or_else(|| Problem::not_found("device"))
}

/// An address out of a path.
pub(super) fn read_mac(text: &str) -> Result<MacAddr, Problem> {
    Ok(text.parse().map_err(Error::Mac)?)
}

fn read_chip(word: &str) -> Result<Chip, Problem> {
    let expected = "a chip like “ESP32-C3”, or null";
    word.parse().map_err(|_| Problem::value("chip", word, expected))
}

pub(super) const SHOW: Operation = Operation::new("devices", "showDevice", "Show a device")
    .gives("The device.")
    .refuses(&[MISSING, NO_MAC]);

/// `GET /api/v1/devices/{mac}`
pub(super) async fn show(
    State(app): State<App>,
    Segment(mac): Segment<String>,
) -> Result<Json<DeviceView>, Problem> {
    let device = find(&app, read_mac(&mac)?).await?;
    Ok(Json(DeviceView::of(&app, device).await?))
}

/// A chip by its name; null: unknown again.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(inline)]
struct ChipWord(#[schemars(with = "Option<Word<Chip>>")] Option<String>);

/// A release that a device is pinned to: by its version, by its number, or none any more.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(untagged, expecting = "a version, the number of a release, or null")]
pub(super) enum Pin {
    /// Its version, as the sketch would say it.
    Version(String),
    /// Its number.
    Number(i64),
    /// None.
    None(()),
}

impl Pin {
    /// The number of the release, one that is published on this platform.
    pub(super) fn release(self, app: &App, platform: Option<&str>) -> Result<Option<i64>, Problem> {
        let text = match self {
            Self::None(()) => return Ok(None),
            Self::Number(id) => return Ok(Some(id)),
            Self::Version(text) => text,
        };
        let version = FirmwareVersion::read(text.trim());
        let shelf = app.shelf();
        let entry = platform.and_then(|name| shelf.platform(name));
        let mut published = entry.iter().flat_map(|entry| &entry.published);
        let found = published.find(|release| release.version == version);
        let expected = "the version or number of a published release of its platform, or null";
        found
            .map(|release| Some(release.id))
            .ok_or_else(|| Problem::value("pinned", &text, expected))
    }
}

pub(super) fn read_channel(word: &str) -> Result<Channel, Problem> {
    Channel::read(word).ok_or_else(|| Problem::value("channel", word, CHANNELS))
}

/// What is to be different; what is missing stays as it is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a JSON object")]
#[schemars(rename = "DeviceChange")]
pub(super) struct Change {
    /// What to call it; empty: by its address again.
    #[serde(default)]
    #[schemars(length(max = 60))]
    name: Given<String>,
    /// Its new standing. To be approved it needs a platform: the one given, its own, or the one it
    /// asked for.
    #[serde(default)]
    #[schemars(with = "Word<Approval>")]
    approval: Given<String>,
    /// The platform it is to belong to.
    #[serde(default)]
    platform: Given<String>,
    /// Its chip, one of its family; null: unknown again. What it runs settles it later.
    #[serde(default)]
    #[schemars(with = "Option<Word<Chip>>")]
    chip: Given<ChipWord>,
    /// Whether its program checks signatures: then it gets signed images only.
    #[serde(default)]
    verifies: Given<bool>,
    /// Which releases it follows.
    #[serde(default)]
    #[schemars(with = "Word<Channel>")]
    channel: Given<String>,
    /// The published release of its platform, by version or number, that it gets, and no other;
    /// null: none.
    #[serde(default)]
    #[schemars(example = &"v1.1.0", example = 7, example = ())]
    pinned: Given<Pin>,
    /// Whether it gets updates at all.
    #[serde(default)]
    updates: Given<bool>,
    /// The groups it is in, by name; those that do not exist are made.
    #[serde(default)]
    #[schemars(example = ["Ground floor", "Lights"])]
    groups: Given<Vec<String>>,
    /// Lifts all its holds: its release is offered again.
    #[serde(default)]
    try_again: bool,
    /// The number of a release that is held back from it, until `try_again`.
    #[serde(default)]
    hold: Given<i64>,
}

pub(super) const CHANGE: Operation = Operation::new(
    "devices",
    "changeDevice",
    "Name, approve, set aside or move a device, say what it is and what it gets, or lift its hold",
)
.takes(r#"{"name": "Attic", "channel": "beta", "groups": ["Ground floor"]}"#)
.gives("As it is now.")
.refuses(&[
    when("There is no such device, platform or release", &[codes::NOT_FOUND]),
    when(
        "It cannot be pinned to this release, which is none that is published on its platform",
        &[codes::WRONG_STATE],
    ),
    when(
        "A value cannot be used",
        &[codes::INVALID_MAC, codes::INVALID_NAME, codes::INVALID_VALUE, codes::NO_PLATFORM],
    ),
]);

/// `PATCH /api/v1/devices/{mac}`
pub(super) async fn change(
    State(app): State<App>,
    Actor(actor): Actor,
    Segment(mac): Segment<String>,
    Body(change): Body<Change>,
) -> Result<Json<DeviceView>, Problem> {
    let mac = read_mac(&mac)?;
    let Change { name, approval: Given(approval), platform: Given(platform), .. } = change;
    let Change { chip: Given(chip), verifies, try_again, hold, .. } = change;
    let Change { channel, pinned: Given(pinned), updates, groups, .. } = change;
    let device = find(&app, mac).await?;
    // A pin is to a release of the platform that it will have.
    let own = platform.as_deref().or(device.platform.as_deref());
    let policy = PolicyChange {
        channel: channel.0.as_deref().map(read_channel).transpose()?,
        pinned: pinned.map(|pin| pin.release(&app, own)).transpose()?,
        updates_off: updates.0.map(|on| !on),
        groups: groups.0,
        ..PolicyChange::default()
    };
    let approval = approval.map(|word| {
        Approval::read(&word).ok_or_else(|| Problem::value("approval", &word, APPROVALS))
    });
    let approval = approval.transpose()?;
    if approval.is_some_and(|next| !device.approval.may_become(next)) {
        let text = "a pending device is approved, ignored or blocked, an approved one is blocked, \
                    and one that is ignored or blocked is approved";
        return Err(Error::State(text).into());
    }
    let chip = chip.map(|ChipWord(word)| word.as_deref().map(read_chip).transpose()).transpose()?;
    let change = DeviceChange { name: name.0, approval, platform, chip, verifies: verifies.0 };
    app.change_device(mac, &change, &actor).await?;
    app.change_policy(mac, &policy, &actor).await?;
    if try_again {
        app.try_again(mac, &actor).await?;
    }
    if let Given(Some(release)) = hold {
        app.hold(mac, release, &actor).await?;
    }
    Ok(Json(DeviceView::of(&app, find(&app, mac).await?).await?))
}

pub(super) const DELETE: Operation =
    Operation::new("devices", "removeDevice", "Remove a device with its history")
        .more("If it asks again, it is new.")
        .refuses(&[MISSING, NO_MAC]);

/// `DELETE /api/v1/devices/{mac}`
pub(super) async fn delete(
    State(app): State<App>,
    Actor(actor): Actor,
    Segment(mac): Segment<String>,
) -> Result<Done, Problem> {
    app.remove_device(read_mac(&mac)?, &actor).await?;
    Ok(Done)
}
