//! How many results in a row change a check's state. It knows nothing of time or of probes.

use serde::{Deserialize, Serialize};
use tribune_state::catalog::CheckStatus;

/// How many results in a row each change of state takes.
///
/// Source: consul-surface C; Consul 1.22 documentation, success and failures before passing,
/// warning, critical.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Thresholds {
    /// Successes until passing or warning.
    pub success_before_passing: u32,
    /// Failures until warning; 0 stands for those until critical.
    pub failures_before_warning: u32,
    /// Failures until critical.
    pub failures_before_critical: u32,
}

/// The results in a row so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Streak {
    successes: u32,
    failures: u32,
}

impl Thresholds {
    /// Both counters start full, so that the first result counts at once.
    pub fn begin(&self) -> Streak {
        Streak { successes: self.success_before_passing, failures: self.failures_before_critical }
    }

    /// The state that a result leads to; none if it stays as it is.
    pub fn judge(&self, streak: &mut Streak, found: &CheckStatus) -> Option<CheckStatus> {
        let failed = !matches!(found, CheckStatus::Passing | CheckStatus::Warning);
        if !failed {
            streak.failures = 0;
            streak.successes = streak.successes.saturating_add(1);
            return (streak.successes >= self.success_before_passing).then(|| found.clone());
        }
        streak.successes = 0;
        streak.failures = streak.failures.saturating_add(1);
        let before_warning = match self.failures_before_warning {
            0 => self.failures_before_critical,
            own => own,
        };
        if streak.failures >= self.failures_before_critical {
            Some(CheckStatus::Critical)
        } else if streak.failures >= before_warning {
            Some(CheckStatus::Warning)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays results (`p`, `w`, `c`) and gives the state after each; `-` is "as it was".
    fn states(success: u32, warning: u32, critical: u32, results: &str) -> String {
        let thresholds = Thresholds {
            success_before_passing: success,
            failures_before_warning: warning,
            failures_before_critical: critical,
        };
        let mut streak = thresholds.begin();
        let letter = |status: Option<CheckStatus>| match status {
            Some(CheckStatus::Passing) => 'p',
            Some(CheckStatus::Warning) => 'w',
            Some(_) => 'c',
            None => '-',
        };
        let status = |result| match result {
            'p' => CheckStatus::Passing,
            'w' => CheckStatus::Warning,
            _ => CheckStatus::Critical,
        };
        results
            .chars()
            .map(|result| letter(thresholds.judge(&mut streak, &status(result))))
            .collect()
    }

    #[test]
    fn results_in_a_row_change_the_state_as_the_table_says() {
        for (success, warning, critical, results, expected) in [
            (0, 0, 0, "pcpwc", "pcpwc"),
            // The first result counts at once, whatever the thresholds.
            (3, 0, 0, "pcppp", "pc--p"),
            (3, 0, 0, "wcpwp", "wc--p"),
            (0, 0, 100, "cpccc", "cp---"),
            (0, 0, 3, "pcccp", "p--cp"),
            (0, 2, 4, "pccccc", "p-wwcc"),
            (0, 1, 3, "pcccpc", "pwwcpw"),
            // A success in between starts the failures anew.
            (2, 0, 2, "pcpccpp", "p---c-p"),
        ] {
            let found = states(success, warning, critical, results);
            assert_eq!(found, expected, "{success}/{warning}/{critical} {results}");
        }
    }
}
