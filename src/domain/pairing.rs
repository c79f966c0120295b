//! Pairing: what becomes of a device that nobody knows.
//!
//! A rule says whether it may wait in the inbox at all (*ask*) or is refused without a trace there
//! (*closed*); a window (*open for N minutes*) approves it at once. Server and platform each have
//! both. A platform's own word wins: its open window, else its rule, else the server's.

use super::Timestamp;

/// The longest window, in minutes: a day. A platform that is to stay open has
/// [`Admission::Any`](super::platform::Admission::Any).
pub const LONGEST: u32 = 1440;

/// What becomes of a device that nobody knows, while no window is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rule {
    /// It waits in the inbox for a person's word.
    #[default]
    Ask,
    /// It is refused and not recorded.
    Closed,
}

impl Rule {
    /// The word in forms, JSON and the database.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ask => "ask",
            Self::Closed => "closed",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn read(word: &str) -> Option<Self> {
        [Self::Ask, Self::Closed].into_iter().find(|rule| rule.word() == word)
    }
}

/// A time in which devices are approved when they ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it closes, or was closed.
    pub until: Timestamp,
}

impl Window {
    /// A window that opens now, for so many minutes.
    #[must_use]
    pub fn open(now: Timestamp, minutes: u32) -> Self {
        Self { opened_at: now, until: now + i64::from(minutes.min(LONGEST)) * 60 }
    }

    /// Whether it is open. A clock that stands before its beginning is wrong (a Raspberry Pi
    /// starts with an old one): then it is not.
    #[must_use]
    pub const fn is_open(self, now: Timestamp) -> bool {
        self.opened_at <= now && now < self.until
    }

    /// The same, closed now where it is open.
    #[must_use]
    pub fn closed(self, now: Timestamp) -> Self {
        Self { until: self.until.min(now), ..self }
    }
}

/// What server or platform has for pairing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pairing {
    /// Its rule; of a platform `None`: as the server.
    pub rule: Option<Rule>,
    /// Its latest window, open or not.
    pub window: Option<Window>,
}

impl Pairing {
    /// Its window, if that is open.
    #[must_use]
    pub fn open_window(&self, now: Timestamp) -> Option<Window> {
        self.window.filter(|window| window.is_open(now))
    }
}

/// Whose word it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The server's.
    Server,
    /// The platform's own.
    Platform,
}

/// How the door stands for a device that nobody has approved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Door {
    /// It may wait in the inbox.
    #[default]
    Ask,
    /// It is refused and not recorded.
    Closed(Whose),
    /// It is approved when it asks.
    Open {
        /// Whose window it is.
        whose: Whose,
        /// When that closes.
        until: Timestamp,
    },
    /// The window is open, but a person put this device back since.
    PutBack,
}

impl Door {
    /// How it stands: the platform's open window, else its rule, else the server's window, else
    /// the server's rule. Who names no known platform can be approved for none: in the server's
    /// window they wait in the inbox.
    #[must_use]
    pub fn of(server: &Pairing, platform: Option<&Pairing>, now: Timestamp) -> Self {
        if let Some(window) = platform.and_then(|own| own.open_window(now)) {
            return Self::Open { whose: Whose::Platform, until: window.until };
        }
        match platform.and_then(|own| own.rule) {
            Some(Rule::Closed) => return Self::Closed(Whose::Platform),
            Some(Rule::Ask) => return Self::Ask,
            None => {}
        }
        match (server.open_window(now), server.rule.unwrap_or_default()) {
            (Some(window), _) if platform.is_some() => {
                Self::Open { whose: Whose::Server, until: window.until }
            }
            (Some(_), _) | (None, Rule::Ask) => Self::Ask,
            (None, Rule::Closed) => Self::Closed(Whose::Server),
        }
    }

    /// Whether a device is approved when it asks.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Open { .. })
    }

    /// Whether a device that nobody knows is refused without being recorded.
    #[must_use]
    pub const fn is_closed(self) -> bool {
        matches!(self, Self::Closed(_))
    }

    /// The finding in one sentence about a device that is not approved, for the chain of reasons.
    #[must_use]
    pub fn sentence(self, platform: &str, now: Timestamp) -> String {
        let whose = |whose| match whose {
            Whose::Server => "of this server".to_owned(),
            Whose::Platform => format!("of {platform}"),
        };
        match self {
            Self::Ask => "It is not approved yet.".to_owned(),
            Self::Closed(owner) => format!(
                "It is not approved, and the pairing window {} is closed to new devices.",
                whose(owner)
            ),
            Self::Open { whose: owner, until } => format!(
                "The pairing window {} is open for {}: it is approved for {platform} as it asks.",
                whose(owner),
                span(until - now)
            ),
            Self::PutBack => "It is not approved: a person put it back since the pairing window \
                              was opened."
                .to_owned(),
        }
    }
}

