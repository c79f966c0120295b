//! Places for connections: so many in all, so many for one address, and who makes room.
//!
//! What a connection wants is known only after its place is taken. So nobody keeps a place by
//! waiting: where none is free, the one that has waited longest makes room, of the address that
//! holds most of them. Requests that are being answered, transfers of firmware, and whoever has
//! shown who they are keep theirs. A share of the places is kept for each listener, and another
//! for those who are no people.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep};

use super::WireSettings;
use super::slot::Slot;
use crate::domain::network::Network;

/// Bits of an IPv6 address that one household has for itself.
const HOUSEHOLD: u32 = 64;
/// How often it is told that an address has too many connections, or that no place is left.
const QUIET: Duration = Duration::from_mins(1);
/// How often one who waits for a place looks whether somebody can make room.
const LOOK: Duration = Duration::from_millis(100);
/// The part of all places that is kept for the listeners, and the one that people may not take.
const KEPT: u32 = 4;

/// The places of all listeners.
#[derive(Debug)]
pub(super) struct Places {
    /// For connections to any listener.
    common: Room,
    /// For connections to one listener each.
    own: Vec<Room>,
    all: u32,
    for_one: u32,
    exempt: Arc<[Network]>,
    held: Mutex<Held>,
}

/// Some of the places.
#[derive(Debug)]
struct Room {
    free: Arc<Semaphore>,
    size: u32,
}

/// Who holds places.
#[derive(Debug, Default)]
struct Held {
    counts: HashMap<IpAddr, u32>,
    slots: HashMap<u64, Arc<Slot>>,
    next: u64,
    /// How many are held by people, or by those who ask for what is theirs.
    people: u32,
    /// When it was last told that somebody has too many, and that no place is left.
    told: [Option<Instant>; 2],
}

/// A place that is held; free again when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    whose: IpAddr,
    slot: Option<Arc<Slot>>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Room {
    fn new(size: u32) -> Self {
        let free = Arc::new(Semaphore::new(usize::try_from(size).unwrap_or(usize::MAX)));
        Self { free, size }
    }

    fn left(&self) -> usize {
        self.free.available_permits()
    }
}

impl Places {
    /// For so many listeners.
    pub(super) fn new(settings: &WireSettings, listeners: usize) -> Arc<Self> {
        let most = u32::try_from(Semaphore::MAX_PERMITS).unwrap_or(u32::MAX);
        let all = settings.max_connections.clamp(1, most);
        let count = u32::try_from(listeners.max(1)).unwrap_or(u32::MAX);
        let own = all / KEPT / count;
        Arc::new(Self {
            common: Room::new(all - own * count),
            own: (0..count).map(|_| Room::new(own)).collect(),
            all,
            for_one: settings.max_per_address.max(1),
            exempt: Arc::clone(&settings.trusted_proxies),
            held: Mutex::default(),
        })
    }

    /// A place for a connection from `remote` to a listener, as soon as one is free; `None` where
    /// that address has its share. Proxies that are trusted speak for many.
    pub(super) async fn take(
        self: &Arc<Self>,
        remote: IpAddr,
        listener: usize,
    ) -> Option<(Place, Arc<Slot>)> {
        let mut place = self.count(remote)?;
        let own = &self.own[listener.min(self.own.len() - 1)];
        let (permit, room) = loop {
            if let Ok(permit) = Arc::clone(&self.common.free).try_acquire_owned() {
                break (permit, None);
            }
            if let Ok(permit) = Arc::clone(&own.free).try_acquire_owned() {
                break (permit, Some(listener));
            }
            self.make_room(listener);
            tokio::select! {
                biased;
                permit = Arc::clone(&self.common.free).acquire_owned() => {
                    break (permit.ok()?, None);
                }
                permit = Arc::clone(&own.free).acquire_owned() => {
                    break (permit.ok()?, Some(listener));
                }
                () = sleep(LOOK) => {}
            }
        };
        place.permit = Some(permit);
        let mut held = self.lock();
        let number = held.next;
        held.next += 1;
        let slot = Arc::new(Slot::new(number, place.whose, room));
        held.slots.insert(number, Arc::clone(&slot));
        place.slot = Some(Arc::clone(&slot));
        drop(held);
        Some((place, slot))
    }

