//! A device, as it is shown.

use serde::Serialize;

use super::secrets::SecretsView;
use crate::app::{App, Explanation, Runs, Sending};
use crate::domain::chip::Family;
use crate::domain::device::{Attempt, AttemptState, Device, Outcome};
use crate::domain::learnt::GzipTried;
use crate::domain::proof::ProofKind;
use crate::domain::release::Published;
use crate::domain::report::Report;
use crate::domain::rhythm::Presence;
use crate::domain::update::{Decision, NoUpdate};
use crate::http::api::problem::Problem;
use crate::http::api::time;

/// A device, as it is shown.
#[expect(clippy::struct_excessive_bools, reason = "each is a member of its own in the JSON")]
#[derive(Debug, Serialize)]
pub(super) struct DeviceView {
    mac: String,
    mac_looks_random: bool,
    name: String,
    platform: Option<String>,
    approval: &'static str,
    approved_via: Option<String>,
    version: Option<String>,
    running: Option<RunningView>,
    running_since: Option<String>,
    mismatch: bool,
    chip: Option<ChipView>,
    verifies: bool,
    ran_signed: bool,
    gzip: Option<&'static str>,
    proof: Option<&'static str>,
    secret: Option<SecretsView>,
    #[serde(flatten)]
    policy: PolicyView,
    first_seen: String,
    last_seen: Option<String>,
    checkins: u64,
    rhythm: Option<RhythmView>,
    address: Option<String>,
    last_outcome: Option<OutcomeView>,
    last_attempt: Option<AttemptView>,
    hold: Option<Hold>,
    report: Option<SaidView>,
}

/// What a person decided about how it gets updates.
#[derive(Debug, Serialize)]
struct PolicyView {
    channel: &'static str,
    pinned: Option<ReleaseRef>,
    updates: bool,
    groups: Vec<String>,
}

impl PolicyView {
    fn of(app: &App, device: &Device) -> Self {
        let (shelf, policy) = (app.shelf(), device.policy);
        let pinned =
            policy.pinned.and_then(|id| shelf.images().find(|release| release.id == id).cloned());
        let groups = shelf.groups().iter().filter(|group| device.groups.contains(&group.id));
        Self {
            channel: policy.channel.word(),
            pinned: pinned.map(|release| ReleaseRef::of(app, &release)),
            updates: !policy.updates_off,
            groups: groups.map(|group| group.name.to_string()).collect(),
        }
    }
}

/// A release, in short.
#[derive(Debug, Serialize)]
pub(super) struct ReleaseRef {
    id: i64,
    platform: Option<String>,
    version: String,
}

/// What it runs: the release whose image that is, else what it says.
#[derive(Debug, Serialize)]
struct RunningView {
    release: Option<i64>,
    platform: Option<String>,
    version: Option<String>,
    recognised: bool,
}

/// Its chip, and where that is known from.
#[derive(Debug, Serialize)]
struct ChipView {
    name: &'static str,
    from: &'static str,
}

/// How often it asks.
#[derive(Debug, Serialize)]
struct RhythmView {
    every: u32,
    next_expected: String,
    overdue: bool,
    restarting: bool,
}

/// What the last check-in came to.
#[derive(Debug, Serialize)]
struct OutcomeView {
    status: u16,
    code: String,
    text: String,
}

/// The latest try to update it.
#[derive(Debug, Serialize)]
struct AttemptView {
    release: Option<i64>,
    version: String,
    state: &'static str,
    offered_at: String,
    ended_at: Option<String>,
    settled_at: Option<String>,
    bytes: u64,
    size: u64,
    milliseconds: Option<u64>,
    part: &'static str,
    compressed: bool,
}

/// Why a release is not offered to it any more, until a person says "try again".
#[derive(Debug, Serialize)]
struct Hold {
    code: &'static str,
    text: String,
}

/// What it said last.
#[derive(Debug, Serialize)]
struct SaidView {
    family: &'static str,
    mode: &'static str,
    dev: Option<String>,
    version: Option<String>,
    sketch_md5: Option<String>,
    sketch_sha256: Option<String>,
    sketch_size: Option<u32>,
    free_space: Option<u32>,
    chip_size: Option<u32>,
    sdk: Option<String>,
}

/// What a device would get right now, and why.
#[derive(Debug, Serialize)]
pub(super) struct DecisionView {
    decision: &'static str,
    text: String,
    status: u16,
    platform: Option<String>,
    release: Option<ReleaseRef>,
    reasons: Vec<ReasonView>,
}

#[derive(Debug, Serialize)]
struct ReasonView {
    code: &'static str,
    text: String,
    ok: bool,
}

