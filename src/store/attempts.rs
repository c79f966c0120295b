//! Attempts to update devices, in the database.

use std::collections::HashMap;

use sqlx::FromRow;

use super::{Store, StoreError, signed, unsigned};
use crate::domain::Timestamp;
use crate::domain::device::{Attempt, AttemptState};

/// An offer that is about to be made.
#[derive(Debug, Clone, Copy)]
pub struct NewOffer<'a> {
    /// The device.
    pub device_id: i64,
    /// The release.
    pub release_id: i64,
    /// Its version, kept for when the release is deleted.
    pub version: &'a str,
    /// Bytes of its image.
    pub size: u64,
    /// Now.
    pub now: Timestamp,
}

/// How a transfer ended.
#[derive(Debug, Clone, Copy)]
pub struct EndedAttempt {
    /// The attempt.
    pub id: i64,
    /// The release.
    pub release_id: i64,
    /// Whether the last byte was taken and the connection closed in order.
    pub completed: bool,
    /// Whether it counts as a download of the release: not where only a range was asked for.
    pub counted: bool,
    /// Bytes that were taken.
    pub bytes: u64,
    /// How long it took, in milliseconds.
    pub millis: u64,
    /// Now.
    pub now: Timestamp,
}

/// A device's latest attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastAttempt {
    /// The attempt.
    pub id: i64,
    /// The release; `None` once it was deleted.
    pub release_id: Option<i64>,
    /// The version that was offered.
    pub version: String,
    /// How it stands.
    pub state: AttemptState,
}

#[derive(FromRow)]
struct AttemptRow {
    id: i64,
    device_id: i64,
    release_id: Option<i64>,
    version: String,
    state: String,
    offered_at: i64,
    ended_at: Option<i64>,
    settled_at: Option<i64>,
    bytes: i64,
    size: i64,
    millis: Option<i64>,
}

#[derive(FromRow)]
struct LastRow {
    id: i64,
    device_id: i64,
    release_id: Option<i64>,
    version: String,
    state: String,
}

fn state(word: &str) -> Result<AttemptState, StoreError> {
    AttemptState::read(word).ok_or_else(|| StoreError::inconsistent("attempts", "state", word))
}

impl TryFrom<AttemptRow> for Attempt {
    type Error = StoreError;

    fn try_from(row: AttemptRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            device_id: row.device_id,
            release_id: row.release_id,
            state: state(&row.state)?,
            version: row.version,
            offered_at: row.offered_at,
            ended_at: row.ended_at,
            settled_at: row.settled_at,
            bytes: unsigned(row.bytes),
            size: unsigned(row.size),
            millis: row.millis.map(unsigned),
        })
    }
}

impl Store {
    /// Records an offer before it is made, and counts it for the release.
    ///
    /// # Errors
    /// Where the database fails; then the offer must not be made.
    pub async fn record_offer(&self, offer: NewOffer<'_>) -> Result<i64, StoreError> {
        let mut transaction = self.write.begin().await?;
        let id = sqlx::query_scalar(
            "INSERT INTO attempts (device_id, release_id, version, state, offered_at, size)
             VALUES ($1, $2, $3, 'offered', $4, $5)
             RETURNING id",
        )
        .bind(offer.device_id)
        .bind(offer.release_id)
        .bind(offer.version)
        .bind(offer.now)
        .bind(signed(offer.size))
        .fetch_one(&mut *transaction)
        .await?;
        sqlx::query("UPDATE releases SET offers = offers + 1 WHERE id = $1")
            .bind(offer.release_id)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(id)
    }

