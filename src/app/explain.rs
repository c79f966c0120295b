//! Why a device gets what it gets: the same decision as for the device, with its reasons.

use std::sync::Arc;

use super::poll::{Known, View, Wanted, status};
use super::shelf::Recognised;
use super::{App, Error};
use crate::domain::Timestamp;
use crate::domain::device::Device;
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

/// How a device came to be approved, and when: `typed`, `inbox`, `open`, `pairing`, `api`.
pub type ApprovedVia = Option<(String, Timestamp)>;

impl App {
    /// The same as [`explain`](Self::explain), where the chain also names the window that let the
    /// device in; and how it came to be approved.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn explain_fully(
        &self,
        device: &Device,
    ) -> Result<(Option<Explanation>, ApprovedVia), Error> {
        let via = self.0.store.approved_via(device.id).await?;
        let mut explanation = self.explain(device.mac);
        if via.as_ref().is_some_and(|(via, _)| via == super::first_contact::PAIRING) {
            let reasons = explanation.iter_mut().flat_map(|explained| &mut explained.reasons);
            for reason in reasons.filter(|reason| reason.code == "approved" && reason.ok) {
                let text = reason.text.trim_end_matches('.');
                reason.text = format!("{text}: a pairing window let it in.");
            }
        }
        Ok((explanation, via))
    }

    /// What a device would get if it asked again as it did last; `None` where it never asked.
    #[must_use]
    pub fn explain(&self, mac: MacAddr) -> Option<Explanation> {
        let shelf = self.shelf();
        let (settings, now) = (self.settings(), self.now());
        self.0.fleet.with(mac, |live| {
            let report = live.last_question()?;
            let known = Known::of_last(live, &report, &shelf, &settings, now);
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
