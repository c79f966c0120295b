//! A device checks in: one decision from memory, and the effects that it has.

mod find;
mod note;
mod view;

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;

use super::App;
use super::fleet::Live;
use super::rollouts::Gate;
use super::shelf::{OnOffer, Shelf, ShelfPlatform};
use super::transfer::InFlight;
use super::write_behind::LateWrite;
use crate::domain::Timestamp;
use crate::domain::actor::Actor;
use crate::domain::attempt::Settled;
use crate::domain::chip::Chip;
use crate::domain::device::Approval;
use crate::domain::digest::Md5;
use crate::domain::event::{Event, Kind};
use crate::domain::learnt::Learnt;
use crate::domain::release::Published;
use crate::domain::report::{Mode, Report};
use crate::domain::rollout::Member;
use crate::domain::secret::Secret;
use crate::domain::tally::Tally;
use crate::domain::update::{Decision, Refusal};
use find::find;
use note::note;
pub(super) use view::{Known, View};

/// A check-in.
#[derive(Debug)]
pub struct Poll {
    /// What the device says.
    pub report: Report,
    /// What it wants.
    pub wanted: Wanted,
    /// The chip that it names in `chip=`.
    pub chip: Option<Chip>,
    /// Whether only the headers are wanted (HEAD): no attempt to update.
    pub only_looks: bool,
    /// Whether only a range is wanted: it gets the whole image, which counts as no download.
    pub range: bool,
    /// The secret that it shows.
    pub secret: Option<Secret>,
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
    /// The file of a release: one of these images.
    File(OnOffer),
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
    /// The download, to be followed; `None` where it is no attempt to update.
    pub flight: Option<Arc<InFlight>>,
}

/// What a look at the fleet came to.
#[expect(clippy::large_enum_variant, reason = "made for every check-in: no allocation for it")]
pub(super) enum Look<'a> {
    /// The device is not recorded yet.
    Unknown,
    /// Its download is just ending: look again when it has.
    Ending(Arc<InFlight>),
    /// The decision.
    Decided(Finding<'a>),
}

/// What becomes of an attempt, and of the tally that it belongs to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settlement {
    pub(super) attempt_id: i64,
    pub(super) release_id: Option<i64>,
    pub(super) settled: Settled,
    /// How it stands in its rollout after that.
    pub(super) member: Member,
    /// The device with its tally after that; `None` where the release is gone.
    pub(super) tally: Option<(i64, Tally)>,
}

/// A decision with what it needs to be carried out.
pub(super) struct Finding<'a> {
    pub(super) decision: Decision,
    pub(super) device_id: i64,
    pub(super) platform: Option<&'a Arc<ShelfPlatform>>,
    pub(super) release: Option<&'a Arc<Published>>,
    /// The rollout by which it gets that.
    pub(super) gate: Option<&'a Gate>,
    /// The platform is open: approve the device.
    pub(super) admit: bool,
    /// What the check-in says about the last attempt.
    pub(super) settled: Option<Settlement>,
    /// The release whose rollout has to stop after that.
    pub(super) halts: Option<i64>,
    /// What is known of it after this check-in.
    pub(super) learnt: Learnt,
    /// It says which image it runs, and no digest of that is known.
    pub(super) unrecognised: bool,
    /// The tally by which the release is held back from now on, as its limit is reached.
    pub(super) held: Option<Tally>,
    /// The events in which the server judges something, to be written before the answer leaves.
    pub(super) judged: Vec<Event>,
    /// What its secret says.
    pub(super) proof: ProofNews,
}

/// What the secret of a check-in says beyond the decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProofNews {
    /// Nothing.
    None,
    /// It was seen with a newer secret for the first time, and there is an old one to end.
    Rotated,
    /// It did not prove to be the approved device whose address it has.
    Stranger,
}

impl Finding<'_> {
    /// The same where the device is not let in after all.
    fn shut_out(self) -> Self {
        if !self.admit {
            return self;
        }
        let decision = Decision::Refuse(Refusal::NotApproved(Approval::Pending));
        Self { decision, admit: false, ..self }
    }

    /// Whether something must be durable before the answer leaves.
    fn needs_writing(&self) -> bool {
        let changed = self.settled.is_some() || self.held.is_some() || self.admit;
        changed || matches!(self.decision, Decision::Offer(_))
    }
}

