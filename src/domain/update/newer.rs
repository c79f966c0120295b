//! Whether a release is for a device, by what it runs: usually where it is newer.

use super::{Ask, Bound, NoUpdate, Published, Rule, Situation, Trace};
use crate::domain::version::FirmwareVersion;

pub(super) fn newer(
    situation: &Situation<'_>,
    release: &Published,
    trace: &mut impl Trace,
) -> Result<(), NoUpdate> {
    let runs_it = situation
        .running
        .is_some_and(|running| running.release.image.sha256 == release.image.sha256);
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
    let Some(runs) = reported.or_else(|| running_version(situation, release)) else {
        trace.note("newer", false, || "Nothing tells which version it runs.".into());
        return Err(NoUpdate::VersionUnknown);
    };
    match wanted(situation, release, runs) {
        Some(why) => {
            trace.note("newer", true, || why.text(&release.version, runs));
            Ok(())
        }
        None if situation.is_pinned() => {
            let has = NoUpdate::Pinned { version: release.version.to_string() };
            trace.note("newer", false, || has.text());
            Err(has)
        }
        None => {
            trace.note("newer", false, || format!("{} is not newer than {runs}.", release.version));
            Err(NoUpdate::UpToDate)
        }
    }
}

/// The version of the image that it runs, if that is one of the same platform.
fn running_version<'a>(
    situation: &Situation<'a>,
    release: &Published,
) -> Option<&'a FirmwareVersion> {
    let own = situation.running.filter(|own| own.release.platform_id == release.platform_id);
    own.map(|running| &running.release.version)
}

/// Why a release is for a device that runs another version.
#[derive(Clone, Copy)]
enum Wanted {
    Newer,
    Pinned,
    Recalled,
    Different,
}

impl Wanted {
    fn text(self, release: &FirmwareVersion, runs: &FirmwareVersion) -> String {
        match self {
            Self::Newer => format!("{release} is newer than {runs}."),
            Self::Pinned => format!("It is to have exactly {release}, and runs {runs}."),
            Self::Recalled => format!("{runs} was recalled: it gets {release} instead."),
            Self::Different => {
                format!("It runs {runs}; its platform gives every device {release}.")
            }
        }
    }
}

/// Whether a device that runs this version is to have the release, by its version alone.
fn wanted(
    situation: &Situation<'_>,
    release: &Published,
    runs: &FirmwareVersion,
) -> Option<Wanted> {
    let rule = situation.platform.map(|platform| platform.rule).unwrap_or_default();
    if release.version.is_newer_than(runs) {
        Some(Wanted::Newer)
    } else if release.version == *runs {
        None
    } else if situation.is_pinned() {
        Some(Wanted::Pinned)
    } else if situation.bound == Bound::Recalled {
        Some(Wanted::Recalled)
    } else {
        (rule == Rule::Different).then_some(Wanted::Different)
    }
}

/// The newer release that the device would have, if the rollout of that let it. Where that is all
/// there is, a device that has it already is up to date.
pub(super) fn waits_for(
    none: &NoUpdate,
    situation: &Situation<'_>,
    trace: &mut impl Trace,
) -> Option<NoUpdate> {
    use NoUpdate::{Identical, IdenticalButReports, NothingPublished, OnHold, UpToDate};
    let waiting = situation.waiting.filter(|_| {
        matches!(
            none,
            Identical | IdenticalButReports { .. } | NothingPublished | OnHold { .. } | UpToDate
        )
    })?;
    let release = waiting.release;
    let runs = situation.reported.or_else(|| running_version(situation, release))?;
    let runs_it = situation
        .running
        .is_some_and(|running| running.release.image.sha256 == release.image.sha256);
    if runs_it || wanted(situation, release, runs).is_none() {
        // Nothing else is published: it has what there is.
        return matches!(none, NothingPublished).then(|| {
            trace.note("newer", false, || {
                if runs_it {
                    "It runs exactly this image.".into()
                } else {
                    format!("{} is not newer than {runs}.", release.version)
                }
            });
            UpToDate
        });
    }
    if situation.device.is_some_and(|device| device.policy.updates_off) {
        trace.note("updates_on", false, || NoUpdate::UpdatesOff.text());
        return Some(NoUpdate::UpdatesOff);
    }
    let version = release.version.to_string();
    let waits = NoUpdate::Waits { wait: waiting.wait, version };
    trace.note("rollout", false, || waits.text());
    Some(waits)
}

pub(super) fn newer_files(
    situation: &Situation<'_>,
    release: &Published,
    trace: &mut impl Trace,
) -> Result<(), NoUpdate> {
    let runs = situation.reported.or_else(|| running_version(situation, release));
    let Some(runs) = runs.filter(|_| situation.ask != Ask::File) else {
        trace.note("newer", true, || "It asked for these files without a version.".into());
        return Ok(());
    };
    if release.version.is_newer_than(runs) {
        trace.note("newer", true, || format!("{} is newer than {runs}.", release.version));
    } else if situation.updated_here && release.version == *runs {
        trace.note("newer", true, || {
            "It got the application of this release over the air, but not its files yet.".into()
        });
    } else {
        trace.note("newer", false, || format!("{} is not newer than {runs}.", release.version));
        return Err(NoUpdate::UpToDate);
    }
    Ok(())
}
