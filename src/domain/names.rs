//! Validated words: names of platforms and devices.

use std::fmt;
use std::str::FromStr;

/// The name of a platform: what the sketch calls itself in `dev=`.
///
/// `[A-Za-z0-9][A-Za-z0-9._+-]{0,39}`; compared without case by [`PlatformName::key`].
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PlatformName(String);

/// A name that a person gave to a device: 1 to 60 characters, no control characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DeviceName(String);

/// Why a text cannot be a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing was given.
    #[error("the name is empty")]
    Empty,
    /// It is too long.
    #[error("the name has {length} characters, at most {limit} are allowed")]
    TooLong {
        /// How many characters it has.
        length: usize,
        /// How many are allowed.
        limit: usize,
    },
    /// It begins with something else than a letter or digit.
    #[error("the name “{name}” must begin with a letter A–Z or a digit")]
    Start {
        /// What was given.
        name: String,
    },
    /// It holds a character that is not allowed.
    #[error("the name “{name}” holds “{found}”; {allowed}")]
    Character {
        /// What was given.
        name: String,
        /// The first character that does not belong.
        found: char,
        /// What is allowed, as a sentence.
        allowed: &'static str,
    },
    /// It is a word of the server's own addresses.
    #[error("the name “{name}” is used by the server's own pages, choose another one")]
    Reserved {
        /// What was given.
        name: String,
    },
}

const PLATFORM_LIMIT: usize = 40;
const DEVICE_LIMIT: usize = 60;
const PLATFORM_CHARACTERS: &str = "letters A–Z, digits and . _ + - are allowed";
const DEVICE_CHARACTERS: &str = "control characters are not allowed";

/// First segments of the server's own routes, which a platform's name must not shadow.
const RESERVED: &[&str] = &[
    "api",
    "audit",
    "connect",
    "devices",
    "events",
    "favicon.ico",
    "firmware",
    "groups",
    "healthz",
    "inbox",
    "k",
    "login",
    "logout",
    "manifest",
    "metrics",
    "new",
    "platforms",
    "readyz",
    "releases",
    "robots.txt",
    "rollouts",
    "settings",
    "setup",
    "static",
    "tokens",
    "update",
    "users",
];

impl PlatformName {
    /// The name as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name in lower case: two platforms are the same when their keys are.
    #[must_use]
    pub fn key(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl FromStr for PlatformName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let name = Self::kept(text)?;
        let key = name.key();
        if RESERVED.contains(&key.as_str()) || key.rsplit('.').next() == Some("bin") {
            return Err(NameError::Reserved { name: name.0 });
        }
        Ok(name)
    }
}

impl PlatformName {
    /// A name that was given when fewer words were the server's own.
    ///
    /// # Errors
    /// [`NameError`] where it can never have been one.
    pub fn kept(text: &str) -> Result<Self, NameError> {
        let name = text.trim();
        let Some(first) = name.chars().next() else {
            return Err(NameError::Empty);
        };
        let length = name.chars().count();
        if length > PLATFORM_LIMIT {
            return Err(NameError::TooLong { length, limit: PLATFORM_LIMIT });
        }
        let allowed = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '+' | '-');
        if let Some(found) = name.chars().find(|c| !allowed(c)) {
            let name = name.to_owned();
            return Err(NameError::Character { name, found, allowed: PLATFORM_CHARACTERS });
        }
        if !first.is_ascii_alphanumeric() {
            return Err(NameError::Start { name: name.to_owned() });
        }
        Ok(Self(name.to_owned()))
    }
}

impl fmt::Display for PlatformName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PlatformName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl DeviceName {
    /// The name as it was written, without spaces around it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for DeviceName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let name = text.trim();
        if name.is_empty() {
            return Err(NameError::Empty);
        }
        let length = name.chars().count();
        if length > DEVICE_LIMIT {
            return Err(NameError::TooLong { length, limit: DEVICE_LIMIT });
        }
        if let Some(found) = name.chars().find(|c| c.is_control()) {
            let name = name.replace(char::is_control, "·");
            return Err(NameError::Character { name, found, allowed: DEVICE_CHARACTERS });
        }
        Ok(Self(name.to_owned()))
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_platform_names() {
        for name in ["chase", "Marshall", "a+b", "esp32.v2", "0", "light_switch-3"] {
            assert_eq!(name.parse::<PlatformName>().unwrap().as_str(), name);
        }
        assert_eq!("Chase".parse::<PlatformName>().unwrap().key(), "chase");
        assert_eq!(" chase ".parse::<PlatformName>().unwrap().as_str(), "chase");
    }

    #[test]
    fn anything_else_is_refused_with_the_reason() {
        for (name, reason) in [
            ("", "empty"),
            ("  ", "empty"),
            ("-chase", "must begin"),
            (".chase", "must begin"),
            ("my chase", "holds “ ”"),
            ("ch/ase", "holds “/”"),
            ("chäse", "holds “ä”"),
            ("Update", "own pages"),
            ("K", "own pages"),
            ("x.bin", "own pages"),
            (&"x".repeat(41), "41 characters"),
        ] {
            let error = name.parse::<PlatformName>().unwrap_err().to_string();
            assert!(error.contains(reason), "{name}: {error}");
        }
    }

    #[test]
    fn device_names_are_short_lines() {
        assert_eq!(" Attic – left ".parse::<DeviceName>().unwrap().as_str(), "Attic – left");
        assert!("a\nb".parse::<DeviceName>().is_err());
        assert!("x".repeat(61).parse::<DeviceName>().is_err());
        assert_eq!("".parse::<DeviceName>().unwrap_err(), NameError::Empty);
    }
}
