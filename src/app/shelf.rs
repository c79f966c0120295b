//! What is on offer: platforms and published releases, in memory.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

pub use super::on_offer::OnOffer;
use super::pairing::Pairings;
use super::quick::Map;
use super::rollouts::Gate;
use super::stock::{Stock, settle};
use crate::domain::chip::Family;
use crate::domain::device_secret::Secrets;
use crate::domain::digest::{Md5, Sha256};
use crate::domain::group::Group;
use crate::domain::image::KnownNames;
use crate::domain::platform::Platform;
use crate::domain::policy::{Channel, QuietHours};
use crate::domain::release::{Part, Published, ReleaseState, file_name};
use crate::domain::report::Report;
use crate::domain::version::FirmwareVersion;
use crate::store::ImageDigest;

/// Everything that decisions need to know of platforms and releases. It never changes; after a
/// change there is a new one.
#[derive(Debug, Default)]
pub struct Shelf {
    by_key: Map<String, Arc<ShelfPlatform>>,
    by_id: Map<i64, Arc<ShelfPlatform>>,
    by_md5: Map<Md5, Vec<Recognised>>,
    by_sha256: Map<Sha256, Vec<Recognised>>,
    by_image: HashMap<i64, Arc<Published>>,
    latest_image: i64,
    by_file: HashMap<String, OnOffer>,
    by_release: HashMap<i64, OnOffer>,
    gates: HashMap<i64, Gate>,
    groups: Vec<Group>,
    known: Arc<KnownNames>,
    pairings: Pairings,
}

/// A platform with what it has on offer.
#[derive(Debug)]
pub struct ShelfPlatform {
    /// The platform.
    pub platform: Platform,
    /// The images of its published releases, highest version first.
    pub published: Vec<Arc<Published>>,
    /// The newest of the stable ones per part and chip, behind those that a rollout keeps back.
    pub newest: OnOffer,
    /// The same of all.
    pub beta: OnOffer,
    /// The versions that were recalled.
    pub recalled: Vec<FirmwareVersion>,
    /// What is kept of the secret that its devices share.
    pub secrets: Secrets,
}

/// An image that a device runs.
#[derive(Debug, Clone)]
pub struct Recognised {
    /// The release, published or withdrawn, with that image.
    pub release: Arc<Published>,
    /// The flash mode in which it runs, where that is known (ESP8266).
    pub flash_mode: Option<u8>,
}

impl ShelfPlatform {
    /// The newest stable application for a family of chips.
    #[must_use]
    pub fn newest_for(&self, family: Family) -> Option<&Arc<Published>> {
        self.applications(Channel::Stable).find(|release| release.image.is_for(family))
    }

    /// The newest stable application, whatever its chip: also one that a rollout still keeps from
    /// some. Where there is none, the newest stable files.
    #[must_use]
    pub fn newest(&self) -> Option<&Arc<Published>> {
        let files = || self.published.iter().find(|release| release.channel == Channel::Stable);
        self.applications(Channel::Stable).next().or_else(files)
    }

    /// The newest application for beta devices only, where it is above every stable one.
    #[must_use]
    pub fn newest_beta(&self) -> Option<&Arc<Published>> {
        let newest = self.applications(Channel::Beta).next();
        newest.filter(|release| release.channel == Channel::Beta)
    }

    /// The applications for devices that follow a channel, highest version first.
    fn applications(&self, channel: Channel) -> impl Iterator<Item = &Arc<Published>> {
        self.published.iter().filter(move |release| {
            release.image.part == Part::Application && channel.follows(release.channel)
        })
    }
}

impl Shelf {
    /// Who may ask, and whom windows let in.
    #[must_use]
    pub fn pairings(&self) -> &Pairings {
        &self.pairings
    }

