//! What any file is, also one that cannot be sent as an application.

use super::bytes::{index, offset};
use super::filesystem::{self, FileSystem};
use super::gzip::{self, Gzip};
use super::info::{ImageInfo, Severity, Warning};
use super::inspect;
use super::names::KnownNames;
use super::partitions::{self, Merged, PartitionTable};
use super::unusable::Unusable;

/// What a file is, with everything that is known about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contents {
    /// An application that can be sent over the air.
    Application(Box<ImageInfo>),
    /// A compressed application.
    Compressed {
        /// The application inside.
        application: Box<ImageInfo>,
        /// The file around it, with the unpacked bytes.
        gzip: Box<Gzip>,
    },
    /// An image of a file system.
    FileSystem {
        /// Which one.
        file_system: FileSystem,
        /// What is odd about it.
        warnings: Vec<Warning>,
    },
    /// A factory image, with the application inside where it can be read.
    Merged {
        /// Its parts.
        merged: Box<Merged>,
        /// The application inside.
        application: Option<Box<ImageInfo>>,
    },
    /// A partition table.
    PartitionTable(PartitionTable),
    /// Something else that is of no use here.
    Other(Unusable),
}

/// The verdict on a file, as the colour of its report card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// Nothing speaks against it.
    Sound,
    /// A person should look at it.
    Doubtful,
    /// It can never be sent.
    Unfit,
}

/// Reads any file; what is compressed is unpacked to at most `limit` bytes.
#[must_use]
pub fn examine(bytes: &[u8], known: &KnownNames, limit: usize) -> Contents {
    let refused = match inspect(bytes, known) {
        Ok(info) => return Contents::Application(Box::new(info)),
        Err(refused) => refused,
    };
    match &refused {
        Unusable::Gzip => Some(compressed(bytes, known, limit)),
        Unusable::MergedImage { .. } => merged(bytes, known),
        Unusable::PartitionTable => Some(Contents::PartitionTable(partitions::read(bytes))),
        Unusable::FileSystem { .. } => file_system(bytes),
        _ => None,
    }
    .unwrap_or(Contents::Other(refused))
}

fn compressed(bytes: &[u8], known: &KnownNames, limit: usize) -> Contents {
    let mut gzip = match gzip::read(bytes, limit) {
        Ok(gzip) => gzip,
        Err(gzip::Broken::TooLong) => return Contents::Other(Unusable::GzipTooLong),
        Err(gzip::Broken::Damaged) => return Contents::Other(Unusable::GzipDamaged),
    };
    match inspect(&gzip.inflated, known) {
        Ok(info) => {
            if info.chip.family() == crate::domain::chip::Family::Esp32 {
                gzip.warnings.push(Warning::new(
                    Severity::Fatal,
                    "gzip_esp32",
                    "The ESP32 family cannot unpack gzip; upload the plain .bin.".to_owned(),
                ));
            }
            Contents::Compressed { application: Box::new(info), gzip: Box::new(gzip) }
        }
        Err(Unusable::FileSystem { name }) => Contents::Other(Unusable::GzipFileSystem { name }),
        Err(inner) => Contents::Other(Unusable::GzipOf(Box::new(inner))),
    }
}

fn merged(bytes: &[u8], known: &KnownNames) -> Option<Contents> {
    let merged = partitions::merged(bytes)?;
    let inside = merged.application_offset().and_then(|at| bytes.get(index(at)..));
    let application = inside.and_then(|app| inspect(app, known).ok()).map(Box::new);
    Some(Contents::Merged { merged: Box::new(merged), application })
}

fn file_system(bytes: &[u8]) -> Option<Contents> {
    let file_system = filesystem::read(bytes)?;
    let mut warnings = Vec::new();
    if !file_system.fits(offset(bytes.len())) {
        warnings.push(Warning::new(
            Severity::Fatal,
            "file_system_cut_off",
            format!(
                "This {} image says it has {} bytes, but the file has {}: it is cut off.",
                file_system.kind.name(),
                file_system.announced_len.unwrap_or_default(),
                bytes.len()
            ),
        ));
    }
    Some(Contents::FileSystem { file_system, warnings })
}

impl Contents {
    /// A stable word for what it is.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Application(_) => "application",
            Self::Compressed { .. } => "gzip",
            Self::FileSystem { .. } => "file_system",
            Self::Merged { .. } => "merged_image",
            Self::PartitionTable(_) => "partition_table",
            Self::Other(refused) => refused.code(),
        }
    }

    /// The application in it, plain or packed; not that of a merged image.
    #[must_use]
    pub fn application(&self) -> Option<&ImageInfo> {
        match self {
            Self::Application(info) | Self::Compressed { application: info, .. } => Some(info),
            _ => None,
        }
    }

    /// What is odd about the file.
    #[must_use]
    pub fn warnings(&self) -> Vec<&Warning> {
        match self {
            Self::Application(info) => info.warnings.iter().collect(),
            Self::Compressed { application, gzip } => {
                application.warnings.iter().chain(&gzip.warnings).collect()
            }
            Self::FileSystem { warnings, .. } => warnings.iter().collect(),
            Self::Merged { merged, .. } => merged.warnings.iter().collect(),
            Self::PartitionTable(_) | Self::Other(_) => Vec::new(),
        }
    }

    /// What can become of it.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let worst = self.warnings().iter().map(|warning| warning.severity).max();
        match self {
            Self::Merged { .. } | Self::PartitionTable(_) | Self::Other(_) => Verdict::Unfit,
            _ => match worst {
                Some(Severity::Fatal) => Verdict::Unfit,
                Some(Severity::Doubt) => Verdict::Doubtful,
                Some(Severity::Note) | None => Verdict::Sound,
            },
        }
    }
}
