//! What must hold after a run, whatever the devices did.

use std::collections::{BTreeMap, HashMap};

use espalier::domain::mac::MacAddr;

use super::api::Seen;
use super::arrival::Arrivals;
use super::behaviour::Behaviour;
use super::device::Device;
use super::driver::Driver;
use super::library::Library;
use super::options::Options;
use super::report::{Promise, Report, RolloutRow, Row, Run, Spread, Take};
use super::watch::Findings;

/// Transfers of a release that may break in a day before it rests.
const BROKEN_A_DAY: usize = 10;

/// A release that breaks so many of a hundred devices is a bad one on any platform of this size.
const BAD: (u32, u32) = (30, 50);

/// What the server knows, by address.
pub type Known<'a> = HashMap<MacAddr, &'a Seen>;

/// Puts the report together.
pub fn report(driver: &Driver, seen: &[Seen], options: &Options, run: &Run) -> Report {
    let known: Known<'_> =
        seen.iter().filter_map(|seen| Some((seen.mac.parse().ok()?, seen))).collect();
    let agreement = &driver.agreement;
    let restarts = driver.restarts.as_ref();
    let mut promises = promises(driver, &known, options);
    let text = "what a device gets is what its decision says";
    promises.push(Promise::of(text, &agreement.disagreed));
    if let Some(restarts) = restarts {
        let text = "a restart forgets nothing";
        promises.push(Promise::of(text, &restarts.lost));
    }
    let forecast = &driver.forecast;
    promises.push(Promise::of("the dry run names every device", &forecast.unnamed));
    let text = "what it says of each is what the server decides right after the publication";
    promises.push(Promise::of(text, &forecast.contradicted));
    let text = "the dry run says what devices get at their next check-in";
    promises.push(Promise::of(text, &forecast.disagreed));
    // One that is still under way is a promise of its own.
    let is_through = driver.course.tracks.iter().all(|track| track.state() == "finished");
    let arrivals = (is_through && options.breaks == 0).then(|| Arrivals::of(driver, &known, run));
    if let Some(arrivals) = &arrivals {
        let text = "a good release reaches every device that asks and can take it";
        promises.push(Promise::of(text, &arrivals.missing));
    }
    promises.extend(of_rollouts(driver, options));
    let sum = |of: fn(&Device) -> u64| driver.devices.iter().map(of).sum();
    Report {
        devices: driver.devices.len(),
        seed: options.seed,
        hours: (run.ended - run.first) / 3_600,
        wall_seconds: run.wall.as_secs_f64(),
        polls: driver.polls,
        polls_failed: sum(|device| device.log.failed),
        bytes: sum(|device| device.log.bytes),
        restarts: restarts.map_or(0, |restarts| restarts.count),
        restarts_amidst: restarts.map_or(0, |restarts| restarts.amidst),
        compared: agreement.compared,
        compared_at_the_end: run.compared,
        dry_run: forecast.figures(),
        arrivals,
        rollouts: driver.course.tracks.iter().map(RolloutRow::of).collect(),
        rows: rows(driver, &known, run),
        releases: takes(driver, run),
        promises,
    }
}

