//! What a check's runs have shown: when the last one was, how late, how long, and what it saw;
//! and how often the check has changed its mind. It decides nothing.

use std::time::Duration;

use tribune_state::catalog::CheckStatus;

use crate::input::SeenIndexes;

/// What a check's runs have shown.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    /// Whether it runs now.
    pub turn: Turn,
    /// Results so far, of this registration.
    pub results: u64,
    pub last: Option<LastRun>,
    /// Successes in a row so far, without regard to thresholds.
    pub successes: u32,
    /// Failures in a row so far.
    pub failures: u32,
    /// Changes of what the results say, but for the first result.
    pub transitions: u64,
    pub last_transition: Option<Duration>,
    /// Of a check that follows another node: up to where it has read.
    pub seen: SeenIndexes,
}

/// Whether a check runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Turn {
    #[default]
    Idle,
    /// It is due, and too many others run.
    Queued { due: Duration },
    /// Its probe is under way.
    Running { due: Duration, began: Duration },
}

/// One run that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LastRun {
    pub began: Duration,
    /// From when it was due to when it began.
    pub late: Duration,
    pub took: Duration,
    pub found: CheckStatus,
}

impl History {
    /// Counts a result; true if it is the first.
    pub fn count(&mut self, found: &CheckStatus) -> bool {
        self.results = self.results.saturating_add(1);
        if matches!(found, CheckStatus::Passing | CheckStatus::Warning) {
            self.failures = 0;
            self.successes = self.successes.saturating_add(1);
        } else {
            self.successes = 0;
            self.failures = self.failures.saturating_add(1);
        }
        self.results == 1
    }

    /// Counts a change of what the results say.
    pub fn turned(&mut self, now: Duration) {
        self.transitions = self.transitions.saturating_add(1);
        self.last_transition = Some(now);
    }
}
