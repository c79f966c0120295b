//! What rollouts keep of a device that is removed: they count the same after it as before it.

use std::collections::BTreeMap;

use super::super::{App, Error};
use super::Watch;
use crate::domain::Timestamp;
use crate::store::{RolloutAttempt, RolloutMember};

impl App {
    /// How a device stands in each rollout in which it was, now that nothing will be heard of it.
    pub(in crate::app) async fn farewell(
        &self,
        device_id: i64,
        now: Timestamp,
    ) -> Result<Vec<RolloutMember>, Error> {
        let mut by_rollout: BTreeMap<i64, Vec<RolloutAttempt>> = BTreeMap::new();
        for attempt in self.0.store.rollout_attempts_of(device_id).await? {
            by_rollout.entry(attempt.rollout_id).or_default().push(attempt);
        }
        let mut members = Vec::new();
        for (rollout_id, attempts) in by_rollout {
            let watch = if let Some(watch) = self.0.rollouts.watch(rollout_id) {
                watch.copy()
            } else {
                let mut kept = self.0.store.rollout_members(rollout_id).await?;
                kept.retain(|own| own.device_id == device_id);
                // That a person forgave it is told by the rollout.
                Watch::of(&attempts, &kept, None)
            };
            watch.gone(device_id, now);
            let stands = watch.member(device_id);
            members.extend(stands.map(|(member, since)| RolloutMember {
                rollout_id,
                device_id,
                member,
                since,
            }));
        }
        Ok(members)
    }
}
