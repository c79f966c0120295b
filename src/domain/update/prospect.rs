//! What a decision means for a release that is about to be published, in a dozen words.

use super::decision::{Decision, NoUpdate, Refusal};
use crate::domain::rollout::GateWait;

/// What a device has to expect of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Prospect {
    /// It gets it at its next check-in.
    Gets,
    /// It gets it, but has not asked for longer than is usual for it.
    Asleep,
    /// It has it, or something higher.
    Has,
    /// It gets it in a later stage of the rollout, or when others came back with it.
    Waits,
    /// It gets it when the rollout begins, or its quiet hours are over.
    Later,
    /// It gets another release.
    Other,
    /// The rollout is paused, halted or ended.
    Still,
    /// The rollout is for a group that it is not in.
    OtherGroup,
    /// A person pinned it, or switched its updates off.
    Pinned,
    /// The image does not fit.
    TooSmall,
    /// The image is for another chip.
    WrongChip,
    /// There are images for several chips, and its own is not known.
    ChipUnknown,
    /// The loop breaker or a person holds the release back from it.
    OnHold,
    /// The image is not signed as the device needs it.
    Unsigned,
    /// The release is below the lowest version of the platform.
    BelowFloor,
    /// It does not say its version.
    NoVersion,
    /// Nothing is published for it.
    Nothing,
    /// It is not approved, or for another platform.
    NotApproved,
    /// What it asked for is not this.
    AsksOtherwise,
    /// It never asked.
    NeverAsked,
}

