//! What reads keys, and the index each read waits on.
//!
//! Source: surface B.1 of Consul's blocking queries; transcripts kv/blocking, kv/basic.

use super::rows::{KvRow, KvTables};
use crate::ids::{Index, Key};
use crate::watch::Topic;
use std::sync::Arc;

/// One read of keys.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KvQuery {
    /// One key.
    Get(Key),
    /// Every row under a prefix.
    List(Key),
    /// The names under a prefix, cut after the first separator beyond it.
    Keys {
        /// The prefix.
        prefix: Key,
        /// Where names are cut; empty cuts nothing.
        separator: Vec<u8>,
    },
}

/// What a read of keys found.
#[derive(Clone, Debug)]
pub enum KvBody {
    /// Rows in byte order; none means not found.
    Rows(Vec<Arc<KvRow>>),
    /// Names in byte order.
    Keys(Vec<Key>),
}

impl KvQuery {
    /// What can change the answer.
    pub fn topics(&self) -> Vec<Topic> {
        match self {
            KvQuery::Get(key) => vec![Topic::KvKey(key.clone())],
            KvQuery::List(prefix) | KvQuery::Keys { prefix, .. } => {
                vec![Topic::KvPrefix(prefix.clone())]
            }
        }
    }
}

pub(crate) fn answer(tables: &KvTables, query: &KvQuery) -> (Index, KvBody) {
    match query {
        KvQuery::Get(key) => match tables.get(key) {
            Some(row) => (row.modify_index, KvBody::Rows(vec![row.clone()])),
            None => (tables.index, KvBody::Rows(Vec::new())),
        },
        KvQuery::List(prefix) => {
            let rows: Vec<Arc<KvRow>> = tables.under(prefix).cloned().collect();
            let newest = rows.iter().map(|row| row.modify_index).max();
            (prefix_index(tables, prefix, newest), KvBody::Rows(rows))
        }
        KvQuery::Keys { prefix, separator } => {
            let (newest, keys) = names(tables, prefix, separator);
            (prefix_index(tables, prefix, newest), KvBody::Keys(keys))
        }
    }
}

/// The whole table's index for the empty prefix and for an empty result; else the newest
/// change under the prefix, a deletion included.
fn prefix_index(tables: &KvTables, prefix: &Key, newest: Option<Index>) -> Index {
    match newest {
        Some(newest) if !prefix.is_empty() => {
            let graves = tables.graves_under(prefix).map(|(_, index)| index).max();
            newest.max(graves.unwrap_or_default()).max(tables.floor)
        }
        _ => tables.index,
    }
}

fn names(tables: &KvTables, prefix: &Key, separator: &[u8]) -> (Option<Index>, Vec<Key>) {
    let mut newest = None;
    let mut names: Vec<Key> = Vec::new();
    for row in tables.under(prefix) {
        newest = newest.max(Some(row.modify_index));
        let name = cut(row.key(), prefix.as_bytes().len(), separator);
        if names.last().is_none_or(|last| last.as_bytes() != name) {
            names.push(Key::from(name));
        }
    }
    (newest, names)
}

/// The name up to and including the first separator beyond the prefix.
fn cut<'a>(name: &'a [u8], prefix_len: usize, separator: &[u8]) -> &'a [u8] {
    if separator.is_empty() {
        return name;
    }
    let rest = name.get(prefix_len..).unwrap_or_default();
    match rest.windows(separator.len()).position(|window| window == separator) {
        Some(at) => name.get(..prefix_len + at + separator.len()).unwrap_or(name),
        None => name,
    }
}
