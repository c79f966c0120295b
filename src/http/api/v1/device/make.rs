//! What is shown of a device, put together.

use super::{
    AttemptView, ChipView, DecisionView, DeviceView, Flow, Hold, OutcomeView, PolicyView,
    ReasonView, ReleaseRef, RhythmView, RunningView, SaidView,
};
use crate::app::{App, Explanation, Runs, Sending};
use crate::domain::device::{Attempt, AttemptState, Device, Outcome};
use crate::domain::proof::ProofKind;
use crate::domain::release::Published;
use crate::domain::report::Report;
use crate::domain::rhythm::Presence;
use crate::domain::update::{Decision, NoUpdate};
use crate::http::api::problem::Problem;
use crate::http::api::v1::secrets::SecretsView;
use crate::http::api::words::{Time, Word};

impl PolicyView {
    fn of(app: &App, device: &Device) -> Self {
        let (shelf, policy) = (app.shelf(), device.policy);
        let pinned =
            policy.pinned.and_then(|id| shelf.images().find(|release| release.id == id).cloned());
        let groups = shelf.groups().iter().filter(|group| device.groups.contains(&group.id));
        Self {
            channel: Word(policy.channel),
            pinned: pinned.map(|release| ReleaseRef::of(app, &release)),
            updates: !policy.updates_off,
            groups: groups.map(|group| group.name.to_string()).collect(),
        }
    }
}

impl DeviceView {
    pub(in crate::http::api::v1) async fn of(app: &App, device: Device) -> Result<Self, Problem> {
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
            proof: asked.map(|proof| Word(proof.standing)),
            secret: proof.as_ref().and_then(|proof| SecretsView::of(&proof.own)),
            mac: device.mac.to_string(),
            mac_looks_random: device.mac.is_locally_administered(),
            approved_via: approved.map(|(via, _)| via),
            platform: device.platform,
            approval: Word(device.approval),
            version: report.and_then(|report| report.version.as_deref()).map(str::to_owned),
            mismatch: runs.mismatch,
            running_since: runs.since.map(Time),
            running: RunningView::of(runs),
            chip: learnt.chip.map(|(chip, from)| ChipView { name: Word(chip), from: Word(from) }),
            verifies: learnt.verifies,
            ran_signed: learnt.ran_signed,
            gzip: learnt.gzip.map(Word),
            policy,
            first_seen: Time(device.first_seen),
            last_seen: device.last_seen.map(Time),
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
            next_expected: Time(rhythm.next_expected(last_seen)?),
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
    pub(in crate::http::api::v1) fn of(app: &App, explanation: Explanation) -> Self {
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
    pub(in crate::http::api::v1) fn of(app: &App, release: &Published) -> Self {
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
            state: Word(flows.map_or(Flow::Still(attempt.state), |_| Flow::Sending)),
            offered_at: Time(attempt.offered_at),
            ended_at: attempt.ended_at.map(Time),
            settled_at: attempt.settled_at.map(Time),
            bytes: flows.map_or(attempt.bytes, |own| own.bytes),
            size: attempt.size,
            milliseconds: attempt.millis,
            part: Word(attempt.part),
            compressed: attempt.packed,
        }
    }
}

impl From<&Report> for SaidView {
    fn from(report: &Report) -> Self {
        let text = |text: &Option<Box<str>>| text.as_deref().map(str::to_owned);
        Self {
            family: Word(report.family),
            mode: Word(report.mode),
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
