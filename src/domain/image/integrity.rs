//! Whether the bytes of an image are as the build left them: CRC, digest, signature trailer.

use crc::{CRC_32_ISO_HDLC, CRC_32_MPEG_2, Crc, Table};
use sha2::{Digest, Sha256};

use super::bytes::{holds, index, offset, u32_at};
use super::facts::{Check, Signature, SignatureScheme};

static MPEG: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_MPEG_2);
static GZIP: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISO_HDLC);

/// Where an ESP8266 application of core 2.7.0 or newer keeps its length and CRC.
pub(super) const CRC_BLOCK: usize = 0x1010;
/// The lengths that the signature of an ESP8266 file can have.
const KEYS: [u32; 4] = [128, 256, 384, 512];
/// What Arduino's ESP32 core appends when it signs.
const ARDUINO_SIGNATURE: usize = 512;
/// Secure boot works on sectors of flash.
const SECTOR: usize = 4096;
/// What secure boot's first version appends: a version word and an ECDSA signature.
const SECURE_BOOT_V1: usize = 68;

/// The CRC-32 of gzip.
pub(super) fn gzip_crc(bytes: &[u8]) -> u32 {
    GZIP.checksum(bytes)
}

/// Checks the CRC block of an ESP8266 file whose image ends at `image_len`. A block whose length
/// word fits neither the file nor its payload is none: cores before 2.7.0 have program there.
pub(super) fn esp8266_crc(bytes: &[u8], image_len: usize) -> Check {
    let (Some(length), Some(held)) = (u32_at(bytes, CRC_BLOCK), u32_at(bytes, CRC_BLOCK + 4))
    else {
        return Check::Absent;
    };
    let length = index(length);
    let payload = esp8266_signature(bytes, None).map(|signature| signature.offset);
    let fits = [Some(offset(bytes.len())), Some(offset(image_len)), payload];
    if length < CRC_BLOCK + 8 || !fits.contains(&Some(offset(length))) {
        return Check::Absent;
    }
    let (Some(front), Some(rest)) = (bytes.get(..CRC_BLOCK), bytes.get(CRC_BLOCK + 8..length))
    else {
        return Check::Absent;
    };
    let mut digest = MPEG.digest();
    digest.update(front);
    digest.update(&[0; 8]);
    digest.update(rest);
    if digest.finalize() == held {
        return Check::Right;
    }
    Check::Wrong { offset: offset(CRC_BLOCK + 4) }
}

/// Checks the SHA-256 behind an image that ends at `end`.
pub(super) fn appended_digest(bytes: &[u8], end: usize, held: Option<[u8; 32]>) -> Check {
    let (Some(held), Some(image)) = (held, bytes.get(..end)) else {
        return Check::Absent;
    };
    let computed: [u8; 32] = Sha256::digest(image).into();
    if computed == held { Check::Right } else { Check::Wrong { offset: offset(end) } }
}

/// The signature at the end of an ESP8266 file, plain or gzip: its length is the last word.
pub(super) fn esp8266_signature(bytes: &[u8], payload: Option<usize>) -> Option<Signature> {
    let last = u32_at(bytes, bytes.len().checked_sub(4)?)?;
    if !KEYS.contains(&last) {
        return None;
    }
    let start = bytes.len().checked_sub(4)?.checked_sub(index(last))?;
    let announced = u32_at(bytes, CRC_BLOCK).map(index);
    let fits = payload.or(announced) == Some(start);
    fits.then(|| Signature {
        scheme: SignatureScheme::Esp8266,
        offset: offset(start),
        len: offset(bytes.len() - start),
    })
}

/// The signature behind an ESP32-family image.
pub(super) fn esp32_signature(bytes: &[u8], image_len: usize) -> Option<Signature> {
    let trailer = bytes.get(image_len..)?;
    let sector = image_len.next_multiple_of(SECTOR);
    let (scheme, start, len) = if holds(bytes, sector, &[0xE7]) && bytes.len() >= sector + SECTOR {
        (SignatureScheme::SecureBootV2, sector, SECTOR)
    } else if trailer.len() == SECURE_BOOT_V1 && u32_at(trailer, 0) == Some(0) {
        (SignatureScheme::SecureBootV1, image_len, SECURE_BOOT_V1)
    } else if trailer.len() == ARDUINO_SIGNATURE && trailer.iter().any(|b| *b != 0xFF && *b != 0) {
        (SignatureScheme::ArduinoEsp32, image_len, ARDUINO_SIGNATURE)
    } else {
        return None;
    };
    Some(Signature { scheme, offset: offset(start), len: offset(len) })
}
