//! Who got the release of a rollout, and how they stand.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::Timestamp;
use crate::domain::rollout::{Member, Progress};
use crate::store::{RolloutAttempt, RolloutMember};

/// The devices that got the release of a rollout.
#[derive(Debug, Default)]
pub(in crate::app) struct Watch {
    members: Mutex<Members>,
    /// Something happened since the last survey.
    stirred: AtomicBool,
    /// When the fleet was looked at for it, last.
    looked_at: AtomicI64,
}

#[derive(Debug, Default)]
struct Members {
    by_device: HashMap<i64, (Member, Timestamp)>,
    progress: Progress,
}

impl Watch {
    /// From the attempts of its devices, the earliest first, and from what those do not tell.
    /// Failures up to the moment at which a person looked at them are forgiven.
    pub(super) fn of(
        attempts: &[RolloutAttempt],
        kept: &[RolloutMember],
        resumed_at: Option<Timestamp>,
    ) -> Self {
        let watch = Self::default();
        let mut members = watch.members();
        let mut kept: HashMap<i64, &RolloutMember> =
            kept.iter().map(|own| (own.device_id, own)).collect();
        let forgiven = |member: Member, since: Timestamp| match member {
            member if member.is_failure() && resumed_at.is_some_and(|at| since <= at) => {
                Member::Forgiven
            }
            member => member,
        };
        for attempt in attempts {
            let (device_id, since) = (attempt.device_id, attempt.since);
            // It got the release once more after that.
            if kept.get(&device_id).is_some_and(|own| own.since < since)
                && let Some(own) = kept.remove(&device_id)
            {
                members.tell(device_id, forgiven(own.member, own.since), own.since);
            }
            let member = Member::of(attempt.state, attempt.whole);
            members.tell(device_id, forgiven(member, since), since);
        }
        for own in kept.into_values() {
            members.tell(own.device_id, forgiven(own.member, own.since), own.since);
        }
        drop(members);
        watch.stirred.store(true, Ordering::Relaxed);
        watch
    }

    /// How a device stands, and all together.
    pub(super) fn look(&self, device_id: i64) -> (Option<Member>, Progress) {
        let members = self.members();
        let own = members.by_device.get(&device_id).map(|(member, _)| *member);
        (own, members.progress)
    }

    /// How a device stands, and since when.
    pub(super) fn member(&self, device_id: i64) -> Option<(Member, Timestamp)> {
        self.members().by_device.get(&device_id).copied()
    }

    /// The devices that came back with the release, with since when.
    pub(super) fn confirmed(&self) -> HashMap<i64, Timestamp> {
        let members = self.members();
        let confirmed = |(id, (member, since)): (&i64, &(Member, Timestamp))| {
            (*member == Member::Confirmed).then_some((*id, *since))
        };
        members.by_device.iter().filter_map(confirmed).collect()
    }

    /// All devices with how they stand.
    pub(super) fn all(&self) -> HashMap<i64, (Member, Timestamp)> {
        self.members().by_device.clone()
    }

    pub(super) fn progress(&self) -> Progress {
        self.members().progress
    }

    /// Lets a device in, if that is still right.
    pub(super) fn enter(
        &self,
        device_id: i64,
        now: Timestamp,
        may: impl FnOnce(Option<Member>, &Progress) -> bool,
    ) -> bool {
        let mut members = self.members();
        let own = members.by_device.get(&device_id).map(|(member, _)| *member);
        if !may(own, &members.progress) {
            return false;
        }
        match own {
            None => {
                members.by_device.insert(device_id, (Member::Exposed, now));
                members.progress.count(Member::Exposed);
            }
            Some(was) => members.set(device_id, was, Member::Exposed, now),
        }
        true
    }

    /// A device that was let in did not get the release after all.
    pub(in crate::app) fn leave(&self, device_id: i64) {
        let mut members = self.members();
        if let Some((Member::Exposed, _)) = members.by_device.get(&device_id) {
            members.by_device.remove(&device_id);
            members.progress.discount(Member::Exposed);
        }
    }

    /// What became of a device; of one that did not get the release by this rollout, nothing.
    pub(in crate::app) fn note(&self, device_id: i64, member: Member, now: Timestamp) {
        let mut members = self.members();
        if let Some((was, _)) = members.by_device.get(&device_id).copied() {
            members.set(device_id, was, member, now);
            drop(members);
            self.stirred.store(true, Ordering::Relaxed);
        }
    }

    /// A transfer ended. It says nothing of a device that came back already.
    pub(in crate::app) fn transferred(&self, device_id: i64, whole: bool, now: Timestamp) {
        let open = [Member::Exposed, Member::Broken];
        if self.member(device_id).is_some_and(|(member, _)| open.contains(&member)) {
            self.note(device_id, if whole { Member::Exposed } else { Member::Broken }, now);
        }
    }

    /// A device was removed: nothing will be heard of it. A failure stays one.
    pub(in crate::app) fn gone(&self, device_id: i64, now: Timestamp) {
        let open = [Member::Exposed, Member::Broken];
        if self.member(device_id).is_some_and(|(member, _)| open.contains(&member)) {
            self.note(device_id, Member::Left, now);
        }
    }

    /// A person looked at the failures so far.
    pub(super) fn forgive(&self, now: Timestamp) {
        let mut members = self.members();
        let failed = |(_, own): &(&i64, &(Member, Timestamp))| own.0.is_failure();
        let failed = members.by_device.iter().filter(failed).map(|(id, own)| (*id, own.0));
        let failed: Vec<(i64, Member)> = failed.collect();
        for (device_id, was) in failed {
            members.set(device_id, was, Member::Forgiven, now);
        }
    }

    /// The same as it stands now.
    pub(super) fn copy(&self) -> Self {
        let members = self.members();
        let members = Members { by_device: members.by_device.clone(), ..*members };
        Self { members: Mutex::new(members), ..Self::default() }
    }

    /// Whether the fleet is to be looked at: something happened since the last time, or that was
    /// `pause` seconds ago.
    pub(super) fn is_due(&self, now: Timestamp, pause: i64) -> bool {
        let looked = self.looked_at.load(Ordering::Relaxed);
        let due = self.stirred.swap(false, Ordering::Relaxed) || now - looked >= pause;
        if due {
            self.looked_at.store(now, Ordering::Relaxed);
        }
        due
    }

    fn members(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Members {
    /// What is known of a device, in the order of its life.
    fn tell(&mut self, device_id: i64, member: Member, since: Timestamp) {
        if let Some(was) = self.by_device.get(&device_id).map(|(was, _)| *was) {
            self.set(device_id, was, member, since);
        } else {
            self.by_device.insert(device_id, (member, since));
            self.progress.count(member);
        }
    }

    fn set(&mut self, device_id: i64, was: Member, next: Member, now: Timestamp) {
        let then = was.then(next);
        if then != was {
            self.progress.recount(was, then);
            self.by_device.insert(device_id, (then, now));
        }
    }
}
