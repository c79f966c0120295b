//! Whether a rollout lets a device have its release now.

use super::{Member, Progress, Rollout, Size, State};
use crate::domain::Timestamp;
use crate::domain::mac::MacAddr;

/// Parts into which a hash divides the fleet.
const BUCKETS: u64 = 10_000;

/// A device that asks.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// Its number.
    pub device_id: i64,
    /// Its address.
    pub mac: MacAddr,
    /// The groups it is in.
    pub groups: &'a [i64],
    /// How it stands in the rollout, where it got the release already.
    pub member: Option<Member>,
}

/// Why a device does not get the release of a rollout yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GateWait {
    /// It is for a group that the device is not in.
    OtherGroup,
    /// It begins at this time.
    Scheduled(Option<Timestamp>),
    /// Other devices come first: stage number `stage` (from 1) of `stages` is open.
    Stage {
        /// Its number.
        stage: usize,
        /// How many there are.
        stages: usize,
    },
    /// It is this device's turn, but so many others have the release and are not confirmed yet.
    Full {
        /// How many.
        exposed: u32,
    },
    /// A person paused it.
    Paused,
    /// The machine stopped it.
    Halted,
    /// It was ended.
    Ended,
}

impl GateWait {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::OtherGroup => "other_group",
            Self::Scheduled(_) => "rollout_scheduled",
            Self::Stage { .. } => "rollout_waiting",
            Self::Full { .. } => "rollout_full",
            Self::Paused => "rollout_paused",
            Self::Halted => "rollout_halted",
            Self::Ended => "rollout_ended",
        }
    }

    /// Whether the device waits for other devices, and not for a person or a time.
    #[must_use]
    pub const fn is_turn(self) -> bool {
        matches!(self, Self::Full { .. })
    }

    /// The reason in one sentence about the device.
    #[must_use]
    pub fn text(self, version: &str) -> String {
        match self {
            Self::OtherGroup => {
                format!("{version} is only for a group of devices that it is not in.")
            }
            Self::Scheduled(_) => format!("The rollout of {version} has not begun yet."),
            Self::Stage { stage, stages } => format!(
                "It waits for {version}: other devices get it first (stage {stage} of {stages})."
            ),
            Self::Full { exposed } => format!(
                "It waits for {version}: {exposed} other devices have to come back with it first."
            ),
            Self::Paused => format!("The rollout of {version} is paused."),
            Self::Halted => format!(
                "The rollout of {version} was halted: it failed on one device or more. A person \
                 decides."
            ),
            Self::Ended => format!("The rollout of {version} was ended."),
        }
    }
}

impl Rollout {
    /// Whether a device gets the release now.
    ///
    /// Who got it once may try again: only the loop breaker limits that. A stage by percentage
    /// goes by a stable hash, one by count by who asks first; canaries always come first.
    ///
    /// # Errors
    /// What it waits for.
    pub fn admits(&self, candidate: &Candidate<'_>, progress: &Progress) -> Result<(), GateWait> {
        if self.group.is_some_and(|group| !candidate.groups.contains(&group)) {
            return Err(GateWait::OtherGroup);
        }
        match self.state {
            State::Scheduled => return Err(GateWait::Scheduled(self.starts_at)),
            State::Paused => return Err(GateWait::Paused),
            State::Halted => return Err(GateWait::Halted),
            State::Ended => return Err(GateWait::Ended),
            State::Finished => return Ok(()),
            State::Running => {}
        }
        // What flows already is counted.
        if candidate.member == Some(Member::Exposed) {
            return Ok(());
        }
        if self.excess(progress).is_some() {
            return Err(GateWait::Halted);
        }
        let again = candidate.member.is_some();
        if !again && !self.is_in_stage(candidate, progress) {
            let stage = self.current().map_or(1, |index| index + 1);
            return Err(GateWait::Stage { stage, stages: self.stages.len() });
        }
        if progress.exposed >= self.at_once.max(progress.confirmed) {
            return Err(GateWait::Full { exposed: progress.exposed });
        }
        Ok(())
    }

    /// Whether a device belongs to the stage of the moment, or to an earlier one.
    #[must_use]
    pub fn is_in_stage(&self, candidate: &Candidate<'_>, progress: &Progress) -> bool {
        let Some(stage) = self.current().and_then(|index| self.stages.get(index)) else {
            return false;
        };
        self.canaries.contains(&candidate.device_id)
            || match stage.size {
                Size::Canaries => false,
                Size::Count(count) => progress.members < count,
                Size::Percent(percent) => {
                    bucket(candidate.mac, self.release_id) < u64::from(percent) * (BUCKETS / 100)
                }
                Size::Everyone => true,
            }
    }
}

/// The part of the fleet that a device falls into, for one rollout: always the same one, and for
/// every rollout another one. (The finalizer of `SplitMix64`.)
fn bucket(mac: MacAddr, rollout_id: i64) -> u64 {
    let mut hash = rollout_id.unsigned_abs().wrapping_mul(0x9E37_79B9_7F4A_7C15);
    for byte in mac.bytes() {
        hash = hash.rotate_left(8) ^ u64::from(byte);
        hash = hash.wrapping_add(0x9E37_79B9_7F4A_7C15);
    }
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (hash ^ (hash >> 31)) % BUCKETS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_divides_a_fleet_evenly_and_differently_for_each_rollout() {
        let macs: Vec<MacAddr> = (0..10_000_u32)
            .map(|n| {
                let [_, a, b, c] = n.to_be_bytes();
                MacAddr::new([0x18, 0xFE, 0x34, a, b, c])
            })
            .collect();
        let first = |rollout: i64| -> Vec<bool> {
            macs.iter().map(|mac| bucket(*mac, rollout) < 1_000).collect()
        };
        let (one, two) = (first(1), first(2));
        for chosen in [&one, &two] {
            let count = chosen.iter().filter(|chosen| **chosen).count();
            assert!((850..1_150).contains(&count), "{count} of 10,000 are in 10 %");
        }
        let both = one.iter().zip(&two).filter(|(a, b)| **a && **b).count();
        assert!((50..170).contains(&both), "{both} are in both");
        assert_eq!(one, first(1), "the same again");
    }
}
