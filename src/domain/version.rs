//! Versions as devices and files write them, and their order.

use std::cmp::Ordering;
use std::fmt;

use semver::Prerelease;

/// A version as it was found or reported, with a lenient reading that gives it an order.
///
/// The text is kept; equality and order go by the reading (`design.md` §6): a leading `v` does not
/// matter, `1.2` is 1.2.0, a fourth number and a git description sort behind the version they
/// belong to, pre-releases before it, build metadata is ignored, and what cannot be read sorts
/// lowest, by its text.
#[derive(Clone)]
pub struct FirmwareVersion {
    text: String,
    order: Order,
}

/// What the order goes by; the variants are in ascending order.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Order {
    Unreadable(String),
    /// A Tasmota stepping stone (`minimal`, `safeboot`): below every release.
    SteppingStone(Numbers),
    Readable(Numbers),
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Numbers {
    major: u64,
    minor: u64,
    patch: u64,
    fourth: u64,
    pre: Prerelease,
    commits: u64,
}

impl FirmwareVersion {
    /// Reads a version; every text gives one, some are [unreadable](Self::is_readable).
    #[must_use]
    pub fn read(text: &str) -> Self {
        let text = text.trim();
        Self { text: text.to_owned(), order: read_order(text) }
    }

    /// The version as it was found or reported, without spaces around it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the text could be read as a version.
    #[must_use]
    pub const fn is_readable(&self) -> bool {
        !matches!(self.order, Order::Unreadable(_))
    }

    /// Whether this is a Tasmota stepping stone (`14.4.1(minimal)`, `(safeboot)`), which must get
    /// the release of the same number.
    #[must_use]
    pub const fn is_stepping_stone(&self) -> bool {
        matches!(self.order, Order::SteppingStone(_))
    }

    /// Whether a device that reports `reported` should get this version: it is higher, or neither
    /// can be read and they differ.
    #[must_use]
    pub fn is_newer_than(&self, reported: &Self) -> bool {
        match (&self.order, &reported.order) {
            (Order::Unreadable(ours), Order::Unreadable(theirs)) => ours != theirs,
            (ours, theirs) => ours > theirs,
        }
    }

    /// A text that is the same for equal versions and different for others: the key under which a
    /// version is unique on its platform.
    #[must_use]
    pub fn key(&self) -> String {
        match &self.order {
            Order::Unreadable(text) => format!("?{text}"),
            Order::SteppingStone(numbers) => format!("<{}", numbers.key()),
            Order::Readable(numbers) => numbers.key(),
        }
    }

    /// The version as part of a file name: no leading `v`, and nothing but letters and digits.
    #[must_use]
    pub fn file_part(&self) -> String {
        let bare = strip_v(&self.text).unwrap_or(&self.text);
        bare.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).take(48).collect()
    }
}

impl Numbers {
    fn key(&self) -> String {
        let Self { major, minor, patch, fourth, pre, commits } = self;
        let mut key = format!("{major}.{minor}.{patch}.{fourth}");
        if !pre.is_empty() {
            key.push('-');
            key.push_str(pre.as_str());
        }
        if *commits > 0 {
            key.push('~');
            key.push_str(&commits.to_string());
        }
        key
    }
}

