//! What was not acknowledged is there as a whole or not at all: an entry found after a restart is
//! byte for byte the one that was given to the disk, and none is found that was never given.

use super::{Verdict, hold};
use tribune_durable::LogEntry;

const RULE: &str = "an entry is whole or absent";

/// Holds an entry found after a restart against what the disk was given at that position.
pub fn found(entry: &LogEntry, given: Option<&LogEntry>) -> Verdict {
    hold(RULE, given == Some(entry), || match given {
        Some(given) => format!(
            "entry {} came back as something else: term {} and {} bytes, not term {} and {}",
            entry.index,
            entry.term,
            entry.data.len(),
            given.term,
            given.data.len()
        ),
        None => format!("entry {} of term {} was never given", entry.index, entry.term),
    })
}
