//! The first page: what needs a person, and how the fleet is doing.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::address::Address;
use super::confirm::Part;
use super::error::PageError;
use super::inbox::{self, Waiting};
use super::page::{Page, View};
use super::platforms::{self, names};
use super::plots::Plots;
use super::presence;
use super::rollout_cards::{About, Card, banners};
use crate::app::App;
use crate::domain::device::{Approval, Device};
use crate::domain::event::{Event, Kind};
use crate::domain::release::ReleaseState;
use crate::http::view::charts::Bars;
use crate::http::view::{filters, words};
use crate::store::{DeviceFilter, DeviceSort, EventFilter, ReleaseFilter};

const DAY: i64 = 86_400;
const LATEST_EVENTS: u32 = 8;
const SHOWN: u32 = 5;
/// As many devices with one sort of trouble are listed one by one, whatever is to be said of them.
const SEPARATE: usize = 2;
/// As many are named where several are listed as one thing.
const NAMED: usize = 3;
/// Devices in trouble that are counted.
const COUNTED: u32 = 500;

/// Decisions that a person should look at, worst first.
const TROUBLES: [&str; 16] = [
    "rolled_back",
    "stopped",
    "reports_other",
    "secret_ended",
    "secret_wrong",
    "secret_missing",
    "transfers_broke",
    "chip_unknown",
    "identical_but_reports",
    "no_slot",
    "wrong_family",
    "wrong_chip",
    "too_big",
    "flash_too_small",
    "unsigned",
    "signed_gzip",
];

#[derive(Debug, Template)]
#[template(path = "dashboard.html", blocks = ["live"])]
struct Dashboard {
    page: Page,
    first_steps: Option<FirstSteps>,
    attention: Vec<Attention>,
    waiting: Vec<Waiting>,
    platforms: Vec<String>,
    totals: Totals,
    plots: Plots,
    checkins: Bars,
    events: Vec<Event>,
    address: Address,
    rollouts: Vec<Card>,
}

impl Dashboard {
    /// How many things need a person: those that are listed, and rollouts that stopped or ask.
    fn needs(&self) -> u64 {
        let rollouts = self.rollouts.iter().filter(|rollout| rollout.asks).count() as u64;
        self.attention.len() as u64 + rollouts
    }

    fn attention_sentence(&self) -> String {
        if self.page.may_edit() {
            filters::count(&self.needs(), "thing needs you.", "things need you.")
        } else {
            filters::count(&self.needs(), "thing needs somebody.", "things need somebody.")
        }
    }
}

/// How far a new server has come.
#[derive(Debug, Clone, Copy)]
struct FirstSteps {
    release: bool,
    device: bool,
    approved: bool,
}

impl FirstSteps {
    fn done(self) -> usize {
        [self.release, self.device, self.approved].iter().filter(|done| **done).count()
    }
}

/// Something that needs a person.
#[derive(Debug)]
struct Attention {
    tone: &'static str,
    icon: &'static str,
    title: String,
    text: String,
    href: String,
    label: &'static str,
}

#[derive(Debug)]
struct Totals {
    approved: u64,
    checkins: u64,
    platforms: u64,
    confirmed_week: u64,
}

/// What the address says.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Wish {
    /// The platform whose versions are drawn.
    #[serde(default)]
    field: String,
}

