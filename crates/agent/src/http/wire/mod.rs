//! HTTP itself, as Go's server does it: connections, paths, parameters, bodies, answers.
//! It knows no noun and no cluster; what a request means is decided one level up.
//! Invariant: any bytes a client sends end in an answer or a closed connection, within limits.

pub mod body;
mod clients;
pub mod connection;
pub mod listen;
pub mod mux;
pub mod params;
pub mod patience;
mod position;
pub mod reply;
pub mod room;
pub mod server;
mod target;

pub use server::{HangUp, Server, ServerLimits, Service};
