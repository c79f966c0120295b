//! An attempt as four steps: offered → sending → delivered → confirmed, or where it went wrong.

use super::words;
use crate::domain::device::AttemptState;

/// How full the bar of a step under way is, in tenths.
const TENTHS: [&str; 11] = [
    "now t0", "now t1", "now t2", "now t3", "now t4", "now t5", "now t6", "now t7", "now t8",
    "now t9", "now t10",
];

/// One of the four steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its word: "sending 61 %".
    pub word: String,
    /// How it stands: done, now with its tenths, fail, over, or nothing yet.
    pub class: &'static str,
}

/// The four steps of an attempt; `percent` is how much of the image was taken.
#[must_use]
pub fn steps(state: AttemptState, percent: u64) -> [Step; 4] {
    let done = usize::from(words::steps(&state));
    let mut words = ["offered", "sent", "delivered", "confirmed"].map(str::to_owned);
    let mut failed = None;
    match state {
        AttemptState::Offered => words[1] = format!("sending {percent} %"),
        AttemptState::Aborted => {
            words[1] = format!("sent {percent} %");
            state.label().clone_into(&mut words[2]);
            failed = Some(2);
        }
        AttemptState::Delivered | AttemptState::Confirmed => {}
        other => {
            other.label().clone_into(&mut words[3]);
            failed = Some(3);
        }
    }
    // Only what went wrong is red: with something else on the device the attempt is just over.
    let bad = words::attempt(&state).tone == "bad";
    let tenth = usize::try_from(percent / 10).ok().and_then(|tenth| TENTHS.get(tenth));
    let tenth = *tenth.unwrap_or(&TENTHS[10]);
    let class = |i: usize| match i {
        _ if failed == Some(i) => {
            if bad {
                "fail"
            } else {
                "over"
            }
        }
        1 if state == AttemptState::Offered => tenth,
        _ if i < done => "done",
        _ => "",
    };
    let mut i = 0;
    words.map(|word| {
        i += 1;
        Step { word, class: class(i - 1) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(state: AttemptState, percent: u64) -> String {
        let step = |step: Step| format!("{}:{}", step.word, step.class);
        steps(state, percent).map(step).join(" → ")
    }

    #[test]
    fn every_state_is_told_in_four_steps() {
        use AttemptState::{
            Aborted, Confirmed, Delivered, NotTaken, Offered, Overtaken, RolledBack,
        };
        for (state, percent, text) in [
            (Offered, 61, "offered:done → sending 61 %:now t6 → delivered: → confirmed:"),
            (Aborted, 12, "offered:done → sent 12 %:done → aborted:fail → confirmed:"),
            (Delivered, 100, "offered:done → sent:done → delivered:done → confirmed:"),
            (Confirmed, 100, "offered:done → sent:done → delivered:done → confirmed:done"),
            (NotTaken, 100, "offered:done → sent:done → delivered:done → not taken:fail"),
            (RolledBack, 100, "offered:done → sent:done → delivered:done → rolled back:fail"),
            (Overtaken, 100, "offered:done → sent:done → delivered:done → overtaken:over"),
        ] {
            assert_eq!(drawn(state, percent), text);
        }
    }
}
