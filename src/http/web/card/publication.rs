//! What a file would be published as, and what contradicts that.

use super::Line;
use crate::app::ReportCard;

pub(super) fn lines(card: &ReportCard) -> Vec<Line> {
    let info = card.file.info();
    let mut lines = Vec::new();
    if let (Some(name), Some(_)) = (&card.platform, card.platform_id) {
        let mut mentions = info.into_iter().flat_map(|info| &info.platforms);
        let mention = mentions.find(|mention| mention.name == *name);
        let sub = mention.map(|mention| format!("found at byte {}", mention.offset));
        lines.push(Line::good(format!("Platform {name}.")).sub(sub.unwrap_or_default()));
    }
    if let Some(version) = &card.version {
        let found = card.file.versions(card.platform.as_deref());
        let found = found.iter().find(|found| found.text == version.to_string());
        let sub = found.map(|found| found.why.clone()).unwrap_or_default();
        lines.push(Line::good(format!("Version {version}.")).sub(sub));
        lines.extend(order(card));
    }
    if !is_asked(card, "identical") {
        lines.push(Line::good("Not the same as any release that is there."));
    }
    lines.extend(card.contradictions().iter().map(|found| Line::warn(found.text())));
    lines
}

/// How the version stands to those that are published.
fn order(card: &ReportCard) -> Option<Line> {
    match &card.newest {
        Some(newest) if card.version.as_ref().is_some_and(|own| own.to_string() == *newest) => {
            let label = card.file.image.label();
            (!is_asked(card, "version"))
                .then(|| Line::good(format!("It adds an image for {label} to {newest}.")))
        }
        Some(newest) if !is_asked(card, "version") => {
            Some(Line::good(format!("Higher than {newest}, the newest.")))
        }
        None if card.platform_id.is_some() => {
            Some(Line::good("The first release of this platform."))
        }
        Some(_) | None => None,
    }
}

/// Whether a question whose code begins so is open or was accepted.
fn is_asked(card: &ReportCard, code: &str) -> bool {
    card.questions.iter().chain(&card.accepted).any(|question| question.code().starts_with(code))
}
