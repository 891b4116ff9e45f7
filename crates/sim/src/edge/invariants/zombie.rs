//! A service that was removed never comes back, until somebody registers it again: neither in
//! what the agent shows, nor after a restart, nor in the catalog.

use super::{Verdict, Violation, hold};
use crate::edge::model::Shown;
use std::collections::BTreeMap;

const RULE: &str = "what is removed stays away";

/// The services that are gone for good.
#[derive(Debug, Default)]
pub struct Zombies {
    /// Those whose removal was answered, or is on the disk.
    gone: BTreeMap<String, Gone>,
    /// Those that the agent removed by itself, until that is on the disk.
    removed: BTreeMap<String, u64>,
}

#[derive(Clone, Copy, Debug)]
struct Gone {
    /// The catalog was told, for sure: not only tried.
    told: bool,
    /// Of the agent's writes, those from this one on were asked for after the removal.
    write: u64,
}

/// A service or a check is shown that nobody has registered.
pub fn shown(id: &str) -> Violation {
    Violation { rule: RULE, what: format!("{id} is shown, and is not registered") }
}

impl Zombies {
    /// A service is registered, for the first time or again.
    pub fn registers(&mut self, id: &str) {
        self.gone.remove(id);
        self.removed.remove(id);
    }

    /// A deregistration was answered. `told` if the catalog knows, and was not only tried;
    /// `write` counts the agent's writes so far.
    pub fn answered(&mut self, id: &str, told: bool, write: u64) {
        self.removed.remove(id);
        self.gone.insert(id.to_owned(), Gone { told, write });
    }

    /// The agent removed a service by itself.
    pub fn removed(&mut self, id: &str, seq: u64) {
        self.removed.insert(id.to_owned(), seq);
    }

    /// The disk has everything up to `seq`.
    pub fn saved(&mut self, seq: u64, write: u64) {
        let saved: Vec<String> =
            self.removed.iter().filter(|(_, at)| **at <= seq).map(|(id, _)| id.clone()).collect();
        for id in saved {
            self.removed.remove(&id);
            self.gone.insert(id, Gone { told: false, write });
        }
    }

    /// The agent has come back.
    pub fn restarted(&mut self, now: &Shown<'_>) -> Verdict {
        // Removals that were not on the disk yet may not have happened.
        self.removed.clear();
        match self.gone.keys().find(|id| now.services.contains_key(*id)) {
            Some(id) => Err(shown(id)),
            None => Ok(()),
        }
    }

    /// A write of the agent's is done, its `write`th; `came` are the services that came with it.
    pub fn written(&self, write: u64, came: &[String]) -> Verdict {
        let back = came
            .iter()
            .find(|id| self.gone.get(*id).is_some_and(|gone| gone.told || write > gone.write));
        hold(RULE, back.is_none(), || {
            format!("{back:?} comes back to the catalog with write {write}: {:?}", self.gone)
        })
    }
}
