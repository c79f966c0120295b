//! Facts about the structure of an image.

/// The result of comparing a checksum or digest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Check {
    /// It is there and right.
    Right,
    /// It is there and differs from what the bytes give.
    Wrong {
        /// Where it stands.
        offset: u64,
    },
    /// The file has none.
    #[default]
    Absent,
}

/// What could be verified.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Integrity {
    /// The check byte at the end of the segments.
    pub checksum: Check,
    /// The SHA-256 that is appended to ESP32-family images.
    pub sha256: Check,
    /// The CRC-32 in ESP8266 images of core 2.7.0 or newer.
    pub crc32: Check,
}

/// How the file is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// An Arduino ESP8266 file: boot loader and application.
    Esp8266Arduino,
    /// A single ESP8266 image without Arduino's boot loader before it.
    Esp8266Plain,
    /// An image of the ESP8266's RTOS SDK 3, with the long header.
    Esp8266Rtos,
    /// An application of the ESP32 family.
    Esp32,
    /// The segments make no sense.
    Unknown,
}

/// A piece of the program and where it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// The address that it is loaded or mapped to.
    pub address: u32,
    /// Where its data begins in the file.
    pub offset: u64,
    /// How many bytes it has.
    pub len: u64,
}

/// The revisions of the chip that an ESP32-family image runs on, as 100 × major + minor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revisions {
    /// The lowest.
    pub min: u16,
    /// The highest, if there is a limit.
    pub max: Option<u16>,
}

impl Revisions {
    /// A revision as the maker writes it: `3.1`.
    #[must_use]
    pub fn text(revision: u16) -> String {
        format!("{}.{}", revision / 100, revision % 100)
    }
}

/// A signature behind an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature {
    /// How it was made.
    pub scheme: SignatureScheme,
    /// Where it begins: the payload ends here or before.
    pub offset: u64,
    /// How long it is with everything that belongs to it.
    pub len: u64,
}

/// How a file is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SignatureScheme {
    /// Arduino's ESP8266 core: signature and a word with its length.
    Esp8266,
    /// Arduino's ESP32 core: 512 bytes behind the image.
    ArduinoEsp32,
    /// ESP-IDF's secure boot, first version.
    SecureBootV1,
    /// ESP-IDF's secure boot, second version: a sector behind the image.
    SecureBootV2,
}
