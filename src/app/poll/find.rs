//! What a check-in is judged by, put together from memory: for devices and for explanations alike.

use std::sync::Arc;

use super::{Finding, Poll, ProofNews, Settlement, Wanted};
use crate::app::fleet::Live;
use crate::app::pairing::Pairings;
use crate::app::proof_check::{ProofCheck, secrets_for};
use crate::app::rollouts::Gate;
use crate::app::settings::Settings;
use crate::app::shelf::{OnOffer, Recognised, Shelf, ShelfPlatform};
use crate::domain::Timestamp;
use crate::domain::attempt::{Settled, Shown, settle};
use crate::domain::device::{Approval, AttemptState};
use crate::domain::learnt::{Evidence, GzipTried, Learnt};
use crate::domain::pairing::Door;
use crate::domain::policy::Channel;
use crate::domain::proof::{ProofSeen, SecretShown};
use crate::domain::release::{Part, Published};
use crate::domain::report::{Mode, Report};
use crate::domain::tally::{Hold, Patience, Tally};
use crate::domain::update::{
    Ask, Asked, Choice, Decision, NoTrace, Running, Selection, Situation, Standing, Waiting,
    admits_anyone, decide,
};
use crate::domain::version::FirmwareVersion;

/// Everything that a decision about a device is made from.
pub(in crate::app) struct View<'a> {
    pub(in crate::app) report: &'a Report,
    pub(in crate::app) platform: Option<&'a Arc<ShelfPlatform>>,
    pub(in crate::app) running: Option<&'a Recognised>,
    ask: Ask,
    reported: Option<FirmwareVersion>,
    platforms_exist: bool,
    standing: Standing<'a>,
    on_offer: Option<&'a OnOffer>,
    choice: Choice<'a>,
    waiting: Option<Waiting<'a>>,
    pinned: bool,
    recalled: bool,
    quiet_until: Option<Timestamp>,
    tally: Option<Tally>,
    flights: u32,
    updated_here: bool,
    pairings: &'a Pairings,
    device_id: i64,
    shown: SecretShown,
}

/// What is known of a device at this moment.
pub(in crate::app) struct Known<'l, 'a> {
    pub(in crate::app) live: &'l Live,
    /// Beyond what it says.
    pub(in crate::app) learnt: Learnt,
    /// The image that it runs, where a digest of it is known.
    pub(in crate::app) running: Option<&'a Recognised>,
    /// What this check-in shows of its last attempt.
    pub(in crate::app) settlement: Option<Settlement>,
}

impl<'l, 'a> Known<'l, 'a> {
    /// What is known of a device that asks again as it did last: what it got meanwhile, it shows
    /// not to have taken.
    pub(in crate::app) fn of_last(
        live: &'l Live,
        report: &Report,
        shelf: &'a Shelf,
        settings: &Settings,
        now: Timestamp,
    ) -> Self {
        let running = shelf.running_on(report, live.platform_id);
        let own = running.map(|running| &running.release);
        let settlement = settlement(report, live, own, false, &settings.patience, now);
        Self { live, learnt: live.learnt, running, settlement }
    }

    /// The tally of an image.
    fn tally(&self, release_id: i64, part: Part) -> Option<Tally> {
        let shown = self.settlement.and_then(|settlement| settlement.tally);
        let shown = shown.map(|(_, tally)| tally);
        let same = |tally: &Tally| tally.release_id == release_id && tally.part == part;
        shown.filter(same).or_else(|| self.live.tally(release_id, part).copied())
    }

    /// Downloads of an image that are under way.
    fn flights(&self, release_id: i64, part: Part) -> u32 {
        let own = self.live.flights().filter(|flight| flight.is_of(release_id, part));
        u32::try_from(own.count()).unwrap_or(u32::MAX)
    }
}

