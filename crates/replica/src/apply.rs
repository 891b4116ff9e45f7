//! The applying half of the replica: committed entries in, state and answers out.
//!
//! Joined to consensus by a queue of committed entries; it never looks at the log itself.

use crate::effect::Fatal;
use tribune_durable::LogEntry;
use tribune_state::codec::{CodecError, decode_entry};
use tribune_state::system::SystemCommand;
use tribune_state::{Command, Entry, Event, LogIndex, Outcome, Stamp, Store, View, level};

/// The tag of a log entry that holds a command; every other entry is consensus's own.
pub(crate) const KIND_COMMAND: u8 = 1;

/// The state and its newest view.
#[derive(Debug)]
pub(crate) struct Apply {
    store: Store,
    view: View,
}

/// What a run of entries came to.
#[derive(Debug, Default)]
pub(crate) struct AppliedBatch {
    /// Position, term and outcome of each entry with a command, and what it was stamped.
    pub outcomes: Vec<AppliedEntry>,
    /// What they changed, in order.
    pub events: Vec<Event>,
}

/// One applied entry.
#[derive(Debug)]
pub(crate) struct AppliedEntry {
    pub index: u64,
    pub term: u64,
    pub outcome: Outcome,
    pub stamp: Stamp,
}

impl Apply {
    pub fn new(store: Store) -> Apply {
        let view = store.view();
        Apply { store, view }
    }

    /// The newest published state.
    pub fn view(&self) -> &View {
        &self.view
    }

    /// The last position applied.
    pub fn at(&self) -> u64 {
        self.store.at().0
    }

    /// Applies entries in order.
    ///
    /// # Errors
    /// If one does not decode, or raises the level past what this program knows: the process must
    /// stop in front of it.
    pub fn run(&mut self, entries: &[LogEntry]) -> Result<AppliedBatch, Fatal> {
        let mut batch = AppliedBatch::default();
        for entry in entries {
            let at = LogIndex(entry.index);
            if at <= self.store.at() {
                continue;
            }
            if entry.kind != KIND_COMMAND || entry.data.is_empty() {
                self.store.skip(at);
                continue;
            }
            let (stamp, command) =
                decode_entry(&entry.data).map_err(|error| undecodable(at, &error))?;
            if let Command::System(SystemCommand::Level(level)) = &command {
                level::known(*level).map_err(|why| Fatal::Level { index: entry.index, why })?;
            }
            let entry_in = Entry { at, stamp, command };
            let applied = self.store.apply(&entry_in);
            batch.events.extend(applied.events);
            batch.outcomes.push(AppliedEntry {
                index: entry.index,
                term: entry.term,
                outcome: applied.outcome,
                stamp: entry_in.stamp,
            });
        }
        self.view = self.store.view();
        Ok(batch)
    }
}

fn undecodable(at: LogIndex, error: &CodecError) -> Fatal {
    Fatal::Entry { index: at.0, why: error.to_string() }
}
