//! Everything a replica asks its shell to do, in the order in which it is to be done.

use crate::input::RequestId;
use crate::signal::SignalOutcome;
use std::time::Duration;
use tribune_durable::Batch;
use tribune_state::level::UnknownLevel;
use tribune_state::{Event, Outcome, View};

/// Something to do.
#[derive(Debug)]
pub enum Effect {
    /// Make this durable with one write and one sync, then say [`crate::Input::Appended`]. There
    /// is never a second one before that.
    Append(Batch),
    /// Make this state the one that readers see, then wake who waits for its events.
    Publish(Published),
    /// Answer a write. What it wrote has been published before.
    Reply {
        /// Whose.
        request: RequestId,
        /// What it came to.
        result: Result<Outcome, WriteError>,
    },
    /// Answer a confirmed read: it may be answered from any view at or past `at`.
    ReadReady {
        /// Whose.
        request: RequestId,
        /// The log position, or why there is none.
        result: Result<u64, ReadError>,
    },
    /// Answer a signal.
    Signalled {
        /// Whose.
        request: RequestId,
        /// What it came to.
        result: Result<SignalOutcome, ReadError>,
    },
    /// Write a snapshot beside the loop, then say [`crate::Input::SnapshotSaved`].
    Snapshot(SnapshotOrder),
    /// The log up to this position is in a durable snapshot and may go.
    Compact {
        /// The last position that may go.
        through: u64,
    },
    /// The role changed, or the lease was extended.
    Role(Role),
    /// Stop the process: going on could lose or invent data.
    Stop(Fatal),
}

/// A state to publish.
#[derive(Debug)]
pub struct Published {
    /// The state.
    pub view: View,
    /// What changed since the one before.
    pub events: Vec<Event>,
}

/// A snapshot to write.
#[derive(Debug)]
pub struct SnapshotOrder {
    /// The state.
    pub view: View,
    /// The last entry in it.
    pub index: u64,
    /// That entry's term.
    pub term: u64,
    /// The voters at that point.
    pub voters: Vec<u64>,
}

/// How this server stands in its group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Role {
    /// The leader's id, 0 if there is none.
    pub leader: u64,
    /// True if this server leads.
    pub is_leader: bool,
    /// True once an entry of a leader of this run's own time has been applied: the state then holds
    /// all that was ever committed before the start. Until then even a stale read must wait, since
    /// it would see less than this server showed before.
    pub caught_up: bool,
    /// The term.
    pub term: u64,
    /// Until when this server may answer default reads, as time since the node started.
    pub lease_until: Duration,
    /// The last position committed.
    pub committed: u64,
    /// The last position in the log.
    pub last: u64,
}

/// Why a write was not done. All but the last say for sure that nothing was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// This server does not lead.
    #[error("not the leader")]
    NotLeader,
    /// The entry would be too large.
    #[error("entry of {have} bytes is larger than the limit of {limit} bytes")]
    TooLarge {
        /// Its size in bytes.
        have: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The disk is full, and this write does not delete.
    #[error("disk is full")]
    DiskFull,
    /// The disk is full, and not even what is in the log already fits.
    #[error("disk is full and its reserve is spent")]
    DiskSpent,
    /// Too much waits for the disk already.
    #[error("too many writes wait")]
    Overloaded,
    /// Leadership was lost before the write was known to be committed; it may yet be.
    #[error("leadership was lost")]
    LeadershipLost,
}

/// Why a read or a signal was not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// This server does not lead.
    #[error("not the leader")]
    NotLeader,
}

/// Why the process must stop.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fatal {
    /// A committed entry does not decode: this program is older than the log, or the log is bad.
    #[error("committed entry {index} does not decode: {why}")]
    Entry {
        /// Its log position.
        index: u64,
        /// Why.
        why: String,
    },
    /// A committed entry raises the level past what this program can apply.
    #[error("committed entry {index} raises the level: {why}: run the later version that wrote it")]
    Level {
        /// Its log position.
        index: u64,
        /// Which levels.
        why: UnknownLevel,
    },
    /// The consensus engine refused what can only be refused when memory is corrupt.
    #[error("consensus failed: {0}")]
    Consensus(String),
}
