//! Walking the segments of an image, and the header in front of them.

use super::bytes::{index, u32_at};
use super::info::FlashHeader;
use crate::domain::chip::{Chip, Family};

/// The first byte of every image that a device can start.
pub(super) const MAGIC: u8 = 0xE9;
/// The length of an ESP8266 image's header; the ESP32 family has 16 bytes more.
pub(super) const SHORT_HEADER: usize = 8;
/// The length of an ESP32-family image's header.
pub(super) const LONG_HEADER: usize = 24;
/// The most segments that a boot loader takes.
const SEGMENTS: usize = 16;
/// What the check byte starts from.
const CHECK_SEED: u8 = 0xEF;

/// How the flash is wired, by the number in the header.
const MODES: [&str; 6] = ["qio", "qout", "dio", "dout", "fast_read", "slow_read"];

/// A piece of the program and where it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment {
    /// The address that it is loaded or mapped to.
    pub address: u32,
    /// Where its data begins in the file.
    pub start: usize,
    /// How many bytes it has.
    pub len: usize,
}

/// An image walked from its header to its check byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Walk {
    /// The segments in the order of the file.
    pub segments: Vec<Segment>,
    /// Where the image ends: behind the check byte.
    pub end: usize,
    /// The check byte that the file holds and the one that its segments give.
    pub check: (u8, u8),
}

/// Why an image could not be walked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Broken {
    /// No magic byte, no segment or too many.
    NoImage,
    /// A segment reaches behind the end of the file.
    CutOff {
        /// The segments before it.
        walked: Vec<Segment>,
        /// The segment itself.
        segment: Segment,
    },
    /// The file ends inside a segment's header or before the check byte.
    Ends {
        /// The segments before the end.
        walked: Vec<Segment>,
    },
}

impl Walk {
    /// Whether the check byte is right.
    pub(super) const fn is_sound(&self) -> bool {
        self.check.0 == self.check.1
    }
}

/// Walks the image whose header of `header` bytes stands at `start`.
pub(super) fn walk(bytes: &[u8], start: usize, header: usize) -> Result<Walk, Broken> {
    let count = match (bytes.get(start), bytes.get(start + 1)) {
        (Some(&MAGIC), Some(&count)) if (1..=SEGMENTS).contains(&usize::from(count)) => count,
        _ => return Err(Broken::NoImage),
    };
    let mut segments = Vec::with_capacity(usize::from(count));
    let mut at = start + header;
    let mut check = CHECK_SEED;
    for _ in 0..count {
        let (Some(address), Some(len)) = (u32_at(bytes, at), u32_at(bytes, at + 4)) else {
            return Err(Broken::Ends { walked: segments });
        };
        let segment = Segment { address, start: at + 8, len: index(len) };
        let end = segment.start.checked_add(segment.len);
        let Some(data) = end.and_then(|end| bytes.get(segment.start..end)) else {
            return Err(Broken::CutOff { walked: segments, segment });
        };
        check ^= data.iter().fold(0, |sum, byte| sum ^ byte);
        at = segment.start + segment.len;
        segments.push(segment);
    }
    // The check byte is the last of a block of 16, counted from the image's own beginning.
    let last = start + ((at - start) | 15);
    let Some(&held) = bytes.get(last) else {
        return Err(Broken::Ends { walked: segments });
    };
    Ok(Walk { segments, end: last + 1, check: (held, check) })
}

/// Reads how the flash is driven from the header at `start`.
pub(super) fn flash_header(bytes: &[u8], start: usize, chip: Chip) -> Option<FlashHeader> {
    let (&mode, &packed) = (bytes.get(start + 2)?, bytes.get(start + 3)?);
    let (size, speed) = (packed >> 4, packed & 15);
    Some(FlashHeader {
        mode: MODES.get(usize::from(mode)).copied(),
        mode_byte: mode,
        size_bytes: match chip.family() {
            Family::Esp8266 => esp8266_size(size),
            Family::Esp32 => (size <= 7).then(|| 0x10_0000 << size),
        },
        frequency_mhz: frequency(chip, speed),
    })
}

const fn esp8266_size(nibble: u8) -> Option<u64> {
    Some(match nibble {
        0 => 0x8_0000,
        1 => 0x4_0000,
        2 => 0x10_0000,
        3 | 5 => 0x20_0000,
        4 | 6 => 0x40_0000,
        8 => 0x80_0000,
        9 => 0x100_0000,
        _ => return None,
    })
}

const fn frequency(chip: Chip, nibble: u8) -> Option<u16> {
    Some(match (chip, nibble) {
        (Chip::Esp32C2, 15) => 60,
        (Chip::Esp32C2, 0) => 30,
        (Chip::Esp32C2, 2) => 15,
        (Chip::Esp32H2 | Chip::Esp32H21 | Chip::Esp32H4, 15) => 48,
        (Chip::Esp32H2 | Chip::Esp32H21 | Chip::Esp32H4, 0) => 24,
        (Chip::Esp32H2, 1) => 16,
        (Chip::Esp32H2, 2) => 12,
        // esptool writes 0 for both 40 and 80 MHz here.
        (Chip::Esp32C6, 0) => return None,
        (Chip::Esp32C2, 1) | (_, 2) => 20,
        (_, 15) => 80,
        (_, 0) => 40,
        (_, 1) => 26,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(header: usize, segments: &[(u32, &[u8])]) -> Vec<u8> {
        let mut out = vec![0; header];
        (out[0], out[1]) = (MAGIC, u8::try_from(segments.len()).unwrap());
        let mut check = CHECK_SEED;
        for (address, data) in segments {
            out.extend(address.to_le_bytes());
            out.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
            out.extend(*data);
            check = data.iter().fold(check, |sum, byte| sum ^ byte);
        }
        out.resize(out.len() | 15, 0);
        out.push(check);
        out
    }

    #[test]
    fn a_sound_image_is_walked_to_its_check_byte() {
        for header in [SHORT_HEADER, LONG_HEADER] {
            let file = image(header, &[(0x4010_0000, b"abcd"), (0x3FFE_8000, b"12345678")]);
            let walked = walk(&file, 0, header).unwrap();
            assert_eq!(walked.end, file.len());
            assert!(walked.is_sound());
            assert_eq!(walked.segments[1].address, 0x3FFE_8000);
            assert_eq!(walked.segments[1].len, 8);
        }
    }

    #[test]
    fn every_truncation_is_noticed() {
        let file = image(LONG_HEADER, &[(0x4010_0000, b"abcd"), (0x3FFE_8000, b"12345678")]);
        for len in 0..file.len() {
            assert!(walk(&file[..len], 0, LONG_HEADER).is_err(), "{len}");
        }
    }

    #[test]
    fn a_wrong_check_byte_is_noticed() {
        let mut file = image(SHORT_HEADER, &[(0x4010_0000, b"abcd")]);
        file[18] ^= 1;
        assert!(!walk(&file, 0, SHORT_HEADER).unwrap().is_sound());
    }

    #[test]
    fn flash_sizes_differ_between_the_families() {
        let header = [MAGIC, 1, 2, 0x2F];
        let size = |chip| flash_header(&header, 0, chip).unwrap().size_bytes.unwrap();
        assert_eq!(size(Chip::Esp8266), 1 << 20);
        assert_eq!(size(Chip::Esp32), 4 << 20);
        let flash = flash_header(&header, 0, Chip::Esp32C3).unwrap();
        assert_eq!((flash.mode, flash.frequency_mhz), (Some("dio"), Some(80)));
        assert_eq!(flash_header(&header[..3], 0, Chip::Esp32), None);
    }
}
