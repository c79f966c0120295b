//! What is known about a file: plain values, without any reading.

use std::fmt;

use super::facts::{Form, Integrity, Revisions, Segment, Signature, SignatureScheme};
use crate::domain::chip::Chip;

/// An answer that may be missing or ambiguous. Only [`Found::One`] may be taken without asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found<T> {
    /// There is nothing to propose.
    Nothing,
    /// This one, for a reason that holds.
    One(T),
    /// One or more, none certain enough to be taken silently; the best proposal comes first.
    Several(Vec<T>),
}

impl<T> Found<T> {
    /// The best proposal, certain or not.
    pub fn first(&self) -> Option<&T> {
        match self {
            Self::Nothing => None,
            Self::One(found) => Some(found),
            Self::Several(found) => found.first(),
        }
    }

    /// The answer, if it is certain.
    pub const fn one(&self) -> Option<&T> {
        match self {
            Self::One(found) => Some(found),
            Self::Nothing | Self::Several(_) => None,
        }
    }
}

/// How the flash memory is wired and driven, from the header of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlashHeader {
    /// `qio`, `qout`, `dio`, `dout`, …; `None` for a number that nobody defined.
    pub mode: Option<&'static str>,
    /// The number of the mode as it stands in the header.
    pub mode_byte: u8,
    /// The size that the build was made for, in bytes.
    pub size_bytes: Option<u64>,
    /// The clock in MHz; on newer chips it is not always said.
    pub frequency_mhz: Option<u16>,
}

/// The application description of ESP-IDF (256 bytes at offset 0x20).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppDescriptor {
    /// The project's name.
    pub project_name: String,
    /// The project's version.
    pub version: String,
    /// The version of ESP-IDF that it was built with.
    pub idf_ver: String,
    /// The day of the build.
    pub date: String,
    /// The time of the build.
    pub time: String,
    /// The SHA-256 of the ELF file, which names the build; zeros if it was not filled in.
    pub elf_sha256: [u8; 32],
    /// The version that a device with anti-rollback compares.
    pub secure_version: u32,
    /// It comes from Arduino's prebuilt libraries or is empty, so that it says nothing about the
    /// program: the same in every sketch.
    pub prebuilt: bool,
}

impl AppDescriptor {
    /// The project's version, if it is the project's own: not ESP-IDF's, and not the `1` that
    /// ESP-IDF writes when it knows none.
    #[must_use]
    pub fn own_version(&self) -> Option<&str> {
        let version = self.version.as_str();
        let own = !self.prebuilt && version != self.idf_ver && version.contains('.');
        own.then_some(version).filter(|v| v.bytes().any(|b| b.is_ascii_digit()))
    }

    /// The project's name, if it is the project's own.
    #[must_use]
    pub fn own_name(&self) -> Option<&str> {
        Some(self.project_name.as_str()).filter(|name| !self.prebuilt && !name.is_empty())
    }
}

/// A name and version that the sketch marks explicitly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker {
    /// The platform, if the marker names one.
    pub name: Option<String>,
    /// The version, if the marker names one.
    pub version: Option<String>,
    /// Where it stands in the file.
    pub offset: u64,
}

/// A known platform whose name stands in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformMention {
    /// The name as the platform is spelled.
    pub name: String,
    /// Where it stands: the occurrence that says most.
    pub offset: u64,
    /// The text around it.
    pub context: String,
    /// How often it stands in the file.
    pub count: usize,
    /// How much it says.
    pub weight: MentionWeight,
    /// Whether the name is a short or common word, found in nearly any firmware.
    pub(super) common: bool,
}

/// How much the mention of a platform's name says, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MentionWeight {
    /// A common or short word: found in nearly any firmware.
    CommonWord,
    /// A word inside a longer text.
    InText,
    /// A string of its own.
    Alone,
    /// Right beside a version, or behind `dev=`.
    BesideVersion,
    /// The project's name in ESP-IDF's application description.
    Descriptor,
    /// Named by an explicit marker.
    Marker,
}

/// Where a version comes from: the rank of a candidate, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// An explicit marker in the sketch.
    Marker,
    /// A genuine application description of ESP-IDF.
    Descriptor,
    /// Beside or near the platform's name.
    NearName,
    /// The only candidate in the file.
    Alone,
    /// The name of the file.
    FileName,
    /// Outranked or ambiguous.
    Other,
    /// Recognised by its surroundings as that of a library, an SDK, an address and the like:
    /// information only, never a proposal.
    Library,
}

impl Source {
    /// A stable word for programs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Marker => "marker",
            Self::Descriptor => "descriptor",
            Self::NearName => "near_name",
            Self::Alone => "alone",
            Self::FileName => "file_name",
            Self::Other => "other",
            Self::Library => "library",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// A text that may be the firmware's version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionCandidate {
    /// The version as it is written.
    pub text: String,
    /// Where it stands: the occurrence that says most. 0 for one from the file's name.
    pub offset: u64,
    /// The text around it.
    pub context: String,
    /// Its rank.
    pub source: Source,
    /// Why it has this rank, as a sentence.
    pub why: String,
    /// How often it stands in the file.
    pub count: usize,
    pub(super) evidence: Evidence,
}