fn promises(driver: &Driver, known: &Known<'_>, options: &Options) -> Vec<Promise> {
    let limit = options.limit;
    let checks: [(&'static str, Check); 8] = [
        ("no device downloads a release whole more often than the limit", |c, d| c.limit(d)),
        ("broken transfers of a release rest after a day's measure", |c, d| c.broken(d)),
        ("no device is sent what destroys it", |_, d| d.log.bricked.then(String::new)),
        ("no image for another chip is offered where the chip is known", |c, d| c.chip(d)),
        ("every answer is one that the device may get", |_, d| d.log.odd.clone()),
        ("“confirmed” is true", |c, d| c.false_success(d)),
        ("what came back with the new version is confirmed", |c, d| c.missed_success(d)),
        ("no check-in is lost", |c, d| c.checkins(d)),
    ];
    let context = Context { library: &driver.library, known, limit };
    let gather = |(text, check): (&'static str, Check)| {
        gather(text, driver, |device| check(&context, device))
    };
    checks.into_iter().map(gather).collect()
}

/// What must hold of rollouts.
fn of_rollouts(driver: &Driver, options: &Options) -> Vec<Promise> {
    let course = &driver.course;
    if course.tracks.is_empty() {
        return Vec::new();
    }
    let mut promises = vec![
        Promise::of("no rollout has more devices unconfirmed than it may", &course.crowded),
        Promise::of("no rollout reaches more devices than its rule allows", &course.beyond),
        Promise::of("a rollout halts at the failures that it halts at", &course.heedless),
        Promise::of("a halted rollout stays halted", &course.woken),
        Promise::of("a restart forgets nothing of a rollout", &course.forgotten),
        Promise::of("a rollout counts the devices that got its release", &course.miscounted),
        gather("no device is counted as failed that runs the release", driver, |device| {
            wronged(driver, device)
        }),
    ];
    let mut lasting = Findings::default();
    let is_bad = options.breaks >= BAD.0;
    for track in course.tracks.iter().filter(|track| !is_bad || track.devices >= BAD.1) {
        let due = if is_bad { "halted" } else { "finished" };
        if track.state() != due && (is_bad || options.breaks == 0) {
            lasting.add(|| format!("rollout {} is {}", track.id, track.state()));
        }
    }
    let text = match options.breaks {
        0 => "the rollout of a good release comes to its end",
        _ => "the rollout of a bad release halts by itself",
    };
    if is_bad || options.breaks == 0 {
        promises.push(Promise::of(text, &lasting));
    }
    promises
}

/// A device that runs the release, has said so, and is counted as failed.
fn wronged(driver: &Driver, device: &Device) -> Option<String> {
    let track = driver.course.of(device.platform)?;
    let returned = device.log.offer(track.build)?.ran.is_some();
    let runs = device.runs() == Some(track.build) && !device.is_gone();
    let honest = device.behaviour.is_honest() && device.behaviour != Behaviour::Stuck;
    if !(returned && runs && honest) {
        return None;
    }
    let standing = track.standing.as_ref()?;
    let same = |mac: &str| mac.parse::<MacAddr>().is_ok_and(|mac| mac == device.mac);
    let member = standing.devices.iter().find(|member| same(&member.mac))?;
    (member.state == "failed").then(|| member.state.clone())
}

type Check = fn(&Context<'_>, &Device) -> Option<String>;

fn gather(
    text: &'static str,
    driver: &Driver,
    check: impl Fn(&Device) -> Option<String>,
) -> Promise {
    let mut findings = Findings::default();
    for device in &driver.devices {
        if let Some(found) = check(device) {
            findings.add(|| format!("{} ({}): {found}", device.mac, device.behaviour.word()));
        }
    }
    Promise::of(text, &findings)
}

/// What the checks look at besides the device.
struct Context<'a> {
    library: &'a Library,
    known: &'a Known<'a>,
    limit: u32,
}

impl Context<'_> {
    fn seen(&self, device: &Device) -> Option<&Seen> {
        self.known.get(&device.mac).copied()
    }

    fn version(&self, build: usize) -> &str {
        self.library.get(build).map_or("", |build| build.version.as_str())
    }

    fn limit(&self, device: &Device) -> Option<String> {
        let over = device.log.offers.iter().find(|offers| offers.whole > self.limit)?;
        Some(format!("{} of {}", over.whole, self.version(over.build)))
    }

    fn broken(&self, device: &Device) -> Option<String> {
        // What breaks behind the last byte that the server could send counts as whole there.
        let most = BROKEN_A_DAY + usize::try_from(self.limit).unwrap_or(0);
        let over = device.log.offers.iter().find(|offers| offers.broken_in_a_day() > most)?;
        Some(format!("{} in a day of {}", over.broken_in_a_day(), self.version(over.build)))
    }

    fn chip(&self, device: &Device) -> Option<String> {
        let own = self.library.get(device.platform)?.chip;
        let offered = device.is_known_to_differ(own) && !device.log.offers.is_empty();
        offered.then(|| format!("an {} got what is for {own}", device.chip))
    }

    fn false_success(&self, device: &Device) -> Option<String> {
        let attempt = self.seen(device)?.last_attempt.as_ref()?;
        if attempt.state != "confirmed" || !device.behaviour.is_honest() {
            return None;
        }
        let build = self.library.of(device.platform, &attempt.version)?;
        let ran = device.log.offer(build).is_some_and(|offers| offers.ran.is_some());
        (!ran).then(|| format!("{} is confirmed, and never ran", attempt.version))
    }

    fn missed_success(&self, device: &Device) -> Option<String> {
        let attempt = self.seen(device)?.last_attempt.as_ref()?;
        let build = device.runs()?;
        let ran = device.log.offer(build)?.ran.is_some();
        let rises = device.behaviour.is_honest() && device.behaviour != Behaviour::Stuck;
        let same = attempt.version == self.version(build);
        let missed = ran && rises && same && attempt.state != "confirmed";
        missed.then(|| format!("it runs {}, which is {}", attempt.version, attempt.state))
    }

    fn checkins(&self, device: &Device) -> Option<String> {
        if device.behaviour == Behaviour::Stranger || device.log.answered == 0 {
            return None;
        }
        let counted = self.seen(device).map_or(0, |seen| seen.checkins);
        let answered = device.log.answered;
        (counted < answered).then(|| format!("{answered} were answered, {counted} counted"))
    }
}

