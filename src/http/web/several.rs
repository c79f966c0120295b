//! What a person does with several devices of the list at once.

use axum::extract::{Form, State};
use axum::response::Response;

use super::error::{PageError, sentence};
use super::foreseen::asks_of_devices;
use super::page::{Actor, Back, Flash, Page};
use crate::app::{App, Error, PolicyChange};
use crate::domain::mac::MacAddr;
use crate::domain::policy::Channel;
use crate::http::view::filters;

/// Devices that are changed at once at most: those of a page.
const MOST: usize = 200;

/// What is to be done with each, and what that comes to, in words.
fn wish(app: &App, action: &str, group: &str) -> Result<(PolicyChange, String), String> {
    let others = PolicyChange::default();
    let channel = |channel: Channel| PolicyChange { channel: Some(channel), ..others.clone() };
    let off = |off: bool| PolicyChange { updates_off: Some(off), ..others.clone() };
    let group = group.trim();
    Ok(match action {
        "join" | "leave" if group.is_empty() => {
            return Err("No group was named: type or choose one first.".to_owned());
        }
        "join" => {
            let join = PolicyChange { join: Some(group.to_owned()), ..others };
            (join, format!("in the group {group} now"))
        }
        "leave" => {
            let known = app.group_named(group);
            let known = known.ok_or_else(|| format!("There is no group {group}."))?;
            let leave = PolicyChange { leave: Some(known.id), ..others };
            (leave, format!("not in the group {} any more", known.name))
        }
        "stable" => (channel(Channel::Stable), "on the stable channel now".to_owned()),
        "beta" => (channel(Channel::Beta), "on the beta channel now".to_owned()),
        "off" => (off(true), "without updates now".to_owned()),
        "on" => (off(false), "getting updates again".to_owned()),
        _ => return Err("Nothing was chosen to be done.".to_owned()),
    })
}

/// `POST /devices/several`
pub(super) async fn change(
    State(app): State<App>,
    Actor(actor): Actor,
    page: Page,
    back: Back,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, PageError> {
    let value = |name: &str| {
        let found = fields.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    };
    let back = back.or("/devices");
    let (change, words) = match wish(&app, value("action"), value("group")) {
        Ok(wish) => wish,
        Err(text) => return Ok(Flash::bad(text).go(&back)),
    };
    let macs = fields.iter().filter(|(key, _)| key == "mac");
    let macs: Vec<MacAddr> = macs.filter_map(|(_, mac)| mac.parse().ok()).take(MOST).collect();
    let mut devices = Vec::new();
    for mac in macs {
        devices.extend(app.store().device(mac).await?);
    }
    if value("sure").is_empty() {
        let mut hidden: Vec<_> = devices.iter().map(|own| ("mac", own.mac.hex())).collect();
        hidden.extend(["action", "group"].map(|name| (name, value(name).to_owned())));
        let to = ("/devices/several", back.as_str());
        if let Some(asks) = asks_of_devices(&app, page, (&devices, &change), to, hidden).await? {
            return Ok(asks);
        }
    }
    let mut done = 0;
    for device in devices {
        match app.change_policy(device.mac, &change, &actor).await {
            Ok(()) => done += 1,
            Err(Error::NotFound(_)) => {}
            Err(error) if error.is_internal() => return Err(error.into()),
            Err(error) => return Ok(Flash::bad(sentence(&error.to_string())).go(&back)),
        }
    }
    let flash = match done {
        0 => Flash::bad("No device was chosen: tick the boxes first."),
        done => {
            let devices = filters::count(&done, "device is", "devices are");
            Flash::good(format!("{devices} {words}."))
        }
    };
    Ok(flash.go(&back))
}
