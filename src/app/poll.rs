//! A device checks in: one decision from memory, and the effects that it has.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;

use super::fleet::{Live, Shard};
use super::shelf::{Shelf, ShelfPlatform};
use super::transfer::InFlight;
use super::{App, PendingAnswer};
use crate::domain::Timestamp;
use crate::domain::device::{Approval, AttemptState, Outcome};
use crate::domain::digest::Md5;
use crate::domain::event::{Event, Kind};
use crate::domain::release::Published;
use crate::domain::report::Report;
use crate::domain::update::{
    Ask, Asked, Decision, NoTrace, NoUpdate, Refusal, Situation, Standing, admits_anyone, decide,
};
use crate::domain::version::FirmwareVersion;
use crate::store::News;

/// A check-in.
#[derive(Debug)]
pub struct Poll {
    /// What the device says.
    pub report: Report,
    /// What it wants.
    pub wanted: Wanted,
    /// Whether only the headers are wanted: then no attempt is made of it.
    pub head: bool,
    /// Where it asks from.
    pub address: IpAddr,
    /// The `Host` it asks for.
    pub host: Option<Box<str>>,
}

/// What a device wants.
#[derive(Debug, Clone)]
pub enum Wanted {
    /// The newest release.
    Newest,
    /// The file of this release.
    File(Arc<Published>),
}

/// What a device is answered.
#[derive(Debug)]
pub enum Answer {
    /// 200 with an image.
    Firmware(Firmware),
    /// 200 with the version in headers.
    Version {
        /// The version.
        version: String,
        /// MD5 of its image.
        md5: Md5,
    },
    /// 304.
    NotModified,
    /// An error with the original's words.
    Error {
        /// The status.
        status: u16,
        /// The words.
        text: &'static str,
    },
}

/// An image that is to be sent.
#[derive(Debug)]
pub struct Firmware {
    /// All of it.
    pub bytes: Bytes,
    /// Its MD5.
    pub md5: Md5,
    /// Its version as it was published.
    pub version: String,
    /// The name of its file.
    pub file_name: String,
    /// The download, to be followed; `None` for HEAD.
    pub flight: Option<Arc<InFlight>>,
}

/// What a look at the fleet came to.
pub(super) enum Look {
    /// The device is not recorded yet.
    Unknown,
    /// Its download is just ending: look again when it has.
    Ending(Arc<InFlight>),
    /// The decision.
    Decided(Box<Finding>),
}

/// A decision with what it needs to be carried out.
pub(super) struct Finding {
    pub(super) decision: Decision,
    pub(super) device_id: i64,
    pub(super) platform: Option<Arc<ShelfPlatform>>,
    pub(super) release: Option<Arc<Published>>,
    /// The platform is open: approve the device.
    pub(super) admit: bool,
    /// What the check-in says about the last attempt.
    pub(super) settled: Option<(i64, AttemptState)>,
    /// The device runs something else than before.
    pub(super) changed: bool,
}

impl App {
    /// Answers a check-in.
    pub async fn answer_poll(&self, poll: Poll) -> Answer {
        let shelf = self.shelf();
        let now = self.now();
        let mut waited = false;
        loop {
            match self.look(&poll, &shelf, now, waited) {
                Look::Decided(finding) => return self.carry_out(&poll, *finding, now).await,
                Look::Ending(flight) => {
                    flight.ended().await;
                    waited = true;
                }
                Look::Unknown => {
                    if let Err(error) = self.record_first_contact(&poll, &shelf, now).await {
                        return self.fault(&error, poll.report.mac);
                    }
                }
            }
        }
    }

    /// Decides under the lock of the device's part of the fleet, and notes what is written behind.
    fn look(&self, poll: &Poll, shelf: &Shelf, now: Timestamp, waited: bool) -> Look {
        let mac = poll.report.mac;
        let mut shard = self.0.fleet.shard(mac);
        let Some(live) = shard.devices.get(&mac) else {
            return Look::Unknown;
        };
        if let Some(flight) = live.in_flight.as_ref().filter(|f| !waited && f.is_ending()) {
            return Look::Ending(Arc::clone(flight));
        }
        let finding = find(poll, live, shelf);
        let quiet = self.settings().pending_answer == PendingAnswer::Quiet;
        let status = status(&finding.decision, &poll.wanted, quiet);
        let events = note(poll, &finding, &mut shard, status, now);
        drop(shard);
        for event in events {
            self.record_later(event);
        }
        Look::Decided(Box::new(finding))
    }

    /// What must be durable before the answer leaves, and the answer.
    async fn carry_out(&self, poll: &Poll, finding: Finding, now: Timestamp) -> Answer {
        let mac = poll.report.mac;
        if finding.settled.is_some() || finding.changed {
            let (id, settled) = (finding.device_id, finding.settled);
            if let Err(error) =
                self.0.store.settle_attempt(id, settled, finding.changed, now).await
            {
                return self.fault(&error.into(), mac);
            }
        }
        if finding.admit
            && let Some(platform) = &finding.platform
            && let Err(error) = self.admit(mac, finding.device_id, platform, now).await
        {
            return self.fault(&error, mac);
        }
        let quiet = self.settings().pending_answer == PendingAnswer::Quiet;
        match (&finding.decision, &finding.release) {
            (Decision::Offer, Some(release)) => self.offer(poll, &finding, release, now).await,
            (Decision::Describe, Some(release)) => {
                Answer::Version { version: release.version.to_string(), md5: release.image.md5 }
            }
            (Decision::Refuse(refusal), _) => {
                match status(&finding.decision, &poll.wanted, quiet) {
                    304 => Answer::NotModified,
                    status => Answer::Error { status, text: words(refusal) },
                }
            }
            _ => Answer::NotModified,
        }
    }

