//! One seed from its beginning to its verdict.

use crate::invariants::Violation;
use crate::plant::Plant;
use crate::server::life;
use crate::setup::{Scale, Setup};
use crate::tally::Tally;
use crate::world::World;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// What became of a seed.
#[derive(Clone, Debug)]
pub struct Finished {
    pub seed: u64,
    /// The rule that did not hold, and when.
    pub violation: Option<(Duration, Violation)>,
    pub tally: Tally,
    /// Two runs of a seed have the same.
    pub trace: u64,
    /// What was on the disk when a rule did not hold.
    pub files: Vec<(String, u64)>,
}

/// Runs the world of a seed. With `print_from`, events from that time on are printed.
pub fn run(
    seed: u64,
    scale: Scale,
    plant: Option<Plant>,
    print_from: Option<Duration>,
) -> Finished {
    let mut world = World::new(Setup::new(seed, scale, plant));
    world.trace.print_from = print_from;
    // A broken assertion of the code under test is a finding like any other.
    let verdict = catch_unwind(AssertUnwindSafe(|| world.run())).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic");
        Err(Violation { rule: "no assertion breaks", what: text.to_owned() })
    });
    let mut verdict = verdict.err();
    if verdict.is_none() && plant.is_none() && world.tally.unwitnessed > 0 {
        let what = format!("{} answers stand on what no disk was given", world.tally.unwitnessed);
        verdict = Some(Violation { rule: "publish after the disk", what });
    }
    world.tally.simulated = world.now();
    let violation = verdict.map(|violation| (world.now(), violation));
    let files = if violation.is_some() { life::files(&world) } else { Vec::new() };
    Finished { seed, violation, tally: world.tally, trace: world.trace.hash(), files }
}
