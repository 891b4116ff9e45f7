//! How much was done, and how often each fault really struck: in all, and in the middle of
//! something (a snapshot of the server's, a write of the agent's).

use crate::disk::DiskTally;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

/// A name of something that is counted.
type Name = Cow<'static, str>;

/// The counts of one run, or of many.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    pub simulated: Duration,
    /// Operations that a client was told are done, by name. Before a colon stands their group.
    pub operations: BTreeMap<Name, u64>,
    /// What else is worth counting, by name.
    pub counts: BTreeMap<Name, u64>,
    /// Faults by name: how often in all, and how often in the middle of something.
    pub faults: BTreeMap<Name, (u64, u64)>,
}

impl Tally {
    /// A client was told that something is done.
    pub fn done(&mut self, what: &'static str) {
        *self.operations.entry(Cow::Borrowed(what)).or_default() += 1;
    }

    /// Something happened so many times.
    pub fn count(&mut self, what: &'static str, times: u64) {
        *self.counts.entry(Cow::Borrowed(what)).or_default() += times;
    }

    /// How often something happened.
    pub fn counted(&self, what: &str) -> u64 {
        self.counts.get(what).copied().unwrap_or(0)
    }

    /// A fault struck.
    pub fn struck(&mut self, what: &'static str, in_the_middle: bool) {
        let count = self.faults.entry(Cow::Borrowed(what)).or_default();
        count.0 += 1;
        count.1 += u64::from(in_the_middle);
    }

    /// Takes over what the disk counted, in all and in the middle of something.
    pub fn disk(&mut self, all: &DiskTally, during: &DiskTally) {
        let pairs = all.named().into_iter().zip(during.named());
        for ((name, all), (_, during)) in pairs {
            let count = self.faults.entry(Cow::Borrowed(name)).or_default();
            count.0 += all;
            count.1 += during;
        }
    }

    /// How many operations were acknowledged.
    pub fn acknowledged(&self) -> u64 {
        self.operations.values().sum()
    }

    /// How many operations each group has; operations without a colon are in none.
    pub fn groups(&self) -> BTreeMap<&str, u64> {
        let mut groups = BTreeMap::new();
        for (name, count) in &self.operations {
            if let Some((group, _)) = name.split_once(':') {
                *groups.entry(group).or_default() += count;
            }
        }
        groups
    }

    /// Adds another run.
    pub fn add(&mut self, other: &Tally) {
        self.simulated += other.simulated;
        for (name, count) in &other.operations {
            *self.operations.entry(name.clone()).or_default() += count;
        }
        for (name, count) in &other.counts {
            *self.counts.entry(name.clone()).or_default() += count;
        }
        for (name, (all, during)) in &other.faults {
            let count = self.faults.entry(name.clone()).or_default();
            count.0 += all;
            count.1 += during;
        }
    }
}
