//! Finding the names of known platforms in a file, all in one pass.

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use std::ops::Range;

use super::bytes::is_edge;

/// How many places of one name are remembered; a name found oftener says little anyway.
const PLACES: usize = 1024;
/// Up to so many names the automaton is built for speed rather than for small memory.
const FAST: usize = 200;

/// The names of the platforms that exist, ready to be searched for: as literals, without case,
/// between word edges. Built once and used for many files.
#[derive(Debug, Clone, Default)]
pub struct KnownNames {
    names: Vec<String>,
    automaton: Option<AhoCorasick>,
}

/// A known name with the places where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NameInFile {
    pub name: String,
    /// In the order of the file.
    pub places: Vec<Range<usize>>,
    pub count: usize,
}

impl KnownNames {
    /// Prepares the search; empty names are left out.
    #[must_use]
    pub fn new<I>(names: I) -> Self
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        let given = names.into_iter().map(|name| name.as_ref().to_owned());
        let names: Vec<String> = given.filter(|name| !name.is_empty()).collect();
        let kind = (names.len() <= FAST).then_some(AhoCorasickKind::DFA);
        // Overlapping matches are wanted: `a-b` may fail at its edge where `a` does not.
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .kind(kind)
            .build(&names)
            .ok()
            .filter(|_| !names.is_empty());
        Self { names, automaton }
    }

    /// All names that stand in the file. Where names overlap, the longest counts.
    pub(super) fn find(&self, bytes: &[u8]) -> Vec<NameInFile> {
        let Some(automaton) = &self.automaton else {
            return Vec::new();
        };
        let mut found: Vec<(usize, Range<usize>)> = Vec::new();
        let mut counts = vec![0_usize; self.names.len()];
        for hit in automaton.find_overlapping_iter(bytes) {
            let (range, name) = (hit.range(), hit.pattern().as_usize());
            if !stands_alone(bytes, &range) {
                continue;
            }
            if let Some(count) = counts.get_mut(name) {
                *count += 1;
                if *count <= PLACES {
                    found.push((name, range));
                }
            }
        }
        drop_inner(&mut found);
        self.by_name(&found, &counts)
    }

    fn by_name(&self, found: &[(usize, Range<usize>)], counts: &[usize]) -> Vec<NameInFile> {
        let mut by_name: Vec<Vec<Range<usize>>> = vec![Vec::new(); self.names.len()];
        for (name, range) in found {
            if let Some(places) = by_name.get_mut(*name) {
                places.push(range.clone());
            }
        }
        let places = self.names.iter().zip(counts).zip(by_name);
        let all = places.map(|((name, count), places)| NameInFile {
            name: name.clone(),
            count: if places.len() < PLACES { places.len() } else { *count },
            places,
        });
        all.filter(|name| !name.places.is_empty()).collect()
    }
}

fn stands_alone(bytes: &[u8], range: &Range<usize>) -> bool {
    let before = range.start.checked_sub(1).and_then(|at| bytes.get(at));
    let after = bytes.get(range.end);
    before.is_none_or(|b| is_edge(*b)) && after.is_none_or(|b| is_edge(*b))
}

/// Removes hits that lie inside a longer one. Hits come ordered by their ends; one that holds
/// another begins no later and ends no earlier.
fn drop_inner(found: &mut Vec<(usize, Range<usize>)>) {
    found.sort_by(|(_, a), (_, b)| a.start.cmp(&b.start).then(b.end.cmp(&a.end)));
    let mut reached = 0;
    found.retain(|(_, range)| {
        let outer = range.end > reached;
        reached = reached.max(range.end);
        outer
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(names: &[&str], text: &str) -> Vec<(String, usize)> {
        let known = KnownNames::new(names);
        known.find(text.as_bytes()).into_iter().map(|hit| (hit.name, hit.count)).collect()
    }

    #[test]
    fn names_are_literals_between_word_edges() {
        for (names, text, expected) in [
            (&["light"][..], "lightning", &[][..]),
            (&["light"], "the_light.", &[("light", 1)]),
            (&["light"], "LIGHT light Light", &[("light", 3)]),
            (&["a+b"], "aab ab aaab", &[]),
            (&["a+b"], "x a+b", &[("a+b", 1)]),
            (&["a.c"], "abc", &[]),
            (&["wled"], "Knowledge", &[]),
            (&["wled"], "wled-1", &[("wled", 1)]),
            (&["chase", "Chase-2"], "chase-2", &[("Chase-2", 1)]),
            (&["chase", "chase-2"], "chase-22", &[("chase", 1)]),
            (&["chase", "chase-2"], "chase-2 chase", &[("chase", 1), ("chase-2", 1)]),
            (&["one", "two"], "two one", &[("one", 1), ("two", 1)]),
            (&["", "x"], "", &[]),
            (&[], "anything", &[]),
        ] {
            let expected: Vec<_> = expected.iter().map(|(n, c)| ((*n).to_owned(), *c)).collect();
            assert_eq!(found(names, text), expected, "{names:?} in {text}");
        }
    }

    #[test]
    fn a_name_found_very_often_is_counted_and_not_stored() {
        let text = "test ".repeat(5000);
        let hits = KnownNames::new(["test"]).find(text.as_bytes());
        assert_eq!((hits[0].count, hits[0].places.len()), (5000, PLACES));
    }
}
