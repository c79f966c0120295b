//! The dry run: what every device of a platform would get, if something were changed.
//!
//! It makes a shelf of what would be and lets the very function decide that answers devices.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::fleet::{Fleet, Live};
use super::poll::{Known, View, Wanted};
use super::rollouts::SILENCE;
use super::settings::Settings;
use super::shelf::Shelf;
use super::stock::Stock;
pub use super::supposed::{Decided, Supposed};
use super::{App, Error};
use crate::domain::device::Approval;
use crate::domain::mac::MacAddr;
use crate::domain::release::Published;
use crate::domain::update::{Decision, NoTrace, Prospect, decide};
use crate::domain::version::FirmwareVersion;

/// The code of a device that never asked.
const NEVER_ASKED: &str = "never_asked";

/// What a device would get.
#[derive(Debug, Clone)]
pub struct Forecast {
    /// The device.
    pub mac: MacAddr,
    /// When it asked last; 0: never.
    pub last_seen: i64,
    /// What it runs, as it says.
    pub version: Option<String>,
    /// The decision; `None` where it never asked, so that nothing can be said.
    pub decision: Option<Decision>,
    /// The release that it is offered.
    pub release: Option<Arc<Published>>,
    /// What that means for it.
    pub prospect: Prospect,
}

/// What the devices of a platform would get.
#[derive(Debug, Clone, Default)]
pub struct Preview {
    /// The platform's name.
    pub platform: String,
    /// One line per device, by prospect and address; of each prospect at most [`DETAILED`].
    pub devices: Vec<Forecast>,
    /// How many devices there are of each code of a decision; `never_asked` for those that never
    /// asked.
    pub counts: BTreeMap<&'static str, u64>,
    /// How many devices have this to expect.
    pub prospects: BTreeMap<Prospect, u64>,
}

/// Devices of each prospect that a preview tells one by one.
pub const DETAILED: usize = 500;

/// Which devices of a preview are told one by one.
#[derive(Debug, Clone, Copy)]
pub struct PreviewPart {
    /// Only those that have this to expect.
    pub prospect: Option<Prospect>,
    /// Only those behind this address.
    pub after: Option<MacAddr>,
    /// So many at most.
    pub limit: usize,
}

/// A device, as long as it is only counted.
#[derive(Debug, Clone, Copy)]
struct Line {
    mac: MacAddr,
    last_seen: i64,
    code: &'static str,
    prospect: Prospect,
    /// The release that it is offered.
    release_id: Option<i64>,
}

/// What decisions are previewed by.
#[derive(Debug)]
struct Outlook {
    shelf: Shelf,
    /// The same without the rollout that nobody has passed yet.
    open: Option<Shelf>,
    settings: Arc<Settings>,
    platform_id: i64,
    /// The release that it is about; `None`: any.
    release_id: Option<i64>,
    /// What devices are supposed to get updates in another way.
    supposed: Supposed,
    now: i64,
}

impl Forecast {
    /// The version that it would get; `None` where it gets none.
    #[must_use]
    pub fn gets(&self) -> Option<&FirmwareVersion> {
        self.release.as_ref().map(|release| &release.version)
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.decision.as_ref().map_or(NEVER_ASKED, Decision::code)
    }

    /// What it would get and why, in a sentence.
    #[must_use]
    pub fn text(&self) -> String {
        match (&self.decision, &self.release) {
            (None, _) => "It has never asked; what it gets is decided when it does.".to_owned(),
            (Some(Decision::Offer(_)), Some(release)) => format!("It gets {}.", release.version),
            (Some(decision), _) => decision.text(),
        }
    }
}

impl Preview {
    /// How many devices it is about.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.prospects.values().sum()
    }
}

impl Outlook {
    /// What a device would get if it asked again as it did last. Of one that waits for others it is
    /// told where it could not take the release anyway.
    fn foresee(&self, mac: MacAddr, live: &Live) -> Forecast {
        match self.supposed.of_device(mac) {
            Some(decided) => self.foresee_as(mac, &live.decided(decided.policy, &decided.groups)),
            None => self.foresee_as(mac, live),
        }
    }

