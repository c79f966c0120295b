//! An offer: recorded durably, then sent.

use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;

use super::App;
use super::poll::{Answer, Finding, Firmware, Poll};
use super::transfer::InFlight;
use crate::domain::Timestamp;
use crate::domain::device::AttemptState;
use crate::domain::event::{Event, Kind};
use crate::domain::release::{Published, file_name};
use crate::store::{LastAttempt, NewOffer};

impl App {
    /// The image of a release, and the attempt that goes with it.
    pub(super) async fn offer(
        &self,
        poll: &Poll,
        finding: &Finding<'_>,
        release: &Arc<Published>,
        now: Timestamp,
    ) -> Answer {
        let mac = poll.report.mac;
        let image = &release.image;
        let bytes = match self.0.blobs.read(image.sha256, image.size).await {
            Ok(bytes) => bytes,
            Err(error) => return self.fault(&error.into(), mac),
        };
        let platform = finding.platform.as_ref().map(|p| p.platform.name.as_str());
        let platform = platform.unwrap_or_default();
        let version = release.version.to_string();
        let file_name = file_name(platform, &release.version);
        let mut firmware = Firmware { bytes, md5: image.md5, version, file_name, flight: None };
        if poll.only_looks {
            return Answer::Firmware(firmware);
        }
        let offer = NewOffer {
            device_id: finding.device_id,
            release_id: release.id,
            version: release.version.as_str(),
            size: image.size,
            now,
        };
        let attempt_id = match self.0.store.record_offer(offer).await {
            Ok(id) => id,
            Err(error) => return self.fault(&error.into(), mac),
        };
        let flight = Arc::new(InFlight {
            attempt_id,
            mac,
            release_id: release.id,
            title: format!("{platform} {}", release.version),
            platform: platform.to_owned(),
            size: image.size,
            counted: !poll.range,
            progress: OnceLock::new(),
            settled: CancellationToken::new(),
        });
        self.0.fleet.with(mac, |live| {
            live.attempt = Some(Box::new(LastAttempt {
                id: attempt_id,
                release_id: Some(release.id),
                version: release.version.to_string(),
                state: AttemptState::Offered,
            }));
            live.in_flight = Some(Arc::clone(&flight));
        });
        let from = poll.report.version.as_deref().unwrap_or("an unknown version");
        let text = format!("Got {} offered; it runs {from}.", flight.title);
        let event = Event::new(now, Kind::Offered, text).of(mac).about(release.id);
        self.record_later(event.on(Some(platform)).by(poll.address.to_string()));
        firmware.flight = Some(flight);
        Answer::Firmware(firmware)
    }
}
