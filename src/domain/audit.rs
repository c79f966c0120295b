//! The audit log: who changed what, when and from where, in one sentence each.
//!
//! It is kept apart from the event log, which tells what devices did: nobody reads a sign-in
//! between downloads, and what a person changed is kept for longer. Both are fed by [`Event`]s; an
//! entry is made of every event in which somebody changed something, or the server judged.

use super::Timestamp;
use super::actor::Actor;
use super::event::{Event, Kind};
use super::mac::MacAddr;

/// What somebody did, as the audit log says it behind their name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deed {
    /// What sort of change.
    pub action: Kind,
    /// In the past tense, without subject and full stop: `approved Greenhouse for chase`.
    pub text: String,
}

/// A line of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number in the database; 0 before it is written.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// Who, and from where.
    pub actor: Actor,
    /// What sort of change.
    pub action: Kind,
    /// In one sentence.
    pub text: String,
    /// The device that was changed.
    pub mac: Option<MacAddr>,
    /// The platform, by name, so that it stays readable after a deletion.
    pub platform: Option<String>,
    /// The release.
    pub release_id: Option<i64>,
    /// What else was changed, by name: a user, a token.
    pub other: Option<String>,
}

impl Entry {
    /// What the audit log says of an event; nothing where nobody changed anything.
    #[must_use]
    pub fn of(event: &Event) -> Option<Self> {
        let actor = event.author.clone()?;
        let subject = actor.subject();
        let (action, text) = match &event.deed {
            Some(deed) => (deed.action, sentence(&format!("{subject} {}", deed.text))),
            None if event.kind.is_change() => (event.kind, format!("{subject}: {}", event.text)),
            None => return None,
        };
        Some(Self {
            id: 0,
            at: event.at,
            actor,
            action,
            text,
            mac: event.mac,
            platform: event.platform.clone(),
            release_id: event.release_id,
            other: event.other.clone(),
        })
    }
}

/// With a full stop at its end, unless it has one.
fn sentence(text: &str) -> String {
    let text = text.trim_end();
    if text.ends_with(['.', '!', '?', '…']) { text.to_owned() } else { format!("{text}.") }
}

/// Several deeds as one: `a`, `a and b`, `a, b and c`.
#[must_use]
pub fn listed(deeds: &[String]) -> String {
    match deeds {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anna() -> Actor {
        Actor::person("anna", "192.168.1.7".parse().ok())
    }

    fn text(event: &Event) -> Option<String> {
        Entry::of(event).map(|entry| entry.text)
    }

    #[test]
    fn a_change_is_a_sentence_with_its_subject() {
        let event = || Event::new(1, Kind::Published, "chase v1.2.0 was published.");
        let says = |actor: Actor| text(&event().by(actor).does("published chase v1.2.0"));
        let home = "192.168.1.7".parse().unwrap();
        for (actor, subject) in [
            (anna(), "anna"),
            (Actor::token("ci-garage", None), "token ci-garage"),
            (Actor::machine(), "espalier"),
            (Actor::command_line(), "the command line"),
            (Actor::somebody(home), "somebody"),
        ] {
            assert_eq!(says(actor).unwrap(), format!("{subject} published chase v1.2.0."));
        }
        let plain = text(&event().by(anna())).unwrap();
        assert_eq!(plain, "anna: chase v1.2.0 was published.", "where no deed is given");
        let dotted = event().by(anna()).does("named it a.b.");
        assert_eq!(text(&dotted).unwrap(), "anna named it a.b.");
    }

    #[test]
    fn what_devices_do_is_no_change() {
        let address = "192.168.1.20".to_owned();
        let offered = Event::new(1, Kind::Offered, "Offered v1.2.0.");
        assert_eq!(Entry::of(&offered.clone().by(address.clone())), None);
        assert_eq!(Entry::of(&offered.by(Actor::machine())), None);
        let refused = Event::new(1, Kind::UploadRefused, "The upload was refused.");
        assert_eq!(Entry::of(&refused.by(anna())), None, "nothing was changed");
        let approved = Event::new(1, Kind::Approved, "Approved for chase.");
        assert_eq!(Entry::of(&approved.by(address)), None, "nobody said so");
    }

    #[test]
    fn what_the_server_judges_goes_with_what_a_device_did() {
        let event = Event::new(1, Kind::RolledBack, "Had v2.0.0, and runs its old image again.");
        let event = event.by("192.168.1.20").decided(Kind::Stopped, "held v2.0.0 back from Attic");
        let entry = Entry::of(&event).unwrap();
        assert_eq!((entry.actor, entry.action), (Actor::machine(), Kind::Stopped));
        assert_eq!(entry.text, "espalier held v2.0.0 back from Attic.");
        assert_eq!(event.actor, "192.168.1.20", "the event still says from where it came");
    }

    #[test]
    fn deeds_are_listed() {
        let words = |count: usize| -> Vec<String> {
            ["a", "b", "c"].iter().take(count).map(|&word| word.to_owned()).collect()
        };
        assert_eq!(listed(&words(0)), "");
        assert_eq!(listed(&words(1)), "a");
        assert_eq!(listed(&words(2)), "a and b");
        assert_eq!(listed(&words(3)), "a, b and c");
    }
}
