//! One device: what it said, what it would get and why, and what a person may do with it.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};

use super::attempts::{Try, saw};
use super::confirm::Part;
use super::error::PageError;
use super::history::{History, What, Wish};
use super::inbox::Waiting;
use super::known::{ChipForm, Known};
use super::page::{Page, View};
use super::platforms::names;
use super::presence::Asks;
use super::record::OtherNameView;
use super::releases;
use super::rollout_cards::clock;
use super::runs::RunsView;
use super::sending::SendingView;
use super::updates::UpdatesForm;
use crate::app::{App, Explanation};
use crate::domain::Timestamp;
use crate::domain::device::{Approval, Device};
use crate::domain::mac::MacAddr;
use crate::domain::proof::ProofKind;
use crate::domain::update::{Decision, NoUpdate, Reason};
use crate::http::view::words::Badge;
use crate::http::view::{filters, words};

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
    hold: HoldNotice,
    /// What it calls the release whose file it runs, where that is another version.
    other_name: Option<OtherNameView>,
    reasons: Vec<Reason>,
    /// Its latest attempt.
    attempts: Vec<Try>,
    sending: SendingView,
    history: History,
    runs: RunsView,
    asks: Asks,
    known: Known,
    /// Whether a secret of its own is of use.
    has_secret: bool,
    chips: ChipForm,
    updates: UpdatesForm,
    said: Vec<(&'static str, String)>,
    /// How it came to be approved, and when.
    approved: Option<(&'static str, Timestamp)>,
    device: Device,
}

/// What it would get, in a sentence.
#[derive(Debug)]
struct Verdict {
    badge: Badge,
    text: String,
    release: Option<(i64, String)>,
    /// Its stable code.
    code: &'static str,
}

impl Verdict {
    fn new(explanation: Option<&Explanation>, page: &Page) -> Self {
        let Some(explanation) = explanation else {
            let badge = Badge { tone: "", icon: "clock", word: "" };
            let text = "It has not asked yet.".to_owned();
            return Self { badge, text, release: None, code: "" };
        };
        let release = explanation.release.as_ref().map(|release| {
            let platform = explanation.platform.as_deref().unwrap_or_default();
            (release.id, format!("{platform} {}", release.version))
        });
        Self {
            badge: words::verdict(&explanation.decision),
            text: match explanation.decision {
                Decision::NoUpdate(NoUpdate::QuietHours { until, .. }) => {
                    let then = release.as_ref().map_or("an update", |(_, title)| title);
                    let until = clock(until, page);
                    format!("It is within quiet hours until {until}; then it gets {then}.")
                }
                _ => explanation.decision.text(),
            },
            code: explanation.decision.code(),
            release: release.filter(|_| matches!(explanation.decision, Decision::Offer(_))),
        }
    }
}

impl Show {
    /// Whether the decision is nothing to worry about, though a rule said no.
    fn is_settled(&self) -> bool {
        matches!(self.verdict.badge.tone, "good" | "")
    }

    /// What is offered, in a sentence; what the notice above says in full is only named.
    fn verdict_text(&self) -> &str {
        match (self.hold.text.is_empty(), self.hold.held) {
            (true, _) => &self.verdict.text,
            (false, true) => "Nothing, until you decide.",
            (false, false) => "Nothing yet; it waits before the next try.",
        }
    }

    /// What its last check-in came to, where that is not what stands above it already.
    fn last_outcome(&self) -> &str {
        let other = self.device.outcome.as_ref().filter(|last| last.code != self.verdict.code);
        other.map_or("", |last| &last.text)
    }

    fn is_pending(&self) -> bool {
        self.device.approval == Approval::Pending
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
fn said(device: &Device) -> Vec<(&'static str, String)> {
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
        ("Asked for", text(&report.dev)),
        ("Updater", Some(report.family.to_string())),
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
pub(super) async fn find(app: &App, mac: &str) -> Result<Device, PageError> {
    let mac: MacAddr = mac.parse().map_err(|_| PageError::not_found("device"))?;
    app.store().device(mac).await?.ok_or_else(|| PageError::not_found("device"))
}

/// What the loop breaker does with the device, and what a person may do about it.
#[derive(Debug, Default)]
struct HoldNotice {
    /// Why nothing is offered; empty where the loop breaker has nothing against it.
    text: String,
    /// Whether only a person can end it.
    held: bool,
    /// The release that may be held back from it.
    offered: Option<(i64, String)>,
}

impl HoldNotice {
    fn of(explanation: Option<&Explanation>) -> Self {
        let Some(explanation) = explanation else { return Self::default() };
        let decision = &explanation.decision;
        let on_hold = matches!(decision, Decision::NoUpdate(NoUpdate::OnHold { .. }));
        let waits = on_hold || decision.is_held();
        let may_be_held = matches!(decision, Decision::Offer(_)) || (waits && !decision.is_held());
        let release = explanation.release.as_ref().filter(|_| may_be_held);
        Self {
            text: if waits { decision.text() } else { String::new() },
            held: decision.is_held(),
            offered: release.map(|release| (release.id, release.version.to_string())),
        }
    }
}

/// What a device calls the release whose file it runs, where that is another version.
async fn other_name(
    app: &App,
    explanation: Option<&Explanation>,
) -> Result<Option<OtherNameView>, PageError> {
    let Some(explanation) = explanation else { return Ok(None) };
    let Decision::NoUpdate(NoUpdate::IdenticalButReports { reported, .. }) = &explanation.decision
    else {
        return Ok(None);
    };
    let Some(release) = &explanation.release else { return Ok(None) };
    let release = releases::find(app, release.id).await?;
    let mut names = OtherNameView::all(app, &release).await?.into_iter();
    Ok(names.find(|name| name.version == *reported))
}

/// `GET /devices/{mac}`
pub(super) async fn show(
    State(app): State<App>,
    page: Page,
    Path(mac): Path<String>,
    Query(part): Query<Part>,
    Query(wish): Query<Wish>,
) -> Result<Response, PageError> {
    let device = find(&app, &mac).await?;
    let sending = SendingView::to(&app, device.mac, page.now);
    if part.is("sending") {
        return Ok(View(sending).into_response());
    }
    let (explanation, via) = app.explain_fully(&device).await?;
    let platforms = names(&app);
    let others = platforms.iter().filter(|name| Some(*name) != device.platform.as_ref());
    let (shelf, proof) = (app.shelf(), app.device_proof(device.mac));
    let attempts = app.store().attempts(device.id, 1).await?;
    let show = Show {
        runs: RunsView::of(&device, &shelf, &page),
        asks: Asks::of(&app, &device, &page).await?,
        known: Known::new(&device, explanation.as_ref(), proof.as_ref()),
        has_secret: proof.is_some_and(|p| p.kind == ProofKind::PerDevice || p.own.newest.is_some()),
        chips: ChipForm::new(&device, explanation.as_ref()),
        updates: UpdatesForm::new(&app, &device),
        others: others.cloned().collect(),
        verdict: Verdict::new(explanation.as_ref(), &page),
        hold: HoldNotice::of(explanation.as_ref()),
        other_name: other_name(&app, explanation.as_ref()).await?,
        reasons: explanation.map(|explanation| explanation.reasons).unwrap_or_default(),
        attempts: attempts.into_iter().map(|attempt| Try::new(attempt, &shelf)).collect(),
        said: said(&device),
        history: History::of(&app, &device, &wish, &page).await?,
        sending,
        approved: via.map(|(via, at)| (words::approved_via(&via), at)),
        waiting: Waiting::new(device.clone(), &shelf),
        platforms,
        device,
        page,
    };
    if part.is("live") {
        return Ok(View(show.as_live()).into_response());
    }
    Ok(View(show).into_response())
}
