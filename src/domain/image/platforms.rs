//! Weighing the mentions of known platforms.

use std::ops::Range;

use super::bytes::{context, offset};
use super::info::{
    AppDescriptor, Marker, MentionWeight, PlatformMention, Relation, Source, VersionCandidate,
};
use super::names::NameInFile;

/// Shorter names stand in nearly any file.
const SHORT: usize = 3;

/// Words that stand in nearly any firmware; measured, or as likely.
const COMMON: &[&str] = &[
    "alarm",
    "beacon",
    "bedroom",
    "board",
    "bridge",
    "button",
    "camera",
    "client",
    "clock",
    "config",
    "control",
    "controller",
    "counter",
    "default",
    "demo",
    "device",
    "display",
    "door",
    "esp01",
    "esp32",
    "esp8266",
    "example",
    "fan",
    "firmware",
    "garage",
    "gateway",
    "heater",
    "home",
    "hub",
    "humidity",
    "kitchen",
    "lamp",
    "led",
    "leds",
    "light",
    "lights",
    "lock",
    "main",
    "master",
    "meter",
    "mini",
    "module",
    "monitor",
    "motion",
    "motor",
    "node",
    "nodemcu",
    "ota",
    "panel",
    "plug",
    "power",
    "project",
    "pump",
    "relay",
    "remote",
    "robot",
    "sensor",
    "sensors",
    "server",
    "slave",
    "socket",
    "solar",
    "station",
    "strip",
    "switch",
    "temp",
    "temperature",
    "test",
    "thermostat",
    "timer",
    "update",
    "weather",
    "wemos",
    "wifi",
    "window",
];

/// Weighs the mentions, the weightiest first, and points the versions to the new order.
pub(super) fn weigh(
    bytes: &[u8],
    names: Vec<NameInFile>,
    versions: &mut [VersionCandidate],
    markers: &[Marker],
    descriptor: Option<&AppDescriptor>,
) -> Vec<PlatformMention> {
    let mut beside = vec![false; names.len()];
    for version in versions.iter().filter(|version| version.source != Source::Library) {
        for near in &version.evidence.near {
            if near.relation >= Relation::NextString
                && let Some(beside) = beside.get_mut(near.platform)
            {
                *beside = true;
            }
        }
    }
    let mut weighed: Vec<(usize, PlatformMention)> = Vec::new();
    for ((index, name), beside) in names.into_iter().enumerate().zip(beside) {
        let common = is_common(&name.name);
        let (weight, place) = best_place(bytes, &name, common);
        let is_it = |text: &str| text.eq_ignore_ascii_case(&name.name);
        let weight = if markers.iter().any(|m| m.name.as_deref().is_some_and(is_it)) {
            MentionWeight::Marker
        } else if descriptor.and_then(AppDescriptor::own_name).is_some_and(is_it) {
            MentionWeight::Descriptor
        } else if beside {
            MentionWeight::BesideVersion
        } else {
            weight
        };
        let (offset, context) = (offset(place.start), context(bytes, &place));
        let NameInFile { name, count, .. } = name;
        weighed.push((index, PlatformMention { name, offset, context, count, weight, common }));
    }
    weighed.sort_by(|(_, a), (_, b)| b.weight.cmp(&a.weight).then(b.count.cmp(&a.count)));
    for near in versions.iter_mut().flat_map(|version| version.evidence.near.iter_mut()) {
        let place = weighed.iter().position(|(index, _)| *index == near.platform);
        near.platform = place.unwrap_or(usize::MAX);
    }
    weighed.into_iter().map(|(_, mention)| mention).collect()
}

/// How much a name says by itself, and where it says most.
fn best_place(bytes: &[u8], name: &NameInFile, common: bool) -> (MentionWeight, Range<usize>) {
    let first = name.places.first().cloned().unwrap_or(0..0);
    if let Some(place) = name.places.iter().find(|place| is_behind_key(bytes, place)) {
        return (MentionWeight::BesideVersion, place.clone());
    }
    // A string of its own, spelled exactly as the platform is: that is how sketches name themselves.
    let alone = |place: &&Range<usize>| {
        let before = place.start.checked_sub(1).and_then(|at| bytes.get(at));
        before.is_none_or(|b| *b == 0)
            && bytes.get(place.end).is_none_or(|b| *b == 0)
            && bytes.get((*place).clone()) == Some(name.name.as_bytes())
    };
    match name.places.iter().find(alone) {
        _ if common => (MentionWeight::CommonWord, first),
        Some(place) => (MentionWeight::Alone, place.clone()),
        None => (MentionWeight::InText, first),
    }
}

/// Whether `dev=` stands before a name, in the same string or at the end of the one before.
fn is_behind_key(bytes: &[u8], place: &Range<usize>) -> bool {
    let head = bytes.get(place.start.saturating_sub(8)..place.start).unwrap_or_default();
    let zeros = head.iter().rev().take_while(|b| **b == 0).count();
    head.get(..head.len() - zeros).is_some_and(|head| head.ends_with(b"dev="))
}

fn is_common(name: &str) -> bool {
    name.len() <= SHORT || COMMON.iter().any(|word| word.eq_ignore_ascii_case(name))
}
