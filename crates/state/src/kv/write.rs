//! What changes keys. Source: surface of Consul's KV API; transcripts kv/cas, session/locks.

use super::rows::{KvRow, KvTables, Lock};
use crate::feed::Event;
use crate::ids::{Index, Key, SessionId, Tenancy};
use crate::outcome::{Outcome, Refusal};
use crate::session::SessionTables;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// The value and flags of a write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KvSet {
    /// Which key.
    pub key: Key,
    /// Its new value.
    pub value: Bytes,
    /// Its new flags.
    pub flags: u64,
}

/// One write of keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KvCommand {
    /// Writes a key, whoever holds its lock.
    Set(KvSet),
    /// Writes a key if its modify index is this; 0 means that it must not exist.
    Cas(KvSet, Index),
    /// Writes a key and takes its lock for a session. The text is the session as it was sent.
    Lock(KvSet, String),
    /// Writes a key and gives its lock back.
    Unlock(KvSet, String),
    /// Removes a key.
    Delete(Key),
    /// Removes a key if its modify index is this.
    DeleteCas(Key, Index),
    /// Removes every key under a prefix.
    DeleteTree(Key),
}

/// Why a lock or unlock did not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockError {
    /// No such session.
    InvalidSession,
    /// Somebody else holds it, or nobody.
    NotHolder,
}

/// Applies one write; answers as the HTTP API does.
pub(crate) fn apply(
    kv: &mut KvTables,
    sessions: &SessionTables,
    command: &KvCommand,
    index: Index,
    events: &mut Vec<Event>,
) -> Outcome {
    match command {
        KvCommand::Set(set) => {
            self::set(kv, set, index, events);
            Outcome::Flag(true)
        }
        KvCommand::Cas(set, expected) => {
            Outcome::Flag(self::cas(kv, set, *expected, index, events))
        }
        KvCommand::Lock(set, session) => {
            lock_outcome(self::lock(kv, sessions, set, session, index, events), session)
        }
        KvCommand::Unlock(set, session) => {
            lock_outcome(self::unlock(kv, sessions, set, session, index, events), session)
        }
        KvCommand::Delete(key) => {
            self::delete(kv, key, index, events);
            Outcome::Flag(true)
        }
        KvCommand::DeleteCas(key, expected) => {
            Outcome::Flag(self::delete_cas(kv, key, *expected, index, events))
        }
        KvCommand::DeleteTree(prefix) => {
            self::delete_tree(kv, prefix, index, events);
            Outcome::Flag(true)
        }
    }
}

fn lock_outcome(result: Result<(), LockError>, session: &str) -> Outcome {
    match result {
        Ok(()) => Outcome::Flag(true),
        Err(LockError::NotHolder) => Outcome::Flag(false),
        Err(LockError::InvalidSession) if session.is_empty() => {
            Outcome::Refused(Refusal::MissingSession)
        }
        Err(LockError::InvalidSession) => {
            Outcome::Refused(Refusal::InvalidSession(session.to_owned()))
        }
    }
}

/// Writes a key; a plain write keeps the holder but sets the lock index to zero.
pub(crate) fn set(kv: &mut KvTables, set: &KvSet, index: Index, events: &mut Vec<Event>) {
    let session = kv.get(&set.key).and_then(|row| row.session());
    write_row(kv, set, Lock { session, lock_index: 0 }, index, events);
}

pub(crate) fn cas(
    kv: &mut KvTables,
    set: &KvSet,
    expected: Index,
    index: Index,
    events: &mut Vec<Event>,
) -> bool {
    let current = kv.get(&set.key).map_or(Index(0), |row| row.modify_index);
    if current != expected {
        return false;
    }
    self::set(kv, set, index, events);
    true
}

pub(crate) fn lock(
    kv: &mut KvTables,
    sessions: &SessionTables,
    set: &KvSet,
    session: &str,
    index: Index,
    events: &mut Vec<Event>,
) -> Result<(), LockError> {
    let id = sessions.parse(session).ok_or(LockError::InvalidSession)?;
    let Lock { session: holder, lock_index } =
        kv.get(&set.key).map(|row| row.lock()).unwrap_or_default();
    let lock_index = match holder {
        Some(holder) if holder == id => lock_index,
        Some(_) => return Err(LockError::NotHolder),
        None => lock_index + 1,
    };
    write_row(kv, set, Lock { session: Some(id), lock_index }, index, events);
    Ok(())
}

