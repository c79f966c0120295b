//! When devices asked, in the database: the latest check-in, the rhythm, and counts by the hour.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::LazyLock;

use sqlx::SqliteConnection;

use super::{Seen, Store, StoreError, signed};
use crate::domain::Timestamp;
use crate::domain::hours::Hours;
use crate::domain::mac::MacAddr;
use crate::domain::rhythm::{Pause, Presence};

/// Rows in one statement: always as many, so that the statement is prepared but once.
const ROWS_AT_ONCE: usize = 256;

static MANY_SEEN: LazyLock<String> = LazyLock::new(|| {
    let insert = "INSERT INTO presence (device_id, last_seen, checkins, rhythm, overdue_after)";
    let update = "ON CONFLICT (device_id)
        DO UPDATE SET last_seen = excluded.last_seen, checkins = excluded.checkins,
                      rhythm = excluded.rhythm, overdue_after = excluded.overdue_after";
    of_many(insert, 5, update)
});

static MANY_DAYS: LazyLock<String> = LazyLock::new(|| {
    let insert = "INSERT INTO device_hours (device_id, day, counts)";
    of_many(insert, 3, "ON CONFLICT (device_id, day) DO UPDATE SET counts = excluded.counts")
});

/// A statement with so many values in each of [`ROWS_AT_ONCE`] rows. Its text is made but once: for
/// every batch it would cost a fifth of what the writing itself does. The places have no numbers:
/// SQLite would look each of them up by its name, one after the other, whenever it is bound.
fn of_many(insert: &str, values: usize, update: &str) -> String {
    let row = format!("({})", vec!["?"; values].join(", "));
    format!("{insert} VALUES {} {update}", vec![row; ROWS_AT_ONCE].join(", "))
}

/// The check-ins of a device on a day.
#[derive(Debug, Clone, Copy)]
pub struct DayCount {
    /// The device.
    pub mac: MacAddr,
    /// Its number.
    pub device_id: i64,
    /// The day, and how many in each hour.
    pub hours: Hours,
}

/// Devices that a list is narrowed to because of when they ask.
#[derive(Debug, Clone, Copy)]
pub struct PresenceFilter {
    /// What is the matter with them.
    pub presence: Presence,
    /// Now.
    pub now: Timestamp,
    /// When the server did not listen.
    pub pause: Pause,
}

impl Store {
    /// The check-ins of a device by the hour, from this day on.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn device_hours(&self, device_id: i64, from: i64) -> Result<Vec<Hours>, StoreError> {
        let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as(
            "SELECT day, counts FROM device_hours WHERE device_id = $1 AND day >= $2 ORDER BY day",
        )
        .bind(device_id)
        .bind(from)
        .fetch_all(&self.read)
        .await?;
        Ok(rows.into_iter().map(|(day, counts)| hours(day, &counts)).collect())
    }

    /// The check-ins on a day of the devices with these numbers.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn hours_of_day(
        &self,
        day: i64,
        devices: RangeInclusive<i64>,
    ) -> Result<HashMap<i64, Hours>, StoreError> {
        let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as(
            "SELECT device_id, counts FROM device_hours
              WHERE device_id BETWEEN $1 AND $2 AND day = $3",
        )
        .bind(devices.start())
        .bind(devices.end())
        .bind(day)
        .fetch_all(&self.read)
        .await?;
        Ok(rows.into_iter().map(|(device, counts)| (device, hours(day, &counts))).collect())
    }

    /// Deletes the counts of the days before this one.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn purge_hours(&self, before: i64) -> Result<u64, StoreError> {
        let done = sqlx::query("DELETE FROM device_hours WHERE day < $1")
            .bind(before)
            .execute(&self.write)
            .await?;
        Ok(done.rows_affected())
    }

    /// The pending device that has been silent longest: the one to forget where too many wait.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn stalest_pending(&self) -> Result<Option<MacAddr>, StoreError> {
        let mac: Option<String> = sqlx::query_scalar(
            "SELECT d.mac
               FROM devices d
               LEFT JOIN presence s ON s.device_id = d.id
              WHERE d.approval = 'pending'
              ORDER BY coalesce(s.last_seen, d.first_seen), d.id
              LIMIT 1",
        )
        .fetch_optional(&self.read)
        .await?;
        let wrong = |text: String| StoreError::inconsistent("devices", "mac", text);
        mac.map(|text| text.parse().map_err(|_| wrong(text))).transpose()
    }
}