/// `GET /`
pub(super) async fn show(
    State(app): State<App>,
    page: Page,
    Query(part): Query<Part>,
    Query(wish): Query<Wish>,
) -> Result<Response, PageError> {
    let checkins = platforms::checkins(&app, None, &page).await?;
    let approved = approved(&app).await?;
    let confirmed_week = confirmed(&app, page.now - 7 * DAY, 1000).await?;
    let totals = Totals {
        approved,
        checkins: checkins.total,
        platforms: app.shelf().platforms().len() as u64,
        confirmed_week,
    };
    let filter = EventFilter { limit: LATEST_EVENTS, ..EventFilter::default() };
    let dashboard = Dashboard {
        first_steps: first_steps(&app, &totals, page.pending),
        attention: attention(&app, &page).await?,
        waiting: inbox::waiting(&app, SHOWN).await?,
        platforms: names(&app),
        plots: Plots::of(&app, &page, &wish.field).await?,
        events: app.store().events(&filter).await?,
        address: Address::of(&app, &page),
        rollouts: banners(&app, &page, About::Everything).await?,
        totals,
        checkins,
        page,
    };
    if part.is("live") {
        return Ok(View(dashboard.as_live()).into_response());
    }
    Ok(View(dashboard).into_response())
}

async fn approved(app: &App) -> Result<u64, PageError> {
    let counts = app.store().count_devices().await?;
    let approved = counts.into_iter().filter(|(state, _)| *state == Approval::Approved);
    Ok(approved.map(|(_, count)| count).sum())
}

async fn confirmed(app: &App, since: i64, limit: u32) -> Result<u64, PageError> {
    let filter = EventFilter {
        kind: Some(Kind::Confirmed),
        since: Some(since),
        limit,
        ..EventFilter::default()
    };
    Ok(app.store().events(&filter).await?.len() as u64)
}

/// The check list of a new server; `None` once there are a release and an approved device.
fn first_steps(app: &App, totals: &Totals, pending: u64) -> Option<FirstSteps> {
    let release = app.shelf().platforms().iter().any(|platform| !platform.published.is_empty());
    let approved = totals.approved > 0;
    let device = approved || pending > 0;
    (!release || !approved).then_some(FirstSteps { release, device, approved })
}

/// What failed first, then who asks, then what waits.
async fn attention(app: &App, page: &Page) -> Result<Vec<Attention>, PageError> {
    let mut items = Vec::new();
    let outcomes = app.store().outcomes().await?;
    for outcome in TROUBLES.into_iter().filter(|code| outcomes.contains(*code)) {
        items.append(&mut troubled(app, outcome).await?);
    }
    items.append(&mut silent(app).await?);
    items.append(&mut faults(app, page.now - DAY).await?);
    items.extend(asking(page.pending));
    items.extend(drafts(app, page).await?);
    // Within each tone as they came: what failed first, then who asks, then what waits.
    items.sort_by_key(|item| ["bad", "warn", "wait"].iter().position(|tone| *tone == item.tone));
    Ok(items)
}

/// Approved devices whose last check-in came to a decision that a person should look at.
async fn troubled(app: &App, outcome: &str) -> Result<Vec<Attention>, PageError> {
    let filter = DeviceFilter {
        approval: Some(Approval::Approved),
        outcome: Some(outcome.to_owned()),
        sort: DeviceSort::Seen,
        limit: COUNTED,
        ..DeviceFilter::default()
    };
    let mut devices = app.store().devices(&filter).await?;
    // What has changed since is no trouble any more, though it has not asked again yet.
    devices
        .retain(|device| app.explain(device.mac).is_none_or(|now| now.decision.code() == outcome));
    Ok(gathered(outcome, &devices))
}

/// Devices with one sort of trouble: one by one where they are few, and those of which the same
/// is to be said as one thing.
fn gathered(outcome: &str, devices: &[Device]) -> Vec<Attention> {
    let text = |device: &Device| device.outcome.as_ref().map(|outcome| outcome.text.clone());
    let mut alike: Vec<(String, Vec<&Device>)> = Vec::new();
    for device in devices {
        let text = text(device).unwrap_or_default();
        match alike.iter_mut().find(|(known, _)| *known == text) {
            Some((_, devices)) => devices.push(device),
            None => alike.push((text, vec![device])),
        }
    }
    let few = devices.len() <= SEPARATE;
    let rest: u64 =
        alike.iter().skip(SHOWN as usize).map(|(_, devices)| devices.len() as u64).sum();
    let mut items = Vec::new();
    for (text, devices) in alike.iter().take(SHOWN as usize) {
        match devices.as_slice() {
            [_, _, ..] if !few => items.push(in_trouble(outcome, devices, text)),
            devices => items.extend(devices.iter().map(|one| in_trouble(outcome, &[*one], text))),
        }
    }
    items.extend((rest > 0).then(|| Attention {
        title: filters::count(&rest, "more device", "more devices"),
        text: "With much the same trouble.".to_owned(),
        ..in_trouble(outcome, &[], "")
    }));
    items
}

