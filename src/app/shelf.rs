//! What is on offer: platforms and published releases, in memory.

use std::collections::HashMap;
use std::sync::Arc;

use super::Error;
use crate::domain::chip::Family;
use crate::domain::digest::{Md5, Sha256};
use crate::domain::image::KnownNames;
use crate::domain::platform::Platform;
use crate::domain::release::{Published, Release, ReleaseState, file_name};
use crate::domain::report::Report;
use crate::store::{ReleaseFilter, Store};

/// Everything that decisions need to know of platforms and releases. It never changes; after a
/// change there is a new one.
#[derive(Debug, Default)]
pub struct Shelf {
    by_key: HashMap<String, Arc<ShelfPlatform>>,
    by_id: HashMap<i64, Arc<ShelfPlatform>>,
    by_md5: HashMap<Md5, Arc<Published>>,
    by_appended: HashMap<Sha256, Arc<Published>>,
    by_file: HashMap<String, Arc<Published>>,
    known: Arc<KnownNames>,
}

/// A platform with what it has on offer.
#[derive(Debug)]
pub struct ShelfPlatform {
    /// The platform.
    pub platform: Platform,
    /// Its published releases, highest version first.
    pub published: Vec<Arc<Published>>,
}

impl ShelfPlatform {
    /// The newest published release for a family of chips.
    #[must_use]
    pub fn newest_for(&self, family: Family) -> Option<&Arc<Published>> {
        self.published.iter().find(|release| release.image.is_for(family))
    }

    /// The newest published release, whatever its chip.
    #[must_use]
    pub fn newest(&self) -> Option<&Arc<Published>> {
        self.published.first()
    }
}

impl Shelf {
    /// Reads it from the database.
    pub(super) async fn load(store: &Store) -> Result<Self, Error> {
        let platforms = store.platforms().await?;
        let releases = store.releases(&ReleaseFilter::default()).await?;
        Ok(Self::new(platforms, releases))
    }

    fn new(platforms: Vec<Platform>, releases: Vec<Release>) -> Self {
        let mut shelf = Self::default();
        let mut published: HashMap<i64, Vec<Arc<Published>>> = HashMap::new();
        for release in releases {
            let state = release.state;
            let Some(on_offer) = settle(release) else {
                continue;
            };
            let on_offer = Arc::new(on_offer);
            shelf.recognise(&on_offer);
            if state == ReleaseState::Published {
                published.entry(on_offer.platform_id).or_default().push(on_offer);
            }
        }
        shelf.known =
            Arc::new(KnownNames::new(platforms.iter().map(|platform| platform.name.as_str())));
        for platform in platforms {
            let mut published = published.remove(&platform.id).unwrap_or_default();
            published.sort_by(|a, b| b.version.cmp(&a.version).then(b.id.cmp(&a.id)));
            for release in &published {
                let name = file_name(platform.name.as_str(), &release.version);
                shelf.by_file.entry(name).or_insert_with(|| Arc::clone(release));
            }
            let (id, key) = (platform.id, platform.name.key());
            let platform = Arc::new(ShelfPlatform { platform, published });
            shelf.by_id.insert(id, Arc::clone(&platform));
            shelf.by_key.insert(key, platform);
        }
        shelf
    }

    /// Makes an image known by its digests; of several releases of one file the latest counts.
    fn recognise(&mut self, release: &Arc<Published>) {
        self.by_md5.entry(release.image.md5).or_insert_with(|| Arc::clone(release));
        if let Some(appended) = release.image.appended_sha256 {
            self.by_appended.entry(appended).or_insert_with(|| Arc::clone(release));
        }
    }

    /// Whether there is no platform at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// The platform of this name, in any case.
    #[must_use]
    pub fn platform(&self, name: &str) -> Option<&Arc<ShelfPlatform>> {
        self.by_key.get(&name.to_ascii_lowercase())
    }

    /// The platform of this number.
    #[must_use]
    pub fn platform_by_id(&self, id: i64) -> Option<&Arc<ShelfPlatform>> {
        self.by_id.get(&id)
    }

    /// All platforms, by name.
    #[must_use]
    pub fn platforms(&self) -> Vec<&Arc<ShelfPlatform>> {
        let mut platforms: Vec<_> = self.by_id.values().collect();
        platforms.sort_by_key(|entry| entry.platform.name.key());
        platforms
    }

    /// The published release whose file has this name; `<platform>.bin` is the newest one that a
    /// device of this family can take.
    #[must_use]
    pub fn file(&self, name: &str, family: Family) -> Option<&Arc<Published>> {
        let name = name.to_ascii_lowercase();
        self.by_file.get(&name).or_else(|| {
            let platform = self.by_key.get(name.strip_suffix(".bin")?)?;
            platform.newest_for(family).or(platform.newest())
        })
    }

    /// The same in the folder of one platform, where the name cannot be that of another's file
    /// (`sensor` 2.1.0 and `sensor_2` 1.0 are both `sensor_2_1_0.bin`).
    #[must_use]
    pub fn file_of(&self, platform: &str, name: &str, family: Family) -> Option<&Arc<Published>> {
        let platform = self.platform(platform)?;
        let (id, key) = (platform.platform.id, platform.platform.name.key());
        let own = |release: &&Arc<Published>| release.platform_id == id;
        let named = |release: &&Arc<Published>| {
            file_name(&key, &release.version).eq_ignore_ascii_case(name)
        };
        let found = self.file(name, family).filter(own);
        found.or_else(|| platform.published.iter().find(named))
    }

    /// The release, published or withdrawn, whose image the device runs.
    #[must_use]
    pub fn running(&self, report: &Report) -> Option<&Arc<Published>> {
        let by_md5 = report.sketch_md5.and_then(|md5| self.by_md5.get(&md5));
        by_md5.or_else(|| report.sketch_sha256.and_then(|sha256| self.by_appended.get(&sha256)))
    }

    /// The platforms' names, ready to be looked for in an image.
    #[must_use]
    pub fn known_names(&self) -> Arc<KnownNames> {
        Arc::clone(&self.known)
    }
}

/// A release as decisions see it; drafts are none.
fn settle(release: Release) -> Option<Published> {
    if release.state == ReleaseState::Draft {
        return None;
    }
    Some(Published {
        id: release.id,
        platform_id: release.platform_id?,
        version: release.version?,
        image: release.image,
        published_at: release.published_at.unwrap_or(release.created_at),
    })
}
