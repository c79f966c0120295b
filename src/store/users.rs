//! Users in the database, with what they sign in by.

use sqlx::FromRow;

use super::{Store, StoreError};
use crate::domain::Timestamp;
use crate::domain::access::{Role, UserName};
use crate::domain::digest::Sha256;
use crate::domain::secret::Secret;
use crate::domain::totp::Key;

/// A person with an account.
#[derive(Debug, Clone)]
pub struct User {
    /// Their number.
    pub id: i64,
    /// Their name.
    pub name: UserName,
    /// What they may do.
    pub role: Role,
    /// The slow hash of their password.
    pub password: Secret,
    /// When the account was made.
    pub created_at: Timestamp,
    /// When the password was changed last.
    pub changed_at: Timestamp,
    /// When they signed in last.
    pub signed_in: Option<Timestamp>,
    /// The key of their one-time codes, where they use them.
    pub totp: Option<Key>,
    /// The step of the last one-time code that was used.
    pub totp_step: Option<i64>,
}

/// A user that is to be added.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// Their name.
    pub name: UserName,
    /// What they may do.
    pub role: Role,
    /// The slow hash of their password.
    pub password: Secret,
}

/// What became of a change that may not take the last administrator away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guarded {
    /// It was made.
    Done,
    /// It would have taken the last administrator away.
    Last,
}

#[derive(FromRow)]
struct UserRow {
    id: i64,
    name: String,
    role: String,
    password: String,
    created_at: i64,
    changed_at: i64,
    signed_in: Option<i64>,
    totp_key: Option<String>,
    totp_step: Option<i64>,
}

impl TryFrom<UserRow> for User {
    type Error = StoreError;

    fn try_from(row: UserRow) -> Result<Self, StoreError> {
        let wrong = |column, value: &str| StoreError::inconsistent("users", column, value);
        let key = |text: String| Key::read(&text).ok_or_else(|| wrong("totp_key", "(hidden)"));
        Ok(Self {
            id: row.id,
            name: row.name.parse().map_err(|_| wrong("name", &row.name))?,
            role: Role::read(&row.role).ok_or_else(|| wrong("role", &row.role))?,
            password: Secret::new(row.password),
            created_at: row.created_at,
            changed_at: row.changed_at,
            signed_in: row.signed_in,
            totp: row.totp_key.map(key).transpose()?,
            totp_step: row.totp_step,
        })
    }
}

