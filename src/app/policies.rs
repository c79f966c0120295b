//! What people decide ahead of time: channels, pins, groups, and going back.

use super::{App, Error};
use crate::domain::actor::Actor;
use crate::domain::device::Device;
use crate::domain::event::{Event, Kind};
use crate::domain::group::{Group, GroupName};
use crate::domain::mac::MacAddr;
use crate::domain::policy::{Channel, Policy, QuietHours};
use crate::domain::release::{Part, Published, Release, ReleaseState};
use crate::store::StoreError;

/// What a person wants changed on how a device gets updates.
#[derive(Debug, Clone, Default)]
pub struct PolicyChange {
    /// Which releases it follows.
    pub channel: Option<Channel>,
    /// The release that it is pinned to; the inner `None`: none any more.
    pub pinned: Option<Option<i64>>,
    /// Whether its updates are off.
    pub updates_off: Option<bool>,
    /// The groups it is in, by name; those that do not exist are made.
    pub groups: Option<Vec<String>>,
    /// A group that it joins, by name; made where it does not exist.
    pub join: Option<String>,
    /// A group that it leaves.
    pub leave: Option<i64>,
}

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
    /// Changes how a device gets updates.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::GroupName`], [`Error::State`] where it should be pinned to
    /// what is no published release of its platform.
    pub async fn change_policy(
        &self,
        mac: MacAddr,
        change: &PolicyChange,
        actor: &Actor,
    ) -> Result<(), Error> {
        let groups = change.groups.as_deref().map(group_names).transpose()?;
        let join = change.join.as_deref().map(str::parse::<GroupName>).transpose()?;
        let _changing = self.0.changing.lock().await;
        let device = self.0.store.device(mac).await?.ok_or(Error::NotFound("device"))?;
        let (mut policy, mut said) = (device.policy, Vec::new());
        if let Some(channel) = change.channel.filter(|channel| *channel != policy.channel) {
            policy.channel = channel;
            said.push(format!("It follows {} releases.", channel.word()));
        }
        if let Some(pinned) = change.pinned.filter(|pinned| *pinned != policy.pinned) {
            policy.pinned = pinned;
            said.push(match pinned {
                Some(id) => format!("It is pinned to {}.", self.pinnable(id, device.platform_id)?),
                None => "It is not pinned any more.".to_owned(),
            });
        }
        if let Some(off) = change.updates_off.filter(|off| *off != policy.updates_off) {
            policy.updates_off = off;
            let text = if off { "Its updates are off." } else { "Its updates are on." };
            said.push(text.to_owned());
        }
        if policy != device.policy {
            self.0.store.save_policy(device.id, &policy).await?;
            self.0.fleet.with(mac, |live| live.policy = policy);
        }
        let mut ids = match groups {
            Some(names) => self.groups_named(&names, actor).await?,
            None => device.groups.clone(),
        };
        if let Some(name) = join {
            ids.extend(self.groups_named(&[name], actor).await?);
        }
        ids.retain(|id| change.leave != Some(*id));
        ids.sort_unstable();
        ids.dedup();
        if ids != device.groups {
            said.push(self.put_into(&device, ids).await?);
        }
        if said.is_empty() {
            return Ok(());
        }
        let deed = format!("changed how {} gets updates: {}", device.title(), uncapital(&said));
        let event = Event::new(self.now(), Kind::DeviceEdited, said.join(" ")).of(mac).by(actor);
        self.record(event.on(device.platform.as_deref()).does(deed)).await
    }

    /// Puts a device into exactly these groups; answers that in a sentence.
    async fn put_into(&self, device: &Device, ids: Vec<i64>) -> Result<String, Error> {
        self.0.store.set_groups(device.id, &ids).await?;
        let shelf = self.shelf();
        let names: Vec<_> = shelf.groups().iter().filter(|group| ids.contains(&group.id)).collect();
        let names: Vec<_> = names.iter().map(|group| group.name.as_str()).collect();
        let text = match names.as_slice() {
            [] => "It is in no group.".to_owned(),
            names => format!("It is in {}.", names.join(", ")),
        };
        self.0.fleet.with(device.mac, |live| live.groups = ids.into());
        Ok(text)
    }

    /// Takes the pin from a device that is moved to another platform: that has other releases.
    pub(super) async fn unpin_moved(
        &self,
        device: &Device,
        platform_id: Option<i64>,
    ) -> Result<(), Error> {
        if device.policy.pinned.is_none() || device.platform_id == platform_id {
            return Ok(());
        }
        let policy = Policy { pinned: None, ..device.policy };
        self.0.store.save_policy(device.id, &policy).await?;
        self.0.fleet.with(device.mac, |live| live.policy = policy);
        Ok(())
    }

    /// The title of a release that a device of this platform may be pinned to.
    pub(super) fn pinnable(
        &self,
        release_id: i64,
        platform_id: Option<i64>,
    ) -> Result<String, Error> {
        let shelf = self.shelf();
        let files = shelf.release(release_id).and_then(|files| files.images().first());
        let own = files.filter(|release| Some(release.platform_id) == platform_id);
        let release = own.ok_or(Error::State(
            "a device can only be pinned to a published release of its own platform",
        ))?;
        let platform = shelf.platform_by_id(release.platform_id);
        let name = platform.map(|own| own.platform.name.as_str()).unwrap_or_default();
        Ok(format!("{name} {}", release.version))
    }

    /// The group of this name, in any case.
    #[must_use]
    pub fn group_named(&self, name: &str) -> Option<Group> {
        let key = name.trim().to_lowercase();
        self.shelf().groups().iter().find(|group| group.name.key() == key).cloned()
    }

    /// The numbers of groups; those that do not exist are made.
    async fn groups_named(&self, names: &[GroupName], actor: &Actor) -> Result<Vec<i64>, Error> {
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
        let text = match group.quiet {
            _ if group.name != was.name => format!("{} is called {} now.", was.name, group.name),
            Some(quiet) => format!("{} has quiet hours: {quiet}.", group.name),
            None => format!("{} has no quiet hours any more.", group.name),
        };
        let deed = match group.quiet {
            _ if group.name != was.name => {
                format!("renamed the group {} to {}", was.name, group.name)
            }
            Some(quiet) => format!("set the quiet hours of the group {} to {quiet}", group.name),
            None => format!("removed the quiet hours of the group {}", group.name),
        };
        self.keep_group(&group, (text, deed), actor).await?;
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

    /// Changes whom a published release is for: beta releases are promoted without a new upload.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::State`].
    pub async fn set_channel(
        &self,
        release_id: i64,
        channel: Channel,
        actor: &Actor,
    ) -> Result<Release, Error> {
        let _changing = self.0.changing.lock().await;
        let release = self.0.store.release(release_id).await?;
        let release = release.ok_or(Error::NotFound("release"))?;
        if release.channel == channel {
            return Ok(release);
        }
        self.0.store.set_channel(release_id, channel).await?;
        if release.state == ReleaseState::Draft {
            // That is how it will be published.
            return Ok(Release { channel, ..release });
        }
        self.restock().await?;
        let text = match channel {
            Channel::Stable => format!("{} was promoted to stable.", release.title()),
            Channel::Beta => format!("{} is for beta devices only now.", release.title()),
        };
        let event = Event::new(self.now(), Kind::ReleaseEdited, text).about(release_id).by(actor);
        let deed = match channel {
            Channel::Stable => format!("promoted {} to stable", release.title()),
            Channel::Beta => format!("made {} a beta release", release.title()),
        };
        self.record(event.on(release.platform.as_deref()).does(deed)).await?;
        Ok(Release { channel, ..release })
    }

    /// Takes a release back from the devices that took it: they get the one before it.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::State`].
    pub async fn recall(&self, release_id: i64, actor: &Actor) -> Result<Release, Error> {
        let _changing = self.0.changing.lock().await;
        let release = self.0.store.release(release_id).await?;
        let release = release.ok_or(Error::NotFound("release"))?;
        if release.state == ReleaseState::Draft {
            return Err(Error::State("a draft cannot be recalled; delete it instead"));
        }
        self.end_rollout(release_id, "The release was recalled.").await?;
        self.0.store.recall_releases(&[release_id]).await?;
        self.restock().await?;
        let text = format!(
            "{} was recalled: devices that run it get the release before it.",
            release.title()
        );
        let event = Event::new(self.now(), Kind::Withdrawn, text).about(release_id).by(actor);
        let deed = format!("recalled {}", release.title());
        self.record(event.on(release.platform.as_deref()).does(deed)).await?;
        self.0.store.release(release_id).await?.ok_or(Error::NotFound("release"))
    }

    /// Goes back to a release: all higher ones that the same devices follow are recalled. Answers
    /// them.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::State`] where the release is not published.
    pub async fn go_back(&self, release_id: i64, actor: &Actor) -> Result<Vec<i64>, Error> {
        let _changing = self.0.changing.lock().await;
        let release = self.0.store.release(release_id).await?;
        let release = release.ok_or(Error::NotFound("release"))?;
        if release.state != ReleaseState::Published {
            return Err(Error::State("publish the release first, then go back to it"));
        }
        let higher: Vec<i64> = self.above(&release).iter().map(|own| own.id).collect();
        if higher.is_empty() {
            return Ok(higher);
        }
        for id in &higher {
            self.end_rollout(*id, &format!("Back to {}.", release.title())).await?;
        }
        self.0.store.recall_releases(&higher).await?;
        self.restock().await?;
        let recalled = match higher.len() {
            1 => "the release above it was recalled".to_owned(),
            count => format!("{count} higher releases were recalled"),
        };
        let text = format!("Back to {}: {recalled}.", release.title());
        let event = Event::new(self.now(), Kind::Withdrawn, text).about(release_id).by(actor);
        let deed = format!("went back to {}: {recalled}", release.title());
        self.record(event.on(release.platform.as_deref()).does(deed)).await?;
        Ok(higher)
    }

    /// The published releases above one that the same devices follow: those that going back to it
    /// recalls. Highest first.
    #[must_use]
    pub fn above(&self, release: &Release) -> Vec<std::sync::Arc<Published>> {
        let shelf = self.shelf();
        let platform = release.platform_id.and_then(|id| shelf.platform_by_id(id));
        let (Some(platform), Some(version)) = (platform, &release.version) else {
            return Vec::new();
        };
        let mut above: Vec<_> = platform
            .published
            .iter()
            .filter(|own| own.version > *version && release.channel.follows(own.channel))
            .filter(|own| own.image.part == Part::Application)
            .cloned()
            .collect();
        above.dedup_by_key(|own| own.id);
        above
    }
}

/// Sentences as they go on behind a colon.
fn uncapital(sentences: &[String]) -> String {
    let text = sentences.join(" ");
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}

fn group_names(names: &[String]) -> Result<Vec<GroupName>, Error> {
    let names = names.iter().filter(|name| !name.trim().is_empty());
    names.map(|name| Ok(name.parse::<GroupName>()?)).collect()
}
