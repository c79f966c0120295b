//! Platforms: created, changed, deleted.

use super::groups::quiet_hours;
use super::{App, Error, ShelfPlatform};
use crate::domain::actor::Actor;
use crate::domain::audit::listed;
use crate::domain::event::{Event, Kind};
use crate::domain::names::PlatformName;
use crate::domain::platform::{Admission, GzipPolicy, Platform};
use crate::domain::policy::Rule;
use crate::domain::proof::{Proof, ProofKind};
use crate::domain::version::FirmwareVersion;
use crate::store::StoreError;

/// What a person wants changed on a platform.
#[derive(Debug, Clone, Default)]
pub struct PlatformChange {
    /// Its new name.
    pub name: Option<String>,
    /// What it says about it.
    pub description: Option<String>,
    /// Which devices get its releases.
    pub admission: Option<Admission>,
    /// Whether its ESP8266 devices get compressed images.
    pub gzip: Option<GzipPolicy>,
    /// The lowest version that is ever offered; empty: none.
    pub floor: Option<String>,
    /// When a release is offered to a device that runs another one.
    pub rule: Option<Rule>,
    /// The release that all its devices get; the inner `None`: none any more.
    pub pinned: Option<Option<i64>>,
    /// Hours in which nothing is offered, like `22:00-06:00`; empty: none.
    pub quiet: Option<String>,
    /// What its devices show besides their MAC address. A new kind is not demanded at first.
    pub proof: Option<ProofKind>,
    /// Whether a device without that is refused.
    pub proof_demanded: Option<bool>,
}

/// Characters that a description may have.
const DESCRIPTION_LIMIT: usize = 2_000;

fn described(text: &str) -> Result<String, Error> {
    let text = text.trim();
    if text.chars().count() > DESCRIPTION_LIMIT {
        let value = format!("{} characters long", text.chars().count());
        return Err(Error::Value { field: "the description", value, expected: "at most 2000" });
    }
    Ok(text.to_owned())
}

/// The lowest version that is offered; empty: none.
fn floor_version(text: &str) -> Result<Option<FirmwareVersion>, Error> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let version = FirmwareVersion::read(text);
    if version.is_readable() && text.len() <= 64 {
        return Ok(Some(version));
    }
    let (field, expected) = ("the lowest version", "a version like v1.2.0, or nothing");
    Err(Error::Value { field, value: text.chars().take(64).collect(), expected })
}

/// What was changed on a platform, as the audit log says it.
fn deeds(was: &Platform, is: &Platform, pin: Option<&str>) -> Vec<String> {
    let mut deeds = Vec::new();
    if was.name != is.name {
        deeds.push(format!("renamed the platform {} to {}", was.name, is.name));
    }
    if was.description != is.description {
        deeds.push(format!("changed the description of {}", is.name));
    }
    if was.admission != is.admission {
        deeds.push(match is.admission {
            Admission::Any => format!("opened {} to any device", is.name),
            Admission::Approved => format!("closed {} to all but approved devices", is.name),
        });
    }
    if was.gzip != is.gzip {
        let (from, to) = (was.gzip.word(), is.gzip.word());
        deeds.push(format!("set compression for {} from {from} to {to}", is.name));
    }
    match (&was.floor, &is.floor) {
        (from, to) if from == to => {}
        (_, Some(to)) => deeds.push(format!("set the lowest version of {} to {to}", is.name)),
        (_, None) => deeds.push(format!("removed the lowest version of {}", is.name)),
    }
    if was.rule != is.rule {
        let (from, to) = (was.rule.label(), is.rule.label());
        deeds.push(format!("set the rule of {} from “{from}” to “{to}”", is.name));
    }
    if was.pinned != is.pinned {
        deeds.push(match pin {
            Some(title) => format!("pinned all devices of {} to {title}", is.name),
            None => format!("unpinned the devices of {}", is.name),
        });
    }
    if was.quiet != is.quiet {
        deeds.push(match is.quiet {
            Some(quiet) => format!("set the quiet hours of {} to {quiet}", is.name),
            None => format!("removed the quiet hours of {}", is.name),
        });
    }
    if was.proof != is.proof {
        let text = proof_text(is);
        deeds.push(format!("changed the proof of {}: {text}", is.name));
    }
    if deeds.is_empty() {
        deeds.push(format!("changed the platform {}", is.name));
    }
    deeds
}

