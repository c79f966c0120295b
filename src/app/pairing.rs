//! Pairing: who may ask, windows in which devices are approved at once, and whom they let in.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use super::{App, Error};
use crate::domain::Timestamp;
use crate::domain::actor::Actor;
use crate::domain::device::Approval;
use crate::domain::event::{Event, Kind};
use crate::domain::mac::MacAddr;
use crate::domain::pairing::{Door, LONGEST, Pairing, Rule, Whose, Window, span};
use crate::store::Store;

/// Rules and windows of the server and of all platforms, in memory: part of the shelf.
#[derive(Debug, Clone, Default)]
pub struct Pairings {
    server: Pairing,
    platforms: HashMap<i64, Pairing>,
    /// Devices that wait because a person made them, with when that was.
    put_back: HashMap<i64, Timestamp>,
}

impl Pairings {
    pub(super) async fn load(store: &Store) -> Result<Self, Error> {
        Ok(Self {
            server: store.server_pairing().await?,
            platforms: store.platform_pairings().await?,
            put_back: store.devices_put_back().await?,
        })
    }

    /// What the server has, or a platform of its own.
    #[must_use]
    pub fn of(&self, platform_id: Option<i64>) -> Pairing {
        match platform_id {
            None => self.server,
            Some(id) => self.platforms.get(&id).copied().unwrap_or_default(),
        }
    }

    /// How the door stands for a device of which nothing is known.
    #[must_use]
    pub fn door(&self, platform_id: Option<i64>, now: Timestamp) -> Door {
        let own = platform_id.map(|id| self.of(Some(id)));
        Door::of(&self.server, own.as_ref(), now)
    }

    /// How the door stands for a device that waits.
    pub(super) fn door_for(
        &self,
        platform_id: Option<i64>,
        device_id: i64,
        now: Timestamp,
    ) -> Door {
        let door = self.door(platform_id, now);
        let Door::Open { whose, .. } = door else { return door };
        let owner = platform_id.filter(|_| whose == Whose::Platform);
        let opened_at = self.of(owner).window.map(|window| window.opened_at);
        match self.put_back.get(&device_id) {
            Some(at) if opened_at.is_some_and(|opened| opened <= *at) => Door::PutBack,
            _ => door,
        }
    }

    /// Whether any window is open.
    fn any_open(&self, now: Timestamp) -> bool {
        let all = self.platforms.values().chain([&self.server]);
        all.into_iter().any(|pairing| pairing.open_window(now).is_some())
    }

    /// The server's window and those of platforms, by the number of the platform.
    pub fn windows(&self) -> impl Iterator<Item = (Option<i64>, Window)> {
        let own = self.platforms.iter().map(|(id, pairing)| (Some(*id), pairing.window));
        let all = [(None, self.server.window)].into_iter().chain(own);
        all.filter_map(|(id, window)| Some((id, window?)))
    }
}

/// What a person wants of the pairing of the server or of a platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PairingChange {
    /// The rule; of a platform `None`: as the server. An open window closes.
    Rule(Option<Rule>),
    /// A window for so many minutes from now.
    Open(u32),
    /// The window closes now.
    Close,
}

/// How many devices windows let in within an hour: addresses can be made up. The rest waits.
#[derive(Debug, Default)]
pub(super) struct LetIn(Mutex<(i64, u32)>);

impl LetIn {
    /// Whether one more may be let in now.
    pub(super) fn allows(&self, limit: u32, now: Timestamp) -> bool {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let hour = now.div_euclid(3600);
        if counted.0 != hour {
            *counted = (hour, 0);
        }
        counted.1 = counted.1.saturating_add(1);
        counted.1 <= limit
    }
}

/// Devices that are told apart while pairing is closed; beyond, it is only said that there are more.
const TURNED_AWAY: usize = 1_000;
/// The latest of them, of which more is said than their number.
const LATEST: usize = 5;

/// A device that asked while pairing was closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unasked {
    /// Its address.
    pub mac: MacAddr,
    /// Where it asked from.
    pub address: IpAddr,
    /// The platform it named.
    pub asked_for: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// Who asked while pairing was closed, since the start or the last word on it.
#[derive(Debug, Clone, Default)]
pub struct TurnedAway {
    macs: HashSet<MacAddr>,
    /// Whether there were more than are told apart.
    pub more: bool,
    latest: VecDeque<Unasked>,
}

impl TurnedAway {
    /// How many devices.
    #[must_use]
    pub fn devices(&self) -> usize {
        self.macs.len()
    }

    /// The latest of them, newest first.
    pub fn latest(&self) -> impl Iterator<Item = &Unasked> {
        self.latest.iter()
    }

    fn add(&mut self, device: Unasked) {
        if self.macs.len() < TURNED_AWAY {
            self.macs.insert(device.mac);
        } else {
            self.more |= !self.macs.contains(&device.mac);
        }
        self.latest.retain(|other| other.mac != device.mac);
        self.latest.push_front(device);
        self.latest.truncate(LATEST);
    }
}

/// The same, shared.
#[derive(Debug, Default)]
pub(super) struct Doorstep(Mutex<TurnedAway>);

