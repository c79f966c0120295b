//! Why a device gets what it gets: the same decision as for the device, with its reasons.

use std::sync::Arc;

use super::App;
use super::poll::{Wanted, asked, deliveries, standing, status};
use crate::domain::mac::MacAddr;
use crate::domain::release::Published;
use crate::domain::update::{Ask, Decision, Reason, Reasons, Situation, decide};
use crate::domain::version::FirmwareVersion;

/// What a device would get right now, and why.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// The decision.
    pub decision: Decision,
    /// The reasons, in the order the rules were looked at.
    pub reasons: Vec<Reason>,
    /// The release that it is about.
    pub release: Option<Arc<Published>>,
    /// The release whose image the device runs, where that is known.
    pub running: Option<Arc<Published>>,
    /// The HTTP status that the device would see.
    pub status: u16,
    /// The platform that the decision is about, by name.
    pub platform: Option<String>,
}

impl App {
    /// What a device would get if it asked again as it did last; `None` where it never asked.
    #[must_use]
    pub fn explain(&self, mac: MacAddr) -> Option<Explanation> {
        let shelf = self.shelf();
        let quiet = self.is_quiet();
        self.0.fleet.with(mac, |live| {
            let mut report = live.report.as_deref()?.clone();
            if report.mode != crate::domain::report::Mode::FileSystem {
                report.mode = crate::domain::report::Mode::Sketch;
            }
            let own = live.platform_id.and_then(|id| shelf.platform_by_id(id));
            let named = report.dev.is_some() && report.version.is_some();
            let dev = report.dev.as_deref();
            let platform = match dev {
                Some(dev) => shelf.platform(dev).or(own),
                None => own,
            };
            let release = platform.and_then(|platform| platform.newest_for(report.family));
            let reported = report.version.as_deref().map(FirmwareVersion::read);
            let running = shelf.running(&report);
            let situation = Situation {
                ask: Ask::Newest { named },
                report: &report,
                reported: reported.as_ref(),
                platforms_exist: !shelf.is_empty(),
                platform: platform.map(|platform| asked(platform)),
                device: Some(standing(live, &shelf)),
                running: running.map(AsRef::as_ref),
                release: release.map(AsRef::as_ref),
                foreign: platform.and_then(|p| p.newest()).map(|newest| newest.image.chip),
                deliveries: deliveries(live, release, false),
            };
            let mut reasons = Reasons::default();
            let decision = decide(&situation, &mut reasons);
            Some(Explanation {
                status: status(&decision, &Wanted::Newest, quiet),
                reasons: reasons.0,
                decision,
                release: release.cloned(),
                running: running.cloned(),
                platform: platform.map(|platform| platform.platform.name.to_string()),
            })
        })?
    }
}
