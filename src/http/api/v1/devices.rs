//! Devices.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::device::{DecisionView, DeviceView};
use crate::app::{App, DeviceChange, Error, NewApproval, PolicyChange, Whitelisted};
use crate::domain::chip::Chip;
use crate::domain::device::{Approval, Device};
use crate::domain::mac::MacAddr;
use crate::domain::policy::Channel;
use crate::domain::rhythm::Presence;
use crate::domain::version::FirmwareVersion;
use crate::http::api::extract::{Actor, Body, Segment, present};
use crate::http::api::page::{List, Page, Paging};
use crate::http::api::problem::Problem;
use crate::store::DeviceFilter;

/// The words of a device's standing.
const APPROVALS: &str = "“pending”, “approved”, “ignored” or “blocked”";
/// The words of what may be the matter because of when a device asks.
const PRESENCES: &str = "“overdue”, “lost” or “restarting”";

/// The words of a channel.
pub(super) const CHANNELS: &str = "“stable” or “beta”";

/// Which devices a list shows.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    q: Option<String>,
    platform: Option<String>,
    approval: Option<String>,
    presence: Option<String>,
    group: Option<String>,
    channel: Option<String>,
}

/// Which devices of a platform a list shows.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlatformFilter {
    q: Option<String>,
    approval: Option<String>,
    presence: Option<String>,
    group: Option<String>,
    channel: Option<String>,
}

/// `GET /api/v1/devices`
pub(super) async fn list(
    State(app): State<App>,
    List { filter, paging }: List<Filter>,
) -> Result<Page<DeviceView>, Problem> {
    page(&app, filter, paging).await
}

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

/// A device that is to be approved ("whitelisted").
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a JSON object")]
pub(super) struct New {
    mac: String,
    #[serde(default)]
    name: String,
    #[serde(default, rename = "move")]
    take_over: bool,
}

/// `POST /api/v1/platforms/{name}/devices`
pub(super) async fn approve(
    State(app): State<App>,
    Actor(actor): Actor,
    Segment(platform): Segment<String>,
    Body(New { mac, name, take_over }): Body<New>,
) -> Result<Response, Problem> {
    let new = NewApproval { mac, name, take_over, via: "api" };
    let (mac, became) = app.whitelist(&platform, &new, &actor).await?;
    let view = DeviceView::of(&app, find(&app, mac).await?).await?;
    let location = [(LOCATION, format!("/api/v1/devices/{}", mac.hex()))];
    let status = match became {
        Whitelisted::Added | Whitelisted::Approved => StatusCode::CREATED,
        Whitelisted::Moved => StatusCode::OK,
    };
    Ok((status, location, Json(view)).into_response())
}

async fn find(app: &App, mac: MacAddr) -> Result<Device, Problem> {
    app.store().device(mac).await?.ok_or_else(|| Problem::not_found("device"))
}

fn read_mac(text: &str) -> Result<MacAddr, Problem> {
    Ok(text.parse().map_err(Error::Mac)?)
}

fn read_chip(word: &str) -> Result<Chip, Problem> {
    let expected = "a chip like “ESP32-C3”, or null";
    word.parse().map_err(|_| Problem::value("chip", word, expected))
}

/// `GET /api/v1/devices/{mac}`
pub(super) async fn show(
    State(app): State<App>,
    Segment(mac): Segment<String>,
) -> Result<Json<DeviceView>, Problem> {
    let device = find(&app, read_mac(&mac)?).await?;
    Ok(Json(DeviceView::of(&app, device).await?))
}

/// A chip by its name; null: unknown again.
#[derive(Debug, Deserialize)]
struct ChipWord(Option<String>);

/// A release that a device is pinned to: by its version, by its number, or none any more.
#[derive(Debug, Deserialize)]
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

/// What is to be different about a device.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a JSON object")]
pub(super) struct Change {
    #[serde(default, deserialize_with = "present")]
    name: Option<String>,
    #[serde(default, deserialize_with = "present")]
    approval: Option<String>,
    #[serde(default, deserialize_with = "present")]
    platform: Option<String>,
    #[serde(default, deserialize_with = "present")]
    chip: Option<ChipWord>,
    #[serde(default, deserialize_with = "present")]
    verifies: Option<bool>,
    #[serde(default, deserialize_with = "present")]
    channel: Option<String>,
    #[serde(default, deserialize_with = "present")]
    pinned: Option<Pin>,
    #[serde(default, deserialize_with = "present")]
    updates: Option<bool>,
    #[serde(default, deserialize_with = "present")]
    groups: Option<Vec<String>>,
    #[serde(default)]
    try_again: bool,
    #[serde(default, deserialize_with = "present")]
    hold: Option<i64>,
}

/// `PATCH /api/v1/devices/{mac}`
pub(super) async fn change(
    State(app): State<App>,
    Actor(actor): Actor,
    Segment(mac): Segment<String>,
    Body(change): Body<Change>,
) -> Result<Json<DeviceView>, Problem> {
    let mac = read_mac(&mac)?;
    let Change { name, approval, platform, chip, verifies, try_again, hold, .. } = change;
    let Change { channel, pinned, updates, groups, .. } = change;
    let device = find(&app, mac).await?;
    // A pin is to a release of the platform that it will have.
    let own = platform.as_deref().or(device.platform.as_deref());
    let policy = PolicyChange {
        channel: channel.as_deref().map(read_channel).transpose()?,
        pinned: pinned.map(|pin| pin.release(&app, own)).transpose()?,
        updates_off: updates.map(|on| !on),
        groups,
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
    let change = DeviceChange { name, approval, platform, chip, verifies };
    app.change_device(mac, &change, &actor).await?;
    app.change_policy(mac, &policy, &actor).await?;
    if try_again {
        app.try_again(mac, &actor).await?;
    }
    if let Some(release) = hold {
        app.hold(mac, release, &actor).await?;
    }
    Ok(Json(DeviceView::of(&app, find(&app, mac).await?).await?))
}

/// `DELETE /api/v1/devices/{mac}`
pub(super) async fn delete(
    State(app): State<App>,
    Actor(actor): Actor,
    Segment(mac): Segment<String>,
) -> Result<StatusCode, Problem> {
    app.remove_device(read_mac(&mac)?, &actor).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /api/v1/devices/{mac}/decision`
pub(super) async fn decision(
    State(app): State<App>,
    Segment(mac): Segment<String>,
) -> Result<Json<DecisionView>, Problem> {
    let device = find(&app, read_mac(&mac)?).await?;
    let (explanation, _) = app.explain_fully(&device).await?;
    let explanation = explanation.ok_or_else(|| {
        let detail = "The device has not asked yet, so there is nothing to decide.";
        Problem::new(StatusCode::NOT_FOUND, "never_asked", detail)
    })?;
    Ok(Json(DecisionView::of(&app, explanation)))
}