impl DeviceView {
    pub(super) async fn of(app: &App, device: Device) -> Result<Self, Problem> {
        let attempts = app.store().attempts(device.id, 1).await?;
        let approved = app.store().approved_via(device.id).await?;
        let explanation = app.explain(device.mac);
        let runs = Runs::of(&device, &app.shelf());
        let (learnt, policy) = (device.learnt, PolicyView::of(app, &device));
        let report = device.report.as_ref();
        let proof = app.device_proof(device.mac);
        let asked = proof.as_ref().filter(|proof| proof.kind != ProofKind::None);
        let (rhythm, sending) = (RhythmView::of(app, &device), app.sending_to(device.mac));
        Ok(Self {
            proof: asked.map(|proof| proof.standing.word()),
            secret: proof.as_ref().and_then(|proof| SecretsView::of(&proof.own)),
            mac: device.mac.to_string(),
            mac_looks_random: device.mac.is_locally_administered(),
            approved_via: approved.map(|(via, _)| via),
            platform: device.platform,
            approval: device.approval.word(),
            version: report.and_then(|report| report.version.as_deref()).map(str::to_owned),
            mismatch: runs.mismatch,
            running_since: runs.since.map(time::text),
            running: RunningView::of(runs),
            chip: learnt.chip.map(|(chip, from)| ChipView { name: chip.name(), from: from.word() }),
            verifies: learnt.verifies,
            ran_signed: learnt.ran_signed,
            gzip: learnt.gzip.map(GzipTried::word),
            policy,
            first_seen: time::text(device.first_seen),
            last_seen: device.last_seen.map(time::text),
            checkins: device.checkins,
            rhythm,
            address: device.address.map(|address| address.to_string()),
            last_outcome: device.outcome.map(OutcomeView::from),
            last_attempt: attempts.into_iter().next().map(|own| AttemptView::of(own, &sending)),
            hold: explanation.as_ref().and_then(|explained| hold(&explained.decision)),
            report: report.map(SaidView::from),
            name: device.name,
        })
    }
}

impl RhythmView {
    fn of(app: &App, device: &Device) -> Option<Self> {
        let (rhythm, last_seen) = (&device.rhythm, device.last_seen?);
        let silent = app.pause().listened(last_seen, app.now());
        Some(Self {
            every: rhythm.every()?,
            next_expected: time::text(rhythm.next_expected(last_seen)?),
            overdue: rhythm.is_overdue(silent),
            restarting: app.presence_of(device.mac).contains(&Presence::Restarting),
        })
    }
}

impl RunningView {
    fn of(runs: Runs) -> Option<Self> {
        match (runs.release, runs.reported) {
            (Some(release), _) => Some(Self {
                release: Some(release.id),
                platform: Some(release.platform),
                version: Some(release.version.to_string()),
                recognised: true,
            }),
            (None, None) if !runs.tells_image => None,
            (None, version) => {
                Some(Self { release: None, platform: None, version, recognised: false })
            }
        }
    }
}

fn hold(decision: &Decision) -> Option<Hold> {
    let waits = matches!(decision, Decision::NoUpdate(NoUpdate::OnHold { .. }));
    (waits || decision.is_held()).then(|| Hold { code: decision.code(), text: decision.text() })
}

impl DecisionView {
    pub(super) fn of(app: &App, explanation: Explanation) -> Self {
        let Explanation { decision, reasons, release, status, platform, running: _ } = explanation;
        let reasons = reasons.into_iter();
        Self {
            decision: decision.code(),
            text: decision.text(),
            status,
            platform,
            release: release.map(|release| ReleaseRef::of(app, &release)),
            reasons: reasons
                .map(|reason| ReasonView { code: reason.code, text: reason.text, ok: reason.ok })
                .collect(),
        }
    }
}

impl ReleaseRef {
    pub(super) fn of(app: &App, release: &Published) -> Self {
        let shelf = app.shelf();
        let platform = shelf.platform_by_id(release.platform_id);
        Self {
            id: release.id,
            platform: platform.map(|entry| entry.platform.name.to_string()),
            version: release.version.to_string(),
        }
    }
}

impl From<Outcome> for OutcomeView {
    fn from(outcome: Outcome) -> Self {
        let Outcome { status, code, text } = outcome;
        Self { status, code, text }
    }
}

impl AttemptView {
    /// An attempt. While its bytes flow, how many did is known in memory alone.
    fn of(attempt: Attempt, sending: &[Sending]) -> Self {
        let flows = sending.iter().find(|own| own.attempt_id == attempt.id);
        let flows = flows.filter(|_| attempt.state == AttemptState::Offered);
        Self {
            release: attempt.release_id,
            version: attempt.version,
            state: flows.map_or(attempt.state.word(), |_| "sending"),
            offered_at: time::text(attempt.offered_at),
            ended_at: attempt.ended_at.map(time::text),
            settled_at: attempt.settled_at.map(time::text),
            bytes: flows.map_or(attempt.bytes, |own| own.bytes),
            size: attempt.size,
            milliseconds: attempt.millis,
            part: attempt.part.word(),
            compressed: attempt.packed,
        }
    }
}

impl From<&Report> for SaidView {
    fn from(report: &Report) -> Self {
        let text = |text: &Option<Box<str>>| text.as_deref().map(str::to_owned);
        Self {
            family: match report.family {
                Family::Esp8266 => "esp8266",
                Family::Esp32 => "esp32",
            },
            mode: report.mode.word(),
            dev: text(&report.dev),
            version: text(&report.version),
            sketch_md5: report.sketch_md5.map(|digest| digest.to_string()),
            sketch_sha256: report.sketch_sha256.map(|digest| digest.to_string()),
            sketch_size: report.sketch_size,
            free_space: report.free_space,
            chip_size: report.chip_size,
            sdk: text(&report.sdk),
        }
    }
}
