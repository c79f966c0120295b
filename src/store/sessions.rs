//! Sessions in the database, and from where their users have signed in before.

use sqlx::FromRow;

use super::{Store, StoreError};
use crate::domain::Timestamp;
use crate::domain::access::Role;
use crate::domain::digest::Sha256;

/// A browser in which somebody is signed in.
#[derive(Debug, Clone)]
pub struct Session {
    /// Its number.
    pub id: i64,
    /// The digest of its secret.
    pub hash: Sha256,
    /// Whose it is.
    pub user_id: i64,
    /// Their name.
    pub user: String,
    /// What they may do.
    pub role: Role,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was used last, up to a minute late.
    pub last_used: Timestamp,
    /// From where it was used last.
    pub address: String,
    /// In which browser it began.
    pub browser: String,
}

/// A session that begins.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// Whose it is.
    pub user_id: i64,
    /// The digest of its secret.
    pub hash: Sha256,
    /// From where.
    pub address: String,
    /// In which browser.
    pub browser: String,
    /// What is remembered of browser and address, so that strangers cannot lock them out.
    pub marks: Vec<String>,
}

/// How long a session lasts: what began or was used before these moments is over.
#[derive(Debug, Clone, Copy)]
pub struct Oldest {
    /// The earliest moment at which it may have begun.
    pub created_at: Timestamp,
    /// The earliest moment at which it may have been used last.
    pub last_used: Timestamp,
}

/// Browsers and addresses that are remembered for a user.
const MARKS_KEPT: i64 = 40;

#[derive(FromRow)]
struct SessionRow {
    id: i64,
    hash: String,
    user_id: i64,
    name: String,
    role: String,
    created_at: i64,
    last_used: i64,
    address: String,
    browser: String,
}

impl TryFrom<SessionRow> for Session {
    type Error = StoreError;

    fn try_from(row: SessionRow) -> Result<Self, StoreError> {
        let wrong = |column, value: &str| StoreError::inconsistent("sessions", column, value);
        Ok(Self {
            id: row.id,
            hash: row.hash.parse().map_err(|_| wrong("hash", "(hidden)"))?,
            user_id: row.user_id,
            user: row.name,
            role: Role::read(&row.role).ok_or_else(|| wrong("role", &row.role))?,
            created_at: row.created_at,
            last_used: row.last_used,
            address: row.address,
            browser: row.browser,
        })
    }
}

