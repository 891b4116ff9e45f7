//! No wake-up is lost: once a change has been told to the waiters, nobody is still parked whose
//! answer has passed the index that it waits on.
//!
//! Which parked queries a change concerns is found out here anew, from the keys and sessions that
//! the twin saw change, not from the topics that the server goes by.

use super::{Verdict, hold};
use crate::server::twin::Change;
use std::collections::{BTreeMap, BTreeSet};
use tribune_state::kv::KvQuery;
use tribune_state::{Index, Key, Query, View, Visible};

/// The parked queries, and what changed since waiters were last told.
#[derive(Debug, Default)]
pub struct Wakeups {
    parked: BTreeMap<u64, (Query, Index)>,
    keys: BTreeSet<Key>,
    sessions: bool,
}

impl Wakeups {
    /// A query was parked.
    pub fn parked(&mut self, watch: u64, query: Query, index: Index) {
        self.parked.insert(watch, (query, index));
    }

    /// A parked query was answered, or left.
    pub fn left(&mut self, watch: u64) {
        self.parked.remove(&watch);
    }

    /// Every parked query is gone with its server.
    pub fn restarted(&mut self) {
        *self = Wakeups::default();
    }

    /// A change was published.
    pub fn changed(&mut self, change: &Change) {
        match change {
            Change::Key(key) => {
                self.keys.insert(key.clone());
            }
            Change::Begun { .. } | Change::Ended { .. } => self.sessions = true,
            Change::Locked { .. } => {}
        }
    }

    /// Waiters have been told of everything up to this state.
    pub fn told(&mut self, view: &View) -> Verdict {
        let keys = std::mem::take(&mut self.keys);
        let sessions = std::mem::take(&mut self.sessions);
        for (query, index) in self.parked.values() {
            if concerns(query, &keys, sessions) {
                awake(view, query, *index)?;
            }
        }
        Ok(())
    }

    /// The same for every parked query, whatever changed.
    pub fn quiet(&self, view: &View) -> Verdict {
        self.parked.values().try_for_each(|(query, index)| awake(view, query, *index))
    }
}

fn awake(view: &View, query: &Query, index: Index) -> Verdict {
    let answer = view.answer(query, &Visible::All);
    hold("no lost wake-up", answer.index <= index, || {
        format!("{query:?} waits past {}, and its answer is at {}", index.0, answer.index.0)
    })
}

fn concerns(query: &Query, keys: &BTreeSet<Key>, sessions: bool) -> bool {
    match query {
        Query::Kv(KvQuery::Get(key)) => keys.contains(key),
        Query::Kv(KvQuery::List(prefix) | KvQuery::Keys { prefix, .. }) => keys
            .range(prefix.clone()..)
            .next()
            .is_some_and(|key| key.as_bytes().starts_with(prefix.as_bytes())),
        Query::Session(_) => sessions,
        _ => true,
    }
}
