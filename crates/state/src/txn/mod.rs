//! Transactions: several operations on keys, nodes, services and checks, all or none.
//!
//! Source: Consul 1.22 documentation of transactions; transcripts txn/*.

mod apply;
mod catalog;

use crate::catalog::{CheckRow, NodeRow, ServiceRow};
use crate::ids::{Index, Key, NodeName};
use crate::kv::{KvRow, KvSet};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

pub(crate) use apply::{apply, read};

/// A transaction that writes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TxnCommand {
    /// Its operations, in order.
    pub ops: Vec<TxnOp>,
}

/// A transaction that only reads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TxnQuery {
    /// Its operations, in order, as the codec writes them: such reads never wait.
    pub ops: Vec<u8>,
}

/// One operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum TxnOp {
    /// On keys.
    Kv(KvOp),
    /// On a node.
    Node(Verb, Box<NodeRow>),
    /// On a service instance of a node.
    Service(Verb, NodeName, Box<ServiceRow>),
    /// On a check.
    Check(Verb, Box<CheckRow>),
    /// Refused before it was applied, for this reason.
    Refused(String),
}

/// An operation on keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KvOp {
    /// Writes.
    Set(KvSet),
    /// Writes if the modify index is this.
    Cas(KvSet, Index),
    /// Writes and locks for the session.
    Lock(KvSet, String),
    /// Writes and unlocks.
    Unlock(KvSet, String),
    /// Reads; a missing key is an error.
    Get(Key),
    /// Reads; a missing key is an empty row.
    GetOrEmpty(Key),
    /// Reads all under a prefix.
    GetTree(Key),
    /// Fails unless the modify index is this.
    CheckIndex(Key, Index),
    /// Fails unless the session holds the lock.
    CheckSession(Key, String),
    /// Fails if the key exists.
    CheckNotExists(Key),
    /// Removes.
    Delete(Key),
    /// Removes all under a prefix.
    DeleteTree(Key),
    /// Removes if the modify index is this.
    DeleteCas(Key, Index),
}

/// What to do with a node, service or check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verb {
    /// Reads.
    Get,
    /// Writes.
    Set,
    /// Writes if the row's modify index is that of the operation.
    Cas,
    /// Removes.
    Delete,
    /// Removes if the row's modify index is that of the operation.
    DeleteCas,
}

/// One result of a transaction.
#[derive(Clone, Debug, PartialEq)]
pub enum TxnResult {
    /// A key; without its value where the operation does not read.
    Kv(Arc<KvRow>, WithValue),
    /// The empty row of a key that does not exist.
    NoKv(Key),
    /// A node.
    Node(Arc<NodeRow>),
    /// A service instance.
    Service(Arc<ServiceRow>),
    /// A check.
    Check(Arc<CheckRow>),
}

/// Whether a result shows the key's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WithValue {
    /// Reads do.
    Yes,
    /// Writes do not.
    No,
}

/// What a transaction came to: results if there are no errors.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TxnOutcome {
    /// One or more per reading operation, one per write.
    pub results: Vec<TxnResult>,
    /// The operations that failed: their number from zero, and why.
    pub errors: Vec<(usize, String)>,
}

/// For the chain: errors tell outcomes apart, rows are covered by the indexes they carry.
impl std::hash::Hash for TxnOutcome {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.results.len().hash(state);
        self.errors.hash(state);
    }
}
