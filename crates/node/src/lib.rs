//! Gives the brains a body: threads, disk, clock and entropy around the replica and the edge.
//!
//! It decides nothing that the replica or the edge could decide.

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::string_slice))]

mod answers;
mod blocking;
pub mod ca;
pub mod clock;
pub mod cluster;
pub mod disk;
pub mod entropy;
pub mod local;
pub mod metrics;
pub mod server;
pub mod shared;

pub use cluster::Cluster;
pub use local::Local;
