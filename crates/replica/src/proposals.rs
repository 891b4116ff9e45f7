//! Writes under way: those in the log, by position, until their commit, and before them those that
//! wait until the log may take more.

use crate::effect::WriteError;
use crate::input::{Proposal, RequestId};
use std::collections::{BTreeMap, VecDeque};
use tribune_state::Command;

/// The largest entry: above it a follower's batches and the log tail could not be bounded.
pub const ENTRY_BYTES_MAX: usize = 1 << 20;

/// How many bytes of entries may be in the log and not yet durable. They cannot be taken back, so
/// all of them must fit what the ballast frees should the disk be full, and leave room for deletes;
/// what waits before the log can still be refused then.
pub const UNSYNCED_BYTES_MAX: usize = 2 << 20;

/// How many bytes of writes may wait, in the log or before it, until further ones are refused.
pub(crate) const PENDING_BYTES_MAX: usize = 64 << 20;

/// The waiting writes.
#[derive(Debug, Default)]
pub(crate) struct Proposals {
    waiting: BTreeMap<u64, Waiting>,
    bytes: usize,
    queue: VecDeque<(usize, Proposal)>,
    queue_bytes: usize,
}

#[derive(Debug)]
struct Waiting {
    term: u64,
    request: Option<RequestId>,
    bytes: usize,
}

impl Proposals {
    /// True if another write of this size may wait.
    pub fn has_room(&self, bytes: usize) -> bool {
        self.bytes + self.queue_bytes + bytes <= PENDING_BYTES_MAX
    }

    /// True if no write waits before the log.
    pub fn queue_is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Has a write wait before the log.
    pub fn queue(&mut self, proposal: Proposal, bytes: usize) {
        self.queue_bytes += bytes;
        self.queue.push_back((bytes, proposal));
    }

    /// The size of the write that has waited longest before the log.
    pub fn next_bytes(&self) -> Option<usize> {
        self.queue.front().map(|(bytes, _)| *bytes)
    }

    /// The write that has waited longest before the log.
    pub fn next(&mut self) -> Option<Proposal> {
        let (bytes, proposal) = self.queue.pop_front()?;
        self.queue_bytes -= bytes;
        Some(proposal)
    }

    /// Takes out what waits before the log and may not, each with the reason.
    pub fn refuse_queued(
        &mut self,
        mut may: impl FnMut(&Command) -> Result<(), WriteError>,
    ) -> Vec<(RequestId, WriteError)> {
        let mut refused = Vec::new();
        let queue_bytes = &mut self.queue_bytes;
        self.queue.retain(|(bytes, proposal)| match may(&proposal.command) {
            Ok(()) => true,
            Err(error) => {
                *queue_bytes -= bytes;
                refused.push((proposal.request, error));
                false
            }
        });
        refused
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

    /// Everyone in the log who waits, when leadership is lost.
    pub fn drain(&mut self) -> Vec<RequestId> {
        self.bytes = 0;
        std::mem::take(&mut self.waiting).into_values().filter_map(|w| w.request).collect()
    }
}
