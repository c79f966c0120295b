//! Explicit markers: bytes that a sketch carries on purpose to say its name and version.

use memchr::memmem;

use super::bytes::offset;
use super::info::Marker;

/// The macro for sketches; one line of use: `ESPALIER("Marshall", "v1.0.1")`.
///
/// The text lies in the program as one string with unit separators (0x1F) between its parts and
/// the name of this server spelled backwards at its end, so that it cannot stand there by
/// accident, nor by quoting this macro. The linker throws away what nothing refers to, `used` or
/// not; the little function runs before `setup()`, is always kept, and refers to the string.
pub const SKETCH_MACRO: &str = r#"#define ESPALIER(platform, version)                                       \
  static const char espalier_marker[] __attribute__((used)) =                 \
      "ESPALIER\x1f" platform "\x1f" version "\x1f" "REILAPSE";               \
  static void __attribute__((constructor, used)) espalier_keep(void) {        \
    __asm__ volatile("" : : "r"(espalier_marker));                            \
  }"#;

const HEAD: &[u8] = b"ESPALIER\x1F";
const TAIL: &[u8] = b"\x1FREILAPSE";
const HOMIE_NAME: (&[u8], &[u8]) = (b"\xBF\x84\xE4\x13\x54", b"\x93\x44\x6B\xA7\x75");
const HOMIE_VERSION: (&[u8], &[u8]) = (b"\x6A\x3F\x3E\x0E\xE1", b"\xB0\x30\x48\xD4\x1A");

const BLYNK: &[u8] = b"blnkinf\0";

/// The longest name or version that a marker may hold.
const LONGEST: usize = 64;
/// How many markers are read at most.
const MARKERS: usize = 16;

/// Finds all markers: Espalier's own, or else those of Homie and Blynk.
pub(super) fn find(bytes: &[u8]) -> Vec<Marker> {
    let mut markers: Vec<Marker> = Vec::new();
    for at in memmem::find_iter(bytes, HEAD).take(MARKERS) {
        if let Some(marker) = espalier(bytes, at)
            && !markers.iter().any(|other| same(other, &marker))
        {
            markers.push(marker);
        }
    }
    if markers.is_empty() {
        markers.extend(homie(bytes));
        markers
            .extend(memmem::find_iter(bytes, BLYNK).take(MARKERS).find_map(|at| blynk(bytes, at)));
    }
    markers
}

fn same(one: &Marker, other: &Marker) -> bool {
    one.name == other.name && one.version == other.version
}

fn espalier(bytes: &[u8], at: usize) -> Option<Marker> {
    let rest = bytes.get(at + HEAD.len()..)?;
    let rest = rest.get(..(2 * LONGEST + 1 + TAIL.len()).min(rest.len()))?;
    let body = rest.get(..memmem::find(rest, TAIL)?)?;
    let separator = memchr::memchr(0x1F, body)?;
    let name = text(body.get(..separator)?)?;
    let version = text(body.get(separator + 1..)?)?;
    Some(Marker { name: Some(name), version: Some(version), offset: offset(at) })
}

/// Homie marks name and version apart from each other; only one of each makes sense.
fn homie(bytes: &[u8]) -> Option<Marker> {
    let (name, version) = (enclosed(bytes, HOMIE_NAME), enclosed(bytes, HOMIE_VERSION));
    let at = version.as_ref().or(name.as_ref())?.1;
    Some(Marker {
        name: name.map(|(text, _)| text),
        version: version.map(|(text, _)| text),
        offset: offset(at),
    })
}

/// Blynk's tag: keys and values with a zero behind each, of which `mcu` is the firmware's version.
fn blynk(bytes: &[u8], at: usize) -> Option<Marker> {
    let rest = bytes.get(at + BLYNK.len()..)?;
    let rest = rest.get(..512.min(rest.len()))?;
    let mut parts = rest.split(|b| *b == 0).take_while(|part| !part.is_empty());
    while let (Some(key), Some(value)) = (parts.next(), parts.next()) {
        if key == b"mcu" && value != b"0.0.0" {
            return Some(Marker { name: None, version: text(value), offset: offset(at) });
        }
    }
    None
}

