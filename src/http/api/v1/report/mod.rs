//! The report card of a file.

mod facts;
mod found;

use serde::Serialize;

use crate::app::{Fits, Inside, Lacking, Previous, ReportCard};
use crate::domain::image::{Form, Verdict};
use crate::domain::release::{Contradiction, PackedSize, Question};
use facts::{
    DescriptorView, FileSystemView, FlashView, IntegrityView, RevisionsView, SegmentView,
    SignatureView,
};
use found::{CandidateView, MarkerView, MentionView, WarningView};

/// Everything that is known of a file before it is published.
#[derive(Debug, Serialize)]
pub(in crate::http::api) struct ReportView {
    verdict: &'static str,
    kind: &'static str,
    part: &'static str,
    form: Option<&'static str>,
    file_system: Option<FileSystemView>,
    chip: Option<&'static str>,
    chip_certain: bool,
    revisions: Option<RevisionsView>,
    size: u64,
    image_length: Option<u64>,
    integrity: Option<IntegrityView>,
    appended_sha256: Option<String>,
    signed: bool,
    signature: Option<SignatureView>,
    flash: Option<FlashView>,
    segments: Vec<SegmentView>,
    built_with: Vec<String>,
    descriptor: Option<DescriptorView>,
    markers: Vec<MarkerView>,
    platforms: Vec<MentionView>,
    versions: Vec<CandidateView>,
    file_name_version: Option<String>,
    warnings: Vec<WarningView>,
    contradictions: Vec<Said>,
    platform: Option<String>,
    platform_exists: bool,
    version: Option<String>,
    newest: Option<String>,
    previous: Option<PreviousView>,
    gzip: Option<GzipView>,
    fits: FitsView,
    identical: Option<Identical>,
    questions: Vec<QuestionView>,
    accepted: Vec<QuestionView>,
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

/// A sentence with its stable code.
#[derive(Debug, Serialize)]
struct Said {
    code: &'static str,
    text: String,
}

#[derive(Debug, Serialize)]
struct PreviousView {
    title: String,
    size: u64,
}

#[derive(Debug, Serialize)]
struct GzipView {
    size: u64,
    saved: u64,
    source: &'static str,
}

#[derive(Debug, Serialize)]
struct FitsView {
    devices: usize,
    fitting: usize,
    lacking: Vec<LackingView>,
}

#[derive(Debug, Serialize)]
struct LackingView {
    mac: String,
    title: String,
    bytes: Option<u64>,
    gzip_would_fit: bool,
}

impl ReportView {
    pub(in crate::http::api) fn of(card: &ReportCard) -> Self {
        let (file, image) = (&card.file, &card.file.image);
        let info = file.info();
        let facts = || info.into_iter();
        let mut asked = card.questions.iter().chain(&card.accepted);
        let versions = file.versions(card.platform.as_deref());
        let any_chip = image.is_for_any_chip();
        Self {
            verdict: verdict(card.verdict()),
            kind: kind(card),
            part: image.part.word(),
            form: info.map(|info| form(info.form)),
            file_system: file_system(&file.inside),
            chip: (!any_chip).then_some(image.chip.name()),
            chip_certain: image.chip_certain,
            revisions: info.and_then(|info| info.revisions).map(RevisionsView::from),
            size: image.size,
            image_length: info.and_then(|info| info.image_len),
            integrity: info.map(|info| IntegrityView::from(info.integrity)),
            appended_sha256: image.appended_sha256.map(|digest| digest.to_string()),
            signed: image.signed,
            signature: info.and_then(|info| info.signature).map(SignatureView::from),
            flash: info.and_then(|info| info.flash).map(FlashView::from),
            segments: facts().flat_map(|info| &info.segments).map(SegmentView::from).collect(),
            built_with: facts().flat_map(|info| info.built_with.iter().cloned()).collect(),
            descriptor: info.and_then(|info| info.descriptor.as_ref()).map(DescriptorView::from),
            markers: facts().flat_map(|info| &info.markers).map(MarkerView::from).collect(),
            platforms: facts().flat_map(|info| &info.platforms).map(MentionView::from).collect(),
            versions: versions.iter().map(CandidateView::from).collect(),
            file_name_version: file.version_in_name().map(|found| found.text),
            warnings: file.warnings.iter().map(WarningView::from).collect(),
            contradictions: card.contradictions().iter().map(Said::from).collect(),
            platform: card.platform.clone(),
            platform_exists: card.platform_id.is_some(),
            version: card.version.as_ref().map(ToString::to_string),
            newest: card.newest.clone(),
            previous: card.previous.as_ref().map(PreviousView::from),
            gzip: card.packed().map(|packed| GzipView::of(packed, image.size)),
            fits: FitsView::from(&card.fits),
            identical: asked.find_map(identical),
            questions: card.questions.iter().map(QuestionView::from).collect(),
            accepted: card.accepted.iter().map(QuestionView::from).collect(),
        }
    }
}

/// The colour of a report card.
const fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Sound => "green",
        Verdict::Doubtful => "amber",
        Verdict::Unfit => "red",
    }
}

/// What sort of file was uploaded.
fn kind(card: &ReportCard) -> &'static str {
    let uploaded = card.file.image.packed.as_ref().is_some_and(|packed| packed.uploaded);
    if uploaded { "gzip" } else { card.file.image.part.word() }
}

const fn form(form: Form) -> &'static str {
    match form {
        Form::Esp8266Arduino => "esp8266_arduino",
        Form::Esp8266Plain => "esp8266_plain",
        Form::Esp8266Rtos => "esp8266_rtos",
        Form::Esp32 => "esp32",
        Form::Unknown => "unknown",
    }
}

fn file_system(inside: &Inside) -> Option<FileSystemView> {
    match inside {
        Inside::Application(_) => None,
        Inside::FileSystem(file_system) => Some((*file_system).into()),
    }
}

fn identical(question: &Question) -> Option<Identical> {
    match question {
        Question::Identical { release_id, title } => {
            Some(Identical { release: *release_id, title: title.clone() })
        }
        _ => None,
    }
}

impl From<&Contradiction> for Said {
    fn from(contradiction: &Contradiction) -> Self {
        Self { code: contradiction.code(), text: contradiction.text() }
    }
}

impl From<&Previous> for PreviousView {
    fn from(previous: &Previous) -> Self {
        Self { title: previous.title.clone(), size: previous.size }
    }
}

impl GzipView {
    fn of(packed: PackedSize, size: u64) -> Self {
        let PackedSize { size: packed, from } = packed;
        Self { size: packed, saved: size.saturating_sub(packed), source: from.word() }
    }
}

impl From<&Fits> for FitsView {
    fn from(fits: &Fits) -> Self {
        let lacking = fits.lacking.iter().map(LackingView::from).collect();
        Self { devices: fits.devices, fitting: fits.fitting, lacking }
    }
}

impl From<&Lacking> for LackingView {
    fn from(device: &Lacking) -> Self {
        Self {
            mac: device.mac.to_string(),
            title: device.title.clone(),
            bytes: device.bytes,
            gzip_would_fit: device.gzip_would_fit,
        }
    }
}

impl From<&Question> for QuestionView {
    fn from(question: &Question) -> Self {
        let (code, text) = (question.code(), question.text());
        Self { code, text, can_be_accepted: question.can_be_accepted() }
    }
}
