//! Requests that nobody can be named for: logged once an hour per address, not once a request.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Mutex, PoisonError};

use super::App;
use crate::domain::Timestamp;
use crate::domain::event::{Event, Kind};

/// Addresses that are remembered at most.
const LIMIT: usize = 256;
/// Seconds for which the same finding about the same address is not repeated.
const QUIET: i64 = 3600;

/// Who asked without saying who it is, and when that was logged.
#[derive(Debug, Default)]
pub(super) struct UnknownCallers(Mutex<HashMap<(IpAddr, &'static str), Timestamp>>);

impl UnknownCallers {
    /// Whether this finding is worth a line now.
    fn is_news(&self, address: IpAddr, code: &'static str, now: Timestamp) -> bool {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.get(&(address, code)).is_some_and(|at| now - at < QUIET) {
            return false;
        }
        if seen.len() >= LIMIT {
            seen.retain(|_, at| now - *at < QUIET);
            if seen.len() >= LIMIT {
                return false;
            }
        }
        seen.insert((address, code), now);
        true
    }
}

/// How many events of one sort are written in an hour; the rest would only fill the disk.
#[derive(Debug)]
pub(super) struct EventBudget {
    hourly: u32,
    /// The hour, and how many events of it were written.
    used: Mutex<(i64, u32)>,
}

impl EventBudget {
    pub(super) const fn new(hourly: u32) -> Self {
        Self { hourly, used: Mutex::new((0, 0)) }
    }

    /// Whether one more event may be written now. The last one says that more are left out.
    pub(super) fn allows(&self, now: Timestamp) -> bool {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let hour = now.div_euclid(3600);
        if used.0 != hour {
            *used = (hour, 0);
        }
        used.1 = used.1.saturating_add(1);
        if used.1 == self.hourly {
            tracing::warn!(
                limit = self.hourly,
                "further events of this sort are left out this hour"
            );
        }
        used.1 <= self.hourly
    }
}

/// How many devices of one address may be recorded as pending in an hour, whatever the settings.
const FEW: u32 = 100;
/// Addresses whose newcomers are counted apart; those of further ones are counted together.
const ADDRESSES: usize = 4096;

/// An address that brought more new devices in this hour than are recorded of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crowd {
    /// The address.
    pub address: IpAddr,
    /// How many of its devices are recorded in an hour at most.
    pub recorded: u32,
    /// How many requests of further ones were refused in this hour.
    pub refused: u32,
}

/// How many new devices each address has brought in this hour: MAC addresses can be made up, and
/// whoever does must not drive all others out of the inbox.
#[derive(Debug, Default)]
pub(super) struct Newcomers(Mutex<(i64, HashMap<IpAddr, u32>)>);

impl Newcomers {
    /// Whether one more device may be recorded for this address: half of the places that there
    /// are for those who wait.
    pub(super) fn allows(&self, address: IpAddr, places: u32, now: Timestamp) -> bool {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (hour, counts) = &mut *counted;
        if *hour != now.div_euclid(3600) {
            *hour = now.div_euclid(3600);
            counts.clear();
        }
        let known = counts.len() < ADDRESSES || counts.contains_key(&address);
        let address = if known { address } else { IpAddr::V4(Ipv4Addr::UNSPECIFIED) };
        let count = counts.entry(address).or_default();
        *count = count.saturating_add(1);
        *count <= Self::recorded(places)
    }

    /// How many devices of one address are recorded in an hour.
    fn recorded(places: u32) -> u32 {
        FEW.max(places / 2)
    }

    /// The addresses that brought more, the worst first.
    fn crowds(&self, places: u32, now: Timestamp) -> Vec<Crowd> {
        let counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let recorded = Self::recorded(places);
        if counted.0 != now.div_euclid(3600) {
            return Vec::new();
        }
        let over = counted.1.iter().filter(|(_, count)| **count > recorded);
        let crowd = |(address, count): (&IpAddr, &u32)| Crowd {
            address: *address,
            recorded,
            refused: count - recorded,
        };
        let mut crowds: Vec<_> = over.map(crowd).collect();
        crowds.sort_unstable_by_key(|crowd| (std::cmp::Reverse(crowd.refused), crowd.address));
        crowds
    }
}

impl App {
    /// The addresses that brought more new devices in this hour than are recorded of one.
    #[must_use]
    pub fn crowds(&self) -> Vec<Crowd> {
        self.0.newcomers.crowds(self.settings().pending_limit, self.now())
    }

    /// A device request that cannot be attributed: no readable MAC address, or not an updater.
    pub fn refuse_unknown(&self, address: IpAddr, code: &'static str, text: &str) {
        let now = self.now();
        if self.0.unknown.is_news(address, code, now) {
            let text = format!("{address}: {text}");
            self.record_later(Event::new(now, Kind::Refused, text).by(address.to_string()));
        }
    }
}
