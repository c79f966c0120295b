//! What is known of every device, in memory: a poll is decided without asking the database.

use std::collections::HashSet;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::Error;
use super::presence::Asked;
use super::quick::{Map, Seeded};
use super::told::Told;
use super::transfer::InFlight;
use crate::domain::Timestamp;
use crate::domain::attempt::LastAttempt;
use crate::domain::device::{Approval, AttemptState, Device};
use crate::domain::device_secret::Secrets;
use crate::domain::event::Event;
use crate::domain::hours::{Hours, day_of};
use crate::domain::learnt::Learnt;
use crate::domain::mac::MacAddr;
use crate::domain::policy::Policy;
use crate::domain::release::Part;
use crate::domain::report::{Mode, Report};
use crate::domain::rhythm::{Pause, Rhythm};
use crate::domain::tally::{Patience, Tally};
use crate::store::{DeviceFilter, News, Store};

/// Parts of the fleet that are locked apart, so that polls do not wait for each other.
const SHARDS: usize = 64;
/// The code of what came of naming a platform without a version.
const INVALID: &str = "invalid_parameters";
/// Devices that are read from the database at once.
const PAGE: u32 = 5_000;

/// All devices.
#[derive(Debug)]
pub(super) struct Fleet {
    pub(super) shards: Box<[Mutex<Shard>]>,
    hasher: Seeded,
    pending: AtomicUsize,
    pub(super) events: Mutex<Vec<Event>>,
    /// Devices whose latest attempt waits for their next check-in, and some where that came.
    pub(super) open: Mutex<HashSet<MacAddr>>,
    /// When the server did not listen.
    pub(super) pause: Pause,
}

#[derive(Debug, Default)]
pub(super) struct Shard {
    pub(super) devices: Map<MacAddr, Live>,
    /// Devices whose latest check-in is not written yet.
    pub(super) dirty: Vec<MacAddr>,
    /// Check-ins by platform and hour that are not written yet.
    pub(super) hours: Vec<(i64, Timestamp, u64)>,
    /// What was learnt from check-ins and is not written yet.
    pub(super) asked: Asked,
}

/// What is known of one device.
#[derive(Debug, Clone)]
pub(super) struct Live {
    pub(super) id: i64,
    pub(super) approval: Approval,
    pub(super) platform_id: Option<i64>,
    pub(super) report: Option<Box<Report>>,
    pub(super) address: Option<IpAddr>,
    pub(super) last_seen: Timestamp,
    pub(super) checkins: u64,
    /// How often it asks.
    pub(super) rhythm: Rhythm,
    /// Its check-ins of the day.
    pub(super) hours: Hours,
    /// Whether those are not written yet.
    pub(super) hours_due: bool,
    /// The code of what the last check-in came to.
    pub(super) outcome: Box<str>,
    /// The same of its last request for files, where it asks for its program too.
    pub(super) files_outcome: Box<str>,
    pub(super) attempt: Option<Box<LastAttempt>>,
    /// What it did with which image so far.
    pub(super) tallies: Vec<Tally>,
    /// What is known of it beyond what it says.
    pub(super) learnt: Learnt,
    /// What a person decided about it.
    pub(super) policy: Policy,
    /// The groups it is in.
    pub(super) groups: Box<[i64]>,
    /// What is kept of the secret of its own.
    pub(super) secrets: Option<Box<Secrets>>,
    /// Downloads under way; whoever follows one holds it.
    flights: Vec<Weak<InFlight>>,
    /// What is not written yet.
    pub(super) news: Option<Box<News>>,
    /// What was told of it so far.
    pub(super) told: Told,
    pub(super) dirty: bool,
}

impl Live {
    /// The same, if it got updates in another way.
    pub(super) fn decided(&self, policy: Policy, groups: &[i64]) -> Self {
        Self { policy, groups: groups.into(), ..self.clone() }
    }

    pub(super) fn new(id: i64, approval: Approval, platform_id: Option<i64>) -> Self {
        Self {
            id,
            approval,
            platform_id,
            report: None,
            address: None,
            last_seen: 0,
            checkins: 0,
            rhythm: Rhythm::default(),
            hours: Hours::default(),
            hours_due: false,
            outcome: Box::default(),
            files_outcome: Box::default(),
            attempt: None,
            tallies: Vec::new(),
            learnt: Learnt::default(),
            policy: Policy::default(),
            groups: Box::default(),
            secrets: None,
            flights: Vec::new(),
            news: None,
            told: Told::default(),
            dirty: false,
        }
    }

    /// What it said when it asked for its program: with a request for files it may state their
    /// version instead.
    pub(super) fn program(&self) -> Option<&Report> {
        self.report.as_deref().filter(|report| report.mode != Mode::FileSystem)
    }

