//! The events in order of virtual time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

use espalier::clock::{Clock, FakeClock, SystemClock};
use espalier::domain::Timestamp;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::Fault;
use super::api::Api;
use super::course::Course;
use super::device::{Ask, Device, Reading};
use super::forecast::Forecast;
use super::host::Host;
use super::library::Library;
use super::random::Random;
use super::watch::{Agreement, Polled, Restarts, poll};

/// All is quiet after so many seconds without a download: longer than devices that are awake pause.
const QUIET: i64 = 8 * 3_600;
/// How often rollouts are looked at, at least, in virtual seconds.
const OBSERVE: i64 = 600;
/// How often the server's jobs come round, in virtual seconds.
const TICK: i64 = 60;

/// What time it is for devices and server.
#[derive(Debug)]
pub enum Time {
    /// What the simulator says, and how many seconds may pass in a second.
    Virtual {
        /// The server's clock.
        clock: Arc<FakeClock>,
        /// Where the pace is counted from, and how many seconds a second may have.
        pace: Option<(Instant, Timestamp, u32)>,
    },
    /// What it is.
    Real,
}

/// Everything that moves.
#[derive(Debug)]
pub struct Driver {
    /// The way to the server.
    pub api: Api,
    /// The server, where it is in this process.
    pub host: Option<Host>,
    /// The clock.
    pub time: Time,
    /// The devices.
    pub devices: Vec<Device>,
    /// The images.
    pub library: Library,
    /// The platforms' names.
    pub names: Vec<String>,
    /// When the server is restarted, and what came of that.
    pub restarts: Option<Restarts>,
    /// Whether the server does what it says.
    pub agreement: Agreement,
    /// What the dry run said.
    pub forecast: Forecast,
    /// How the rollouts go.
    pub course: Course,
    /// Check-ins at the same time, at most.
    pub connections: usize,
    /// Of a hundred check-ins, before so many the server is asked.
    pub check: u32,
    /// What the driver itself draws.
    pub random: Random,
    /// Check-ins so far.
    pub polls: u64,
    now: Timestamp,
    queue: BinaryHeap<Reverse<(Timestamp, usize)>>,
    last_download: Timestamp,
    looked: Timestamp,
    ticked: Timestamp,
    observed: Timestamp,
}

/// What a driver begins with.
pub struct Setting {
    /// The way to the server.
    pub api: Api,
    /// The server, where it is in this process.
    pub host: Option<Host>,
    /// The clock.
    pub time: Time,
    /// When it begins.
    pub now: Timestamp,
    /// What the driver itself draws.
    pub random: Random,
}

impl Driver {
    /// A driver without devices.
    pub fn new(setting: Setting, connections: usize, check: u32) -> Self {
        let Setting { api, host, time, now, random } = setting;
        Self {
            api,
            host,
            time,
            devices: Vec::new(),
            library: Library::default(),
            names: Vec::new(),
            restarts: None,
            agreement: Agreement::default(),
            forecast: Forecast::default(),
            course: Course::default(),
            connections: connections.max(1),
            check,
            random,
            polls: 0,
            now,
            queue: BinaryHeap::new(),
            last_download: now,
            looked: now,
            ticked: now,
            observed: now,
        }
    }

    /// What time it is.
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// Puts the devices on the calendar.
    pub fn add(&mut self, devices: Vec<Device>) {
        for mut device in devices {
            let at = self.now + device.first();
            self.queue.push(Reverse((at, self.devices.len())));
            self.devices.push(device);
        }
    }

    /// Lets time pass up to `end`, or until `quiet`: everybody has seen the latest release, and
    /// nobody downloads any more.
    pub async fn run(&mut self, end: Timestamp, quiet: bool) -> Result<(), Fault> {
        self.last_download = self.now;
        while let Some(Reverse((at, _))) = self.queue.peek().copied().filter(|next| next.0.0 <= end)
        {
            self.passes_to(at).await?;
            let mut due = Vec::new();
            while let Some(Reverse((_, device))) = self.queue.peek().filter(|next| next.0.0 == at) {
                due.push(*device);
                self.queue.pop();
            }
            self.round(&due, false).await?;
            if quiet && self.is_quiet() {
                return Ok(());
            }
        }
        self.passes_to(end).await
    }

    /// Lets time pass, in which the server's jobs come round.
    async fn passes_to(&mut self, at: Timestamp) -> Result<(), Fault> {
        while self.ticked + TICK <= at {
            self.ticked += TICK;
            self.moves_to(self.ticked.max(self.now)).await;
            if let Some(host) = &self.host {
                host.tick().await?;
            }
            // Rollouts are looked at after downloads, and now and then.
            if self.last_download > self.observed || self.now >= self.observed + OBSERVE {
                self.observed = self.now;
                self.course.observe(&self.api, &self.devices, self.now, false).await?;
            }
        }
        self.moves_to(at).await;
        Ok(())
    }

    fn is_quiet(&mut self) -> bool {
        if !self.course.is_over(self.now) {
            return false;
        }
        if self.course.is_halted() {
            return true;
        }
        if self.now < self.last_download + QUIET || self.now < self.looked + 600 {
            return false;
        }
        self.looked = self.now;
        self.devices.iter().all(|device| device.is_gone() || device.log.since_release() > 1)
    }

