//! The naive twin of the state: plain maps, one rule after the other, no sharing, no indexes on
//! the side. It is fed the entries of the log in order and says what each must have come to.
//!
//! It knows keys, sessions, locks and transactions on keys; of the catalog only that it changes.
//! Written from the documented behaviour, not from the state's own code.

mod kv;
mod txn;

pub use kv::{Keys, Row};
pub use txn::TwinTxn;

use std::collections::BTreeMap;
use tribune_state::session::{Behavior, SessionCommand, SessionCreate};
use tribune_state::system::SystemCommand;
use tribune_state::{Command, Key, Outcome, SessionId};

/// What the twin remembers.
#[derive(Clone, Debug, Default)]
pub struct Twin {
    /// The position of the last entry.
    pub at: u64,
    /// Every key.
    pub keys: Keys,
    /// Every session.
    pub sessions: Sessions,
}

/// Sessions by id.
pub type Sessions = BTreeMap<SessionId, Session>;

/// A session as the twin knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub ttl_ms: u64,
    pub lock_delay_ms: u64,
    pub delete: bool,
    pub create_index: u64,
}

/// What an entry must have come to.
#[derive(Clone, Debug, PartialEq)]
pub enum Expected {
    /// Exactly this.
    Outcome(Outcome),
    /// A transaction with these results or failures.
    Txn(TwinTxn),
    /// The twin does not know.
    Any,
}

/// What an entry changed, for the rules that follow changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A key was written or removed.
    Key(Key),
    /// A session began.
    Begun { id: SessionId, ttl_ms: u64 },
    /// A session ended, and these keys had been its own.
    Ended { id: SessionId, released: Vec<Key>, lock_delay_ms: u64 },
    /// A lock was taken by a session that did not hold it.
    Locked { key: Key, session: SessionId },
}

impl Twin {
    /// Applies the entry at a position.
    pub fn apply(&mut self, at: u64, command: &Command, changes: &mut Vec<Change>) -> Expected {
        self.at = at;
        match command {
            Command::Kv(command) => {
                Expected::Outcome(self.keys.apply(at, &self.sessions, command, changes))
            }
            Command::Session(SessionCommand::Create(create)) => self.begin(at, create, changes),
            Command::Session(SessionCommand::Destroy(id)) => {
                self.end(at, *id, changes);
                Expected::Outcome(Outcome::Flag(true))
            }
            Command::Txn(command) => {
                let Twin { keys, sessions, .. } = self;
                Expected::Txn(txn::run(at, &command.ops, keys, sessions, changes))
            }
            Command::System(
                SystemCommand::Barrier
                | SystemCommand::ReapTombstones(_)
                | SystemCommand::ReapOldest { .. },
            ) => Expected::Outcome(Outcome::Done),
            Command::System(_)
            | Command::Catalog(_)
            | Command::Connect(_)
            | Command::Coordinate(_) => Expected::Any,
        }
    }

    fn begin(&mut self, at: u64, create: &SessionCreate, changes: &mut Vec<Change>) -> Expected {
        let session = Session {
            ttl_ms: create.ttl_ms,
            lock_delay_ms: create.lock_delay_ns.div_ceil(1_000_000),
            delete: create.behavior == Behavior::Delete,
            create_index: at,
        };
        self.sessions.insert(create.id, session);
        changes.push(Change::Begun { id: create.id, ttl_ms: create.ttl_ms });
        Expected::Outcome(Outcome::SessionCreated(create.id))
    }

    fn end(&mut self, at: u64, id: SessionId, changes: &mut Vec<Change>) {
        let Some(session) = self.sessions.remove(&id) else { return };
        let rows = &mut self.keys.rows;
        let released: Vec<Key> = rows
            .iter()
            .filter(|(_, row)| row.session == Some(id))
            .map(|(key, _)| key.clone())
            .collect();
        for key in &released {
            if session.delete {
                rows.remove(key);
            } else if let Some(row) = rows.get_mut(key) {
                row.session = None;
                row.modify_index = at;
            }
            changes.push(Change::Key(key.clone()));
        }
        changes.push(Change::Ended { id, released, lock_delay_ms: session.lock_delay_ms });
    }
}
