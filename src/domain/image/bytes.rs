//! Reading numbers and text out of untrusted bytes: every access is checked.

use std::ops::Range;

/// The little-endian `u16` at an offset.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let slice = bytes.get(at..at.checked_add(2)?)?;
    Some(u16::from_le_bytes(slice.try_into().ok()?))
}

/// The little-endian `u32` at an offset.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let slice = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(slice.try_into().ok()?))
}

/// A number of 32 bits as an offset or length.
pub(super) fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// An offset or length as it is shown and stored.
pub(super) fn offset(index: usize) -> u64 {
    u64::try_from(index).unwrap_or(u64::MAX)
}

/// Whether the bytes at an offset are these.
pub(super) fn holds(bytes: &[u8], at: usize, expected: &[u8]) -> bool {
    bytes.get(at..).is_some_and(|rest| rest.starts_with(expected))
}

/// The text of a field that is padded with zeros, if it is printable ASCII up to there.
pub(super) fn field_text(field: &[u8]) -> Option<&str> {
    let end = memchr::memchr(0, field).unwrap_or(field.len());
    let text = std::str::from_utf8(field.get(..end)?).ok()?;
    text.bytes().all(|b| matches!(b, b' '..=b'~')).then_some(text)
}

/// Whether the byte belongs to text: printable ASCII, tabulator or line break.
pub(super) const fn is_text(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r')
}

/// Whether a word may end or begin beside the byte: it is no letter and no digit.
pub(super) const fn is_edge(byte: u8) -> bool {
    !byte.is_ascii_alphanumeric()
}

/// The run of text around a range, looking at most `reach` bytes to either side.
pub(super) fn run_around(bytes: &[u8], range: &Range<usize>, reach: usize) -> Range<usize> {
    let low = range.start.saturating_sub(reach);
    let before = bytes.get(low..range.start).unwrap_or_default();
    let after = bytes.get(range.end..range.end.saturating_add(reach).min(bytes.len()));
    let back = before.iter().rev().take_while(|b| is_text(**b)).count();
    let forth = after.unwrap_or_default().iter().take_while(|b| is_text(**b)).count();
    range.start - back..range.end + forth
}

/// About 24 bytes on either side of a range, what cannot be printed shown as `·`.
pub(super) fn context(bytes: &[u8], range: &Range<usize>) -> String {
    const REACH: usize = 24;
    let low = range.start.saturating_sub(REACH);
    let high = range.end.saturating_add(REACH).min(bytes.len());
    let shown = bytes.get(low..high).unwrap_or_default();
    shown.iter().map(|b| if matches!(b, b' '..=b'~') { char::from(*b) } else { '·' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_inside_the_bytes_only() {
        let bytes = [1, 2, 3, 4, 5];
        assert_eq!(u16_at(&bytes, 3), Some(0x0504));
        assert_eq!(u16_at(&bytes, 4), None);
        assert_eq!(u32_at(&bytes, 1), Some(0x0504_0302));
        assert_eq!(u32_at(&bytes, usize::MAX), None);
    }

    #[test]
    fn a_run_ends_at_the_first_byte_that_is_no_text() {
        let bytes = b"\0\x01abc v1 def\0x";
        assert_eq!(run_around(bytes, &(6..8), 100), 2..12);
        assert_eq!(run_around(bytes, &(6..8), 2), 4..10);
    }

    #[test]
    fn context_shows_dots_for_what_cannot_be_printed() {
        assert_eq!(context(b"\0ab\xFFc", &(1..3)), "·ab·c");
    }
}