pub(crate) fn unlock(
    kv: &mut KvTables,
    sessions: &SessionTables,
    set: &KvSet,
    session: &str,
    index: Index,
    events: &mut Vec<Event>,
) -> Result<(), LockError> {
    // A session that is gone holds nothing; only one that is not named at all is a mistake.
    // Source: transcripts/cli/kv.txt, transcripts/txn/more.txt.
    let unknown = if session.is_empty() { LockError::InvalidSession } else { LockError::NotHolder };
    let id = sessions.parse(session).ok_or(unknown)?;
    let lock = kv.get(&set.key).ok_or(LockError::NotHolder)?.lock();
    if lock.session != Some(id) {
        return Err(LockError::NotHolder);
    }
    write_row(kv, set, Lock { session: None, ..lock }, index, events);
    Ok(())
}

pub(crate) fn delete(kv: &mut KvTables, key: &Key, index: Index, events: &mut Vec<Event>) {
    let Some(row) = kv.remove(key) else { return };
    if let Some(session) = row.session() {
        kv.held.remove(&(session, key.clone()));
    }
    kv.bury(key.clone(), index);
    kv.index = index;
    events.push(Event::Kv { key: key.clone(), removed: true });
}

/// True if the key is gone afterwards: deleted now, or absent before.
pub(crate) fn delete_cas(
    kv: &mut KvTables,
    key: &Key,
    expected: Index,
    index: Index,
    events: &mut Vec<Event>,
) -> bool {
    match kv.get(key) {
        None => true,
        Some(row) if row.modify_index != expected => false,
        Some(_) => {
            self::delete(kv, key, index, events);
            true
        }
    }
}

pub(crate) fn delete_tree(kv: &mut KvTables, prefix: &Key, index: Index, events: &mut Vec<Event>) {
    let keys: Vec<Key> = kv.under(prefix).map(|row| row.key_owned()).collect();
    for key in keys {
        self::delete(kv, &key, index, events);
    }
}

/// Forgets the oldest graves up to an index, so many at most; the floor rises so that no prefix's
/// index falls.
pub(crate) fn reap(kv: &mut KvTables, through: Index, most: u32) {
    for _ in 0..most {
        let oldest = kv.oldest_grave().map(|(index, key)| (index, key.clone()));
        let Some((index, key)) = oldest.filter(|(index, _)| *index <= through) else { return };
        kv.unbury(&key);
        kv.floor = kv.floor.max(index);
    }
}

/// Writes a row; one that would not differ is left alone, so that nobody wakes for nothing.
pub(crate) fn write_row(
    kv: &mut KvTables,
    set: &KvSet,
    lock: Lock,
    index: Index,
    events: &mut Vec<Event>,
) {
    let old = kv.get(&set.key).cloned();
    if let Some(old) = &old
        && old.value() == &*set.value
        && old.flags == set.flags
        && old.lock() == lock
    {
        return;
    }
    let mut row = KvRow::new(Tenancy::default(), set.key.as_bytes(), &set.value, set.flags, index);
    row.set_lock(lock);
    if let Some(old) = &old {
        row.create_index = old.create_index;
    }
    let before = old.and_then(|row| row.session());
    if before != lock.session {
        if let Some(session) = before {
            kv.held.remove(&(session, set.key.clone()));
        }
        if let Some(session) = lock.session {
            kv.held.insert((session, set.key.clone()));
        }
    }
    kv.unbury(&set.key);
    kv.put(row);
    kv.index = index;
    events.push(Event::Kv { key: set.key.clone(), removed: false });
}

/// Gives back, or deletes, every key that a session holds; returns those keys.
pub(crate) fn release_all(
    kv: &mut KvTables,
    session: SessionId,
    delete: bool,
    index: Index,
    events: &mut Vec<Event>,
) -> Vec<Key> {
    let from = (session, Key::default());
    let keys: Vec<Key> = kv
        .held
        .range::<_, (SessionId, Key)>(from..)
        .take_while(|(holder, _)| *holder == session)
        .map(|(_, key)| key.clone())
        .collect();
    for key in &keys {
        if delete {
            self::delete(kv, key, index, events);
        } else if let Some(row) = kv.get(key).cloned() {
            let set = KvSet {
                key: key.clone(),
                value: Bytes::copy_from_slice(row.value()),
                flags: row.flags,
            };
            write_row(kv, &set, Lock { session: None, ..row.lock() }, index, events);
        }
    }
    keys
}
