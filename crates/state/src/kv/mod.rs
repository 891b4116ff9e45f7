//! Key/value: ordered byte keys with flags, a lock and two indexes.
//!
//! Source: Consul 1.22 documentation of the KV store API; transcripts kv/*.

mod read;
mod rows;
mod write;

#[cfg(test)]
mod tests;

pub(crate) use read::answer;
pub use read::{KvBody, KvQuery};
pub use rows::{KvRow, KvTables, Lock};
pub use write::{KvCommand, KvSet, LockError};
pub(crate) use write::{
    apply, cas, delete, delete_cas, delete_tree, lock, reap, release_all, set, unlock,
};
