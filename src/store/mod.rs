//! The database: the only place that names sqlx.
//!
//! [`Store`] is a handle with methods that take and return values of the domain; a transaction
//! never leaves it. Statements are portable text: `$1` parameters, times passed in as Unix seconds.
//! One connection writes, a few read.

mod attempts;
mod audit;
mod checkins;
mod devices;
mod error;
mod events;
mod groups;
mod images;
mod learnt;
mod members;
mod names;
mod pairing;
mod platforms;
mod policies;
mod presence;
mod record;
mod releases;
mod rollouts;
mod secrets;
mod sessions;
mod settings;
mod stats;
mod tallies;
mod together;
mod tokens;
mod users;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

pub use attempts::{EndedAttempt, NewOffer};
pub use audit::AuditFilter;
pub use checkins::{Batch, HourCount, News, Seen, VersionCount};
pub use devices::{DeviceFilter, DeviceSort, NewDevice};
pub use error::StoreError;
pub use events::EventFilter;
pub use images::{ImageDigest, ToPack};
pub use members::{RolloutAttempt, RolloutMember};
pub use pairing::{Addresses, Paired};
pub use platforms::PlatformSummary;
pub use presence::{DayCount, PresenceFilter};
pub use releases::{NewDraft, ReleaseFilter};
pub use secrets::SecretOwner;
pub use sessions::{NewSession, Oldest, Session};
pub use stats::{DeviceAttempt, DeviceAttemptFilter, FieldDay, TransferDay};
use together::Together;
pub use tokens::{NewToken, Token};
pub use users::{Guarded, NewUser, User};

/// A handle to the database; cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    /// The one connection that writes.
    write: SqlitePool,
    /// A few connections that read beside it.
    read: SqlitePool,
    /// Changes that are written together.
    together: Arc<Together>,
}

impl Store {
    /// Opens the database in this file, creates it where it is missing, and brings its tables up
    /// to date.
    ///
    /// # Errors
    /// Where the file cannot be opened, or belongs to a newer Espalier.
    pub async fn open(file: &Path) -> Result<Self, StoreError> {
        let options = options().filename(file).create_if_missing(true);
        let options = options.journal_mode(SqliteJournalMode::Wal);
        let write = pool(1).connect_with(options.clone()).await?;
        sqlx::migrate!().run(&write).await?;
        let read = pool(3).connect_with(options.read_only(true)).await?;
        Ok(Self { write, read, together: Arc::default() })
    }

    /// Opens the database beside a server that runs on it: its tables are left as they are.
    ///
    /// # Errors
    /// Where the file cannot be opened, or its tables are those of another version.
    pub async fn open_beside(file: &Path) -> Result<Self, StoreError> {
        let options = options().filename(file).journal_mode(SqliteJournalMode::Wal);
        let write = pool(1).connect_with(options).await?;
        let latest: Option<i64> = sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations")
            .fetch_one(&write)
            .await?;
        let latest = latest.unwrap_or(0);
        if sqlx::migrate!().iter().map(|migration| migration.version).max() != Some(latest) {
            return Err(sqlx::migrate::MigrateError::VersionMismatch(latest).into());
        }
        Ok(Self { read: write.clone(), write, together: Arc::default() })
    }

    /// A database in memory, for tests.
    ///
    /// # Errors
    /// Where its tables cannot be made.
    pub async fn in_memory() -> Result<Self, StoreError> {
        let write = pool(1).connect_with(options().in_memory(true)).await?;
        sqlx::migrate!().run(&write).await?;
        Ok(Self { read: write.clone(), write, together: Arc::default() })
    }

    /// Asks the database for an answer, for the readiness probe.
    ///
    /// # Errors
    /// Where it gives none.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").execute(&self.read).await?;
        Ok(())
    }

    /// Closes all connections, so that everything is in the one file.
    pub async fn close(&self) {
        self.read.close().await;
        self.write.close().await;
    }
}

fn options() -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .foreign_keys(true)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(10))
        .pragma("temp_store", "MEMORY")
        .disable_statement_logging()
}

fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .acquire_timeout(Duration::from_secs(30))
}

/// A count for the database, whose integers are signed.
fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A count from the database; what is negative counts as nothing.
fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

/// The pattern for "holds this text", in lower case.
fn like(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.trim().to_lowercase().chars() {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}
