//! Maps for what every check-in looks up.

use std::collections::{HashMap, HashSet};

/// Hashes a MAC address or a number in a few instructions, where the standard library's takes a
/// hundred. Seeded at random with every map; what devices can add to one is bounded.
pub(super) type Seeded = foldhash::fast::RandomState;

/// A map that is looked up for every check-in.
pub(super) type Map<K, V> = HashMap<K, V, Seeded>;

/// A set that is looked up for every check-in.
pub(super) type Set<K> = HashSet<K, Seeded>;
