//! Whom a published release is for: beta releases are promoted without a new upload.

use super::rollouts::PlanWish;
use super::{App, Error};
use crate::domain::actor::Actor;
use crate::domain::event::{Event, Kind};
use crate::domain::policy::Channel;
use crate::domain::release::{Release, ReleaseState};

impl App {
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
        self.put_on(release, channel, actor).await
    }

    /// The same for whoever holds `changing`.
    async fn put_on(
        &self,
        release: Release,
        channel: Channel,
        actor: &Actor,
    ) -> Result<Release, Error> {
        if release.channel == channel {
            return Ok(release);
        }
        let release_id = release.id;
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

    /// Promotes a published beta release to stable by a plan; `None`: all at once. A rollout that
    /// it has as a beta ends.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::State`] where it is not published, [`Error::Plan`].
    pub async fn promote(
        &self,
        release_id: i64,
        plan: Option<&PlanWish>,
        actor: &Actor,
    ) -> Result<Release, Error> {
        let _changing = self.0.changing.lock().await;
        let release = self.0.store.release(release_id).await?;
        let release = release.ok_or(Error::NotFound("release"))?;
        if release.state != ReleaseState::Published {
            return Err(Error::State("the release is not published"));
        }
        if release.channel == Channel::Stable {
            return Ok(release);
        }
        // First the gate, so that no stop in between gives it to everyone.
        let promoted = Release { channel: Channel::Stable, ..release.clone() };
        self.begin_rollout(promoted, plan, actor).await?;
        self.end_rollout(release_id, "It was promoted to stable.").await?;
        let platform = release.platform_id.and_then(|id| self.shelf().platform_by_id(id).cloned());
        if let Some((platform, version)) = platform.zip(release.version.clone()) {
            self.replace_rollouts(release_id, &platform, &version, Channel::Stable).await?;
        }
        self.put_on(release, Channel::Stable, actor).await
    }
}
