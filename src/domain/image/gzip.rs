//! Compressed files, and the strict rules under which an ESP8266's boot loader unpacks them.

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

use super::bytes::{index, offset, u16_at, u32_at};
use super::facts::{Check, Signature};
use super::info::{Severity, Warning};
use super::integrity::{esp8266_signature, gzip_crc};
use super::segments::MAGIC;

/// What deflate can gain at most; an announced length beyond that is a lie.
const RATIO: usize = 1040;
/// The fixed part of a member's header, and its trailer.
const HEADER: usize = 10;
const TRAILER: usize = 8;

/// A compressed file, unpacked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gzip {
    /// What was inside.
    pub inflated: Vec<u8>,
    /// The CRC-32 of what was inside.
    pub crc32: Check,
    /// A signature behind the member.
    pub signature: Option<Signature>,
    /// What would make a device refuse it or break, and what is odd.
    pub warnings: Vec<Warning>,
}

/// Why a compressed file could not be unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Broken {
    /// The header is none, or the data is damaged or cut off.
    Damaged,
    /// It would be longer than allowed.
    TooLong,
}

/// Unpacks the first member of a compressed file, to at most `limit` bytes.
pub(super) fn read(bytes: &[u8], limit: usize) -> Result<Gzip, Broken> {
    let body = bytes.get(header_len(bytes).ok_or(Broken::Damaged)?..).unwrap_or_default();
    let (inflated, consumed) = inflate(body, limit)?;
    let trailer = body.get(consumed..).unwrap_or_default();
    let (Some(crc), Some(size)) = (u32_at(trailer, 0), u32_at(trailer, 4)) else {
        return Err(Broken::Damaged);
    };
    let end = bytes.len() - trailer.len() + TRAILER;
    let signature = esp8266_signature(bytes, Some(end));
    let mut warnings = Vec::new();
    let mut warn = |severity, code, text: String| warnings.push(Warning::new(severity, code, text));
    if trailer.len() > TRAILER && signature.is_none() {
        let more = trailer.len() - TRAILER;
        let text = format!(
            "{more} bytes follow the compressed data; an ESP8266 reads the length from the end of \
             the file and would destroy its boot loader."
        );
        warn(Severity::Fatal, "gzip_trailing_bytes", text);
    }
    if signature.is_some() {
        let text = "A signed gzip file bricks a device that does not check signatures.".to_owned();
        warn(Severity::Doubt, "gzip_signed", text);
    }
    if index(size) != inflated.len() {
        let text = format!("The file says it unpacks to {size} bytes, not {}.", inflated.len());
        warn(Severity::Fatal, "gzip_wrong_size", text);
    }
    let crc32 = if gzip_crc(&inflated) == crc {
        Check::Right
    } else {
        let text = "The CRC-32 of the unpacked data is wrong: the file is damaged.".to_owned();
        warn(Severity::Fatal, "gzip_wrong_crc", text);
        Check::Wrong { offset: offset(end - TRAILER) }
    };
    if inflated.first() != Some(&MAGIC) {
        let text = "What is inside is no application.".to_owned();
        warn(Severity::Fatal, "gzip_no_application", text);
    }
    Ok(Gzip { inflated, crc32, signature, warnings })
}

/// The length of a member's header with its optional fields.
fn header_len(bytes: &[u8]) -> Option<usize> {
    let [0x1F, 0x8B, 8, flags, ..] = *bytes else {
        return None;
    };
    let mut len = HEADER;
    if flags & 4 != 0 {
        len += 2 + usize::from(u16_at(bytes, len)?);
    }
    for field in [8, 16] {
        if flags & field != 0 {
            len += memchr::memchr(0, bytes.get(len..)?)? + 1;
        }
    }
    if flags & 2 != 0 {
        len += 2;
    }
    (flags & 0xE0 == 0 && len < bytes.len()).then_some(len)
}

/// Unpacks deflated data; the bytes and how many were read.
fn inflate(body: &[u8], limit: usize) -> Result<(Vec<u8>, usize), Broken> {
    let bound = body.len().saturating_mul(RATIO).min(limit);
    let mut out = vec![0; body.len().saturating_mul(3).min(bound)];
    let mut state = DecompressorOxide::new();
    let (mut read, mut written) = (0, 0);
    loop {
        let input = body.get(read..).unwrap_or_default();
        let flags = TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
        let (status, consumed, produced) = decompress(&mut state, input, &mut out, written, flags);
        read += consumed;
        written += produced;
        match status {
            TINFLStatus::Done => {
                out.truncate(written);
                return Ok((out, read));
            }
            TINFLStatus::HasMoreOutput if out.len() < bound => {
                out.resize(out.len().saturating_mul(2).max(1024).min(bound), 0);
            }
            TINFLStatus::HasMoreOutput if bound == limit => return Err(Broken::TooLong),
            _ => return Err(Broken::Damaged),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 1 << 20;

    fn packed(content: &[u8]) -> Vec<u8> {
        let mut file = vec![0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3];
        file.extend(miniz_oxide::deflate::compress_to_vec(content, 6));
        file.extend(gzip_crc(content).to_le_bytes());
        file.extend(u32::try_from(content.len()).unwrap().to_le_bytes());
        file
    }

    fn codes(file: &[u8]) -> Vec<&'static str> {
        read(file, LIMIT).unwrap().warnings.iter().map(|warning| warning.code).collect()
    }

    #[test]
    fn a_member_is_unpacked_and_checked() {
        let content = [vec![MAGIC], vec![7; 70_000]].concat();
        let file = packed(&content);
        let read_file = read(&file, LIMIT).unwrap();
        assert_eq!((read_file.inflated, read_file.crc32), (content.clone(), Check::Right));
        assert_eq!(codes(&file), <[&str; 0]>::default());
        assert_eq!(read(&file, 1000), Err(Broken::TooLong));

        let mut named = file.clone();
        named[3] = 8;
        named.splice(10..10, *b"fw.bin\0");
        assert_eq!(read(&named, LIMIT).unwrap().inflated, content);
    }

    #[test]
    fn what_would_brick_a_device_is_fatal() {
        let file = packed(&[&[MAGIC][..], &[7; 700]].concat());
        let (crc_at, size_at) = (file.len() - 8, file.len() - 4);
        assert_eq!(codes(&[&file[..], &[0]].concat()), ["gzip_trailing_bytes"]);
        assert_eq!(codes(&[&file[..], &file[..]].concat()), ["gzip_trailing_bytes"]);
        let with = |at: usize| {
            let mut file = file.clone();
            file[at] ^= 1;
            file
        };
        assert_eq!(codes(&with(size_at)), ["gzip_wrong_size"]);
        assert_eq!(codes(&with(crc_at)), ["gzip_wrong_crc"]);
        assert_eq!(codes(&packed(b"hello")), ["gzip_no_application"]);
        let mut signed = file.clone();
        signed.extend([9; 256]);
        signed.extend(256_u32.to_le_bytes());
        assert_eq!(codes(&signed), ["gzip_signed"]);
    }

    #[test]
    fn every_truncation_is_damage() {
        let file = packed(&[&[MAGIC][..], &[7; 700]].concat());
        for len in 0..file.len() {
            assert_eq!(read(&file[..len], LIMIT), Err(Broken::Damaged), "{len}");
        }
    }
}
