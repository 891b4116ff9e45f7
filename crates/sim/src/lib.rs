//! The simulator: a server, and beside it an agent, each on a simulated disk and clock, driven by
//! seeded clients and faults, and rules that must hold in every world. Same seed, same world,
//! event for event.
//!
//! It runs the production path: of the server the replica, the log with its recovery, snapshots,
//! the state and the waiters; of the agent its brain. What the node does around them with threads
//! and tasks, it does with events. [`server`] and [`edge`] are the two worlds; the rest is for
//! both.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a tool tells its user")]

pub mod dice;
pub mod disk;
pub mod edge;
pub mod plant;
pub mod queue;
pub mod report;
pub mod run;
pub mod seeds;
pub mod server;
pub mod share;
pub mod tally;
pub mod trace;
pub mod verdict;

#[cfg(test)]
mod tests;
