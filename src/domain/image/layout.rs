//! Telling the chip and finding the end of the image from the structure of the file.

use super::boot::is_bootloader;
use super::bytes::{holds, offset, u16_at, u32_at};
use super::facts::{Check, Form, Integrity, Revisions, Segment, Signature};
use super::info::{Severity, Warning};
use super::integrity::{
    CRC_BLOCK, appended_digest, esp32_signature, esp8266_crc, esp8266_signature,
};
use super::partitions::refuse_merged;
use super::segments::{self, Broken, LONG_HEADER, MAGIC, SHORT_HEADER, Walk, walk};
use super::unusable::Unusable;
use crate::domain::chip::Chip;

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
    pub form: Form,
    /// Where the image ends; a trailer may follow.
    pub image_len: Option<usize>,
    pub segments: Vec<Segment>,
    pub appended_sha256: Option<[u8; 32]>,
    pub revisions: Option<Revisions>,
    pub integrity: Integrity,
    pub signature: Option<Signature>,
    pub warnings: Vec<Warning>,
}

/// Reads the structure of a file that begins with the magic byte.
pub(super) fn read(bytes: &[u8]) -> Result<Layout, Unusable> {
    refuse_merged(bytes)?;
    refuse_boot_loader_alone(bytes)?;
    let arduino = walk(bytes, ESP8266_APP, SHORT_HEADER);
    if let Some(layout) = esp8266_arduino(bytes, &arduino)? {
        return Ok(layout);
    }
    let long = walk(bytes, 0, LONG_HEADER);
    if let Some(layout) = esp32(bytes, &long)? {
        return Ok(layout);
    }
    match walk(bytes, 0, SHORT_HEADER) {
        Ok(walked) if walked.is_sound() => Ok(esp8266(Form::Esp8266Plain, bytes, &walked)),
        _ => Ok(guess(bytes)),
    }
}

/// Refuses the beginning of an Arduino ESP8266 file: its boot loader (whose first segment goes to
/// this address, `protocol.md` §8.1) without the application behind it.
fn refuse_boot_loader_alone(bytes: &[u8]) -> Result<(), Unusable> {
    const EBOOT: [u8; 4] = 0x4010_F000_u32.to_le_bytes();
    let smallest = ESP8266_APP + SHORT_HEADER;
    if holds(bytes, SHORT_HEADER, &EBOOT) && bytes.len() < smallest {
        let (size, expected) = (offset(bytes.len()), offset(smallest));
        return Err(Unusable::Truncated { size, expected });
    }
    Ok(())
}

/// The two images of an Arduino ESP8266 file, if the second one is there.
fn esp8266_arduino(bytes: &[u8], app: &Result<Walk, Broken>) -> Result<Option<Layout>, Unusable> {
    if has_descriptor(bytes) {
        return Ok(None);
    }
    match app {
        Ok(walked) if all_in_esp8266(&walked.segments) => {
            Ok(Some(esp8266(Form::Esp8266Arduino, bytes, walked)))
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
                return Ok(Some(esp8266(Form::Esp8266Rtos, bytes, walked)));
            }
            if is_bootloader(chip, bytes, walked) {
                return Err(Unusable::Bootloader);
            }
            Ok(Some(esp32_app(chip, bytes, walked)))
        }
        Err(Broken::CutOff { segment, .. }) if has_descriptor(bytes) => {
            cut_off(bytes, segment).map(|()| None)
        }
        _ => Ok(None),
    }
}

fn esp8266(form: Form, bytes: &[u8], walked: &Walk) -> Layout {
    let mut layout = walked_layout(Chip::Esp8266, form, walked, walked.end);
    if form == Form::Esp8266Arduino {
        layout.integrity.crc32 = esp8266_crc(bytes, walked.end);
        if layout.integrity.crc32 != Check::Absent && walked.check.0 == without_block(bytes, walked)
        {
            layout.integrity.checksum = Check::Right;
        }
    } else {
        layout.warnings.push(Warning::new(
            Severity::Doubt,
            "no_boot_loader",
            "This ESP8266 image does not begin with the boot loader of an Arduino build; a device \
             that runs an Arduino program cannot start it."
                .to_owned(),
        ));
    }
    layout.signature = esp8266_signature(bytes, Some(walked.end)).or_else(|| {
        // The block's length word tells the payload where the walk ends elsewhere.
        esp8266_signature(bytes, None)
    });
    finish(layout, bytes)
}

/// The check byte as the core's tool makes it: before it writes length and CRC into the image, so
/// that their eight bytes count as zeros.
fn without_block(bytes: &[u8], walked: &Walk) -> u8 {
    let block = bytes.get(CRC_BLOCK..CRC_BLOCK + 8).unwrap_or_default();
    block.iter().fold(walked.check.1, |sum, byte| sum ^ byte)
}

fn esp32_app(chip: Chip, bytes: &[u8], walked: &Walk) -> Layout {
    let hashed = bytes.get(23) == Some(&1);
    let digest = bytes.get(walked.end..).and_then(|rest| rest.first_chunk::<32>()).copied();
    let digest = digest.filter(|_| hashed);
    let end = walked.end + if digest.is_some() { 32 } else { 0 };
    let mut layout = walked_layout(chip, Form::Esp32, walked, end);
    if hashed && digest.is_none() {
        layout.warnings.push(Warning::new(
            Severity::Fatal,
            "digest_missing",
            "The header announces a SHA-256 behind the image, but the file ends before it: it is \
             cut off."
                .to_owned(),
        ));
    }
    layout.appended_sha256 = digest;
    layout.integrity.sha256 = appended_digest(bytes, walked.end, digest);
    layout.signature = esp32_signature(bytes, end);
    layout.revisions = revisions(bytes);
    finish(layout, bytes)
}

