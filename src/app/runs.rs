//! What a device runs, as far as that is known: by its image, by what it says, or not at all.

use super::{App, Shelf};
use crate::domain::Timestamp;
use crate::domain::device::{Approval, Device};
use crate::domain::policy::Channel;
use crate::domain::release::{Part, Published};
use crate::domain::update::Choice;
use crate::domain::version::FirmwareVersion;

/// The release whose image a device runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningRelease {
    /// Its number.
    pub id: i64,
    /// The platform it was published on.
    pub platform: String,
    /// Its version.
    pub version: FirmwareVersion,
}

/// What a device runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Runs {
    /// The release, where its image is recognised.
    pub release: Option<RunningRelease>,
    /// The version that it reports.
    pub reported: Option<String>,
    /// Whether it tells its image by a digest; if that is none of ours, the build is unknown.
    pub tells_image: bool,
    /// Since when it runs that.
    pub since: Option<Timestamp>,
    /// It reports another version than the one of the image that it runs.
    pub mismatch: bool,
}

impl Runs {
    /// What a device runs, by what it said last.
    #[must_use]
    pub fn of(device: &Device, shelf: &Shelf) -> Self {
        let Some(report) = &device.report else {
            return Self::default();
        };
        let release = shelf.running(report).map(|found| running(&found.release, shelf));
        let reported = report.version.as_deref().map(str::to_owned);
        let mismatch = release.as_ref().zip(reported.as_deref()).is_some_and(|(release, text)| {
            let reported = FirmwareVersion::read(text);
            release.version != reported && !reported.is_stepping_stone()
        });
        Self {
            release,
            reported,
            tells_image: report.sketch_md5.is_some() || report.sketch_sha256.is_some(),
            since: device.learnt.running_since,
            mismatch,
        }
    }

    /// Whether it says which image it runs, and that is none of ours.
    #[must_use]
    pub const fn is_unknown_build(&self) -> bool {
        self.release.is_none() && self.tells_image
    }
}

fn running(release: &Published, shelf: &Shelf) -> RunningRelease {
    let platform = shelf.platform_by_id(release.platform_id);
    RunningRelease {
        id: release.id,
        platform: platform.map(|own| own.platform.name.to_string()).unwrap_or_default(),
        version: release.version.clone(),
    }
}

/// How many approved devices of a platform get which image.
#[derive(Debug, Clone, Default)]
pub struct Reach {
    images: Vec<(i64, u64)>,
    /// Devices that get nothing until their chip is known.
    pub undecided: u64,
}

impl Reach {
    /// How many devices get the image of this number.
    #[must_use]
    pub fn of(&self, image_id: i64) -> u64 {
        self.images.iter().find(|(id, _)| *id == image_id).map_or(0, |(_, count)| *count)
    }
}

impl App {
    /// Which of a platform's newest images is for how many of its approved devices, by their chip.
    #[must_use]
    pub fn reach(&self, platform_id: i64) -> Reach {
        let (mut reach, shelf) = (Reach::default(), self.shelf());
        let Some(platform) = shelf.platform_by_id(platform_id) else {
            return reach;
        };
        self.0.fleet.each(|_, live| {
            let own = live.platform_id == Some(platform_id) && live.approval == Approval::Approved;
            let own = own && !live.policy.updates_off;
            let Some(report) = live.report.as_deref().filter(|_| own) else { return };
            let pin = live.policy.pinned.or(platform.platform.pinned);
            let on_offer = match (pin, live.policy.channel) {
                (Some(id), _) => shelf.release(id),
                (None, Channel::Stable) => Some(&platform.newest),
                (None, Channel::Beta) => Some(&platform.beta),
            };
            let Some(on_offer) = on_offer else { return };
            for part in [Part::Application, Part::FileSystem] {
                let chip = live.learnt.known_chip();
                match on_offer.choose(part, report.family, chip, |_| Ok(())).choice {
                    Choice::One(release) => {
                        let id = release.image.id;
                        match reach.images.iter_mut().find(|(own, _)| *own == id) {
                            Some((_, count)) => *count += 1,
                            None => reach.images.push((id, 1)),
                        }
                    }
                    Choice::Several(_) if part == Part::Application => reach.undecided += 1,
                    Choice::Several(_) | Choice::Foreign(_) | Choice::Nothing => {}
                }
            }
        });
        reach
    }
}
