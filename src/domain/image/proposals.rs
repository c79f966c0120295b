//! Names for a platform that does not exist yet: what the file says about whom it is for.

use memchr::memmem;

use super::bytes::is_text;
use super::info::ImageInfo;
use super::rank::stem;
use super::shape::scan;
use crate::domain::chip::Chip;

/// How many update addresses are read at most.
const ADDRESSES: usize = 16;
/// The longest name that is proposed.
const LONGEST: usize = 40;
/// The most zeros between two neighbouring strings.
const GAP: usize = 8;
/// Words in the name of a file that name no platform.
const GENERIC: [&str; 17] = [
    "app",
    "application",
    "bin",
    "build",
    "esp",
    "factory",
    "firmware",
    "fw",
    "image",
    "ino",
    "main",
    "ota",
    "output",
    "project",
    "release",
    "sketch",
    "update",
];

/// A name that a new platform may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameProposal {
    /// The name as it is written.
    pub name: String,
    /// Why it is proposed, as the end of a sentence.
    pub why: String,
    /// Where it comes from.
    pub source: NameSource,
}

/// Where a proposed name comes from, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NameSource {
    /// An explicit marker in the sketch.
    Marker,
    /// A genuine application description of ESP-IDF.
    Descriptor,
    /// The address at which the sketch asks for updates: `/update?dev=chase&ver=`.
    UpdateAddress,
    /// The name of the file.
    FileName,
}

impl NameSource {
    /// A stable word for programs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Marker => "marker",
            Self::Descriptor => "descriptor",
            Self::UpdateAddress => "update_address",
            Self::FileName => "file_name",
        }
    }
}

impl ImageInfo {
    /// Names for a new platform, best first, each once in any case; `file_name` is the name that
    /// the file had when it was chosen.
    #[must_use]
    pub fn proposed_names(&self, file_name: Option<&str>) -> Vec<NameProposal> {
        let mut all: Vec<NameProposal> = Vec::new();
        let mut propose = |name: &str, why: &str, source| {
            if !all.iter().any(|known| known.name.eq_ignore_ascii_case(name)) {
                all.push(NameProposal { name: name.to_owned(), why: why.to_owned(), source });
            }
        };
        for name in self.markers.iter().filter_map(|marker| marker.name.as_deref()) {
            propose(name, "the sketch marks itself so", NameSource::Marker);
        }
        if let Some(name) = self.descriptor.as_ref().and_then(|d| d.own_name()) {
            propose(name, "the project describes itself so", NameSource::Descriptor);
        }
        for name in &self.update_names {
            propose(name, "the sketch asks for updates as this", NameSource::UpdateAddress);
        }
        if let Some((name, file)) = file_name.and_then(|file| Some((in_file_name(file)?, file))) {
            let why = format!("the file is called “{}”", stem(file).0);
            propose(&name, &why, NameSource::FileName);
        }
        all
    }
}

/// The names with which the program asks for updates: behind `?dev=` or `&dev=`, or in the string
/// that follows when the text ends there.
pub(super) fn update_names(bytes: &[u8]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for at in memmem::find_iter(bytes, b"dev=").take(ADDRESSES) {
        let key = at.checked_sub(1).and_then(|before| bytes.get(before));
        if !matches!(key, Some(b'?' | b'&')) {
            continue;
        }
        let rest = bytes.get(at + 4..).unwrap_or_default();
        let zeros = rest.iter().take(GAP).take_while(|b| **b == 0).count();
        let name = name(rest.get(zeros..).unwrap_or_default(), zeros > 0);
        names.extend(name.filter(|name| !names.contains(name)));
    }
    names
}

/// The name at the beginning of some bytes; a string of its own must be nothing but the name.
fn name(bytes: &[u8], whole: bool) -> Option<String> {
    let part = |b: &&u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'+');
    let len = bytes.iter().take(LONGEST + 1).take_while(part).count();
    let text = std::str::from_utf8(bytes.get(..len)?).ok()?;
    let ends = match bytes.get(len) {
        None | Some(0) => true,
        Some(b'&') => !whole,
        Some(next) => !whole && !is_text(*next),
    };
    let sound = (1..=LONGEST).contains(&len)
        && ends
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.contains(|c: char| c.is_ascii_alphabetic());
    sound.then(|| text.to_owned())
}

