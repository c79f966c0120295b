//! Releases and their images in the database.

use std::collections::HashSet;

use sqlx::FromRow;

use super::{Store, StoreError, signed, unsigned};
use crate::domain::Timestamp;
use crate::domain::digest::Sha256;
use crate::domain::release::{Counters, Image, Release, ReleaseState};
use crate::domain::version::FirmwareVersion;

/// A file that was uploaded and waits for a person's word.
#[derive(Debug, Clone)]
pub struct NewDraft<'a> {
    /// The platform, where one was found or named.
    pub platform_id: Option<i64>,
    /// The version, where one was found or typed.
    pub version: Option<&'a FirmwareVersion>,
    /// What a person wrote about it.
    pub notes: &'a str,
    /// The image; its file is already in place.
    pub image: &'a Image,
    /// Now.
    pub now: Timestamp,
    /// When it is thrown away.
    pub expires_at: Timestamp,
}

/// Which releases a list shows.
#[derive(Debug, Clone, Default)]
pub struct ReleaseFilter {
    /// Only those of this platform.
    pub platform_id: Option<i64>,
    /// Only those in this state.
    pub state: Option<ReleaseState>,
    /// Only those with a lower number: the cursor of the page before.
    pub before: Option<i64>,
    /// At most so many; `None`: all.
    pub limit: Option<u32>,
}

#[derive(FromRow)]
struct ReleaseRow {
    id: i64,
    platform_id: Option<i64>,
    platform: Option<String>,
    version: Option<String>,
    state: String,
    notes: String,
    created_at: i64,
    published_at: Option<i64>,
    expires_at: Option<i64>,
    offers: i64,
    downloads: i64,
    bytes: i64,
    sha256: String,
    md5: String,
    size: i64,
    chip: String,
    chip_certain: bool,
    appended_sha256: Option<String>,
    file_name: String,
}

impl TryFrom<ReleaseRow> for Release {
    type Error = StoreError;

    fn try_from(row: ReleaseRow) -> Result<Self, StoreError> {
        let wrong = |column, value: &str| StoreError::inconsistent("releases", column, value);
        let appended = row.appended_sha256.as_deref();
        let image = Image {
            sha256: row.sha256.parse().map_err(|_| wrong("sha256", &row.sha256))?,
            md5: row.md5.parse().map_err(|_| wrong("md5", &row.md5))?,
            size: unsigned(row.size),
            chip: row.chip.parse().map_err(|_| wrong("chip", &row.chip))?,
            chip_certain: row.chip_certain,
            appended_sha256: appended
                .map(|text| text.parse().map_err(|_| wrong("appended_sha256", text)))
                .transpose()?,
            file_name: row.file_name,
        };
        let state = ReleaseState::read(&row.state).ok_or_else(|| wrong("state", &row.state))?;
        let counters = Counters {
            offers: unsigned(row.offers),
            downloads: unsigned(row.downloads),
            bytes: unsigned(row.bytes),
        };
        Ok(Self {
            id: row.id,
            platform_id: row.platform_id,
            platform: row.platform,
            version: row.version.as_deref().map(FirmwareVersion::read),
            state,
            notes: row.notes,
            image,
            created_at: row.created_at,
            published_at: row.published_at,
            expires_at: row.expires_at,
            counters,
        })
    }
}

