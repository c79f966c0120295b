//! The partition table of the ESP32 family, alone and inside a merged image.

use md5::{Digest, Md5};

use super::bytes::{field_text, index, u16_at, u32_at};
use super::facts::Check;
use super::info::{Severity, Warning};
use super::segments::{LONG_HEADER, MAGIC, walk};
use super::unusable::Unusable;
use crate::domain::chip::Chip;

/// How long an entry is.
const ENTRY: usize = 32;
/// How long a table is at most.
const TABLE: usize = 0xC00;
/// The largest flash memory that is believed.
const FLASH: usize = 0x1000_0000;
/// Where a partition table stands in a merged image, and where a cable writes that file.
const TABLES: [(usize, u32); 3] = [(0x8000, 0), (0x7000, 0x1000), (0x6000, 0x2000)];

/// A partition, as the table describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// Its label.
    pub label: String,
    /// What it is for: `app ota_0`, `data nvs`.
    pub purpose: String,
    /// Where it begins in the flash memory.
    pub offset: u32,
    /// How long it is.
    pub size: u32,
}

/// A partition table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionTable {
    /// Its entries in order.
    pub partitions: Vec<Partition>,
    /// Whether the MD5 at its end is right.
    pub md5: Check,
}

/// A factory image for a cable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// The chip of its boot loader.
    pub chip: Option<Chip>,
    /// Where a cable writes the file.
    pub flash_offset: u32,
    /// The table inside.
    pub table: PartitionTable,
    /// What is odd about it.
    pub warnings: Vec<Warning>,
}

impl Merged {
    /// Where the first application begins in the file, if it is inside.
    #[must_use]
    pub fn application_offset(&self) -> Option<u32> {
        let app = self.table.partitions.iter().find(|p| p.purpose.starts_with("app"))?;
        app.offset.checked_sub(self.flash_offset)
    }

    /// Why it cannot be sent over the air.
    #[must_use]
    pub fn refusal(&self) -> Unusable {
        let chip = self.chip.map_or("an ESP32", Chip::name);
        Unusable::MergedImage { chip, flash_offset: self.flash_offset }
    }
}

/// Finds boot loader, partition table and application in one file.
pub(super) fn merged(bytes: &[u8]) -> Option<Merged> {
    let (table, flash_offset) = TABLES.into_iter().find(|(at, _)| is_table(bytes, *at))?;
    let boot = [0, 0x1000, 0x2000].into_iter().find(|at| bytes.get(*at) == Some(&MAGIC));
    // An application that happens to hold a table lies around it; a boot loader ends before.
    if matches!(walk(bytes, boot.unwrap_or(0), LONG_HEADER), Ok(walked) if walked.end > table) {
        return None;
    }
    let chip = boot.and_then(|at| u16_at(bytes, at + 12)).and_then(Chip::from_chip_id);
    let table = read(bytes.get(table..).unwrap_or_default());
    let mut merged = Merged { chip, flash_offset, table, warnings: Vec::new() };
    let app = merged.application_offset().and_then(|at| bytes.get(index(at)));
    if app != Some(&MAGIC) {
        let text = "No application stands where the partition table says one should.".to_owned();
        merged.warnings.push(Warning::new(Severity::Note, "no_application", text));
    }
    Some(merged)
}

/// Refuses a merged image.
pub(super) fn refuse_merged(bytes: &[u8]) -> Result<(), Unusable> {
    match merged(bytes) {
        None => Ok(()),
        Some(merged) => Err(merged.refusal()),
    }
}

/// Whether a partition table stands at an offset: two entries that make sense.
pub(super) fn is_table(bytes: &[u8], at: usize) -> bool {
    let entry = |nth: usize| bytes.get(at + nth * ENTRY..at + (nth + 1) * ENTRY);
    let next = |entry: &[u8]| {
        is_entry(entry) || entry.starts_with(&[0xEB, 0xEB]) || entry.starts_with(&[0xFF, 0xFF])
    };
    entry(0).is_some_and(is_entry) && entry(1).is_some_and(next)
}

fn is_entry(entry: &[u8]) -> bool {
    let number = |at| u32_at(entry, at).map_or(usize::MAX, index);
    entry.starts_with(&[0xAA, 0x50])
        && (0x1000..=FLASH).contains(&number(4))
        && (1..=FLASH).contains(&number(8))
}

