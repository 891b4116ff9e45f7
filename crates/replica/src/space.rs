//! What the disk has left, and which writes are let through then.

use crate::effect::WriteError;
use tribune_state::Command;
use tribune_state::catalog::CatalogCommand;
use tribune_state::kv::KvCommand;
use tribune_state::session::SessionCommand;
use tribune_state::txn::{KvOp, TxnOp, Verb};

/// What the disk has left, as this server was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Space {
    Ample,
    /// Only writes that take away are admitted.
    Low,
    /// Not even the batch under way fits: none is admitted.
    None,
}

impl Space {
    /// Whether a write is admitted.
    ///
    /// # Errors
    /// Why not.
    pub fn admits(self, command: &Command) -> Result<(), WriteError> {
        match self {
            Space::Low if !frees_space(command) => Err(WriteError::DiskFull),
            Space::Ample | Space::Low => Ok(()),
            Space::None => Err(WriteError::DiskSpent),
        }
    }
}

/// True for writes that are let through while the disk is full: they only take away.
fn frees_space(command: &Command) -> bool {
    match command {
        Command::Kv(command) => matches!(
            command,
            KvCommand::Delete(_) | KvCommand::DeleteCas(..) | KvCommand::DeleteTree(_)
        ),
        Command::Session(command) => matches!(command, SessionCommand::Destroy(_)),
        Command::Catalog(command) => only_deregisters(command),
        Command::Txn(txn) => txn.ops.iter().all(op_frees_space),
        Command::Connect(_) | Command::System(_) | Command::Coordinate(_) => false,
    }
}

fn only_deregisters(command: &CatalogCommand) -> bool {
    match command {
        CatalogCommand::Deregister(_) => true,
        CatalogCommand::Batch(commands) => commands.iter().all(only_deregisters),
        CatalogCommand::Register(_) => false,
    }
}

fn op_frees_space(op: &TxnOp) -> bool {
    match op {
        TxnOp::Kv(op) => {
            matches!(op, KvOp::Delete(_) | KvOp::DeleteTree(_) | KvOp::DeleteCas(..))
        }
        TxnOp::Node(verb, _) | TxnOp::Service(verb, ..) | TxnOp::Check(verb, _) => {
            matches!(verb, Verb::Delete | Verb::DeleteCas)
        }
        TxnOp::Refused(_) => true,
    }
}
