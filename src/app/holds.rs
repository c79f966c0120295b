//! Holds: what the loop breaker stopped and a person decides on.

use super::poll::View;
use super::told::Told;
use super::{App, Error};
use crate::domain::actor::Actor;
use crate::domain::device::Approval;
use crate::domain::event::{Event, Kind};
use crate::domain::learnt::{GzipTried, Learnt};
use crate::domain::mac::MacAddr;
use crate::domain::release::Part;
use crate::domain::tally::Hold;
use crate::domain::update::{Decision, NoUpdate};

/// A device that a release is held back from until a person decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldDevice {
    /// The device.
    pub mac: MacAddr,
    /// Whether it has the very file and only calls itself otherwise: then there is nothing that it
    /// could try again.
    pub has_file: bool,
}

impl App {
    /// The approved devices that a release is held back from: the same whose pages say so.
    #[must_use]
    pub fn held_from(&self, release_id: i64) -> Vec<HeldDevice> {
        let (shelf, settings, now) = (self.shelf(), self.settings(), self.now());
        let mut held = Vec::new();
        self.0.fleet.each(|mac, live| {
            if live.approval != Approval::Approved {
                return;
            }
            let stopped = live.is_stopped(release_id, &settings.patience);
            let gets = View::offer_of_last(live, &shelf, &settings, now);
            let own = gets.filter(|(_, release)| {
                release.as_ref().is_some_and(|release| release.id == release_id)
            });
            let decision = own.map(|(decision, _)| decision);
            let is_held = match &decision {
                Some(decision) => decision.is_held() || (stopped && !decision.is_through()),
                None => stopped,
            };
            if is_held {
                let reports = matches!(
                    decision,
                    Some(Decision::NoUpdate(NoUpdate::IdenticalButReports { .. }))
                );
                held.push(HeldDevice { mac, has_file: reports });
            }
        });
        held
    }

    /// Lifts the loop stop: the release is offered again.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn try_again(&self, mac: MacAddr, actor: &Actor) -> Result<(), Error> {
        let _changing = self.0.changing.lock().await;
        let device = self.0.store.device(mac).await?.ok_or(Error::NotFound("device"))?;
        let now = self.now();
        // A report that is not written yet would bring back what is forgotten here.
        self.flush().await?;
        self.0.store.lift(device.id, now).await?;
        self.0.fleet.with(mac, |live| {
            live.tallies.clear();
            // What comes of it is told, though the same was told today.
            live.told = Told::default();
            if let Some(attempt) = &mut live.attempt {
                attempt.packed = false;
            }
            let gzip = live.learnt.gzip.filter(|tried| *tried != GzipTried::Failed);
            live.learn(Learnt { gzip, ..live.learnt });
        });
        let text = "The release is offered again at the next check-in.";
        let event = Event::new(now, Kind::Lifted, text).of(mac).by(actor);
        let deed = format!("let {} try again", device.title());
        self.record(event.on(device.platform.as_deref()).does(deed)).await
    }

    /// Holds a release back from a device.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn hold(&self, mac: MacAddr, release_id: i64, actor: &Actor) -> Result<(), Error> {
        let _changing = self.0.changing.lock().await;
        let device = self.0.store.device(mac).await?.ok_or(Error::NotFound("device"))?;
        let release = self.0.store.release(release_id).await?.ok_or(Error::NotFound("release"))?;
        let held = self.0.fleet.with(mac, |live| {
            let tally = live.tally_mut(release_id, Part::Application);
            tally.hold(Hold::ByHand);
            *tally
        });
        let tally = held.ok_or(Error::NotFound("device"))?;
        self.0.store.save_tally(device.id, &tally).await?;
        let text = format!("{} is held back from it.", release.title());
        let event = Event::new(self.now(), Kind::Held, text).of(mac).about(release_id).by(actor);
        let deed = format!("held {} back from {}", release.title(), device.title());
        self.record(event.on(device.platform.as_deref()).does(deed)).await
    }

    /// Lifts all holds of a release: every device it was stopped for gets it again. Answers how
    /// many. What only waits before the next try goes on waiting.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn lift_holds(&self, release_id: i64, actor: &Actor) -> Result<usize, Error> {
        let _changing = self.0.changing.lock().await;
        let release = self.0.store.release(release_id).await?.ok_or(Error::NotFound("release"))?;
        let held = self.held_from(release_id);
        let (mut devices, patience) = (Vec::new(), &self.settings().patience);
        self.0.fleet.each(|mac, live| {
            if live.is_stopped(release_id, patience) {
                devices.push((mac, live.id));
            }
        });
        let ids: Vec<i64> = devices.iter().map(|(_, id)| *id).collect();
        self.0.store.lift_release(release_id, &ids).await?;
        for (mac, _) in &devices {
            self.0.fleet.with(*mac, |live| {
                live.tallies.retain(|tally| tally.release_id != release_id);
                live.told = Told::default();
            });
        }
        // Who has the file already is not helped by getting it again.
        let count = held.iter().filter(|device| !device.has_file).count();
        let devices = if count == 1 { "device" } else { "devices" };
        let text = format!("All holds of {} were lifted ({count} {devices}).", release.title());
        let event = Event::new(self.now(), Kind::Lifted, text).about(release_id).by(actor);
        let deed = format!("lifted all holds of {} ({count} {devices})", release.title());
        self.record(event.on(release.platform.as_deref()).does(deed)).await?;
        Ok(count)
    }
}
