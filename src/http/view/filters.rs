//! Values as a person reads them: sizes, times, counts.
//!
//! Numbers are taken by reference, because that is how templates pass them.

use std::fmt;

use askama::filters::HtmlSafe;
use jiff::tz::TimeZone;

use crate::domain::Timestamp;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const UNITS: [&str; 4] = ["KB", "MB", "GB", "TB"];

/// A size in bytes, as "412 KB" (decimal, as file managers and flash tools count).
#[must_use]
pub fn bytes(n: &u64) -> String {
    let n = *n;
    if n < 1000 {
        return format!("{n} B");
    }
    let (mut unit, mut scale) = (0, 1000_u64);
    while unit + 1 < UNITS.len() && n >= scale.saturating_mul(1000) {
        unit += 1;
        scale = scale.saturating_mul(1000);
    }
    let (whole, tenths) = (n / scale, n % scale * 10 / scale);
    if unit == 0 || whole >= 100 || tenths == 0 {
        // Rounded to the nearest, as the decimals are left out.
        let rounded = (n + scale / 2) / scale;
        return format!("{rounded} {}", UNITS[unit]);
    }
    format!("{whole}.{tenths} {}", UNITS[unit])
}

/// A limit, as it was configured: "32 MiB" where it is a whole number of those.
#[must_use]
pub fn limit(n: &u64) -> String {
    if *n >= 1 << 20 && n.is_multiple_of(1 << 20) { format!("{} MiB", n >> 20) } else { bytes(n) }
}

