//! HTTP itself, as Go's server does it: connections, paths, parameters, bodies, answers.
//! It knows no noun and no cluster; what a request means is decided one level up.
//! Invariant: any bytes a client sends end in an answer or a closed connection, within limits.

pub mod body;
mod connection;
pub mod mux;
pub mod params;
pub mod reply;
mod server;

pub use server::{Server, ServerLimits, Service};
