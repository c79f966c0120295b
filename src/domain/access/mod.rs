//! Who may do what: one table, used by pages, API and command line alike.
//!
//! A route says what it needs ([`Need`]), a request comes from somebody ([`Principal`]), and
//! [`permits`] decides. Where a need is about a platform that is only known later, it is asked
//! twice: for the route with [`Where::Somewhere`], and again with [`Where::On`].

mod name;
mod password;
mod scope;

pub use name::{LabelError, TokenName, UserName};
pub use password::{PasswordError, check_password};
pub use scope::{Reach, Scope, ScopeError, Scopes};

/// What a person may do. Each role may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Reads.
    Viewer,
    /// Uploads, publishes, approves devices, makes platforms.
    Editor,
    /// Also users, tokens and settings, and deletes platforms.
    Administrator,
}

impl Role {
    /// All of them, the mightiest first, as forms list them.
    pub const ALL: [Self; 3] = [Self::Administrator, Self::Editor, Self::Viewer];

    /// The word in forms, JSON, the command line and the database.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Editor => "editor",
            Self::Administrator => "administrator",
        }
    }

    /// What it may do, in a line.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Viewer => "Sees everything, changes nothing.",
            Self::Editor => "Also uploads, publishes, approves devices and makes platforms.",
            Self::Administrator => "Also users, tokens and settings, and deletes platforms.",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.word() == word)
    }
}

/// Who a request comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// Somebody who did not say who they are, or could not prove it.
    Nobody,
    /// Whoever reaches the server, where access control is off.
    Anyone,
    /// A person who has signed in.
    User {
        /// Their number.
        id: i64,
        /// Their name.
        name: String,
        /// What they may do.
        role: Role,
    },
    /// A program with a token.
    Token {
        /// The token's number.
        id: i64,
        /// The token's name.
        name: String,
        /// What it may do.
        scopes: Scopes,
    },
}

/// What a route needs of the one who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Need {
    /// Nothing: signing in, the files of the pages, probes.
    Public,
    /// Nothing of this kind: devices have rules of their own.
    Device,
    /// To be a person with an account, whose own things these are.
    Account,
    /// To read.
    View,
    /// To upload firmware.
    Upload,
    /// To publish and withdraw firmware.
    Publish,
    /// To change devices, platforms and releases.
    Edit,
    /// To manage users, tokens and settings, and to delete platforms.
    Administer,
}

impl Need {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Public,
        Self::Device,
        Self::Account,
        Self::View,
        Self::Upload,
        Self::Publish,
        Self::Edit,
        Self::Administer,
    ];

    /// The scope that a token must have, as it is written.
    #[must_use]
    pub fn scope(self, place: Where<'_>) -> String {
        let on = |verb: &str| match place {
            Where::Somewhere => format!("{verb}:<platform>"),
            Where::On(platform) => format!("{verb}:{platform}"),
        };
        match self {
            Self::Public | Self::Device => String::new(),
            Self::View => "read".to_owned(),
            Self::Upload => on("upload"),
            Self::Publish => on("publish"),
            Self::Edit | Self::Administer | Self::Account => "admin".to_owned(),
        }
    }

    /// The least role that a person must have.
    #[must_use]
    pub const fn role(self) -> Role {
        match self {
            Self::Public | Self::Device | Self::Account | Self::View => Role::Viewer,
            Self::Upload | Self::Publish | Self::Edit => Role::Editor,
            Self::Administer => Role::Administrator,
        }
    }
}

/// Which platform a need is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Where<'a> {
    /// Not known yet: whether there is any on which it is permitted.
    Somewhere,
    /// This one, by name in any case.
    On(&'a str),
}

/// Whether somebody may do what a route needs.
#[must_use]
pub fn permits(principal: &Principal, need: Need, place: Where<'_>) -> bool {
    if matches!(need, Need::Public | Need::Device) {
        return true;
    }
    match principal {
        Principal::Nobody => false,
        // Nobody has an account there, so there is nothing of one's own.
        Principal::Anyone => need != Need::Account,
        Principal::User { role, .. } => *role >= need.role(),
        Principal::Token { scopes, .. } => scopes.permit(need, place),
    }
}

impl Principal {
    /// Whether they may do this somewhere.
    #[must_use]
    pub fn may(&self, need: Need) -> bool {
        permits(self, need, Where::Somewhere)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(role: Role) -> Principal {
        Principal::User { id: 1, name: "anna".to_owned(), role }
    }

    fn token(scopes: &str) -> Principal {
        Principal::Token { id: 1, name: "ci".to_owned(), scopes: scopes.parse().unwrap() }
    }

    /// The needs that are permitted, as letters: Public Device aCcount View Upload publisH Edit
    /// Administer.
    fn may(principal: &Principal) -> String {
        let letters = Need::ALL.into_iter().zip("PDCVUHEA".chars());
        letters.filter(|(need, _)| principal.may(*need)).map(|(_, letter)| letter).collect()
    }

    #[test]
    fn the_table() {
        for (principal, needs) in [
            (Principal::Nobody, "PD"),
            (Principal::Anyone, "PDVUHEA"),
            (user(Role::Viewer), "PDCV"),
            (user(Role::Editor), "PDCVUHE"),
            (user(Role::Administrator), "PDCVUHEA"),
            (token("read"), "PDV"),
            (token("upload:*"), "PDU"),
            (token("upload:chase"), "PDU"),
            (token("publish:chase"), "PDH"),
            (token("upload:chase publish:chase read"), "PDVUH"),
            (token("admin"), "PDVUHEA"),
        ] {
            assert_eq!(may(&principal), needs, "{principal:?}");
        }
    }

    #[test]
    fn a_scope_ends_at_its_platform() {
        let bound = token("upload:chase");
        assert!(permits(&bound, Need::Upload, Where::On("Chase")));
        assert!(!permits(&bound, Need::Upload, Where::On("chase2")));
        assert!(!permits(&bound, Need::Publish, Where::On("chase")));
        assert!(permits(&token("upload:*"), Need::Upload, Where::On("any")));
        assert!(permits(&token("admin"), Need::Publish, Where::On("any")));
        assert!(permits(&user(Role::Editor), Need::Publish, Where::On("any")));
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(Need::Upload.scope(Where::On("chase")), "upload:chase");
        assert_eq!(Need::Publish.scope(Where::Somewhere), "publish:<platform>");
        assert_eq!(Need::Administer.role(), Role::Administrator);
    }

    #[test]
    fn roles_are_read_back() {
        for role in Role::ALL {
            assert_eq!(Role::read(role.word()), Some(role));
        }
        assert_eq!(Role::read("root"), None);
    }
}
