//! The bytes of log entries and of snapshot records. A format version stands before each entry.
//!
//! Enum variants are numbered by position: they are appended, never reordered, and a released
//! variant's fields never change. A golden data directory in the tests keeps this honest.

use crate::catalog::{CheckRow, Marks, NodeRow, ServiceRow};
use crate::command::Command;
use crate::connect::CaRoot;
use crate::coordinate::CoordinateRow;
use crate::ids::{Index, Key, LogIndex, NodeName, ServiceName, SessionId};
use crate::kv::{KvRow, Lock};
use crate::session::SessionRow;
use crate::stamp::Stamp;
use crate::store::Tables;
use crate::system::System;
use crate::txn::TxnOp;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The format of entries and records that this program writes.
pub const FORMAT: u8 = 1;

/// Why bytes do not decode.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The format is not known to this program.
    #[error("format {0} is not known")]
    Format(u8),
    /// There are no bytes, too few, or wrong ones.
    #[error("bytes do not decode")]
    Bytes,
}

/// The bytes of an entry, without its position.
pub fn encode_entry(stamp: &Stamp, command: &Command) -> Bytes {
    let bytes = postcard::to_extend(&(stamp, command), vec![FORMAT]).unwrap_or_default();
    assert!(!bytes.is_empty(), "an entry encodes: its types have no failing serialiser");
    Bytes::from(bytes)
}

/// How many bytes a command takes in an entry, without its stamp.
pub fn command_bytes(command: &Command) -> usize {
    postcard::experimental::serialized_size(command).unwrap_or(usize::MAX)
}

/// Reads an entry back.
///
/// # Errors
/// If the format is unknown or the bytes are not an entry's.
pub fn decode_entry(bytes: &[u8]) -> Result<(Stamp, Command), CodecError> {
    match bytes.split_first() {
        Some((&FORMAT, rest)) => postcard::from_bytes(rest).map_err(|_| CodecError::Bytes),
        Some((&other, _)) => Err(CodecError::Format(other)),
        None => Err(CodecError::Bytes),
    }
}

/// The bytes of the operations of a transaction that only reads.
pub fn encode_ops(ops: &[TxnOp]) -> Vec<u8> {
    postcard::to_extend(ops, Vec::new()).unwrap_or_default()
}

pub(crate) fn decode_ops(bytes: &[u8]) -> Result<Vec<TxnOp>, CodecError> {
    postcard::from_bytes(bytes).map_err(|_| CodecError::Bytes)
}

/// What a snapshot begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header {
    pub at: LogIndex,
    pub chain: u64,
    pub records: u64,
}

/// A key/value row as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KvRecord {
    pub key: Key,
    pub value: Bytes,
    pub lock_index: u64,
    pub flags: u64,
    pub session: Option<SessionId>,
    pub create_index: Index,
    pub modify_index: Index,
}

/// The indexes of whole tables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Indexes {
    pub kv: Index,
    pub kv_floor: Index,
    pub sessions: Index,
    pub catalog: CatalogIndexes,
    pub connect: Index,
}

/// The indexes of the catalog's tables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CatalogIndexes {
    pub extinct: Index,
    pub node_extinct: Index,
    pub nodes: Index,
    pub services: Index,
    pub checks: Index,
}

/// One record of a snapshot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Record {
    Header(Header),
    System(System),
    Indexes(Indexes),
    Kv(KvRecord),
    Tombstone(Key, Index),
    Session(Arc<SessionRow>),
    Node(Arc<NodeRow>),
    Service(Arc<ServiceRow>),
    Check(Arc<CheckRow>),
    ServiceIndex(ServiceName, Index),
    ConnectIndex(ServiceName, Index),
    NodeIndex(NodeName, Index),
    CaRoot(Arc<CaRoot>),
    Coordinate(Arc<CoordinateRow>),
    CoordinateIndex(Index),
}

/// A record as it lies in the tables: rows of key/value, most of a large state, are not copied.
pub(crate) enum Stored<'a> {
    Kv(&'a KvRow),
    Other(Record),
}

/// Appends the bytes of a record.
pub(crate) fn put_record(record: &Stored<'_>, out: &mut Vec<u8>) {
    let before = out.len();
    let mut bytes = std::mem::take(out);
    bytes.push(FORMAT);
    let put = match record {
        Stored::Kv(row) => postcard::to_extend(&KvVariant(row), bytes),
        Stored::Other(record) => postcard::to_extend(record, bytes),
    };
    *out = put.unwrap_or_default();
    assert!(out.len() > before, "a record encodes: its types have no failing serialiser");
}

/// A row in the form of `Record::Kv`.
struct KvVariant<'a>(&'a KvRow);

/// The place of `Record::Kv` among its like.
const KV_VARIANT: u32 = 3;

impl Serialize for KvVariant<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let row = self.0;
        let lock = row.lock();
        let record = KvBorrowed {
            key: AsBytes(row.key()),
            value: AsBytes(row.value()),
            lock_index: lock.lock_index,
            flags: row.flags,
            session: lock.session,
            create_index: row.create_index,
            modify_index: row.modify_index,
        };
        serializer.serialize_newtype_variant("Record", KV_VARIANT, "Kv", &record)
    }
}

/// A `KvRecord` that borrows.
#[derive(Serialize)]
struct KvBorrowed<'a> {
    key: AsBytes<'a>,
    value: AsBytes<'a>,
    lock_index: u64,
    flags: u64,
    session: Option<SessionId>,
    create_index: Index,
    modify_index: Index,
}

