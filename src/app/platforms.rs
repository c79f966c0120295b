//! Platforms: created, changed, deleted.

use super::{App, Error, ShelfPlatform};
use crate::domain::event::{Event, Kind};
use crate::domain::names::PlatformName;
use crate::domain::platform::{Admission, GzipPolicy, Platform};
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
        actor: &str,
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
        let event = Event::new(now, Kind::PlatformCreated, text).on(Some(name.as_str()));
        self.record(event.by(actor)).await?;
        let (gzip, floor, proof) = (GzipPolicy::default(), None, Proof::default());
        Ok(Platform { id, name, description, admission, gzip, floor, proof, created_at: now })
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
        actor: &str,
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
        let mut text = format!("The platform {} was changed", was.name);
        if platform.name != was.name {
            text = format!("The platform {} is called {} now", was.name, platform.name);
        } else if platform.admission != was.admission {
            text = match platform.admission {
                Admission::Any => format!("{} is open to any device now", was.name),
                Admission::Approved => format!("{} is for approved devices only now", was.name),
            };
        }
        if platform.floor != was.floor && platform.name == was.name {
            text = match &platform.floor {
                Some(floor) => format!("Nothing below {floor} is offered to {} any more", was.name),
                None => format!("{} has no lowest version any more", was.name),
            };
        }
        if platform.proof != was.proof && platform.name == was.name {
            text = proof_text(&platform);
        }
        let event = Event::new(self.now(), Kind::PlatformEdited, format!("{text}."));
        self.record(event.on(Some(platform.name.as_str())).by(actor)).await?;
        Ok(platform)
    }

    /// Deletes a platform with its releases; its devices become pending ones.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn delete_platform(&self, name: &str, actor: &str) -> Result<Platform, Error> {
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
        self.record(event.on(Some(platform.name.as_str())).by(actor)).await?;
        self.sweep().await?;
        Ok(platform)
    }
}
