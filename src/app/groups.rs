//! Groups of devices: made, changed, deleted.

use super::{App, Error};
use crate::domain::actor::Actor;
use crate::domain::event::{Event, Kind};
use crate::domain::group::{Group, GroupName};
use crate::domain::policy::QuietHours;
use crate::store::StoreError;

/// What a person wants changed on a group.
#[derive(Debug, Clone, Default)]
pub struct GroupChange {
    /// Its new name.
    pub name: Option<String>,
    /// Its quiet hours, like `22:00-06:00`; empty: none.
    pub quiet: Option<String>,
}

/// Quiet hours from what a person wrote; empty: none.
pub(super) fn quiet_hours(text: &str) -> Result<Option<QuietHours>, Error> {
    let text = text.trim();
    if text.is_empty() { Ok(None) } else { Ok(Some(text.parse()?)) }
}

impl App {
    /// The group of this name, in any case.
    #[must_use]
    pub fn group_named(&self, name: &str) -> Option<Group> {
        let key = name.trim().to_lowercase();
        self.shelf().groups().iter().find(|group| group.name.key() == key).cloned()
    }

    /// The numbers of groups; those that do not exist are made.
    pub(super) async fn groups_named(
        &self,
        names: &[GroupName],
        actor: &Actor,
    ) -> Result<Vec<i64>, Error> {
        let mut ids = Vec::new();
        for name in names {
            if let Some(group) = self.group_named(name.as_str()) {
                ids.push(group.id);
                continue;
            }
            ids.push(self.0.store.create_group(name, self.now()).await?);
            self.restock().await?;
            let event =
                Event::new(self.now(), Kind::Grouped, format!("The group {name} was made."));
            let event = event.by(actor).concerning(name.as_str());
            self.record(event.does(format!("made the group {name}"))).await?;
        }
        Ok(ids)
    }

    /// Makes a group.
    ///
    /// # Errors
    /// [`Error::GroupName`], [`Error::GroupExists`], [`Error::Quiet`].
    pub async fn create_group(
        &self,
        name: &str,
        quiet: &str,
        actor: &Actor,
    ) -> Result<Group, Error> {
        let (name, quiet): (GroupName, _) = (name.parse()?, quiet_hours(quiet)?);
        let _changing = self.0.changing.lock().await;
        let created_at = self.now();
        let id = match self.0.store.create_group(&name, created_at).await {
            Err(StoreError::Conflict) => return Err(Error::GroupExists(name.to_string())),
            made => made?,
        };
        let group = Group { id, name, quiet, created_at };
        let hours = quiet.map(|quiet| format!(" with quiet hours {quiet}")).unwrap_or_default();
        let told = (
            format!("The group {} was made{hours}.", group.name),
            format!("made the group {}{hours}", group.name),
        );
        self.keep_group(&group, told, actor).await?;
        Ok(group)
    }

    /// Renames a group or changes its quiet hours.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::GroupName`], [`Error::GroupExists`], [`Error::Quiet`].
    pub async fn change_group(
        &self,
        id: i64,
        change: &GroupChange,
        actor: &Actor,
    ) -> Result<Group, Error> {
        let _changing = self.0.changing.lock().await;
        let was = self.shelf().group(id).cloned().ok_or(Error::NotFound("group"))?;
        let mut group = was.clone();
        if let Some(name) = &change.name {
            group.name = name.parse()?;
        }
        if let Some(quiet) = &change.quiet {
            group.quiet = quiet_hours(quiet)?;
        }
        if group == was {
            return Ok(group);
        }
        self.keep_group(&group, told(&was, &group), actor).await?;
        Ok(group)
    }

    async fn keep_group(
        &self,
        group: &Group,
        (text, deed): (String, String),
        actor: &Actor,
    ) -> Result<(), Error> {
        if let Err(StoreError::Conflict) = self.0.store.save_group(group).await {
            return Err(Error::GroupExists(group.name.to_string()));
        }
        self.restock().await?;
        let event = Event::new(self.now(), Kind::Grouped, text).by(actor).does(deed);
        self.record(event.concerning(group.name.as_str())).await
    }

    /// Deletes a group; its devices stay, and rollouts that were for it alone are ended.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::State`] where a release is for this group only.
    pub async fn delete_group(&self, id: i64, actor: &Actor) -> Result<Group, Error> {
        let _changing = self.0.changing.lock().await;
        let shelf = self.shelf();
        let group = shelf.group(id).cloned().ok_or(Error::NotFound("group"))?;
        if shelf.gates().any(|gate| gate.rollout.group == Some(id)) {
            return Err(Error::State(
                "a release is for this group only; withdraw it, or publish it to others first",
            ));
        }
        self.0.store.delete_group(id).await?;
        self.0.fleet.leave_group(id);
        self.restock().await?;
        let text = format!("The group {} was deleted.", group.name);
        let event = Event::new(self.now(), Kind::Grouped, text).by(actor);
        let event = event.concerning(group.name.as_str());
        self.record(event.does(format!("deleted the group {}", group.name))).await?;
        Ok(group)
    }
}

/// What became of a group, for the events and as a deed.
fn told(was: &Group, is: &Group) -> (String, String) {
    let (mut said, mut done) = (Vec::new(), Vec::new());
    if is.name != was.name {
        said.push(format!("{} is called {} now.", was.name, is.name));
        done.push(format!("renamed the group {} to {}", was.name, is.name));
    }
    if is.quiet != was.quiet {
        let of = if done.is_empty() { format!(" of the group {}", is.name) } else { String::new() };
        let the = if done.is_empty() { "the" } else { "its" };
        if let Some(quiet) = is.quiet {
            said.push(format!("{} has quiet hours: {quiet}.", is.name));
            done.push(format!("set {the} quiet hours{of} to {quiet}"));
        } else {
            said.push(format!("{} has no quiet hours any more.", is.name));
            done.push(format!("removed {the} quiet hours{of}"));
        }
    }
    (said.join(" "), done.join(" and "))
}
