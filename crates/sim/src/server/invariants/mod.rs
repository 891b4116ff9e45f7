//! What must hold in every world, one rule a file. A rule is told what was seen and refuses it.
//!
//! Rules see a server from outside (what clients sent and got) and, where a promise is about the
//! log, the batches that the disk was given. None of them looks into the replica.

pub mod acknowledged;
pub mod atomic;
pub mod chain;
pub mod history;
pub mod index;
pub mod lock;
pub mod publish;
pub mod session;
pub mod wakeup;

pub use crate::verdict::{Verdict, Violation, hold};

/// Every rule of one world.
#[derive(Debug, Default)]
pub struct Rules {
    pub acknowledged: acknowledged::Acknowledged,
    pub chain: chain::Chain,
    pub history: history::History,
    pub index: index::Indexes,
    pub lock: lock::Locks,
    pub session: session::Sessions,
    pub wakeup: wakeup::Wakeups,
}
