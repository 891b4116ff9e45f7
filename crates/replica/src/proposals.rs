//! Writes that are in the log and wait for their commit, by log position.

use crate::effect::WriteError;
use crate::input::RequestId;
use std::collections::BTreeMap;

/// The largest entry: above it a follower's batches and the log tail could not be bounded.
pub const ENTRY_BYTES_MAX: usize = 1 << 20;

/// How many bytes of entries may wait for the disk before further writes are refused.
pub(crate) const PENDING_BYTES_MAX: usize = 64 << 20;

/// The waiting writes.
#[derive(Debug, Default)]
pub(crate) struct Proposals {
    waiting: BTreeMap<u64, Waiting>,
    bytes: usize,
}

#[derive(Debug)]
struct Waiting {
    term: u64,
    request: Option<RequestId>,
    bytes: usize,
}

impl Proposals {
    /// True if another entry of this size may wait.
    pub fn has_room(&self, bytes: usize) -> bool {
        self.bytes + bytes <= PENDING_BYTES_MAX
    }

    /// Notes the writer of a log position; chores have none.
    pub fn insert(&mut self, index: u64, term: u64, request: Option<RequestId>, bytes: usize) {
        self.bytes += bytes;
        self.waiting.insert(index, Waiting { term, request, bytes });
    }

    /// The writer of an applied position, with an error if another leader's entry took it.
    pub fn take(&mut self, index: u64, term: u64) -> Option<(RequestId, Result<(), WriteError>)> {
        let waiting = self.waiting.remove(&index)?;
        self.bytes -= waiting.bytes;
        let result = if waiting.term == term { Ok(()) } else { Err(WriteError::LeadershipLost) };
        Some((waiting.request?, result))
    }

    /// Everyone who waits, when leadership is lost.
    pub fn drain(&mut self) -> Vec<RequestId> {
        self.bytes = 0;
        std::mem::take(&mut self.waiting).into_values().filter_map(|w| w.request).collect()
    }
}
