//! What a client asks next: mostly about few keys that everybody wants.

use super::memory::Memory;
use super::{Ask, Consistency, Watch};
use crate::dice::Dice;
use crate::server::process::life::NODE;
use std::time::Duration;
use tribune_state::kv::{KvCommand, KvQuery, KvSet};
use tribune_state::session::{Behavior, SessionCommand, SessionCreate, SessionQuery};
use tribune_state::txn::{KvOp, TxnCommand, TxnOp};
use tribune_state::{Command, Index, Key, Query, SessionId};

/// How many keys everybody writes, and how many everybody locks: at most 16 together.
const HOT: u64 = 12;
const LOCKS: u64 = 4;

/// How many other keys there are, in how many folders.
const COLD: u64 = 48;
const FOLDERS: u64 = 4;

/// The times to live that clients ask for, in seconds; 0 for none.
const TTLS: [u64; 4] = [10, 12, 20, 0];

/// The lock-delays, in milliseconds.
const LOCK_DELAYS: [u64; 4] = [0, 1_000, 5_000, 15_000];

/// In so many of a thousand operations a client without a session makes one.
const SESSION_PER_MILLE: u32 = 60;

/// In so many of a thousand writes the value is long.
const LONG_VALUE_PER_MILLE: u32 = 100;

/// How likely each kind of operation is, of a thousand.
const WEIGHTS: [(Kind, u64); 14] = [
    (Kind::GetHot, 190),
    (Kind::GetCold, 60),
    (Kind::List, 60),
    (Kind::Names, 20),
    (Kind::SessionList, 20),
    (Kind::Cas, 200),
    (Kind::Lock, 110),
    (Kind::Unlock, 60),
    (Kind::SetHot, 60),
    (Kind::SetCold, 70),
    (Kind::Delete, 30),
    (Kind::DeleteCas, 25),
    (Kind::Txn, 85),
    (Kind::Rare, 10),
];

#[derive(Clone, Copy, Debug)]
enum Kind {
    GetHot,
    GetCold,
    List,
    Names,
    SessionList,
    Cas,
    Lock,
    Unlock,
    SetHot,
    SetCold,
    Delete,
    DeleteCas,
    Txn,
    /// Deletes a folder, or ends a session.
    Rare,
}

/// What a client asks next; `number` is new and makes values differ.
pub fn ask(memory: &mut Memory, number: u64, now: Duration, dice: &mut Dice) -> Ask {
    if let Some(watcher) = memory.watches {
        return watch(watcher, memory.index, dice);
    }
    match memory.session {
        Some(held) if held.renew.is_some_and(|at| at <= now) => return Ask::Renew(held.id),
        None if dice.chance(SESSION_PER_MILLE) => return create(number, dice),
        _ => {}
    }
    let mut roll = dice.below(WEIGHTS.iter().map(|(_, weight)| weight).sum());
    for (kind, weight) in WEIGHTS {
        match roll.checked_sub(weight) {
            Some(left) => roll = left,
            None => return of_kind(kind, memory, number, dice),
        }
    }
    read(KvQuery::Get(hot(dice)), dice)
}

fn of_kind(kind: Kind, memory: &mut Memory, number: u64, dice: &mut Dice) -> Ask {
    let command = match kind {
        Kind::GetHot => return read(KvQuery::Get(any_hot(dice)), dice),
        Kind::GetCold => return read(KvQuery::Get(cold(dice)), dice),
        Kind::List => return read(KvQuery::List(prefix(dice)), dice),
        Kind::Names => {
            let (prefix, separator) = (prefix(dice), b"/".to_vec());
            return read(KvQuery::Keys { prefix, separator }, dice);
        }
        Kind::SessionList => {
            let query = match memory.session {
                Some(held) if dice.chance(500) => SessionQuery::Info(held.id),
                _ if dice.chance(300) => SessionQuery::Node(NODE.into()),
                _ => SessionQuery::List,
            };
            return Ask::Read {
                query: Query::Session(query),
                consistency: consistency(dice),
                wait: None,
            };
        }
        Kind::Cas => {
            let (key, index) = version(memory, dice);
            KvCommand::Cas(set(key, number, dice), index)
        }
        Kind::Lock => match memory.session {
            Some(held) => KvCommand::Lock(set(lock(dice), number, dice), held.id.to_string()),
            None => return create(number, dice),
        },
        Kind::Unlock => match (memory.session, memory.locks.first()) {
            (Some(held), Some(key)) => {
                KvCommand::Unlock(set(key.clone(), number, dice), held.id.to_string())
            }
            (Some(held), None) => {
                KvCommand::Unlock(set(lock(dice), number, dice), held.id.to_string())
            }
            (None, _) => return create(number, dice),
        },
        Kind::SetHot => KvCommand::Set(set(any_hot(dice), number, dice)),
        Kind::SetCold => KvCommand::Set(set(cold(dice), number, dice)),
        Kind::Delete if dice.chance(500) => KvCommand::Delete(hot(dice)),
        Kind::Delete => KvCommand::Delete(cold(dice)),
        Kind::DeleteCas => {
            let (key, index) = version(memory, dice);
            KvCommand::DeleteCas(key, index)
        }
        Kind::Txn => return Ask::Write(Command::Txn(txn(memory, number, dice))),
        Kind::Rare => match memory.session {
            Some(held) if dice.chance(700) => {
                return Ask::Write(Command::Session(SessionCommand::Destroy(held.id)));
            }
            _ => KvCommand::DeleteTree(folder(dice)),
        },
    };
    Ask::Write(Command::Kv(command))
}

