//! The store: applies committed entries, one after the other, and hands out views.
//!
//! Apply cannot fail: it answers [`Outcome::Refused`]. Each outcome is folded into a chain hash, so
//! that two servers that differ find out.

use crate::codec::{self, CodecError, Record};
use crate::command::Command;
use crate::entry::Entry;
use crate::feed::Event;
use crate::ids::{Index, LogIndex};
use crate::level::{self, UnknownLevel};
use crate::outcome::Outcome;
use crate::view::View;
use crate::{catalog, connect, coordinate, kv, session, system, txn};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Every table of the cluster. A clone shares all of it.
#[derive(Clone, Debug, Default)]
pub struct Tables {
    pub(crate) kv: kv::KvTables,
    pub(crate) sessions: session::SessionTables,
    pub(crate) catalog: catalog::CatalogTables,
    pub(crate) connect: connect::ConnectTables,
    pub(crate) system: system::System,
    pub(crate) coordinates: coordinate::CoordinateTables,
}

/// The state after some entry.
#[derive(Clone, Debug, Default)]
pub struct Store {
    tables: Tables,
    at: LogIndex,
    chain: u64,
}

/// What one entry came to.
#[derive(Debug)]
pub struct Applied {
    /// The answer for whoever proposed it.
    pub outcome: Outcome,
    /// The external index of the entry.
    pub index: Index,
    /// What it changed.
    pub events: Vec<Event>,
}

/// Why a snapshot could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// Its bytes do not decode.
    #[error("snapshot does not decode: {0}")]
    Codec(#[from] CodecError),
    /// It does not begin with a header, or has two.
    #[error("snapshot has no header, or two")]
    Header,
    /// A later program wrote it.
    #[error("{0}: run the later version that wrote it")]
    Level(#[from] UnknownLevel),
    /// It ends before its last record.
    #[error("snapshot ends early: {have} of {want} records")]
    Short {
        /// How many records were found.
        have: u64,
        /// How many the header promised.
        want: u64,
    },
}

impl Store {
    /// Applies the next entry. Entries must come in order, each once.
    pub fn apply(&mut self, entry: &Entry) -> Applied {
        assert!(entry.at > self.at, "entries are applied in order, each once");
        self.at = entry.at;
        let system = &mut self.tables.system;
        system.stamp_ms = system.stamp_ms.max(entry.stamp.wall_ms);
        let index = Index(entry.at.0 + self.tables.system.index_base);
        let mut events = Vec::new();
        let outcome = apply(&mut self.tables, &entry.command, index, &mut events);
        self.fold(index, &outcome, &events);
        Applied { outcome, index, events }
    }

    /// Moves past an entry that holds no command, such as a leader's first.
    pub fn skip(&mut self, at: LogIndex) {
        assert!(at > self.at, "entries are applied in order, each once");
        self.at = at;
    }

    /// The state as it is now; it never changes.
    pub fn view(&self) -> View {
        View::new(Arc::new(self.tables.clone()), self.at, self.chain)
    }

    /// The position of the last entry applied.
    pub fn at(&self) -> LogIndex {
        self.at
    }

    /// The newest stamp of any entry, in milliseconds since 1970.
    pub fn stamp_ms(&self) -> u64 {
        self.tables.system.stamp_ms
    }

    /// The chain hash after the last entry.
    pub fn chain(&self) -> u64 {
        self.chain
    }

    /// Loads the records of a snapshot, in the order in which [`View::records`] gave them.
    ///
    /// # Errors
    /// If the bytes do not decode, records are missing, or its level is not known here: that is
    /// found before any record that only a later program can read.
    pub fn restore<'a>(chunks: impl Iterator<Item = &'a [u8]>) -> Result<Store, RestoreError> {
        let mut store = Store::default();
        let mut want = None;
        let mut have = 0_u64;
        for chunk in chunks {
            let mut rest = chunk;
            while !rest.is_empty() {
                let record = codec::take_record(&mut rest)?;
                match (record, want) {
                    (Record::Header(header), None) => {
                        store.at = header.at;
                        store.chain = header.chain;
                        want = Some(header.records);
                    }
                    (Record::Header(_), Some(_)) | (_, None) => return Err(RestoreError::Header),
                    (record, Some(_)) => {
                        have += 1;
                        if let Record::System(system) = &record {
                            level::known(system.level)?;
                        }
                        codec::load(&mut store.tables, record);
                    }
                }
            }
        }
        match want {
            None => Err(RestoreError::Header),
            Some(want) if want != have => Err(RestoreError::Short { have, want }),
            Some(_) => Ok(store),
        }
    }

    /// A deliberate bug for the simulator to find: rows fall back to the index of their creation,
    /// and the tables to that of their rows.
    #[cfg(feature = "planted-bugs")]
    pub fn forget_indexes(&mut self) {
        let rows: Vec<_> = self.tables.kv.under(&crate::ids::Key::default()).cloned().collect();
        self.tables.kv.index = Index(0);
        for row in rows {
            let mut row = row.as_ref().clone();
            row.modify_index = row.create_index;
            self.tables.kv.index = self.tables.kv.index.max(row.create_index);
            self.tables.kv.put(row);
        }
    }

    fn fold(&mut self, index: Index, outcome: &Outcome, events: &[Event]) {
        let mut hasher = ChainHasher(self.chain ^ CHAIN_START);
        index.hash(&mut hasher);
        outcome.hash(&mut hasher);
        events.hash(&mut hasher);
        self.chain = hasher.finish();
    }
}

fn apply(tables: &mut Tables, command: &Command, index: Index, events: &mut Vec<Event>) -> Outcome {
    match command {
        Command::Kv(command) => {
            let Tables { kv, sessions, .. } = tables;
            kv::apply(kv, sessions, command, index, events)
        }
        Command::Session(command) => session::apply(tables, command, index, events),
        Command::Catalog(command) => catalog::apply(tables, command, index, events),
        Command::Txn(command) => {
            Outcome::Txn(Box::new(txn::apply(tables, &command.ops, index, events)))
        }
        Command::Connect(command) => tables.connect.apply(command, index, events),
        Command::System(command) => system::apply(tables, command, index, events),
        Command::Coordinate(command) => coordinate::apply(tables, command, index, events),
    }
}

/// A hash that is the same on every machine and in every release: FNV-1a of 64 bits. It finds
/// accidents, not attacks.
struct ChainHasher(u64);

const CHAIN_START: u64 = 0xcbf2_9ce4_8422_2325;
const CHAIN_PRIME: u64 = 0x0000_0100_0000_01b3;

impl Hasher for ChainHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(CHAIN_PRIME);
        }
    }
}
