//! Strings that begin alike on both sides of a version: those of one module, and so perhaps the
//! version too.

use std::ops::Range;

use super::names::NameInFile;
use super::shape::is_version_word;

/// How far around a version is looked.
const REACH: usize = 160;
/// A shorter word says nothing.
const SHORTEST: usize = 4;

/// Whether a string before and one behind a range begin with the same word, which is none of the
/// known names: `zmux: no frame`, `3.2.1`, `zmux_free`.
pub(super) fn around(bytes: &[u8], range: &Range<usize>, names: &[NameInFile]) -> bool {
    let low = range.start.saturating_sub(REACH);
    let high = range.end.saturating_add(REACH).min(bytes.len());
    // The string of the version itself and the beginning of the first one do not count.
    let before = bytes.get(low..range.start).unwrap_or_default();
    let before = before.get(..before.iter().rposition(|b| *b == 0).unwrap_or(0));
    let after = bytes.get(range.end..high).unwrap_or_default();
    let after = after.get(after.iter().position(|b| *b == 0).unwrap_or(after.len())..);
    let words = |text: Option<&[u8]>| -> Vec<String> {
        text.unwrap_or_default().split(|b| *b == 0).filter_map(first_word).collect()
    };
    let (before, after) = (words(before), words(after));
    before.iter().any(|word| after.contains(word) && !is_name(word, names))
}

/// The letters that a string begins with, in lower case.
fn first_word(text: &[u8]) -> Option<String> {
    let start = text.iter().position(u8::is_ascii_alphabetic)?;
    let rest = text.get(start..)?;
    let word = rest.get(..rest.iter().take_while(|b| b.is_ascii_alphabetic()).count())?;
    let telling = start <= 2 && word.len() >= SHORTEST && !is_version_word(word);
    telling.then(|| String::from_utf8_lossy(word).to_ascii_lowercase())
}

fn is_name(word: &str, names: &[NameInFile]) -> bool {
    names.iter().any(|name| {
        let name = name.name.to_ascii_lowercase();
        name.contains(word) || word.contains(&name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::image::KnownNames;

    #[test]
    fn strings_that_begin_alike_are_a_family() {
        for (text, expected) in [
            ("zmux: no frame\0lamp\x003.2.1\0zmux_free\0", true),
            ("[qlink] on\x003.2.1\0[qlink] off\0", true),
            ("lamp ready\x003.2.1\0lamp off\0", false),
            ("ready\x003.2.1\0off\0", false),
            ("version\x003.2.1\0version %s\0", false),
            ("mux\x003.2.1\0mux\0", false),
            ("3.2.1", false),
        ] {
            let at = text.find("3.2.1").unwrap();
            let names = KnownNames::new(["lamp"]).find(text.as_bytes());
            assert_eq!(around(text.as_bytes(), &(at..at + 5), &names), expected, "{text}");
        }
    }
}