/// The only text between two magic sequences, and where it begins.
fn enclosed(bytes: &[u8], (head, tail): (&[u8], &[u8])) -> Option<(String, usize)> {
    let mut found: Option<(String, usize)> = None;
    for at in memmem::find_iter(bytes, head).take(MARKERS) {
        let start = at + head.len();
        let rest = bytes.get(start..).unwrap_or_default();
        let rest = rest.get(..(LONGEST + tail.len()).min(rest.len())).unwrap_or_default();
        let Some(body) = memmem::find(rest, tail).and_then(|end| rest.get(..end)) else {
            continue;
        };
        match (text(body), &found) {
            (Some(text), Some((other, _))) if text != *other => return None,
            (Some(text), None) => found = Some((text, start)),
            _ => {}
        }
    }
    found
}

/// A name or version: not empty, printable, without spaces at its ends.
fn text(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?;
    let sound = !text.is_empty()
        && text.len() <= LONGEST
        && text.trim() == text
        && !text.chars().any(char::is_control);
    sound.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(file: &[u8]) -> Vec<(Option<String>, Option<String>)> {
        find(file).into_iter().map(|marker| (marker.name, marker.version)).collect()
    }

    fn pair(name: &str, version: &str) -> (Option<String>, Option<String>) {
        (Some(name.to_owned()), Some(version.to_owned()))
    }

    #[test]
    fn markers_are_read_exactly() {
        let mut homie = b"\0\xBF\x84\xE4\x13\x54lamp\x93\x44\x6B\xA7\x75\0".to_vec();
        homie.extend(b"\x6A\x3F\x3E\x0E\xE11.0.0\xB0\x30\x48\xD4\x1A");
        for (file, expected) in [
            (
                &b"xxESPALIER\x1FMarshall\x1Fv1.0.1\x1FREILAPSE\0"[..],
                vec![pair("Marshall", "v1.0.1")],
            ),
            (
                b"ESPALIER\x1Fa+b\x1F2.75-12-gbb361850\x1FREILAPSE",
                vec![pair("a+b", "2.75-12-gbb361850")],
            ),
            (&homie, vec![pair("lamp", "1.0.0")]),
            (
                b"blnkinf\0ver\x001.3.2\0h-beat\x0045\0\0blnkinf\0mcu\x000.1.7\0fw-type\0TMPL\0\0",
                vec![(None, Some("0.1.7".to_owned()))],
            ),
            (
                b"ESPALIER\x1Fa\x1F1\x1FREILAPSEESPALIER\x1Fb\x1F2\x1FREILAPSE",
                vec![pair("a", "1"), pair("b", "2")],
            ),
            (
                b"ESPALIER\x1Fa\x1F1\x1FREILAPSE\0ESPALIER\x1Fa\x1F1\x1FREILAPSE",
                vec![pair("a", "1")],
            ),
        ] {
            assert_eq!(named(file), expected);
        }
    }

    #[test]
    fn what_only_looks_like_a_marker_is_none() {
        for file in [
            &b"ESPALIER"[..],
            b"ESPALIER\x1F",
            b"ESPALIER\x1Fname\x1Fv1",
            b"ESPALIER\x1Fname\x1FREILAPSE",
            b"ESPALIER\x1F\x1F\x1FREILAPSE",
            b"ESPALIER\x1Fna\x01me\x1Fv1\x1FREILAPSE",
            b"ESPALIER\x1Fname\x1F v1\x1FREILAPSE",
            b"\x6A\x3F\x3E\x0E\xE11.0.0",
            SKETCH_MACRO.as_bytes(),
        ] {
            assert_eq!(find(file), [], "{:?}", String::from_utf8_lossy(file));
        }
        let long = [HEAD, &[b'a'; 200], b"\x1Fv1", TAIL].concat();
        assert_eq!(find(&long), []);
    }
}