impl Store {
    /// Releases by descending number.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn releases(&self, filter: &ReleaseFilter) -> Result<Vec<Release>, StoreError> {
        let rows: Vec<ReleaseRow> = sqlx::query_as(
            "SELECT r.id, r.platform_id, p.name AS platform, r.version, r.state, r.notes,
                    r.created_at, r.published_at, r.expires_at, r.offers, r.downloads, r.bytes,
                    i.sha256, i.md5, i.size, i.chip, i.chip_certain, i.appended_sha256, i.file_name
               FROM releases r
               JOIN images i ON i.release_id = r.id
               LEFT JOIN platforms p ON p.id = r.platform_id
              WHERE (CAST($1 AS INTEGER) IS NULL OR r.platform_id = $1)
                AND (CAST($2 AS TEXT) IS NULL OR r.state = $2)
                AND (CAST($3 AS INTEGER) IS NULL OR r.id < $3)
              ORDER BY r.id DESC
              LIMIT $4",
        )
        .bind(filter.platform_id)
        .bind(filter.state.map(ReleaseState::word))
        .bind(filter.before)
        .bind(filter.limit.map_or(i64::MAX, i64::from))
        .fetch_all(&self.read)
        .await?;
        rows.into_iter().map(Release::try_from).collect()
    }

    /// One release.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn release(&self, id: i64) -> Result<Option<Release>, StoreError> {
        let row: Option<ReleaseRow> = sqlx::query_as(
            "SELECT r.id, r.platform_id, p.name AS platform, r.version, r.state, r.notes,
                    r.created_at, r.published_at, r.expires_at, r.offers, r.downloads, r.bytes,
                    i.sha256, i.md5, i.size, i.chip, i.chip_certain, i.appended_sha256, i.file_name
               FROM releases r
               JOIN images i ON i.release_id = r.id
               LEFT JOIN platforms p ON p.id = r.platform_id
              WHERE r.id = $1",
        )
        .bind(id)
        .fetch_optional(&self.read)
        .await?;
        row.map(Release::try_from).transpose()
    }

    /// All releases and drafts of exactly this file.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn releases_of_file(&self, sha256: Sha256) -> Result<Vec<Release>, StoreError> {
        let ids: Vec<i64> = sqlx::query_scalar(
            "SELECT release_id FROM images WHERE sha256 = $1 ORDER BY release_id DESC",
        )
        .bind(sha256.to_string())
        .fetch_all(&self.read)
        .await?;
        let mut releases = Vec::with_capacity(ids.len());
        for id in ids {
            releases.extend(self.release(id).await?);
        }
        Ok(releases)
    }

    /// Records a draft whose file is already in place.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn insert_draft(&self, draft: &NewDraft<'_>) -> Result<i64, StoreError> {
        let mut transaction = self.write.begin().await?;
        let id: i64 = sqlx::query_scalar(
            "INSERT INTO releases (platform_id, version, version_key, state, notes, created_at,
                                   expires_at)
             VALUES ($1, $2, $3, 'draft', $4, $5, $6)
             RETURNING id",
        )
        .bind(draft.platform_id)
        .bind(draft.version.map(FirmwareVersion::as_str))
        .bind(draft.version.map(FirmwareVersion::key))
        .bind(draft.notes)
        .bind(draft.now)
        .bind(draft.expires_at)
        .fetch_one(&mut *transaction)
        .await?;
        let image = draft.image;
        sqlx::query(
            "INSERT INTO images (release_id, sha256, md5, size, chip, chip_certain, appended_sha256,
                                 file_name)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(id)
        .bind(image.sha256.to_string())
        .bind(image.md5.to_string())
        .bind(signed(image.size))
        .bind(image.chip.slug())
        .bind(image.chip_certain)
        .bind(image.appended_sha256.map(|digest| digest.to_string()))
        .bind(&image.file_name)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(id)
    }

    /// Publishes a draft, or a withdrawn release again.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where the platform has this version already.
    pub async fn publish_release(
        &self,
        id: i64,
        platform_id: i64,
        version: &FirmwareVersion,
        notes: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE releases
                SET state = 'published', platform_id = $2, version = $3, version_key = $4,
                    notes = $5, published_at = $6, expires_at = NULL
              WHERE id = $1",
        )
        .bind(id)
        .bind(platform_id)
        .bind(version.as_str())
        .bind(version.key())
        .bind(notes)
        .bind(now)
        .execute(&self.write)
        .await?;
        Ok(())
    }

    /// Takes a published release back.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn withdraw_release(&self, id: i64) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE releases SET state = 'withdrawn' WHERE id = $1 AND state = 'published'",
        )
        .bind(id)
        .execute(&self.write)
        .await?;
        Ok(())
    }

    /// Changes what a draft or release says: its notes and, while it is a draft, what it would be
    /// published as.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn save_notes(&self, id: i64, notes: &str) -> Result<(), StoreError> {
        sqlx::query("UPDATE releases SET notes = $2 WHERE id = $1")
            .bind(id)
            .bind(notes)
            .execute(&self.write)
            .await?;
        Ok(())
    }

    /// Remembers what a draft would be published as.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn save_draft(
        &self,
        id: i64,
        platform_id: Option<i64>,
        version: Option<&FirmwareVersion>,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE releases SET platform_id = $2, version = $3, version_key = $4
              WHERE id = $1 AND state = 'draft'",
        )
        .bind(id)
        .bind(platform_id)
        .bind(version.map(FirmwareVersion::as_str))
        .bind(version.map(FirmwareVersion::key))
        .execute(&self.write)
        .await?;
        Ok(())
    }

    /// Deletes a release or draft. Its file stays until nothing points at it.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn delete_release(&self, id: i64) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM releases WHERE id = $1").bind(id).execute(&self.write).await?;
        Ok(())
    }

    /// Drafts whose time is over.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn expired_drafts(&self, now: Timestamp) -> Result<Vec<i64>, StoreError> {
        let ids = sqlx::query_scalar(
            "SELECT id FROM releases WHERE state = 'draft' AND expires_at <= $1 ORDER BY id",
        )
        .bind(now)
        .fetch_all(&self.read)
        .await?;
        Ok(ids)
    }

    /// The names of all files that a row points at. Reads on the writing connection, so that it
    /// sees every row that was committed before.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn files_in_use(&self) -> Result<HashSet<Sha256>, StoreError> {
        let names: Vec<String> =
            sqlx::query_scalar("SELECT DISTINCT sha256 FROM images").fetch_all(&self.write).await?;
        let digest = |name: String| {
            name.parse().map_err(|_| StoreError::inconsistent("images", "sha256", name))
        };
        names.into_iter().map(digest).collect()
    }
}
