//! States as badges: a colour, an icon and a word, so that none of them stands alone.

use std::fmt;

use askama::filters::HtmlSafe;

use crate::domain::device::{Approval, AttemptState, Device};
use crate::domain::event::{Kind, Severity};
use crate::domain::platform::GzipPolicy;
use crate::domain::proof::{Proof, ProofKind};
use crate::domain::release::{Question, ReleaseState};
use crate::domain::rhythm::Presence;
use crate::domain::update::{Decision, NoUpdate, Refusal};
use crate::http::assets;

/// An icon of the sprite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Icon(pub &'static str);

impl fmt::Display for Icon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sprite, name) = (assets::url("icons.svg"), self.0);
        f.write_str(r#"<svg class="icon" aria-hidden="true" focusable="false">"#)?;
        write!(f, r#"<use href="{sprite}#{name}"/></svg>"#)
    }
}

// It is made of words of this program only.
impl HtmlSafe for Icon {}

/// A state as a badge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Badge {
    /// The class of its colour: good, wait, warn, bad or none.
    pub tone: &'static str,
    /// Its icon.
    pub icon: &'static str,
    /// Its word.
    pub word: &'static str,
}

impl fmt::Display for Badge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tone, icon, word } = *self;
        write!(f, r#"<span class="badge {tone}">{}{word}</span>"#, Icon(icon))
    }
}

// It is made of words of this program only.
impl HtmlSafe for Badge {}

/// Whether a device may have releases.
#[must_use]
pub const fn approval(state: &Approval) -> Badge {
    let (tone, icon) = match state {
        Approval::Pending => ("wait", "clock"),
        Approval::Approved => ("good", "check"),
        Approval::Ignored => ("", "eye-off"),
        Approval::Blocked => ("bad", "ban"),
    };
    Badge { tone, icon, word: state.word() }
}

/// Where a release stands.
#[must_use]
pub const fn release(state: &ReleaseState) -> Badge {
    let (tone, icon) = match state {
        ReleaseState::Draft => ("warn", "file"),
        ReleaseState::Published => ("good", "leaf"),
        ReleaseState::Withdrawn => ("", "eye-off"),
    };
    Badge { tone, icon, word: state.word() }
}

/// A release that is for beta devices only.
pub const BETA: Badge = Badge { tone: "wait", icon: "leaf", word: "beta" };

/// How one try to update a device stands.
#[must_use]
pub const fn attempt(state: &AttemptState) -> Badge {
    let (tone, icon) = match state {
        AttemptState::Offered => ("wait", "download"),
        AttemptState::Delivered => ("wait", "clock"),
        AttemptState::Confirmed => ("good", "check"),
        AttemptState::Aborted | AttemptState::NotTaken => ("bad", "x"),
        AttemptState::RolledBack => ("bad", "retry"),
        AttemptState::Lost => ("bad", "eye-off"),
        AttemptState::Overtaken => ("", "arrow"),
    };
    Badge { tone, icon, word: state.label() }
}

/// What is the matter with a device because of when it asks.
#[must_use]
pub const fn presence(presence: &Presence) -> Badge {
    let (tone, icon) = match presence {
        Presence::Overdue => ("warn", "clock"),
        Presence::Lost => ("bad", "eye-off"),
        Presence::Restarting => ("warn", "retry"),
    };
    Badge { tone, icon, word: presence.label() }
}

/// How many of the four steps offered → sending → delivered → confirmed are done.
#[must_use]
pub const fn steps(state: &AttemptState) -> u8 {
    match state {
        AttemptState::Offered | AttemptState::Aborted => 2,
        AttemptState::Delivered
        | AttemptState::NotTaken
        | AttemptState::Overtaken
        | AttemptState::RolledBack
        | AttemptState::Lost => 3,
        AttemptState::Confirmed => 4,
    }
}

/// The colour of an event in the log.
#[must_use]
pub const fn event_tone(kind: &Kind) -> &'static str {
    match kind.severity() {
        Severity::Info => "",
        Severity::Good => "good",
        Severity::Warning => "warn",
        Severity::Problem => "bad",
    }
}

