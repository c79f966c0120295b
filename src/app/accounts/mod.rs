//! People and programs: who they are, and how they prove it.
//!
//! [`Accounts`] stands on the database alone and keeps nothing of users, sessions and tokens in
//! memory, so that the command line may change them beside a running server. What it does keep is
//! short-lived: wrong attempts, half-done sign-ins, and when something was used last.

mod hashing;
mod people;
mod second_step;
mod sessions;
mod setup;
mod sign_in;
mod throttle;
mod tokens;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use super::Error;
use super::unknown::EventBudget;
use crate::clock::Clock;
use crate::config::PasswordCost;
use crate::domain::Timestamp;
use crate::domain::digest::Sha256;
use crate::domain::event::Event;
use crate::domain::secret::Secret;
use crate::domain::totp;
use crate::store::Store;
use hashing::Hasher;
use second_step::Ticket;
use throttle::Throttle;
pub(super) use throttle::network;

pub use second_step::Enrolment;
pub use sign_in::{SignIn, SignedIn};
pub use tokens::{Bearer, TokenWish};

/// People and programs; cheap to clone.
#[derive(Debug, Clone)]
pub struct Accounts(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    clock: Arc<dyn Clock>,
    hasher: Hasher,
    throttle: Throttle,
    /// Events about wrong passwords.
    failures: EventBudget,
    /// What the first administrator must type in, until there is one.
    setup_code: Mutex<Option<Secret>>,
    /// Whether there is a user; once there is, there always is one.
    settled: AtomicBool,
    /// How often the current password was wrong in a session.
    guesses: Mutex<HashMap<Sha256, u32>>,
    /// Sign-ins whose password was right and whose code is waited for.
    tickets: Mutex<HashMap<Sha256, Ticket>>,
    uses: Mutex<Uses>,
}

/// When and from where sessions and tokens were used, not yet written.
#[derive(Debug, Default)]
struct Uses {
    sessions: HashMap<i64, (Timestamp, String)>,
    tokens: HashMap<i64, (Timestamp, String)>,
}

/// Where a request comes from.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The address.
    pub address: IpAddr,
    /// The browser, in words.
    pub browser: String,
    /// What marks a browser in which somebody has signed in before.
    pub mark: Option<Secret>,
}

/// Seconds after which a use is written again.
const USE_WRITTEN: i64 = 60;

impl Accounts {
    /// On this database.
    #[must_use]
    pub fn new(store: Store, clock: Arc<dyn Clock>, cost: PasswordCost) -> Self {
        Self(Arc::new(Inner {
            store,
            clock,
            hasher: Hasher::new(cost),
            throttle: Throttle::default(),
            failures: EventBudget::new(60),
            setup_code: Mutex::default(),
            settled: AtomicBool::new(false),
            guesses: Mutex::default(),
            tickets: Mutex::default(),
            uses: Mutex::default(),
        }))
    }

    /// The database, for what only reads.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// What stands in for a session in a browser where nobody has signed in.
    ///
    /// # Errors
    /// Where the system gives no random numbers.
    pub fn new_visit(&self) -> Result<Secret, Error> {
        random_secret()
    }

    /// How many passwords were checked, those of unknown names among them.
    #[must_use]
    pub fn passwords_checked(&self) -> u64 {
        self.0.hasher.checked()
    }

    fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    async fn record(&self, event: Event) -> Result<(), Error> {
        super::log(&event);
        self.0.store.record_events(&[event]).await?;
        Ok(())
    }

    /// Writes when sessions and tokens were used last.
    pub(super) async fn flush(&self) -> Result<(), Error> {
        let uses = std::mem::take(&mut *lock(&self.0.uses));
        if uses.sessions.is_empty() && uses.tokens.is_empty() {
            return Ok(());
        }
        let list = |uses: HashMap<i64, (Timestamp, String)>| -> Vec<_> {
            uses.into_iter().map(|(id, (at, address))| (id, at, address)).collect()
        };
        Ok(self.0.store.record_uses(&list(uses.sessions), &list(uses.tokens)).await?)
    }

    /// Throws away what is over.
    pub(super) async fn tidy(&self) -> Result<(), Error> {
        let now = self.now();
        lock(&self.0.tickets).retain(|_, ticket| !ticket.is_over(now));
        // Those of an hour or so; a session that was ended does not come back.
        lock(&self.0.guesses).clear();
        Ok(self.0.store.purge_sessions(sessions::oldest(now)).await?)
    }
}

/// A random secret of 256 bits, as 64 hexadecimal digits.
fn random_secret() -> Result<Secret, Error> {
    Ok(Secret::new(Sha256(random::<32>()?).to_string()))
}

/// Random letters and digits in groups of four, for people to type: `ABCD-EFGH`.
fn random_code<const BYTES: usize>() -> Result<Secret, Error> {
    let text = totp::base32(&random::<BYTES>()?);
    let groups: Vec<&str> = (0..text.len())
        .step_by(4)
        .filter_map(|at| text.get(at..(at + 4).min(text.len())))
        .collect();
    Ok(Secret::new(groups.join("-")))
}

/// A code as it is compared: without the signs between the groups, in capitals.
fn plain_code(typed: &str) -> Secret {
    let letters = typed.chars().filter(char::is_ascii_alphanumeric);
    Secret::new(letters.map(|c| c.to_ascii_uppercase()).take(64).collect::<String>())
}

pub(super) fn random<const BYTES: usize>() -> Result<[u8; BYTES], Error> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(|_| Error::Broken("the system gives no random numbers"))?;
    Ok(bytes)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
