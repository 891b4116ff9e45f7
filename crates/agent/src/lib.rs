//! The front doors and probes of one agent: configuration, HTTP, DNS.

pub mod config;
pub mod http;
pub mod ui;
