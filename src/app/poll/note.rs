//! What a check-in changes in memory, and the events it makes.

use super::{Finding, Poll, ProofNews};
use crate::app::fleet::{Live, Shard};
use crate::domain::Timestamp;
use crate::domain::attempt::Settled;
use crate::domain::device::{Approval, Outcome};
use crate::domain::event::{Event, Kind};
use crate::domain::mac::MacAddr;
use crate::domain::report::{Mode, Report};
use crate::domain::rhythm::{Rhythm, span};
use crate::domain::tally::Hold;
use crate::domain::update::{Decision, NoUpdate};
use crate::store::News;

/// Brings what is known of the device up to date; answers the events this makes.
pub(super) fn note(
    poll: &Poll,
    finding: &Finding<'_>,
    shard: &mut Shard,
    status: u16,
    now: Timestamp,
) -> Vec<Event> {
    let mac = poll.report.mac;
    let mut events = Vec::new();
    let Some(live) = shard.devices.get_mut(&mac) else {
        return events;
    };
    let code = finding.decision.code();
    // What it said of its program, and what came of that, stays where it asks for files.
    let for_files = poll.report.mode == Mode::FileSystem && live.program().is_some();
    let known = if for_files { &live.files_outcome } else { &live.outcome };
    let new_outcome = **known != *code;
    // Whoever does not prove to be an approved device changes nothing of what it said.
    let stranger = finding.proof == ProofNews::Stranger;
    let said = live.report.as_deref().filter(|_| stranger).cloned();
    let new_report = !for_files && said.is_none() && live.report.as_deref() != Some(&poll.report);
    let new_learnt = live.learnt != finding.learnt;
    let new_address = said.is_none() && live.address != Some(poll.address);
    if let Some(settlement) = finding.settled {
        events.extend(tell_settled(poll, finding, live, settlement.settled, now));
    }
    if (new_outcome || new_report) && live.told.allows(now) {
        tell(poll, finding, live, new_outcome, now, &mut events);
    }
    settle(finding, live, now);
    events.extend(finding.held.map(|tally| tell_held(poll, finding, tally.delivered, now)));
    if for_files {
        live.files_outcome = code.into();
    } else if new_outcome || new_report || new_address || new_learnt {
        let text = finding.decision.text();
        let outcome = Outcome { status, code: code.to_owned(), text };
        let (address, host) = match said {
            Some(_) => (live.address, None),
            None => (Some(poll.address), poll.host.clone()),
        };
        let report = said.unwrap_or_else(|| poll.report.clone());
        live.report = Some(Box::new(report.clone()));
        live.learnt = finding.learnt;
        let learnt = finding.learnt;
        live.news = Some(Box::new(News { report, address, host, outcome, learnt }));
        live.outcome = code.into();
        live.address = address;
    }
    if shard.count(mac, now) {
        events.extend(
            shard.devices.get(&mac).and_then(|live| tell_restarting(finding, live, mac, now)),
        );
    }
    events
}

/// What becomes of its attempt, and of what it did with the release so far.
fn settle(finding: &Finding<'_>, live: &mut Live, now: Timestamp) {
    if let Some(settlement) = finding.settled {
        if let Some(attempt) = &mut live.attempt {
            attempt.state = settlement.settled.state();
            attempt.at = now;
        }
        if let Some((_, tally)) = settlement.tally {
            *live.tally_mut(tally.release_id, tally.part) = tally;
        }
    }
    if let Some(tally) = finding.held {
        *live.tally_mut(tally.release_id, tally.part) = tally;
    }
}

/// The events about a check-in that says something new.
fn tell(
    poll: &Poll,
    finding: &Finding<'_>,
    live: &mut Live,
    new_outcome: bool,
    now: Timestamp,
    events: &mut Vec<Event>,
) {
    let event = |kind, text: String| {
        let platform = finding.platform.as_ref().map(|p| p.platform.name.as_str());
        let event = Event::new(now, kind, text).of(poll.report.mac).by(poll.address.to_string());
        let release = finding.release.as_ref().map(|release| release.id);
        Event { release_id: release, ..event.on(platform) }
    };
    let mut changed = None;
    if live.approval == Approval::Approved
        && finding.proof != ProofNews::Stranger
        && poll.report.mode != Mode::FileSystem
        && let Some(earlier) = live.program()
        && poll.report.runs_other_than(earlier)
    {
        let version = |report: &Report| report.version.as_deref().map(ToOwned::to_owned);
        let (was, is) = (version(earlier), version(&poll.report));
        let text = match (was, is) {
            (Some(was), Some(is)) if was != is => format!("Reports {is} now; it was {was}."),
            (None, Some(is)) => format!("Reports {is} now."),
            _ => "Runs another image than before.".to_owned(),
        };
        changed = Some(text);
    }
    // The same again on the same day is no news: a device may call itself otherwise at every turn.
    let mut push = |kind: Kind, text: String| {
        if live.told.is_news(kind, &text, now) {
            events.push(event(kind, text));
        }
    };
    if let Some(text) = changed {
        push(Kind::Changed, text);
    }
    if !new_outcome {
        return;
    }
    match &finding.decision {
        Decision::Refuse(_) => push(Kind::Refused, finding.decision.text()),
        // It was told already, with the deed.
        decision if decision.is_held() && finding.held.is_some() => {}
        Decision::NoUpdate(NoUpdate::OnHold { .. }) if finding.decision.is_held() => {
            push(Kind::Stopped, finding.decision.text());
        }
        decision if decision.is_withheld() => {
            let version = finding.release.as_ref().map(|release| release.version.to_string());
            let version = version.map(|version| format!("{version}: ")).unwrap_or_default();
            push(Kind::Withheld, format!("{version}{}", decision.text()));
        }
        _ => {}
    }
}

