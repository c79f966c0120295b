//! Images in the database, with the digests that devices report for them.

use std::collections::HashMap;

use sqlx::{FromRow, SqliteConnection};

use super::{Store, StoreError, signed, unsigned};
use crate::domain::chip::Chip;
use crate::domain::digest::Sha256;
use crate::domain::release::{Image, Packed, Part};

/// A digest that a device may report for an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageDigest {
    /// MD5 or SHA-256 in lower-case hexadecimal.
    pub digest: String,
    /// The flash mode in which the image then runs, where the digest tells it.
    pub flash_mode: Option<u8>,
}

/// An image whose compressed form is to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToPack {
    /// Its number.
    pub image_id: i64,
    /// Its file.
    pub sha256: Sha256,
    /// Bytes of its file.
    pub size: u64,
}

/// An image as it is kept.
#[derive(FromRow)]
#[expect(clippy::struct_excessive_bools, reason = "a row has the columns it has")]
pub(super) struct ImageRow {
    id: i64,
    pub(super) release_id: i64,
    part: String,
    sha256: String,
    md5: String,
    size: i64,
    chip: String,
    chip_certain: bool,
    flash_size: Option<i64>,
    flash_mode: Option<i64>,
    signed: bool,
    unpacks: bool,
    appended_sha256: Option<String>,
    file_name: String,
    pack: String,
    packed_sha256: Option<String>,
    packed_md5: Option<String>,
    packed_size: Option<i64>,
    packed_signed: bool,
}

fn wrong(column: &'static str, value: &str) -> StoreError {
    StoreError::inconsistent("images", column, value)
}

impl ImageRow {
    fn packed(&self) -> Result<Option<Packed>, StoreError> {
        let (Some(sha256), Some(md5), Some(size)) =
            (&self.packed_sha256, &self.packed_md5, self.packed_size)
        else {
            return Ok(None);
        };
        Ok(Some(Packed {
            sha256: sha256.parse().map_err(|_| wrong("packed_sha256", sha256))?,
            md5: md5.parse().map_err(|_| wrong("packed_md5", md5))?,
            size: unsigned(size),
            signed: self.packed_signed,
            uploaded: self.pack == "uploaded",
        }))
    }
}

impl TryFrom<ImageRow> for Image {
    type Error = StoreError;

    fn try_from(row: ImageRow) -> Result<Self, StoreError> {
        let appended = row.appended_sha256.as_deref();
        Ok(Self {
            id: row.id,
            packed: row.packed()?,
            part: Part::read(&row.part).ok_or_else(|| wrong("part", &row.part))?,
            sha256: row.sha256.parse().map_err(|_| wrong("sha256", &row.sha256))?,
            md5: row.md5.parse().map_err(|_| wrong("md5", &row.md5))?,
            size: unsigned(row.size),
            chip: row.chip.parse().map_err(|_| wrong("chip", &row.chip))?,
            chip_certain: row.chip_certain,
            flash_size: row.flash_size.map(unsigned),
            flash_mode: row.flash_mode.and_then(|mode| u8::try_from(mode).ok()),
            signed: row.signed,
            unpacks: row.unpacks,
            appended_sha256: appended
                .map(|text| text.parse().map_err(|_| wrong("appended_sha256", text)))
                .transpose()?,
            file_name: row.file_name,
        })
    }
}

/// Records an image with its digests. `wanted`: its compressed form is to be made.
pub(super) async fn insert_image(
    database: &mut SqliteConnection,
    release_id: i64,
    image: &Image,
    digests: &[ImageDigest],
    wanted: bool,
) -> Result<i64, StoreError> {
    let packed = image.packed.as_ref();
    let pack = match packed {
        Some(packed) if packed.uploaded => "uploaded",
        Some(_) => "made",
        None if wanted => "wanted",
        None => "none",
    };
    let id: i64 = sqlx::query_scalar(
        "INSERT INTO images (release_id, part, sha256, md5, size, chip, chip_certain, flash_size,
                             flash_mode, signed, unpacks, appended_sha256, file_name, pack,
                             packed_sha256, packed_md5, packed_size, packed_signed, indexed)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, 1)
         RETURNING id",
    )
    .bind(release_id)
    .bind(image.part.word())
    .bind(image.sha256.to_string())
    .bind(image.md5.to_string())
    .bind(signed(image.size))
    .bind(image.chip.slug())
    .bind(image.chip_certain)
    .bind(image.flash_size.map(signed))
    .bind(image.flash_mode.map(i64::from))
    .bind(image.signed)
    .bind(image.unpacks)
    .bind(image.appended_sha256.map(|digest| digest.to_string()))
    .bind(&image.file_name)
    .bind(pack)
    .bind(packed.map(|packed| packed.sha256.to_string()))
    .bind(packed.map(|packed| packed.md5.to_string()))
    .bind(packed.map(|packed| signed(packed.size)))
    .bind(packed.is_some_and(|packed| packed.signed))
    .fetch_one(&mut *database)
    .await?;
    insert_digests(database, id, digests).await?;
    Ok(id)
}

async fn insert_digests(
    database: &mut SqliteConnection,
    image_id: i64,
    digests: &[ImageDigest],
) -> Result<(), StoreError> {
    for ImageDigest { digest, flash_mode } in digests {
        sqlx::query(
            "INSERT INTO digests (image_id, digest, flash_mode) VALUES ($1, $2, $3)
             ON CONFLICT (image_id, digest) DO NOTHING",
        )
        .bind(image_id)
        .bind(digest)
        .bind(flash_mode.map(i64::from))
        .execute(&mut *database)
        .await?;
    }
    Ok(())
}

