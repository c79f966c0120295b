//! A firmware file as it is stored.

use std::str::FromStr;

use crate::domain::chip::{Chip, Family, UnknownChip};
use crate::domain::digest::{Md5, Sha256};

/// Which part of a device's flash memory an image is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The program ("sketch").
    Application,
    /// The files beside it: LittleFS, SPIFFS or FAT.
    FileSystem,
}

impl Part {
    /// The word in JSON and the database.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Application => "application",
            Self::FileSystem => "file_system",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn read(word: &str) -> Option<Self> {
        [Self::Application, Self::FileSystem].into_iter().find(|part| part.word() == word)
    }

    /// The word as a person reads it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Application => "application",
            Self::FileSystem => "file system",
        }
    }
}

/// A person's word on the chip of an image that does not prove it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChipChoice {
    /// No chip in particular: a file system is for all of them, an application stays a guess.
    Any,
    /// This one.
    One(Chip),
}

impl FromStr for ChipChoice {
    type Err = UnknownChip;

    fn from_str(text: &str) -> Result<Self, UnknownChip> {
        let text = text.trim();
        if text.eq_ignore_ascii_case("any") { Ok(Self::Any) } else { text.parse().map(Self::One) }
    }
}

/// The compressed form of an application, for boot loaders that unpack gzip (ESP8266 core 2.7.0
/// and later).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// SHA-256 of the compressed file, and the name under which it is stored.
    pub sha256: Sha256,
    /// MD5 of the compressed file: what a device verifies are the bytes it is sent.
    pub md5: Md5,
    /// Bytes of the compressed file.
    pub size: u64,
    /// Whether a signature follows the compressed data: a device that does not check signatures
    /// would destroy its boot loader with it (`protocol.md` §2.4).
    pub signed: bool,
    /// Whether it was uploaded so; else the server made it.
    pub uploaded: bool,
}

/// How large an image is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackedSize {
    /// Bytes.
    pub size: u64,
    /// How that is known.
    pub from: PackedFrom,
}

/// Where the size of a compressed form comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PackedFrom {
    /// It was uploaded so.
    Uploaded,
    /// The server has made it.
    Made,
    /// The server is going to make it.
    Estimated,
}

impl PackedFrom {
    /// The word in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Uploaded => "upload",
            Self::Made => "server",
            Self::Estimated => "estimate",
        }
    }
}

impl PackedSize {
    /// That of a form that is there.
    #[must_use]
    pub const fn of(packed: &Packed) -> Self {
        let from = if packed.uploaded { PackedFrom::Uploaded } else { PackedFrom::Made };
        Self { size: packed.size, from }
    }
}

/// A firmware file as it is stored. Of a compressed upload this is what was inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Its number in the database; 0 before it is there.
    pub id: i64,
    /// SHA-256 of the file, and the name under which it is stored.
    pub sha256: Sha256,
    /// MD5 of the file, as devices verify it.
    pub md5: Md5,
    /// Bytes of the file.
    pub size: u64,
    /// What it is for.
    pub part: Part,
    /// The chip it is for.
    pub chip: Chip,
    /// Whether the file's structure proves the chip, or a person said it. If not, `chip` is a guess, of which only the
    /// family counts; a file system without a person's word is for any chip.
    pub chip_certain: bool,
    /// The size of flash memory that it was built for, in bytes.
    pub flash_size: Option<u64>,
    /// The flash mode that it was built for: byte 2 of the header.
    pub flash_mode: Option<u8>,
    /// Whether it is signed.
    pub signed: bool,
    /// Whether a device that runs it unpacks gzip (`protocol.md` §2.3).
    pub unpacks: bool,
    /// The digest appended to an ESP32 image, which devices report.
    pub appended_sha256: Option<Sha256>,
    /// Its compressed form, where there is one.
    pub packed: Option<Packed>,
    /// The name under which it was uploaded.
    pub file_name: String,
}

impl Image {
    /// Whether a device of this family may get it: never across families.
    #[must_use]
    pub fn is_for(&self, family: Family) -> bool {
        self.chip.family() == family || self.is_for_any_chip()
    }

    /// Whether a device with this chip, as far as that is known, may get it.
    #[must_use]
    pub fn suits(&self, family: Family, chip: Option<Chip>) -> bool {
        let same = chip.is_none_or(|chip| chip == self.chip) || !self.chip_certain;
        self.is_for(family) && same
    }

    /// Whether it is a file system that nobody restricted to a chip.
    #[must_use]
    pub fn is_for_any_chip(&self) -> bool {
        self.part == Part::FileSystem && !self.chip_certain
    }

    /// The chip it is for, where that is certain.
    #[must_use]
    pub fn certain_chip(&self) -> Option<Chip> {
        self.chip_certain.then_some(self.chip)
    }

    /// Whether the file as it stands may be sent: what was inside a signed gzip file is not signed
    /// itself.
    #[must_use]
    pub fn may_go_plain(&self) -> bool {
        self.packed.as_ref().is_none_or(|packed| !(packed.signed && packed.uploaded))
    }

    /// What it is, in words: `ESP32-C3`, `file system`, `file system for ESP8266`.
    #[must_use]
    pub fn label(&self) -> String {
        match self.part {
            Part::Application => self.chip.to_string(),
            Part::FileSystem if self.is_for_any_chip() => "file system".to_owned(),
            Part::FileSystem => format!("file system for {}", self.chip),
        }
    }

    /// What tells it from the other images of its release, for the name of a file: `esp32c3`,
    /// `fs`, `fs_esp8266`.
    #[must_use]
    pub fn slug(&self) -> String {
        match self.part {
            Part::Application => self.chip.slug().to_owned(),
            Part::FileSystem if self.is_for_any_chip() => "fs".to_owned(),
            Part::FileSystem => format!("fs_{}", self.chip.slug()),
        }
    }
}