/// Reads the table at the beginning of the bytes.
pub(super) fn read(bytes: &[u8]) -> PartitionTable {
    let bytes = bytes.get(..TABLE.min(bytes.len())).unwrap_or_default();
    let entries = bytes.chunks_exact(ENTRY).take_while(|entry| is_entry(entry));
    let partitions: Vec<_> = entries.filter_map(partition).collect();
    let end = partitions.len() * ENTRY;
    let md5 = match bytes.get(end..end + ENTRY) {
        Some([0xEB, 0xEB, _, _, _, _, _, _, _, _, _, _, _, _, _, _, held @ ..]) => {
            let computed = Md5::digest(bytes.get(..end).unwrap_or_default());
            let wrong = Check::Wrong { offset: super::bytes::offset(end + 16) };
            if computed.as_slice() == held { Check::Right } else { wrong }
        }
        _ => Check::Absent,
    };
    PartitionTable { partitions, md5 }
}

fn partition(entry: &[u8]) -> Option<Partition> {
    let (&kind, &sub) = (entry.get(2)?, entry.get(3)?);
    Some(Partition {
        label: field_text(entry.get(12..28)?).unwrap_or("?").to_owned(),
        purpose: purpose(kind, sub),
        offset: u32_at(entry, 4)?,
        size: u32_at(entry, 8)?,
    })
}

fn purpose(kind: u8, sub: u8) -> String {
    match (kind, sub) {
        (0, 0) => "app factory".to_owned(),
        (0, 0x10..=0x1F) => format!("app ota_{}", sub - 0x10),
        (0, 0x20) => "app test".to_owned(),
        (0, _) => format!("app {sub:#04x}"),
        (1, 0) => "data ota".to_owned(),
        (1, 1) => "data phy".to_owned(),
        (1, 2) => "data nvs".to_owned(),
        (1, 3) => "data coredump".to_owned(),
        (1, 4) => "data nvs_keys".to_owned(),
        (1, 5) => "data efuse".to_owned(),
        (1, 0x81) => "data fat".to_owned(),
        (1, 0x82) => "data spiffs".to_owned(),
        (1, 0x83) => "data littlefs".to_owned(),
        (1, _) => format!("data {sub:#04x}"),
        _ => format!("{kind:#04x} {sub:#04x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table with a right MD5, padded as it stands in the flash memory.
    fn table(entries: &[(u8, u8, u32, u32, &str)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (kind, sub, offset, size, label) in entries {
            bytes.extend([0xAA, 0x50, *kind, *sub]);
            bytes.extend(offset.to_le_bytes());
            bytes.extend(size.to_le_bytes());
            bytes.extend(label.as_bytes());
            bytes.resize(bytes.len().next_multiple_of(ENTRY), 0);
        }
        let digest = Md5::digest(&bytes);
        bytes.extend([0xEB, 0xEB]);
        bytes.extend([0xFF; 14]);
        bytes.extend(digest);
        bytes.resize(TABLE, 0xFF);
        bytes
    }

    #[test]
    fn a_table_is_read_with_its_digest() {
        let mut bytes = table(&[
            (1, 2, 0x9000, 0x5000, "nvs"),
            (0, 0x10, 0x1_0000, 0x14_0000, "app0"),
            (1, 0x82, 0x29_0000, 0x16_0000, "spiffs"),
        ]);
        assert!(is_table(&bytes, 0));
        let read_table = read(&bytes);
        assert_eq!(read_table.md5, Check::Right);
        let purposes: Vec<_> = read_table.partitions.iter().map(|p| p.purpose.as_str()).collect();
        assert_eq!(purposes, ["data nvs", "app ota_0", "data spiffs"]);
        assert_eq!(read_table.partitions[1].label, "app0");
        bytes[13] ^= 1;
        assert_eq!(read(&bytes).md5, Check::Wrong { offset: 112 });
    }

    #[test]
    fn a_merged_image_names_its_parts() {
        for (flash_offset, chip_id, chip) in
            [(0, 5, Chip::Esp32C3), (0x1000, 0, Chip::Esp32), (0x2000, 18, Chip::Esp32P4)]
        {
            let mut file = vec![0xFF; 0x1_0000 + 64];
            file[..4].copy_from_slice(&[MAGIC, 0, 0, 0]);
            file[12..14].copy_from_slice(&u16::to_le_bytes(chip_id));
            let at = 0x8000 - flash_offset;
            file[at..at + TABLE].copy_from_slice(&table(&[(0, 0, 0x1_0000, 0x10_0000, "factory")]));
            file[0x1_0000 - flash_offset] = MAGIC;
            let found = merged(&file).unwrap();
            assert_eq!((found.chip, index(found.flash_offset)), (Some(chip), flash_offset));
            assert_eq!(found.application_offset().map(index), Some(0x1_0000 - flash_offset));
            assert_eq!(found.warnings, []);
        }
    }
}
