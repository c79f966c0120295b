//! Attempts to update a device, in words for its page.

use crate::app::{Sending, Shelf};
use crate::domain::device::{Attempt, AttemptState, Outcome};
use crate::domain::release::Part;
use crate::domain::update::what_the_sketch_sees;
use crate::http::view::filters;
use crate::http::view::steps::{Step, steps};
use crate::http::view::words::{self, Badge};

/// An attempt, as it is listed.
#[derive(Debug)]
pub(super) struct Try {
    pub(super) attempt: Attempt,
    /// How it stands.
    pub(super) badge: Badge,
    /// What became of it, in a sentence.
    pub(super) story: String,
    /// The four steps.
    pub(super) steps: [Step; 4],
    /// How its transfer went, in a line.
    pub(super) transfer: String,
    /// What its compressed form saved, in a line; empty where it was sent as it is.
    pub(super) saved: String,
}

impl Try {
    pub(super) fn new(attempt: Attempt, shelf: &Shelf) -> Self {
        let plain = plain_size(&attempt, shelf);
        let saved = plain.map_or_else(String::new, |plain| saved(&attempt, plain));
        let percent = filters::percent(attempt.bytes, attempt.size).min(99);
        let (story, steps) = (story(&attempt), steps(attempt.state, percent));
        let badge = words::attempt(&attempt.state);
        Self { badge, story, steps, transfer: transfer(&attempt), saved, attempt }
    }

    /// The same while its bytes flow: the database learns of them at the end.
    pub(super) fn sending(mut self, sending: &[Sending]) -> Self {
        let own = sending.iter().find(|sending| sending.attempt_id == self.attempt.id);
        if let Some(own) = own.filter(|_| self.attempt.state == AttemptState::Offered) {
            let percent = filters::percent(own.bytes, own.size);
            self.attempt.bytes = own.bytes;
            self.badge.word = "sending";
            self.steps = steps(self.attempt.state, percent);
            self.transfer = transfer(&self.attempt);
        }
        self
    }

    /// Whether it was about the files beside the program.
    pub(super) fn is_files(&self) -> bool {
        self.attempt.part == Part::FileSystem
    }
}

/// Bytes of the image before it was compressed, where that is known still.
fn plain_size(attempt: &Attempt, shelf: &Shelf) -> Option<u64> {
    let release_id = attempt.release_id.filter(|_| attempt.packed)?;
    let sent = |size: Option<u64>| size == Some(attempt.size);
    let mut images = shelf.images().filter(|release| release.id == release_id);
    let found = images.find(|release| sent(release.image.packed.as_ref().map(|form| form.size)));
    found.map(|release| release.image.size)
}

/// What compression saved: bytes, and the time that they would have taken.
fn saved(attempt: &Attempt, plain: u64) -> String {
    let bytes = plain.saturating_sub(attempt.size);
    let percent = filters::percent(bytes, plain);
    let time = attempt.millis.filter(|_| attempt.bytes > 0 && attempt.bytes >= attempt.size);
    let time = time.map(|millis| millis.saturating_mul(bytes) / attempt.bytes);
    let time = time.filter(|millis| *millis >= 100);
    let time = time.map(|millis| format!(", and about {} on the way", filters::millis(&millis)));
    format!(
        "Compression saved {} ({percent} %){}.",
        filters::bytes(&bytes),
        time.unwrap_or_default()
    )
}

/// How a transfer went, in a line: size and speed.
fn transfer(attempt: &Attempt) -> String {
    let (sent, size) = (filters::bytes(&attempt.bytes), filters::bytes(&attempt.size));
    let amount = if attempt.bytes >= attempt.size { size } else { format!("{sent} of {size}") };
    let speed = attempt.millis.filter(|millis| *millis > 0).map(|millis| {
        let speed = filters::bytes(&(attempt.bytes.saturating_mul(1000) / millis));
        format!(", {speed}/s")
    });
    format!("{amount}{}.", speed.unwrap_or_default())
}

/// What became of an attempt, in a sentence: "Took v1.2.0 in 12.4 s, came back 38 s later."
fn story(attempt: &Attempt) -> String {
    let version = &attempt.version;
    let percent = filters::percent(attempt.bytes, attempt.size).min(99);
    let span = attempt.millis.filter(|millis| *millis > 0);
    let span = span.map(|millis| filters::millis(&millis));
    let within = span.as_ref().map(|span| format!(" in {span}")).unwrap_or_default();
    let later = attempt.settled_at.zip(attempt.ended_at).filter(|(came, sent)| came > sent);
    let later = later.map(|(came, sent)| format!(" {} later", filters::duration(came - sent)));
    let later = later.unwrap_or_default();
    let whole = attempt.bytes >= attempt.size;
    match attempt.state {
        AttemptState::Offered => format!("{version} is being sent."),
        AttemptState::Aborted => {
            let after = span.map(|span| format!(", after {span}")).unwrap_or_default();
            format!("The download of {version} broke off at {percent} %{after}.")
        }
        AttemptState::Delivered if attempt.part == Part::FileSystem => format!(
            "Took the files of {version}{within}. Nothing tells whether a device uses its files."
        ),
        AttemptState::Delivered => format!(
            "Took {version}{within}. It is confirmed when it comes back with the new version."
        ),
        AttemptState::Confirmed if !whole => {
            format!("Came back with {version}, though its download broke off at {percent} %.")
        }
        AttemptState::Confirmed => format!("Took {version}{within}, came back{later}."),
        AttemptState::NotTaken => {
            format!("Took {version}{within}, but came back without it{later}.")
        }
        AttemptState::Overtaken => {
            format!("Took {version}{within}, but came back with something else{later}.")
        }
        AttemptState::RolledBack => {
            format!("Took {version}{within} and ran it, then went back to its old image.")
        }
        AttemptState::Lost if whole => {
            format!("Took {version}{within}; it has not checked in since.")
        }
        AttemptState::Lost => {
            format!(
                "The download of {version} broke off at {percent} %; it has not checked in since."
            )
        }
    }
}