    fn foresee_as(&self, mac: MacAddr, live: &Live) -> Forecast {
        let forecast = self.foresee_by(&self.shelf, mac, live);
        if !matches!(forecast.prospect, Prospect::Waits | Prospect::Later) {
            return forecast;
        }
        let anyway = self.open.as_ref().map(|open| self.foresee_by(open, mac, live));
        let comes = [Prospect::Gets, Prospect::Asleep, Prospect::Later, Prospect::Other];
        anyway.filter(|anyway| !comes.contains(&anyway.prospect)).unwrap_or(forecast)
    }

    fn foresee_by(&self, shelf: &Shelf, mac: MacAddr, live: &Live) -> Forecast {
        let (decision, release) = self.decide(shelf, live).unzip();
        let own = match (self.release_id, release.as_ref().and_then(Option::as_ref)) {
            (Some(id), Some(release)) => release.id == id,
            _ => true,
        };
        let silence = live.silence().unwrap_or(SILENCE);
        let prospect = Prospect::of(decision.as_ref(), own, self.now - live.last_seen > silence);
        let report = live.report.as_deref();
        let version = report.and_then(|report| report.version.as_deref().map(ToOwned::to_owned));
        let last_seen = live.last_seen;
        Forecast { mac, last_seen, version, decision, release: release.flatten(), prospect }
    }

    fn decide(&self, shelf: &Shelf, live: &Live) -> Option<(Decision, Option<Arc<Published>>)> {
        let report = live.last_question()?;
        let known = Known::of_last(live, &report, shelf, &self.settings, self.now);
        let context = (&*self.settings, self.now);
        let view = View::new(&report, &Wanted::Newest, &known, shelf, context);
        let situation = view.situation(&self.settings.patience, self.now);
        let decision = decide(&situation, &mut NoTrace);
        let offered = matches!(decision, Decision::Offer(_));
        let release = view.release().filter(|_| offered).cloned();
        Some((decision, release))
    }

    /// Looks at the fleet, only to count.
    fn count(&self, fleet: &Fleet) -> Vec<Line> {
        let mut lines = Vec::new();
        fleet.each(|mac, live| {
            if is_concerned(live, self.platform_id, &self.shelf) {
                lines.push(Line::of(&self.foresee(mac, live)));
            }
        });
        self.take_places(fleet, &mut lines);
        lines
    }

    /// Looks at the fleet: first only to count, then at those that are told one by one.
    fn look(&self, fleet: &Fleet, detailed: usize) -> (Vec<Forecast>, Vec<Line>) {
        let mut lines = self.count(fleet);
        lines.sort_unstable_by_key(|line| (line.prospect, line.mac));
        let mut told: BTreeMap<Prospect, usize> = BTreeMap::new();
        let chosen = lines.iter().filter(|line| {
            let count = told.entry(line.prospect).or_default();
            *count += 1;
            *count <= detailed
        });
        let devices = chosen.filter_map(|line| self.tell(fleet, line)).collect();
        (devices, lines)
    }

    /// Looks at the fleet, and tells some of it one by one, by address.
    fn look_at(&self, fleet: &Fleet, part: PreviewPart) -> Vec<Forecast> {
        let mut lines = self.count(fleet);
        let wanted = |line: &Line| part.prospect.is_none_or(|wanted| wanted == line.prospect);
        lines.retain(|line| part.after.is_none_or(|after| line.mac > after) && wanted(line));
        lines.sort_unstable_by_key(|line| line.mac);
        lines.truncate(part.limit);
        lines.iter().filter_map(|line| self.tell(fleet, line)).collect()
    }

    /// A device that was counted, in full; `None` where it was removed since.
    fn tell(&self, fleet: &Fleet, line: &Line) -> Option<Forecast> {
        fleet.with(line.mac, |live| self.foresee(line.mac, live))
    }

    /// Lets the devices take their places in rollouts, the liveliest first: where a stage lets in
    /// whoever comes first, not all can be the first.
    fn take_places(&self, fleet: &Fleet, lines: &mut [Line]) {
        lines.sort_unstable_by_key(|line| (std::cmp::Reverse(line.last_seen), line.mac));
        let coming = |line: &&mut Line| matches!(line.prospect, Prospect::Gets | Prospect::Asleep);
        for line in lines.iter_mut().filter(coming) {
            let Some(gate) = line.release_id.and_then(|id| self.shelf.gate(id)) else { continue };
            let mac = line.mac;
            let again = fleet.with(mac, |live| {
                let placed = gate.take_place(mac, live, self.now);
                if placed { None } else { Some(self.foresee(mac, live)) }
            });
            if let Some(forecast) = again.flatten() {
                *line = Line::of(&forecast);
            }
        }
    }
}

