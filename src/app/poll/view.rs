//! What a check-in is judged by, put together from memory: for devices and for explanations alike.

use std::borrow::Cow;
use std::sync::Arc;

use super::find::settlement;
use super::{Settlement, Wanted};
use crate::app::fleet::Live;
use crate::app::pairing::Pairings;
use crate::app::proof_check::secrets_for;
use crate::app::rollouts::Gate;
use crate::app::settings::Settings;
use crate::app::shelf::{OnOffer, Recognised, Shelf, ShelfPlatform};
use crate::domain::Timestamp;
use crate::domain::device::Approval;
use crate::domain::learnt::Learnt;
use crate::domain::pairing::Door;
use crate::domain::policy::Channel;
use crate::domain::proof::SecretShown;
use crate::domain::release::{Part, Published};
use crate::domain::report::{Mode, Report};
use crate::domain::tally::{Patience, Tally, Wait};
use crate::domain::update::{
    Ask, Asked, Bound, Choice, Decision, NoTrace, NoUpdate, Running, Selection, Situation,
    Standing, Waiting, decide,
};
use crate::domain::version::FirmwareVersion;

/// Everything that a decision about a device is made from.
pub(in crate::app) struct View<'a> {
    pub(in crate::app) report: &'a Report,
    pub(in crate::app) platform: Option<&'a Arc<ShelfPlatform>>,
    pub(in crate::app) running: Option<&'a Recognised>,
    ask: Ask,
    reported: Option<Cow<'a, FirmwareVersion>>,
    platforms_exist: bool,
    standing: Standing<'a>,
    on_offer: Option<&'a OnOffer>,
    choice: Choice<'a>,
    waiting: Option<Waiting<'a>>,
    bound: Bound,
    quiet_until: Option<Timestamp>,
    tally: Option<Tally>,
    flights: u32,
    updated_here: bool,
    pairings: &'a Pairings,
    device_id: i64,
    pub(super) shown: SecretShown,
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
        let secrets = platform.map(|platform| secrets_for(platform, live));
        Self {
            report,
            platform,
            running: known.running,
            ask,
            // Until something newer is known: as it came last.
            shown: secrets.map_or(SecretShown::Unasked, |secrets| learnt.proof.again(secrets)),
            reported: report.version.as_deref().map(|text| reading(text, choice)),
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
            bound: bound(pin, report, known.running, platform),
            quiet_until: quiet_until(shelf, platform, live, settings, now),
            tally: release_id.and_then(|id| known.tally(id, part)),
            flights: release_id.map_or(0, |id| known.flights(id, part)),
            updated_here: release_id.is_some_and(|id| live.was_updated_to(id)),
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
            reported: self.reported.as_deref(),
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
            bound: self.bound,
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

    /// The tally with the hold that its limit has come to, where that is not written down yet.
    pub(super) fn newly_held(&self, decision: &Decision) -> Option<Tally> {
        let mut tally = self.tally.filter(|tally| tally.hold.is_none())?;
        let Decision::NoUpdate(NoUpdate::OnHold { wait: Wait::Hold { hold, .. }, .. }) = decision
        else {
            return None;
        };
        tally.hold(*hold);
        Some(tally)
    }

    /// The release that it would get.
    pub(in crate::app) fn release(&self) -> Option<&'a Arc<Published>> {
        self.on_offer?.shared(self.choice)
    }

    /// The rollout by which it would get that.
    pub(super) fn gate(&self, shelf: &'a Shelf) -> Option<&'a Gate> {
        let Choice::One(release) = self.choice else { return None };
        shelf.gate(release.id).filter(|_| self.bound != Bound::Pinned)
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

/// A version that a device reports. Mostly it is the very one that it would get.
fn reading<'a>(text: &str, choice: Choice<'a>) -> Cow<'a, FirmwareVersion> {
    match choice {
        Choice::One(release) if release.version.as_str() == text => Cow::Borrowed(&release.version),
        _ => Cow::Owned(FirmwareVersion::read(text)),
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

/// What makes a device get something else than a newer release.
fn bound(
    pin: Option<i64>,
    report: &Report,
    running: Option<&Recognised>,
    platform: Option<&Arc<ShelfPlatform>>,
) -> Bound {
    match pin {
        Some(_) => Bound::Pinned,
        None if is_recalled(report, running, platform) => Bound::Recalled,
        None => Bound::Free,
    }
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