    /// What is on offer, from what there is.
    pub(super) fn new(stock: Stock) -> Self {
        let Stock { platforms, releases, digests, groups, gates, pairings, secrets } = stock;
        let mut shelf = Self { gates, groups, pairings, ..Self::default() };
        let mut published: HashMap<i64, Vec<Arc<Published>>> = HashMap::new();
        let mut recalled: HashMap<i64, Vec<FirmwareVersion>> = HashMap::new();
        for release in releases {
            if let (true, Some(id), Some(version)) =
                (release.recalled, release.platform_id, &release.version)
            {
                recalled.entry(id).or_default().push(version.clone());
            }
            for on_offer in settle(&release).into_iter().map(Arc::new) {
                shelf.recognise(&on_offer, digests.get(&on_offer.image.id));
                if release.state == ReleaseState::Published {
                    shelf.by_release.entry(release.id).or_default().push(&on_offer);
                    published.entry(on_offer.platform_id).or_default().push(on_offer);
                }
            }
        }
        shelf.known =
            Arc::new(KnownNames::new(platforms.iter().map(|platform| platform.name.as_str())));
        for platform in platforms {
            let mut published = published.remove(&platform.id).unwrap_or_default();
            published.sort_by(|a, b| b.version.cmp(&a.version).then(b.id.cmp(&a.id)));
            let stable = published.iter().filter(|release| release.channel == Channel::Stable);
            let newest = OnOffer::newest(stable, &shelf.gates);
            let beta = OnOffer::newest(published.iter(), &shelf.gates);
            for release in &published {
                shelf.name(platform.name.as_str(), release);
            }
            let (id, key) = (platform.id, platform.name.key());
            let recalled = recalled.remove(&id).unwrap_or_default();
            let secrets = secrets.get(&id).copied().unwrap_or_default();
            let entry = ShelfPlatform { platform, published, newest, beta, recalled, secrets };
            let platform = Arc::new(entry);
            shelf.by_id.insert(id, Arc::clone(&platform));
            shelf.by_key.insert(key, platform);
        }
        shelf
    }

    /// The images of a published release.
    #[must_use]
    pub fn release(&self, id: i64) -> Option<&OnOffer> {
        self.by_release.get(&id)
    }

    /// The rollout that keeps a release from some devices.
    #[must_use]
    pub(super) fn gate(&self, release_id: i64) -> Option<&Gate> {
        self.gates.get(&release_id)
    }

    /// All gates.
    pub(super) fn gates(&self) -> impl Iterator<Item = &Gate> {
        self.gates.values()
    }

    /// How many rollouts wait for a person's decision.
    #[must_use]
    pub fn undecided_rollouts(&self) -> u64 {
        self.gates().filter(|gate| gate.rollout.needs_you()).count() as u64
    }

    /// All groups, by name.
    #[must_use]
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// The group of this number.
    #[must_use]
    pub fn group(&self, id: i64) -> Option<&Group> {
        self.groups.iter().find(|group| group.id == id)
    }