    fn count(self: &Arc<Self>, remote: IpAddr) -> Option<Place> {
        let exempt = self.exempt.iter().any(|network| network.contains(remote));
        let whose = household(remote);
        let mut held = self.lock();
        let count = held.counts.entry(whose).or_default();
        if *count >= self.for_one && !exempt {
            if held.is_news(0) {
                tracing::warn!(
                    net.address = %remote,
                    limit = self.for_one,
                    "an address has too many connections; further ones are closed",
                );
            }
            return None;
        }
        *count += 1;
        drop(held);
        Some(Place { places: Arc::clone(self), whose, slot: None, permit: None })
    }

    /// No place is free: says so, and has the first of those who can wait elsewhere make room.
    fn make_room(&self, listener: usize) {
        let mut held = self.lock();
        if held.is_news(1) {
            tracing::warn!(
                limit = self.all,
                "all places for connections are taken; those that only wait make room",
            );
        }
        held.cut(|slot| slot.room().is_none_or(|room| room == listener));
    }

    /// Counts a connection among those of people; says whether there was room.
    pub(super) fn let_among_people(&self, slot: &Slot) -> bool {
        let mut held = self.lock();
        if slot.is_among_people() {
            return true;
        }
        if held.people >= self.all - self.all / KEPT && !held.cut(Slot::is_among_people) {
            return false;
        }
        held.people += 1;
        slot.set_among_people(true);
        true
    }

    /// What comes on this connection is not known to be of people any more.
    pub(super) fn take_from_people(&self, slot: &Slot) {
        self.lock().take_from_people(slot);
    }

    /// Whether so few places are left that those who only wait have to make room.
    pub(super) fn are_scarce(&self) -> bool {
        let left = self.common.left() + self.own.iter().map(Room::left).sum::<usize>();
        left < usize::try_from(self.all / 4).unwrap_or(usize::MAX)
    }

