//! Finding texts that are shaped like a version, in one pass from dot to dot.

use std::ops::Range;

/// The most digits of a number: `241212` and `20240601` are wanted, random digits are not.
const DIGITS: usize = 9;
/// The longest suffix that is read (`-12-gbb361850-dirty`).
const SUFFIX: usize = 40;

/// A text that is shaped like a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shape {
    /// Where it stands, a leading `v` included.
    pub range: Range<usize>,
    /// How many numbers it has: 2 to 4.
    pub parts: usize,
    /// What stands directly before its first digit.
    pub lead: Lead,
    /// Whether a suffix like `-rc.1` belongs to it.
    pub suffix: bool,
}

/// What stands directly before the first digit of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lead {
    /// An edge.
    Bare,
    /// A `v` that begins a word.
    V,
    /// A word like `ver` or `rev` without a space.
    Word,
    /// A `v` at the end of another word: `IPv4`, `TLSv1.2`.
    Glued,
}

impl Lead {
    /// Whether it says “version”.
    pub(super) const fn is_mark(self) -> bool {
        matches!(self, Self::V | Self::Word)
    }
}

/// Calls back for each text that is shaped like a version, in the order of the file, until the
/// callback says `false`.
pub(super) fn scan(bytes: &[u8], mut found: impl FnMut(Shape) -> bool) {
    let mut done = 0;
    for dot in memchr::memchr_iter(b'.', bytes) {
        if dot < done || !digit_at(bytes, dot.wrapping_sub(1)) || !digit_at(bytes, dot + 1) {
            continue;
        }
        let low = dot.saturating_sub(DIGITS).max(done);
        let before = bytes.get(low..dot).unwrap_or_default();
        let start = dot - before.iter().rev().take_while(|b| b.is_ascii_digit()).count();
        let (end, parts) = numbers(bytes, start);
        done = end;
        if let Some(shape) = shape(bytes, start..end, parts) {
            done = done.max(shape.range.end);
            if !found(shape) {
                return;
            }
        }
    }
}

/// The first version in a short text, as in the name of a file.
pub(super) fn first_in(text: &str) -> Option<Shape> {
    let mut first = None;
    scan(text.as_bytes(), |shape| {
        first = Some(shape);
        false
    });
    first
}

fn digit_at(bytes: &[u8], at: usize) -> bool {
    bytes.get(at).is_some_and(u8::is_ascii_digit)
}

/// Where the dotted numbers from `start` end, and how many they are (at most 6 are counted).
fn numbers(bytes: &[u8], start: usize) -> (usize, usize) {
    let mut end = start;
    for parts in 1..=6 {
        let digits = bytes.get(end..).unwrap_or_default();
        end += digits.iter().take(4 * DIGITS).take_while(|b| b.is_ascii_digit()).count();
        if bytes.get(end) != Some(&b'.') || !digit_at(bytes, end + 1) || parts == 6 {
            return (end, parts);
        }
        end += 1;
    }
    (end, 6)
}

fn shape(bytes: &[u8], range: Range<usize>, mut parts: usize) -> Option<Shape> {
    let (lead, start) = lead(bytes, range.start)?;
    let digits = bytes.get(range.clone())?;
    if digits.split(|b| *b == b'.').any(|number| number.len() > DIGITS) {
        return None;
    }
    let mut end = range.end;
    // The tail of `2.3.2.63df972` is a hash, not a number.
    if parts == 4 && bytes.get(end).is_some_and(u8::is_ascii_hexdigit) {
        end = range.start + digits.iter().rposition(|b| *b == b'.')?;
        parts = 3;
    }
    if !(2..=4).contains(&parts) || (parts == 2 && lead == Lead::Glued) {
        return None;
    }
    let suffix = if end == range.end { suffix(bytes, end)? } else { 0 };
    Some(Shape { range: start..end + suffix, parts, lead, suffix: suffix > 0 })
}

/// What stands before the first digit, and where the version begins with it.
fn lead(bytes: &[u8], start: usize) -> Option<(Lead, usize)> {
    let before = bytes.get(start.saturating_sub(12)..start).unwrap_or_default();
    let letters = before.iter().rev().take_while(|b| b.is_ascii_alphabetic()).count();
    let word = before.get(before.len() - letters..).unwrap_or_default();
    let edge = before.len().checked_sub(letters + 1).and_then(|at| before.get(at)).copied();
    match (word, edge) {
        ([], Some(b'.' | b'%' | b'0'..=b'9')) => None,
        ([], _) => Some((Lead::Bare, start)),
        ([b'v' | b'V'], Some(b'0'..=b'9')) => Some((Lead::Glued, start)),
        ([b'v' | b'V'], _) => Some((Lead::V, start - 1)),
        (word, _) if is_version_word(word) => Some((Lead::Word, start)),
        (_, Some(b'0'..=b'9')) => None,
        ([.., b'v' | b'V'], _) => Some((Lead::Glued, start)),
        _ => None,
    }
}

/// Whether a word, in any case, announces a version.
pub(super) fn is_version_word(word: &[u8]) -> bool {
    const WORDS: [&str; 12] = [
        "v", "ver", "vers", "version", "rel", "release", "fw", "firmware", "fwv", "fwver", "sw",
        "build",
    ];
    WORDS.iter().any(|known| word.eq_ignore_ascii_case(known.as_bytes()))
}