impl App {
    /// Answers a check-in.
    pub async fn answer_poll(&self, poll: Poll) -> Answer {
        let shelf = self.0.shelf.load();
        let now = self.now();
        let mut look = self.look(&poll, &shelf, now, false);
        loop {
            match look {
                Look::Decided(finding) if !finding.needs_writing() => {
                    return self.answer(&poll, &finding);
                }
                // Rare, and large: kept apart so that the usual answer stays small.
                Look::Decided(finding) => {
                    return Box::pin(self.carry_out(&poll, finding, now)).await;
                }
                Look::Ending(flight) => {
                    flight.ended().await;
                    look = self.look(&poll, &shelf, now, true);
                }
                Look::Unknown => {
                    let recorded = Box::pin(self.record_first_contact(&poll, &shelf, now)).await;
                    match recorded {
                        Err(error) => {
                            let dev = poll.report.dev.as_deref();
                            let platform = dev.and_then(|dev| shelf.platform(dev));
                            return self.deleted_or_fault(&error, platform, poll.report.mac).await;
                        }
                        Ok(true) => look = self.look(&poll, &shelf, now, false),
                        Ok(false) => {
                            let stranger = Live::new(0, Approval::Pending, None);
                            let (settings, proofs) = (self.settings(), &self.0.proof_check);
                            let finding = find(&poll, &stranger, &shelf, &settings, proofs, now);
                            return self.answer(&poll, &finding.shut_out());
                        }
                    }
                }
            }
        }
    }

    /// Decides under the lock of the device's part of the fleet, and notes what is written behind.
    fn look<'a>(&self, poll: &'a Poll, shelf: &'a Shelf, now: Timestamp, waited: bool) -> Look<'a> {
        let mac = poll.report.mac;
        let mut shard = self.0.fleet.shard(mac);
        let Some(live) = shard.devices.get(&mac) else {
            return Look::Unknown;
        };
        if let Some(flight) = live.flights().find(|flight| !waited && flight.is_ending()) {
            return Look::Ending(flight);
        }
        let settings = self.0.settings.load();
        let mut finding = find(poll, live, shelf, &settings, &self.0.proof_check, now);
        if let Some(release_id) = tell_rollout(&finding, shelf, now) {
            finding = find(poll, live, shelf, &settings, &self.0.proof_check, now);
            finding.halts = Some(release_id);
        }
        if let (Decision::Offer(_), Some(gate), false) =
            (&finding.decision, finding.gate, poll.only_looks)
            && poll.report.mode == Mode::Sketch
            && !gate.take_place(mac, live, now)
        {
            // Another device was faster.
            finding = find(poll, live, shelf, &settings, &self.0.proof_check, now);
        }
        let approved = live.approval == Approval::Approved;
        let status = status(&finding.decision, &poll.wanted, settings.is_quiet());
        let events = note(poll, &finding, &mut shard, status, now);
        drop(shard);
        if finding.proof == ProofNews::Rotated {
            self.0.proof_check.rotate();
        }
        if finding.unrecognised {
            self.look_closer(&poll.report);
        }
        for event in events {
            if event.deed.is_some() {
                finding.judged.push(event);
            } else if approved || self.0.strangers.allows(now) {
                self.record_later(event);
            }
        }
        Look::Decided(finding)
    }

    /// Whether pending devices get a quiet 304.
    pub(super) fn is_quiet(&self) -> bool {
        self.0.settings.load().is_quiet()
    }

