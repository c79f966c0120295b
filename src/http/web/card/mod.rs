//! The report card as a person reads it: a verdict, groups of lines, facts and choices.

mod checks;
mod choices;
mod facts;
mod fleet;
mod publication;
mod what;

use crate::app::ReportCard;
use crate::domain::image::{Severity, Verdict};
use crate::domain::release::Question;
use crate::http::view::filters;

pub(super) use choices::{ChipOption, PlatformChoice, VersionChoice, chip_options};
pub(super) use facts::{Fact, Piece, facts, pieces};

/// Something that is known of the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) tone: &'static str,
    pub(super) icon: &'static str,
    pub(super) text: String,
    pub(super) sub: String,
}

impl Line {
    fn good(text: impl Into<String>) -> Self {
        Self { tone: "good", icon: "check", text: text.into(), sub: String::new() }
    }

    fn warn(text: impl Into<String>) -> Self {
        Self { tone: "warn", icon: "alert", text: text.into(), sub: String::new() }
    }

    fn bad(text: impl Into<String>) -> Self {
        Self { tone: "bad", icon: "x", text: text.into(), sub: String::new() }
    }

    /// Good to know, neither for nor against it.
    fn info(text: impl Into<String>) -> Self {
        Self { tone: "note", icon: "info", text: text.into(), sub: String::new() }
    }

    fn sub(self, sub: impl Into<String>) -> Self {
        Self { sub: sub.into(), ..self }
    }
}

/// Lines that belong together.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) title: &'static str,
    pub(super) lines: Vec<Line>,
}

/// All that is known, in groups; open questions are drawn beside it.
pub(super) fn groups(card: &ReportCard) -> Vec<Group> {
    let noted = card.file.warnings.iter().filter(|warning| warning.severity == Severity::Note);
    let mut whole = checks::lines(card);
    whole.extend(noted.map(|warning| Line::info(&warning.text)));
    let mut groups = vec![
        Group { title: "What it is", lines: what::lines(card) },
        Group { title: "Is it whole?", lines: whole },
    ];
    if card.verdict() != Verdict::Unfit {
        groups.push(Group { title: "As a release", lines: publication::lines(card) });
        groups.push(Group { title: "For your devices", lines: fleet::lines(card) });
    }
    groups.into_iter().filter(|group| !group.lines.is_empty()).collect()
}

/// The verdict on a file.
#[derive(Debug)]
pub(super) struct Banner {
    pub(super) tone: &'static str,
    pub(super) icon: &'static str,
    pub(super) title: String,
    pub(super) text: &'static str,
}

impl Banner {
    /// What can become of the file, and what to do.
    pub(super) fn of(card: &ReportCard) -> Self {
        match card.verdict() {
            Verdict::Sound => Self {
                tone: "good",
                icon: "check",
                title: "Nothing speaks against it".to_owned(),
                text: "Publish it, and devices get it at their next check-in.",
            },
            Verdict::Doubtful => {
                let open = card.questions.len() as u64;
                let ticks = card.questions.iter().all(Question::can_be_accepted);
                Self {
                    tone: "warn",
                    icon: "alert",
                    title: filters::count(&open, "open question", "open questions"),
                    text: if ticks {
                        "Tick what you accept, then publish it. Nothing is offered to a device \
                         before that."
                    } else {
                        "Answer what is open, then publish it. Nothing is offered to a device \
                         before that."
                    },
                }
            }
            Verdict::Unfit => Self {
                tone: "bad",
                icon: "ban",
                title: "It cannot be published".to_owned(),
                text: "No device could start it. Build or fetch the file again and upload the \
                       new one; throw this one away.",
            },
        }
    }
}
