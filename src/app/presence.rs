//! When devices ask: their rhythm and their hours, who is overdue, lost, or restarting too often.

use std::sync::PoisonError;

use super::fleet::{Fleet, Live, Shard};
use super::write_behind::LateWrite;
use super::{App, Error};
use crate::domain::Timestamp;
use crate::domain::attempt::LastAttempt;
use crate::domain::device::{Approval, AttemptState};
use crate::domain::event::{Event, Kind};
use crate::domain::hours::{Hours, KEPT_DAYS, day_of};
use crate::domain::mac::MacAddr;
use crate::domain::rhythm::{Pause, Presence, span};
use crate::domain::rollout::Member;
use crate::store::{DayCount, PresenceFilter, Store};

/// The setting that remembers until when the server listened.
const LISTENED_UNTIL: &str = "listened_until";

/// How many approved devices want a look because of when they ask.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Presences {
    /// They should have asked long ago.
    pub overdue: u64,
    /// They have not asked since they were offered an update.
    pub lost: u64,
    /// They ask far more often than before their update.
    pub restarting: u64,
}

impl Live {
    /// Whether it checks in far more often since an update than before: it may restart all the
    /// time. Told for a day, or until its next attempt.
    pub(super) fn is_restarting(&self, now: Timestamp) -> bool {
        self.attempt.as_ref().is_some_and(|attempt| attempt.is_restarting(now))
    }

    /// Whether it should have asked long ago.
    pub(super) fn is_overdue(&self, pause: &Pause, now: Timestamp) -> bool {
        self.checkins > 0 && self.rhythm.is_overdue(pause.listened(self.last_seen, now))
    }

    /// For how long nobody has heard of it since its attempt, where that makes the attempt lost.
    fn lost_for(&self, pause: &Pause, now: Timestamp) -> Option<i64> {
        let attempt = self.attempt.as_ref().filter(|attempt| attempt.is_open())?;
        if self.approval != Approval::Approved || self.flights().next().is_some() {
            return None;
        }
        let silent = pause.listened(self.last_seen.max(attempt.at), now);
        (silent > self.rhythm.lost_after()).then_some(silent)
    }
}

/// What was learnt from the check-ins of a part of the fleet and is not written yet.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// Devices whose check-ins of the day are not written yet.
    days_due: Vec<MacAddr>,
    /// Check-ins of days that have ended.
    days: Vec<DayCount>,
    /// Attempts since which a device restarts too often, and when that was seen.
    pub(super) restarts: Vec<(i64, Timestamp)>,
}

impl Asked {
    /// Learns from a check-in. Says whether the device has just begun to restart too often.
    pub(super) fn learn(&mut self, live: &mut Live, mac: MacAddr, now: Timestamp) -> bool {
        let ended = live.hours.count(now).filter(|_| live.hours_due);
        self.days.extend(ended.map(|hours| DayCount { mac, device_id: live.id, hours }));
        if !live.hours_due {
            live.hours_due = true;
            self.days_due.push(mac);
        }
        let Some(attempt) = live.attempt.as_deref_mut() else {
            live.rhythm.check_in(now, None);
            return false;
        };
        let usual = attempt.usual.filter(|_| attempt.is_restarting(now));
        live.rhythm.check_in(now, usual);
        if attempt.restarting_at.is_some() || !attempt.is_fresh(now) {
            return false;
        }
        if live.rhythm.restarts(attempt.usual, now - attempt.at).is_none() {
            return false;
        }
        live.rhythm.forget_burst();
        attempt.restarting_at = Some(now);
        self.restarts.push((attempt.id, now));
        true
    }
}

impl Shard {
    /// Takes counts of days to be written: all of days that have ended, and those of this many
    /// devices.
    pub(super) fn take_days(&mut self, at_once: usize, taken: &mut Vec<DayCount>) {
        taken.append(&mut self.asked.days);
        let count = at_once.min(self.asked.days_due.len());
        for mac in self.asked.days_due.drain(..count) {
            if let Some(live) = self.devices.get_mut(&mac)
                && std::mem::take(&mut live.hours_due)
            {
                taken.push(DayCount { mac, device_id: live.id, hours: live.hours });
            }
        }
    }
}

impl Fleet {
    /// Puts back counts that could not be written.
    pub(super) fn put_back_day(&self, day: DayCount) {
        let mut shard = self.shard(day.mac);
        let shard = &mut *shard;
        let Some(live) = shard.devices.get_mut(&day.mac) else { return };
        if live.hours.day() != day.hours.day() {
            shard.asked.days.push(day);
        } else if !live.hours_due {
            live.hours_due = true;
            shard.asked.days_due.push(day.mac);
        }
    }

