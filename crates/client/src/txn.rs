//! Transactions: several operations that take effect together or not at all.

use tribune_api::json::Base64;
use tribune_api::txn::{KvOp, TxnAnswer, TxnError, TxnOp, TxnResult};

use crate::call::{Call, Reply, Write};
use crate::client::Client;
use crate::error::Error;
use crate::kv::Value;

/// What became of a transaction.
#[derive(Clone, Debug, PartialEq)]
pub enum TxnOutcome {
    /// One result per operation that gives one, in their order.
    Applied(Vec<TxnResult>),
    /// Nothing was changed; which operations stood in the way, and why.
    Refused(Vec<TxnError>),
}

pub(crate) fn txn(client: &Client, ops: &[TxnOp]) -> Write<TxnOutcome> {
    let call = Call::new("PUT", "/v1/txn", "").with_json(&ops);
    Write::try_new(client, call, outcome)
}

fn outcome(reply: Reply) -> Result<TxnOutcome, Error> {
    // 409 has a body of the same shape.
    if reply.status == 409 {
        let answer: TxnAnswer = reply.json()?;
        return Ok(TxnOutcome::Refused(answer.errors.unwrap_or_default()));
    }
    let answer: TxnAnswer = reply.success()?.json()?;
    Ok(TxnOutcome::Applied(answer.results.unwrap_or_default()))
}

/// Makes the operation that sets a key.
pub fn set(key: impl Into<String>, value: impl Into<Value>) -> TxnOp {
    let (bytes, flags) = value.into().into_parts();
    kv(KvOp { value: Base64(bytes), flags, ..verb("set", key) })
}

/// Sets a key only if its `modify_index` is still this one; 0 means only if it is absent.
pub fn cas(key: impl Into<String>, value: impl Into<Value>, modify_index: u64) -> TxnOp {
    let (bytes, flags) = value.into().into_parts();
    kv(KvOp { value: Base64(bytes), flags, index: modify_index, ..verb("cas", key) })
}

/// Reads a key; an absent one refuses the transaction.
pub fn get(key: impl Into<String>) -> TxnOp {
    kv(verb("get", key))
}

/// Deletes a key.
pub fn delete(key: impl Into<String>) -> TxnOp {
    kv(verb("delete", key))
}

/// Refuses the transaction unless the key's `modify_index` is this one.
pub fn check_index(key: impl Into<String>, modify_index: u64) -> TxnOp {
    kv(KvOp { index: modify_index, ..verb("check-index", key) })
}

/// Refuses the transaction unless this session holds the key.
pub fn check_session(key: impl Into<String>, session: impl Into<String>) -> TxnOp {
    kv(KvOp { session: session.into(), ..verb("check-session", key) })
}

fn verb(verb: &str, key: impl Into<String>) -> KvOp {
    KvOp { verb: verb.to_string(), key: key.into(), ..KvOp::default() }
}

fn kv(op: KvOp) -> TxnOp {
    TxnOp { kv: Some(op), ..TxnOp::default() }
}
