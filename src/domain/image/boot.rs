//! Telling boot loaders from applications.

use super::bytes::holds;
use super::layout::{DESCRIPTOR_AT, has_descriptor};
use super::segments::{Segment, Walk};
use crate::domain::chip::Chip;

/// No boot loader is longer.
const LONGEST: usize = 0x1_0000;

/// Whether an image with the long header is a second-stage boot loader.
pub(super) fn is_bootloader(chip: Chip, bytes: &[u8], walked: &Walk) -> bool {
    let mapped = |s: &Segment| is_flash_mapped(chip, s.address);
    if has_descriptor(bytes) || walked.end > LONGEST || walked.segments.iter().any(mapped) {
        return false;
    }
    // Since ESP-IDF 5 it has a description of its own, with ESP-IDF's version in it.
    let described = bytes.get(DESCRIPTOR_AT) == Some(&0x50) && holds(bytes, 0x28, b"v");
    // Before, all that tells is where the ESP32's boot loader lies in the memory …
    let placed =
        |s: &Segment| matches!(s.address, 0x3FFF_0000..=0x3FFF_FFFF | 0x4007_8000..=0x4009_FFFF);
    // … and what it prints.
    let speaks = || {
        let texts: [&[u8]; 3] = [b"2nd stage bootloader", b"artition table", b"app partition"];
        texts.iter().any(|text| memchr::memmem::find(bytes, text).is_some())
    };
    described || (walked.segments.len() > 2 && walked.segments.iter().all(placed)) || speaks()
}

/// Whether an address lies where the chip maps its flash memory, which only an application can use.
const fn is_flash_mapped(chip: Chip, address: u32) -> bool {
    match chip {
        Chip::Esp32 => matches!(address, 0x3F40_0000..=0x3F7F_FFFF | 0x400D_0000..=0x403F_FFFF),
        Chip::Esp32S2 => matches!(address, 0x3F00_0000..=0x3F7F_FFFF | 0x4008_0000..=0x417F_FFFF),
        Chip::Esp32P4 => matches!(address, 0x4000_0000..=0x4BFF_FFFF),
        _ => matches!(address, 0x3C00_0000..=0x3DFF_FFFF | 0x4200_0000..=0x47FF_FFFF),
    }
}
