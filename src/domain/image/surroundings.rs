//! What the text around a version says about whose version it is.

use super::bytes::{is_text, run_around};
use super::shape::{Lead, Shape, is_version_word};
use super::{signs, words};

/// How far the text of one string is looked at.
const REACH: usize = 160;
/// How much of a neighbouring string is looked at.
const NEIGHBOUR: usize = 48;
/// The most zeros between neighbouring strings.
const GAP: usize = 8;

/// The text around a version.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Surroundings {
    /// The same line of the same string, before the version.
    pub before: String,
    /// The same line of the same string, behind it.
    pub after: String,
    /// The end of the string before.
    pub previous: String,
    /// The beginning of the string behind.
    pub next: String,
    /// Whether the version is a string of its own.
    pub whole: bool,
}

/// What the surroundings make of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It belongs to something else.
    Library(&'static str),
    /// It may be the firmware's own: how much speaks for it, and whether a word says “version”.
    Candidate { score: i32, keyed: bool },
}

impl Surroundings {
    /// Looks around a range of the file.
    pub(super) fn of(bytes: &[u8], shape: &Shape) -> Self {
        let range = &shape.range;
        let run = run_around(bytes, range, REACH);
        let text = |range| String::from_utf8_lossy(bytes.get(range).unwrap_or_default());
        let before = text(run.start..range.start);
        let after = text(range.end..run.end);
        let before = before.rsplit(['\n', '\r']).next().unwrap_or_default();
        let after = after.split(['\n', '\r']).next().unwrap_or_default();
        let (previous, next) = neighbours(bytes, run.start, run.end);
        Self {
            whole: run.start == range.start && run.end == range.end,
            before: before.to_owned(),
            after: after.to_owned(),
            previous,
            next,
        }
    }
}

/// The strings before and behind a run, if nothing but zeros lies between.
fn neighbours(bytes: &[u8], start: usize, end: usize) -> (String, String) {
    let low = bytes
        .get(start.saturating_sub(GAP)..start)
        .unwrap_or_default();
    let zeros = low.iter().rev().take_while(|b| **b == 0).count();
    let stop = start - zeros;
    let head = bytes
        .get(stop.saturating_sub(NEIGHBOUR)..stop)
        .unwrap_or_default();
    let len = head.iter().rev().take_while(|b| is_text(**b)).count();
    let previous = head
        .get(head.len() - len..)
        .filter(|_| zeros > 0)
        .unwrap_or_default();

    let high = bytes.get(end..).unwrap_or_default();
    let zeros = high.iter().take(GAP).take_while(|b| **b == 0).count();
    let tail = high.get(zeros..).filter(|_| zeros > 0).unwrap_or_default();
    let len = tail
        .iter()
        .take(NEIGHBOUR)
        .take_while(|b| is_text(**b))
        .count();
    let next = tail.get(..len).unwrap_or_default();
    (
        String::from_utf8_lossy(previous).into_owned(),
        String::from_utf8_lossy(next).into_owned(),
    )
}

/// Judges a version by what stands around it; `named` says that a known platform's name stands
/// right before it, so that a word there is no stranger.
pub(super) fn judge(text: &str, shape: &Shape, around: &Surroundings, named: bool) -> Verdict {
    let before = around.before.to_ascii_lowercase();
    let after = around.after.to_ascii_lowercase();
    let key = Key::of(&before);
    let clear = named || (key.strong && key.subject.is_empty());
    if let Some(reason) = words::library(&key.subject).filter(|_| !named) {
        return Verdict::Library(reason);
    }
    if !clear && let Some(reason) = of_text(text, shape, &before, &after) {
        return Verdict::Library(reason);
    }
    if clear && is_script(&before) {
        return Verdict::Library("a script or style sheet");
    }
    let next_to_sign = signs::is_one(&around.previous) || signs::is_one(&around.next);
    if around.whole && next_to_sign && !named {
        return Verdict::Library("a library, whose texts stand on either side");
    }
    let mut score = shape_score(text, shape) + key_score(&key, around);
    if !named && !key.subject.is_empty() && !around.whole {
        score -= 15;
    }
    if is_licence(&before) || is_licence(&after) || before.len() + after.len() > 100 {
        score -= 15;
    }
    Verdict::Candidate {
        score,
        keyed: key.word || shape.lead.is_mark(),
    }
}

