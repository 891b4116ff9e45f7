//! A server: the replica on its thread, the log on another, and the handle to both.
//!
//! The handle is what front doors hold; see [`crate::Cluster`].

mod disk_thread;
mod handle;
mod identity;
mod jobs;
mod meter;
mod replica_thread;
mod start;
#[cfg(test)]
mod tests;

pub use handle::Server;
pub use identity::{Identity, IdentityError};
pub use start::{DiskKind, ServerConfig, ServerError, Stopped, start};
