//! What is known of a file's structure.

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::image::{
    AppDescriptor, Check, FileSystem, FileSystemKind, FlashHeader, Integrity, Revisions, Segment,
    Signature, SignatureScheme,
};
use crate::http::api::describe::Example;
use crate::http::api::words::Word;

/// How the flash memory is driven.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Flash")]
pub(super) struct FlashView {
    /// `qio`, `qout`, `dio`, `dout`, …
    mode: Option<&'static str>,
    /// Bytes that the build was made for.
    size: Option<u64>,
    /// The clock in MHz.
    frequency_mhz: Option<u16>,
}

/// The application description of ESP-IDF.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Descriptor")]
pub(super) struct DescriptorView {
    /// The project.
    project: String,
    /// The project’s version.
    version: String,
    /// The version of ESP-IDF.
    idf: String,
    /// The day of the build.
    date: String,
    /// The time of the build.
    time: String,
    /// What a device with anti-rollback compares.
    secure_version: u32,
    /// Whether it comes from Arduino’s prebuilt libraries, so that it says nothing about the
    /// sketch.
    prebuilt: bool,
}

/// An image of a file system.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "FileSystem")]
pub(super) struct FileSystemView {
    /// Which one.
    kind: Word<FileSystemKind>,
    /// Bytes of a block, or of a sector (FAT).
    block_size: Option<u32>,
    /// Bytes that it says it has.
    announced_size: Option<u64>,
}

/// The revisions of the chip that an ESP32-family image runs on, such as `3.1`.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Revisions")]
pub(super) struct RevisionsView {
    /// The lowest.
    min: String,
    /// The highest; null without a limit.
    max: Option<String>,
}

/// What could be verified.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Integrity")]
pub(super) struct IntegrityView {
    /// The check byte behind the segments.
    checksum: CheckView,
    /// The appended SHA-256 (ESP32 family).
    sha256: CheckView,
    /// The CRC-32 of ESP8266 cores since 2.7.0.
    crc32: CheckView,
}

/// A checksum or digest, compared with what the bytes give.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Check")]
struct CheckView {
    /// What came of it.
    state: CheckState,
    /// With `wrong`: where it is in the file.
    offset: Option<u64>,
}

/// What came of a check.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum CheckState {
    Right,
    Wrong,
    Absent,
}

/// A signature behind the image. Whether it is genuine only the device can say.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Signature")]
pub(super) struct SignatureView {
    /// How it was made.
    scheme: Word<SignatureScheme>,
    /// Where it begins in the file.
    offset: u64,
    /// Bytes of it.
    length: u64,
}

/// A piece of the program.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Segment")]
pub(super) struct SegmentView {
    /// Where it goes in the device’s memory.
    address: u32,
    /// Where its data begins in the file.
    offset: u64,
    /// Bytes.
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
        Self { kind: Word(kind), block_size, announced_size: announced_len }
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
            Check::Right => (CheckState::Right, None),
            Check::Wrong { offset } => (CheckState::Wrong, Some(offset)),
            Check::Absent => (CheckState::Absent, None),
        };
        Self { state, offset }
    }
}

impl From<Signature> for SignatureView {
    fn from(signature: Signature) -> Self {
        Self { scheme: Word(signature.scheme), offset: signature.offset, length: signature.len }
    }
}

impl From<&Segment> for SegmentView {
    fn from(segment: &Segment) -> Self {
        Self { address: segment.address, offset: segment.offset, size: segment.len }
    }
}

impl Example for FlashView {
    fn example() -> Self {
        Self { mode: Some("dout"), size: Some(4_194_304), frequency_mhz: Some(40) }
    }
}

impl Example for IntegrityView {
    fn example() -> Self {
        Self {
            checksum: Check::Right.into(),
            sha256: Check::Absent.into(),
            crc32: Check::Right.into(),
        }
    }
}

impl Example for SegmentView {
    fn example() -> Self {
        Self { address: 0x4010_0000, offset: 4104, size: 28_140 }
    }
}
