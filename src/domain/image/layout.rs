//! Telling the chip and finding the end of the image from the structure of the file.

use super::bytes::{holds, index, offset, u16_at, u32_at};
use super::info::Warning;
use super::segments::{Broken, LONG_HEADER, MAGIC, SHORT_HEADER, Segment, Walk, walk};
use super::unusable::Unusable;
use crate::domain::chip::{Chip, Family};

/// The magic word of ESP-IDF's application description, as it stands in the file.
pub(super) const DESCRIPTOR_MAGIC: [u8; 4] = 0xABCD_5432_u32.to_le_bytes();
/// Where the application description stands.
pub(super) const DESCRIPTOR_AT: usize = 0x20;
/// Where the application of an Arduino ESP8266 file begins, behind its boot loader.
const ESP8266_APP: usize = 0x1000;
/// The longest header-announced length that is believed when a file ends too early.
const BELIEVED: u64 = 32 << 20;

/// What the structure of the file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    pub chip: Chip,
    pub certain: bool,
    /// Where the image ends; a trailer may follow.
    pub image_len: Option<usize>,
    pub appended_sha256: Option<[u8; 32]>,
    pub warnings: Vec<Warning>,
}

/// Reads the structure of a file that begins with the magic byte.
pub(super) fn read(bytes: &[u8]) -> Result<Layout, Unusable> {
    refuse_merged(bytes)?;
    let arduino = walk(bytes, ESP8266_APP, SHORT_HEADER);
    if let Some(layout) = esp8266_arduino(bytes, &arduino)? {
        return Ok(layout);
    }
    let long = walk(bytes, 0, LONG_HEADER);
    if let Some(layout) = esp32(bytes, &long)? {
        return Ok(layout);
    }
    if let Ok(walked) = walk(bytes, 0, SHORT_HEADER)
        && walked.is_sound()
    {
        return Ok(sound(Chip::Esp8266, bytes, walked.end, None));
    }
    Ok(guess(bytes))
}

/// The two images of an Arduino ESP8266 file, if the second one is there.
fn esp8266_arduino(bytes: &[u8], app: &Result<Walk, Broken>) -> Result<Option<Layout>, Unusable> {
    if has_descriptor(bytes) {
        return Ok(None);
    }
    match app {
        Ok(walked) if walked.is_sound() => Ok(Some(sound(Chip::Esp8266, bytes, walked.end, None))),
        Ok(walked) if all_in_esp8266(&walked.segments) => {
            let mut layout = sound(Chip::Esp8266, bytes, walked.end, None);
            layout.warnings.push(wrong_check(walked));
            Ok(Some(layout))
        }
        Err(Broken::CutOff { walked, segment })
            if all_in_esp8266(walked) && in_esp8266(segment.address) =>
        {
            cut_off(bytes, segment).map(|()| None)
        }
        _ => Ok(None),
    }
}

/// An image with the ESP32 family's header.
fn esp32(bytes: &[u8], long: &Result<Walk, Broken>) -> Result<Option<Layout>, Unusable> {
    let Some(chip) = u16_at(bytes, 12).and_then(Chip::from_chip_id) else {
        return Ok(None);
    };
    match long {
        Ok(walked) if walked.is_sound() || has_descriptor(bytes) => {
            if all_in_esp8266(&walked.segments) && !has_descriptor(bytes) {
                // The ESP8266's RTOS writes the long header, too.
                return Ok(Some(sound(Chip::Esp8266, bytes, walked.end, None)));
            }
            if is_bootloader(bytes, walked) {
                return Err(Unusable::Bootloader);
            }
            Ok(Some(esp32_sound(chip, bytes, walked)))
        }
        Err(Broken::CutOff { segment, .. }) if has_descriptor(bytes) => {
            cut_off(bytes, segment).map(|()| None)
        }
        _ => Ok(None),
    }
}

fn esp32_sound(chip: Chip, bytes: &[u8], walked: &Walk) -> Layout {
    let hashed = bytes.get(23) == Some(&1);
    let digest = bytes
        .get(walked.end..)
        .and_then(|rest| rest.first_chunk::<32>())
        .copied();
    let mut layout = match (hashed, digest) {
        (true, Some(digest)) => sound(chip, bytes, walked.end + 32, Some(digest)),
        _ => sound(chip, bytes, walked.end, None),
    };
    if hashed && digest.is_none() {
        layout.warnings.push(Warning {
            code: "digest_missing",
            text: "The header announces a SHA-256 behind the image, but the file ends before it."
                .to_owned(),
        });
    }
    if !walked.is_sound() {
        layout.warnings.push(wrong_check(walked));
    }
    layout
}

fn sound(chip: Chip, bytes: &[u8], end: usize, digest: Option<[u8; 32]>) -> Layout {
    let mut warnings = Vec::new();
    if end < bytes.len() {
        warnings.push(Warning {
            code: "trailing_bytes",
            text: format!("{} bytes follow the image.", bytes.len() - end),
        });
    }
    Layout {
        chip,
        certain: true,
        image_len: Some(end),
        appended_sha256: digest,
        warnings,
    }
}

fn wrong_check(walked: &Walk) -> Warning {
    Warning {
        code: "wrong_checksum",
        text: format!(
            "The check byte at {:#x} is {:02x}, but the segments give {:02x}: the file is damaged.",
            walked.end - 1,
            walked.check.0,
            walked.check.1
        ),
    }
}