/// Counts as they are kept: a byte for each hour.
fn hours(day: i64, bytes: &[u8]) -> Hours {
    let mut counts = [0; 24];
    counts.iter_mut().zip(bytes).for_each(|(own, byte)| *own = *byte);
    Hours::of(day, counts)
}

/// Writes when devices asked last.
pub(super) async fn write_presence(
    connection: &mut SqliteConnection,
    seen: &[Seen],
) -> Result<(), StoreError> {
    let (full, rest) = seen.as_chunks::<ROWS_AT_ONCE>();
    for rows in full {
        let mut query = sqlx::query(MANY_SEEN.as_str());
        for seen in rows {
            query = query
                .bind(seen.device_id)
                .bind(seen.last_seen)
                .bind(signed(seen.checkins))
                .bind(seen.rhythm.bytes())
                .bind(seen.rhythm.overdue_after());
        }
        if let Err(error) = query.execute(&mut *connection).await {
            // A device that was removed meanwhile breaks the reference: write the others singly.
            tracing::debug!(error = %error, "presence is written row by row");
            for seen in rows {
                write_presence_row(connection, seen).await?;
            }
        }
    }
    for seen in rest {
        write_presence_row(connection, seen).await?;
    }
    Ok(())
}

async fn write_presence_row(
    connection: &mut SqliteConnection,
    seen: &Seen,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO presence (device_id, last_seen, checkins, rhythm, overdue_after)
         SELECT id, $2, $3, $4, $5 FROM devices WHERE id = $1
         ON CONFLICT (device_id)
         DO UPDATE SET last_seen = excluded.last_seen, checkins = excluded.checkins,
                       rhythm = excluded.rhythm, overdue_after = excluded.overdue_after",
    )
    .bind(seen.device_id)
    .bind(seen.last_seen)
    .bind(signed(seen.checkins))
    .bind(seen.rhythm.bytes())
    .bind(seen.rhythm.overdue_after())
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes how often devices asked by the hour.
pub(super) async fn write_days(
    connection: &mut SqliteConnection,
    days: &[DayCount],
) -> Result<(), StoreError> {
    let (full, rest) = days.as_chunks::<ROWS_AT_ONCE>();
    for rows in full {
        let mut query = sqlx::query(MANY_DAYS.as_str());
        for count in rows {
            query = query
                .bind(count.device_id)
                .bind(count.hours.day())
                .bind(count.hours.counts().to_vec());
        }
        if let Err(error) = query.execute(&mut *connection).await {
            tracing::debug!(error = %error, "counts by the hour are written row by row");
            for count in rows {
                write_day(connection, count).await?;
            }
        }
    }
    for count in rest {
        write_day(connection, count).await?;
    }
    Ok(())
}

async fn write_day(connection: &mut SqliteConnection, count: &DayCount) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO device_hours (device_id, day, counts)
         SELECT id, $2, $3 FROM devices WHERE id = $1
         ON CONFLICT (device_id, day) DO UPDATE SET counts = excluded.counts",
    )
    .bind(count.device_id)
    .bind(count.hours.day())
    .bind(count.hours.counts().to_vec())
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes since when devices restart too often after an attempt.
pub(super) async fn write_restarts(
    connection: &mut SqliteConnection,
    restarts: &[(i64, Timestamp)],
) -> Result<(), StoreError> {
    for (attempt_id, at) in restarts {
        sqlx::query("UPDATE attempts SET restarting_at = $2 WHERE id = $1")
            .bind(attempt_id)
            .bind(at)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
