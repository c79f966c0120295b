//! The dry run, held against what devices get at their first check-in after it.
//!
//! A dry run says what each device would get if it asked again as it did last. So it is compared
//! with the first check-in after the publication, where that is word for word the one before it.
//! Under a rollout other devices change what a device gets: one whose turn it was may find the
//! places taken or the rollout halted, one that waits may find a place or a later stage. Where the
//! two differ, the server is asked whether that is so: then it is counted as overtaken.

use std::collections::{BTreeMap, HashMap};

use super::Fault;
use super::api::{Api, Decided, DryRun};
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

/// What dry runs said, and what came.
#[derive(Debug, Default)]
pub struct Forecast {
    /// How many devices had what to expect, whether they were told one by one or not.
    pub prospects: BTreeMap<String, u64>,
    /// Devices that got what was said.
    pub agreed: u64,
    /// Devices that got something else because others had changed it.
    pub overtaken: u64,
    /// Devices that said something else than before, so that nothing can be compared.
    pub changed: u64,
    /// Devices that got something else.
    pub disagreed: Findings,
    foreseen: HashMap<usize, Foreseen>,
    doubts: Vec<Doubt>,
}

impl Forecast {
    /// Remembers what a dry run says of these devices.
    pub fn remember(&mut self, dry_run: DryRun, devices: &[Device]) {
        let numbers: HashMap<String, usize> =
            devices.iter().enumerate().map(|(index, device)| (device.mac.hex(), index)).collect();
        for group in dry_run.prospects {
            *self.prospects.entry(group.prospect.clone()).or_default() += group.count;
            // Nothing was said of those that never asked.
            for device in group.devices.into_iter().filter(|_| group.prospect != "never_asked") {
                let hex = device.mac.replace([':', '-'], "").to_uppercase();
                let index = numbers.get(&hex).or_else(|| numbers.get(&hex.to_lowercase()));
                if let Some(index) = index {
                    let (prospect, decision) = (group.prospect.clone(), device.decision);
                    let release = device.release_id;
                    self.foreseen.insert(*index, Foreseen { prospect, decision, release });
                }
            }
        }
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
            self.changed += 1;
            return;
        };
        let promised = said.release.and_then(|id| library.0.iter().position(|b| b.release == id));
        let is_offer = heard.status == Some(200);
        let got = library.sent(device.platform, heard).filter(|_| is_offer);
        if got == promised && is_offer == promised.is_some() {
            self.agreed += 1;
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
                None | Some(_) => false,
            };
            if overtaken {
                self.overtaken += 1;
            } else {
                self.disagreed.add(|| doubt.text);
            }
        }
        Ok(())
    }
}
