//! The report, for people and for programs.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use espalier::domain::Timestamp;
use serde::Serialize;

use super::arrival::Arrivals;
use super::course::{Halt, Track};
use super::forecast::Foretold;
use super::logbook::Offers;
use super::watch::Findings;

/// When things were, and what was compared at the end.
#[derive(Debug)]
pub struct Run {
    /// When virtual time began.
    pub first: Timestamp,
    /// When the second release was published.
    pub published: Timestamp,
    /// When all were made to ask.
    pub asked: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// Devices whose decision was compared with their answer at the end.
    pub compared: usize,
    /// How long it took.
    pub wall: Duration,
}

/// What came of a run.
#[derive(Debug, Serialize)]
pub struct Report {
    /// How many devices.
    pub devices: usize,
    /// The seed.
    pub seed: u64,
    /// Virtual hours.
    pub hours: i64,
    /// Seconds that it took.
    pub wall_seconds: f64,
    /// Check-ins.
    pub polls: u64,
    /// Those that nobody answered.
    pub polls_failed: u64,
    /// Bytes of images that devices read.
    pub bytes: u64,
    /// How often the server was restarted.
    pub restarts: u64,
    /// How often of these while devices were asking.
    pub restarts_amidst: u64,
    /// Check-ins before which the server was asked what it will answer.
    pub compared: u64,
    /// Devices of which it was asked so at the end.
    pub compared_at_the_end: usize,
    /// What the dry run said, and whether it was so.
    pub dry_run: Foretold,
    /// Whom a good release reached; `None` where it is none, or still on its way.
    pub arrivals: Option<Arrivals>,
    /// How the rollouts went.
    pub rollouts: Vec<RolloutRow>,
    /// Where the devices ended.
    pub rows: Vec<Row>,
    /// What became of the releases.
    pub releases: Vec<Take>,
    /// What must hold.
    pub promises: Vec<Promise>,
}

/// How a rollout went.
#[derive(Debug, Serialize)]
pub struct RolloutRow {
    /// Devices of the platform.
    pub devices: u32,
    /// Where it stands.
    pub state: String,
    /// Devices that it was offered to.
    pub reached: u32,
    /// Those that came back with it.
    pub confirmed: u32,
    /// Those that failed.
    pub failed: u32,
    /// Those that have it unconfirmed.
    pub on_the_way: u32,
    /// The most of these at any time.
    pub most_on_the_way: u32,
    /// How often a person had to say something.
    pub words: u32,
    /// When it was halted.
    pub halts: Vec<Halt>,
}

impl RolloutRow {
    /// That of a rollout.
    pub fn of(track: &Track) -> Self {
        let counts = track.standing.as_ref().map(|standing| standing.counts);
        Self {
            devices: track.devices,
            state: track.state().to_owned(),
            reached: counts.map_or(0, |counts| counts.offered),
            confirmed: counts.map_or(0, |counts| counts.confirmed),
            failed: counts.map_or(0, |counts| counts.failed),
            on_the_way: counts.map_or(0, |counts| counts.on_the_way),
            most_on_the_way: track.most_on_the_way,
            words: track.words,
            halts: track.halts.clone(),
        }
    }
}

/// Where the devices of one behaviour ended.
#[derive(Debug, Serialize)]
pub struct Row {
    /// The behaviour.
    pub behaviour: &'static str,
    /// How many ended how.
    pub states: BTreeMap<String, u64>,
}

/// What became of a release, on all platforms.
#[derive(Debug, Default, Serialize)]
pub struct Take {
    /// Its version.
    pub version: String,
    /// Of a hundred devices, so many do not survive it.
    pub breaks: u32,
    /// Devices that it was offered to.
    pub reached: u64,
    /// Downloads that came whole.
    pub downloads: u64,
    /// The most of one device.
    pub most_of_one: u32,
    /// Transfers that broke.
    pub broken: u64,
    /// Devices that installed it.
    pub installed: u64,
    /// Devices that came back with it.
    pub returned: u64,
    /// Seconds from its publication until a device came back with it.
    pub to_confirm: Option<Spread>,
    /// Seconds from the download until then.
    pub to_return: Option<Spread>,
    /// The seconds of each device.
    #[serde(skip)]
    pub confirmed_after: Vec<i64>,
    /// The seconds of each device.
    #[serde(skip)]
    pub returned_after: Vec<i64>,
}

/// How numbers are spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Spread {
    /// Half of them are not above.
    pub median: i64,
    /// Nine of ten are not above.
    pub p90: i64,
}

/// Something that must hold.
#[derive(Debug, Serialize)]
pub struct Promise {
    /// In words.
    pub text: &'static str,
    /// How often it did not.
    pub broken: u64,
    /// The first of these.
    pub examples: Vec<String>,
}

impl Promise {
    /// What was found against it.
    pub fn of(text: &'static str, findings: &Findings) -> Self {
        Self { text, broken: findings.count, examples: findings.examples.clone() }
    }
}

impl Spread {
    /// That of these numbers.
    pub fn of(numbers: &mut [i64]) -> Option<Self> {
        numbers.sort_unstable();
        let last = numbers.len().checked_sub(1)?;
        Some(Self { median: numbers[last / 2], p90: numbers[last * 9 / 10] })
    }
}

impl Take {
    /// Nobody took it yet.
    pub fn new(version: &str, breaks: u32) -> Self {
        Self { version: version.to_owned(), breaks, ..Self::default() }
    }

