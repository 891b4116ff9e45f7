//! The simulator: a server on a simulated disk and clock, driven by seeded clients and faults,
//! and rules that must hold in every world. Same seed, same world, event for event.
//!
//! It runs the production path: the replica, the log with its recovery, snapshots, the state and
//! the waiters. What the node does around them with threads, it does with events.

pub mod client;
pub mod dice;
pub mod disk;
pub mod invariants;
pub mod machine;
pub mod nemesis;
pub mod plant;
pub mod queue;
pub mod report;
pub mod run;
pub mod seeds;
pub mod server;
pub mod setup;
pub mod tally;
pub mod trace;
pub mod twin;
pub mod witness;
pub mod world;

#[cfg(test)]
mod tests;