struct AsBytes<'a>(&'a [u8]);

impl Serialize for AsBytes<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

pub(crate) fn take_record(bytes: &mut &[u8]) -> Result<Record, CodecError> {
    match bytes.split_first() {
        Some((&FORMAT, rest)) => {
            let (record, rest) = postcard::take_from_bytes(rest).map_err(|_| CodecError::Bytes)?;
            *bytes = rest;
            Ok(record)
        }
        Some((&other, _)) => Err(CodecError::Format(other)),
        None => Err(CodecError::Bytes),
    }
}

/// Every row as a record, settings and indexes first.
pub(crate) fn records(tables: &Tables) -> impl Iterator<Item = Stored<'_>> {
    let indexes = Indexes {
        kv: tables.kv.index,
        kv_floor: tables.kv.floor,
        sessions: tables.sessions.index,
        catalog: tables.catalog.marks.indexes(),
        connect: tables.connect.index,
    };
    let kv = tables.kv.rows.iter().map(|item| Stored::Kv(&item.0));
    let graves = tables.kv.graves().map(|(k, i)| Record::Tombstone(k.clone(), *i));
    let sessions = tables.sessions.iter().map(|row| Record::Session(row.clone()));
    let catalog = &tables.catalog;
    let first = [Record::System(tables.system.clone()), Record::Indexes(indexes)];
    let others = graves
        .chain(sessions)
        .chain(catalog.nodes.iter().map(|(_, row)| Record::Node(row.clone())))
        .chain(catalog.services.iter().map(|(_, row)| Record::Service(row.clone())))
        .chain(catalog.checks.iter().map(|(_, row)| Record::Check(row.clone())))
        .chain(catalog.marks.records())
        .chain(tables.connect.roots.iter().map(|root| Record::CaRoot(root.clone())))
        .chain(tables.coordinates.iter().map(|row| Record::Coordinate(row.clone())))
        .chain([Record::CoordinateIndex(tables.coordinates.index)]);
    first.into_iter().map(Stored::Other).chain(kv).chain(others.map(Stored::Other))
}

pub(crate) fn load(tables: &mut Tables, record: Record) {
    match record {
        Record::Header(_) => {}
        Record::System(system) => tables.system = system,
        Record::Indexes(indexes) => {
            tables.kv.index = indexes.kv;
            tables.kv.floor = indexes.kv_floor;
            tables.sessions.index = indexes.sessions;
            tables.catalog.marks = Marks::new(&indexes.catalog);
            tables.connect.index = indexes.connect;
        }
        Record::Kv(row) => load_kv(tables, &row),
        Record::Tombstone(key, index) => {
            tables.kv.bury(key, index);
        }
        Record::Session(row) => tables.sessions.put(row.as_ref().clone()),
        Record::Node(row) => tables.catalog.load_node(row),
        Record::Service(row) => {
            tables.catalog.load_service(Arc::unwrap_or_clone(row));
        }
        Record::Check(row) => {
            tables.catalog.load_check(Arc::unwrap_or_clone(row));
        }
        Record::ServiceIndex(service, index) => tables.catalog.marks.service(&service, index),
        Record::ConnectIndex(service, index) => tables.catalog.marks.connect(&service, index),
        Record::NodeIndex(node, index) => tables.catalog.marks.node(&node, index),
        Record::CaRoot(root) => tables.connect.roots.push(root),
        Record::Coordinate(row) => tables.coordinates.load(row),
        Record::CoordinateIndex(index) => tables.coordinates.index = index,
    }
}

fn load_kv(tables: &mut Tables, record: &KvRecord) {
    let mut row = KvRow::new(
        crate::ids::Tenancy::default(),
        record.key.as_bytes(),
        &record.value,
        record.flags,
        record.modify_index,
    );
    row.set_lock(Lock { session: record.session, lock_index: record.lock_index });
    row.create_index = record.create_index;
    if let Some(session) = record.session {
        tables.kv.held.insert((session, record.key.clone()));
    }
    tables.kv.put(row);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Tenancy;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_row_that_is_not_copied_has_the_bytes_of_its_record(
            key in prop::collection::vec(any::<u8>(), 0..200),
            value in prop::collection::vec(any::<u8>(), 0..2000),
            numbers in any::<[u64; 4]>(),
            session in any::<Option<[u8; 16]>>(),
        ) {
            let [flags, lock_index, create, modify] = numbers;
            let mut row = KvRow::new(Tenancy::default(), &key, &value, flags, Index(modify));
            row.create_index = Index(create);
            let session = session.map(|bytes| SessionId(uuid::Uuid::from_bytes(bytes)));
            row.set_lock(Lock { session, lock_index });
            let record = Record::Kv(KvRecord {
                key: row.key_owned(),
                value: value.into(),
                lock_index,
                flags,
                session,
                create_index: row.create_index,
                modify_index: row.modify_index,
            });
            let (mut borrowed, mut owned) = (b"before".to_vec(), b"before".to_vec());
            put_record(&Stored::Kv(&row), &mut borrowed);
            put_record(&Stored::Other(record.clone()), &mut owned);
            prop_assert_eq!(&borrowed, &owned);
            prop_assert_eq!(take_record(&mut &borrowed[6..]), Ok(record));
        }
    }
}
