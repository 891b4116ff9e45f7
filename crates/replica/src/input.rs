//! Everything that can arrive at a replica: a closed set, and plain values.

use crate::signal::Signal;
use tribune_state::{Command, Source};

/// Names a request of the shell, so that its answer finds the way back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// Something that arrived.
#[derive(Clone, Debug)]
pub enum Input {
    /// A tick of the shell's timer; `wall_ms` is the wall time for the chores' stamps.
    Tick {
        /// Milliseconds since 1970.
        wall_ms: u64,
    },
    /// A write is wanted.
    Propose(Proposal),
    /// The position up to which a read must wait is wanted, confirmed by a quorum.
    Read {
        /// Whose.
        request: RequestId,
    },
    /// Volatile state of the leader is to change.
    Signal {
        /// Whose.
        request: RequestId,
        /// How.
        signal: Signal,
    },
    /// The batch of the last [`crate::Effect::Append`] is durable.
    Appended {
        /// True if the disk had to give up its reserve: writes are refused until space returns.
        space_low: bool,
    },
    /// The disk has room again, or has none left.
    Space {
        /// True if there is none.
        low: bool,
    },
    /// The batch of the last [`crate::Effect::Append`] waits for room on the disk: nothing more can
    /// be written until it is durable.
    AppendWaits,
    /// A snapshot is durable up to this log position; none if it failed and may be tried again.
    SnapshotSaved {
        /// The last entry it contains.
        index: Option<u64>,
    },
}

/// A write that is wanted.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// Whose answer it is.
    pub request: RequestId,
    /// The write.
    pub command: Command,
    /// The wall time at which it was asked for, in milliseconds since 1970.
    pub wall_ms: u64,
    /// The door it came through.
    pub source: Source,
}
