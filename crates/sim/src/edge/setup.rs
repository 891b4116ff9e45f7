//! How one agent's world differs from the next. Each seed leaves some faults out, so that rare
//! combinations get their turn.

use crate::dice::{Dice, Stream};
use crate::plant::Plant;
use crate::share::Scale;
use std::time::Duration;

/// What strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// For a while writes never reach the catalog.
    WritesLost,
    /// For a while the cluster refuses writes.
    WritesRefused,
    /// For a while writes are done, and their answers are lost.
    AnswersLost,
    /// For a while writes are given up first, and done later.
    WritesLate,
    /// For a while writes take long.
    WritesSlow,
    /// For a while reads of the catalog take long, and show what was at their beginning.
    ReadsSlow,
    /// The process ends at once; the page cache stays.
    Kill,
    /// The machine loses power.
    PowerLoss,
    /// The process ends after some more calls of the disk, in the middle of one.
    KillAtCall,
    /// The same with the machine's power.
    PowerLossAtCall,
    /// The agent is stopped as it should be.
    CleanStop,
    /// Reads fail for a while.
    ReadErrors,
    /// Writes of the disk fail for a while.
    WriteErrors,
    /// A sync fails.
    SyncFailures,
    /// The disk is full for a while.
    FullDisk,
    /// The disk is slow for a while.
    SlowDisk,
    /// The process does not run for a while, and its clock goes on.
    Pause,
    /// The machine sleeps, and the process's clock with it.
    Suspend,
    /// The machine sleeps, the clock goes on, and the process is told for how long.
    SuspendTold,
    /// The wall clock jumps, forwards or back.
    WallJump,
    /// The monotonic clock jumps forwards.
    ClockGap,
}

/// Every fault.
pub const FAULTS: [Fault; 21] = [
    Fault::WritesLost,
    Fault::WritesRefused,
    Fault::AnswersLost,
    Fault::WritesLate,
    Fault::WritesSlow,
    Fault::ReadsSlow,
    Fault::Kill,
    Fault::PowerLoss,
    Fault::KillAtCall,
    Fault::PowerLossAtCall,
    Fault::CleanStop,
    Fault::ReadErrors,
    Fault::WriteErrors,
    Fault::SyncFailures,
    Fault::FullDisk,
    Fault::SlowDisk,
    Fault::Pause,
    Fault::Suspend,
    Fault::SuspendTold,
    Fault::WallJump,
    Fault::ClockGap,
];

/// How one world is made.
#[derive(Clone, Debug)]
pub struct Setup {
    pub seed: u64,
    /// How long it goes on.
    pub duration: Duration,
    pub clients: usize,
    /// How long a client thinks between two operations, on average.
    pub think: Duration,
    /// How often something strikes, on average.
    pub fault_every: Duration,
    /// How often a stranger writes to the catalog, on average.
    pub stranger_every: Duration,
    /// How long faults, clients and strangers go on before all is quiet for a while.
    pub storm: Duration,
    pub faults: Vec<Fault>,
    /// True if the agent is a server's, which has a service of its own.
    pub server: bool,
    pub sync_interval: Duration,
    /// About how long a change of output alone waits.
    pub output_interval: Duration,
    /// How fast the machine's clocks run, of a thousand.
    pub clock_per_mille: u32,
    pub plant: Option<Plant>,
}

/// Clients do so much of the operations in so many of a hundred: the rest are results of probes,
/// and part of the time is quiet.
const THINK_PERCENT: u32 = 42;

/// How fast clocks may run.
const CLOCK_PER_MILLE: (u32, u32) = (850, 1200);

impl Setup {
    /// The world of a seed.
    pub fn new(seed: u64, scale: Scale, plant: Option<Plant>) -> Setup {
        let mut dice = Dice::new(seed, Stream::Setup);
        let clients = 2 + dice.place(5);
        let operations = u32::try_from(scale.operations.max(1)).unwrap_or(u32::MAX);
        let each = u32::try_from(clients).unwrap_or(1);
        let think = scale.duration / operations * each * THINK_PERCENT / 100;
        let mut faults: Vec<Fault> = FAULTS.into_iter().filter(|_| dice.chance(600)).collect();
        if faults.is_empty() {
            faults.push(Fault::Kill);
        }
        let (slow, fast) = CLOCK_PER_MILLE;
        let clock_per_mille = match dice.below(3) {
            0 => 1000,
            _ => slow + u32::try_from(dice.below(u64::from(fast - slow))).unwrap_or(0),
        };
        Setup {
            seed,
            duration: scale.duration,
            clients,
            think,
            fault_every: dice.between(Duration::from_secs(4), Duration::from_secs(30)),
            stranger_every: dice.between(Duration::from_secs(3), Duration::from_secs(30)),
            storm: dice.between(Duration::from_secs(120), Duration::from_secs(400)),
            faults,
            server: dice.chance(600),
            sync_interval: dice.between(Duration::from_secs(5), Duration::from_secs(20)),
            output_interval: match dice.below(4) {
                0 => Duration::ZERO,
                _ => dice.between(Duration::from_secs(2), Duration::from_secs(10)),
            },
            clock_per_mille,
            plant,
        }
    }
}