/// Where the devices of each behaviour ended.
fn rows(driver: &Driver, known: &Known<'_>, run: &Run) -> Vec<Row> {
    let mut rows = Vec::new();
    for behaviour in Behaviour::ALL {
        let mut states: BTreeMap<String, u64> = BTreeMap::new();
        let own = driver.devices.iter().filter(|device| device.behaviour == behaviour);
        for device in own {
            let newest = driver.library.0.iter().rfind(|b| b.platform == device.platform);
            let version = newest.map_or("", |build| build.version.as_str());
            let state = state(device, known.get(&device.mac).copied(), version, run);
            *states.entry(state).or_default() += 1;
        }
        if !states.is_empty() {
            rows.push(Row { behaviour: behaviour.word(), states });
        }
    }
    rows
}

/// How it stands with a device and the latest release.
fn state(device: &Device, seen: Option<&Seen>, version: &str, run: &Run) -> String {
    let Some(seen) = seen else {
        return "not recorded".to_owned();
    };
    if device.log.last.is_none() {
        return "never asked".to_owned();
    }
    if seen.approval != "approved" {
        return "not approved".to_owned();
    }
    if let Some(hold) = &seen.hold {
        return format!("held: {}", hold.code.replace('_', " "));
    }
    let outcome = seen.last_outcome.as_ref().map_or("?", |outcome| outcome.code.as_str());
    let outcome = outcome.replace('_', " ");
    if let Some(attempt) = seen.last_attempt.as_ref().filter(|own| own.version == version) {
        return match (attempt.state.as_str(), device.is_gone()) {
            ("delivered", true) => "silent since".to_owned(),
            ("not_taken", _) => format!("not taken: {outcome}"),
            (state, _) => state.replace('_', " "),
        };
    }
    if device.log.last.is_some_and(|last| last < run.published) {
        let word = if device.is_gone() { "silent before" } else { "asleep" };
        return word.to_owned();
    }
    outcome
}

/// What became of each release.
fn takes(driver: &Driver, run: &Run) -> Vec<Take> {
    let mut takes: Vec<Take> = Vec::new();
    for (number, build) in driver.library.0.iter().enumerate() {
        let at = takes.iter().position(|take| take.version == build.version);
        let at = at.unwrap_or_else(|| {
            takes.push(Take::new(&build.version, build.breaks));
            takes.len() - 1
        });
        for device in &driver.devices {
            if let Some(offers) = device.log.offer(number) {
                let from = if build.version == "v1.0.0" { run.first } else { run.published };
                takes[at].count(offers, from);
            }
        }
    }
    for take in &mut takes {
        take.to_confirm = Spread::of(&mut take.confirmed_after);
        take.to_return = Spread::of(&mut take.returned_after);
    }
    takes
}
