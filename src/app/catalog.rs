//! The catalog that AutoConnect shows on a device's own page, and the files behind it.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::App;
use super::folder::{Folder, FolderFile};
use super::shelf::{OnOffer, Shelf, ShelfPlatform};
use crate::domain::Timestamp;
use crate::domain::chip::Family;
use crate::domain::mac::MacAddr;
use crate::domain::policy::Channel;
use crate::domain::release::{Image, Part, Published};
use crate::domain::secret::Secret;

/// Bytes of the longest name that AutoConnect's 256-byte parser takes (`protocol.md` §4.2).
const NAME_LIMIT: usize = 100;
/// How long a list that holds files of the folder is reused.
const FRESH: Duration = Duration::from_secs(2);
/// Lists that are remembered at most.
const REMEMBERED: usize = 64;

/// What an entry is, in AutoConnect's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// Firmware that the asking device can take.
    Bin,
    /// A folder.
    Directory,
    /// Anything else.
    File,
}

impl EntryKind {
    /// AutoConnect's word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Bin => "bin",
            Self::Directory => "directory",
            Self::File => "file",
        }
    }
}

/// A line of the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name: also the last part of its address.
    pub name: String,
    /// What it is.
    pub kind: EntryKind,
    /// When it was published or written.
    pub modified: Timestamp,
    /// Bytes.
    pub size: u64,
}

impl Entry {
    /// A folder.
    pub(super) const fn directory(name: String) -> Self {
        Self { name, kind: EntryKind::Directory, modified: 0, size: 0 }
    }

    /// Whether AutoConnect can show the name and ask for it: it neither escapes nor encodes.
    fn is_speakable(&self) -> bool {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"._+-=@,()!~$".contains(&b);
        self.name.len() <= NAME_LIMIT && self.name.bytes().all(plain)
    }
}

/// A list of entries, with room for its drawn form.
#[derive(Debug)]
pub struct Catalog {
    /// The entries, by name.
    pub entries: Vec<Entry>,
    drawn: OnceLock<Bytes>,
}

impl Catalog {
    /// The list as it is sent; drawn once.
    pub fn drawn(&self, draw: impl FnOnce(&[Entry]) -> Bytes) -> Bytes {
        self.drawn.get_or_init(|| draw(&self.entries)).clone()
    }
}

/// Why there is no list.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// The path leads out of the folder.
    #[error("Path traversal detected")]
    Traversal,
    /// There is no such folder or platform.
    #[error("Not found")]
    NotFound,
    /// The folder cannot be read.
    #[error("the folder cannot be read")]
    Io(#[source] io::Error),
}

impl From<io::Error> for CatalogError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::NotFound,
            _ => Self::Io(error),
        }
    }
}

/// What an address ending in `.bin` leads to.
#[derive(Debug)]
pub enum FileTarget {
    /// A file of the `--catalog` folder.
    Folder(FolderFile),
    /// The file of a published release: one of these images.
    Release(OnOffer),
    /// Nothing.
    Missing,
}

/// Lists that were made lately.
#[derive(Debug, Default)]
pub(super) struct Lists {
    folder: Folder,
    made: Mutex<HashMap<ListKey, Made>>,
}

/// Who asks for a list, as far as that is known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Asker {
    /// Its family, by its `User-Agent`.
    pub family: Option<Family>,
    /// Who it is: `AutoConnect` does not say it, a sketch of one's own may.
    pub mac: Option<MacAddr>,
}

/// What a list depends on, besides what is on offer. Most devices do not say who they are, and
/// share one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct ListKey {
    path: Vec<String>,
    family: Option<Family>,
    channel: Channel,
    pinned: Option<i64>,
    /// Releases before which a rollout stands, and that it may have.
    admitted: Vec<i64>,
    /// Platforms that the secret opens, which was shown.
    opened: Vec<i64>,
}

#[derive(Debug)]
struct Made {
    shelf: Arc<Shelf>,
    at: Instant,
    catalog: Arc<Catalog>,
}

/// The parts of a path, without empty ones and `.`.
fn segments(path: &str) -> Result<Vec<String>, CatalogError> {
    let parts = path.split('/').filter(|part| !part.is_empty() && *part != ".");
    let parts: Vec<String> = parts.map(ToOwned::to_owned).collect();
    let leads_out = |part: &String| part == ".." || part.contains(['\\', '\0']);
    if parts.iter().any(leads_out) { Err(CatalogError::Traversal) } else { Ok(parts) }
}

