//! What a rule says: that it holds, or what was seen that it refuses.

/// A rule that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which rule.
    pub rule: &'static str,
    /// What was seen.
    pub what: String,
}

/// Whether a rule holds.
pub type Verdict = Result<(), Violation>;

/// Refuses what breaks a rule.
pub fn hold(rule: &'static str, holds: bool, what: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(Violation { rule, what: what() }) }
}
