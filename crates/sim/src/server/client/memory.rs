//! What one client remembers: its sessions and locks, the versions it has seen, and the index of
//! its watch.

use super::{Ask, Learnt, Op};
use crate::dice::Dice;
use std::collections::BTreeMap;
use std::time::Duration;
use tribune_state::kv::{KvBody, KvCommand, KvRow};
use tribune_state::session::SessionCommand;
use tribune_state::txn::TxnResult;
use tribune_state::{Body, Command, Index, Key, Outcome, SessionId};

/// One client.
#[derive(Debug, Default)]
pub struct Memory {
    /// Which watcher it is; none if it is no watcher.
    pub watches: Option<usize>,
    /// The index of its watch.
    pub index: Index,
    pub session: Option<Held>,
    /// The locks it believes to hold.
    pub locks: Vec<Key>,
    /// The versions it has seen; 0 for a key that was not there.
    pub versions: BTreeMap<Key, Index>,
    /// How many operations it does without thinking.
    burst: u32,
    waits: bool,
}

/// A session of the client's own.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    pub id: SessionId,
    pub ttl: Option<Duration>,
    /// When to renew it next; none if it is left to end.
    pub renew: Option<Duration>,
}

/// How many versions a client remembers.
const VERSIONS_MAX: usize = 64;

/// In so many of a thousand renewals a client lets its session go instead.
const FORGETS_PER_MILLE: u32 = 60;

/// In so many of a thousand renewals it comes when the server's patience, twice the time to live,
/// is about to end.
const LATE_PER_MILLE: u32 = 60;

/// In so many of a thousand answers a client goes on in a burst.
const BURST_PER_MILLE: u32 = 15;

/// So many operations long.
const BURST_MAX: u64 = 60;

/// How long a client thinks in a burst.
const BURST_THINK: Duration = Duration::from_micros(500);

impl Memory {
    pub fn talker() -> Memory {
        Memory::default()
    }

    pub fn watcher(number: usize) -> Memory {
        Memory { watches: Some(number), ..Memory::default() }
    }

    /// True while a request is under way.
    pub fn waits(&self) -> bool {
        self.waits
    }

    /// A request leaves.
    pub fn sends(&mut self, ask: &Ask) {
        self.waits = true;
        match ask {
            Ask::Write(Command::Kv(KvCommand::Unlock(set, _))) => {
                self.locks.retain(|key| *key != set.key);
            }
            Ask::Write(Command::Session(SessionCommand::Destroy(_))) => self.forget_session(),
            _ => {}
        }
    }

    /// No request is under way any more.
    pub fn done(&mut self) {
        self.waits = false;
        self.burst = self.burst.saturating_sub(1);
    }

    /// How long it thinks.
    pub fn think(&self, usual: Duration) -> Duration {
        if self.burst > 0 { BURST_THINK } else { usual }
    }

    /// Takes in an answer. Returns the session that it now is sure of: since when, for how long.
    pub fn learn(
        &mut self,
        op: &Op,
        learnt: &Learnt,
        now: Duration,
        dice: &mut Dice,
    ) -> Option<(SessionId, Duration, Option<Duration>)> {
        if self.burst == 0 && self.watches.is_none() && dice.chance(BURST_PER_MILLE) {
            self.burst = u32::try_from(dice.below(BURST_MAX)).unwrap_or(0);
        }
        match (learnt, &op.ask) {
            (Learnt::Read(answer), ask) => {
                if let Body::Kv(KvBody::Rows(rows)) = &answer.body {
                    rows.iter().for_each(|row| self.saw(row));
                    if let (true, Ask::Read { query, .. }) = (rows.is_empty(), ask)
                        && let tribune_state::Query::Kv(tribune_state::kv::KvQuery::Get(key)) =
                            query
                    {
                        self.versions.insert(key.clone(), Index(0));
                    }
                }
                if self.watches.is_some() {
                    self.index = answer.index;
                }
                None
            }
            (Learnt::Wrote(outcome), Ask::Write(command)) => {
                self.wrote(op.sent, command, outcome, now, dice)
            }
            (Learnt::Renewed(true), _) => {
                let held = self.session.as_mut()?;
                held.renew = next_renewal(held.ttl, now, dice);
                Some((held.id, op.sent, held.ttl))
            }
            (Learnt::Renewed(false), _) => {
                self.forget_session();
                None
            }
            _ => None,
        }
    }

    fn wrote(
        &mut self,
        sent: Duration,
        command: &Command,
        outcome: &Outcome,
        now: Duration,
        dice: &mut Dice,
    ) -> Option<(SessionId, Duration, Option<Duration>)> {
        match (command, outcome) {
            (Command::Session(SessionCommand::Create(create)), Outcome::SessionCreated(id)) => {
                let ttl = (create.ttl_ms > 0).then_some(Duration::from_millis(create.ttl_ms));
                let renew = next_renewal(ttl, now, dice);
                self.session = Some(Held { id: *id, ttl, renew });
                self.locks.clear();
                return Some((*id, sent, ttl));
            }
            (Command::Kv(KvCommand::Lock(set, _)), Outcome::Flag(true)) => {
                self.locks.push(set.key.clone());
            }
            (Command::Kv(KvCommand::Lock(..) | KvCommand::Unlock(..)), Outcome::Refused(_)) => {
                self.forget_session();
            }
            (_, Outcome::Txn(outcome)) => {
                for result in &outcome.results {
                    if let TxnResult::Kv(row, _) = result {
                        self.saw(row);
                    }
                }
            }
            _ => {}
        }
        None
    }

    pub fn forget_session(&mut self) {
        self.session = None;
        self.locks.clear();
    }

    fn saw(&mut self, row: &KvRow) {
        if self.versions.len() >= VERSIONS_MAX {
            self.versions.clear();
        }
        self.versions.insert(row.key_owned(), row.modify_index);
    }
}

/// A client renews after half the time, or so late that the server may just have ended it, or
/// never again.
fn next_renewal(ttl: Option<Duration>, now: Duration, dice: &mut Dice) -> Option<Duration> {
    let ttl = ttl?;
    if dice.chance(FORGETS_PER_MILLE) {
        return None;
    }
    if dice.chance(LATE_PER_MILLE) {
        return Some(now + dice.between(ttl * 39 / 20, ttl * 41 / 20));
    }
    Some(now + dice.between(ttl / 4, ttl * 3 / 4))
}
