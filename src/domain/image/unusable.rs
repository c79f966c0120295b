//! Files that can never be an update, with a sentence for the person who chose one.

/// Why a file cannot be used as firmware: what it is, what was expected, what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// No byte at all.
    #[error("The file is empty. Choose the firmware (.bin) that your build has written.")]
    Empty,
    /// A web page.
    #[error(
        "This is a web page, not firmware; the download probably gave an error page. \
         Fetch the .bin again and upload that."
    )]
    Html,
    /// An ELF file.
    #[error(
        "This is an ELF file, which holds the program for the debugger. \
         Upload the .bin that the build writes beside it."
    )]
    Elf,
    /// A UF2 file.
    #[error(
        "This is a UF2 file, made for copying onto a USB drive. \
         Upload the plain application .bin instead."
    )]
    Uf2,
    /// A ZIP archive.
    #[error("This is a ZIP archive. Unpack it and upload the application .bin inside.")]
    Zip,
    /// A gzip file.
    #[error(
        "This file is compressed with gzip, which is not supported yet; upload the plain .bin."
    )]
    Gzip,
    /// A gzip file that cannot be unpacked.
    #[error(
        "This gzip file is damaged or cut off and cannot be unpacked. \
         Make it again, or upload the plain .bin."
    )]
    GzipDamaged,
    /// A gzip file that unpacks to more than is allowed.
    #[error("This gzip file unpacks to more than the server accepts. Upload a smaller firmware.")]
    GzipTooLong,
    /// A gzip file with an image of a file system inside.
    #[error(
        "This is a gzip file with an image of a {name} file system inside. Devices write file \
         systems as they come and unpack none: upload the plain image."
    )]
    GzipFileSystem {
        /// `LittleFS`, SPIFFS or FAT.
        name: &'static str,
    },
    /// A gzip file with something else than an application inside.
    #[error("This is a gzip file with something else than an application inside. {0}")]
    GzipOf(Box<Self>),
    /// Intel HEX.
    #[error(
        "This is an Intel HEX file (text). Devices take binary images only: \
         upload the .bin of the same build."
    )]
    IntelHex,
    /// Magic 0xEA.
    #[error(
        "This is an ESP8266 image of the bare SDK (it begins with 0xEA), which an Arduino device \
         cannot install over the air. Upload a .bin that begins with 0xE9."
    )]
    SdkV2,
    /// Anything else.
    #[error(
        "This is not firmware for an ESP8266 or ESP32: it begins with the byte 0x{first:02X}, \
         an application begins with 0xE9. Upload the .bin that your build has written."
    )]
    NotFirmware {
        /// The first byte.
        first: u8,
    },
    /// Shorter than any header.
    #[error(
        "The file has only {size} bytes, which is too short for firmware. \
         Perhaps the build or the download was cut off: make it again."
    )]
    TooShort {
        /// Its size.
        size: u64,
    },
    /// Certainly cut off.
    #[error(
        "The file is cut off: it has {size} bytes, but its header speaks of {expected}. \
         Perhaps the download ended early: fetch or build it again."
    )]
    Truncated {
        /// Its size.
        size: u64,
        /// The size that the header needs.
        expected: u64,
    },
    /// A factory image for a serial cable.
    #[error(
        "This is a merged (factory) image for {chip}: boot loader, partition table and application \
         in one file, for flashing by USB at offset {flash_offset:#x}. \
         Over the air only the application is sent: upload firmware.bin (or the .ino.bin) instead."
    )]
    MergedImage {
        /// The chip.
        chip: &'static str,
        /// Where a cable would write it.
        flash_offset: u32,
    },
    /// A second-stage boot loader.
    #[error(
        "This is a boot loader, not an application. Boot loaders are never updated over the air: \
         upload firmware.bin (or the .ino.bin) of the same build instead."
    )]
    Bootloader,
    /// A partition table.
    #[error(
        "This is a partition table, not an application. Upload firmware.bin (or the .ino.bin) of \
         the same build instead."
    )]
    PartitionTable,
    /// An image of a file system.
    #[error(
        "This is an image of a {name} file system (data files), not an application. \
         Upload firmware.bin (or the .ino.bin) instead."
    )]
    FileSystem {
        /// `LittleFS`, SPIFFS or FAT.
        name: &'static str,
    },
}

impl Unusable {
    /// A stable word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Html => "html",
            Self::Elf => "elf",
            Self::Uf2 => "uf2",
            Self::Zip => "zip",
            Self::Gzip => "gzip",
            Self::GzipDamaged => "gzip_damaged",
            Self::GzipTooLong => "gzip_too_long",
            Self::GzipFileSystem { .. } => "gzip_file_system",
            Self::GzipOf(_) => "gzip_of_other",
            Self::IntelHex => "intel_hex",
            Self::SdkV2 => "sdk_v2",
            Self::NotFirmware { .. } => "not_firmware",
            Self::TooShort { .. } => "too_short",
            Self::Truncated { .. } => "truncated",
            Self::MergedImage { .. } => "merged_image",
            Self::Bootloader => "bootloader",
            Self::PartitionTable => "partition_table",
            Self::FileSystem { .. } => "file_system",
        }
    }
}
