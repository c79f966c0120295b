//! The dry run, held against what the server decides right after the publication, and against what
//! devices get at their first check-in after it.
//!
//! A dry run says what each device would get if it asked again as it did last. So each device's
//! decision is asked for as soon as the release is published: nobody has asked since. And it is
//! compared with the first check-in, where that is word for word the one before it.
//! Under a rollout other devices change what a device gets: one whose turn it was may find the
//! places taken or the rollout halted, one that waits may find a place or a later stage. Where the
//! two differ, the server is asked whether that is so: then it is counted as overtaken.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write;

use serde::Serialize;

use super::Fault;
use super::api::{Api, Decided, DryRun};
use super::behaviour::Behaviour;
use super::course::Course;
use super::device::{Ask, Device, Heard};
use super::library::Library;
use super::watch::Findings;

/// What the dry run said of a device.
#[derive(Debug, Clone)]
struct Foreseen {
    prospect: String,
    decision: String,
    release: Option<i64>,
}

/// A device that got something else.
#[derive(Debug)]
struct Doubt {
    index: usize,
    mac: String,
    said: Foreseen,
    promised: Option<usize>,
    got: Option<usize>,
    text: String,
}

/// What dry runs said, in numbers.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Foretold {
    /// How many devices had what to expect.
    pub prospects: BTreeMap<String, u64>,
    /// Devices that were told one by one.
    pub named: u64,
    /// Those of them whose decision right after the publication was the same.
    pub decided: u64,
    /// Devices that got what was said.
    pub agreed: u64,
    /// Devices that got something else because others had changed it.
    pub overtaken: u64,
    /// Devices that said something else than before, so that nothing can be compared.
    pub changed: u64,
    /// Devices that did not ask again.
    pub silent: u64,
}

impl Foretold {
    /// In words.
    pub fn table(&self) -> String {
        let foreseen: Vec<String> =
            self.prospects.iter().map(|(word, count)| format!("{word} {count}")).collect();
        let mut text = format!("dry run: {}", foreseen.join(", "));
        let _ = write!(
            text,
            "\n  {} devices were named, and {} decisions right after it said the same\n  \
             {} devices got what it said; {} were overtaken by others, {} said something else, \
             {} did not ask again",
            self.named, self.decided, self.agreed, self.overtaken, self.changed, self.silent,
        );
        text
    }
}

/// What dry runs said, and what came.
#[derive(Debug, Default)]
pub struct Forecast {
    /// How often it agreed.
    pub told: Foretold,
    /// Devices that were not named, or not as they were counted.
    pub unnamed: Findings,
    /// Devices of which the server decided something else at once.
    pub contradicted: Findings,
    /// Devices that got something else.
    pub disagreed: Findings,
    foreseen: HashMap<usize, Foreseen>,
    /// Those of the last dry run.
    latest: Vec<usize>,
    doubts: Vec<Doubt>,
}

impl Forecast {
    /// How often it agreed, at the end.
    pub fn figures(&self) -> Foretold {
        let silent = u64::try_from(self.foreseen.len()).unwrap_or(u64::MAX);
        Foretold { silent, ..self.told.clone() }
    }

    /// Remembers what a dry run says of the devices of a platform.
    pub fn remember(&mut self, dry_run: DryRun, platform: usize, devices: &[Device]) {
        let numbers: HashMap<String, usize> =
            devices.iter().enumerate().map(|(index, device)| (device.mac.hex(), index)).collect();
        let mut left: BTreeMap<String, u64> = BTreeMap::new();
        for (word, count) in dry_run.counts {
            *self.told.prospects.entry(word.clone()).or_default() += count;
            *left.entry(word).or_default() += count;
        }
        let mut named = HashSet::new();
        self.latest.clear();
        for device in dry_run.devices {
            let hex = device.mac.replace([':', '-'], "").to_lowercase();
            let Some(index) = numbers.get(&hex).filter(|index| named.insert(**index)) else {
                self.unnamed.add(|| format!("{} is nobody, or was named before", device.mac));
                continue;
            };
            self.told.named += 1;
            let count = left.entry(device.prospect.clone()).or_default();
            match count.checked_sub(1) {
                Some(rest) => *count = rest,
                None => self.unnamed.add(|| format!("{} is not counted", device.mac)),
            }
            let (asked, never) = (devices[*index].log.last, device.prospect == "never_asked");
            if asked.is_some() == never {
                self.unnamed.add(|| format!("{}: {asked:?}, and {}", device.mac, device.prospect));
            }
            // Nothing is said of those that never asked.
            if !never {
                let (prospect, decision) = (device.prospect, device.decision);
                let release = device.release_id;
                self.foreseen.insert(*index, Foreseen { prospect, decision, release });
                self.latest.push(*index);
            }
        }
        for (word, count) in left.into_iter().filter(|(_, count)| *count > 0) {
            self.unnamed.add(|| format!("{count} that are {word} are not named"));
        }
        for (index, device) in devices.iter().enumerate() {
            let own = device.platform == platform && device.behaviour != Behaviour::Stranger;
            if own && !named.contains(&index) {
                self.unnamed.add(|| format!("{} is not named", device.mac));
            }
        }
    }

