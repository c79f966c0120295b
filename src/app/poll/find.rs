//! What a check-in is judged by, put together from memory: for devices and for explanations alike.

use std::sync::Arc;

use super::{Finding, Poll, Wanted};
use crate::app::fleet::Live;
use crate::app::shelf::{OnOffer, Recognised, Shelf, ShelfPlatform};
use crate::domain::Timestamp;
use crate::domain::device::AttemptState;
use crate::domain::learnt::{Evidence, GzipTried, Learnt};
use crate::domain::release::{Part, Published};
use crate::domain::report::{Mode, Report};
use crate::domain::update::{
    Ask, Asked, Choice, NoTrace, Running, Situation, Standing, admits_anyone, decide,
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
    deliveries: u32,
    updated_here: bool,
}

impl<'a> View<'a> {
    /// What a device that says this is judged by. `learnt`: what is known of it now; `changed`:
    /// it runs something else than before.
    pub(in crate::app) fn new(
        report: &'a Report,
        wanted: &'a Wanted,
        live: &Live,
        learnt: Learnt,
        changed: bool,
        shelf: &'a Shelf,
    ) -> Self {
        let own = live.platform_id.and_then(|id| shelf.platform_by_id(id));
        let (ask, platform, on_offer) = match (wanted, report.dev.as_deref()) {
            (Wanted::File(files), _) => {
                let id = files.images().first().map(|release| release.platform_id);
                (Ask::File, id.and_then(|id| shelf.platform_by_id(id)), Some(files))
            }
            (Wanted::Newest, Some(dev)) => {
                let platform = shelf.platform(dev);
                (Ask::Newest { named: true }, platform, platform.map(|found| &found.newest))
            }
            (Wanted::Newest, None) => {
                (Ask::Newest { named: false }, own, own.map(|own| &own.newest))
            }
        };
        let part = part_for(report.mode);
        let choice = on_offer.map_or(Choice::Nothing, |on_offer| {
            on_offer.choose(part, report.family, learnt.known_chip())
        });
        let release_id = if let Choice::One(release) = choice { Some(release.id) } else { None };
        let counts = part == Part::FileSystem || !changed;
        let deliveries = release_id.filter(|_| counts).map(|id| live.deliveries_of(id, part));
        let attempt = live.attempt.as_deref();
        let confirmed = attempt.filter(|attempt| attempt.state == AttemptState::Confirmed);
        Self {
            report,
            platform,
            running: shelf.running_on(report, live.platform_id),
            ask,
            reported: report.version.as_deref().map(FirmwareVersion::read),
            platforms_exist: !shelf.is_empty(),
            standing: Standing {
                approval: live.approval,
                platform: own.map(|own| (own.platform.id, own.platform.name.as_str())),
                learnt,
            },
            on_offer,
            choice,
            deliveries: deliveries.unwrap_or(0),
            updated_here: release_id.is_some()
                && confirmed.is_some_and(|attempt| attempt.release_id == release_id),
        }
    }

    /// The situation for the decision.
    pub(in crate::app) fn situation(&self) -> Situation<'_> {
        Situation {
            ask: self.ask,
            report: self.report,
            reported: self.reported.as_ref(),
            platforms_exist: self.platforms_exist,
            platform: self.platform.map(|platform| asked(platform)),
            device: Some(self.standing),
            running: self.running.map(|running| Running {
                release: &running.release,
                flash_mode: running.flash_mode,
            }),
            choice: self.choice,
            deliveries: self.deliveries,
            updated_here: self.updated_here,
        }
    }

    /// The release that it would get.
    pub(in crate::app) fn release(&self) -> Option<&'a Arc<Published>> {
        self.on_offer?.shared(self.choice)
    }
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
    }
}

/// Puts everything together and decides.
pub(super) fn find<'a>(
    poll: &'a Poll,
    live: &Live,
    shelf: &'a Shelf,
    now: Timestamp,
) -> Finding<'a> {
    let report = &poll.report;
    // A request for files may name their version instead of the program's.
    let comparable = report.mode != Mode::FileSystem;
    let earlier = live.program().filter(|_| comparable);
    let changed = earlier.is_some_and(|earlier| report.runs_other_than(earlier));
    let running = shelf.running_on(report, live.platform_id);
    let settled = settle(poll, live, running.map(|running| &running.release), changed);
    let taken = settled.filter(|(_, state)| *state == AttemptState::Confirmed);
    let taken = taken.and(live.attempt.as_ref()).and_then(|attempt| attempt.image_id);
    let image = running.map(|running| &running.release).or_else(|| shelf.image(taken?));
    let first = live.learnt.running_since.is_none() && comparable;
    let evidence = Evidence {
        image: image.map(|release| &release.image),
        told: poll.chip,
        gzip: gzip_tried(poll, live, settled),
        changed: (changed || first).then_some(now),
    };
    let learnt = live.learnt.after(report.family, &evidence);
    let view = View::new(report, &poll.wanted, live, learnt, changed, shelf);
    let situation = view.situation();
    Finding {
        decision: decide(&situation, &mut NoTrace),
        admit: admits_anyone(&situation),
        device_id: live.id,
        platform: view.platform,
        release: view.release(),
        settled,
        changed: changed && live.deliveries.iter().any(|own| own.part == Part::Application),
        learnt,
        unrecognised: running.is_none() && report.sketch_md5.is_some(),
    }
}

/// What this check-in says about the last attempt, if that is still open.
fn settle(
    poll: &Poll,
    live: &Live,
    running: Option<&Arc<Published>>,
    changed: bool,
) -> Option<(i64, AttemptState)> {
    let attempt = live.attempt.as_ref()?;
    let open = matches!(
        attempt.state,
        AttemptState::Offered | AttemptState::Delivered | AttemptState::Aborted
    );
    if !open || poll.only_looks || poll.report.mode != Mode::Sketch {
        return None;
    }
    let confirmed = match poll.report.version.as_deref() {
        // What it ran before is unknown where a crash lost it.
        Some(reported) => {
            let other = changed || live.program().is_none();
            other && FirmwareVersion::read(reported) == FirmwareVersion::read(&attempt.version)
        }
        None => attempt.release_id.is_some() && running.map(|r| r.id) == attempt.release_id,
    };
    let state = match attempt.state {
        _ if confirmed => AttemptState::Confirmed,
        AttemptState::Delivered if changed => AttemptState::Overtaken,
        AttemptState::Delivered => AttemptState::NotTaken,
        _ => return None,
    };
    Some((attempt.id, state))
}

/// How the device took a compressed image, if this check-in shows it. An old boot loader ends the
/// transfer after the first bytes (-106).
fn gzip_tried(poll: &Poll, live: &Live, settled: Option<(i64, AttemptState)>) -> Option<GzipTried> {
    let attempt = live.attempt.as_ref().filter(|attempt| attempt.packed)?;
    match settled {
        Some((_, AttemptState::Confirmed)) => Some(GzipTried::Taken),
        Some((_, AttemptState::NotTaken)) => Some(GzipTried::Failed),
        None if attempt.state == AttemptState::Aborted && poll.report.mode == Mode::Sketch => {
            Some(GzipTried::Failed)
        }
        _ => None,
    }
}