/// What the sketch saw at the last check-in. Whether a 200 became an update, only the attempt says.
pub(super) fn saw(outcome: &Outcome, tries: &[Try]) -> String {
    let last = tries.first().filter(|_| outcome.status == 200 && outcome.code == "offer");
    let Some(Try { attempt, .. }) = last else {
        return what_the_sketch_sees(outcome.status).to_owned();
    };
    let percent = filters::percent(attempt.bytes, attempt.size).min(99);
    let version = &attempt.version;
    match attempt.state {
        AttemptState::Offered => format!("200, {version} is being sent"),
        AttemptState::Aborted => {
            format!("200 → HTTP_UPDATE_FAILED: the transfer ended at {percent} %, nothing changed")
        }
        AttemptState::Delivered if attempt.part == Part::FileSystem => {
            format!("200 → the files of {version} were sent whole")
        }
        AttemptState::Delivered => format!("200 → {version} was sent whole; it should restart now"),
        AttemptState::Confirmed => format!("200 → HTTP_UPDATE_OK, it came back with {version}"),
        AttemptState::NotTaken => {
            format!("200 → {version} was sent whole, but it came back unchanged")
        }
        AttemptState::Overtaken => {
            format!("200 → {version} was sent whole, but it came back with something else")
        }
        AttemptState::RolledBack => {
            format!("200 → HTTP_UPDATE_OK, but after {version} it runs its old image again")
        }
        AttemptState::Lost if attempt.bytes < attempt.size => {
            format!("200 → the transfer of {version} ended at {percent} %; it has not asked since")
        }
        AttemptState::Lost => {
            format!("200 → {version} was sent whole, but it has not asked since")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn confirmed() -> Attempt {
        Attempt {
            id: 1,
            device_id: 1,
            release_id: Some(1),
            version: "v1.0.1".to_owned(),
            state: AttemptState::Confirmed,
            offered_at: 0,
            ended_at: None,
            settled_at: None,
            bytes: 300_000,
            size: 300_000,
            millis: Some(6_000),
            part: Part::Application,
            packed: true,
        }
    }

    #[test]
    fn an_attempt_is_a_story_in_a_sentence() {
        let done = Attempt {
            version: "v1.2.0".to_owned(),
            ended_at: Some(100),
            settled_at: Some(138),
            millis: Some(12_000),
            ..confirmed()
        };
        let told = |state, settled_at, bytes, millis| {
            story(&Attempt { state, settled_at, bytes, millis, ..done.clone() })
        };
        let whole = 300_000;
        for (state, settled_at, bytes, millis, text) in [
            (AttemptState::Offered, None, 0, None, "v1.2.0 is being sent."),
            (
                AttemptState::Confirmed,
                Some(138),
                whole,
                Some(12_000),
                "Took v1.2.0 in 12.0 s, came back 38 s later.",
            ),
            (AttemptState::Confirmed, None, whole, None, "Took v1.2.0, came back."),
            (
                AttemptState::Confirmed,
                Some(138),
                whole / 2,
                Some(12_000),
                "Came back with v1.2.0, though its download broke off at 50 %.",
            ),
            (
                AttemptState::Aborted,
                None,
                whole - 1,
                Some(900),
                "The download of v1.2.0 broke off at 99 %, after 900 ms.",
            ),
            (
                AttemptState::NotTaken,
                Some(138),
                whole,
                Some(12_000),
                "Took v1.2.0 in 12.0 s, but came back without it 38 s later.",
            ),
            (
                AttemptState::Overtaken,
                Some(4000),
                whole,
                Some(12_000),
                "Took v1.2.0 in 12.0 s, but came back with something else 1 h later.",
            ),
            (
                AttemptState::RolledBack,
                Some(138),
                whole,
                Some(12_000),
                "Took v1.2.0 in 12.0 s and ran it, then went back to its old image.",
            ),
        ] {
            assert_eq!(told(state, settled_at, bytes, millis), text);
        }
    }

    #[test]
    fn the_bytes_that_flow_are_those_in_memory() {
        let open = Attempt { state: AttemptState::Offered, bytes: 0, millis: None, ..confirmed() };
        let sending = Sending {
            mac: "5C:CF:7F:00:00:01".parse().unwrap(),
            release_id: 1,
            attempt_id: 1,
            title: String::new(),
            bytes: 183_000,
            size: 300_000,
            started: 0,
        };
        let entry = Try::new(open, &Shelf::default()).sending(&[sending]);
        assert_eq!(entry.steps[1].word, "sending 61 %");
        assert_eq!(entry.transfer, "183 KB of 300 KB.");
    }

    #[test]
    fn what_compression_saved_is_bytes_and_time() {
        let attempt = confirmed();
        let text = saved(&attempt, 400_000);
        assert_eq!(text, "Compression saved 100 KB (25 %), and about 2.0 s on the way.");
        let cut = Attempt { bytes: 10, ..attempt };
        assert_eq!(saved(&cut, 400_000), "Compression saved 100 KB (25 %).");
    }
}