/// The rule of a platform after a change. What was not there before is not demanded at once, so
/// that no running device is cut off by mistake.
fn proof_after(entry: &ShelfPlatform, change: &PlatformChange) -> Result<Proof, Error> {
    let was = entry.platform.proof;
    let kind = change.proof.unwrap_or(was.kind);
    let demanded = change.proof_demanded.unwrap_or(was.demanded && kind == was.kind);
    let proof = Proof { kind, demanded };
    if demanded && kind == ProofKind::None {
        return Err(Error::State(
            "choose first what its devices show: one secret, or each its own",
        ));
    }
    let new = proof.is_demanded() && proof != was;
    if new && kind == ProofKind::Shared && entry.secrets.newest.is_none() {
        return Err(Error::State("make the secret first; without one no device could come in"));
    }
    Ok(proof)
}

fn proof_text(platform: &Platform) -> String {
    let name = &platform.name;
    match (platform.proof.kind, platform.proof.demanded) {
        (ProofKind::None, _) => format!("Devices of {name} need no secret any more"),
        (ProofKind::Shared, false) => format!("Devices of {name} may show the secret they share"),
        (ProofKind::PerDevice, false) => format!("Devices of {name} may each show their secret"),
        (ProofKind::Shared | ProofKind::PerDevice, true) => {
            format!("Devices of {name} get nothing without the secret now")
        }
    }
}

/// What a change changed, without its full stop; `pin` is the title of the release that all
/// devices are pinned to.
fn what_changed(was: &Platform, platform: &Platform, pin: Option<&str>) -> String {
    let name = &was.name;
    let mut said = Vec::new();
    if platform.name != was.name {
        said.push(format!("The platform {name} is called {} now", platform.name));
    }
    if platform.admission != was.admission {
        said.push(match platform.admission {
            Admission::Any => format!("{name} is open to any device now"),
            Admission::Approved => format!("{name} is for approved devices only now"),
        });
    }
    if platform.floor != was.floor {
        said.push(match &platform.floor {
            Some(floor) => format!("Nothing below {floor} is offered to {name} any more"),
            None => format!("{name} has no lowest version any more"),
        });
    }
    if platform.rule != was.rule {
        said.push(match platform.rule {
            Rule::Newer => format!("{name} offers releases that are newer only"),
            Rule::Different => format!("{name} offers its newest release to all that run another"),
        });
    }
    if platform.pinned != was.pinned {
        said.push(match pin {
            Some(title) => format!("All devices of {name} get exactly {title}"),
            None => format!("The devices of {name} are not pinned to one release any more"),
        });
    }
    if platform.quiet != was.quiet {
        said.push(match platform.quiet {
            Some(quiet) => format!("{name} has quiet hours: {quiet}"),
            None => format!("{name} has no quiet hours any more"),
        });
    }
    if platform.proof != was.proof {
        said.push(proof_text(platform));
    }
    if said.is_empty() { format!("The platform {name} was changed") } else { said.join(". ") }
}