    /// Counts what one device did; the release was published at `from`.
    pub fn count(&mut self, offers: &Offers, from: Timestamp) {
        self.reached += 1;
        self.downloads += u64::from(offers.whole);
        self.most_of_one = self.most_of_one.max(offers.whole);
        self.broken += u64::try_from(offers.broken.len()).unwrap_or(0);
        self.installed += u64::from(offers.installed.is_some());
        self.returned += u64::from(offers.ran.is_some());
        if let Some(ran) = offers.ran {
            self.confirmed_after.push(ran - from);
            self.returned_after.extend(offers.installed.map(|installed| ran - installed));
        }
    }
}

impl Report {
    /// Whether everything holds that must.
    pub fn holds(&self) -> bool {
        self.promises.iter().all(|promise| promise.broken == 0)
    }

    /// As JSON.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// As tables.
    pub fn table(&self) -> String {
        let mut text = String::new();
        self.figures(&mut text);
        self.states(&mut text);
        self.takes(&mut text);
        self.courses(&mut text);
        for promise in &self.promises {
            let word = if promise.broken == 0 { "holds " } else { "BROKEN" };
            let _ = write!(text, "\n{word}  {}", promise.text);
            if promise.broken > 0 {
                let _ = write!(text, ": {} times", promise.broken);
            }
            for example in &promise.examples {
                let _ = write!(text, "\n        {example}");
            }
        }
        text
    }

    fn figures(&self, text: &mut String) {
        let seconds = Duration::from_secs_f64(self.wall_seconds).as_secs().max(1);
        let _ = writeln!(
            text,
            "{} devices, {} virtual hours, {} check-ins ({} unanswered), {} MiB of images\n\
             seed {}; {:.1} s, {} check-ins a second, {} × real time\n\
             {} restarts, {} of them amidst requests; {} decisions compared with answers, {} of \
             them at the end",
            self.devices,
            self.hours,
            self.polls,
            self.polls_failed,
            self.bytes >> 20,
            self.seed,
            self.wall_seconds,
            self.polls / seconds,
            self.hours * 3_600 / i64::try_from(seconds).unwrap_or(1),
            self.restarts,
            self.restarts_amidst,
            self.compared,
            self.compared_at_the_end,
        );
    }

    /// How the rollouts went.
    fn courses(&self, text: &mut String) {
        let _ = writeln!(text, "\n{}", self.dry_run.table());
        if let Some(arrivals) = &self.arrivals {
            let _ = writeln!(text, "\n{}", arrivals.table());
        }
        for row in &self.rollouts {
            let _ = writeln!(
                text,
                "\nrollout to {} devices: {}; {} reached, {} confirmed, {} failed, {} on the way \
                 (at most {}); {} words of a person",
                row.devices,
                row.state,
                row.reached,
                row.confirmed,
                row.failed,
                row.on_the_way,
                row.most_on_the_way,
                row.words,
            );
            for halt in &row.halts {
                let _ = writeln!(
                    text,
                    "  halted after {} in stage {}: {} reached (the rule allows {}), {} confirmed, \
                     {} failed, {} on the way, {} others",
                    span(halt.after),
                    halt.stage,
                    halt.reached,
                    halt.bound,
                    halt.confirmed,
                    halt.failed,
                    halt.on_the_way,
                    halt.others,
                );
            }
        }
    }

    /// Behaviours and end states, with the latest release.
    fn states(&self, text: &mut String) {
        let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
        for (state, count) in self.rows.iter().flat_map(|row| &row.states) {
            *sums.entry(state).or_default() += count;
        }
        let mut states: Vec<(&str, u64)> = sums.into_iter().collect();
        states.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let _ = write!(text, "\n{:34}", "");
        for row in &self.rows {
            let _ = write!(text, "{:>11}", row.behaviour);
        }
        let _ = writeln!(text, "{:>9}", "all");
        for (state, sum) in states {
            let _ = write!(text, "{state:34}");
            for row in &self.rows {
                match row.states.get(state) {
                    Some(count) => write!(text, "{count:>11}"),
                    None => write!(text, "{:>11}", "·"),
                }
                .unwrap_or_default();
            }
            let _ = writeln!(text, "{sum:>9}");
        }
    }

    fn takes(&self, text: &mut String) {
        for take in &self.releases {
            let _ = writeln!(
                text,
                "\n{} (breaks {} %): offered to {} devices, {} downloads, at most {} of one \
                 device; {} transfers broke; {} installed it, {} came back with it",
                take.version,
                take.breaks,
                take.reached,
                take.downloads,
                take.most_of_one,
                take.broken,
                take.installed,
                take.returned,
            );
            let spreads = [
                ("from its publication until a device came back with it", take.to_confirm),
                ("from the download until then", take.to_return),
            ];
            for (what, spread) in spreads {
                if let Some(Spread { median, p90 }) = spread {
                    let (median, p90) = (span(median), span(p90));
                    let _ = writeln!(text, "  {what}: median {median}, nine of ten {p90}");
                }
            }
        }
    }
}

/// Seconds as a person says them.
fn span(seconds: i64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_spread() {
        assert_eq!(Spread::of(&mut []), None);
        let spread = Spread::of(&mut [3, 1, 2]);
        assert_eq!(spread, Some(Spread { median: 2, p90: 2 }));
        let mut hundred: Vec<i64> = (1..=100).collect();
        assert_eq!(Spread::of(&mut hundred), Some(Spread { median: 50, p90: 90 }));
    }
}
