//! The same entries give the same chain: a log position has one chain hash, over all restarts,
//! whether the state came there by entries or from a snapshot.

use super::{Verdict, hold};
use std::collections::BTreeMap;

/// The chain hash of each published position.
#[derive(Debug, Default)]
pub struct Chain(BTreeMap<u64, u64>);

impl Chain {
    /// A state with this chain hash was published, or restored.
    pub fn seen(&mut self, at: u64, chain: u64) -> Verdict {
        let before = *self.0.entry(at).or_insert(chain);
        hold("same entries, same chain", before == chain, || {
            format!("position {at} has chain {chain:016x} and had {before:016x}")
        })
    }
}
