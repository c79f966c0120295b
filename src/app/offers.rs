//! An offer: recorded durably, then sent.

use std::sync::Arc;

use super::fleet::Live;
use super::poll::{Answer, Finding, Firmware, Poll};
use super::transfer::InFlight;
use super::{App, Error};
use crate::domain::Timestamp;
use crate::domain::attempt::LastAttempt;
use crate::domain::device::AttemptState;
use crate::domain::event::{Event, Kind};
use crate::domain::mac::MacAddr;
use crate::domain::release::{Part, Published};
use crate::domain::update::Encoding;
use crate::store::NewOffer;

impl App {
    /// The image of a release, and the attempt that goes with it.
    pub(super) async fn offer(
        &self,
        poll: &Poll,
        finding: &Finding<'_>,
        release: &Arc<Published>,
        encoding: Encoding,
        now: Timestamp,
    ) -> Answer {
        let mac = poll.report.mac;
        let image = &release.image;
        let packed = image.packed.as_ref().filter(|_| encoding == Encoding::Packed);
        let (sha256, md5, size) = match packed {
            Some(packed) => (packed.sha256, packed.md5, packed.size),
            None => (image.sha256, image.md5, image.size),
        };
        let bytes = match self.0.blobs.read(sha256, size).await {
            Ok(bytes) => bytes,
            Err(error) => {
                leave(poll, finding);
                return self.gone_or_fault(&error.into(), finding, release, mac).await;
            }
        };
        let platform = finding.platform.as_ref().map(|p| p.platform.name.as_str());
        let platform = platform.unwrap_or_default();
        let version = release.version.to_string();
        let mut file_name = release.file_name(platform);
        if packed.is_some() {
            file_name.push_str(".gz");
        }
        let mut firmware = Firmware { bytes, md5, version, file_name, flight: None };
        if poll.only_looks {
            return Answer::Firmware(firmware);
        }
        // Files prove nothing: a rollout goes by the applications alone.
        let gate = finding.gate.filter(|_| image.part == Part::Application);
        let offer = NewOffer {
            device_id: finding.device_id,
            release_id: release.id,
            version: release.version.to_string(),
            image_id: image.id,
            part: image.part,
            packed: packed.is_some(),
            from_version: poll.report.version.as_deref().map(ToOwned::to_owned),
            from_md5: poll.report.sketch_md5,
            size,
            usual: None,
            rollout_id: gate.map(|gate| gate.rollout.id),
            now,
        };
        let attempt_id = match self.attempt(mac, offer).await {
            Ok(id) => id,
            Err(error) => {
                leave(poll, finding);
                return self.gone_or_fault(&error, finding, release, mac).await;
            }
        };
        let flight = Arc::new(InFlight {
            started: now,
            counted: !poll.range,
            watch: gate.map(|gate| Arc::clone(&gate.watch)),
            ..InFlight::new(attempt_id, mac, (platform, release), packed.is_some(), size)
        });
        self.take_off(poll, release, packed.is_some(), &flight, now);
        firmware.flight = Some(flight);
        Answer::Firmware(firmware)
    }

    /// The attempt that an offer belongs to: a new one, or the one whose bytes are still flowing.
    async fn attempt(&self, mac: MacAddr, offer: NewOffer) -> Result<i64, Error> {
        let like = |live: &mut Live| {
            let mut flights = live.flights();
            let like =
                |flight: &Arc<InFlight>| flight.is_like(offer.release_id, offer.part, offer.packed);
            (flights.find(like), live.rhythm.every())
        };
        match self.0.fleet.with(mac, like).unwrap_or_default() {
            (Some(flight), _) => Ok(flight.attempt_id),
            (None, usual) => Ok(self.0.store.record_offer(NewOffer { usual, ..offer }).await?),
        }
    }

    /// What was deleted between decision and offer is no failure: there is no update any more.
    async fn gone_or_fault(
        &self,
        error: &Error,
        finding: &Finding<'_>,
        release: &Published,
        mac: MacAddr,
    ) -> Answer {
        // Whoever deletes it may not be through yet.
        let _changed = self.0.changing.lock().await;
        let device = self.0.fleet.with(mac, |live| live.id);
        if self.shelf().image(release.image.id).is_none() || device != Some(finding.device_id) {
            return Answer::NotModified;
        }
        self.fault(error, mac)
    }

    /// Remembers a download that begins, and tells of it.
    fn take_off(
        &self,
        poll: &Poll,
        release: &Published,
        packed: bool,
        flight: &Arc<InFlight>,
        now: Timestamp,
    ) {
        let part = release.image.part;
        let attempt = LastAttempt {
            id: flight.attempt_id,
            release_id: Some(release.id),
            version: release.version.to_string(),
            image_id: Some(release.image.id),
            packed,
            from_version: poll.report.version.as_deref().map(ToOwned::to_owned),
            from_md5: poll.report.sketch_md5,
            state: AttemptState::Offered,
            at: now,
            whole: false,
            usual: None,
            restarting_at: None,
        };
        self.0.flights.add(flight);
        self.0.fleet.with(flight.mac, |live| {
            // Files prove nothing and are never confirmed: the program's attempt stays open.
            if part == Part::Application {
                let usual = live.rhythm.every();
                live.attempt = Some(Box::new(LastAttempt { usual, ..attempt }));
            }
            live.take_off(flight);
        });
        self.0.fleet.opened(flight.mac);
        let from = poll.report.version.as_deref().unwrap_or("an unknown version");
        let what = match (part, packed) {
            (Part::FileSystem, _) => " (file system)",
            (Part::Application, true) => " (compressed)",
            (Part::Application, false) => "",
        };
        let text = format!("Got {}{what} offered; it runs {from}.", flight.title);
        let event = Event::new(now, Kind::Offered, text).of(flight.mac).about(release.id);
        self.record_later(event.on(Some(&flight.platform)).by(poll.address.to_string()));
    }
}

/// Gives back the place in a rollout that was taken for an offer that is not made.
fn leave(poll: &Poll, finding: &Finding<'_>) {
    if let Some(gate) = finding.gate.filter(|_| !poll.only_looks) {
        gate.watch.leave(finding.device_id);
    }
}
