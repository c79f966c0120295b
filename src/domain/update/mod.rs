//! The heart: what a device gets when it asks.
//!
//! [`decide`] is one pure function. Devices, pages that explain, and anything that previews use
//! the same one, so they cannot disagree. It is generic over a [`Trace`]: a poll passes [`NoTrace`]
//! and pays nothing, a page passes a [`Reasons`] and gets the chain in sentences.

use super::Timestamp;
use super::chip::{Chip, Family};
use super::device::Approval;
use super::learnt::Learnt;
use super::pairing::Door;
use super::platform::{Admission, GzipPolicy};
use super::policy::{Policy, Rule};
use super::proof::{Proof, SecretShown};
use super::release::{Part, Published};
use super::report::{Mode, Report};
use super::tally::{Patience, Tally, Wait};
use super::version::FirmwareVersion;

mod admit;
mod choice;
mod decision;
mod newer;
mod offer;
mod packing;
mod prospect;
mod sentences;
mod sketch;
mod space;
#[cfg(test)]
mod tests;
mod trace;

pub use admit::admits_anyone;
pub use choice::{Choice, Selection, Waiting, choose};
pub use decision::{Decision, NoUpdate, Refusal, family_name};
pub use packing::Encoding;
pub use prospect::Prospect;
pub use sketch::what_the_sketch_sees;
pub use space::{Room, needed_space, room_for, sectors};
pub use trace::{NoTrace, Reason, Reasons, Trace};

/// What the device asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// The newest release of a platform; `named`: it named the platform in `dev=`.
    Newest {
        /// Whether `dev=` was given.
        named: bool,
    },
    /// The file of one release, chosen by its address: its version does not matter.
    File,
}

/// What makes a device get something else than a newer release.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Bound {
    /// Nothing.
    #[default]
    Free,
    /// It or its platform is pinned: the choice is exactly that release.
    Pinned,
    /// What it runs was recalled: it gets another release, even a lower one.
    Recalled,
}

/// A platform as a decision sees it.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Its number.
    pub id: i64,
    /// Its name.
    pub name: &'a str,
    /// Which devices get its releases.
    pub admission: Admission,
    /// Whether ESP8266 devices get compressed images.
    pub gzip: GzipPolicy,
    /// The lowest version that is ever offered.
    pub floor: Option<&'a FirmwareVersion>,
    /// When a release is offered to a device that runs another one.
    pub rule: Rule,
    /// What its devices have to show besides their MAC address.
    pub proof: Proof,
}

/// A device's standing as a decision sees it.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    /// Whether it may have releases.
    pub approval: Approval,
    /// The platform it belongs to, with its name.
    pub platform: Option<(i64, &'a str)>,
    /// What is known of it beyond what it says.
    pub learnt: Learnt,
    /// What a person decided about it.
    pub policy: Policy,
}

/// The image that a device runs, as its digest tells.
#[derive(Debug, Clone, Copy)]
pub struct Running<'a> {
    /// The published or withdrawn release, with that image.
    pub release: &'a Published,
    /// The flash mode it runs in, where the digest tells it (ESP8266).
    pub flash_mode: Option<u8>,
}

/// Everything that a decision depends on.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    /// What was asked for.
    pub ask: Ask,
    /// What the device said.
    pub report: &'a Report,
    /// The version it reports, read.
    pub reported: Option<&'a FirmwareVersion>,
    /// Whether there is any platform at all.
    pub platforms_exist: bool,
    /// The platform in question: the one it named, else its own; `None` if there is no such one.
    pub platform: Option<Asked<'a>>,
    /// How the door stands for it, where it is not approved.
    pub door: Door,
    /// What is recorded of the device; `None` at its first contact.
    pub device: Option<Standing<'a>>,
    /// What was shown as a proof.
    pub shown: SecretShown,
    /// What it runs, where its digest is known.
    pub running: Option<Running<'a>>,
    /// What there is for it: the newest for its chip, or the release whose file it asked for.
    pub choice: Choice<'a>,
    /// A newer one that its rollout keeps from it.
    pub waiting: Option<Waiting<'a>>,
    /// What makes the choice another one than the newest that is newer.
    pub bound: Bound,
    /// When its quiet hours end, where it is within them.
    pub quiet_until: Option<Timestamp>,
    /// What it did with that image so far; `None`: nothing.
    pub tally: Option<&'a Tally>,
    /// Downloads of that image that are under way.
    pub flights: u32,
    /// How much is tried before a person is asked.
    pub patience: &'a Patience,
    /// Now.
    pub now: Timestamp,
    /// Whether the device was seen to take the application of that very release over the air.
    pub updated_here: bool,
}

impl Situation<'_> {
    /// Whether the choice is exactly the release that a person pinned.
    fn is_pinned(&self) -> bool {
        self.bound == Bound::Pinned
    }

    /// What is known of the device beyond what it says.
    fn learnt(&self) -> Learnt {
        self.device.map(|device| device.learnt).unwrap_or_default()
    }
}

/// What the device gets. The order of the rules is the original server's (`design.md` §6).
pub fn decide(situation: &Situation<'_>, trace: &mut impl Trace) -> Decision {
    if let Err(refusal) = admit::admit(situation, trace) {
        return Decision::Refuse(refusal);
    }
    let offer = match situation.report.mode {
        Mode::Sketch => offer::application(situation, trace),
        Mode::Version => return describe(situation, trace),
        Mode::FileSystem if situation.choice != Choice::Nothing => {
            offer::file_system(situation, trace)
        }
        Mode::FileSystem | Mode::Unknown => {
            trace.note("mode", false, || "It asks for a file-system image; there is none.".into());
            return Decision::Refuse(Refusal::ModeUnsupported);
        }
    };
    let none = match offer {
        Ok(encoding) => return Decision::Offer(encoding),
        Err(none) => none,
    };
    Decision::NoUpdate(newer::waits_for(&none, situation, trace).unwrap_or(none))
}

fn describe(situation: &Situation<'_>, trace: &mut impl Trace) -> Decision {
    if let Choice::One(release) = situation.choice {
        trace.note("published", true, || {
            format!("It asks which version there is: {}.", release.version)
        });
        Decision::Describe
    } else {
        trace.note("published", false, || "Nothing is published for it.".into());
        Decision::Refuse(Refusal::NothingToDescribe)
    }
}