    /// A failure of the server's own: logged with its cause, answered without it.
    pub(super) fn fault(&self, error: &super::Error, mac: crate::domain::mac::MacAddr) -> Answer {
        let cause: &dyn std::error::Error = error;
        tracing::error!(error = cause, device.mac = %mac, "a check-in could not be answered");
        let text = "A check-in could not be answered; the cause is in the server's log.";
        self.record_later(Event::new(self.now(), Kind::Fault, text).of(mac).by("server"));
        Answer::Error { status: 500, text: "Error: The server failed." }
    }
}

/// Puts the situation together and decides.
fn find(poll: &Poll, live: &Live, shelf: &Shelf) -> Finding {
    let report = &poll.report;
    let (ask, platform) = match &poll.wanted {
        Wanted::Newest => match report.dev.as_deref() {
            Some(dev) => (Ask::Newest { named: true }, shelf.platform(dev)),
            None => {
                let own = live.platform_id.and_then(|id| shelf.platform_by_id(id));
                (Ask::Newest { named: false }, own)
            }
        },
        Wanted::File(release) => (Ask::File, shelf.platform_by_id(release.platform_id)),
    };
    let release = match &poll.wanted {
        Wanted::Newest => platform.and_then(|platform| platform.newest_for(report.family)),
        Wanted::File(release) => Some(release),
    };
    let changed = live.report.as_ref().is_some_and(|earlier| report.runs_other_than(earlier));
    let reported = report.version.as_deref().map(FirmwareVersion::read);
    let running = shelf.running(report);
    let situation = Situation {
        ask,
        report,
        reported: reported.as_ref(),
        platforms_exist: !shelf.is_empty(),
        platform: platform.map(|platform| asked(platform)),
        device: Some(standing(live, shelf)),
        running: running.map(AsRef::as_ref),
        release: release.map(AsRef::as_ref),
        foreign: platform.and_then(|p| p.newest()).map(|newest| newest.image.chip),
        deliveries: deliveries(live, release, changed),
    };
    let decision = decide(&situation, &mut NoTrace);
    Finding {
        admit: admits_anyone(&situation),
        decision,
        device_id: live.id,
        platform: platform.cloned(),
        release: release.cloned(),
        settled: settle(live, report, reported.as_ref(), running, changed),
        changed: changed && live.attempt.is_some(),
    }
}

pub(super) fn asked(platform: &ShelfPlatform) -> Asked<'_> {
    let platform = &platform.platform;
    Asked { id: platform.id, name: platform.name.as_str(), admission: platform.admission }
}

pub(super) fn standing<'a>(live: &Live, shelf: &'a Shelf) -> Standing<'a> {
    let platform = live.platform_id.and_then(|id| shelf.platform_by_id(id));
    let platform = platform.map(|own| (own.platform.id, own.platform.name.as_str()));
    Standing { approval: live.approval, platform }
}

/// Deliveries of this release that count towards the loop stop.
pub(super) fn deliveries(live: &Live, release: Option<&Arc<Published>>, changed: bool) -> u32 {
    match (&live.attempt, release) {
        (Some(attempt), Some(release)) if attempt.release_id == Some(release.id) && !changed => {
            attempt.deliveries
        }
        _ => 0,
    }
}

