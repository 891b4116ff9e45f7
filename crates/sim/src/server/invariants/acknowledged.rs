//! An acknowledged write is never lost: whatever any client was told stands on what every later
//! restart finds again. The same for what a client has read: it stays.

use super::{Verdict, Violation, hold};
use std::collections::BTreeSet;
use tribune_replica::RequestId;

const RULE: &str = "acknowledged write never lost";

/// What clients were promised.
#[derive(Debug, Default)]
pub struct Acknowledged {
    /// The highest log position on which any answer stood.
    promised: u64,
    /// Writes that were answered before their entry was given to a disk.
    unplaced: BTreeSet<RequestId>,
}

impl Acknowledged {
    /// The highest log position on which any answer stood. A read that begins now must see it.
    pub fn promised(&self) -> u64 {
        self.promised
    }

    /// A client got an answer that stands on a log position.
    pub fn answered(&mut self, at: u64) {
        self.promised = self.promised.max(at);
    }

    /// A client got the answer to a write that no disk has been given yet.
    pub fn answered_unplaced(&mut self, request: RequestId) {
        self.unplaced.insert(request);
    }

    /// The disk was given the entry of a write.
    pub fn placed(&mut self, request: RequestId, at: u64) {
        if self.unplaced.remove(&request) {
            self.answered(at);
        }
    }

    /// A restart found a log that ends here. `seen` is the last position of any published state.
    pub fn recovered(&mut self, last: u64, seen: u64) -> Verdict {
        hold(RULE, last >= self.promised, || {
            format!("the log ends at {last}, clients were answered up to {}", self.promised)
        })?;
        hold(RULE, last >= seen, || format!("the log ends at {last}, {seen} had been published"))?;
        match self.unplaced.first() {
            None => Ok(()),
            Some(request) => Err(Violation {
                rule: RULE,
                what: format!("write {} was acknowledged and given to no disk", request.0),
            }),
        }
    }
}
