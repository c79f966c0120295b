//! How a line of a serial log is recognised.

/// What a line must hold. Lines come in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// This text, anywhere.
    Text(&'static str),
    /// Nothing but this text.
    Whole(&'static str),
    /// This error number of an updater or HTTP client, where the line speaks of an error.
    Number(i32),
    /// This number of `Update.printError` without its words: `ERROR[8]`.
    Bare(u32),
    /// This HTTP status, where the line speaks of one.
    Status(u32),
    /// An ESP8266 started for one of these causes (`rst cause:2`).
    Cause(&'static [u32]),
    /// An ESP8266 started for one of these causes, and in normal mode (`boot mode:(3,`).
    Normal(&'static [u32]),
    /// An ESP8266 started in one of these modes (`boot mode:(1,`).
    Mode(&'static [u32]),
    /// An exception of the ESP8266 with one of these numbers.
    Exception(&'static [u32]),
    /// The same with none of these.
    OtherException(&'static [u32]),
}

/// Words without which a small negative number is only a number.
const ABOUT_ERRORS: [&str; 3] = ["error", "fail", "httpc"];
/// The same for the numbers of updaters, which are rarer.
const ABOUT_UPDATES: [&str; 2] = ["update", "http_ue"];
/// What stands before an HTTP status, up to a few characters of punctuation.
const ABOUT_STATUS: [&str; 7] =
    ["http code is", "http code", "status code", "http/1.0", "http/1.1", "responds", "http status"];

/// Whether a line, in lower case, has this sign.
pub(super) fn is_there(sign: &Sign, line: &str) -> bool {
    match *sign {
        Sign::Text(text) => line.contains(text),
        Sign::Whole(text) => line == text,
        Sign::Number(number) => {
            let speaks = |words: &[&str]| words.iter().any(|word| line.contains(word));
            let about = || speaks(&ABOUT_ERRORS) || (number <= -100 && speaks(&ABOUT_UPDATES));
            negatives(line).any(|found| found == number) && (about() || is_number(line))
        }
        Sign::Bare(number) => bare(line) == Some(number),
        Sign::Status(status) => ABOUT_STATUS
            .iter()
            .any(|words| line.find(words).is_some_and(|at| next(line, at + words.len()) == status)),
        Sign::Cause(causes) => after(line, "rst cause:").is_some_and(|n| causes.contains(&n)),
        Sign::Normal(causes) => {
            let cause = after(line, "rst cause:").is_some_and(|n| causes.contains(&n));
            cause && after(line, "boot mode:(").is_none_or(|mode| mode == 3)
        }
        Sign::Mode(modes) => after(line, "boot mode:(").is_some_and(|n| modes.contains(&n)),
        Sign::Exception(numbers) => exception(line).is_some_and(|n| numbers.contains(&n)),
        Sign::OtherException(numbers) => exception(line).is_some_and(|n| !numbers.contains(&n)),
    }
}

/// The digits at the beginning of a text.
fn leading(text: &str) -> Option<u32> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}

/// The number behind these words.
fn after(line: &str, words: &str) -> Option<u32> {
    let at = line.find(words)? + words.len();
    leading(line[at..].trim_start())
}

/// The number behind a place in a line, where only punctuation lies between; 0: none.
fn next(line: &str, at: usize) -> u32 {
    let rest = line[at..].trim_start_matches([' ', ':', '(', '=', '[']);
    leading(rest).unwrap_or(0)
}

fn exception(line: &str) -> Option<u32> {
    after(line, "exception (").or_else(|| after(line, "fatal exception "))
}

/// The number of `ERROR[8]`, where no words follow that say more.
fn bare(line: &str) -> Option<u32> {
    let at = line.find("error[")? + "error[".len();
    let number = leading(&line[at..])?;
    let (_, words) = line[at..].split_once(']')?;
    let said = words.chars().any(|c| c.is_ascii_alphabetic());
    (!said || words.contains("unknown")).then_some(number)
}

/// All negative numbers of a line: a minus that follows no letter, digit or other minus.
fn negatives(line: &str) -> impl Iterator<Item = i32> {
    line.match_indices('-').filter_map(|(at, _)| {
        let before = line[..at].chars().next_back();
        let joined = before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'));
        let rest = &line[at + 1..];
        let number = leading(rest)?;
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let follows = rest[end..].chars().next();
        let part = follows.is_some_and(|c| c.is_alphanumeric() || c == '-');
        let number = i32::try_from(number).ok().filter(|_| !joined && !part)?;
        Some(-number)
    })
}

/// Whether a line is a number and nothing else.
fn is_number(line: &str) -> bool {
    line.chars().all(|c| c.is_ascii_digit() || matches!(c, '-' | '(' | ')' | ' ' | '.'))
}
