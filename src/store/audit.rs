//! The audit log in the database. Entries are written with the events that they come from, in the
//! same transaction: see [`super::events`].

use std::net::IpAddr;

use sqlx::{FromRow, SqliteConnection};

use super::like;
use super::{Store, StoreError};
use crate::domain::Timestamp;
use crate::domain::actor::{Actor, ActorKind};
use crate::domain::audit::Entry;
use crate::domain::event::Kind;
use crate::domain::mac::MacAddr;

/// Which entries a list shows.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// Only what this sort of actor did.
    pub actor_kind: Option<ActorKind>,
    /// Only what the person or token of this name did, in any case.
    pub actor: Option<String>,
    /// Only changes of this sort.
    pub action: Option<Kind>,
    /// Only those to this device.
    pub mac: Option<MacAddr>,
    /// Only those to this platform, by name.
    pub platform: Option<String>,
    /// Only those to this release.
    pub release_id: Option<i64>,
    /// Only those with this text in the sentence, the address, or the name of what was changed.
    pub query: Option<String>,
    /// Only those at or after this moment.
    pub since: Option<Timestamp>,
    /// Only those before this moment.
    pub until: Option<Timestamp>,
    /// Only those with a lower number: the cursor of the page before.
    pub before: Option<i64>,
    /// At most so many; 0 means 50.
    pub limit: u32,
}

#[derive(FromRow)]
struct EntryRow {
    id: i64,
    at: i64,
    actor_kind: String,
    actor: String,
    address: Option<String>,
    action: String,
    text: String,
    mac: Option<String>,
    platform: Option<String>,
    release_id: Option<i64>,
    other: Option<String>,
}

impl TryFrom<EntryRow> for Entry {
    type Error = StoreError;

    fn try_from(row: EntryRow) -> Result<Self, StoreError> {
        let wrong = |column, value: &str| StoreError::inconsistent("audit", column, value);
        let kind = ActorKind::read(&row.actor_kind);
        let kind = kind.ok_or_else(|| wrong("actor_kind", &row.actor_kind))?;
        let action = Kind::read(&row.action).ok_or_else(|| wrong("action", &row.action))?;
        let mac = row.mac.as_deref();
        let mac = mac.map(|text| text.parse().map_err(|_| wrong("mac", text))).transpose()?;
        let address = row.address.and_then(|text| text.parse::<IpAddr>().ok());
        let actor = Actor::new(kind, row.actor, address);
        let EntryRow { id, at, text, platform, release_id, other, .. } = row;
        Ok(Self { id, at, actor, action, text, mac, platform, release_id, other })
    }
}

impl Store {
    /// Entries of the audit log, newest first.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn audit(&self, filter: &AuditFilter) -> Result<Vec<Entry>, StoreError> {
        let limit = if filter.limit == 0 { 50 } else { filter.limit };
        let rows: Vec<EntryRow> = sqlx::query_as(
            "SELECT id, at, actor_kind, actor, address, action, text, mac, platform, release_id,
                    other
               FROM audit
              WHERE (CAST($1 AS TEXT) IS NULL OR actor_kind = $1)
                AND (CAST($2 AS TEXT) IS NULL OR lower(actor) = lower($2))
                AND (CAST($3 AS TEXT) IS NULL OR action = $3)
                AND (CAST($4 AS TEXT) IS NULL OR mac = $4)
                AND (CAST($5 AS TEXT) IS NULL OR lower(platform) = lower($5))
                AND (CAST($6 AS INTEGER) IS NULL OR release_id = $6)
                AND (CAST($7 AS TEXT) IS NULL OR lower(text) LIKE $7 ESCAPE '!'
                     OR lower(coalesce(other, '')) LIKE $7 ESCAPE '!'
                     OR lower(coalesce(platform, '')) LIKE $7 ESCAPE '!'
                     OR coalesce(mac, '') LIKE $8 ESCAPE '!'
                     OR coalesce(address, '') LIKE $7 ESCAPE '!')
                AND (CAST($9 AS INTEGER) IS NULL OR at >= $9)
                AND (CAST($10 AS INTEGER) IS NULL OR at < $10)
                AND (CAST($11 AS INTEGER) IS NULL OR id < $11)
              ORDER BY id DESC
              LIMIT $12",
        )
        .bind(filter.actor_kind.map(ActorKind::word))
        .bind(&filter.actor)
        .bind(filter.action.map(Kind::word))
        .bind(filter.mac.map(MacAddr::hex))
        .bind(&filter.platform)
        .bind(filter.release_id)
        .bind(filter.query.as_deref().map(like))
        .bind(filter.query.as_deref().map(|text| like(&text.replace([':', '-'], ""))))
        .bind(filter.since)
        .bind(filter.until)
        .bind(filter.before)
        .bind(i64::from(limit))
        .fetch_all(&self.read)
        .await?;
        rows.into_iter().map(Entry::try_from).collect()
    }

    /// The people and tokens that the audit log names, at most a hundred, by name.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn audit_actors(&self) -> Result<Vec<(ActorKind, String)>, StoreError> {
        let rows: Vec<(String, String)> = sqlx::query_as(
            "SELECT DISTINCT actor_kind, actor FROM audit WHERE actor <> ''
              ORDER BY actor_kind, actor LIMIT 100",
        )
        .fetch_all(&self.read)
        .await?;
        Ok(rows
            .into_iter()
            .filter_map(|(kind, name)| Some((ActorKind::read(&kind)?, name)))
            .collect())
    }

    /// Deletes entries older than this moment; answers how many went.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn purge_audit(&self, before: Timestamp) -> Result<u64, StoreError> {
        let deleted = sqlx::query("DELETE FROM audit WHERE at < $1")
            .bind(before)
            .execute(&self.write)
            .await?;
        Ok(deleted.rows_affected())
    }
}

/// Writes one entry inside a transaction.
pub(super) async fn insert(
    connection: &mut SqliteConnection,
    entry: &Entry,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO audit (at, actor_kind, actor, address, action, text, mac, platform,
                            release_id, other)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(entry.at)
    .bind(entry.actor.kind().word())
    .bind(entry.actor.name())
    .bind(entry.actor.address().map(|address| address.to_string()))
    .bind(entry.action.word())
    .bind(&entry.text)
    .bind(entry.mac.map(MacAddr::hex))
    .bind(&entry.platform)
    .bind(entry.release_id)
    .bind(&entry.other)
    .execute(connection)
    .await?;
    Ok(())
}
