//! How a log is made and kept, and how an append can end.
//!
//! Not the log itself (wal.rs).

use crate::ballast::BALLAST_BYTES;

/// The first segment: small, since a new server must be writable at once.
pub const SEGMENT_BYTES_FIRST: u64 = 1 << 20;

/// Segments double up to this: changing files is rare, and recovery holds one in memory.
pub const SEGMENT_BYTES_MAX: u64 = 64 << 20;

/// How a log is made and kept.
#[derive(Debug, Clone)]
pub struct WalOptions {
    /// Salts the checksums of segments made from now on. Give it fresh entropy: clients must not
    /// know it, or a stored value could be made to look like a batch. It need not be the same at
    /// the next start, as each segment remembers its own.
    pub salt: u64,
    pub segment_bytes_first: u64,
    pub segment_bytes_max: u64,
    /// The size of the ballast file; 0 for none.
    pub ballast_bytes: u64,
    /// A deliberate bug on the production path, for the simulator to find.
    #[cfg(feature = "planted-bugs")]
    pub fault: Fault,
}

impl WalOptions {
    /// The usual options, with a salt of the caller's.
    pub fn salted(salt: u64) -> WalOptions {
        WalOptions { salt, ..WalOptions::default() }
    }
}

impl Default for WalOptions {
    fn default() -> WalOptions {
        WalOptions {
            salt: 0,
            segment_bytes_first: SEGMENT_BYTES_FIRST,
            segment_bytes_max: SEGMENT_BYTES_MAX,
            ballast_bytes: BALLAST_BYTES,
            #[cfg(feature = "planted-bugs")]
            fault: Fault::None,
        }
    }
}

/// Deliberate bugs, switched on at run time in test builds only.
#[cfg(feature = "planted-bugs")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fault {
    #[default]
    None,
    /// Batches are acknowledged without their sync.
    SkipSync,
}

/// Why a batch was not appended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// Nothing of the batch counts; the log is unchanged and usable.
    #[error("no space left on the disk for the log")]
    Full,
    /// The caller broke a rule of the log; the log is unchanged and usable.
    #[error("the log refuses this batch: {reason}")]
    Refused { reason: String },
    /// Stop the process: whether the batch is durable is unknown, and stays unknown.
    #[error("the log cannot go on: {reason}")]
    Fatal { reason: String },
}
