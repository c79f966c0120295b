//! The compressed form of ESP8266 images, made behind the answers.

use std::num::NonZeroU64;

use bytes::Bytes;

use super::{App, Error};
use crate::blobs::BlobError;
use crate::domain::actor::Actor;
use crate::domain::event::{Event, Kind};
use crate::domain::image::{Check, Contents, KnownNames, examine};
use crate::domain::release::{Packed, Release};
use crate::store::ToPack;

/// Rounds of zopfli: beyond these a firmware hardly gets smaller.
const ROUNDS: NonZeroU64 = NonZeroU64::new(5).unwrap();
/// The bytes around the deflated data: header, CRC-32 and length.
const CONTAINER: usize = 18;

/// About how many bytes the compressed form of an image will have; rather more than fewer.
pub(super) fn estimate(bytes: &[u8]) -> u64 {
    (miniz_oxide::deflate::compress_to_vec(bytes, 6).len() + CONTAINER) as u64
}

/// The compressed form of an image: one member, no name, nothing behind it (`protocol.md` §2.3).
/// It is unpacked again and compared before anyone gets it. `None` where it would not be smaller.
fn pack(bytes: &[u8]) -> Result<Option<Vec<u8>>, std::io::Error> {
    let options = zopfli::Options { iteration_count: ROUNDS, ..zopfli::Options::default() };
    let mut packed = Vec::with_capacity(bytes.len());
    zopfli::compress(options, zopfli::Format::Gzip, bytes, &mut packed)?;
    match examine(&packed, &KnownNames::default(), bytes.len().saturating_add(1)) {
        Contents::Compressed { gzip, .. }
            if gzip.inflated == bytes && gzip.crc32 == Check::Right && gzip.warnings.is_empty() =>
        {
            Ok((packed.len() < bytes.len()).then_some(packed))
        }
        _ => Err(std::io::Error::other("the compressed image does not unpack to the same bytes")),
    }
}

impl App {
    /// Makes the compressed forms that are wanted, behind the answers.
    pub(super) fn pack_later(&self) {
        let app = self.clone();
        self.0.tasks.spawn(async move {
            if let Err(error) = app.pack_wanted().await {
                let error: &dyn std::error::Error = &error;
                tracing::error!(error, "an image could not be compressed; it is tried again");
            }
        });
    }

    /// Makes the compressed forms that are wanted, one after the other.
    ///
    /// # Errors
    /// Where database or disk fails; what is still wanted is made the next time.
    pub async fn pack_wanted(&self) -> Result<(), Error> {
        let _turn = self.0.packing.lock().await;
        let mut failed = None;
        for wanted in self.0.store.images_to_pack().await? {
            // One that fails must not keep the others waiting for ever.
            if let Err(error) = self.pack_one(wanted).await {
                failed.get_or_insert(error);
            }
        }
        failed.map_or(Ok(()), Err)
    }

    async fn pack_one(&self, wanted: ToPack) -> Result<(), Error> {
        let bytes = match self.0.blobs.read_once(wanted.sha256, wanted.size).await {
            Ok(bytes) => bytes,
            Err(BlobError::Missing(_)) => {
                return Ok(self.0.store.save_packed(wanted.image_id, None).await?);
            }
            Err(error) => return Err(error.into()),
        };
        let Some(packed) = pack_apart(bytes).await? else {
            return Ok(self.0.store.save_packed(wanted.image_id, None).await?);
        };
        let _changing = self.0.changing.lock().await;
        let open = self.0.store.images_to_pack().await?;
        if !open.iter().any(|open| open.image_id == wanted.image_id) {
            // It was deleted meanwhile.
            return Ok(());
        }
        let arrived = self.arrive(&packed).await?;
        let kept = self.0.blobs.keep(&arrived).await?;
        let form = Packed {
            sha256: arrived.sha256,
            md5: arrived.md5,
            size: packed.len() as u64,
            signed: false,
            uploaded: false,
        };
        self.0.store.save_packed(wanted.image_id, Some(&form)).await?;
        drop(kept);
        self.restock().await?;
        self.tell_packed(wanted, form.size).await
    }

    /// Tells that a compressed form is ready. Of a draft, too: which comes first, the form or the
    /// publication, is a matter of milliseconds, and the event log must not depend on it.
    async fn tell_packed(&self, wanted: ToPack, size: u64) -> Result<(), Error> {
        let releases = self.0.store.releases_of_file(wanted.sha256).await?;
        let own = |release: &&Release| release.images().any(|image| image.id == wanted.image_id);
        let Some(release) = releases.iter().find(own) else { return Ok(()) };
        let saved = 100 - size.saturating_mul(100) / wanted.size.max(1);
        let title = release.title();
        let text = format!("The compressed form of {title} is ready; it is {saved} % smaller.");
        let event = Event::new(self.now(), Kind::Packed, text).about(release.id);
        self.record_later(event.on(release.platform.as_deref()).by(Actor::machine()));
        Ok(())
    }
}

/// Compresses on a thread of its own: it takes seconds.
async fn pack_apart(bytes: Bytes) -> Result<Option<Vec<u8>>, Error> {
    let packed = tokio::task::spawn_blocking(move || pack(&bytes)).await;
    let packed =
        packed.map_err(|error| Error::Blob(BlobError::Io(std::io::Error::other(error))))?;
    Ok(packed.map_err(BlobError::Io)?)
}