    /// What must be durable before the answer leaves, and the answer.
    async fn carry_out(&self, poll: &Poll, mut finding: Finding<'_>, now: Timestamp) -> Answer {
        let mac = poll.report.mac;
        for event in finding.judged.drain(..) {
            self.record_judged(event).await;
        }
        if let Some(settlement) = finding.settled {
            self.write(LateWrite::Settled { settlement, at: now }).await;
            if let Some(release_id) = finding.halts {
                self.halt_rollout(release_id).await;
            }
        }
        if let Some(tally) = finding.held {
            self.write(LateWrite::Held(finding.device_id, tally)).await;
        }
        if finding.admit
            && let Some(platform) = finding.platform
        {
            match self.admit(mac, finding.device_id, platform, now).await {
                Ok(true) => {}
                Ok(false) => return self.answer(poll, &finding.shut_out()),
                Err(error) => return self.deleted_or_fault(&error, Some(platform), mac).await,
            }
        }
        match (&finding.decision, finding.release) {
            (Decision::Offer(encoding), Some(release)) => {
                self.offer(poll, &finding, release, *encoding, now).await
            }
            _ => self.answer(poll, &finding),
        }
    }

    /// The answer of a decision that is no offer.
    fn answer(&self, poll: &Poll, finding: &Finding<'_>) -> Answer {
        match (&finding.decision, finding.release) {
            (Decision::Describe, Some(release)) => {
                Answer::Version { version: release.version.to_string(), md5: release.image.md5 }
            }
            (Decision::Refuse(refusal), _) => {
                match status(&finding.decision, &poll.wanted, self.is_quiet()) {
                    304 => Answer::NotModified,
                    status => Answer::Error { status, text: words(refusal) },
                }
            }
            _ => Answer::NotModified,
        }
    }

    /// A platform that was deleted while it let a device in is no failure: it is unknown now.
    async fn deleted_or_fault(
        &self,
        error: &super::Error,
        platform: Option<&Arc<ShelfPlatform>>,
        mac: crate::domain::mac::MacAddr,
    ) -> Answer {
        // Whoever deletes it may not be through yet.
        let _changed = self.0.changing.lock().await;
        let shelf = self.shelf();
        if platform.is_some_and(|gone| shelf.platform_by_id(gone.platform.id).is_none()) {
            let text = words(&Refusal::UnknownPlatform(String::new()));
            return Answer::Error { status: 400, text };
        }
        self.fault(error, mac)
    }

    /// A failure of the server's own: logged with its cause, answered without it.
    pub(super) fn fault(&self, error: &super::Error, mac: crate::domain::mac::MacAddr) -> Answer {
        let cause: &dyn std::error::Error = error;
        tracing::error!(error = cause, device.mac = %mac, "a check-in could not be answered");
        let now = self.now();
        let text = "A check-in could not be answered; the cause is in the server's log.";
        if self.0.faults.allows(now) {
            self.record_later(Event::new(now, Kind::Fault, text).of(mac).by(Actor::machine()));
        }
        Answer::Error { status: 500, text: "Error: The server failed." }
    }
}

/// Tells the rollout of a release what became of the device; answers the release where it has to
/// stop after that.
fn tell_rollout(finding: &Finding<'_>, shelf: &Shelf, now: Timestamp) -> Option<i64> {
    let settlement = finding.settled?;
    let release_id = settlement.release_id?;
    let member = settlement.member;
    shelf.gate(release_id)?.note(finding.device_id, member, now).then_some(release_id)
}

/// The HTTP status of a decision: the original's, `protocol.md` §2.6, and `design.md` §6.
pub(super) fn status(decision: &Decision, wanted: &Wanted, quiet: bool) -> u16 {
    match decision {
        Decision::Offer(_) | Decision::Describe => 200,
        Decision::NoUpdate(_) => 304,
        Decision::Refuse(refusal) => match (refusal, wanted) {
            (Refusal::Unproven(_), _) => 401,
            (Refusal::NotApproved(Approval::Pending), _) if quiet => 304,
            (Refusal::InvalidParameters | Refusal::UnknownPlatform(_), _)
            | (Refusal::NotApproved(_) | Refusal::OtherPlatform { .. }, Wanted::Newest) => 400,
            (Refusal::NoPlatforms, _) => 500,
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
        Refusal::UnknownPlatform(_) => "Error: Unknown platform.",
        Refusal::Unproven(_) => "Error: Wrong or missing secret.",
        Refusal::NotApproved(_) | Refusal::OtherPlatform { .. } => "Error: Device not whitelisted.",
        Refusal::ModeUnsupported => "Error: No file-system image.",
        Refusal::NothingToDescribe => "Error: Nothing published.",
    }
}