/// A length of time as a person says it, rounded up to minutes.
#[must_use]
pub fn span(seconds: i64) -> String {
    let minutes = u64::try_from(seconds).unwrap_or(0).div_ceil(60);
    match minutes {
        0 | 1 => "1 minute".to_owned(),
        2..=119 => format!("{minutes} minutes"),
        _ => format!("{} hours", minutes.div_ceil(60)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = 1_700_000_000;

    fn rule(rule: Option<Rule>) -> Pairing {
        Pairing { rule, window: None }
    }

    fn open(rule: Option<Rule>, from: i64, until: i64) -> Pairing {
        let window = Window { opened_at: NOW + from, until: NOW + until };
        Pairing { rule, window: Some(window) }
    }

    #[test]
    fn the_table() {
        let (ask, closed) = (Some(Rule::Ask), Some(Rule::Closed));
        let (ours, theirs) = (Whose::Server, Whose::Platform);
        let opened = |whose, until| Door::Open { whose, until: NOW + until };
        for (server, platform, door) in [
            // Nothing was ever said.
            (rule(None), Some(rule(None)), Door::Ask),
            (rule(None), None, Door::Ask),
            // Rules: the platform's wins.
            (rule(closed), Some(rule(None)), Door::Closed(ours)),
            (rule(closed), None, Door::Closed(ours)),
            (rule(closed), Some(rule(ask)), Door::Ask),
            (rule(ask), Some(rule(closed)), Door::Closed(theirs)),
            // The server's window: for platforms that say nothing, and for nobody without one.
            (open(ask, -60, 60), Some(rule(None)), opened(ours, 60)),
            (open(closed, -60, 60), Some(rule(None)), opened(ours, 60)),
            (open(closed, -60, 60), None, Door::Ask),
            (open(ask, -60, 60), Some(rule(closed)), Door::Closed(theirs)),
            (open(ask, -60, 60), Some(rule(ask)), Door::Ask),
            // The platform's window wins over everything.
            (rule(closed), Some(open(closed, -60, 60)), opened(theirs, 60)),
            (open(ask, -60, 600), Some(open(None, -60, 60)), opened(theirs, 60)),
            // Over, to the second; and what follows is what was before.
            (rule(None), Some(open(closed, -60, 1)), opened(theirs, 1)),
            (rule(None), Some(open(closed, -60, 0)), Door::Closed(theirs)),
            (open(closed, -60, 0), Some(rule(None)), Door::Closed(ours)),
            (open(closed, -60, 60), Some(open(None, -60, 0)), opened(ours, 60)),
            // A clock before its time.
            (open(ask, 1, 600), Some(rule(None)), Door::Ask),
        ] {
            let found = Door::of(&server, platform.as_ref(), NOW);
            assert_eq!(found, door, "{server:?} {platform:?}");
        }
    }

    #[test]
    fn a_window_has_its_minutes_and_can_be_closed() {
        let window = Window::open(NOW, 15);
        assert!(window.is_open(NOW) && window.is_open(NOW + 899) && !window.is_open(NOW + 900));
        let closed = window.closed(NOW + 60);
        assert!(!closed.is_open(NOW + 60));
        assert_eq!(closed.closed(NOW + 600), closed, "what is closed stays closed when it was");
        assert_eq!(Window::open(NOW, u32::MAX).until, NOW + 86_400);
    }

    #[test]
    fn the_chain_names_the_window() {
        let open = Door::Open { whose: Whose::Platform, until: NOW + 61 };
        let text = open.sentence("chase", NOW);
        assert!(text.contains("pairing window of chase is open for 2 minutes"), "{text}");
        let closed = Door::Closed(Whose::Server).sentence("chase", NOW);
        assert!(closed.contains("pairing window of this server is closed"), "{closed}");
    }

    #[test]
    fn words_are_read_back() {
        for rule in [Rule::Ask, Rule::Closed] {
            assert_eq!(Rule::read(rule.word()), Some(rule));
        }
        assert_eq!(Rule::read("open"), None);
    }
}
