//! Choices between what a file says: platforms, versions, chips.

use crate::app::{Examined, ReportCard};
use crate::domain::chip::Chip;
use crate::domain::image::{ImageInfo, Source, VersionCandidate};
use crate::domain::release::Part;
use crate::http::view::filters;

/// How many characters of context are shown on each side.
const CONTEXT: usize = 36;

/// A chip that an image may be for.
#[derive(Debug)]
pub(in crate::http::web) struct ChipOption {
    pub(in crate::http::web) value: &'static str,
    pub(in crate::http::web) label: String,
    pub(in crate::http::web) chosen: bool,
}

/// The chips to choose from; none where the file proves its chip.
pub(in crate::http::web) fn chip_options(file: &Examined) -> Vec<ChipOption> {
    if file.chip_proven {
        return Vec::new();
    }
    let image = &file.image;
    let open = match image.part {
        Part::FileSystem => "Any chip".to_owned(),
        Part::Application => format!("Not known ({} is a guess)", image.chip),
    };
    let any = ChipOption { value: "any", label: open, chosen: !image.chip_certain };
    let chips = Chip::ALL.iter().map(|chip| ChipOption {
        value: chip.slug(),
        label: chip.to_string(),
        chosen: image.chip_certain && image.chip == *chip,
    });
    std::iter::once(any).chain(chips).collect()
}

/// A platform that the file names.
#[derive(Debug)]
pub(in crate::http::web) struct PlatformChoice {
    pub(in crate::http::web) name: String,
    pub(in crate::http::web) why: String,
    pub(in crate::http::web) context: String,
    pub(in crate::http::web) count: usize,
    pub(in crate::http::web) chosen: bool,
}

impl PlatformChoice {
    /// All platforms that the file names, the weightiest first.
    pub(in crate::http::web) fn all(info: &ImageInfo, chosen: &str) -> Vec<Self> {
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
pub(in crate::http::web) struct VersionChoice {
    pub(in crate::http::web) text: String,
    pub(in crate::http::web) why: String,
    pub(in crate::http::web) before: String,
    pub(in crate::http::web) after: String,
    pub(in crate::http::web) offset: u64,
    pub(in crate::http::web) count: usize,
    pub(in crate::http::web) source: Source,
    pub(in crate::http::web) chosen: bool,
}

impl VersionChoice {
    /// All candidates: what the rules propose first, then the rest.
    pub(in crate::http::web) fn all(card: &ReportCard, chosen: &str) -> Vec<Self> {
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

    pub(in crate::http::web) fn has_context(&self) -> bool {
        !self.before.is_empty() || !self.after.is_empty()
    }

    /// Where it stands in the file; empty where that is not in the file.
    pub(in crate::http::web) fn place(&self) -> String {
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
