//! Charts as geometry: numbers in, rectangles out. The markup is in `templates/charts.html`.

use jiff::tz::TimeZone;

use super::filters::{count, percent, strftime, thousands};
use crate::domain::Timestamp;

const HOUR: i64 = 3600;

/// Width of the drawing of a bar chart.
pub const WIDTH: u64 = 720;
/// Height of its bars.
pub const HEIGHT: u64 = 120;

/// A bar of a bar chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bar {
    /// Its left edge.
    pub x: u64,
    /// Its upper edge.
    pub y: u64,
    /// Its width.
    pub width: u64,
    /// Its height.
    pub height: u64,
    /// What it stands for.
    pub value: u64,
    /// The same as a person reads it.
    pub text: String,
    /// The span of time it stands for, as "Fri 14:00".
    pub label: String,
    /// The text below it, empty for most.
    pub tick: String,
    /// Whether the span has not ended yet.
    pub open: bool,
}

/// A bar chart of counts per hour or day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bars {
    /// The bars, oldest first.
    pub bars: Vec<Bar>,
    /// What is counted, as the head of a column.
    pub what: &'static str,
    /// What a bar stands for, as the head of a column.
    pub span: &'static str,
    /// The value at the upper edge, as a person reads it.
    pub top: String,
    /// All values together.
    pub total: u64,
    /// What the chart says, in a sentence.
    pub finding: String,
}

/// Check-ins per hour for the `hours` hours that end now. `counts` holds `(start of hour, count)`
/// in any order; hours that are missing count as zero.
#[must_use]
pub fn per_hour(counts: &[(Timestamp, u64)], hours: u8, now: Timestamp, zone: &TimeZone) -> Bars {
    let hours = u64::from(hours.max(1));
    let last = now - now.rem_euclid(HOUR);
    let starts = (0..hours).rev().map(|back| last - i64::try_from(back).unwrap_or(0) * HOUR);
    let values: Vec<(Timestamp, u64)> = starts
        .map(|start| {
            let same = counts.iter().filter(|(at, _)| at - at.rem_euclid(HOUR) == start);
            (start, same.map(|(_, count)| count).sum())
        })
        .collect();
    let highest = values.iter().map(|(_, value)| *value).max().unwrap_or(0);
    let top = round_up(highest);
    let total = values.iter().map(|(_, value)| value).sum();
    let step = WIDTH / hours;
    let bars = values.iter().enumerate().map(|(i, (start, value))| {
        let height = scaled(*value, top, HEIGHT);
        let hour = strftime(*start, zone, "%H:%M");
        Bar {
            x: u64::try_from(i).unwrap_or(0) * step + 1,
            y: HEIGHT - height,
            width: step.saturating_sub(3).max(1),
            height,
            value: *value,
            text: thousands(value),
            label: strftime(*start, zone, "%a %H:%M"),
            tick: if i % 6 == 0 { hour } else { String::new() },
            open: *start == last,
        }
    });
    let bars = bars.collect();
    let finding = finding(&values, total, zone);
    Bars { bars, what: "Check-ins", span: "Hour", top: thousands(&top), total, finding }
}

fn finding(values: &[(Timestamp, u64)], total: u64, zone: &TimeZone) -> String {
    let hours = values.len();
    let busiest = values.iter().max_by_key(|(_, value)| *value);
    match busiest {
        Some(_) if total == 1 => format!("1 check-in in the last {hours} hours"),
        Some((start, value)) if total > 0 => format!(
            "{} in the last {hours} hours, most of them at {} ({})",
            count(&total, "check-in", "check-ins"),
            strftime(*start, zone, "%H:%M"),
            thousands(value),
        ),
        _ => format!("No check-ins in the last {hours} hours"),
    }
}

/// The height of a value; what is not zero is at least two units high, so that it is seen.
pub(super) fn scaled(value: u64, top: u64, height: u64) -> u64 {
    if value == 0 { 0 } else { (value * height / top.max(1)).clamp(2, height) }
}

/// The next round number at or above `n`: 1, 2, 3, 4, 5, 6, 8, 10, 20, 30 …
pub(super) fn round_up(n: u64) -> u64 {
    let mut scale = 1_u64;
    loop {
        for digit in [1, 2, 3, 4, 5, 6, 8] {
            if scale.saturating_mul(digit) >= n {
                return scale.saturating_mul(digit);
            }
        }
        scale = scale.saturating_mul(10);
    }
}

/// A part of a stacked bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its left edge, of 1000.
    pub x: u64,
    /// Its width, of 1000.
    pub width: u64,
    /// Which colour it has: 1 to 6, 6 for "the rest".
    pub colour: u8,
    /// What it stands for.
    pub label: String,
    /// How many.
    pub value: u64,
    /// How much of the whole.
    pub percent: u64,
}

/// A stacked bar of the versions that the devices of a platform run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stack {
    /// Its parts, newest version first.
    pub parts: Vec<Part>,
    /// All values together.
    pub total: u64,
    /// What the chart says, in a sentence.
    pub finding: String,
}

