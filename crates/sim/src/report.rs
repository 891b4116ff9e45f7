//! What the simulator says at the end.

use crate::run::Finished;
use crate::tally::Tally;
use std::fmt::Write as _;
use std::time::Duration;

/// How much of the trace before a violation is printed.
const TRACE_BEFORE: Duration = Duration::from_millis(500);

/// The closing summary.
pub fn summary(tally: &Tally, violations: u64) -> String {
    let mut text = String::new();
    let hours = tally.simulated.as_secs_f64() / 3600.0;
    let acknowledged = tally.acknowledged().max(1);
    let percent = |part: u64| part * 100 / acknowledged;
    let mut line = |text_of: std::fmt::Arguments<'_>| {
        let _ = writeln!(text, "{text_of}");
    };
    line(format_args!("simulated hours            {hours:.2}"));
    line(format_args!("acknowledged operations    {}", tally.acknowledged()));
    line(format_args!("  of them reads            {} %", percent(tally.reads())));
    line(format_args!("  compare or lock, hot     {} %", percent(tally.contended)));
    for (name, count) in &tally.operations {
        line(format_args!("  {name:<26} {count:>10}"));
    }
    line(format_args!("unknown outcomes           {}", tally.unknown));
    line(format_args!("refused                    {}", tally.refused));
    line(format_args!("locks refused for a delay  {}", tally.lock_delayed));
    line(format_args!("entries in the log         {}", tally.entries));
    line(format_args!("snapshots written          {}", tally.snapshots));
    line(format_args!("waiters woken              {}", tally.woken));
    line(format_args!("starts                     {}", tally.starts));
    line(format_args!("faults that struck                      in all  during a snapshot"));
    for (name, (all, during)) in &tally.faults {
        line(format_args!("  {name:<34} {all:>9} {during:>9}"));
    }
    line(format_args!("violations                 {violations}"));
    text
}

/// What is said of a seed that failed, and from when on its trace is worth reading.
pub fn failure(finished: &Finished, replay: &str) -> (String, Duration) {
    let Some((at, violation)) = &finished.violation else {
        return (String::new(), Duration::ZERO);
    };
    let mut text = String::new();
    let _ =
        writeln!(text, "seed {} broke the rule \"{}\" at {at:?}", finished.seed, violation.rule);
    let _ = writeln!(text, "  {}", violation.what);
    for (name, bytes) in &finished.files {
        let _ = writeln!(text, "  file {name} of {bytes} bytes");
    }
    let _ = writeln!(text, "replay: {replay}");
    (text, at.saturating_sub(TRACE_BEFORE))
}