impl App {
    /// Makes all lists anew: their dates are in a time zone.
    pub(super) fn forget_lists(&self) {
        self.0.lists.made.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The catalog of a path, as this device sees it. Releases of a platform that demands a secret
    /// are left out where that was not shown.
    ///
    /// # Errors
    /// [`CatalogError`] where the path leads nowhere or out of the folder.
    pub async fn catalog(
        &self,
        path: &str,
        asker: &Asker,
        secret: Option<&Secret>,
        address: IpAddr,
    ) -> Result<Arc<Catalog>, CatalogError> {
        let opened = self.opened_by(secret, address);
        let shelf = self.shelf();
        let key = ListKey { opened, ..self.list_key(segments(path)?, asker, &shelf) };
        {
            let made = self.0.lists.made.lock().unwrap_or_else(PoisonError::into_inner);
            let still_good = |made: &&Made| {
                let no_folder = self.0.limits.catalog.is_none();
                Arc::ptr_eq(&made.shelf, &shelf) && (no_folder || made.at.elapsed() < FRESH)
            };
            if let Some(made) = made.get(&key).filter(still_good) {
                return Ok(Arc::clone(&made.catalog));
            }
        }
        let catalog = Arc::new(self.make_catalog(&key, &shelf).await?);
        let made = Made { shelf, at: Instant::now(), catalog: Arc::clone(&catalog) };
        let mut lists = self.0.lists.made.lock().unwrap_or_else(PoisonError::into_inner);
        if lists.len() >= REMEMBERED {
            lists.clear();
        }
        lists.insert(key, made);
        Ok(catalog)
    }

    /// What the list for a device depends on. A stranger follows stable, and has no place in any
    /// rollout.
    fn list_key(&self, path: Vec<String>, asker: &Asker, shelf: &Shelf) -> ListKey {
        let mut key = ListKey {
            path,
            family: asker.family,
            channel: Channel::default(),
            pinned: None,
            admitted: Vec::new(),
            opened: Vec::new(),
        };
        let Some(mac) = asker.mac else { return key };
        self.0.fleet.with(mac, |live| {
            key.channel = live.policy.channel;
            key.pinned = live.policy.pinned;
            let admits = shelf.gates().filter(|gate| gate.admits(mac, live).is_ok());
            key.admitted = admits.map(|gate| gate.rollout.release_id).collect();
            key.admitted.sort_unstable();
        });
        key
    }

    async fn make_catalog(&self, key: &ListKey, shelf: &Shelf) -> Result<Catalog, CatalogError> {
        let released = match key.path.as_slice() {
            [] => Some(root_entries(shelf, key)),
            [name] => shelf.platform(name).map(|platform| {
                if key.opens(platform) { all_entries(platform, shelf, key) } else { Vec::new() }
            }),
            _ => None,
        };
        let mut entries: BTreeMap<String, Entry> = BTreeMap::new();
        for entry in released.iter().flatten() {
            entries.insert(entry.name.clone(), entry.clone());
        }
        match self.list_folder(&key.path, key.family).await {
            Ok(listed) => {
                for entry in listed {
                    entries.insert(entry.name.clone(), entry);
                }
            }
            Err(CatalogError::NotFound) if released.is_some() => {}
            Err(error) => return Err(error),
        }
        let entries = entries.into_values().filter(Entry::is_speakable).collect();
        Ok(Catalog { entries, drawn: OnceLock::new() })
    }

    async fn list_folder(
        &self,
        path: &[String],
        family: Option<Family>,
    ) -> Result<Vec<Entry>, CatalogError> {
        let Some(root) = self.0.limits.catalog.clone() else {
            return Err(CatalogError::NotFound);
        };
        let (app, path) = (self.clone(), path.to_vec());
        let list = move || app.0.lists.folder.list(&root, &path, family);
        tokio::task::spawn_blocking(list).await.map_err(io::Error::other)?
    }

    /// What a decoded path ending in `.bin` leads to. The folder wins over releases.
    ///
    /// # Errors
    /// [`CatalogError`] where the path leads out of the folder or that cannot be read.
    pub async fn file_target(
        &self,
        path: &str,
        mac: Option<MacAddr>,
    ) -> Result<FileTarget, CatalogError> {
        let path = segments(path)?;
        if let Some(root) = self.0.limits.catalog.clone() {
            let (app, path) = (self.clone(), path.clone());
            let read = tokio::task::spawn_blocking(move || app.0.lists.folder.read(&root, &path));
            if let Some(file) = read.await.map_err(io::Error::other)?? {
                return Ok(FileTarget::Folder(file));
            }
        }
        let shelf = self.shelf();
        let files = match path.as_slice() {
            [name] => self.file_for(name, mac, &shelf),
            [platform, name] => shelf.file_of(platform, name),
            _ => None,
        };
        Ok(files.map_or(FileTarget::Missing, FileTarget::Release))
    }
}

impl App {
    /// The images behind the name of a file. Behind `<platform>.bin` is what the device would get:
    /// its pin, or the newest on its channel.
    fn file_for(&self, name: &str, mac: Option<MacAddr>, shelf: &Shelf) -> Option<OnOffer> {
        let found = shelf.file(name);
        let key = name.to_ascii_lowercase();
        let short = key.strip_suffix(".bin").and_then(|name| shelf.platform(name));
        let is_short = |own: &&Arc<ShelfPlatform>| {
            found.is_none_or(|found| std::ptr::eq(found, &raw const own.newest))
        };
        let Some(platform) = short.filter(is_short) else { return found.cloned() };
        let policy = mac.and_then(|mac| self.0.fleet.with(mac, |live| live.policy));
        let policy = policy.unwrap_or_default();
        let of_platform = |id: &i64| platform.published.iter().any(|release| release.id == *id);
        match policy.pinned.filter(of_platform).or(platform.platform.pinned) {
            Some(id) => shelf.release(id).cloned(),
            None if policy.channel == Channel::Beta => {
                Some(platform.beta.clone()).filter(|own| !own.images().is_empty())
            }
            None => found.cloned(),
        }
    }
}

impl ListKey {
    /// Whether the device gets this release where it asks for it by its name.
    fn may_have(&self, release: &Published, shelf: &Shelf) -> bool {
        shelf.gate(release.id).is_none() || self.admitted.contains(&release.id)
    }

