//! The devices of rollouts in the database: their attempts, and what those do not tell.

use sqlx::FromRow;

use super::{Store, StoreError};
use crate::domain::Timestamp;
use crate::domain::device::AttemptState;
use crate::domain::rollout::Member;

/// One try to give a device the release of a rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RolloutAttempt {
    /// The rollout.
    pub rollout_id: i64,
    /// The device.
    pub device_id: i64,
    /// How it stands.
    pub state: AttemptState,
    /// Whether the device took the last byte.
    pub whole: bool,
    /// Since when it stands so.
    pub since: Timestamp,
}

/// How a device stands in a rollout since something happened that its attempts do not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RolloutMember {
    /// The rollout.
    pub rollout_id: i64,
    /// The device; it may be gone.
    pub device_id: i64,
    /// How it stands.
    pub member: Member,
    /// Since when.
    pub since: Timestamp,
}

#[derive(FromRow)]
struct AttemptRow {
    rollout_id: i64,
    device_id: i64,
    state: String,
    whole: bool,
    since: i64,
}

impl TryFrom<AttemptRow> for RolloutAttempt {
    type Error = StoreError;

    fn try_from(row: AttemptRow) -> Result<Self, StoreError> {
        let state = AttemptState::read(&row.state);
        let wrong = || StoreError::inconsistent("attempts", "state", row.state.as_str());
        let state = state.ok_or_else(wrong)?;
        let AttemptRow { rollout_id, device_id, whole, since, .. } = row;
        Ok(Self { rollout_id, device_id, state, whole, since })
    }
}

impl Store {
    /// The attempts of the devices of a rollout, the earliest first.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn rollout_attempts(
        &self,
        rollout_id: i64,
    ) -> Result<Vec<RolloutAttempt>, StoreError> {
        let rows: Vec<AttemptRow> = sqlx::query_as(
            "SELECT rollout_id, device_id, state, bytes >= size AS whole,
                    coalesce(settled_at, ended_at, offered_at) AS since
               FROM attempts
              WHERE rollout_id = $1
              ORDER BY id",
        )
        .bind(rollout_id)
        .fetch_all(&self.read)
        .await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// The attempts of a device by rollouts, the earliest first.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn rollout_attempts_of(
        &self,
        device_id: i64,
    ) -> Result<Vec<RolloutAttempt>, StoreError> {
        let rows: Vec<AttemptRow> = sqlx::query_as(
            "SELECT rollout_id, device_id, state, bytes >= size AS whole,
                    coalesce(settled_at, ended_at, offered_at) AS since
               FROM attempts
              WHERE device_id = $1 AND rollout_id IS NOT NULL
              ORDER BY id",
        )
        .bind(device_id)
        .fetch_all(&self.read)
        .await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// What attempts do not tell of the devices of a rollout.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn rollout_members(&self, rollout_id: i64) -> Result<Vec<RolloutMember>, StoreError> {
        let rows: Vec<(i64, String, i64)> = sqlx::query_as(
            "SELECT device_id, state, since
               FROM rollout_members
              WHERE rollout_id = $1
              ORDER BY device_id",
        )
        .bind(rollout_id)
        .fetch_all(&self.read)
        .await?;
        let member = |(device_id, word, since): (i64, String, i64)| {
            let member = Member::read(&word);
            let wrong = || StoreError::inconsistent("rollout_members", "state", word);
            Ok(RolloutMember { rollout_id, device_id, member: member.ok_or_else(wrong)?, since })
        };
        rows.into_iter().map(member).collect()
    }

    /// Keeps how devices stand where their attempts do not tell.
    ///
    /// # Errors
    /// Where the database fails; then nothing is kept.
    pub async fn keep_members(&self, members: &[RolloutMember]) -> Result<(), StoreError> {
        let mut transaction = self.write.begin().await?;
        keep(&mut transaction, members).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Removes a device with its attempts; the rollouts in which it was keep how it stood.
    ///
    /// # Errors
    /// Where the database fails; then nothing is removed.
    pub async fn delete_device(
        &self,
        id: i64,
        members: &[RolloutMember],
    ) -> Result<(), StoreError> {
        let mut transaction = self.write.begin().await?;
        keep(&mut transaction, members).await?;
        sqlx::query("DELETE FROM devices WHERE id = $1")
            .bind(id)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }
}

async fn keep(
    connection: &mut sqlx::SqliteConnection,
    members: &[RolloutMember],
) -> Result<(), StoreError> {
    for own in members {
        sqlx::query(
            "INSERT INTO rollout_members (rollout_id, device_id, state, since)
             VALUES ($1, $2, $3, $4)
             ON CONFLICT (rollout_id, device_id)
             DO UPDATE SET state = excluded.state, since = excluded.since",
        )
        .bind(own.rollout_id)
        .bind(own.device_id)
        .bind(own.member.word())
        .bind(own.since)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}
