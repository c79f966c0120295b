//! What a token may do.

use std::fmt;
use std::str::FromStr;

use super::{Need, Where};
use crate::domain::names::PlatformName;

/// The platforms that a scope is good for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reach {
    /// All, also those that do not exist yet.
    All,
    /// The one of this name; the name in lower case.
    Platform(String),
}

/// One thing that a token may do.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Read everything.
    Read,
    /// Upload firmware; without `publish` it waits as a draft.
    Upload(Reach),
    /// Publish and withdraw releases.
    Publish(Reach),
    /// Everything.
    Admin,
}

/// All that a token may do: at least one scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scopes(Vec<Scope>);

/// Why a text is no list of scopes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// No scope was given.
    #[error("choose at least one thing that the token may do")]
    None,
    /// One is unknown.
    #[error(
        "“{0}” is no scope; expected read, upload:<platform>, upload:*, publish:<platform>, publish:* or admin"
    )]
    Unknown(String),
    /// There are too many.
    #[error("these are more than 50 scopes; use upload:* or publish:*")]
    TooMany,
}

/// Scopes that a token may have at most.
const MOST: usize = 50;
/// Characters of a wrong scope that are repeated.
const SHOWN: usize = 60;

impl Reach {
    fn read(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::All);
        }
        text.parse::<PlatformName>().ok().map(|name| Self::Platform(name.key()))
    }

    fn covers(&self, place: Where<'_>) -> bool {
        match (self, place) {
            (Self::All, _) | (Self::Platform(_), Where::Somewhere) => true,
            (Self::Platform(key), Where::On(name)) => name.eq_ignore_ascii_case(key),
        }
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::Platform(key) => f.write_str(key),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read => f.write_str("read"),
            Self::Upload(reach) => write!(f, "upload:{reach}"),
            Self::Publish(reach) => write!(f, "publish:{reach}"),
            Self::Admin => f.write_str("admin"),
        }
    }
}

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        let scope = match text.split_once(':') {
            None if text == "read" => Some(Self::Read),
            None if text == "admin" => Some(Self::Admin),
            Some(("upload", reach)) => Reach::read(reach).map(Self::Upload),
            Some(("publish", reach)) => Reach::read(reach).map(Self::Publish),
            _ => None,
        };
        scope.ok_or_else(|| ScopeError::Unknown(text.chars().take(SHOWN).collect()))
    }
}

impl Scopes {
    /// From texts, each of which may hold several scopes.
    ///
    /// # Errors
    /// Where there is none, or one cannot be read.
    pub fn read<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, ScopeError> {
        let words = texts.into_iter().flat_map(|text| text.split([' ', ',', '\n', '\r', '\t']));
        let mut scopes: Vec<Scope> = Vec::new();
        for word in words.filter(|word| !word.is_empty()) {
            let scope = word.parse()?;
            if !scopes.contains(&scope) {
                scopes.push(scope);
            }
            if scopes.len() > MOST {
                return Err(ScopeError::TooMany);
            }
        }
        if scopes.is_empty() { Err(ScopeError::None) } else { Ok(Self(scopes)) }
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Scope> {
        self.0.iter()
    }

    /// Whether they are enough for this.
    #[must_use]
    pub fn permit(&self, need: Need, place: Where<'_>) -> bool {
        self.0.iter().any(|scope| match (scope, need) {
            // A token is no person: it has no password, no sessions.
            (_, Need::Account) => false,
            (_, Need::Public | Need::Device) | (Scope::Admin, _) | (Scope::Read, Need::View) => {
                true
            }
            (Scope::Upload(reach), Need::Upload) | (Scope::Publish(reach), Need::Publish) => {
                reach.covers(place)
            }
            _ => false,
        })
    }

    /// The only platform that may be uploaded to, where the scopes leave no choice.
    #[must_use]
    pub fn only_upload(&self) -> Option<&str> {
        let mut reaches = self.0.iter().filter_map(|scope| match scope {
            Scope::Admin => Some(&Reach::All),
            Scope::Upload(reach) => Some(reach),
            Scope::Read | Scope::Publish(_) => None,
        });
        match (reaches.next(), reaches.next()) {
            (Some(Reach::Platform(key)), None) => Some(key),
            _ => None,
        }
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.0.iter().enumerate() {
            write!(f, "{}{scope}", if index == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

impl FromStr for Scopes {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        Self::read([text])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_read_as_they_are_written() {
        let text = "read upload:chase upload:* publish:a.b admin";
        assert_eq!(text.parse::<Scopes>().unwrap().to_string(), text);
        let both = Scopes::read(["read, upload:Chase", "read\nupload:chase"]).unwrap();
        assert_eq!(both.to_string(), "read upload:chase");
    }

    #[test]
    fn anything_else_is_refused() {
        for text in
            ["write", "upload", "upload:", "upload:a/b", "read:chase", "Admin", "publish:a b*"]
        {
            assert!(matches!(text.parse::<Scopes>(), Err(ScopeError::Unknown(_))), "{text}");
        }
        assert_eq!("  ".parse::<Scopes>(), Err(ScopeError::None));
        let many: Vec<String> = (0..51).map(|n| format!("upload:p{n}")).collect();
        let many = many.join(" ");
        assert_eq!(many.parse::<Scopes>(), Err(ScopeError::TooMany));
    }

    #[test]
    fn a_lone_platform_needs_not_be_named() {
        let only = |text: &str| text.parse::<Scopes>().unwrap().only_upload().map(str::to_owned);
        assert_eq!(only("read upload:Chase publish:chase").as_deref(), Some("chase"));
        for text in ["upload:*", "upload:a upload:b", "read", "admin upload:a"] {
            assert_eq!(only(text), None, "{text}");
        }
    }
}
