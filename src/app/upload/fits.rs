//! On which of a platform's devices an image fits, and how it compares with the release before.

use super::Examined;
use crate::app::{App, Error};
use crate::domain::chip::Family;
use crate::domain::device::Approval;
use crate::domain::mac::MacAddr;
use crate::domain::release::{Image, Part, Question, Release, ReleaseState};
use crate::domain::report::Report;
use crate::domain::update::{Room, needed_space, room_for};
use crate::domain::version::FirmwareVersion;

/// Devices that are named at most.
const NAMED: usize = 8;

/// A device on which an image does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lacking {
    /// The device.
    pub mac: MacAddr,
    /// What to call it.
    pub title: String,
    /// Bytes that are missing; `None` where it has no slot for updates at all.
    pub bytes: Option<u64>,
    /// Whether it would fit compressed.
    pub gzip_would_fit: bool,
}

/// On which of a platform's approved devices an image fits, as far as they said how much room they
/// have.
#[derive(Debug, Clone, Default)]
pub struct Fits {
    /// Devices for which the image is and that said how much room they have.
    pub devices: usize,
    /// Those on which it fits as it is.
    pub fitting: usize,
    /// Those on which it does not, at most eight.
    pub lacking: Vec<Lacking>,
    /// The smallest flash memory below what the image was built for, and that device's name.
    pub small_flash: Option<(u64, String)>,
    /// What the image was built for.
    built_for: u64,
}

impl Fits {
    /// What a person should look at.
    pub(super) fn questions(&self) -> Vec<Question> {
        let mut questions = Vec::new();
        if let Some((smallest, device)) = &self.small_flash {
            let (smallest, device) = (*smallest, device.clone());
            questions.push(Question::FlashSize { built_for: self.built_for, smallest, device });
        }
        let gzip_helps = self.lacking.iter().any(|lacking| lacking.gzip_would_fit);
        if self.devices > 0 && self.fitting == 0 && !gzip_helps {
            questions.push(Question::FitsNone { devices: self.devices });
        }
        questions
    }
}

/// The release before, of the same chip and part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Previous {
    /// What it is called.
    pub title: String,
    /// Bytes of its image.
    pub size: u64,
}

impl Previous {
    /// The newest published release with such an image and another version.
    pub(super) fn of(
        image: &Image,
        version: Option<&FirmwareVersion>,
        others: &[Release],
    ) -> Option<Self> {
        let mut best: Option<(&Release, &Image)> = None;
        for other in others.iter().filter(|other| other.state == ReleaseState::Published) {
            let same = |own: &&Image| own.part == image.part && own.chip == image.chip;
            let Some(own) = other.images().find(same) else { continue };
            let newer = best.is_none_or(|(best, _)| other.version > best.version);
            if newer && other.version.as_ref() != version {
                best = Some((other, own));
            }
        }
        best.map(|(release, own)| Self { title: release.title(), size: own.size })
    }
}

impl App {
    /// On which of the platform's devices an image fits.
    pub(super) async fn fits(
        &self,
        file: &Examined,
        platform_id: Option<i64>,
    ) -> Result<Fits, Error> {
        let image = &file.image;
        let mut fits = Fits { built_for: image.flash_size.unwrap_or(0), ..Fits::default() };
        let Some(platform_id) = platform_id.filter(|_| image.part == Part::Application) else {
            return Ok(fits);
        };
        let packed = image.packed.as_ref().map(|packed| packed.size).or(file.packed_estimate);
        let mut small_flash: Option<(u64, MacAddr)> = None;
        let mut lacking = Vec::new();
        self.0.fleet.each(|mac, live| {
            let own = live.platform_id == Some(platform_id) && live.approval == Approval::Approved;
            let Some(report) = live.report.as_deref().filter(|_| own) else { return };
            if !image.suits(report.family, live.learnt.known_chip()) {
                return;
            }
            if let Some(size) = too_small_a_flash(report, image)
                && small_flash.is_none_or(|(smallest, _)| size < smallest)
            {
                small_flash = Some((size, mac));
            }
            if report.free_space.is_none() {
                return;
            }
            fits.devices += 1;
            let (bytes, gzip_would_fit) = match room_for(report, image.size, packed) {
                Room::Enough => {
                    fits.fitting += 1;
                    return;
                }
                Room::WithGzip => (lacks(report, image), true),
                Room::TooLittle { .. } => (lacks(report, image), false),
                Room::NoSlot => (None, false),
            };
            if lacking.len() < NAMED {
                lacking.push(Lacking { mac, title: mac.to_string(), bytes, gzip_would_fit });
            }
        });
        for device in &mut lacking {
            device.title = self.title(device.mac).await?;
        }
        fits.lacking = lacking;
        if let Some((size, mac)) = small_flash {
            fits.small_flash = Some((size, self.title(mac).await?));
        }
        Ok(fits)
    }

    async fn title(&self, mac: MacAddr) -> Result<String, Error> {
        let device = self.0.store.device(mac).await?;
        Ok(device.map_or_else(|| mac.to_string(), |device| device.title()))
    }
}

/// The device's flash memory in bytes, where it is smaller than what the image was built for.
fn too_small_a_flash(report: &Report, image: &Image) -> Option<u64> {
    let (size, built_for) = (u64::from(report.chip_size?), image.flash_size?);
    (size > 0 && size < built_for).then_some(size)
}

/// Bytes that are missing.
fn lacks(report: &Report, image: &Image) -> Option<u64> {
    let free = u64::from(report.free_space?);
    let family: Family = report.family;
    Some(needed_space(family, image.size).saturating_sub(free))
}
