//! A client of Tribune, and of any agent that speaks Consul's HTTP API, for Rust programs.
//! Start with [`Client::from_env`]. It speaks HTTP, HTTPS and unix sockets, and runs on
//! tokio. Nothing here keeps state between requests but open connections.

#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::string_slice))]

pub mod agent;
mod call;
pub mod catalog;
mod client;
mod config;
mod connection;
pub mod coordinate;
mod error;
pub mod event;
pub mod health;
pub mod kv;
pub mod lock;
pub mod monitor;
pub mod plan;
pub mod session;
pub mod status;
pub mod tls;
pub mod txn;
mod watch;

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;

pub use call::{Answer, Meta, Read, WAIT_DEFAULT, Write};
pub use client::Client;
pub use config::{ADDRESS_DEFAULT, Config, Token, token_file};
pub use error::{Error, io_text};
pub use lock::{Lock, LockGuard};
pub use session::{KeepAlive, SessionOptions};
pub use tls::TlsFiles;
pub use watch::Watch;

/// The nouns of the wire.
pub use tribune_api as api;
