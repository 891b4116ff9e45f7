//! What is known of each check beside what readers see: when it ran, how late, how often it has
//! changed, why it is held. It is asked for by whoever explains a decision; it changes nothing.
//! Times are spans before or after the moment of the question, so that no clock is needed.

use std::time::Duration;

use tribune_state::catalog::CheckStatus;
use tribune_state::ids::{CheckId, ServiceId};

use crate::alarms::Alarm;
use crate::check::Check;
use crate::check::history::Turn;
use crate::state::State;
use crate::sync::Item;

/// What is known of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckFacts {
    /// Its id.
    pub check: CheckId,
    /// The service it is of, empty for the node.
    pub service: ServiceId,
    /// Its name.
    pub name: String,
    /// Its kind as Consul names it.
    pub kind: &'static str,
    /// The state that readers and the catalog see.
    pub status: CheckStatus,
    /// What its results say. It is another one only while the check is held.
    pub judged: CheckStatus,
    /// Counts registrations of this agent: a check that was registered anew has a higher one.
    pub generation: u64,
    /// Its runs.
    pub runs: RunFacts,
    /// Its changes.
    pub turns: TurnFacts,
    /// Until its service is removed, if it stays critical.
    pub removal_in: Option<Duration>,
    /// True while the catalog has not been told of its state.
    pub is_untold: bool,
    /// True while the catalog is told of its newest output later.
    pub is_output_deferred: bool,
    /// True if a configuration file declares it.
    pub is_declared: bool,
}

/// The runs of a check. What its owner says of a TTL check counts as a run that took no time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFacts {
    /// Results of this registration.
    pub results: u64,
    /// The last one that ended.
    pub last: Option<LastRunFacts>,
    /// How long its probe has been under way.
    pub running_for: Option<Duration>,
    /// Until it is due; zero if it is.
    pub next_due_in: Option<Duration>,
    /// Until a TTL check expires.
    pub expires_in: Option<Duration>,
    /// Successes in a row.
    pub successes: u32,
    /// Failures in a row.
    pub failures: u32,
}

/// A run that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastRunFacts {
    /// How long ago it began.
    pub began_ago: Duration,
    /// How long after it was due it began.
    pub late: Duration,
    /// How long it took.
    pub took: Duration,
    /// What it found, before thresholds and damping.
    pub found: CheckStatus,
}

/// The changes of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnFacts {
    /// How often what the results say has changed, without the first result.
    pub transitions: u64,
    /// How long ago it last did.
    pub last_ago: Option<Duration>,
    /// Results in a row until passing or warning; 0 and 1 are the same.
    pub success_before_passing: u32,
    /// Failures in a row until warning; 0 for those until critical.
    pub failures_before_warning: u32,
    /// Failures in a row until critical; 0 and 1 are the same.
    pub failures_before_critical: u32,
    /// Why it is held at the worse state, if it is.
    pub damped: Option<DampedFacts>,
}

/// Why a check is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DampedFacts {
    /// For how long it has been.
    pub since_ago: Duration,
    /// Its points now.
    pub points: u32,
    /// It was held since it had more than these.
    pub suppress: u32,
    /// It is let go when it has no more than these.
    pub reuse: u32,
    /// Until then, if it does not change again.
    pub reuse_in: Duration,
}

/// All probes of this agent since its start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeTotals {
    /// Probes under way.
    pub running: usize,
    /// Checks that are due and wait for others to end.
    pub waiting: usize,
    /// How late probes began.
    pub late: Lateness,
}

/// How many probes began how late.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lateness {
    /// By whole milliseconds up to [`EXACT_MS`], then by doublings.
    counts: [u64; EXACT_MS + DOUBLINGS],
}

/// Up to here each millisecond is counted apart.
const EXACT_MS: usize = 128;
/// The last doubling stands for everything above: half a year.
const DOUBLINGS: usize = 28;

impl Default for Lateness {
    fn default() -> Lateness {
        Lateness { counts: [0; EXACT_MS + DOUBLINGS] }
    }
}

impl Lateness {
    /// Counts one probe.
    pub fn count(&mut self, late: Duration) {
        let ms = usize::try_from(late.as_millis()).unwrap_or(usize::MAX);
        let doublings = (ms / EXACT_MS).checked_ilog2().unwrap_or(0);
        let doublings = usize::try_from(doublings).unwrap_or(0).min(DOUBLINGS - 1);
        let place = if ms < EXACT_MS { ms } else { EXACT_MS + doublings };
        if let Some(count) = self.counts.get_mut(place) {
            *count += 1;
        }
    }

    /// How many probes have begun.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Those since `earlier`, which must be of the same agent.
    #[must_use]
    pub fn since(&self, earlier: &Lateness) -> Lateness {
        let mut counts = self.counts;
        for (count, before) in counts.iter_mut().zip(earlier.counts) {
            *count = count.saturating_sub(before);
        }
        Lateness { counts }
    }