    /// The quiet hours that hold for devices of a platform in these groups.
    pub fn quiet<'a>(
        &'a self,
        platform: Option<&'a ShelfPlatform>,
        groups: &'a [i64],
    ) -> impl Iterator<Item = QuietHours> + 'a {
        let own = platform.and_then(|platform| platform.platform.quiet);
        let of_group = |id: &i64| self.group(*id).and_then(|group| group.quiet);
        own.into_iter().chain(groups.iter().filter_map(of_group))
    }

    /// Gives an image the names of its file: its own, and its release's.
    fn name(&mut self, platform: &str, release: &Arc<Published>) {
        let of_release = file_name(platform, &release.version);
        let own = release.file_name(platform);
        for name in [Some(&of_release), Some(&own).filter(|own| **own != of_release)] {
            let Some(name) = name else { continue };
            let on_offer = self.by_file.entry(name.clone()).or_default();
            // `sensor` 2.1.0 and `sensor_2` 1.0 have the same name: the first one keeps it.
            if on_offer.images().first().is_none_or(|first| first.id == release.id) {
                on_offer.push(release);
            }
        }
    }

    /// Makes an image known by its digests; of several releases of one file on a platform the
    /// latest counts.
    fn recognise(&mut self, release: &Arc<Published>, digests: Option<&Vec<ImageDigest>>) {
        let image = &release.image;
        self.by_image.insert(image.id, Arc::clone(release));
        self.latest_image = self.latest_image.max(image.id);
        if image.part != Part::Application {
            return;
        }
        let own = |flash_mode: Option<u8>| Recognised {
            release: Arc::clone(release),
            flash_mode: flash_mode.or(image.flash_mode),
        };
        know(&mut self.by_md5, image.md5, own(None));
        if let Some(appended) = image.appended_sha256 {
            know(&mut self.by_sha256, appended, own(None));
        }
        for ImageDigest { digest, flash_mode } in digests.into_iter().flatten() {
            if let Ok(md5) = digest.parse::<Md5>() {
                know(&mut self.by_md5, md5, own(*flash_mode));
            } else if let Ok(sha256) = digest.parse::<Sha256>() {
                know(&mut self.by_sha256, sha256, own(*flash_mode));
            }
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
        // Most sketches write it in lower case.
        self.by_key.get(name).or_else(|| self.by_key.get(&name.to_ascii_lowercase()))
    }

    /// The platform of this number.
    #[must_use]
    pub fn platform_by_id(&self, id: i64) -> Option<&Arc<ShelfPlatform>> {
        self.by_id.get(&id)
    }

    /// The platforms that give nothing away without a proof.
    pub fn demanding(&self) -> impl Iterator<Item = &Arc<ShelfPlatform>> {
        self.by_id.values().filter(|entry| entry.platform.proof.is_demanded())
    }

    /// All platforms, by name.
    #[must_use]
    pub fn platforms(&self) -> Vec<&Arc<ShelfPlatform>> {
        let mut platforms: Vec<_> = self.by_id.values().collect();
        platforms.sort_by_key(|entry| entry.platform.name.key());
        platforms
    }

    /// The images behind this name of a file; behind `<platform>.bin` the newest ones.
    #[must_use]
    pub fn file(&self, name: &str) -> Option<&OnOffer> {
        let name = name.to_ascii_lowercase();
        self.by_file.get(&name).or_else(|| {
            let platform = self.by_key.get(name.strip_suffix(".bin")?)?;
            Some(&platform.newest).filter(|newest| !newest.images().is_empty())
        })
    }

    /// The same in the folder of one platform, where the name cannot be that of another's file.
    #[must_use]
    pub fn file_of(&self, platform: &str, name: &str) -> Option<OnOffer> {
        let platform = self.platform(platform)?;
        let (id, key) = (platform.platform.id, platform.platform.name.key());
        let own = |on_offer: &&OnOffer| {
            on_offer.images().first().is_some_and(|first| first.platform_id == id)
        };
        if let Some(found) = self.file(name).filter(own) {
            return Some(found.clone());
        }
        let mut found = OnOffer::default();
        for release in &platform.published {
            let names = [file_name(&key, &release.version), release.file_name(&key)];
            if names.iter().any(|own| own.eq_ignore_ascii_case(name)) {
                found.push(release);
            }
        }
        Some(found).filter(|found| !found.images().is_empty())
    }

    /// The image that the device runs, where one of its digests is known.
    #[must_use]
    pub fn running(&self, report: &Report) -> Option<&Recognised> {
        self.running_on(report, None)
    }

    /// The same; of several platforms that have it the image of this one.
    #[must_use]
    pub fn running_on(&self, report: &Report, platform_id: Option<i64>) -> Option<&Recognised> {
        let by_md5 = report.sketch_md5.and_then(|md5| self.by_md5.get(&md5));
        let found =
            by_md5.or_else(|| report.sketch_sha256.and_then(|sha256| self.by_sha256.get(&sha256)));
        let own = |found: &&Recognised| Some(found.release.platform_id) == platform_id;
        let found = found.and_then(|all| all.iter().find(own).or(all.first()));
        // A digest of the other family's image is no digest of what it runs.
        found.filter(|found| found.release.image.is_for(report.family))
    }

    /// What changes whenever there is an image that was not there before.
    pub(super) fn images_mark(&self) -> (usize, i64) {
        (self.by_image.len(), self.latest_image)
    }

    /// The release with the image of this number.
    #[must_use]
    pub fn image(&self, image_id: i64) -> Option<&Arc<Published>> {
        self.by_image.get(&image_id)
    }

    /// All images of published and withdrawn releases.
    pub fn images(&self) -> impl Iterator<Item = &Arc<Published>> {
        self.by_image.values()
    }

    /// The platforms' names, ready to be looked for in an image.
    #[must_use]
    pub fn known_names(&self) -> Arc<KnownNames> {
        Arc::clone(&self.known)
    }
}

/// Adds what a digest tells, once per platform.
fn know<D: Eq + Hash>(all: &mut Map<D, Vec<Recognised>>, digest: D, found: Recognised) {
    let known = all.entry(digest).or_default();
    if !known.iter().any(|other| other.release.platform_id == found.release.platform_id) {
        known.push(found);
    }
}
