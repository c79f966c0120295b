//! What people decide ahead of time: channels, pins, groups, and going back.

use super::{App, Decided, Error};
use crate::domain::actor::Actor;
use crate::domain::device::Device;
use crate::domain::event::{Event, Kind};
use crate::domain::group::GroupName;
use crate::domain::mac::MacAddr;
use crate::domain::policy::{Channel, Policy};
use crate::domain::release::{Part, Published, Release, ReleaseState};

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

    /// How a device would get updates after such a change. A group that does not exist yet has
    /// nothing to say.
    #[must_use]
    pub fn as_decided(&self, device: &Device, change: &PolicyChange) -> Decided {
        let policy = Policy {
            channel: change.channel.unwrap_or(device.policy.channel),
            pinned: change.pinned.unwrap_or(device.policy.pinned),
            updates_off: change.updates_off.unwrap_or(device.policy.updates_off),
        };
        let known = |name: &String| self.group_named(name).map(|group| group.id);
        let mut groups = match &change.groups {
            Some(names) => names.iter().filter_map(known).collect(),
            None => device.groups.clone(),
        };
        groups.extend(change.join.as_ref().and_then(known));
        groups.retain(|id| change.leave != Some(*id));
        groups.sort_unstable();
        groups.dedup();
        Decided { policy, groups }
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
