//! A service is removed for a critical check once that has been critical for as long as it may,
//! in the time the agent was running: never earlier, only after a failure at or after that time
//! if it can be tried, and not later.

use super::{Verdict, hold};
use crate::edge::machine::Mark;
use crate::edge::model::Check;
use std::time::Duration;

const RULE: &str = "removed after its time";

/// The grain of timers.
const SLACK: Duration = Duration::from_millis(5);

/// How much later it may be noticed.
const LATE: Duration = Duration::from_millis(100);

/// A service was removed by the agent itself, for that check.
pub fn removed(service: &str, check: Option<&Check>, failed: bool, now: Mark) -> Verdict {
    let Some(check) = check else {
        return hold(RULE, false, || format!("{service} is gone, and no check says why"));
    };
    let after = check.wish.remove_after;
    let critical = check.removal.map(|removal| removal.from.most_since(&now));
    let in_time = match (after, critical) {
        (Some(after), Some(critical)) => critical + SLACK >= after,
        _ => false,
    };
    hold(RULE, in_time && check.wish.service == service, || {
        format!("{service} was removed after {critical:?} of {after:?}: {check:?}")
    })?;
    hold(RULE, failed || check.wish.kind.probe().is_none(), || {
        format!("{service} was removed without a last failure: {check:?}")
    })
}

/// A run failed, and the service is still there.
pub fn failed(check: &Check, now: Mark) -> Verdict {
    overdue(check, &now)
}

/// What cannot be tried must be gone once its time is up; what can, after its next failure.
pub fn silent(check: &Check, now: &Mark) -> Verdict {
    if check.wish.kind.probe().is_some() { Ok(()) } else { overdue(check, now) }
}

fn overdue(check: &Check, now: &Mark) -> Verdict {
    let since = check.removal.and_then(|removal| removal.sure);
    let (Some(after), Some(since)) = (check.wish.remove_after, since) else { return Ok(()) };
    let critical = since.least_since(now);
    hold(RULE, critical <= after + LATE, || {
        format!("critical for {critical:?} of {after:?}, and still there: {check:?}")
    })
}
