//! What the text around a version says about whose version it is.

use super::bytes::{is_text, run_around};
use super::shape::{Lead, Shape, is_version_word, scan};
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
    /// The lines of the same string before that of the version.
    pub above: String,
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
    /// It may be the firmware's own.
    Candidate(Worth),
}

/// What speaks for a version by its shape and surroundings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Worth {
    /// How much.
    pub score: i32,
    /// Whether its shape or a word right before it says “version”.
    pub marked: bool,
    /// Whether a word like `version` or `fw` announces it, in its string or the one before.
    pub labelled: bool,
    /// What speaks against it in its own string.
    pub doubt: Doubt,
}

/// What a version's own string says against it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doubt {
    /// Nothing.
    None,
    /// It calls it the version of something else.
    Foreign,
    /// It goes on in a way that cannot be read: `3.0.0.a218`.
    Cut,
}

impl Surroundings {
    /// Looks around a range of the file.
    pub(super) fn of(bytes: &[u8], shape: &Shape) -> Self {
        let range = &shape.range;
        let run = run_around(bytes, range, REACH);
        let text = |range| String::from_utf8_lossy(bytes.get(range).unwrap_or_default());
        let before = text(run.start..range.start);
        let after = text(range.end..run.end);
        let (above, before) = before.rsplit_once(['\n', '\r']).unwrap_or(("", &before));
        let after = after.split(['\n', '\r']).next().unwrap_or_default();
        let (previous, next) = neighbours(bytes, run.start, run.end);
        Self {
            whole: run.start == range.start && run.end == range.end,
            above: above.to_owned(),
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
    if !named && signs::is_one(&around.above) {
        return Verdict::Library("a library, which speaks of itself above");
    }
    let label = Label::of(&around.previous);
    if around.whole && !named {
        if signs::is_one(&around.previous) || signs::is_one(&around.next) {
            return Verdict::Library("a library, whose texts stand on either side");
        }
        if let Label::Library { reason, open: true } = label {
            return Verdict::Library(reason);
        }
    }
    let mut score = shape_score(text, shape) + key_score(&key, label, around);
    let foreign = !named && !key.subject.is_empty() && !around.whole;
    if foreign {
        score -= 15;
    }
    let code = strangers::is_code(&before) || strangers::is_code(&after);
    if code {
        score -= 25;
    }
    if !named && siblings(&before) + siblings(&after) > 1 {
        score -= 20;
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
    let labelled = !code && (key.word || (around.whole && label == Label::Own));
    Verdict::Candidate(Worth {
        score,
        marked: shape.lead.is_mark() || (key.word && !code),
        labelled: labelled && !foreign,
        doubt: if strangers::goes_on(&after) {
            Doubt::Cut
        } else if foreign && (key.word || shape.lead.is_mark()) {
            Doubt::Foreign
        } else {
            Doubt::None
        },
    })
}

/// How many other versions stand in a text: a history of changes has many.
fn siblings(text: &str) -> usize {
    let mut count = 0;
    scan(text.as_bytes(), |shape| {
        count += usize::from(shape.parts > 2 || shape.lead.is_mark());
        count < 8
    });
    count
}

/// `requires Tasmota v9.1.0 or later`: what something else must have.
fn is_demand(before: &str, after: &str) -> bool {
    let later =
        ["or later", "or newer", "or higher", "or above", "and later", "and newer", "required"];
    let after = after.trim_start_matches([' ', '+', '(', ')']);
    DEMANDS.iter().any(|word| before.contains(word))
        || later.iter().any(|word| after.starts_with(word))
}

/// Words before a version that something needs, replaces or comes from.
const DEMANDS: [&str; 17] = [
    "require",
    "at least",
    "since ",
    "minimum",
    "min. ",
    ">=",
    "older than",
    "newer than",
    "upgrade from",
    "upgrading from",
    "migrat",
    "prior to",
    "compatible with",
    "tested with",
    "based on",
    "fork of",
    "forked from",
];

/// What the words before a version and the strings beside it are worth.
fn key_score(key: &Key, label: Label, around: &Surroundings) -> i32 {
    let whole = if around.whole { 15 } else { 0 };
    let announced = match label {
        _ if key.strong => 25,
        _ if key.word => 18,
        _ if !around.whole => 0,
        Label::Own => 14,
        Label::Library { .. } => -20,
        Label::Other => -4,
        Label::None if is_label(&around.next.to_ascii_lowercase()) => 6,
        Label::None => 0,
    };
    whole + announced
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
            if between.len() > 6 || between.contains(['<', '>', '{', '}', ';', ',', '&', '?']) {
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

/// What the string before a version announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Label {
    /// Nothing.
    None,
    /// The firmware's own version: `Version: `, `fw_version`, `Firmware version %s (%s)`.
    Own,
    /// The version of a library, the hardware and the like; `open` says that it ends as a label
    /// does, so that what follows belongs to it.
    Library { reason: &'static str, open: bool },
    /// The version of something that nobody knows.
    Other,
}

impl Label {
    /// Reads the string before.
    pub(super) fn of(previous: &str) -> Self {
        let lower = previous.to_ascii_lowercase();
        let text = without_tags(&lower);
        let text = without_formats(&text);
        let key = Key::of(text);
        let subject = if key.word { key.subject.clone() } else { last_word(text) };
        if let Some(reason) = words::library(&subject) {
            let open = key.word || lower.ends_with([':', '=', '/', ' ']);
            return Self::Library { reason, open };
        }
        if key.word {
            return if key.subject.is_empty() { Self::Own } else { Self::Other };
        }
        if is_label(&lower) { Self::Own } else { Self::None }
    }
}

/// A text without the formats (`%s`, `(%s)`) at its end.
fn without_formats(text: &str) -> &str {
    let mut text = text;
    loop {
        let cut = text.trim_end_matches(|c: char| c.is_whitespace() || "()[]\"'-,".contains(c));
        match cut.strip_suffix(['s', 'd', 'u']).and_then(|rest| rest.strip_suffix('%')) {
            Some(rest) => text = rest,
            None => return cut,
        }
    }
}

/// A text of a page without its tags: `<b>Version: </b><span>` says `Version: `.
fn without_tags(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut inside = false;
    for c in text.chars() {
        match c {
            '<' => inside = true,
            '>' => inside = false,
            c if !inside => out.push(c),
            _ => {}
        }
    }
    out
}

/// Whether a neighbouring string is a label or format like `Version: `, `fw_version` or
/// `Firmware version %s (%s)`.
fn is_label(lower: &str) -> bool {
    let mut words = lower.rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '%');
    let words = words.by_ref().filter(|word| !word.is_empty() && !word.contains('%'));
    words.take(2).any(|word| version_word(word) == Some(""))
}
