//! One server's brain: consensus, state, and the leader's chores.
//!
//! [`Replica::step`] takes what arrived and the time since the node started, and gives back what
//! is to be done, in order. It never touches a disk, a socket, a clock or a generator of its own.
//! Publish of a batch precedes every Reply of it.

#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::string_slice))]

mod admit;
mod apply;
pub mod boot;
mod chores;
mod compaction;
mod consensus;
mod effect;
mod input;
mod lease;
mod proposals;
mod reads;
mod replica;
mod signal;
mod space;
pub mod waiters;

#[cfg(test)]
mod tests;

pub use effect::{Effect, Fatal, Published, ReadError, Role, SnapshotOrder, WriteError};
pub use input::{Input, Proposal, RequestId};
pub use proposals::{ENTRY_BYTES_MAX, UNSYNCED_BYTES_MAX};
pub use replica::{Bug, Replica, ReplicaConfig, StartError};
pub use signal::{Signal, SignalOutcome};
