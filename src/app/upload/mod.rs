//! A file is uploaded: received, looked at, kept as a draft or published.

mod judge;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{App, Error};
use crate::blobs::{Arrived, BlobError, Incoming};
use crate::domain::chip::Family;
use crate::domain::digest::Sha256;
use crate::domain::event::{Event, Kind};
use crate::domain::image::{self, ImageInfo, Unusable};
use crate::domain::platform::Admission;
use crate::domain::release::{Image, Question, Release, ReleaseState};
use crate::domain::version::FirmwareVersion;
use crate::store::{NewDraft, StoreError};
use judge::existing;

/// Seconds for which a draft is kept.
const DRAFT_LIFE: i64 = 24 * 3600;
/// Characters of a file's name that are kept.
const FILE_NAME_LIMIT: usize = 120;

/// A file that is being received. Dropped before its end, it leaves nothing behind.
#[derive(Debug)]
pub struct Receiving {
    app: App,
    file_name: String,
    incoming: Incoming,
}

/// A file that arrived whole and is firmware.
#[derive(Debug)]
pub struct Accepted {
    arrived: Arrived,
    info: ImageInfo,
    image: Image,
}

/// What a person or a build server wants done with a file.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    /// The platform; without it the one that the file names.
    pub platform: Option<String>,
    /// The version; without it the one that the file names.
    pub version: Option<String>,
    /// What to write about it.
    pub notes: Option<String>,
    /// Codes of the questions that are answered with "do it anyway".
    pub accept: Vec<String>,
    /// Whether to publish it at once.
    pub publish: bool,
    /// Whether to keep a draft where it cannot be published without an answer; else nothing is.
    pub keep_on_questions: bool,
    /// Whether to only look at it.
    pub dry_run: bool,
}

/// What is known of a file before it is published.
#[derive(Debug, Clone)]
pub struct ReportCard {
    /// What was read out of it.
    pub info: ImageInfo,
    /// The image as it is stored.
    pub image: Image,
    /// The platform it would be published on; it may not exist yet.
    pub platform: Option<String>,
    /// That platform's number, where it exists.
    pub platform_id: Option<i64>,
    /// The version it would be published as.
    pub version: Option<FirmwareVersion>,
    /// The newest published version of that platform.
    pub newest: Option<String>,
    /// What keeps it from being published.
    pub questions: Vec<Question>,
    /// Questions that were answered with "do it anyway".
    pub accepted: Vec<Question>,
}

/// What became of an upload.
#[derive(Debug)]
pub enum Uploaded {
    /// It was only looked at.
    Looked(Box<ReportCard>),
    /// It waits as a draft.
    Draft(Box<Release>, Box<ReportCard>),
    /// It is published.
    Published(Box<Release>, Box<ReportCard>),
    /// Exactly this file is a release already.
    Existing(Box<Release>, Box<ReportCard>),
}

impl Receiving {
    /// Adds bytes.
    ///
    /// # Errors
    /// [`Error::TooLarge`] beyond the limit, [`Error::DiskFull`].
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        Ok(self.incoming.write(bytes).await?)
    }

    /// Looks at the whole file.
    ///
    /// # Errors
    /// [`Error::Unusable`] where it is no firmware; nothing is kept then.
    pub async fn finish(self) -> Result<Accepted, Error> {
        // A whole image is in memory from here on.
        let _turn = self.app.0.inspecting.acquire().await;
        let arrived = self.incoming.finish().await?;
        let (bytes, known) = (arrived.bytes.clone(), self.app.shelf().known_names());
        let info = inspect(bytes, known).await??;
        let image = Image {
            sha256: arrived.sha256,
            md5: arrived.md5,
            size: arrived.bytes.len() as u64,
            chip: info.chip,
            chip_certain: info.chip_certain,
            appended_sha256: info.appended_sha256.map(Sha256),
            file_name: self.file_name,
        };
        Ok(Accepted { arrived, info, image })
    }
}

