//! Secrets of devices: how they look, and what is kept of them.
//!
//! A secret that the server makes has 160 random bits: nobody guesses it, so a fast digest is
//! enough, and a poll stays cheap. One that a person typed is weaker; what stands between it and
//! somebody who tries is that wrong ones are counted.

use std::fmt;

use sha2::{Digest, Sha256 as Hasher};

use super::Timestamp;
use super::digest::Sha256;
use super::secret::Secret;
use super::totp::base32;

/// Random bytes of a secret that is made here.
pub const RANDOM_BYTES: usize = 20;
/// Characters that a secret has at least and at most.
const LENGTH: std::ops::RangeInclusive<usize> = 8..=40;

/// Why a text cannot be a secret of devices. The text itself is never repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DeviceSecretError {
    /// It is too short or too long.
    #[error("the secret has {0} characters; 8 to 40 are allowed")]
    Length(
        /// How many characters it has.
        usize,
    ),
    /// It holds a character that does not survive in an address.
    #[error("the secret holds a sign that is not allowed; letters A–Z, digits and . _ ~ - are")]
    Character,
}

/// A new secret from random bytes: 32 lower-case letters and digits, which need no escape anywhere.
#[must_use]
pub fn made(random: &[u8; RANDOM_BYTES]) -> Secret {
    Secret::new(base32(random).to_ascii_lowercase())
}

/// A secret that a person typed, because devices have it already.
///
/// # Errors
/// [`DeviceSecretError`] where it is too short or too long, or needs an escape in an address.
pub fn typed(text: &str) -> Result<Secret, DeviceSecretError> {
    let text = text.trim();
    let length = text.chars().count();
    if !LENGTH.contains(&length) {
        return Err(DeviceSecretError::Length(length));
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._~-".contains(&b);
    if !text.bytes().all(plain) {
        return Err(DeviceSecretError::Character);
    }
    Ok(Secret::new(text))
}

/// What all digests of one server are made with, so that a copied list of common ones is of no use.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretKey(Sha256);

impl SecretKey {
    /// A new one from random bytes.
    #[must_use]
    pub const fn new(random: [u8; 32]) -> Self {
        Self(Sha256(random))
    }

    /// Reads what [`SecretKey::text`] wrote.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }

    /// As it is kept in the database.
    #[must_use]
    pub fn text(&self) -> String {
        self.0.to_string()
    }

    /// What is kept of a secret.
    #[must_use]
    pub fn digest(&self, secret: &Secret) -> SecretDigest {
        let hasher = Hasher::new().chain_update(self.0.0).chain_update(secret.expose().as_bytes());
        SecretDigest(hasher.finalize().into())
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(…)")
    }
}

/// What is kept of a secret. It is compared in constant time only, and never printed.
#[derive(Clone, Copy)]
pub struct SecretDigest([u8; 32]);

impl SecretDigest {
    /// Whether both are of the same secret, in a time that tells nothing of where they differ.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        let differ = self.0.iter().zip(&other.0).fold(0, |differ, (a, b)| differ | (a ^ b));
        std::hint::black_box(differ) == 0
    }

    /// Reads what [`SecretDigest::text`] wrote.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        text.parse::<Sha256>().ok().map(|digest| Self(digest.0))
    }

    /// As it is kept in the database.
    #[must_use]
    pub fn text(&self) -> String {
        Sha256(self.0).to_string()
    }

    /// A number that tells guesses apart.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.0.first_chunk::<8>().copied().map_or(0, u64::from_be_bytes)
    }
}

impl fmt::Debug for SecretDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretDigest(…)")
    }
}

/// What is kept of one secret.
#[derive(Debug, Clone, Copy)]
pub struct Kept {
    /// Its number; a later secret has a higher one.
    pub id: i64,
    /// Its digest.
    pub digest: SecretDigest,
    /// Whether a person typed it.
    pub typed: bool,
    /// When it was made.
    pub made_at: Timestamp,
}

/// The secrets of a platform or a device: the newest, and the one that it replaces as long as
/// both are good.
#[derive(Debug, Clone, Copy, Default)]
pub struct Secrets {
    /// The newest.
    pub newest: Option<Kept>,
    /// The one before it.
    pub old: Option<Kept>,
}

impl Secrets {
    /// None.
    pub const NONE: Self = Self { newest: None, old: None };

    /// The same with one more, which is the newest now.
    #[must_use]
    pub const fn with(self, kept: Kept) -> Self {
        Self { newest: Some(kept), old: self.newest }
    }

    /// Whether an old one is still good beside the newest.
    #[must_use]
    pub const fn overlap(&self) -> bool {
        self.old.is_some()
    }

    /// Whether this is the newest.
    #[must_use]
    pub fn is_newest(&self, id: i64) -> bool {
        self.newest.is_some_and(|kept| kept.id == id)
    }

    /// Whether this is the one before the newest.
    #[must_use]
    pub fn is_old(&self, id: i64) -> bool {
        self.old.is_some_and(|kept| kept.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_fits_everywhere() {
        let secret = made(&[0xA5; RANDOM_BYTES]);
        assert_eq!(secret.expose().len(), 32);
        assert!(secret.expose().bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()));
        assert_eq!(typed(secret.expose()), Ok(secret));
    }

    #[test]
    fn what_is_typed_is_long_enough_and_needs_no_escape() {
        for good in ["hunter22", " With.some_~-signs ", &"x".repeat(40)] {
            assert!(typed(good).is_ok(), "{good}");
        }
        for (bad, error) in [
            ("", DeviceSecretError::Length(0)),
            ("1234567", DeviceSecretError::Length(7)),
            (&"x".repeat(41), DeviceSecretError::Length(41)),
            ("with space", DeviceSecretError::Character),
            ("with/slash", DeviceSecretError::Character),
            ("with:colon", DeviceSecretError::Character),
            ("schlüssel", DeviceSecretError::Character),
            ("per%cent0", DeviceSecretError::Character),
        ] {
            assert_eq!(typed(bad), Err(error), "{bad}");
            assert!(bad.is_empty() || !error.to_string().contains(bad), "it is not repeated");
        }
    }

    #[test]
    fn digests_depend_on_secret_and_key_and_are_read_back() {
        let (key, other) = (SecretKey::new([1; 32]), SecretKey::new([2; 32]));
        let (a, b) = (Secret::new("hunter22"), Secret::new("hunter23"));
        assert!(key.digest(&a).is(&key.digest(&a)));
        assert!(!key.digest(&a).is(&key.digest(&b)));
        assert!(!key.digest(&a).is(&other.digest(&a)));
        let read = SecretDigest::read(&key.digest(&a).text()).unwrap();
        assert!(read.is(&key.digest(&a)));
        assert_eq!(SecretKey::read(&key.text()), Some(key));
    }

    #[test]
    fn nothing_of_it_is_printed() {
        let key = SecretKey::new([7; 32]);
        let digest = key.digest(&Secret::new("hunter22"));
        let kept = Kept { id: 1, digest, typed: true, made_at: 0 };
        let printed = format!("{key:?} {kept:?}");
        assert!(!printed.contains(&key.text()) && !printed.contains(&digest.text()), "{printed}");
        assert!(!printed.contains("0707"), "{printed}");
    }
}
