//! The twin's keys.

use super::{Change, Sessions};
use bytes::Bytes;
use std::collections::BTreeMap;
use tribune_state::kv::{KvCommand, KvRow, KvSet};
use tribune_state::{Key, Outcome, Refusal, SessionId};

/// A key's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub value: Bytes,
    pub flags: u64,
    pub session: Option<SessionId>,
    pub lock_index: u64,
    pub create_index: u64,
    pub modify_index: u64,
}

/// Why a lock or unlock did not happen.
pub enum NotLocked {
    NoSession,
    Held,
}

impl From<&KvRow> for Row {
    fn from(row: &KvRow) -> Row {
        Row {
            value: Bytes::copy_from_slice(row.value()),
            flags: row.flags,
            session: row.session(),
            lock_index: row.lock().lock_index,
            create_index: row.create_index.0,
            modify_index: row.modify_index.0,
        }
    }
}

impl Row {
    /// True if the state's row says the same.
    pub fn same(&self, row: &KvRow) -> bool {
        self.value == row.value()
            && self.flags == row.flags
            && self.session == row.session()
            && self.lock_index == row.lock().lock_index
            && self.create_index == row.create_index.0
            && self.modify_index == row.modify_index.0
    }
}

/// Every key.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    pub rows: BTreeMap<Key, Row>,
}

impl Keys {
    pub(super) fn apply(
        &mut self,
        at: u64,
        sessions: &Sessions,
        command: &KvCommand,
        changes: &mut Vec<Change>,
    ) -> Outcome {
        match command {
            KvCommand::Set(set) => {
                self.set(at, set, changes);
                Outcome::Flag(true)
            }
            KvCommand::Cas(set, index) => {
                let holds = self.modify_index(&set.key) == index.0;
                if holds {
                    self.set(at, set, changes);
                }
                Outcome::Flag(holds)
            }
            KvCommand::Lock(set, session) => {
                locked(self.lock(at, set, find(sessions, session), changes), session)
            }
            KvCommand::Unlock(set, session) => {
                locked(self.unlock(at, set, find(sessions, session), changes), session)
            }
            KvCommand::Delete(key) => {
                self.delete(key, changes);
                Outcome::Flag(true)
            }
            KvCommand::DeleteCas(key, index) => {
                Outcome::Flag(self.delete_cas(key, index.0, changes))
            }
            KvCommand::DeleteTree(prefix) => {
                self.delete_tree(prefix, changes);
                Outcome::Flag(true)
            }
        }
    }

    pub(super) fn modify_index(&self, key: &Key) -> u64 {
        self.rows.get(key).map_or(0, |row| row.modify_index)
    }

    pub(super) fn set(&mut self, at: u64, set: &KvSet, changes: &mut Vec<Change>) {
        let holder = self.rows.get(&set.key).and_then(|row| row.session);
        self.put(at, set, holder, 0, changes);
    }

    pub(super) fn lock(
        &mut self,
        at: u64,
        set: &KvSet,
        session: Option<SessionId>,
        changes: &mut Vec<Change>,
    ) -> Result<(), NotLocked> {
        let id = session.ok_or(NotLocked::NoSession)?;
        let (holder, count) =
            self.rows.get(&set.key).map_or((None, 0), |row| (row.session, row.lock_index));
        match holder {
            Some(holder) if holder != id => return Err(NotLocked::Held),
            Some(_) => self.put(at, set, Some(id), count, changes),
            None => {
                self.put(at, set, Some(id), count + 1, changes);
                changes.push(Change::Locked { key: set.key.clone(), session: id });
            }
        }
        Ok(())
    }

    pub(super) fn unlock(
        &mut self,
        at: u64,
        set: &KvSet,
        session: Option<SessionId>,
        changes: &mut Vec<Change>,
    ) -> Result<(), NotLocked> {
        // A session that is gone holds nothing. Source: transcripts/cli/kv.txt.
        let id = session.ok_or(NotLocked::Held)?;
        let row = self.rows.get(&set.key).ok_or(NotLocked::Held)?;
        if row.session != Some(id) {
            return Err(NotLocked::Held);
        }
        let count = row.lock_index;
        self.put(at, set, None, count, changes);
        Ok(())
    }

    pub(super) fn delete(&mut self, key: &Key, changes: &mut Vec<Change>) {
        if self.rows.remove(key).is_some() {
            changes.push(Change::Key(key.clone()));
        }
    }

    pub(super) fn delete_cas(&mut self, key: &Key, index: u64, changes: &mut Vec<Change>) -> bool {
        let current = self.modify_index(key);
        if current == index {
            self.delete(key, changes);
        }
        current == 0 || current == index
    }

    pub(super) fn delete_tree(&mut self, prefix: &Key, changes: &mut Vec<Change>) {
        let under: Vec<Key> = self.under(prefix).map(|(key, _)| key.clone()).collect();
        for key in under {
            self.delete(&key, changes);
        }
    }

    /// The rows under a prefix.
    pub fn under<'a>(&'a self, prefix: &'a Key) -> impl Iterator<Item = (&'a Key, &'a Row)> {
        self.rows
            .range(prefix.clone()..)
            .take_while(move |(key, _)| key.as_bytes().starts_with(prefix.as_bytes()))
    }

    /// A write that changes nothing leaves the row as it is.
    fn put(
        &mut self,
        at: u64,
        set: &KvSet,
        session: Option<SessionId>,
        lock_index: u64,
        changes: &mut Vec<Change>,
    ) {
        let old = self.rows.get(&set.key);
        let row = Row {
            value: set.value.clone(),
            flags: set.flags,
            session,
            lock_index,
            create_index: old.map_or(at, |row| row.create_index),
            modify_index: old.map_or(at, |row| row.modify_index),
        };
        if old != Some(&row) {
            self.rows.insert(set.key.clone(), Row { modify_index: at, ..row });
            changes.push(Change::Key(set.key.clone()));
        }
    }
}

/// The live session that a text names.
pub(super) fn find(sessions: &Sessions, text: &str) -> Option<SessionId> {
    let id = SessionId(uuid::Uuid::try_parse(text).ok()?);
    sessions.contains_key(&id).then_some(id)
}

fn locked(result: Result<(), NotLocked>, session: &str) -> Outcome {
    match result {
        Ok(()) => Outcome::Flag(true),
        Err(NotLocked::Held) => Outcome::Flag(false),
        Err(NotLocked::NoSession) if session.is_empty() => {
            Outcome::Refused(Refusal::MissingSession)
        }
        Err(NotLocked::NoSession) => Outcome::Refused(Refusal::InvalidSession(session.to_owned())),
    }
}
