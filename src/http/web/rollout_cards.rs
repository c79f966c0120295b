//! Rollouts as banners and in lists: where each of them stands, in a sentence.

use super::error::PageError;
use super::page::Page;
use super::preview::title;
use crate::app::{App, RolloutStatus};
use crate::domain::Timestamp;
use crate::domain::mac::MacAddr;
use crate::domain::release::Release;
use crate::domain::rollout::{Member, Rollout, Size, State as Standing};
use crate::http::view::filters;
use crate::http::view::rollout as view;
use crate::http::view::words::Badge;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// A rollout as pages show it.
#[derive(Debug)]
pub(super) struct Card {
    pub(super) id: i64,
    pub(super) release_id: i64,
    pub(super) title: String,
    pub(super) badge: Badge,
    pub(super) sentence: String,
    /// What it waits for or why it stopped is for a person to decide.
    pub(super) asks: bool,
    pub(super) active: bool,
    pub(super) halted: bool,
    pub(super) rollout: Rollout,
    pub(super) confirmed: u32,
    pub(super) meant: u32,
}

impl Card {
    /// The class of the notice that tells of it.
    pub(super) fn tone(&self) -> &'static str {
        if self.badge.tone.is_empty() { "note" } else { self.badge.tone }
    }

    pub(super) fn created_at(&self) -> &Timestamp {
        &self.rollout.created_at
    }

    /// Who began it.
    pub(super) fn created_by(&self) -> &str {
        &self.rollout.created_by
    }

    /// Whether a person is asked before each further stage.
    pub(super) fn asks_before(&self) -> bool {
        self.rollout.ask
    }
}

/// Which rollouts a page tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    Everything,
    Release(i64),
    Platform(i64),
}

/// The rollouts that something can still come of, for `rollouts/banner.html`: those that ask a
/// person first.
pub(super) async fn banners(app: &App, page: &Page, about: About) -> Result<Vec<Card>, PageError> {
    let shelf = app.shelf();
    let concerned = |rollout: &Rollout| match about {
        About::Everything => true,
        About::Release(id) => rollout.release_id == id,
        About::Platform(id) => {
            let files = shelf.release(rollout.release_id).and_then(|files| files.images().first());
            files.is_some_and(|release| release.platform_id == id)
        }
    };
    let mut cards = Vec::new();
    for rollout in app.store().rollouts(true, None).await? {
        if rollout.state.is_active() && concerned(&rollout) {
            let status = app.rollout_in_short(rollout.id).await?;
            cards.push(card(app, page, &status).await?);
        }
    }
    cards.sort_by_key(|card| (!card.asks, -card.id));
    Ok(cards)
}

/// A rollout as it stands.
pub(super) async fn card(
    app: &App,
    page: &Page,
    status: &RolloutStatus,
) -> Result<Card, PageError> {
    let rollout = status.rollout.clone();
    let release = app.store().release(rollout.release_id).await?;
    let first = first_names(app, status).await?;
    let meant = status.meant;
    let standing = standing(status, &first);
    let halted = rollout.state == Standing::Halted;
    Ok(Card {
        id: rollout.id,
        release_id: rollout.release_id,
        title: release.as_ref().map(Release::title).unwrap_or_default(),
        badge: view::badge(&rollout),
        sentence: standing.sentence(|at| clock(at, page)),
        asks: rollout.needs_you(),
        active: rollout.state.is_active(),
        halted,
        confirmed: status.progress.confirmed,
        meant,
        rollout,
    })
}

/// What its sentences are made from.
pub(super) fn standing<'a>(status: &'a RolloutStatus, names: &'a [String]) -> view::Standing<'a> {
    let RolloutStatus { rollout, progress, meant, .. } = status;
    view::Standing { rollout, progress, meant: *meant, names }
}

/// The devices that its sentence names: those that came back with it, else those that come first.
/// Of more than a few it only says how many there are.
async fn first_names(app: &App, status: &RolloutStatus) -> Result<Vec<String>, PageError> {
    let confirmed = |member: &&(MacAddr, Member, Timestamp)| member.1 == Member::Confirmed;
    let mut macs: Vec<MacAddr> =
        status.members.iter().filter(confirmed).map(|(mac, ..)| *mac).collect();
    if macs.is_empty() {
        macs = status.members.iter().map(|(mac, ..)| *mac).collect();
    }
    let current = status.rollout.current().and_then(|index| status.rollout.stages.get(index));
    if macs.is_empty() && current.is_some_and(|stage| stage.size == Size::Canaries) {
        macs = app.addresses(&status.rollout.canaries).into_values().collect();
        macs.sort_unstable();
    }
    let named = macs.get(..macs.len().min(view::NAMED)).unwrap_or_default();
    let names = app.store().device_names(named).await?;
    let mut titles: Vec<String> = named.iter().map(|mac| title(&names, *mac)).collect();
    titles.resize(macs.len(), String::new());
    Ok(titles)
}

/// A time of the day, with the day where it is not near.
pub(super) fn clock(at: Timestamp, page: &Page) -> String {
    let format = if (at - page.now).abs() < DAY / 2 { "%H:%M" } else { "%a %Y-%m-%d %H:%M" };
    filters::strftime(at, &page.zone, format)
}
