//! Groups: labels on devices, to filter by, to roll out to, and to keep quiet together.

use std::fmt;
use std::str::FromStr;

use super::Timestamp;
use super::policy::QuietHours;

/// Characters that a group's name may have.
const LIMIT: usize = 40;

/// The name of a group: 1 to 40 characters, without commas and control characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GroupName(String);

/// Why a text is no name of a group.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("“{0}” is no name for a group: 1 to {LIMIT} characters without commas are allowed")]
pub struct GroupNameError(String);

impl GroupName {
    /// The name as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name in lower case: two groups are the same when their keys are.
    #[must_use]
    pub fn key(&self) -> String {
        self.0.to_lowercase()
    }
}

impl fmt::Display for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for GroupName {
    type Err = GroupNameError;

    fn from_str(text: &str) -> Result<Self, GroupNameError> {
        let name = text.trim();
        let length = name.chars().count();
        let bad = |c: char| c == ',' || c == '/' || c.is_control();
        if (1..=LIMIT).contains(&length) && !name.contains(bad) {
            Ok(Self(name.to_owned()))
        } else {
            Err(GroupNameError(name.chars().take(LIMIT).collect()))
        }
    }
}

/// A group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its number in the database.
    pub id: i64,
    /// Its name.
    pub name: GroupName,
    /// Hours in which its devices get nothing.
    pub quiet: Option<QuietHours>,
    /// When it was made.
    pub created_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_groups() {
        let name: GroupName = " Ground Floor ".parse().unwrap();
        assert_eq!((name.as_str(), name.key().as_str()), ("Ground Floor", "ground floor"));
        for text in ["", "  ", "a,b", "a/b", "a\nb", &"x".repeat(41)] {
            assert!(text.parse::<GroupName>().is_err(), "{text}");
        }
    }
}
