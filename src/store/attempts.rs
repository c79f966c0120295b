//! Attempts to update devices, in the database.

use std::collections::HashMap;

use sqlx::{FromRow, SqliteConnection};

use super::tallies::write_tally;
use super::together::Change;
use super::{Store, StoreError, signed, unsigned};
use crate::domain::Timestamp;
use crate::domain::attempt::LastAttempt;
use crate::domain::device::{Attempt, AttemptState};
use crate::domain::digest::Md5;
use crate::domain::release::Part;
use crate::domain::tally::Tally;

/// An offer that is about to be made.
#[derive(Debug, Clone)]
pub struct NewOffer {
    /// The device.
    pub device_id: i64,
    /// The release.
    pub release_id: i64,
    /// Its version, kept for when the release is deleted.
    pub version: String,
    /// Its image.
    pub image_id: i64,
    /// What the image is for.
    pub part: Part,
    /// Whether it is sent compressed.
    pub packed: bool,
    /// The version that the device reports.
    pub from_version: Option<String>,
    /// The image that it runs.
    pub from_md5: Option<Md5>,
    /// Bytes that are sent.
    pub size: u64,
    /// Every how many seconds the device asks, where that is known.
    pub usual: Option<u32>,
    /// The rollout by which the device gets it.
    pub rollout_id: Option<i64>,
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
    /// The day that its bytes count for: days since 1970-01-01.
    pub day: i64,
    /// The device, and its tally after that; `None` where the device is gone.
    pub tally: Option<(i64, Tally)>,
}

#[derive(FromRow)]
pub(super) struct AttemptRow {
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
    from_version: Option<String>,
    from_md5: Option<String>,
    state: String,
    at: i64,
    whole: bool,
    usual: Option<i64>,
    restarting_at: Option<i64>,
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
    pub async fn record_offer(&self, offer: NewOffer) -> Result<i64, StoreError> {
        self.change(Change::Offer(offer)).await
    }

    /// Records the end of a transfer, and counts it for the release.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn record_transfer(&self, ended: EndedAttempt) -> Result<(), StoreError> {
        self.change(Change::Transfer(ended)).await.map(drop)
    }

    /// Records how far transfers are that are under way: attempts and bytes.
    ///
    /// # Errors
    /// Where the database fails; then none is recorded.
    pub async fn save_progress(&self, under_way: &[(i64, u64)]) -> Result<(), StoreError> {
        let mut transaction = self.write.begin().await?;
        for (id, bytes) in under_way {
            sqlx::query(
                "UPDATE attempts SET bytes = max(bytes, $2) WHERE id = $1 AND state = 'offered'",
            )
            .bind(id)
            .bind(signed(*bytes))
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Records what the next check-in showed of an attempt, with the device's tally after that.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn settle_attempt(
        &self,
        id: i64,
        state: AttemptState,
        tally: Option<&(i64, Tally)>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.change(Change::Settled(id, state, tally.copied(), now)).await.map(drop)
    }

    /// Records that nobody heard of a device again since its attempt; not where a check-in or the
    /// end of the transfer was quicker.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn lose_attempt(&self, id: i64) -> Result<(), StoreError> {
        self.change(Change::Lost(id)).await.map(drop)
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
                    a.packed AND a.settled_at IS NULL AS packed, a.from_version, a.from_md5,
                    a.state, coalesce(a.settled_at, a.ended_at, a.offered_at) AS at,
                    a.bytes >= a.size AS whole, a.usual, a.restarting_at
               FROM attempts a
               JOIN (SELECT device_id, max(id) AS id FROM attempts
                      WHERE part = 'application' GROUP BY device_id) l
                 ON l.id = a.id",
        )
        .fetch_all(&self.read)
        .await?;
        let last = |row: LastRow| {
            let attempt = LastAttempt {
                id: row.id,
                release_id: row.release_id,
                state: state(&row.state)?,
                version: row.version,
                image_id: row.image_id,
                packed: row.packed,
                from_version: row.from_version,
                from_md5: row.from_md5.and_then(|text| text.parse().ok()),
                at: row.at,
                whole: row.whole,
                usual: row.usual.and_then(|seconds| u32::try_from(seconds).ok()),
                restarting_at: row.restarting_at,
            };
            Ok((row.device_id, attempt))
        };
        rows.into_iter().map(last).collect()
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

