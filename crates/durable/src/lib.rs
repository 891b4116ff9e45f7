//! Bytes that survive: the segmented log of Raft entries, its recovery, snapshot files and the
//! ballast that keeps deletes possible on a full disk.
//!
//! It knows nothing of what an entry means, and never touches a real file: all IO goes through
//! [`Disk`], so that the same code runs on a directory, in memory and on a simulated disk.
//! Invariant: what `append` acknowledged is found again by `open`, or `open` refuses and says why.

#![forbid(unsafe_code)]

pub mod ballast;
pub mod batch;
mod chain;
#[cfg(test)]
mod crash_disk;
mod cursor;
pub mod disk;
mod frame;
pub mod mem_disk;
mod options;
mod recover;
mod segment;
pub mod snapshot_file;
pub mod wal;

pub use ballast::{Ballast, Space};
pub use batch::{Batch, HardState, LogEntry, SnapshotMeta};
pub use chain::SegmentPlan;
pub use disk::{Disk, DiskError};
pub use mem_disk::MemDisk;
#[cfg(feature = "planted-bugs")]
pub use options::Fault;
pub use options::{AppendError, WalOptions};
pub use recover::{OpenError, Recovered, RecoveryReport, TornTail};
pub use snapshot_file::{SnapshotError, SnapshotReader};
pub use wal::Wal;
