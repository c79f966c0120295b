//! Files for an ESP8266 as an Arduino build makes them: boot loader, application, check sums.

/// A file whose strings name a platform and a version, with so many bytes of code.
pub fn image(platform: &str, version: &str, size: usize) -> Vec<u8> {
    sketch(&format!("/update?dev={platform}&ver={version}"), size)
}

/// A file with these words in its data.
pub fn sketch(words: &str, size: usize) -> Vec<u8> {
    let mut file = part([0xE9, 1, 2, 0x40, 0, 0xF4, 0x10, 0x40], &[(0x4010_F000, &noise(512))]);
    file.resize(0x1000, 0xAA);
    let code = [vec![0; 8], noise(size.next_multiple_of(16))].concat();
    let mut data = vec![0; 16];
    data.extend(words.bytes());
    data.resize((data.len() + 1).next_multiple_of(16), 0);
    let header = [0xE9, 2, 2, 0x40, 0, 0, 0x10, 0x40];
    file.extend(part(header, &[(0x4020_1010, &code), (0x3FFE_8000, &data)]));
    // The core's own check: length and sum of the file, taken while their places are empty.
    let (length, sum) = (length(&file), crc32(&file));
    file[0x1010..0x1014].copy_from_slice(&length.to_le_bytes());
    file[0x1014..0x1018].copy_from_slice(&sum.to_le_bytes());
    file
}

/// A `LittleFS` image without files.
pub fn files() -> Vec<u8> {
    let mut file = vec![0xFF; 0x4000];
    for block in [0, 4096] {
        file[block + 8..block + 16].copy_from_slice(b"littlefs");
        for (field, value) in [(0x14, 0x2_0001_u32), (0x18, 4096), (0x1C, 4)] {
            file[block + field..block + field + 4].copy_from_slice(&value.to_le_bytes());
        }
    }
    file
}

/// One of the images that are kept beside the tests.
pub fn kept(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/images/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(path).expect("an image")
}

fn part(header: [u8; 8], segments: &[(u32, &[u8])]) -> Vec<u8> {
    let mut out = header.to_vec();
    let mut check = 0xEF;
    for (address, bytes) in segments {
        out.extend(address.to_le_bytes());
        out.extend(length(bytes).to_le_bytes());
        out.extend(*bytes);
        check = bytes.iter().fold(check, |sum, byte| sum ^ byte);
    }
    out.resize(out.len() | 15, 0);
    out.push(check);
    out
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("a small file")
}

/// CRC-32/MPEG-2, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let shifted = |crc: u32| {
        if crc >> 31 == 1 { crc << 1 ^ 0x04C1_1DB7 } else { crc << 1 }
    };
    bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte) << 24, |crc, _| shifted(crc))
    })
}

/// Bytes that hold no words by accident: none of them is a letter or a digit.
fn noise(size: usize) -> Vec<u8> {
    let mut state = 0x2545_F491_u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[3] | 0x80
    };
    (0..size).map(|_| next()).collect()
}
