//! Whether a device may ask at all: the original server's rules, in its order (`design.md` §6).

use super::{Approval, Ask, Asked, Mode, Refusal, Situation, Trace};
use crate::domain::platform::Admission;
use crate::domain::proof::{Lack, ProofKind};

/// Whether the platform lets a device in that nobody has approved: then it is to be approved.
///
/// A platform whose devices must prove a secret is no exception that this function knows: the proof
/// is to be asked for before (401), so that nobody gets here, or in, without it.
#[must_use]
pub fn admits_anyone(situation: &Situation<'_>) -> bool {
    let open = situation.platform.is_some_and(|platform| {
        let lets_in = platform.admission == Admission::Any || situation.door.is_open();
        lets_in && lacks(situation, platform).is_none()
    });
    open && situation.device.is_none_or(|device| device.approval == Approval::Pending)
}

/// Parameters, platforms, platform, proof, approval: in this order.
pub(super) fn admit(situation: &Situation<'_>, trace: &mut impl Trace) -> Result<(), Refusal> {
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
    proven(situation, platform, trace)?;
    approved(situation, platform, trace)
}

/// What the device lacks that its platform demands.
fn lacks(situation: &Situation<'_>, platform: Asked<'_>) -> Option<Lack> {
    situation.shown.lack().filter(|_| platform.proof.is_demanded())
}

fn proven(
    situation: &Situation<'_>,
    platform: Asked<'_>,
    trace: &mut impl Trace,
) -> Result<(), Refusal> {
    if platform.proof.kind == ProofKind::None {
        return Ok(());
    }
    if let Some(lack) = lacks(situation, platform) {
        trace.note("proof", false, || lack.text().to_owned());
        return Err(Refusal::Unproven(lack));
    }
    trace.note("proof", true, || match situation.shown.lack() {
        None => "It came with its secret.".to_owned(),
        Some(lack) => format!("{} That is not demanded yet.", lack.text()),
    });
    Ok(())
}

fn approved(
    situation: &Situation<'_>,
    platform: Asked<'_>,
    trace: &mut impl Trace,
) -> Result<(), Refusal> {
    if admits_anyone(situation) {
        trace.note("approved", true, || match platform.admission {
            Admission::Any => format!("{} is open to any device.", platform.name),
            Admission::Approved => situation.door.sentence(platform.name, situation.now),
        });
        return Ok(());
    }
    let approval = situation.device.map_or(Approval::Pending, |device| device.approval);
    if approval != Approval::Approved {
        trace.note("approved", false, || match approval {
            Approval::Ignored => "It is ignored.".to_owned(),
            Approval::Blocked => "It is blocked.".to_owned(),
            Approval::Pending | Approval::Approved => {
                situation.door.sentence(platform.name, situation.now)
            }
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
