//! The history of the clients is linearizable, with the log as the witness.
//!
//! The order of the log is the order of the writes; a naive twin that runs it must have come to
//! what each client was told (an unknown outcome is free: the log says whether it happened). A
//! read stands on a log position that is not older than what any client knew when it began, and
//! its rows are the twin's at that position. That is sound, since an order is shown in which all
//! answers are right, and complete for this server, whose log is its order.
//!
//! Beside it, from the clients' side alone: a version of a key has one content, a version is
//! replaced by one conditional write only, and versions never go back.

use super::{Verdict, hold};
use crate::server::twin::{Expected, Row, Twin};
use std::collections::{BTreeMap, BTreeSet};
use tribune_state::kv::{KvBody, KvQuery, KvRow};
use tribune_state::session::SessionQuery;
use tribune_state::{Body, Index, Key, Outcome, Query, View};

const RULE: &str = "history is linearizable";

/// What clients have seen of each key.
#[derive(Debug, Default)]
pub struct History {
    contents: BTreeMap<(Key, Index), Row>,
    replaced: BTreeSet<(Key, Index)>,
    newest: BTreeMap<Key, Index>,
}

impl History {
    /// The newest version of a key that any client has seen: what a read that begins now must
    /// not fall behind.
    pub fn newest(&self, key: &Key) -> Index {
        self.newest.get(key).copied().unwrap_or_default()
    }

    /// A client read a row.
    pub fn read(&mut self, row: &KvRow, floor: Index) -> Verdict {
        let (key, index) = (row.key_owned(), row.modify_index);
        hold(RULE, index >= floor, || {
            format!("{key} was read at version {}, {} had been read before", index.0, floor.0)
        })?;
        let newest = self.newest.entry(key.clone()).or_default();
        *newest = (*newest).max(index);
        let seen = self.contents.entry((key, index)).or_insert_with(|| Row::from(row));
        hold(RULE, seen.same(row), || format!("a version has two contents: {seen:?} and {row:?}"))
    }

    /// A client was told that its conditional write replaced a version.
    pub fn replaced(&mut self, key: &Key, version: Index) -> Verdict {
        let fresh = version.0 == 0 || self.replaced.insert((key.clone(), version));
        hold(RULE, fresh, || format!("version {} of {key} was replaced twice", version.0))
    }
}

/// A write was answered; the twin says what it must have come to.
pub fn wrote(at: u64, expected: &Expected, outcome: &Outcome) -> Verdict {
    let same = match (expected, outcome) {
        (Expected::Any, _) => true,
        (Expected::Outcome(expected), outcome) => expected == outcome,
        (Expected::Txn(expected), Outcome::Txn(outcome)) => expected.same(outcome),
        (Expected::Txn(_), _) => false,
    };
    hold(RULE, same, || format!("entry {at} came to {outcome:?}, expected {expected:?}"))
}

/// A read was answered from a position; `floor` is what was known when it began.
pub fn fresh(at: u64, floor: u64) -> Verdict {
    hold(RULE, at >= floor, || format!("a read stands on {at}, it began when {floor} was known"))
}

/// The rows of an answer are the twin's.
pub fn agrees(query: &Query, body: &Body, twin: &Twin) -> Verdict {
    let same = match (query, body) {
        (Query::Kv(KvQuery::Get(key)), Body::Kv(KvBody::Rows(rows))) => {
            same_rows(rows, twin.keys.rows.get_key_value(key).into_iter())
        }
        (Query::Kv(KvQuery::List(prefix)), Body::Kv(KvBody::Rows(rows))) => {
            same_rows(rows, twin.keys.under(prefix))
        }
        (Query::Kv(KvQuery::Keys { prefix, separator }), Body::Kv(KvBody::Keys(keys))) => {
            *keys == names(twin, prefix, separator)
        }
        (Query::Session(query), Body::Session(rows)) => {
            let found: BTreeMap<_, _> = rows.iter().map(|row| (row.id, row.ttl_ms)).collect();
            let wanted = |id| match query {
                SessionQuery::Info(one) => id == *one,
                SessionQuery::None => false,
                SessionQuery::Node(_) | SessionQuery::List => true,
            };
            let twins = twin.sessions.iter().map(|(id, session)| (*id, session.ttl_ms));
            found == twins.filter(|(id, _)| wanted(*id)).collect()
        }
        _ => true,
    };
    hold(RULE, same, || {
        let rows = twin.keys.rows.iter().filter(|(key, _)| match query {
            Query::Kv(KvQuery::Get(asked)) => *key == asked,
            _ => false,
        });
        let rows: Vec<_> = rows.collect();
        format!("at {} {query:?} was answered {body:?}; expected {rows:?}", twin.at)
    })
}

/// A whole state is the twin's.
pub fn same_state(view: &View, twin: &Twin) -> Verdict {
    let all = Query::Kv(KvQuery::List(Key::default()));
    agrees(&all, &view.answer(&all, &tribune_state::Visible::All).body, twin)?;
    let all = Query::Session(SessionQuery::List);
    agrees(&all, &view.answer(&all, &tribune_state::Visible::All).body, twin)
}

fn same_rows<'a>(
    found: &[std::sync::Arc<KvRow>],
    twins: impl Iterator<Item = (&'a Key, &'a Row)>,
) -> bool {
    let mut found = found.iter();
    for (key, row) in twins {
        match found.next() {
            Some(next) if next.key() == key.as_bytes() && row.same(next) => {}
            _ => return false,
        }
    }
    found.next().is_none()
}

/// Names under a prefix, cut after the first separator beyond it.
fn names(twin: &Twin, prefix: &Key, separator: &[u8]) -> Vec<Key> {
    let mut names: Vec<Key> = Vec::new();
    for (key, _) in twin.keys.under(prefix) {
        let bytes = key.as_bytes();
        let start = prefix.as_bytes().len();
        let beyond = bytes.get(start..).unwrap_or_default();
        let cut = (!separator.is_empty())
            .then(|| beyond.windows(separator.len()).position(|part| part == separator))
            .flatten()
            .map_or(bytes.len(), |at| start + at + separator.len());
        let name = Key::from(bytes.get(..cut).unwrap_or_default());
        if names.last() != Some(&name) {
            names.push(name);
        }
    }
    names
}
