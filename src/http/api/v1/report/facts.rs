//! What is known of a file's structure.

use serde::Serialize;

use crate::domain::image::{
    AppDescriptor, Check, FileSystem, FlashHeader, Integrity, Revisions, Segment, Signature,
    SignatureScheme,
};

#[derive(Debug, Serialize)]
pub(super) struct FlashView {
    mode: Option<&'static str>,
    size: Option<u64>,
    frequency_mhz: Option<u16>,
}

#[derive(Debug, Serialize)]
pub(super) struct DescriptorView {
    project: String,
    version: String,
    idf: String,
    date: String,
    time: String,
    secure_version: u32,
    prebuilt: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct FileSystemView {
    kind: &'static str,
    block_size: Option<u32>,
    announced_size: Option<u64>,
}

#[derive(Debug, Serialize)]
pub(super) struct RevisionsView {
    min: String,
    max: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct IntegrityView {
    checksum: CheckView,
    sha256: CheckView,
    crc32: CheckView,
}

#[derive(Debug, Serialize)]
struct CheckView {
    state: &'static str,
    offset: Option<u64>,
}

#[derive(Debug, Serialize)]
pub(super) struct SignatureView {
    scheme: &'static str,
    offset: u64,
    length: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct SegmentView {
    address: u32,
    offset: u64,
    size: u64,
}

impl From<FlashHeader> for FlashView {
    fn from(header: FlashHeader) -> Self {
        let (mode, size, frequency_mhz) = (header.mode, header.size_bytes, header.frequency_mhz);
        Self { mode, size, frequency_mhz }
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
            secure_version: descriptor.secure_version,
            prebuilt: descriptor.prebuilt,
        }
    }
}

impl From<FileSystem> for FileSystemView {
    fn from(file_system: FileSystem) -> Self {
        let FileSystem { kind, block_size, announced_len, .. } = file_system;
        Self { kind: kind.name(), block_size, announced_size: announced_len }
    }
}

impl From<Revisions> for RevisionsView {
    fn from(revisions: Revisions) -> Self {
        let max = revisions.max.map(Revisions::text);
        Self { min: Revisions::text(revisions.min), max }
    }
}

impl From<Integrity> for IntegrityView {
    fn from(integrity: Integrity) -> Self {
        Self {
            checksum: integrity.checksum.into(),
            sha256: integrity.sha256.into(),
            crc32: integrity.crc32.into(),
        }
    }
}

impl From<Check> for CheckView {
    fn from(check: Check) -> Self {
        let (state, offset) = match check {
            Check::Right => ("right", None),
            Check::Wrong { offset } => ("wrong", Some(offset)),
            Check::Absent => ("absent", None),
        };
        Self { state, offset }
    }
}

impl From<Signature> for SignatureView {
    fn from(signature: Signature) -> Self {
        let scheme = match signature.scheme {
            SignatureScheme::Esp8266 => "esp8266",
            SignatureScheme::ArduinoEsp32 => "arduino_esp32",
            SignatureScheme::SecureBootV1 => "secure_boot_v1",
            SignatureScheme::SecureBootV2 => "secure_boot_v2",
        };
        Self { scheme, offset: signature.offset, length: signature.len }
    }
}

impl From<&Segment> for SegmentView {
    fn from(segment: &Segment) -> Self {
        Self { address: segment.address, offset: segment.offset, size: segment.len }
    }
}
