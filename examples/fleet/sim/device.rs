//! A device: a state machine from a seed, virtual time, and what the server answers.

use std::hash::{DefaultHasher, Hash, Hasher};

use espalier::domain::Timestamp;
use espalier::domain::chip::{Chip, Family};
use espalier::domain::mac::MacAddr;

use super::behaviour::{Behaviour, Mix};
use super::fate::{Fate, fate};
use super::firmware::FLASH_MODE;
use super::library::{Library, Program};
use super::logbook::Logbook;
use super::random::Random;
use super::request::{Core, Said};

/// Seconds between two check-ins, and how many of a hundred devices have that rhythm.
const RHYTHMS: [(i64, u64); 5] =
    [(60, 2), (5 * 60, 8), (15 * 60, 15), (3_600, 40), (6 * 3_600, 35)];
/// Seconds of a day and of a week.
const SLEEPS: [i64; 2] = [86_400, 7 * 86_400];
/// Versions that liars report.
const LIES: [&str; 8] =
    ["nonsense", "v9.9.9", "v0.0.1", "v1.1.0", "v1.0.0", "1", "%C3%A4%00", "2024.06.01"];

/// What a device sends, and how it reads the answer.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The request.
    pub request: Vec<u8>,
    /// How the answer is read.
    pub reading: Reading,
    /// Whether this is word for word its last request that was answered.
    pub again: bool,
}

/// How an image is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// To its end.
    Whole,
    /// Until so many thousandths; then the connection breaks.
    Breaks(u64),
    /// To its end; then the connection breaks.
    Resets,
    /// To its end, twice at the same time.
    Twice,
}

/// An answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heard {
    /// Its status; `None` where there was no answer.
    pub status: Option<u16>,
    /// MD5 of the image, unpacked; `None` where it did not come whole, or was damaged.
    pub image: Option<String>,
    /// The file that it says it is.
    pub file: Option<String>,
    /// Whether it was compressed.
    pub packed: bool,
    /// Bytes of the image that came.
    pub bytes: u64,
    /// Whether all bytes came.
    pub whole: bool,
    /// Whether the connection broke behind them.
    pub reset: bool,
    /// What is wrong with the answer.
    pub fault: Option<&'static str>,
}

/// What all devices of a fleet come from.
#[derive(Debug, Clone)]
pub struct Breed {
    /// The seed.
    pub seed: u64,
    /// Which of them behave how.
    pub mix: Mix,
    /// Seconds that the most eager one waits between two check-ins.
    pub fastest: i64,
}

/// A device.
#[derive(Debug)]
pub struct Device {
    /// Its identity.
    pub mac: MacAddr,
    /// The number of its platform.
    pub platform: usize,
    /// Its chip.
    pub chip: Chip,
    /// What is peculiar about it.
    pub behaviour: Behaviour,
    /// What it saw.
    pub log: Logbook,
    /// Whether its requests name its chip.
    pub names_chip: bool,
    rhythm: i64,
    seed: u64,
    random: Random,
    core: Core,
    flash_mode: u8,
    runs: Program,
    before: Option<Program>,
    /// How often it comes back fast, and whether it rolls back then.
    trial: Option<(u32, bool)>,
    last: Option<u64>,
    gone: bool,
}

impl Device {
    /// The device of this number. `first` is the build that most devices run already.
    pub fn new(number: u64, breed: &Breed, library: &Library, first: usize) -> Self {
        let mut random = Random::of(breed.seed, number);
        let behaviour = breed.mix.draw(&mut random);
        let build = library.get(first);
        let (platform, own) = build.map_or((0, Chip::Esp32), |b| (b.platform, b.chip));
        let chip = if behaviour == Behaviour::WrongChip { other(own, &mut random) } else { own };
        let n = number.to_be_bytes();
        let mac = MacAddr::new([0x24, 0x0A, 0xC4, n[5], n[6], n[7]]);
        // One of five runs DOUT, which its updater writes into what it takes.
        let flash_mode = if random.chance(20) { 3 } else { FLASH_MODE };
        let by_cable = behaviour == Behaviour::WrongChip || random.chance(15);
        let runs = match build.filter(|_| !by_cable) {
            Some(build) => build.program(first, flash_mode),
            None => cable(&mut random),
        };
        Self {
            mac,
            platform,
            chip,
            behaviour,
            log: Logbook::default(),
            names_chip: chip.family() == Family::Esp32 && random.chance(50),
            rhythm: rhythm(behaviour, &mut random).max(breed.fastest),
            seed: random.next(),
            core: if random.chance(10) || behaviour == Behaviour::Mute {
                Core::Old
            } else {
                Core::Current
            },
            flash_mode,
            runs,
            before: None,
            trial: None,
            last: None,
            gone: false,
            random,
        }
    }

