//! One seed from its beginning to its verdict.

use crate::plant::Plant;
use crate::share::{Scale, WorldName};
use crate::tally::Tally;
use crate::trace::Trace;
use crate::verdict::{Verdict, Violation};
use crate::{edge, server};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// A world, of whatever kind.
pub trait Simulated {
    /// Runs to the end.
    ///
    /// # Errors
    /// The first rule that does not hold.
    fn run(&mut self) -> Verdict;
    /// The virtual time.
    fn now(&self) -> Duration;
    fn tally(&mut self) -> &mut Tally;
    fn trace(&mut self) -> &mut Trace;
    /// The names and lengths of the files on its disk.
    fn files(&self) -> Vec<(String, u64)>;
}

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
    world: WorldName,
    seed: u64,
    scale: Scale,
    plant: Option<Plant>,
    print_from: Option<Duration>,
) -> Finished {
    match world {
        WorldName::Server => {
            let setup = server::setup::Setup::new(seed, scale, plant);
            finish(server::world::World::new(setup), seed, print_from)
        }
        WorldName::Edge => {
            let setup = edge::setup::Setup::new(seed, scale, plant);
            finish(edge::world::World::new(setup), seed, print_from)
        }
    }
}

fn finish(mut world: impl Simulated, seed: u64, print_from: Option<Duration>) -> Finished {
    world.trace().print_from = print_from;
    // A broken assertion of the code under test is a finding like any other.
    let verdict = catch_unwind(AssertUnwindSafe(|| world.run())).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic");
        Err(Violation { rule: "no assertion breaks", what: text.to_owned() })
    });
    let now = world.now();
    world.tally().simulated = now;
    let violation = verdict.err().map(|violation| (now, violation));
    let files = if violation.is_some() { world.files() } else { Vec::new() };
    let trace = world.trace().hash();
    Finished { seed, violation, tally: std::mem::take(world.tally()), trace, files }
}
