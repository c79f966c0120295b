//! Firmware made in code: small, but true to the formats down to check bytes and digests.

use espalier::domain::chip::Chip;
use md5::{Digest, Md5};
use sha2::Sha256;

/// A firmware that is about to be built.
#[derive(Debug, Clone)]
pub struct Firmware {
    chip: Chip,
    texts: Vec<String>,
    size: usize,
    project: String,
    description: String,
}

impl Firmware {
    /// An Arduino sketch for the ESP8266: boot loader at 0, application at 0x1000.
    pub fn esp8266() -> Self {
        let core = ["2.2.2-dev(38a443e)", "SDK:", "/Core:2.7.4-67-g3acd1b7=", "HTTP/1.1 200 OK"];
        Self {
            chip: Chip::Esp8266,
            texts: core.map(str::to_owned).to_vec(),
            size: 0,
            project: String::new(),
            description: String::new(),
        }
    }

    /// An Arduino sketch for the ESP32, with the descriptor that every one of them has.
    pub fn esp32() -> Self {
        let core = ["esp-idf: v4.4.7 38eeba213a", "v4.4.7-dirty", "mbed TLS 2.28.7", "HTTP/1.1"];
        Self {
            chip: Chip::Esp32,
            texts: core.map(str::to_owned).to_vec(),
            size: 0,
            project: "arduino-lib-builder".to_owned(),
            description: "esp-idf: v4.4.7 38eeba213a".to_owned(),
        }
    }

    /// The same for another chip of the ESP32 family.
    pub fn chip(mut self, chip: Chip) -> Self {
        self.chip = chip;
        self
    }

    /// With the strings of a sketch that asks for updates as this platform and version.
    pub fn of(self, platform: &str, version: &str) -> Self {
        let server = "http://192.168.0.2:5000/update";
        self.text(server).text("?ver=").text(version).text("&dev=").text(platform)
    }

    /// With one more string.
    pub fn text(mut self, text: &str) -> Self {
        self.texts.push(text.to_owned());
        self
    }

    /// With about so many bytes in all.
    pub fn size(mut self, bytes: usize) -> Self {
        self.size = bytes;
        self
    }

    /// The file.
    pub fn build(&self) -> Vec<u8> {
        let mut data = vec![0; 4];
        for text in &self.texts {
            data.extend(text.as_bytes());
            data.push(0);
            data.resize(data.len().next_multiple_of(4), 0);
        }
        data.resize(data.len().next_multiple_of(16) + 16, 0);
        let smallest = 8 * 1024;
        data.extend(noise(self.size.saturating_sub(smallest + data.len()) / 16 * 16));
        match self.chip {
            Chip::Esp8266 => esp8266(&data),
            _ => self.esp32_image(&data),
        }
    }

    fn esp32_image(&self, data: &[u8]) -> Vec<u8> {
        let mut descriptor = vec![0; 256];
        descriptor[..4].copy_from_slice(&0xABCD_5432_u32.to_le_bytes());
        let idf = "v4.4.7-dirty";
        for (at, text) in [(0x10, &*self.description), (0x30, &*self.project), (0x70, idf)] {
            descriptor[at..at + text.len()].copy_from_slice(text.as_bytes());
        }
        let mut header = vec![0; 24];
        header[..4].copy_from_slice(&[0xE9, 2, 2, 0x2F]);
        header[8] = 0xEE;
        let id = self.chip.chip_id().expect("a chip of the ESP32 family");
        header[12..14].copy_from_slice(&id.to_le_bytes());
        header[17..19].copy_from_slice(&0xFFFF_u16.to_le_bytes());
        header[23] = 1;
        let rodata = [&descriptor, data].concat();
        let (drom, irom) = match self.chip {
            Chip::Esp32 => (0x3F40_0020, 0x400D_0020),
            _ => (0x3C00_0020, 0x4200_0020),
        };
        let mut image = image(header, &[(drom, &rodata), (irom, &noise(4096))]);
        image.extend(Sha256::digest(&image));
        image
    }
}

fn esp8266(data: &[u8]) -> Vec<u8> {
    let boot_header = vec![0xE9, 1, 2, 0x40, 0, 0xF4, 0x10, 0x40];
    let mut file = image(boot_header, &[(0x4010_F000, &noise(512))]);
    file.resize(0x1000, 0xAA);
    let header = vec![0xE9, 2, 2, 0x40, 0, 0, 0x10, 0x40];
    let code = [vec![0; 8], noise(4088)].concat();
    file.extend(image(header, &[(0x4020_1010, &code), (0x3FFE_8000, data)]));
    let crc = crc32(&file);
    let length = u32::try_from(file.len()).unwrap();
    file[0x1010..0x1014].copy_from_slice(&length.to_le_bytes());
    file[0x1014..0x1018].copy_from_slice(&crc.to_le_bytes());
    file
}

/// CRC-32/MPEG-2; the eight bytes of the block are zero while it is made.
fn crc32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte) << 24, |crc, _| {
            if crc >> 31 == 1 { crc << 1 ^ 0x04C1_1DB7 } else { crc << 1 }
        })
    })
}

/// A header and its segments with the check byte behind.
fn image(header: Vec<u8>, segments: &[(u32, &[u8])]) -> Vec<u8> {
    let mut out = header;
    let mut check = 0xEF;
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

/// Bytes that look like code, hold no text, and are the same in every run.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x2545_F491_u32;
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

/// SHA-256 of the whole file, in lower case.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// The digest at the end of an ESP32 image, as devices write it: in upper case.
pub fn appended_sha256(bytes: &[u8]) -> String {
    hex(&bytes[bytes.len() - 32..]).to_uppercase()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
