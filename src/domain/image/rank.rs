//! Choosing among the candidates, and saying so when that cannot be done.

use super::info::{
    Evidence, Found, ImageInfo, MentionWeight, PlatformMention, Relation, Source, VersionCandidate,
};
use super::shape::scan;
use super::strangers::goes_on;
use crate::domain::version::FirmwareVersion;

/// By how much the best candidate must outweigh the next one.
const MARGIN: i32 = 25;
/// What it is worth that the file's name says the same.
const NAMED_SO: i32 = 60;
/// What a version that nothing ties to a name must be worth to be taken when it is the only one.
const LONELY: i32 = 30;
/// A name found oftener than this says little by standing somewhere near.
const OFTEN: usize = 32;
const ONLY_ONE: &str = "it is the only text in the file that looks like a version of this firmware";
const UNTIED: &str = "it looks like a version, but nothing ties it to this firmware";

impl ImageInfo {
    /// The platform that the file is for. A name that only happens to stand in the file, or a word
    /// as common as `light`, is proposed, but not certain.
    #[must_use]
    pub fn platform(&self) -> Found<&PlatformMention> {
        let marked = self.markers.iter().any(|marker| marker.name.is_some());
        let Some(best) = self.platforms.first().map(|mention| mention.weight) else {
            return Found::Nothing;
        };
        if marked && best < MentionWeight::Marker {
            return Found::Nothing;
        }
        let decides = best >= MentionWeight::BesideVersion;
        let chosen: Vec<_> = self
            .platforms
            .iter()
            .filter(|mention| if decides { mention.weight == best } else { true })
            .collect();
        match chosen.as_slice() {
            [one] if best >= MentionWeight::Alone => Found::One(one),
            _ => Found::Several(chosen),
        }
    }

    /// The version of this file as firmware of a platform, with the name that the file had when it
    /// was chosen.
    #[must_use]
    pub fn version(
        &self,
        platform: Option<&str>,
        file_name: Option<&str>,
    ) -> Found<VersionCandidate> {
        let marked = self.marked_versions(platform);
        match marked.as_slice() {
            [] => {}
            [one] => return Found::One(one.clone()),
            _ => return Found::Several(marked),
        }
        let named = file_name.and_then(|name| self.in_file_name(name));
        let mut ranked = self.ranked(platform, named.as_ref());
        let agrees = |candidate: &VersionCandidate| {
            named.as_ref().is_some_and(|named| same(&named.text, &candidate.text))
        };
        let certain = self.is_certain(&ranked, agrees);
        if let Some(named) = &named
            && !ranked.iter().any(|found| agrees(&found.candidate))
        {
            return contradicted(ranked, named, certain);
        }
        if ranked.is_empty() {
            return Found::Nothing;
        }
        if certain {
            return Found::One(ranked.swap_remove(0).candidate);
        }
        Found::Several(ranked.into_iter().map(|found| found.candidate).collect())
    }

    /// The version that the name of a file says. Of several (`T-Beam-V1.1-2.3.2.bin`) the one
    /// that stands in the file too, or else the longest.
    fn in_file_name(&self, name: &str) -> Option<VersionCandidate> {
        let mut all = in_file_name(name);
        let own = self.versions.iter().filter(|v| v.source != Source::Library);
        let place = own.clone().find_map(|own| all.iter().position(|n| same(&n.text, &own.text)));
        let place = place.or_else(|| {
            let dots = |candidate: &VersionCandidate| candidate.text.matches('.').count();
            let sound = |at: &usize| all.get(*at).is_some_and(|text| text.evidence.marked);
            (0..all.len()).filter(sound).max_by_key(|at| all.get(*at).map(dots))
        });
        place.map(|place| all.swap_remove(place))
    }

    /// The different versions that markers name: those for this platform, if any are.
    fn marked_versions(&self, platform: Option<&str>) -> Vec<VersionCandidate> {
        let is_for = |name: Option<&String>| {
            platform.zip(name).is_some_and(|(wanted, name)| wanted.eq_ignore_ascii_case(name))
        };
        let mine = self.markers.iter().any(|marker| is_for(marker.name.as_ref()));
        let markers = self.markers.iter().filter(|m| !mine || is_for(m.name.as_ref()));
        let texts: Vec<_> = markers.filter_map(|marker| marker.version.as_ref()).collect();
        let all = self.versions.iter().filter(|v| v.source == Source::Marker);
        all.filter(|v| texts.iter().any(|text| same(text, &v.text))).cloned().collect()
    }

