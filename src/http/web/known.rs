//! What is known of a device beyond what it says: its chip, signatures, and how it takes gzip.

use crate::app::{DeviceProof, Explanation};
use crate::domain::chip::{Chip, Family};
use crate::domain::device::Device;
use crate::domain::learnt::{ChipFrom, GzipTried};
use crate::domain::proof::ProofKind;
use crate::domain::update::{Decision, Encoding, NoUpdate};

/// What is known, as lines.
#[derive(Debug)]
pub(super) struct Known {
    /// Name, value, and how that is known.
    pub(super) facts: Vec<(&'static str, String, String)>,
    pub(super) verifies: bool,
}

impl Known {
    pub(super) fn new(
        device: &Device,
        explanation: Option<&Explanation>,
        proof: Option<&DeviceProof>,
    ) -> Self {
        let learnt = &device.learnt;
        let family = device.report.as_ref().map(|report| report.family);
        let mut facts = vec![chip(device)];
        if learnt.ran_signed {
            let why = "it ran a signed image once, so it gets no unsigned one any more";
            facts.push(("Signatures", "signed images only".to_owned(), why.to_owned()));
        } else if learnt.verifies {
            let why = "a person said that its program checks them";
            facts.push(("Signatures", "signed images only".to_owned(), why.to_owned()));
        }
        if family == Some(Family::Esp8266) {
            facts.push(gzip(learnt.gzip));
        }
        facts.extend(proof.filter(|proof| proof.kind != ProofKind::None).map(shown));
        facts.extend(explanation.and_then(form));
        Self { facts, verifies: learnt.verifies }
    }
}

fn shown(proof: &DeviceProof) -> (&'static str, String, String) {
    ("Proof", proof.standing.label().to_owned(), "the secret that its platform looks at".to_owned())
}

fn chip(device: &Device) -> (&'static str, String, String) {
    let family = device.report.as_ref().map(|report| report.family);
    let (value, why) = match (device.learnt.chip, family) {
        (Some((chip, from)), _) => (chip.to_string(), from.label()),
        (None, Some(Family::Esp8266)) => ("ESP8266".to_owned(), "its headers say so"),
        (None, Some(Family::Esp32)) => {
            ("ESP32 family".to_owned(), "no header tells which chip of it")
        }
        (None, None) => ("unknown".to_owned(), "it has not asked yet"),
    };
    ("Chip", value, why.to_owned())
}

fn gzip(tried: Option<GzipTried>) -> (&'static str, String, String) {
    let (value, why) = match tried {
        Some(GzipTried::Taken) => ("takes it", "it came back running a compressed image"),
        Some(GzipTried::Failed) => {
            ("plain images only", "it did not take a compressed one; “Try again” forgets that")
        }
        None => ("not tried yet", "no compressed image was sent to it"),
    };
    ("gzip", value.to_owned(), why.to_owned())
}

/// In which form it would be sent the release, and why.
fn form(explanation: &Explanation) -> Option<(&'static str, String, String)> {
    let Decision::Offer(encoding) = explanation.decision else { return None };
    let word = match encoding {
        Encoding::Packed => "compressed",
        Encoding::Plain => "as it is",
    };
    let why = explanation.reasons.iter().find(|reason| reason.code == "fits");
    let why = why.map(|reason| reason.text.clone()).unwrap_or_default();
    Some(("Would be sent", word.to_owned(), why))
}

/// The form that says which chip a device has; within the ESP32 family no header tells it.
#[derive(Debug, Default)]
pub(super) struct ChipForm {
    /// Chips for which there are images: what a person is asked for, where nothing else decides.
    pub(super) wanted: Vec<Chip>,
    /// All chips that it may have; none where there is nothing to choose.
    pub(super) chips: Vec<Chip>,
    chosen: Option<Chip>,
}

impl ChipForm {
    pub(super) fn new(device: &Device, explanation: Option<&Explanation>) -> Self {
        let family = device.report.as_ref().map_or(Family::Esp32, |report| report.family);
        let proven = matches!(device.learnt.chip, Some((_, ChipFrom::Running)));
        if family == Family::Esp8266 || device.report.is_none() {
            return Self::default();
        }
        let asks = explanation.map(|explanation| &explanation.decision);
        let wanted = match asks {
            Some(Decision::NoUpdate(NoUpdate::ChipUnknown { chips })) => chips.clone(),
            _ => Vec::new(),
        };
        let of_family = Chip::ALL.iter().copied().filter(|chip| chip.family() == family);
        Self {
            chips: if proven { Vec::new() } else { of_family.collect() },
            chosen: device.learnt.known_chip(),
            wanted,
        }
    }

    /// Whether the page asks for it.
    pub(super) const fn asks(&self) -> bool {
        !self.wanted.is_empty()
    }

    pub(super) fn is_chosen(&self, chip: Chip) -> bool {
        self.chosen == Some(chip)
    }

    pub(super) fn is_unknown(&self) -> bool {
        self.chosen.is_none()
    }

    /// The chips for which there is no image.
    pub(super) fn others(&self) -> Vec<Chip> {
        self.chips.iter().copied().filter(|chip| !self.wanted.contains(chip)).collect()
    }
}
