//! What must hold in every world, one rule a file. A rule is told what was seen and refuses it.
//!
//! Rules see a server from outside (what clients sent and got) and, where a promise is about the
//! log, the batches that the disk was given. None of them looks into the replica.

pub mod acknowledged;
pub mod atomic;
pub mod chain;
pub mod history;
pub mod index;
pub mod lock;
pub mod publish;
pub mod session;
pub mod wakeup;

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

/// Every rule of one world.
#[derive(Debug, Default)]
pub struct Rules {
    pub acknowledged: acknowledged::Acknowledged,
    pub chain: chain::Chain,
    pub history: history::History,
    pub index: index::Indexes,
    pub lock: lock::Locks,
    pub session: session::Sessions,
    pub wakeup: wakeup::Wakeups,
}