/// What this check-in says about the last attempt, if that is still open.
fn settle(
    live: &Live,
    report: &Report,
    reported: Option<&FirmwareVersion>,
    running: Option<&Arc<Published>>,
    changed: bool,
) -> Option<(i64, AttemptState)> {
    let attempt = live.attempt.as_ref()?;
    let open = matches!(
        attempt.state,
        AttemptState::Offered | AttemptState::Delivered | AttemptState::Aborted
    );
    if !open || report.mode != crate::domain::report::Mode::Sketch {
        return None;
    }
    let confirmed = match reported {
        Some(reported) => *reported == FirmwareVersion::read(&attempt.version) && changed,
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

/// Brings what is known of the device up to date; answers the events this makes.
fn note(
    poll: &Poll,
    finding: &Finding,
    shard: &mut Shard,
    status: u16,
    now: Timestamp,
) -> Vec<Event> {
    let mac = poll.report.mac;
    let mut events = Vec::new();
    let Some(live) = shard.devices.get_mut(&mac) else { return events };
    let code = finding.decision.code();
    let new_outcome = *live.outcome != *code;
    let new_report = live.report.as_deref() != Some(&poll.report);
    let new_address = live.address != Some(poll.address);
    if new_outcome || new_report {
        tell(poll, finding, live, new_outcome, now, &mut events);
    }
    if let Some((_, state)) = finding.settled {
        events.extend(tell_settled(poll, finding, live, state, now));
    }
    if let (Some(attempt), true) = (&mut live.attempt, finding.changed) {
        attempt.deliveries = 0;
    }
    if let (Some(attempt), Some((_, state))) = (&mut live.attempt, finding.settled) {
        attempt.state = state;
    }
    if new_outcome || new_report || new_address {
        let text = finding.decision.text();
        let outcome = Outcome { status, code: code.to_owned(), text };
        let (report, host) = (poll.report.clone(), poll.host.clone());
        let news = News { report, address: Some(poll.address), host, outcome };
        live.news = Some(Box::new(news));
        live.outcome = code.into();
        live.address = Some(poll.address);
        live.report = Some(Box::new(poll.report.clone()));
    }
    shard.count(mac, now);
    events
}

/// The events about a check-in that says something new.
fn tell(
    poll: &Poll,
    finding: &Finding,
    live: &Live,
    new_outcome: bool,
    now: Timestamp,
    events: &mut Vec<Event>,
) {
    let event = |kind, text: String| {
        let platform = finding.platform.as_ref().map(|p| p.platform.name.as_str());
        let event = Event::new(now, kind, text).of(poll.report.mac).by(poll.address.to_string());
        let release = finding.release.as_ref().map(|release| release.id);
        Event { release_id: release, ..event.on(platform) }
    };
    if live.approval == Approval::Approved
        && let Some(earlier) = &live.report
        && poll.report.runs_other_than(earlier)
    {
        let version = |report: &Report| report.version.as_deref().map(ToOwned::to_owned);
        let (was, is) = (version(earlier), version(&poll.report));
        let text = match (was, is) {
            (Some(was), Some(is)) if was != is => format!("Reports {is} now; it was {was}."),
            (None, Some(is)) => format!("Reports {is} now."),
            _ => "Runs another image than before.".to_owned(),
        };
        events.push(event(Kind::Changed, text));
    }
    if !new_outcome {
        return;
    }
    match &finding.decision {
        Decision::Refuse(_) => events.push(event(Kind::Refused, finding.decision.text())),
        Decision::NoUpdate(NoUpdate::Stopped { .. }) => {
            events.push(event(Kind::Stopped, finding.decision.text()));
        }
        decision if decision.is_withheld() => {
            let version = finding.release.as_ref().map(|release| release.version.to_string());
            let version = version.map(|version| format!("{version}: ")).unwrap_or_default();
            events.push(event(Kind::Withheld, format!("{version}{}", decision.text())));
        }
        _ => {}
    }
}

fn tell_settled(
    poll: &Poll,
    finding: &Finding,
    live: &Live,
    state: AttemptState,
    now: Timestamp,
) -> Option<Event> {
    let attempt = live.attempt.as_ref()?;
    let (version, mac) = (&attempt.version, poll.report.mac);
    let (kind, text) = match state {
        AttemptState::Confirmed => (Kind::Confirmed, format!("Came back with {version}.")),
        AttemptState::NotTaken => {
            (Kind::NotTaken, format!("Took {version}, but came back unchanged."))
        }
        AttemptState::Overtaken => {
            (Kind::Changed, format!("Took {version}, but came back with something else."))
        }
        AttemptState::Offered | AttemptState::Delivered | AttemptState::Aborted => return None,
    };
    let platform = finding.platform.as_ref().map(|platform| platform.platform.name.as_str());
    let event = Event::new(now, kind, text).of(mac).by(poll.address.to_string());
    Some(Event { release_id: attempt.release_id, ..event.on(platform) })
}

/// The HTTP status of a decision: the original's, `protocol.md` §2.6, and `design.md` §6.
pub(super) fn status(decision: &Decision, wanted: &Wanted, quiet: bool) -> u16 {
    match decision {
        Decision::Offer | Decision::Describe => 200,
        Decision::NoUpdate(_) => 304,
        Decision::Refuse(refusal) => match (refusal, wanted) {
            (Refusal::InvalidParameters | Refusal::UnknownPlatform, _) => 400,
            (Refusal::NoPlatforms, _) => 500,
            (Refusal::NotApproved(Approval::Pending), _) if quiet => 304,
            (Refusal::NotApproved(_) | Refusal::OtherPlatform { .. }, Wanted::Newest) => 400,
            (Refusal::NotApproved(_) | Refusal::OtherPlatform { .. }, Wanted::File(_)) => 403,
            (Refusal::ModeUnsupported | Refusal::NothingToDescribe, _) => 404,
        },
    }
}

/// The original's words for a refusal.
const fn words(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::InvalidParameters => "Error: Invalid parameters.",
        Refusal::NoPlatforms => "Error: Create platforms before updating.",
        Refusal::UnknownPlatform => "Error: Unknown platform.",
        Refusal::NotApproved(_) | Refusal::OtherPlatform { .. } => "Error: Device not whitelisted.",
        Refusal::ModeUnsupported => "Error: No file-system image.",
        Refusal::NothingToDescribe => "Error: Nothing published.",
    }
}
