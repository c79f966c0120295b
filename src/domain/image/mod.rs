//! What is in a file: chip, structure, name and version, from untrusted bytes.
//!
//! [`inspect`] refuses what can never be an update with a sentence that helps, and tells about
//! the rest what it finds. It never guesses silently: an answer that does not hold is
//! [`Found::Several`], and only [`Found::One`] may be taken without asking. The work is linear
//! in the size of the file, and no input makes it panic.

mod boot;
mod bytes;
mod candidates;
mod contents;
mod descriptor;
mod digests;
mod facts;
mod family;
mod filesystem;
mod gzip;
mod info;
mod integrity;
mod layout;
mod marker;
mod names;
mod partitions;
mod platforms;
mod proposals;
mod rank;
mod segments;
mod shape;
mod signs;
mod sniff;
mod strangers;
mod surroundings;
mod unusable;
mod words;

#[cfg(test)]
mod tests;

pub use contents::{Contents, Verdict, examine};
pub use digests::{Digests, Variant, digests, rare_digests};
pub use facts::{Check, Form, Integrity, Revisions, Segment, Signature, SignatureScheme};
pub use filesystem::{FileSystem, FileSystemKind};
pub use gzip::Gzip;
pub use info::{
    AppDescriptor, DOUBTS, FlashHeader, Found, ImageInfo, Marker, MentionWeight, PlatformMention,
    Severity, Source, VersionCandidate, Warning,
};
pub use marker::SKETCH_MACRO;
pub use names::KnownNames;
pub use partitions::{Merged, Partition, PartitionTable};
pub use proposals::{NameProposal, NameSource};
pub use unusable::Unusable;

use candidates::Collector;

/// Reads a file as an application that is to be sent over the air.
///
/// # Errors
///
/// The file can never be an update: it is empty, something else, or certainly cut off.
pub fn inspect(bytes: &[u8], known: &KnownNames) -> Result<ImageInfo, Unusable> {
    sniff::refuse_foreign(bytes)?;
    let layout = layout::read(bytes)?;
    let mut warnings = layout.warnings;
    let descriptor = descriptor::read(bytes);
    let markers = marker::find(bytes);
    let names = known.find(bytes);

    let mut collector = Collector::new(bytes, &names);
    collector.add_markers(&markers);
    if let Some(descriptor) = &descriptor {
        collector.add_descriptor(descriptor);
    }
    warnings.extend(collector.add_texts(descriptor.is_some()));
    let mut versions = collector.finish();

    let platforms = platforms::weigh(bytes, names, &mut versions, &markers, descriptor.as_ref());
    let mut info = ImageInfo {
        size: bytes::offset(bytes.len()),
        chip: layout.chip,
        chip_certain: layout.certain,
        form: layout.form,
        flash: segments::flash_header(bytes, 0, layout.chip),
        segments: layout.segments,
        revisions: layout.revisions,
        integrity: layout.integrity,
        signature: layout.signature,
        built_with: built_with(&layout.integrity, layout.form, descriptor.as_ref(), &versions),
        image_len: layout.image_len.map(bytes::offset),
        appended_sha256: layout.appended_sha256,
        descriptor,
        markers,
        update_names: proposals::update_names(bytes),
        platforms,
        versions,
        warnings,
    };
    info.sort_versions();
    Ok(info)
}

/// The version that the name of a file says: `chase-v1.0.2.bin`, `chase_1_0_2.bin`.
#[must_use]
pub fn version_in_file_name(name: &str) -> Option<VersionCandidate> {
    rank::in_file_name(name).into_iter().find(|candidate| candidate.evidence.marked)
}

/// What the file says about the tools that made it.
fn built_with(
    integrity: &Integrity,
    form: Form,
    descriptor: Option<&AppDescriptor>,
    versions: &[VersionCandidate],
) -> Vec<String> {
    let mut tools = Vec::new();
    if let Some(descriptor) = descriptor.filter(|d| !d.idf_ver.is_empty()) {
        tools.push(format!("ESP-IDF {}", descriptor.idf_ver));
    }
    if descriptor.is_some_and(|d| d.prebuilt) {
        tools.push("Arduino core for the ESP32".to_owned());
    }
    if form == Form::Esp8266Arduino {
        let since = if integrity.crc32 == Check::Absent { "" } else { ", 2.7.0 or newer" };
        tools.push(format!("Arduino core for the ESP8266{since}"));
    }
    let sdk = versions.iter().find(|v| v.source == Source::Library && v.why.ends_with("commit"));
    tools.extend(sdk.map(|sdk| format!("SDK {}", sdk.text)));
    tools
}
