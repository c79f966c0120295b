//! Recognising files that are no application by what they begin with.

use super::bytes::offset;
use super::filesystem;
use super::partitions::{is_table, refuse_merged};
use super::segments::MAGIC;
use super::unusable::Unusable;

/// No application is shorter.
const SHORTEST: usize = 16;

/// Refuses what does not begin as an application does.
pub(super) fn refuse_foreign(bytes: &[u8]) -> Result<(), Unusable> {
    let Some(&first) = bytes.first() else {
        return Err(Unusable::Empty);
    };
    if first == MAGIC {
        let size = offset(bytes.len());
        return if bytes.len() < SHORTEST { Err(Unusable::TooShort { size }) } else { Ok(()) };
    }
    refuse_merged(bytes)?;
    Err(name(bytes).unwrap_or(Unusable::NotFirmware { first }))
}

/// What a file is that does not begin with the magic byte.
fn name(bytes: &[u8]) -> Option<Unusable> {
    Some(match bytes {
        [0x1F, 0x8B, ..] => Unusable::Gzip,
        [0x7F, b'E', b'L', b'F', ..] => Unusable::Elf,
        [b'U', b'F', b'2', b'\n', ..] => Unusable::Uf2,
        [b'P', b'K', 3 | 5 | 7, 4 | 6 | 8, ..] => Unusable::Zip,
        [0xEA, ..] => Unusable::SdkV2,
        _ if is_intel_hex(bytes) => Unusable::IntelHex,
        _ if is_html(bytes) => Unusable::Html,
        _ if is_table(bytes, 0) => Unusable::PartitionTable,
        _ => Unusable::FileSystem { name: filesystem::read(bytes)?.kind.name() },
    })
}

fn is_intel_hex(bytes: &[u8]) -> bool {
    bytes.len() >= 11 && bytes[0] == b':' && bytes[1..11].iter().all(u8::is_ascii_hexdigit)
}

fn is_html(bytes: &[u8]) -> bool {
    let head = bytes.get(..512.min(bytes.len())).unwrap_or_default();
    let head = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head).trim_ascii_start();
    let begins = |tag: &str| {
        head.get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag.as_bytes()))
    };
    ["<!doctype", "<html", "<head", "<body", "<?xml", "<!--"].into_iter().any(begins)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn padded(head: &[u8], len: usize) -> Vec<u8> {
        let mut file = head.to_vec();
        file.resize(len, 0);
        file
    }

    #[test]
    fn foreign_files_are_called_by_their_name() {
        let mut littlefs = padded(&[1, 0, 0, 0, 0xF0, 0x0F, 0xFF, 0xF7], 8);
        littlefs.extend(b"littlefs");
        let mut fat = padded(&[0xEB, 0xFE, 0x90], 8192);
        fat[510..512].copy_from_slice(&[0x55, 0xAA]);
        fat[11..13].copy_from_slice(&512_u16.to_le_bytes());
        let mut spiffs = vec![0xFF; 0x10000];
        for block in 0..16 {
            spiffs[block * 4096 + 252..][..2].copy_from_slice(&0x0429_u16.to_le_bytes());
        }
        let mut table = vec![0xFF; 0xC00];
        table[..12].copy_from_slice(&[0xAA, 0x50, 1, 2, 0, 0x90, 0, 0, 0, 0x50, 0, 0]);
        let cases: &[(&[u8], &str)] = &[
            (b"", "empty"),
            (b"\xE9", "too_short"),
            (b"<!DOCTYPE html><p>404", "html"),
            (b"\xEF\xBB\xBF \n<HTML>", "html"),
            (b"\x7FELF\x01", "elf"),
            (b"UF2\nWQ]\x9E", "uf2"),
            (b"PK\x03\x04", "zip"),
            (b"\x1F\x8B\x08", "gzip"),
            (b":100000000C9434000C", "intel_hex"),
            (b"\xEA\x04\x02\x40", "sdk_v2"),
            (b"hello", "not_firmware"),
            (b":hello world", "not_firmware"),
            (&littlefs, "file_system"),
            (&fat, "file_system"),
            (&spiffs, "file_system"),
            (&table, "partition_table"),
        ];
        for (file, code) in cases {
            let refused = refuse_foreign(file).unwrap_err();
            assert_eq!(refused.code(), *code);
            assert!(refused.to_string().ends_with('.'), "{refused}");
        }
        assert_eq!(refuse_foreign(&padded(&[MAGIC], 16)), Ok(()));
    }
}
