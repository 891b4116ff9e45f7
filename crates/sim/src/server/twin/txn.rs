//! The twin's transactions: all or nothing, told per operation.

use super::kv::{Keys, find};
use super::{Change, Row, Sessions};
use tribune_state::Key;
use tribune_state::txn::{KvOp, TxnOp, TxnOutcome, TxnResult};

/// What a transaction must have come to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TwinTxn {
    /// The rows it answers with; none for the empty row of a missing key.
    pub rows: Vec<(Key, Option<Row>)>,
    /// The operations that failed.
    pub failed: Vec<usize>,
}

impl TwinTxn {
    /// True if the state's outcome says the same.
    pub fn same(&self, outcome: &TxnOutcome) -> bool {
        let failed: Vec<usize> = outcome.errors.iter().map(|(n, _)| *n).collect();
        failed == self.failed
            && outcome.results.len() == self.rows.len()
            && self.rows.iter().zip(&outcome.results).all(|((key, row), result)| {
                match (row, result) {
                    (Some(row), TxnResult::Kv(found, _)) => {
                        found.key() == key.as_bytes() && row.same(found)
                    }
                    (None, TxnResult::NoKv(found)) => found == key,
                    _ => false,
                }
            })
    }
}

/// Runs a transaction; nothing of one that failed is left.
pub(super) fn run(
    at: u64,
    ops: &[TxnOp],
    keys: &mut Keys,
    sessions: &Sessions,
    changes: &mut Vec<Change>,
) -> TwinTxn {
    let refused = |op: &TxnOp| matches!(op, TxnOp::Refused(_));
    let mut outcome = TwinTxn {
        failed: (0..ops.len()).filter(|n| ops.get(*n).is_some_and(refused)).collect(),
        rows: Vec::new(),
    };
    if !outcome.failed.is_empty() {
        return outcome;
    }
    let mut trial = Trial { at, keys: keys.clone(), sessions, changes: Vec::new() };
    for (n, op) in ops.iter().enumerate() {
        let done = match op {
            TxnOp::Kv(op) => trial.op(op, &mut outcome.rows),
            _ => false,
        };
        if !done {
            outcome.failed.push(n);
        }
    }
    if outcome.failed.is_empty() {
        *keys = trial.keys;
        changes.append(&mut trial.changes);
    } else {
        outcome.rows.clear();
    }
    outcome
}

/// The keys as a transaction would leave them.
struct Trial<'a> {
    at: u64,
    keys: Keys,
    sessions: &'a Sessions,
    changes: Vec<Change>,
}

impl Trial<'_> {
    /// True if the operation succeeds.
    fn op(&mut self, op: &KvOp, rows: &mut Vec<(Key, Option<Row>)>) -> bool {
        let Trial { at, keys, sessions, changes } = self;
        let key = match op {
            KvOp::Set(set) => {
                keys.set(*at, set, changes);
                &set.key
            }
            KvOp::Cas(set, index) if keys.modify_index(&set.key) == index.0 => {
                keys.set(*at, set, changes);
                &set.key
            }
            KvOp::Lock(set, session)
                if keys.lock(*at, set, find(sessions, session), changes).is_ok() =>
            {
                &set.key
            }
            KvOp::Unlock(set, session)
                if keys.unlock(*at, set, find(sessions, session), changes).is_ok() =>
            {
                &set.key
            }
            KvOp::Get(key) if keys.rows.contains_key(key) => key,
            KvOp::GetOrEmpty(key) => {
                rows.push((key.clone(), keys.rows.get(key).cloned()));
                return true;
            }
            KvOp::GetTree(prefix) => {
                rows.extend(keys.under(prefix).map(|(k, row)| (k.clone(), Some(row.clone()))));
                return true;
            }
            KvOp::CheckIndex(key, index) if keys.modify_index(key) == index.0 && index.0 > 0 => key,
            KvOp::CheckSession(key, session) if holder(keys, key).as_deref() == Some(session) => {
                key
            }
            KvOp::CheckNotExists(key) => return !keys.rows.contains_key(key),
            KvOp::Delete(key) => {
                keys.delete(key, changes);
                return true;
            }
            KvOp::DeleteTree(prefix) => {
                keys.delete_tree(prefix, changes);
                return true;
            }
            KvOp::DeleteCas(key, index) => return keys.delete_cas(key, index.0, changes),
            _ => return false,
        };
        rows.push((key.clone(), keys.rows.get(key).cloned()));
        true
    }
}

/// Who holds a key, as text; none if there is no key.
fn holder(keys: &Keys, key: &Key) -> Option<String> {
    let row = keys.rows.get(key)?;
    Some(row.session.map(|id| id.to_string()).unwrap_or_default())
}