/// A whole number with thin spaces between its thousands.
#[must_use]
pub fn thousands(n: &u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 * 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A count with its noun: "1 device", "3 devices".
#[must_use]
pub fn count(n: &u64, one: &str, many: &str) -> String {
    if *n == 1 { format!("1 {one}") } else { format!("{} {many}", thousands(n)) }
}

/// Some of so many names: "hall, porch, 3 more".
#[must_use]
pub fn some_names(mut names: Vec<String>, all: u64) -> String {
    let more = all.saturating_sub(names.len() as u64);
    names.extend((more > 0).then(|| count(&more, "more", "more")));
    names.join(", ")
}

/// How long ago a moment was: "3 min ago"; "in 2 h" where it lies ahead.
#[must_use]
pub fn ago(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.saturating_sub(at);
    if seconds.abs() < 5 {
        return "just now".to_owned();
    }
    let text = duration(seconds.abs());
    if seconds < 0 { format!("in {text}") } else { format!("{text} ago") }
}

/// A span of time in its largest unit: "40 s", "12 min", "5 h", "3 days".
#[must_use]
pub fn duration(seconds: i64) -> String {
    match seconds {
        ..MINUTE => format!("{seconds} s"),
        MINUTE..HOUR => format!("{} min", seconds / MINUTE),
        HOUR..172_800 => format!("{} h", seconds / HOUR),
        172_800..7_776_000 => format!("{} days", seconds / DAY),
        7_776_000..63_115_200 => format!("{} months", seconds / 2_630_016),
        _ => format!("{} years", seconds / 31_557_600),
    }
}

/// A span of milliseconds: "850 ms", "12.4 s", "3 min".
#[must_use]
pub fn millis(n: &u64) -> String {
    match n {
        ..1000 => format!("{n} ms"),
        1000..60_000 => format!("{}.{} s", n / 1000, n % 1000 / 100),
        _ => duration(i64::try_from(n / 1000).unwrap_or(i64::MAX)),
    }
}

/// A part of a whole in per cent, rounded; 0 of 0 is 0.
#[must_use]
pub fn percent(part: u64, whole: u64) -> u64 {
    (part.min(whole) * 100 + whole / 2).checked_div(whole).unwrap_or(0)
}

/// A moment in a time zone, as `2026-11-20 23:04:05`.
#[must_use]
pub fn clock(at: Timestamp, zone: &TimeZone) -> String {
    strftime(at, zone, "%Y-%m-%d %H:%M:%S")
}

/// A moment in a time zone, formatted; empty where it is out of range.
#[must_use]
pub fn strftime(at: Timestamp, zone: &TimeZone, format: &str) -> String {
    jiff::Timestamp::from_second(at)
        .map(|at| at.to_zoned(zone.clone()).strftime(format).to_string())
        .unwrap_or_default()
}

/// A moment as a `<time>` element: relative text that the script keeps true, the exact time in the
/// configured zone as its title.
#[derive(Debug, Clone)]
pub struct Moment {
    iso: String,
    title: String,
    text: String,
    live: bool,
}

impl Moment {
    /// "3 min ago".
    #[must_use]
    pub fn relative(at: Timestamp, now: Timestamp, zone: &TimeZone) -> Self {
        Self {
            iso: strftime(at, &TimeZone::UTC, "%Y-%m-%dT%H:%M:%SZ"),
            title: strftime(at, zone, "%A, %Y-%m-%d %H:%M:%S %Z"),
            text: ago(at, now),
            live: true,
        }
    }

    /// "23:04", for lists that name the day before.
    #[must_use]
    pub fn of_day(at: Timestamp, now: Timestamp, zone: &TimeZone) -> Self {
        let text = strftime(at, zone, "%H:%M");
        Self { text, live: false, ..Self::relative(at, now, zone) }
    }

    /// "2026-11-20 23:04:05".
    #[must_use]
    pub fn exact(at: Timestamp, now: Timestamp, zone: &TimeZone) -> Self {
        Self {
            iso: strftime(at, &TimeZone::UTC, "%Y-%m-%dT%H:%M:%SZ"),
            title: ago(at, now),
            text: clock(at, zone),
            live: false,
        }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { iso, title, text, live } = self;
        let live = if *live { " data-ago" } else { "" };
        write!(f, r#"<time datetime="{iso}" title="{title}"{live}>{text}</time>"#)
    }
}

// Its parts come from numbers and from the names of time zones, never from a visitor.
impl HtmlSafe for Moment {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        for (n, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1 KB"),
            (412_345, "412 KB"),
            (999_999, "1000 KB"),
            (1_048_576, "1 MB"),
            (1_500_000, "1.5 MB"),
            (33_554_432, "33.5 MB"),
            (123_456_789, "123 MB"),
            (5_000_000_000, "5 GB"),
        ] {
            assert_eq!(bytes(&n), text, "{n}");
        }
    }

    #[test]
    fn limits_are_shown_as_they_were_set() {
        assert_eq!(limit(&(32 << 20)), "32 MiB");
        assert_eq!(limit(&5_000_000), "5 MB");
    }

    #[test]
    fn times_are_relative_in_both_directions() {
        for (seconds, text) in [
            (0, "just now"),
            (4, "just now"),
            (40, "40 s ago"),
            (180, "3 min ago"),
            (7200, "2 h ago"),
            (86_400, "24 h ago"),
            (172_800, "2 days ago"),
            (7_776_000, "2 months ago"),
            (-600, "in 10 min"),
        ] {
            assert_eq!(ago(1_000_000_000 - seconds, 1_000_000_000), text, "{seconds}");
        }
    }

    #[test]
    fn counts_have_their_noun() {
        assert_eq!(count(&1, "device", "devices"), "1 device");
        assert_eq!(count(&0, "device", "devices"), "0 devices");
        assert_eq!(thousands(&1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(thousands(&999), "999");
        assert_eq!(percent(1, 3), 33);
        assert_eq!(percent(2, 0), 0);
    }

    #[test]
    fn moments_are_shown_in_the_configured_zone() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let text = Moment::exact(1_700_000_000, 1_700_000_060, &zone).to_string();
        assert!(text.contains("2023-11-14 23:13:20"), "{text}");
        assert!(text.contains(r#"datetime="2023-11-14T22:13:20Z""#), "{text}");
        assert!(text.contains(r#"title="1 min ago""#), "{text}");
    }

    #[test]
    fn spans_have_one_unit() {
        assert_eq!(millis(&850), "850 ms");
        assert_eq!(millis(&12_460), "12.4 s");
        assert_eq!(millis(&180_000), "3 min");
    }
}
