//! What the next check-in says about an attempt: nothing else proves anything.

use super::Timestamp;
use super::device::AttemptState;
use super::digest::Md5;
use super::version::FirmwareVersion;

/// A device's latest attempt to take an application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastAttempt {
    /// Its number in the database.
    pub id: i64,
    /// The release; `None` once it was deleted.
    pub release_id: Option<i64>,
    /// The version that was offered.
    pub version: String,
    /// The image that was offered.
    pub image_id: Option<i64>,
    /// Whether it was sent compressed, and still tells how the device takes that.
    pub packed: bool,
    /// The version that the device reported before.
    pub from_version: Option<String>,
    /// The image that it ran before.
    pub from_md5: Option<Md5>,
    /// How it stands.
    pub state: AttemptState,
    /// When it last went on: it was offered, its transfer ended, or a check-in settled it.
    pub at: Timestamp,
    /// Whether the device took the last byte.
    pub whole: bool,
    /// Every how many seconds the device asked when it was offered, where that was known.
    pub usual: Option<u32>,
    /// When it was seen that the device restarts too often since.
    pub restarting_at: Option<Timestamp>,
}

impl LastAttempt {
    /// How long an update is watched for restarts, and how long those are told, in seconds.
    const WATCHED: i64 = 24 * 3600;

    /// Whether it waits for the device's next check-in.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        use AttemptState::{Aborted, Delivered, Offered};
        matches!(self.state, Offered | Aborted | Delivered)
    }

    /// Whether the device has the firmware since a short while.
    #[must_use]
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        use AttemptState::{Confirmed, Delivered};
        matches!(self.state, Delivered | Confirmed) && now - self.at <= Self::WATCHED
    }

    /// Whether the device restarts too often since a short while.
    #[must_use]
    pub fn is_restarting(&self, now: Timestamp) -> bool {
        self.restarting_at.is_some_and(|at| now - at <= Self::WATCHED)
    }
}

/// What a check-in shows.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// The version that it reports.
    pub version: Option<&'a str>,
    /// The MD5 of the image that it runs.
    pub md5: Option<Md5>,
    /// The release and the image that it runs, where that is recognised.
    pub running: Option<(i64, i64)>,
    /// Whether it says something else than at its last check-in, or that is not known.
    pub changed: bool,
    /// Whether it runs the image of its last check-in; `None` where no digest tells.
    pub same_image: Option<bool>,
}

/// What becomes of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// It came back with the new version.
    Confirmed,
    /// It took the file, which reports another version.
    ReportsOther,
    /// It came back unchanged.
    NotTaken,
    /// It came back with something else.
    Overtaken,
    /// It had come back with the new version, and runs the old one again.
    RolledBack,
    /// It was taken for lost, and is back unchanged: the transfer had broken, no more.
    Broken,
}

impl Settled {
    /// The state of the attempt.
    #[must_use]
    pub const fn state(self) -> AttemptState {
        match self {
            Self::Confirmed => AttemptState::Confirmed,
            Self::ReportsOther | Self::NotTaken => AttemptState::NotTaken,
            Self::Overtaken => AttemptState::Overtaken,
            Self::RolledBack => AttemptState::RolledBack,
            Self::Broken => AttemptState::Aborted,
        }
    }
}

/// What a check-in says about the latest attempt; `None` where it says nothing new.
///
/// | before | the device shows | the attempt is |
/// |---|---|---|
/// | open or lost | the offered version, and had not before | confirmed |
/// | delivered | the offered image, but another version | not taken: reports other |
/// | delivered | the same image as before, whatever it calls itself | not taken |
/// | delivered | no digest, and the same version as before | not taken |
/// | delivered | anything else | overtaken |
/// | aborted after its last byte | anything | as if delivered |
/// | lost after its last byte | anything | as if delivered |
/// | lost before its last byte | the same as before | aborted again |
/// | lost before its last byte | anything else | overtaken |
/// | confirmed | version and image from before the attempt | rolled back |
///
/// Lost is what nobody heard of again: for that no check-in is needed, see
/// [`LastAttempt::is_open`] and [`super::rhythm::Rhythm::lost_after`].
#[must_use]
pub fn settle(attempt: &LastAttempt, shown: &Shown<'_>) -> Option<Settled> {
    use AttemptState::{
        Aborted, Confirmed, Delivered, Lost, NotTaken, Offered, Overtaken, RolledBack,
    };
    let has_it = has_offered_version(attempt, shown);
    let runs_image = attempt.image_id.is_some()
        && shown.running.map(|(_, image_id)| image_id) == attempt.image_id;
    let unchanged = !shown.changed || kept_image(attempt, shown);
    match attempt.state {
        Offered | Delivered | Aborted | Lost if has_it && shown.changed => Some(Settled::Confirmed),
        Lost if !attempt.whole && unchanged => Some(Settled::Broken),
        Lost if !attempt.whole => Some(Settled::Overtaken),
        Aborted if !attempt.whole => None,
        Delivered | Aborted | Lost if runs_image && !has_it => Some(Settled::ReportsOther),
        Delivered | Aborted | Lost if unchanged => Some(Settled::NotTaken),
        Delivered | Aborted | Lost => Some(Settled::Overtaken),
        Confirmed if !has_it && is_back(attempt, shown) => Some(Settled::RolledBack),
        Offered | Confirmed | NotTaken | Overtaken | RolledBack => None,
    }
}

