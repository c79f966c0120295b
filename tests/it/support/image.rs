//! Firmware made in code: small, but true to the formats down to check bytes and digests.

use espalier::domain::chip::Chip;
use md5::{Digest, Md5};
use sha2::Sha256;

/// What a file is, before anything is put around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Sketch,
    LittleFs,
    Spiffs,
}

/// A firmware that is about to be built.
#[derive(Debug, Clone)]
pub struct Firmware {
    kind: Kind,
    chip: Chip,
    texts: Vec<String>,
    size: usize,
    hollow: usize,
    project: String,
    description: String,
    /// The second and third byte of the header.
    flash_mode: u8,
    flash: u8,
    /// ESP8266: the block with length and CRC; ESP32: the digest behind the image.
    checked: bool,
    compressed: bool,
    signed: bool,
    behind: Vec<u8>,
}

impl Firmware {
    /// An Arduino sketch for the ESP8266: boot loader at 0, application at 0x1000.
    pub fn esp8266() -> Self {
        let core = ["2.2.2-dev(38a443e)", "SDK:", "/Core:2.7.4-67-g3acd1b7=", "HTTP/1.1 200 OK"];
        Self {
            kind: Kind::Sketch,
            chip: Chip::Esp8266,
            texts: core.map(str::to_owned).to_vec(),
            size: 0,
            hollow: 0,
            project: String::new(),
            description: String::new(),
            flash_mode: 2,
            flash: 0x40,
            checked: true,
            compressed: false,
            signed: false,
            behind: Vec::new(),
        }
    }

    /// An Arduino sketch for the ESP32, with the descriptor that every one of them has.
    pub fn esp32() -> Self {
        let core = ["esp-idf: v4.4.7 38eeba213a", "v4.4.7-dirty", "mbed TLS 2.28.7", "HTTP/1.1"];
        Self {
            chip: Chip::Esp32,
            texts: core.map(str::to_owned).to_vec(),
            project: "arduino-lib-builder".to_owned(),
            description: "esp-idf: v4.4.7 38eeba213a".to_owned(),
            flash: 0x2F,
            ..Self::esp8266()
        }
    }

    /// A `LittleFS` image of 64 KiB, which tells nothing of the chip it is for.
    pub fn littlefs() -> Self {
        Self { kind: Kind::LittleFs, size: 0x1_0000, ..Self::esp8266() }
    }

