//! The report card of a file.

use serde::Serialize;

use crate::app::ReportCard;
use crate::domain::image::{
    AppDescriptor, ImageInfo, Marker, MentionWeight, PlatformMention, Severity, VersionCandidate,
    Warning,
};
use crate::domain::release::Question;

/// Everything that is known of a file before it is published.
#[derive(Debug, Serialize)]
pub(in crate::http::api) struct ReportView {
    chip: &'static str,
    chip_certain: bool,
    size: u64,
    image_length: Option<u64>,
    appended_sha256: Option<String>,
    flash: Option<FlashView>,
    descriptor: Option<DescriptorView>,
    markers: Vec<MarkerView>,
    platforms: Vec<MentionView>,
    versions: Vec<CandidateView>,
    warnings: Vec<WarningView>,
    platform: Option<String>,
    platform_exists: bool,
    version: Option<String>,
    newest: Option<String>,
    identical: Option<Identical>,
    questions: Vec<QuestionView>,
    accepted: Vec<QuestionView>,
}

#[derive(Debug, Serialize)]
struct FlashView {
    mode: Option<&'static str>,
    size: Option<u64>,
    frequency_mhz: Option<u16>,
}

#[derive(Debug, Serialize)]
struct DescriptorView {
    project: String,
    version: String,
    idf: String,
    date: String,
    time: String,
    prebuilt: bool,
}

#[derive(Debug, Serialize)]
struct MarkerView {
    name: Option<String>,
    version: Option<String>,
    offset: u64,
}

#[derive(Debug, Serialize)]
struct MentionView {
    name: String,
    offset: u64,
    context: String,
    count: usize,
    weight: &'static str,
}

#[derive(Debug, Serialize)]
struct CandidateView {
    text: String,
    offset: u64,
    context: String,
    source: &'static str,
    why: String,
    count: usize,
}

#[derive(Debug, Serialize)]
struct WarningView {
    severity: &'static str,
    code: &'static str,
    text: String,
}

/// The release that has exactly these bytes.
#[derive(Debug, Serialize)]
struct Identical {
    release: i64,
    title: String,
}

#[derive(Debug, Serialize)]
struct QuestionView {
    code: &'static str,
    text: String,
    can_be_accepted: bool,
}

impl ReportView {
    pub(in crate::http::api) fn of(card: &ReportCard) -> Self {
        let info = card.file.info();
        let image = &card.file.image;
        let mut asked = card.questions.iter().chain(&card.accepted);
        Self {
            chip: image.chip.name(),
            chip_certain: image.chip_certain,
            size: image.size,
            image_length: info.and_then(|info| info.image_len),
            appended_sha256: image.appended_sha256.map(|digest| digest.to_string()),
            flash: info.and_then(flash),
            descriptor: info.and_then(|info| info.descriptor.as_ref()).map(DescriptorView::from),
            markers: info
                .into_iter()
                .flat_map(|info| &info.markers)
                .map(MarkerView::from)
                .collect(),
            platforms: info
                .into_iter()
                .flat_map(|info| &info.platforms)
                .map(MentionView::from)
                .collect(),
            versions: card
                .file
                .versions(card.platform.as_deref())
                .iter()
                .map(CandidateView::from)
                .collect(),
            warnings: card.file.warnings.iter().map(WarningView::from).collect(),
            platform: card.platform.clone(),
            platform_exists: card.platform_id.is_some(),
            version: card.version.as_ref().map(ToString::to_string),
            newest: card.newest.clone(),
            identical: asked.find_map(identical),
            questions: card.questions.iter().map(QuestionView::from).collect(),
            accepted: card.accepted.iter().map(QuestionView::from).collect(),
        }
    }
}

fn flash(info: &ImageInfo) -> Option<FlashView> {
    let header = info.flash.as_ref()?;
    let (mode, size, frequency_mhz) = (header.mode, header.size_bytes, header.frequency_mhz);
    Some(FlashView { mode, size, frequency_mhz })
}

fn identical(question: &Question) -> Option<Identical> {
    match question {
        Question::Identical { release_id, title } => {
            Some(Identical { release: *release_id, title: title.clone() })
        }
        _ => None,
    }
}

impl From<&AppDescriptor> for DescriptorView {
    fn from(descriptor: &AppDescriptor) -> Self {
        Self {
            project: descriptor.project_name.clone(),
            version: descriptor.version.clone(),
            idf: descriptor.idf_ver.clone(),
            date: descriptor.date.clone(),
            time: descriptor.time.clone(),
            prebuilt: descriptor.prebuilt,
        }
    }
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

impl From<&Question> for QuestionView {
    fn from(question: &Question) -> Self {
        let (code, text) = (question.code(), question.text());
        Self { code, text, can_be_accepted: question.can_be_accepted() }
    }
}
