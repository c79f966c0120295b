//! Chips, lengths and what is refused.

use super::build::{Esp32, esp8266, image, noise};
use super::*;
use crate::domain::chip::Chip;

fn none() -> KnownNames {
    KnownNames::default()
}

#[test]
fn every_chip_of_the_family_is_read_from_the_header() {
    for &chip in Chip::ALL {
        let Some(chip_id) = chip.chip_id() else {
            continue;
        };
        let file = Esp32 { chip_id, ..Esp32::idf("a", "1.0.0", b"x") }.build();
        let info = inspect(&file, &none()).unwrap();
        assert_eq!((info.chip, info.chip_certain), (chip, true));
        assert_eq!(info.image_len, Some(info.size));
        assert_eq!(info.appended_sha256, file[file.len() - 32..].first_chunk().copied());
        assert_eq!(info.warnings, []);
    }
}

#[test]
fn an_arduino_esp8266_file_is_told_by_its_second_image() {
    let mut file = esp8266(b"x");
    // These two bytes make the file pass for an ESP32 image at a first glance.
    (file[12], file[13], file[23]) = (0, 0, 1);
    let info = inspect(&file, &none()).unwrap();
    assert_eq!((info.chip, info.chip_certain), (Chip::Esp8266, true));
    assert_eq!(info.image_len, Some(info.size));
    assert_eq!(info.flash.unwrap().size_bytes, Some(4 << 20));
}

#[test]
fn a_trailer_is_told_from_the_image() {
    let mut file = Esp32::arduino(b"x").build();
    let len = file.len();
    file.extend([0xFF; 512]);
    let info = inspect(&file, &none()).unwrap();
    assert_eq!(info.image_len, u64::try_from(len).ok());
    assert_eq!(info.warnings[0].code, "trailing_bytes");
}

#[test]
fn a_file_cut_off_in_the_middle_is_refused() {
    for file in [Esp32::arduino(&noise(3000)).build(), esp8266(&noise(3000))] {
        let cut = &file[..file.len() - 1200];
        let refused = inspect(cut, &none()).unwrap_err();
        assert_eq!(refused.code(), "truncated", "{refused}");
    }
}

#[test]
fn a_damaged_image_is_read_with_a_warning() {
    let mut file = Esp32::arduino(&noise(300)).build();
    file[0x200] ^= 0x10;
    let info = inspect(&file, &none()).unwrap();
    assert_eq!(info.warnings[0].code, "wrong_checksum");
}

#[test]
fn a_stub_with_rubbish_behind_is_read_with_a_guess() {
    for rest in [&[0_u8; 15][..], &[0xFF; 15], b"some text that is no image at all"] {
        let file = [&[0xE9][..], rest].concat();
        let info = inspect(&file, &none()).unwrap();
        assert!(!info.chip_certain);
        assert_eq!(info.warnings[0].code, "no_segments");
    }
}

#[test]
fn boot_loaders_and_merged_images_are_refused() {
    let mut header = vec![0; 24];
    header[..4].copy_from_slice(&[0xE9, 0, 2, 0x2F]);
    header[12] = 5;
    let text = b"\0\0ESP-IDF v5.1 2nd stage bootloader\0".as_slice();
    let boot = image(header, &[(0x3FCD_5820, text), (0x403C_C710, &noise(64))]);
    assert_eq!(inspect(&boot, &none()).unwrap_err().code(), "bootloader");

    let mut merged = boot;
    merged.resize(0x8000, 0xFF);
    merged.extend([0xAA, 0x50, 1, 2, 0, 0x90, 0, 0, 0, 0x50, 0, 0]);
    merged.resize(0x8020, 0);
    merged.extend([0xEB; 2]);
    merged.resize(0x10000, 0xFF);
    merged.extend(Esp32::arduino(b"x").build());
    assert_eq!(inspect(&merged, &none()).unwrap_err().code(), "merged_image");
    // The ESP32 starts at 0x1000: its merged images often begin with 0xFF.
    merged.splice(0..0x1000, vec![0xFF; 0x1000]);
    assert_eq!(inspect(&merged, &none()).unwrap_err().code(), "merged_image");
}
