//! Which image a device runs, where its digest is none of the usual ones.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;

use super::quick::Set;
use super::{App, Error};
use crate::blobs::BlobError;
use crate::domain::chip::Family;
use crate::domain::digest::Md5;
use crate::domain::image::{self, KnownNames};
use crate::domain::release::{Part, Published};
use crate::domain::report::Report;
use crate::store::ImageDigest;

/// Digests that were looked for in vain and are remembered.
const REMEMBERED: usize = 10_000;
/// Bytes that a signature may add to a file behind what a device counts as its program.
const SIGNATURE: u64 = 1024;

/// Digests that were looked for already.
#[derive(Debug)]
pub(super) struct Closer {
    seen: Mutex<Seen>,
    /// One at a time: it costs some hundred digests.
    turn: Arc<Semaphore>,
}

/// What was looked for among which images.
#[derive(Debug, Default)]
struct Seen {
    digests: Set<Md5>,
    images: (usize, i64),
}

impl Default for Closer {
    fn default() -> Self {
        Self { seen: Mutex::default(), turn: Arc::new(Semaphore::new(1)) }
    }
}

impl Closer {
    /// Whether this one was not looked for yet among these images.
    fn is_new(&self, md5: Md5, images: (usize, i64)) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.images != images || seen.digests.len() >= REMEMBERED {
            *seen = Seen { images, digests: Set::default() };
        }
        seen.digests.insert(md5)
    }
}

impl App {
    /// Looks, behind the answer, whether an ESP8266 runs an image whose flash size or clock a cable
    /// changed. Its program's length leaves few images to try.
    pub(super) fn look_closer(&self, report: &Report) {
        let (Some(md5), Some(length)) = (report.sketch_md5, report.sketch_size) else { return };
        if report.family != Family::Esp8266 {
            return;
        }
        // While it is taken, no queue: the next check-in tries again.
        let Ok(turn) = Arc::clone(&self.0.closer.turn).try_acquire_owned() else { return };
        let shelf = self.shelf();
        if !self.0.closer.is_new(md5, shelf.images_mark()) {
            return;
        }
        let length = u64::from(length);
        let long_enough = |release: &&Arc<Published>| {
            let image = &release.image;
            let same = (length..=length + SIGNATURE).contains(&image.size);
            same && image.is_for(Family::Esp8266) && image.part == Part::Application
        };
        let candidates: Vec<_> = shelf.images().filter(long_enough).cloned().collect();
        if candidates.is_empty() {
            return;
        }
        let app = self.clone();
        self.0.tasks.spawn(async move {
            let _turn = turn;
            if let Err(error) = app.find_variant(md5, &candidates).await {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "an image could not be compared with a device's digest");
            }
        });
    }

    async fn find_variant(&self, md5: Md5, candidates: &[Arc<Published>]) -> Result<(), Error> {
        for release in candidates {
            let image = &release.image;
            let bytes = match self.0.blobs.read_once(image.sha256, image.size).await {
                // Deleted meanwhile.
                Err(BlobError::Missing(_)) => continue,
                read => read?,
            };
            let compare = move || {
                let info = image::inspect(&bytes, &KnownNames::default()).ok()?;
                image::rare_digests(&bytes, &info, &[md5])
            };
            let found = tokio::task::spawn_blocking(compare).await.ok().flatten();
            if let Some((md5, variant)) = found {
                let digest = md5.to_string();
                let digest = ImageDigest { digest, flash_mode: variant.flash_mode() };
                let _changing = self.0.changing.lock().await;
                if self.shelf().image(image.id).is_none() {
                    continue;
                }
                self.0.store.add_digest(image.id, &digest).await?;
                return self.restock().await;
            }
        }
        Ok(())
    }
}
