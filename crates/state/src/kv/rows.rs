//! The rows of the key/value table, lean: one row is two allocations.

use crate::ids::{Index, Key, SessionId, Tenancy};
use crate::table::{Set, Table};
use std::borrow::Borrow;
use std::cmp::Ordering;
use std::sync::Arc;

/// One key with its value.
///
/// Tenancy, key and value stand in one allocation, in this order; the first two are the row's key
/// in the table, so that a look-up compares plain bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KvRow {
    bytes: Box<[u8]>,
    key_end: u32,
    /// None as long as nobody ever took the lock, which is so with most keys.
    lock: Option<Box<Lock>>,
    /// The user's number.
    pub flags: u64,
    /// The index of its creation.
    pub create_index: Index,
    /// The index of its last change.
    pub modify_index: Index,
}

/// The lock of a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lock {
    /// The session that holds it.
    pub session: Option<SessionId>,
    /// How often it was taken.
    pub lock_index: u64,
}

/// How many bytes of a row's key are its tenancy.
const TENANCY_BYTES: usize = 4;

impl KvRow {
    /// A row without lock and with both indexes at `index`.
    pub fn new(tenancy: Tenancy, key: &[u8], value: &[u8], flags: u64, index: Index) -> KvRow {
        let mut bytes = Vec::with_capacity(TENANCY_BYTES + key.len() + value.len());
        bytes.extend_from_slice(&tenancy.0.to_be_bytes());
        bytes.extend_from_slice(key);
        let key_end = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        assert!(key_end < u32::MAX, "a key is bounded by the size of an entry");
        bytes.extend_from_slice(value);
        KvRow {
            bytes: bytes.into_boxed_slice(),
            key_end,
            lock: None,
            flags,
            create_index: index,
            modify_index: index,
        }
    }

    /// The key, without its tenancy.
    pub fn key(&self) -> &[u8] {
        self.bytes.get(TENANCY_BYTES..self.key_end as usize).unwrap_or_default()
    }

    /// The key as an identifier of its own.
    pub fn key_owned(&self) -> Key {
        Key::from(self.key())
    }

    /// The value; empty is the same as none.
    pub fn value(&self) -> &[u8] {
        self.bytes.get(self.key_end as usize..).unwrap_or_default()
    }

    /// Its lock.
    pub fn lock(&self) -> Lock {
        self.lock.as_deref().copied().unwrap_or_default()
    }

    /// Sets its lock.
    pub fn set_lock(&mut self, lock: Lock) {
        self.lock = (lock != Lock::default()).then(|| Box::new(lock));
    }

    /// The session that holds its lock.
    pub fn session(&self) -> Option<SessionId> {
        self.lock().session
    }

    /// The row with another value.
    #[must_use]
    pub fn with_value(&self, value: &[u8]) -> KvRow {
        let mut bytes = Vec::with_capacity(self.key_end as usize + value.len());
        bytes.extend_from_slice(self.full_key());
        bytes.extend_from_slice(value);
        KvRow {
            bytes: bytes.into_boxed_slice(),
            key_end: self.key_end,
            lock: self.lock.clone(),
            flags: self.flags,
            create_index: self.create_index,
            modify_index: self.modify_index,
        }
    }

    fn full_key(&self) -> &[u8] {
        self.bytes.get(..self.key_end as usize).unwrap_or_default()
    }
}

/// A row as it stands in the table: ordered and found by tenancy and key.
#[derive(Clone, Debug)]
pub(crate) struct KvItem(pub Arc<KvRow>);

impl Borrow<[u8]> for KvItem {
    fn borrow(&self) -> &[u8] {
        self.0.full_key()
    }
}

impl PartialEq for KvItem {
    fn eq(&self, other: &KvItem) -> bool {
        self.0.full_key() == other.0.full_key()
    }
}

impl Eq for KvItem {}

impl PartialOrd for KvItem {
    fn partial_cmp(&self, other: &KvItem) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for KvItem {
    fn cmp(&self, other: &KvItem) -> Ordering {
        self.0.full_key().cmp(other.0.full_key())
    }
}

/// The key/value tables: rows, the graves of deleted keys, and who holds which lock.
#[derive(Clone, Debug, Default)]
pub struct KvTables {
    pub(crate) rows: Set<KvItem>,
    /// Deleted keys with the index of their deletion, so that a prefix's index never falls.
    graves: Table<Key, Index>,
    /// The same by index, so that the oldest are found without a look at the others.
    graves_by_index: Set<(Index, Key)>,
    /// The locks of each session.
    pub(crate) held: Set<(SessionId, Key)>,
    /// The index of the newest change of the whole table, deletions included.
    pub(crate) index: Index,
    /// No prefix answers below this: it rises when tombstones are reaped and at a restore.
    pub(crate) floor: Index,
}

impl KvTables {
    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// True if there is no key.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The row of a key.
    pub fn get(&self, key: &Key) -> Option<&Arc<KvRow>> {
        self.rows.get(full_key(key).as_slice()).map(|item| &item.0)
    }

    /// The rows under a prefix, in byte order.
    pub fn under<'a>(&'a self, prefix: &Key) -> impl Iterator<Item = &'a Arc<KvRow>> + use<'a> {
        let first = KvRow::new(Tenancy::default(), prefix.as_bytes(), &[], 0, Index(0));
        let first = KvItem(Arc::new(first));
        let rows = self.rows.range::<_, KvItem>(first.clone()..).map(|item| &item.0);
        rows.take_while(move |row| row.full_key().starts_with(first.0.full_key()))
    }

    /// Every grave, by key.
    pub(crate) fn graves(&self) -> impl Iterator<Item = (&Key, &Index)> {
        self.graves.iter()
    }

    /// The graves of keys that begin with a prefix.
    pub(crate) fn graves_under(&self, prefix: &Key) -> impl Iterator<Item = (&Key, Index)> {
        let start = prefix.clone();
        self.graves
            .range::<_, Key>(prefix.clone()..)
            .take_while(move |(key, _)| key.as_bytes().starts_with(start.as_bytes()))
            .map(|(key, index)| (key, *index))
    }

    /// The oldest grave.
    pub fn oldest_grave(&self) -> Option<(Index, &Key)> {
        self.graves_by_index.iter().next().map(|(index, key)| (*index, key))
    }

    pub(crate) fn bury(&mut self, key: Key, index: Index) {
        self.unbury(&key);
        self.graves.insert(key.clone(), index);
        self.graves_by_index.insert((index, key));
    }

    pub(crate) fn unbury(&mut self, key: &Key) {
        if let Some(index) = self.graves.remove(key) {
            self.graves_by_index.remove(&(index, key.clone()));
        }
    }

    pub(crate) fn put(&mut self, row: KvRow) {
        self.rows.insert(KvItem(Arc::new(row)));
    }

    pub(crate) fn remove(&mut self, key: &Key) -> Option<Arc<KvRow>> {
        self.rows.remove(full_key(key).as_slice()).map(|item| item.0)
    }
}

fn full_key(key: &Key) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(TENANCY_BYTES + key.as_bytes().len());
    bytes.extend_from_slice(&Tenancy::default().0.to_be_bytes());
    bytes.extend_from_slice(key.as_bytes());
    bytes
}
