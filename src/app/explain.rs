//! Why a device gets what it gets: the same decision as for the device, with its reasons.

use std::sync::Arc;

use super::App;
use super::poll::{Known, View, Wanted, status};
use super::shelf::Recognised;
use crate::domain::mac::MacAddr;
use crate::domain::release::Published;
use crate::domain::update::{Decision, Reason, Reasons, decide};

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
    pub running: Option<Recognised>,
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
        let (settings, now) = (self.settings(), self.now());
        self.0.fleet.with(mac, |live| {
            let report = live.last_question()?;
            let running = shelf.running_on(&report, live.platform_id);
            let known = Known { live, learnt: live.learnt, running, settlement: None };
            let view = View::new(&report, &Wanted::Newest, &known, &shelf, (&settings, now));
            let situation = view.situation(&settings.patience, now);
            let mut reasons = Reasons::default();
            let decision = decide(&situation, &mut reasons);
            Some(Explanation {
                status: status(&decision, &Wanted::Newest, settings.is_quiet()),
                reasons: reasons.0,
                decision,
                release: view.release().cloned(),
                running: view.running.cloned(),
                platform: view.platform.map(|platform| platform.platform.name.to_string()),
            })
        })?
    }
}
