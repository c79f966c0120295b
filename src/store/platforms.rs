//! Platforms in the database.

use sqlx::FromRow;

use super::groups::quiet;
use super::{Store, StoreError, unsigned};
use crate::domain::Timestamp;
use crate::domain::names::PlatformName;
use crate::domain::platform::{Admission, GzipPolicy, Platform};
use crate::domain::policy::Rule;
use crate::domain::version::FirmwareVersion;

/// A platform with the numbers that a list shows.
#[derive(Debug, Clone)]
pub struct PlatformSummary {
    /// The platform.
    pub platform: Platform,
    /// Its approved devices.
    pub devices: u64,
    /// Devices that wait for approval and asked for it.
    pub pending: u64,
    /// Its releases, drafts not counted.
    pub releases: u64,
}

#[derive(FromRow)]
struct PlatformRow {
    id: i64,
    name: String,
    description: String,
    admission: String,
    gzip: String,
    floor: Option<String>,
    rule: String,
    pinned: Option<i64>,
    quiet: Option<String>,
    created_at: i64,
}

#[derive(FromRow)]
struct SummaryRow {
    #[sqlx(flatten)]
    platform: PlatformRow,
    devices: i64,
    pending: i64,
    releases: i64,
}

impl TryFrom<PlatformRow> for Platform {
    type Error = StoreError;

    fn try_from(row: PlatformRow) -> Result<Self, StoreError> {
        let wrong = |column, value: &str| StoreError::inconsistent("platforms", column, value);
        let name: PlatformName = row.name.parse().map_err(|_| wrong("name", &row.name))?;
        let admission =
            Admission::read(&row.admission).ok_or_else(|| wrong("admission", &row.admission))?;
        let gzip = GzipPolicy::read(&row.gzip).ok_or_else(|| wrong("gzip", &row.gzip))?;
        let floor = row.floor.as_deref().map(FirmwareVersion::read);
        let rule = Rule::read(&row.rule).ok_or_else(|| wrong("rule", &row.rule))?;
        let quiet = quiet("platforms", row.quiet.as_deref())?;
        let PlatformRow { id, description, pinned, created_at, .. } = row;
        Ok(Self { id, name, description, admission, gzip, floor, rule, pinned, quiet, created_at })
    }
}

impl Store {
    /// All platforms, by name.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn platforms(&self) -> Result<Vec<Platform>, StoreError> {
        let rows: Vec<PlatformRow> = sqlx::query_as(
            "SELECT id, name, description, admission, gzip, floor, rule, pinned, quiet, created_at
               FROM platforms
              ORDER BY key",
        )
        .fetch_all(&self.read)
        .await?;
        rows.into_iter().map(Platform::try_from).collect()
    }

    /// All platforms with the numbers that a list shows, by name.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn platform_summaries(&self) -> Result<Vec<PlatformSummary>, StoreError> {
        let rows: Vec<SummaryRow> = sqlx::query_as(
            "SELECT p.id, p.name, p.description, p.admission, p.gzip, p.floor, p.rule, p.pinned,
                    p.quiet, p.created_at,
                    (SELECT count(*) FROM devices d
                      WHERE d.platform_id = p.id AND d.approval = 'approved') AS devices,
                    (SELECT count(*) FROM devices d
                      WHERE d.approval = 'pending' AND lower(d.asked_for) = p.key) AS pending,
                    (SELECT count(*) FROM releases r
                      WHERE r.platform_id = p.id AND r.state <> 'draft') AS releases
               FROM platforms p
              ORDER BY p.key",
        )
        .fetch_all(&self.read)
        .await?;
        let summary = |row: SummaryRow| {
            let (devices, pending) = (unsigned(row.devices), unsigned(row.pending));
            let releases = unsigned(row.releases);
            Ok(PlatformSummary { platform: row.platform.try_into()?, devices, pending, releases })
        };
        rows.into_iter().map(summary).collect()
    }

    /// Creates a platform.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where one of this name exists.
    pub async fn create_platform(
        &self,
        name: &PlatformName,
        description: &str,
        admission: Admission,
        now: Timestamp,
    ) -> Result<i64, StoreError> {
        let id = sqlx::query_scalar(
            "INSERT INTO platforms (name, key, description, admission, created_at)
             VALUES ($1, $2, $3, $4, $5)
             RETURNING id",
        )
        .bind(name.as_str())
        .bind(name.key())
        .bind(description)
        .bind(admission.word())
        .bind(now)
        .fetch_one(&self.write)
        .await?;
        Ok(id)
    }

    /// Renames and describes a platform; its events follow its name.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where another one has the new name.
    pub async fn save_platform(&self, platform: &Platform, was: &str) -> Result<(), StoreError> {
        let mut transaction = self.write.begin().await?;
        sqlx::query(
            "UPDATE platforms
                SET name = $1, key = $2, description = $3, admission = $4, gzip = $6, floor = $7,
                    rule = $8, pinned = $9, quiet = $10
              WHERE id = $5",
        )
        .bind(platform.name.as_str())
        .bind(platform.name.key())
        .bind(&platform.description)
        .bind(platform.admission.word())
        .bind(platform.id)
        .bind(platform.gzip.word())
        .bind(platform.floor.as_ref().map(FirmwareVersion::as_str))
        .bind(platform.rule.word())
        .bind(platform.pinned)
        .bind(platform.quiet.map(|quiet| quiet.to_string()))
        .execute(&mut *transaction)
        .await?;
        sqlx::query("UPDATE events SET platform = $1 WHERE platform = $2 AND $1 <> $2")
            .bind(platform.name.as_str())
            .bind(was)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Deletes a platform with its releases. Its devices become pending ones that keep their name
    /// and history.
    ///
    /// # Errors
    /// Where the database fails; then nothing is deleted.
    pub async fn delete_platform(&self, platform: &Platform) -> Result<(), StoreError> {
        let mut transaction = self.write.begin().await?;
        sqlx::query(
            "UPDATE devices
                SET approval = 'pending', platform_id = NULL, approved_at = NULL, pinned = NULL,
                    asked_for = coalesce(asked_for, $2)
              WHERE platform_id = $1",
        )
        .bind(platform.id)
        .bind(platform.name.as_str())
        .execute(&mut *transaction)
        .await?;
        sqlx::query("DELETE FROM checkins WHERE platform_id = $1")
            .bind(platform.id)
            .execute(&mut *transaction)
            .await?;
        sqlx::query("DELETE FROM platforms WHERE id = $1")
            .bind(platform.id)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }
}