fn tell_settled(
    poll: &Poll,
    finding: &Finding<'_>,
    live: &Live,
    settled: Settled,
    now: Timestamp,
) -> Option<Event> {
    let attempt = live.attempt.as_ref()?;
    let (version, mac) = (&attempt.version, poll.report.mac);
    let says = poll.report.version.as_deref().unwrap_or("no version");
    let (kind, text) = match settled {
        Settled::Confirmed => (Kind::Confirmed, format!("Came back with {version}.")),
        Settled::NotTaken => (Kind::NotTaken, format!("Took {version}, but came back unchanged.")),
        Settled::ReportsOther => {
            (Kind::NotTaken, format!("Runs exactly the file of {version}, but says {says}."))
        }
        Settled::Overtaken => {
            (Kind::Changed, format!("Took {version}, but came back with something else."))
        }
        Settled::RolledBack => {
            (Kind::RolledBack, format!("Had {version}, and runs its old image again: {says}."))
        }
        Settled::Broken => {
            let text = format!("Is back unchanged; the download of {version} had broken off.");
            (Kind::Aborted, text)
        }
    };
    let platform = finding.platform.as_ref().map(|platform| platform.platform.name.as_str());
    let event = Event::new(now, kind, text).of(mac).by(poll.address.to_string());
    let event = match newly_held(finding, live) {
        Some((hold, downloads)) => {
            let why = match hold {
                Hold::NotTaken => format!("it took it {downloads} times and came back without it"),
                Hold::RolledBack => "it had it, and runs its old image again".to_owned(),
                Hold::ReportsOther => format!("it runs exactly that file, but says {says}"),
                Hold::ByHand => "a person said so".to_owned(),
            };
            event.decided(Kind::Stopped, format!("held {version} back from {mac}: {why}"))
        }
        None => event,
    };
    Some(Event { release_id: attempt.release_id, ..event.on(platform) })
}

/// The event about a release that is held back from now on, as the device took it too often.
fn tell_held(poll: &Poll, finding: &Finding<'_>, downloads: u32, now: Timestamp) -> Event {
    let mac = poll.report.mac;
    let release = finding.release.as_ref();
    let version = release.map(|release| release.version.to_string()).unwrap_or_default();
    let platform = finding.platform.as_ref().map(|platform| platform.platform.name.as_str());
    let event = Event::new(now, Kind::Stopped, finding.decision.text()).of(mac);
    let event = event.by(poll.address.to_string()).on(platform);
    let deed = format!(
        "held {version} back from {mac}: it took it {downloads} times and came back without it"
    );
    let release_id = release.map(|release| release.id);
    Event { release_id, ..event.decided(Kind::Stopped, deed) }
}

/// The event about a device that has begun to restart too often since an update.
fn tell_restarting(
    finding: &Finding<'_>,
    live: &Live,
    mac: MacAddr,
    now: Timestamp,
) -> Option<Event> {
    let attempt = live.attempt.as_ref()?;
    let usual = span(i64::from(attempt.usual?));
    let (times, version) = (Rhythm::BURST_CHECK_INS, &attempt.version);
    let text = format!(
        "Checked in {times} times within a few minutes of taking {version}; before, it asked every \
         ≈ {usual}. It may be restarting over and over."
    );
    let platform = finding.platform.map(|platform| platform.platform.name.as_str());
    let event = Event::new(now, Kind::Restarting, text).of(mac).by("server");
    Some(Event { release_id: attempt.release_id, ..event.on(platform) })
}

/// Why the release is held back from now on, and how often it was not taken.
fn newly_held(finding: &Finding<'_>, live: &Live) -> Option<(Hold, u32)> {
    let (_, tally) = finding.settled?.tally?;
    let before = live.tally(tally.release_id, tally.part).and_then(|tally| tally.hold);
    tally.hold.filter(|_| before.is_none()).map(|hold| (hold, tally.not_taken))
}
