//! What a decision can be, with its stable code and its sentence.

use super::packing::Encoding;
use crate::domain::Timestamp;
use crate::domain::chip::{Chip, Family};
use crate::domain::device::Approval;
use crate::domain::proof::Lack;
use crate::domain::release::Part;
use crate::domain::rollout::GateWait;
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
    /// It is pinned to a release and has it.
    Pinned {
        /// The version.
        version: String,
    },
    /// It is pinned to a release that is withdrawn or gone.
    PinnedToNothing,
    /// A person switched its updates off.
    UpdatesOff,
    /// It gets the release when its quiet hours are over.
    QuietHours {
        /// When they are.
        until: Timestamp,
        /// When this was decided.
        now: Timestamp,
    },
    /// It gets the release when its rollout lets it.
    Waits {
        /// What for.
        wait: GateWait,
        /// The version.
        version: String,
    },
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
    /// All codes that a decision may have.
    pub const CODES: &[&str] = &[
        "offer",
        "describe",
        "up_to_date",
        "identical",
        "identical_but_reports",
        "nothing_published",
        "version_unknown",
        "too_big",
        "flash_too_small",
        "no_slot",
        "wrong_family",
        "wrong_chip",
        "chip_unknown",
        "below_floor",
        "unsigned",
        "signed_gzip",
        "files_taken",
        "pinned",
        "pinned_to_nothing",
        "updates_off",
        "quiet_hours",
        "other_group",
        "rollout_scheduled",
        "rollout_waiting",
        "rollout_full",
        "rollout_paused",
        "rollout_halted",
        "rollout_ended",
        "stopped",
        "rolled_back",
        "reports_other",
        "held",
        "retry_later",
        "transfers_broke",
        "downloading",
        "invalid_parameters",
        "no_platforms",
        "unknown_platform",
        "secret_missing",
        "secret_wrong",
        "secret_ended",
        "secret_throttled",
        "not_approved",
        "ignored",
        "blocked",
        "other_platform",
        "mode_unsupported",
        "nothing_to_describe",
    ];

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

    /// Whether nothing more comes of the release until a person decides: the loop breaker holds
    /// it back, or the device has the very file and calls itself otherwise.
    #[must_use]
    pub const fn is_held(&self) -> bool {
        matches!(
            self,
            Self::NoUpdate(
                NoUpdate::OnHold { wait: Wait::Hold { .. }, .. }
                    | NoUpdate::IdenticalButReports { .. }
            )
        )
    }

    /// Whether the device has the release, or needs none of it.
    #[must_use]
    pub const fn is_through(&self) -> bool {
        matches!(
            self,
            Self::NoUpdate(NoUpdate::UpToDate | NoUpdate::Identical | NoUpdate::Pinned { .. })
        )
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
            Self::Pinned { .. } => "pinned",
            Self::PinnedToNothing => "pinned_to_nothing",
            Self::UpdatesOff => "updates_off",
            Self::QuietHours { .. } => "quiet_hours",
            Self::Waits { wait, .. } => wait.code(),
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

/// The family's name as a person reads it.
#[must_use]
pub const fn family_name(family: Family) -> &'static str {
    match family {
        Family::Esp8266 => "ESP8266",
        Family::Esp32 => "ESP32",
    }
}
