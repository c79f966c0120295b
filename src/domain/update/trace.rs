//! The chain of reasons behind a decision.

/// Takes the reasons of a decision.
pub trait Trace {
    /// One rule was looked at: its code, whether it lets the update through, and a sentence.
    fn note(&mut self, code: &'static str, ok: bool, text: impl FnOnce() -> String);
}

/// Takes no reasons.
#[derive(Debug, Default)]
pub struct NoTrace;

impl Trace for NoTrace {
    fn note(&mut self, _: &'static str, _: bool, _: impl FnOnce() -> String) {}
}

/// A reason: one rule and how it came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The rule's stable code.
    pub code: &'static str,
    /// Whether the rule lets the update through.
    pub ok: bool,
    /// The finding in one sentence.
    pub text: String,
}

/// Collects the reasons.
#[derive(Debug, Default)]
pub struct Reasons(
    /// The reasons, in the order the rules were looked at.
    pub Vec<Reason>,
);

impl Trace for Reasons {
    fn note(&mut self, code: &'static str, ok: bool, text: impl FnOnce() -> String) {
        self.0.push(Reason { code, ok, text: text() });
    }
}