/// The best guess for a file whose segments make no sense.
fn guess(bytes: &[u8]) -> Layout {
    let known = u16_at(bytes, 12).and_then(Chip::from_chip_id);
    let flagged = matches!(bytes.get(23), Some(0 | 1));
    let esp8266 = in_esp8266_boot(bytes) || bytes.get(ESP8266_APP) == Some(&MAGIC);
    let chip = known
        .filter(|_| flagged && !esp8266)
        .unwrap_or(Chip::Esp8266);
    let text = format!(
        "The segments of this file make no sense, so it may be damaged or no firmware at all; \
         {chip} is a guess."
    );
    let warnings = vec![Warning {
        code: "no_segments",
        text,
    }];
    let certain = has_descriptor(bytes) && chip.family() == Family::Esp32;
    Layout {
        chip,
        certain,
        image_len: None,
        appended_sha256: None,
        warnings,
    }
}

fn has_descriptor(bytes: &[u8]) -> bool {
    holds(bytes, DESCRIPTOR_AT, &DESCRIPTOR_MAGIC)
}

fn in_esp8266_boot(bytes: &[u8]) -> bool {
    u32_at(bytes, 8) == Some(0x4010_F000)
}

const fn in_esp8266(address: u32) -> bool {
    matches!(address, 0x3FFE_8000..=0x3FFF_FFFF | 0x4010_0000..=0x4010_FFFF
        | 0x4020_0000..=0x402F_FFFF)
}

fn all_in_esp8266(segments: &[Segment]) -> bool {
    segments.iter().all(|segment| in_esp8266(segment.address))
}

/// Refuses a file that ends inside a segment, if the length that the segment speaks of can be true.
fn cut_off(bytes: &[u8], segment: &Segment) -> Result<(), Unusable> {
    let expected = offset(segment.start).saturating_add(offset(segment.len));
    if expected > BELIEVED || segment.len == 0 {
        return Ok(());
    }
    Err(Unusable::Truncated {
        size: offset(bytes.len()),
        expected,
    })
}

/// Whether a sound image with the long header is a second-stage boot loader.
fn is_bootloader(bytes: &[u8], walked: &Walk) -> bool {
    if has_descriptor(bytes) || walked.end > 0x1_0000 {
        return false;
    }
    if walked.segments.iter().any(|s| is_flash_mapped(s.address)) {
        return false;
    }
    // Since ESP-IDF 5 it has a description of its own, with ESP-IDF's version in it.
    let described = bytes.get(DESCRIPTOR_AT) == Some(&0x50) && holds(bytes, 0x28, b"v");
    // Before, all that tells is where the ESP32's boot loader lies in the memory.
    let placed =
        |s: &Segment| matches!(s.address, 0x3FFF_0000..=0x3FFF_FFFF | 0x4007_8000..=0x4009_FFFF);
    let speaks = || {
        let texts: [&[u8]; 3] = [b"2nd stage bootloader", b"artition table", b"app partition"];
        texts
            .iter()
            .any(|text| memchr::memmem::find(bytes, text).is_some())
    };
    described || (walked.segments.len() > 2 && walked.segments.iter().all(placed)) || speaks()
}

/// Whether an address lies where the ESP32 family maps its flash memory, which only an application
/// can use.
const fn is_flash_mapped(address: u32) -> bool {
    matches!(address, 0x3C00_0000..=0x3DFF_FFFF | 0x3F00_0000..=0x3F7F_FFFF
        | 0x400D_0000..=0x403F_FFFF | 0x4200_0000..=0x47FF_FFFF | 0x4800_0000..=0x4BFF_FFFF)
        || matches!(address, 0x4008_0000..=0x400C_FFFF if address & 0xFFFF == 0x20)
}

/// Where a partition table stands in a merged image, and where the cable writes that file.
const TABLES: [(usize, u32); 3] = [(0x8000, 0), (0x7000, 0x1000), (0x6000, 0x2000)];

/// Refuses boot loader, partition table and application in one file.
pub(super) fn refuse_merged(bytes: &[u8]) -> Result<(), Unusable> {
    for (table, flash_offset) in TABLES {
        if !is_partition_table(bytes, table) {
            continue;
        }
        let boot = [0, 0x1000, 0x2000]
            .into_iter()
            .find(|at| bytes.get(*at) == Some(&MAGIC));
        let header = boot.unwrap_or(0);
        // An application that happens to hold a table lies around it; a boot loader ends before.
        if matches!(walk(bytes, header, LONG_HEADER), Ok(walked) if walked.end > table) {
            continue;
        }
        let chip = boot
            .and_then(|at| u16_at(bytes, at + 12))
            .and_then(Chip::from_chip_id);
        let chip = chip.map_or("an ESP32", Chip::name);
        return Err(Unusable::MergedImage { chip, flash_offset });
    }
    Ok(())
}

/// Whether a partition table of the ESP32 family stands at an offset.
pub(super) fn is_partition_table(bytes: &[u8], at: usize) -> bool {
    let entry = |number: usize| bytes.get(at + number * 32..at + number * 32 + 32);
    let sane = |entry: &[u8]| {
        let start = u32_at(entry, 4).map_or(usize::MAX, index);
        let size = u32_at(entry, 8).map_or(usize::MAX, index);
        entry.starts_with(&[0xAA, 0x50])
            && (0x1000..=0x1000_0000).contains(&start)
            && (1..=0x1000_0000).contains(&size)
    };
    let next = |entry: &[u8]| {
        sane(entry) || entry.starts_with(&[0xEB, 0xEB]) || entry.starts_with(&[0xFF, 0xFF])
    };
    entry(0).is_some_and(sane) && entry(1).is_some_and(next)
}
