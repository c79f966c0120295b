//! What a look at the fleet says about the stage of a rollout that is open.

use std::collections::HashMap;

use super::super::fleet::Live;
use super::super::poll::View;
use super::super::shelf::Shelf;
use super::super::{App, Error};
use super::{Gate, candidate};
use crate::domain::Timestamp;
use crate::domain::mac::MacAddr;
use crate::domain::release::Published;
use crate::domain::rollout::{Member, Progress, Size, Stage, StageState, Survey};
use crate::domain::update::{Decision, NoUpdate};
use crate::store::RolloutMember;

/// How long a device may be silent before it counts as asleep, where its rhythm is not known.
pub(in crate::app) const SILENCE: i64 = 86_400;

impl App {
    /// A canary that came back with the release has failed all the same where it restarts over and
    /// over since, or fell silent before it asked a second time.
    pub(super) async fn fail_fallen(&self, gate: &Gate, now: Timestamp) -> Result<(), Error> {
        let rollout = &gate.rollout;
        let stage = rollout.current().and_then(|index| rollout.stages.get(index));
        if stage.is_none_or(|stage| stage.size != Size::Canaries) {
            return Ok(());
        }
        let (looked, confirmed) = (rollout.resumed_at, gate.watch.confirmed());
        let mut fallen = Vec::new();
        if !confirmed.is_empty() {
            self.0.fleet.each(|_, live| {
                let Some(since) = confirmed.get(&live.id) else { return };
                let restarts = live.is_restarting(now) && live.restarted_since(looked);
                let silent = live.silence().is_some_and(|usual| now - live.last_seen > usual);
                if restarts || (silent && live.last_seen <= *since) {
                    let (rollout_id, device_id) = (rollout.id, live.id);
                    let member = Member::Failed;
                    fallen.push(RolloutMember { rollout_id, device_id, member, since: now });
                }
            });
        }
        if !fallen.is_empty() {
            // No attempt tells it: after a restart it would count as confirmed again.
            self.0.store.keep_members(&fallen).await?;
        }
        for own in fallen {
            gate.watch.note(own.device_id, own.member, now);
        }
        Ok(())
    }

    /// The canaries of the stage that is open that came back with the release and did not ask since:
    /// of them one wants to see that they live on.
    pub(super) fn unseen(&self, gate: &Gate) -> Vec<MacAddr> {
        let rollout = &gate.rollout;
        let stage = rollout.current().and_then(|index| rollout.stages.get(index));
        let open = |stage: &Stage| stage.size == Size::Canaries && stage.state == StageState::Open;
        let mut unseen = Vec::new();
        let confirmed = gate.watch.confirmed();
        if stage.is_some_and(open) && !confirmed.is_empty() {
            self.0.fleet.each(|mac, live| {
                if confirmed.get(&live.id).is_some_and(|since| live.last_seen <= *since) {
                    unseen.push(mac);
                }
            });
            unseen.sort_unstable();
        }
        unseen
    }

    /// Who of the stage that is open is still to come, and who sleeps.
    pub(super) fn survey(&self, gate: &Gate, shelf: &Shelf, now: Timestamp) -> Survey {
        let mut survey = Survey::default();
        let rollout = &gate.rollout;
        let stage = rollout.current().and_then(|index| rollout.stages.get(index));
        let release = shelf.release(rollout.release_id).and_then(|files| files.images().first());
        let (Some(stage), Some(release)) = (stage, release) else {
            return survey;
        };
        let (settings, progress) = (self.settings(), gate.progress());
        self.0.fleet.each(|mac, live| {
            if !is_for(live, release, rollout.group) {
                return;
            }
            survey.fleet += 1;
            if !is_meant(live, gate, mac, &progress) {
                return;
            }
            survey.meant += 1;
            let silent = now - live.last_seen > live.silence().unwrap_or(SILENCE);
            let busy = match gate.watch.member(live.id) {
                Some((Member::Exposed, _)) => true,
                Some((Member::Failed | Member::Strayed | Member::Forgiven | Member::Left, _)) => {
                    return;
                }
                // Of a canary one wants to see that it lives on.
                Some((Member::Confirmed, since)) => {
                    if stage.size != Size::Canaries || live.last_seen > since {
                        return;
                    }
                    true
                }
                Some((Member::Broken, _)) => !silent,
                None => {
                    !silent && {
                        let decide = || View::of_last(live, shelf, &settings, now);
                        is_expected(live, stage) || decide().is_some_and(|d| is_next(&d))
                    }
                }
            };
            if busy {
                survey.busy += 1;
            } else if silent {
                survey.asleep += 1;
            }
        });
        survey
    }
}

impl App {
    /// The addresses of devices by their numbers.
    #[must_use]
    pub fn addresses(&self, ids: &[i64]) -> HashMap<i64, MacAddr> {
        let mut found = HashMap::new();
        if !ids.is_empty() {
            self.0.fleet.each(|mac, live| {
                if ids.contains(&live.id) {
                    found.insert(live.id, mac);
                }
            });
        }
        found
    }
}

/// Whether the rollout is for a device.
pub(super) fn is_for(live: &Live, release: &Published, group: Option<i64>) -> bool {
    live.gets_updates_of(release.platform_id)
        && live.policy.channel.follows(release.channel)
        && group.is_none_or(|group| live.groups.contains(&group))
}

/// Whether the stage is for a device, for which the rollout is.
fn is_meant(live: &Live, gate: &Gate, mac: MacAddr, progress: &Progress) -> bool {
    let candidate = candidate(mac, live, gate.watch.member(live.id).map(|(member, _)| member));
    candidate.member.is_some() || gate.rollout.is_in_stage(&candidate, progress)
}

/// Whether a device has not asked since the stage was opened.
fn is_expected(live: &Live, stage: &Stage) -> bool {
    stage.opened_at.is_some_and(|opened| live.last_seen < opened)
}

/// Whether it gets the release when it asks next, or after others.
fn is_next(decision: &Decision) -> bool {
    match decision {
        Decision::Offer(_) | Decision::NoUpdate(NoUpdate::QuietHours { .. }) => true,
        Decision::NoUpdate(NoUpdate::Waits { wait, .. }) => wait.is_turn(),
        _ => false,
    }
}
