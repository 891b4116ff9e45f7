//! What comes back from applying an entry.

use crate::{ids::SessionId, level::UnknownLevel, txn::TxnOutcome};

/// The result of one applied command.
#[derive(Clone, Debug, PartialEq, Hash)]
pub enum Outcome {
    /// Done; there is nothing more to say.
    Done,
    /// A conditional write: whether its condition held.
    Flag(bool),
    /// A session was created.
    SessionCreated(SessionId),
    /// A transaction's results or errors.
    Txn(Box<TxnOutcome>),
    /// Not done, and nothing changed: apply cannot fail, it refuses.
    Refused(Refusal),
}

/// Why a command was refused.
///
/// Source: transcripts kv/errors, session/basic, catalog/basic for the texts behind them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// A lock operation names a session that does not exist.
    #[error("invalid session {0:?}")]
    InvalidSession(String),
    /// A lock operation names no session.
    #[error("missing session")]
    MissingSession,
    /// A session or check names a node that is not registered.
    #[error("Missing node registration")]
    MissingNode,
    /// A check names a service that is not registered on its node.
    #[error("Missing service registration")]
    MissingService,
    /// A registration's check names a service that its node does not have.
    #[error("Unknown service ID '{service}' for check ID '{check}'")]
    UnknownService {
        /// The service instance it names.
        service: String,
        /// The check.
        check: String,
    },
    /// A registration's check names another node than the registration.
    #[error("check node {check:?} does not match node {node:?}")]
    OtherNode {
        /// The check's node.
        check: String,
        /// The registration's node.
        node: String,
    },
    /// A session names a check that does not exist.
    #[error("Missing check '{0}' registration")]
    MissingCheck(String),
    /// A session names a check that is critical.
    #[error("Check '{0}' is in {1} state")]
    CheckNotPassing(String, String),
    /// A session of that id exists.
    #[error("session {0} already exists")]
    SessionExists(SessionId),
    /// The node's id or name is in use by another node.
    #[error("{0}")]
    NodeConflict(String),
    /// The command needs a higher level than the cluster has.
    #[error("the cluster's level {have} is below the command's level {need}")]
    Level {
        /// The cluster's level.
        have: u32,
        /// The level the command needs.
        need: u32,
    },
    /// The level is not raised to one that the leader could not apply.
    #[error("the level cannot rise: {0}")]
    UnknownLevel(UnknownLevel),
}
