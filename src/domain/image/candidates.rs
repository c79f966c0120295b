//! Collecting the version candidates of a file, duplicates merged.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Range;

use super::bytes::{context, is_text, offset};
use super::descriptor::LENGTH;
use super::family;
use super::info::{
    AppDescriptor, Evidence, Marker, Near, Relation, Severity, Source, VersionCandidate, Warning,
};
use super::layout::DESCRIPTOR_AT;
use super::names::NameInFile;
use super::shape::{Lead, Shape, first_in, scan};
use super::signs;
use super::surroundings::{Doubt, Label, Surroundings, Verdict, Worth, judge};
use crate::domain::version::FirmwareVersion;

/// So many texts are judged; a file with more of them is made of numbers.
const JUDGED: usize = 16_384;
/// So many different versions are kept while collecting.
const GROUPS: usize = 2_048;
/// How near a name must stand to a bare `1.2` for it to count.
const BARE_REACH: usize = 16;

/// Collects the candidates of a file.
pub(super) struct Collector<'a> {
    bytes: &'a [u8],
    names: &'a [NameInFile],
    groups: Vec<VersionCandidate>,
    by_key: HashMap<String, usize>,
    /// Versions that belong to others in this file, said elsewhere: why, and whether it is the
    /// SDK's own. A library's `2.0.0` may be the firmware's as well.
    owned: HashMap<String, (&'static str, bool)>,
}

impl<'a> Collector<'a> {
    /// Prepares for a file in which these names stand.
    pub(super) fn new(bytes: &'a [u8], names: &'a [NameInFile]) -> Self {
        let (groups, by_key, owned) = (Vec::new(), HashMap::new(), HashMap::new());
        Self { bytes, names, groups, by_key, owned }
    }

    /// Adds the versions that explicit markers name.
    pub(super) fn add_markers(&mut self, markers: &[Marker]) {
        for marker in markers {
            if let Some(version) = &marker.version {
                let at = usize::try_from(marker.offset).unwrap_or(0);
                let why = match &marker.name {
                    Some(name) => format!("the sketch marks itself as {name} {version}"),
                    None => format!("the sketch marks its version as {version}"),
                };
                self.add(version, at..at, Source::Marker, why, Evidence::default());
            }
        }
    }

    /// Adds what ESP-IDF's application description says, and notes ESP-IDF's own version.
    pub(super) fn add_descriptor(&mut self, descriptor: &AppDescriptor) {
        let at = |field: usize| DESCRIPTOR_AT + field..DESCRIPTOR_AT + field + 32;
        if let Some(version) = descriptor.own_version() {
            let why = format!("the project {:?} describes itself so", descriptor.project_name);
            let evidence = Evidence { marked: true, ..Evidence::default() };
            self.add(version, at(0x10), Source::Descriptor, why, evidence);
        } else {
            self.own(&descriptor.version, at(0x10), "the description of the prebuilt libraries");
        }
        self.own(&descriptor.idf_ver, at(0x70), "the version of ESP-IDF");
    }

    /// Notes that the first version in a text belongs to something else wherever it stands.
    fn own(&mut self, text: &str, at: Range<usize>, reason: &'static str) {
        if let Some(version) = first_in(text).and_then(|shape| text.get(shape.range)) {
            let version = version.to_owned();
            // ESP-IDF calls itself 5.3.2.250210 and v5.3.2 in the same file.
            let first = core(&version).splitn(4, '.').take(3).collect::<Vec<_>>().join(".");
            for key in [key(&version), key(core(&version)), key(&first)] {
                self.owned.entry(key).or_insert((reason, true));
            }
            self.add(&version, at, Source::Library, because(reason), Evidence::default());
        }
    }

    /// Adds what stands in the rest of the file; a warning if there is too much of it.
    pub(super) fn add_texts(&mut self, described: bool) -> Option<Warning> {
        let skipped = if described { DESCRIPTOR_AT..DESCRIPTOR_AT + LENGTH } else { 0..0 };
        let (bytes, mut judged) = (self.bytes, 0);
        scan(bytes, |shape| {
            if !skipped.contains(&shape.range.start) {
                judged += usize::from(self.add_text(&shape));
            }
            judged < JUDGED && self.groups.len() < GROUPS
        });
        let text = "The file holds so many texts that look like versions that not all were read.";
        let many = judged >= JUDGED || self.groups.len() >= GROUPS;
        many.then(|| Warning::new(Severity::Doubt, "too_many_versions", text.to_owned()))
    }

