//! When to write a snapshot: after so many entries, or so many bytes, since the last one.

use std::time::Duration;

/// The rules of compaction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CompactionRules {
    /// Entries since the last snapshot.
    pub entries: u64,
    /// Bytes of entries since the last snapshot.
    pub bytes: u64,
}

/// How far the log has grown past its last snapshot.
#[derive(Debug, Default)]
pub(crate) struct Compaction {
    snapshot_index: u64,
    bytes: u64,
    running: bool,
    /// After a failure, no snapshot before this, on the leader's own time.
    not_before: Duration,
}

/// How long a failed snapshot waits: writing the whole state again and again would fill a disk
/// that is nearly full.
const RETRY_AFTER: Duration = Duration::from_secs(30);

impl Compaction {
    /// Starts from the snapshot that was recovered, 0 if there was none.
    pub fn new(snapshot_index: u64) -> Compaction {
        Compaction { snapshot_index, ..Compaction::default() }
    }

    /// Counts an applied entry.
    pub fn applied(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }

    /// True if a snapshot is to be written now; it then counts as running.
    pub fn due(&mut self, now: Duration, applied: u64, rules: CompactionRules) -> bool {
        let grown = applied.saturating_sub(self.snapshot_index);
        let may = !self.running && now >= self.not_before && grown > 0;
        let due = may && (grown >= rules.entries || self.bytes >= rules.bytes);
        if due {
            self.running = true;
            self.bytes = 0;
        }
        due
    }

    /// A snapshot is durable, or failed; gives the position up to which the log may go: the end
    /// of the snapshot before, since that one must stay usable should the new one turn out bad.
    pub fn saved(&mut self, now: Duration, index: Option<u64>) -> Option<u64> {
        self.running = false;
        let Some(index) = index else {
            self.not_before = now + RETRY_AFTER;
            return None;
        };
        let before = std::mem::replace(&mut self.snapshot_index, index);
        (before > 0).then_some(before)
    }
}
