//! Room on a device: what an image needs, and what there is.

use super::{Family, Part, Report};
use crate::domain::release::Image;

/// Bytes as a person reads them.
pub(super) fn kib(bytes: u64) -> String {
    format!("{} KiB", bytes.div_ceil(1024))
}

/// Bytes rounded up to whole flash sectors of 4096 bytes, as the ESP8266 updater reserves them.
#[must_use]
pub const fn sectors(bytes: u64) -> u64 {
    bytes.div_ceil(4096) * 4096
}

/// What an image of `size` bytes needs on a device of this family (`design.md` §4).
#[must_use]
pub const fn needed_space(family: Family, size: u64) -> u64 {
    match family {
        Family::Esp8266 => sectors(size),
        Family::Esp32 => size,
    }
}

/// Where an ESP8266's file system begins: the end of the room for sketches (`protocol.md` §2.1).
#[must_use]
pub(super) fn end_of_sketches(report: &Report) -> Option<u64> {
    let (free, sketch) = (report.free_space?, report.sketch_size?);
    Some(u64::from(free) + sectors(u64::from(sketch)))
}

/// Whether an image fits on a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// It fits, or the device did not say how much room it has.
    Enough,
    /// It fits only compressed.
    WithGzip,
    /// It does not. Sizes in bytes.
    TooLittle {
        /// What the image needs.
        needs: u64,
        /// What the device has.
        free: u64,
    },
    /// An ESP32 without a second slot for updates.
    NoSlot,
}

/// Whether an application of these sizes in bytes fits on the device that says this; `packed` is
/// the size of its compressed form, where there is one.
#[must_use]
pub fn room_for(report: &Report, size: u64, packed: Option<u64>) -> Room {
    let Some(free) = report.free_space else {
        return Room::Enough;
    };
    if report.family == Family::Esp32 && free == 0 {
        return Room::NoSlot;
    }
    let (needs, free) = (needed_space(report.family, size), u64::from(free));
    if needs <= free {
        Room::Enough
    } else if packed.is_some_and(|packed| fits_packed(report, size, packed)) {
        Room::WithGzip
    } else {
        Room::TooLittle { needs, free }
    }
}

/// Whether an ESP8266 can keep a compressed image beside its program and unpack it without running
/// over what it still reads (`protocol.md` §2.3).
#[must_use]
pub(super) fn fits_packed(report: &Report, size: u64, packed: u64) -> bool {
    if report.family != Family::Esp8266 {
        return false;
    }
    let beside = report.free_space.is_none_or(|free| sectors(packed) <= u64::from(free));
    let unpacked = end_of_sketches(report).is_none_or(|end| sectors(size) + sectors(packed) <= end);
    beside && unpacked
}

/// Whether the device's flash memory is surely too small for the image: for an ESP8266 by the size
/// in the image's header, which its updater compares (-107); for a file system by what is left
/// behind the room for sketches. Answers what is needed and what there is, in bytes.
#[must_use]
pub(super) fn flash_too_small(report: &Report, image: &Image) -> Option<(u64, u64)> {
    let chip_size = u64::from(report.chip_size.filter(|size| *size > 0)?);
    if report.family != Family::Esp8266 {
        return None;
    }
    let (needs, has) = match image.part {
        Part::Application => (image.flash_size?, chip_size),
        Part::FileSystem => (image.size, chip_size.saturating_sub(end_of_sketches(report)?)),
    };
    (needs > has).then_some((needs, has))
}