impl<'a> View<'a> {
    /// What a device that says this is judged by.
    pub(in crate::app) fn new(
        report: &'a Report,
        wanted: &'a Wanted,
        known: &Known<'_, 'a>,
        shelf: &'a Shelf,
        (settings, now): (&Settings, Timestamp),
    ) -> Self {
        let Known { live, learnt, .. } = *known;
        let own = live.platform_id.and_then(|id| shelf.platform_by_id(id));
        let (ask, platform, on_offer) = match (wanted, report.dev.as_deref()) {
            (Wanted::File(files), _) => {
                let id = files.images().first().map(|release| release.platform_id);
                (Ask::File, id.and_then(|id| shelf.platform_by_id(id)), Some(files))
            }
            (Wanted::Newest, Some(dev)) => {
                let platform = shelf.platform(dev);
                (Ask::Newest { named: true }, platform, platform.map(|own| channel(own, live)))
            }
            (Wanted::Newest, None) => {
                (Ask::Newest { named: false }, own, own.map(|own| channel(own, live)))
            }
        };
        // A file that it asks for by its address is its own choice.
        let pin = live.policy.pinned.or(platform.and_then(|own| own.platform.pinned));
        let pin = pin.filter(|_| ask != Ask::File);
        let on_offer = match pin {
            Some(id) => shelf.release(id).filter(|files| is_of(files, platform)),
            None => on_offer,
        };
        let part = part_for(report.mode);
        let gate = |release: &Published| match shelf.gate(release.id).filter(|_| pin.is_none()) {
            Some(gate) => gate.admits(report.mac, live),
            None => Ok(()),
        };
        let selection = on_offer.map_or(Selection::NOTHING, |on_offer| {
            on_offer.choose(part, report.family, learnt.known_chip(), gate)
        });
        let choice = selection.choice;
        let release_id = if let Choice::One(release) = choice { Some(release.id) } else { None };
        let attempt = live.attempt.as_deref();
        let confirmed = attempt.filter(|attempt| attempt.state == AttemptState::Confirmed);
        let secrets = platform.map(|platform| secrets_for(platform, live));
        Self {
            report,
            platform,
            running: known.running,
            ask,
            // Until something newer is known: as it came last.
            shown: secrets.map_or(SecretShown::Unasked, |secrets| learnt.proof.again(secrets)),
            reported: report.version.as_deref().map(FirmwareVersion::read),
            platforms_exist: !shelf.is_empty(),
            pairings: shelf.pairings(),
            device_id: live.id,
            standing: Standing {
                approval: live.approval,
                platform: own.map(|own| (own.platform.id, own.platform.name.as_str())),
                learnt,
                policy: live.policy,
            },
            on_offer,
            choice,
            waiting: selection.waiting,
            pinned: pin.is_some(),
            recalled: is_recalled(report, known.running, platform),
            quiet_until: quiet_until(shelf, platform, live, settings, now),
            tally: release_id.and_then(|id| known.tally(id, part)),
            flights: release_id.map_or(0, |id| known.flights(id, part)),
            updated_here: release_id.is_some()
                && confirmed.is_some_and(|attempt| attempt.release_id == release_id),
        }
    }

