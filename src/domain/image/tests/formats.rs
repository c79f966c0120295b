//! A table of all kinds of files: what each is called and what becomes of it.

use super::build::{Esp32, esp8266, image, noise, packed};
use super::*;
use crate::domain::chip::Chip;

const LIMIT: usize = 4 << 20;

fn with(mut file: Vec<u8>, at: usize, bytes: &[u8]) -> Vec<u8> {
    file[at..at + bytes.len()].copy_from_slice(bytes);
    file
}

/// One ESP8266 image with its flash code first, as SDK and RTOS builds have it.
fn esp8266_plain(header: Vec<u8>) -> Vec<u8> {
    image(header, &[(0x4020_1010, &noise(900)), (0x3FFE_8000, &noise(64))])
}

/// The header of the ESP32 family for a chip.
fn long_header(chip_id: u16) -> Vec<u8> {
    let mut header = vec![0; 24];
    (header[0], header[2], header[3], header[8]) = (0xE9, 2, 0x2F, 0xEE);
    header[12..14].copy_from_slice(&chip_id.to_le_bytes());
    header
}

/// A boot loader of ESP-IDF 5, which describes itself.
fn described_boot_loader(chip_id: u16) -> Vec<u8> {
    let mut description = vec![0; 80];
    description[0] = 0x50;
    description[8..14].copy_from_slice(b"v5.1.2");
    image(long_header(chip_id), &[(0x3FCD_5820, &description), (0x403C_C710, &noise(64))])
}

/// A boot loader of the time before, which only speaks.
fn old_boot_loader() -> Vec<u8> {
    let text = b"\0\0ESP-IDF v4.4 2nd stage bootloader\0\0\0".as_slice();
    image(
        long_header(0),
        &[(0x3FFF_0018, text), (0x4007_8000, &noise(64)), (0x4008_0400, &noise(8))],
    )
}

/// A partition table: settings, application, file system.
pub fn partition_table() -> Vec<u8> {
    let entries = [
        (1_u8, 2_u8, 0x9000_u32, 0x5000_u32, "nvs"),
        (0, 0x10, 0x1_0000, 0x14_0000, "app0"),
        (1, 0x82, 0x29_0000, 0x16_0000, "spiffs"),
    ];
    let mut table = Vec::new();
    for (kind, sub, offset, size, label) in entries {
        table.extend([0xAA, 0x50, kind, sub]);
        table.extend(offset.to_le_bytes());
        table.extend(size.to_le_bytes());
        table.extend(label.as_bytes());
        table.resize(table.len().next_multiple_of(32), 0);
    }
    table.resize(0xC00, 0xFF);
    table
}

/// A factory image that a cable writes at an offset.
fn merged_at(flash_offset: usize, chip_id: u16) -> Vec<u8> {
    let boot = if flash_offset == 0 { 0 } else { flash_offset };
    let mut flash = vec![0xFF; 0x1_0000];
    let loader = described_boot_loader(chip_id);
    flash[boot..boot + loader.len()].copy_from_slice(&loader);
    flash[0x8000..0x8C00].copy_from_slice(&partition_table());
    flash.extend(Esp32 { chip_id, ..Esp32::idf("chase", "v1.2.3", b"x") }.build());
    flash.split_off(flash_offset)
}

fn littlefs() -> Vec<u8> {
    let mut file = vec![0xFF; 0x4000];
    for (at, bytes) in [(8, &b"littlefs"[..]), (0x14, &[1, 0, 2, 0]), (0x18, &[0, 16, 0, 0])] {
        file = with(file, at, bytes);
    }
    with(file, 0x1C, &[4, 0, 0, 0])
}

fn spiffs(magic: [u16; 4]) -> Vec<u8> {
    let mut file = vec![0xFF; 0x4000];
    for (block, magic) in magic.into_iter().enumerate() {
        file = with(file, block * 4096 + 252, &magic.to_le_bytes());
    }
    file
}

fn fat() -> Vec<u8> {
    let file = with(vec![0; 0x1_0000], 0, &[0xEB, 0xFE, 0x90]);
    let file = with(with(file, 11, &[0, 16]), 19, &[16, 0]);
    with(file, 510, &[0x55, 0xAA])
}

/// An example: name, file, kind, verdict.
type Example = (&'static str, Vec<u8>, &'static str, Verdict);

