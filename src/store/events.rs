//! The event log in the database.

use sqlx::{FromRow, SqliteConnection};

use super::{Store, StoreError, audit};
use crate::domain::Timestamp;
use crate::domain::audit::Entry;
use crate::domain::event::{Event, Kind};
use crate::domain::mac::MacAddr;

/// Which events a list shows.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// Only those about this device.
    pub mac: Option<MacAddr>,
    /// Only those about this platform, by name.
    pub platform: Option<String>,
    /// Only those about this release.
    pub release_id: Option<i64>,
    /// Only those of this sort.
    pub kind: Option<Kind>,
    /// Only those at or after this moment.
    pub since: Option<Timestamp>,
    /// Only those before this moment.
    pub until: Option<Timestamp>,
    /// Only those with a lower number: the cursor of the page before.
    pub before: Option<i64>,
    /// Leaves out what an attempt tells by itself: offers, transfers, and what became of them.
    pub without_attempts: bool,
    /// At most so many; 0 means 50.
    pub limit: u32,
}

#[derive(FromRow)]
struct EventRow {
    id: i64,
    at: i64,
    kind: String,
    text: String,
    mac: Option<String>,
    platform: Option<String>,
    release_id: Option<i64>,
    actor: String,
}

impl TryFrom<EventRow> for Event {
    type Error = StoreError;

    fn try_from(row: EventRow) -> Result<Self, StoreError> {
        let wrong = |column, value: &str| StoreError::inconsistent("events", column, value);
        let kind = Kind::read(&row.kind).ok_or_else(|| wrong("kind", &row.kind))?;
        let mac = row.mac.as_deref();
        let mac = mac.map(|text| text.parse().map_err(|_| wrong("mac", text))).transpose()?;
        let EventRow { id, at, text, platform, release_id, actor, .. } = row;
        let (author, deed, other) = (None, None, None);
        Ok(Self { id, at, kind, text, mac, platform, release_id, actor, author, deed, other })
    }
}

impl Store {
    /// Events, newest first.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn events(&self, filter: &EventFilter) -> Result<Vec<Event>, StoreError> {
        let limit = if filter.limit == 0 { 50 } else { filter.limit };
        let rows: Vec<EventRow> = sqlx::query_as(
            "SELECT id, at, kind, text, mac, platform, release_id, actor
               FROM events
              WHERE (CAST($1 AS TEXT) IS NULL OR mac = $1)
                AND (CAST($2 AS TEXT) IS NULL OR lower(platform) = lower($2))
                AND (CAST($3 AS INTEGER) IS NULL OR release_id = $3)
                AND (CAST($4 AS TEXT) IS NULL OR kind = $4)
                AND (CAST($5 AS INTEGER) IS NULL OR at >= $5)
                AND (CAST($6 AS INTEGER) IS NULL OR at < $6)
                AND (CAST($7 AS INTEGER) IS NULL OR id < $7)
                AND ($9 = 0 OR kind NOT IN ('offered', 'delivered', 'aborted', 'confirmed',
                                            'not_taken', 'rolled_back'))
              ORDER BY id DESC
              LIMIT $8",
        )
        .bind(filter.mac.map(MacAddr::hex))
        .bind(&filter.platform)
        .bind(filter.release_id)
        .bind(filter.kind.map(Kind::word))
        .bind(filter.since)
        .bind(filter.until)
        .bind(filter.before)
        .bind(i64::from(limit))
        .bind(i64::from(filter.without_attempts))
        .fetch_all(&self.read)
        .await?;
        rows.into_iter().map(Event::try_from).collect()
    }

    /// Writes events at once.
    ///
    /// # Errors
    /// Where the database fails; then none is written.
    pub async fn record_events(&self, events: &[Event]) -> Result<(), StoreError> {
        let mut transaction = self.write.begin().await?;
        for event in events {
            insert(&mut transaction, event).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Deletes what is older than this moment, except what rollouts under way count by; answers how many events went.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn purge(&self, before: Timestamp) -> Result<u64, StoreError> {
        let mut transaction = self.write.begin().await?;
        let events = sqlx::query("DELETE FROM events WHERE at < $1")
            .bind(before)
            .execute(&mut *transaction)
            .await?;
        sqlx::query("DELETE FROM checkins WHERE hour < $1")
            .bind(before)
            .execute(&mut *transaction)
            .await?;
        sqlx::query(
            "DELETE FROM attempts
              WHERE offered_at < $1
                AND id NOT IN (SELECT max(id) FROM attempts
                                WHERE part = 'application' GROUP BY device_id)
                AND (rollout_id IS NULL
                     OR rollout_id NOT IN (SELECT id FROM rollouts
                                            WHERE gates = 1
                                              AND state NOT IN ('finished', 'ended')))",
        )
        .bind(before)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(events.rows_affected())
    }
}

/// Writes one event inside a transaction: what devices did into the event log, what somebody
/// changed into the audit log too, and what is about people into that alone.
pub(super) async fn insert(
    connection: &mut SqliteConnection,
    event: &Event,
) -> Result<(), StoreError> {
    if let Some(entry) = Entry::of(event) {
        audit::insert(&mut *connection, &entry).await?;
        if event.kind.is_about_people() {
            return Ok(());
        }
    }
    sqlx::query(
        "INSERT INTO events (at, kind, text, mac, platform, release_id, actor)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(event.at)
    .bind(event.kind.word())
    .bind(&event.text)
    .bind(event.mac.map(MacAddr::hex))
    .bind(&event.platform)
    .bind(event.release_id)
    .bind(&event.actor)
    .execute(connection)
    .await?;
    Ok(())
}