impl Doorstep {
    fn with<T>(&self, work: impl FnOnce(&mut TurnedAway) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl App {
    /// Changes who may ask, or opens or closes a window: of a platform, or of the server.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is no such platform, [`Error::Value`] where the minutes are
    /// out of bounds.
    pub async fn change_pairing(
        &self,
        platform: Option<&str>,
        change: PairingChange,
        actor: &Actor,
    ) -> Result<Pairing, Error> {
        let _changing = self.0.changing.lock().await;
        let shelf = self.shelf();
        let found = platform.map(|name| shelf.platform(name).ok_or(Error::NotFound("platform")));
        let platform = found.transpose()?.map(|entry| &entry.platform);
        let (id, now) = (platform.map(|platform| platform.id), self.now());
        let was = shelf.pairings().of(id);
        let closed = was.window.map(|window| window.closed(now));
        let pairing = match change {
            PairingChange::Rule(rule) => Pairing { rule, window: closed },
            PairingChange::Close => Pairing { window: closed, ..was },
            PairingChange::Open(minutes) if (1..=LONGEST).contains(&minutes) => {
                Pairing { window: Some(Window::open(now, minutes)), ..was }
            }
            PairingChange::Open(minutes) => {
                let (field, value) = ("the pairing window", format!("{minutes} minutes"));
                return Err(Error::Value { field, value, expected: "1 to 1440 minutes (a day)" });
            }
        };
        if pairing == was {
            return Ok(was);
        }
        self.0.store.save_pairing(id, &pairing).await?;
        self.restock().await?;
        if id.is_none() {
            self.0.doorstep.with(|unasked| *unasked = TurnedAway::default());
        }
        let name = platform.map(|platform| platform.name.as_str());
        let text = told(name, change, &pairing, now);
        let place = name.unwrap_or("the server");
        let deed = match change {
            PairingChange::Rule(rule) => {
                format!("set pairing for {place} to “{}”", rule.map_or("as the server", Rule::word))
            }
            PairingChange::Open(minutes) => {
                format!("opened a pairing window for {place} for {minutes} minutes")
            }
            PairingChange::Close => format!("closed the pairing window for {place}"),
        };
        let event = Event::new(now, Kind::Pairing, text).on(name).by(actor).does(deed);
        self.record(event).await?;
        Ok(pairing)
    }

    /// Who asked while pairing was closed, since the start or the last word on it.
    #[must_use]
    pub fn turned_away(&self) -> TurnedAway {
        self.0.doorstep.with(|turned_away| turned_away.clone())
    }

    /// Remembers that a device nobody knows was refused, because pairing is closed.
    pub(super) fn turn_away(&self, device: Unasked) {
        let text = "a device that nobody knows asked; pairing is closed, so it is refused and not \
                    recorded.";
        self.refuse_unknown(device.address, "pairing_closed", text);
        self.0.doorstep.with(|turned_away| turned_away.add(device));
    }

    /// Remembers that a person made a device wait again, so that an open window lets it wait.
    pub(super) async fn keep_back(&self, device_id: i64, now: Timestamp) -> Result<(), Error> {
        self.0.store.put_back(device_id, now).await?;
        if self.shelf().pairings().any_open(now) {
            self.restock().await?;
        }
        Ok(())
    }

    /// Whether a device that waits may come in now, by memory as it stands.
    pub(super) fn is_let_in(&self, mac: MacAddr, platform_id: i64, now: Timestamp) -> bool {
        let waits = self.0.fleet.with(mac, |live| (live.approval == Approval::Pending, live.id));
        let Some((true, id)) = waits else { return false };
        self.shelf().pairings().door_for(Some(platform_id), id, now).is_open()
            && self.0.let_in.allows(self.places(), now)
    }
}

/// The event in one sentence.
fn told(platform: Option<&str>, change: PairingChange, now_is: &Pairing, now: Timestamp) -> String {
    let whose = platform.unwrap_or("this server");
    match (change, now_is.window) {
        (PairingChange::Open(_), Some(window)) => {
            let span = span(window.until - now);
            format!("The pairing window of {whose} was opened for {span}.")
        }
        (PairingChange::Close | PairingChange::Open(_), _) => {
            format!("The pairing window of {whose} was closed.")
        }
        (PairingChange::Rule(Some(Rule::Closed)), _) => {
            format!("{} new devices any more.", subject(platform, "takes no"))
        }
        (PairingChange::Rule(Some(Rule::Ask)), _) => {
            format!("{} new devices into the inbox.", subject(platform, "takes"))
        }
        (PairingChange::Rule(None), _) => {
            format!("{} new devices as the server does.", subject(platform, "takes"))
        }
    }
}

fn subject(platform: Option<&str>, verb: &str) -> String {
    platform.map_or_else(|| format!("This server {verb}"), |name| format!("{name} {verb}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(number: u32, at: Timestamp) -> Unasked {
        let [_, a, b, c] = number.to_be_bytes();
        let mac = MacAddr::new([0x18, 0xFE, 0x34, a, b, c]);
        Unasked { mac, address: IpAddr::from([192, 0, 2, 1]), asked_for: None, at }
    }

    #[test]
    fn what_is_remembered_of_strangers_is_bounded() {
        let mut turned_away = TurnedAway::default();
        for number in 0..5_000 {
            turned_away.add(asked(number, 0));
            turned_away.add(asked(number, 1));
        }
        assert_eq!((turned_away.devices(), turned_away.more), (TURNED_AWAY, true));
        let latest: Vec<_> = turned_away.latest().collect();
        assert_eq!(latest.len(), LATEST);
        assert_eq!(latest[0], &asked(4_999, 1), "the latest first, each once");
        assert_ne!(latest[1].mac, latest[0].mac);
    }

    #[test]
    fn only_so_many_are_let_in_an_hour() {
        let let_in = LetIn::default();
        let now = 1_700_000_000;
        assert_eq!((0..10).filter(|_| let_in.allows(3, now)).count(), 3);
        assert!(let_in.allows(3, now + 3600));
    }
}