/// Looks at an image on a thread of its own, so that polls go on meanwhile.
async fn inspect(
    bytes: bytes::Bytes,
    known: Arc<image::KnownNames>,
) -> Result<Result<ImageInfo, Unusable>, Error> {
    let done = tokio::task::spawn_blocking(move || image::inspect(&bytes, &known)).await;
    done.map_err(|error| Error::Blob(BlobError::Io(std::io::Error::other(error))))
}

impl App {
    /// Begins to receive a file.
    ///
    /// # Errors
    /// [`Error::NotBin`] where its name does not end in `.bin`.
    pub async fn receive(&self, file_name: &str) -> Result<Receiving, Error> {
        let name = file_name.rsplit(['/', '\\']).next().unwrap_or_default();
        let name: String = name.chars().filter(|c| !c.is_control()).take(FILE_NAME_LIMIT).collect();
        if name.to_ascii_lowercase().ends_with(".bin.gz")
            || name.to_ascii_lowercase().ends_with(".gz")
        {
            return Err(Error::Unusable(Unusable::Gzip));
        }
        if !name.to_ascii_lowercase().ends_with(".bin") {
            return Err(Error::NotBin(name));
        }
        let number = self.0.uploads.fetch_add(1, Ordering::Relaxed);
        let incoming = self.0.blobs.receive(number, self.0.limits.max_upload).await?;
        Ok(Receiving { app: self.clone(), file_name: name, incoming })
    }

    /// Logs an upload that was refused.
    pub fn upload_refused(&self, file_name: &str, error: &Error, actor: &str) {
        let file_name: String = file_name.chars().take(FILE_NAME_LIMIT).collect();
        let text = if error.is_internal() {
            let error: &dyn std::error::Error = error;
            tracing::error!(error, "an upload failed");
            format!("The upload of {file_name} failed; the cause is in the server's log.")
        } else {
            let error = error.to_string();
            format!("The upload of {file_name} was refused: {}.", error.trim_end_matches('.'))
        };
        self.record_later(Event::new(self.now(), Kind::UploadRefused, text).by(actor));
    }

    /// Keeps a file that arrived, as its uploader wishes.
    ///
    /// # Errors
    /// [`Error::Questions`] where it should be published and cannot be without an answer, and no
    /// draft is wanted; nothing is kept then.
    pub async fn accept(
        &self,
        upload: Accepted,
        wishes: &Wishes,
        actor: &str,
    ) -> Result<Uploaded, Error> {
        let Accepted { arrived, info, image } = upload;
        let _accepting = self.0.accepting.lock().await;
        let twins = self.twins(image.sha256).await?;
        let card = self.judge(info, image, None, wishes).await?;
        if let Some(twin) = existing(&twins, &card, wishes) {
            return Ok(Uploaded::Existing(Box::new(twin), Box::new(card)));
        }
        if wishes.dry_run {
            return Ok(Uploaded::Looked(Box::new(card)));
        }
        if wishes.publish && !wishes.keep_on_questions && !card.questions.is_empty() {
            return Err(Error::Questions(Box::new(card)));
        }
        let id = self.keep_draft(&arrived, &card, wishes, actor).await?;
        drop(arrived);
        for twin in twins.iter().filter(|twin| twin.state == ReleaseState::Draft) {
            self.0.store.delete_release(twin.id).await?;
        }
        if wishes.publish && card.questions.is_empty() {
            let release = self.publish_judged(id, &card, wishes, actor).await?;
            return Ok(Uploaded::Published(Box::new(release), Box::new(card)));
        }
        let draft = self.0.store.release(id).await?.ok_or(Error::NotFound("draft"))?;
        Ok(Uploaded::Draft(Box::new(draft), Box::new(card)))
    }

