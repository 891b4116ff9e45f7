//! No result of a check is lost or invented, nor is a registration: what readers see is what was
//! asked for and what was found, at once; a result of an older registration counts for nothing;
//! and no check ceases to run.

use super::{Verdict, Violation, hold};
use crate::edge::machine::Mark;
use crate::edge::model::Check;
use std::time::Duration;

const LOST: &str = "no result is lost";
const INVENTED: &str = "no result is invented";
const RUNS: &str = "every check runs";

/// How much longer than an interval and a half a check may rest: its next beat comes after half
/// an interval at least, and timers have their grain.
const REST_SLACK: Duration = Duration::from_secs(1);

/// Something is shown that nobody asked for or found.
pub fn invented(what: &str) -> Violation {
    Violation { rule: INVENTED, what: what.to_owned() }
}

/// Something that was asked for or found is not shown.
pub fn lost(what: &str) -> Violation {
    Violation { rule: LOST, what: what.to_owned() }
}

/// What an input concerned is shown after it.
pub fn shown(same: bool, what: impl FnOnce() -> String) -> Verdict {
    hold(LOST, same, what)
}

/// A probe begins: no other of the same registration may be under way.
pub fn begins(alone: bool, check: &str) -> Verdict {
    hold(RUNS, alone, || format!("{check} is probed twice at a time"))
}

/// A check that is not being probed must not rest for too long.
pub fn rests(check: &Check, now: &Mark) -> Verdict {
    let Some(probe) = check.wish.kind.probe() else { return Ok(()) };
    let rested = check.ran.least_since(now);
    let holds = check.probing.is_some() || rested <= probe.every * 3 / 2 + REST_SLACK;
    hold(RUNS, holds, || format!("{} has not run for {rested:?}: {check:?}", check.wish.id))
}
