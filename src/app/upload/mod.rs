//! A file is uploaded: received, looked at, kept as a draft or published.

mod card;
mod examined;
mod fits;
mod judge;
mod publish;

use std::sync::atomic::Ordering;

use bytes::Bytes;

use super::{App, Error, PlanWish};
use crate::blobs::{Arrived, Incoming};
use crate::domain::actor::Actor;
use crate::domain::digest::{Md5, Sha256};
use crate::domain::event::{Event, Kind};
use crate::domain::policy::Channel;
use crate::domain::release::{ChipChoice, Image, Release, ReleaseState};
use crate::store::NewDraft;
use examined::{Original, examine_apart, examine_to_keep};
use judge::existing;

pub use card::ReportCard;
pub use examined::{Examined, Inside};
pub use fits::{Fits, Lacking, Previous};

/// Seconds for which a draft is kept.
const DRAFT_LIFE: i64 = 24 * 3600;
/// Characters of a file's name that are kept.
const FILE_NAME_LIMIT: usize = 120;
/// How the names of firmware files end; the ESP8266's signing tool adds `.signed`.
const FILE_NAMES: [&str; 4] = [".bin", ".bin.gz", ".bin.signed", ".bin.gz.signed"];

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
    /// What was compressed in it.
    inflated: Option<Bytes>,
    file: Examined,
}

/// What a person or a build server wants done with a file.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a wish of its own, in any combination")]
pub struct Wishes {
    /// The platform; without it the one that the file names.
    pub platform: Option<String>,
    /// The version; without it the one that the file names.
    pub version: Option<String>,
    /// The chip it is for, where the file does not tell.
    pub chip: Option<ChipChoice>,
    /// What to write about it.
    pub notes: Option<String>,
    /// Codes of the questions that are answered with "do it anyway".
    pub accept: Vec<String>,
    /// Whom it is for; without it all devices, or of a release that was published whom it was for.
    pub channel: Option<Channel>,
    /// How it reaches them; without it all at once.
    pub plan: Option<PlanWish>,
    /// Whether to publish it at once.
    pub publish: bool,
    /// Whether to keep a draft where it cannot be published without an answer; else nothing is.
    pub keep_on_questions: bool,
    /// Whether to only look at it.
    pub dry_run: bool,
    /// Whether whoever wishes may upload for every platform, so that a draft for none makes way.
    pub anywhere: bool,
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

/// Whether an upload takes the place of a draft of the same file: where both are for the same
/// platform, which whoever uploads was asked for, or for none yet.
fn is_replaced(twin: &Release, card: &ReportCard, wishes: &Wishes) -> bool {
    let unnamed = || wishes.platform.as_deref().is_none_or(|name| name.trim().is_empty());
    twin.state == ReleaseState::Draft
        && match twin.platform_id {
            Some(_) => twin.platform_id == card.platform_id,
            None => wishes.anywhere || card.platform_id.is_none() && unnamed(),
        }
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
        let original = Original::new(&arrived, self.file_name);
        let (known, limit) = (self.app.shelf().known_names(), self.app.0.limits.max_upload);
        let (file, inflated) = examine_to_keep(original, known, limit).await?;
        Ok(Accepted { arrived, inflated, file })
    }
}

impl App {
    /// Begins to receive a file.
    ///
    /// # Errors
    /// [`Error::NotBin`] where its name does not end in `.bin`.
    pub async fn receive(&self, file_name: &str) -> Result<Receiving, Error> {
        let name = file_name.rsplit(['/', '\\']).next().unwrap_or_default();
        let name: String = name.chars().filter(|c| !c.is_control()).take(FILE_NAME_LIMIT).collect();
        let lower = name.to_ascii_lowercase();
        if !FILE_NAMES.iter().any(|ending| lower.ends_with(ending)) {
            return Err(Error::NotBin(name));
        }
        let incoming = self.incoming().await?;
        Ok(Receiving { app: self.clone(), file_name: name, incoming })
    }

    async fn incoming(&self) -> Result<Incoming, Error> {
        let number = self.0.uploads.fetch_add(1, Ordering::Relaxed);
        Ok(self.0.blobs.receive(number, self.0.limits.max_upload).await?)
    }

