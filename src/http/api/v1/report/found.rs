//! What is written in a file: names, versions, and what is odd.

use serde::Serialize;

use crate::domain::image::{
    Marker, MentionWeight, PlatformMention, Severity, VersionCandidate, Warning,
};

#[derive(Debug, Serialize)]
pub(super) struct MarkerView {
    name: Option<String>,
    version: Option<String>,
    offset: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct MentionView {
    name: String,
    offset: u64,
    context: String,
    count: usize,
    weight: &'static str,
}

#[derive(Debug, Serialize)]
pub(super) struct CandidateView {
    text: String,
    offset: u64,
    context: String,
    source: &'static str,
    why: String,
    count: usize,
}

#[derive(Debug, Serialize)]
pub(super) struct WarningView {
    severity: &'static str,
    code: &'static str,
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
            weight: match mention.weight {
                MentionWeight::CommonWord => "common_word",
                MentionWeight::InText => "in_text",
                MentionWeight::Alone => "alone",
                MentionWeight::BesideVersion => "beside_version",
                MentionWeight::Descriptor => "descriptor",
                MentionWeight::Marker => "marker",
            },
        }
    }
}

impl From<&VersionCandidate> for CandidateView {
    fn from(candidate: &VersionCandidate) -> Self {
        Self {
            text: candidate.text.clone(),
            offset: candidate.offset,
            context: candidate.context.clone(),
            source: candidate.source.code(),
            why: candidate.why.clone(),
            count: candidate.count,
        }
    }
}

impl From<&Warning> for WarningView {
    fn from(warning: &Warning) -> Self {
        let severity = match warning.severity {
            Severity::Note => "note",
            Severity::Doubt => "doubt",
            Severity::Fatal => "fatal",
        };
        let (code, text) = (warning.code, warning.text.clone());
        Self { severity, code, text }
    }
}
