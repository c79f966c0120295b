//! Places for connections: so many in all, and so many for one address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::WireSettings;
use crate::domain::network::Network;

/// Bits of an IPv6 address that one household has for itself.
const HOUSEHOLD: u32 = 64;
/// How often it is told that an address has too many connections.
const QUIET: Duration = Duration::from_mins(1);

/// The places of all listeners.
#[derive(Debug)]
pub(super) struct Places {
    free: Arc<Semaphore>,
    all: u32,
    for_one: u32,
    exempt: Arc<[Network]>,
    held: Mutex<Held>,
}

/// Who holds places.
#[derive(Debug, Default)]
struct Held {
    counts: HashMap<IpAddr, u32>,
    /// When it was last told that somebody has too many.
    told: Option<Instant>,
}

/// A place that is held; free again when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    /// Whose it is, where places of one address are counted.
    whose: Option<IpAddr>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Places {
    pub(super) fn new(settings: &WireSettings) -> Arc<Self> {
        let most = u32::try_from(Semaphore::MAX_PERMITS).unwrap_or(u32::MAX);
        let all = settings.max_connections.clamp(1, most);
        Arc::new(Self {
            free: Arc::new(Semaphore::new(usize::try_from(all).unwrap_or(usize::MAX))),
            all,
            for_one: settings.max_per_address.max(1),
            exempt: Arc::clone(&settings.trusted_proxies),
            held: Mutex::default(),
        })
    }

    /// A place for a connection from `remote`, as soon as one is free; `None` where that address
    /// has its share. Proxies that are trusted speak for many.
    pub(super) async fn take(self: &Arc<Self>, remote: IpAddr) -> Option<Place> {
        let mut place = self.count(remote)?;
        place.permit = Some(Arc::clone(&self.free).acquire_owned().await.ok()?);
        Some(place)
    }

    fn count(self: &Arc<Self>, remote: IpAddr) -> Option<Place> {
        let places = Arc::clone(self);
        if self.exempt.iter().any(|network| network.contains(remote)) {
            return Some(Place { places, whose: None, permit: None });
        }
        let whose = household(remote);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let held = &mut *held;
        let count = held.counts.entry(whose).or_default();
        if *count >= self.for_one {
            if held.told.is_none_or(|told| told.elapsed() >= QUIET) {
                held.told = Some(Instant::now());
                tracing::warn!(
                    net.address = %remote,
                    limit = self.for_one,
                    "an address has too many connections; further ones are closed",
                );
            }
            return None;
        }
        *count += 1;
        Some(Place { places, whose: Some(whose), permit: None })
    }

    /// Whether so few places are left that those who only wait have to make room.
    pub(super) fn are_scarce(&self) -> bool {
        self.free.available_permits() < usize::try_from(self.all / 4).unwrap_or(usize::MAX)
    }

    /// Waits until all places are free.
    pub(super) async fn all_free(&self) {
        // It is never closed.
        let _ = self.free.acquire_many(self.all).await;
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
        let Some(whose) = self.whose else { return };
        let mut held = self.places.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = held.counts.get_mut(&whose) {
            *count -= 1;
            if *count == 0 {
                held.counts.remove(&whose);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(all: u32, for_one: u32) -> Arc<Places> {
        let trusted_proxies = ["10.0.0.0/8".parse().unwrap()].into();
        Places::new(&WireSettings {
            max_connections: all,
            max_per_address: for_one,
            trusted_proxies,
            ..WireSettings::default()
        })
    }

    #[tokio::test]
    async fn an_address_gets_its_share_and_no_more() {
        let places = places(8, 2);
        let take = async |address: &str| places.take(address.parse().unwrap()).await;
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
            held.push(places.take("10.0.0.1".parse().unwrap()).await.unwrap());
        }
        assert!(places.are_scarce());
        assert!(places.held.lock().unwrap().counts.is_empty());
        held.clear();
        assert!(!places.are_scarce());
        places.all_free().await;
    }
}
