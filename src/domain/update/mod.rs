//! The heart: what a device gets when it asks.
//!
//! [`decide`] is one pure function. Devices, pages that explain, and anything that previews use
//! the same one, so they cannot disagree. It is generic over a [`Trace`]: a poll passes [`NoTrace`]
//! and pays nothing, a page passes a [`Reasons`] and gets the chain in sentences.

use super::chip::{Chip, Family};
use super::device::Approval;
use super::platform::Admission;
use super::release::Published;
use super::report::{Mode, Report};
use super::version::FirmwareVersion;

mod decision;
#[cfg(test)]
mod tests;
mod trace;

pub use decision::{Decision, NoUpdate, Refusal, family_name, what_the_sketch_sees};
pub use trace::{NoTrace, Reason, Reasons, Trace};

use decision::wrong_family;

/// After how many completed downloads without any change a release is no longer offered.
pub const DELIVERIES_BEFORE_STOP: u32 = 2;

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

/// A platform as a decision sees it.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Its number.
    pub id: i64,
    /// Its name.
    pub name: &'a str,
    /// Which devices get its releases.
    pub admission: Admission,
}

/// A device's standing as a decision sees it.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    /// Whether it may have releases.
    pub approval: Approval,
    /// The platform it belongs to, with its name.
    pub platform: Option<(i64, &'a str)>,
}

/// Everything a decision depends on.
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
    /// What is recorded of the device; `None` at its first contact.
    pub device: Option<Standing<'a>>,
    /// The published or withdrawn release whose image it runs, where its digest is known.
    pub running: Option<&'a Published>,
    /// The release it would get: the newest for its family, or the one whose file it asked for.
    pub release: Option<&'a Published>,
    /// A published release of the platform for the other family, where there is none for its own.
    pub foreign: Option<Chip>,
    /// Completed downloads of that release since the device last changed.
    pub deliveries: u32,
}

/// Bytes as a person reads them.
fn kib(bytes: u64) -> String {
    format!("{} KiB", bytes.div_ceil(1024))
}

/// Bytes rounded up to whole flash sectors of 4096 bytes, as the ESP8266 updater reserves them.
#[must_use]
pub const fn sectors(bytes: u64) -> u64 {
    bytes.div_ceil(4096) * 4096
}

/// What an image of `size` bytes needs on a device of this family (`design.md` §4).
#[must_use]
pub const fn needed_space(family: Family, size: u64) -> u64 {
    match family {
        Family::Esp8266 => sectors(size),
        Family::Esp32 => size,
    }
}

/// Whether the platform lets a device in that nobody has approved: then it is to be approved.
#[must_use]
pub fn admits_anyone(situation: &Situation<'_>) -> bool {
    let open = situation.platform.is_some_and(|platform| platform.admission == Admission::Any);
    open && situation.device.is_none_or(|device| device.approval == Approval::Pending)
}

/// What the device gets. The order of the rules is the original server's (`design.md` §6).
pub fn decide(situation: &Situation<'_>, trace: &mut impl Trace) -> Decision {
    if let Err(refusal) = admit(situation, trace) {
        return Decision::Refuse(refusal);
    }
    match situation.report.mode {
        Mode::Sketch => {}
        Mode::Version => return describe(situation, trace),
        Mode::FileSystem | Mode::Unknown => {
            trace.note("mode", false, || "It asks for a file-system image; there is none.".into());
            return Decision::Refuse(Refusal::ModeUnsupported);
        }
    }
    match offer(situation, trace) {
        Ok(()) => Decision::Offer,
        Err(no_update) => Decision::NoUpdate(no_update),
    }
}