    /// Whether the device may see what a platform has.
    fn opens(&self, entry: &ShelfPlatform) -> bool {
        !entry.platform.proof.is_demanded() || self.opened.contains(&entry.platform.id)
    }
}

/// What each platform has for the device, and the platforms as folders.
fn root_entries(shelf: &Shelf, key: &ListKey) -> Vec<Entry> {
    let mut entries = Vec::new();
    for platform in shelf.platforms().into_iter().filter(|entry| key.opens(entry)) {
        let own = newest(platform, shelf, key);
        if !own.is_empty() {
            entries.extend(own.into_iter().map(|release| entry(platform, release, key.family)));
            entries.push(Entry::directory(platform.platform.name.to_string()));
        }
    }
    entries
}

/// One file per part and chip: the newest that the device could get. Where there is nothing for
/// its family, those for the others.
fn newest<'a>(platform: &'a ShelfPlatform, shelf: &Shelf, key: &ListKey) -> Vec<&'a Published> {
    let of_platform = |id: &i64| platform.published.iter().any(|release| release.id == *id);
    let pin = key.pinned.filter(of_platform).or(platform.platform.pinned);
    let mut newest: Vec<&Published> = Vec::new();
    for release in platform.published.iter().map(AsRef::as_ref) {
        let its_own = match pin {
            Some(id) => release.id == id,
            None => key.channel.follows(release.channel) && key.may_have(release, shelf),
        };
        if its_own && !newest.iter().any(|newer| covers(&newer.image, &release.image)) {
            newest.push(release);
        }
    }
    newest
}

/// Whether every device that could take one image is given a newer one instead.
fn covers(newer: &Image, older: &Image) -> bool {
    let (new, old) = (newer.certain_chip(), older.certain_chip());
    let related = newer.is_for_any_chip() || newer.chip.family() == older.chip.family();
    newer.part == older.part && (new == old || (related && (new.is_none() || old.is_none())))
}

/// All published releases of a platform that the device may have.
fn all_entries(platform: &ShelfPlatform, shelf: &Shelf, key: &ListKey) -> Vec<Entry> {
    let pinned = |release: &Published| key.pinned.or(platform.platform.pinned) == Some(release.id);
    let own = platform.published.iter().map(AsRef::as_ref);
    let own = own.filter(|release| key.may_have(release, shelf) || pinned(release));
    own.map(|release| entry(platform, release, key.family)).collect()
}

fn entry(platform: &ShelfPlatform, release: &Published, family: Option<Family>) -> Entry {
    let image = &release.image;
    let fits = family.is_none_or(|family| image.is_for(family));
    Entry {
        name: release.file_name(platform.platform.name.as_str()),
        kind: if fits && image.part == Part::Application {
            EntryKind::Bin
        } else {
            EntryKind::File
        },
        modified: release.published_at,
        size: image.size,
    }
}
