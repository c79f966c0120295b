//! Texts of libraries that carry a version of their own as a lonely string: whoever stands among
//! them is probably theirs.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

/// How far around a version is looked for texts that make it doubtful.
pub(super) const FAR: usize = 160;
/// How far for texts that make it suspect.
pub(super) const CLOSE: usize = 72;

/// What closed and popular libraries print beside their version.
const SIGNS: &[&str] = &[
    "coex firmware",
    "coexist",
    "coexistence",
    "smartconfig",
    "sc_wifi",
    "sc_init_sniff",
    "wifinoscan",
    "wifimanager",
    "*wm:",
    "radiolib",
    "irremote",
    "autoconnect",
    "elegantota",
    "asyncwebserver",
    "nimble",
    "lv_obj",
    "lvgl",
    "tinyusb",
    "mbedtls",
    "wolfssl",
    "openssl",
    "bearssl",
    "arduinojson",
    "micropython",
    "libsodium",
    "homespan",
    "wifi_prov",
    "protocomm",
    "prov-session",
    "no_pop",
    "nghttp",
    "cjson",
    "coremark",
    "duktape",
    "h-beat",
    "lwip",
    "esp-idf:",
    "blnkinf",
    "arduinoha",
    "espui",
    "tft_espi",
    "library",
    "inflate ",
    "deflate ",
];

static AUTOMATON: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let mut builder = AhoCorasick::builder();
    builder.ascii_case_insensitive(true).kind(Some(AhoCorasickKind::DFA)).build(SIGNS).ok()
});

/// Whether texts of a library stand within reach around a range.
pub(super) fn around(bytes: &[u8], range: &Range<usize>, reach: usize) -> bool {
    let low = range.start.saturating_sub(reach);
    let high = range.end.saturating_add(reach).min(bytes.len());
    let window = bytes.get(low..high).unwrap_or_default();
    AUTOMATON.as_ref().is_some_and(|automaton| automaton.is_match(window))
}

/// Whether a neighbouring string is one of a library.
pub(super) fn is_one(text: &str) -> bool {
    AUTOMATON.as_ref().is_some_and(|automaton| automaton.is_match(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_counts_only_close_by() {
        let mut text = b"coex firmware version: %s\0\0\0".to_vec();
        text.extend(b"2.0.0\0");
        assert!(around(&text, &(28..33), FAR));
        text.splice(0..0, *b"v1.0.0\0");
        text.splice(6..6, [0; 400]);
        assert!(!around(&text, &(0..6), FAR));
        assert!(is_one("*WM: [1] x") && !is_one("Marshall"));
    }
}