/// Versions in the field, newest first; an empty version counts as "unknown". From the sixth on
/// they are drawn as one part. Only the newest that is published has the first colour.
#[must_use]
pub fn stack(versions: &[(String, u64)], is_newest: impl Fn(&str) -> bool) -> Stack {
    let total: u64 = versions.iter().map(|(_, value)| value).sum();
    let (unknown, known): (Vec<_>, Vec<_>) =
        versions.iter().filter(|(_, value)| *value > 0).partition(|(name, _)| name.is_empty());
    let mut shown: Vec<(String, u64, u8)> = Vec::new();
    for (name, value) in known {
        let others = shown.iter().filter(|(.., colour)| *colour > 1).count();
        match u8::try_from(others) {
            Ok(_) if is_newest(name) => shown.push((name.clone(), *value, 1)),
            Ok(others @ 0..=3) => shown.push((name.clone(), *value, others + 2)),
            _ => rest(&mut shown, "older", *value),
        }
    }
    for (_, value) in unknown {
        shown.push(("unknown".to_owned(), *value, 6));
    }
    let mut before = 0;
    let parts = shown.into_iter().map(|(label, value, colour)| {
        let x = before * 1000 / total.max(1);
        before += value;
        let width = before * 1000 / total.max(1) - x;
        Part { x, width, colour, label, value, percent: percent(value, total) }
    });
    let parts: Vec<Part> = parts.collect();
    let said = parts.iter().map(|part| format!("{} on {}", part.value, part.label));
    let finding = said.collect::<Vec<_>>().join(", ");
    Stack { finding: format!("Versions in the field: {finding}"), parts, total }
}

/// Adds to the last part if that is the rest already, else begins the rest.
fn rest(shown: &mut Vec<(String, u64, u8)>, label: &str, value: u64) {
    match shown.last_mut() {
        Some((_, sum, 6)) => *sum += value,
        _ => shown.push((label.to_owned(), value, 6)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = 1_700_000_000; // 2023-11-14 22:13:20 UTC

    #[test]
    fn hours_without_check_ins_are_drawn_as_nothing() {
        let this_hour = NOW - NOW.rem_euclid(HOUR);
        let chart =
            per_hour(&[(this_hour, 7), (this_hour - 2 * HOUR, 14)], 24, NOW, &TimeZone::UTC);
        assert_eq!(chart.bars.len(), 24);
        assert_eq!((chart.total, chart.top.as_str()), (21, "20"));
        assert_eq!(chart.bars[23].height, 42);
        assert!(chart.bars[23].open);
        assert_eq!(chart.bars[22].height, 0);
        assert_eq!((chart.bars[21].height, chart.bars[21].y), (84, 36));
        assert_eq!(chart.bars[21].label, "Tue 20:00");
        assert!(chart.finding.contains("21 check-ins in the last 24 hours, most of them at 20:00"));
    }

    #[test]
    fn bars_stay_inside_the_drawing() {
        let chart = per_hour(&[(NOW, u64::from(u32::MAX))], 48, NOW, &TimeZone::UTC);
        for bar in &chart.bars {
            assert!(bar.x + bar.width <= WIDTH && bar.y + bar.height == HEIGHT, "{bar:?}");
        }
        let none = per_hour(&[], 24, NOW, &TimeZone::UTC);
        assert_eq!(none.finding, "No check-ins in the last 24 hours");
    }

    #[test]
    fn small_values_are_still_seen() {
        assert_eq!(scaled(1, 10_000, 120), 2);
        assert_eq!(scaled(0, 10, 120), 0);
    }

    #[test]
    fn the_scale_ends_at_a_round_number() {
        for (n, top) in
            [(0, 1), (1, 1), (3, 3), (7, 8), (14, 20), (51, 60), (501, 600), (801, 1000)]
        {
            assert_eq!(round_up(n), top, "{n}");
        }
    }

    #[test]
    fn parts_fill_the_whole_bar() {
        let versions = ["v7", "v6", "v5", "v4", "v3", "v2", "v1", ""];
        let versions: Vec<_> = versions.iter().map(|v| ((*v).to_owned(), 3)).collect();
        let stack = stack(&versions, |version| version == "v7");
        assert_eq!(stack.total, 24);
        assert_eq!(stack.parts.iter().map(|part| part.width).sum::<u64>(), 1000);
        let labels: Vec<_> = stack.parts.iter().map(|part| part.label.as_str()).collect();
        assert_eq!(labels, ["v7", "v6", "v5", "v4", "v3", "older", "unknown"]);
        let colours: Vec<_> = stack.parts.iter().map(|part| part.colour).collect();
        assert_eq!(colours, [1, 2, 3, 4, 5, 6, 6]);
        assert_eq!(stack.parts[5].value, 6);
        assert!(stack.finding.contains("3 on v7"));
    }

    #[test]
    fn no_devices_make_an_empty_bar() {
        assert!(stack(&[], |_| false).parts.is_empty());
    }
}
