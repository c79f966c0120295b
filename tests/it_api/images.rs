//! Small images, true to the format of an Arduino ESP8266 build.

/// An application with these strings in it.
pub fn esp8266(texts: &[&str]) -> Vec<u8> {
    let mut data = Vec::new();
    for text in texts {
        data.extend(text.as_bytes());
        data.push(0);
        data.resize(data.len().next_multiple_of(4), 0);
    }
    data.resize(data.len().next_multiple_of(16), 0);
    let mut file = image(&[0xE9, 1, 2, 0x40, 0, 0xF4, 0x10, 0x40], &[(0x4010_F000, &noise(512))]);
    file.resize(0x1000, 0xAA);
    let code = [vec![0; 8], noise(4096)].concat();
    let segments = [(0x4020_1010, code.as_slice()), (0x3FFE_8000, &data)];
    file.extend(image(&[0xE9, 2, 2, 0x40, 0, 0, 0x10, 0x40], &segments));
    let crc = crc32(&file);
    let length = u32::try_from(file.len()).unwrap();
    file[0x1010..0x1014].copy_from_slice(&length.to_le_bytes());
    file[0x1014..0x1018].copy_from_slice(&crc.to_le_bytes());
    file
}

/// A sketch that says its name and version as one string, as the old server taught it.
pub fn sketch(platform: &str, version: &str) -> Vec<u8> {
    esp8266(&["/update", &format!("dev={platform}&ver={version}")])
}

/// The ESP32-C3 image among the samples.
pub fn esp32c3() -> Vec<u8> {
    let folder = env!("CARGO_MANIFEST_DIR");
    std::fs::read(format!("{folder}/tests/images/esp32c3.bin")).unwrap()
}

/// A header and its segments with the check byte behind.
fn image(header: &[u8], segments: &[(u32, &[u8])]) -> Vec<u8> {
    let mut out = header.to_vec();
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

/// CRC-32/MPEG-2, bit by bit; the eight bytes that hold it are zero while it is made.
fn crc32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ (u32::from(*byte) << 24), |crc, _| {
            if crc >> 31 == 1 { (crc << 1) ^ 0x04C1_1DB7 } else { crc << 1 }
        })
    })
}

/// Bytes that look like code: the same in every run.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x2545_F491_u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        u8::try_from(state >> 24).unwrap()
    };
    (0..len).map(|_| next()).collect()
}

/// The bytes as one gzip member.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut file = vec![0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3];
    file.extend(miniz_oxide::deflate::compress_to_vec(bytes, 6));
    let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(bytes);
    file.extend(crc.to_le_bytes());
    file.extend(u32::try_from(bytes.len()).unwrap().to_le_bytes());
    file
}

/// An empty `LittleFS` of four blocks.
pub fn littlefs() -> Vec<u8> {
    let mut file = vec![0xFF; 0x4000];
    file[8..16].copy_from_slice(b"littlefs");
    for (field, value) in [(0x14, 0x2_0001_u32), (0x18, 4096), (0x1C, 4)] {
        file[field..field + 4].copy_from_slice(&value.to_le_bytes());
    }
    file
}

/// A factory image for an ESP32-C3, as a cable writes it at 0.
pub fn merged() -> Vec<u8> {
    let mut file = vec![0xFF; 0x1_0000];
    file[..4].copy_from_slice(&[0xE9, 0, 0, 0]);
    file[12..14].copy_from_slice(&5_u16.to_le_bytes());
    let mut at = 0x8000;
    for (kind, sub, offset, size, label) in [
        (1_u8, 2_u8, 0x9000_u32, 0x5000_u32, "nvs"),
        (0, 0x10, 0x1_0000, 0x14_0000, "app0"),
        (1, 0x82, 0x29_0000, 0x16_0000, "spiffs"),
    ] {
        let entry = &mut file[at..at + 32];
        entry.fill(0);
        entry[..4].copy_from_slice(&[0xAA, 0x50, kind, sub]);
        entry[4..8].copy_from_slice(&offset.to_le_bytes());
        entry[8..12].copy_from_slice(&size.to_le_bytes());
        entry[12..12 + label.len()].copy_from_slice(label.as_bytes());
        at += 32;
    }
    file.extend(esp32c3());
    file
}
