//! The front doors and probes of one agent: configuration, HTTP, DNS.

pub mod about;
pub mod config;
mod descriptors;
pub mod dns;
pub mod http;
mod notify;
mod own;
pub mod probes;
mod run;
pub mod ui;

pub use run::run;