    /// No more than one in `one_in` began later than this; none if none began.
    pub fn all_but(&self, one_in: u64) -> Option<Duration> {
        let total = self.total();
        let may_be_later = total / one_in.max(1);
        let mut later = total;
        for (place, count) in self.counts.iter().enumerate() {
            later -= count;
            if total > 0 && later <= may_be_later {
                return Some(upper_end(place));
            }
        }
        None
    }
}

/// No probe that was counted at this place began later.
fn upper_end(place: usize) -> Duration {
    let ms = match place.checked_sub(EXACT_MS) {
        None => place + 1,
        Some(doublings) => EXACT_MS << (doublings + 1),
    };
    Duration::from_millis(u64::try_from(ms).unwrap_or(u64::MAX))
}

/// What is known of all checks, or of those of one service and of the node.
pub(crate) fn of(state: &State, now: Duration, service: Option<&ServiceId>) -> Vec<CheckFacts> {
    let all = state.checks.values();
    let concerns = |check: &&Check| {
        let of = &check.kept.service;
        service.is_none_or(|service| of == service || of.is_empty())
    };
    all.filter(concerns).map(|check| facts(state, now.max(state.now), check)).collect()
}

/// All probes so far.
pub(crate) fn totals(state: &State) -> ProbeTotals {
    ProbeTotals {
        running: state.lanes.running(),
        waiting: state.lanes.waiting(),
        late: state.lanes.late.clone(),
    }
}

fn facts(state: &State, now: Duration, check: &Check) -> CheckFacts {
    let id = &check.id;
    let left = |alarm: Alarm| state.alarms.time(&alarm).map(|at| at.saturating_sub(now));
    CheckFacts {
        check: id.clone(),
        service: check.kept.service.clone(),
        name: check.plan.name.clone(),
        kind: check.plan.kind,
        status: check.status.clone(),
        judged: check.judged.clone(),
        generation: check.generation,
        runs: runs(state, now, check),
        turns: turns(state, now, check),
        removal_in: left(Alarm::Remove(id.clone())),
        is_untold: state.sync.is_untold(&Item::Check(id.clone())),
        is_output_deferred: state.alarms.time(&Alarm::Output(id.clone())).is_some(),
        is_declared: check.is_declared,
    }
}

fn runs(state: &State, now: Duration, check: &Check) -> RunFacts {
    let history = &check.history;
    let left = |alarm: Alarm| state.alarms.time(&alarm).map(|at| at.saturating_sub(now));
    let (running_for, is_queued) = match history.turn {
        Turn::Idle => (None, false),
        Turn::Queued { .. } => (None, true),
        Turn::Running { began, .. } => (Some(now.saturating_sub(began)), false),
    };
    RunFacts {
        results: history.results,
        last: history.last.as_ref().map(|last| LastRunFacts {
            began_ago: now.saturating_sub(last.began),
            late: last.late,
            took: last.took,
            found: last.found.clone(),
        }),
        running_for,
        next_due_in: match is_queued {
            true => Some(Duration::ZERO),
            false => left(Alarm::Run(check.id.clone())),
        },
        expires_in: left(Alarm::Ttl(check.id.clone())),
        successes: history.successes,
        failures: history.failures,
    }
}

fn turns(state: &State, now: Duration, check: &Check) -> TurnFacts {
    let (history, thresholds) = (&check.history, check.plan.thresholds);
    let damped = state.settings.flap.as_ref().and_then(|settings| {
        let since = check.flap.held_since?;
        Some(DampedFacts {
            since_ago: now.saturating_sub(since),
            points: check.flap.points(now, settings),
            suppress: settings.suppress,
            reuse: settings.reuse,
            reuse_in: check.flap.reuse_in(now, settings),
        })
    });
    TurnFacts {
        transitions: history.transitions,
        last_ago: history.last_transition.map(|at| now.saturating_sub(at)),
        success_before_passing: thresholds.success_before_passing,
        failures_before_warning: thresholds.failures_before_warning,
        failures_before_critical: thresholds.failures_before_critical,
        damped,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lateness_is_exact_to_a_millisecond_where_it_matters() {
        let mut late = Lateness::default();
        assert_eq!(late.all_but(100), None);
        for ms in 0..100 {
            late.count(Duration::from_millis(ms));
        }
        assert_eq!(late.all_but(100), Some(Duration::from_millis(99)));
        assert_eq!(late.all_but(2), Some(Duration::from_millis(50)));
        let before = late.clone();
        late.count(Duration::from_secs(u64::MAX));
        assert_eq!((late.total(), late.since(&before).total()), (101, 1));
    }

    proptest! {
        #[test]
        fn no_more_than_the_share_is_later(
            spans in prop::collection::vec(0u64..5_000, 1..300), one_in in 1u64..200,
        ) {
            let mut late = Lateness::default();
            for ms in &spans {
                late.count(Duration::from_millis(*ms));
            }
            let bound = late.all_but(one_in).unwrap();
            let above = spans.iter().filter(|ms| Duration::from_millis(**ms) >= bound).count();
            prop_assert!(above as u64 <= spans.len() as u64 / one_in);
        }
    }
}
