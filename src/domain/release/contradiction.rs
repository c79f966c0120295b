//! Where a file, its name and what it is published as do not agree.

use crate::domain::image::{ImageInfo, version_in_file_name};
use crate::domain::version::FirmwareVersion;

/// Two sources that say different things about one file. It is said, and stops nothing: what the
/// better source says was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contradiction {
    /// The name of the file says another version.
    FileName {
        /// What the name says.
        says: String,
        /// What the file would be published as.
        version: String,
    },
    /// A marker in the sketch says another version.
    MarkedVersion {
        /// What the marker says.
        says: String,
        /// What the file would be published as.
        version: String,
    },
    /// A marker in the sketch names another platform.
    MarkedPlatform {
        /// What the marker says.
        says: String,
        /// What the file would be published as.
        platform: String,
    },
    /// The application description of ESP-IDF says another version.
    Descriptor {
        /// What the description says.
        says: String,
        /// What the file would be published as.
        version: String,
    },
}

impl Contradiction {
    /// All codes.
    pub const CODES: &[&str] = &["file_name", "marked_version", "marked_platform", "descriptor"];

    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::FileName { .. } => "file_name",
            Self::MarkedVersion { .. } => "marked_version",
            Self::MarkedPlatform { .. } => "marked_platform",
            Self::Descriptor { .. } => "descriptor",
        }
    }

    /// The contradiction in one sentence.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::FileName { says, version } => {
                format!("The name of the file says {says}, not {version}.")
            }
            Self::MarkedVersion { says, version } => {
                format!("The marker in the sketch says {says}, not {version}.")
            }
            Self::MarkedPlatform { says, platform } => {
                format!("The marker in the sketch names {says}, not {platform}.")
            }
            Self::Descriptor { says, version } => {
                format!("The ESP-IDF description in the file says {says}, not {version}.")
            }
        }
    }
}

/// Everything that speaks against what a file would be published as.
#[must_use]
pub fn contradictions(
    file_name: &str,
    info: Option<&ImageInfo>,
    platform: Option<&str>,
    version: Option<&FirmwareVersion>,
) -> Vec<Contradiction> {
    let mut found = Vec::new();
    let markers = info.map(|info| info.markers.as_slice()).unwrap_or_default();
    if let Some(version) = version {
        let differs = |says: &str| FirmwareVersion::read(says) != *version;
        let version = || version.to_string();
        let named = version_in_file_name(file_name).map(|candidate| candidate.text);
        if let Some(says) = named.filter(|says| differs(says)) {
            found.push(Contradiction::FileName { says, version: version() });
        }
        let marked = markers.iter().filter_map(|marker| marker.version.as_deref());
        if let Some(says) = marked.filter(|says| differs(says)).map(str::to_owned).next() {
            found.push(Contradiction::MarkedVersion { says, version: version() });
        }
        let descriptor = info.and_then(|info| info.descriptor.as_ref());
        let own = descriptor.and_then(|descriptor| descriptor.own_version());
        if let Some(says) = own.filter(|says| differs(says)).map(str::to_owned) {
            found.push(Contradiction::Descriptor { says, version: version() });
        }
    }
    if let Some(platform) = platform {
        let other = |name: &&str| !name.eq_ignore_ascii_case(platform);
        let marked = markers.iter().filter_map(|marker| marker.name.as_deref());
        if let Some(says) = marked.filter(other).map(str::to_owned).next() {
            found.push(Contradiction::MarkedPlatform { says, platform: platform.to_owned() });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::image::{KnownNames, inspect};

    const C3: &[u8] = include_bytes!("../../../tests/images/esp32c3.bin");

    fn codes(
        name: &str,
        info: Option<&ImageInfo>,
        platform: &str,
        version: &str,
    ) -> Vec<&'static str> {
        let version = FirmwareVersion::read(version);
        let found = contradictions(name, info, Some(platform), Some(&version));
        assert!(found.iter().all(|one| one.text().ends_with('.')), "{found:?}");
        found.iter().map(Contradiction::code).collect()
    }

    #[test]
    fn a_name_that_says_another_version_is_named() {
        assert_eq!(codes("chase-v1.3.0.bin", None, "chase", "v1.2.0"), ["file_name"]);
        assert_eq!(codes("chase_1_2_0.bin", None, "chase", "v1.2"), <[&str; 0]>::default());
        assert_eq!(codes("firmware.bin", None, "chase", "v1.2.0"), <[&str; 0]>::default());
        assert_eq!(contradictions("chase-v1.3.0.bin", None, Some("chase"), None), []);
    }

    #[test]
    fn the_description_and_the_markers_are_held_against_it() {
        let mut info = inspect(C3, &KnownNames::default()).unwrap();
        assert_eq!(codes("x.bin", Some(&info), "chase", "v9.9.9"), ["descriptor"]);
        info.descriptor = None;
        let (name, version) = (Some("pump".to_owned()), Some("v1.0.0".to_owned()));
        info.markers = vec![crate::domain::image::Marker { name, version, offset: 1 }];
        let both = ["marked_version", "marked_platform"];
        assert_eq!(codes("x.bin", Some(&info), "chase", "v9.9.9"), both);
        assert_eq!(codes("x.bin", Some(&info), "PUMP", "1.0"), <[&str; 0]>::default());
    }
}
