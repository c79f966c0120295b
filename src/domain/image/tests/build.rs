//! Builds images in code, true to the formats down to check bytes and digests.

use sha2::{Digest, Sha256};

/// An ESP32-family application that is about to be built.
pub struct Esp32 {
    pub chip_id: u16,
    pub project: &'static str,
    pub version: &'static str,
    pub idf: &'static str,
    pub hashed: bool,
    pub data: Vec<u8>,
}

impl Esp32 {
    pub fn arduino(data: &[u8]) -> Self {
        Self {
            chip_id: 0,
            project: "arduino-lib-builder",
            version: "esp-idf: v4.4.7 38eeba213a",
            idf: "v4.4.7-dirty",
            hashed: true,
            data: data.to_vec(),
        }
    }

    pub fn idf(project: &'static str, version: &'static str, data: &[u8]) -> Self {
        Self { project, version, idf: "v5.1.2", ..Self::arduino(data) }
    }

    pub fn build(&self) -> Vec<u8> {
        let mut description = vec![0; 256];
        description[..4].copy_from_slice(&0xABCD_5432_u32.to_le_bytes());
        for (at, text) in [(0x10, self.version), (0x30, self.project), (0x70, self.idf)] {
            description[at..at + text.len()].copy_from_slice(text.as_bytes());
        }
        let rodata = [description, padded(&self.data)].concat();
        let code = noise(4096);
        let mut header = vec![0; 24];
        header[..4].copy_from_slice(&[0xE9, 2, 2, 0x2F]);
        header[8] = 0xEE;
        header[12..14].copy_from_slice(&self.chip_id.to_le_bytes());
        header[17..19].copy_from_slice(&0xFFFF_u16.to_le_bytes());
        header[23] = u8::from(self.hashed);
        let mut image = image(header, &[(0x3F40_0020, &rodata), (0x400D_0020, &code)]);
        if self.hashed {
            let digest = Sha256::digest(&image);
            image.extend(digest);
        }
        image
    }
}

/// An Arduino ESP8266 file: boot loader, application, and the block that speaks of its length.
pub fn esp8266(data: &[u8]) -> Vec<u8> {
    let mut file =
        image(vec![0xE9, 1, 2, 0x40, 0, 0xF4, 0x10, 0x40], &[(0x4010_F000, &noise(512))]);
    file.resize(0x1000, 0xAA);
    let header = vec![0xE9, 2, 2, 0x40, 0, 0, 0x10, 0x40];
    let code = [vec![0; 8], noise(4096)].concat();
    file.extend(image(header, &[(0x4020_1010, &code), (0x3FFE_8000, &padded(data))]));
    // The core's tool writes the block last and leaves the check byte as it was.
    let crc = crc32(&file);
    let length = u32::try_from(file.len()).unwrap();
    file[0x1010..0x1014].copy_from_slice(&length.to_le_bytes());
    file[0x1014..0x1018].copy_from_slice(&crc.to_le_bytes());
    file
}

/// CRC-32/MPEG-2, bit by bit; the eight bytes of the block are zero while it is made.
fn crc32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte) << 24, |crc, _| {
            if crc >> 31 == 1 { crc << 1 ^ 0x04C1_1DB7 } else { crc << 1 }
        })
    })
}

/// A header and its segments with the check byte behind.
pub fn image(header: Vec<u8>, segments: &[(u32, &[u8])]) -> Vec<u8> {
    let mut out = header;
    out[1] = u8::try_from(segments.len()).unwrap();
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

fn padded(data: &[u8]) -> Vec<u8> {
    let mut data = data.to_vec();
    data.resize(data.len().next_multiple_of(16), 0);
    data
}

/// Bytes that look like code: the same in every run.
pub fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x2545_F491_u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        u8::try_from(state >> 24).unwrap()
    };
    (0..len).map(|_| next()).collect()
}

/// Strings as compilers lay them out: a zero behind each, the next at a multiple of four.
pub fn strings(texts: &[&str]) -> Vec<u8> {
    let mut data = Vec::new();
    for text in texts {
        data.extend(text.as_bytes());
        data.push(0);
        data.resize(data.len().next_multiple_of(4), 0);
    }
    data
}

/// A gzip file of one member.
pub fn packed(content: &[u8]) -> Vec<u8> {
    let mut file = vec![0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3];
    file.extend(miniz_oxide::deflate::compress_to_vec(content, 6));
    file.extend(crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(content).to_le_bytes());
    file.extend(u32::try_from(content.len()).unwrap().to_le_bytes());
    file
}
