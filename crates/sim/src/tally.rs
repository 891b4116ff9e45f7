//! How much was done, and how often each fault really struck: in all, and while a snapshot was
//! being written.

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
    /// Operations that a client was told are done, by name.
    pub operations: BTreeMap<Name, u64>,
    /// Operations whose outcome the client never learnt.
    pub unknown: u64,
    /// Locks that were refused for their lock-delay.
    pub lock_delayed: u64,
    /// Answers that no twin could check, since no disk had been given what they stand on.
    pub unwitnessed: u64,
    /// Operations that were refused.
    pub refused: u64,
    /// Operations on the hot keys that compare or lock.
    pub contended: u64,
    /// Snapshots written, entries put into the log, waiters woken, restarts that came up.
    pub snapshots: u64,
    pub entries: u64,
    pub woken: u64,
    pub starts: u64,
    /// Faults by name: how often in all, and how often during a snapshot.
    pub faults: BTreeMap<Name, (u64, u64)>,
}

impl Tally {
    /// A client was told that something is done.
    pub fn done(&mut self, what: &'static str) {
        *self.operations.entry(Cow::Borrowed(what)).or_default() += 1;
    }

    /// A fault struck.
    pub fn struck(&mut self, what: &'static str, during_snapshot: bool) {
        let count = self.faults.entry(Cow::Borrowed(what)).or_default();
        count.0 += 1;
        count.1 += u64::from(during_snapshot);
    }

    /// Takes over what the disk counted, in all and during snapshots.
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

    /// How many of those were reads.
    pub fn reads(&self) -> u64 {
        self.operations.iter().filter(|(name, _)| name.starts_with("read")).map(|(_, n)| n).sum()
    }

    /// Adds another run.
    pub fn add(&mut self, other: &Tally) {
        self.simulated += other.simulated;
        self.unknown += other.unknown;
        self.refused += other.refused;
        self.lock_delayed += other.lock_delayed;
        self.unwitnessed += other.unwitnessed;
        self.contended += other.contended;
        self.snapshots += other.snapshots;
        self.entries += other.entries;
        self.woken += other.woken;
        self.starts += other.starts;
        for (name, count) in &other.operations {
            *self.operations.entry(name.clone()).or_default() += count;
        }
        for (name, (all, during)) in &other.faults {
            let count = self.faults.entry(name.clone()).or_default();
            count.0 += all;
            count.1 += during;
        }
    }
}
