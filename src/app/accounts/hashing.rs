//! Passwords as slow hashes: Argon2id, off the threads that serve, a few at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use super::{Error, random};
use crate::config::PasswordCost;
use crate::domain::secret::Secret;

/// Passwords that are hashed at the same time, each of which takes 19 MiB.
const AT_ONCE: usize = 2;
/// Sign-ins of strangers that may wait for their turn; beyond, they are sent away.
const WAITING: usize = 32;
/// The longest password that is looked at, in bytes: 128 characters of four.
const LONGEST: usize = 512;

#[derive(Debug)]
pub(super) struct Hasher {
    cost: PasswordCost,
    turns: Semaphore,
    waiting: AtomicUsize,
    checked: AtomicU64,
}

/// Counts one who waits, as long as it lives.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn enter(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Hasher {
    pub(super) fn new(cost: PasswordCost) -> Self {
        let (waiting, checked) = (AtomicUsize::new(0), AtomicU64::new(0));
        Self { cost, turns: Semaphore::new(AT_ONCE), waiting, checked }
    }

    /// How many passwords were checked.
    pub(super) fn checked(&self) -> u64 {
        self.checked.load(Ordering::SeqCst)
    }

    /// The slow hash of a password.
    pub(super) async fn hash(&self, password: &Secret) -> Result<Secret, Error> {
        let (argon2, salt, password) = (argon2(self.cost)?, random::<16>()?, password.clone());
        let hash = self.in_turn(move || {
            let hash = argon2.hash_password_with_salt(password.expose().as_bytes(), &salt);
            hash.map(|hash: PasswordHash| Secret::new(hash.to_string()))
        });
        hash.await?.map_err(|_| Error::Broken("a password could not be hashed"))
    }

    /// Whether this is the password. Without a hash to compare it with it is not, after the same
    /// work: the time must not tell which names there are. A friend need not wait behind strangers.
    pub(super) async fn check(
        &self,
        hash: Option<&Secret>,
        password: &Secret,
        friend: bool,
    ) -> Result<bool, Error> {
        let count = Waiting::enter(&self.waiting);
        if !friend && self.waiting.load(Ordering::SeqCst) > WAITING {
            return Err(Error::Busy);
        }
        self.checked.fetch_add(1, Ordering::SeqCst);
        let (argon2, known) = (argon2(self.cost)?, hash.is_some());
        let hash = hash.map_or_else(|| self.nobody(), |hash| hash.expose().to_owned());
        let fits = password.expose().len() <= LONGEST;
        let password = if fits { password.clone() } else { Secret::new("") };
        let right = self.in_turn(move || {
            let hash = PasswordHash::new(&hash);
            let check = |hash| argon2.verify_password(password.expose().as_bytes(), &hash);
            hash.is_ok_and(|hash| check(hash).is_ok())
        });
        let right = right.await?;
        drop(count);
        Ok(right && known && fits)
    }

    /// A hash that no password has, as costly to check as a real one.
    fn nobody(&self) -> String {
        let PasswordCost { memory, passes } = self.cost;
        let (salt, hash) = ("A".repeat(22), "A".repeat(43));
        format!("$argon2id$v=19$m={memory},t={passes},p=1${salt}${hash}")
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let _turn = self.turns.acquire().await;
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|_| Error::Broken("the work on a password broke off"))
    }
}

fn argon2(cost: PasswordCost) -> Result<Arc<Argon2<'static>>, Error> {
    let params = Params::new(cost.memory, cost.passes, 1, None);
    let params = params.map_err(|_| Error::Broken("the cost of passwords is out of bounds"))?;
    Ok(Arc::new(Argon2::new(Algorithm::Argon2id, Version::V0x13, params)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_known_again() {
        let hasher = Hasher::new(PasswordCost::LOWEST);
        let password = Secret::new("apple trellis rain");
        let hash = hasher.hash(&password).await.unwrap();
        assert!(hash.expose().starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{}", hash.expose());
        assert!(hasher.check(Some(&hash), &password, false).await.unwrap());
        assert!(!hasher.check(Some(&hash), &Secret::new("apple"), false).await.unwrap());
        assert_ne!(hasher.hash(&password).await.unwrap(), hash, "salted");
    }

    #[tokio::test]
    async fn a_name_that_nobody_has_costs_the_same_work() {
        let hasher = Hasher::new(PasswordCost::LOWEST);
        assert!(PasswordHash::new(&hasher.nobody()).is_ok(), "it is really checked");
        assert!(!hasher.check(None, &Secret::new("anything"), false).await.unwrap());
        assert_eq!(hasher.checked(), 1);
    }

    #[test]
    fn the_usual_cost_is_what_owasp_advises() {
        let PasswordCost { memory, passes } = PasswordCost::default();
        assert!(memory >= 19 * 1024 && passes >= 2);
    }
}
