//! The loop breaker's tallies in the database.

use std::collections::HashMap;

use sqlx::{FromRow, SqliteConnection};

use super::{Store, StoreError};
use crate::domain::Timestamp;
use crate::domain::release::Part;
use crate::domain::tally::{Hold, Tally};

#[derive(FromRow)]
struct TallyRow {
    device_id: i64,
    release_id: i64,
    part: String,
    delivered: i64,
    not_taken: i64,
    aborted: i64,
    aborted_since: i64,
    retry_at: Option<i64>,
    hold: Option<String>,
}

fn count(value: i64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

impl TryFrom<TallyRow> for (i64, Tally) {
    type Error = StoreError;

    fn try_from(row: TallyRow) -> Result<Self, StoreError> {
        let wrong = |column, value: &str| StoreError::inconsistent("tallies", column, value);
        let hold = row.hold.as_deref();
        let tally = Tally {
            release_id: row.release_id,
            part: Part::read(&row.part).ok_or_else(|| wrong("part", &row.part))?,
            delivered: count(row.delivered),
            not_taken: count(row.not_taken),
            aborted: count(row.aborted),
            aborted_since: row.aborted_since,
            retry_at: row.retry_at,
            hold: hold
                .map(|word| Hold::read(word).ok_or_else(|| wrong("hold", word)))
                .transpose()?,
        };
        Ok((row.device_id, tally))
    }
}

/// Writes a tally as it stands; a device or release that is gone needs none.
pub(super) async fn write_tally(
    database: &mut SqliteConnection,
    device_id: i64,
    tally: &Tally,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO tallies (device_id, release_id, part, delivered, not_taken, aborted,
                              aborted_since, retry_at, hold)
         SELECT d.id, r.id, $3, $4, $5, $6, $7, $8, $9
           FROM devices d, releases r
          WHERE d.id = $1 AND r.id = $2
         ON CONFLICT (device_id, release_id, part)
         DO UPDATE SET delivered = excluded.delivered, not_taken = excluded.not_taken,
                       aborted = excluded.aborted, aborted_since = excluded.aborted_since,
                       retry_at = excluded.retry_at, hold = excluded.hold",
    )
    .bind(device_id)
    .bind(tally.release_id)
    .bind(tally.part.word())
    .bind(i64::from(tally.delivered))
    .bind(i64::from(tally.not_taken))
    .bind(i64::from(tally.aborted))
    .bind(tally.aborted_since)
    .bind(tally.retry_at)
    .bind(tally.hold.map(Hold::word))
    .execute(database)
    .await?;
    Ok(())
}

impl Store {
    /// All tallies, by device.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn tallies(&self) -> Result<HashMap<i64, Vec<Tally>>, StoreError> {
        let rows: Vec<TallyRow> = sqlx::query_as(
            "SELECT device_id, release_id, part, delivered, not_taken, aborted, aborted_since,
                    retry_at, hold
               FROM tallies
              ORDER BY device_id, release_id, part",
        )
        .fetch_all(&self.read)
        .await?;
        let mut tallies: HashMap<i64, Vec<Tally>> = HashMap::new();
        for row in rows {
            let (device_id, tally) = row.try_into()?;
            tallies.entry(device_id).or_default().push(tally);
        }
        Ok(tallies)
    }

    /// Writes a tally as it stands.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn save_tally(&self, device_id: i64, tally: &Tally) -> Result<(), StoreError> {
        let mut transaction = self.write.begin().await?;
        write_tally(&mut transaction, device_id, tally).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Forgets all tallies of a device, and that it did not take gzip.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn lift(&self, device_id: i64, now: Timestamp) -> Result<(), StoreError> {
        let mut transaction = self.write.begin().await?;
        sqlx::query("DELETE FROM tallies WHERE device_id = $1")
            .bind(device_id)
            .execute(&mut *transaction)
            .await?;
        // Nor does a broken transfer of a compressed image tell anything any more.
        sqlx::query(
            "UPDATE attempts SET settled_at = $2
              WHERE device_id = $1 AND state IN ('aborted', 'lost') AND settled_at IS NULL",
        )
        .bind(device_id)
        .bind(now)
        .execute(&mut *transaction)
        .await?;
        sqlx::query("UPDATE devices SET gzip = NULL WHERE id = $1 AND gzip = 'failed'")
            .bind(device_id)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Forgets the tallies that these devices have of a release.
    ///
    /// # Errors
    /// Where the database fails; then none is forgotten.
    pub async fn lift_release(&self, release_id: i64, devices: &[i64]) -> Result<(), StoreError> {
        let mut transaction = self.write.begin().await?;
        for device_id in devices {
            sqlx::query("DELETE FROM tallies WHERE release_id = $1 AND device_id = $2")
                .bind(release_id)
                .bind(device_id)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}