/// Devices of which the same is to be said.
fn in_trouble(outcome: &str, devices: &[&Device], text: &str) -> Attention {
    let held =
        matches!(outcome, "stopped" | "rolled_back" | "reports_other" | "identical_but_reports");
    let (tone, icon) = if held { ("bad", "stop") } else { ("warn", "alert") };
    if let [device] = devices {
        return Attention {
            tone,
            icon,
            title: device.title(),
            href: format!("/devices/{}", device.mac.hex()),
            text: text.to_owned(),
            label: if outcome == "chip_unknown" { "Choose its chip" } else { "See why" },
        };
    }
    let count = devices.len() as u64;
    let names = devices.iter().take(NAMED).map(|device| device.title()).collect();
    Attention {
        tone,
        icon,
        title: filters::count(&count, "device in the same trouble", "devices in the same trouble"),
        href: format!("/devices?approval=approved&outcome={outcome}"),
        text: format!("{}. {text}", filters::some_names(names, count)),
        label: "List them",
    }
}

/// Devices that are lost, overdue or restarting, each sort as one thing.
async fn silent(app: &App) -> Result<Vec<Attention>, PageError> {
    let item = |wanting: presence::Wanting| {
        let badge = words::presence(&wanting.presence);
        Attention {
            tone: badge.tone,
            icon: badge.icon,
            title: wanting.title(),
            text: wanting.text(),
            href: wanting.href(),
            label: "List them",
        }
    };
    Ok(presence::wanting(app).await?.into_iter().map(item).collect())
}

/// The devices that wait in the inbox, as one thing.
fn asking(pending: u64) -> Option<Attention> {
    (pending > 0).then(|| Attention {
        tone: "wait",
        icon: "inbox",
        title: filters::count(&pending, "device is asking", "devices are asking"),
        text: "Nothing is sent before it is approved.".to_owned(),
        href: "/inbox".to_owned(),
        label: "Inbox",
    })
}

/// Files that wait for a person's word, as one thing.
async fn drafts(app: &App, page: &Page) -> Result<Option<Attention>, PageError> {
    let filter = ReleaseFilter { state: Some(ReleaseState::Draft), ..ReleaseFilter::default() };
    let drafts = app.store().releases(&filter).await?;
    let count = drafts.len() as u64;
    let href = match drafts.as_slice() {
        [only] => format!("/releases/{}", only.id),
        _ if page.may_edit() => "/releases/new#drafts".to_owned(),
        _ => "/events?kind=uploaded".to_owned(),
    };
    Ok((count > 0).then(|| Attention {
        tone: "warn",
        icon: "file",
        title: filters::count(&count, "draft waits", "drafts wait"),
        text: "Offered to nobody before it is published.".to_owned(),
        href,
        label: if count == 1 { "Report card" } else { "Look at them" },
    }))
}

/// What the server could not do.
async fn faults(app: &App, since: i64) -> Result<Vec<Attention>, PageError> {
    let filter = EventFilter {
        kind: Some(Kind::Fault),
        since: Some(since),
        limit: SHOWN,
        ..EventFilter::default()
    };
    let item = |fault: Event| Attention {
        tone: "bad",
        icon: "alert",
        title: "The server could not do its work".to_owned(),
        text: fault.text,
        href: "/events?kind=fault".to_owned(),
        label: "Events",
    };
    Ok(app.store().events(&filter).await?.into_iter().map(item).collect())
}
