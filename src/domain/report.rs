//! What a device says about itself when it checks in.

use super::chip::Family;
use super::digest::{Md5, Sha256};
use super::mac::MacAddr;

/// What the updater on the device wants, from the `x-ESP*-mode` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// The application; also where the header is missing (ESP8266 core 2.0.0).
    Sketch,
    /// A file-system image: `spiffs`, and on newer ESP32 cores `littlefs`, `fatfs`, `flashfs`.
    FileSystem,
    /// Only the version that is available, in headers (ESP8266 core 3.2 and later).
    Version,
    /// A word that no known updater sends.
    Unknown,
}

impl Mode {
    /// Reads the header's value.
    #[must_use]
    pub fn read(value: Option<&str>) -> Self {
        match value.map(str::trim) {
            None | Some("") => Self::Sketch,
            Some(word) if word.eq_ignore_ascii_case("sketch") => Self::Sketch,
            Some(word) if word.eq_ignore_ascii_case("version") => Self::Version,
            Some(word) => {
                let known = ["spiffs", "littlefs", "fatfs", "flashfs"];
                let matches = known.iter().any(|known| word.eq_ignore_ascii_case(known));
                if matches { Self::FileSystem } else { Self::Unknown }
            }
        }
    }

    /// The word as updaters send it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Sketch => "sketch",
            Self::FileSystem => "spiffs",
            Self::Version => "version",
            Self::Unknown => "unknown",
        }
    }
}

/// One check-in's statement: identity, and everything the decision needs to know.
///
/// Sizes are in bytes. What the device did not say, or said unreadably, is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Which family's updater asked, from the names of its headers.
    pub family: Family,
    /// The identity: the STA address, else BASE, else AP.
    pub mac: MacAddr,
    /// What it wants.
    pub mode: Mode,
    /// The platform it named in `dev=`.
    pub dev: Option<Box<str>>,
    /// The version it named in `ver=`, else in its version header.
    pub version: Option<Box<str>>,
    /// MD5 of the image it runs; unknown where it sends that of nothing.
    pub sketch_md5: Option<Md5>,
    /// The digest appended to the image it runs (ESP32).
    pub sketch_sha256: Option<Sha256>,
    /// ESP8266: room for an image beside the running one; ESP32: size of the next slot, 0 = none.
    pub free_space: Option<u32>,
    /// Size of the running image.
    pub sketch_size: Option<u32>,
    /// Size of the flash chip.
    pub chip_size: Option<u32>,
    /// Version of the SDK it was built with.
    pub sdk: Option<Box<str>>,
}

impl Report {
    /// Whether this is a Tasmota device, known by its version `14.4.1(release-tasmota)`: it takes
    /// 304 for success and needs a true length to start its two-step update.
    #[must_use]
    pub fn is_tasmota(&self) -> bool {
        self.version.as_deref().is_some_and(|version| {
            version.starts_with(|c: char| c.is_ascii_digit())
                && version.ends_with(')')
                && version.contains('(')
        })
    }

    /// Whether the device runs the image that it ran when it said `earlier`; `None` where no digest
    /// tells.
    #[must_use]
    pub fn same_image_as(&self, earlier: &Self) -> Option<bool> {
        let md5 = self.sketch_md5.zip(earlier.sketch_md5).map(|(now, then)| now == then);
        let sha256 = self.sketch_sha256.zip(earlier.sketch_sha256);
        md5.or(sha256.map(|(now, then)| now == then))
    }

    /// Whether the device runs something else than when it said `earlier`: another version or
    /// another image. A digest that is missing now and then (out of memory) says nothing.
    #[must_use]
    pub fn runs_other_than(&self, earlier: &Self) -> bool {
        fn differ<T: PartialEq>(now: Option<T>, then: Option<T>) -> bool {
            matches!((now, then), (Some(now), Some(then)) if now != then)
        }
        self.version != earlier.version
            || differ(self.sketch_md5, earlier.sketch_md5)
            || differ(self.sketch_sha256, earlier.sketch_sha256)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_read_without_case_and_missing_means_sketch() {
        for (value, mode) in [
            (None, Mode::Sketch),
            (Some(""), Mode::Sketch),
            (Some("sketch"), Mode::Sketch),
            (Some("SPIFFS"), Mode::FileSystem),
            (Some("littlefs"), Mode::FileSystem),
            (Some("version"), Mode::Version),
            (Some("teapot"), Mode::Unknown),
        ] {
            assert_eq!(Mode::read(value), mode, "{value:?}");
        }
    }
}
