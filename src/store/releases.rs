//! Releases in the database.

use std::collections::{HashMap, HashSet};

use sqlx::{FromRow, SqliteConnection};

use super::images::{ImageRow, insert_image};
use super::{ImageDigest, Store, StoreError, unsigned};
use crate::domain::Timestamp;
use crate::domain::digest::Sha256;
use crate::domain::policy::Channel;
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
    /// The digests that devices may report for it.
    pub digests: &'a [ImageDigest],
    /// Whether its compressed form is to be made.
    pub pack: bool,
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
    channel: String,
    recalled: bool,
    notes: String,
    created_at: i64,
    published_at: Option<i64>,
    expires_at: Option<i64>,
    offers: i64,
    downloads: i64,
    bytes: i64,
}

impl ReleaseRow {
    fn with(self, mut images: Vec<Image>) -> Result<Release, StoreError> {
        let row = self;
        images.sort_by_key(|image| (image.part, image.chip, image.id));
        let mut images = images.into_iter();
        let none = || StoreError::inconsistent("images", "release_id", row.id.to_string());
        let image = images.next().ok_or_else(none)?;
        let wrong = |column, value: &str| StoreError::inconsistent("releases", column, value);
        let state = ReleaseState::read(&row.state).ok_or_else(|| wrong("state", &row.state))?;
        let channel = Channel::read(&row.channel).ok_or_else(|| wrong("channel", &row.channel))?;
        let counters = Counters {
            offers: unsigned(row.offers),
            downloads: unsigned(row.downloads),
            bytes: unsigned(row.bytes),
        };
        Ok(Release {
            id: row.id,
            platform_id: row.platform_id,
            platform: row.platform,
            version: row.version.as_deref().map(FirmwareVersion::read),
            state,
            channel,
            recalled: row.recalled,
            notes: row.notes,
            image,
            others: images.collect(),
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
        // One view of both tables.
        let mut transaction = self.read.begin().await?;
        let rows: Vec<ReleaseRow> = sqlx::query_as(
            "SELECT r.id, r.platform_id, p.name AS platform, r.version, r.state, r.channel,
                    r.recalled, r.notes, r.created_at, r.published_at, r.expires_at, r.offers,
                    r.downloads, r.bytes
               FROM releases r
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
        .fetch_all(&mut *transaction)
        .await?;
        let (Some(newest), Some(oldest)) = (rows.first(), rows.last()) else {
            return Ok(Vec::new());
        };
        let mut images = images_between(&mut transaction, oldest.id, newest.id).await?;
        let release = |row: ReleaseRow| {
            let own = images.remove(&row.id).unwrap_or_default();
            row.with(own)
        };
        rows.into_iter().map(release).collect()
    }

    /// One release.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn release(&self, id: i64) -> Result<Option<Release>, StoreError> {
        let mut transaction = self.read.begin().await?;
        let row: Option<ReleaseRow> = sqlx::query_as(
            "SELECT r.id, r.platform_id, p.name AS platform, r.version, r.state, r.channel,
                    r.recalled, r.notes, r.created_at, r.published_at, r.expires_at, r.offers,
                    r.downloads, r.bytes
               FROM releases r
               LEFT JOIN platforms p ON p.id = r.platform_id
              WHERE r.id = $1",
        )
        .bind(id)
        .fetch_optional(&mut *transaction)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let mut images = images_between(&mut transaction, id, id).await?;
        row.with(images.remove(&id).unwrap_or_default()).map(Some)
    }

    /// All releases and drafts of exactly this file.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn releases_of_file(&self, sha256: Sha256) -> Result<Vec<Release>, StoreError> {
        let ids: Vec<i64> = sqlx::query_scalar(
            "SELECT DISTINCT release_id FROM images WHERE sha256 = $1 OR packed_sha256 = $1
              ORDER BY release_id DESC",
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
        insert_image(&mut transaction, id, draft.image, draft.digests, draft.pack).await?;
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
        channel: Channel,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE releases
                SET state = 'published', platform_id = $2, version = $3, version_key = $4,
                    notes = $5, published_at = $6, expires_at = NULL, recalled = 0, channel = $7
              WHERE id = $1",
        )
        .bind(id)
        .bind(platform_id)
        .bind(version.as_str())
        .bind(version.key())
        .bind(notes)
        .bind(now)
        .bind(channel.word())
        .execute(&self.write)
        .await?;
        Ok(())
    }

    /// The published release of a platform that has this version.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn published_as(
        &self,
        platform_id: i64,
        version: &FirmwareVersion,
    ) -> Result<Option<i64>, StoreError> {
        let id = sqlx::query_scalar(
            "SELECT id FROM releases
              WHERE platform_id = $1 AND version_key = $2 AND state = 'published'",
        )
        .bind(platform_id)
        .bind(version.key())
        .fetch_optional(&self.read)
        .await?;
        Ok(id)
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
        let names: Vec<String> = sqlx::query_scalar(
            "SELECT sha256 FROM images
              UNION SELECT packed_sha256 FROM images WHERE packed_sha256 IS NOT NULL",
        )
        .fetch_all(&self.write)
        .await?;
        let digest = |name: String| {
            name.parse().map_err(|_| StoreError::inconsistent("images", "sha256", name))
        };
        names.into_iter().map(digest).collect()
    }
}

/// The images of all releases from one number to another.
async fn images_between(
    database: &mut SqliteConnection,
    oldest: i64,
    newest: i64,
) -> Result<HashMap<i64, Vec<Image>>, StoreError> {
    let rows: Vec<ImageRow> = sqlx::query_as(
        "SELECT id, release_id, part, sha256, md5, size, chip, chip_certain, flash_size, flash_mode,
                signed, unpacks, appended_sha256, file_name, pack, packed_sha256, packed_md5,
                packed_size, packed_signed
           FROM images WHERE release_id BETWEEN $1 AND $2",
    )
    .bind(oldest)
    .bind(newest)
    .fetch_all(database)
    .await?;
    let mut images: HashMap<i64, Vec<Image>> = HashMap::new();
    for row in rows {
        images.entry(row.release_id).or_default().push(Image::try_from(row)?);
    }
    Ok(images)
}
