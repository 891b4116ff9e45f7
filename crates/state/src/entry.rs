//! One committed entry of the log.

use crate::{command::Command, ids::LogIndex, stamp::Stamp};

/// One committed change: where it stands in the log, who asked for it, and what it does.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its position in the Raft log.
    pub at: LogIndex,
    /// Who, when, why.
    pub stamp: Stamp,
    /// What it does.
    pub command: Command,
}
