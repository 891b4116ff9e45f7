//! A TTL check goes critical when its owner has been silent for its time: never earlier, in the
//! time the agent was running, and not later. After a restart its time is what was left by the
//! wall clock, or its whole time if nobody can say.

use super::{Verdict, hold};
use crate::edge::machine::Mark;
use crate::edge::model::Check;
use crate::edge::wish::Kind;
use std::time::Duration;
use tribune_state::catalog::CheckStatus;

const RULE: &str = "critical after its time";

/// How a check begins to say that its time is up.
const EXPIRED: &str = "TTL expired";

/// The grain of timers.
const SLACK: Duration = Duration::from_millis(5);

/// How much later it may be noticed.
const LATE: Duration = Duration::from_millis(100);

/// True if a check says so.
pub fn says_expired(status: &CheckStatus, output: &str) -> bool {
    *status == CheckStatus::Critical && output.starts_with(EXPIRED)
}

/// A check says that its time is up.
pub fn expired(check: &Check, now: Mark) -> Verdict {
    let Kind::Ttl(ttl) = check.wish.kind else { return Ok(()) };
    let silent = check.heard.map(|heard| heard.mark.most_since(&now) + heard.head_start);
    hold(RULE, silent.is_some_and(|silent| silent + SLACK >= ttl), || {
        format!("{} of {ttl:?} expired after {silent:?}: {check:?}", check.wish.id)
    })
}

/// A check whose owner is silent must say so once its time is up.
pub fn overdue(check: &Check, now: &Mark) -> Verdict {
    let (Kind::Ttl(ttl), Some(heard)) = (&check.wish.kind, check.heard) else { return Ok(()) };
    let silent = heard.mark.least_since(now);
    let says = says_expired(&check.status, &check.output);
    hold(RULE, says || silent <= *ttl + LATE, || {
        format!("{} of {ttl:?} has been silent for {silent:?}: {check:?}", check.wish.id)
    })
}