    /// The situation for the decision.
    pub(in crate::app) fn situation<'s>(
        &'s self,
        patience: &'s Patience,
        now: Timestamp,
    ) -> Situation<'s> {
        Situation {
            ask: self.ask,
            report: self.report,
            reported: self.reported.as_ref(),
            platforms_exist: self.platforms_exist,
            platform: self.platform.map(|platform| asked(platform)),
            door: self.door(now),
            device: Some(self.standing),
            shown: self.shown,
            running: self.running.map(|running| Running {
                release: &running.release,
                flash_mode: running.flash_mode,
            }),
            choice: self.choice,
            waiting: self.waiting,
            pinned: self.pinned,
            recalled: self.recalled,
            quiet_until: self.quiet_until,
            tally: self.tally.as_ref(),
            flights: self.flights,
            patience,
            now,
            updated_here: self.updated_here,
        }
    }

    /// How the door stands for it; of no matter to those who are approved.
    fn door(&self, now: Timestamp) -> Door {
        if self.standing.approval != Approval::Pending {
            return Door::Ask;
        }
        let platform_id = self.platform.map(|platform| platform.platform.id);
        self.pairings.door_for(platform_id, self.device_id, now)
    }

    /// The release that it would get.
    pub(in crate::app) fn release(&self) -> Option<&'a Arc<Published>> {
        self.on_offer?.shared(self.choice)
    }

    /// The rollout by which it would get that.
    fn gate(&self, shelf: &'a Shelf) -> Option<&'a Gate> {
        let Choice::One(release) = self.choice else { return None };
        shelf.gate(release.id).filter(|_| !self.pinned)
    }

    /// What a device that asks again as it did last would get; `None` where it never asked.
    pub(in crate::app) fn of_last(
        live: &Live,
        shelf: &Shelf,
        settings: &Settings,
        now: Timestamp,
    ) -> Option<Decision> {
        Self::offer_of_last(live, shelf, settings, now).map(|(decision, _)| decision)
    }

    /// The same, with the release that the decision is about.
    pub(in crate::app) fn offer_of_last(
        live: &Live,
        shelf: &Shelf,
        settings: &Settings,
        now: Timestamp,
    ) -> Option<(Decision, Option<Arc<Published>>)> {
        let report = live.last_question()?;
        let known = Known::of_last(live, &report, shelf, settings, now);
        let view = View::new(&report, &Wanted::Newest, &known, shelf, (settings, now));
        let decision = decide(&view.situation(&settings.patience, now), &mut NoTrace);
        Some((decision, view.release().cloned()))
    }
}

/// What a platform has for devices on the channel of this one.
fn channel<'a>(platform: &'a ShelfPlatform, live: &Live) -> &'a OnOffer {
    match live.policy.channel {
        Channel::Stable => &platform.newest,
        Channel::Beta => &platform.beta,
    }
}

fn is_of(files: &OnOffer, platform: Option<&Arc<ShelfPlatform>>) -> bool {
    let id = files.images().first().map(|release| release.platform_id);
    id.is_some() && id == platform.map(|own| own.platform.id)
}

/// Whether what the device runs was recalled.
fn is_recalled(
    report: &Report,
    running: Option<&Recognised>,
    platform: Option<&Arc<ShelfPlatform>>,
) -> bool {
    let recalled = platform.map_or(&[][..], |own| &own.recalled);
    if recalled.is_empty() {
        return false;
    }
    let reported = report.version.as_deref().map(FirmwareVersion::read);
    running.is_some_and(|running| running.release.recalled)
        || reported.is_some_and(|reported| recalled.contains(&reported))
}

/// When the quiet hours of a device end, where it is within them.
fn quiet_until(
    shelf: &Shelf,
    platform: Option<&Arc<ShelfPlatform>>,
    live: &Live,
    settings: &Settings,
    now: Timestamp,
) -> Option<Timestamp> {
    let mut quiet = shelf.quiet(platform.map(AsRef::as_ref), &live.groups).peekable();
    quiet.peek()?;
    let of_day = settings.time_zone.second_of_day(now);
    quiet.filter_map(|hours| hours.until(now, of_day)).max()
}

/// What an updater in this mode is sent: never the one for the other.
const fn part_for(mode: Mode) -> Part {
    match mode {
        Mode::FileSystem => Part::FileSystem,
        Mode::Sketch | Mode::Version | Mode::Unknown => Part::Application,
    }
}

fn asked(platform: &ShelfPlatform) -> Asked<'_> {
    let platform = &platform.platform;
    Asked {
        id: platform.id,
        name: platform.name.as_str(),
        admission: platform.admission,
        gzip: platform.gzip,
        floor: platform.floor.as_ref(),
        rule: platform.rule,
        proof: platform.proof,
    }
}

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
        decision,
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
        judged: None,
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
    let (seen, proof) = (live.learnt.proof, live.learnt.proof.after(shown));
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
fn settlement(
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
    let shown = Shown {
        version: report.version.as_deref(),
        md5: report.sketch_md5,
        running: running.map(|release| (release.id, release.image.id)),
        // What it ran before is unknown where a crash lost it.
        changed: changed || live.program().is_none(),
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
    Some(Settlement { attempt_id: attempt.id, release_id, settled, tally })
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
