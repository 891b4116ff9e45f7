//! The agent's configuration.

pub mod hcl;
pub mod json;
pub mod value;
