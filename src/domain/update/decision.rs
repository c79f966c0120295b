//! What a decision can be, with its stable code and its sentence.

use super::packing::Encoding;
use crate::domain::Timestamp;
use crate::domain::chip::{Chip, Family};
use crate::domain::device::Approval;
use crate::domain::proof::Lack;
use crate::domain::release::Part;
use crate::domain::tally::{Hold, Wait};

/// What a device gets, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// 200 with the image, in this form.
    Offer(Encoding),
    /// 200 with the version in headers, without the image (`mode: version`).
    Describe,
    /// 304: nothing to do.
    NoUpdate(NoUpdate),
    /// The original's error.
    Refuse(Refusal),
}

/// Why there is no update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoUpdate {
    /// It has the newest version or a higher one.
    UpToDate,
    /// It runs this very image.
    Identical,
    /// It runs this very image, but reports a lower version: the sketch's number was not raised.
    IdenticalButReports {
        /// The version it reports.
        reported: String,
        /// The version that the image was published as.
        published: String,
    },
    /// The platform has no published release.
    NothingPublished,
    /// Nothing tells which version it runs.
    VersionUnknown,
    /// The image does not fit beside the running one, or into its slot. Sizes in bytes.
    TooBig {
        /// What the image needs.
        needs: u64,
        /// What the device has.
        free: u64,
        /// Why its compressed form is not sent, where there is one.
        gzip: Option<&'static str>,
    },
    /// The flash memory is too small for what the image was built for. Sizes in bytes.
    FlashTooSmall {
        /// What the image is for.
        part: Part,
        /// What it needs.
        needs: u64,
        /// What there is for it.
        has: u64,
    },
    /// An ESP32 without a second slot for updates.
    NoSlot,
    /// The image is for another family of chips.
    WrongFamily {
        /// The device's family.
        device: Family,
        /// The image's chip.
        image: Chip,
    },
    /// The image is for another chip of the same family.
    WrongChip {
        /// The device's chip.
        device: Chip,
        /// The image's chip.
        image: Chip,
    },
    /// There are images for several chips, and nothing tells which one the device has.
    ChipUnknown {
        /// The chips.
        chips: Vec<Chip>,
    },
    /// The release is below the lowest version that the platform allows.
    BelowFloor {
        /// That version.
        floor: String,
    },
    /// The device ran a signed image once, or checks signatures, and this one is not signed.
    Unsigned,
    /// The image is signed gzip, which would destroy a device that does not check signatures.
    SignedGzip,
    /// It took these files already; nothing can tell whether it still has them.
    FilesTaken,
    /// The loop breaker waits, or asks a person first.
    OnHold {
        /// Why, and until when.
        wait: Wait,
        /// The version.
        version: String,
        /// Whether the device reports which image it runs: then that is the old one.
        old_image: bool,
        /// When this was decided.
        now: Timestamp,
    },
}

/// Why a check-in is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It named a platform, but nothing tells its version.
    InvalidParameters,
    /// There are no platforms yet.
    NoPlatforms,
    /// There is no platform of that name.
    UnknownPlatform(
        /// The name.
        String,
    ),
    /// Its platform demands a secret that it did not show.
    Unproven(Lack),
    /// It is not approved.
    NotApproved(Approval),
    /// It is approved, but for another platform.
    OtherPlatform {
        /// The platform it is approved for.
        own: String,
        /// The platform it asked for.
        asked: String,
    },
    /// It wants a file-system image and there is none, or its mode is unknown.
    ModeUnsupported,
    /// `mode: version`, but nothing is published.
    NothingToDescribe,
}