/// The icon of an event in the log.
#[must_use]
pub const fn event_icon(kind: &Kind) -> Icon {
    Icon(match kind {
        Kind::FirstContact | Kind::Pairing => "connect",
        Kind::Changed => "device",
        Kind::Refused | Kind::Blocked | Kind::UploadRefused => "ban",
        Kind::Withheld | Kind::RolloutAsks => "info",
        Kind::Offered | Kind::Delivered | Kind::Packed => "download",
        Kind::Aborted | Kind::NotTaken => "x",
        Kind::Confirmed | Kind::Approved | Kind::RolloutFinished => "check",
        Kind::Stopped | Kind::RolledBack | Kind::Held | Kind::RolloutHalted => "stop",
        Kind::Lifted | Kind::RolloutChanged | Kind::Restarting => "retry",
        Kind::Lost | Kind::Ignored | Kind::Withdrawn => "eye-off",
        Kind::DeviceEdited | Kind::PlatformEdited | Kind::ReleaseEdited => "edit",
        Kind::DeviceRemoved
        | Kind::PlatformDeleted
        | Kind::ReleaseDeleted
        | Kind::UserRemoved
        | Kind::TokenRevoked => "trash",
        Kind::PlatformCreated | Kind::Grouped => "platform",
        Kind::Uploaded => "upload",
        Kind::Published => "leaf",
        Kind::Settings => "settings",
        Kind::SignedIn | Kind::SignedOut | Kind::UserCreated | Kind::UserEdited => "user",
        Kind::SignInFailed | Kind::PasswordChanged | Kind::TwoFactor => "lock",
        Kind::TokenCreated | Kind::SecretMade | Kind::SecretEnded => "key",
        Kind::Fault => "alert",
    })
}

/// How an event names who did it: from an address, by a user or token.
#[must_use]
pub fn preposition(actor: &str) -> &'static str {
    if actor.parse::<std::net::IpAddr>().is_ok() { "from" } else { "by" }
}

/// Which devices of a platform get its releases.
pub const OPEN: Badge = Badge { tone: "warn", icon: "connect", word: "any device" };
/// Which devices of a platform get its releases.
pub const LISTED: Badge = Badge { tone: "", icon: "check", word: "approved only" };

/// How a device came to be approved.
#[must_use]
pub fn approved_via(via: &str) -> &'static str {
    match via {
        "pairing" => "in a pairing window",
        "open" => "its platform is open to any device",
        "typed" => "by its MAC address, beforehand",
        "api" => "by a program",
        _ => "by a person",
    }
}

/// Whether ESP8266 devices of a platform get compressed images.
#[must_use]
pub const fn gzip(policy: &GzipPolicy) -> &'static str {
    match policy {
        GzipPolicy::Auto => "where it is safe",
        GzipPolicy::Off => "never",
        GzipPolicy::Always => "always",
    }
}

/// What the devices of a platform have to show.
#[must_use]
pub const fn proof(proof: &Proof) -> &'static str {
    match (proof.kind, proof.demanded) {
        (ProofKind::None, _) => "none: the MAC address is all",
        (ProofKind::Shared, false) => "a shared secret, not demanded yet",
        (ProofKind::Shared, true) => "a shared secret",
        (ProofKind::PerDevice, false) => "a secret for each device, not demanded yet",
        (ProofKind::PerDevice, true) => "a secret for each device",
    }
}