    /// Moves the clock, not faster than it may.
    pub async fn moves_to(&mut self, at: Timestamp) {
        match &self.time {
            Time::Real => {
                let ahead = u64::try_from(at - SystemClock.now()).unwrap_or(0);
                sleep(Duration::from_secs(ahead)).await;
            }
            Time::Virtual { clock, pace } => {
                if let Some((began, from, speed)) = pace {
                    let passed = u64::try_from(at - from).unwrap_or(0);
                    let passed = Duration::from_secs(passed) / (*speed).max(1);
                    sleep_until(*began + passed).await;
                }
                clock.advance(at - self.now);
            }
        }
        self.now = at;
    }

    /// These devices check in at the same moment; `check_all`: the server is asked before.
    async fn round(&mut self, due: &[usize], check_all: bool) -> Result<Vec<usize>, Fault> {
        let restart = self.restarts.as_mut().and_then(|restarts| restarts.due(self.now));
        if restart == Some(false)
            && let (Some(restarts), Some(host)) = (&mut self.restarts, &mut self.host)
        {
            restarts.quietly(host, &self.api, &self.devices, &mut self.course).await?;
        }
        let asks: Vec<Asking> = due.iter().map(|index| self.ask(*index)).collect();
        let asks = asks.into_iter().map(|asking| {
            let check = (asking.check || check_all) && asking.ask.again && restart != Some(true);
            Asking { check, ..asking }
        });
        // In a rollout others change what a device gets: who is asked about asks alone.
        let gated = !self.course.tracks.is_empty();
        let (alone, asks) = asks.partition(|asking| asking.check && gated);
        let (api, connections) = (self.api.clone(), self.connections);
        let answers = async {
            let mut polled = poll_all(&api, alone, 1).await;
            polled.extend(poll_all(&api, asks, connections).await);
            polled.sort_unstable_by_key(|one| one.index);
            polled
        };
        let polled = match (&mut self.restarts, &mut self.host) {
            (Some(restarts), Some(host)) if restart == Some(true) => {
                let (polled, restarted) = tokio::join!(answers, restarts.amidst(host));
                restarted?;
                polled
            }
            _ => answers.await,
        };
        let done = polled.into_iter().filter_map(|one| self.hear(one)).collect();
        let fleet = (&*self.devices, &self.library);
        self.forecast.resolve(&self.api, &self.course, fleet).await?;
        if restart == Some(true) {
            self.course.observe(&self.api, &self.devices, self.now, true).await?;
        }
        Ok(done)
    }

    fn ask(&mut self, index: usize) -> Asking {
        let device = &mut self.devices[index];
        let name = self.names.get(device.platform).map(String::as_str).unwrap_or_default();
        let ask = device.asks(name);
        let check = ask.again && ask.reading != Reading::Twice && self.random.chance(self.check);
        Asking { index, mac: device.mac.hex(), ask, check }
    }

    /// A device hears its answer, and is put on the calendar again; it, where the server did what
    /// it had said.
    fn hear(&mut self, one: Polled) -> Option<usize> {
        let Polled { index, ask, heard, expected } = one;
        self.polls += u64::try_from(heard.len()).unwrap_or(0);
        if heard.iter().any(|heard| heard.status == Some(200)) {
            self.last_download = self.now;
        }
        let device = &mut self.devices[index];
        let next = device.hears(self.now, &ask.request, &heard, &self.library);
        let device = &self.devices[index];
        self.forecast.judge((index, device), &ask, &heard, &self.library);
        let checked = self.agreement.judge(device, expected.as_ref(), &heard, &self.library);
        if let Some(seconds) = next {
            self.queue.push(Reverse((self.now + seconds.max(1), index)));
        }
        checked.then_some(index)
    }

    /// Asks the server for every device what it would get, and then lets it ask; how many were
    /// compared.
    pub async fn compare_all(&mut self) -> Result<usize, Fault> {
        self.queue.clear();
        let asked = |device: &Device| !device.is_gone() && device.log.last.is_some();
        let mut left: Vec<usize> = (0..self.devices.len()).collect();
        left.retain(|index| asked(&self.devices[*index]));
        let mut compared = 0;
        // A device that has just changed says so first.
        for _ in 0..4 {
            self.moves_to(self.now + 1).await;
            let done = self.round(&left, true).await?;
            compared += done.len();
            left.retain(|index| !done.contains(index) && asked(&self.devices[*index]));
            self.queue.clear();
        }
        Ok(compared)
    }
}

/// A check-in that is about to be sent.
struct Asking {
    index: usize,
    mac: String,
    ask: Ask,
    /// Whether the server is asked before.
    check: bool,
}

/// Sends check-ins, so many at a time.
async fn poll_all(api: &Api, asks: Vec<Asking>, connections: usize) -> Vec<Polled> {
    let mut polled = Vec::with_capacity(asks.len());
    let mut tasks = JoinSet::new();
    for Asking { index, mac, ask, check } in asks {
        if tasks.len() >= connections {
            polled.extend(tasks.join_next().await.and_then(Result::ok));
        }
        tasks.spawn(poll(api.clone(), mac, index, ask, check));
    }
    while let Some(one) = tasks.join_next().await {
        polled.extend(one.ok());
    }
    polled
}