    /// Logs an upload that was refused.
    pub fn upload_refused(&self, file_name: &str, error: &Error, actor: &Actor) {
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
        actor: &Actor,
    ) -> Result<Uploaded, Error> {
        let Accepted { arrived, inflated, file } = upload;
        let _accepting = self.0.accepting.lock().await;
        let twins = self.twins(file.image.sha256).await?;
        let card = self.judge(file, None, wishes).await?;
        if let Some(twin) = existing(&twins, &card, wishes) {
            return Ok(Uploaded::Existing(Box::new(twin), Box::new(card)));
        }
        if wishes.dry_run {
            return Ok(Uploaded::Looked(Box::new(card)));
        }
        if wishes.publish && !wishes.keep_on_questions && !card.questions.is_empty() {
            return Err(Error::Questions(Box::new(card)));
        }
        self.check_plan(wishes, card.platform_id)?;
        let id = self.keep_draft(&arrived, inflated, &card, wishes, actor).await?;
        drop(arrived);
        for twin in twins.iter().filter(|twin| is_replaced(twin, &card, wishes)) {
            self.0.store.delete_release(twin.id).await?;
        }
        if wishes.publish && card.questions.is_empty() {
            let release = self.publish_judged(id, &card, wishes, actor).await?;
            return Ok(Uploaded::Published(Box::new(release), Box::new(card)));
        }
        if let Some(channel) = wishes.channel {
            self.0.store.set_channel(id, channel).await?;
        }
        let draft = self.0.store.release(id).await?.ok_or(Error::NotFound("draft"))?;
        Ok(Uploaded::Draft(Box::new(draft), Box::new(card)))
    }

    /// File first, row second.
    async fn keep_draft(
        &self,
        arrived: &Arrived,
        inflated: Option<Bytes>,
        card: &ReportCard,
        wishes: &Wishes,
        actor: &Actor,
    ) -> Result<i64, Error> {
        let now = self.now();
        let kept = self.0.blobs.keep(arrived).await?;
        if let Some(inflated) = inflated {
            let inflated = self.arrive(&inflated).await?;
            self.0.blobs.keep_too(&kept, &inflated).await?;
        }
        let draft = NewDraft {
            platform_id: card.platform_id,
            version: card.version.as_ref(),
            notes: wishes.notes.as_deref().unwrap_or_default(),
            image: &card.file.image,
            digests: &card.file.digests,
            pack: card.file.packable,
            now,
            expires_at: now + DRAFT_LIFE,
        };
        let id = self.0.store.insert_draft(&draft).await;
        drop(kept);
        let id = id?;
        self.pack_later();
        let (name, size) = (&card.file.image.file_name, arrived.bytes.len());
        let text = format!("{name} was uploaded ({size} bytes).");
        let event = Event::new(now, Kind::Uploaded, text).about(id).by(actor);
        let deed = match (&card.platform, &card.version) {
            (Some(platform), Some(version)) => {
                format!("uploaded {platform} {version} ({name}, {size} bytes)")
            }
            _ => format!("uploaded {name} ({size} bytes)"),
        };
        let platform = card.platform_id.and(card.platform.as_deref());
        self.record(event.on(platform).does(deed)).await?;
        Ok(id)
    }

    /// Reads out of images of earlier versions of the program what serving needs to know.
    pub(in crate::app) async fn index_images(&self) -> Result<(), Error> {
        let images = self.0.store.images_to_index().await?;
        for image in &images {
            let file = match self.0.blobs.read_once(image.sha256, image.size).await {
                Ok(bytes) => {
                    let (sha256, md5) = (image.sha256, Md5::of(&bytes));
                    let original = Original { bytes, sha256, md5, file_name: String::new() };
                    examine_to_keep(original, self.shelf().known_names(), u64::MAX).await.ok()
                }
                Err(_) => None,
            };
            let (file, _) = file.unzip();
            let digests = file.as_ref().map(|file| file.digests.as_slice()).unwrap_or_default();
            let wanted = file.as_ref().is_some_and(|file| file.packable);
            let own = file.as_ref().map(|file| &file.image);
            self.0.store.save_index(image.image_id, own, digests, wanted).await?;
        }
        if images.is_empty() { Ok(()) } else { self.restock().await }
    }

    /// Bytes of the server's own making as a file that is not in place yet.
    pub(super) async fn arrive(&self, bytes: &[u8]) -> Result<Arrived, Error> {
        let mut incoming = self.incoming().await?;
        incoming.write(bytes).await?;
        Ok(incoming.finish().await?)
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
        let stored = release.image;
        let original = self.original(&stored).await?;
        let (known, limit) = (self.shelf().known_names(), self.0.limits.max_upload);
        let (mut file, _) = examine_apart(original, known, limit).await?;
        file.remember(stored);
        let mut wishes = wishes.clone();
        if wishes.platform.is_none() {
            wishes.platform = release.platform;
        }
        if wishes.version.is_none() {
            wishes.version = release.version.map(|version| version.to_string());
        }
        self.judge(file, Some(id), &wishes).await
    }

    /// The file of an image as it was uploaded.
    async fn original(&self, image: &Image) -> Result<Original, Error> {
        let packed = image.packed.as_ref().filter(|packed| packed.uploaded);
        let (sha256, md5, size) = match packed {
            Some(packed) => (packed.sha256, packed.md5, packed.size),
            None => (image.sha256, image.md5, image.size),
        };
        let bytes = self.0.blobs.read_once(sha256, size).await?;
        Ok(Original { bytes, sha256, md5, file_name: image.file_name.clone() })
    }
}