    /// Seconds until it asks for the first time.
    pub fn first(&mut self) -> i64 {
        self.random.within(0..=self.rhythm)
    }

    /// Whether it never asks again.
    pub const fn is_gone(&self) -> bool {
        self.gone
    }

    /// Whether it may be silent for so long between two check-ins.
    pub const fn may_sleep(&self, seconds: i64) -> bool {
        seconds <= self.rhythm + self.rhythm / 20 + 1
    }

    /// The build that it runs, where it is not one that came by cable.
    pub const fn runs(&self) -> Option<usize> {
        self.runs.build
    }

    /// Whether nobody can offer it anything without seeing that its chip is another.
    pub fn is_known_to_differ(&self, own: Chip) -> bool {
        self.chip != own && (self.names_chip || self.chip.family() != own.family())
    }

    /// What it sends now.
    pub fn asks(&mut self, platform: &str) -> Ask {
        let liar = self.behaviour == Behaviour::Liar;
        let mac = if liar { self.notation() } else { self.mac.to_string() };
        let lie = if liar { self.random.pick(&LIES).map(str::to_owned) } else { self.babble() };
        let made_up = (liar && self.random.chance(50)).then(|| self.random.hex(32));
        let said = Said {
            chip: self.chip,
            core: self.core,
            mac: &mac,
            platform,
            version: lie.as_deref().unwrap_or(&self.runs.version),
            names_chip: self.names_chip,
            md5: made_up.as_deref().unwrap_or(&self.runs.md5),
            sha256: &self.runs.sha256,
            size: self.runs.size,
        };
        let request = said.bytes();
        let again = self.last == Some(mark(&request));
        Ask { request, reading: self.reading(), again }
    }

    /// What it calls itself once it took something, where it is not what it runs.
    fn babble(&mut self) -> Option<String> {
        let babbles = matches!(self.behaviour, Behaviour::Babbler | Behaviour::Mute)
            && self.log.offers.iter().any(|offers| offers.whole > 0);
        babbles.then(|| format!("junk-{}", self.random.below(1_000_000)))
    }

    /// Hears what was answered to `request`; seconds until it asks again, if ever.
    pub fn hears(
        &mut self,
        now: Timestamp,
        request: &[u8],
        heard: &[Heard],
        library: &Library,
    ) -> Option<i64> {
        let answered = self.notes(now, heard, library);
        if answered == 0 {
            return Some(self.random.within(30..=120));
        }
        self.last = Some(mark(request));
        if let Some((left, back)) = self.trial {
            return self.crashes(left, back);
        }
        let whole = heard.iter().find(|one| one.whole && !one.reset && one.image.is_some());
        if let Some(build) = whole.and_then(|one| library.find(one.image.as_deref()?)) {
            let packed = whole.is_some_and(|one| one.packed);
            return self.installs(now, build, packed, library);
        }
        match self.behaviour {
            _ if heard.iter().all(|one| one.status != Some(200)) => Some(self.gap()),
            Behaviour::PowerCut => Some(self.random.within(60..=8 * 3_600)),
            _ => Some(self.random.within(20..=90).min(self.rhythm)),
        }
    }

    /// Writes down what came; how many answers there were.
    fn notes(&mut self, now: Timestamp, heard: &[Heard], library: &Library) -> u64 {
        let mut answers = 0;
        for one in heard {
            let Some(status) = one.status else {
                self.log.failed += 1;
                continue;
            };
            answers += 1;
            self.log.bytes += one.bytes;
            let expected = match self.behaviour {
                Behaviour::Stranger => status == 400,
                Behaviour::Liar => matches!(status, 200 | 304 | 400),
                _ => matches!(status, 200 | 304),
            };
            let odd = one.fault.map(str::to_owned);
            let odd = odd.or_else(|| (!expected).then(|| format!("it was answered {status}")));
            self.log.odd = self.log.odd.take().or(odd);
            if status == 200 {
                let sent = library.sent(self.platform, one);
                let offers = self.log.offer_mut(sent.unwrap_or(self.platform));
                if one.whole {
                    offers.whole += 1;
                } else {
                    offers.broken.push(now);
                }
            }
        }
        if answers > 0 {
            self.log.answered += answers;
            self.log.last = Some(now);
            if let Some(build) = self.runs.build {
                let offers = self.log.offers.iter_mut().find(|own| own.build == build);
                if let Some(offers) = offers.filter(|own| own.installed.is_some()) {
                    offers.ran = offers.ran.or(Some(now));
                }
            }
        }
        answers
    }

