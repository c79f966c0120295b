//! The report card as lines and choices: what was read out of a file, for a person to judge.

use crate::app::ReportCard;
use crate::domain::image::{ImageInfo, Source, VersionCandidate};
use crate::http::view::filters;

/// How many characters of context are shown on each side.
const CONTEXT: usize = 36;

/// Something that is known of the file.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) tone: &'static str,
    pub(super) icon: &'static str,
    pub(super) text: String,
    pub(super) sub: String,
}

impl Line {
    fn good(text: String, sub: String) -> Self {
        Self { tone: "good", icon: "check", text, sub }
    }

    fn warn(text: String) -> Self {
        Self { tone: "warn", icon: "alert", text, sub: String::new() }
    }
}

/// What is settled, what was accepted, and what is odd; open questions are drawn beside it.
pub(super) fn lines(card: &ReportCard) -> Vec<Line> {
    let info = card.file.info();
    let chip = match info {
        Some(info) => format!("It is an application image for {}.", info.chip),
        None => format!("It is a {}.", card.file.image.label()),
    };
    let mut lines = vec![Line::good(chip, info.map(header).unwrap_or_default())];
    if let (Some(name), Some(_)) = (&card.platform, card.platform_id) {
        let mut mentions = info.into_iter().flat_map(|info| &info.platforms);
        let mention = mentions.find(|mention| mention.name == *name);
        let sub = mention.map(|mention| format!("found at byte {}", mention.offset));
        lines.push(Line::good(format!("Platform {name}."), sub.unwrap_or_default()));
    }
    if let Some(version) = &card.version {
        let found = card.file.versions(card.platform.as_deref());
        let found = found.iter().find(|found| found.text == version.to_string());
        let sub = found.map(|found| found.why.clone()).unwrap_or_default();
        lines.push(Line::good(format!("Version {version}."), sub));
        match &card.newest {
            Some(newest) if !is_asked(card, "version") => {
                lines.push(Line::good(format!("Higher than {newest}, the newest."), String::new()));
            }
            None if card.platform_id.is_some() => {
                let text = "The first release of this platform.".to_owned();
                lines.push(Line::good(text, String::new()));
            }
            Some(_) | None => {}
        }
    }
    if !is_asked(card, "identical") {
        let text = "Not the same as any release that is there.".to_owned();
        lines.push(Line::good(text, String::new()));
    }
    let accepted = card.accepted.iter();
    lines.extend(accepted.map(|question| Line::warn(format!("Accepted: {}", question.text()))));
    lines.extend(card.file.warnings.iter().map(|warning| Line::warn(warning.text.clone())));
    lines
}

/// Whether a question whose code begins so is open or was accepted.
fn is_asked(card: &ReportCard, code: &str) -> bool {
    card.questions.iter().chain(&card.accepted).any(|question| question.code().starts_with(code))
}

fn header(info: &ImageInfo) -> String {
    let flash = info.flash.as_ref();
    let parts = [
        flash.and_then(|flash| flash.mode).map(|mode| format!("flash mode {mode}")),
        flash
            .and_then(|flash| flash.size_bytes)
            .map(|size| format!("built for {} of flash", filters::limit(&size))),
        flash.and_then(|flash| flash.frequency_mhz).map(|mhz| format!("{mhz} MHz")),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Facts for the card of the file.
pub(super) fn facts(info: &ImageInfo) -> Vec<(&'static str, String)> {
    let mut facts = vec![("Chip", info.chip.to_string())];
    if let Some(descriptor) = &info.descriptor {
        let text = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let built = format!("{} {}", descriptor.date, descriptor.time);
        let own = !descriptor.prebuilt;
        let entries = [
            ("Project", text(&descriptor.project_name).filter(|_| own)),
            ("Project version", text(&descriptor.version).filter(|_| own)),
            ("Built", text(&built).filter(|_| own)),
            ("ESP-IDF", text(&descriptor.idf_ver)),
        ];
        facts.extend(entries.into_iter().filter_map(|(name, value)| Some((name, value?))));
    }
    facts
}

/// A platform that the file names.
#[derive(Debug)]
pub(super) struct PlatformChoice {
    pub(super) name: String,
    pub(super) why: String,
    pub(super) context: String,
    pub(super) count: usize,
    pub(super) chosen: bool,
}

impl PlatformChoice {
    /// All platforms that the file names, the weightiest first.
    pub(super) fn all(info: &ImageInfo, chosen: &str) -> Vec<Self> {
        let choices = info.platforms.iter().map(|mention| Self {
            why: match mention.count {
                1 => format!("found at byte {}", mention.offset),
                many => format!("found {many} times, best at byte {}", mention.offset),
            },
            context: mention.context.clone(),
            count: mention.count,
            chosen: mention.name == chosen,
            name: mention.name.clone(),
        });
        choices.collect()
    }
}

/// A text that may be the version.
#[derive(Debug)]
pub(super) struct VersionChoice {
    pub(super) text: String,
    pub(super) why: String,
    pub(super) before: String,
    pub(super) after: String,
    pub(super) offset: u64,
    pub(super) count: usize,
    pub(super) source: Source,
    pub(super) chosen: bool,
}

impl VersionChoice {
    /// All candidates: what the rules propose first, then the rest.
    pub(super) fn all(card: &ReportCard, chosen: &str) -> Vec<Self> {
        let all = card.file.versions(card.platform.as_deref());
        all.iter().map(|candidate| Self::new(candidate, chosen)).collect()
    }

    fn new(candidate: &VersionCandidate, chosen: &str) -> Self {
        let (before, after) = around(&candidate.context, &candidate.text);
        Self {
            chosen: candidate.text == chosen,
            text: candidate.text.clone(),
            why: candidate.why.clone(),
            offset: candidate.offset,
            count: candidate.count,
            source: candidate.source,
            before,
            after,
        }
    }

    pub(super) fn has_context(&self) -> bool {
        !self.before.is_empty() || !self.after.is_empty()
    }

    /// Where it stands in the file; empty where that is not in the file.
    pub(super) fn place(&self) -> String {
        if self.offset == 0 {
            return String::new();
        }
        let at = format!("at byte {}", filters::thousands(&self.offset));
        if self.count > 1 { format!("{at}, {} times in the file", self.count) } else { at }
    }
}

/// The text before and after a candidate, shortened.
fn around(context: &str, text: &str) -> (String, String) {
    let Some((before, after)) = context.split_once(text) else {
        return (String::new(), String::new());
    };
    let skipped = before.chars().count().saturating_sub(CONTEXT);
    let before: String = before.chars().skip(skipped).collect();
    (before, after.chars().take(CONTEXT).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_around_a_candidate_is_cut_on_both_sides() {
        let context = format!("{}dev=chase&ver=v1.0.1\0{}", "x".repeat(60), "y".repeat(60));
        let (before, after) = around(&context, "v1.0.1");
        assert!(before.ends_with("dev=chase&ver=") && before.chars().count() == CONTEXT);
        assert_eq!(after.chars().count(), CONTEXT);
        assert_eq!(around("nothing", "v1"), (String::new(), String::new()));
    }
}
