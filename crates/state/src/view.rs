//! An immutable view of the state: any thread may read it for as long as it likes.

use crate::codec::{self, Header, Record, Stored};
use crate::ids::{Index, LogIndex};
use crate::query::{Answer, Body, Query, ReadIndexes, Visible};
use crate::store::Tables;
use crate::{catalog, connect, coordinate, kv, session, system, txn};
use std::sync::Arc;

/// The state after one entry. A clone is one pointer.
#[derive(Clone, Debug)]
pub struct View {
    tables: Arc<Tables>,
    at: LogIndex,
    chain: u64,
}

impl View {
    pub(crate) fn new(tables: Arc<Tables>, at: LogIndex, chain: u64) -> View {
        View { tables, at, chain }
    }

    /// Answers a query from this state.
    pub fn answer(&self, query: &Query, visible: &Visible) -> Answer {
        let Visible::All = visible;
        let (index, body) = match query {
            Query::Kv(query) => {
                let (index, body) = kv::answer(&self.tables.kv, query);
                (index, Body::Kv(body))
            }
            Query::Session(query) => {
                let (index, rows) = session::answer(&self.tables.sessions, query);
                (index, Body::Session(rows))
            }
            Query::Catalog(query) => {
                let (index, body) = catalog::answer(&self.tables, query);
                (index, Body::Catalog(body))
            }
            Query::Txn(query) => {
                let ops = codec::decode_ops(&query.ops).unwrap_or_default();
                (Index(1), Body::Txn(Box::new(txn::read(&self.tables, &ops))))
            }
            Query::Connect(query) => {
                let (index, body) = self.tables.connect.answer(query);
                (index, Body::Connect(body))
            }
            Query::System(system::SystemQuery::Settings) => {
                let settings = self.tables.system.clone();
                (settings.index, Body::System(system::SystemBody::Settings(settings)))
            }
            Query::Coordinate(query) => {
                let (index, body) = coordinate::answer(&self.tables.coordinates, query);
                (index, Body::Coordinate(body))
            }
        };
        Answer { index: index.max(Index(1)), at: self.at, body }
    }

    /// The indexes of a query's answer, where they are cheaper to find than the answer.
    pub fn indexes(&self, query: &Query) -> Option<ReadIndexes> {
        let Query::Catalog(query) = query else { return None };
        if query.near.is_some() {
            return None;
        }
        let ReadIndexes { answer, change } = catalog::indexes(&self.tables.catalog, query);
        Some(ReadIndexes { answer: answer.max(Index(1)), change: change.max(Index(1)) })
    }

    /// The position of the last entry in it.
    pub fn at(&self) -> LogIndex {
        self.at
    }

    /// The chain hash after that entry.
    pub fn chain(&self) -> u64 {
        self.chain
    }

    /// The key/value tables.
    pub fn kv(&self) -> &kv::KvTables {
        &self.tables.kv
    }

    /// The session tables.
    pub fn sessions(&self) -> &session::SessionTables {
        &self.tables.sessions
    }

    /// The catalog.
    pub fn catalog(&self) -> &catalog::CatalogTables {
        &self.tables.catalog
    }

    /// The certificate authority's roots.
    pub fn connect(&self) -> &connect::ConnectTables {
        &self.tables.connect
    }

    /// Where nodes stand in the network.
    pub fn coordinates(&self) -> &coordinate::CoordinateTables {
        &self.tables.coordinates
    }

    /// The cluster's settings.
    pub fn system(&self) -> &system::System {
        &self.tables.system
    }

    /// The whole state as records: the header first, then every row. Lazy, so that a snapshot is
    /// written without holding it in memory.
    pub fn records(&self) -> impl Iterator<Item = SnapshotRecord<'_>> {
        let records = codec::records(&self.tables).count() as u64;
        let header = Header { at: self.at, chain: self.chain, records };
        std::iter::once(Stored::Other(Record::Header(header)))
            .chain(codec::records(&self.tables))
            .map(SnapshotRecord)
    }
}

/// One record of a snapshot, in no bytes yet.
pub struct SnapshotRecord<'a>(Stored<'a>);

impl SnapshotRecord<'_> {
    /// Appends its bytes. Records follow each other without a mark between them.
    pub fn put(&self, out: &mut Vec<u8>) {
        codec::put_record(&self.0, out);
    }
}
