//! Holds: what the loop breaker stopped and a person decides on.

use super::{App, Error};
use crate::domain::actor::Actor;
use crate::domain::event::{Event, Kind};
use crate::domain::learnt::{GzipTried, Learnt};
use crate::domain::mac::MacAddr;
use crate::domain::release::Part;
use crate::domain::tally::Hold;

impl App {
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
    /// many.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn lift_holds(&self, release_id: i64, actor: &Actor) -> Result<usize, Error> {
        let _changing = self.0.changing.lock().await;
        let release = self.0.store.release(release_id).await?.ok_or(Error::NotFound("release"))?;
        let devices = self.0.store.lift_release(release_id).await?;
        for mac in &devices {
            self.0.fleet.with(*mac, |live| {
                live.tallies.retain(|tally| tally.release_id != release_id);
            });
        }
        let count = devices.len();
        let text = format!("All holds of {} were lifted ({count} devices).", release.title());
        let event = Event::new(self.now(), Kind::Lifted, text).about(release_id).by(actor);
        let devices = if count == 1 { "device" } else { "devices" };
        let deed = format!("lifted all holds of {} ({count} {devices})", release.title());
        self.record(event.on(release.platform.as_deref()).does(deed)).await?;
        Ok(count)
    }
}