/// What the words before a version and the strings beside it are worth.
fn key_score(key: &Key, around: &Surroundings) -> i32 {
    let whole = if around.whole { 15 } else { 0 };
    let label = around.previous.to_ascii_lowercase();
    let foreign = around.whole && words::library(&last_word(&label)).is_some();
    whole - if foreign { 20 } else { 0 }
        + if key.strong {
            25
        } else if key.word {
            18
        } else if around.whole && is_label(&label) {
            14
        } else if around.whole && is_label(&around.next.to_ascii_lowercase()) {
            6
        } else {
            0
        }
}

fn shape_score(text: &str, shape: &Shape) -> i32 {
    let mut score = match shape.lead {
        Lead::V => 20,
        Lead::Word => 18,
        Lead::Bare => 0,
        Lead::Glued => -10,
    };
    if shape.parts == 2 {
        score -= 10;
    }
    if shape.suffix {
        score += 8;
    }
    if !text.bytes().any(|b| matches!(b, b'1'..=b'9')) {
        score -= 30;
    }
    score
}

/// What announces a version in the text before it.
#[derive(Debug, Default)]
struct Key {
    /// A word like `version` stands there.
    word: bool,
    /// It stands there as `ver=` or `version:`.
    strong: bool,
    /// What it is the version of: the word before that.
    subject: String,
}

impl Key {
    fn of(before: &str) -> Self {
        let mut key = Self::default();
        let mut rest = before;
        for nth in 0..4 {
            let cut = rest.trim_end_matches(|c: char| !c.is_ascii_alphanumeric() && c != ')');
            let between = rest.get(cut.len()..).unwrap_or_default();
            if between.len() > 6 || between.contains(['<', '>', '{', '}', ';']) {
                break;
            }
            let word = last_word(cut);
            let bare = word.trim_start_matches('_');
            let Some(inner) = version_word(bare) else {
                key.subject.push_str(bare);
                break;
            };
            key.word = true;
            key.strong |= nth == 0 && between.contains(['=', ':']);
            if !inner.is_empty() {
                key.subject.push_str(inner);
                break;
            }
            rest = cut.get(..cut.len() - word.len()).unwrap_or_default();
        }
        key
    }
}

/// Words that say no more than “version” does.
const PLAIN: [&str; 12] = [
    "software",
    "app",
    "application",
    "current",
    "number",
    "is",
    "running",
    "rev",
    "revision",
    "sketch",
    "ota",
    "new",
];

/// If a word says “version”, what it says besides: `sdk` of `sdk_version`.
fn version_word(word: &str) -> Option<&str> {
    if word.is_empty() {
        return None;
    }
    if is_version_word(word.as_bytes()) || PLAIN.contains(&word) {
        return Some("");
    }
    let inner = word
        .strip_suffix("version")
        .or_else(|| word.strip_suffix("_ver"))?;
    let inner = inner.trim_end_matches('_');
    let own = matches!(
        inner,
        "" | "app" | "fw" | "sw" | "firmware" | "software" | "my" | "prog"
    );
    Some(if own { "" } else { inner })
}

/// The last word of a text: letters, digits and underscores.
fn last_word(text: &str) -> String {
    let text = text.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
    let start = text
        .rfind(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .map_or(0, |at| at + 1);
    text.get(start..).unwrap_or_default().to_owned()
}

/// Whether a neighbouring string is a label or format like `Version: `, `fw_version` or
/// `Firmware version %s (%s)`.
fn is_label(lower: &str) -> bool {
    let mut words = lower.rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '%');
    let words = words
        .by_ref()
        .filter(|word| !word.is_empty() && !word.contains('%'));
    words.take(2).any(|word| version_word(word) == Some(""))
}

fn is_script(before: &str) -> bool {
    [".js", ".css", ".htm"]
        .iter()
        .any(|kind| before.contains(kind))
        || before.contains("xml")
}