    fn add_text(&mut self, shape: &Shape) -> bool {
        let Some(text) = self.bytes.get(shape.range.clone()) else {
            return false;
        };
        let text = String::from_utf8_lossy(text).into_owned();
        let near = self.near(&shape.range);
        let relation = near.iter().map(|near| near.relation).max();
        let bare = shape.parts == 2 && shape.lead == Lead::Bare && !shape.suffix;
        let announced = !bare || self.is_announced(&shape.range);
        if !announced && !self.is_string(&shape.range) {
            return false;
        }
        let around = Surroundings::of(self.bytes, shape);
        if !announced
            && relation < Some(Relation::Near)
            && Label::of(&around.previous) != Label::Own
        {
            return true;
        }
        let range = shape.range.clone();
        match judge(&text, shape, &around, relation == Some(Relation::Beside)) {
            Verdict::Library(reason) => {
                if reason.contains("SDK") || reason.contains("library") {
                    self.owned.entry(key(&text)).or_insert((reason, false));
                }
                self.add(&text, range, Source::Library, because(reason), Evidence::default());
            }
            Verdict::Candidate(worth) => {
                let evidence = self.weigh(&range, worth, near);
                self.add(&text, range, Source::Other, String::new(), evidence);
            }
        }
        true
    }

    /// What speaks for a version when its neighbours are looked at too.
    fn weigh(&self, range: &Range<usize>, worth: Worth, mut near: Vec<Near>) -> Evidence {
        let Worth { score, marked, labelled, doubt } = worth;
        let beside = near.iter().any(|near| near.relation == Relation::Beside);
        let doubtful = !beside && signs::around(self.bytes, range, signs::FAR);
        let stranger = || {
            let sign = doubtful && signs::around(self.bytes, range, signs::CLOSE);
            sign || ((marked || !near.is_empty()) && family::around(self.bytes, range, self.names))
        };
        let suspect = match doubt {
            Doubt::Cut => true,
            Doubt::Foreign => !beside,
            Doubt::None => !beside && !labelled && stranger(),
        };
        if doubt == Doubt::Foreign && !beside {
            // Its own words say whose it is, not those of its neighbour.
            for near in &mut near {
                near.relation = near.relation.min(Relation::Near);
            }
        }
        let score = if doubtful { score - 25 } else { score };
        Evidence { score, marked, labelled, suspect, near }
    }

    /// Whether a range is a string of its own.
    fn is_string(&self, range: &Range<usize>) -> bool {
        let zero = |at: Option<usize>| at.and_then(|at| self.bytes.get(at)).is_none_or(|b| *b == 0);
        zero(range.start.checked_sub(1)) && zero(Some(range.end))
    }

    /// Whether a name or a word like `version` stands right before a bare `1.2`, or a name right
    /// behind it.
    fn is_announced(&self, range: &Range<usize>) -> bool {
        let low = range.start.saturating_sub(BARE_REACH);
        let before = self.bytes.get(low..range.start).unwrap_or_default();
        let cut = before.iter().rposition(u8::is_ascii_alphabetic).map_or(0, |at| at + 1);
        let head = before.get(..cut).unwrap_or_default();
        let letters = head.iter().rev().take_while(|b| b.is_ascii_alphabetic()).count();
        let word = head.get(head.len() - letters..).unwrap_or_default();
        let spaced = before.len() - cut <= 4;
        (spaced && super::shape::is_version_word(word))
            || self.names.iter().any(|name| {
                nearest(&name.places, range).any(|place| gap(place, range).len() <= BARE_REACH)
            })
    }

    /// How near each name stands to a version.
    fn near(&self, range: &Range<usize>) -> Vec<Near> {
        let all = self.names.iter().enumerate().filter_map(|(platform, name)| {
            let relations = nearest(&name.places, range);
            let relation =
                relations.filter_map(|place| relation(self.bytes, place, range)).max()?;
            Some(Near { platform, relation })
        });
        all.collect()
    }

    fn add(&mut self, text: &str, at: Range<usize>, source: Source, why: String, new: Evidence) {
        let evidence = new;
        let candidate = VersionCandidate {
            text: text.to_owned(),
            offset: offset(at.start),
            context: context(self.bytes, &at),
            source,
            why,
            count: 1,
            evidence,
        };
        match self.by_key.entry(key(text)) {
            Entry::Vacant(slot) => {
                slot.insert(self.groups.len());
                self.groups.push(candidate);
            }
            Entry::Occupied(slot) => {
                if let Some(group) = self.groups.get_mut(*slot.get()) {
                    merge(group, candidate);
                }
            }
        }
    }

    /// The candidates, in the order of the file; what libraries own is marked as theirs.
    pub(super) fn finish(mut self) -> Vec<VersionCandidate> {
        for candidate in &mut self.groups {
            if candidate.source != Source::Other {
                continue;
            }
            let keys = [key(&candidate.text), key(core(&candidate.text))];
            let owner = keys.iter().find_map(|key| self.owned.get(key));
            let Evidence { near, labelled, .. } = &candidate.evidence;
            let nearest = near.iter().map(|near| near.relation).max();
            let own = |sdk: bool| {
                nearest == Some(Relation::Beside)
                    || (!sdk && (*labelled || nearest >= Some(Relation::NextString)))
            };
            if let Some((reason, _)) = owner.filter(|(_, sdk)| !own(*sdk)) {
                candidate.source = Source::Library;
                candidate.why = because(reason);
            }
        }
        self.groups
    }
}