    /// Records the end of a transfer, and counts it for the release.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn record_transfer(&self, ended: EndedAttempt) -> Result<(), StoreError> {
        let state = if ended.completed { AttemptState::Delivered } else { AttemptState::Aborted };
        let mut transaction = self.write.begin().await?;
        sqlx::query(
            "UPDATE attempts
                SET state = CASE WHEN state = 'offered' THEN $2 ELSE state END,
                    ended_at = $3, bytes = $4, millis = $5
              WHERE id = $1",
        )
        .bind(ended.id)
        .bind(state.word())
        .bind(ended.now)
        .bind(signed(ended.bytes))
        .bind(signed(ended.millis))
        .execute(&mut *transaction)
        .await?;
        sqlx::query(
            "UPDATE releases SET downloads = downloads + $2, bytes = bytes + $3 WHERE id = $1",
        )
        .bind(ended.release_id)
        .bind(i64::from(ended.completed && ended.counted))
        .bind(signed(ended.bytes))
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Records what the next check-in showed. `changed`: the device runs something else now, so
    /// its earlier deliveries no longer count towards the loop stop.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn settle_attempt(
        &self,
        device_id: i64,
        settled: Option<(i64, AttemptState)>,
        changed: bool,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut transaction = self.write.begin().await?;
        if let Some((id, state)) = settled {
            sqlx::query("UPDATE attempts SET state = $2, settled_at = $3 WHERE id = $1")
                .bind(id)
                .bind(state.word())
                .bind(now)
                .execute(&mut *transaction)
                .await?;
        }
        if changed {
            sqlx::query("UPDATE attempts SET counts = 0 WHERE device_id = $1 AND counts = 1")
                .bind(device_id)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Ends the attempts that a stop of the server cut.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn end_cut_attempts(&self, now: Timestamp) -> Result<u64, StoreError> {
        let done = sqlx::query(
            "UPDATE attempts SET state = 'aborted', ended_at = $1 WHERE state = 'offered'",
        )
        .bind(now)
        .execute(&self.write)
        .await?;
        Ok(done.rows_affected())
    }

    /// The latest attempt of every device that had one.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn last_attempts(&self) -> Result<HashMap<i64, LastAttempt>, StoreError> {
        let rows: Vec<LastRow> = sqlx::query_as(
            "SELECT a.id, a.device_id, a.release_id, a.version, a.state
               FROM attempts a
               JOIN (SELECT device_id, max(id) AS id FROM attempts GROUP BY device_id) l
                 ON l.id = a.id",
        )
        .fetch_all(&self.read)
        .await?;
        let last = |row: LastRow| {
            let state = state(&row.state)?;
            let LastRow { id, release_id, version, .. } = row;
            Ok((row.device_id, LastAttempt { id, release_id, version, state }))
        };
        rows.into_iter().map(last).collect()
    }

    /// How often each device took all bytes of which release without any change since: the counts
    /// of the loop stop. A transfer that broke after the last byte counts too.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn deliveries(&self) -> Result<HashMap<i64, Vec<(i64, u32)>>, StoreError> {
        let rows: Vec<(i64, i64, i64)> = sqlx::query_as(
            "SELECT device_id, release_id, count(*)
               FROM attempts
              WHERE counts = 1 AND release_id IS NOT NULL
                AND (state IN ('delivered', 'not_taken')
                     OR (state = 'aborted' AND bytes >= size))
              GROUP BY device_id, release_id",
        )
        .fetch_all(&self.read)
        .await?;
        let mut deliveries: HashMap<i64, Vec<(i64, u32)>> = HashMap::new();
        for (device_id, release_id, count) in rows {
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            deliveries.entry(device_id).or_default().push((release_id, count));
        }
        Ok(deliveries)
    }

    /// The latest attempts of a device, newest first.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn attempts(&self, device_id: i64, limit: u32) -> Result<Vec<Attempt>, StoreError> {
        let rows: Vec<AttemptRow> = sqlx::query_as(
            "SELECT id, device_id, release_id, version, state, offered_at, ended_at, settled_at,
                    bytes, size, millis
               FROM attempts
              WHERE device_id = $1
              ORDER BY id DESC
              LIMIT $2",
        )
        .bind(device_id)
        .bind(i64::from(limit))
        .fetch_all(&self.read)
        .await?;
        rows.into_iter().map(Attempt::try_from).collect()
    }
}
