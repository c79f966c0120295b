//! Questions in between: does the server do what it says, and does it forget?

use std::ops::RangeInclusive;

use espalier::domain::Timestamp;

use super::Fault;
use super::api::{Api, Decided, Seen};
use super::behaviour::Behaviour;
use super::course::Course;
use super::device::{Ask, Device, Heard};
use super::host::Host;
use super::library::Library;
use super::random::Random;
use super::wire::exchange;

/// Findings that are kept word for word.
const EXAMPLES: usize = 5;
/// Devices that are looked at before and after a restart.
const LOOKED_AT: u64 = 200;

/// A check-in with its answers.
#[derive(Debug)]
pub struct Polled {
    /// The number of the device.
    pub index: usize,
    /// What it sent.
    pub ask: Ask,
    /// What it heard.
    pub heard: Vec<Heard>,
    /// What the server had said that it would get.
    pub expected: Option<Decided>,
}

/// A device checks in; `check`: the server is asked before what it will get.
pub async fn poll(api: Api, mac: String, index: usize, ask: Ask, check: bool) -> Polled {
    let expected = if check { api.decision(&mac).await.ok().flatten() } else { None };
    let heard = exchange(api.address.get(), &ask.request, ask.reading).await;
    if heard.iter().any(|one| one.status == Some(200)) {
        api.settled(&mac).await;
    }
    Polled { index, ask, heard, expected }
}

/// How often something was found, with examples.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    /// How often.
    pub count: u64,
    /// The first ones.
    pub examples: Vec<String>,
}

impl Findings {
    /// One more.
    pub fn add(&mut self, text: impl FnOnce() -> String) {
        self.count += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(text());
        }
    }
}

/// Whether decisions and answers agree.
#[derive(Debug, Default)]
pub struct Agreement {
    /// How many were compared.
    pub compared: u64,
    /// Those that do not agree.
    pub disagreed: Findings,
}

impl Agreement {
    /// Compares what the server had said with what came; whether there was something to compare.
    pub fn judge(
        &mut self,
        device: &Device,
        expected: Option<&Decided>,
        heard: &[Heard],
        library: &Library,
    ) -> bool {
        let (Some(expected), [heard]) = (expected, heard) else { return false };
        let Some(status) = heard.status else { return false };
        self.compared += 1;
        let build = library.sent(device.platform, heard).and_then(|build| library.get(build));
        let build = build.filter(|_| status == 200);
        let promised = expected.release.as_ref().map(|release| release.version.as_str());
        let same = build.is_none_or(|build| Some(build.version.as_str()) == promised);
        if status != expected.status || !same {
            self.disagreed.add(|| {
                let (mac, word, code) = (device.mac, device.behaviour.word(), &expected.decision);
                let said = expected.status;
                format!("{mac} ({word}): the decision was {said} {code}, the answer {status}")
            });
        }
        true
    }
}

/// When the server is restarted, and what came of it.
#[derive(Debug)]
pub struct Restarts {
    /// How often it was.
    pub count: u64,
    /// How often it was while devices were asking.
    pub amidst: u64,
    /// What it did not know any more.
    pub lost: Findings,
    every: RangeInclusive<i64>,
    next: Timestamp,
    random: Random,
}

/// What must not be forgotten of a device.
#[derive(Debug, PartialEq, Eq)]
struct Kept {
    seen: Option<Seen>,
    decided: Option<Decided>,
}

impl Restarts {
    /// After so many minutes each.
    pub fn new(every: RangeInclusive<i64>, now: Timestamp, seed: u64) -> Self {
        let mut restarts = Self {
            count: 0,
            amidst: 0,
            lost: Findings::default(),
            every,
            next: now,
            random: Random::of(seed, u64::MAX - 1),
        };
        restarts.plan(now);
        restarts
    }

    fn plan(&mut self, now: Timestamp) {
        self.next = now + 60 * self.random.within(self.every.clone());
    }

    /// Whether it is time: for a restart between two moments, or amidst the requests of one.
    pub fn due(&mut self, now: Timestamp) -> Option<bool> {
        if now < self.next {
            return None;
        }
        self.plan(now);
        self.count += 1;
        Some(self.random.chance(50))
    }

    /// While nobody asks: whatever the server knew, it knows afterwards.
    pub async fn quietly(
        &mut self,
        host: &mut Host,
        api: &Api,
        devices: &[Device],
        course: &mut Course,
    ) -> Result<(), Fault> {
        let all = u64::try_from(devices.len()).unwrap_or(u64::MAX);
        let some: Vec<usize> = (0..LOOKED_AT.min(all))
            .map(|_| usize::try_from(self.random.below(all)).unwrap_or(0))
            .collect();
        let mut before = Vec::with_capacity(some.len());
        for index in &some {
            before.push(kept(api, &devices[*index]).await?);
        }
        let standings = course.standings(api).await?;
        host.restart().await?;
        course.remembers(&standings, api).await?;
        for (index, before) in some.into_iter().zip(before) {
            let device = &devices[index];
            let after = kept(api, device).await?;
            if before != after && device.behaviour != Behaviour::Stranger {
                self.lost.add(|| format!("{}: {before:?} became {after:?}", device.mac));
            }
        }
        Ok(())
    }

    /// While devices ask: some of them find nobody, or lose their transfer.
    pub async fn amidst(&mut self, host: &mut Host) -> Result<(), Fault> {
        self.amidst += 1;
        // Requests take less than any timer does.
        for _ in 0..self.random.below(40) {
            tokio::task::yield_now().await;
        }
        host.restart().await
    }
}

async fn kept(api: &Api, device: &Device) -> Result<Kept, Fault> {
    let mac = device.mac.hex();
    let decided = api.decision(&mac).await?;
    let mut seen = api.device(&mac).await?;
    if let Some(seen) = &mut seen {
        // Written a second later; that none is lost is seen at the end of the run.
        (seen.checkins, seen.last_outcome) = (0, None);
    }
    Ok(Kept { seen, decided })
}
