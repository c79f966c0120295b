//! What can go wrong, as facts; pages, API and devices draw them in their own way.

use super::upload::ReportCard;
use crate::blobs::BlobError;
use crate::domain::access::{LabelError, PasswordError, ScopeError};
use crate::domain::device_secret::DeviceSecretError;
use crate::domain::group::GroupNameError;
use crate::domain::image::{Merged, Unusable};
use crate::domain::mac::{MacAddr, MacError};
use crate::domain::names::NameError;
use crate::domain::policy::QuietHoursError;
use crate::domain::rollout::{PlanError, Refused};
use crate::store::StoreError;

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What was named does not exist.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// A name cannot be used.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A MAC address cannot be read.
    #[error(transparent)]
    Mac(#[from] MacError),
    /// A platform of this name exists.
    #[error("a platform named “{0}” exists already")]
    PlatformExists(String),
    /// The device is on a whitelist already.
    #[error("{mac} is already approved for {platform}")]
    AlreadyApproved {
        /// The device.
        mac: MacAddr,
        /// Its platform.
        platform: String,
        /// Whether it is the very platform that was asked for.
        same: bool,
    },
    /// A device can only be approved for a platform.
    #[error("choose the platform that the device is approved for")]
    NoPlatformChosen,
    /// A value is not one of those allowed.
    #[error("{field} is “{value}”; expected {expected}")]
    Value {
        /// What it is the value of.
        field: &'static str,
        /// What was given.
        value: String,
        /// What was expected.
        expected: &'static str,
    },
    /// The file's name does not end in `.bin`.
    #[error(
        "“{0}” is not a .bin file; choose the .bin that the build made (in the Arduino IDE: Sketch → Export Compiled Binary)"
    )]
    NotBin(String),
    /// The file can never be sent; of a factory image its parts come with it.
    #[error("{0}")]
    Unusable(Unusable, Option<Box<Merged>>),
    /// The file is too large.
    #[error(
        "the file is larger than {limit} bytes, the most that this server takes (--max-upload)"
    )]
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// The upload ended before the file was whole.
    #[error("the upload was cut before the file was whole; nothing was kept, send it again")]
    Cut,
    /// No file was sent.
    #[error("no file was sent; the form field is called “file”")]
    NoFile,
    /// Questions are open that only a person can answer.
    #[error("the upload has open questions")]
    Questions(Box<ReportCard>),
    /// The release is not in a state that allows this.
    #[error("{0}")]
    State(&'static str),
    /// A rollout cannot be planned so.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A rollout cannot be told that as it stands.
    #[error(transparent)]
    Rollout(#[from] Refused),
    /// A group cannot be called so.
    #[error(transparent)]
    GroupName(#[from] GroupNameError),
    /// A group of this name exists.
    #[error("a group named “{0}” exists already")]
    GroupExists(String),
    /// Quiet hours cannot be read.
    #[error(transparent)]
    Quiet(#[from] QuietHoursError),
    /// A secret of devices cannot be taken.
    #[error(transparent)]
    DeviceSecret(#[from] DeviceSecretError),
    /// A user or token cannot be called so.
    #[error(transparent)]
    Label(#[from] LabelError),
    /// A user of this name exists.
    #[error("a user named “{0}” exists already")]
    UserExists(String),
    /// A password cannot be taken.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// A token cannot have these scopes.
    #[error(transparent)]
    Scope(#[from] ScopeError),
    /// Nobody could manage users any more.
    #[error("this is the last administrator; make somebody else one first")]
    LastAdministrator,
    /// A one-time code or the set-up code is wrong.
    #[error("the code is not right")]
    WrongCode,
    /// The current password was wrong too often, and the session has ended.
    #[error("that was not the password too often, so this session has ended; sign in again")]
    SessionEnded,
    /// The token may not do this.
    #[error("this token may not do this: it lacks the scope {0}")]
    Forbidden(String),
    /// Too many passwords are checked at the same time.
    #[error("the server is busy checking other passwords; try again in a moment")]
    Busy,
    /// Something that never fails did.
    #[error("{0}")]
    Broken(&'static str),
    /// The disk is full.
    #[error("the server's disk is full; nothing was kept. Free some space and try again")]
    DiskFull,
    /// The database failed.
    #[error("the database failed")]
    Store(#[source] StoreError),
    /// A firmware file failed.
    #[error("a firmware file failed")]
    Blob(#[source] BlobError),
}

impl Error {
    /// The stable code, as the API states it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "not_found",
            Self::Name(_) | Self::Label(_) | Self::GroupName(_) => "invalid_name",
            Self::Mac(_) => "invalid_mac",
            Self::PlatformExists(_) => "platform_exists",
            Self::AlreadyApproved { .. } => "already_approved",
            Self::NoPlatformChosen => "no_platform",
            Self::Value { .. } | Self::Quiet(_) => "invalid_value",
            Self::NotBin(_) => "not_bin",
            Self::Unusable(cause, _) => cause.code(),
            Self::TooLarge { .. } => "too_large",
            Self::Cut => "cut",
            Self::NoFile => "no_file",
            Self::Questions(card) => {
                card.questions.first().map_or("open_questions", |question| question.code())
            }
            Self::State(_) | Self::Rollout(_) => "wrong_state",
            Self::Plan(_) => "invalid_plan",
            Self::GroupExists(_) => "group_exists",
            Self::DeviceSecret(_) => "invalid_secret",
            Self::UserExists(_) => "user_exists",
            Self::Password(_) => "invalid_password",
            Self::Scope(_) => "invalid_scope",
            Self::LastAdministrator => "last_administrator",
            Self::WrongCode => "wrong_code",
            Self::SessionEnded => "session_ended",
            Self::Forbidden(_) => "forbidden",
            Self::Busy => "busy",
            Self::DiskFull => "disk_full",
            Self::Store(_) | Self::Blob(_) | Self::Broken(_) => "internal",
        }
    }

    /// Whether a person at the server should act; its cause is for the log only.
    #[must_use]
    pub const fn is_internal(&self) -> bool {
        matches!(self, Self::Store(_) | Self::Blob(_) | Self::Broken(_))
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full => Self::DiskFull,
            StoreError::Database(_)
            | StoreError::Migration(_)
            | StoreError::Conflict
            | StoreError::Inconsistent { .. } => Self::Store(error),
        }
    }
}

impl From<BlobError> for Error {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::TooLarge { limit } => Self::TooLarge { limit },
            BlobError::Full => Self::DiskFull,
            BlobError::Missing(_) | BlobError::Io(_) => Self::Blob(error),
        }
    }
}
