//! A device asks for the first time: it is recorded once, durably.

use super::fleet::Live;
use super::poll::{Poll, Wanted};
use super::shelf::{Shelf, ShelfPlatform};
use super::{App, Error};
use crate::domain::Timestamp;
use crate::domain::actor::Actor;
use crate::domain::device::{Approval, Outcome};
use crate::domain::event::{Event, Kind};
use crate::domain::learnt::Learnt;
use crate::domain::mac::MacAddr;
use crate::domain::platform::Admission;
use crate::store::{NewDevice, News};

impl App {
    /// Records a device that nobody knows: as pending, or as approved where its platform is open.
    /// Says whether it is recorded: its address may have brought too many.
    pub(super) async fn record_first_contact(
        &self,
        poll: &Poll,
        shelf: &Shelf,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let mac = poll.report.mac;
        let _recording = self.0.recording.lock().await;
        if self.0.fleet.with(mac, |_| ()).is_some() {
            return Ok(true);
        }
        let platform = match &poll.wanted {
            Wanted::Newest => poll.report.dev.as_deref().and_then(|dev| shelf.platform(dev)),
            Wanted::File(files) => {
                files.images().first().and_then(|first| shelf.platform_by_id(first.platform_id))
            }
        };
        let open = platform.filter(|p| p.platform.admission == Admission::Any);
        let approval = if open.is_some() { Approval::Approved } else { Approval::Pending };
        if approval == Approval::Pending {
            let places = self.settings().pending_limit;
            if !self.0.newcomers.allows(poll.address, places, now) {
                let text = "brings more new devices than one address may in an hour; further \
                            ones are refused and not recorded.";
                self.refuse_unknown(poll.address, "newcomers", text);
                return Ok(false);
            }
            self.forget_stalest_pending().await?;
        }
        let mut report = poll.report.clone();
        if let (None, Some(platform)) = (&report.dev, platform) {
            report.dev = Some(platform.platform.name.as_str().into());
        }
        let outcome = Outcome { status: 0, code: String::new(), text: String::new() };
        let address = Some(poll.address);
        let (host, learnt) = (poll.host.clone(), Learnt::default());
        let news = News { report, address, host, outcome, learnt };
        let platform_id = open.map(|platform| platform.platform.id);
        let device = NewDevice {
            mac,
            name: String::new(),
            approval,
            platform_id,
            via: "open",
            news: Some(news),
            now,
        };
        let id = self.0.store.insert_device(&device).await?;
        self.0.fleet.insert(mac, Live::new(id, approval, platform_id));
        let name = platform.map(|platform| platform.platform.name.as_str());
        let asked = name.or(poll.report.dev.as_deref());
        let text = match (asked, approval) {
            (Some(name), Approval::Approved) => {
                format!("Asked for the first time, for {name}, which is open to any device.")
            }
            (Some(name), _) => format!("Asked for the first time, for {name}."),
            (None, _) => "Asked for the first time.".to_owned(),
        };
        let event = Event::new(now, Kind::FirstContact, text).of(mac).on(name);
        let event = event.by(poll.address.to_string());
        self.tell_contact(event, open.and(name), mac, now).await;
        Ok(true)
    }

    /// Tells of a new device: that its platform let it in, else that it waits, unless too many do.
    async fn tell_contact(&self, event: Event, open: Option<&str>, mac: MacAddr, now: Timestamp) {
        if let Some(platform) = open {
            self.record_judged(event.decided(Kind::Approved, admitted(mac, platform))).await;
        } else if self.0.strangers.allows(now) {
            self.record_later(event);
        }
    }

    /// Approves a pending device whose platform is open.
    pub(super) async fn admit(
        &self,
        mac: MacAddr,
        device_id: i64,
        platform: &ShelfPlatform,
        now: Timestamp,
    ) -> Result<(), Error> {
        let (id, name) = (platform.platform.id, platform.platform.name.as_str());
        let approved = Approval::Approved;
        self.0.store.set_approval(device_id, approved, Some(id), "open", now).await?;
        self.0.fleet.set_approval(mac, approved, Some(id));
        let text = format!("Approved for {name}, which is open to any device.");
        let event = Event::new(now, Kind::Approved, text).of(mac).on(Some(name));
        self.record_judged(event.by(Actor::machine()).does(admitted(mac, name))).await;
        Ok(())
    }

    /// Makes room where too many devices wait.
    async fn forget_stalest_pending(&self) -> Result<(), Error> {
        let limit = usize::try_from(self.settings().pending_limit).unwrap_or(usize::MAX);
        // Bounded, should memory and database ever disagree.
        for _ in 0..16 {
            if self.0.fleet.pending() < limit {
                break;
            }
            // What is only in memory yet must be there to be compared.
            self.flush().await?;
            let Some(mac) = self.0.store.stalest_pending().await? else {
                break;
            };
            if let Some(id) = self.0.fleet.with(mac, |live| live.id) {
                self.0.store.delete_device(id).await?;
            }
            self.0.fleet.remove(mac);
        }
        Ok(())
    }
}

/// What the server did, as the audit log says it.
fn admitted(mac: MacAddr, platform: &str) -> String {
    format!("admitted {mac} to {platform}, which is open to any device")
}
