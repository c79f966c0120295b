//! Whom a release reached: a summary, and each device with its four steps.

use serde::Deserialize;

use super::attempts::Try;
use super::error::PageError;
use super::page::Page;
use super::query::QueryString;
use crate::app::App;
use crate::domain::release::{Part, Release};
use crate::domain::stats::{Progress, ReleaseStats, Spread, Standing};
use crate::http::view::filters;
use crate::store::{DeviceAttempt, DeviceAttemptFilter};

/// Devices on a page.
const SHOWN: u32 = 12;

/// What the address says about the list.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Wish {
    #[serde(default)]
    pub(super) fragment: String,
    #[serde(default)]
    stand: String,
    #[serde(default)]
    before: i64,
}

/// A part of the bar that says how devices stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Portion {
    /// How these devices stand.
    pub(super) standing: Standing,
    /// Its colour.
    pub(super) tone: &'static str,
    /// Its left edge, of 1000.
    pub(super) x: u64,
    /// Its width, of 1000.
    pub(super) width: u64,
    /// What it says.
    pub(super) text: String,
    /// Where its devices are listed.
    pub(super) href: String,
    /// Whether they are listed now.
    pub(super) current: bool,
}

/// A device, as it is listed.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) href: String,
    pub(super) name: String,
    pub(super) is_named: bool,
    pub(super) own: Try,
    /// What happens next, where that is not plain.
    pub(super) next: String,
}

/// Whom a release reached.
#[derive(Debug)]
pub(super) struct Reached {
    pub(super) stats: ReleaseStats,
    /// To how many devices it was offered, in words; empty for none.
    pub(super) offered: String,
    /// The bar, and the choices of the list.
    pub(super) portions: Vec<Portion>,
    pub(super) rows: Vec<Row>,
    /// Which devices are listed; `None`: all.
    pub(super) standing: Option<Standing>,
    /// Where all devices are listed.
    pub(super) all: String,
    /// Where older ones are listed; empty where there are none.
    pub(super) older: String,
    /// Whether newer ones stand before these.
    pub(super) is_older: bool,
}

/// The part of a release whose attempts tell how it does: its program, where it has one.
pub(super) fn part_of(release: &Release) -> Part {
    let program = release.images().any(|image| image.part == Part::Application);
    if program { Part::Application } else { Part::FileSystem }
}

/// The bar that says how devices stand; `path` is where they are listed.
pub(super) fn portions(progress: &Progress, path: &str, shown: Option<Standing>) -> Vec<Portion> {
    let mut widths = widths(progress).into_iter();
    let mut before = 0;
    let portion = |standing: Standing| {
        let devices = progress.of(standing);
        let (x, width) = (before, widths.next().unwrap_or_default());
        before += width;
        let mut href = QueryString::new(path);
        href.add("stand", standing.word());
        Portion {
            standing,
            tone: tone(standing),
            x,
            width,
            text: format!("{} {}", filters::thousands(&devices), word(standing, devices)),
            href: format!("{}#devices", href.finish()),
            current: shown == Some(standing),
        }
    };
    let there = Standing::ALL.into_iter().filter(|standing| progress.of(*standing) > 0);
    there.map(portion).collect()
}

impl Portion {
    /// Whether these devices have not got it, and nobody is asked about them.
    pub(super) fn is_without(&self) -> bool {
        matches!(self.standing, Standing::OnTheWay | Standing::NotTaken)
    }
}

/// The widths of the portions that are there, of 1000: one of a thousand devices is seen too.
fn widths(progress: &Progress) -> Vec<u64> {
    const LEAST: u64 = 10;
    let total = progress.total().max(1);
    let there = Standing::ALL.map(|standing| progress.of(standing)).into_iter();
    let there = there.filter(|devices| *devices > 0);
    let mut widths: Vec<u64> = there.map(|n| (n * 1000 / total).max(LEAST)).collect();
    let sum: u64 = widths.iter().sum();
    if let Some(widest) = widths.iter_mut().max() {
        *widest = (*widest + 1000).saturating_sub(sum);
    }
    widths
}

const fn tone(standing: Standing) -> &'static str {
    match standing {
        Standing::Confirmed => "good",
        Standing::OnTheWay => "wait",
        Standing::NotTaken | Standing::NeedsYou => "bad",
        Standing::Aside => "note",
    }
}

const fn word(standing: Standing, devices: u64) -> &'static str {
    match (standing, devices) {
        (Standing::Confirmed, _) => "confirmed",
        (Standing::OnTheWay, _) => "on the way",
        (Standing::NotTaken, _) => "not taken",
        (Standing::NeedsYou, 1) => "needs you",
        (Standing::NeedsYou, _) => "need you",
        (Standing::Aside, _) => "went another way",
    }
}

/// "38 of 40 devices (95 %)"; without the percentage where too few are behind it.
pub(super) fn success(stats: &ReleaseStats) -> String {
    let success = stats.success;
    if success.settled == 0 {
        return "no device is through yet".to_owned();
    }
    let of = filters::count(&success.settled, "device", "devices");
    let percent = success.percent().map(|percent| format!(" ({percent} %)"));
    format!("{} of {of}{}", filters::thousands(&success.confirmed), percent.unwrap_or_default())
}

/// "38 s; nine of ten within 3 min".
pub(super) fn time_to_confirm(spread: &Spread) -> String {
    let span = |seconds: u64| match i64::try_from(seconds) {
        Ok(0) => "under 1 s".to_owned(),
        seconds => filters::duration(seconds.unwrap_or(i64::MAX)),
    };
    match spread.count {
        1 => span(spread.median),
        _ if spread.median == spread.p90 => format!("{}, nearly always", span(spread.median)),
        _ => format!("{}; nine of ten within {}", span(spread.median), span(spread.p90)),
    }
}

