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
use tribune_state::{Command, Key, Outcome, Stamp, View, level};

/// Stamps and completes writes.
#[derive(Debug)]
pub(crate) struct Admit {
    entropy: ChaCha12Rng,
    wall_ms_newest: u64,
}

/// What the leader knows besides the log, at its own time `now`.
pub(crate) struct Leader<'a> {
    pub now: Duration,
    pub volatile: &'a Volatile,
    pub view: &'a View,
}

impl Leader<'_> {
    /// Why a key must not be locked now, though its row alone would allow it.
    fn refuses_lock(&self, key: &Key, session: &str) -> Option<String> {
        if self.volatile.lock_delayed(self.now, key) {
            return Some(lock_delay_text(key));
        }
        // The end of its holder is on its way to the disk, and lock-delay begins with it: a lock
        // that came between the two would miss the delay. In the view it is still held.
        let holder = self.view.kv().get(key).and_then(|row| row.session())?;
        let slips_in = self.volatile.sessions.is_ending(holder) && holder.to_string() != session;
        slips_in.then(|| lock_held_text(key))
    }
}

/// What became of a write that asked to be admitted.
pub(crate) enum Admitted {
    /// It goes into the log.
    Entry(Stamp, Box<Command>),
    /// It is answered now, without an entry.
    Now(Outcome),
}

impl Admit {
    /// Starts at the wall time, or at the newest stamp of the state if that is later.
    pub fn new(entropy: ChaCha12Rng, wall_ms: u64) -> Admit {
        Admit { entropy, wall_ms_newest: wall_ms }
    }

    /// Notes the wall time of a tick.
    pub fn pass(&mut self, wall_ms: u64) {
        self.wall_ms_newest = self.wall_ms_newest.max(wall_ms);
    }

    /// The newest wall time seen, with which the leader stamps its own entries.
    pub fn newest_wall_ms(&self) -> u64 {
        self.wall_ms_newest
    }

    /// Notes the stamp of an applied entry, so that stamps never go back.
    pub fn seen(&mut self, stamp: &Stamp) {
        self.wall_ms_newest = self.wall_ms_newest.max(stamp.wall_ms);
    }

    /// Admits a write.
    pub fn admit(&mut self, leader: &Leader<'_>, proposal: Proposal) -> Admitted {
        let Proposal { mut command, wall_ms, source, .. } = proposal;
        if let Err(why) = level::may_write(leader.view.system().level, &command) {
            return Admitted::Now(Outcome::Refused(why));
        }
        if let Command::Kv(KvCommand::Lock(set, session)) = &command
            && leader.refuses_lock(&set.key, session).is_some()
        {
            return Admitted::Now(Outcome::Flag(false));
        }
        self.fill(leader, &mut command);
        self.wall_ms_newest = self.wall_ms_newest.max(wall_ms);
        let stamp = Stamp { wall_ms: self.wall_ms_newest, source, ..Stamp::default() };
        Admitted::Entry(stamp, Box::new(command))
    }

    fn fill(&mut self, leader: &Leader<'_>, command: &mut Command) {
        match command {
            Command::Session(SessionCommand::Create(create)) if create.id.0.is_nil() => {
                create.id.0 = self.uuid();
            }
            Command::Catalog(command) => self.fill_catalog(command),
            Command::Txn(txn) => {
                for op in &mut txn.ops {
                    self.fill_op(leader, op);
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

    fn fill_op(&mut self, leader: &Leader<'_>, op: &mut TxnOp) {
        match op {
            TxnOp::Kv(KvOp::Lock(set, session)) => {
                if let Some(why) = leader.refuses_lock(&set.key, session) {
                    *op = TxnOp::Refused(why);
                }
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
fn lock_delay_text(key: &Key) -> String {
    format!("failed to lock key {:?}, lock is in lock-delay", key.to_string())
}

/// Source: transcript txn/more; the text of the state for a lock that somebody else holds.
fn lock_held_text(key: &Key) -> String {
    format!("failed to lock key {:?}, lock is already held", key.to_string())
}
