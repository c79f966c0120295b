//! Firmware files: the only place that touches them.
//!
//! A file is named by its SHA-256 and never changes. It arrives under `incoming/`, is synced, and
//! only then renamed into `firmware/`, whose folder is synced too: whoever holds a [`Kept`] can
//! rely on the whole file being there, also after a power loss.

use std::collections::HashSet;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use md5::{Digest, Md5 as Md5Hasher};
use memmap2::MmapMut;
use quick_cache::sync::Cache;
use quick_cache::{OptionsBuilder, Weighter};
use sha2::Sha256 as Sha256Hasher;
use tokio::io::{AsyncWriteExt, BufWriter};
use tokio::sync::{OwnedRwLockReadGuard, RwLock};

use crate::domain::digest::{Md5, Sha256};

/// Bytes that are gathered before they are written: each write is handed to another thread.
const BUFFER: usize = 256 * 1024;

/// What can go wrong with firmware files.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// The file is larger than allowed.
    #[error("the file is larger than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// The disk is full.
    #[error("the disk is full")]
    Full,
    /// A file that a row points at is not there.
    #[error("the firmware file {0} is missing or damaged")]
    Missing(Sha256),
    /// Reading or writing failed.
    #[error("a firmware file could not be read or written")]
    Io(#[source] io::Error),
}

impl From<io::Error> for BlobError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::Io(error),
        }
    }
}

/// The firmware files of one data folder; cheap to clone.
#[derive(Debug, Clone)]
pub struct Blobs {
    folder: Arc<Path>,
    incoming: Arc<Path>,
    cache: Arc<Cache<Sha256, Bytes, Size>>,
    /// Shared by those who put files in place, exclusive for the sweep.
    sweeping: Arc<RwLock<()>>,
}

#[derive(Debug, Clone)]
struct Size;

impl Weighter<Sha256, Bytes> for Size {
    fn weight(&self, _: &Sha256, bytes: &Bytes) -> u64 {
        (bytes.len() as u64).max(1)
    }
}

/// A file that is arriving. Dropped before [`finish`](Incoming::finish), it leaves nothing behind.
#[derive(Debug)]
pub struct Incoming {
    file: BufWriter<tokio::fs::File>,
    path: TemporaryPath,
    size: u64,
    limit: u64,
}

/// A file that arrived whole, is safe on disk, and is not in place yet.
#[derive(Debug)]
pub struct Arrived {
    path: TemporaryPath,
    /// All of its bytes.
    pub bytes: Bytes,
    /// Their MD5.
    pub md5: Md5,
    /// Their SHA-256: the name it will have.
    pub sha256: Sha256,
}

/// A promise that a file stays in place while no row points at it yet. To be dropped when the row
/// is written, or will not be.
#[derive(Debug)]
pub struct Kept(
    #[expect(dead_code, reason = "its drop ends the promise")] OwnedRwLockReadGuard<()>,
);

#[derive(Debug)]
struct TemporaryPath(PathBuf);