impl Store {
    /// All digests that devices may report, by the image they tell.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn digests(&self) -> Result<HashMap<i64, Vec<ImageDigest>>, StoreError> {
        let rows: Vec<(i64, String, Option<i64>)> =
            sqlx::query_as("SELECT image_id, digest, flash_mode FROM digests ORDER BY image_id")
                .fetch_all(&self.read)
                .await?;
        let mut digests: HashMap<i64, Vec<ImageDigest>> = HashMap::new();
        for (image_id, digest, flash_mode) in rows {
            let flash_mode = flash_mode.and_then(|mode| u8::try_from(mode).ok());
            digests.entry(image_id).or_default().push(ImageDigest { digest, flash_mode });
        }
        Ok(digests)
    }

    /// Adds a digest that a device reported and that turned out to be an image's.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn add_digest(&self, image_id: i64, digest: &ImageDigest) -> Result<(), StoreError> {
        let mut transaction = self.write.begin().await?;
        insert_digests(&mut transaction, image_id, std::slice::from_ref(digest)).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Images of earlier versions of the program, of which nothing but the file is known yet.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn images_to_index(&self) -> Result<Vec<ToPack>, StoreError> {
        self.open_work("SELECT id, sha256, size FROM images WHERE indexed = 0 ORDER BY id").await
    }

    /// Images whose compressed form is to be made.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn images_to_pack(&self) -> Result<Vec<ToPack>, StoreError> {
        self.open_work("SELECT id, sha256, size FROM images WHERE pack = 'wanted' ORDER BY id")
            .await
    }

    async fn open_work(&self, query: &'static str) -> Result<Vec<ToPack>, StoreError> {
        let rows: Vec<(i64, String, i64)> = sqlx::query_as(query).fetch_all(&self.read).await?;
        let work = |(image_id, sha256, size): (i64, String, i64)| {
            let digest = sha256.parse().map_err(|_| wrong("sha256", &sha256))?;
            Ok(ToPack { image_id, sha256: digest, size: unsigned(size) })
        };
        rows.into_iter().map(work).collect()
    }

    /// Records what was read out of an image of an earlier version of the program.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn save_index(
        &self,
        image_id: i64,
        image: Option<&Image>,
        digests: &[ImageDigest],
        wanted: bool,
    ) -> Result<(), StoreError> {
        let mut transaction = self.write.begin().await?;
        if let Some(image) = image {
            sqlx::query(
                "UPDATE images
                    SET flash_size = $2, flash_mode = $3, signed = $4, unpacks = $5, pack = $6
                  WHERE id = $1",
            )
            .bind(image_id)
            .bind(image.flash_size.map(signed))
            .bind(image.flash_mode.map(i64::from))
            .bind(image.signed)
            .bind(image.unpacks)
            .bind(if wanted { "wanted" } else { "none" })
            .execute(&mut *transaction)
            .await?;
        }
        sqlx::query("UPDATE images SET indexed = 1 WHERE id = $1")
            .bind(image_id)
            .execute(&mut *transaction)
            .await?;
        insert_digests(&mut transaction, image_id, digests).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Records the compressed form of an image, whose file is in place; `None`: there is none that
    /// would be smaller.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn save_packed(
        &self,
        image_id: i64,
        packed: Option<&Packed>,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE images
                SET pack = $2, packed_sha256 = $3, packed_md5 = $4, packed_size = $5,
                    packed_signed = 0
              WHERE id = $1 AND pack = 'wanted'",
        )
        .bind(image_id)
        .bind(if packed.is_some() { "made" } else { "none" })
        .bind(packed.map(|packed| packed.sha256.to_string()))
        .bind(packed.map(|packed| packed.md5.to_string()))
        .bind(packed.map(|packed| signed(packed.size)))
        .execute(&self.write)
        .await?;
        Ok(())
    }

    /// Records for which chip an image is, and whether that is certain.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn save_chip(
        &self,
        image_id: i64,
        chip: Chip,
        certain: bool,
    ) -> Result<(), StoreError> {
        sqlx::query("UPDATE images SET chip = $2, chip_certain = $3 WHERE id = $1")
            .bind(image_id)
            .bind(chip.slug())
            .bind(certain)
            .execute(&self.write)
            .await?;
        Ok(())
    }

    /// Gives the image of a draft to a published release, and ends the draft.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where the release has an image for that chip and part already.
    pub async fn add_image(
        &self,
        draft_id: i64,
        release_id: i64,
        notes: &str,
    ) -> Result<(), StoreError> {
        let mut transaction = self.write.begin().await?;
        sqlx::query("UPDATE images SET release_id = $2 WHERE release_id = $1")
            .bind(draft_id)
            .bind(release_id)
            .execute(&mut *transaction)
            .await?;
        sqlx::query(
            "UPDATE releases SET notes = CASE WHEN $2 = '' THEN notes ELSE $2 END WHERE id = $1",
        )
        .bind(release_id)
        .bind(notes)
        .execute(&mut *transaction)
        .await?;
        sqlx::query("DELETE FROM releases WHERE id = $1 AND state = 'draft'")
            .bind(draft_id)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Deletes one image of a release that has others. Its file stays until nothing points at it.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn delete_image(&self, image_id: i64) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM images WHERE id = $1").bind(image_id).execute(&self.write).await?;
        Ok(())
    }
}