/// A file with the signature of an ESP8266 core behind it.
fn signed(file: &[u8]) -> Vec<u8> {
    [file, &noise(256), &[0, 1, 0, 0]].concat()
}

fn padded(file: &[u8]) -> Vec<u8> {
    let mut file = file.to_vec();
    file.resize(file.len().next_multiple_of(4096), 0xFF);
    file
}

/// Every kind with an example, for mutations as well.
pub fn all() -> Vec<Example> {
    [applications(), parts_of_flash(), packages_and_mistakes()].concat()
}

fn applications() -> Vec<Example> {
    use Verdict::{Doubtful, Sound, Unfit};
    let (arduino, app) = (esp8266(b"x"), Esp32::arduino(b"x").build());
    vec![
        ("ESP8266 Arduino", arduino.clone(), "application", Sound),
        ("ESP8266 Arduino, signed", signed(&arduino), "application", Sound),
        (
            "ESP8266 plain",
            esp8266_plain(vec![0xE9, 0, 2, 0x40, 0, 0, 0x10, 0x40]),
            "application",
            Doubtful,
        ),
        ("ESP8266 SDK v2", vec![0xEA, 4, 2, 0x40, 0, 0, 0x10, 0x40], "sdk_v2", Unfit),
        ("ESP8266 RTOS v3", esp8266_plain(long_header(0)), "application", Doubtful),
        ("ESP32 Arduino", app.clone(), "application", Sound),
        (
            "ESP32 without digest",
            Esp32 { hashed: false, ..Esp32::arduino(b"x") }.build(),
            "application",
            Sound,
        ),
        ("ESP32 signed by Arduino", [&app[..], &noise(512)].concat(), "application", Sound),
        ("ESP32 secure boot 1", [&app[..], &[0; 4], &noise(64)].concat(), "application", Sound),
        (
            "ESP32 secure boot 2",
            [padded(&app), with(noise(4096), 0, &[0xE7])].concat(),
            "application",
            Sound,
        ),
        ("ESP32 padded", padded(&app), "application", Sound),
        ("ESP32 with rubbish behind", [&app[..], &noise(99)].concat(), "application", Doubtful),
    ]
}

fn parts_of_flash() -> Vec<Example> {
    use Verdict::{Sound, Unfit};
    vec![
        ("boot loader of IDF 5", described_boot_loader(5), "bootloader", Unfit),
        ("boot loader of IDF 4", old_boot_loader(), "bootloader", Unfit),
        ("partition table", partition_table(), "partition_table", Unfit),
        ("merged, C3", merged_at(0, 5), "merged_image", Unfit),
        ("merged, ESP32", merged_at(0x1000, 0), "merged_image", Unfit),
        ("merged, P4", merged_at(0x2000, 18), "merged_image", Unfit),
        (
            "merged, ESP32, from 0",
            [vec![0xFF; 0x1000], merged_at(0x1000, 0)].concat(),
            "merged_image",
            Unfit,
        ),
        ("LittleFS", littlefs(), "file_system", Sound),
        ("LittleFS cut off", littlefs()[..0x3000].to_vec(), "file_system", Unfit),
        ("SPIFFS of an ESP8266", spiffs([0x0429; 4]), "file_system", Sound),
        ("SPIFFS of an ESP32", spiffs([0x042D, 0x042A, 0x042B, 0x0428]), "file_system", Sound),
        ("FAT", fat(), "file_system", Sound),
    ]
}

fn packages_and_mistakes() -> Vec<Example> {
    use Verdict::{Doubtful, Sound, Unfit};
    let (arduino, app) = (esp8266(b"x"), Esp32::arduino(b"x").build());
    vec![
        ("gzip of an application", packed(&arduino), "gzip", Sound),
        ("gzip, signed", signed(&packed(&arduino)), "gzip", Doubtful),
        ("gzip of an ESP32 application", packed(&app), "gzip", Unfit),
        ("gzip of LittleFS", packed(&littlefs()), "gzip_file_system", Unfit),
        ("gzip of SPIFFS", packed(&spiffs([0x0429; 4])), "gzip_file_system", Unfit),
        ("gzip of FAT", packed(&fat()), "gzip_file_system", Unfit),
        ("gzip of text", packed(b"hello"), "gzip_of_other", Unfit),
        ("gzip cut off", packed(&arduino)[..400].to_vec(), "gzip_damaged", Unfit),
        ("gzip with a byte behind", [packed(&arduino), vec![0]].concat(), "gzip", Unfit),
        ("gzip twice", packed(&packed(&arduino)), "gzip_of_other", Unfit),
        ("HTML", b"<!DOCTYPE html><p>404".to_vec(), "html", Unfit),
        ("ELF", b"\x7FELF\x01\x01\x01".to_vec(), "elf", Unfit),
        ("UF2", b"UF2\nWQ]\x9E".to_vec(), "uf2", Unfit),
        ("Intel HEX", b":100000000C9434000C".to_vec(), "intel_hex", Unfit),
        ("ZIP", b"PK\x03\x04\x14".to_vec(), "zip", Unfit),
        ("nothing", Vec::new(), "empty", Unfit),
        ("text", b"hello world, this is text".to_vec(), "not_firmware", Unfit),
        ("one byte", vec![0xE9], "too_short", Unfit),
    ]
}

