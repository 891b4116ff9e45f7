//! The agent's world: the brain of one agent on a skewed clock and a simulated disk, the catalog
//! that it keeps told, the servers that its checks look at, clients, strangers who write to the
//! same catalog, what strikes them, and what must hold.

pub mod agent;
pub mod client;
pub mod cluster;
pub mod effects;
pub mod file;
pub mod invariants;
pub mod judge;
pub mod machine;
pub mod model;
pub mod nemesis;
pub mod setup;
pub mod strangers;
pub mod targets;
pub mod wish;
pub mod world;