    /// Installs a build that came whole.
    fn installs(
        &mut self,
        now: Timestamp,
        number: usize,
        packed: bool,
        library: &Library,
    ) -> Option<i64> {
        let build = library.get(number)?;
        let mode = if packed { FLASH_MODE } else { self.flash_mode };
        let new = build.program(number, mode);
        let restarts = Some(self.random.within(5..=60));
        let mut fate = fate(self.behaviour, self.chip, self.seed, build, number);
        if packed && self.chip == Chip::Esp8266 && self.flash_mode != FLASH_MODE {
            fate = Fate::Bricked;
        }
        match fate {
            Fate::Unchanged => return restarts,
            Fate::Runs => self.becomes(new),
            Fate::KeepsVersion => {
                let version = self.runs.version.clone();
                self.becomes(Program { version, ..new });
            }
            Fate::Loops { times, back } => {
                self.becomes(new);
                self.trial = Some((times, back));
            }
            Fate::Silent | Fate::Bricked => {
                self.gone = true;
                self.log.bricked = fate == Fate::Bricked;
            }
        }
        self.log.offer_mut(number).installed.get_or_insert(now);
        restarts.filter(|_| !self.gone)
    }

    fn becomes(&mut self, new: Program) {
        self.before = Some(std::mem::replace(&mut self.runs, new));
    }

    /// It asked once more before it crashed.
    fn crashes(&mut self, left: u32, back: bool) -> Option<i64> {
        if left > 1 {
            self.trial = Some((left - 1, back));
            return Some(self.random.within(4..=20));
        }
        self.trial = None;
        let Some(before) = self.before.take().filter(|_| back) else {
            self.gone = true;
            return None;
        };
        self.runs = before;
        Some(self.random.within(4..=20))
    }

    fn reading(&mut self) -> Reading {
        match self.behaviour {
            Behaviour::Weak if self.random.chance(50) => Reading::Breaks(self.random.below(1_000)),
            Behaviour::PowerCut if self.random.chance(40) => {
                let resets = self.random.chance(30);
                let at = self.random.below(1_000);
                if resets { Reading::Resets } else { Reading::Breaks(at) }
            }
            Behaviour::Parallel if self.random.chance(50) => Reading::Twice,
            _ => Reading::Whole,
        }
    }

    /// Its rhythm, not quite to the second.
    fn gap(&mut self) -> i64 {
        let jitter = self.rhythm / 20;
        self.rhythm + self.random.within(-jitter..=jitter)
    }

    /// Its address in one of the notations that there are.
    fn notation(&mut self) -> String {
        let usual = self.mac.to_string();
        match self.random.below(4) {
            0 => usual.to_lowercase(),
            1 => usual.replace(':', "-"),
            2 => self.mac.hex(),
            _ => usual,
        }
    }
}

/// A number for a request.
fn mark(request: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    request.hash(&mut hasher);
    hasher.finish()
}

fn rhythm(behaviour: Behaviour, random: &mut Random) -> i64 {
    if behaviour == Behaviour::Sleeper {
        return SLEEPS[usize::from(random.chance(30))];
    }
    let mut drawn = random.below(100);
    for (seconds, share) in RHYTHMS {
        match drawn.checked_sub(share) {
            None => return random.within(seconds * 4 / 5..=seconds * 6 / 5),
            Some(rest) => drawn = rest,
        }
    }
    3_600
}

/// Another chip than this one.
fn other(own: Chip, random: &mut Random) -> Chip {
    let others = [Chip::Esp8266, Chip::Esp32, Chip::Esp32C3].into_iter().filter(|c| *c != own);
    let others: Vec<Chip> = others.collect();
    random.pick(&others).unwrap_or(own)
}

/// What somebody flashed by cable.
fn cable(random: &mut Random) -> Program {
    let version = format!("v0.9.{}", random.below(9));
    let (md5, sha256) = (random.hex(32), random.hex(64).to_uppercase());
    Program { build: None, version, md5, sha256, size: 373_936 }
}

#[cfg(test)]
mod tests;