/// What the whole text around a version shows it to be, if not a version of this firmware.
fn of_text(text: &str, shape: &Shape, before: &str, after: &str) -> Option<&'static str> {
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
    let head = before
        .rsplit([' ', '"', '\'', '(', '<', '>'])
        .next()
        .unwrap_or_default();
    let tail = after
        .split([' ', '"', '\'', ')', '<', '>'])
        .next()
        .unwrap_or_default();
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
    if head.ends_with('/') && head.len() > 1 && is_product(before, after) {
        return Some("a name and version as clients and servers say");
    }
    None
}

fn is_source(tail: &str) -> bool {
    [".c", ".cpp", ".h", ".hpp", ".py", ".rs", ".a"]
        .iter()
        .any(|kind| tail.ends_with(kind))
}

fn is_licence(text: &str) -> bool {
    [
        "(c)",
        "copyright",
        "license",
        "licence",
        "http://",
        "https://",
        " | mit",
    ]
    .iter()
    .any(|word| text.contains(word))
}

/// `Mozilla/5.0 (…) …`, `FreeRTOS/6.0.5, UPnP/1.0, IpBridge/1.17.0`: more than one such pair.
fn is_product(before: &str, after: &str) -> bool {
    before.matches('/').count() + after.matches('/').count() > 1 || before.contains("agent")
}

/// `2.2.2-dev(38a443e)`.
fn is_commit(after: &str) -> bool {
    let inner = after
        .strip_prefix('(')
        .and_then(|rest| rest.split_once(')'));
    inner.is_some_and(|(hash, _)| {
        (7..=10).contains(&hash.len()) && hash.bytes().all(|b| b.is_ascii_hexdigit())
    })
}

/// The path of an SVG drawing: commands of one letter and numbers, nothing else.
fn is_drawing(before: &str, after: &str) -> bool {
    let near: Vec<u8> = before
        .bytes()
        .rev()
        .take(14)
        .chain(after.bytes().take(14))
        .collect();
    let command = |b: &u8| b"mlhvcsqtaz".contains(b);
    let number = |b: &u8| b.is_ascii_digit() || b" .,-\"".contains(b);
    near.len() >= 10
        && near.iter().all(|b| command(b) || number(b))
        && near.iter().filter(|b| number(b)).count() * 2 > near.len()
        && near.iter().any(u8::is_ascii_digit)
}

/// Four numbers up to 255 that look like an address rather than a version, or their beginning.
fn is_address(text: &str, shape: &Shape, before: &str, after: &str) -> bool {
    let parts: Vec<u32> = text
        .split('.')
        .filter_map(|part| part.parse().ok())
        .collect();
    if parts.len() != shape.parts || parts.iter().any(|part| *part > 255) {
        return false;
    }
    let special = match parts.as_slice() {
        [first, ..] if *first >= 224 => true,
        [172, second, _, ..] => (16..32).contains(second),
        [192, 168, ..] | [169, 254, ..] | [127 | 0, 0, 0, ..] | [114, 114, ..] => true,
        [10, _, _, _] | [1, 0 | 1, _, 1] | [8, 8, ..] | [9, 9, 9, ..] | [4, 2, 2, _] => true,
        [first, _, _, _] => *first >= 100,
        _ => false,
    };
    let tells = |text: &str| {
        [
            "ip", "dns", "gateway", "mask", "subnet", "addr", "host", "server", "ping", "route",
        ]
        .iter()
        .any(|word| text.contains(word))
    };
    let port = after
        .strip_prefix([':', '/'])
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let open =
        parts.len() == 3 && after.starts_with('.') && !after.starts_with(". ") && after != ".";
    special || port || open || (parts.len() == 4 && tells(before))
}

/// `31.12.2024`.
fn is_day(text: &str) -> bool {
    let parts: Vec<u32> = text
        .split('.')
        .filter_map(|part| part.parse().ok())
        .collect();
    matches!(parts.as_slice(), [1..=31, 1..=12, 1970..=2099])
}