    /// A SPIFFS image of 64 KiB, made for the ESP8266.
    pub fn spiffs() -> Self {
        Self { kind: Kind::Spiffs, ..Self::littlefs() }
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

    /// With so many bytes more that compress to nothing.
    pub fn hollow(mut self, bytes: usize) -> Self {
        self.hollow = bytes;
        self
    }

    /// For this flash mode: 0 QIO, 1 QOUT, 2 DIO, 3 DOUT.
    pub fn flash_mode(mut self, mode: u8) -> Self {
        self.flash_mode = mode;
        self
    }

    /// For so much flash memory (ESP8266), in MiB.
    pub fn flash_size(mut self, mebibytes: u8) -> Self {
        let nibble = match mebibytes {
            1 => 2,
            2 => 3,
            4 => 4,
            8 => 8,
            16 => 9,
            other => panic!("no ESP8266 has {other} MiB"),
        };
        self.flash = nibble << 4 | self.flash & 0x0F;
        self
    }

    /// Without what newer builds have to be checked by: for the ESP8266 the block of core 2.7.0,
    /// for the ESP32 the digest behind the image.
    pub fn unchecked(mut self) -> Self {
        self.checked = false;
        self
    }

    /// Compressed with gzip, before it is signed.
    pub fn compressed(mut self) -> Self {
        self.compressed = true;
        self
    }

    /// Signed as the tools of its family do.
    pub fn signed(mut self) -> Self {
        self.signed = true;
        self
    }

    /// With these bytes behind everything else.
    pub fn followed_by(mut self, bytes: &[u8]) -> Self {
        self.behind.extend(bytes);
        self
    }

    /// The file.
    pub fn build(&self) -> Vec<u8> {
        let mut file = match self.kind {
            Kind::Sketch => self.sketch(),
            Kind::LittleFs => littlefs(self.size, &self.texts),
            Kind::Spiffs => spiffs(self.size, &self.texts),
        };
        if self.compressed {
            file = gzip(&file);
        }
        match (self.signed, self.chip) {
            (false, _) => {}
            (true, Chip::Esp8266) => {
                file.extend([&[7; 256][..], &256_u32.to_le_bytes()].concat());
            }
            (true, _) => file.extend([&[7; 256][..], &[0; 256]].concat()),
        }
        file.extend(&self.behind);
        file
    }

    fn sketch(&self) -> Vec<u8> {
        let mut data = vec![0; 4];
        for text in &self.texts {
            data.extend(text.as_bytes());
            data.push(0);
            data.resize(data.len().next_multiple_of(4), 0);
        }
        data.resize(data.len().next_multiple_of(16) + 16, 0);
        let smallest = 8 * 1024;
        data.extend(noise(self.size.saturating_sub(smallest + data.len()) / 16 * 16));
        data.resize(data.len() + self.hollow / 16 * 16, 0);
        match self.chip {
            Chip::Esp8266 => self.esp8266_image(&data),
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
        header[..4].copy_from_slice(&[0xE9, 2, self.flash_mode, self.flash]);
        header[8] = 0xEE;
        let id = self.chip.chip_id().expect("a chip of the ESP32 family");
        header[12..14].copy_from_slice(&id.to_le_bytes());
        header[17..19].copy_from_slice(&0xFFFF_u16.to_le_bytes());
        header[23] = u8::from(self.checked);
        let rodata = [&descriptor, data].concat();
        let (drom, irom) = match self.chip {
            Chip::Esp32 => (0x3F40_0020, 0x400D_0020),
            _ => (0x3C00_0020, 0x4200_0020),
        };
        let mut image = image(header, &[(drom, &rodata), (irom, &noise(4096))]);
        if self.checked {
            image.extend(Sha256::digest(&image));
        }
        image
    }

    fn esp8266_image(&self, data: &[u8]) -> Vec<u8> {
        let boot_header = vec![0xE9, 1, self.flash_mode, self.flash, 0, 0xF4, 0x10, 0x40];
        let mut file = image(boot_header, &[(0x4010_F000, &noise(512))]);
        file.resize(0x1000, 0xAA);
        let header = vec![0xE9, 2, self.flash_mode, self.flash, 0, 0, 0x10, 0x40];
        // The block is part of the code.
        let code = if self.checked { [vec![0; 8], noise(4088)].concat() } else { noise(4096) };
        file.extend(image(header, &[(0x4020_1010, &code), (0x3FFE_8000, data)]));
        if self.checked {
            let crc = crc32(&file);
            let length = u32::try_from(file.len()).unwrap();
            file[0x1010..0x1014].copy_from_slice(&length.to_le_bytes());
            file[0x1014..0x1018].copy_from_slice(&crc.to_le_bytes());
        }
        file
    }
}

/// An empty `LittleFS` of blocks of 4 KiB, with these texts in its files.
fn littlefs(size: usize, texts: &[String]) -> Vec<u8> {
    let mut file = with_texts(size, texts);
    file[8..16].copy_from_slice(b"littlefs");
    let blocks = u32::try_from(size / 4096).unwrap();
    for (at, value) in [(0x14, 0x2_0001_u32), (0x18, 4096), (0x1C, blocks)] {
        file[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }
    file
}

/// A SPIFFS of blocks of 4 KiB and pages of 256 bytes, as tools for the ESP8266 make it.
fn spiffs(size: usize, texts: &[String]) -> Vec<u8> {
    let mut file = with_texts(size, texts);
    for block in file.chunks_mut(4096) {
        block[252..254].copy_from_slice(&0x0429_u16.to_le_bytes());
    }
    file
}

/// Empty flash memory with texts in it.
fn with_texts(size: usize, texts: &[String]) -> Vec<u8> {
    let mut file = vec![0xFF; size];
    let text = texts.join("\n");
    file[0x2100..0x2100 + text.len()].copy_from_slice(text.as_bytes());
    file
}

/// A factory image for the ESP32-C3: boot loader, partition table, and this application.
pub fn merged(application: &[u8]) -> Vec<u8> {
    let mut header = vec![0; 24];
    header[..4].copy_from_slice(&[0xE9, 1, 2, 0x2F]);
    (header[8], header[12]) = (0xEE, 5);
    let mut file = image(header, &[(0x403C_C710, &noise(4096))]);
    file.resize(0x1_0000, 0xFF);
    let mut entry = vec![0xAA, 0x50, 0, 0x10];
    entry.extend(0x1_0000_u32.to_le_bytes());
    entry.extend(0x14_0000_u32.to_le_bytes());
    entry.extend(b"app0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    file[0x8000..0x8020].copy_from_slice(&entry);
    file.extend(application);
    file
}

/// One member, without a name: what `gzip -n` makes.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut file = vec![0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3];
    file.extend(miniz_oxide::deflate::compress_to_vec(bytes, 6));
    let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(bytes);
    file.extend(crc.to_le_bytes());
    file.extend(u32::try_from(bytes.len()).unwrap().to_le_bytes());
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
