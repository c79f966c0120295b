//! Facts for the card of the file.

use super::what::scheme;
use crate::app::ReportCard;
use crate::domain::image::{AppDescriptor, FlashHeader, ImageInfo, Revisions};
use crate::http::view::filters;

/// A name and its value.
pub(in crate::http::web) type Fact = (&'static str, String);

/// A segment of the program.
#[derive(Debug)]
pub(in crate::http::web) struct Piece {
    pub(in crate::http::web) address: String,
    pub(in crate::http::web) offset: String,
    pub(in crate::http::web) size: String,
}

/// What is known of the file beside its size and digests.
pub(in crate::http::web) fn facts(card: &ReportCard) -> Vec<Fact> {
    let image = &card.file.image;
    let chip = if image.is_for_any_chip() { "any".to_owned() } else { image.chip.to_string() };
    let mut facts = vec![("Chip", chip)];
    if let Some(info) = card.file.info() {
        structure(info, &mut facts);
    }
    if let Some(packed) = &image.packed {
        facts.push(("Compressed", filters::bytes(&packed.size)));
    }
    facts
}

fn structure(info: &ImageInfo, facts: &mut Vec<Fact>) {
    if let Some(revisions) = info.revisions {
        let min = Revisions::text(revisions.min);
        let max = revisions.max.map(|max| format!(" to {}", Revisions::text(max)));
        let max = max.unwrap_or_else(|| " and newer".to_owned());
        facts.push(("Revisions", format!("{min}{max}")));
    }
    facts.extend(info.flash.map(flash).filter(|text| !text.is_empty()).map(|text| ("Flash", text)));
    if let Some(len) = info.image_len {
        facts.push(("Image", format!("{} bytes", filters::thousands(&len))));
    }
    if let Some(signature) = info.signature {
        let at = format!("{}, at {:#x}", scheme(signature.scheme), signature.offset);
        facts.push(("Signature", at));
    }
    if !info.built_with.is_empty() {
        facts.push(("Built with", info.built_with.join(", ")));
    }
    if let Some(descriptor) = &info.descriptor {
        facts.extend(described(descriptor));
    }
}

/// `4 MiB, dio, 40 MHz`
fn flash(header: FlashHeader) -> String {
    let parts = [
        header.size_bytes.map(|size| filters::limit(&size)),
        header.mode.map(str::to_owned),
        header.frequency_mhz.map(|mhz| format!("{mhz} MHz")),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// What the application description says, where it is the program's own.
fn described(descriptor: &AppDescriptor) -> Vec<Fact> {
    if descriptor.prebuilt {
        return Vec::new();
    }
    let built = format!("{} {}", descriptor.date, descriptor.time);
    let texts = [
        ("Project", descriptor.project_name.as_str()),
        ("Project version", descriptor.version.as_str()),
        ("Built", built.as_str()),
    ];
    let texts = texts.into_iter().map(|(name, text)| (name, text.trim().to_owned()));
    texts.filter(|(_, text)| !text.is_empty()).collect()
}

/// The segments of the program.
pub(in crate::http::web) fn pieces(card: &ReportCard) -> Vec<Piece> {
    let segments = card.file.info().into_iter().flat_map(|info| &info.segments);
    let pieces = segments.map(|segment| Piece {
        address: format!("{:#010x}", segment.address),
        offset: format!("{:#x}", segment.offset),
        size: filters::thousands(&segment.len),
    });
    pieces.collect()
}
