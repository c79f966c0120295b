//! How the rollouts go: what the server counts, held against its own rule and against what the
//! devices saw.
//!
//! The rule (`src/domain/rollout`): at most ten devices, or as many as are confirmed, may have the
//! release without being confirmed; a stage halts at one failure among canaries, else at two or at
//! a fifth of those whose outcome is known. So at any time it has reached at most
//! `confirmed + max(10, confirmed) + allowance`, besides transfers that broke.

use espalier::domain::Timestamp;
use serde::Serialize;
use serde_json::json;

use super::Fault;
use super::api::{Api, Counts, Standing};
use super::device::Device;
use super::watch::Findings;

/// A person looks at a rollout that was halted after so many seconds.
const PERSON: i64 = 3_600;
/// So many seconds after a rollout was halted it is over: nobody else got the release meanwhile.
const AFTER: i64 = 12 * 3_600;

/// A rollout.
#[derive(Debug)]
pub struct Track {
    /// Its number.
    pub id: i64,
    /// The number of the platform.
    pub platform: usize,
    /// The number of the build.
    pub build: usize,
    /// How many canaries were named.
    pub canaries: u32,
    /// Devices of the platform.
    pub devices: u32,
    /// How it stood last.
    pub standing: Option<Standing>,
    /// When it was halted.
    pub halts: Vec<Halt>,
    /// The most devices that had the release unconfirmed.
    pub most_on_the_way: u32,
    /// How often a person had to say something.
    pub words: u32,
    most_confirmed: u32,
    forgiven: u32,
    still_since: Option<Timestamp>,
}

/// How a rollout stood when it was halted.
#[derive(Debug, Clone, Serialize)]
pub struct Halt {
    /// Seconds since its beginning.
    pub after: i64,
    /// The stage: its number from 1, and its size.
    pub stage: String,
    /// Devices that it was offered to.
    pub reached: u32,
    /// The most that the rule allows.
    pub bound: u32,
    /// Those that came back with it.
    pub confirmed: u32,
    /// Those that failed.
    pub failed: u32,
    /// Those that had it, and were not confirmed.
    pub on_the_way: u32,
    /// Those whose transfer broke, or that run something else.
    pub others: u32,
}

/// All rollouts of a run.
#[derive(Debug, Default)]
pub struct Course {
    /// One for each platform.
    pub tracks: Vec<Track>,
    /// More devices than may have the release unconfirmed.
    pub crowded: Findings,
    /// More devices than the rule allows, or than the stage is for.
    pub beyond: Findings,
    /// It ran on with as many failures as it halts at.
    pub heedless: Findings,
    /// It moved on after it was halted.
    pub woken: Findings,
    /// It stood otherwise after a restart.
    pub forgotten: Findings,
    /// It counts other devices than those that were answered with the release.
    pub miscounted: Findings,
    /// Whether the release is a bad one: then nobody says a word when it is halted.
    pub is_bad: bool,
    /// Whether answers get lost because the server is stopped.
    pub restarts: bool,
    began: Timestamp,
}

impl Track {
    /// The rollout of this number.
    pub const fn new(id: i64, platform: usize, build: usize, canaries: u32, devices: u32) -> Self {
        Self {
            id,
            platform,
            build,
            canaries,
            devices,
            standing: None,
            halts: Vec::new(),
            most_on_the_way: 0,
            words: 0,
            most_confirmed: 0,
            forgiven: 0,
            still_since: None,
        }
    }

    /// Where it stands.
    pub fn state(&self) -> &str {
        self.standing.as_ref().map_or("", |standing| standing.state.as_str())
    }

    fn is_active(&self) -> bool {
        !matches!(self.state(), "finished" | "ended" | "halted")
    }

    /// The most devices that it may have reached by now.
    fn bound(&self, standing: &Standing) -> u32 {
        let counts = standing.counts;
        let confirmed = counts.confirmed.max(self.most_confirmed);
        let settled = confirmed + counts.failed.saturating_sub(self.forgiven);
        let failures = self.forgiven + settled.div_ceil(5).max(2);
        let rule = confirmed + confirmed.max(standing.at_once) + failures + counts.others;
        rule.min(self.room(standing))
    }

    /// The most devices that the stage of the moment is for; of a share about that share.
    fn room(&self, standing: &Standing) -> u32 {
        let size = size_of(standing);
        let share = size.strip_suffix('%').and_then(|percent| percent.parse::<u32>().ok());
        match (size, share) {
            ("canaries", _) => self.canaries,
            (_, Some(percent)) => {
                let mean = (self.devices * percent).div_ceil(100);
                mean + 5 * mean.isqrt() + 5
            }
            _ => self.devices,
        }
    }

    fn allowance(counts: Counts, size: &str) -> u32 {
        if size == "canaries" { 1 } else { (counts.confirmed + counts.failed).div_ceil(5).max(2) }
    }

    fn halted(&self, standing: &Standing, after: i64) -> Halt {
        let Counts { offered, confirmed, failed, on_the_way, others } = standing.counts;
        let stage = standing.stage.unwrap_or_default();
        let stage = format!("{stage} of {} ({})", standing.stages.len(), size_of(standing));
        let bound = self.bound(standing);
        Halt { after, stage, reached: offered, bound, confirmed, failed, on_the_way, others }
    }
}

fn size_of(standing: &Standing) -> &str {
    let stage = standing.stage.and_then(|stage| standing.stages.get(stage.checked_sub(1)?));
    stage.map_or("", |stage| stage.size.as_str())
}

