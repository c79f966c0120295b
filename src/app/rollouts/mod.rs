//! Rollouts under way: who got their release, and how they go on.
//!
//! A [`Gate`] stands before a release on the shelf. What changes with every device (who got it, and
//! what became of that) is in its [`Watch`], which is made from the attempts at the start and kept
//! in step; everything else is in the rollout itself, and a change of that makes a new shelf.

mod begin;
mod removed;
mod status;
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
pub use status::RolloutStatus;
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
        let gates = self.all(store).await?;
        let kept = gates.iter().map(|gate| (gate.rollout.id, Arc::clone(&gate.watch))).collect();
        *self.watches.lock().unwrap_or_else(PoisonError::into_inner) = kept;
        Ok(standing(gates))
    }

    /// The same to be tried out: what passes them there changes nothing here.
    pub(super) async fn pictured(&self, store: &Store) -> Result<HashMap<i64, Gate>, Error> {
        let gates = self.all(store).await?;
        Ok(standing(gates.iter().map(Gate::copy).collect()))
    }

    async fn all(&self, store: &Store) -> Result<Vec<Gate>, Error> {
        let mut gates = Vec::new();
        for rollout in store.rollouts(true, None).await? {
            let watch = if let Some(watch) = self.watch(rollout.id) {
                watch
            } else {
                Arc::new(recalled(store, &rollout).await?)
            };
            gates.push(Gate { rollout: Arc::new(rollout), watch });
        }
        Ok(gates)
    }

    pub(super) fn watch(&self, rollout_id: i64) -> Option<Arc<Watch>> {
        let watches = self.watches.lock().unwrap_or_else(PoisonError::into_inner);
        watches.get(&rollout_id).cloned()
    }
}

/// Who got the release of a rollout, and how they stand, as the database has it.
async fn recalled(store: &Store, rollout: &Rollout) -> Result<Watch, Error> {
    let attempts = store.rollout_attempts(rollout.id).await?;
    let kept = store.rollout_members(rollout.id).await?;
    Ok(Watch::of(&attempts, &kept, rollout.resumed_at))
}

/// Those that still keep something back: once a rollout is through, only its group does.
fn standing(gates: Vec<Gate>) -> HashMap<i64, Gate> {
    let stands =
        |gate: &Gate| gate.rollout.state != State::Finished || gate.rollout.group.is_some();
    let gates = gates.into_iter().filter(stands);
    gates.map(|gate| (gate.rollout.release_id, gate)).collect()
}

impl Gate {
    /// A gate that nobody has passed yet, for a dry run.
    pub(super) fn supposed(rollout: Rollout) -> Self {
        Self { rollout: Arc::new(rollout), watch: Arc::default() }
    }

    /// The same to be tried out: what passes it changes nothing here.
    pub(super) fn copy(&self) -> Self {
        Self { rollout: Arc::clone(&self.rollout), watch: Arc::new(self.watch.copy()) }
    }

    /// Whether a device gets the release now.
    pub(super) fn admits(&self, mac: MacAddr, live: &Live) -> Result<(), GateWait> {
        let (member, progress) = self.watch.look(live.id);
        self.rollout.admits(&candidate(mac, live, member), &progress)
    }

    /// Takes a place in the rollout for a device that is about to get the release; `false` where
    /// another one was faster.
    pub(super) fn take_place(&self, mac: MacAddr, live: &Live, now: Timestamp) -> bool {
        self.watch.enter(live.id, now, |member, progress| {
            self.rollout.admits(&candidate(mac, live, member), progress).is_ok()
        })
    }

    /// Takes what became of a device; answers whether the rollout has to stop after that. From then
    /// on it lets nobody else in.
    pub(super) fn note(&self, device_id: i64, member: Member, now: Timestamp) -> bool {
        self.watch.note(device_id, member, now);
        self.rollout.excess(&self.progress()).is_some()
    }

    /// What became of it so far.
    pub(super) fn progress(&self) -> Progress {
        self.watch.progress()
    }
}

fn candidate(mac: MacAddr, live: &Live, member: Option<Member>) -> Candidate<'_> {
    Candidate { device_id: live.id, mac, groups: &live.groups, member }
}
