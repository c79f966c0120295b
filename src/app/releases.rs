//! Releases after their publication: withdrawn, published again, described, deleted, downloaded.

use bytes::Bytes;

use super::{App, Error, Wishes};
use crate::domain::actor::Actor;
use crate::domain::event::{Event, Kind};
use crate::domain::release::{Image, Release, ReleaseState};

/// What a person wants changed on a release or draft.
#[derive(Debug, Clone, Default)]
pub struct ReleaseChange {
    /// The state it should have.
    pub state: Option<ReleaseState>,
    /// For a draft: as what it is to be published. For a release only the notes count.
    pub wishes: Wishes,
}

/// Which file of a release a person wants.
#[derive(Debug, Clone, Copy, Default)]
pub struct FileWish {
    /// The number of its image; `None`: the first.
    pub image: Option<i64>,
    /// Whether in its compressed form.
    pub packed: bool,
}

impl App {
    /// Changes a release or draft.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Questions`] where a draft cannot be published yet,
    /// [`Error::State`] where a release should become a draft again.
    pub async fn change_release(
        &self,
        id: i64,
        change: &ReleaseChange,
        actor: &Actor,
    ) -> Result<Release, Error> {
        let mut release = self.0.store.release(id).await?.ok_or(Error::NotFound("release"))?;
        if release.state == ReleaseState::Draft {
            return match change.state {
                Some(ReleaseState::Published) => {
                    self.publish_draft(id, &change.wishes, actor).await
                }
                Some(ReleaseState::Withdrawn) => {
                    Err(Error::State("a draft cannot be withdrawn; delete it instead"))
                }
                Some(ReleaseState::Draft) | None => {
                    self.save_draft(id, &change.wishes, actor).await?;
                    self.0.store.release(id).await?.ok_or(Error::NotFound("draft"))
                }
            };
        }
        if change.state == Some(ReleaseState::Draft) {
            return Err(Error::State("a release cannot become a draft again"));
        }
        if let Some(notes) = &change.wishes.notes
            && *notes != release.notes
        {
            self.0.store.save_notes(id, notes).await?;
            release.notes.clone_from(notes);
            let text = format!("The notes of {} were changed.", release.title());
            let event = Event::new(self.now(), Kind::ReleaseEdited, text).about(id).by(actor);
            let deed = format!("changed the notes of {}", release.title());
            self.record(event.on(release.platform.as_deref()).does(deed)).await?;
        }
        match change.state {
            None | Some(ReleaseState::Draft) => {}
            Some(ReleaseState::Withdrawn) => self.withdraw(&release, actor).await?,
            Some(ReleaseState::Published) => {
                self.publish_again(&release, &change.wishes, actor).await?;
            }
        }
        self.0.store.release(id).await?.ok_or(Error::NotFound("release"))
    }

    async fn withdraw(&self, release: &Release, actor: &Actor) -> Result<(), Error> {
        if release.state == ReleaseState::Withdrawn {
            return Ok(());
        }
        let _changing = self.0.changing.lock().await;
        self.end_rollout(release.id, "The release was withdrawn.").await?;
        self.0.store.withdraw_release(release.id).await?;
        self.restock().await?;
        let text = format!("{} was withdrawn; nobody gets it any more.", release.title());
        let event = Event::new(self.now(), Kind::Withdrawn, text).about(release.id).by(actor);
        let deed = format!("withdrew {}", release.title());
        self.record(event.on(release.platform.as_deref()).does(deed)).await
    }