    /// File first, row second.
    async fn keep_draft(
        &self,
        arrived: &Arrived,
        card: &ReportCard,
        wishes: &Wishes,
        actor: &str,
    ) -> Result<i64, Error> {
        let now = self.now();
        let kept = self.0.blobs.keep(arrived).await?;
        let draft = NewDraft {
            platform_id: card.platform_id,
            version: card.version.as_ref(),
            notes: wishes.notes.as_deref().unwrap_or_default(),
            image: &card.image,
            now,
            expires_at: now + DRAFT_LIFE,
        };
        let id = self.0.store.insert_draft(&draft).await;
        drop(kept);
        let id = id?;
        let text = format!("{} was uploaded ({} bytes).", card.image.file_name, card.image.size);
        let event = Event::new(now, Kind::Uploaded, text).about(id).by(actor);
        let platform = card.platform_id.and(card.platform.as_deref());
        self.record(event.on(platform)).await?;
        Ok(id)
    }

    /// All releases and drafts of exactly this file.
    async fn twins(&self, sha256: Sha256) -> Result<Vec<Release>, Error> {
        Ok(self.0.store.releases_of_file(sha256).await?)
    }

    /// The report card of a draft or release, as it would be published with these wishes.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is none of this number.
    pub async fn report_card(&self, id: i64, wishes: &Wishes) -> Result<ReportCard, Error> {
        let release = self.0.store.release(id).await?.ok_or(Error::NotFound("release"))?;
        let image = release.image;
        let bytes = self.0.blobs.read(image.sha256, image.size).await?;
        let info = inspect(bytes, self.shelf().known_names()).await??;
        let mut wishes = wishes.clone();
        if wishes.platform.is_none() {
            wishes.platform = release.platform;
        }
        if wishes.version.is_none() {
            wishes.version = release.version.map(|version| version.to_string());
        }
        self.judge(info, image, Some(id), &wishes).await
    }

    /// Publishes a draft as its uploader wishes.
    ///
    /// # Errors
    /// [`Error::Questions`] where questions are open.
    pub async fn publish_draft(
        &self,
        id: i64,
        wishes: &Wishes,
        actor: &str,
    ) -> Result<Release, Error> {
        let _accepting = self.0.accepting.lock().await;
        let card = self.report_card(id, wishes).await?;
        if !card.questions.is_empty() {
            return Err(Error::Questions(Box::new(card)));
        }
        self.publish_judged(id, &card, wishes, actor).await
    }

    /// Remembers what a draft is to be published as.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is no such draft.
    pub async fn save_draft(&self, id: i64, wishes: &Wishes) -> Result<ReportCard, Error> {
        let card = self.report_card(id, wishes).await?;
        self.0.store.save_draft(id, card.platform_id, card.version.as_ref()).await?;
        if let Some(notes) = &wishes.notes {
            self.0.store.save_notes(id, notes).await?;
        }
        Ok(card)
    }

    /// Publishes what was judged publishable.
    async fn publish_judged(
        &self,
        id: i64,
        card: &ReportCard,
        wishes: &Wishes,
        actor: &str,
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
        let release = self.0.store.release(id).await?.ok_or(Error::NotFound("draft"))?;
        if release.state != ReleaseState::Draft {
            // Somebody else was faster.
            return Ok(release);
        }
        let notes = wishes.notes.as_deref().unwrap_or(&release.notes);
        let now = self.now();
        let published =
            self.0.store.publish_release(id, platform.platform.id, version, notes, now).await;
        if let Err(StoreError::Conflict) = published {
            let mut card = card.clone();
            card.questions.push(Question::VersionExists(version.to_string()));
            return Err(Error::Questions(Box::new(card)));
        }
        published?;
        self.restock().await?;
        let text = format!("{} {version} was published.", platform.platform.name);
        let event = Event::new(now, Kind::Published, text).about(id).by(actor);
        self.record(event.on(Some(platform.platform.name.as_str()))).await?;
        self.0.store.release(id).await?.ok_or(Error::NotFound("release"))
    }
}

impl ReportCard {
    /// The family that the image is for.
    #[must_use]
    pub const fn family(&self) -> Family {
        self.image.chip.family()
    }
}
