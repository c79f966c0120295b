//! The event log: what happened, in sentences.

use super::Timestamp;
use super::actor::Actor;
use super::audit::Deed;
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
    /// A secret of devices was made.
    SecretMade, "secret_made", "secret made", Info;
    /// An old secret of devices ended.
    SecretEnded, "secret_ended", "secret ended", Info;
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
    /// A rollout began, went on, or was told what to do.
    RolloutChanged, "rollout_changed", "rollout", Info;
    /// A rollout waits for a person's word.
    RolloutAsks, "rollout_asks", "rollout asks", Warning;
    /// A rollout was halted, because its release failed.
    RolloutHalted, "rollout_halted", "rollout halted", Problem;
    /// A rollout is through.
    RolloutFinished, "rollout_finished", "rollout finished", Good;
    /// A group was made, changed or deleted.
    Grouped, "grouped", "group changed", Info;
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
    /// A pairing window was opened or closed, or who may ask was changed.
    Pairing, "pairing", "pairing", Info;
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
    /// The same in full, where somebody changed something; not kept in the event log.
    pub author: Option<Actor>,
    /// The same as the audit log says it; not kept in the event log.
    pub deed: Option<Deed>,
    /// What else it is about, by name: a user, a token; not kept in the event log.
    pub other: Option<String>,
}

impl Kind {
    /// Whether it is about people, tokens and settings, and no device's business: only the audit
    /// log tells of it.
    #[must_use]
    pub const fn is_about_people(self) -> bool {
        matches!(
            self,
            Self::SignedIn
                | Self::SignInFailed
                | Self::SignedOut
                | Self::UserCreated
                | Self::UserEdited
                | Self::UserRemoved
                | Self::PasswordChanged
                | Self::TwoFactor
                | Self::TokenCreated
                | Self::TokenRevoked
                | Self::Settings
        )
    }

    /// Whether it is about a rollout.
    #[must_use]
    pub const fn is_rollout(self) -> bool {
        matches!(
            self,
            Self::RolloutChanged | Self::RolloutAsks | Self::RolloutHalted | Self::RolloutFinished
        )
    }

    /// Whether somebody changes something by it, so that the audit log tells of it. What devices
    /// do and how they are answered is none.
    #[must_use]
    pub const fn is_change(self) -> bool {
        !matches!(
            self,
            Self::FirstContact
                | Self::Changed
                | Self::Refused
                | Self::Withheld
                | Self::Offered
                | Self::Delivered
                | Self::Aborted
                | Self::Confirmed
                | Self::NotTaken
                | Self::RolledBack
                | Self::UploadRefused
                | Self::Packed
                | Self::Fault
        )
    }
}

impl Event {
    /// An event without references.
    #[must_use]
    pub fn new(at: Timestamp, kind: Kind, text: impl Into<String>) -> Self {
        let text = text.into();
        let (mac, platform, release_id, other) = (None, None, None, None);
        let (actor, author, deed) = (String::new(), None, None);
        Self { id: 0, at, kind, text, mac, platform, release_id, actor, author, deed, other }
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
    pub fn by(mut self, actor: impl Into<By>) -> Self {
        let By { text, actor } = actor.into();
        (self.actor, self.author) = (text, actor);
        self
    }
}

impl Event {
    /// The same with what they did, as the audit log says it behind their name: in the past tense,
    /// like `approved Greenhouse for chase`. Without it, the audit log repeats the event's text.
    #[must_use]
    pub fn does(mut self, deed: impl Into<String>) -> Self {
        self.deed = Some(Deed { action: self.kind, text: deed.into() });
        self
    }

    /// The same with what the server made of it by its own judgement, for the audit log.
    #[must_use]
    pub fn decided(mut self, action: Kind, deed: impl Into<String>) -> Self {
        self.author = Some(Actor::machine());
        self.deed = Some(Deed { action, text: deed.into() });
        self
    }

    /// The same about something that is no device, platform or release: a user, a token.
    #[must_use]
    pub fn concerning(mut self, other: impl Into<String>) -> Self {
        self.other = Some(other.into());
        self
    }
}

/// The one who did it, as [`Event::by`] takes them: somebody who changed something, or, for what
/// devices do, only an address.
#[derive(Debug, Clone)]
pub struct By {
    text: String,
    actor: Option<Actor>,
}

impl From<&Actor> for By {
    fn from(actor: &Actor) -> Self {
        Self { text: actor.to_string(), actor: Some(actor.clone()) }
    }
}

impl From<Actor> for By {
    fn from(actor: Actor) -> Self {
        Self { text: actor.to_string(), actor: Some(actor) }
    }
}

impl From<String> for By {
    fn from(text: String) -> Self {
        Self { text, actor: None }
    }
}

impl From<&str> for By {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}