/// What stands before the version in the name of a file, without words like `firmware` and without
/// the chip.
fn in_file_name(file: &str) -> Option<String> {
    let stem = stem(file).1;
    let mut end = stem.len();
    scan(stem.as_bytes(), |shape| {
        end = shape.range.start;
        false
    });
    let head = stem.get(..underscored(stem).unwrap_or(end).min(end))?;
    let separator = |c: char| matches!(c, '-' | '_' | '.' | ' ' | '(' | ')');
    let is_chip = |word: &str| Chip::ALL.iter().any(|chip| chip.slug().eq_ignore_ascii_case(word));
    let says_nothing = |word: &str| {
        word.is_empty()
            || is_chip(word)
            || GENERIC.iter().any(|generic| generic.eq_ignore_ascii_case(word))
    };
    let mut name = head.trim_matches(separator);
    while let Some(at) = name.rfind(separator).filter(|at| says_nothing(&name[at + 1..])) {
        name = name.get(..at)?.trim_end_matches(separator);
    }
    while let Some(at) = name.find(separator).filter(|at| says_nothing(&name[..*at])) {
        name = name.get(at + 1..)?.trim_start_matches(separator);
    }
    let sound = !says_nothing(name)
        && name.len() <= LONGEST
        && name.contains(|c: char| c.is_ascii_alphabetic());
    sound.then(|| name.to_owned())
}

/// Where `_1_0_2` begins.
fn underscored(stem: &str) -> Option<usize> {
    let mut at = 0;
    for part in stem.split('_') {
        let digits = part.strip_prefix(['v', 'V']).unwrap_or(part);
        if at > 0 && !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
            return Some(at - 1);
        }
        at += part.len() + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::image::tests::build::{Esp32, esp8266, strings};
    use crate::domain::image::{KnownNames, inspect};

    #[test]
    fn the_update_address_names_the_platform() {
        for (texts, expected) in [
            (&["http://host/update?dev=chase&ver=v1.0.1"][..], &["chase"][..]),
            (&["/update?ver=", "v1.0.1", "&dev=", "Marshall", "SUOTA"], &["Marshall"]),
            (&["/update?ver=%s&dev=a+b"], &["a+b"]),
            (&["?dev=%s&ver=%s", "lamp"], &[]),
            (&["&dev=", "SUOTA: Checking"], &[]),
            (&["/dev=chase", "mydev=lamp"], &[]),
            (&["?dev=one&ver=1", "?dev=one", "?dev=two&x"], &["one", "two"]),
            (&["?dev=", "12"], &[]),
        ] {
            assert_eq!(update_names(&strings(texts)), expected, "{texts:?}");
        }
        assert_eq!(update_names(b"?dev="), <[&str; 0]>::default());
    }

    #[test]
    fn the_name_of_the_file_stands_before_its_version() {
        for (file, expected) in [
            ("chase-v1.0.2.bin", Some("chase")),
            ("chase_1_0_2_esp32c3.bin", Some("chase")),
            ("Marshall_v1.0.2_esp32.bin.gz", Some("Marshall")),
            ("WLED_0.15.0_ESP8266.bin", Some("WLED")),
            ("firmware-tbeam-2.3.2.bin", Some("tbeam")),
            ("C:\\builds\\attic sensor.ino.esp32.bin", Some("attic sensor")),
            ("lamp_2.bin", Some("lamp")),
            ("marshall.bin", Some("marshall")),
            ("firmware.bin", None),
            ("firmware-1.2.3.bin", None),
            ("esp32c3.bin", None),
            ("v1.2.3.bin", None),
            ("1.2.3.bin", None),
            (".bin", None),
            ("", None),
        ] {
            assert_eq!(in_file_name(file).as_deref(), expected, "{file}");
        }
    }

    #[test]
    fn proposals_come_best_first_and_once() {
        let shown = |file: &[u8], name| {
            let info = inspect(file, &KnownNames::default()).unwrap();
            let all = info.proposed_names(name).into_iter();
            all.map(|p| format!("{} {}", p.source.code(), p.name)).collect::<Vec<_>>()
        };
        let data =
            [&b"ESPALIER\x1FMarshall\x1Fv1.0.1\x1FREILAPSE\0/update?dev=marshall&ver=\0?dev=amp\0"
                [..]]
            .concat();
        assert_eq!(
            shown(&Esp32::idf("amplifier", "v1.0.1", &data).build(), Some("stage-1.0.1.bin")),
            ["marker Marshall", "descriptor amplifier", "update_address amp", "file_name stage"]
        );
        let homie = b"\xBF\x84\xE4\x13\x54lamp\x93\x44\x6B\xA7\x75\x6A\x3F\x3E\x0E\xE11.0.0\xB0\x30\x48\xD4\x1A";
        assert_eq!(shown(&esp8266(homie), Some("firmware.bin")), ["marker lamp"]);
        assert_eq!(shown(&Esp32::arduino(b"x").build(), None), <[&str; 0]>::default());
    }
}
