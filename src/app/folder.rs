//! The extra folder of `--catalog`, served as AutoConnect's `updateserver.py` does.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use md5::{Digest, Md5 as Md5Hasher};

use super::catalog::{CatalogError, Entry, EntryKind};
use crate::domain::Timestamp;
use crate::domain::chip::Family;
use crate::domain::digest::Md5;
use crate::domain::image::{KnownNames, inspect};

/// Files whose kind is remembered at most.
const REMEMBERED: usize = 4_096;

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
    /// The family of chips it is for; `None` where it is no firmware.
    pub family: Option<Family>,
}

/// What a file is, as long as its size and time stay the same.
type Kinds = HashMap<PathBuf, ((u64, Timestamp), Option<Family>)>;

/// Remembers what the files of the folder are, so that they are not read for every list.
#[derive(Debug, Default)]
pub(super) struct Folder {
    kinds: Mutex<Kinds>,
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
            let fits = own.is_some_and(|own| family.is_none_or(|family| family == own));
            let kind = if fits { EntryKind::Bin } else { EntryKind::File };
            entries.push(Entry { name, kind, modified, size });
        }
        Ok(entries)
    }

    /// The family of chips that a file is for, if it is firmware.
    fn kind(&self, path: &Path, name: &str, size: u64, modified: Timestamp) -> Option<Family> {
        if Path::new(name).extension().is_none_or(|extension| extension != "bin") {
            return None;
        }
        let stamp = (size, modified);
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, family)) = kinds.get(path).filter(|(known, _)| *known == stamp) {
            return *family;
        }
        let bytes = if size > LARGEST { None } else { std::fs::read(path).ok() };
        let family = bytes.and_then(|bytes| family_of(&bytes));
        if kinds.len() >= REMEMBERED {
            kinds.clear();
        }
        kinds.insert(path.to_owned(), (stamp, family));
        family
    }
}

/// The family of chips that an image is for, if it is one.
fn family_of(bytes: &[u8]) -> Option<Family> {
    let names: [&str; 0] = [];
    inspect(bytes, &KnownNames::new(names)).ok().map(|info| info.chip.family())
}

/// Reads a file beneath the root; `None` where there is none.
pub(super) fn read(root: &Path, segments: &[String]) -> io::Result<Option<FolderFile>> {
    let Ok(path) = beneath(root, segments) else {
        return Ok(None);
    };
    let data = std::fs::metadata(&path)?;
    if !data.is_file() || data.len() > LARGEST {
        return Ok(None);
    }
    let bytes = std::fs::read(&path)?;
    let md5 = Md5(Md5Hasher::digest(&bytes).into());
    let family = family_of(&bytes);
    let name = segments.last().cloned().unwrap_or_default();
    Ok(Some(FolderFile { bytes: Bytes::from(bytes), md5, name, family }))
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
