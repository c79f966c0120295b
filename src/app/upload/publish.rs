//! A draft becomes a release, or an image of one.

use super::{ReportCard, Wishes};
use crate::app::{App, Error};
use crate::domain::actor::Actor;
use crate::domain::event::{Event, Kind};
use crate::domain::platform::Admission;
use crate::domain::policy::Channel;
use crate::domain::release::{Counters, Image, Question, Release, ReleaseState};
use crate::store::StoreError;

impl App {
    /// Publishes a draft as its uploader wishes.
    ///
    /// # Errors
    /// [`Error::Questions`] where questions are open.
    pub async fn publish_draft(
        &self,
        id: i64,
        wishes: &Wishes,
        actor: &Actor,
    ) -> Result<Release, Error> {
        let _accepting = self.0.accepting.lock().await;
        let card = self.report_card(id, wishes).await?;
        if !card.questions.is_empty() {
            return Err(Error::Questions(Box::new(card)));
        }
        self.check_plan(wishes, card.platform_id)?;
        self.publish_judged(id, &card, wishes, actor).await
    }

    /// Remembers what a draft is to be published as.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is no such draft.
    pub async fn save_draft(
        &self,
        id: i64,
        wishes: &Wishes,
        actor: &Actor,
    ) -> Result<ReportCard, Error> {
        let card = self.report_card(id, wishes).await?;
        self.0.store.save_draft(id, card.platform_id, card.version.as_ref()).await?;
        self.save_chip(card.file.image.id, &card.file.image).await?;
        if let Some(notes) = &wishes.notes {
            self.0.store.save_notes(id, notes).await?;
        }
        let title = self.0.store.release(id).await?.ok_or(Error::NotFound("draft"))?.title();
        let text = format!("The draft {title} was changed.");
        let event = Event::new(self.now(), Kind::ReleaseEdited, text).about(id).by(actor);
        let platform = card.platform_id.and(card.platform.as_deref());
        self.record(event.on(platform).does(format!("changed the draft {title}"))).await?;
        Ok(card)
    }

    /// Remembers what a person said of the chip.
    async fn save_chip(&self, image_id: i64, said: &Image) -> Result<(), Error> {
        Ok(self.0.store.save_chip(image_id, said.chip, said.chip_certain).await?)
    }

    /// Publishes what was judged publishable.
    pub(super) async fn publish_judged(
        &self,
        id: i64,
        card: &ReportCard,
        wishes: &Wishes,
        actor: &Actor,
    ) -> Result<Release, Error> {
        let (Some(name), Some(version)) = (&card.platform, &card.version) else {
            return Err(Error::Questions(Box::new(card.clone())));
        };
        if card.platform_id.is_none() {
            let created = self.create_platform(name, "", Admission::Approved, actor).await;
            match created {
                Ok(_) | Err(Error::PlatformExists(_)) => {}
                Err(error) => return Err(error),
            }
        }
        let _changing = self.0.changing.lock().await;
        let platform = self.shelf().platform(name).cloned().ok_or(Error::NotFound("platform"))?;
        let mut release = self.0.store.release(id).await?.ok_or(Error::NotFound("draft"))?;
        if release.state != ReleaseState::Draft {
            // Somebody else was faster.
            return Ok(release);
        }
        self.save_chip(release.image.id, &card.file.image).await?;
        release.image.chip = card.file.image.chip;
        release.image.chip_certain = card.file.image.chip_certain;
        let notes = wishes.notes.clone().unwrap_or_else(|| release.notes.clone());
        let now = self.now();
        let key = (platform.platform.id, version);
        if let Some(existing) = self.0.store.published_as(key.0, version).await? {
            return self.join(release, existing, &notes, card, actor).await;
        }
        // First the gate, so that no stop in between publishes it to everyone.
        let channel = wishes.channel.unwrap_or(release.channel);
        let (platform_id, known) = (Some(key.0), Some(version.clone()));
        let as_published = Release { platform_id, version: known, channel, ..release.clone() };
        self.begin_rollout(as_published, wishes.plan.as_ref(), actor).await?;
        let published =
            self.0.store.publish_release(id, key.0, version, &notes, channel, now).await;
        if let Err(StoreError::Conflict) = published {
            let mut card = card.clone();
            card.questions.push(Question::VersionExists(version.to_string()));
            return Err(Error::Questions(Box::new(card)));
        }
        published?;
        self.replace_rollouts(id, &platform, version, channel).await?;
        self.restock().await?;
        let to = match channel {
            Channel::Stable => "",
            Channel::Beta => " to beta",
        };
        let text = format!("{} {version} was published{to}.", platform.platform.name);
        let event = Event::new(now, Kind::Published, text).about(id).by(actor);
        let how = wishes.plan.as_ref().map(|plan| format!(", by a rollout ({})", plan.stages));
        let how = how.unwrap_or_default();
        let (name, to) = (&platform.platform.name, channel.word());
        let deed = format!("published {name} {version} to {to}{how}");
        self.record(event.on(Some(platform.platform.name.as_str())).does(deed)).await?;
        self.0.store.release(id).await?.ok_or(Error::NotFound("release"))
    }

    /// The image of a draft becomes one more of a release that is published already.
    async fn join(
        &self,
        draft: Release,
        release_id: i64,
        notes: &str,
        card: &ReportCard,
        actor: &Actor,
    ) -> Result<Release, Error> {
        match self.0.store.add_image(draft.id, release_id, notes).await {
            Err(StoreError::Conflict) => {
                let mut card = card.clone();
                let version = card.version.as_ref().map(ToString::to_string).unwrap_or_default();
                card.questions.push(Question::VersionExists(version));
                return Err(Error::Questions(Box::new(card)));
            }
            done => done?,
        }
        self.restock().await?;
        let release = self.0.store.release(release_id).await?.ok_or(Error::NotFound("release"))?;
        let label = draft.image.label();
        let text = format!("{} got an image for {label} too.", release.title());
        let event = Event::new(self.now(), Kind::Published, text).about(release_id).by(actor);
        let deed = format!("added the {} to {}", draft.image.named(), release.title());
        self.record(event.on(release.platform.as_deref()).does(deed)).await?;
        Ok(release)
    }

    /// What an upload or draft would be as a release; `None` where its platform or version is not
    /// known. Where that version is published, its image would join that release (`true`).
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn as_published(
        &self,
        card: &ReportCard,
        draft_id: i64,
        channel: Channel,
    ) -> Result<Option<(Release, bool)>, Error> {
        let (Some(platform_id), Some(version)) = (card.platform_id, &card.version) else {
            return Ok(None);
        };
        let (image, now) = (card.file.image.clone(), self.now());
        if let Some(id) = self.0.store.published_as(platform_id, version).await?
            && id != draft_id
            && let Some(mut release) = self.0.store.release(id).await?
        {
            release.others.push(image);
            return Ok(Some((release, true)));
        }
        let release = Release {
            id: draft_id,
            platform_id: Some(platform_id),
            platform: card.platform.clone(),
            version: Some(version.clone()),
            state: ReleaseState::Published,
            channel,
            recalled: false,
            notes: String::new(),
            image,
            others: Vec::new(),
            created_at: now,
            published_at: Some(now),
            expires_at: None,
            counters: Counters::default(),
        };
        Ok(Some((release, false)))
    }
}
