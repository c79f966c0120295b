//! What plots and release pages count: devices per version and day, bytes per day, attempts.

use sqlx::FromRow;

use super::attempts::AttemptRow;
use super::{Store, StoreError, signed, unsigned};
use crate::domain::device::{Attempt, AttemptState};
use crate::domain::mac::MacAddr;
use crate::domain::release::Part;
use crate::domain::stats::{Sample, Standing};
use crate::domain::tally::Hold;

/// How many approved devices of a platform ran a version on a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldDay {
    /// Days since 1970-01-01.
    pub day: i64,
    /// The version as reported; empty where none was.
    pub version: String,
    /// How many devices.
    pub devices: u64,
}

/// What was sent on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransferDay {
    /// Days since 1970-01-01.
    pub day: i64,
    /// Bytes that devices took.
    pub bytes: u64,
    /// Downloads that were completed.
    pub downloads: u64,
}

/// A device with its latest attempt to take a release.
#[derive(Debug, Clone)]
pub struct DeviceAttempt {
    /// The device's address.
    pub mac: MacAddr,
    /// Its name, empty where nobody gave it one.
    pub name: String,
    /// The attempt.
    pub attempt: Attempt,
    /// Why the release is held back from it.
    pub hold: Option<Hold>,
    /// Before when it is not tried again.
    pub retry_at: Option<i64>,
}

/// Which devices of a release a list shows.
#[derive(Debug, Clone, Copy)]
pub struct DeviceAttemptFilter {
    /// The release.
    pub release_id: i64,
    /// What the image is for.
    pub part: Part,
    /// Only those that stand like this.
    pub standing: Option<Standing>,
    /// Only attempts with a lower number: the cursor of the page before.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: u32,
}

#[derive(FromRow)]
struct DeviceAttemptRow {
    mac: String,
    name: String,
    hold: Option<String>,
    retry_at: Option<i64>,
    #[sqlx(flatten)]
    attempt: AttemptRow,
}

#[derive(FromRow)]
struct SampleRow {
    state: String,
    ended_at: Option<i64>,
    settled_at: Option<i64>,
    bytes: i64,
    size: i64,
    millis: Option<i64>,
}

fn state(word: &str) -> Result<AttemptState, StoreError> {
    AttemptState::read(word).ok_or_else(|| StoreError::inconsistent("attempts", "state", word))
}

fn hold(word: Option<&str>) -> Result<Option<Hold>, StoreError> {
    let read = |word: &str| {
        Hold::read(word).ok_or_else(|| StoreError::inconsistent("tallies", "hold", word))
    };
    word.map(read).transpose()
}

impl TryFrom<DeviceAttemptRow> for DeviceAttempt {
    type Error = StoreError;

    fn try_from(row: DeviceAttemptRow) -> Result<Self, StoreError> {
        let wrong = |text: &str| StoreError::inconsistent("devices", "mac", text);
        Ok(Self {
            mac: row.mac.parse().map_err(|_| wrong(&row.mac))?,
            name: row.name,
            hold: hold(row.hold.as_deref())?,
            retry_at: row.retry_at,
            attempt: row.attempt.try_into()?,
        })
    }
}

impl Store {
    /// Replaces what is known of a day: how many devices of each platform run which version.
    ///
    /// # Errors
    /// Where the database fails; then the day stays as it was.
    pub async fn save_field_day(
        &self,
        day: i64,
        counts: &[(i64, String, u64)],
    ) -> Result<(), StoreError> {
        let mut transaction = self.write.begin().await?;
        sqlx::query("DELETE FROM field_days WHERE day = $1")
            .bind(day)
            .execute(&mut *transaction)
            .await?;
        for (platform_id, version, devices) in counts {
            // A platform that was deleted meanwhile has no days.
            sqlx::query(
                "INSERT INTO field_days (platform_id, day, version, devices)
                 SELECT id, $2, $3, $4 FROM platforms WHERE id = $1",
            )
            .bind(platform_id)
            .bind(day)
            .bind(version)
            .bind(signed(*devices))
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// How many devices of a platform ran which version, from this day on, oldest day first.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn field_days(
        &self,
        platform_id: i64,
        since: i64,
    ) -> Result<Vec<FieldDay>, StoreError> {
        let rows: Vec<(i64, String, i64)> = sqlx::query_as(
            "SELECT day, version, devices
               FROM field_days
              WHERE platform_id = $1 AND day >= $2
              ORDER BY day, version",
        )
        .bind(platform_id)
        .bind(since)
        .fetch_all(&self.read)
        .await?;
        let day = |(day, version, devices)| FieldDay { day, version, devices: unsigned(devices) };
        Ok(rows.into_iter().map(day).collect())
    }

    /// What was sent per day, from this day on, oldest first; days without anything are missing.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn transfer_days(&self, since: i64) -> Result<Vec<TransferDay>, StoreError> {
        let rows: Vec<(i64, i64, i64)> = sqlx::query_as(
            "SELECT day, CAST(sum(bytes) AS INTEGER), CAST(sum(downloads) AS INTEGER)
               FROM transfer_days
              WHERE day >= $1
              GROUP BY day
              ORDER BY day",
        )
        .bind(since)
        .fetch_all(&self.read)
        .await?;
        let day = |(day, bytes, downloads)| TransferDay {
            day,
            bytes: unsigned(bytes),
            downloads: unsigned(downloads),
        };
        Ok(rows.into_iter().map(day).collect())
    }

