//! Devices: approved, named, moved, removed.

use super::fleet::Live;
use super::{App, Error};
use crate::domain::actor::Actor;
use crate::domain::audit::listed;
use crate::domain::chip::Chip;
use crate::domain::device::{Approval, Device};
use crate::domain::event::{Event, Kind};
use crate::domain::learnt::ChipFrom;
use crate::domain::mac::MacAddr;
use crate::domain::names::DeviceName;
use crate::domain::platform::Platform;
use crate::store::NewDevice;

/// A device that a person approves by its address ("whitelist").
#[derive(Debug, Clone, Default)]
pub struct NewApproval {
    /// The address in any notation.
    pub mac: String,
    /// What to call it; may be empty.
    pub name: String,
    /// Whether to move it where it is approved for another platform.
    pub take_over: bool,
    /// How: `typed`, `inbox`, `api`.
    pub via: &'static str,
}

/// What a person wants changed on a device.
#[derive(Debug, Clone, Default)]
pub struct DeviceChange {
    /// What to call it; empty: by its address again.
    pub name: Option<String>,
    /// Its standing.
    pub approval: Option<Approval>,
    /// The platform it belongs to.
    pub platform: Option<String>,
    /// Its chip; the inner `None`: unknown again.
    pub chip: Option<Option<Chip>>,
    /// Whether its program checks signatures.
    pub verifies: Option<bool>,
}

/// What became of an approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whitelisted {
    /// It was not known before.
    Added,
    /// It was waiting, ignored or blocked.
    Approved,
    /// It was approved for another platform before.
    Moved,
}

impl App {
    /// Approves a device by its address, whether or not it ever asked.
    ///
    /// # Errors
    /// [`Error::Mac`], [`Error::Name`], [`Error::NotFound`] where there is no such platform,
    /// [`Error::AlreadyApproved`].
    pub async fn whitelist(
        &self,
        platform: &str,
        new: &NewApproval,
        actor: &Actor,
    ) -> Result<(MacAddr, Whitelisted), Error> {
        let mac: MacAddr = new.mac.parse()?;
        let name = device_name(&new.name)?;
        let _changing = self.0.changing.lock().await;
        let entry = self.shelf().platform(platform).cloned().ok_or(Error::NotFound("platform"))?;
        let platform = &entry.platform;
        let _recording = self.0.recording.lock().await;
        let Some(device) = self.0.store.device(mac).await? else {
            self.add_device(mac, name, platform, new.via, actor).await?;
            return Ok((mac, Whitelisted::Added));
        };
        let was_approved = device.approval == Approval::Approved;
        if was_approved {
            let same = device.platform_id == Some(platform.id);
            if same || !new.take_over {
                let platform = device.platform.unwrap_or_default();
                return Err(Error::AlreadyApproved { mac, platform, same });
            }
        }
        self.approve(&device, platform, new.via, actor).await?;
        if !name.is_empty() {
            self.0.store.rename_device(device.id, &name).await?;
        }
        Ok((mac, if was_approved { Whitelisted::Moved } else { Whitelisted::Approved }))
    }

    async fn add_device(
        &self,
        mac: MacAddr,
        name: String,
        platform: &Platform,
        via: &'static str,
        actor: &Actor,
    ) -> Result<(), Error> {
        let now = self.now();
        let (approval, platform_id) = (Approval::Approved, Some(platform.id));
        let deed = match name.as_str() {
            "" => format!("approved {mac} for {}", platform.name),
            name => format!("approved {mac} for {} as {name}", platform.name),
        };
        let device = NewDevice { mac, name, approval, platform_id, via, news: None, now };
        let id = self.0.store.insert_device(&device).await?;
        self.0.fleet.insert(mac, Live::new(id, approval, platform_id));
        let text = format!("Approved for {}.", platform.name);
        let event = Event::new(now, Kind::Approved, text).of(mac).by(actor);
        self.record(event.on(Some(platform.name.as_str())).does(deed)).await
    }