impl Line {
    fn of(forecast: &Forecast) -> Self {
        let Forecast { mac, last_seen, prospect, .. } = *forecast;
        let release_id = forecast.release.as_ref().map(|release| release.id);
        Self { mac, last_seen, code: forecast.code(), prospect, release_id }
    }
}

impl App {
    /// What every device of a platform would get after a change, if it asked as it did last.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Plan`].
    pub async fn preview(&self, platform_id: i64, supposed: &Supposed) -> Result<Preview, Error> {
        self.preview_of(platform_id, supposed, DETAILED).await
    }

    /// The same, with so many devices of each prospect told one by one.
    pub(super) async fn preview_of(
        &self,
        platform_id: i64,
        supposed: &Supposed,
        detailed: usize,
    ) -> Result<Preview, Error> {
        let outlook = self.outlook(platform_id, supposed).await?;
        let platform = outlook.shelf.platform_by_id(platform_id);
        let platform = platform.ok_or(Error::NotFound("platform"))?.platform.name.to_string();
        let look = move |fleet: &Fleet| outlook.look(fleet, detailed);
        let (devices, lines) = self.look_ahead(look).await?;
        let mut preview = Preview { platform, devices, ..Preview::default() };
        for line in &lines {
            *preview.counts.entry(line.code).or_default() += 1;
            *preview.prospects.entry(line.prospect).or_default() += 1;
        }
        Ok(preview)
    }

    /// What a device would get, if it got updates in another way; `None`: there is none.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn foresee(&self, mac: MacAddr, decided: Decided) -> Result<Option<Forecast>, Error> {
        let platform_id = self.0.fleet.with(mac, |live| live.platform_id).flatten();
        let supposed = Supposed::Decided([(mac, decided)].into());
        let outlook = self.outlook(platform_id.unwrap_or_default(), &supposed).await?;
        Ok(self.0.fleet.with(mac, |live| outlook.foresee(mac, live)))
    }

    /// The same device by device, in the order of their addresses.
    ///
    /// # Errors
    /// As [`Self::preview`].
    pub async fn preview_devices(
        &self,
        platform_id: i64,
        supposed: &Supposed,
        part: PreviewPart,
    ) -> Result<Vec<Forecast>, Error> {
        let outlook = self.outlook(platform_id, supposed).await?;
        self.look_ahead(move |fleet| outlook.look_at(fleet, part)).await
    }

    async fn outlook(&self, platform_id: i64, supposed: &Supposed) -> Result<Outlook, Error> {
        let mut stock = Stock::picture(&self.0.store, &self.0.rollouts).await?;
        let open = match supposed.without_plan() {
            None => None,
            Some(supposed) => {
                let mut stock = stock.copy();
                self.suppose(&mut stock, platform_id, &supposed, None)?;
                Some(Shelf::new(stock))
            }
        };
        self.suppose(&mut stock, platform_id, supposed, open.as_ref())?;
        Ok(Outlook {
            shelf: Shelf::new(stock),
            open,
            settings: self.settings(),
            platform_id,
            release_id: supposed.release_id(),
            supposed: supposed.clone(),
            now: self.now(),
        })
    }

    /// One look at a time, and not where polls are answered: it looks at every device.
    async fn look_ahead<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Fleet) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let _turn = self.0.previewing.lock().await;
        let app = self.clone();
        let looked = tokio::task::spawn_blocking(move || look(&app.0.fleet)).await;
        looked.map_err(|_| Error::Broken("a preview broke off"))
    }
}

/// Whether a device belongs to a platform, or waits to be approved for it.
fn is_concerned(live: &Live, platform_id: i64, shelf: &Shelf) -> bool {
    if live.platform_id == Some(platform_id) {
        return true;
    }
    let asked = live.report.as_deref().and_then(|report| report.dev.as_deref());
    let asked = asked.and_then(|name| shelf.platform(name));
    live.approval == Approval::Pending && asked.is_some_and(|own| own.platform.id == platform_id)
}