#[test]
fn every_format_is_called_by_its_name() {
    for (name, file, kind, verdict) in all() {
        let contents = examine(&file, &KnownNames::default(), LIMIT);
        assert_eq!((contents.kind(), contents.verdict()), (kind, verdict), "{name}: {contents:?}");
    }
}

#[test]
fn every_form_and_signature_is_told() {
    use Form::{Esp32 as Family, Esp8266Arduino, Esp8266Plain, Esp8266Rtos};
    use SignatureScheme::{ArduinoEsp32, Esp8266, SecureBootV1, SecureBootV2};
    let expected = [
        ("ESP8266 Arduino", Esp8266Arduino, None),
        ("ESP8266 Arduino, signed", Esp8266Arduino, Some(Esp8266)),
        ("ESP8266 plain", Esp8266Plain, None),
        ("ESP8266 RTOS v3", Esp8266Rtos, None),
        ("ESP32 Arduino", Family, None),
        ("ESP32 signed by Arduino", Family, Some(ArduinoEsp32)),
        ("ESP32 secure boot 1", Family, Some(SecureBootV1)),
        ("ESP32 secure boot 2", Family, Some(SecureBootV2)),
        ("ESP32 padded", Family, None),
    ];
    let files = all();
    for (name, form, scheme) in expected {
        let file = &files.iter().find(|(known, ..)| *known == name).unwrap().1;
        let info = inspect(file, &KnownNames::default()).unwrap();
        let esp8266 = matches!(form, Esp8266Arduino | Esp8266Plain | Esp8266Rtos);
        assert_eq!((info.form, info.chip == Chip::Esp8266), (form, esp8266), "{name}");
        assert_eq!(info.signature.map(|signature| signature.scheme), scheme, "{name}");
    }
}

#[test]
fn the_parts_of_a_factory_image_are_listed_for_every_chip() {
    for &chip in Chip::ALL {
        let Some(chip_id) = chip.chip_id() else {
            continue;
        };
        let flash_offset = match chip {
            Chip::Esp32 | Chip::Esp32S2 => 0x1000,
            Chip::Esp32C5 | Chip::Esp32P4 | Chip::Esp32H4 | Chip::Esp32S31 => 0x2000,
            _ => 0,
        };
        let file = merged_at(flash_offset, chip_id);
        let Contents::Merged { merged, application } =
            examine(&file, &KnownNames::default(), LIMIT)
        else {
            panic!("{chip}");
        };
        assert_eq!(merged.chip, Some(chip));
        assert_eq!(usize::try_from(merged.flash_offset).unwrap(), flash_offset, "{chip}");
        let parts = merged.table.partitions.iter();
        let parts: Vec<_> = parts.map(|p| (p.label.as_str(), p.purpose.as_str())).collect();
        assert_eq!(
            parts,
            [("nvs", "data nvs"), ("app0", "app ota_0"), ("spiffs", "data spiffs")],
            "{chip}"
        );
        assert_eq!(application.map(|app| app.chip), Some(chip));
    }
}

#[test]
fn a_packed_file_system_says_which_and_what_to_do() {
    for (file, name) in [(littlefs(), "LittleFS"), (spiffs([0x0429; 4]), "SPIFFS"), (fat(), "FAT")]
    {
        let Contents::Other(refused) = examine(&packed(&file), &KnownNames::default(), LIMIT)
        else {
            panic!("{name}");
        };
        let text = refused.to_string();
        assert!(text.contains(name) && text.contains("plain"), "{text}");
    }
}