impl Store {
    /// Whether there is any user.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn has_users(&self) -> Result<bool, StoreError> {
        let found: Option<i64> =
            sqlx::query_scalar("SELECT id FROM users LIMIT 1").fetch_optional(&self.read).await?;
        Ok(found.is_some())
    }

    /// All users, by name.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn users(&self) -> Result<Vec<User>, StoreError> {
        let rows: Vec<UserRow> = sqlx::query_as(
            "SELECT id, name, role, password, created_at, changed_at, signed_in, totp_key, totp_step
               FROM users
              ORDER BY key",
        )
        .fetch_all(&self.read)
        .await?;
        rows.into_iter().map(User::try_from).collect()
    }

    /// The user of this number.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn user(&self, id: i64) -> Result<Option<User>, StoreError> {
        let row: Option<UserRow> = sqlx::query_as(
            "SELECT id, name, role, password, created_at, changed_at, signed_in, totp_key, totp_step
               FROM users
              WHERE id = $1",
        )
        .bind(id)
        .fetch_optional(&self.read)
        .await?;
        row.map(User::try_from).transpose()
    }

    /// The user of this name, by its key.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn user_by_key(&self, key: &str) -> Result<Option<User>, StoreError> {
        let row: Option<UserRow> = sqlx::query_as(
            "SELECT id, name, role, password, created_at, changed_at, signed_in, totp_key, totp_step
               FROM users
              WHERE key = $1",
        )
        .bind(key)
        .fetch_optional(&self.read)
        .await?;
        row.map(User::try_from).transpose()
    }

    /// Adds a user; `first` only where there is none yet. Answers their number.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where one of this name exists, or where there is one already.
    pub async fn create_user(
        &self,
        new: &NewUser,
        first: bool,
        now: Timestamp,
    ) -> Result<i64, StoreError> {
        let id: Option<i64> = sqlx::query_scalar(
            "INSERT INTO users (name, key, role, password, created_at, changed_at)
             SELECT $1, $2, $3, $4, $5, $5
              WHERE $6 = 0 OR NOT EXISTS (SELECT id FROM users)
             RETURNING id",
        )
        .bind(new.name.as_str())
        .bind(new.name.key())
        .bind(new.role.word())
        .bind(new.password.expose())
        .bind(now)
        .bind(i64::from(first))
        .fetch_optional(&self.write)
        .await?;
        id.ok_or(StoreError::Conflict)
    }

    /// Gives a user another role, unless that takes the last administrator away.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn set_role(&self, id: i64, role: Role) -> Result<Guarded, StoreError> {
        let changed = sqlx::query(
            "UPDATE users
                SET role = $2
              WHERE id = $1
                AND ($2 = 'administrator' OR role <> 'administrator'
                     OR (SELECT count(*) FROM users WHERE role = 'administrator') > 1)",
        )
        .bind(id)
        .bind(role.word())
        .execute(&self.write)
        .await?;
        Ok(guarded(changed.rows_affected()))
    }

    /// Removes a user with their sessions, unless that takes the last administrator away.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn delete_user(&self, id: i64) -> Result<Guarded, StoreError> {
        let changed = sqlx::query(
            "DELETE FROM users
              WHERE id = $1
                AND (role <> 'administrator'
                     OR (SELECT count(*) FROM users WHERE role = 'administrator') > 1)",
        )
        .bind(id)
        .execute(&self.write)
        .await?;
        Ok(guarded(changed.rows_affected()))
    }

    /// Changes a password and ends the user's sessions, save the one with this digest.
    ///
    /// # Errors
    /// Where the database fails; then nothing is changed.
    pub async fn set_password(
        &self,
        id: i64,
        password: &Secret,
        keep: Option<Sha256>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut transaction = self.write.begin().await?;
        sqlx::query("UPDATE users SET password = $2, changed_at = $3 WHERE id = $1")
            .bind(id)
            .bind(password.expose())
            .bind(now)
            .execute(&mut *transaction)
            .await?;
        sqlx::query("DELETE FROM sessions WHERE user_id = $1 AND hash <> $2")
            .bind(id)
            .bind(keep.map(|hash| hash.to_string()).unwrap_or_default())
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Switches one-time codes on with a key and recovery codes, or off.
    ///
    /// # Errors
    /// Where the database fails; then nothing is changed.
    pub async fn set_totp(
        &self,
        id: i64,
        key: Option<(&Key, i64)>,
        recovery: &[Sha256],
    ) -> Result<(), StoreError> {
        let mut transaction = self.write.begin().await?;
        sqlx::query("UPDATE users SET totp_key = $2, totp_step = $3 WHERE id = $1")
            .bind(id)
            .bind(key.map(|(key, _)| key.text().to_owned()))
            .bind(key.map(|(_, step)| step))
            .execute(&mut *transaction)
            .await?;
        sqlx::query("DELETE FROM recovery_codes WHERE user_id = $1")
            .bind(id)
            .execute(&mut *transaction)
            .await?;
        for code in recovery {
            sqlx::query("INSERT INTO recovery_codes (user_id, hash) VALUES ($1, $2)")
                .bind(id)
                .bind(code.to_string())
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Uses up the one-time code of a step; `false` where it or a later one was used already.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn use_step(&self, id: i64, step: i64) -> Result<bool, StoreError> {
        let changed = sqlx::query(
            "UPDATE users
                SET totp_step = $2
              WHERE id = $1 AND (totp_step IS NULL OR totp_step < $2)",
        )
        .bind(id)
        .bind(step)
        .execute(&self.write)
        .await?;
        Ok(changed.rows_affected() == 1)
    }

    /// Uses up a recovery code; `false` where there is no such code.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn use_recovery_code(&self, id: i64, code: Sha256) -> Result<bool, StoreError> {
        let changed = sqlx::query("DELETE FROM recovery_codes WHERE user_id = $1 AND hash = $2")
            .bind(id)
            .bind(code.to_string())
            .execute(&self.write)
            .await?;
        Ok(changed.rows_affected() == 1)
    }

    /// How many recovery codes a user has left.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn recovery_codes(&self, id: i64) -> Result<i64, StoreError> {
        let count = sqlx::query_scalar("SELECT count(*) FROM recovery_codes WHERE user_id = $1");
        Ok(count.bind(id).fetch_one(&self.read).await?)
    }
}

const fn guarded(rows: u64) -> Guarded {
    if rows == 0 { Guarded::Last } else { Guarded::Done }
}
