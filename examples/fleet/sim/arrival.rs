//! Whom a good release reached, device by device, and why it did not reach the others.
//!
//! A reason counts only where the device's own logbook proves it. Whoever asked, could take the
//! release, and is not confirmed without such a reason, was forgotten.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;

use super::api::Seen;
use super::behaviour::Behaviour;
use super::checks::Known;
use super::device::Device;
use super::driver::Driver;
use super::report::Run;
use super::watch::Findings;

/// Whom a good release reached.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Arrivals {
    /// All devices.
    pub devices: u64,
    /// Those that came back with it, and that the server knows to have done so.
    pub confirmed: u64,
    /// The others, by their reasons.
    pub others: BTreeMap<&'static str, u64>,
    /// Those that have none.
    #[serde(skip)]
    pub missing: Findings,
}

/// What a release came to on a device.
#[derive(Debug, PartialEq, Eq)]
enum Arrival {
    Confirmed,
    Reason(&'static str),
    Missing,
}

impl Arrivals {
    /// Looks at every device.
    pub fn of(driver: &Driver, known: &Known<'_>, run: &Run) -> Self {
        let mut arrivals = Self::default();
        for device in &driver.devices {
            arrivals.devices += 1;
            let newest = driver.library.0.iter().rposition(|own| own.platform == device.platform);
            let build = newest.unwrap_or_default();
            let chip = driver.library.get(build).map(|build| build.chip);
            let version = driver.library.get(build).map_or("", |build| build.version.as_str());
            let seen = known.get(&device.mac).copied();
            let case = Case { device, seen, build, version, fits: chip == Some(device.chip) };
            match case.arrival(run) {
                Arrival::Confirmed => arrivals.confirmed += 1,
                Arrival::Reason(text) => *arrivals.others.entry(text).or_default() += 1,
                Arrival::Missing => arrivals.missing.add(|| case.text()),
            }
        }
        arrivals
    }

    /// In words.
    pub fn table(&self) -> String {
        let (confirmed, devices) = (self.confirmed, self.devices);
        let mut text = format!("good release: {confirmed} of {devices} devices are confirmed");
        for (reason, count) in &self.others {
            let _ = write!(text, "\n  {count:>6}  {reason}");
        }
        let _ = write!(text, "\n  {:>6}  without a good reason", self.missing.count);
        text
    }
}

/// A device and the release.
struct Case<'a> {
    device: &'a Device,
    seen: Option<&'a Seen>,
    build: usize,
    version: &'a str,
    /// Whether it has the chip that the release is for.
    fits: bool,
}

impl Case<'_> {
    fn arrival(&self, run: &Run) -> Arrival {
        let (device, log) = (self.device, &self.device.log);
        let offers = log.offer(self.build);
        let took = offers.is_some_and(|own| own.whole > 0);
        let ran = offers.is_some_and(|own| own.ran.is_some());
        if self.state() == Some("confirmed") && ran {
            return Arrival::Confirmed;
        }
        let reason = match device.behaviour {
            Behaviour::Stranger if !self.is_approved() => "nobody approved it",
            _ if device.is_gone() && log.last.is_none_or(|last| last < run.published) => {
                "it fell silent before the release was published"
            }
            _ if !self.fits => "it has another chip",
            _ if self.is_asleep(run) => "it sleeps beyond the end of the run",
            Behaviour::Liar => "it says what is not so",
            one if one.is_defective() && took => "it took it, and failed by a fault of its own",
            one if one.breaks_transfers() && self.breaks() => "its transfers break",
            _ if took && !ran && self.is_last() => "it took it, and has not asked since",
            _ => return Arrival::Missing,
        };
        Arrival::Reason(reason)
    }

    /// How it stands with the release at the server.
    fn state(&self) -> Option<&str> {
        let attempt = self.seen?.last_attempt.as_ref()?;
        (attempt.version == self.version).then_some(attempt.state.as_str())
    }

    fn is_approved(&self) -> bool {
        self.seen.is_some_and(|seen| seen.approval == "approved")
    }

    /// Whether it did not ask of itself since the publication, as it may.
    fn is_asleep(&self, run: &Run) -> bool {
        let since = match self.device.log.before_all {
            Some(last) => last,
            None => run.first,
        };
        self.device.log.of_itself() == 0 && self.device.may_sleep(run.asked - since)
    }

    /// Whether the last that was heard of it is a transfer that broke, or behind whose last byte the
    /// power failed, so that nothing was installed.
    fn breaks(&self) -> bool {
        let offers = self.device.log.offer(self.build);
        let broke = offers.is_some_and(|own| !own.broken.is_empty() || own.installed.is_none());
        let held = self.seen.is_some_and(|seen| seen.hold.is_some());
        broke && (held || matches!(self.state(), Some("aborted" | "delivered" | "not_taken")))
    }

    /// Whether it has not asked since it installed the release.
    fn is_last(&self) -> bool {
        let installed = self.device.log.offer(self.build).and_then(|own| own.installed);
        !self.device.is_gone() && installed.is_some() && installed >= self.device.log.last
    }

    fn text(&self) -> String {
        let Self { device, seen, .. } = self;
        let (mac, word) = (device.mac, device.behaviour.word());
        let of_itself = device.log.of_itself();
        let offers = device.log.offer(self.build);
        format!("{mac} ({word}): asked {of_itself} times since, {offers:?}, {seen:?}")
    }
}