fn watch(watcher: usize, index: Index, dice: &mut Dice) -> Ask {
    let number = watcher as u64;
    let query = match number % 6 {
        0 => Query::Kv(KvQuery::Get(Key::from(format!("hot/{:02}", number % HOT).as_str()))),
        1 => Query::Kv(KvQuery::List(Key::from("lock/"))),
        2 => Query::Kv(KvQuery::Keys { prefix: Key::from("cold/"), separator: b"/".to_vec() }),
        3 => Query::Session(SessionQuery::List),
        4 => Query::Kv(KvQuery::Get(Key::from("never/there"))),
        _ => Query::Kv(KvQuery::List(Key::from(format!("cold/{}/", number % FOLDERS).as_str()))),
    };
    let most = dice.between(Duration::from_secs(1), Duration::from_secs(60));
    Ask::Read { query, consistency: consistency(dice), wait: Some(Watch { index, most }) }
}

fn create(number: u64, dice: &mut Dice) -> Ask {
    let ttl_ms = dice.pick(&TTLS).copied().unwrap_or(10) * 1000;
    let delay_ms = dice.pick(&LOCK_DELAYS).copied().unwrap_or(0);
    Ask::Write(Command::Session(SessionCommand::Create(SessionCreate {
        id: SessionId(uuid::Uuid::nil()),
        name: number.to_string(),
        node: NODE.into(),
        lock_delay_ns: delay_ms * 1_000_000,
        behavior: if dice.chance(200) { Behavior::Delete } else { Behavior::Release },
        ttl: format!("{ttl_ms}ms"),
        ttl_ms,
        node_checks: Vec::new(),
        service_checks: None,
    })))
}

/// Two to five operations, among them some that look and some that must hold.
fn txn(memory: &Memory, number: u64, dice: &mut Dice) -> TxnCommand {
    let count = 2 + dice.below(4);
    let mut ops = Vec::new();
    for _ in 0..count {
        let (seen, index) = version(memory, dice);
        let op = match (dice.below(12), memory.session) {
            (0..3, _) => KvOp::Set(set(hot(dice), number, dice)),
            (3..5, _) => KvOp::Set(set(cold(dice), number, dice)),
            (5..7, _) => KvOp::Cas(set(seen, number, dice), index),
            (7, _) => KvOp::GetOrEmpty(any_hot(dice)),
            (8, _) => KvOp::CheckIndex(seen, index),
            (9, Some(held)) => KvOp::Lock(set(lock(dice), number, dice), held.id.to_string()),
            (10, Some(held)) => {
                let key = memory.locks.first().cloned().unwrap_or_else(|| lock(dice));
                KvOp::Unlock(set(key, number, dice), held.id.to_string())
            }
            (11, _) => KvOp::GetTree(folder(dice)),
            _ => KvOp::Delete(cold(dice)),
        };
        ops.push(TxnOp::Kv(op));
    }
    TxnCommand { ops }
}

fn read(query: KvQuery, dice: &mut Dice) -> Ask {
    Ask::Read { query: Query::Kv(query), consistency: consistency(dice), wait: None }
}

fn consistency(dice: &mut Dice) -> Consistency {
    match dice.below(20) {
        0..5 => Consistency::Consistent,
        5..8 => Consistency::Stale,
        _ => Consistency::Default,
    }
}

/// A version that the client has seen, or the guess that there is none.
fn version(memory: &Memory, dice: &mut Dice) -> (Key, Index) {
    let hot: Vec<_> =
        memory.versions.iter().filter(|(key, _)| key.as_bytes().starts_with(b"hot/")).collect();
    match dice.pick(&hot) {
        Some((key, index)) => ((*key).clone(), **index),
        None => (self::hot(dice), Index(0)),
    }
}

fn set(key: Key, number: u64, dice: &mut Dice) -> KvSet {
    let mut value = number.to_string().into_bytes();
    let more = if dice.chance(LONG_VALUE_PER_MILLE) { 8192 } else { 64 };
    value.resize(value.len() + dice.place(more), b'.');
    KvSet { key, value: value.into(), flags: number % 3 }
}

fn hot(dice: &mut Dice) -> Key {
    Key::from(format!("hot/{:02}", dice.below(HOT)).as_str())
}

fn lock(dice: &mut Dice) -> Key {
    Key::from(format!("lock/{}", dice.below(LOCKS)).as_str())
}

fn any_hot(dice: &mut Dice) -> Key {
    if dice.chance(250) { lock(dice) } else { hot(dice) }
}

fn cold(dice: &mut Dice) -> Key {
    let number = dice.below(COLD);
    Key::from(format!("cold/{}/{number:02}", number % FOLDERS).as_str())
}

fn folder(dice: &mut Dice) -> Key {
    Key::from(format!("cold/{}/", dice.below(FOLDERS)).as_str())
}

fn prefix(dice: &mut Dice) -> Key {
    match dice.below(6) {
        0 => Key::from("hot/"),
        1 => Key::from("lock/"),
        2 => Key::from("cold/"),
        3 => Key::from(""),
        4 => Key::from("never/"),
        _ => folder(dice),
    }
}
