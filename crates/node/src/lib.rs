//! Gives the brains a body: threads, disk, clock and entropy around the replica and the edge.
//!
//! It decides nothing that the replica or the edge could decide.

pub mod cluster;
pub mod disk;
pub mod shared;

pub use cluster::Cluster;
