//! When a device asks: its rhythm in a sentence, its week, and who wants a look because of that.

use jiff::tz::TimeZone;

use super::error::PageError;
use super::page::Page;
use crate::app::App;
use crate::domain::Timestamp;
use crate::domain::device::{Approval, Device};
use crate::domain::hours::Hours;
use crate::domain::rhythm::{KNOWN, Pause, Presence, span};
use crate::http::view::filters::{self, strftime};
use crate::http::view::heat::{self, Week};
use crate::http::view::words::{self, Badge};
use crate::store::{DeviceFilter, DeviceSort};

/// Devices that are named where several want a look.
const NAMED: u32 = 3;

/// When a device asks, as its page shows it.
#[derive(Debug)]
pub(super) struct Asks {
    /// Its rhythm, in a sentence.
    pub(super) text: String,
    /// The class of its colour.
    pub(super) tone: &'static str,
    /// What is the matter, with what that means.
    pub(super) matters: Vec<(Badge, &'static str)>,
    /// Its week.
    pub(super) week: Week,
}

impl Asks {
    /// When a device asks.
    pub(super) async fn of(app: &App, device: &Device, page: &Page) -> Result<Self, PageError> {
        let days = app.device_hours(device.id, device.mac).await?;
        let found = app.presence_of(device.mac);
        Ok(Self::new(device, &found, &days, app.pause(), page))
    }

    fn new(device: &Device, found: &[Presence], days: &[Hours], pause: Pause, page: &Page) -> Self {
        let (mut text, overdue) = rhythm(device, pause, page.now, &page.zone);
        if let (Some(every), true) = (device.rhythm.every(), found.contains(&Presence::Restarting))
        {
            text = format!("It asked about every {} before its update.", span(i64::from(every)));
        }
        let matters = found.iter().filter(|presence| **presence != Presence::Overdue);
        Self {
            text,
            tone: if overdue { "warn" } else { "" },
            matters: matters
                .map(|presence| (words::presence(presence), meaning(*presence)))
                .collect(),
            week: heat::week(days, page.now, &page.zone),
        }
    }
}

/// What it means, and what to do.
const fn meaning(presence: Presence) -> &'static str {
    match presence {
        Presence::Overdue => "It should have asked by now.",
        Presence::Lost => {
            "Nobody has heard of it since its last update was offered. Look whether it has power \
             and Wi-Fi; a device that hangs may need its power cut once."
        }
        Presence::Restarting => {
            "It asks far more often than before its update: the new firmware may crash and start \
             over and over."
        }
    }
}

/// The same where it is so of several devices.
const fn meaning_of_several(presence: Presence) -> &'static str {
    match presence {
        Presence::Overdue => "They should have asked by now.",
        Presence::Lost => {
            "Nobody has heard of them since their last update was offered. Look whether they have \
             power and Wi-Fi; a device that hangs may need its power cut once."
        }
        Presence::Restarting => {
            "They ask far more often than before their update: the new firmware may crash and start \
             over and over."
        }
    }
}

/// A device's rhythm in a sentence, and whether it is overdue.
fn rhythm(device: &Device, pause: Pause, now: Timestamp, zone: &TimeZone) -> (String, bool) {
    let Some(last_seen) = device.last_seen else {
        return ("It has not asked yet.".to_owned(), false);
    };
    let own = &device.rhythm;
    let (Some(every), Some(next)) = (own.every(), own.next_expected(last_seen)) else {
        let known = own.known();
        return (format!("Its rhythm is not known yet ({known} of {KNOWN})."), false);
    };
    let often = if every < 10 {
        "every few seconds".to_owned()
    } else {
        format!("about every {}", span(i64::from(every)))
    };
    let silent = pause.listened(last_seen, now);
    if own.is_overdue(silent) {
        let since = now - silent + own.overdue_after().unwrap_or(0);
        let since = moment(since, now, zone);
        return (format!("Overdue since {since}; it asks {often} otherwise."), true);
    }
    let expected = if next < now { "was expected" } else { "next expected" };
    (format!("It asks {often}, {expected} {}.", moment(next, now, zone)), false)
}

/// A moment near now, as short as it can be: "14:05", "Wed 14:05", "2026-11-20 14:05".
fn moment(at: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let day = |at| strftime(at, zone, "%Y-%m-%d");
    let format = match (at - now).abs() {
        _ if day(at) == day(now) => "%H:%M",
        ..518_400 => "%a %H:%M",
        _ => "%Y-%m-%d %H:%M",
    };
    strftime(at, zone, format)
}

