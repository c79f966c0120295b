//! The digests of devices' secrets in the database.

use std::collections::HashMap;

use sqlx::FromRow;

use super::{Store, StoreError};
use crate::domain::Timestamp;
use crate::domain::device_secret::{Kept, SecretDigest, Secrets};

/// Whose a secret is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretOwner {
    /// All devices of this platform.
    Platform(
        /// Its number.
        i64,
    ),
    /// This device.
    Device(
        /// Its number.
        i64,
    ),
}

#[derive(FromRow)]
struct SecretRow {
    id: i64,
    owner: i64,
    digest: String,
    typed: bool,
    made_at: i64,
}

impl Store {
    /// The secrets that the devices of a platform share, by platform.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn platform_secrets(&self) -> Result<HashMap<i64, Secrets>, StoreError> {
        let rows: Vec<SecretRow> = sqlx::query_as(
            "SELECT id, platform_id AS owner, digest, typed, made_at
               FROM device_secrets
              WHERE platform_id IS NOT NULL
              ORDER BY id",
        )
        .fetch_all(&self.read)
        .await?;
        by_owner(rows)
    }

    /// The secrets of single devices, by device.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn device_secrets(&self) -> Result<HashMap<i64, Secrets>, StoreError> {
        let rows: Vec<SecretRow> = sqlx::query_as(
            "SELECT id, device_id AS owner, digest, typed, made_at
               FROM device_secrets
              WHERE device_id IS NOT NULL
              ORDER BY id",
        )
        .fetch_all(&self.read)
        .await?;
        by_owner(rows)
    }

    /// Keeps the digest of a new secret, in the place of another one where that is named.
    ///
    /// # Errors
    /// Where the database fails; then nothing is changed.
    pub async fn add_secret(
        &self,
        owner: SecretOwner,
        digest: &SecretDigest,
        typed: bool,
        instead_of: Option<i64>,
        now: Timestamp,
    ) -> Result<i64, StoreError> {
        let (platform_id, device_id) = match owner {
            SecretOwner::Platform(id) => (Some(id), None),
            SecretOwner::Device(id) => (None, Some(id)),
        };
        let mut transaction = self.write.begin().await?;
        if let Some(id) = instead_of {
            sqlx::query("DELETE FROM device_secrets WHERE id = $1")
                .bind(id)
                .execute(&mut *transaction)
                .await?;
        }
        let id = sqlx::query_scalar(
            "INSERT INTO device_secrets (platform_id, device_id, digest, typed, made_at)
             VALUES ($1, $2, $3, $4, $5)
             RETURNING id",
        )
        .bind(platform_id)
        .bind(device_id)
        .bind(digest.text())
        .bind(typed)
        .bind(now)
        .fetch_one(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(id)
    }

    /// Forgets a secret: nobody proves anything with it any more.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn end_secret(&self, id: i64) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM device_secrets WHERE id = $1")
            .bind(id)
            .execute(&self.write)
            .await?;
        Ok(())
    }
}

/// Rows in the order of their numbers as the secrets of each owner.
fn by_owner(rows: Vec<SecretRow>) -> Result<HashMap<i64, Secrets>, StoreError> {
    let mut all: HashMap<i64, Secrets> = HashMap::new();
    for SecretRow { id, owner, digest, typed, made_at } in rows {
        // Its text is nothing for a log.
        let wrong = || StoreError::inconsistent("device_secrets", "digest", id.to_string());
        let digest = SecretDigest::read(&digest).ok_or_else(wrong)?;
        let secrets = all.entry(owner).or_default();
        *secrets = secrets.with(Kept { id, digest, typed, made_at });
    }
    Ok(all)
}
