//! Charts over days: bytes, and the versions in the field. Numbers in, rectangles out.

use std::cmp::Reverse;

use jiff::Span;
use jiff::civil::Date;

use super::charts::{Bar, Bars, HEIGHT, WIDTH, round_up, scaled};
use super::filters::{bytes, count, percent, thousands};
use crate::domain::stats::OTHERS;
use crate::domain::version::FirmwareVersion;

/// Days that a chart shows.
pub const DAYS: i64 = 30;
/// Versions that have a colour of their own beside the newest.
const COLOURS: usize = 4;
/// The colour of the rest.
const REST: u8 = 6;
/// Every how many days one is named below the chart.
const NAMED: i64 = 6;

/// A day as it is written in full.
fn long(day: i64) -> String {
    date(day).strftime("%a %-d %b").to_string()
}

fn short(day: i64) -> String {
    date(day).strftime("%-d %b").to_string()
}

fn date(day: i64) -> Date {
    let epoch = Date::constant(1970, 1, 1);
    let span = Span::new().try_days(day);
    span.ok().and_then(|span| epoch.checked_add(span).ok()).unwrap_or(epoch)
}

/// Where the column of a day is, and what stands below it: left edge, width, tick.
fn place(day: i64, today: i64) -> (u64, u64, String) {
    let position = day - (today - DAYS + 1);
    let step = WIDTH / DAYS.unsigned_abs();
    let tick = if position % NAMED == 0 { short(day) } else { String::new() };
    (position.unsigned_abs() * step + 1, step - 3, tick)
}

/// Bytes per day for the days that end today. `sent` holds `(day, bytes, downloads)`.
#[must_use]
pub fn bytes_per_day(sent: &[(i64, u64, u64)], today: i64) -> Bars {
    let days = today - DAYS + 1..=today;
    let of = |day: i64| sent.iter().filter(move |(other, ..)| *other == day);
    let values = days.clone().map(|day| of(day).map(|(_, bytes, _)| *bytes).sum::<u64>());
    let values: Vec<u64> = values.collect();
    let top = round_up(values.iter().copied().max().unwrap_or(0));
    let (total, mut downloads) = (values.iter().sum(), 0);
    let bars = days.zip(values).map(|(day, value)| {
        let (x, width, tick) = place(day, today);
        let height = scaled(value, top, HEIGHT);
        let done: u64 = of(day).map(|(.., downloads)| *downloads).sum();
        downloads += done;
        let done = count(&done, "download", "downloads");
        let text = if value == 0 { "0".to_owned() } else { format!("{} in {done}", bytes(&value)) };
        let (label, open, y) = (long(day), day == today, HEIGHT - height);
        Bar { x, y, width, height, value, text, label, tick, open }
    });
    let bars = bars.collect();
    let finding = if total == 0 {
        format!("Nothing was sent in the last {DAYS} days")
    } else {
        let downloads = count(&downloads, "completed download", "completed downloads");
        format!("{} in the last {DAYS} days, {downloads}", bytes(&total))
    };
    Bars { bars, what: "Sent", span: "Day", top: bytes(&top), total, finding }
}

/// A part of a day's column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slice {
    /// Its upper edge.
    pub y: u64,
    /// Its height.
    pub height: u64,
    /// Its colour: 1 for the newest, 6 for the rest.
    pub colour: u8,
}

/// A day of the chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its left edge.
    pub x: u64,
    /// Its width.
    pub width: u64,
    /// The day in full.
    pub label: String,
    /// The text below it, empty for most.
    pub tick: String,
    /// What it says, in a line.
    pub text: String,
    /// Its parts, from the ground up.
    pub slices: Vec<Slice>,
    /// The number of each version in the legend, in its order.
    pub values: Vec<u64>,
    /// Whether nothing is known of the day: the server did not run.
    pub blank: bool,
}

/// A version in the legend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// What it is called.
    pub label: String,
    /// Its colour.
    pub colour: u8,
    /// How many devices run it today.
    pub today: u64,
    /// How many of all that is, in per cent.
    pub percent: u64,
}

/// The versions in the field, as stacked columns.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Field {
    /// The days, oldest first.
    pub columns: Vec<Column>,
    /// The legend, in the order of the parts from the ground up.
    pub keys: Vec<Key>,
    /// The number at the upper edge.
    pub top: String,
    /// What the chart says, in a sentence.
    pub finding: String,
}

