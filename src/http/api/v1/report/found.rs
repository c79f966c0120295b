//! What is written in a file: names, versions, and what is odd.

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::image::{
    Marker, MentionWeight, PlatformMention, Severity, Source, VersionCandidate, Warning,
};
use crate::http::api::words::Word;

/// An explicit marker.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Marker")]
pub(super) struct MarkerView {
    /// The platform.
    name: Option<String>,
    /// The version.
    version: Option<String>,
    /// Where it is in the file.
    offset: u64,
}

/// A known platform’s name in the file.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Mention")]
pub(super) struct MentionView {
    /// The platform.
    pub(super) name: String,
    /// Where it is in the file: the occurrence that says most.
    pub(super) offset: u64,
    /// The text around it.
    pub(super) context: String,
    /// How often it is there.
    pub(super) count: usize,
    /// How much it says.
    pub(super) weight: Word<MentionWeight>,
}

/// A text that may be the version.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Candidate")]
pub(super) struct CandidateView {
    /// The text.
    pub(super) text: String,
    /// Where it is in the file; 0 for one from the file’s name.
    pub(super) offset: u64,
    /// The text around it.
    pub(super) context: String,
    /// Its rank, best first.
    pub(super) source: Word<Source>,
    /// Why it has this rank.
    pub(super) why: String,
    /// How often it is there.
    pub(super) count: usize,
}

/// Something odd.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Warning")]
pub(super) struct WarningView {
    /// How much it matters: good to know, to be looked at, or a device would refuse the file or
    /// break.
    severity: Word<Severity>,
    /// Stable code.
    code: &'static str,
    /// In a sentence.
    text: String,
}

impl From<&Marker> for MarkerView {
    fn from(marker: &Marker) -> Self {
        let (name, version) = (marker.name.clone(), marker.version.clone());
        Self { name, version, offset: marker.offset }
    }
}

impl From<&PlatformMention> for MentionView {
    fn from(mention: &PlatformMention) -> Self {
        Self {
            name: mention.name.clone(),
            offset: mention.offset,
            context: mention.context.clone(),
            count: mention.count,
            weight: Word(mention.weight),
        }
    }
}

impl From<&VersionCandidate> for CandidateView {
    fn from(candidate: &VersionCandidate) -> Self {
        Self {
            text: candidate.text.clone(),
            offset: candidate.offset,
            context: candidate.context.clone(),
            source: Word(candidate.source),
            why: candidate.why.clone(),
            count: candidate.count,
        }
    }
}

impl From<&Warning> for WarningView {
    fn from(warning: &Warning) -> Self {
        let severity = Word(warning.severity);
        let (code, text) = (warning.code, warning.text.clone());
        Self { severity, code, text }
    }
}
