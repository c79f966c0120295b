//! One device: what it said, what it would get and why, and what a person may do with it.

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::confirm::{Confirm, Part};
use super::error::PageError;
use super::inbox::Waiting;
use super::page::{Actor, Back, Flash, Page, View};
use super::platforms::names;
use crate::app::{App, DeviceChange, Error, Explanation};
use crate::domain::device::{Approval, Attempt, AttemptState, Device, Outcome};
use crate::domain::event::Event;
use crate::domain::mac::MacAddr;
use crate::domain::platform::Admission;
use crate::domain::update::{Decision, NoUpdate, Reason, what_the_sketch_sees};
use crate::http::view::words::Badge;
use crate::http::view::{filters, words};
use crate::store::EventFilter;

const EVENTS_SHOWN: u32 = 12;
const ATTEMPTS_SHOWN: u32 = 5;

/// The steps of an attempt.
const STEPS: [&str; 4] = ["offered", "sending", "delivered", "confirmed"];

#[derive(Debug, Template)]
#[template(path = "devices/show.html", blocks = ["live"])]
struct Show {
    page: Page,
    waiting: Waiting,
    platforms: Vec<String>,
    /// The platforms it could be moved to.
    others: Vec<String>,
    verdict: Verdict,
    /// Why the loop stop holds it; empty where it does not.
    stopped: String,
    reasons: Vec<Reason>,
    attempts: Vec<Attempt>,
    said: Vec<(&'static str, String)>,
    events: Vec<Event>,
    device: Device,
}

/// What it would get, in a sentence.
#[derive(Debug)]
struct Verdict {
    badge: Badge,
    text: String,
    release: Option<(i64, String)>,
}

impl Verdict {
    fn new(explanation: Option<&Explanation>) -> Self {
        let Some(explanation) = explanation else {
            let badge = Badge { tone: "", icon: "clock", word: "" };
            let text = "It has not asked yet.".to_owned();
            return Self { badge, text, release: None };
        };
        let release = explanation.release.as_ref().map(|release| {
            let platform = explanation.platform.as_deref().unwrap_or_default();
            (release.id, format!("{platform} {}", release.version))
        });
        Self {
            badge: words::verdict(&explanation.decision),
            text: explanation.decision.text(),
            release: release.filter(|_| matches!(explanation.decision, Decision::Offer(_))),
        }
    }
}

impl Show {
    /// Whether the decision is nothing to worry about, though a rule said no.
    fn is_settled(&self) -> bool {
        matches!(self.verdict.badge.tone, "good" | "")
    }

    fn is_pending(&self) -> bool {
        self.device.approval == Approval::Pending
    }
}

/// How a transfer went, in a line.
fn transfer(attempt: &Attempt) -> String {
    let (sent, size) = (filters::bytes(&attempt.bytes), filters::bytes(&attempt.size));
    let amount = if attempt.bytes >= attempt.size {
        size
    } else {
        let percent = filters::percent(attempt.bytes, attempt.size);
        format!("{sent} of {size} ({percent} %)")
    };
    let speed = attempt.millis.filter(|millis| *millis > 0).map(|millis| {
        let speed = filters::bytes(&(attempt.bytes * 1000 / millis));
        format!(" in {}, {speed}/s", filters::millis(&millis))
    });
    let comment = match attempt.state {
        AttemptState::Offered => "; it is being sent",
        AttemptState::Aborted => "; the connection ended before the last byte",
        AttemptState::Delivered => "; confirmed when it comes back with the new version",
        AttemptState::Confirmed => "; it came back with the new version",
        AttemptState::NotTaken => "; it came back unchanged",
        AttemptState::Overtaken => "; it came back with something else",
        AttemptState::RolledBack => "; it had the new version, and runs its old image again",
    };
    format!("{amount}{}{comment}.", speed.unwrap_or_default())
}

/// What the sketch saw at the last check-in. Whether a 200 became an update, only the attempt says.
fn saw(outcome: &Outcome, attempts: &[Attempt]) -> String {
    let last = attempts.first().filter(|_| outcome.status == 200 && outcome.code == "offer");
    let Some(attempt) = last else {
        return what_the_sketch_sees(outcome.status).to_owned();
    };
    let percent = filters::percent(attempt.bytes, attempt.size).min(99);
    let version = &attempt.version;
    match attempt.state {
        AttemptState::Offered => format!("200, {version} is being sent"),
        AttemptState::Aborted => {
            format!("200 → HTTP_UPDATE_FAILED: the transfer ended at {percent} %, nothing changed")
        }
        AttemptState::Delivered => format!("200 → {version} was sent whole; it should restart now"),
        AttemptState::Confirmed => format!("200 → HTTP_UPDATE_OK, it came back with {version}"),
        AttemptState::NotTaken => {
            format!("200 → {version} was sent whole, but it came back unchanged")
        }
        AttemptState::Overtaken => {
            format!("200 → {version} was sent whole, but it came back with something else")
        }
        AttemptState::RolledBack => {
            format!("200 → HTTP_UPDATE_OK, but after {version} it runs its old image again")
        }
    }
}

/// The class of a fact: hashes have the full width, addresses are not broken.
fn class_of(fact: &str) -> &'static str {
    match fact {
        "Sketch MD5" | "Sketch SHA-256" => "hash",
        "MAC" => "mono",
        _ => "",
    }
}

