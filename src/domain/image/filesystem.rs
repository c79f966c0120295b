//! Images of file systems: which, and whether their size is what they say.

use super::bytes::{holds, index, offset, u16_at, u32_at};
use crate::domain::chip::Family;

/// A kind of file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileSystemKind {
    /// `LittleFS`.
    LittleFs,
    /// SPIFFS.
    Spiffs,
    /// FAT.
    Fat,
}

impl FileSystemKind {
    /// Its name as people write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LittleFs => "LittleFS",
            Self::Spiffs => "SPIFFS",
            Self::Fat => "FAT",
        }
    }
}

/// An image of a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileSystem {
    /// Which one.
    pub kind: FileSystemKind,
    /// The size of a block (FAT: of a sector), as it says itself.
    pub block_size: Option<u32>,
    /// The size that it says it has.
    pub announced_len: Option<u64>,
    /// The family of chips that wrote it, where that shows (SPIFFS).
    pub family: Option<Family>,
}

/// Recognises the file system at the beginning of the bytes.
pub(super) fn read(bytes: &[u8]) -> Option<FileSystem> {
    littlefs(bytes).or_else(|| spiffs(bytes)).or_else(|| fat(bytes))
}

/// The superblock stands in one of the first two blocks, whichever was written last.
fn littlefs(bytes: &[u8]) -> Option<FileSystem> {
    let at = [0, 0x1000, 0x2000].into_iter().find(|at| holds(bytes, at + 8, b"littlefs"))?;
    let block_size = u32_at(bytes, at + 0x18).filter(|size| (128..=0x1_0000).contains(size));
    let count = u32_at(bytes, at + 0x1C);
    let announced = block_size.zip(count).map(|(size, count)| u64::from(size) * u64::from(count));
    let kind = FileSystemKind::LittleFs;
    Some(FileSystem { kind, block_size, announced_len: announced, family: None })
}

/// SPIFFS ends the look-up page of each block with a magic number made of the page size and, on
/// the ESP32, of how many blocks remain.
fn spiffs(bytes: &[u8]) -> Option<FileSystem> {
    for page in [256_u16, 512, 1024] {
        for block in [4096_usize, 8192] {
            let magic = |nth: usize| u16_at(bytes, nth * block + usize::from(page) - 4);
            let (Some(first), Some(second)) = (magic(0), magic(1)) else {
                continue;
            };
            let plain = 0x0529 ^ page;
            let blocks = u16::try_from(bytes.len() / block).unwrap_or(0);
            let family = if (first, second) == (plain, plain) {
                Family::Esp8266
            } else if (first, second) == (plain ^ blocks, plain ^ blocks.wrapping_sub(1)) {
                Family::Esp32
            } else {
                continue;
            };
            let block_size = u32::try_from(block).ok();
            let (kind, family) = (FileSystemKind::Spiffs, Some(family));
            return Some(FileSystem { kind, block_size, announced_len: None, family });
        }
    }
    None
}

fn fat(bytes: &[u8]) -> Option<FileSystem> {
    let sector = u16_at(bytes, 11)?;
    let jump = matches!(bytes.first(), Some(0xEB | 0xE9 | 0xFF));
    if !jump || !holds(bytes, 510, &[0x55, 0xAA]) || !matches!(sector, 512 | 1024 | 2048 | 4096) {
        return None;
    }
    let small = u16_at(bytes, 19).filter(|count| *count > 0).map(u32::from);
    let sectors = small.or_else(|| u32_at(bytes, 32))?;
    let announced_len = Some(u64::from(sectors) * u64::from(sector));
    let (kind, block_size) = (FileSystemKind::Fat, Some(u32::from(sector)));
    Some(FileSystem { kind, block_size, announced_len, family: None })
}

impl FileSystem {
    /// Whether a file of this length can hold it.
    #[must_use]
    pub fn fits(&self, len: u64) -> bool {
        self.announced_len.is_none_or(|announced| announced <= len)
    }

    /// How many whole blocks a file of this length has.
    #[must_use]
    pub fn blocks(&self, bytes: &[u8]) -> Option<u64> {
        let size = self.block_size.filter(|size| *size > 0)?;
        Some(offset(bytes.len()) / offset(index(size)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn littlefs_says_how_long_it_is() {
        for at in [0, 4096] {
            let mut file = vec![0xFF; 0x4000];
            file[at + 8..at + 16].copy_from_slice(b"littlefs");
            for (field, value) in [(0x14, 0x2_0001_u32), (0x18, 4096), (0x1C, 4)] {
                file[at + field..at + field + 4].copy_from_slice(&value.to_le_bytes());
            }
            let found = read(&file).unwrap();
            assert_eq!((found.kind, found.announced_len), (FileSystemKind::LittleFs, Some(0x4000)));
            assert!(found.fits(0x4000) && !found.fits(0x3FFF));
            assert_eq!(found.blocks(&file), Some(4));
        }
    }

    #[test]
    fn spiffs_shows_the_family_that_wrote_it() {
        for (family, magic) in [
            (Family::Esp8266, [0x0429_u16, 0x0429, 0x0429, 0x0429]),
            (Family::Esp32, [0x042D, 0x042A, 0x042B, 0x0428]),
        ] {
            let mut file = vec![0xFF; 0x4000];
            for (block, magic) in magic.into_iter().enumerate() {
                file[block * 4096 + 252..][..2].copy_from_slice(&magic.to_le_bytes());
            }
            let found = read(&file).unwrap();
            assert_eq!((found.kind, found.family), (FileSystemKind::Spiffs, Some(family)));
        }
    }

    #[test]
    fn fat_says_how_long_it_is() {
        let mut file = vec![0; 0x10_000];
        file[..3].copy_from_slice(&[0xEB, 0xFE, 0x90]);
        file[11..13].copy_from_slice(&4096_u16.to_le_bytes());
        file[19..21].copy_from_slice(&16_u16.to_le_bytes());
        file[510..512].copy_from_slice(&[0x55, 0xAA]);
        let found = read(&file).unwrap();
        assert_eq!((found.kind, found.announced_len), (FileSystemKind::Fat, Some(0x10_000)));
    }

    #[test]
    fn code_is_no_file_system() {
        for file in [&[][..], &[0; 600], &[0xFF; 9000], &[0xE9; 9000]] {
            assert_eq!(read(file), None);
        }
    }
}
