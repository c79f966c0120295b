//! The report card of a sound firmware, as an example.

use super::facts::{FlashView, IntegrityView, SegmentView};
use super::found::{CandidateView, MentionView};
use super::{FitsView, GzipView, PreviousView, ReportView, UploadKind};
use crate::domain::chip::Chip;
use crate::domain::image::{Form, MentionWeight, Source, Verdict};
use crate::domain::release::{PackedFrom, Part};
use crate::http::api::describe::Example;
use crate::http::api::words::Word;

impl Example for ReportView {
    fn example() -> Self {
        let text = |text: &str| Some(text.to_owned());
        Self {
            verdict: Word(Verdict::Sound),
            kind: UploadKind::Application,
            part: Word(Part::Application),
            form: Some(Word(Form::Esp8266Arduino)),
            file_system: None,
            chip: Some(Word(Chip::Esp8266)),
            chip_certain: true,
            revisions: None,
            size: 423_984,
            image_length: Some(423_984),
            integrity: Some(IntegrityView::example()),
            appended_sha256: None,
            signed: false,
            signature: None,
            flash: Some(FlashView::example()),
            segments: vec![SegmentView::example()],
            built_with: vec!["Arduino core 3.1.2".to_owned()],
            descriptor: None,
            markers: Vec::new(),
            platforms: vec![MentionView::example()],
            versions: vec![CandidateView::example()],
            file_name_version: text("v1.2.0"),
            warnings: Vec::new(),
            contradictions: Vec::new(),
            platform: text("chase"),
            platform_exists: true,
            version: text("v1.2.0"),
            newest: text("v1.1.0"),
            previous: Some(PreviousView { title: "chase v1.1.0".to_owned(), size: 421_888 }),
            gzip: Some(GzipView {
                size: 301_456,
                saved: 122_528,
                source: Word(PackedFrom::Estimated),
            }),
            fits: FitsView { devices: 4, fitting: 4, lacking: Vec::new() },
            identical: None,
            questions: Vec::new(),
            accepted: Vec::new(),
        }
    }
}

impl Example for MentionView {
    fn example() -> Self {
        Self {
            name: "chase".to_owned(),
            offset: 270_032,
            context: "chase v1.2.0".to_owned(),
            count: 2,
            weight: Word(MentionWeight::BesideVersion),
        }
    }
}

impl Example for CandidateView {
    fn example() -> Self {
        Self {
            text: "v1.2.0".to_owned(),
            offset: 270_038,
            context: "chase v1.2.0".to_owned(),
            source: Word(Source::NearName),
            why: "It stands beside the platform’s name.".to_owned(),
            count: 1,
        }
    }
}
