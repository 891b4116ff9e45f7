//! Reads that wait for a quorum to confirm the leader, and then for the state to catch up.

use crate::effect::{Effect, ReadError};
use crate::input::RequestId;
use std::collections::BTreeMap;

/// The waiting reads.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    next: u64,
    asked: BTreeMap<u64, RequestId>,
    confirmed: BTreeMap<(u64, RequestId), ()>,
}

impl Reads {
    /// Notes a read; the number is the context under which consensus confirms it.
    pub fn ask(&mut self, request: RequestId) -> u64 {
        self.next += 1;
        self.asked.insert(self.next, request);
        self.next
    }

    /// Consensus confirmed the read of that number at a commit position.
    pub fn confirm(&mut self, number: u64, committed: u64) {
        if let Some(request) = self.asked.remove(&number) {
            self.confirmed.insert((committed, request), ());
        }
    }

    /// Gives out every confirmed read whose position is applied.
    pub fn ready(&mut self, applied: u64, effects: &mut Vec<Effect>) {
        while let Some(((at, request), ())) = self.confirmed.first_key_value()
            && *at <= applied
        {
            let (at, request) = (*at, *request);
            effects.push(Effect::ReadReady { request, result: Ok(at) });
            self.confirmed.remove(&(at, request));
        }
    }

    /// Refuses everyone who waits, when leadership is lost.
    pub fn refuse(&mut self, effects: &mut Vec<Effect>) {
        let asked = std::mem::take(&mut self.asked).into_values();
        let confirmed = std::mem::take(&mut self.confirmed).into_keys().map(|(_, r)| r);
        for request in asked.chain(confirmed) {
            effects.push(Effect::ReadReady { request, result: Err(ReadError::NotLeader) });
        }
    }
}