    /// Forgets the days before this one.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn purge_days(&self, before: i64) -> Result<(), StoreError> {
        let mut transaction = self.write.begin().await?;
        sqlx::query("DELETE FROM field_days WHERE day < $1")
            .bind(before)
            .execute(&mut *transaction)
            .await?;
        sqlx::query("DELETE FROM transfer_days WHERE day < $1")
            .bind(before)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// How many devices have their latest attempt of a release in which state, and held how.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn latest_states(
        &self,
        release_id: i64,
        part: Part,
    ) -> Result<Vec<(AttemptState, Option<Hold>, u64)>, StoreError> {
        let rows: Vec<(String, Option<String>, i64)> = sqlx::query_as(
            "SELECT a.state, t.hold, count(*)
               FROM attempts a
               LEFT JOIN tallies t
                 ON t.release_id = a.release_id AND t.part = a.part
                    AND t.device_id = a.device_id AND t.hold IS NOT NULL
              WHERE a.release_id = $1 AND a.part = $2
                AND NOT EXISTS (SELECT 1 FROM attempts b
                                 WHERE b.release_id = a.release_id AND b.part = a.part
                                   AND b.device_id = a.device_id AND b.id > a.id)
              GROUP BY a.state, t.hold",
        )
        .bind(release_id)
        .bind(part.word())
        .fetch_all(&self.read)
        .await?;
        let row = |(word, held, devices): (String, Option<String>, i64)| {
            Ok((state(&word)?, hold(held.as_deref())?, unsigned(devices)))
        };
        rows.into_iter().map(row).collect()
    }

    /// The latest attempts of a release whose transfer ended, at most `limit` of them.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn samples(
        &self,
        release_id: i64,
        part: Part,
        limit: u32,
    ) -> Result<Vec<Sample>, StoreError> {
        let rows: Vec<SampleRow> = sqlx::query_as(
            "SELECT state, ended_at, settled_at, bytes, size, millis
               FROM attempts
              WHERE release_id = $1 AND part = $2 AND millis IS NOT NULL
              ORDER BY id DESC
              LIMIT $3",
        )
        .bind(release_id)
        .bind(part.word())
        .bind(i64::from(limit))
        .fetch_all(&self.read)
        .await?;
        let sample = |row: SampleRow| {
            Ok(Sample {
                state: state(&row.state)?,
                ended_at: row.ended_at,
                settled_at: row.settled_at,
                bytes: unsigned(row.bytes),
                size: unsigned(row.size),
                millis: row.millis.map(unsigned),
            })
        };
        rows.into_iter().map(sample).collect()
    }

    /// The devices that were offered a release, each with its latest attempt, newest first.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn device_attempts(
        &self,
        filter: &DeviceAttemptFilter,
    ) -> Result<Vec<DeviceAttempt>, StoreError> {
        // Who stands how is `Standing::of`; a test holds both together.
        let rows: Vec<DeviceAttemptRow> = sqlx::query_as(
            "SELECT d.mac, d.name, t.hold, t.retry_at,
                    a.id, a.device_id, a.release_id, a.version, a.state, a.offered_at, a.ended_at,
                    a.settled_at, a.bytes, a.size, a.millis, a.part, a.packed
               FROM attempts a
               JOIN devices d ON d.id = a.device_id
               LEFT JOIN tallies t
                 ON t.device_id = a.device_id AND t.release_id = a.release_id AND t.part = a.part
              WHERE a.release_id = $1 AND a.part = $2
                AND (CAST($3 AS INTEGER) IS NULL OR a.id < $3)
                AND (CAST($4 AS TEXT) IS NULL OR $4 = CASE
                      WHEN a.state = 'confirmed' THEN 'confirmed'
                      WHEN a.state = 'overtaken' OR t.hold = 'by_hand' THEN 'aside'
                      WHEN t.hold IS NOT NULL OR a.state = 'lost' THEN 'needs_you'
                      WHEN a.state = 'delivered' AND a.part = 'file_system' THEN 'aside'
                      WHEN a.state IN ('not_taken', 'rolled_back') THEN 'not_taken'
                      ELSE 'on_the_way' END)
                AND NOT EXISTS (SELECT 1 FROM attempts b
                                 WHERE b.release_id = a.release_id AND b.part = a.part
                                   AND b.device_id = a.device_id AND b.id > a.id)
              ORDER BY a.id DESC
              LIMIT $5",
        )
        .bind(filter.release_id)
        .bind(filter.part.word())
        .bind(filter.before)
        .bind(filter.standing.map(Standing::word))
        .bind(i64::from(filter.limit))
        .fetch_all(&self.read)
        .await?;
        rows.into_iter().map(DeviceAttempt::try_from).collect()
    }

    /// The attempts of a device before this one, newest first.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn attempts_before(
        &self,
        device_id: i64,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Attempt>, StoreError> {
        let rows: Vec<AttemptRow> = sqlx::query_as(
            "SELECT id, device_id, release_id, version, state, offered_at, ended_at, settled_at,
                    bytes, size, millis, part, packed
               FROM attempts
              WHERE device_id = $1 AND (CAST($2 AS INTEGER) IS NULL OR id < $2)
              ORDER BY id DESC
              LIMIT $3",
        )
        .bind(device_id)
        .bind(before)
        .bind(i64::from(limit))
        .fetch_all(&self.read)
        .await?;
        rows.into_iter().map(Attempt::try_from).collect()
    }
}