fn walked_layout(chip: Chip, form: Form, walked: &Walk, end: usize) -> Layout {
    let checksum = if walked.is_sound() {
        Check::Right
    } else {
        Check::Wrong { offset: offset(walked.end - 1) }
    };
    let shown = |s: &segments::Segment| Segment {
        address: s.address,
        offset: offset(s.start),
        len: offset(s.len),
    };
    Layout {
        chip,
        certain: true,
        form,
        image_len: Some(end),
        segments: walked.segments.iter().map(shown).collect(),
        appended_sha256: None,
        revisions: None,
        integrity: Integrity { checksum, ..Integrity::default() },
        signature: None,
        warnings: Vec::new(),
    }
}

/// Says in words what is wrong, and what follows the image.
fn finish(mut layout: Layout, bytes: &[u8]) -> Layout {
    let Integrity { checksum, sha256, crc32 } = layout.integrity;
    // An ESP8266 does not look at the CRC when it starts; a changed flash mode alone breaks it.
    let crc = if checksum == Check::Right { Severity::Doubt } else { Severity::Fatal };
    for (check, severity, code, name) in [
        (checksum, Severity::Fatal, "wrong_checksum", "check byte"),
        (sha256, Severity::Fatal, "wrong_sha256", "appended SHA-256"),
        (crc32, crc, "wrong_crc", "CRC-32"),
    ] {
        if let Check::Wrong { offset } = check {
            let text = format!(
                "The {name} at {offset:#x} does not match what the file holds: it is damaged or \
                 was changed after the build. Build or fetch it again."
            );
            layout.warnings.push(Warning::new(severity, code, text));
        }
    }
    let end = layout.image_len.unwrap_or(bytes.len());
    let trailer = bytes.get(end..).unwrap_or_default();
    if !trailer.is_empty() && layout.signature.is_none() {
        let (severity, what) = if trailer.iter().all(|b| *b == 0xFF) {
            (Severity::Note, "of padding (0xFF)")
        } else {
            (Severity::Doubt, "that do not belong to it")
        };
        let text = format!("Behind the image follow {} bytes {what}.", trailer.len());
        layout.warnings.push(Warning::new(severity, "trailing_bytes", text));
    }
    layout
}

/// The best guess for a file whose segments make no sense.
fn guess(bytes: &[u8]) -> Layout {
    let known = u16_at(bytes, 12).and_then(Chip::from_chip_id);
    let flagged = matches!(bytes.get(23), Some(0 | 1));
    let boot = u32_at(bytes, 8) == Some(0x4010_F000);
    let esp8266 = boot || bytes.get(ESP8266_APP) == Some(&MAGIC);
    let described = has_descriptor(bytes);
    let chip = known.filter(|_| (flagged && !esp8266) || described).unwrap_or(Chip::Esp8266);
    let text = format!(
        "The segments of this file make no sense, so it may be damaged or no firmware at all; \
         {chip} is a guess."
    );
    Layout {
        chip,
        certain: described && known.is_some(),
        form: Form::Unknown,
        image_len: None,
        segments: Vec::new(),
        appended_sha256: None,
        revisions: None,
        integrity: Integrity::default(),
        signature: None,
        warnings: vec![Warning::new(Severity::Doubt, "no_segments", text)],
    }
}

/// The limits in the header; before ESP-IDF 4.4.3 there was only a lowest major revision.
fn revisions(bytes: &[u8]) -> Option<Revisions> {
    let major = u16::from(*bytes.get(14)?).saturating_mul(100);
    let full = u16_at(bytes, 15)?;
    let max = u16_at(bytes, 17)?;
    let max = Some(max).filter(|max| !matches!(*max, 0 | u16::MAX));
    Some(Revisions { min: if full == 0 { major } else { full }, max })
}

/// Whether ESP-IDF's application description is there.
pub(super) fn has_descriptor(bytes: &[u8]) -> bool {
    holds(bytes, DESCRIPTOR_AT, &DESCRIPTOR_MAGIC)
}

const fn in_esp8266(address: u32) -> bool {
    matches!(address, 0x3FFE_8000..=0x3FFF_FFFF | 0x4010_0000..=0x4010_FFFF
        | 0x4020_0000..=0x402F_FFFF)
}

fn all_in_esp8266(segments: &[segments::Segment]) -> bool {
    segments.iter().all(|segment| in_esp8266(segment.address))
}

/// Refuses a file that ends inside a segment, if the length that the segment speaks of can be true.
fn cut_off(bytes: &[u8], segment: &segments::Segment) -> Result<(), Unusable> {
    let expected = offset(segment.start).saturating_add(offset(segment.len));
    if expected > BELIEVED || segment.len == 0 {
        return Ok(());
    }
    Err(Unusable::Truncated { size: offset(bytes.len()), expected })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boot_loader_without_an_application_is_cut_off() {
        let whole = include_bytes!("../../../tests/images/esp8266-arduino.bin");
        assert!(read(whole).is_ok());
        for size in [16, 2000, 4096, 4100] {
            let cut = read(&whole[..size]);
            assert!(matches!(cut, Err(Unusable::Truncated { .. })), "{size}");
        }
    }
}