    /// Remembers that an attempt of a device waits for its next check-in.
    pub(super) fn opened(&self, mac: MacAddr) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).insert(mac);
    }

    /// Begins to listen: for how long it did not, and whose attempts are open.
    pub(super) async fn resume(&mut self, store: &Store, now: Timestamp) -> Result<(), Error> {
        let settings = store.settings().await?;
        let noted = settings.get(LISTENED_UNTIL).and_then(|text| text.parse().ok());
        let (mut from, mut open) = (noted.unwrap_or(0), Vec::new());
        self.each(|mac, live| {
            from = from.max(live.last_seen);
            if live.attempt.as_ref().is_some_and(|attempt| attempt.is_open()) {
                open.push(mac);
            }
        });
        for mac in open {
            self.opened(mac);
        }
        let from = if from == 0 { now } else { from.min(now) };
        self.pause = Pause { from, until: now };
        if self.pause.is_long() {
            for mut shard in self.shards() {
                shard.devices.values_mut().for_each(|live| live.rhythm.interrupt());
            }
        }
        Ok(())
    }

    /// Finds the attempts that are lost now, and marks them.
    fn take_lost(&self, now: Timestamp) -> Vec<(MacAddr, LastAttempt, Event)> {
        let open = std::mem::take(&mut *self.open.lock().unwrap_or_else(PoisonError::into_inner));
        let mut lost = Vec::new();
        for mac in open {
            let still_open = self.with(mac, |live| {
                let Some(silent) = live.lost_for(&self.pause, now) else {
                    return live.attempt.as_ref().is_some_and(|attempt| attempt.is_open());
                };
                let event = tell_lost(mac, live, silent, now);
                if let (Some(attempt), Some(event)) = (live.attempt.as_deref_mut(), event) {
                    attempt.state = AttemptState::Lost;
                    lost.push((mac, attempt.clone(), event));
                }
                false
            });
            if still_open == Some(true) {
                self.opened(mac);
            }
        }
        lost
    }
}

/// The event about an attempt that is lost.
fn tell_lost(mac: MacAddr, live: &Live, silent: i64, now: Timestamp) -> Option<Event> {
    let attempt = live.attempt.as_deref()?;
    let version = &attempt.version;
    let since = match attempt.state {
        AttemptState::Delivered => format!("it took {version}"),
        AttemptState::Aborted => format!("the download of {version} broke off"),
        _ => format!("{version} was offered to it"),
    };
    let every = live.rhythm.every().map(i64::from).map(span);
    let before = every.map(|every| format!("; it asked every ≈ {every} before"));
    let text =
        format!("No check-in for {} since {since}{}.", span(silent), before.unwrap_or_default());
    let event = Event::new(now, Kind::Lost, text).of(mac).by("server");
    Some(Event { release_id: attempt.release_id, ..event })
}

impl App {
    /// Finds attempts whose devices nobody has heard of for too long; answers how many. Only the
    /// devices with an open attempt are looked at.
    pub async fn look_for_lost(&self) -> usize {
        let now = self.now();
        let lost = self.0.fleet.take_lost(now);
        let count = lost.len();
        for (mac, attempt, event) in lost {
            self.write(LateWrite::Lost(attempt.id)).await;
            let known = self.0.fleet.with(mac, |live| (live.id, live.platform_id));
            let shelf = self.shelf();
            let platform = known
                .and_then(|(_, platform_id)| platform_id)
                .and_then(|id| shelf.platform_by_id(id));
            self.record_later(event.on(platform.map(|own| own.platform.name.as_str())));
            let gate = attempt.release_id.and_then(|id| Some((id, shelf.gate(id)?)));
            if let (Some((release_id, gate)), Some((device_id, _))) = (gate, known)
                && gate.note(device_id, Member::Failed, now)
            {
                self.halt_rollout(release_id).await;
            }
        }
        count
    }

    /// When the server did not listen last.
    #[must_use]
    pub fn pause(&self) -> Pause {
        self.0.fleet.pause
    }

    /// The devices with which this is the matter, for a list.
    #[must_use]
    pub fn presence(&self, presence: Presence) -> PresenceFilter {
        PresenceFilter { presence, now: self.now(), pause: self.pause() }
    }

    /// How many approved devices want a look because of when they ask.
    #[must_use]
    pub fn presences(&self) -> Presences {
        let (now, pause, mut found) = (self.now(), self.pause(), Presences::default());
        self.0.fleet.each(|_, live| {
            if live.approval == Approval::Approved {
                let state = live.attempt.as_ref().map(|attempt| attempt.state);
                found.overdue += u64::from(live.is_overdue(&pause, now));
                found.lost += u64::from(state == Some(AttemptState::Lost));
                found.restarting += u64::from(live.is_restarting(now));
            }
        });
        found
    }

    /// What is the matter with a device because of when it asks.
    #[must_use]
    pub fn presence_of(&self, mac: MacAddr) -> Vec<Presence> {
        let (now, pause) = (self.now(), self.pause());
        let found = self.0.fleet.with(mac, |live| {
            let state = live.attempt.as_ref().map(|attempt| attempt.state);
            let lost = state == Some(AttemptState::Lost);
            [
                (Presence::Lost, lost),
                (Presence::Overdue, live.is_overdue(&pause, now)),
                (Presence::Restarting, live.is_restarting(now)),
            ]
        });
        let found = found.into_iter().flatten().filter(|(_, is_so)| *is_so);
        found.map(|(presence, _)| presence).collect()
    }

    /// The check-ins of a device by the hour: today and the seven days before, oldest first.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn device_hours(&self, device_id: i64, mac: MacAddr) -> Result<Vec<Hours>, Error> {
        let first = day_of(self.now()) - KEPT_DAYS + 1;
        let mut days = self.0.store.device_hours(device_id, first).await?;
        let current = self.0.fleet.with(mac, |live| live.hours);
        if let Some(current) = current.filter(|hours| hours.day() >= first) {
            days.retain(|hours| hours.day() != current.day());
            days.push(current);
        }
        Ok(days)
    }

    /// Notes until when the server listened, and throws away counts that are older than a week.
    pub(super) async fn tidy_presence(&self) -> Result<(), Error> {
        self.note_listening().await?;
        self.0.store.purge_hours(day_of(self.now()) - KEPT_DAYS + 1).await?;
        Ok(())
    }

    /// Notes until when the server listened.
    pub(super) async fn note_listening(&self) -> Result<(), Error> {
        let now = self.now().to_string();
        Ok(self.0.store.save_settings(&[(LISTENED_UNTIL, now)]).await?)
    }
}