/// The length of the suffix that belongs to a version ending at `end`; `None` if what follows
/// shows that this is no version.
fn suffix(bytes: &[u8], end: usize) -> Option<usize> {
    let rest = bytes.get(end..).unwrap_or_default();
    let rest = rest.get(..SUFFIX.min(rest.len())).unwrap_or_default();
    match rest {
        [b'-' | b'~', ..] => Some(words(rest)),
        [b'+', next, ..] if next.is_ascii_alphanumeric() => {
            let inner = rest[1..].iter().take_while(|b| is_inner(**b)).count();
            Some(1 + trimmed(rest.get(1..=inner).unwrap_or_default()))
        }
        [b'.', b'x' | b'X' | b'*' | b'%', ..] | [b'%', ..] => None,
        [first, ..] if first.is_ascii_alphabetic() => {
            let len = rest.iter().take_while(|b| b.is_ascii_alphanumeric()).count();
            is_release_word(rest.get(..len)?).then_some(len)
        }
        _ => Some(0),
    }
}

const fn is_inner(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-')
}

fn trimmed(text: &[u8]) -> usize {
    text.len() - text.iter().rev().take_while(|b| !b.is_ascii_alphanumeric()).count()
}

/// How much of `-rc.1-5-gabc1234 …` is a suffix of the version and not another word.
fn words(rest: &[u8]) -> usize {
    let mut taken = 0;
    while let Some([b'-' | b'~', word @ ..]) = rest.get(taken..) {
        let len = word.iter().take_while(|b| b.is_ascii_alphanumeric()).count();
        let dotted = word.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'.').count();
        let dotted = trimmed(word.get(..dotted).unwrap_or_default());
        let (Some(first), Some(whole)) = (word.get(..len), word.get(..dotted)) else {
            break;
        };
        if !is_suffix_word(first) {
            break;
        }
        // `-rc.1` and `-dev.12` go on behind the dot, `-5.bin` does not.
        let numbered = whole.get(len + 1..).is_some_and(|tail| {
            !tail.is_empty() && tail.iter().all(|b| b.is_ascii_digit() || *b == b'.')
        });
        taken += 1 + if numbered { dotted } else { len };
    }
    taken
}

fn is_suffix_word(word: &[u8]) -> bool {
    let is_hash = |hash: &[u8]| hash.len() >= 7 && hash.iter().all(u8::is_ascii_hexdigit);
    match word {
        [] => false,
        [b'g', hash @ ..] if is_hash(hash) => true,
        word if is_hash(word) || word.iter().all(u8::is_ascii_digit) => true,
        word => is_release_word(word),
    }
}

/// Whether a word, in any case and with or without a number behind it, names a kind of release.
fn is_release_word(word: &[u8]) -> bool {
    const WORDS: [&str; 19] = [
        "a", "alpha", "b", "beta", "c", "d", "rc", "dev", "pre", "preview", "snapshot", "nightly",
        "dirty", "hotfix", "patch", "git", "test", "unstable", "p",
    ];
    let digits = word.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    let name = word.get(..word.len() - digits).unwrap_or_default();
    WORDS.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<&str> {
        let mut found = Vec::new();
        scan(text.as_bytes(), |shape| {
            found.push(&text[shape.range]);
            true
        });
        found
    }

    #[test]
    fn versions_are_found_in_all_their_shapes() {
        for (text, expected) in [
            ("v1.0.2", &["v1.0.2"][..]),
            ("V1.0.0", &["V1.0.0"]),
            ("0.15.0", &["0.15.0"]),
            ("4.2.0.0", &["4.2.0.0"]),
            ("v1.2", &["v1.2"]),
            ("2.75-12-gbb361850", &["2.75-12-gbb361850"]),
            ("v1.2.3-5-gabc1234-dirty", &["v1.2.3-5-gabc1234-dirty"]),
            ("1.19.0-dev", &["1.19.0-dev"]),
            ("3.7.0-dev.12", &["3.7.0-dev.12"]),
            ("1.2.3-rc.1", &["1.2.3-rc.1"]),
            ("1.2.3rc1", &["1.2.3rc1"]),
            ("0.14.0-b7", &["0.14.0-b7"]),
            ("1.2.3+build.7", &["1.2.3+build.7"]),
            ("2024.06.01", &["2024.06.01"]),
            ("ver1.2.3 Version2.0.0", &["1.2.3", "2.0.0"]),
            ("Marshall_v1.0.2_esp32.bin", &["v1.0.2"]),
            ("fw-1.0.2.bin", &["1.0.2"]),
            ("1.0.2-esp32", &["1.0.2"]),
            ("1.0.2-5.bin", &["1.0.2-5"]),
            ("2.3.2.63df972", &["2.3.2"]),
            ("is v1.2.3.", &["v1.2.3"]),
            ("v1.2.3\0v1.2.4", &["v1.2.3", "v1.2.4"]),
            ("(1.2.3)", &["1.2.3"]),
        ] {
            assert_eq!(all(text), expected, "{text}");
        }
    }

    #[test]
    fn what_has_another_shape_is_left_out() {
        for text in [
            "M10.5.0",
            "1.3.6.1.2.1",
            "%1.2f",
            "1.5em",
            "12.5px",
            "1.2.x",
            "1.2.%d",
            ".5.3",
            "1..2",
            "v1",
            "TLSv1.2",
            "esp1.2.3",
            "1234567890.1.2",
            "x",
            "",
            ".",
            "1.",
            ".1",
        ] {
            assert_eq!(all(text), <[&str; 0]>::default(), "{text}");
        }
    }

    #[test]
    fn the_lead_tells_how_it_is_marked() {
        for (text, lead, parts) in [
            ("v1.2.3", Lead::V, 3),
            (" 1.2.3", Lead::Bare, 3),
            ("ver1.2", Lead::Word, 2),
            ("espv1.2.3.4", Lead::Glued, 4),
        ] {
            let shape = first_in(text).unwrap();
            assert_eq!((shape.lead, shape.parts), (lead, parts), "{text}");
        }
    }
}