/// Devices that want a look because of when they ask.
#[derive(Debug)]
pub(super) struct Wanting {
    pub(super) presence: Presence,
    pub(super) count: u64,
    /// Some of their names.
    pub(super) names: String,
}

impl Wanting {
    /// How many there are, in words.
    pub(super) fn title(&self) -> String {
        let (one, many) = match self.presence {
            Presence::Overdue => ("device is overdue", "devices are overdue"),
            Presence::Lost => ("device is lost", "devices are lost"),
            Presence::Restarting => ("device restarts often", "devices restart often"),
        };
        filters::count(&self.count, one, many)
    }

    /// Which they are, and what it means.
    pub(super) fn text(&self) -> String {
        let meaning = if self.count == 1 { meaning } else { meaning_of_several };
        format!("{}. {}", self.names, meaning(self.presence))
    }

    /// The list of them.
    pub(super) fn href(&self) -> String {
        format!("/devices?approval=approved&presence={}", self.presence.word())
    }
}

/// Approved devices that want a look because of when they ask, the most serious first.
pub(super) async fn wanting(app: &App) -> Result<Vec<Wanting>, PageError> {
    let found = app.presences();
    let mut all = Vec::new();
    for (presence, count) in [
        (Presence::Lost, found.lost),
        (Presence::Restarting, found.restarting),
        (Presence::Overdue, found.overdue),
    ] {
        if count > 0 {
            all.push(Wanting { presence, count, names: names(app, presence, count).await? });
        }
    }
    Ok(all)
}

async fn names(app: &App, presence: Presence, count: u64) -> Result<String, PageError> {
    let filter = DeviceFilter {
        approval: Some(Approval::Approved),
        presence: Some(app.presence(presence)),
        sort: DeviceSort::Seen,
        limit: NAMED,
        ..DeviceFilter::default()
    };
    let devices = app.store().devices(&filter).await?;
    Ok(filters::some_names(devices.iter().map(Device::title).collect(), count))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::learnt::Learnt;
    use crate::domain::policy::Policy;
    use crate::domain::rhythm::Rhythm;

    const NOW: Timestamp = 1_700_000_000; // Tuesday, 2023-11-14 22:13:20 UTC

    fn device(gaps: &[i64], silent: i64) -> Device {
        let mut rhythm = Rhythm::default();
        let mut at = NOW - silent - gaps.iter().sum::<i64>();
        rhythm.check_in(at, None);
        for gap in gaps {
            at += gap;
            rhythm.check_in(at, None);
        }
        Device {
            id: 1,
            mac: "18:FE:34:00:00:01".parse().unwrap(),
            name: String::new(),
            approval: Approval::Approved,
            platform_id: None,
            platform: None,
            first_seen: 0,
            last_seen: Some(at),
            checkins: 1,
            rhythm,
            report: None,
            address: None,
            host: None,
            outcome: None,
            learnt: Learnt::default(),
            policy: Policy::default(),
            groups: Vec::new(),
        }
    }

    #[test]
    fn the_rhythm_is_a_sentence() {
        for (gaps, silent, text) in [
            (&[][..], 60, "Its rhythm is not known yet (0 of 3)."),
            (&[60, 60], 60, "Its rhythm is not known yet (2 of 3)."),
            (&[3600; 4], 600, "It asks about every 60 min, next expected 23:03."),
            (&[3600; 4], 4_200, "It asks about every 60 min, was expected 22:03."),
            (&[3600; 4], 14_400, "Overdue since 21:13; it asks about every 60 min otherwise."),
            (&[86_400; 4], 600, "It asks about every 24 h, next expected Wed 22:03."),
            (
                &[86_400; 4],
                20 * 86_400,
                "Overdue since 2023-10-28 22:13; it asks about every 24 h otherwise.",
            ),
            (&[7; 4], 1, "It asks every few seconds, next expected 22:13."),
        ] {
            let (said, overdue) =
                rhythm(&device(gaps, silent), Pause::default(), NOW, &TimeZone::UTC);
            assert_eq!(said, text);
            assert_eq!(overdue, text.starts_with("Overdue"));
            assert!(!said.contains("offline"));
        }
    }

    #[test]
    fn silence_while_the_server_did_not_listen_makes_nobody_overdue() {
        let device = device(&[3600; 4], 14_400);
        let pause = Pause { from: NOW - 14_000, until: NOW - 60 };
        let (said, overdue) = rhythm(&device, pause, NOW, &TimeZone::UTC);
        assert_eq!(said, "It asks about every 60 min, was expected 19:13.");
        assert!(!overdue);
        assert!(rhythm(&device, pause, NOW + 10_801, &TimeZone::UTC).1);
    }
}
