//! How one world differs from the next: which faults it knows, how many clients, how large the
//! log's files. Each seed leaves some faults out, so that rare combinations get their turn.

use crate::dice::{Dice, Stream};
use crate::plant::Plant;
use crate::share::Scale;
use std::time::Duration;

/// What strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The process ends at once; the page cache stays.
    Kill,
    /// The machine loses power.
    PowerLoss,
    /// The process ends after some more calls of the disk, in the middle of one.
    KillAtCall,
    /// The same with the machine's power.
    PowerLossAtCall,
    /// The server is stopped as it should be.
    CleanStop,
    /// The process does not run for a while.
    Pause,
    /// Reads fail for a while.
    ReadErrors,
    /// Writes fail for a while.
    WriteErrors,
    /// A sync fails.
    SyncFailures,
    /// The disk is full for a while.
    FullDisk,
    /// The disk is slow for a while.
    SlowDisk,
    /// The wall clock jumps, forwards or back.
    WallJump,
    /// The monotonic clock jumps forwards.
    ClockGap,
}

/// Every fault.
pub const FAULTS: [Fault; 13] = [
    Fault::Kill,
    Fault::PowerLoss,
    Fault::KillAtCall,
    Fault::PowerLossAtCall,
    Fault::CleanStop,
    Fault::Pause,
    Fault::ReadErrors,
    Fault::WriteErrors,
    Fault::SyncFailures,
    Fault::FullDisk,
    Fault::SlowDisk,
    Fault::WallJump,
    Fault::ClockGap,
];

/// How one world is made.
#[derive(Clone, Debug)]
pub struct Setup {
    pub seed: u64,
    /// How long clients and faults go on.
    pub duration: Duration,
    pub clients: usize,
    pub watchers: usize,
    /// How long a client thinks between two operations, on average.
    pub think: Duration,
    pub snapshot_entries: u64,
    pub segment_bytes_first: u64,
    pub segment_bytes_max: u64,
    pub ballast_bytes: u64,
    /// How long a call of a snapshot's thread takes, on average.
    pub snapshot_call: Duration,
    /// How often something strikes, on average.
    pub fault_every: Duration,
    pub faults: Vec<Fault>,
    pub plant: Option<Plant>,
}

/// Bursts and watchers do more than thinking alone would allow: clients think so much longer, in
/// percent, that the number of operations comes out about right.
const THINK_PERCENT: u32 = 100;

impl Setup {
    /// The world of a seed.
    pub fn new(seed: u64, scale: Scale, plant: Option<Plant>) -> Setup {
        let mut dice = Dice::new(seed, Stream::Setup);
        let clients = 4 + dice.place(12);
        let operations = u32::try_from(scale.operations.max(1)).unwrap_or(u32::MAX);
        let each = u32::try_from(clients).unwrap_or(1);
        let think = scale.duration / operations * each * THINK_PERCENT / 100;
        let mut faults: Vec<Fault> = FAULTS.into_iter().filter(|_| dice.chance(700)).collect();
        if faults.is_empty() {
            faults.push(Fault::PowerLoss);
        }
        Setup {
            seed,
            duration: scale.duration,
            clients,
            watchers: 3 + dice.place(9),
            think,
            snapshot_entries: 100 + dice.below(4000),
            segment_bytes_first: 16 << (10 + dice.below(3)),
            segment_bytes_max: 128 << (10 + dice.below(3)),
            ballast_bytes: 64 << 10,
            snapshot_call: dice.between(Duration::from_millis(2), Duration::from_millis(300)),
            fault_every: dice.between(Duration::from_secs(3), Duration::from_secs(30)),
            faults,
            plant,
        }
    }
}
