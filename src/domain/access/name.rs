//! Names of users and tokens.

use std::fmt;
use std::str::FromStr;

/// The name by which a person signs in: `[A-Za-z0-9][A-Za-z0-9._@+-]{0,39}`; compared without case
/// by [`UserName::key`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UserName(String);

/// What a token is for: 1 to 60 characters, no control characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TokenName(String);

/// Why a text cannot be such a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// It cannot be a user's name.
    #[error(
        "a user’s name has 1 to 40 letters A–Z, digits and . _ @ + -, and begins with a letter or digit"
    )]
    User,
    /// It cannot be a token's name.
    #[error("a token’s name has 1 to 60 characters and no line breaks; say what it is for")]
    Token,
}

impl UserName {
    /// The name as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name in lower case: two users are the same when their keys are.
    #[must_use]
    pub fn key(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl FromStr for UserName {
    type Err = LabelError;

    fn from_str(text: &str) -> Result<Self, LabelError> {
        let name = text.trim();
        let allowed = |c: char| c.is_ascii_alphanumeric() || ".@_+-".contains(c);
        let begins = name.starts_with(|c: char| c.is_ascii_alphanumeric());
        let fits = begins && name.len() <= 40 && name.chars().all(allowed);
        if fits { Ok(Self(name.to_owned())) } else { Err(LabelError::User) }
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TokenName {
    /// The name as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TokenName {
    type Err = LabelError;

    fn from_str(text: &str) -> Result<Self, LabelError> {
        let name = text.trim();
        let length = name.chars().count();
        let fits = (1..=60).contains(&length) && !name.chars().any(char::is_control);
        if fits { Ok(Self(name.to_owned())) } else { Err(LabelError::Token) }
    }
}

impl fmt::Display for TokenName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_have_plain_names() {
        for name in ["anna", "Anna.B", "anna@pi.lan", "0", " anna "] {
            assert_eq!(name.parse::<UserName>().unwrap().as_str(), name.trim());
        }
        for name in ["", "-a", "a b", "a\r\nSet-Cookie: x", "<b>", "änna", &"a".repeat(41)] {
            assert_eq!(name.parse::<UserName>(), Err(LabelError::User), "{name:?}");
        }
        assert_eq!("Anna".parse::<UserName>().unwrap().key(), "anna");
    }

    #[test]
    fn tokens_are_named_in_a_line() {
        assert_eq!(
            " Nightly build – CI ".parse::<TokenName>().unwrap().as_str(),
            "Nightly build – CI"
        );
        for name in ["", "a\nb", &"a".repeat(61)] {
            assert_eq!(name.parse::<TokenName>(), Err(LabelError::Token));
        }
    }
}
