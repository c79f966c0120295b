//! Who changes something, and from where.

use std::fmt;
use std::net::IpAddr;

use super::access::Principal;

/// What sort of actor somebody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ActorKind {
    /// A person who has signed in.
    Person,
    /// A program with a token.
    Token,
    /// The server, by its own judgement.
    Machine,
    /// Whoever can use the command line of the machine that the server runs on.
    CommandLine,
    /// Nobody in particular: access control is off, or they have not signed in.
    Somebody,
}

impl ActorKind {
    /// All of them, in the order filters list them.
    pub const ALL: [Self; 5] =
        [Self::Person, Self::Token, Self::Machine, Self::CommandLine, Self::Somebody];

    /// The word in filters, JSON and the database.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Token => "token",
            Self::Machine => "machine",
            Self::CommandLine => "command_line",
            Self::Somebody => "somebody",
        }
    }

    /// The word as a person reads it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Person => "people",
            Self::Token => "tokens",
            Self::Machine => "the server itself",
            Self::CommandLine => "the command line",
            Self::Somebody => "nobody in particular",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// Who changes something, and from which address. Shown as the event log names them: a user's
/// name, `token ci`, `server`, `the command line`, or only an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    kind: ActorKind,
    /// Of a person or token; empty for all others.
    name: String,
    address: Option<IpAddr>,
}

impl Actor {
    /// A person who has signed in.
    #[must_use]
    pub fn person(name: impl Into<String>, address: Option<IpAddr>) -> Self {
        Self::new(ActorKind::Person, name.into(), address)
    }

    /// A program with a token.
    #[must_use]
    pub fn token(name: impl Into<String>, address: Option<IpAddr>) -> Self {
        Self::new(ActorKind::Token, name.into(), address)
    }

    /// The server, by its own judgement.
    #[must_use]
    pub fn machine() -> Self {
        Self::new(ActorKind::Machine, String::new(), None)
    }

    /// Whoever can use the command line.
    #[must_use]
    pub fn command_line() -> Self {
        Self::new(ActorKind::CommandLine, String::new(), None)
    }

    /// Nobody in particular, who is only known by an address.
    #[must_use]
    pub fn somebody(address: IpAddr) -> Self {
        Self::new(ActorKind::Somebody, String::new(), Some(address))
    }

    /// The one whom a request comes from.
    #[must_use]
    pub fn of(principal: &Principal, address: IpAddr) -> Self {
        match principal {
            Principal::Nobody | Principal::Anyone => Self::somebody(address),
            Principal::User { name, .. } => Self::person(name, Some(address)),
            Principal::Token { name, .. } => Self::token(name, Some(address)),
        }
    }

    /// One that was written down.
    #[must_use]
    pub fn new(kind: ActorKind, name: String, address: Option<IpAddr>) -> Self {
        Self { kind, name, address: address.map(|address| address.to_canonical()) }
    }

    /// What sort of actor it is.
    #[must_use]
    pub const fn kind(&self) -> ActorKind {
        self.kind
    }

    /// The name of a person or token; empty for all others.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// As a sentence begins that says what they did: `anna`, `token ci`, `espalier`.
    #[must_use]
    pub fn subject(&self) -> String {
        match self.kind {
            ActorKind::Person | ActorKind::Token | ActorKind::CommandLine => self.to_string(),
            ActorKind::Machine => "espalier".to_owned(),
            ActorKind::Somebody => "somebody".to_owned(),
        }
    }

    /// From where, where it came over the network.
    #[must_use]
    pub const fn address(&self) -> Option<IpAddr> {
        self.address
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.kind, self.address) {
            (ActorKind::Person, _) => f.write_str(&self.name),
            (ActorKind::Token, _) => write!(f, "token {}", self.name),
            (ActorKind::Machine, _) => f.write_str("server"),
            (ActorKind::CommandLine, _) => f.write_str("the command line"),
            (ActorKind::Somebody, Some(address)) => address.fmt(f),
            (ActorKind::Somebody, None) => f.write_str("somebody"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actors_are_named_as_the_event_log_names_them() {
        let home: IpAddr = "192.168.1.7".parse().unwrap();
        let role = super::super::access::Role::Editor;
        let anna = Principal::User { id: 1, name: "anna".to_owned(), role };
        let ci = Principal::Token { id: 1, name: "ci".to_owned(), scopes: "read".parse().unwrap() };
        for (actor, text) in [
            (Actor::of(&anna, home), "anna"),
            (Actor::of(&ci, home), "token ci"),
            (Actor::of(&Principal::Anyone, home), "192.168.1.7"),
            (Actor::somebody("::ffff:192.168.1.7".parse().unwrap()), "192.168.1.7"),
            (Actor::machine(), "server"),
            (Actor::command_line(), "the command line"),
        ] {
            assert_eq!(actor.to_string(), text);
        }
        assert_eq!(Actor::of(&anna, home).address(), Some(home));
        assert_eq!(Actor::machine().address(), None);
    }

    #[test]
    fn words_are_read_back() {
        for kind in ActorKind::ALL {
            assert_eq!(ActorKind::read(kind.word()), Some(kind));
        }
        assert_eq!(ActorKind::read("root"), None);
    }
}
