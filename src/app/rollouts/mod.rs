//! Rollouts under way: who got their release, and how they go on.
//!
//! A [`Gate`] stands before a release on the shelf. What changes with every device (who got it, and
//! what became of that) is in its [`Watch`], which is made from the attempts at the start and kept
//! in step; everything else is in the rollout itself, and a change of that makes a new shelf.

mod begin;
mod step;
mod survey;
mod watch;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::Error;
use super::fleet::Live;
use crate::domain::Timestamp;
use crate::domain::mac::MacAddr;
use crate::domain::rollout::{Candidate, GateWait, Member, Progress, Rollout, State};
use crate::store::Store;

pub use begin::PlanWish;
pub use step::RolloutStatus;
pub(super) use survey::SILENCE;
pub(super) use watch::Watch;

/// The rollouts that gate a release.
#[derive(Debug, Default)]
pub(super) struct Rollouts {
    watches: Mutex<HashMap<i64, Arc<Watch>>>,
}

/// A rollout before its release.
#[derive(Debug, Clone)]
pub(super) struct Gate {
    pub(super) rollout: Arc<Rollout>,
    pub(super) watch: Arc<Watch>,
}

impl Rollouts {
    /// The gates of all releases that have one.
    pub(super) async fn gates(&self, store: &Store) -> Result<HashMap<i64, Gate>, Error> {
        let mut gates = HashMap::new();
        let mut kept = HashMap::new();
        for rollout in store.rollouts(true, None).await? {
            let known = self.watch(rollout.id);
            let watch = match known {
                Some(watch) => watch,
                None => Arc::new(Watch::of(store.rollout_attempts(rollout.id).await?)),
            };
            kept.insert(rollout.id, Arc::clone(&watch));
            // Once it is through, only a group still stands before the release.
            if rollout.state != State::Finished || rollout.group.is_some() {
                watch.may_go_on(!rollout.state.is_still());
                let rollout = Arc::new(rollout);
                gates.insert(rollout.release_id, Gate { rollout, watch });
            }
        }
        *self.watches.lock().unwrap_or_else(PoisonError::into_inner) = kept;
        Ok(gates)
    }

    fn watch(&self, rollout_id: i64) -> Option<Arc<Watch>> {
        let watches = self.watches.lock().unwrap_or_else(PoisonError::into_inner);
        watches.get(&rollout_id).cloned()
    }
}

impl Gate {
    /// A gate that nobody has passed yet, for a dry run.
    pub(super) fn supposed(rollout: Rollout) -> Self {
        Self { rollout: Arc::new(rollout), watch: Arc::default() }
    }

    /// Whether a device gets the release now.
    pub(super) fn admits(&self, mac: MacAddr, live: &Live) -> Result<(), GateWait> {
        let (member, progress) = self.watch.look(live.id);
        if self.rollout.state == State::Running && self.watch.is_stopped() {
            return Err(GateWait::Halted);
        }
        self.rollout.admits(&candidate(mac, live, member), &progress)
    }

    /// Takes a place in the rollout for a device that is about to get the release; `false` where
    /// another one was faster.
    pub(super) fn take_place(&self, mac: MacAddr, live: &Live, now: Timestamp) -> bool {
        self.watch.enter(live.id, now, |member, progress| {
            self.rollout.admits(&candidate(mac, live, member), progress).is_ok()
        })
    }

    /// Takes what became of a device. Where the rollout has to stop after that, nobody else is let
    /// in from this moment on; answers whether it has.
    pub(super) fn note(&self, device_id: i64, member: Member, now: Timestamp) -> bool {
        self.watch.note(device_id, member, now);
        let halts = self.rollout.must_halt(&self.progress()).is_some();
        if halts {
            self.watch.stop();
        }
        halts
    }

    /// What became of it so far.
    pub(super) fn progress(&self) -> Progress {
        self.watch.progress()
    }
}

fn candidate(mac: MacAddr, live: &Live, member: Option<Member>) -> Candidate<'_> {
    Candidate { device_id: live.id, mac, groups: &live.groups, member }
}
