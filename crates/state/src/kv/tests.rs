//! The key/value table against a naive model, and the rules that surprise.

use super::*;
use crate::feed::Event;
use crate::ids::{Index, Key};
use crate::session::SessionTables;
use bytes::Bytes;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn set(key: &str, value: &str) -> KvSet {
    KvSet { key: Key::from(key), value: Bytes::copy_from_slice(value.as_bytes()), flags: 0 }
}

fn apply(kv: &mut KvTables, command: &KvCommand, index: u64) -> crate::Outcome {
    let mut events: Vec<Event> = Vec::new();
    write::apply(kv, &SessionTables::default(), command, Index(index), &mut events)
}

#[test]
fn a_prefix_index_moves_when_a_key_below_it_is_deleted() {
    let mut kv = KvTables::default();
    apply(&mut kv, &KvCommand::Set(set("w/a", "1")), 5);
    apply(&mut kv, &KvCommand::Set(set("w/b", "1")), 6);
    apply(&mut kv, &KvCommand::Delete(Key::from("w/b")), 7);
    let (index, _) = super::answer(&kv, &KvQuery::List(Key::from("w/")));
    assert_eq!(index, Index(7));
    super::reap(&mut kv, Index(7), u32::MAX);
    let (index, _) = super::answer(&kv, &KvQuery::List(Key::from("w/")));
    assert_eq!(index, Index(7), "reaping raises the floor");
}

#[test]
fn an_identical_write_changes_nothing() {
    let mut kv = KvTables::default();
    apply(&mut kv, &KvCommand::Set(set("a", "1")), 5);
    apply(&mut kv, &KvCommand::Set(set("a", "1")), 6);
    assert_eq!(kv.get(&Key::from("a")).map(|row| row.modify_index), Some(Index(5)));
    assert_eq!(kv.index, Index(5));
}

#[test]
fn cas_zero_creates_only_if_absent() {
    let mut kv = KvTables::default();
    let create = KvCommand::Cas(set("a", "1"), Index(0));
    assert_eq!(apply(&mut kv, &create, 5), crate::Outcome::Flag(true));
    assert_eq!(apply(&mut kv, &create, 6), crate::Outcome::Flag(false));
}

#[test]
fn a_session_that_is_gone_releases_nothing_and_is_no_error() {
    let mut kv = KvTables::default();
    let gone = "11111111-2222-3333-4444-555555555555".to_string();
    let unlock = KvCommand::Unlock(set("a", "1"), gone.clone());
    assert_eq!(apply(&mut kv, &unlock, 5), crate::Outcome::Flag(false));
    let lock = KvCommand::Lock(set("a", "1"), gone);
    assert!(matches!(apply(&mut kv, &lock, 6), crate::Outcome::Refused(_)));
}

#[test]
fn names_are_cut_after_the_first_separator_beyond_the_prefix() {
    let mut kv = KvTables::default();
    for (n, key) in ["web/a/b", "web/a/c", "web/host"].iter().enumerate() {
        apply(&mut kv, &KvCommand::Set(set(key, "1")), n as u64 + 1);
    }
    let query = KvQuery::Keys { prefix: Key::from("web/"), separator: b"/".to_vec() };
    let (_, KvBody::Keys(keys)) = super::answer(&kv, &query) else {
        panic!("names were asked for")
    };
    assert_eq!(keys, vec![Key::from("web/a/"), Key::from("web/host")]);
}

#[derive(Clone, Debug)]
enum Op {
    Set(u8, u8),
    Cas(u8, u8, bool),
    Delete(u8),
    Tree(u8),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        (0..20u8, any::<u8>()).prop_map(|(k, v)| Op::Set(k, v)),
        (0..20u8, any::<u8>(), any::<bool>()).prop_map(|(k, v, fresh)| Op::Cas(k, v, fresh)),
        (0..20u8).prop_map(Op::Delete),
        (0..4u8).prop_map(Op::Tree),
    ];
    proptest::collection::vec(op, 0..60)
}

fn name(k: u8) -> String {
    format!("{}/{}", k % 4, k)
}

proptest! {
    #[test]
    fn the_table_agrees_with_a_plain_map(ops in ops()) {
        let mut kv = KvTables::default();
        let mut model: BTreeMap<String, (String, u64)> = BTreeMap::new();
        for (n, op) in ops.into_iter().enumerate() {
            let index = n as u64 + 1;
            match op {
                Op::Set(k, v) => {
                    apply(&mut kv, &KvCommand::Set(set(&name(k), &v.to_string())), index);
                    let entry = model.entry(name(k)).or_insert((v.to_string(), index));
                    if entry.0 != v.to_string() {
                        *entry = (v.to_string(), index);
                    }
                }
                Op::Cas(k, v, fresh) => {
                    let expected =
                        if fresh { model.get(&name(k)).map_or(0, |row| row.1) } else { 999 };
                    let command = KvCommand::Cas(set(&name(k), &v.to_string()), Index(expected));
                    let outcome = apply(&mut kv, &command, index);
                    prop_assert_eq!(outcome, crate::Outcome::Flag(fresh));
                    if fresh {
                        let entry = model.entry(name(k)).or_insert((v.to_string(), index));
                        if entry.0 != v.to_string() {
                            *entry = (v.to_string(), index);
                        }
                    }
                }
                Op::Delete(k) => {
                    apply(&mut kv, &KvCommand::Delete(Key::from(name(k).as_str())), index);
                    model.remove(&name(k));
                }
                Op::Tree(k) => {
                    let prefix = format!("{k}/");
                    apply(&mut kv, &KvCommand::DeleteTree(Key::from(prefix.as_str())), index);
                    model.retain(|key, _| !key.starts_with(&prefix));
                }
            }
            let (_, KvBody::Rows(rows)) = super::answer(&kv, &KvQuery::List(Key::default())) else {
                panic!("rows were asked for")
            };
            let rows: Vec<(String, String, u64)> = rows
                .iter()
                .map(|row| {
                    (
                        String::from_utf8_lossy(row.key()).into_owned(),
                        String::from_utf8_lossy(row.value()).into_owned(),
                        row.modify_index.0,
                    )
                })
                .collect();
            let expected: Vec<(String, String, u64)> =
                model.iter().map(|(k, v)| (k.clone(), v.0.clone(), v.1)).collect();
            prop_assert_eq!(rows, expected);
        }
    }
}

#[test]
fn reaping_takes_the_oldest_graves_and_no_more_than_it_is_told() {
    let mut kv = KvTables::default();
    for (key, index) in [("c", 3), ("a", 5), ("b", 4), ("d", 9)] {
        kv.bury(Key::from(key), Index(index));
    }
    kv.bury(Key::from("a"), Index(6));
    super::reap(&mut kv, Index(8), 2);
    assert_eq!(kv.floor, Index(4));
    assert_eq!(kv.oldest_grave(), Some((Index(6), &Key::from("a"))));
    super::reap(&mut kv, Index(8), 2);
    assert_eq!((kv.floor, kv.graves().count()), (Index(6), 1));
}
