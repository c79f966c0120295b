//! A device, as an example.

use super::{
    AttemptView, ChipView, DecisionView, DeviceView, Flow, OutcomeView, PolicyView, ReasonView,
    ReleaseRef, RhythmView, RunningView, SaidView,
};
use crate::domain::chip::{Chip, Family};
use crate::domain::device::{Approval, AttemptState};
use crate::domain::learnt::{ChipFrom, GzipTried};
use crate::domain::policy::Channel;
use crate::domain::proof::ProofStanding;
use crate::domain::release::Part;
use crate::domain::report::Mode;
use crate::http::api::describe::Example;
use crate::http::api::v1::secrets::SecretsView;
use crate::http::api::words::{Time, Word};

/// The version that the device of the example runs.
const VERSION: &str = "v1.2.0";

/// Its platform.
const PLATFORM: &str = "chase";

impl Example for DeviceView {
    fn example() -> Self {
        Self {
            mac: "5c:cf:7f:1c:a1:a5".to_owned(),
            mac_looks_random: false,
            name: "Attic".to_owned(),
            platform: Some(PLATFORM.to_owned()),
            approval: Word(Approval::Approved),
            approved_via: Some("web".to_owned()),
            version: Some(VERSION.to_owned()),
            running: Some(RunningView::example()),
            running_since: Some(Time::EXAMPLE),
            mismatch: false,
            chip: Some(ChipView { name: Word(Chip::Esp8266), from: Word(ChipFrom::Running) }),
            verifies: false,
            ran_signed: false,
            gzip: Some(Word(GzipTried::Taken)),
            proof: Some(Word(ProofStanding::Newest)),
            secret: Some(SecretsView::example()),
            policy: PolicyView {
                channel: Word(Channel::Stable),
                pinned: None,
                updates: true,
                groups: vec!["Ground floor".to_owned()],
            },
            first_seen: Time::EXAMPLE,
            last_seen: Some(Time::EXAMPLE),
            checkins: 248,
            rhythm: Some(RhythmView::example()),
            address: Some("192.168.1.23".to_owned()),
            last_outcome: Some(OutcomeView::example()),
            last_attempt: Some(AttemptView::example()),
            hold: None,
            report: Some(SaidView::example()),
        }
    }
}

impl Example for RunningView {
    fn example() -> Self {
        Self {
            release: Some(7),
            platform: Some(PLATFORM.to_owned()),
            version: Some(VERSION.to_owned()),
            recognised: true,
        }
    }
}

impl Example for RhythmView {
    fn example() -> Self {
        Self { every: 3600, next_expected: Time::EXAMPLE, overdue: false, restarting: false }
    }
}

impl Example for OutcomeView {
    fn example() -> Self {
        let text = "It runs the newest release, v1.2.0.".to_owned();
        Self { status: 304, code: "up_to_date".to_owned(), text }
    }
}

impl Example for AttemptView {
    fn example() -> Self {
        Self {
            release: Some(7),
            version: VERSION.to_owned(),
            state: Word(Flow::Still(AttemptState::Confirmed)),
            offered_at: Time::EXAMPLE,
            ended_at: Some(Time::EXAMPLE),
            settled_at: Some(Time::EXAMPLE),
            bytes: 301_456,
            size: 301_456,
            milliseconds: Some(9120),
            part: Word(Part::Application),
            compressed: true,
        }
    }
}

impl Example for SaidView {
    fn example() -> Self {
        Self {
            family: Word(Family::Esp8266),
            mode: Word(Mode::Sketch),
            dev: Some(PLATFORM.to_owned()),
            version: Some(VERSION.to_owned()),
            sketch_md5: Some("0cc175b9c0f1b6a831c399e269772661".to_owned()),
            sketch_sha256: None,
            sketch_size: Some(423_984),
            free_space: Some(2_719_744),
            chip_size: Some(4_194_304),
            sdk: Some("2.2.2-dev(38a443e)".to_owned()),
        }
    }
}

impl Example for ReleaseRef {
    fn example() -> Self {
        Self { id: 7, platform: Some(PLATFORM.to_owned()), version: VERSION.to_owned() }
    }
}

impl Example for DecisionView {
    fn example() -> Self {
        let text = "It is approved for chase.".to_owned();
        Self {
            decision: "offer",
            text: "It gets the release.".to_owned(),
            status: 200,
            platform: Some(PLATFORM.to_owned()),
            release: Some(ReleaseRef::example()),
            reasons: vec![ReasonView { code: "approved", text, ok: true }],
        }
    }
}
