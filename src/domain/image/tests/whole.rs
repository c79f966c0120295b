//! What is verified, what is signed, and what any file is.

use super::build::{Esp32, esp8266, noise, packed};
use super::*;

const LIMIT: usize = 4 << 20;

fn app(file: &[u8]) -> ImageInfo {
    inspect(file, &KnownNames::default()).unwrap()
}

fn codes(info: &ImageInfo) -> Vec<&'static str> {
    info.warnings.iter().map(|warning| warning.code).collect()
}

fn u32_of(len: usize) -> [u8; 4] {
    u32::try_from(len).unwrap().to_le_bytes()
}

#[test]
fn check_byte_digest_and_crc_are_verified() {
    let right = Esp32::arduino(b"x").build();
    let checks = app(&right).integrity;
    assert_eq!((checks.checksum, checks.sha256), (Check::Right, Check::Right));
    let mut wrong = right.clone();
    wrong[0x200] ^= 1;
    let info = app(&wrong);
    assert_eq!(codes(&info), ["wrong_checksum", "wrong_sha256"]);
    assert!(info.is_fatal());

    let right = esp8266(b"x");
    assert_eq!(app(&right).integrity.crc32, Check::Right);
    let mut wrong = right;
    wrong[0x30] ^= 1;
    assert_eq!(app(&wrong).integrity.crc32, Check::Wrong { offset: 0x1014 });
    // Cores before 2.7.0 have program where the block is.
    wrong[0x1010] ^= 1;
    let info = app(&wrong);
    assert_eq!(info.integrity.crc32, Check::Absent);
    assert_eq!(info.built_with, ["Arduino core for the ESP8266"]);
}

#[test]
fn signatures_are_told_from_rubbish_behind_the_image() {
    let plain = esp8266(b"x");
    for key in [128, 256, 384, 512] {
        let file = [&plain[..], &noise(key), &u32_of(key)].concat();
        let info = app(&file);
        assert_eq!(info.signature.map(|s| s.scheme), Some(SignatureScheme::Esp8266));
        assert_eq!(info.payload_len(), u64::try_from(plain.len()).unwrap());
        assert_eq!((info.integrity.crc32, codes(&info)), (Check::Right, vec![]));
    }
    let plain = Esp32::arduino(b"x").build();
    let with = |trailer: &[u8]| app(&[&plain[..], trailer].concat());
    let scheme = |info: &ImageInfo| info.signature.map(|signature| signature.scheme);
    assert_eq!(scheme(&with(&noise(512))), Some(SignatureScheme::ArduinoEsp32));
    let first = [vec![0; 4], noise(64)].concat();
    assert_eq!(scheme(&with(&first)), Some(SignatureScheme::SecureBootV1));
    let mut second = vec![0xFF; plain.len().next_multiple_of(4096) - plain.len() + 4096];
    let at = second.len() - 4096;
    second[at] = 0xE7;
    assert_eq!(scheme(&with(&second)), Some(SignatureScheme::SecureBootV2));
    for (trailer, severity) in [(vec![0xFF; 100], Severity::Note), (noise(100), Severity::Doubt)] {
        let info = with(&trailer);
        assert_eq!((codes(&info), info.warnings[0].severity), (vec!["trailing_bytes"], severity));
        assert_eq!(info.image_len, u64::try_from(plain.len()).ok());
    }
}

#[test]
fn revision_limits_are_read() {
    let mut file = Esp32 { hashed: false, ..Esp32::arduino(b"x") }.build();
    assert_eq!(app(&file).revisions, Some(Revisions { min: 0, max: None }));
    file[14] = 3;
    assert_eq!(app(&file).revisions, Some(Revisions { min: 300, max: None }));
    file[15..19].copy_from_slice(&[0x2D, 1, 0x8F, 1]);
    assert_eq!(app(&file).revisions, Some(Revisions { min: 301, max: Some(399) }));
}

#[test]
fn every_file_is_something() {
    let esp32 = Esp32::idf("chase", "v1.2.3", b"x").build();
    let mut merged = vec![0xFF; 0x1_0000];
    merged[..2].copy_from_slice(&[0xE9, 0]);
    merged[12] = 5;
    merged[0x8000..0x800C].copy_from_slice(&[0xAA, 0x50, 0, 0x10, 0, 0, 1, 0, 0, 0, 0x10, 0]);
    let table = merged[0x8000..0x8C00].to_vec();
    merged.extend(&esp32);
    let mut littlefs = vec![0; 0x2000];
    littlefs[8..16].copy_from_slice(b"littlefs");
    for (file, kind, verdict) in [
        (esp32.clone(), "application", Verdict::Sound),
        (esp8266(b"x"), "application", Verdict::Sound),
        (packed(&esp8266(b"x")), "gzip", Verdict::Sound),
        (packed(&esp32), "gzip", Verdict::Unfit),
        (packed(b"<html>"), "gzip_of_other", Verdict::Unfit),
        (packed(&esp32)[..90].to_vec(), "gzip_damaged", Verdict::Unfit),
        (merged.clone(), "merged_image", Verdict::Unfit),
        (table, "partition_table", Verdict::Unfit),
        (littlefs, "file_system", Verdict::Sound),
        (b"<html>".to_vec(), "html", Verdict::Unfit),
        (vec![0xE9; 20], "application", Verdict::Doubtful),
    ] {
        let contents = examine(&file, &KnownNames::default(), LIMIT);
        assert_eq!((contents.kind(), contents.verdict()), (kind, verdict));
    }
    match examine(&merged, &KnownNames::new(["chase"]), LIMIT) {
        Contents::Merged { application: Some(info), .. } => {
            assert_eq!(info.version(None, None).one().map(|v| v.text.as_str()), Some("v1.2.3"));
        }
        other => panic!("{other:?}"),
    }
}