/// A decision, in a word or two.
#[must_use]
pub const fn verdict(decision: &Decision) -> Badge {
    let (tone, icon, word) = match decision {
        Decision::Offer(_) => ("wait", "download", "an update"),
        Decision::Describe => ("wait", "info", "the version"),
        Decision::NoUpdate(NoUpdate::UpToDate | NoUpdate::Identical) => {
            ("good", "check", "up to date")
        }
        Decision::NoUpdate(NoUpdate::Pinned { .. }) => ("good", "check", "has its pin"),
        Decision::NoUpdate(NoUpdate::UpdatesOff) => ("", "ban", "updates off"),
        Decision::NoUpdate(NoUpdate::QuietHours { .. }) => ("wait", "moon", "quiet hours"),
        Decision::NoUpdate(NoUpdate::NothingPublished) => ("", "clock", "nothing published"),
        Decision::NoUpdate(_) if decision.is_held() => ("bad", "stop", "on hold"),
        Decision::NoUpdate(NoUpdate::OnHold { .. } | NoUpdate::Waits { .. }) => {
            ("wait", "clock", "waits")
        }
        Decision::NoUpdate(_) => ("warn", "alert", "held back"),
        Decision::Refuse(Refusal::NotApproved(state)) => return approval(state),
        Decision::Refuse(_) => ("bad", "ban", "refused"),
    };
    Badge { tone, icon, word }
}

/// The colour of what a check-in came to.
#[must_use]
pub fn outcome_tone(status: &u16, code: &str) -> &'static str {
    match (status, code) {
        (_, "stopped" | "rolled_back" | "reports_other" | "identical_but_reports" | "held") => {
            "bad"
        }
        (
            _,
            "not_approved" | "downloading" | "quiet_hours" | "rollout_scheduled"
            | "rollout_waiting" | "rollout_full" | "rollout_paused",
        ) => "wait",
        (_, "up_to_date" | "identical" | "offer" | "describe" | "pinned") => "good",
        (_, "ignored" | "updates_off" | "other_group") | (304, "nothing_published") => "",
        (200 | 304, _) => "warn",
        _ => "bad",
    }
}

/// The version that a device said last.
#[must_use]
pub fn version_of(device: &Device) -> &str {
    let report = device.report.as_ref();
    report.and_then(|report| report.version.as_deref()).unwrap_or("–")
}

/// What the box says that accepts an open question.
#[must_use]
pub const fn acceptance(question: &Question) -> &'static str {
    match question {
        Question::PlatformUnknown(_) => "Create this platform",
        Question::VersionUnreadable(_) => "Publish it with this version all the same",
        Question::VersionNotHigher { .. } => "Publish the lower version all the same",
        Question::OtherFamily { .. } => "Publish it for the other chip all the same",
        Question::OtherChip { .. } => "It is the right platform",
        Question::Unsigned { .. } => "Publish it without a signature",
        Question::FlashSize { .. } | Question::FitsNone { .. } | Question::Doubtful { .. } => {
            "Publish it all the same"
        }
        Question::Identical { .. } => "Publish the same file once more",
        Question::Damaged(_)
        | Question::PlatformMissing
        | Question::PlatformAmbiguous(_)
        | Question::VersionMissing
        | Question::VersionAmbiguous(_)
        | Question::VersionExists(_) => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_badge_has_an_icon_and_a_word() {
        let badge = approval(&Approval::Blocked).to_string();
        assert!(badge.contains("#ban\"") && badge.contains("blocked</span>"), "{badge}");
    }

    #[test]
    fn every_icon_is_in_the_sprite() {
        let sprite = include_str!("../../../static/icons.svg");
        let states = Approval::ALL.iter().map(approval);
        let tries = AttemptState::ALL.iter().map(attempt);
        let states = states.chain(Presence::ALL.iter().map(presence));
        let icons = states.chain(tries).map(|badge| badge.icon);
        for icon in icons.chain(Kind::ALL.iter().map(|kind| event_icon(kind).0)) {
            assert!(sprite.contains(&format!("id=\"{icon}\"")), "{icon}");
        }
    }

    #[test]
    fn only_what_can_be_accepted_has_a_box() {
        let question = Question::VersionMissing;
        assert!(acceptance(&question).is_empty() && !question.can_be_accepted());
        let question = Question::PlatformUnknown("chase".to_owned());
        assert!(!acceptance(&question).is_empty() && question.can_be_accepted());
    }
}
