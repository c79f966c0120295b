//! Platforms: created, changed, deleted.

use super::policies::quiet_hours;
use super::{App, Error};
use crate::domain::actor::Actor;
use crate::domain::event::{Event, Kind};
use crate::domain::names::PlatformName;
use crate::domain::platform::{Admission, GzipPolicy, Platform};
use crate::domain::policy::Rule;
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
        let event = Event::new(now, Kind::PlatformCreated, text).on(Some(name.as_str()));
        self.record(event.by(actor)).await?;
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
            created_at: now,
        })
    }

    /// Renames or describes a platform, or opens it to any device.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Name`], [`Error::PlatformExists`].
    pub async fn change_platform(
        &self,
        name: &str,
        change: &PlatformChange,
        actor: &Actor,
    ) -> Result<Platform, Error> {
        let _changing = self.0.changing.lock().await;
        let was = self.shelf().platform(name).cloned().ok_or(Error::NotFound("platform"))?;
        let was = &was.platform;
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
        self.record(event.on(Some(platform.name.as_str())).by(actor)).await?;
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
        self.record(event.on(Some(platform.name.as_str())).by(actor)).await?;
        self.sweep().await?;
        Ok(platform)
    }
}