impl Course {
    /// The rollouts begin now.
    pub const fn begins(&mut self, now: Timestamp) {
        self.began = now;
    }

    /// The rollout of a platform.
    pub fn of(&self, platform: usize) -> Option<&Track> {
        self.tracks.iter().find(|track| track.platform == platform)
    }

    /// Whether nothing comes any more: every rollout is through, or was halted a while ago.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.tracks.iter().all(|track| {
            let waited = track.still_since.is_some_and(|since| now - since >= AFTER);
            !track.is_active() && (track.state() != "halted" || waited)
        })
    }

    /// Whether a rollout was halted for good.
    pub fn is_halted(&self) -> bool {
        self.tracks.iter().any(|track| track.state() == "halted")
    }

    /// Looks at the rollouts that go on, or at `all`; and says what a person would say.
    ///
    /// # Errors
    /// Where the server cannot be asked, or refuses a word.
    pub async fn observe(
        &mut self,
        api: &Api,
        devices: &[Device],
        now: Timestamp,
        all: bool,
    ) -> Result<(), Fault> {
        for number in 0..self.tracks.len() {
            let track = &self.tracks[number];
            if (track.is_active() || all)
                && let Some(standing) = api.standing(track.id).await?
            {
                self.note(number, standing, devices, now);
            }
            let Some(word) = self.word(number, now) else { continue };
            let path = format!("/api/v1/rollouts/{}", self.tracks[number].id);
            api.put("PATCH", &path, &json!({"action": word})).await?;
            let track = &mut self.tracks[number];
            track.words += 1;
            track.standing = api.standing(track.id).await?;
            let failed = track.standing.as_ref().map_or(0, |standing| standing.counts.failed);
            if word == "resume" {
                (track.forgiven, track.still_since) = (failed, None);
            }
        }
        Ok(())
    }

    /// What a person says now: of a good release that was halted, that it may go on; and always
    /// that it may go on where the rollout asks.
    fn word(&self, number: usize, now: Timestamp) -> Option<&'static str> {
        let track = &self.tracks[number];
        let standing = track.standing.as_ref()?;
        if track.still_since.is_some_and(|since| now - since >= PERSON) && !self.is_bad {
            return Some("resume");
        }
        let asks = standing.stages.iter().any(|stage| stage.state == "asking");
        (asks && standing.state == "running").then_some("advance")
    }

    fn note(&mut self, number: usize, standing: Standing, devices: &[Device], now: Timestamp) {
        let track = &mut self.tracks[number];
        let (counts, id) = (standing.counts, track.id);
        let was = track.state().to_owned();
        track.most_on_the_way = track.most_on_the_way.max(counts.on_the_way);
        track.most_confirmed = track.most_confirmed.max(counts.confirmed);
        if was == "halted" && standing.state != "halted" {
            self.woken.add(|| format!("rollout {id} is {} again", standing.state));
        }
        if standing.state == "halted" && was != "halted" {
            track.still_since = Some(now);
            track.halts.push(track.halted(&standing, now - self.began));
        }
        if counts.on_the_way > standing.at_once.max(track.most_confirmed) {
            self.crowded.add(|| format!("rollout {id}: {counts:?}"));
        }
        let bound = track.bound(&standing);
        if !matches!(standing.state.as_str(), "finished" | "ended") && counts.offered > bound {
            self.beyond.add(|| format!("rollout {id}: at most {bound}, and {counts:?}"));
        }
        let failures = counts.failed.saturating_sub(track.forgiven);
        let runs = standing.state == "running" && standing.stage.is_some();
        if runs && failures >= Track::allowance(counts, size_of(&standing)) {
            self.heedless.add(|| format!("rollout {id} runs: {counts:?}"));
        }
        let got = |device: &&Device| device.log.offer(track.build).is_some();
        let reached = u32::try_from(devices.iter().filter(got).count()).unwrap_or(u32::MAX);
        // An answer that the server was stopped under reaches nobody.
        let gates = !matches!(standing.state.as_str(), "finished" | "ended");
        let same = counts.offered == reached || (self.restarts && counts.offered > reached);
        if gates && !same {
            self.miscounted.add(|| format!("rollout {id}: {reached} devices, and {counts:?}"));
        }
        self.tracks[number].standing = Some(standing);
    }

    /// Whether all rollouts stand as they did before a restart.
    ///
    /// # Errors
    /// Where the server cannot be asked.
    pub async fn remembers(&mut self, before: &[Standing], api: &Api) -> Result<(), Fault> {
        for (before, after) in before.iter().zip(self.standings(api).await?) {
            if *before != after {
                self.forgotten.add(|| differ(before, &after));
            }
        }
        Ok(())
    }

    /// How all rollouts stand, to be compared across a restart.
    ///
    /// # Errors
    /// Where the server cannot be asked.
    pub async fn standings(&self, api: &Api) -> Result<Vec<Standing>, Fault> {
        let mut standings = Vec::new();
        for track in &self.tracks {
            standings.extend(api.standing(track.id).await?.map(|mut standing| {
                if standing.more_devices > 0 {
                    standing.devices.clear();
                }
                standing
            }));
        }
        Ok(standings)
    }
}

/// What became of a rollout in a restart.
fn differ(before: &Standing, after: &Standing) -> String {
    let told = |one: &Standing| (one.state.clone(), one.stage, one.counts);
    let moved = after.devices.iter().filter(|device| !before.devices.contains(device));
    let moved: Vec<_> = moved.take(3).collect();
    format!("rollout {}: {:?} became {:?}; {moved:?}", before.id, told(before), told(after))
}
