//! What was promised, what was measured, and what is too much even on a busy machine.

use std::fmt;
use std::time::Duration;

use anyhow::{Result, bail};

#[derive(Default)]
pub struct Findings(Vec<Finding>);

struct Finding {
    what: String,
    promised: Duration,
    limit: Duration,
    measured: Duration,
}

/// A time that is promised to users, and how much is excused.
#[derive(Clone, Copy)]
pub struct Promise {
    pub within: Duration,
    pub limit: Duration,
}

impl Promise {
    /// `seconds`, of which a busy machine may make `SLACK` more.
    pub const fn seconds(seconds: u64) -> Self {
        let within = Duration::from_secs(seconds);
        Self { within, limit: Duration::from_secs(seconds + SLACK_SECONDS) }
    }
}

impl Findings {
    pub fn add(&mut self, what: impl Into<String>, promise: Promise, measured: Duration) {
        let Promise { within: promised, limit } = promise;
        self.0.push(Finding { what: what.into(), promised, limit, measured });
    }

    /// An error that names what took too long by far.
    pub fn judge(&self) -> Result<()> {
        let late: Vec<&str> =
            self.0.iter().filter(|f| f.measured > f.limit).map(|f| f.what.as_str()).collect();
        if late.is_empty() {
            return Ok(());
        }
        bail!("far too late: {}", late.join("; "));
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.0.iter().map(|finding| finding.what.len()).max().unwrap_or_default();
        writeln!(f, "{:width$}  promised  measured", "what")?;
        for finding in &self.0 {
            let Finding { what, promised, limit, measured } = finding;
            let verdict = match *measured {
                _ if measured > limit => "  too late",
                _ if measured > promised => "  over, on this machine",
                _ => "",
            };
            let (promised, measured) = (promised.as_secs_f64(), measured.as_secs_f64());
            writeln!(f, "{what:width$}  {promised:>6.1} s  {measured:>6.3} s{verdict}")?;
        }
        Ok(())
    }
}

/// Two cores that also build something have been seen to sit on a process for three seconds.
const SLACK_SECONDS: u64 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_the_promise_is_shown_and_over_the_limit_fails() {
        let mut findings = Findings::default();
        findings.add("quick", Promise::seconds(1), Duration::from_millis(250));
        findings.add("slow", Promise::seconds(1), Duration::from_secs(2));
        assert!(findings.judge().is_ok());
        let shown = findings.to_string();
        assert!(shown.contains("quick     1.0 s   0.250 s\n"), "{shown}");
        assert!(shown.contains("slow      1.0 s   2.000 s  over"), "{shown}");
        findings.add("never", Promise::seconds(1), Duration::from_secs(10));
        let complaint = findings.judge().unwrap_err().to_string();
        assert_eq!(complaint, "far too late: never");
    }
}
