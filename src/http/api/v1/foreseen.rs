//! What a dry run answers.

use schemars::JsonSchema;
use serde::Serialize;

use crate::app::{Forecast, Preview};
use crate::domain::update::Prospect;
use crate::http::api::describe::Example;
use crate::http::api::words::{Time, Word};

/// What the devices of a platform would get.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Preview")]
pub(super) struct PreviewView {
    /// The platform.
    platform: String,
    /// How many devices there are.
    devices: u64,
    /// By what they have to expect; only those that some device has.
    prospects: Vec<ProspectView>,
}

/// The devices that have the same to expect.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Prospect")]
struct ProspectView {
    /// The stable word.
    prospect: Word<Prospect>,
    /// The same in words.
    text: &'static str,
    /// How many devices, all of them.
    count: u64,
    /// Some of them, one by one.
    devices: Vec<DeviceView>,
}

/// What a device would get.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PreviewedDevice")]
pub(super) struct DeviceView {
    /// Its address.
    mac: String,
    /// When it asked last.
    last_seen: Option<Time>,
    /// What it runs, as it says.
    version: Option<String>,
    /// What it has to expect.
    prospect: Word<Prospect>,
    /// The stable code of the decision, as in `Decision`; `never_asked` for a device that never
    /// asked.
    decision: &'static str,
    /// The decision in a sentence.
    text: String,
    /// The release that it would be offered.
    release_id: Option<i64>,
}

impl PreviewView {
    pub(super) fn of(preview: Preview, limit: usize) -> Self {
        let devices = preview.total();
        let prospects = Prospect::ALL.into_iter().filter_map(|prospect| {
            let count = *preview.prospects.get(&prospect)?;
            let own = preview.devices.iter().filter(|device| device.prospect == prospect);
            let devices = own.take(limit).map(DeviceView::of).collect();
            let (text, prospect) = (prospect.label(), Word(prospect));
            Some(ProspectView { prospect, text, count, devices })
        });
        Self { prospects: prospects.collect(), devices, platform: preview.platform }
    }
}

impl DeviceView {
    pub(super) fn of(forecast: &Forecast) -> Self {
        Self {
            mac: forecast.mac.to_string(),
            last_seen: Some(forecast.last_seen).filter(|at| *at > 0).map(Time),
            version: forecast.version.clone(),
            prospect: Word(forecast.prospect),
            decision: forecast.code(),
            text: forecast.text(),
            release_id: forecast.release.as_ref().map(|release| release.id),
        }
    }
}

impl Example for DeviceView {
    fn example() -> Self {
        Self {
            mac: "5c:cf:7f:1c:a1:a5".to_owned(),
            last_seen: Some(Time::EXAMPLE),
            version: Some("v1.1.0".to_owned()),
            prospect: Word(Prospect::Gets),
            decision: "offer",
            text: "It gets v1.2.0.".to_owned(),
            release_id: Some(7),
        }
    }
}

impl Example for PreviewView {
    fn example() -> Self {
        let prospect = ProspectView {
            prospect: Word(Prospect::Gets),
            text: Prospect::Gets.label(),
            count: 1,
            devices: vec![DeviceView::example()],
        };
        Self { platform: "chase".to_owned(), devices: 1, prospects: vec![prospect] }
    }
}