impl Drop for TemporaryPath {
    fn drop(&mut self) {
        // Gone already where it was renamed into place.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Blobs {
    /// Opens the firmware files under this data folder, and throws away what an earlier stop left
    /// half arrived. At most `cache_bytes` of images are kept in memory.
    ///
    /// # Errors
    /// Where the folders cannot be made.
    pub fn open(data: &Path, cache_bytes: u64) -> Result<Self, BlobError> {
        let (folder, incoming) = (data.join("firmware"), data.join("incoming"));
        std::fs::create_dir_all(&folder)?;
        if incoming.exists() {
            std::fs::remove_dir_all(&incoming)?;
        }
        std::fs::create_dir_all(&incoming)?;
        sync_folder(data)?;
        let mut options = OptionsBuilder::new();
        options.estimated_items_capacity(256).weight_capacity(cache_bytes).shards(1);
        let options = options.build().map_err(|_| io::Error::other("the cache has no size"))?;
        let cache = Cache::with_options(
            options,
            Size,
            quick_cache::DefaultHashBuilder::default(),
            quick_cache::sync::DefaultLifecycle::default(),
        );
        Ok(Self {
            folder: folder.into(),
            incoming: incoming.into(),
            cache: Arc::new(cache),
            sweeping: Arc::default(),
        })
    }

    fn path(&self, sha256: &Sha256) -> PathBuf {
        self.folder.join(format!("{sha256}.bin"))
    }

    /// Begins to receive a file of at most `limit` bytes. `name` must be unique among those that
    /// are arriving.
    ///
    /// # Errors
    /// Where the disk is full or fails.
    pub async fn receive(&self, name: u64, limit: u64) -> Result<Incoming, BlobError> {
        let path = TemporaryPath(self.incoming.join(format!("{name}.part")));
        let mut options = tokio::fs::OpenOptions::new();
        let file = options.read(true).write(true).create_new(true).open(&path.0).await?;
        Ok(Incoming { file: BufWriter::with_capacity(BUFFER, file), path, size: 0, limit })
    }

    /// Puts a file that arrived into its place, durably.
    ///
    /// # Errors
    /// Where the disk is full or fails.
    pub async fn keep(&self, arrived: &Arrived) -> Result<Kept, BlobError> {
        let kept = Kept(Arc::clone(&self.sweeping).read_owned().await);
        self.keep_too(&kept, arrived).await?;
        Ok(kept)
    }

    /// The same for one more file under a promise that holds already: a second promise would wait
    /// for a sweep that waits for the first.
    ///
    /// # Errors
    /// Where the disk is full or fails.
    pub async fn keep_too(&self, _: &Kept, arrived: &Arrived) -> Result<(), BlobError> {
        let (from, to) = (arrived.path.0.clone(), self.path(&arrived.sha256));
        let folder = Arc::clone(&self.folder);
        blocking(move || {
            std::fs::rename(from, to)?;
            sync_folder(&folder)
        })
        .await
    }

    /// All bytes of a file, from memory where they are there.
    ///
    /// # Errors
    /// [`BlobError::Missing`] where it is not in its place, not whole, or damaged.
    pub async fn read(&self, sha256: Sha256, size: u64) -> Result<Bytes, BlobError> {
        self.cache.get_or_insert_async(&sha256, self.read_once(sha256, size)).await
    }

    /// The same for a single use: past the memory in which images are kept for devices.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub async fn read_once(&self, sha256: Sha256, size: u64) -> Result<Bytes, BlobError> {
        let path = self.path(&sha256);
        let read = blocking(move || {
            let bytes = match read_whole(&path, size) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                bytes => bytes?,
            };
            // A disk may rot: what is sent must be what was published.
            Ok(bytes.filter(|bytes| Sha256(Sha256Hasher::digest(bytes).into()) == sha256))
        });
        read.await?.ok_or(BlobError::Missing(sha256))
    }

    /// Removes the files that no row points at; answers how many went. `in_use` is asked while no
    /// file can be put in place.
    ///
    /// # Errors
    /// Where the disk or `in_use` fails; then nothing is removed.
    pub async fn sweep<E: From<BlobError>>(
        &self,
        in_use: impl Future<Output = Result<HashSet<Sha256>, E>>,
    ) -> Result<usize, E> {
        let _alone = self.sweeping.write().await;
        let in_use = in_use.await?;
        let (folder, cache) = (Arc::clone(&self.folder), Arc::clone(&self.cache));
        let swept = blocking(move || {
            let mut count = 0;
            for entry in std::fs::read_dir(&folder)? {
                let path = entry?.path();
                if let Some(sha256) = file_digest(&path).filter(|name| !in_use.contains(name)) {
                    std::fs::remove_file(&path)?;
                    cache.remove(&sha256);
                    count += 1;
                }
            }
            Ok(count)
        });
        Ok(swept.await?)
    }
}

impl Incoming {
    /// Adds bytes.
    ///
    /// # Errors
    /// [`BlobError::TooLarge`] beyond the limit; where the disk is full or fails.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), BlobError> {
        self.size += bytes.len() as u64;
        if self.size > self.limit {
            return Err(BlobError::TooLarge { limit: self.limit });
        }
        self.file.write_all(bytes).await?;
        Ok(())
    }

    /// Makes the file durable and hashes it, once.
    ///
    /// # Errors
    /// Where the disk is full or fails.
    pub async fn finish(mut self) -> Result<Arrived, BlobError> {
        self.file.flush().await?;
        let file = self.file.into_inner().into_std().await;
        let (path, size) = (self.path, self.size);
        blocking(move || {
            file.sync_all()?;
            let changed = || io::Error::other("the file changed while it arrived");
            let bytes = read_whole(&path.0, size)?.ok_or_else(changed)?;
            let (md5, sha256) = digests(&bytes);
            Ok(Arrived { path, bytes, md5, sha256 })
        })
        .await
    }
}

/// All bytes of a file; `None` where they are not so many.
///
/// They get memory of their own, which the system has back as soon as nobody needs them: what the
/// allocator is given back, it may keep for the next image.
fn read_whole(path: &Path, size: u64) -> io::Result<Option<Bytes>> {
    let mut file = std::fs::File::open(path)?;
    if file.metadata()?.len() != size {
        return Ok(None);
    }
    let mut memory = MmapMut::map_anon(usize::try_from(size).map_err(io::Error::other)?)?;
    match file.read_exact(&mut memory) {
        Ok(()) => Ok(Some(Bytes::from_owner(memory))),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

/// Both digests, each on a processor of its own.
fn digests(bytes: &[u8]) -> (Md5, Sha256) {
    std::thread::scope(|scope| {
        let sha256 = scope.spawn(|| Sha256(Sha256Hasher::digest(bytes).into()));
        let md5 = Md5(Md5Hasher::digest(bytes).into());
        // The thread cannot panic; if it could not run, this one does its work.
        let sha256 = sha256.join().unwrap_or_else(|_| Sha256(Sha256Hasher::digest(bytes).into()));
        (md5, sha256)
    })
}

/// The digest that a file's name states.
fn file_digest(path: &Path) -> Option<Sha256> {
    path.file_name()?.to_str()?.strip_suffix(".bin")?.parse().ok()
}

/// Makes the entries of a folder durable.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { std::fs::File::open(folder)?.sync_all() } else { Ok(()) }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, BlobError> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.map_err(|error| BlobError::Io(io::Error::other(error)))??)
}
