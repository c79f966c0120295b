//! Texts that must not be shown: passwords, tokens, session ids.

use std::fmt;

use sha2::{Digest, Sha256 as Hasher};

use super::digest::Sha256;

/// A text that is never printed: it has no `Display`, and `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a text as a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the place that must have it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What is stored of a secret that is long and random. Passwords need a slow hash instead.
    #[must_use]
    pub fn fingerprint(&self) -> Sha256 {
        Sha256(Hasher::digest(self.0.as_bytes()).into())
    }

    /// Another secret that follows from this one, but does not give it away.
    #[must_use]
    pub fn derived(&self, purpose: &str) -> Self {
        let text = format!("espalier {purpose}\0{}", self.0);
        Self(Self(text).fingerprint().to_string())
    }

    /// Whether both are the same, in a time that tells nothing of where they differ.
    #[must_use]
    pub fn is(&self, other: &str) -> bool {
        // Digests of what a stranger sends cannot be steered letter by letter.
        self.fingerprint() == Self(other.to_owned()).fingerprint()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_printed() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        assert!(!format!("{:?}", secret.derived("csrf")).contains(secret.expose()));
    }

    #[test]
    fn what_follows_from_a_secret_differs_by_purpose() {
        let secret = Secret::new("hunter2");
        assert_ne!(secret.derived("csrf").expose(), secret.derived("device").expose());
        assert_eq!(secret.derived("csrf"), secret.derived("csrf"));
        assert!(secret.is("hunter2") && !secret.is("hunter3"));
    }
}
