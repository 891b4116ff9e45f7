//! Every random choice of a world comes from one of these: one seed and one stream each, so that
//! a change in how one part rolls leaves the others as they were.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use std::time::Duration;

/// A stream of random choices.
#[derive(Clone, Debug)]
pub struct Dice(ChaCha8Rng);

/// The parts of a world that roll dice.
#[derive(Clone, Copy, Debug)]
#[repr(u64)]
pub enum Stream {
    /// How this world differs from others: which faults, how many clients.
    Setup,
    /// What clients do.
    Clients,
    /// What strikes, and when.
    Nemesis,
    /// What the disk makes of a fault.
    Disk,
    /// How long things take.
    Latency,
    /// What a process is seeded with.
    Process,
    /// How the servers behave that an agent's checks look at.
    Targets,
    /// What others write to an agent's catalog.
    Strangers,
}

impl Dice {
    /// The dice of one part of a world.
    pub fn new(seed: u64, stream: Stream) -> Dice {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream as u64);
        Dice(rng)
    }

    /// Any number.
    pub fn any(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `end`; 0 if `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        if end == 0 { 0 } else { self.0.next_u64() % end }
    }

    /// The same for positions.
    pub fn place(&mut self, end: usize) -> usize {
        usize::try_from(self.below(end as u64)).unwrap_or(0)
    }

    /// True in so many of a thousand cases.
    pub fn chance(&mut self, per_mille: u32) -> bool {
        self.below(1000) < u64::from(per_mille)
    }

    /// True in so many of a million cases.
    pub fn chance_per_million(&mut self, per_million: u32) -> bool {
        self.below(1_000_000) < u64::from(per_million)
    }

    /// A time from `low` up to `high`.
    pub fn between(&mut self, low: Duration, high: Duration) -> Duration {
        let span = high.saturating_sub(low).as_micros();
        low + Duration::from_micros(self.below(u64::try_from(span).unwrap_or(u64::MAX)))
    }

    /// A time whose mean is about `mean` and which is now and then much longer.
    pub fn around(&mut self, mean: Duration) -> Duration {
        // Halves of halves: the scales 1/4, 1/2, 1, 2, 4 times uniform, weighted to a mean of one.
        let scale = match self.below(16) {
            0..4 => 4,
            4..8 => 8,
            8..13 => 16,
            13..15 => 32,
            _ => 64,
        };
        let top = mean * scale / 8;
        self.between(Duration::ZERO, top)
    }

    /// One of several.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.place(from.len()))
    }
}