/// What speaks for a candidate; the rest of the ranking works on this alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Evidence {
    /// What its shape and surroundings are worth.
    pub score: i32,
    /// Whether its shape or surroundings say “version”: a `v`, `ver=`, `Version:`.
    pub marked: bool,
    /// Whether a word like `version` or `fw` announces it.
    pub labelled: bool,
    /// Whether texts of a library stand around it, or its own text says something else: never to
    /// be taken without asking.
    pub suspect: bool,
    /// For each known platform in the file (by its place in `ImageInfo::platforms`), how near its
    /// name stands.
    pub near: Vec<Near>,
}

/// How near a platform's name stands to a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Near {
    pub platform: usize,
    pub relation: Relation,
}

/// The nearest that a name and a version come, farthest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Relation {
    /// Within 4 KiB.
    Far,
    /// Within 1 KiB.
    Around,
    /// Within 256 bytes.
    Close,
    /// Within 64 bytes.
    Near,
    /// In the same string.
    SameString,
    /// In neighbouring strings.
    NextString,
    /// With nothing but a separator or a word like `version` between them.
    Beside,
}

/// How much something odd matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Good to know.
    Note,
    /// A person should look at it.
    Doubt,
    /// A device would refuse the file, or break.
    Fatal,
}

/// The codes of everything that a person should look at ([`Severity::Doubt`]).
pub const DOUBTS: [&str; 6] = [
    "too_many_versions",
    "no_boot_loader",
    "no_segments",
    "trailing_bytes",
    "wrong_crc",
    "gzip_signed",
];

/// Something odd that does not make the file unusable by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// How much it matters.
    pub severity: Severity,
    /// A stable word for programs.
    pub code: &'static str,
    /// What is odd, as a sentence.
    pub text: String,
}

impl Warning {
    pub(super) fn new(severity: Severity, code: &'static str, text: String) -> Self {
        debug_assert!(severity != Severity::Doubt || DOUBTS.contains(&code), "{code}");
        Self { severity, code, text }
    }
}

/// Everything that is known about an application image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageInfo {
    /// The size of the file in bytes.
    pub size: u64,
    /// The chip. For the ESP8266 the family is all there is to know; for the ESP32 family it is
    /// the number in the header (images made before ESP-IDF 4.0 have the ESP32's).
    pub chip: Chip,
    /// Whether the structure of the file proves the chip's family. If not, [`Self::chip`] is a
    /// guess, and a warning says so.
    pub chip_certain: bool,
    /// How the file is laid out.
    pub form: Form,
    /// How the flash memory is driven.
    pub flash: Option<FlashHeader>,
    /// The segments of the application.
    pub segments: Vec<Segment>,
    /// The revisions of the chip that it runs on; `None` for the ESP8266.
    pub revisions: Option<Revisions>,
    /// What could be verified and what is wrong.
    pub integrity: Integrity,
    /// A signature behind the image.
    pub signature: Option<Signature>,
    /// The length of the image as its segments tell it; the rest of the file is a trailer.
    pub image_len: Option<u64>,
    /// The SHA-256 that the build appended, which the device reports as `x-ESP32-sketch-sha256`.
    pub appended_sha256: Option<[u8; 32]>,
    /// ESP-IDF's application description.
    pub descriptor: Option<AppDescriptor>,
    /// What it was built with, as far as the file says: `ESP-IDF v4.4.7-dirty`.
    pub built_with: Vec<String>,
    /// Explicit markers in the sketch.
    pub markers: Vec<Marker>,
    /// The names with which the program asks for updates: `/update?dev=chase&ver=`.
    pub update_names: Vec<String>,
    /// The known platforms whose names stand in the file, the weightiest first.
    pub platforms: Vec<PlatformMention>,
    /// The version candidates with all known platforms in mind, best first, duplicates merged, at
    /// most [`ImageInfo::VERSIONS_SHOWN`].
    pub versions: Vec<VersionCandidate>,
    /// What is odd about the file.
    pub warnings: Vec<Warning>,
}

impl ImageInfo {
    /// Whether something about the file is such that a device would refuse it, or break.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        self.warnings.iter().any(|warning| warning.severity == Severity::Fatal)
    }

    /// How much of the file is the program without a signature: what a device that checks
    /// signatures has in its flash afterwards.
    #[must_use]
    pub fn payload_len(&self) -> u64 {
        match self.signature {
            Some(Signature { scheme: SignatureScheme::Esp8266, offset, .. }) => offset,
            _ => self.image_len.unwrap_or(self.size),
        }
    }

    /// How many version candidates are kept at most.
    pub const VERSIONS_SHOWN: usize = 64;
}