    /// Waits until all places are free.
    pub(super) async fn all_free(&self) {
        for room in self.own.iter().chain([&self.common]) {
            // It is never closed.
            let _ = room.free.acquire_many(room.size).await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Whether it is time to tell this again.
    fn is_news(&mut self, what: usize) -> bool {
        let news = self.told[what].is_none_or(|told| told.elapsed() >= QUIET);
        if news {
            self.told[what] = Some(Instant::now());
        }
        news
    }

    /// Ends the connection among these that can be missed most: of the address that holds most
    /// places, the one that has waited longest. Says whether there was one.
    fn cut(&mut self, among: impl Fn(&Slot) -> bool) -> bool {
        let now = Instant::now();
        let rank = |slot: &Arc<Slot>| {
            let count = self.counts.get(&slot.whose()).copied().unwrap_or(0);
            (count, slot.waited(now))
        };
        let yielding = self.slots.values().filter(|slot| slot.yields(now) && among(slot));
        let Some(slot) = yielding.max_by_key(|slot| rank(slot)).cloned() else {
            return false;
        };
        slot.cut();
        self.take_from_people(&slot);
        true
    }

    fn take_from_people(&mut self, slot: &Slot) {
        if slot.is_among_people() {
            slot.set_among_people(false);
            self.people -= 1;
        }
    }
}

/// An address, or the network that one household has of IPv6.
fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let bits = v6.to_bits() >> (128 - HOUSEHOLD) << (128 - HOUSEHOLD);
            IpAddr::V6(Ipv6Addr::from_bits(bits))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.places.lock();
        if let Some(slot) = &self.slot {
            held.slots.remove(&slot.number());
            held.take_from_people(slot);
        }
        if let Some(count) = held.counts.get_mut(&self.whose) {
            *count -= 1;
            if *count == 0 {
                held.counts.remove(&self.whose);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(all: u32, for_one: u32) -> Arc<Places> {
        let trusted_proxies = ["10.0.0.0/8".parse().unwrap()].into();
        let settings = WireSettings {
            max_connections: all,
            max_per_address: for_one,
            trusted_proxies,
            ..WireSettings::default()
        };
        Places::new(&settings, 1)
    }

    #[tokio::test]
    async fn an_address_gets_its_share_and_no_more() {
        let places = places(8, 2);
        let take = async |address: &str| places.take(address.parse().unwrap(), 0).await;
        let one = take("192.0.2.1").await.unwrap();
        let _two = take("192.0.2.1").await.unwrap();
        assert!(take("::ffff:192.0.2.1").await.is_none());
        let _other = take("192.0.2.2").await.unwrap();
        drop(one);
        let _again = take("192.0.2.1").await.unwrap();
        let _three = take("2001:db8::1").await.unwrap();
        let _four = take("2001:db8::2").await.unwrap();
        assert!(take("2001:db8::3").await.is_none(), "the same household");
        assert!(take("2001:db8:0:1::1").await.is_some());
    }

    #[tokio::test]
    async fn a_trusted_proxy_speaks_for_many() {
        let places = places(8, 2);
        let mut held = Vec::new();
        for _ in 0..7 {
            held.push(places.take("10.0.0.1".parse().unwrap(), 0).await.unwrap());
        }
        assert!(places.are_scarce());
        held.clear();
        assert!(!places.are_scarce());
        places.all_free().await;
    }

    #[tokio::test]
    async fn who_waits_longest_makes_room_and_who_is_served_does_not() {
        let places = places(4, 3);
        let take = async |address: &str| places.take(address.parse().unwrap(), 0).await.unwrap();
        let device = take("192.0.2.1").await;
        let busy = take("192.0.2.9").await;
        busy.1.begins(false);
        let (first, second) = (take("192.0.2.9").await, take("192.0.2.9").await);
        let newcomer = tokio::spawn({
            let places = Arc::clone(&places);
            async move { places.take("192.0.2.2".parse().unwrap(), 0).await }
        });
        // Not the device, although it has waited longer: it holds one place only.
        first.1.is_cut().await;
        assert!([&device, &busy, &second].iter().all(|(_, slot)| !slot.has_been_cut()));
        drop(first);
        let newcomer = newcomer.await.unwrap().unwrap();
        for (_, slot) in [&device, &second, &newcomer] {
            slot.keep();
        }
        let waits = places.take("192.0.2.3".parse().unwrap(), 0);
        assert!(tokio::time::timeout(LOOK * 3, waits).await.is_err(), "nobody can be missed");
    }

    #[tokio::test]
    async fn each_listener_has_places_of_its_own_and_people_never_take_all() {
        let settings = WireSettings { max_connections: 16, ..WireSettings::default() };
        let places = Places::new(&settings, 2);
        let mut held = Vec::new();
        for number in 0..14_u8 {
            let (place, slot) = places.take([192, 0, 2, number].into(), 0).await.unwrap();
            slot.keep();
            held.push((place, slot));
        }
        let more = places.take([192, 0, 2, 50].into(), 0);
        assert!(tokio::time::timeout(LOOK, more).await.is_err());
        assert!(places.take([192, 0, 2, 51].into(), 1).await.is_some());
        for (number, (_, slot)) in held.iter().enumerate() {
            assert_eq!(places.let_among_people(slot), number < 12, "{number}");
        }
        drop(held.swap_remove(0));
        assert!(
            held.iter().all(|(_, slot)| places.let_among_people(slot) || !slot.is_among_people())
        );
        drop(held);
        assert_eq!(places.lock().people, 0);
        places.all_free().await;
    }
}