    /// Asks for the decision on every device of the last dry run: the release was published, and
    /// nobody has asked since.
    ///
    /// # Errors
    /// Where the server cannot be asked.
    pub async fn compare(
        &mut self,
        api: &Api,
        (devices, library): (&[Device], &Library),
        (build, gated): (usize, bool),
    ) -> Result<(), Fault> {
        for index in std::mem::take(&mut self.latest) {
            let (device, said) = (&devices[index], &self.foreseen[&index]);
            let decided = api.decision(&device.mac.hex()).await?;
            if decided.as_ref().is_some_and(|own| is_same(said, own, library, (build, gated))) {
                self.told.decided += 1;
            } else {
                let (mac, word) = (device.mac, device.behaviour.word());
                let said = (&said.prospect, &said.decision, said.release);
                self.contradicted.add(|| format!("{mac} ({word}): {said:?} became {decided:?}"));
            }
        }
        Ok(())
    }

    /// Compares with what a device got, if this is its first check-in since.
    pub fn judge(
        &mut self,
        (index, device): (usize, &Device),
        ask: &Ask,
        heard: &[Heard],
        library: &Library,
    ) {
        let Some(said) = self.foreseen.remove(&index) else { return };
        let heard = heard.iter().find(|heard| heard.status.is_some());
        let Some(heard) = heard.filter(|_| ask.again) else {
            self.told.changed += 1;
            return;
        };
        let promised = said.release.and_then(|id| library.0.iter().position(|b| b.release == id));
        let is_offer = heard.status == Some(200);
        let got = library.sent(device.platform, heard).filter(|_| is_offer);
        if got == promised && is_offer == promised.is_some() {
            self.told.agreed += 1;
            return;
        }
        let text = format!(
            "{} ({}): the dry run said {} ({}), it was answered {} {}",
            device.mac,
            device.behaviour.word(),
            said.prospect,
            said.decision,
            heard.status.unwrap_or_default(),
            heard.file.as_deref().unwrap_or_default(),
        );
        let mac = device.mac.hex();
        self.doubts.push(Doubt { index, mac, said, promised, got, text });
    }

    /// Asks the server whether other devices explain what differs.
    ///
    /// # Errors
    /// Where it cannot be asked.
    pub async fn resolve(
        &mut self,
        api: &Api,
        course: &Course,
        (devices, library): (&[Device], &Library),
    ) -> Result<(), Fault> {
        for doubt in std::mem::take(&mut self.doubts) {
            let track = course.of(devices[doubt.index].platform);
            let version = track.and_then(|track| library.get(track.build));
            let version = version.map(|build| build.version.as_str());
            let overtaken = match track {
                Some(track) if doubt.promised == Some(track.build) => {
                    let decided = api.decision(&doubt.mac).await?;
                    // While it waits, an older release is for it.
                    let older = |own: &Decided| {
                        let release = own.release.as_ref();
                        release.is_some_and(|release| Some(release.version.as_str()) != version)
                    };
                    let waits = decided
                        .is_some_and(|own| own.decision.starts_with("rollout_") || older(&own));
                    waits || doubt.got.is_some()
                }
                Some(track) if doubt.got == Some(track.build) => {
                    let code = doubt.said.decision.as_str();
                    // What is said of a device that waits may be about the older release: that it
                    // has that, or that it is stopped for it.
                    let older = matches!(doubt.said.prospect.as_str(), "has_it" | "on_hold");
                    let waited = older || code == "offer" || code.starts_with("rollout_");
                    let standing = api.standing(track.id).await?;
                    let first =
                        standing.is_some_and(|own| own.state == "running" && own.stage == Some(1));
                    waited && (!first || code != "rollout_waiting")
                }
                // The rest after a try of an older release was over meanwhile.
                Some(_) if doubt.promised.is_none() => doubt.got.is_some_and(|build| {
                    let offers = devices[doubt.index].log.offer(build);
                    offers.is_some_and(|own| own.whole > 1 || own.broken.len() > 1)
                }),
                None | Some(_) => false,
            };
            if overtaken {
                self.told.overtaken += 1;
            } else {
                self.disagreed.add(|| doubt.text);
            }
        }
        Ok(())
    }
}

/// Whether the server decides what was foretold of a build; `gated`: there is a rollout before it.
fn is_same(
    said: &Foreseen,
    decided: &Decided,
    library: &Library,
    (build, gated): (usize, bool),
) -> bool {
    let version = |number: usize| library.get(number).map(|own| own.version.as_str());
    let promised = said.release.and_then(|id| library.0.iter().position(|own| own.release == id));
    let got = decided.release.as_ref().map(|release| release.version.as_str());
    let offers = decided.decision == "offer";
    // In a dry run the devices take the places of a rollout one after the other, and one that finds
    // none may be offered an older release; here nobody has taken one.
    let placeless = said.decision == "rollout_full" || said.prospect == "other_release";
    if gated && placeless && offers && got.is_some() && got == version(build) {
        return true;
    }
    if said.decision == decided.decision {
        return !offers || (promised.and_then(version) == got && got.is_some());
    }
    if !gated || promised == Some(build) {
        return false;
    }
    // Of one that waits it is told where it could not take the release anyway.
    decided.decision.starts_with("rollout_")
}
