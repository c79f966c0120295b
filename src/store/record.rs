//! Recording a release as another version, in the database.

use super::{Store, StoreError};
use crate::domain::Timestamp;
use crate::domain::version::FirmwareVersion;

impl Store {
    /// Records a release as another version; these devices have it, and their latest attempts are
    /// confirmed.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where the platform has this version already; then nothing is
    /// changed.
    pub async fn record_as(
        &self,
        id: i64,
        version: &FirmwareVersion,
        devices: &[i64],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut transaction = self.write.begin().await?;
        sqlx::query("UPDATE releases SET version = $2, version_key = $3 WHERE id = $1")
            .bind(id)
            .bind(version.as_str())
            .bind(version.key())
            .execute(&mut *transaction)
            .await?;
        sqlx::query("UPDATE attempts SET version = $2 WHERE release_id = $1")
            .bind(id)
            .bind(version.as_str())
            .execute(&mut *transaction)
            .await?;
        for device_id in devices {
            sqlx::query(
                "UPDATE attempts SET state = 'confirmed', settled_at = coalesce(settled_at, $3)
                  WHERE release_id = $1 AND device_id = $2 AND state = 'not_taken'
                    AND id = (SELECT max(id) FROM attempts
                               WHERE device_id = $2 AND part = 'application')",
            )
            .bind(id)
            .bind(device_id)
            .bind(now)
            .execute(&mut *transaction)
            .await?;
            sqlx::query(
                "DELETE FROM tallies
                  WHERE release_id = $1 AND device_id = $2 AND hold = 'reports_other'",
            )
            .bind(id)
            .bind(device_id)
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}