fn because(reason: &str) -> String {
    format!("recognised as {reason}")
}

fn key(text: &str) -> String {
    FirmwareVersion::read(text).key()
}

/// The numbers of a version without its suffix.
fn core(text: &str) -> &str {
    text.split(['-', '+', '~']).next().unwrap_or(text)
}

/// Merges two findings of the same version: the better one is shown.
fn merge(group: &mut VersionCandidate, mut new: VersionCandidate) {
    let better = (new.source, -new.evidence.score) < (group.source, -group.evidence.score);
    let marked = group.evidence.marked || new.evidence.marked;
    let labelled = group.evidence.labelled || new.evidence.labelled;
    let suspect = match (group.source, new.source) {
        (_, Source::Library) => group.evidence.suspect,
        (Source::Library, _) => new.evidence.suspect,
        _ => group.evidence.suspect && new.evidence.suspect,
    };
    let score = group.evidence.score.max(new.evidence.score);
    let mut near = std::mem::take(&mut group.evidence.near);
    for other in new.evidence.near.drain(..) {
        match near.iter_mut().find(|known| known.platform == other.platform) {
            Some(known) => known.relation = known.relation.max(other.relation),
            None => near.push(other),
        }
    }
    let count = group.count + 1;
    if better {
        *group = new;
    }
    group.count = count;
    group.evidence = Evidence { score, marked, labelled, suspect, near };
}

/// The places of a name just before and just behind a range.
fn nearest<'a>(
    places: &'a [Range<usize>],
    range: &Range<usize>,
) -> impl Iterator<Item = &'a Range<usize>> {
    let behind = places.partition_point(|place| place.start < range.end);
    let before = behind.checked_sub(1).and_then(|at| places.get(at));
    before.into_iter().chain(places.get(behind))
}

/// What lies between two ranges.
fn gap(one: &Range<usize>, other: &Range<usize>) -> Range<usize> {
    let (first, second) = if one.start <= other.start { (one, other) } else { (other, one) };
    first.end.min(second.start)..second.start
}

fn relation(bytes: &[u8], name: &Range<usize>, version: &Range<usize>) -> Option<Relation> {
    let gap = gap(name, version);
    let between = bytes.get(gap.clone()).unwrap_or_default();
    if gap.len() <= 64 {
        if between.iter().all(|b| is_text(*b)) {
            let beside = if name.start < version.start { is_glue(between) } else { gap.len() <= 2 };
            return Some(if beside { Relation::Beside } else { Relation::SameString });
        }
        if is_next_string(between) && are_outer_edges(bytes, name, version) {
            return Some(Relation::NextString);
        }
        return Some(Relation::Near);
    }
    Some(match gap.len() {
        0..=256 => Relation::Close,
        257..=1024 => Relation::Around,
        1025..=4096 => Relation::Far,
        _ => return None,
    })
}

/// Separators and words like `version` only.
fn is_glue(between: &[u8]) -> bool {
    between.len() <= 24
        && between
            .split(|b| !b.is_ascii_alphanumeric())
            .all(|word| word.is_empty() || super::shape::is_version_word(word))
}

/// The end of one string and the beginning of the next, with no more than glue in them.
fn is_next_string(between: &[u8]) -> bool {
    let head = between.iter().take_while(|b| is_text(**b)).count();
    let tail = between.iter().rev().take_while(|b| is_text(**b)).count();
    let zeros = between.get(head..between.len() - tail).unwrap_or_default();
    is_glue(between.get(..head).unwrap_or_default())
        && is_glue(between.get(between.len() - tail..).unwrap_or_default())
        && (1..=8).contains(&zeros.len())
        && zeros.iter().all(|b| *b == 0)
}

/// Whether a string begins with the first of two neighbours, or nearly, and one ends with the
/// second: texts that only mention a name say nothing of what stands beside them.
fn are_outer_edges(bytes: &[u8], one: &Range<usize>, other: &Range<usize>) -> bool {
    const NEARLY: usize = 12;
    let (start, end) = (one.start.min(other.start), one.end.max(other.end));
    let before = bytes.get(start.saturating_sub(NEARLY + 1)..start).unwrap_or_default();
    let after = bytes.get(end..).unwrap_or_default();
    let head = before.iter().rev().take_while(|b| is_text(**b)).count();
    let tail = after.iter().take(NEARLY + 1).take_while(|b| is_text(**b)).count();
    let slash = before.last().is_some_and(|b| *b == b'/') || after.first() == Some(&b'/');
    head <= NEARLY && tail <= NEARLY && !slash
}