impl Prospect {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 20] = [
        Self::Gets,
        Self::Asleep,
        Self::Has,
        Self::Waits,
        Self::Later,
        Self::Other,
        Self::Still,
        Self::OtherGroup,
        Self::Pinned,
        Self::TooSmall,
        Self::WrongChip,
        Self::ChipUnknown,
        Self::OnHold,
        Self::Unsigned,
        Self::BelowFloor,
        Self::NoVersion,
        Self::Nothing,
        Self::NotApproved,
        Self::AsksOtherwise,
        Self::NeverAsked,
    ];

    /// The word in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Gets => "gets_it",
            Self::Asleep => "asleep",
            Self::Has => "has_it",
            Self::Waits => "waits",
            Self::Later => "later",
            Self::Other => "other_release",
            Self::Still => "stands_still",
            Self::OtherGroup => "other_group",
            Self::Pinned => "pinned",
            Self::TooSmall => "too_small",
            Self::WrongChip => "wrong_chip",
            Self::ChipUnknown => "chip_unknown",
            Self::OnHold => "on_hold",
            Self::Unsigned => "unsigned",
            Self::BelowFloor => "below_floor",
            Self::NoVersion => "no_version",
            Self::Nothing => "nothing",
            Self::NotApproved => "not_approved",
            Self::AsksOtherwise => "asks_otherwise",
            Self::NeverAsked => "never_asked",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|prospect| prospect.word() == word)
    }

    /// The words that follow a count of devices.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Gets => "will get it",
            Self::Asleep => "will get it after waking up",
            Self::Has => "up to date already",
            Self::Waits => "waiting for others first",
            Self::Later => "later, by the clock",
            Self::Other => "will get another release",
            Self::Still => "the rollout stands still",
            Self::OtherGroup => "not in the group",
            Self::Pinned => "pinned, or updates off",
            Self::TooSmall => "too small",
            Self::WrongChip => "wrong chip",
            Self::ChipUnknown => "chip not known",
            Self::OnHold => "on hold",
            Self::Unsigned => "signature does not fit",
            Self::BelowFloor => "below the lowest version",
            Self::NoVersion => "does not say its version",
            Self::Nothing => "nothing for it",
            Self::NotApproved => "not approved",
            Self::AsksOtherwise => "asked for something else",
            Self::NeverAsked => "never asked",
        }
    }

    /// Whether a person may want to do something about it.
    #[must_use]
    pub const fn is_obstacle(self) -> bool {
        matches!(
            self,
            Self::TooSmall
                | Self::WrongChip
                | Self::ChipUnknown
                | Self::OnHold
                | Self::Unsigned
                | Self::BelowFloor
                | Self::NoVersion
        )
    }

    /// What a decision means. `own`: what it would offer is the release in question; `asleep`: the
    /// device has not asked for longer than is usual for it. `None`: the device never asked.
    #[must_use]
    pub const fn of(decision: Option<&Decision>, own: bool, asleep: bool) -> Self {
        let Some(decision) = decision else { return Self::NeverAsked };
        match decision {
            Decision::Offer(_) if !own => Self::Other,
            Decision::Offer(_) if asleep => Self::Asleep,
            Decision::Offer(_) => Self::Gets,
            Decision::Describe => Self::AsksOtherwise,
            Decision::NoUpdate(reason) => Self::without_update(reason),
            Decision::Refuse(refusal) => match refusal {
                Refusal::InvalidParameters => Self::NoVersion,
                Refusal::NotApproved(_) | Refusal::OtherPlatform { .. } | Refusal::Unproven(_) => {
                    Self::NotApproved
                }
                Refusal::NothingToDescribe => Self::Nothing,
                Refusal::NoPlatforms | Refusal::UnknownPlatform(_) | Refusal::ModeUnsupported => {
                    Self::AsksOtherwise
                }
            },
        }
    }

    const fn without_update(reason: &NoUpdate) -> Self {
        match reason {
            NoUpdate::UpToDate | NoUpdate::Identical | NoUpdate::FilesTaken => Self::Has,
            NoUpdate::NothingPublished => Self::Nothing,
            NoUpdate::VersionUnknown => Self::NoVersion,
            NoUpdate::TooBig { .. } | NoUpdate::FlashTooSmall { .. } | NoUpdate::NoSlot => {
                Self::TooSmall
            }
            NoUpdate::WrongFamily { .. } | NoUpdate::WrongChip { .. } => Self::WrongChip,
            NoUpdate::ChipUnknown { .. } => Self::ChipUnknown,
            NoUpdate::BelowFloor { .. } => Self::BelowFloor,
            NoUpdate::Unsigned | NoUpdate::SignedGzip => Self::Unsigned,
            NoUpdate::Pinned { .. } | NoUpdate::PinnedToNothing | NoUpdate::UpdatesOff => {
                Self::Pinned
            }
            NoUpdate::QuietHours { .. } => Self::Later,
            NoUpdate::Waits { wait, .. } => match wait {
                GateWait::OtherGroup => Self::OtherGroup,
                GateWait::Scheduled(_) => Self::Later,
                GateWait::Stage { .. } | GateWait::Full { .. } => Self::Waits,
                GateWait::Paused | GateWait::Halted | GateWait::Ended => Self::Still,
            },
            NoUpdate::IdenticalButReports { .. } | NoUpdate::OnHold { .. } => Self::OnHold,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::chip::{Chip, Family};
    use crate::domain::device::Approval;
    use crate::domain::release::Part;
    use crate::domain::tally::{Hold, Wait};
    use crate::domain::update::Encoding;

    fn waits(wait: GateWait) -> NoUpdate {
        NoUpdate::Waits { wait, version: "v1.2.0".to_owned() }
    }

    fn on_hold(wait: Wait) -> NoUpdate {
        NoUpdate::OnHold { wait, version: "v1.2.0".to_owned(), old_image: false, now: 0 }
    }

    #[test]
    fn every_reason_has_its_prospect() {
        let text = || "v1.2.0".to_owned();
        let flash = NoUpdate::FlashTooSmall { part: Part::Application, needs: 2, has: 1 };
        let by_hand = Wait::Hold { hold: Hold::ByHand, delivered: 0 };
        let family = NoUpdate::WrongFamily { device: Family::Esp32, image: Chip::Esp8266 };
        for (reason, prospect) in [
            (NoUpdate::UpToDate, Prospect::Has),
            (NoUpdate::Identical, Prospect::Has),
            (
                NoUpdate::IdenticalButReports { reported: text(), published: text() },
                Prospect::OnHold,
            ),
            (NoUpdate::FilesTaken, Prospect::Has),
            (NoUpdate::NothingPublished, Prospect::Nothing),
            (NoUpdate::VersionUnknown, Prospect::NoVersion),
            (NoUpdate::TooBig { needs: 2, free: 1, gzip: None }, Prospect::TooSmall),
            (flash, Prospect::TooSmall),
            (NoUpdate::NoSlot, Prospect::TooSmall),
            (family, Prospect::WrongChip),
            (
                NoUpdate::WrongChip { device: Chip::Esp32C3, image: Chip::Esp32 },
                Prospect::WrongChip,
            ),
            (NoUpdate::ChipUnknown { chips: Vec::new() }, Prospect::ChipUnknown),
            (NoUpdate::BelowFloor { floor: text() }, Prospect::BelowFloor),
            (NoUpdate::Unsigned, Prospect::Unsigned),
            (NoUpdate::SignedGzip, Prospect::Unsigned),
            (NoUpdate::Pinned { version: text() }, Prospect::Pinned),
            (NoUpdate::PinnedToNothing, Prospect::Pinned),
            (NoUpdate::UpdatesOff, Prospect::Pinned),
            (NoUpdate::QuietHours { until: 1, now: 0 }, Prospect::Later),
            (waits(GateWait::OtherGroup), Prospect::OtherGroup),
            (waits(GateWait::Scheduled(None)), Prospect::Later),
            (waits(GateWait::Stage { stage: 1, stages: 2 }), Prospect::Waits),
            (waits(GateWait::Full { exposed: 10 }), Prospect::Waits),
            (waits(GateWait::Paused), Prospect::Still),
            (waits(GateWait::Halted), Prospect::Still),
            (waits(GateWait::Ended), Prospect::Still),
            (on_hold(by_hand), Prospect::OnHold),
            (on_hold(Wait::Retry(9)), Prospect::OnHold),
            (on_hold(Wait::Downloading), Prospect::OnHold),
        ] {
            let decision = Decision::NoUpdate(reason);
            assert_eq!(Prospect::of(Some(&decision), true, true), prospect, "{decision:?}");
        }
    }

    #[test]
    fn every_refusal_has_its_prospect() {
        let text = || "chase".to_owned();
        for (refusal, prospect) in [
            (Refusal::InvalidParameters, Prospect::NoVersion),
            (Refusal::NoPlatforms, Prospect::AsksOtherwise),
            (Refusal::UnknownPlatform(text()), Prospect::AsksOtherwise),
            (Refusal::NotApproved(Approval::Pending), Prospect::NotApproved),
            (Refusal::NotApproved(Approval::Blocked), Prospect::NotApproved),
            (Refusal::OtherPlatform { own: text(), asked: text() }, Prospect::NotApproved),
            (Refusal::ModeUnsupported, Prospect::AsksOtherwise),
            (Refusal::NothingToDescribe, Prospect::Nothing),
        ] {
            let decision = Decision::Refuse(refusal);
            assert_eq!(Prospect::of(Some(&decision), true, false), prospect, "{decision:?}");
        }
    }

    #[test]
    fn an_offer_is_of_this_release_or_of_another_one() {
        let offer = Decision::Offer(Encoding::Plain);
        for (own, asleep, prospect) in [
            (true, false, Prospect::Gets),
            (true, true, Prospect::Asleep),
            (false, false, Prospect::Other),
            (false, true, Prospect::Other),
        ] {
            assert_eq!(Prospect::of(Some(&offer), own, asleep), prospect);
        }
        assert_eq!(Prospect::of(None, true, true), Prospect::NeverAsked);
        let describe = Prospect::of(Some(&Decision::Describe), true, false);
        assert_eq!(describe, Prospect::AsksOtherwise);
    }

    #[test]
    fn the_words_are_all_different_and_in_order() {
        let mut words: Vec<_> = Prospect::ALL.iter().map(|one| one.word()).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Prospect::ALL.len());
        assert!(Prospect::ALL.is_sorted());
    }
}