/// The versions in the field over the days that end today. `counts` holds `(day, version, devices)`;
/// an empty version is unknown. Only the newest that is published has the first colour.
#[must_use]
pub fn field(counts: &[(i64, String, u64)], today: i64, is_newest: impl Fn(&str) -> bool) -> Field {
    let counts: Vec<_> =
        counts.iter().filter(|(day, ..)| (today - DAYS + 1..=today).contains(day)).collect();
    if counts.is_empty() {
        return Field::default();
    }
    let shown = colours(&counts, today, is_newest);
    let rest = rest_label(&counts, &shown);
    let of = |day: i64| -> Vec<u64> {
        let own = counts.iter().filter(|(other, ..)| *other == day);
        let mut values = vec![0; shown.len() + 1];
        for (_, version, devices) in own {
            let place = shown.iter().position(|(name, _)| name == version);
            values[place.unwrap_or(shown.len())] += devices;
        }
        values
    };
    let days: Vec<(i64, Vec<u64>)> = (today - DAYS + 1..=today).map(|day| (day, of(day))).collect();
    let highest = days.iter().map(|(_, values)| values.iter().sum()).max().unwrap_or(0);
    let top = round_up(highest);
    let mut names: Vec<(String, u8)> = shown.clone();
    names.extend(rest.map(|label| (label, REST)));
    let known = |day: i64| counts.iter().any(|(other, ..)| *other == day);
    let columns =
        days.iter().map(|(day, values)| column(*day, today, values, &names, top, known(*day)));
    let columns: Vec<Column> = columns.collect();
    let now = days.last().map(|(_, values)| values.clone()).unwrap_or_default();
    let total: u64 = now.iter().sum();
    let keys = names.iter().zip(&now).map(|((label, colour), devices)| Key {
        label: label.clone(),
        colour: *colour,
        today: *devices,
        percent: percent(*devices, total),
    });
    let keys: Vec<Key> = keys.collect();
    let said = keys.iter().filter(|key| key.today > 0);
    let said: Vec<_> =
        said.map(|key| format!("{} on {}", thousands(&key.today), key.label)).collect();
    let devices = count(&total, "device", "devices");
    let finding = format!("Today {devices}: {}", said.join(", "));
    Field { columns, keys, top: thousands(&top), finding }
}

/// The versions with a colour of their own, newest first: those that most devices run today or ran
/// on one of the days. What runs today counts thrice, because that is what a person asks about.
fn colours(
    counts: &[&(i64, String, u64)],
    today: i64,
    is_newest: impl Fn(&str) -> bool,
) -> Vec<(String, u8)> {
    let mut weights: Vec<(&str, u64)> = Vec::new();
    for (day, version, devices) in counts {
        let weight = if *day == today { devices * 3 } else { *devices };
        match weights.iter_mut().find(|(name, _)| name == version) {
            Some((_, most)) => *most = (*most).max(weight),
            None => weights.push((version, weight)),
        }
    }
    weights.retain(|(name, _)| !name.is_empty() && *name != OTHERS);
    weights.sort_by_key(|(_, weight)| Reverse(*weight));
    let (newest, mut others): (Vec<_>, Vec<_>) =
        weights.into_iter().partition(|(name, _)| is_newest(name));
    others.truncate(COLOURS);
    others.sort_by_cached_key(|(name, _)| Reverse(FirmwareVersion::read(name)));
    let newest = newest.first().map(|(name, _)| ((*name).to_owned(), 1));
    let others = others.into_iter().zip(2..).map(|((name, _), colour)| (name.to_owned(), colour));
    newest.into_iter().chain(others).collect()
}

/// What all versions without a colour are called together; `None` where there are none.
fn rest_label(counts: &[&(i64, String, u64)], shown: &[(String, u8)]) -> Option<String> {
    let has = |name: &str| shown.iter().any(|(own, _)| own == name);
    let unknown = counts.iter().any(|(_, version, _)| version.is_empty());
    let others = counts.iter().any(|(_, version, _)| !version.is_empty() && !has(version));
    match (others, unknown) {
        (true, true) => Some("others and unknown".to_owned()),
        (true, false) => Some("others".to_owned()),
        (false, true) => Some("unknown".to_owned()),
        (false, false) => None,
    }
}

