//! Attempts to update a device, in words for its page.

use crate::app::Shelf;
use crate::domain::device::{Attempt, AttemptState, Outcome};
use crate::domain::release::Part;
use crate::domain::update::what_the_sketch_sees;
use crate::http::view::filters;

/// An attempt, as it is listed.
#[derive(Debug)]
pub(super) struct Try {
    pub(super) attempt: Attempt,
    /// How its transfer went, in a line.
    pub(super) transfer: String,
    /// What its compressed form saved, in a line; empty where it was sent as it is.
    pub(super) saved: String,
}

impl Try {
    pub(super) fn new(attempt: Attempt, shelf: &Shelf) -> Self {
        let plain = plain_size(&attempt, shelf);
        let saved = plain.map_or_else(String::new, |plain| saved(&attempt, plain));
        Self { transfer: transfer(&attempt), saved, attempt }
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

/// How a transfer went, in a line.
fn transfer(attempt: &Attempt) -> String {
    let (sent, size) = (filters::bytes(&attempt.bytes), filters::bytes(&attempt.size));
    let amount = if attempt.bytes >= attempt.size {
        size
    } else {
        let percent = filters::percent(attempt.bytes, attempt.size);
        format!("{sent} of {size} ({percent} %)")
    };
    let speed = attempt.millis.filter(|millis| *millis > 0).map(|millis| {
        let speed = filters::bytes(&(attempt.bytes * 1000 / millis));
        format!(" in {}, {speed}/s", filters::millis(&millis))
    });
    let comment = match attempt.state {
        AttemptState::Offered => "; it is being sent",
        AttemptState::Aborted => "; the connection ended before the last byte",
        AttemptState::Delivered if attempt.part == Part::FileSystem => {
            "; nothing tells whether a device uses its files"
        }
        AttemptState::Delivered => "; confirmed when it comes back with the new version",
        AttemptState::Confirmed => "; it came back with the new version",
        AttemptState::NotTaken => "; it came back unchanged",
        AttemptState::Overtaken => "; it came back with something else",
        AttemptState::RolledBack => "; it had the new version, and runs its old image again",
        AttemptState::Lost => "; it has not checked in since",
    };
    format!("{amount}{}{comment}.", speed.unwrap_or_default())
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

    #[test]
    fn what_compression_saved_is_bytes_and_time() {
        let attempt = Attempt {
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
        };
        let text = saved(&attempt, 400_000);
        assert_eq!(text, "Compression saved 100 KB (25 %), and about 2.0 s on the way.");
        let cut = Attempt { bytes: 10, ..attempt };
        assert_eq!(saved(&cut, 400_000), "Compression saved 100 KB (25 %).");
    }
}
