//! Texts that are shaped like a version and are something else: addresses, dates, paths, drawings.

use super::shape::{Lead, Shape};

/// What the whole text around a version shows it to be, if not a version of this firmware.
pub(super) fn of_text(
    text: &str,
    shape: &Shape,
    before: &str,
    after: &str,
) -> Option<&'static str> {
    if shape.lead == Lead::Bare {
        if is_drawing(before, after) {
            return Some("numbers of a drawing");
        }
        if is_address(text, shape, before, after) {
            return Some("an IP address");
        }
        if is_day(text) {
            return Some("a date");
        }
        if text.starts_with("802.") {
            return Some("a standard of the IEEE");
        }
    }
    if is_commit(after) {
        return Some("an SDK with its commit");
    }
    let head = before.rsplit([' ', '"', '\'', '(', '<', '>']).next().unwrap_or_default();
    let tail = after.split([' ', '"', '\'', ')', '<', '>']).next().unwrap_or_default();
    if head.contains("://") || head.starts_with("//") || is_script(head) || is_script(tail) {
        return Some("part of an address or path");
    }
    if head.ends_with('@') || head.ends_with("@v") {
        return Some("a library's path");
    }
    if head.contains(['/', '\\']) && (tail.contains(['/', '\\']) || is_source(tail)) {
        return Some("part of an address or path");
    }
    if before.contains("/*") || before.starts_with("//") {
        return Some("the head of a script or style sheet");
    }
    let alone = shape.parts == 2 && shape.lead == Lead::Bare;
    if head.ends_with('/') && head.len() > 1 && (alone || is_product(before, after)) {
        return Some("a name and version as clients and servers say");
    }
    None
}

fn is_source(tail: &str) -> bool {
    [".c", ".cpp", ".h", ".hpp", ".py", ".rs", ".a"].iter().any(|kind| tail.ends_with(kind))
}

/// Whether a text speaks of a licence, an owner or a page: no sure sign, but no good one.
pub(super) fn is_licence(text: &str) -> bool {
    ["(c)", "copyright", "license", "licence", "http://", "https://", " | mit"]
        .iter()
        .any(|word| text.contains(word))
}

/// `Mozilla/5.0 (…) …`, `FreeRTOS/6.0.5, UPnP/1.0, IpBridge/1.17.0`: more than one such pair.
fn is_product(before: &str, after: &str) -> bool {
    before.matches('/').count() + after.matches('/').count() > 1 || before.contains("agent")
}

/// `2.2.2-dev(38a443e)`.
fn is_commit(after: &str) -> bool {
    let inner = after.strip_prefix('(').and_then(|rest| rest.split_once(')'));
    inner.is_some_and(|(hash, _)| {
        (7..=10).contains(&hash.len()) && hash.bytes().all(|b| b.is_ascii_hexdigit())
    })
}

/// The path of an SVG drawing: commands of one letter and numbers, nothing else.
fn is_drawing(before: &str, after: &str) -> bool {
    let inside = |b: &u8| !b"\"'<>".contains(b);
    let head = before.bytes().rev().take_while(inside).take(14);
    let near: Vec<u8> = head.chain(after.bytes().take_while(inside).take(14)).collect();
    let command = |b: &u8| b"mlhvcsqtaz".contains(b);
    let number = |b: &u8| b.is_ascii_digit() || b" .,-".contains(b);
    near.len() >= 10
        && near.iter().all(|b| command(b) || number(b))
        && near.iter().filter(|b| number(b)).count() * 2 > near.len()
        && near.iter().any(u8::is_ascii_digit)
}

/// Four numbers up to 255 that look like an address rather than a version, or their beginning.
fn is_address(text: &str, shape: &Shape, before: &str, after: &str) -> bool {
    let parts: Vec<u32> = text.split('.').filter_map(|part| part.parse().ok()).collect();
    if parts.len() != shape.parts || parts.iter().any(|part| *part > 255) {
        return false;
    }
    let special = match parts.as_slice() {
        [first, ..] if *first >= 224 => true,
        [172, second, _, ..] => (16..32).contains(second),
        [192, 168, ..]
        | [169, 254, ..]
        | [127 | 0, 0, 0, ..]
        | [114, 114, ..]
        | [10, _, _, _]
        | [1, 0 | 1, _, 1]
        | [8, 8, ..]
        | [9, 9, 9, ..]
        | [4, 2, 2, _] => true,
        [first, _, _, _] => *first >= 100,
        _ => false,
    };
    let tells = |text: &str| {
        ["ip", "dns", "gateway", "mask", "subnet", "addr", "host", "server", "ping", "route"]
            .iter()
            .any(|word| text.contains(word))
    };
    let port = after
        .strip_prefix([':', '/'])
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let open = parts.len() == 3
        && after.starts_with('.')
        && !after.starts_with(". ")
        && after != "."
        && !after.get(1..).is_some_and(|rest| goes_on(after) || is_hash(rest));
    special || port || open || (parts.len() == 4 && tells(before))
}

