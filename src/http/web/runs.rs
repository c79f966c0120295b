//! What a device runs, in words for pages.

use jiff::tz::TimeZone;

use crate::app::Runs;
use crate::domain::Timestamp;
use crate::domain::device::Device;
use crate::http::view::filters;

const WEEK: i64 = 6 * 86_400;

/// What a device runs, in a sentence.
#[derive(Debug, Clone, Default)]
pub struct RunsView {
    /// How it is meant: good, warn, or nothing.
    pub tone: &'static str,
    /// The icon beside it.
    pub icon: &'static str,
    /// The release that is recognised, with its title.
    pub release: Option<(i64, String)>,
    /// What stands before that title, or the whole sentence.
    pub before: String,
    /// What stands behind it.
    pub after: &'static str,
    /// What a person may want to know beside it.
    pub more: String,
    /// The same in a few words, for lists; empty where there is nothing to add to the version.
    pub short: String,
}

impl RunsView {
    /// The sentence about a device.
    #[must_use]
    pub fn new(runs: &Runs, now: Timestamp, zone: &TimeZone) -> Self {
        let since = runs.since.map(|at| moment(at, now, zone));
        let title = runs.release.as_ref().map(|own| format!("{} {}", own.platform, own.version));
        let release = runs.release.as_ref().map(|own| own.id).zip(title.clone());
        match (title, &runs.reported) {
            (Some(title), Some(reported)) if runs.mismatch => Self {
                tone: "warn",
                icon: "alert",
                before: format!("Reports {reported}, but runs the image of"),
                after: ".",
                more: "The sketch’s version was not changed with the build, or the wrong version \
                       was typed at the upload."
                    .to_owned(),
                short: format!("image of {title}"),
                release,
            },
            (Some(title), _) => Self {
                tone: "good",
                icon: "check",
                before: "Runs".to_owned(),
                after: ", recognised by its image.",
                more: since.map(|since| format!("Since {since}.")).unwrap_or_default(),
                short: format!("{title}, recognised"),
                release,
            },
            (None, reported) if runs.is_unknown_build() => {
                let since = since.map(|since| format!(" since {since}")).unwrap_or_default();
                let said = reported.as_ref().map(|said| format!(" It calls itself {said}."));
                Self {
                    icon: "info",
                    before: format!("An unknown build{since}."),
                    more: format!(
                        "Its image is none that was uploaded here.{}",
                        said.unwrap_or_default()
                    ),
                    short: "unknown build".to_owned(),
                    ..Self::default()
                }
            }
            (None, Some(reported)) => Self {
                icon: "info",
                before: format!("Says that it runs {reported}."),
                more: "It does not tell its image, so that cannot be checked.".to_owned(),
                ..Self::default()
            },
            (None, None) => Self {
                icon: "info",
                before: "It says neither its version nor its image.".to_owned(),
                ..Self::default()
            },
        }
    }
}

/// A moment as one would say it: "Tuesday 14:02" within a week, else the date.
fn moment(at: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let recent = (0..WEEK).contains(&now.saturating_sub(at));
    filters::strftime(at, zone, if recent { "%A %H:%M" } else { "%Y-%m-%d %H:%M" })
}

/// The chip as far as it is known, else the family; empty where it never asked.
#[must_use]
pub fn chip_of(device: &Device) -> String {
    match (device.learnt.known_chip(), &device.report) {
        (Some(chip), _) => chip.to_string(),
        (None, Some(report)) => report.family.to_string(),
        (None, None) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::RunningRelease;
    use crate::domain::version::FirmwareVersion;

    // Thursday, 2023-11-16 12:00 UTC.
    const NOW: Timestamp = 1_700_136_000;

    fn view(runs: &Runs) -> RunsView {
        RunsView::new(runs, NOW, &TimeZone::UTC)
    }

    fn recognised(reported: &str, mismatch: bool) -> Runs {
        let version = FirmwareVersion::read("v1.0.1");
        let release = RunningRelease { id: 7, platform: "chase".to_owned(), version };
        Runs {
            release: Some(release),
            reported: Some(reported.to_owned()),
            tells_image: true,
            since: Some(NOW - 2 * 86_400),
            mismatch,
        }
    }

    #[test]
    fn what_runs_is_said_in_words() {
        let same = view(&recognised("v1.0.1", false));
        assert_eq!((same.tone, same.before.as_str()), ("good", "Runs"));
        assert_eq!(same.release, Some((7, "chase v1.0.1".to_owned())));
        assert_eq!(same.more, "Since Tuesday 12:00.");
        let other = view(&recognised("v1.0.2", true));
        assert_eq!(other.tone, "warn");
        assert_eq!(other.before, "Reports v1.0.2, but runs the image of");
        let unknown = Runs { release: None, ..recognised("v1.0.2", false) };
        assert_eq!(view(&unknown).before, "An unknown build since Tuesday 12:00.");
        let long_ago = Runs { since: Some(NOW - 30 * 86_400), ..unknown };
        assert_eq!(view(&long_ago).before, "An unknown build since 2023-10-17 12:00.");
        let silent = Runs { tells_image: false, ..long_ago };
        assert_eq!(view(&silent).before, "Says that it runs v1.0.2.");
    }
}
