//! A device asks for the first time: it is recorded once, durably.

use std::sync::Arc;

use super::fleet::Live;
use super::pairing::Unasked;
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

/// How a device came to be approved: its platform is open to any device.
const OPEN: &str = "open";
/// How a device came to be approved: in a pairing window.
pub(super) const PAIRING: &str = "pairing";

/// How a device that nobody knew comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Its platform is open to any device.
    Open,
    /// A pairing window is open.
    Paired,
    /// It waits for a person's word.
    Waits,
}

impl Way {
    const fn approval(self) -> Approval {
        match self {
            Self::Open | Self::Paired => Approval::Approved,
            Self::Waits => Approval::Pending,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Open => OPEN,
            Self::Paired => PAIRING,
            Self::Waits => "",
        }
    }
}

/// The platform that a device names, or whose file it asks for.
fn asked_platform<'a>(poll: &Poll, shelf: &'a Shelf) -> Option<&'a Arc<ShelfPlatform>> {
    match &poll.wanted {
        Wanted::Newest => poll.report.dev.as_deref().and_then(|dev| shelf.platform(dev)),
        Wanted::File(files) => {
            files.images().first().and_then(|first| shelf.platform_by_id(first.platform_id))
        }
    }
}

/// What is written of a device that asks for the first time.
fn first_news(poll: &Poll, platform: Option<&Arc<ShelfPlatform>>) -> News {
    let mut report = poll.report.clone();
    if let (None, Some(platform)) = (&report.dev, platform) {
        report.dev = Some(platform.platform.name.as_str().into());
    }
    let outcome = Outcome { status: 0, code: String::new(), text: String::new() };
    let (address, host, learnt) = (Some(poll.address), poll.host.clone(), Learnt::default());
    News { report, address, host, outcome, learnt }
}

impl App {
    /// Records a device that nobody knows: as pending, or as approved where its platform is open
    /// to any device or a pairing window is open. Says whether it is recorded: pairing may be
    /// closed, or its address may have brought too many.
    pub(super) async fn record_first_contact(
        &self,
        poll: &Poll,
        shelf: &Shelf,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let mac = poll.report.mac;
        let platform = asked_platform(poll, shelf);
        let door = shelf.pairings().door(platform.map(|p| p.platform.id), now);
        let any = platform.is_some_and(|p| p.platform.admission == Admission::Any);
        let demanded = platform.is_some_and(|p| p.platform.proof.is_demanded());
        if !any && door.is_closed() {
            let asked_for = poll.report.dev.as_deref().map(str::to_owned);
            self.turn_away(Unasked { mac, address: poll.address, asked_for, at: now });
            return Ok(false);
        }
        // Nobody closes the window while it lets a device in, and it is closed when it is.
        let _changing = if door.is_open() { Some(self.0.changing.lock().await) } else { None };
        let door = self.shelf().pairings().door(platform.map(|p| p.platform.id), self.now());
        let _recording = self.0.recording.lock().await;
        if self.0.fleet.with(mac, |_| ()).is_some() {
            return Ok(true);
        }
        if !self.may_come(poll, now) {
            return Ok(false);
        }
        let way = match any {
            // Where a proof is demanded, it is looked at before anybody is let in.
            true if !demanded => Way::Open,
            _ if demanded => Way::Waits,
            _ if door.is_open() && self.0.let_in.allows(self.places(), now) => Way::Paired,
            _ => Way::Waits,
        };
        let approval = way.approval();
        if approval == Approval::Pending {
            self.forget_stalest_pending().await?;
        }
        let platform_id =
            platform.filter(|_| approval == Approval::Approved).map(|p| p.platform.id);
        let name = String::new();
        let news = Some(first_news(poll, platform));
        let via = way.word();
        let device = NewDevice { mac, name, approval, platform_id, via, news, now };
        let id = self.0.store.insert_device(&device).await?;
        self.0.fleet.insert(mac, Live::new(id, approval, platform_id));
        self.tell_first_contact(poll, platform, way, now).await;
        Ok(true)
    }

    /// Whether one more device of this address is recorded.
    fn may_come(&self, poll: &Poll, now: Timestamp) -> bool {
        let may = self.0.newcomers.allows(poll.address, self.places(), now);
        if !may {
            let text = "brings more new devices than one address may in an hour; further ones \
                        are refused and not recorded.";
            self.refuse_unknown(poll.address, "newcomers", text);
        }
        may
    }

    /// How many devices may wait, and how many windows let in within an hour.
    pub(super) fn places(&self) -> u32 {
        self.0.settings.load().pending_limit
    }

    async fn tell_first_contact(
        &self,
        poll: &Poll,
        platform: Option<&Arc<ShelfPlatform>>,
        way: Way,
        now: Timestamp,
    ) {
        let mac = poll.report.mac;
        let name = platform.map(|platform| platform.platform.name.as_str());
        let text = match (name.or(poll.report.dev.as_deref()), way) {
            (Some(name), Way::Open) => {
                format!("Asked for the first time, for {name}, which is open to any device.")
            }
            (Some(name), _) => format!("Asked for the first time, for {name}."),
            (None, _) => "Asked for the first time.".to_owned(),
        };
        let event = Event::new(now, Kind::FirstContact, text).of(mac).on(name);
        // No entry of the audit log: the device came, and the person's deed was to open the platform.
        if way == Way::Open || self.0.strangers.allows(now) {
            self.record_later(event.by(poll.address.to_string()));
        }
        if let (Way::Paired, Some(platform)) = (way, platform) {
            self.tell_paired(mac, platform, now).await;
        }
    }

    async fn tell_paired(&self, mac: MacAddr, platform: &ShelfPlatform, now: Timestamp) {
        let name = platform.platform.name.as_str();
        let text = format!("Approved for {name}: the pairing window is open.");
        let event = Event::new(now, Kind::Approved, text).of(mac).on(Some(name));
        let deed = format!("approved {mac} for {name}, because the pairing window is open");
        self.record_judged(event.by(Actor::machine()).does(deed)).await;
    }

    /// Approves a pending device whose platform is open to any, or for which a pairing window is
    /// open; whether that is still so.
    pub(super) async fn admit(
        &self,
        mac: MacAddr,
        device_id: i64,
        platform: &ShelfPlatform,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let (id, name) = (platform.platform.id, platform.platform.name.as_str());
        let approved = Approval::Approved;
        let any = platform.platform.admission == Admission::Any;
        // No person may close the window or put the device back meanwhile.
        let _changing = self.0.changing.lock().await;
        if !any && !self.is_let_in(mac, id, now) {
            return Ok(false);
        }
        let via = if any { OPEN } else { PAIRING };
        self.0.store.set_approval(device_id, approved, Some(id), via, now).await?;
        self.0.fleet.set_approval(mac, approved, Some(id));
        if !any {
            self.tell_paired(mac, platform, now).await;
            return Ok(true);
        }
        let text = format!("Approved for {name}, which is open to any device.");
        let event = Event::new(now, Kind::Approved, text).of(mac).on(Some(name));
        self.record_later(event);
        Ok(true)
    }

    /// Makes room where too many devices wait.
    async fn forget_stalest_pending(&self) -> Result<(), Error> {
        let limit = usize::try_from(self.places()).unwrap_or(usize::MAX);
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
                self.0.store.delete_device(id, &[]).await?;
            }
            self.0.fleet.remove(mac);
        }
        Ok(())
    }
}
