//! What a person may do with one device.

use axum::extract::{Form, Path, Query, State};
use axum::response::Response;
use serde::Deserialize;

use super::confirm::{Confirm, Part};
use super::device::find;
use super::error::{PageError, sentence};
use super::page::{Actor, Back, Flash, Page};
use crate::app::{App, DeviceChange, Error};
use crate::domain::actor;
use crate::domain::chip::Chip;
use crate::domain::device::{Approval, Device};
use crate::domain::mac::MacAddr;
use crate::domain::platform::Admission;

/// A platform that is chosen for a device.
#[derive(Debug, Deserialize)]
pub(super) struct Chosen {
    platform: String,
    #[serde(default)]
    create: String,
}

/// Approves a device for a platform, which is created first where that is wished.
pub(super) async fn approve_for(
    app: &App,
    mac: MacAddr,
    platform: &str,
    create: bool,
    actor: &actor::Actor,
) -> Result<Device, Error> {
    if create && app.shelf().platform(platform).is_none() {
        app.create_platform(platform, "", Admission::Approved, actor).await?;
    }
    let change = DeviceChange {
        approval: Some(Approval::Approved),
        platform: Some(platform.to_owned()),
        ..DeviceChange::default()
    };
    app.change_device(mac, &change, actor).await
}

/// `POST /devices/{mac}/approve`
pub(super) async fn approve(
    State(app): State<App>,
    Actor(actor): Actor,
    back: Back,
    Path(mac): Path<String>,
    Form(chosen): Form<Chosen>,
) -> Result<Response, PageError> {
    let device = find(&app, &mac).await?;
    let create = !chosen.create.is_empty();
    let device = approve_for(&app, device.mac, &chosen.platform, create, &actor).await?;
    let (title, platform) = (device.title(), chosen.platform);
    let text = format!("{title} is approved for {platform}, from its next check-in on.");
    Ok(Flash::good(text).go(&back.or(&format!("/devices/{}", device.mac.hex()))))
}

/// `POST /devices/{mac}/ignore`
pub(super) async fn ignore(
    app: State<App>,
    actor: Actor,
    back: Back,
    mac: Path<String>,
) -> Result<Response, PageError> {
    set_aside(app, actor, back, mac, Approval::Ignored).await
}

/// `POST /devices/{mac}/block`
pub(super) async fn block(
    app: State<App>,
    actor: Actor,
    back: Back,
    mac: Path<String>,
) -> Result<Response, PageError> {
    set_aside(app, actor, back, mac, Approval::Blocked).await
}

async fn set_aside(
    State(app): State<App>,
    Actor(actor): Actor,
    back: Back,
    Path(mac): Path<String>,
    approval: Approval,
) -> Result<Response, PageError> {
    let device = find(&app, &mac).await?;
    let change = DeviceChange { approval: Some(approval), ..DeviceChange::default() };
    app.change_device(device.mac, &change, &actor).await?;
    let text = format!("{} is {} and gets nothing.", device.title(), approval.word());
    Ok(Flash::good(text).go(&back.or(&format!("/devices/{}", device.mac.hex()))))
}

/// `POST /devices/{mac}/move`
pub(super) async fn move_to(
    State(app): State<App>,
    Actor(actor): Actor,
    Path(mac): Path<String>,
    Form(chosen): Form<Chosen>,
) -> Result<Response, PageError> {
    let device = find(&app, &mac).await?;
    let change =
        DeviceChange { platform: Some(chosen.platform.clone()), ..DeviceChange::default() };
    app.change_device(device.mac, &change, &actor).await?;
    let text = format!("{} belongs to {} now.", device.title(), chosen.platform);
    Ok(Flash::good(text).go(&format!("/devices/{}", device.mac.hex())))
}

/// A name that is typed for a device.
#[derive(Debug, Deserialize)]
pub(super) struct Named {
    name: String,
}

/// `POST /devices/{mac}/rename`
pub(super) async fn rename(
    State(app): State<App>,
    Actor(actor): Actor,
    Path(mac): Path<String>,
    Form(named): Form<Named>,
) -> Result<Response, PageError> {
    let device = find(&app, &mac).await?;
    let page = format!("/devices/{}", device.mac.hex());
    let change = DeviceChange { name: Some(named.name), ..DeviceChange::default() };
    let device = app.change_device(device.mac, &change, &actor).await?;
    Ok(Flash::good(format!("It is called {} now.", device.title())).go(&page))
}

