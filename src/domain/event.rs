//! The event log: what happened, in sentences.

use super::Timestamp;
use super::mac::MacAddr;

/// How much an event wants to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Severity {
    /// It happened.
    Info,
    /// It went well, and somebody waited for it.
    Good,
    /// A person may want to look.
    Warning,
    /// A person should act.
    Problem,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident, $word:literal, $label:literal, $severity:ident;)*) => {
        /// What sort of thing happened.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Kind { $($(#[$doc])* $kind,)* }

        impl Kind {
            /// All of them, in the order filters list them.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)*];

            /// The word in filters, JSON and the database.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$kind => $word,)* }
            }

            /// The word as a person reads it.
            #[must_use]
            pub const fn label(self) -> &'static str {
                match self { $(Self::$kind => $label,)* }
            }

            /// How much it wants to be read.
            #[must_use]
            pub const fn severity(self) -> Severity {
                match self { $(Self::$kind => Severity::$severity,)* }
            }

            /// Reads the word.
            #[must_use]
            pub fn read(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|kind| kind.word() == word)
            }
        }
    };
}

kinds! {
    /// A device asked for the first time.
    FirstContact, "first_contact", "first contact", Info;
    /// A check-in said something new.
    Changed, "changed", "check-in changed", Info;
    /// A check-in was refused.
    Refused, "refused", "refused", Warning;
    /// A release was there, but was not offered.
    Withheld, "withheld", "not offered", Warning;
    /// Firmware was offered.
    Offered, "offered", "offered", Info;
    /// A download was completed.
    Delivered, "delivered", "delivered", Info;
    /// A download was cut.
    Aborted, "aborted", "aborted", Warning;
    /// The device came back with the new version.
    Confirmed, "confirmed", "confirmed", Good;
    /// The device came back unchanged.
    NotTaken, "not_taken", "not taken", Warning;
    /// The device came back with the new version, and then with the old one again.
    RolledBack, "rolled_back", "rolled back", Problem;
    /// The device did not check in again after an offer.
    Lost, "lost", "lost", Problem;
    /// The device checks in far more often than before its update.
    Restarting, "restarting", "restarting often", Warning;
    /// The loop stop ended the offers of a release to a device.
    Stopped, "stopped", "stopped", Problem;
    /// A person held a release back from a device.
    Held, "held", "held", Info;
    /// The loop stop was lifted by a person.
    Lifted, "lifted", "tried again", Info;
    /// A device was approved.
    Approved, "approved", "approved", Info;
    /// A device was ignored.
    Ignored, "ignored", "ignored", Info;
    /// A device was blocked.
    Blocked, "blocked", "blocked", Info;
    /// A device was changed by a person in another way.
    DeviceEdited, "device_edited", "device changed", Info;
    /// A device was removed.
    DeviceRemoved, "device_removed", "device removed", Info;
    /// A platform was created.
    PlatformCreated, "platform_created", "platform created", Info;
    /// A platform was changed.
    PlatformEdited, "platform_edited", "platform changed", Info;
    /// A platform was deleted.
    PlatformDeleted, "platform_deleted", "platform deleted", Info;
    /// A file was uploaded and waits as a draft.
    Uploaded, "uploaded", "uploaded", Info;
    /// An upload was refused.
    UploadRefused, "upload_refused", "upload refused", Warning;
    /// A release was published.
    Published, "published", "published", Good;
    /// The compressed form of an image is ready.
    Packed, "packed", "compressed", Info;
    /// A release was withdrawn.
    Withdrawn, "withdrawn", "withdrawn", Info;
    /// The notes of a release were changed.
    ReleaseEdited, "release_edited", "release changed", Info;
    /// A release or draft was deleted.
    ReleaseDeleted, "release_deleted", "release deleted", Info;
    /// Somebody signed in.
    SignedIn, "signed_in", "signed in", Info;
    /// Somebody could not sign in.
    SignInFailed, "sign_in_failed", "sign-in failed", Warning;
    /// Somebody signed out, here or everywhere.
    SignedOut, "signed_out", "signed out", Info;
    /// A user was added.
    UserCreated, "user_created", "user added", Info;
    /// A user's role was changed.
    UserEdited, "user_edited", "user changed", Info;
    /// A user was removed.
    UserRemoved, "user_removed", "user removed", Info;
    /// A password was changed.
    PasswordChanged, "password_changed", "password changed", Info;
    /// Signing in with a code was switched on or off.
    TwoFactor, "two_factor", "two-factor changed", Info;
    /// An API token was made.
    TokenCreated, "token_created", "token created", Info;
    /// An API token was revoked.
    TokenRevoked, "token_revoked", "token revoked", Info;
    /// A setting was changed.
    Settings, "settings", "settings changed", Info;
    /// The server could not do its work.
    Fault, "fault", "server error", Problem;
}

/// Something that happened.
#[derive(Debug, Clone)]
pub struct Event {
    /// Its number in the database; 0 before it is written.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// What sort of thing.
    pub kind: Kind,
    /// In one sentence.
    pub text: String,
    /// The device it is about.
    pub mac: Option<MacAddr>,
    /// The platform it is about, by name, so that it stays readable after a deletion.
    pub platform: Option<String>,
    /// The release it is about.
    pub release_id: Option<i64>,
    /// Who did it: a user, a token, an address, or `server`.
    pub actor: String,
}

impl Event {
    /// An event without references.
    #[must_use]
    pub fn new(at: Timestamp, kind: Kind, text: impl Into<String>) -> Self {
        let text = text.into();
        let actor = String::new();
        Self { id: 0, at, kind, text, mac: None, platform: None, release_id: None, actor }
    }

    /// The same about a device.
    #[must_use]
    pub fn of(mut self, mac: MacAddr) -> Self {
        self.mac = Some(mac);
        self
    }

    /// The same about a platform.
    #[must_use]
    pub fn on(mut self, platform: Option<impl Into<String>>) -> Self {
        self.platform = platform.map(Into::into);
        self
    }

    /// The same about a release.
    #[must_use]
    pub fn about(mut self, release_id: i64) -> Self {
        self.release_id = Some(release_id);
        self
    }

    /// The same with the one who did it.
    #[must_use]
    pub fn by(mut self, actor: impl Into<String>) -> Self {
        self.actor = actor.into();
        self
    }
}