    /// All candidates with this platform in mind, best first.
    fn ranked(&self, platform: Option<&str>, named: Option<&VersionCandidate>) -> Vec<Ranked> {
        let place =
            |name: &str| self.platforms.iter().position(|p| p.name.eq_ignore_ascii_case(name));
        let wanted = platform.map_or(Wanted::Any, |name| Wanted::Only(place(name)));
        let candidates = self.versions.iter().filter(|v| v.source != Source::Library);
        let mut ranked: Vec<_> = candidates
            .map(|candidate| {
                let mut found = Ranked::new(candidate, &self.platforms, wanted);
                if named.is_some_and(|named| same(&named.text, &candidate.text)) {
                    found.total += NAMED_SO;
                }
                found
            })
            .collect();
        ranked.sort_by_key(|found| (found.candidate.source != Source::Descriptor, -found.total));
        if let [only] = ranked.as_mut_slice()
            && only.candidate.source == Source::Other
        {
            only.candidate.source = Source::Alone;
            ONLY_ONE.clone_into(&mut only.candidate.why);
        }
        ranked
    }

    /// Puts the candidates in order with all known platforms in mind, and keeps the best.
    pub(super) fn sort_versions(&mut self) {
        let mut all: Vec<_> =
            self.ranked(None, None).into_iter().map(|found| found.candidate).collect();
        let library = self.versions.iter().filter(|v| v.source == Source::Library);
        all.sort_by_key(|candidate| candidate.source > Source::Descriptor);
        all.extend(library.cloned());
        all.truncate(Self::VERSIONS_SHOWN);
        self.versions = all;
    }

    fn is_certain(&self, ranked: &[Ranked], agrees: impl Fn(&VersionCandidate) -> bool) -> bool {
        let Some(best) = ranked.first() else {
            return false;
        };
        let rest = ranked.get(1..).unwrap_or_default();
        let complete = !self.warnings.iter().any(|w| w.code == "too_many_versions");
        if best.candidate.source == Source::Descriptor {
            return !rest.iter().any(|other| other.relation == Some(Relation::Beside));
        }
        let margin = rest.first().map_or(i32::MAX, |next| best.total - next.total);
        let Evidence { marked, labelled, suspect, score, .. } = best.candidate.evidence;
        // `1.0` stands everywhere; only a name right before it makes it a version.
        let text = best.candidate.text.as_str();
        let meagre = !marked && !labelled && text.matches('.').count() < 2 && !text.contains('-');
        let lonely = marked && rest.is_empty() && score >= LONELY;
        let only_marked = !rest.iter().any(|other| other.candidate.evidence.marked);
        let reason = match best.relation {
            _ if suspect => false,
            Some(Relation::Beside) => true,
            Some(Relation::NextString | Relation::SameString) => !meagre,
            Some(Relation::Near) if best.worth >= MARGIN => marked || labelled,
            Some(Relation::Close) if best.worth >= MARGIN => labelled || (marked && only_marked),
            _ => lonely,
        };
        complete && (reason || agrees(&best.candidate)) && margin >= MARGIN
    }
}

/// The platforms whose names count: all known ones, or one, which may not stand in the file.
#[derive(Clone, Copy)]
enum Wanted {
    Any,
    Only(Option<usize>),
}

impl Wanted {
    fn includes(self, platform: usize) -> bool {
        match self {
            Self::Any => true,
            Self::Only(wanted) => wanted == Some(platform),
        }
    }
}

/// A candidate with one platform in mind.
struct Ranked {
    candidate: VersionCandidate,
    relation: Option<Relation>,
    /// What the relation is worth.
    worth: i32,
    total: i32,
}

