//! What people decided ahead of time, in the database: channels, pins, recalls.

use sqlx::FromRow;

use super::{Store, StoreError, unsigned};
use crate::domain::policy::{Channel, Policy};

#[derive(FromRow)]
pub(super) struct PolicyRow {
    channel: String,
    pinned: Option<i64>,
    updates_off: bool,
}

impl TryFrom<&PolicyRow> for Policy {
    type Error = StoreError;

    fn try_from(row: &PolicyRow) -> Result<Self, StoreError> {
        let wrong = || StoreError::inconsistent("devices", "channel", &row.channel);
        let channel = Channel::read(&row.channel).ok_or_else(wrong)?;
        Ok(Self { channel, pinned: row.pinned, updates_off: row.updates_off })
    }
}

impl Store {
    /// Records what a person decided about a device.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn save_policy(&self, device_id: i64, policy: &Policy) -> Result<(), StoreError> {
        sqlx::query("UPDATE devices SET channel = $2, pinned = $3, updates_off = $4 WHERE id = $1")
            .bind(device_id)
            .bind(policy.channel.word())
            .bind(policy.pinned)
            .bind(policy.updates_off)
            .execute(&self.write)
            .await?;
        Ok(())
    }

    /// Changes whom a release is for.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn set_channel(&self, id: i64, channel: Channel) -> Result<(), StoreError> {
        sqlx::query("UPDATE releases SET channel = $2 WHERE id = $1")
            .bind(id)
            .bind(channel.word())
            .execute(&self.write)
            .await?;
        Ok(())
    }

    /// Takes published releases back, and has devices that run them get another one.
    ///
    /// # Errors
    /// Where the database fails; then none is recalled.
    pub async fn recall_releases(&self, ids: &[i64]) -> Result<(), StoreError> {
        let mut transaction = self.write.begin().await?;
        for id in ids {
            sqlx::query("UPDATE releases SET state = 'withdrawn', recalled = 1 WHERE id = $1")
                .bind(id)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// How many devices and platforms are pinned to a release.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn pinned_to(&self, release_id: i64) -> Result<u64, StoreError> {
        let count: i64 = sqlx::query_scalar(
            "SELECT (SELECT count(*) FROM devices WHERE pinned = $1)
                  + (SELECT count(*) FROM platforms WHERE pinned = $1)",
        )
        .bind(release_id)
        .fetch_one(&self.read)
        .await?;
        Ok(unsigned(count))
    }
}