impl Store {
    /// The session with this digest, unless it is over.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn session(
        &self,
        hash: Sha256,
        oldest: Oldest,
    ) -> Result<Option<Session>, StoreError> {
        let row: Option<SessionRow> = sqlx::query_as(
            "SELECT s.id, s.hash, s.user_id, u.name, u.role, s.created_at, s.last_used, s.address,
                    s.browser
               FROM sessions s
               JOIN users u ON u.id = s.user_id
              WHERE s.hash = $1 AND s.created_at >= $2 AND s.last_used >= $3",
        )
        .bind(hash.to_string())
        .bind(oldest.created_at)
        .bind(oldest.last_used)
        .fetch_optional(&self.read)
        .await?;
        row.map(Session::try_from).transpose()
    }

    /// The sessions of a user, the one used last first.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn sessions(&self, user: i64, oldest: Oldest) -> Result<Vec<Session>, StoreError> {
        let rows: Vec<SessionRow> = sqlx::query_as(
            "SELECT s.id, s.hash, s.user_id, u.name, u.role, s.created_at, s.last_used, s.address,
                    s.browser
               FROM sessions s
               JOIN users u ON u.id = s.user_id
              WHERE s.user_id = $1 AND s.created_at >= $2 AND s.last_used >= $3
              ORDER BY s.last_used DESC, s.id DESC",
        )
        .bind(user)
        .bind(oldest.created_at)
        .bind(oldest.last_used)
        .fetch_all(&self.read)
        .await?;
        rows.into_iter().map(Session::try_from).collect()
    }

    /// Begins a session, and remembers from where.
    ///
    /// # Errors
    /// Where the database fails; then it does not begin.
    pub async fn begin_session(&self, new: &NewSession, now: Timestamp) -> Result<(), StoreError> {
        let mut transaction = self.write.begin().await?;
        sqlx::query(
            "INSERT INTO sessions (hash, user_id, created_at, last_used, address, browser)
             VALUES ($1, $2, $3, $3, $4, $5)",
        )
        .bind(new.hash.to_string())
        .bind(new.user_id)
        .bind(now)
        .bind(&new.address)
        .bind(&new.browser)
        .execute(&mut *transaction)
        .await?;
        sqlx::query("UPDATE users SET signed_in = $2 WHERE id = $1")
            .bind(new.user_id)
            .bind(now)
            .execute(&mut *transaction)
            .await?;
        for mark in &new.marks {
            sqlx::query(
                "INSERT INTO acquaintances (user_id, mark, at) VALUES ($1, $2, $3)
                 ON CONFLICT (user_id, mark) DO UPDATE SET at = excluded.at",
            )
            .bind(new.user_id)
            .bind(mark)
            .bind(now)
            .execute(&mut *transaction)
            .await?;
        }
        sqlx::query(
            "DELETE FROM acquaintances
              WHERE user_id = $1
                AND mark NOT IN (SELECT mark FROM acquaintances
                                  WHERE user_id = $1
                                  ORDER BY at DESC, mark
                                  LIMIT $2)",
        )
        .bind(new.user_id)
        .bind(MARKS_KEPT)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Whether a user has signed in from this browser or address before.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn is_acquainted(&self, key: &str, mark: &str) -> Result<bool, StoreError> {
        let found: Option<i64> = sqlx::query_scalar(
            "SELECT a.at
               FROM acquaintances a
               JOIN users u ON u.id = a.user_id
              WHERE u.key = $1 AND a.mark = $2",
        )
        .bind(key)
        .bind(mark)
        .fetch_optional(&self.read)
        .await?;
        Ok(found.is_some())
    }

    /// Whether anybody has signed in from this browser or address before.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn is_known_mark(&self, mark: &str) -> Result<bool, StoreError> {
        let found: Option<i64> =
            sqlx::query_scalar("SELECT at FROM acquaintances WHERE mark = $1 LIMIT 1")
                .bind(mark)
                .fetch_optional(&self.read)
                .await?;
        Ok(found.is_some())
    }

    /// Ends the session with this digest; answers whether there was one.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn end_session(&self, hash: Sha256) -> Result<bool, StoreError> {
        let ended = sqlx::query("DELETE FROM sessions WHERE hash = $1")
            .bind(hash.to_string())
            .execute(&self.write)
            .await?;
        Ok(ended.rows_affected() > 0)
    }

    /// Ends a user's session of this number; answers whether there was one.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn revoke_session(&self, user: i64, id: i64) -> Result<bool, StoreError> {
        let ended = sqlx::query("DELETE FROM sessions WHERE user_id = $1 AND id = $2")
            .bind(user)
            .bind(id)
            .execute(&self.write)
            .await?;
        Ok(ended.rows_affected() > 0)
    }

    /// Ends all sessions of a user; answers how many there were.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn end_sessions(&self, user: i64) -> Result<u64, StoreError> {
        let ended = sqlx::query("DELETE FROM sessions WHERE user_id = $1")
            .bind(user)
            .execute(&self.write)
            .await?;
        Ok(ended.rows_affected())
    }

    /// Writes when and from where sessions and tokens were used last.
    ///
    /// # Errors
    /// Where the database fails; then nothing is written.
    pub async fn record_uses(
        &self,
        sessions: &[(i64, Timestamp, String)],
        tokens: &[(i64, Timestamp, String)],
    ) -> Result<(), StoreError> {
        let mut transaction = self.write.begin().await?;
        for (id, at, address) in sessions {
            sqlx::query("UPDATE sessions SET last_used = $2, address = $3 WHERE id = $1")
                .bind(id)
                .bind(at)
                .bind(address)
                .execute(&mut *transaction)
                .await?;
        }
        for (id, at, address) in tokens {
            sqlx::query("UPDATE tokens SET last_used = $2, address = $3 WHERE id = $1")
                .bind(id)
                .bind(at)
                .bind(address)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Deletes the sessions that are over.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn purge_sessions(&self, oldest: Oldest) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM sessions WHERE created_at < $1 OR last_used < $2")
            .bind(oldest.created_at)
            .bind(oldest.last_used)
            .execute(&self.write)
            .await?;
        Ok(())
    }
}
