//! A week of check-ins as geometry: a row for each day, a cell for each hour. The markup is in
//! `templates/devices/presence.html`.

use jiff::tz::TimeZone;

use super::filters::{count, strftime, thousands};
use crate::domain::Timestamp;
use crate::domain::hours::Hours;

const HOUR: i64 = 3_600;
/// Days that are drawn.
const DAYS: usize = 7;
/// Width and height of a cell with its margin.
const CELL: u64 = 10;

/// An hour of a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// Its left edge.
    pub x: u64,
    /// How dark it is: 0 (nothing) to 4.
    pub level: u8,
    /// What it stands for, as "Tue 14:00: 3 check-ins".
    pub label: String,
}

/// A day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Day {
    /// Its name, as "Tue".
    pub name: String,
    /// Its date, as "2026-11-17".
    pub date: String,
    /// Its upper edge.
    pub y: u64,
    /// How many check-ins; an hour counts for 255 at most.
    pub total: u64,
    /// Its hours so far.
    pub cells: Vec<Cell>,
}

/// The last seven days, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Week {
    /// The days.
    pub days: Vec<Day>,
    /// What they show, in a sentence.
    pub finding: String,
}

/// The week that ends now, in a time zone.
#[must_use]
pub fn week(hours: &[Hours], now: Timestamp, zone: &TimeZone) -> Week {
    let known: Vec<(Timestamp, u8)> = hours.iter().flat_map(Hours::hours).collect();
    let most = known.iter().map(|(_, count)| *count).max().unwrap_or(0);
    let at_least = most == Hours::MOST;
    let last = now - now.rem_euclid(HOUR);
    let mut days: Vec<Day> = Vec::with_capacity(DAYS + 1);
    for back in (0..24 * 8).rev() {
        let start = last - back * HOUR;
        let date = strftime(start, zone, "%Y-%m-%d");
        if days.last().is_none_or(|day| day.date != date) {
            let name = strftime(start, zone, "%a");
            days.push(Day { name, date, y: 0, total: 0, cells: Vec::with_capacity(24) });
        }
        let found = known.iter().find(|(at, _)| *at == start).map_or(0, |(_, count)| *count);
        let Some(day) = days.last_mut() else { continue };
        day.total += u64::from(found);
        day.cells.push(cell(start, found, most, zone));
    }
    let mut days = days.split_off(days.len().saturating_sub(DAYS));
    for (day, y) in days.iter_mut().zip((0..).step_by(10)) {
        day.y = y;
    }
    let finding = finding(&days, at_least);
    Week { days, finding }
}

fn cell(start: Timestamp, found: u8, most: u8, zone: &TimeZone) -> Cell {
    let hour = strftime(start, zone, "%H").parse().unwrap_or(0_u64);
    let level = (u16::from(found) * 4).div_ceil(u16::from(most.max(1)));
    let so_many = if found == Hours::MOST {
        format!("{found} check-ins or more")
    } else {
        count(&u64::from(found), "check-in", "check-ins")
    };
    let label = format!("{}: {so_many}", strftime(start, zone, "%a %H:00"));
    Cell { x: hour * CELL, level: u8::try_from(level).unwrap_or(4), label }
}

fn finding(days: &[Day], at_least: bool) -> String {
    let total: u64 = days.iter().map(|day| day.total).sum();
    let with = days.iter().filter(|day| day.total > 0).count();
    match total {
        0 => "No check-ins in the last 7 days".to_owned(),
        1 => "1 check-in in the last 7 days".to_owned(),
        _ => {
            let on = match with {
                DAYS => "on each of them".to_owned(),
                1 => "all on one of them".to_owned(),
                with => format!("on {with} of them"),
            };
            let more = if at_least { " or more" } else { "" };
            format!("{}{more} check-ins in the last 7 days, {on}", thousands(&total))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::hours::day_of;

    const NOW: Timestamp = 1_700_000_000; // Tuesday, 2023-11-14 22:13:20 UTC

    fn day(back: i64, hour: usize, count: u8) -> Hours {
        let mut counts = [0; 24];
        counts[hour] = count;
        Hours::of(day_of(NOW) - back, counts)
    }

    #[test]
    fn a_week_ends_with_the_hour_of_now() {
        let week = week(&[day(0, 22, 4), day(1, 3, 1), day(7, 5, 9)], NOW, &TimeZone::UTC);
        let names: Vec<_> = week.days.iter().map(|day| day.name.as_str()).collect();
        assert_eq!(names, ["Wed", "Thu", "Fri", "Sat", "Sun", "Mon", "Tue"]);
        let today = &week.days[6];
        assert_eq!((today.cells.len(), today.total, today.y), (23, 4, 60));
        let cell = &today.cells[22];
        // The nine of a week ago are not drawn, but they were the most.
        assert_eq!((cell.x, cell.level, cell.label.as_str()), (220, 2, "Tue 22:00: 4 check-ins"));
        assert_eq!(week.days[5].cells[3].level, 1);
        assert_eq!(week.finding, "5 check-ins in the last 7 days, on 2 of them");
    }

    #[test]
    fn days_begin_at_midnight_of_the_zone() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let week = week(&[day(0, 22, 1)], NOW, &zone);
        assert_eq!((week.days[6].cells.len(), week.days[6].total), (24, 1));
        assert_eq!(week.days[6].cells[23].label, "Tue 23:00: 1 check-in");
        assert_eq!(week.finding, "1 check-in in the last 7 days");
        for zone in ["Asia/Kathmandu", "Pacific/Auckland", "America/St_Johns"] {
            let week = super::week(&[day(2, 0, 7)], NOW, &TimeZone::get(zone).unwrap());
            assert_eq!(week.days.len(), 7, "{zone}");
            assert_eq!(week.days.iter().map(|day| day.total).sum::<u64>(), 7, "{zone}");
        }
    }

    #[test]
    fn an_hour_with_more_than_can_be_counted_says_so() {
        let week = week(&[day(0, 1, Hours::MOST)], NOW, &TimeZone::UTC);
        assert_eq!(week.days[6].cells[1].label, "Tue 01:00: 255 check-ins or more");
        assert!(week.finding.starts_with("255 or more check-ins"), "{}", week.finding);
        assert_eq!(
            super::week(&[], NOW, &TimeZone::UTC).finding,
            "No check-ins in the last 7 days"
        );
    }
}