/// Whether it has what was offered: by the version it reports, else by the image it runs.
fn has_offered_version(attempt: &LastAttempt, shown: &Shown<'_>) -> bool {
    match shown.version {
        Some(version) => {
            version == attempt.version
                || FirmwareVersion::read(version) == FirmwareVersion::read(&attempt.version)
        }
        None => {
            attempt.release_id.is_some()
                && shown.running.map(|(release_id, _)| release_id) == attempt.release_id
        }
    }
}

/// Whether it provably runs the image from before the attempt: then it took nothing, also where it
/// calls itself otherwise each time.
fn kept_image(attempt: &LastAttempt, shown: &Shown<'_>) -> bool {
    match (attempt.from_md5, shown.md5) {
        (Some(before), Some(now)) => before == now,
        _ => shown.same_image == Some(true),
    }
}

/// Whether it runs what it ran before the attempt: a developer's cable brings other images.
fn is_back(attempt: &LastAttempt, shown: &Shown<'_>) -> bool {
    match (attempt.from_md5, shown.md5) {
        (Some(before), Some(now)) => before == now,
        _ => attempt.from_version.is_some() && attempt.from_version.as_deref() == shown.version,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: Md5 = Md5([1; 16]);
    const NEW: Md5 = Md5([2; 16]);
    const OTHER: Md5 = Md5([3; 16]);

    fn attempt(state: AttemptState) -> LastAttempt {
        LastAttempt {
            id: 1,
            release_id: Some(7),
            version: "v1.0.2".to_owned(),
            image_id: Some(70),
            packed: false,
            from_version: Some("v1.0.1".to_owned()),
            from_md5: Some(OLD),
            state,
            at: 0,
            whole: true,
            usual: None,
            restarting_at: None,
        }
    }

    fn shown(version: &str, md5: Md5, changed: bool) -> Shown<'_> {
        let running = (md5 == NEW).then_some((7, 70));
        Shown { version: Some(version), md5: Some(md5), running, changed, same_image: None }
    }

    #[test]
    fn every_row_of_the_evidence_table() {
        use AttemptState::{Aborted, Confirmed, Delivered, Lost, NotTaken, Offered, Overtaken};
        for (state, version, md5, changed, expected) in [
            (Delivered, "v1.0.2", NEW, true, Some(Settled::Confirmed)),
            (Delivered, "1.0.2", NEW, true, Some(Settled::Confirmed)),
            (Offered, "v1.0.2", NEW, true, Some(Settled::Confirmed)),
            (Aborted, "v1.0.2", NEW, true, Some(Settled::Confirmed)),
            (Delivered, "v1.0.1", NEW, true, Some(Settled::ReportsOther)),
            (Delivered, "v1.0.1", OLD, false, Some(Settled::NotTaken)),
            (Delivered, "v1.1.0", OTHER, true, Some(Settled::Overtaken)),
            (Delivered, "nonsense", OLD, true, Some(Settled::NotTaken)),
            (Delivered, "nonsense", OTHER, true, Some(Settled::Overtaken)),
            (Lost, "nonsense", OLD, true, Some(Settled::NotTaken)),
            (Offered, "v1.0.1", OLD, false, None),
            (Aborted, "v1.0.1", OLD, false, None),
            (Confirmed, "v1.0.2", NEW, false, None),
            (Confirmed, "v1.0.1", OLD, true, Some(Settled::RolledBack)),
            (Confirmed, "v1.0.1", OTHER, true, None),
            (Confirmed, "v1.1.0", OTHER, true, None),
            (NotTaken, "v1.0.1", OLD, false, None),
            (Overtaken, "v1.0.2", NEW, true, None),
            (Lost, "v1.0.2", NEW, true, Some(Settled::Confirmed)),
            (Lost, "v1.0.1", NEW, true, Some(Settled::ReportsOther)),
            (Lost, "v1.0.1", OLD, false, Some(Settled::NotTaken)),
            (Lost, "v1.1.0", OTHER, true, Some(Settled::Overtaken)),
        ] {
            let attempt = LastAttempt { whole: state != Aborted, ..attempt(state) };
            let settled = settle(&attempt, &shown(version, md5, changed));
            assert_eq!(settled, expected, "{state:?}, {version}, {md5}");
        }
    }

    #[test]
    fn who_resets_after_the_last_byte_took_it_all_the_same() {
        let reset = LastAttempt { whole: true, ..attempt(AttemptState::Aborted) };
        for (version, md5, changed, expected) in [
            ("v1.0.2", NEW, true, Settled::Confirmed),
            ("v1.0.1", NEW, true, Settled::ReportsOther),
            ("v1.0.1", OLD, false, Settled::NotTaken),
            ("v1.1.0", OTHER, true, Settled::Overtaken),
        ] {
            assert_eq!(settle(&reset, &shown(version, md5, changed)), Some(expected), "{version}");
        }
    }

    #[test]
    fn what_never_got_the_last_byte_cannot_have_been_taken() {
        let lost = LastAttempt { whole: false, ..attempt(AttemptState::Lost) };
        for (version, md5, changed, expected) in [
            ("v1.0.2", NEW, true, Settled::Confirmed),
            ("v1.0.1", OLD, false, Settled::Broken),
            ("nonsense", OLD, true, Settled::Broken),
            ("v1.1.0", OTHER, true, Settled::Overtaken),
        ] {
            assert_eq!(settle(&lost, &shown(version, md5, changed)), Some(expected), "{version}");
        }
    }

    #[test]
    fn what_is_open_can_be_lost_and_what_is_fresh_is_watched() {
        for state in AttemptState::ALL {
            let attempt = attempt(state);
            let open = ["offered", "aborted", "delivered"].contains(&state.word());
            assert_eq!(attempt.is_open(), open, "{state:?}");
            let fresh = ["delivered", "confirmed"].contains(&state.word());
            assert_eq!(attempt.is_fresh(86_400), fresh, "{state:?}");
            assert!(!attempt.is_fresh(86_401) && !attempt.is_restarting(0));
        }
        let restarting = LastAttempt { restarting_at: Some(5), ..attempt(AttemptState::Confirmed) };
        assert!(restarting.is_restarting(86_405) && !restarting.is_restarting(86_406));
    }

    #[test]
    fn without_digests_the_version_tells() {
        let plain =
            |version| Shown { version, md5: None, running: None, changed: true, same_image: None };
        let delivered = attempt(AttemptState::Delivered);
        assert_eq!(settle(&delivered, &plain(Some("v1.0.2"))), Some(Settled::Confirmed));
        let confirmed = attempt(AttemptState::Confirmed);
        assert_eq!(settle(&confirmed, &plain(Some("v1.0.1"))), Some(Settled::RolledBack));
        assert_eq!(settle(&confirmed, &plain(Some("v1.0.0"))), None);
        assert_eq!(settle(&confirmed, &plain(None)), None);
        assert_eq!(settle(&delivered, &plain(Some("nonsense"))), Some(Settled::Overtaken));
    }

    #[test]
    fn the_appended_digest_tells_where_no_md5_was_sent() {
        let delivered = LastAttempt { from_md5: None, ..attempt(AttemptState::Delivered) };
        for (same_image, settled) in [
            (Some(true), Settled::NotTaken),
            (Some(false), Settled::Overtaken),
            (None, Settled::Overtaken),
        ] {
            let shown = Shown { same_image, ..shown("nonsense", OTHER, true) };
            assert_eq!(settle(&delivered, &shown), Some(settled), "{same_image:?}");
        }
        let known = attempt(AttemptState::Delivered);
        let shown = Shown { same_image: Some(true), ..shown("nonsense", OTHER, true) };
        let taken = settle(&known, &shown);
        assert_eq!(taken, Some(Settled::Overtaken), "what counts is what it ran before the offer");
    }

    #[test]
    fn without_a_version_the_image_tells() {
        let silent = |md5| Shown { version: None, ..shown("", md5, true) };
        let delivered = attempt(AttemptState::Delivered);
        assert_eq!(settle(&delivered, &silent(NEW)), Some(Settled::Confirmed));
        assert_eq!(settle(&delivered, &silent(OTHER)), Some(Settled::Overtaken));
        let confirmed = attempt(AttemptState::Confirmed);
        assert_eq!(settle(&confirmed, &silent(OLD)), Some(Settled::RolledBack));
    }

    #[test]
    fn every_outcome_is_reached_and_has_a_state() {
        let states: Vec<_> = [
            Settled::Confirmed,
            Settled::ReportsOther,
            Settled::NotTaken,
            Settled::Overtaken,
            Settled::RolledBack,
            Settled::Broken,
        ]
        .map(Settled::state)
        .into();
        assert!(states.contains(&AttemptState::RolledBack));
    }
}