impl Decision {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Offer(_) => "offer",
            Self::Describe => "describe",
            Self::NoUpdate(reason) => reason.code(),
            Self::Refuse(refusal) => refusal.code(),
        }
    }

    /// The decision in one sentence about the device.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Offer(_) => "It gets the release.".to_owned(),
            Self::Describe => "It is told which version there is.".to_owned(),
            Self::NoUpdate(reason) => reason.text(),
            Self::Refuse(refusal) => refusal.text(),
        }
    }

    /// Whether somebody with this MAC address did not prove to be the device.
    #[must_use]
    pub const fn is_unproven(&self) -> bool {
        matches!(self, Self::Refuse(Refusal::Unproven(_)))
    }

    /// Whether the loop breaker asks a person before the release is offered again.
    #[must_use]
    pub const fn is_held(&self) -> bool {
        matches!(self, Self::NoUpdate(NoUpdate::OnHold { wait: Wait::Hold { .. }, .. }))
    }

    /// Whether a release was there and a person may wonder why it is not given.
    #[must_use]
    pub const fn is_withheld(&self) -> bool {
        matches!(
            self,
            Self::NoUpdate(
                NoUpdate::IdenticalButReports { .. }
                    | NoUpdate::VersionUnknown
                    | NoUpdate::TooBig { .. }
                    | NoUpdate::NoSlot
                    | NoUpdate::WrongFamily { .. }
                    | NoUpdate::WrongChip { .. }
                    | NoUpdate::ChipUnknown { .. }
                    | NoUpdate::FlashTooSmall { .. }
                    | NoUpdate::BelowFloor { .. }
                    | NoUpdate::Unsigned
                    | NoUpdate::SignedGzip
                    | NoUpdate::OnHold { .. }
            )
        )
    }
}

impl NoUpdate {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UpToDate => "up_to_date",
            Self::Identical => "identical",
            Self::IdenticalButReports { .. } => "identical_but_reports",
            Self::NothingPublished => "nothing_published",
            Self::VersionUnknown => "version_unknown",
            Self::TooBig { .. } => "too_big",
            Self::NoSlot => "no_slot",
            Self::WrongFamily { .. } => "wrong_family",
            Self::WrongChip { .. } => "wrong_chip",
            Self::ChipUnknown { .. } => "chip_unknown",
            Self::FlashTooSmall { .. } => "flash_too_small",
            Self::BelowFloor { .. } => "below_floor",
            Self::Unsigned => "unsigned",
            Self::SignedGzip => "signed_gzip",
            Self::FilesTaken => "files_taken",
            Self::OnHold { wait, .. } => match wait {
                Wait::Hold { hold: Hold::NotTaken, .. } => "stopped",
                Wait::Hold { hold: Hold::RolledBack, .. } => "rolled_back",
                Wait::Hold { hold: Hold::ReportsOther, .. } => "reports_other",
                Wait::Hold { hold: Hold::ByHand, .. } => "held",
                Wait::Retry(_) => "retry_later",
                Wait::Broken { .. } => "transfers_broke",
                Wait::Downloading => "downloading",
            },
        }
    }

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
            Self::OnHold { wait, version, old_image, now } => {
                on_hold(*wait, version, *old_image, *now)
            }
        }
    }
}

impl Refusal {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::InvalidParameters => "invalid_parameters",
            Self::NoPlatforms => "no_platforms",
            Self::UnknownPlatform(_) => "unknown_platform",
            Self::Unproven(lack) => lack.code(),
            Self::NotApproved(Approval::Ignored) => "ignored",
            Self::NotApproved(Approval::Blocked) => "blocked",
            Self::NotApproved(_) => "not_approved",
            Self::OtherPlatform { .. } => "other_platform",
            Self::ModeUnsupported => "mode_unsupported",
            Self::NothingToDescribe => "nothing_to_describe",
        }
    }

    /// The reason in one sentence.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::InvalidParameters => "It named a platform, but sent no version (ver=), and its \
                image is not a known one."
                .to_owned(),
            Self::NoPlatforms => "There are no platforms yet; create one first.".to_owned(),
            Self::UnknownPlatform(dev) => {
                format!("There is no platform “{dev}”: create it, or correct dev= in the sketch.")
            }
            Self::Unproven(lack) => lack.text().to_owned(),
            Self::NotApproved(Approval::Ignored) => "It is ignored.".to_owned(),
            Self::NotApproved(Approval::Blocked) => "It is blocked.".to_owned(),
            Self::NotApproved(_) => "It is not approved yet.".to_owned(),
            Self::OtherPlatform { own, asked } => format!(
                "It is approved for {own}, but asked for {asked}: move it there, or correct dev= \
                 in the sketch."
            ),
            Self::ModeUnsupported => "It asked for a file-system image; there is none.".to_owned(),
            Self::NothingToDescribe => {
                "It asked which version there is; nothing is published.".to_owned()
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

/// The family's name as a person reads it.
#[must_use]
pub const fn family_name(family: Family) -> &'static str {
    match family {
        Family::Esp8266 => "ESP8266",
        Family::Esp32 => "ESP32",
    }
}
