//! The front doors and probes of one agent: configuration, HTTP, DNS.

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::string_slice))]

pub mod about;
pub mod config;
mod coordinate;
mod descriptors;
pub mod dns;
mod doors;
mod host;
pub mod http;
mod http_settings;
pub mod log;
mod notify;
mod own;
pub mod probes;
mod reload;
mod run;
mod signals;
pub mod telemetry;
mod tls;
pub mod ui;
mod watches;

pub use run::run;
