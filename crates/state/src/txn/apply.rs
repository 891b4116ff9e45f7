//! How a transaction runs: every operation is tried, so that every error is told, unless one is
//! wrong in itself. The operations on keys are here, those on the catalog in catalog.rs.

use super::catalog;
use super::{KvOp, TxnOp, TxnOutcome, TxnResult, WithValue};
use crate::feed::Event;
use crate::ids::{Index, Key};
use crate::kv::{self, LockError};
use crate::store::Tables;

/// Runs a transaction; nothing of one that failed is left.
pub(crate) fn apply(
    tables: &mut Tables,
    ops: &[TxnOp],
    index: Index,
    events: &mut Vec<Event>,
) -> TxnOutcome {
    let mut trial = tables.clone();
    let mut trial_events = Vec::new();
    let outcome = run(&mut trial, ops, index, &mut trial_events);
    if outcome.errors.is_empty() {
        *tables = trial;
        events.append(&mut trial_events);
    }
    outcome
}

/// Runs a transaction that only reads.
pub(crate) fn read(tables: &Tables, ops: &[TxnOp]) -> TxnOutcome {
    run(&mut tables.clone(), ops, Index(0), &mut Vec::new())
}

fn run(tables: &mut Tables, ops: &[TxnOp], index: Index, events: &mut Vec<Event>) -> TxnOutcome {
    let mut outcome = TxnOutcome::default();
    outcome.errors.extend(ops.iter().enumerate().filter_map(|(n, op)| Some((n, preflight(op)?))));
    if !outcome.errors.is_empty() {
        return outcome;
    }
    for (n, op) in ops.iter().enumerate() {
        let result = match op {
            TxnOp::Kv(op) => kv(tables, op, index, events, &mut outcome.results),
            TxnOp::Refused(why) => Err(why.clone()),
            TxnOp::Node(..) | TxnOp::Service(..) | TxnOp::Check(..) => {
                catalog::apply(tables, op, index, events, &mut outcome.results)
            }
        };
        if let Err(why) = result {
            outcome.errors.push((n, why));
        }
    }
    if !outcome.errors.is_empty() {
        outcome.results.clear();
    }
    outcome
}

/// What is wrong with an operation whatever the state is: then none of them is tried.
fn preflight(op: &TxnOp) -> Option<String> {
    match op {
        TxnOp::Refused(why) => Some(why.clone()),
        TxnOp::Kv(_) => None,
        TxnOp::Node(..) | TxnOp::Service(..) | TxnOp::Check(..) => catalog::preflight(op),
    }
}

fn kv(
    tables: &mut Tables,
    op: &KvOp,
    index: Index,
    events: &mut Vec<Event>,
    results: &mut Vec<TxnResult>,
) -> Result<(), String> {
    let Tables { kv, sessions, .. } = tables;
    match op {
        KvOp::Set(set) => {
            kv::set(kv, set, index, events);
            written(tables, &set.key, results)
        }
        KvOp::Cas(set, expected) => {
            if !kv::cas(kv, set, *expected, index, events) {
                return Err(format!("failed to set key {}, index is stale", quoted(&set.key)));
            }
            written(tables, &set.key, results)
        }
        KvOp::Lock(set, session) => match kv::lock(kv, sessions, set, session, index, events) {
            Ok(()) => written(tables, &set.key, results),
            Err(LockError::InvalidSession) => Err(session_error(session)),
            Err(LockError::NotHolder) => {
                Err(format!("failed to lock key {}, lock is already held", quoted(&set.key)))
            }
        },
        KvOp::Unlock(set, session) => match kv::unlock(kv, sessions, set, session, index, events) {
            Ok(()) => written(tables, &set.key, results),
            Err(LockError::InvalidSession) => Err(session_error(session)),
            Err(LockError::NotHolder) => Err(format!(
                "failed to unlock key {}, lock isn't held, or is held by another session",
                quoted(&set.key)
            )),
        },
        KvOp::Get(key) => {
            let row = kv.get(key).ok_or_else(|| missing(key))?;
            results.push(TxnResult::Kv(row.clone(), WithValue::Yes));
            Ok(())
        }
        KvOp::GetOrEmpty(key) => {
            results.push(match kv.get(key) {
                Some(row) => TxnResult::Kv(row.clone(), WithValue::Yes),
                None => TxnResult::NoKv(key.clone()),
            });
            Ok(())
        }
        KvOp::GetTree(prefix) => {
            results.extend(kv.under(prefix).map(|row| TxnResult::Kv(row.clone(), WithValue::Yes)));
            Ok(())
        }
        KvOp::CheckIndex(..) | KvOp::CheckSession(..) | KvOp::CheckNotExists(_) => {
            check(tables, op, results)
        }
        KvOp::Delete(key) => {
            kv::delete(kv, key, index, events);
            Ok(())
        }
        KvOp::DeleteTree(prefix) => {
            kv::delete_tree(kv, prefix, index, events);
            Ok(())
        }
        KvOp::DeleteCas(key, expected) => {
            if kv::delete_cas(kv, key, *expected, index, events) {
                Ok(())
            } else {
                Err(format!("failed to delete key {}, index is stale", quoted(key)))
            }
        }
    }
}

/// The operations that only look. Source: transcript txn/more.
fn check(tables: &Tables, op: &KvOp, results: &mut Vec<TxnResult>) -> Result<(), String> {
    match op {
        KvOp::CheckIndex(key, expected) => {
            let row = tables.kv.get(key).ok_or_else(|| {
                format!("failed to check index, key {} doesn't exist", quoted(key))
            })?;
            if row.modify_index != *expected {
                return Err(format!(
                    "failed index check for key {}, current modify index {} != {}",
                    quoted(key),
                    row.modify_index.0,
                    expected.0
                ));
            }
            results.push(TxnResult::Kv(row.clone(), WithValue::No));
        }
        KvOp::CheckSession(key, session) => {
            let row = tables.kv.get(key).ok_or_else(|| {
                format!("failed to check session, key {} doesn't exist", quoted(key))
            })?;
            let holder = row.session().map(|id| id.to_string()).unwrap_or_default();
            if holder != *session {
                return Err(format!(
                    "failed session check for key {}, current session {holder:?} != {session:?}",
                    quoted(key)
                ));
            }
            results.push(TxnResult::Kv(row.clone(), WithValue::No));
        }
        KvOp::CheckNotExists(key) if tables.kv.get(key).is_some() => {
            return Err(format!("key {} exists", quoted(key)));
        }
        _ => {}
    }
    Ok(())
}

fn written(tables: &Tables, key: &Key, results: &mut Vec<TxnResult>) -> Result<(), String> {
    let row = tables.kv.get(key).ok_or_else(|| missing(key))?;
    results.push(TxnResult::Kv(row.clone(), WithValue::No));
    Ok(())
}

fn missing(key: &Key) -> String {
    format!("key {} doesn't exist", quoted(key))
}

fn session_error(session: &str) -> String {
    if session.is_empty() {
        "missing session".to_owned()
    } else {
        format!("invalid session {session:?}")
    }
}

fn quoted(key: &Key) -> String {
    format!("{:?}", key.to_string())
}
