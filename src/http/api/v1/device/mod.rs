//! A device, as it is shown.

mod approved;
mod example;
mod make;

pub(super) use approved::Approved;

use schemars::JsonSchema;
use serde::Serialize;

use super::secrets::SecretsView;
use crate::domain::chip::{Chip, Family};
use crate::domain::device::{Approval, AttemptState};
use crate::domain::learnt::{ChipFrom, GzipTried};
use crate::domain::policy::Channel;
use crate::domain::proof::ProofStanding;
use crate::domain::release::Part;
use crate::domain::report::Mode;
use crate::domain::update::Decision;
use crate::http::api::words::{Time, Word, Words};

/// The codes of what holds a release back from a device.
const HOLDS: [&str; 8] = [
    "identical_but_reports",
    "stopped",
    "rolled_back",
    "reports_other",
    "held",
    "retry_later",
    "transfers_broke",
    "downloading",
];

/// A device, and what is known of it.
#[expect(clippy::struct_excessive_bools, reason = "each is a member of its own in the JSON")]
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Device")]
pub(super) struct DeviceView {
    /// The MAC address, lower case with colons.
    #[schemars(example = &"5c:cf:7f:1c:a1:a5")]
    mac: String,
    /// Whether the address is one that software made up (locally administered), so that it may
    /// change.
    mac_looks_random: bool,
    /// What a person calls it; empty where nobody did.
    name: String,
    /// The platform it belongs to.
    platform: Option<String>,
    /// Whether it may have releases (“whitelist”).
    approval: Word<Approval>,
    /// How it came to be approved; null where it is not.
    approved_via: Option<String>,
    /// The version it said last.
    version: Option<String>,
    running: Option<RunningView>,
    /// Since when it runs that.
    running_since: Option<Time>,
    /// Whether it reports another version than the one of the image that it runs.
    mismatch: bool,
    chip: Option<ChipView>,
    /// Whether its program checks signatures, as a person said: then it gets signed images only.
    verifies: bool,
    /// Whether it ever ran a signed image: from then on it gets no unsigned one.
    ran_signed: bool,
    /// How it took a compressed image: it came back running it, or it did not and gets plain ones;
    /// null where none was sent.
    gzip: Option<Word<GzipTried>>,
    /// How it stands to the secret that its platform wants; null where that wants none.
    proof: Option<Word<ProofStanding>>,
    /// What is known of its own secret.
    secret: Option<SecretsView>,
    #[serde(flatten)]
    policy: PolicyView,
    /// When it was recorded.
    first_seen: Time,
    /// Its latest check-in, at most a second late; null where it never asked.
    last_seen: Option<Time>,
    /// How many times it checked in.
    checkins: u64,
    rhythm: Option<RhythmView>,
    /// Where it last asked from.
    address: Option<String>,
    last_outcome: Option<OutcomeView>,
    last_attempt: Option<AttemptView>,
    hold: Option<Hold>,
    report: Option<SaidView>,
}

/// What a person decided about how it gets updates.
#[derive(Debug, Serialize, JsonSchema)]
struct PolicyView {
    /// Which releases it follows: stable ones, or beta ones too.
    channel: Word<Channel>,
    /// The release that it gets, and no other; null: none.
    pinned: Option<ReleaseRef>,
    /// Whether it gets updates at all.
    updates: bool,
    /// The groups it is in, by name.
    groups: Vec<String>,
}

/// A release, in short.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ReleaseRef {
    /// Its number.
    id: i64,
    /// Its platform.
    platform: Option<String>,
    /// Its version.
    version: String,
}

/// What a device runs: the release whose very image that is; else only what it says, if anything.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Running")]
struct RunningView {
    /// The number of the release; null where the image is none of ours.
    release: Option<i64>,
    /// The platform of that release.
    platform: Option<String>,
    /// The version of that release; where it is not recognised, the one that the device reports.
    version: Option<String>,
    /// Whether the digest of its image is known.
    recognised: bool,
}

/// The chip of a device, as far as it is known. Null: only the family is.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "KnownChip")]
struct ChipView {
    /// The chip.
    name: Word<Chip>,
    /// Where that is known from, surest first: it runs an image for it, a person said so, or its
    /// sketch did (`chip=`).
    from: Word<ChipFrom>,
}

