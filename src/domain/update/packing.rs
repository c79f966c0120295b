//! Plain or compressed: what an ESP8266 can unpack, and what would destroy it.

use super::space::fits_packed;
use super::{Family, GzipPolicy, Mode, Situation};
use crate::domain::learnt::GzipTried;
use crate::domain::release::{Image, Packed};

/// In which form an image is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// As it is.
    Plain,
    /// Compressed with gzip; the device's boot loader unpacks it.
    Packed,
}

/// The compressed form of the image, if the device may have it, else why not.
///
/// A compressed image is written as it is, without the correction of the flash mode that a plain
/// one gets (`protocol.md` §2.3): where the modes differ, the device would not start again.
pub(super) fn packed_for<'a>(
    situation: &Situation<'_>,
    image: &'a Image,
) -> Result<&'a Packed, &'static str> {
    let (report, learnt) = (situation.report, situation.learnt());
    let policy = situation.platform.map(|platform| platform.gzip).unwrap_or_default();
    let packed = image.packed.as_ref().ok_or("there is no compressed form of it")?;
    let running_mode = situation.running.and_then(|running| running.flash_mode);
    let unpacks = situation.running.is_some_and(|running| running.release.image.unpacks);
    let same_mode = image.flash_mode.is_some() && image.flash_mode == running_mode;
    let refused = if report.family != Family::Esp8266 || report.mode != Mode::Sketch {
        "only an ESP8266 unpacks gzip"
    } else if packed.signed && !learnt.verifies {
        "a signed gzip file destroys a device that does not check signatures, and nobody said \
         that this one does"
    } else if !packed.signed && (learnt.verifies || learnt.ran_signed) {
        "the compressed form is not signed"
    } else if policy == GzipPolicy::Off {
        "compressed images are switched off for the platform"
    } else if learnt.gzip == Some(GzipTried::Failed) {
        "it did not take a compressed one before"
    } else if policy == GzipPolicy::Auto && !unpacks && learnt.gzip.is_none() {
        "it is not known to unpack gzip"
    } else if running_mode.is_some() && !same_mode {
        "the flash mode it runs in is not the image’s, and gzip would not correct that"
    } else if policy == GzipPolicy::Auto && !same_mode {
        "its flash mode is not known, and gzip would not correct it"
    } else if !fits_packed(report, image.size, packed.size) {
        "there is no room to unpack it"
    } else {
        return Ok(packed);
    };
    Err(refused)
}
