//! How checks come to their states: results of probes, the owner's word, silence.

use super::{Check, Item, Model, Moment};
use crate::edge::machine::Mark;
use crate::edge::wish::Kind;
use std::time::Duration;
use tribune_state::catalog::CheckStatus;

/// When the owner of a TTL check last spoke.
#[derive(Clone, Copy, Debug)]
pub struct Heard {
    pub mark: Mark,
    /// After a restart: how much of its time may have passed by then.
    pub head_start: Duration,
}

impl Heard {
    pub fn at(mark: Mark) -> Heard {
        Heard { mark, head_start: Duration::ZERO }
    }
}

/// A result as the model takes it.
#[derive(Clone, Debug)]
pub struct Found<'a> {
    pub check: &'a str,
    pub incarnation: u64,
    pub began: Mark,
    pub status: &'a CheckStatus,
    pub output: &'a str,
}

/// A probe begins. None if one is under way already; registration 0 if it is for a check that
/// went in the same moment.
pub fn probing(model: &mut Model, check: &str, probe: u64) -> Option<u64> {
    let Some(check) = model.checks.get_mut(check) else { return Some(0) };
    if check.probing.is_some() {
        return None;
    }
    check.probing = Some(probe);
    Some(check.incarnation)
}

/// A result arrives. True if it counts.
pub fn found(model: &mut Model, found: &Found<'_>, now: Moment) -> bool {
    let seq = model.seq + 1;
    let Some(check) = model.checks.get_mut(found.check) else { return false };
    if check.incarnation != found.incarnation {
        return false;
    }
    let Some(probe) = check.wish.kind.probe().copied() else { return false };
    check.probing = None;
    check.ran = now.mark;
    let failed = !matches!(found.status, CheckStatus::Passing | CheckStatus::Warning);
    // The time that it has for its beginning is postponed by what the agent slept.
    let began_late = check.begun.least_since(&found.began) >= probe.every;
    let began_early = check.begun.most_since(&found.began) < probe.every;
    let surely_starting = !check.steady && failed && began_early;
    if !failed || began_late {
        check.steady = true;
    }
    let sure = check.steady;
    let status = judge(check, probe.thresholds, found.status);
    let (status, output) = (status.unwrap_or(check.status.clone()), found.output);
    let other = check.set(status, output);
    if failed && check.status == CheckStatus::Critical && !surely_starting {
        check.arm(now.mark, sure);
    }
    if other {
        check.keep(seq, now);
        check.changed = seq;
    }
    model.seq = seq;
    model.touched.insert(Item::Check(found.check.to_owned()));
    true
}

/// The owner of a TTL check speaks. False if there is no such check.
pub(super) fn told(
    model: &mut Model,
    id: &str,
    status: &CheckStatus,
    output: &str,
    now: Moment,
) -> bool {
    let seq = model.seq;
    let Some(check) = model.checks.get_mut(id) else { return false };
    if !matches!(check.wish.kind, Kind::Ttl(_)) {
        return false;
    }
    check.heard = Some(Heard::at(now.mark));
    let other = check.set(status.clone(), output);
    if *status == CheckStatus::Critical {
        check.arm(now.mark, true);
    }
    check.keep(seq, now);
    if other {
        check.changed = seq;
    }
    model.touched.insert(Item::Check(check.id()));
    true
}

/// The time of a TTL check is up.
pub fn expired(model: &mut Model, id: &str, output: &str, now: Moment) {
    model.seq += 1;
    let seq = model.seq;
    let Some(check) = model.checks.get_mut(id) else { return };
    check.heard = None;
    let other = check.set(CheckStatus::Critical, output);
    check.arm(now.mark, true);
    check.keep(seq, now);
    if other {
        check.changed = seq;
    }
}

/// The state that a result leads to; none if it stays as it is. Results in a row count.
fn judge(check: &mut Check, thresholds: [u32; 3], found: &CheckStatus) -> Option<CheckStatus> {
    let [until_passing, until_warning, until_critical] = thresholds;
    let (successes, failures) = &mut check.streak;
    if matches!(found, CheckStatus::Passing | CheckStatus::Warning) {
        (*successes, *failures) = (*successes + 1, 0);
        return (*successes >= until_passing).then(|| found.clone());
    }
    (*successes, *failures) = (0, *failures + 1);
    if *failures >= until_critical {
        return Some(CheckStatus::Critical);
    }
    let until_warning = if until_warning == 0 { until_critical } else { until_warning };
    (*failures >= until_warning).then_some(CheckStatus::Warning)
}