    /// Approves a recorded device for a platform.
    async fn approve(
        &self,
        device: &Device,
        platform: &Platform,
        via: &str,
        actor: &Actor,
    ) -> Result<(), Error> {
        let (now, approved) = (self.now(), Approval::Approved);
        self.unpin_moved(device, Some(platform.id)).await?;
        self.0.store.set_approval(device.id, approved, Some(platform.id), via, now).await?;
        self.0.fleet.set_approval(device.mac, approved, Some(platform.id));
        let (title, name) = (device.title(), &platform.name);
        let (text, deed) = match &device.platform {
            Some(was) if device.approval == approved => (
                format!("Moved from {was} to {name}."),
                format!("moved {title} from {was} to {name}"),
            ),
            _ => (format!("Approved for {name}."), format!("approved {title} for {name}")),
        };
        let event = Event::new(now, Kind::Approved, text).of(device.mac).by(actor);
        self.record(event.on(Some(platform.name.as_str())).does(deed)).await
    }

    /// Changes a device.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Name`], [`Error::NoPlatformChosen`] where it should be
    /// approved and nothing tells for which platform.
    pub async fn change_device(
        &self,
        mac: MacAddr,
        change: &DeviceChange,
        actor: &Actor,
    ) -> Result<Device, Error> {
        let _changing = self.0.changing.lock().await;
        self.flush().await?;
        let device = self.0.store.device(mac).await?.ok_or(Error::NotFound("device"))?;
        let approval = match (&change.platform, change.approval) {
            (_, Some(approval)) => Some(approval),
            (Some(_), None) => Some(device.approval),
            (None, None) => None,
        };
        // All that can be refused comes before the first change.
        let platform = match approval {
            Some(Approval::Approved) => Some(self.destination(&device, change)?),
            _ => None,
        };
        if let Some(name) = &change.platform
            && self.shelf().platform(name).is_none()
        {
            return Err(Error::NotFound("platform"));
        }
        let named = change.name.as_deref().map(device_name).transpose()?;
        may_have(&device, change.chip.flatten())?;
        if let Some(name) = named {
            self.rename(&device, name, actor).await?;
        }
        self.teach(&device, change, actor).await?;
        match (approval, platform) {
            (None, _) => {}
            (Some(_), Some(platform)) => {
                let same = device.platform_id == Some(platform.id);
                if !(same && device.approval == Approval::Approved) {
                    self.approve(&device, &platform, "inbox", actor).await?;
                }
            }
            (Some(approval), None) => self.set_aside(&device, approval, change, actor).await?,
        }
        self.0.store.device(mac).await?.ok_or(Error::NotFound("device"))
    }

    /// The platform for which a device is to be approved: the one wished for, else its own, else
    /// the one that it asked for.
    fn destination(&self, device: &Device, change: &DeviceChange) -> Result<Platform, Error> {
        let wanted = change.platform.as_deref().or(device.platform.as_deref());
        let asked = device.report.as_ref().and_then(|report| report.dev.as_deref());
        let name = wanted.or(asked).ok_or(Error::NoPlatformChosen)?;
        let entry = self.shelf().platform(name).cloned();
        match (entry, wanted) {
            (Some(entry), _) => Ok(entry.platform.clone()),
            (None, Some(_)) => Err(Error::NotFound("platform")),
            (None, None) => Err(Error::NoPlatformChosen),
        }
    }

    async fn rename(&self, device: &Device, name: String, actor: &Actor) -> Result<(), Error> {
        if name == device.name {
            return Ok(());
        }
        self.0.store.rename_device(device.id, &name).await?;
        let (text, deed) = if name.is_empty() {
            let deed = format!("removed the name {} of {}", device.name, device.mac);
            ("Its name was removed.".to_owned(), deed)
        } else {
            let was = if device.name.is_empty() { "named" } else { "renamed" };
            let to = if device.name.is_empty() { "" } else { "to " };
            let deed = format!("{was} {} {to}{name}", device.title());
            (format!("It is called {name} now."), deed)
        };
        let event = Event::new(self.now(), Kind::DeviceEdited, text).of(device.mac).by(actor);
        self.record(event.on(device.platform.as_deref()).does(deed)).await
    }

