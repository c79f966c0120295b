//! Rollouts in words: where one stands, when it stops, and what can be done with it.

use super::filters::count;
use super::words::Badge;
use crate::domain::Timestamp;
use crate::domain::rollout::{Command, Member, Progress, Rollout, Size, Stage, StageState, State};

/// Devices that a sentence calls by their names.
pub const NAMED: usize = 2;

/// How a rollout stands, for its sentences.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    /// The rollout.
    pub rollout: &'a Rollout,
    /// What became of it.
    pub progress: &'a Progress,
    /// How many devices it is for.
    pub meant: u32,
    /// Names of the devices that have it, or are to have it first; those behind [`NAMED`] are only
    /// counted.
    pub names: &'a [String],
}

/// Its state as a badge.
#[must_use]
pub fn badge(rollout: &Rollout) -> Badge {
    let (tone, icon, word) = match rollout.state {
        State::Running if rollout.is_asking() => ("warn", "info", "asks you"),
        State::Scheduled => ("wait", "clock", "scheduled"),
        State::Running => ("wait", "steps", "running"),
        State::Paused => ("warn", "clock", "paused"),
        State::Halted => ("bad", "stop", "halted"),
        State::Finished => ("good", "check", "finished"),
        State::Ended => ("", "x", "ended"),
    };
    Badge { tone, icon, word }
}

/// How a device of it stands, as a badge.
#[must_use]
pub const fn member(member: &Member) -> Badge {
    let (tone, icon, word) = match member {
        Member::Failed => ("bad", "x", "failed"),
        Member::Forgiven => ("warn", "x", "failed, and looked at"),
        Member::Exposed => ("wait", "download", "on the way"),
        Member::Broken => ("warn", "alert", "transfer broke"),
        Member::Confirmed => ("good", "check", "confirmed"),
        Member::Strayed => ("bad", "arrow", "came back with something else"),
        Member::Left => ("", "arrow", "runs something else"),
    };
    Badge { tone, icon, word }
}

/// Who gets the release that it stands before; empty: whoever asks.
#[must_use]
pub fn limit(rollout: &Rollout) -> &'static str {
    match rollout.state {
        State::Running if is_last(rollout) => "",
        State::Running => "for those in its rollout so far",
        State::Scheduled => "its rollout has not begun: nobody gets it yet",
        State::Paused => "its rollout is paused: nobody new gets it",
        State::Halted => "its rollout was halted: nobody new gets it",
        State::Ended => "its rollout was ended: nobody new gets it",
        State::Finished => "",
    }
}

/// Whether it is at its last stage.
fn is_last(rollout: &Rollout) -> bool {
    rollout.current().is_some_and(|index| index + 1 == rollout.stages.len())
}