impl App {
    /// Creates a platform.
    ///
    /// # Errors
    /// [`Error::Name`], [`Error::PlatformExists`].
    pub async fn create_platform(
        &self,
        name: &str,
        description: &str,
        admission: Admission,
        actor: &Actor,
    ) -> Result<Platform, Error> {
        let name: PlatformName = name.parse()?;
        let description = described(description)?;
        let _changing = self.0.changing.lock().await;
        let now = self.now();
        let created = self.0.store.create_platform(&name, &description, admission, now).await;
        if let Err(StoreError::Conflict) = created {
            return Err(Error::PlatformExists(name.to_string()));
        }
        let id = created?;
        self.restock().await?;
        let text = format!("The platform {name} was created.");
        let open = if admission == Admission::Any { ", open to any device" } else { "" };
        let event = Event::new(now, Kind::PlatformCreated, text).on(Some(name.as_str()));
        let deed = format!("created the platform {name}{open}");
        self.record(event.by(actor).does(deed)).await?;
        Ok(Platform {
            id,
            name,
            description,
            admission,
            gzip: GzipPolicy::default(),
            floor: None,
            rule: Rule::default(),
            pinned: None,
            quiet: None,
            proof: Proof::default(),
            created_at: now,
        })
    }

    /// Renames or describes a platform, or opens it to any device.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Name`], [`Error::PlatformExists`], [`Error::State`] where a
    /// proof is demanded that nobody could have.
    pub async fn change_platform(
        &self,
        name: &str,
        change: &PlatformChange,
        actor: &Actor,
    ) -> Result<Platform, Error> {
        let _changing = self.0.changing.lock().await;
        let entry = self.shelf().platform(name).cloned().ok_or(Error::NotFound("platform"))?;
        let was = &entry.platform;
        let mut platform = was.clone();
        if let Some(name) = &change.name {
            platform.name = name.parse()?;
        }
        if let Some(description) = &change.description {
            platform.description = described(description)?;
        }
        if let Some(admission) = change.admission {
            platform.admission = admission;
        }
        if let Some(gzip) = change.gzip {
            platform.gzip = gzip;
        }
        if let Some(floor) = &change.floor {
            platform.floor = floor_version(floor)?;
        }
        if let Some(rule) = change.rule {
            platform.rule = rule;
        }
        if let Some(quiet) = &change.quiet {
            platform.quiet = quiet_hours(quiet)?;
        }
        let mut pin = None;
        if let Some(pinned) = change.pinned.filter(|pinned| *pinned != was.pinned) {
            pin = pinned.map(|id| self.pinnable(id, Some(was.id))).transpose()?;
            platform.pinned = pinned;
        }
        platform.proof = proof_after(&entry, change)?;
        if platform == *was {
            return Ok(platform);
        }
        let saved = self.0.store.save_platform(&platform, was.name.as_str()).await;
        if let Err(StoreError::Conflict) = saved {
            return Err(Error::PlatformExists(platform.name.to_string()));
        }
        saved?;
        self.restock().await?;
        let text = what_changed(was, &platform, pin.as_deref());
        let event = Event::new(self.now(), Kind::PlatformEdited, format!("{text}."));
        let deed = listed(&deeds(was, &platform, pin.as_deref()));
        self.record(event.on(Some(platform.name.as_str())).by(actor).does(deed)).await?;
        Ok(platform)
    }

    /// Deletes a platform with its releases; its devices become pending ones.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn delete_platform(&self, name: &str, actor: &Actor) -> Result<Platform, Error> {
        let platform = {
            let _changing = self.0.changing.lock().await;
            let entry = self.shelf().platform(name).cloned().ok_or(Error::NotFound("platform"))?;
            let platform = entry.platform.clone();
            // Reports that are not written yet name the platform too.
            self.flush().await?;
            self.0.store.delete_platform(&platform).await?;
            self.restock().await?;
            self.0.fleet.orphan(platform.id);
            platform
        };
        let text = format!("The platform {} was deleted.", platform.name);
        let event = Event::new(self.now(), Kind::PlatformDeleted, text);
        let deed = format!("deleted the platform {}", platform.name);
        self.record(event.on(Some(platform.name.as_str())).by(actor).does(deed)).await?;
        self.sweep().await?;
        Ok(platform)
    }
}
