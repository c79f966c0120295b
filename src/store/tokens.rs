//! API tokens in the database.

use sqlx::FromRow;

use super::{Store, StoreError};
use crate::domain::Timestamp;
use crate::domain::access::{Scopes, TokenName};
use crate::domain::digest::Sha256;

/// A token of a program, without the secret itself.
#[derive(Debug, Clone)]
pub struct Token {
    /// Its number.
    pub id: i64,
    /// What it is for.
    pub name: TokenName,
    /// How it begins, to tell it from others.
    pub hint: String,
    /// What it may do.
    pub scopes: Scopes,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// When it was used last, up to a minute late.
    pub last_used: Option<Timestamp>,
    /// From where it was used last.
    pub address: Option<String>,
}

/// A token that is to be made.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// What it is for.
    pub name: TokenName,
    /// The digest of the secret.
    pub hash: Sha256,
    /// How the secret begins.
    pub hint: String,
    /// What it may do.
    pub scopes: Scopes,
    /// Who makes it.
    pub created_by: String,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}

impl Token {
    /// Whether its time is over.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }
}

#[derive(FromRow)]
struct TokenRow {
    id: i64,
    name: String,
    hint: String,
    scopes: String,
    created_at: i64,
    created_by: String,
    expires_at: Option<i64>,
    last_used: Option<i64>,
    address: Option<String>,
}

impl TryFrom<TokenRow> for Token {
    type Error = StoreError;

    fn try_from(row: TokenRow) -> Result<Self, StoreError> {
        let wrong = |column, value: &str| StoreError::inconsistent("tokens", column, value);
        Ok(Self {
            id: row.id,
            name: row.name.parse().map_err(|_| wrong("name", &row.name))?,
            hint: row.hint,
            scopes: row.scopes.parse().map_err(|_| wrong("scopes", &row.scopes))?,
            created_at: row.created_at,
            created_by: row.created_by,
            expires_at: row.expires_at,
            last_used: row.last_used,
            address: row.address,
        })
    }
}

impl Store {
    /// All tokens, the newest first.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn tokens(&self) -> Result<Vec<Token>, StoreError> {
        let rows: Vec<TokenRow> = sqlx::query_as(
            "SELECT id, name, hint, scopes, created_at, created_by, expires_at, last_used, address
               FROM tokens
              ORDER BY id DESC",
        )
        .fetch_all(&self.read)
        .await?;
        rows.into_iter().map(Token::try_from).collect()
    }

    /// The token with this digest, also one whose time is over.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn token(&self, hash: Sha256) -> Result<Option<Token>, StoreError> {
        let row: Option<TokenRow> = sqlx::query_as(
            "SELECT id, name, hint, scopes, created_at, created_by, expires_at, last_used, address
               FROM tokens
              WHERE hash = $1",
        )
        .bind(hash.to_string())
        .fetch_optional(&self.read)
        .await?;
        row.map(Token::try_from).transpose()
    }

    /// Makes a token; answers its number.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn create_token(&self, new: &NewToken, now: Timestamp) -> Result<i64, StoreError> {
        let id = sqlx::query_scalar(
            "INSERT INTO tokens (name, hash, hint, scopes, created_at, created_by, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             RETURNING id",
        )
        .bind(new.name.as_str())
        .bind(new.hash.to_string())
        .bind(&new.hint)
        .bind(new.scopes.to_string())
        .bind(now)
        .bind(&new.created_by)
        .bind(new.expires_at)
        .fetch_one(&self.write)
        .await?;
        Ok(id)
    }

    /// Revokes a token; answers its name, where there was one.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn revoke_token(&self, id: i64) -> Result<Option<String>, StoreError> {
        let name = sqlx::query_scalar("DELETE FROM tokens WHERE id = $1 RETURNING name")
            .bind(id)
            .fetch_optional(&self.write)
            .await?;
        Ok(name)
    }
}
