//! Why there is no update, in sentences.

use super::decision::{NoUpdate, family_name};
use crate::domain::Timestamp;
use crate::domain::chip::{Chip, Family};
use crate::domain::release::Part;
use crate::domain::tally::{Hold, Wait};

impl NoUpdate {
    /// The reason in one sentence.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::UpToDate => "It is up to date.".to_owned(),
            Self::Identical => "It runs exactly this image.".to_owned(),
            Self::IdenticalButReports { reported, published } => format!(
                "It runs exactly the file published as {published}, but it says {reported}: the \
                 sketch’s VERSION was not raised. Upload a corrected build."
            ),
            Self::NothingPublished => "Nothing is published for its platform.".to_owned(),
            Self::VersionUnknown => "It sends no version, and its image is not a known one; \
                without that nothing is offered."
                .to_owned(),
            Self::TooBig { needs, free, gzip } => too_big(*needs, *free, *gzip),
            Self::FlashTooSmall { part: Part::Application, needs, has } => format!(
                "The image was built for {} KiB of flash memory, but the device has only {} KiB: \
                 choose the right board in the IDE.",
                needs / 1024,
                has / 1024
            ),
            Self::FlashTooSmall { part: Part::FileSystem, needs, has } => format!(
                "The file system needs {} KiB, but the device has at most {} KiB for it: choose \
                 the flash layout of this device in the IDE.",
                needs.div_ceil(1024),
                has / 1024
            ),
            Self::NoSlot => "It has no slot for updates: choose a partition scheme with OTA in \
                the IDE and flash it once over USB."
                .to_owned(),
            Self::WrongFamily { device, image } => wrong_family(*device, *image),
            Self::WrongChip { device, image } => wrong_chip(*device, *image),
            Self::ChipUnknown { chips } => format!(
                "There are images for several chips ({}), and nothing tells yet which one it has: \
                 choose its chip on its page, or let the sketch say it (chip=).",
                chips.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
            ),
            Self::BelowFloor { floor } => format!(
                "The newest release is below {floor}, the lowest version that its platform allows."
            ),
            Self::Unsigned => "It ran a signed image or checks signatures, and this image is not \
                signed: sign the build, as the one before."
                .to_owned(),
            Self::SignedGzip => "The image is signed gzip, which destroys a device that does not \
                check signatures. Say on the device’s page that it does, or upload the signed .bin."
                .to_owned(),
            Self::FilesTaken => "It took these files already. Nothing tells which files a device \
                has, so they are not sent twice by themselves."
                .to_owned(),
            Self::Pinned { version } => format!("It is pinned to {version}, and has it."),
            Self::PinnedToNothing => "It is pinned to a release that is withdrawn or deleted: pin \
                it to another one, or to none."
                .to_owned(),
            Self::UpdatesOff => "Its updates are switched off.".to_owned(),
            Self::QuietHours { until, now } => {
                format!("It is within quiet hours; they end in {}.", span(until - now))
            }
            Self::Waits { wait, version } => wait.text(version),
            Self::OnHold { wait, version, old_image, now } => {
                on_hold(*wait, version, *old_image, *now)
            }
        }
    }
}

fn on_hold(wait: Wait, version: &str, old_image: bool, now: Timestamp) -> String {
    match wait {
        Wait::Hold { hold: Hold::NotTaken, delivered } if old_image => format!(
            "It downloaded {version} {delivered} times and still runs another image, so it is no \
             longer offered. Installing failed, or it did not restart: look at its serial monitor."
        ),
        Wait::Hold { hold: Hold::NotTaken, delivered } => format!(
            "It downloaded {version} {delivered} times and did not come back with it for good, so \
             it is no longer offered. Either installing failed, or the new sketch still reports \
             its old version."
        ),
        Wait::Hold { hold: Hold::RolledBack, .. } => format!(
            "It came back with {version}, and then with its old image again: {version} does not \
             run well on it. It is held until you decide."
        ),
        Wait::Hold { hold: Hold::ReportsOther, .. } => format!(
            "It runs exactly the file published as {version}, but reports another version: the \
             sketch’s VERSION was not raised. Upload a corrected build."
        ),
        Wait::Hold { hold: Hold::ByHand, .. } => {
            format!("{version} is held back from it by a person.")
        }
        Wait::Retry(at) => format!(
            "It downloaded {version} and came back unchanged; it is tried again in {}.",
            span(at - now)
        ),
        Wait::Broken { aborted, until } => format!(
            "The download of {version} broke {aborted} times in a day, so it rests for {}. Its \
             Wi-Fi may be weak.",
            span(until - now)
        ),
        Wait::Downloading => format!("It is downloading {version} already."),
    }
}

/// Seconds as a person says them, rounded up.
fn span(seconds: i64) -> String {
    let minutes = u64::try_from(seconds).unwrap_or(0).div_ceil(60);
    match minutes {
        0 | 1 => "a minute".to_owned(),
        2..=90 => format!("{minutes} minutes"),
        _ => format!("{} hours", minutes.div_ceil(60)),
    }
}

fn too_big(needs: u64, free: u64, gzip: Option<&str>) -> String {
    let (needs, free) = (needs.div_ceil(1024), free / 1024);
    let text = format!("The image needs {needs} KiB, but the device has only {free} KiB free");
    match gzip {
        Some(why) => format!("{text}; compressed it is not sent either: {why}."),
        None => {
            format!("{text}: make the sketch smaller, or choose a flash layout with more room.")
        }
    }
}

pub(super) fn wrong_chip(device: Chip, image: Chip) -> String {
    format!("The image is for {image}, the device has an {device}.")
}

pub(super) fn wrong_family(device: Family, image: Chip) -> String {
    format!("The image is for {image}, the device is of the {} family.", family_name(device))
}
