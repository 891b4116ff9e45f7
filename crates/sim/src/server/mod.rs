//! The server's world: a server on a simulated disk and clock, its clients, what strikes them,
//! and what must hold.

pub mod client;
pub mod invariants;
pub mod machine;
pub mod nemesis;
pub mod process;
pub mod setup;
pub mod twin;
pub mod witness;
pub mod world;