impl Reached {
    /// Reads a page of the devices that a release reached.
    pub(super) async fn of(
        app: &App,
        release: &Release,
        wish: &Wish,
        page: &Page,
    ) -> Result<Self, PageError> {
        let (part, standing) = (part_of(release), Standing::read(&wish.stand));
        let before = (wish.before > 0).then_some(wish.before);
        let stats = app.release_stats(release.id, part).await?;
        let filter = DeviceAttemptFilter {
            release_id: release.id,
            part,
            standing,
            before,
            limit: SHOWN + 1,
        };
        let mut found = app.store().device_attempts(&filter).await?;
        let more = found.len() > SHOWN as usize;
        found.truncate(SHOWN as usize);
        let path = format!("/releases/{}", release.id);
        let older = found.last().filter(|_| more).map(|last| {
            let mut query = QueryString::new(&path);
            query.add("stand", standing.map_or("", Standing::word));
            query.add("before", &last.attempt.id.to_string());
            format!("{}#devices", query.finish())
        });
        let (shelf, sending) = (app.shelf(), app.sending_of(release.id));
        let row = |found: DeviceAttempt| Row {
            href: format!("/devices/{}", found.mac.hex()),
            is_named: !found.name.is_empty(),
            next: next(&found, page.now),
            name: if found.name.is_empty() { found.mac.to_string() } else { found.name },
            own: Try::new(found.attempt, &shelf).sending(&sending),
        };
        let total = stats.progress.total();
        let offered = filters::count(&total, "device", "devices");
        Ok(Self {
            offered: if total > 0 { offered } else { String::new() },
            portions: portions(&stats.progress, &path, standing),
            rows: found.into_iter().map(row).collect(),
            older: older.unwrap_or_default(),
            is_older: before.is_some(),
            all: format!("{path}#devices"),
            standing,
            stats,
        })
    }

    /// Median and far end of the time to confirm; empty where nothing was measured.
    pub(super) fn time_to_confirm(&self) -> String {
        self.stats.to_confirm.as_ref().map(time_to_confirm).unwrap_or_default()
    }

    /// Median of the speed; empty where nothing was measured.
    pub(super) fn speed(&self) -> String {
        let speed = self.stats.speed.as_ref();
        speed.map(|speed| format!("{}/s", filters::bytes(&speed.median))).unwrap_or_default()
    }
}

/// What happens next with a device, where its steps do not say it.
fn next(found: &DeviceAttempt, now: i64) -> String {
    use crate::domain::device::AttemptState::{Confirmed, Overtaken};
    use crate::domain::tally::Hold;
    let is_over = matches!(found.attempt.state, Confirmed | Overtaken);
    match (found.hold, found.retry_at) {
        _ if is_over => String::new(),
        (Some(Hold::ByHand), _) => "Held back by a person.".to_owned(),
        (Some(_), _) => "On hold until you decide.".to_owned(),
        (None, Some(at)) if at > now => {
            format!("Tried again {} at the earliest.", filters::ago(at, now))
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::stats::Success;

    #[test]
    fn the_bar_is_filled_by_those_that_are_there() {
        let progress = Progress { confirmed: 38, needs_you: 1, aside: 1, ..Progress::default() };
        let bar = portions(&progress, "/releases/7", Some(Standing::NeedsYou));
        let texts: Vec<_> = bar.iter().map(|part| part.text.as_str()).collect();
        assert_eq!(texts, ["38 confirmed", "1 needs you", "1 went another way"]);
        assert_eq!(bar.iter().map(|part| part.width).sum::<u64>(), 1000);
        assert_eq!(bar[1].href, "/releases/7?stand=needs%5Fyou#devices");
        assert!(bar[1].current && !bar[0].current);
        let failed = Progress { not_taken: 1, ..Progress::default() };
        let bar = portions(&failed, "/releases/7", None);
        assert_eq!((bar[0].text.as_str(), bar[0].tone), ("1 not taken", "bad"));
        assert!(portions(&Progress::default(), "/", None).is_empty());
        let one = Progress { confirmed: 99_999, needs_you: 1, ..Progress::default() };
        let widths: Vec<_> = portions(&one, "/", None).iter().map(|part| part.width).collect();
        assert_eq!(widths, [990, 10], "one of many is seen");
    }

    #[test]
    fn success_is_told_with_its_counts() {
        let stats = |confirmed, settled| ReleaseStats {
            success: Success { confirmed, settled },
            ..ReleaseStats::default()
        };
        assert_eq!(success(&stats(0, 0)), "no device is through yet");
        assert_eq!(success(&stats(1, 1)), "1 of 1 device");
        assert_eq!(success(&stats(1, 2)), "1 of 2 devices");
        assert_eq!(success(&stats(38, 40)), "38 of 40 devices (95 %)");
    }

    #[test]
    fn time_to_confirm_is_told_with_its_far_end() {
        let told = |count, median, p90| time_to_confirm(&Spread { count, median, p90 });
        assert_eq!(told(1, 0, 0), "under 1 s");
        assert_eq!(told(1, 38, 38), "38 s");
        assert_eq!(told(5, 38, 38), "38 s, nearly always");
        assert_eq!(told(40, 38, 190), "38 s; nine of ten within 3 min");
    }
}