/// Parameters, platforms, platform, approval: in this order.
fn admit(situation: &Situation<'_>, trace: &mut impl Trace) -> Result<(), Refusal> {
    let named = situation.ask == Ask::Newest { named: true };
    let version_known = situation.reported.is_some() || situation.running.is_some();
    if named && !version_known && situation.report.mode != Mode::Version {
        trace.note("version_known", false, || {
            "It named a platform, but sent no version, and its image is not a known one.".into()
        });
        return Err(Refusal::InvalidParameters);
    }
    if !situation.platforms_exist {
        trace.note("platforms_exist", false, || "There are no platforms yet.".into());
        return Err(Refusal::NoPlatforms);
    }
    let unnamed = situation.ask == Ask::Newest { named: false };
    let Some(platform) = situation.platform else {
        if unnamed {
            let approval = situation.device.map_or(Approval::Pending, |device| device.approval);
            trace.note("approved", false, || "It named no platform and has none.".into());
            return Err(Refusal::NotApproved(approval));
        }
        let dev = situation.report.dev.as_deref().unwrap_or_default();
        trace.note("platform_known", false, || format!("There is no platform “{dev}”."));
        return Err(Refusal::UnknownPlatform(dev.to_owned()));
    };
    trace.note("platform_known", true, || match situation.ask {
        Ask::Newest { named: false } => format!("Its platform is {}.", platform.name),
        Ask::Newest { named: true } | Ask::File => format!("It asks for {}.", platform.name),
    });
    approved(situation, platform, trace)
}

fn approved(
    situation: &Situation<'_>,
    platform: Asked<'_>,
    trace: &mut impl Trace,
) -> Result<(), Refusal> {
    if admits_anyone(situation) {
        trace.note("approved", true, || format!("{} is open to any device.", platform.name));
        return Ok(());
    }
    let approval = situation.device.map_or(Approval::Pending, |device| device.approval);
    if approval != Approval::Approved {
        trace.note("approved", false, || match approval {
            Approval::Ignored => "It is ignored.".to_owned(),
            Approval::Blocked => "It is blocked.".to_owned(),
            Approval::Pending | Approval::Approved => "It is not approved yet.".to_owned(),
        });
        return Err(Refusal::NotApproved(approval));
    }
    match situation.device.and_then(|device| device.platform) {
        Some((own, _)) if own == platform.id => {}
        Some((_, own)) if stepping_stone_of(situation, own, platform.name) => {}
        own => {
            let own = own.map_or("another platform", |(_, name)| name).to_owned();
            trace.note("approved", false, || {
                format!("It is approved for {own}, not for {}.", platform.name)
            });
            let asked = platform.name.to_owned();
            return Err(Refusal::OtherPlatform { own, asked });
        }
    }
    trace.note("approved", true, || format!("It is approved for {}.", platform.name));
    Ok(())
}

/// A Tasmota device of platform `own` may fetch the file of `<own>-minimal` or `<own>-safeboot`,
/// the first step of its two-step update (`protocol.md` §6).
fn stepping_stone_of(situation: &Situation<'_>, own: &str, asked: &str) -> bool {
    situation.ask == Ask::File
        && situation.report.is_tasmota()
        && ["-minimal", "-safeboot"].iter().any(|suffix| {
            asked.len() == own.len() + suffix.len()
                && asked.get(..own.len()).is_some_and(|head| head.eq_ignore_ascii_case(own))
                && asked.get(own.len()..).is_some_and(|tail| tail.eq_ignore_ascii_case(suffix))
        })
}

fn describe(situation: &Situation<'_>, trace: &mut impl Trace) -> Decision {
    if let Some(release) = situation.release {
        trace.note("published", true, || {
            format!("It asks which version there is: {}.", release.version)
        });
        Decision::Describe
    } else {
        trace.note("published", false, || "Nothing is published for it.".into());
        Decision::Refuse(Refusal::NothingToDescribe)
    }
}

