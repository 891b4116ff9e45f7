//! What the simulator says at the end.

use crate::run::Finished;
use crate::share::WorldName;
use crate::tally::Tally;
use std::fmt::Write as _;
use std::time::Duration;

/// How much of the trace before a violation is printed.
const TRACE_BEFORE: Duration = Duration::from_millis(500);

/// What is counted under such a name is a part of the operations.
const OF_THEM: &str = "of them ";

/// The closing summary of one kind of world.
pub fn summary(world: WorldName, tally: &Tally, violations: u64) -> String {
    let mut text = String::new();
    let hours = tally.simulated.as_secs_f64() / 3600.0;
    let acknowledged = tally.acknowledged();
    let percent = |part: u64| part * 100 / acknowledged.max(1);
    let mut line = |text_of: std::fmt::Arguments<'_>| {
        let _ = writeln!(text, "{text_of}");
    };
    line(format_args!("world                      {}", world.name()));
    line(format_args!("simulated hours            {hours:.2}"));
    line(format_args!("acknowledged operations    {acknowledged}"));
    for (name, count) in tally.groups() {
        line(format_args!("  of them {name:<16} {:>3} %", percent(count)));
    }
    for (name, count) in tally.counts.iter().filter(|(name, _)| name.starts_with(OF_THEM)) {
        line(format_args!("  {name:<24} {:>3} %", percent(*count)));
    }
    for (name, count) in &tally.operations {
        line(format_args!("  {name:<30} {count:>10}"));
    }
    for (name, count) in tally.counts.iter().filter(|(name, _)| !name.starts_with(OF_THEM)) {
        line(format_args!("{name:<32} {count:>10}"));
    }
    let middle = match world {
        WorldName::Server => "during a snapshot",
        WorldName::Edge => "during a write",
    };
    line(format_args!("faults that struck                        in all  {middle}"));
    for (name, (all, during)) in &tally.faults {
        line(format_args!("  {name:<36} {all:>9} {during:>9}"));
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