    /// The question that it would ask next: the one it asked last.
    pub(super) fn last_question(&self) -> Option<Report> {
        let mut report = self.report.as_deref()?.clone();
        if report.mode != Mode::FileSystem {
            report.mode = Mode::Sketch;
        }
        // Where a name came only with its first contact, it asked for a file since then.
        if report.version.is_none() && *self.outcome != *INVALID {
            report.dev = report.dev.filter(|_| self.platform_id.is_none());
        }
        Some(report)
    }

    /// Whether it was seen to take the application of this release over the air.
    pub(super) fn was_updated_to(&self, release_id: i64) -> bool {
        let confirmed = |attempt: &&LastAttempt| attempt.state == AttemptState::Confirmed;
        let attempt = self.attempt.as_deref().filter(confirmed);
        attempt.is_some_and(|attempt| attempt.release_id == Some(release_id))
    }

    /// Whether it is approved for a platform and gets updates.
    pub(super) fn gets_updates_of(&self, platform_id: i64) -> bool {
        let own = self.platform_id == Some(platform_id) && self.approval == Approval::Approved;
        own && !self.policy.updates_off && self.policy.pinned.is_none()
    }

    /// Whether it began to restart too often after this moment.
    pub(super) fn restarted_since(&self, moment: Option<Timestamp>) -> bool {
        let at = self.attempt.as_deref().and_then(|attempt| attempt.restarting_at);
        at.is_some_and(|at| moment.is_none_or(|moment| at > moment))
    }

    /// After how many seconds of silence it counts as asleep; `None`: its rhythm is not known.
    pub(super) fn silence(&self) -> Option<i64> {
        self.rhythm.overdue_after()
    }

    /// Takes a person's word, also into what is not written yet.
    pub(super) fn learn(&mut self, learnt: Learnt) {
        self.learnt = learnt;
        if let Some(news) = &mut self.news {
            news.learnt = learnt;
        }
    }

    /// What it did with an image of a release so far.
    pub(super) fn tally(&self, release_id: i64, part: Part) -> Option<&Tally> {
        self.tallies.iter().find(|own| own.release_id == release_id && own.part == part)
    }

    /// The same to be changed.
    pub(super) fn tally_mut(&mut self, release_id: i64, part: Part) -> &mut Tally {
        let same = |own: &Tally| own.release_id == release_id && own.part == part;
        let index = self.tallies.iter().position(same).unwrap_or_else(|| {
            self.tallies.push(Tally::new(release_id, part));
            self.tallies.len() - 1
        });
        &mut self.tallies[index]
    }

    /// Whether a release is held back from it until a person decides.
    pub(super) fn is_stopped(&self, release_id: i64, patience: &Patience) -> bool {
        self.tallies.iter().filter(|own| own.release_id == release_id).any(|own| {
            // Files are delivered once, and that is no loop.
            let program = own.part == Part::Application;
            own.hold.is_some() || (program && own.held(patience).is_some())
        })
    }

    /// Downloads under way.
    pub(super) fn flights(&self) -> impl Iterator<Item = Arc<InFlight>> {
        self.flights.iter().filter_map(Weak::upgrade).filter(|flight| !flight.is_settled())
    }

    /// Remembers a download that begins.
    pub(super) fn take_off(&mut self, flight: &Arc<InFlight>) {
        self.flights.retain(|flight| flight.strong_count() > 0);
        self.flights.push(Arc::downgrade(flight));
    }

    fn from_device(device: Device, attempt: Option<LastAttempt>) -> Self {
        Self {
            report: device.report.map(Box::new),
            address: device.address,
            last_seen: device.last_seen.unwrap_or(0),
            checkins: device.checkins,
            rhythm: device.rhythm,
            outcome: device.outcome.map(|outcome| outcome.code.into()).unwrap_or_default(),
            learnt: device.learnt,
            policy: device.policy,
            groups: device.groups.into(),
            attempt: attempt.map(Box::new),
            ..Self::new(device.id, device.approval, device.platform_id)
        }
    }
}

impl Shard {
    /// Counts a check-in and marks the device to be written. Says whether the device has just
    /// begun to restart too often.
    pub(super) fn count(&mut self, mac: MacAddr, now: Timestamp) -> bool {
        let Some(live) = self.devices.get_mut(&mac) else {
            return false;
        };
        live.last_seen = now;
        live.checkins += 1;
        if !live.dirty {
            live.dirty = true;
            self.dirty.push(mac);
        }
        let (platform, hour) = (live.platform_id.unwrap_or(0), now - now.rem_euclid(3600));
        let hours = &mut self.hours;
        match hours.iter_mut().find(|(p, h, _)| (*p, *h) == (platform, hour)) {
            Some((_, _, count)) => *count += 1,
            None => hours.push((platform, hour, 1)),
        }
        self.asked.learn(live, mac, now)
    }
}

