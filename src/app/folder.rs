//! The extra folder of `--catalog`, served as AutoConnect's `updateserver.py` does.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use md5::{Digest, Md5 as Md5Hasher};
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::catalog::{CatalogError, Entry, EntryKind};
use crate::domain::Timestamp;
use crate::domain::chip::Family;
use crate::domain::digest::Md5;
use crate::domain::image::{KnownNames, Unusable, inspect};

/// Files whose kind is remembered at most.
const REMEMBERED: usize = 4_096;

/// Bytes of files that are kept in memory.
const IN_MEMORY: u64 = 32 << 20;
/// Bytes of the largest file that is offered: no flash chip of a device is larger.
const LARGEST: u64 = 32 << 20;

/// A file of the folder, ready to be sent.
#[derive(Debug, Clone)]
pub struct FolderFile {
    /// All of it.
    pub bytes: Bytes,
    /// Its MD5.
    pub md5: Md5,
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: FolderKind,
}

/// What a file of the folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FolderKind {
    /// Firmware, and the family it is for, where its structure proves that.
    Firmware(Option<Family>),
    /// Anything else.
    Other,
}

impl FolderKind {
    /// Whether it can run on a device of this family, as far as that is known.
    #[must_use]
    pub fn is_for(self, family: Option<Family>) -> bool {
        match (self, family) {
            (Self::Firmware(Some(own)), Some(family)) => own == family,
            (Self::Firmware(_), _) => true,
            (Self::Other, _) => false,
        }
    }

    /// Whether it is certainly for another family: it would break the device.
    #[must_use]
    pub fn is_foreign_to(self, family: Family) -> bool {
        matches!(self, Self::Firmware(Some(own)) if own != family)
    }

    fn of(bytes: &[u8]) -> Self {
        let names: [&str; 0] = [];
        match inspect(bytes, &KnownNames::new(names)) {
            Ok(info) => Self::Firmware(info.chip_certain.then(|| info.chip.family())),
            // As `updateserver.py` judges: by the first byte.
            Err(Unusable::TooShort { .. }) if bytes.first() == Some(&0xE9) => Self::Firmware(None),
            Err(_) => Self::Other,
        }
    }
}

/// Size and time: as long as they stay, the file is the same.
type Stamp = (u64, Timestamp);

/// Remembers the files of the folder, so that they are not read for every list and download.
#[derive(Debug)]
pub(super) struct Folder {
    kinds: Mutex<HashMap<PathBuf, (Stamp, FolderKind)>>,
    files: Cache<PathBuf, (Stamp, FolderFile), Weight>,
}

#[derive(Debug, Clone)]
struct Weight;

impl Weighter<PathBuf, (Stamp, FolderFile)> for Weight {
    fn weight(&self, _: &PathBuf, (_, file): &(Stamp, FolderFile)) -> u64 {
        (file.bytes.len() as u64).max(1)
    }
}

impl Default for Folder {
    fn default() -> Self {
        Self { kinds: Mutex::default(), files: Cache::with_weighter(64, IN_MEMORY, Weight) }
    }
}

impl Folder {
    /// The entries of a folder beneath the root.
    pub(super) fn list(
        &self,
        root: &Path,
        segments: &[String],
        family: Option<Family>,
    ) -> Result<Vec<Entry>, CatalogError> {
        let folder = beneath(root, segments)?;
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(&folder)?.filter_map(Result::ok) {
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let Ok(data) = std::fs::metadata(entry.path()) else {
                continue;
            };
            if data.is_dir() {
                entries.push(Entry::directory(name));
                continue;
            }
            if !data.is_file() {
                // Reading a pipe would never end.
                continue;
            }
            let (size, modified) = (data.len(), modified(&data));
            let own = self.kind(&entry.path(), &name, size, modified);
            let kind = if own.is_for(family) { EntryKind::Bin } else { EntryKind::File };
            entries.push(Entry { name, kind, modified, size });
        }
        Ok(entries)
    }

    /// What a file is.
    fn kind(&self, path: &Path, name: &str, size: u64, modified: Timestamp) -> FolderKind {
        if Path::new(name).extension().is_none_or(|extension| extension != "bin") {
            return FolderKind::Other;
        }
        let stamp = (size, modified);
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, kind)) = kinds.get(path).filter(|(known, _)| *known == stamp) {
            return *kind;
        }
        let bytes = if size > LARGEST { None } else { std::fs::read(path).ok() };
        let kind = bytes.map_or(FolderKind::Other, |bytes| FolderKind::of(&bytes));
        if kinds.len() >= REMEMBERED {
            kinds.clear();
        }
        kinds.insert(path.to_owned(), (stamp, kind));
        kind
    }

    /// Reads a file beneath the root; `None` where there is none.
    pub(super) fn read(&self, root: &Path, segments: &[String]) -> io::Result<Option<FolderFile>> {
        let Ok(path) = beneath(root, segments) else {
            return Ok(None);
        };
        let data = std::fs::metadata(&path)?;
        if !data.is_file() || data.len() > LARGEST {
            return Ok(None);
        }
        let stamp = (data.len(), modified(&data));
        if let Some((_, file)) = self.files.get(&path).filter(|(known, _)| *known == stamp) {
            return Ok(Some(file));
        }
        let bytes = std::fs::read(&path)?;
        let md5 = Md5(Md5Hasher::digest(&bytes).into());
        let kind = FolderKind::of(&bytes);
        let name = segments.last().cloned().unwrap_or_default();
        let file = FolderFile { bytes: Bytes::from(bytes), md5, name, kind };
        self.files.insert(path, (stamp, file.clone()));
        Ok(Some(file))
    }
}

/// The real place of a path, which must lie beneath the real root.
fn beneath(root: &Path, segments: &[String]) -> Result<PathBuf, CatalogError> {
    let root = root.canonicalize()?;
    let path = segments.iter().fold(root.clone(), |path, segment| path.join(segment));
    let path = path.canonicalize()?;
    if path.starts_with(&root) { Ok(path) } else { Err(CatalogError::Traversal) }
}

fn modified(data: &std::fs::Metadata) -> Timestamp {
    let since = |time: SystemTime| time.duration_since(UNIX_EPOCH).ok();
    let seconds = data.modified().ok().and_then(since).map(|age| age.as_secs());
    seconds.and_then(|seconds| i64::try_from(seconds).ok()).unwrap_or(0)
}