    async fn publish_again(
        &self,
        release: &Release,
        wishes: &Wishes,
        actor: &Actor,
    ) -> Result<(), Error> {
        // One whose rollout was ended is published to nobody new: it can be published again.
        if release.state == ReleaseState::Published && !self.has_ended_rollout(release.id) {
            return Ok(());
        }
        let (Some(platform_id), Some(version)) = (release.platform_id, &release.version) else {
            return Err(Error::State("the release has no platform or version"));
        };
        let _changing = self.0.changing.lock().await;
        let (id, now) = (release.id, self.now());
        let channel = wishes.channel.unwrap_or(release.channel);
        let as_published = Release { channel, ..release.clone() };
        self.begin_rollout(as_published, wishes.plan.as_ref(), actor).await?;
        self.0
            .store
            .publish_release(id, platform_id, version, &release.notes, channel, now)
            .await?;
        self.restock().await?;
        let text = format!("{} was published again.", release.title());
        let event = Event::new(now, Kind::Published, text).about(id).by(actor);
        let deed = format!("published {} again", release.title());
        self.record(event.on(release.platform.as_deref()).does(deed)).await
    }

    /// Deletes a release or throws a draft away. Row first, file last.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is none of this number.
    pub async fn delete_release(&self, id: i64, actor: &Actor) -> Result<Release, Error> {
        let release = {
            let _changing = self.0.changing.lock().await;
            let release = self.0.store.release(id).await?.ok_or(Error::NotFound("release"))?;
            if self.0.store.pinned_to(id).await? > 0 {
                let text = "devices are pinned to this release; pin them to another one first";
                return Err(Error::State(text));
            }
            self.0.store.delete_release(id).await?;
            self.restock().await?;
            release
        };
        let title = release.title();
        let (text, deed) = match release.state {
            ReleaseState::Draft => (
                format!("The draft {title} was thrown away."),
                format!("threw the draft {title} away"),
            ),
            ReleaseState::Published | ReleaseState::Withdrawn => {
                (format!("{title} was deleted."), format!("deleted {title}"))
            }
        };
        let event = Event::new(self.now(), Kind::ReleaseDeleted, text).about(id).by(actor);
        self.record(event.on(release.platform.as_deref()).does(deed)).await?;
        self.sweep().await?;
        Ok(release)
    }

    /// Takes one image out of a release that has others. Row first, file last.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is none of these numbers, [`Error::State`] where it is the
    /// only one.
    pub async fn remove_image(
        &self,
        release_id: i64,
        image_id: i64,
        actor: &Actor,
    ) -> Result<(Release, Image), Error> {
        let (release, image) = {
            let _changing = self.0.changing.lock().await;
            let release = self.0.store.release(release_id).await?;
            let release = release.ok_or(Error::NotFound("release"))?;
            let image = image_of(&release, image_id)?.clone();
            if release.others.is_empty() {
                let text = "this is the only image of the release; delete the release instead";
                return Err(Error::State(text));
            }
            self.0.store.delete_image(image_id).await?;
            self.restock().await?;
            (release, image)
        };
        let text = format!("The {} of {} was removed.", image.named(), release.title());
        let event = Event::new(self.now(), Kind::ReleaseEdited, text).about(release_id).by(actor);
        let deed = format!("removed the {} of {}", image.named(), release.title());
        self.record(event.on(release.platform.as_deref()).does(deed)).await?;
        self.sweep().await?;
        Ok((release, image))
    }

    /// A file of a release or draft, for a person. It counts as no download.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is none of this number or in this form.
    pub async fn release_file(
        &self,
        id: i64,
        wish: FileWish,
    ) -> Result<(Release, Image, Bytes), Error> {
        let release = self.0.store.release(id).await?.ok_or(Error::NotFound("release"))?;
        let image = match wish.image {
            Some(image) => image_of(&release, image)?,
            None => &release.image,
        };
        let image = image.clone();
        let (sha256, size) = if wish.packed {
            let packed = image.packed.as_ref().ok_or(Error::NotFound("compressed form"))?;
            (packed.sha256, packed.size)
        } else {
            (image.sha256, image.size)
        };
        let bytes = self.0.blobs.read(sha256, size).await?;
        Ok((release, image, bytes))
    }
}

fn image_of(release: &Release, image_id: i64) -> Result<&Image, Error> {
    release.images().find(|image| image.id == image_id).ok_or(Error::NotFound("image"))
}
