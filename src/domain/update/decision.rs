//! What a decision can be, with its stable code and its sentence.

use crate::domain::chip::{Chip, Family};
use crate::domain::device::Approval;

/// What a device gets, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// 200 with the image.
    Offer,
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
    /// It completed this download too often and came back unchanged.
    Stopped {
        /// How often.
        deliveries: u32,
        /// Whether the device reports which image it runs: then that is the old one.
        old_image: bool,
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
            Self::Offer => "offer",
            Self::Describe => "describe",
            Self::NoUpdate(reason) => reason.code(),
            Self::Refuse(refusal) => refusal.code(),
        }
    }

    /// The decision in one sentence about the device.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Offer => "It gets the release.".to_owned(),
            Self::Describe => "It is told which version there is.".to_owned(),
            Self::NoUpdate(reason) => reason.text(),
            Self::Refuse(refusal) => refusal.text(),
        }
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
                    | NoUpdate::Stopped { .. }
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
            Self::Stopped { .. } => "stopped",
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
            Self::TooBig { needs, free } => {
                format!(
                    "The image needs {} KiB, but the device has only {} KiB free: make the sketch smaller, or \
                     choose a flash layout with more room.",
                    needs.div_ceil(1024),
                    free / 1024
                )
            }
            Self::NoSlot => "It has no slot for updates: choose a partition scheme with OTA in \
                the IDE and flash it once over USB."
                .to_owned(),
            Self::WrongFamily { device, image } => wrong_family(*device, *image),
            Self::Stopped { deliveries, old_image: true } => format!(
                "It downloaded this release {deliveries} times and still runs its old image, so it \
                 is no longer offered. Installing failed, or it did not restart: look at its \
                 serial monitor."
            ),
            Self::Stopped { deliveries, old_image: false } => format!(
                "It downloaded this release {deliveries} times and came back with its old version, \
                 so it is no longer offered. Either installing failed, or the new sketch still \
                 reports its old version."
            ),
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

/// What the sketch makes of an HTTP status, in the words its serial log shows (`protocol.md` §1).
#[must_use]
pub const fn what_the_sketch_sees(status: u16) -> &'static str {
    match status {
        200 => "200 → HTTP_UPDATE_OK, it installs and restarts",
        304 => "304 → HTTP_UPDATE_NO_UPDATES",
        401 => "401 → -108 (ESP8266) or -104 Wrong HTTP Code",
        403 => "403 → -103 Forbidden (403)",
        404 => "404 → -102 File Not Found (404)",
        400 => "400 → -104 Wrong HTTP Code",
        500 => "500 → -104 Wrong HTTP Code",
        _ => "-104 Wrong HTTP Code",
    }
}
