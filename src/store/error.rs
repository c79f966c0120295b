//! What can go wrong with the database.

/// What can go wrong with the database.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A statement failed.
    #[error("the database failed")]
    Database(#[source] sqlx::Error),
    /// The tables could not be brought up to date.
    #[error("the database's tables could not be brought up to date")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// Something with this identity exists already.
    #[error("it exists already")]
    Conflict,
    /// The disk is full.
    #[error("the disk is full")]
    Full,
    /// A row holds what the program never writes.
    #[error("a row of {table} has an unreadable {column}: {value}")]
    Inconsistent {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// What it holds.
        value: String,
    },
}

impl StoreError {
    /// A row that cannot be read.
    pub(super) fn inconsistent(
        table: &'static str,
        column: &'static str,
        value: impl Into<String>,
    ) -> Self {
        Self::Inconsistent { table, column, value: value.into() }
    }
}

/// SQLite's result code for a full disk.
const SQLITE_FULL: &str = "13";

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error.as_database_error() {
            Some(cause) if cause.is_unique_violation() => Self::Conflict,
            Some(cause) if cause.code().as_deref() == Some(SQLITE_FULL) => Self::Full,
            _ => Self::Database(error),
        }
    }
}
