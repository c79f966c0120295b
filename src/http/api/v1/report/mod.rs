//! The report card of a file.

mod example;
mod facts;
mod found;

use schemars::JsonSchema;
use serde::Serialize;

use crate::app::{Fits, Inside, Lacking, Previous, ReportCard};
use crate::domain::chip::Chip;
use crate::domain::image::{Form, Verdict};
use crate::domain::release::{Contradiction, PackedFrom, PackedSize, Part, Question};
use crate::http::api::codes;
use crate::http::api::words::Word;
use facts::{
    DescriptorView, FileSystemView, FlashView, IntegrityView, RevisionsView, SegmentView,
    SignatureView,
};
use found::{CandidateView, MarkerView, MentionView, WarningView};

/// Everything that is known of a file before it is published.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ReportCard")]
pub(in crate::http::api) struct ReportView {
    /// `green`: it can be published. `amber`: questions are open. `red`: it is damaged and can
    /// never be published.
    verdict: Word<Verdict>,
    /// What was uploaded. Of a gzip file everything else is said of the application inside.
    kind: UploadKind,
    /// What it is for: the program, or the files beside it.
    part: Word<Part>,
    /// How an application is laid out: with the boot loader of Arduino’s core, without it, with the
    /// header of the RTOS SDK, for the ESP32 family; `unknown` where its segments make no sense.
    form: Option<Word<Form>>,
    file_system: Option<FileSystemView>,
    /// The chip it is for; null for a file system that is for any.
    chip: Option<Word<Chip>>,
    /// Whether the file proves that, or a person said it.
    chip_certain: bool,
    revisions: Option<RevisionsView>,
    /// Bytes of the file; of a gzip file, of what is inside.
    size: u64,
    /// Bytes of the image as its segments tell them; the rest is a trailer.
    image_length: Option<u64>,
    integrity: Option<IntegrityView>,
    /// The digest that the build appended (ESP32).
    appended_sha256: Option<String>,
    /// Whether it, or the gzip file around it, is signed.
    signed: bool,
    signature: Option<SignatureView>,
    flash: Option<FlashView>,
    /// The pieces of the program.
    segments: Vec<SegmentView>,
    /// The tools that made it, as far as it says.
    built_with: Vec<String>,
    descriptor: Option<DescriptorView>,
    /// Names and versions that the sketch marks explicitly.
    markers: Vec<MarkerView>,
    /// Known platforms whose names are in the file, the weightiest first.
    platforms: Vec<MentionView>,
    /// Texts that may be the version: what the rules propose first, then the rest.
    versions: Vec<CandidateView>,
    /// The version that the name of the file says.
    file_name_version: Option<String>,
    /// What is odd about the file.
    warnings: Vec<WarningView>,
    /// Where the file, its name and what it would be published as do not agree. They stop nothing.
    contradictions: Vec<Said>,
    /// The platform it would be published on.
    platform: Option<String>,
    /// Whether there is that platform.
    platform_exists: bool,
    /// The version it would be published as.
    version: Option<String>,
    /// The newest published version of that platform.
    newest: Option<String>,
    previous: Option<PreviousView>,
    gzip: Option<GzipView>,
    fits: FitsView,
    identical: Option<Identical>,
    /// What keeps it from being published.
    questions: Vec<QuestionView>,
    /// Questions that were answered with “do it anyway”.
    accepted: Vec<QuestionView>,
}

/// What was uploaded.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum UploadKind {
    Application,
    Gzip,
    FileSystem,
}

/// The release that has exactly these bytes.
#[derive(Debug, Serialize, JsonSchema)]
struct Identical {
    /// Its number.
    release: i64,
    /// Its platform and version.
    title: String,
}

/// Something that only a person can decide.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Question")]
struct QuestionView {
    /// Stable code, as `accept` takes it.
    #[schemars(extend("enum" = questions()))]
    code: &'static str,
    /// The question in a sentence, with what to do.
    text: String,
    /// Whether it can be answered with “do it anyway”.
    can_be_accepted: bool,
}

/// Two sources that say different things about one file.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Contradiction")]
struct Said {
    /// Stable code: what speaks against it.
    #[schemars(extend("enum" = Contradiction::CODES))]
    code: &'static str,
    /// In a sentence.
    text: String,
}

/// The release before, of the same chip and part.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Previous")]
struct PreviousView {
    /// Its platform and version.
    title: String,
    /// Bytes of its image.
    size: u64,
}

/// How much less is sent to a device that unpacks gzip.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "GzipSize")]
struct GzipView {
    /// Bytes of the compressed form.
    size: u64,
    /// Bytes that are not sent.
    saved: u64,
    /// It was uploaded so, the server made it, or the server is going to make it and this is an
    /// estimate.
    source: Word<PackedFrom>,
}

/// On which of the platform’s approved devices the image fits, as far as they said how much room
/// they have.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Fits")]
struct FitsView {
    /// Devices that it is for and that said so.
    devices: usize,
    /// Those on which it fits as it is.
    fitting: usize,
    /// Those on which it does not, at most eight.
    lacking: Vec<LackingView>,
}

/// A device on which it does not fit.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Lacking")]
struct LackingView {
    /// Its MAC address.
    mac: String,
    /// Its name, else its address.
    title: String,
    /// Bytes that are missing; null where it has no slot for updates at all.
    bytes: Option<u64>,
    /// Whether the compressed form would fit.
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
            verdict: Word(card.verdict()),
            kind: kind(card),
            part: Word(image.part),
            form: info.map(|info| Word(info.form)),
            file_system: file_system(&file.inside),
            chip: (!any_chip).then_some(Word(image.chip)),
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

/// What sort of file was uploaded.
fn kind(card: &ReportCard) -> UploadKind {
    let uploaded = card.file.image.packed.as_ref().is_some_and(|packed| packed.uploaded);
    match card.file.image.part {
        _ if uploaded => UploadKind::Gzip,
        Part::Application => UploadKind::Application,
        Part::FileSystem => UploadKind::FileSystem,
    }
}

/// The codes of all questions.
fn questions() -> Vec<&'static str> {
    codes::QUESTIONS.iter().map(|code| code.word()).collect()
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
        Self { size: packed, saved: size.saturating_sub(packed), source: Word(from) }
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
