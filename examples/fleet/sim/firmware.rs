//! Small images, true to the formats down to check bytes and digests.

use espalier::domain::chip::Chip;
use md5::{Digest, Md5};
use sha2::Sha256;

/// The flash mode that images are built for: DIO.
pub const FLASH_MODE: u8 = 2;

/// The image of a sketch that asks for updates as this platform and version.
pub fn build(chip: Chip, platform: &str, version: &str, kib: usize) -> Vec<u8> {
    let texts = match chip {
        Chip::Esp8266 => ["2.2.2-dev(38a443e)", "SDK:", "/Core:3.1.2=", "HTTP/1.1 200 OK"],
        _ => ["esp-idf: v4.4.7 38eeba213a", "v4.4.7-dirty", "mbed TLS 2.28.7", "HTTP/1.1"],
    };
    let own = ["http://192.168.1.10:8000/update", "?ver=", version, "&dev=", platform];
    let mut data = vec![0; 4];
    for text in texts.into_iter().chain(own) {
        data.extend(text.as_bytes());
        data.push(0);
        data.resize(data.len().next_multiple_of(4), 0);
    }
    data.resize(data.len().next_multiple_of(16) + 16, 0);
    let smallest = 10 * 1024;
    let seed = version.bytes().fold(0x2545_F491, |seed, byte| seed ^ u32::from(byte) << 7);
    data.extend(noise((kib * 1024).saturating_sub(smallest + data.len()) / 16 * 16, seed));
    if chip == Chip::Esp8266 { esp8266(&data) } else { esp32(chip, &data) }
}

fn esp8266(data: &[u8]) -> Vec<u8> {
    let flash = 0x40;
    let boot = vec![0xE9, 1, FLASH_MODE, flash, 0, 0xF4, 0x10, 0x40];
    let mut file = image(boot, &[(0x4010_F000, &noise(512, 1))]);
    file.resize(0x1000, 0xAA);
    let header = vec![0xE9, 2, FLASH_MODE, flash, 0, 0, 0x10, 0x40];
    // The first eight bytes of the code tell length and check sum of the file.
    let code = [vec![0; 8], noise(4088, 2)].concat();
    file.extend(image(header, &[(0x4020_1010, &code), (0x3FFE_8000, data)]));
    let crc = crc32(&file).to_le_bytes();
    let length = u32::try_from(file.len()).unwrap_or(u32::MAX).to_le_bytes();
    file[0x1010..0x1014].copy_from_slice(&length);
    file[0x1014..0x1018].copy_from_slice(&crc);
    file
}

fn esp32(chip: Chip, data: &[u8]) -> Vec<u8> {
    let mut descriptor = vec![0; 256];
    descriptor[..4].copy_from_slice(&0xABCD_5432_u32.to_le_bytes());
    let texts = ["esp-idf: v4.4.7 38eeba213a", "arduino-lib-builder", "v4.4.7-dirty"];
    for (at, text) in [0x10, 0x30, 0x70].into_iter().zip(texts) {
        descriptor[at..at + text.len()].copy_from_slice(text.as_bytes());
    }
    let mut header = vec![0; 24];
    header[..4].copy_from_slice(&[0xE9, 2, FLASH_MODE, 0x2F]);
    header[8] = 0xEE;
    header[12..14].copy_from_slice(&chip.chip_id().unwrap_or(0).to_le_bytes());
    header[17..19].copy_from_slice(&0xFFFF_u16.to_le_bytes());
    header[23] = 1;
    let rodata = [&descriptor, data].concat();
    let (drom, irom) = match chip {
        Chip::Esp32 => (0x3F40_0020, 0x400D_0020),
        _ => (0x3C00_0020, 0x4200_0020),
    };
    let mut image = image(header, &[(drom, &rodata), (irom, &noise(4096, 3))]);
    image.extend(Sha256::digest(&image));
    image
}

/// A header and its segments with the check byte behind.
fn image(header: Vec<u8>, segments: &[(u32, &[u8])]) -> Vec<u8> {
    let mut out = header;
    let mut check = 0xEF;
    for (address, data) in segments {
        out.extend(address.to_le_bytes());
        out.extend(u32::try_from(data.len()).unwrap_or(u32::MAX).to_le_bytes());
        out.extend(*data);
        check = data.iter().fold(check, |sum, byte| sum ^ byte);
    }
    out.resize(out.len() | 15, 0);
    out.push(check);
    out
}

/// CRC-32/MPEG-2.
fn crc32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte) << 24, |crc, _| {
            if crc >> 31 == 1 { crc << 1 ^ 0x04C1_1DB7 } else { crc << 1 }
        })
    })
}

/// Bytes that look like code and hold no text.
fn noise(len: usize, seed: u32) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[3] | 0x80
    };
    (0..len).map(|_| next()).collect()
}

/// MD5 as devices write it.
pub fn md5(bytes: &[u8]) -> String {
    hex(&Md5::digest(bytes))
}

/// Bytes in lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
