//! The catalog: nodes, service instances and their checks; health is a way to read it.
//!
//! Source: Consul 1.22 documentation of the catalog and health APIs; transcripts catalog/*,
//! health/*.

mod read;
mod rows;
mod write;

pub use read::{CatalogBody, CatalogQuery, Instance};
pub use rows::{
    Address, CatalogTables, CheckRow, CheckStatus, Locality, NamedPort, NodeRow, ServiceRow,
    Weights,
};
pub(crate) use write::apply;
pub use write::{
    CatalogCommand, CheckRegister, Deregister, NodeRegister, Register, ServiceRegister,
};