fn column(
    day: i64,
    today: i64,
    values: &[u64],
    names: &[(String, u8)],
    top: u64,
    known: bool,
) -> Column {
    let (x, width, tick) = place(day, today);
    let mut below: u64 = 0;
    let mut slices = Vec::new();
    let mut said = Vec::new();
    for ((name, colour), value) in names.iter().zip(values).filter(|(_, value)| **value > 0) {
        // The edges are rounded, not the heights: so that the column ends where its sum does.
        let edge = |sum: u64| sum * HEIGHT / top.max(1);
        let (foot, head) = (edge(below), edge(below + value).max(edge(below) + 1).min(HEIGHT));
        slices.push(Slice { y: HEIGHT - head, height: head - foot, colour: *colour });
        below += value;
        said.push(format!("{name} {}", thousands(value)));
    }
    let text = if known { said.join(", ") } else { "not counted".to_owned() };
    let mut values = values.to_vec();
    values.truncate(names.len());
    Column { x, width, label: long(day), tick, text, slices, values, blank: !known }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Wednesday, 2023-11-15.
    const TODAY: i64 = 19_676;

    fn counts(rows: &[(i64, &str, u64)]) -> Vec<(i64, String, u64)> {
        rows.iter().map(|(day, version, n)| (*day, (*version).to_owned(), *n)).collect()
    }

    #[test]
    fn bytes_are_drawn_by_day() {
        let chart =
            bytes_per_day(&[(TODAY, 300_000, 1), (TODAY - 2, 1_000_000, 3), (1, 9, 9)], TODAY);
        assert_eq!((chart.bars.len(), chart.total, chart.top.as_str()), (30, 1_300_000, "1 MB"));
        let last = &chart.bars[29];
        assert_eq!(
            (last.label.as_str(), last.text.as_str()),
            ("Wed 15 Nov", "300 KB in 1 download")
        );
        assert!(last.open && last.height == 36 && last.y + last.height == HEIGHT);
        assert_eq!((chart.bars[28].height, chart.bars[27].height), (0, HEIGHT));
        assert_eq!(chart.finding, "1.3 MB in the last 30 days, 4 completed downloads");
        assert!(chart.bars.iter().all(|bar| bar.x + bar.width <= WIDTH));
        assert_eq!(bytes_per_day(&[], TODAY).finding, "Nothing was sent in the last 30 days");
    }

    #[test]
    fn the_newest_is_first_and_the_rest_is_one() {
        let rows = ["v7", "v6", "v5", "v4", "v3", "v2", ""];
        let rows: Vec<_> = rows.iter().map(|v| (TODAY, (*v).to_owned(), 4)).collect();
        let field = field(&rows, TODAY, |version| version == "v7");
        let keys: Vec<_> =
            field.keys.iter().map(|key| (key.label.as_str(), key.colour, key.today)).collect();
        assert_eq!(
            keys,
            [
                ("v7", 1, 4),
                ("v6", 2, 4),
                ("v5", 3, 4),
                ("v4", 4, 4),
                ("v3", 5, 4),
                ("others and unknown", 6, 8)
            ]
        );
        assert_eq!(field.keys[5].percent, 29);
        assert!(field.finding.starts_with("Today 28 devices: 4 on v7"), "{}", field.finding);
    }

    #[test]
    fn columns_stand_on_the_ground_and_end_at_their_sum() {
        let rows = counts(&[
            (TODAY, "v2", 1),
            (TODAY, "v1", 998),
            (TODAY - 1, "v1", 500),
            (TODAY - 40, "v0", 7),
        ]);
        let field = field(&rows, TODAY, |version| version == "v2");
        assert_eq!((field.columns.len(), field.top.as_str()), (30, "1\u{202f}000"));
        let today = &field.columns[29];
        assert_eq!(today.slices[0], Slice { y: 119, height: 1, colour: 1 }, "one device is seen");
        let sum: u64 = today.slices.iter().map(|slice| slice.height).sum();
        assert!(
            sum <= HEIGHT + 1 && today.slices.iter().all(|slice| slice.y + slice.height <= HEIGHT)
        );
        assert_eq!(today.values, [1, 998]);
        assert_eq!(field.columns[28].slices, [Slice { y: 60, height: 60, colour: 2 }]);
        assert!(field.columns[27].blank && field.columns[27].text == "not counted");
        assert_eq!(field.keys.len(), 2, "what is older than the chart is not in it");
    }

    #[test]
    fn no_counts_make_no_chart() {
        assert_eq!(field(&[], TODAY, |_| true), Field::default());
        assert!(field(&counts(&[(1, "v1", 2)]), TODAY, |_| true).columns.is_empty());
    }
}