/// `POST /devices/{mac}/retry`
pub(super) async fn retry(
    State(app): State<App>,
    Actor(actor): Actor,
    Path(mac): Path<String>,
) -> Result<Response, PageError> {
    let device = find(&app, &mac).await?;
    app.try_again(device.mac, &actor).await?;
    let text = "The release is offered again at the next check-in.";
    Ok(Flash::good(text).go(&format!("/devices/{}", device.mac.hex())))
}

/// A release that is held back from a device.
#[derive(Debug, Deserialize)]
pub(super) struct HeldBack {
    release: i64,
}

/// `POST /devices/{mac}/hold`
pub(super) async fn hold(
    State(app): State<App>,
    Actor(actor): Actor,
    Path(mac): Path<String>,
    Form(held): Form<HeldBack>,
) -> Result<Response, PageError> {
    let device = find(&app, &mac).await?;
    app.hold(device.mac, held.release, &actor).await?;
    let text = "The release is held back from this device until you say “Try again”.";
    Ok(Flash::good(text).go(&format!("/devices/{}", device.mac.hex())))
}

/// A chip that is chosen for a device; empty: unknown again.
#[derive(Debug, Deserialize)]
pub(super) struct ChosenChip {
    #[serde(default)]
    chip: String,
}

/// `POST /devices/{mac}/chip`
pub(super) async fn chip(
    State(app): State<App>,
    Actor(actor): Actor,
    Path(mac): Path<String>,
    Form(chosen): Form<ChosenChip>,
) -> Result<Response, PageError> {
    let device = find(&app, &mac).await?;
    let page = format!("/devices/{}", device.mac.hex());
    let chip = match chosen.chip.as_str() {
        "" => None,
        text => match text.parse::<Chip>() {
            Ok(chip) => Some(chip),
            Err(error) => return Ok(Flash::bad(sentence(&error.to_string())).go(&page)),
        },
    };
    let change = DeviceChange { chip: Some(chip), ..DeviceChange::default() };
    app.change_device(device.mac, &change, &actor).await?;
    let text = match chip {
        Some(chip) => format!("{} has an {chip}; it gets the images for that.", device.title()),
        None => format!("The chip of {} is unknown again.", device.title()),
    };
    Ok(Flash::good(text).go(&page))
}

/// Whether a device's program checks signatures; a box that is not ticked is not sent.
#[derive(Debug, Deserialize)]
pub(super) struct Verifies {
    #[serde(default)]
    verifies: String,
}

/// `POST /devices/{mac}/verifies`
pub(super) async fn verifies(
    State(app): State<App>,
    Actor(actor): Actor,
    Path(mac): Path<String>,
    Form(sent): Form<Verifies>,
) -> Result<Response, PageError> {
    let device = find(&app, &mac).await?;
    let verifies = !sent.verifies.is_empty();
    let change = DeviceChange { verifies: Some(verifies), ..DeviceChange::default() };
    app.change_device(device.mac, &change, &actor).await?;
    let text = if verifies {
        format!("{} checks signatures; it gets signed images only.", device.title())
    } else {
        format!("{} checks no signatures.", device.title())
    };
    Ok(Flash::good(text).go(&format!("/devices/{}", device.mac.hex())))
}

/// `GET /devices/{mac}/delete`
pub(super) async fn confirm_delete(
    State(app): State<App>,
    page: Page,
    Path(mac): Path<String>,
    Query(part): Query<Part>,
) -> Result<Response, PageError> {
    let device = find(&app, &mac).await?;
    let hex = device.mac.hex();
    let confirm = Confirm {
        page,
        title: format!("Remove {}?", device.title()),
        consequences: vec![
            "Its name, its approval and what it said".to_owned(),
            "Its attempts; a loop stop begins to count anew".to_owned(),
        ],
        remains: "If it asks again, it appears as a new device. The event log stays.",
        action: format!("/devices/{hex}/delete"),
        button: "Remove it",
        back: format!("/devices/{hex}"),
    };
    Ok(confirm.show(&part))
}

/// `POST /devices/{mac}/delete`
pub(super) async fn delete(
    State(app): State<App>,
    Actor(actor): Actor,
    Path(mac): Path<String>,
) -> Result<Response, PageError> {
    let device = find(&app, &mac).await?;
    let device = app.remove_device(device.mac, &actor).await?;
    Ok(Flash::good(format!("{} was removed.", device.title())).go("/devices"))
}
