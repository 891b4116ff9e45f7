//! Admits a write: checks what only the leader can, fills in ids, and stamps it.
//!
//! The only place where wall time and entropy enter the log.

use crate::input::Proposal;
use crate::signal::Volatile;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::RngCore;
use std::time::Duration;
use tribune_state::catalog::CatalogCommand;
use tribune_state::kv::KvCommand;
use tribune_state::session::SessionCommand;
use tribune_state::txn::{KvOp, TxnOp, Verb};
use tribune_state::{Command, Outcome, Stamp};

/// Stamps and completes writes.
#[derive(Debug)]
pub(crate) struct Admit {
    entropy: ChaCha12Rng,
    wall_ms_newest: u64,
}

/// What became of a write that asked to be admitted.
pub(crate) enum Admitted {
    /// It goes into the log.
    Entry(Stamp, Box<Command>),
    /// It is answered now, without an entry.
    Now(Outcome),
}

impl Admit {
    pub fn new(entropy: ChaCha12Rng) -> Admit {
        Admit { entropy, wall_ms_newest: 0 }
    }

    /// Notes the stamp of an applied entry, so that stamps never go back.
    pub fn seen(&mut self, stamp: &Stamp) {
        self.wall_ms_newest = self.wall_ms_newest.max(stamp.wall_ms);
    }

    /// Admits a write at the leader's own time `now`.
    pub fn admit(&mut self, now: Duration, volatile: &Volatile, proposal: Proposal) -> Admitted {
        let Proposal { mut command, wall_ms, source, .. } = proposal;
        if let Command::Kv(KvCommand::Lock(set, _)) = &command
            && volatile.lock_delayed(now, &set.key)
        {
            return Admitted::Now(Outcome::Flag(false));
        }
        self.fill(now, volatile, &mut command);
        self.wall_ms_newest = self.wall_ms_newest.max(wall_ms);
        let stamp = Stamp { wall_ms: self.wall_ms_newest, source, ..Stamp::default() };
        Admitted::Entry(stamp, Box::new(command))
    }

    fn fill(&mut self, now: Duration, volatile: &Volatile, command: &mut Command) {
        match command {
            Command::Session(SessionCommand::Create(create)) if create.id.0.is_nil() => {
                create.id.0 = self.uuid();
            }
            Command::Catalog(command) => self.fill_catalog(command),
            Command::Txn(txn) => {
                for op in &mut txn.ops {
                    self.fill_op(now, volatile, op);
                }
            }
            _ => {}
        }
    }

    fn fill_catalog(&mut self, command: &mut CatalogCommand) {
        match command {
            CatalogCommand::Register(register) => {
                if let Some(service) = &mut register.service {
                    service.uuid = self.uuid();
                }
            }
            CatalogCommand::Batch(commands) => {
                for command in commands {
                    self.fill_catalog(command);
                }
            }
            CatalogCommand::Deregister(_) => {}
        }
    }

    fn fill_op(&mut self, now: Duration, volatile: &Volatile, op: &mut TxnOp) {
        match op {
            TxnOp::Kv(KvOp::Lock(set, _)) if volatile.lock_delayed(now, &set.key) => {
                *op = TxnOp::Refused(lock_delay_text(&set.key));
            }
            TxnOp::Service(Verb::Set | Verb::Cas, _, service) => service.uuid = self.uuid(),
            _ => {}
        }
    }

    /// A random (version 4) UUID.
    pub fn uuid(&mut self) -> uuid::Uuid {
        let mut bytes = [0; 16];
        self.entropy.fill_bytes(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }
}

/// Source: transcript txn/more.
fn lock_delay_text(key: &tribune_state::Key) -> String {
    format!("failed to lock key {:?}, lock is in lock-delay", key.to_string())
}