impl Standing<'_> {
    /// Where it stands, in one sentence or two; `clock` writes a time of the day.
    #[must_use]
    pub fn sentence(&self, clock: impl Fn(Timestamp) -> String) -> String {
        let Self { rollout, meant, .. } = *self;
        let confirmed = self.progress.confirmed;
        match rollout.state {
            State::Scheduled => match rollout.starts_at {
                Some(at) => format!("Nobody gets it yet: it begins {}.", clock(at)),
                None => "It begins in a moment.".to_owned(),
            },
            State::Running => self.running(clock),
            State::Paused => format!(
                "Paused: nobody else gets it until it goes on. {confirmed} of {meant} confirmed."
            ),
            State::Finished => format!(
                "Every stage is through: {confirmed} of {meant} confirmed. Whoever asks gets it."
            ),
            State::Ended if rollout.reason.is_empty() => {
                "It was ended: nobody gets it by this rollout any more.".to_owned()
            }
            State::Halted | State::Ended => rollout.reason.clone(),
        }
    }

    fn running(&self, clock: impl Fn(Timestamp) -> String) -> String {
        let Self { rollout, progress, meant, .. } = *self;
        let index = rollout.current().unwrap_or_default();
        let Some(stage) = rollout.stages.get(index) else { return String::new() };
        let (confirmed, names, then) = (progress.confirmed, self.named(), self.then(index));
        let state = format!("{confirmed} of {meant}{names} confirmed");
        let done = progress.members == confirmed && confirmed > 0;
        match stage.state {
            StageState::Soaking => {
                let until = clock(stage.soaking_at.unwrap_or_default() + stage.soak);
                format!("{state}, watching until {until}, then {then}.")
            }
            StageState::Asking if confirmed == 0 => format!(
                "Nobody has come back with it so far. It waits for your word before {then}."
            ),
            StageState::Asking => format!("{state}. It waits for your word before {then}."),
            _ if is_last(rollout) && confirmed >= meant => format!("{state}."),
            _ if is_last(rollout) => format!("{state}; the others get it when they ask."),
            _ if progress.members == 0 => {
                let first = if names.is_empty() { String::new() } else { format!("{names} gets") };
                let first = first.trim_start_matches([' ', '(']).replace(") gets", "");
                if first.is_empty() {
                    format!("Nobody has taken it yet: first {}, then {then}.", first_of(stage))
                } else {
                    format!("It waits for {first} to ask, then {then}.")
                }
            }
            // Of a canary one wants to see that it lives on.
            _ if done && stage.size == Size::Canaries => {
                let whom = if confirmed == 1 { "it" } else { "them" };
                format!("{state}, waiting to see {whom} a second time, then {then}.")
            }
            _ if done => format!("{state}, then {then}."),
            _ => {
                let rest = progress.exposed;
                let way = count(&rest.into(), "device is on the way", "devices are on the way");
                format!("{state}; {way}. Then {then}.")
            }
        }
    }

    /// " (Greenhouse, Attic and 3 more)".
    fn named(&self) -> String {
        match self.names {
            [] => String::new(),
            [one] => format!(" ({one})"),
            [one, two] => format!(" ({one} and {two})"),
            [one, two, rest @ ..] => format!(" ({one}, {two} and {} more)", rest.len()),
        }
    }

    /// Who comes after a stage.
    fn then(&self, index: usize) -> String {
        let rollout = self.rollout;
        // Those that come first are not among the others, though nobody has asked so far.
        let first = match rollout.stages.get(index).map(|stage| stage.size) {
            Some(Size::Canaries) => u32::try_from(rollout.canaries.len()).unwrap_or(u32::MAX),
            Some(Size::Count(count)) => count,
            _ => 0,
        };
        let rest = self.meant.saturating_sub(self.progress.members.max(first));
        match rollout.stages.get(index + 1) {
            None => "it is through".to_owned(),
            Some(next) if next.size != Size::Everyone => {
                format!("{} in stage {} of {}", size(next.size), index + 2, rollout.stages.len())
            }
            Some(_) if rest == 1 => "the last one".to_owned(),
            Some(_) if rest == 0 => "it is through".to_owned(),
            Some(_) => format!("the other {rest}"),
        }
    }

    /// What canaries that came back with it, the names, are waited for, and until when; empty where
    /// it is nothing.
    #[must_use]
    pub fn again(&self, clock: impl Fn(Timestamp) -> String) -> String {
        let names = match self.names {
            [] => return String::new(),
            [one] => one.clone(),
            [one, two] => format!("{one} and {two}"),
            [one, two, rest @ ..] => format!("{one}, {two} and {} more", rest.len()),
        };
        let index = self.rollout.current().unwrap_or_default();
        let Some(stage) = self.rollout.stages.get(index) else { return String::new() };
        let one = self.names.len() == 1;
        let (they, them, are) = if one { ("it", "it", "is") } else { ("they", "them", "are") };
        let asks = if one { "asks" } else { "ask" };
        let then = match count(&u64::try_from(stage.soak / 60).unwrap_or_default(), "min", "min") {
            _ if stage.soak <= 0 => "then it goes on".to_owned(),
            minutes => format!("then {they} {are} watched for {minutes}"),
        };
        let until = stage.opened_at.map(|opened| clock(opened + stage.deadline));
        let until = until.map_or_else(String::new, |until| {
            format!(" If nothing is heard of {them}, you are asked at {until} at the latest.")
        });
        format!(
            "Waiting to see {names} a second time: {they} came back with it and must ask once \
             more, {then}. If {they} {asks} only at start, restart {them} or press Go on now.{until}"
        )
    }

    /// When the stage of the moment halts, and how far it is.
    #[must_use]
    pub fn stop_rule(&self) -> String {
        let index = self.rollout.current().unwrap_or_default();
        let Some(stage) = self.rollout.stages.get(index) else { return String::new() };
        let allowed = u64::from(stage.allowance(self.progress));
        let failures = self.progress.failed;
        let at = count(&allowed, "failure", "failures");
        let far = if failures == 0 { "none".to_owned() } else { failures.to_string() };
        let since = match self.progress.forgiven {
            0 => "so far".to_owned(),
            before => format!("since it was resumed ({before} before)"),
        };
        format!("It halts by itself at {at}; {far} {since}.")
    }
}

