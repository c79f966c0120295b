//! Whom a change touches, by name and number: what people see before they confirm it.

use std::collections::{BTreeSet, HashMap};

use super::preview::{Forecast, Supposed};
use super::{App, Error};
use crate::domain::mac::MacAddr;
use crate::domain::release::{Part, Release};
use crate::domain::update::Decision;
use crate::domain::version::FirmwareVersion;

/// Devices that are called by their names.
const NAMED: usize = 12;

/// Whom a change touches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Touched {
    /// The devices for which something is different, those that get something first.
    pub groups: Vec<Touch>,
    /// How many others there are, for which nothing is.
    pub others: u64,
}

/// Devices to which the same happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touch {
    /// The version they report.
    pub runs: Option<String>,
    /// The version they get; `None`: nothing.
    pub gets: Option<FirmwareVersion>,
    /// Whether the version that they report goes backwards.
    pub lower: bool,
    /// Why they get that, or nothing.
    pub why: String,
    /// How many they are.
    pub devices: u64,
    /// What the first of them are called.
    pub names: Vec<String>,
    /// The addresses of those.
    macs: Vec<MacAddr>,
}

impl Touched {
    /// How many devices are touched.
    #[must_use]
    pub fn devices(&self) -> u64 {
        self.groups.iter().map(|group| group.devices).sum()
    }

    /// Whether some device's version goes backwards.
    #[must_use]
    pub fn goes_backwards(&self) -> bool {
        self.groups.iter().any(|group| group.lower)
    }
}

impl Touch {
    fn new(forecast: &Forecast) -> Self {
        let reported = forecast.version.as_deref().map(FirmwareVersion::read);
        let gets = forecast.gets().cloned();
        let lower = gets.as_ref().zip(reported).is_some_and(|(gets, runs)| runs > *gets);
        let why = if gets.is_some() { String::new() } else { forecast.text() };
        let runs = forecast.version.clone();
        Self { runs, gets, lower, why, devices: 0, names: Vec::new(), macs: Vec::new() }
    }

    fn is_like(&self, other: &Self) -> bool {
        self.runs == other.runs && self.gets == other.gets && self.why == other.why
    }

    fn add(&mut self, mac: MacAddr) {
        self.devices += 1;
        if self.macs.len() < NAMED {
            self.macs.push(mac);
        }
    }
}

impl App {
    /// Whom a change touches, if all devices of a platform asked as they did last.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Plan`].
    pub async fn touched(&self, platform_id: i64, supposed: &Supposed) -> Result<Touched, Error> {
        let before = self.preview_of(platform_id, &Supposed::Nothing, usize::MAX).await?;
        let before: HashMap<MacAddr, Forecast> =
            before.devices.into_iter().map(|own| (own.mac, own)).collect();
        let after = self.preview_of(platform_id, supposed, usize::MAX).await?;
        let mut touched = Touched::default();
        for forecast in &after.devices {
            let was = before.get(&forecast.mac);
            if was.is_some_and(|was| is_same(was, forecast)) {
                touched.others += 1;
                continue;
            }
            let touch = Touch::new(forecast);
            let known = touched.groups.iter().position(|own| own.is_like(&touch));
            let index = known.unwrap_or_else(|| {
                touched.groups.push(touch);
                touched.groups.len() - 1
            });
            touched.groups[index].add(forecast.mac);
        }
        touched.groups.sort_by_key(|own| (own.gets.is_none(), std::cmp::Reverse(own.devices)));
        for group in &mut touched.groups {
            for mac in &group.macs {
                let device = self.0.store.device(*mac).await?;
                group.names.push(device.map_or_else(|| mac.to_string(), |own| own.title()));
            }
        }
        Ok(touched)
    }
}

impl App {
    /// The same on several platforms, as one; of the others nothing is said.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Plan`].
    pub async fn touched_on(
        &self,
        platforms: &BTreeSet<i64>,
        supposed: &Supposed,
    ) -> Result<Touched, Error> {
        let mut all = Touched::default();
        for platform_id in platforms {
            all.groups.append(&mut self.touched(*platform_id, supposed).await?.groups);
        }
        Ok(all)
    }
}

impl App {
    /// Whether a lower release is published that the same devices follow: what those that took this
    /// one get where it is recalled.
    #[must_use]
    pub fn has_before(&self, release: &Release) -> bool {
        let shelf = self.shelf();
        let platform = release.platform_id.and_then(|id| shelf.platform_by_id(id));
        let (Some(platform), Some(version)) = (platform, &release.version) else {
            return false;
        };
        platform.published.iter().any(|own| {
            let lower = own.version < *version && own.image.part == Part::Application;
            lower && own.id != release.id && release.channel.follows(own.channel)
        })
    }
}

/// Whether a device gets the same before and after, for what it is worth: who has nothing to wait
/// for is not touched where only the reason is another.
fn is_same(was: &Forecast, is: &Forecast) -> bool {
    let rests = |own: &Forecast| {
        let settled = [
            "up_to_date",
            "identical",
            "nothing_published",
            "pinned",
            "never_asked",
            "updates_off",
        ];
        settled.contains(&own.code())
    };
    let refused = |own: &Forecast| matches!(own.decision, Some(Decision::Refuse(_)));
    let same = was.code() == is.code() && was.gets() == is.gets();
    same || (rests(was) && rests(is)) || (refused(was) && refused(is))
}

#[cfg(test)]
impl Touch {
    /// So many devices, for tests of what is said about them.
    pub(crate) fn of(
        runs: Option<String>,
        gets: Option<FirmwareVersion>,
        devices: u64,
        names: Vec<String>,
    ) -> Self {
        let lower = gets.is_some();
        let why = if gets.is_some() { String::new() } else { "It waits.".to_owned() };
        Self { runs, gets, lower, why, devices, names, macs: Vec::new() }
    }
}