/// `63df972` behind the dot of `2.3.2.63df972`: the commit.
fn is_hash(text: &str) -> bool {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(text.len());
    let word = text.get(..end).unwrap_or_default();
    (7..=10).contains(&word.len())
        && word.bytes().all(|b| b.is_ascii_hexdigit())
        && word.bytes().any(|b| b.is_ascii_alphabetic())
}

/// Whether a version goes on behind its last number, and not with a commit.
pub(super) fn goes_on(after: &str) -> bool {
    let rest = after.strip_prefix('.').unwrap_or_default();
    rest.starts_with(|c: char| c.is_ascii_alphabetic()) && !is_hash(rest)
}

/// Whether a text is program text of a page: its versions are those of scripts.
pub(super) fn is_code(text: &str) -> bool {
    ["function(", "function (", "=>", "){", "});", "&&", "prototype"]
        .iter()
        .any(|sign| text.contains(sign))
}

/// `31.12.2024`.
fn is_day(text: &str) -> bool {
    let parts: Vec<u32> = text.split('.').filter_map(|part| part.parse().ok()).collect();
    matches!(parts.as_slice(), [1..=31, 1..=12, 1970..=2099])
}

/// Whether a text names a script, a style sheet or a page.
pub(super) fn is_script(before: &str) -> bool {
    [".js", ".css", ".htm"].iter().any(|kind| before.contains(kind)) || before.contains("xml")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::image::shape::first_in;

    fn verdict(before: &str, text: &str, after: &str) -> Option<&'static str> {
        let shape = first_in(text).unwrap();
        of_text(text, &shape, before, after)
    }

    #[test]
    fn strangers_are_known_by_what_stands_around_them() {
        for (before, text, after) in [
            ("", "192.168.4.1", ""),
            ("", "192.168.1", "."),
            ("dns 1: ", "208.67.222.222", ""),
            ("", "255.255.255.0", ""),
            ("", "127.0.0.1", ":80"),
            ("", "10.1.2.3", ""),
            ("", "8.8.8.8", ""),
            ("", "114.114.114.114", ""),
            ("", "239.255.255.250", ""),
            ("built ", "31.12.2024", ""),
            ("ieee ", "802.15.4", ""),
            ("", "2.2.2-dev", "(38a443e)"),
            ("http://host/lib/", "3.3.1", "/jquery.js"),
            ("/path/to/lib@", "1.2.3", "/src"),
            ("c:\\me\\esp32\\", "2.0.17", "\\cores"),
            ("/home/me/esp-backtrace-", "0.6.0", "/src/xtensa.rs"),
            ("/*! milligram ", "v1.3.0", " */"),
            ("/lib/chart-", "2.9.4", ".min.js"),
            ("server: freertos/", "6.0.5", ", upnp/1.0"),
            ("esp32 http client/", "1.0", ""),
            ("", "10.1.2", ".3456789"),
            ("d=\"m19 3h5c-1.1.9-2 2-2 2v14c0 ", "1.1.9", " 2 2 2h14\""),
        ] {
            assert!(verdict(before, text, after).is_some(), "{before}{text}{after}");
        }
    }

    #[test]
    fn a_version_of_its_own_is_no_stranger() {
        for (before, text, after) in [
            ("", "v1.2.3", ""),
            ("", "0.15.0", ""),
            ("", "2.3.2", ".63df972"),
            ("", "4.2.0.0", ""),
            ("", "1.2.3.4", ""),
            ("", "2024.06.01", ""),
            ("wled ", "0.14.0", " (build 2312)"),
            ("meter/", "1.2.3", ""),
            ("firmware ", "v10.0.0", ", built today"),
            ("{\"fw\":\"", "1.2.3", "\"}"),
        ] {
            assert_eq!(verdict(before, text, after), None, "{before}{text}{after}");
        }
    }
}
