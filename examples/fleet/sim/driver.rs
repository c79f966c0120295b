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
use super::device::{Ask, Device, Reading};
use super::host::Host;
use super::library::Library;
use super::random::Random;
use super::watch::{Agreement, Polled, Restarts, poll};

/// All is quiet after so many seconds without a download: longer than devices that are awake pause.
const QUIET: i64 = 8 * 3_600;

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
            connections: connections.max(1),
            check,
            random,
            polls: 0,
            now,
            queue: BinaryHeap::new(),
            last_download: now,
            looked: now,
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
            self.moves_to(at).await;
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
        self.moves_to(end).await;
        Ok(())
    }

    fn is_quiet(&mut self) -> bool {
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
            restarts.quietly(host, &self.api, &self.devices).await?;
        }
        let asks: Vec<(usize, Ask, bool)> = due.iter().map(|index| self.ask(*index)).collect();
        let asks = asks.into_iter().map(|(index, ask, check)| {
            let check = (check || check_all) && ask.again && restart != Some(true);
            (index, ask, check)
        });
        let (asks, connections) = (asks.collect(), self.connections);
        let (api, macs) = (self.api.clone(), self.macs(due));
        let answers = poll_all(api, asks, macs, connections);
        let polled = match (&mut self.restarts, &mut self.host) {
            (Some(restarts), Some(host)) if restart == Some(true) => {
                let (polled, restarted) = tokio::join!(answers, restarts.amidst(host));
                restarted?;
                polled
            }
            _ => answers.await,
        };
        Ok(polled.into_iter().filter_map(|one| self.hear(one)).collect())
    }

    fn ask(&mut self, index: usize) -> (usize, Ask, bool) {
        let device = &mut self.devices[index];
        let name = self.names.get(device.platform).map(String::as_str).unwrap_or_default();
        let ask = device.asks(name);
        let check = ask.again && ask.reading != Reading::Twice && self.random.chance(self.check);
        (index, ask, check)
    }

    fn macs(&self, due: &[usize]) -> Vec<String> {
        due.iter().map(|index| self.devices[*index].mac.hex()).collect()
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

/// Sends check-ins, so many at a time; their answers in the order of the devices.
async fn poll_all(
    api: Api,
    asks: Vec<(usize, Ask, bool)>,
    macs: Vec<String>,
    connections: usize,
) -> Vec<Polled> {
    let mut polled = Vec::with_capacity(asks.len());
    let mut tasks = JoinSet::new();
    for ((index, ask, check), mac) in asks.into_iter().zip(macs) {
        if tasks.len() >= connections {
            polled.extend(tasks.join_next().await.and_then(Result::ok));
        }
        tasks.spawn(poll(api.clone(), mac, index, ask, check));
    }
    while let Some(one) = tasks.join_next().await {
        polled.extend(one.ok());
    }
    polled.sort_unstable_by_key(|one| one.index);
    polled
}