/// The text behind a leading `v` or `V` that stands before a digit.
fn strip_v(text: &str) -> Option<&str> {
    text.strip_prefix(['v', 'V']).filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

fn read_order(text: &str) -> Order {
    let bare = strip_v(text).unwrap_or(text);
    let (number, variant) = match bare.split_once('(') {
        Some((number, rest)) => match rest.strip_suffix(')') {
            Some(variant) => (number.trim_end(), Some(variant)),
            None => return Order::Unreadable(text.to_owned()),
        },
        None => (bare, None),
    };
    let Some(numbers) = read_numbers(number) else {
        return Order::Unreadable(text.to_owned());
    };
    let stepping = variant.is_some_and(|v| v.ends_with("minimal") || v.ends_with("safeboot"));
    if stepping { Order::SteppingStone(numbers) } else { Order::Readable(numbers) }
}

fn read_numbers(text: &str) -> Option<Numbers> {
    let text = text.strip_suffix("-dirty").unwrap_or(text);
    let text = text.split_once('+').map_or(text, |(version, _build)| version);
    let text = text.strip_suffix("-dirty").unwrap_or(text);
    let (dotted, suffix) = match text.split_once('-') {
        Some((dotted, suffix)) => (dotted, Some(suffix)),
        None => (text, None),
    };
    let mut parts = [0_u64; 4];
    for (place, part) in dotted.split('.').enumerate() {
        let slot = parts.get_mut(place)?;
        if part.is_empty() || part.len() > 18 || !part.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        *slot = part.parse().ok()?;
    }
    let (pre, commits) = match suffix {
        None => (Prerelease::EMPTY, 0),
        Some(suffix) => match read_commits(suffix) {
            Some(commits) => (Prerelease::EMPTY, commits),
            None => (Prerelease::new(suffix).ok().filter(|pre| !pre.is_empty())?, 0),
        },
    };
    let [major, minor, patch, fourth] = parts;
    Some(Numbers { major, minor, patch, fourth, pre, commits })
}

/// The number of commits in a git description: `5` or `5-gabc1234`.
fn read_commits(suffix: &str) -> Option<u64> {
    let (count, hash) = match suffix.split_once('-') {
        Some((count, hash)) => (count, Some(hash)),
        None => (suffix, None),
    };
    if let Some(hash) = hash {
        let digits = hash.strip_prefix('g')?;
        if digits.len() < 4 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
    }
    if count.is_empty() || count.len() > 18 || !count.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    count.parse().ok()
}

impl PartialEq for FirmwareVersion {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl Eq for FirmwareVersion {}

impl PartialOrd for FirmwareVersion {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for FirmwareVersion {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order.cmp(&other.order)
    }
}

impl fmt::Display for FirmwareVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for FirmwareVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (as {})", self.text, self.key())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> FirmwareVersion {
        FirmwareVersion::read(text)
    }

    #[test]
    fn these_are_the_same_version() {
        for same in [
            &["v1.2.3", "V1.2.3", "1.2.3", "1.02.3", " 1.2.3 "][..],
            &["1.2", "1.2.0", "v1.2"],
            &["1", "1.0.0", "1.0"],
            &["2024.06.01", "2024.6.1"],
            &["1.2.3", "1.2.3+build", "1.2.3-dirty", "1.2.3+abc-dirty"],
            &["1.2.3-5", "1.2.3-5-gabc1234", "1.2.3-5-gabc1234-dirty"],
            &["14.4.1(release-tasmota)", "14.4.1", "14.4.1(85cff52-tasmota)"],
            &["14.4.1(minimal)", "14.4.1(release-minimal)", "14.4.1(safeboot)"],
        ] {
            for other in same {
                assert_eq!(read(same[0]), read(other));
                assert_eq!(read(same[0]).key(), read(other).key());
                assert!(read(other).is_readable(), "{other}");
            }
        }
    }

    #[test]
    fn each_is_lower_than_the_next() {
        let ascending = [
            "",
            "DOOR-7-g14f53a19",
            "garbage",
            "0.1(minimal)",
            "99.0.0(release-safeboot)",
            "0.0.1",
            "1.2.3-beta",
            "1.2.3-rc.1",
            "1.2.3-rc.2",
            "1.2.3",
            "1.2.3-5-gabc1234",
            "1.2.3-12",
            "1.2.3.1",
            "1.2.3.4",
            "1.2.3.10",
            "1.2.4",
            "1.9.0",
            "1.10.0",
            "2.75-12-gbb361850",
            "2.76",
            "14.4.1(tasmota)",
            "2024.06.01",
        ];
        for pair in ascending.windows(2) {
            assert!(read(pair[0]) < read(pair[1]), "{} < {}", pair[0], pair[1]);
            assert_ne!(read(pair[0]).key(), read(pair[1]).key());
        }
    }

    #[test]
    fn the_rest_cannot_be_read() {
        for text in [
            "",
            "v",
            "v1.",
            "1..2",
            "1.2.3.4.5",
            "1.2.3rc1",
            "latest",
            "1.2.3-",
            "1.2.3(x",
            "99999999999999999999.0.0",
            "1.2.x",
            "-1.2.3",
        ] {
            assert!(!read(text).is_readable(), "{text}");
        }
    }

    #[test]
    fn newer_means_higher_or_unreadably_different() {
        for (release, reported, newer) in [
            ("v1.0.1", "v1.0.0", true),
            ("v1.0.1", "1.0.1", false),
            ("v1.0.9", "v1.0.10", false),
            ("v1.0.1", "garbage", true),
            ("spring", "autumn", true),
            ("spring", "spring", false),
            ("spring", "v1.0.0", false),
            ("14.4.1", "14.4.1(minimal)", true),
        ] {
            assert_eq!(read(release).is_newer_than(&read(reported)), newer, "{release} {reported}");
        }
    }

    #[test]
    fn file_names_hold_only_letters_and_digits() {
        assert_eq!(read("v1.0.2").file_part(), "1_0_2");
        assert_eq!(read("1.2.3-rc.1").file_part(), "1_2_3_rc_1");
        assert_eq!(read("vega 5/ä").file_part(), "vega_5__");
    }
}
