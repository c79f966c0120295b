//! What was sound and is cut or changed is never called sound again.

use super::build::{Esp32, esp8266, noise, packed};
use super::formats;
use super::*;

const LIMIT: usize = 1 << 20;

fn verdict(file: &[u8]) -> Verdict {
    examine(file, &KnownNames::new(["MyPlatform"]), LIMIT).verdict()
}

/// Images all of whose bytes are covered by a digest or a CRC.
fn covered() -> Vec<(&'static str, Vec<u8>)> {
    let data = noise(600);
    let root = env!("CARGO_MANIFEST_DIR");
    let read = |name: &str| std::fs::read(format!("{root}/tests/images/{name}")).unwrap();
    vec![
        ("ESP8266 Arduino", esp8266(&data)),
        ("ESP32 Arduino", Esp32::arduino(&data).build()),
        ("ESP-IDF", Esp32 { chip_id: 5, ..Esp32::idf("a", "v1.0.0", &data) }.build()),
        ("esp32-arduino.bin", read("esp32-arduino.bin")),
        ("esp32c3.bin", read("esp32c3.bin")),
    ]
}

#[test]
fn no_changed_bit_of_a_header_passes_for_sound() {
    for (name, mut file) in covered() {
        assert_eq!(verdict(&file), Verdict::Sound, "{name}");
        let end = file.len() - 48;
        for at in (0..0x130).chain(0x1000..0x1040).chain(end..file.len()) {
            for bit in 0..8 {
                file[at] ^= 1 << bit;
                let damaged = verdict(&file);
                file[at] ^= 1 << bit;
                assert_ne!(damaged, Verdict::Sound, "{name}: bit {bit} of {at:#x}");
            }
        }
    }
}

#[test]
fn no_truncation_passes_for_sound() {
    for (name, file) in covered() {
        let len = file.len();
        for cut in (0..0x200).chain(0xFF0..0x1040).chain(len - 64..len) {
            assert_ne!(verdict(&file[..cut]), Verdict::Sound, "{name} at {cut:#x}");
        }
    }
    let file = packed(&esp8266(&noise(600)));
    for cut in 0..file.len() {
        assert_ne!(verdict(&file[..cut]), Verdict::Sound, "gzip at {cut:#x}");
    }
}

#[test]
fn no_changed_bit_of_a_compressed_file_passes_for_sound() {
    // The header's time, flags and system say nothing of what is inside.
    let mut file = packed(&esp8266(&noise(600)));
    for at in (0..3).chain(10..file.len()) {
        file[at] ^= 1 << (at % 8);
        let damaged = verdict(&file);
        file[at] ^= 1 << (at % 8);
        // The last bits of a block may be padding: what is inside is the same then.
        let same = damaged == Verdict::Sound;
        assert!(!same || at + 9 >= file.len() - 8, "{at:#x}");
    }
}

#[test]
fn every_kind_of_file_can_be_cut_and_changed_anywhere() {
    for (_, mut file, ..) in formats::all() {
        let len = file.len();
        for cut in (0..0x120.min(len)).chain(len.saturating_sub(40)..len) {
            let _ = verdict(&file[..cut]);
        }
        let header = (0..0x80.min(len)).chain(0x8000..0x8060).chain(0x1_0000..0x1_0040);
        for at in header.filter(|at| *at < len) {
            for bit in 0..8 {
                file[at] ^= 1 << bit;
                let _ = verdict(&file);
                file[at] ^= 1 << bit;
            }
        }
    }
}