/// How often it asks, learnt from the gaps between its check-ins. Null until three gaps are known.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Rhythm")]
struct RhythmView {
    /// Seconds between two check-ins: the median of the last twenty gaps.
    #[schemars(example = 3600)]
    every: u32,
    /// When it should ask next.
    next_expected: Time,
    /// Whether it is silent for three times its longest usual gap, and at least ten minutes. Time
    /// in which the server did not run does not count.
    overdue: bool,
    /// Whether it asks far more often than before its latest update: it may restart over and over.
    restarting: bool,
}

/// What the last check-in came to.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Outcome")]
struct OutcomeView {
    /// The HTTP status that the device saw.
    status: u16,
    /// The stable code of the decision, like `up_to_date`.
    code: String,
    /// The decision in a sentence.
    text: String,
}

/// The latest try to update it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Attempt")]
struct AttemptView {
    /// The release; null once it was deleted.
    release: Option<i64>,
    /// The version that was offered.
    version: String,
    /// How it stands. While its bytes flow it is `sending`, and `bytes` says how far it is. Only
    /// `confirmed` means that the device came back with the new version.
    state: Word<Flow>,
    /// When it was offered.
    offered_at: Time,
    /// When the transfer ended.
    ended_at: Option<Time>,
    /// When the next check-in settled it.
    settled_at: Option<Time>,
    /// Bytes that the device took.
    bytes: u64,
    /// Bytes of the image, in the form in which it was sent.
    size: u64,
    /// How long the transfer took.
    milliseconds: Option<u64>,
    /// What the image was for.
    part: Word<Part>,
    /// Whether it was sent compressed (gzip).
    compressed: bool,
}

/// How an attempt stands, as it is told.
#[derive(Debug, Clone, Copy)]
enum Flow {
    /// Its bytes flow.
    Sending,
    /// They do not.
    Still(AttemptState),
}

impl Words for Flow {
    fn word(self) -> &'static str {
        match self {
            Self::Sending => "sending",
            Self::Still(state) => state.word(),
        }
    }

    fn all() -> Vec<&'static str> {
        let states = AttemptState::ALL.iter().map(|state| state.word());
        std::iter::once(Self::Sending.word()).chain(states).collect()
    }
}

/// Why its release is not offered any more. Lifted by PATCH with `"try_again": true`; of
/// `identical_but_reports` by a corrected build, or by recording the release as the version that
/// the device says (PATCH of the release).
#[derive(Debug, Serialize, JsonSchema)]
struct Hold {
    /// Stable code.
    #[schemars(extend("enum" = HOLDS))]
    code: &'static str,
    /// In a sentence.
    text: String,
}

/// What the device said last.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Report")]
struct SaidView {
    /// The family of its updater.
    family: Word<Family>,
    /// What it asked for.
    mode: Word<Mode>,
    /// The platform it named.
    dev: Option<String>,
    /// The version it said.
    version: Option<String>,
    /// MD5 of the image it runs.
    sketch_md5: Option<String>,
    /// SHA-256 of the image it runs (ESP32).
    sketch_sha256: Option<String>,
    /// Bytes of the image it runs.
    sketch_size: Option<u32>,
    /// Bytes it has for an update.
    free_space: Option<u32>,
    /// Bytes of its flash.
    chip_size: Option<u32>,
    /// The version of its SDK.
    sdk: Option<String>,
}

/// What a device would get if it asked again as it did last, and why. It is made by the function
/// that answers the device.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Decision")]
pub(super) struct DecisionView {
    /// The stable code: `offer`, `describe`, a reason for 304 or a refusal.
    #[schemars(extend("enum" = Decision::CODES))]
    decision: &'static str,
    /// The decision in a sentence.
    text: String,
    /// The HTTP status that the device would see.
    status: u16,
    /// The platform that it is about.
    platform: Option<String>,
    release: Option<ReleaseRef>,
    /// The rules, in the order they were looked at.
    reasons: Vec<ReasonView>,
}

/// A rule and how it came out.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Reason")]
struct ReasonView {
    /// Stable code of the rule.
    code: &'static str,
    /// The finding in a sentence.
    text: String,
    /// Whether the rule lets the update through.
    ok: bool,
}