/// What a device said last, as name and value.
fn said(device: &Device, running: Option<String>) -> Vec<(&'static str, String)> {
    let Some(report) = &device.report else {
        return Vec::new();
    };
    let size = |bytes: Option<u32>| bytes.map(|bytes| filters::bytes(&u64::from(bytes)));
    let text = |text: &Option<Box<str>>| text.as_deref().map(str::to_owned);
    let free = match report.family {
        crate::domain::chip::Family::Esp8266 => "Free space",
        crate::domain::chip::Family::Esp32 => "Update slot",
    };
    let facts = [
        ("Version", text(&report.version)),
        ("Runs", running),
        ("Asked for", text(&report.dev)),
        ("Chip", Some(report.family.to_string())),
        (free, size(report.free_space)),
        ("Sketch", size(report.sketch_size)),
        ("Flash", report.chip_size.map(|bytes| filters::limit(&u64::from(bytes)))),
        ("SDK", text(&report.sdk)),
        ("Mode", Some(report.mode.word().to_owned())),
        ("Sketch MD5", report.sketch_md5.map(|md5| md5.to_string())),
        ("Sketch SHA-256", report.sketch_sha256.map(|sha| sha.to_string())),
        ("MAC", Some(device.mac.to_string())),
        ("From", device.address.map(|address| address.to_string())),
        ("Asked at", device.host.clone()),
    ];
    facts.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// The device of an address.
async fn find(app: &App, mac: &str) -> Result<Device, PageError> {
    let mac: MacAddr = mac.parse().map_err(|_| PageError::not_found("device"))?;
    app.store().device(mac).await?.ok_or_else(|| PageError::not_found("device"))
}

/// `GET /devices/{mac}`
pub(super) async fn show(
    State(app): State<App>,
    page: Page,
    Path(mac): Path<String>,
    Query(part): Query<Part>,
) -> Result<Response, PageError> {
    let device = find(&app, &mac).await?;
    let explanation = app.explain(device.mac);
    let stopped = explanation.as_ref().and_then(|explanation| match &explanation.decision {
        Decision::NoUpdate(reason @ NoUpdate::OnHold { .. }) => Some(reason.text()),
        _ => None,
    });
    let running = explanation.as_ref().and_then(|explanation| explanation.running.as_ref());
    let running = running.map(|running| {
        let release = &running.release;
        let shelf = app.shelf();
        let own = shelf.platform_by_id(release.platform_id);
        let name = own.map_or("", |own| own.platform.name.as_str());
        format!("{name} {}, recognised by its image", release.version)
    });
    let filter =
        EventFilter { mac: Some(device.mac), limit: EVENTS_SHOWN, ..EventFilter::default() };
    let platforms = names(&app);
    let others = platforms.iter().filter(|name| Some(*name) != device.platform.as_ref());
    let show = Show {
        others: others.cloned().collect(),
        verdict: Verdict::new(explanation.as_ref()),
        stopped: stopped.unwrap_or_default(),
        reasons: explanation.map(|explanation| explanation.reasons).unwrap_or_default(),
        attempts: app.store().attempts(device.id, ATTEMPTS_SHOWN).await?,
        said: said(&device, running),
        events: app.store().events(&filter).await?,
        waiting: Waiting::new(device.clone(), &app.shelf()),
        platforms,
        device,
        page,
    };
    if part.is("live") {
        return Ok(View(show.as_live()).into_response());
    }
    Ok(View(show).into_response())
}

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
    actor: &str,
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
