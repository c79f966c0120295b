//! What the text around a version says about whose version it is.

use super::bytes::{is_text, run_around};
use super::shape::{Lead, Shape, is_version_word};
use super::{signs, strangers, words};

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
    let low = bytes.get(start.saturating_sub(GAP)..start).unwrap_or_default();
    let zeros = low.iter().rev().take_while(|b| **b == 0).count();
    let stop = start - zeros;
    let head = bytes.get(stop.saturating_sub(NEIGHBOUR)..stop).unwrap_or_default();
    let len = head.iter().rev().take_while(|b| is_text(**b)).count();
    let previous = head.get(head.len() - len..).filter(|_| zeros > 0).unwrap_or_default();

    let high = bytes.get(end..).unwrap_or_default();
    let zeros = high.iter().take(GAP).take_while(|b| **b == 0).count();
    let tail = high.get(zeros..).filter(|_| zeros > 0).unwrap_or_default();
    let len = tail.iter().take(NEIGHBOUR).take_while(|b| is_text(**b)).count();
    let next = tail.get(..len).unwrap_or_default();
    (String::from_utf8_lossy(previous).into_owned(), String::from_utf8_lossy(next).into_owned())
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
    if !clear && let Some(reason) = strangers::of_text(text, shape, &before, &after) {
        return Verdict::Library(reason);
    }
    if clear && strangers::is_script(&before) {
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
    if strangers::is_licence(&before)
        || strangers::is_licence(&after)
        || before.len() + after.len() > 100
    {
        score -= 15;
    }
    if is_demand(&before, &after) {
        score -= 60;
    }
    Verdict::Candidate { score, keyed: key.word || shape.lead.is_mark() }
}

/// `requires Tasmota v9.1.0 or later`: what something else must have.
fn is_demand(before: &str, after: &str) -> bool {
    let later =
        ["or later", "or newer", "or higher", "or above", "and later", "and newer", "required"];
    let after = after.trim_start_matches([' ', '+', '(', ')']);
    let before = ["require", "at least", "since ", "minimum", ">=", "older than", "newer than"]
        .iter()
        .any(|word| before.contains(word));
    before || later.iter().any(|word| after.starts_with(word))
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
    let inner = word.strip_suffix("version").or_else(|| word.strip_suffix("_ver"))?;
    let inner = inner.trim_end_matches('_');
    let own = matches!(inner, "" | "app" | "fw" | "sw" | "firmware" | "software" | "my" | "prog");
    Some(if own { "" } else { inner })
}

/// The last word of a text: letters, digits and underscores.
fn last_word(text: &str) -> String {
    let text = text.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
    let start = text.rfind(|c: char| !c.is_ascii_alphanumeric() && c != '_').map_or(0, |at| at + 1);
    text.get(start..).unwrap_or_default().to_owned()
}

/// Whether a neighbouring string is a label or format like `Version: `, `fw_version` or
/// `Firmware version %s (%s)`.
fn is_label(lower: &str) -> bool {
    let mut words = lower.rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '%');
    let words = words.by_ref().filter(|word| !word.is_empty() && !word.contains('%'));
    words.take(2).any(|word| version_word(word) == Some(""))
}
