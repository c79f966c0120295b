//! What a check-in comes to, and what it shows of the device.

use std::sync::Arc;

use super::view::{Known, View};
use super::{Finding, Poll, ProofNews, Settlement};
use crate::app::fleet::Live;
use crate::app::proof_check::{ProofCheck, secrets_for};
use crate::app::settings::Settings;
use crate::app::shelf::{Shelf, ShelfPlatform};
use crate::domain::Timestamp;
use crate::domain::attempt::{Settled, Shown, settle};
use crate::domain::device::{Approval, AttemptState};
use crate::domain::learnt::{Evidence, GzipTried, Learnt};
use crate::domain::proof::{ProofSeen, SecretShown};
use crate::domain::release::{Part, Published};
use crate::domain::report::{Mode, Report};
use crate::domain::rollout::Member;
use crate::domain::tally::{Hold, Patience, Tally};
use crate::domain::update::{NoTrace, admits_anyone, decide};

/// Puts everything together and decides.
pub(super) fn find<'a>(
    poll: &'a Poll,
    live: &Live,
    shelf: &'a Shelf,
    settings: &Settings,
    proofs: &ProofCheck,
    now: Timestamp,
) -> Finding<'a> {
    let patience = &settings.patience;
    let report = &poll.report;
    // A request for files may name their version instead of the program's.
    let comparable = report.mode != Mode::FileSystem;
    let earlier = live.program().filter(|_| comparable);
    let changed = earlier.is_some_and(|earlier| report.runs_other_than(earlier));
    let running = shelf.running_on(report, live.platform_id);
    let own = running.map(|running| &running.release);
    let settlement = settlement(report, live, own, changed, patience, now);
    let settlement = settlement.filter(|_| !poll.only_looks);
    let settled = settlement.map(|settlement| settlement.settled);
    let taken = settled.filter(|settled| *settled == Settled::Confirmed);
    let taken = taken.and(live.attempt.as_ref()).and_then(|attempt| attempt.image_id);
    let image = own.or_else(|| shelf.image(taken?));
    // Since when it runs what it runs is known from its first check-in on, or from its next change.
    let first = comparable && live.program().is_none();
    let evidence = Evidence {
        image: image.map(|release| &release.image),
        told: poll.chip,
        gzip: gzip_tried(poll, live, settled),
        changed: (changed || first).then_some(now),
    };
    let learnt = live.learnt.after(report.family, &evidence);
    let known = Known { live, learnt, running, settlement };
    let mut view = View::new(report, &poll.wanted, &known, shelf, (settings, now));
    view.shown = proofs.shown(poll, live, view.platform, now);
    let situation = view.situation(patience, now);
    let decision = decide(&situation, &mut NoTrace);
    let (proof, news) = weigh(poll, live, &view, shelf, proofs, now);
    let proven = news != ProofNews::Stranger && !decision.is_unproven();
    let learnt = Learnt { proof, ..if proven { learnt } else { live.learnt } };
    Finding {
        admit: admits_anyone(&situation),
        device_id: live.id,
        platform: view.platform,
        release: view.release(),
        gate: view.gate(shelf),
        settled: settlement.filter(|_| proven),
        halts: None,
        learnt,
        proof: news,
        unrecognised: proven && running.is_none() && report.sketch_md5.is_some(),
        held: view.newly_held(&decision).filter(|_| proven && !poll.only_looks),
        judged: Vec::new(),
        decision,
    }
}

/// Which secret the device was seen with after this check-in, and what that says. Whoever does not
/// prove to be the device changes nothing of what is known of it, whichever platform they ask for:
/// what counts is the secret of the one that it belongs to.
fn weigh(
    poll: &Poll,
    live: &Live,
    view: &View<'_>,
    shelf: &Shelf,
    proofs: &ProofCheck,
    now: Timestamp,
) -> (ProofSeen, ProofNews) {
    let own = live.platform_id.and_then(|id| shelf.platform_by_id(id)).or(view.platform);
    let id = |platform: Option<&Arc<ShelfPlatform>>| platform.map(|found| found.platform.id);
    let elsewhere = id(view.platform) != id(own);
    let shown = if elsewhere { proofs.shown(poll, live, own, now) } else { view.shown };
    let (seen, proof) = (live.learnt.proof, live.learnt.proof.after(shown, now));
    let guarded = own.is_some_and(|own| own.platform.proof.is_demanded());
    let right = matches!(shown, SecretShown::Right(_));
    let news = match own {
        _ if guarded && !right && live.approval == Approval::Approved => ProofNews::Stranger,
        Some(own) if proof.secret != seen.secret && secrets_for(own, live).overlap() => {
            ProofNews::Rotated
        }
        _ => ProofNews::None,
    };
    (proof, news)
}

/// What a check-in that says this shows of the last attempt, with the tally after that.
pub(super) fn settlement(
    report: &Report,
    live: &Live,
    running: Option<&Arc<Published>>,
    changed: bool,
    patience: &Patience,
    now: Timestamp,
) -> Option<Settlement> {
    let attempt = live.attempt.as_deref()?;
    if report.mode != Mode::Sketch {
        return None;
    }
    let earlier = live.program();
    let shown = Shown {
        version: report.version.as_deref(),
        md5: report.sketch_md5,
        running: running.map(|release| (release.id, release.image.id)),
        // What it ran before is unknown where a crash lost it.
        changed: changed || earlier.is_none(),
        same_image: earlier.and_then(|earlier| report.same_image_as(earlier)),
    };
    let settled = settle(attempt, &shown)?;
    let tally = attempt.release_id.map(|release_id| {
        let own = live.tally(release_id, Part::Application).copied();
        let mut tally = own.unwrap_or(Tally::new(release_id, Part::Application));
        match settled {
            Settled::NotTaken => tally.not_taken(patience, now),
            Settled::RolledBack => tally.hold(Hold::RolledBack),
            Settled::ReportsOther => tally.hold(Hold::ReportsOther),
            Settled::Confirmed | Settled::Overtaken | Settled::Broken => {}
        }
        (live.id, tally)
    });
    let release_id = attempt.release_id;
    let member = Member::of(settled.state(), attempt.whole);
    Some(Settlement { attempt_id: attempt.id, release_id, settled, member, tally })
}

/// How the device took a compressed image, if this check-in shows it. An old boot loader ends the
/// transfer after the first bytes (-106).
fn gzip_tried(poll: &Poll, live: &Live, settled: Option<Settled>) -> Option<GzipTried> {
    let attempt = live.attempt.as_ref().filter(|attempt| attempt.packed)?;
    match settled {
        Some(Settled::Confirmed | Settled::ReportsOther) => Some(GzipTried::Taken),
        Some(Settled::NotTaken | Settled::Broken) => Some(GzipTried::Failed),
        None if attempt.state == AttemptState::Aborted && poll.report.mode == Mode::Sketch => {
            Some(GzipTried::Failed)
        }
        _ => None,
    }
}