impl Fleet {
    pub(super) async fn load(store: &Store, now: Timestamp) -> Result<Self, Error> {
        // Tables that grow while they are filled leave as much behind as they hold.
        let known: u64 = store.count_devices().await?.iter().map(|(_, count)| count).sum();
        let known = usize::try_from(known).unwrap_or(0) / SHARDS;
        let shard = || {
            let devices = Map::with_capacity_and_hasher(known + known / 16, Seeded::default());
            Mutex::new(Shard { devices, ..Shard::default() })
        };
        let mut fleet = Self {
            shards: (0..SHARDS).map(|_| shard()).collect(),
            hasher: Seeded::default(),
            pending: AtomicUsize::new(0),
            events: Mutex::default(),
            open: Mutex::default(),
            pause: Pause::default(),
        };
        let mut attempts = store.last_attempts().await?;
        let mut tallies = store.tallies().await?;
        let mut secrets = store.device_secrets().await?;
        let mut filter = DeviceFilter { limit: PAGE, ..DeviceFilter::default() };
        loop {
            let devices = store.devices(&filter).await?;
            let (Some(first), Some(last)) = (devices.first(), devices.last()) else { break };
            let mut days = store.hours_of_day(day_of(now), first.id..=last.id).await?;
            filter.after = Some(last.id);
            for device in devices {
                let (mac, id) = (device.mac, device.id);
                let mut live = Live::from_device(device, attempts.remove(&id));
                live.tallies = tallies.remove(&id).unwrap_or_default();
                live.secrets = secrets.remove(&id).map(Box::new);
                live.hours = days.remove(&id).unwrap_or_default();
                fleet.insert(mac, live);
            }
        }
        fleet.resume(store, now).await?;
        Ok(fleet)
    }

    /// Each part of the fleet, locked one after the other.
    pub(super) fn shards(&self) -> impl Iterator<Item = MutexGuard<'_, Shard>> {
        self.shards.iter().map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The part of the fleet that a device belongs to, locked.
    pub(super) fn shard(&self, mac: MacAddr) -> MutexGuard<'_, Shard> {
        let index = usize::try_from(self.hasher.hash_one(mac) % SHARDS as u64).unwrap_or(0);
        self.shards[index].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works on one device.
    pub(super) fn with<T>(&self, mac: MacAddr, work: impl FnOnce(&mut Live) -> T) -> Option<T> {
        self.shard(mac).devices.get_mut(&mac).map(work)
    }

    /// Looks at every device, one part of the fleet after the other.
    pub(super) fn each(&self, mut look: impl FnMut(MacAddr, &Live)) {
        for shard in self.shards() {
            shard.devices.iter().for_each(|(mac, live)| look(*mac, live));
        }
    }

    pub(super) fn insert(&self, mac: MacAddr, live: Live) {
        if live.approval == Approval::Pending {
            self.pending.fetch_add(1, Ordering::Relaxed);
        }
        self.shard(mac).devices.insert(mac, live);
    }

    pub(super) fn remove(&self, mac: MacAddr) {
        let removed = self.shard(mac).devices.remove(&mac);
        if removed.is_some_and(|live| live.approval == Approval::Pending) {
            self.pending.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Changes a device's standing.
    pub(super) fn set_approval(&self, mac: MacAddr, approval: Approval, platform_id: Option<i64>) {
        let was = self.with(mac, |live| {
            live.platform_id = platform_id;
            std::mem::replace(&mut live.approval, approval)
        });
        let Some(was) = was else { return };
        if was == Approval::Pending && approval != Approval::Pending {
            self.pending.fetch_sub(1, Ordering::Relaxed);
        } else if was != Approval::Pending && approval == Approval::Pending {
            self.pending.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Turns all devices of a deleted platform into pending ones.
    pub(super) fn orphan(&self, platform_id: i64) {
        for mut shard in self.shards() {
            for live in shard.devices.values_mut() {
                if live.platform_id == Some(platform_id) {
                    live.platform_id = None;
                    live.policy.pinned = None;
                    if live.approval != Approval::Pending {
                        live.approval = Approval::Pending;
                        self.pending.fetch_add(1, Ordering::Relaxed);
                    }
                }
            }
        }
    }

    /// Takes all devices out of a group.
    pub(super) fn leave_group(&self, group: i64) {
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            for live in shard.devices.values_mut().filter(|live| live.groups.contains(&group)) {
                live.groups = live.groups.iter().copied().filter(|own| *own != group).collect();
            }
        }
    }

    /// Whether a look at every device takes its time.
    pub(super) fn is_large(&self) -> bool {
        // One part is like the others.
        let part = self
            .shards
            .first()
            .map_or(0, |shard| shard.lock().unwrap_or_else(PoisonError::into_inner).devices.len());
        part > 100
    }

    /// How many devices wait for approval.
    pub(super) fn pending(&self) -> usize {
        self.pending.load(Ordering::Relaxed)
    }

    /// Keeps an event for the next batch.
    pub(super) fn record_later(&self, event: Event) {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push(event);
    }
}
