//! The images of the fleet, and what a device is that runs one.

use espalier::domain::chip::Chip;

use super::device::Heard;
use super::firmware::{self, FLASH_MODE};

/// An image that was built for the fleet.
#[derive(Debug, Clone)]
pub struct Build {
    /// The number of its platform.
    pub platform: usize,
    /// Its version.
    pub version: String,
    /// The chip that it is for.
    pub chip: Chip,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Of a hundred devices, so many do not survive it.
    pub breaks: u32,
    /// Its number at the server; 0 before it is uploaded.
    pub release: i64,
    /// MD5 of the image as it stands in the flash memory, by flash mode.
    md5: [String; 4],
    /// The digest at the end of an ESP32 image, in upper case.
    sha256: String,
}

impl Build {
    /// A new build.
    pub fn new(platform: usize, name: &str, version: &str, chip: Chip, kib: usize) -> Self {
        let bytes = firmware::build(chip, name, version, kib);
        let mut patched = bytes.clone();
        let md5 = [0, 1, 2, 3].map(|mode| {
            patched[2] = mode;
            firmware::md5(&patched)
        });
        let sha256 = firmware::hex(&bytes[bytes.len() - 32..]).to_uppercase();
        let (version, breaks, release) = (version.to_owned(), 0, 0);
        Self { platform, version, chip, bytes, breaks, release, md5, sha256 }
    }

    /// What a device is that runs it, in this flash mode.
    pub fn program(&self, number: usize, mode: u8) -> Program {
        // Only the ESP8266's updater corrects the flash mode.
        let mode = if self.chip == Chip::Esp8266 { mode } else { FLASH_MODE };
        let md5 = self.md5.get(usize::from(mode)).cloned().unwrap_or_default();
        Program {
            build: Some(number),
            version: self.version.clone(),
            md5,
            sha256: self.sha256.clone(),
            size: self.bytes.len(),
        }
    }
}

/// What a device runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The number of the build; `None`: flashed by cable, nobody else has it.
    pub build: Option<usize>,
    /// The version that it reports.
    pub version: String,
    /// Its MD5.
    pub md5: String,
    /// Its digest (ESP32).
    pub sha256: String,
    /// Its size in bytes.
    pub size: usize,
}

/// All builds, by their numbers.
#[derive(Debug, Clone, Default)]
pub struct Library(pub Vec<Build>);

impl Library {
    /// The number of the build with this MD5.
    pub fn find(&self, md5: &str) -> Option<usize> {
        self.0.iter().position(|build| build.md5[usize::from(FLASH_MODE)] == md5)
    }

    /// The build that an answer brings, also where it breaks: its file has the version in its name.
    pub fn sent(&self, platform: usize, heard: &Heard) -> Option<usize> {
        let whole = heard.image.as_deref().and_then(|md5| self.find(md5));
        whole.or_else(|| {
            let file = heard.file.as_deref()?.replace('_', ".");
            let named = |build: &Build| file.contains(build.version.trim_start_matches('v'));
            self.0.iter().position(|build| build.platform == platform && named(build))
        })
    }

    /// The build of this number.
    pub fn get(&self, number: usize) -> Option<&Build> {
        self.0.get(number)
    }

    /// The number of a platform's build of this version.
    pub fn of(&self, platform: usize, version: &str) -> Option<usize> {
        let same = |build: &Build| build.platform == platform && build.version == version;
        self.0.iter().position(same)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_is_found_by_what_is_sent_and_runs_as_it_stands_in_flash_memory() {
        let builds = [(0, "v1.0.0", Chip::Esp8266), (0, "v1.1.0", Chip::Esp8266)];
        let builds =
            builds.map(|(platform, version, chip)| Build::new(platform, "lamp", version, chip, 32));
        let library = Library(builds.into());
        let sent = firmware::md5(&library.0[1].bytes);
        assert_eq!(library.find(&sent), Some(1));
        assert_eq!(library.of(0, "v1.0.0"), Some(0));
        assert_eq!(library.0[1].program(1, FLASH_MODE).md5, sent);
        assert_ne!(library.0[1].program(1, 3).md5, sent);
        let file = |name: &str| Some(format!("attachment; filename=\"{name}\""));
        let broken = Heard { file: file("lamp_1_1_0.bin"), ..Heard::default() };
        assert_eq!(library.sent(0, &broken), Some(1));
        assert_eq!(library.sent(0, &Heard::default()), None);
    }

    #[test]
    fn an_esp32_never_changes_an_image() {
        let build = Build::new(0, "meter", "v1.0.0", Chip::Esp32, 32);
        assert_eq!(build.program(0, 3), build.program(0, FLASH_MODE));
    }
}