impl Ranked {
    fn new(candidate: &VersionCandidate, platforms: &[PlatformMention], wanted: Wanted) -> Self {
        let near = candidate.evidence.near.iter();
        let near = near.filter(|near| wanted.includes(near.platform));
        let best = near.max_by_key(|near| near.relation);
        let mention = best.and_then(|near| platforms.get(near.platform));
        let relation = best.map(|near| near.relation);
        let worth = relation.map_or(0, |relation| worth_of(relation, mention));
        let repeated = if candidate.count > 1 { 5 } else { 0 };
        let mut candidate = candidate.clone();
        if candidate.source == Source::Other {
            if let (Some(relation), Some(mention)) =
                (relation.filter(|r| *r >= Relation::Close), mention)
            {
                candidate.source = Source::NearName;
                candidate.why = near_name(relation, &mention.name);
            } else {
                UNTIED.clone_into(&mut candidate.why);
            }
        }
        let total = candidate.evidence.score + worth + repeated;
        Self { candidate, relation, worth, total }
    }
}

fn worth_of(relation: Relation, mention: Option<&PlatformMention>) -> i32 {
    let common = mention.is_none_or(|mention| mention.common);
    let vague = common || mention.is_none_or(|mention| mention.count > OFTEN);
    match relation {
        Relation::Beside if common => 45,
        Relation::NextString | Relation::SameString if common => 30,
        Relation::Beside => 100,
        Relation::NextString => 60,
        Relation::SameString => 50,
        Relation::Near if vague => 15,
        Relation::Near => 40,
        Relation::Close if vague => 8,
        Relation::Close => 25,
        Relation::Around if vague => 3,
        Relation::Around => 12,
        Relation::Far => 3,
    }
}

fn near_name(relation: Relation, name: &str) -> String {
    match relation {
        Relation::Beside => format!("it stands beside “{name}”"),
        Relation::SameString => format!("it stands in the same text as “{name}”"),
        Relation::NextString => format!("it stands in the text next to “{name}”"),
        _ => format!("it stands near “{name}”"),
    }
}

fn contradicted(
    ranked: Vec<Ranked>,
    named: &VersionCandidate,
    certain: bool,
) -> Found<VersionCandidate> {
    let Some(first) = ranked.first().map(|found| found.candidate.source) else {
        return Found::One(named.clone());
    };
    let mut all: Vec<_> = ranked.into_iter().map(|found| found.candidate).collect();
    if certain && first == Source::Descriptor {
        return Found::One(all.swap_remove(0));
    }
    let place = all.iter().take_while(|c| c.source <= Source::NearName).count();
    all.insert(place, named.clone());
    Found::Several(all)
}

/// Whether two texts are the same version.
pub(super) fn same(one: &str, other: &str) -> bool {
    FirmwareVersion::read(one) == FirmwareVersion::read(other)
}

/// The versions that the name of a file says: `chase-v1.0.2.bin`, and `chase_1_0_2.bin` as this
/// server writes it.
pub(super) fn in_file_name(name: &str) -> Vec<VersionCandidate> {
    let (name, stem) = stem(name);
    let mut texts = Vec::new();
    scan(stem.as_bytes(), |shape| {
        let whole = !goes_on(stem.get(shape.range.end..).unwrap_or_default());
        // A bare `1.2` counts only if the file says the same.
        let sound = shape.parts > 2 || shape.lead.is_mark() || shape.suffix;
        let text = stem.get(shape.range).filter(|_| whole);
        texts.extend(text.map(|text| (text.to_owned(), sound)));
        true
    });
    if texts.is_empty() {
        texts.extend(underscored(stem).map(|text| (text, true)));
    }
    let candidate = |(text, marked)| VersionCandidate {
        why: format!("the file is called “{name}”"),
        context: name.to_owned(),
        text,
        offset: 0,
        source: Source::FileName,
        count: 1,
        evidence: Evidence { marked, ..Evidence::default() },
    };
    texts.into_iter().map(candidate).collect()
}

/// The name of a file without folders, and the same without its endings.
pub(super) fn stem(name: &str) -> (&str, &str) {
    let name = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let stem = name.strip_suffix(".gz").unwrap_or(name);
    (name, stem.strip_suffix(".bin").unwrap_or(stem))
}

/// `_1_0_2` with nothing but words around it.
fn underscored(stem: &str) -> Option<String> {
    let is_number = |part: &&str| {
        let part = part.strip_prefix(['v', 'V']).unwrap_or(part);
        (1..=4).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit())
    };
    let parts: Vec<&str> = stem.split('_').skip(1).skip_while(|part| !is_number(part)).collect();
    let numbers = parts.iter().take_while(|part| is_number(part)).count();
    (3..=4).contains(&numbers).then(|| parts.get(..numbers).unwrap_or_default().join("."))
}