    /// Takes a person's word on what a device is.
    async fn teach(
        &self,
        device: &Device,
        change: &DeviceChange,
        actor: &Actor,
    ) -> Result<(), Error> {
        let mut learnt = device.learnt;
        let (mut said, mut deeds, title) = (Vec::new(), Vec::new(), device.title());
        if let Some(chip) = change.chip.filter(|chip| *chip != learnt.known_chip()) {
            learnt.chip = chip.map(|chip| (chip, ChipFrom::Person));
            deeds.push(chip.map_or_else(
                || format!("forgot the chip of {title}"),
                |chip| format!("set the chip of {title} to {chip}"),
            ));
            said.push(chip.map_or_else(
                || "Its chip is unknown again.".to_owned(),
                |chip| format!("Its chip is {chip}."),
            ));
        }
        if let Some(verifies) = change.verifies.filter(|verifies| *verifies != learnt.verifies) {
            learnt.verifies = verifies;
            let text = if verifies { "It checks signatures." } else { "It checks no signatures." };
            said.push(text.to_owned());
            let none = if verifies { "" } else { "no " };
            deeds.push(format!("noted that {title} checks {none}signatures"));
        }
        if said.is_empty() {
            return Ok(());
        }
        self.0.store.save_learnt(device.id, &learnt).await?;
        self.0.fleet.with(device.mac, |live| live.learn(learnt));
        let event = Event::new(self.now(), Kind::DeviceEdited, said.join(" ")).of(device.mac);
        let event = event.by(actor).does(listed(&deeds));
        self.record(event.on(device.platform.as_deref())).await
    }

    /// Makes a device pending, ignored or blocked.
    async fn set_aside(
        &self,
        device: &Device,
        approval: Approval,
        change: &DeviceChange,
        actor: &Actor,
    ) -> Result<(), Error> {
        let platform_id = match &change.platform {
            Some(name) => {
                let entry = self.shelf().platform(name).cloned();
                Some(entry.ok_or(Error::NotFound("platform"))?.platform.id)
            }
            None => device.platform_id,
        };
        if approval == device.approval && platform_id == device.platform_id {
            return Ok(());
        }
        let now = self.now();
        self.unpin_moved(device, platform_id).await?;
        self.0.store.set_approval(device.id, approval, platform_id, "", now).await?;
        self.0.fleet.set_approval(device.mac, approval, platform_id);
        if approval == Approval::Pending {
            self.keep_back(device.id, now).await?;
        }
        let title = device.title();
        let (kind, text, deed) = match approval {
            Approval::Ignored => {
                (Kind::Ignored, "Ignored: it gets nothing, quietly.", format!("ignored {title}"))
            }
            Approval::Blocked => {
                (Kind::Blocked, "Blocked: it gets nothing any more.", format!("blocked {title}"))
            }
            Approval::Pending | Approval::Approved => {
                let deed = format!("let {title} wait for approval again");
                (Kind::DeviceEdited, "Waits for approval again.", deed)
            }
        };
        let event = Event::new(now, kind, text).of(device.mac).by(actor).does(deed);
        self.record(event.on(device.platform.as_deref())).await
    }

    /// Removes a device with its attempts. If it asks again, it is new.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn remove_device(&self, mac: MacAddr, actor: &Actor) -> Result<Device, Error> {
        let _changing = self.0.changing.lock().await;
        let _recording = self.0.recording.lock().await;
        let device = self.0.store.device(mac).await?.ok_or(Error::NotFound("device"))?;
        let now = self.now();
        let members = self.farewell(device.id, now).await?;
        self.0.store.delete_device(device.id, &members).await?;
        self.0.fleet.remove(mac);
        // Nobody waits for it any more.
        for gate in self.shelf().gates() {
            gate.watch.gone(device.id, now);
        }
        if self.shelf().gates().any(|gate| gate.rollout.canaries.contains(&device.id)) {
            self.restock().await?;
        }
        let text = format!("{} was removed.", device.title());
        let event = Event::new(self.now(), Kind::DeviceRemoved, text).of(mac).by(actor);
        let deed = format!("removed {}", device.title());
        self.record(event.on(device.platform.as_deref()).does(deed)).await?;
        Ok(device)
    }
}

/// A device has a chip of the family that its headers tell.
fn may_have(device: &Device, chip: Option<Chip>) -> Result<(), Error> {
    let family = device.report.as_ref().map(|report| report.family);
    match (chip, family) {
        (Some(chip), Some(family)) if chip.family() != family => {
            let (field, value) = ("the chip", chip.to_string());
            Err(Error::Value { field, value, expected: "one of the device's family" })
        }
        _ => Ok(()),
    }
}

/// A name for a device, or none.
fn device_name(text: &str) -> Result<String, Error> {
    if text.trim().is_empty() {
        return Ok(String::new());
    }
    let name: DeviceName = text.parse()?;
    Ok(name.as_str().to_owned())
}