fn offer(situation: &Situation<'_>, trace: &mut impl Trace) -> Result<(), NoUpdate> {
    let family = situation.report.family;
    let Some(release) = situation.release else {
        if let Some(image) = situation.foreign {
            trace.note("family", false, || wrong_family(family, image));
            return Err(NoUpdate::WrongFamily { device: family, image });
        }
        trace.note("published", false, || "Nothing is published for its platform.".into());
        return Err(NoUpdate::NothingPublished);
    };
    trace.note("published", true, || format!("{} is the release for it.", release.version));
    if !release.image.is_for(family) {
        let image = release.image.chip;
        trace.note("family", false, || wrong_family(family, image));
        return Err(NoUpdate::WrongFamily { device: family, image });
    }
    trace.note("family", true, || {
        if release.image.chip_certain {
            format!("The image is for {}.", release.image.chip)
        } else {
            "The image does not tell for which chip it is.".into()
        }
    });
    newer(situation, release, trace)?;
    fits(situation, release, trace)?;
    if situation.deliveries >= DELIVERIES_BEFORE_STOP {
        let deliveries = situation.deliveries;
        trace.note("not_stopped", false, || {
            format!("It downloaded {} {deliveries} times and came back unchanged.", release.version)
        });
        let old_image = situation.report.sketch_md5.is_some();
        return Err(NoUpdate::Stopped { deliveries, old_image });
    }
    trace.note("not_stopped", true, || "No download of it was in vain.".into());
    Ok(())
}

fn newer(
    situation: &Situation<'_>,
    release: &Published,
    trace: &mut impl Trace,
) -> Result<(), NoUpdate> {
    let runs_it =
        situation.running.is_some_and(|running| running.image.sha256 == release.image.sha256);
    let reported = situation.reported;
    if runs_it {
        if let Some(reported) = reported
            && situation.ask != Ask::File
            && release.version.is_newer_than(reported)
            && !reported.is_stepping_stone()
        {
            let (reported, published) = (reported.to_string(), release.version.to_string());
            trace.note("newer", false, || {
                format!("It runs exactly the file published as {published}, but says {reported}.")
            });
            return Err(NoUpdate::IdenticalButReports { reported, published });
        }
        trace.note("newer", false, || "It runs exactly this image.".into());
        return Err(NoUpdate::Identical);
    }
    if situation.ask == Ask::File {
        trace.note("newer", true, || "A file asked for by its address needs no version.".into());
        return Ok(());
    }
    let own = situation.running.filter(|running| running.platform_id == release.platform_id);
    let Some(runs) = reported.or_else(|| own.map(|running| &running.version)) else {
        trace.note("newer", false, || "Nothing tells which version it runs.".into());
        return Err(NoUpdate::VersionUnknown);
    };
    if release.version.is_newer_than(runs) {
        trace.note("newer", true, || format!("{} is newer than {runs}.", release.version));
        Ok(())
    } else {
        trace.note("newer", false, || format!("{} is not newer than {runs}.", release.version));
        Err(NoUpdate::UpToDate)
    }
}

fn fits(
    situation: &Situation<'_>,
    release: &Published,
    trace: &mut impl Trace,
) -> Result<(), NoUpdate> {
    let report = situation.report;
    let Some(free) = report.free_space else {
        trace.note("fits", true, || "It did not say how much space it has.".into());
        return Ok(());
    };
    if report.family == Family::Esp32 && free == 0 {
        trace.note("fits", false, || "It has no slot for updates (OTA partition).".into());
        return Err(NoUpdate::NoSlot);
    }
    let (needs, free) = (needed_space(report.family, release.image.size), u64::from(free));
    if needs <= free {
        trace.note("fits", true, || {
            format!("It needs {} of {} that are free.", kib(needs), kib(free))
        });
        return Ok(());
    }
    if report.is_tasmota() && report.family == Family::Esp8266 {
        trace.note("fits", true, || {
            "Too big, but Tasmota needs to see the true length to start its two-step update.".into()
        });
        return Ok(());
    }
    let too_big = NoUpdate::TooBig { needs, free };
    trace.note("fits", false, || too_big.text());
    Err(too_big)
}