/// An offer, counted for the release.
pub(super) async fn insert_offer(
    connection: &mut SqliteConnection,
    offer: &NewOffer,
) -> Result<i64, StoreError> {
    let id = sqlx::query_scalar(
        "INSERT INTO attempts (device_id, release_id, version, state, offered_at, size,
                               image_id, part, packed, from_version, from_md5, rollout_id,
                               usual)
         VALUES ($1, $2, $3, 'offered', $4, $5, $6, $7, $8, $9, $10, $11, $12)
         RETURNING id",
    )
    .bind(offer.device_id)
    .bind(offer.release_id)
    .bind(&offer.version)
    .bind(offer.now)
    .bind(signed(offer.size))
    .bind(offer.image_id)
    .bind(offer.part.word())
    .bind(offer.packed)
    .bind(offer.from_version.as_deref())
    .bind(offer.from_md5.map(|md5| md5.to_string()))
    .bind(offer.rollout_id)
    .bind(offer.usual.map(i64::from))
    .fetch_one(&mut *connection)
    .await?;
    sqlx::query("UPDATE releases SET offers = offers + 1 WHERE id = $1")
        .bind(offer.release_id)
        .execute(&mut *connection)
        .await?;
    Ok(id)
}

/// The end of a transfer, counted for the release and the day.
pub(super) async fn write_transfer(
    connection: &mut SqliteConnection,
    ended: &EndedAttempt,
) -> Result<(), StoreError> {
    let state = if ended.completed { AttemptState::Delivered } else { AttemptState::Aborted };
    sqlx::query(
        "UPDATE attempts
            SET state = CASE WHEN state = 'offered'
                               OR (state = 'aborted' AND $2 = 'delivered')
                             THEN $2 ELSE state END,
                ended_at = $3, bytes = $4, millis = $5
          WHERE id = $1",
    )
    .bind(ended.id)
    .bind(state.word())
    .bind(ended.now)
    .bind(signed(ended.bytes))
    .bind(signed(ended.millis))
    .execute(&mut *connection)
    .await?;
    sqlx::query("UPDATE releases SET downloads = downloads + $2, bytes = bytes + $3 WHERE id = $1")
        .bind(ended.release_id)
        .bind(i64::from(ended.completed && ended.counted))
        .bind(signed(ended.bytes))
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "INSERT INTO transfer_days (day, platform_id, bytes, downloads)
         VALUES ($1, coalesce((SELECT platform_id FROM releases WHERE id = $2), 0), $3, $4)
         ON CONFLICT (day, platform_id)
         DO UPDATE SET bytes = transfer_days.bytes + excluded.bytes,
                       downloads = transfer_days.downloads + excluded.downloads",
    )
    .bind(ended.day)
    .bind(ended.release_id)
    .bind(signed(ended.bytes))
    .bind(i64::from(ended.completed && ended.counted))
    .execute(&mut *connection)
    .await?;
    if let Some((device_id, tally)) = &ended.tally {
        write_tally(connection, *device_id, tally).await?;
    }
    Ok(())
}

/// What the next check-in showed of an attempt.
pub(super) async fn settle(
    connection: &mut SqliteConnection,
    id: i64,
    state: AttemptState,
    tally: Option<&(i64, Tally)>,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE attempts SET state = $2, settled_at = $3 WHERE id = $1")
        .bind(id)
        .bind(state.word())
        .bind(now)
        .execute(&mut *connection)
        .await?;
    if let Some((device_id, tally)) = tally {
        write_tally(connection, *device_id, tally).await?;
    }
    Ok(())
}

/// The attempt of a device that nobody heard of again.
pub(super) async fn lose(connection: &mut SqliteConnection, id: i64) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE attempts SET state = 'lost'
          WHERE id = $1 AND state IN ('offered', 'delivered', 'aborted')",
    )
    .bind(id)
    .execute(connection)
    .await?;
    Ok(())
}
