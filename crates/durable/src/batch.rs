//! What the log stores: entries, the hard state of Raft, and the head of a snapshot.
//!
//! Not the meaning of an entry: `data` is opaque here, and `kind` is the caller's own tag.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// One entry of the replicated log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEntry {
    pub index: u64,
    pub term: u64,
    /// The caller's tag (normal, configuration change, ...); stored, never read here.
    pub kind: u8,
    pub data: Bytes,
}

/// What a Raft server must never forget besides its entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HardState {
    pub term: u64,
    /// The Raft id voted for in `term`; 0 is nobody.
    pub vote: u64,
    pub commit: u64,
}

/// What one `append` makes durable, all of it or nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Batch {
    /// Of rising index without gaps. They may begin at or below the last index of the log, which
    /// then loses every entry from there on, as Raft asks of a follower.
    pub entries: Vec<LogEntry>,
    /// None leaves the hard state as it was.
    pub hard_state: Option<HardState>,
}

impl Batch {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.hard_state.is_none()
    }
}

/// The head of a snapshot: the last entry it contains, and the caller's own bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SnapshotMeta {
    pub index: u64,
    pub term: u64,
    /// Opaque here: level, index base, voters. At most `snapshot_file::EXTRA_BYTES_MAX`.
    pub extra: Vec<u8>,
}
