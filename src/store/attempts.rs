//! Attempts to update devices, in the database.

use std::collections::HashMap;

use sqlx::FromRow;

use super::{Store, StoreError, signed, unsigned};
use crate::domain::Timestamp;
use crate::domain::device::{Attempt, AttemptState};
use crate::domain::release::Part;

/// An offer that is about to be made.
#[derive(Debug, Clone, Copy)]
pub struct NewOffer<'a> {
    /// The device.
    pub device_id: i64,
    /// The release.
    pub release_id: i64,
    /// Its version, kept for when the release is deleted.
    pub version: &'a str,
    /// Its image.
    pub image_id: i64,
    /// What the image is for.
    pub part: Part,
    /// Whether it is sent compressed.
    pub packed: bool,
    /// Bytes that are sent.
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

/// A device's latest attempt to take an application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastAttempt {
    /// The attempt.
    pub id: i64,
    /// The release; `None` once it was deleted.
    pub release_id: Option<i64>,
    /// The version that was offered.
    pub version: String,
    /// The image that was offered.
    pub image_id: Option<i64>,
    /// Whether it was sent compressed, and still tells how the device takes that.
    pub packed: bool,
    /// How it stands.
    pub state: AttemptState,
}

/// How often a device took all bytes of a release's image without any change since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deliveries {
    /// The release.
    pub release_id: i64,
    /// What the image is for.
    pub part: Part,
    /// How often.
    pub count: u32,
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
    part: String,
    packed: bool,
}

#[derive(FromRow)]
struct LastRow {
    id: i64,
    device_id: i64,
    release_id: Option<i64>,
    version: String,
    image_id: Option<i64>,
    packed: bool,
    state: String,
}

fn part(word: &str) -> Result<Part, StoreError> {
    Part::read(word).ok_or_else(|| StoreError::inconsistent("attempts", "part", word))
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
            part: part(&row.part)?,
            packed: row.packed,
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
            "INSERT INTO attempts (device_id, release_id, version, state, offered_at, size,
                                   image_id, part, packed)
             VALUES ($1, $2, $3, 'offered', $4, $5, $6, $7, $8)
             RETURNING id",
        )
        .bind(offer.device_id)
        .bind(offer.release_id)
        .bind(offer.version)
        .bind(offer.now)
        .bind(signed(offer.size))
        .bind(offer.image_id)
        .bind(offer.part.word())
        .bind(offer.packed)
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
            // Nothing tells whether a device still has its files.
            sqlx::query(
                "UPDATE attempts SET counts = 0
                  WHERE device_id = $1 AND counts = 1 AND part = 'application'",
            )
            .bind(device_id)
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Lets all deliveries to a device count no longer, and forgets that it did not take gzip.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn lift(&self, device_id: i64) -> Result<(), StoreError> {
        let mut transaction = self.write.begin().await?;
        sqlx::query("UPDATE attempts SET counts = 0 WHERE device_id = $1 AND counts = 1")
            .bind(device_id)
            .execute(&mut *transaction)
            .await?;
        sqlx::query("UPDATE devices SET gzip = NULL WHERE id = $1 AND gzip = 'failed'")
            .bind(device_id)
            .execute(&mut *transaction)
            .await?;
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

    /// The latest attempt of every device to take an application.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn last_attempts(&self) -> Result<HashMap<i64, LastAttempt>, StoreError> {
        let rows: Vec<LastRow> = sqlx::query_as(
            "SELECT a.id, a.device_id, a.release_id, a.version, a.image_id,
                    a.packed AND a.counts AS packed, a.state
               FROM attempts a
               JOIN (SELECT device_id, max(id) AS id FROM attempts
                      WHERE part = 'application' GROUP BY device_id) l
                 ON l.id = a.id",
        )
        .fetch_all(&self.read)
        .await?;
        let last = |row: LastRow| {
            let state = state(&row.state)?;
            let LastRow { id, device_id, release_id, version, image_id, packed, .. } = row;
            Ok((device_id, LastAttempt { id, release_id, version, image_id, packed, state }))
        };
        rows.into_iter().map(last).collect()
    }

    /// How often each device took all bytes of which release without any change since: the counts
    /// of the loop stop. A transfer that broke after the last byte counts too.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn deliveries(&self) -> Result<HashMap<i64, Vec<Deliveries>>, StoreError> {
        let rows: Vec<(i64, i64, String, i64)> = sqlx::query_as(
            "SELECT device_id, release_id, part, count(*)
               FROM attempts
              WHERE counts = 1 AND release_id IS NOT NULL
                AND (state IN ('delivered', 'not_taken')
                     OR (state = 'aborted' AND bytes >= size))
              GROUP BY device_id, release_id, part",
        )
        .fetch_all(&self.read)
        .await?;
        let mut deliveries: HashMap<i64, Vec<Deliveries>> = HashMap::new();
        for (device_id, release_id, word, count) in rows {
            let (part, count) = (part(&word)?, u32::try_from(count).unwrap_or(u32::MAX));
            deliveries.entry(device_id).or_default().push(Deliveries { release_id, part, count });
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
                    bytes, size, millis, part, packed
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