fn first_of(stage: &Stage) -> String {
    match stage.size {
        Size::Canaries => "the canaries".to_owned(),
        other => size(other),
    }
}

/// The size of a stage as a person reads it.
#[must_use]
pub fn size(size: Size) -> String {
    match size {
        Size::Canaries => "the canaries".to_owned(),
        Size::Count(1) => "1 device".to_owned(),
        Size::Count(n) => format!("{n} devices"),
        Size::Percent(n) => format!("{n} % of the devices"),
        Size::Everyone => "everyone".to_owned(),
    }
}

/// What a person can tell a rollout as it stands, in the order of the buttons.
#[must_use]
pub fn commands(rollout: &Rollout) -> &'static [Command] {
    use Command::{Advance, End, Everyone, Pause, Resume};
    match rollout.state {
        State::Running if is_last(rollout) => &[Pause, End],
        State::Scheduled | State::Running => &[Advance, Pause, Everyone, End],
        State::Paused => &[Resume, Everyone, End],
        State::Halted => &[Resume, End],
        State::Finished | State::Ended => &[],
    }
}

/// What the button of a command says.
#[must_use]
pub const fn label(command: Command, state: State) -> &'static str {
    match (command, state) {
        (Command::Pause, _) => "Pause",
        (Command::Resume, State::Halted) => "Go on all the same",
        (Command::Resume, _) => "Resume",
        (Command::Advance, State::Scheduled) => "Begin now",
        (Command::Advance, _) => "Go on now",
        (Command::Everyone, _) => "Give it to everyone now",
        (Command::End, _) => "End it",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::rollout::{Plan, Step};

    const CANARIES: &str = "canaries, 10%";

    fn begun(stages: &str) -> Rollout {
        let stages = Plan::read_stages(stages).unwrap();
        let plan = Plan { canaries: vec![1], stages, ..Plan::default() };
        let mut rollout = plan.begin(1, "anna", 0);
        rollout.take(&Step::Start, 0);
        rollout
    }

    fn told(rollout: &Rollout, [members, exposed, confirmed]: [u32; 3], names: &[&str]) -> String {
        let progress = Progress { members, exposed, confirmed, ..Progress::default() };
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let names = names.as_slice();
        let standing = Standing { rollout, progress: &progress, meant: 6, names };
        standing.sentence(|at| format!("{at} s"))
    }

    #[test]
    fn it_says_who_has_it_and_who_comes_next() {
        let mut rollout = begun("canaries");
        let greenhouse = &["Greenhouse"];
        let said = told(&rollout, [0, 0, 0], greenhouse);
        assert_eq!(said, "It waits for Greenhouse to ask, then the other 5.");
        let said = told(&rollout, [1, 1, 0], greenhouse);
        assert_eq!(
            said,
            "0 of 6 (Greenhouse) confirmed; 1 device is on the way. Then the other 5."
        );
        let said = told(&rollout, [1, 0, 1], greenhouse);
        let expected = "1 of 6 (Greenhouse) confirmed, waiting to see it a second time, then the \
                        other 5.";
        assert_eq!(said, expected);
        rollout.take(&Step::Soak, 60);
        let said = told(&rollout, [1, 0, 1], greenhouse);
        assert_eq!(said, "1 of 6 (Greenhouse) confirmed, watching until 1860 s, then the other 5.");
        rollout.take(&Step::Ask, 2000);
        let said = told(&rollout, [1, 0, 1], greenhouse);
        assert_eq!(
            said,
            "1 of 6 (Greenhouse) confirmed. It waits for your word before the other 5."
        );
        rollout.take(&Step::Open, 2000);
        let said = told(&rollout, [3, 0, 2], &["A", "B", "C"]);
        assert_eq!(said, "2 of 6 (A, B and 1 more) confirmed; the others get it when they ask.");
    }

    #[test]
    fn it_names_a_stage_that_is_not_the_last() {
        let mut rollout = begun(CANARIES);
        rollout.take(&Step::Soak, 0);
        let said = told(&rollout, [1, 0, 1], &[]);
        let expected =
            "1 of 6 confirmed, watching until 1800 s, then 10 % of the devices in stage 2 of 3.";
        assert_eq!(said, expected);
    }

    #[test]
    fn the_stop_rule_says_how_far_it_is() {
        let rollout = begun("10%");
        for (failed, words) in [(0, "none so far"), (1, "1 so far")] {
            let progress = Progress { members: 3, failed, ..Progress::default() };
            let standing =
                Standing { rollout: &rollout, progress: &progress, meant: 6, names: &[] };
            assert_eq!(standing.stop_rule(), format!("It halts by itself at 2 failures; {words}."));
        }
        for (failed, far) in [(0, "none"), (1, "1")] {
            let progress = Progress { members: 5, failed, forgiven: 2, ..Progress::default() };
            let standing =
                Standing { rollout: &rollout, progress: &progress, meant: 6, names: &[] };
            let words = format!("{far} since it was resumed (2 before).");
            assert!(standing.stop_rule().ends_with(&words), "{}", standing.stop_rule());
        }
    }

    #[test]
    fn a_canary_that_came_back_must_ask_once_more() {
        let rollout = begun("canaries");
        let progress = Progress::default();
        let again = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let (rollout, progress) = (&rollout, &progress);
            Standing { rollout, progress, meant: 6, names: &names }.again(|at| format!("{at} s"))
        };
        assert_eq!(again(&[]), "");
        let one = "Waiting to see kitchen a second time: it came back with it and must ask once \
                   more, then it is watched for 30 min. If it asks only at start, restart it or \
                   press Go on now. If nothing is heard of it, you are asked at 604800 s at the latest.";
        assert_eq!(again(&["kitchen"]), one);
        let two = again(&["a", "b"]);
        assert!(two.starts_with("Waiting to see a and b a second time: they came back"), "{two}");
        assert!(two.contains("If they ask only at start, restart them"), "{two}");
    }

    #[test]
    fn every_button_is_understood() {
        let running = begun(CANARIES);
        let mut last = begun(CANARIES);
        last.obey(Command::Everyone, 0).unwrap();
        let with = |state| Rollout { state, ..begun(CANARIES) };
        let all = State::ALL.map(with);
        for rollout in all.iter().chain([&running, &last]) {
            for command in commands(rollout) {
                let told = rollout.clone().obey(*command, 1);
                assert!(told.is_ok(), "{command:?} {:?}", rollout.state);
            }
        }
        assert!(!commands(&last).contains(&Command::Everyone));
    }
}
