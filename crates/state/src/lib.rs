//! What the cluster remembers: the tables, what changes them and what reads them.
//!
//! [`Store::apply`] takes one committed [`Entry`] and yields one [`Outcome`] and the typed events
//! of it; [`Store::view`] hands out an immutable [`View`] that answers every [`Query`].
//! No clock, no randomness, no IO: same entries give the same state, byte for byte.

#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::string_slice))]

pub mod catalog;
pub mod codec;
pub mod command;
pub mod connect;
pub mod coordinate;
pub mod entry;
pub mod feed;
pub mod filter;
pub mod ids;
pub mod kv;
pub mod level;
pub mod outcome;
pub mod query;
pub mod secret;
pub mod session;
pub mod stamp;
mod store;
pub mod system;
mod table;
pub mod texts;
pub mod txn;
pub mod view;
pub mod watch;

pub use command::Command;
pub use entry::Entry;
pub use feed::Event;
pub use ids::{Index, Key, LogIndex, NodeName, ServiceName, SessionId, Tenancy};
pub use outcome::{Outcome, Refusal};
pub use query::{Answer, Body, Query, ReadIndexes, Visible};
pub use secret::Secret;
pub use stamp::{Source, Stamp};
pub use store::{Applied, RestoreError, Store};
pub use texts::{Tags, TextMap};
pub use view::{SnapshotRecord, View};
pub use watch::Topic;

#[cfg(test)]
mod tests;
