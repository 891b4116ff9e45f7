//! The catalog: nodes, service instances and their checks; health is a way to read it.
//!
//! Source: Consul 1.22 documentation of the catalog and health APIs; transcripts catalog/*,
//! health/*.

mod marks;
mod node;
mod query;
mod read;
mod rows;
mod verdict;
mod virtual_address;
mod write;

pub(crate) use marks::Marks;
pub(crate) use node::{put_node, remove_node};
pub use query::{Catalog, CatalogBody, CatalogQuery, Instance, STATE_ANY, ServiceRead, WhyRead};
pub(crate) use read::{answer, indexes};
pub use rows::{
    Address, CatalogTables, CheckRow, CheckStatus, KIND_PROXY, Locality, NamedPort, NodeRow,
    ServiceRow, Weights,
};
pub use verdict::{Bar, Door, Verdict, has_tag};
pub use virtual_address::VIRTUAL_TAG;
pub use write::{
    CatalogCommand, CheckRegister, Deregister, NodeRegister, Register, ServiceRegister,
};
pub(crate) use write::{apply, put_check, put_service, remove_check, remove_service};

#[cfg(test)]
mod tests;
