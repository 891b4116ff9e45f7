//! The bugs that are planted to prove that the rules would find them. Each sits on the production
//! path of its crate and is switched on at run time.

use crate::share::WorldName;
use tribune_durable::{Fault, WalOptions};
use tribune_edge::settings::Bug as EdgeBug;
use tribune_replica::Bug;

/// A planted bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Plant {
    /// Writes are acknowledged before their batch is durable.
    AcknowledgeBeforeSync,
    /// The log's sync is left out.
    LostSync,
    /// Rows of a snapshot come back with the index of their creation.
    IndexBack,
    /// Now and then nobody is woken.
    LostWakeup,
    /// Sessions end after half their time.
    EarlyExpiry,
    /// Now and then the catalog is not told that a service is gone.
    LostDeregistration,
    /// The result of a probe counts for whatever is registered under its id by then.
    StaleResult,
    /// Services are removed for their critical checks after two thirds of their time.
    EarlyRemoval,
    /// What the server itself keeps on its node is removed as nobody's.
    GreedySync,
    /// Registrations are answered before they are on the disk.
    HastyAnswer,
}

/// Every planted bug.
pub const PLANTS: [Plant; 10] = [
    Plant::AcknowledgeBeforeSync,
    Plant::LostSync,
    Plant::IndexBack,
    Plant::LostWakeup,
    Plant::EarlyExpiry,
    Plant::LostDeregistration,
    Plant::StaleResult,
    Plant::EarlyRemoval,
    Plant::GreedySync,
    Plant::HastyAnswer,
];

/// With the bug planted, every so-manieth group of waiters is not woken.
const LOSE_EVERY: u64 = 500;

impl Plant {
    /// The name by which it is asked for.
    pub fn name(self) -> &'static str {
        match self {
            Plant::AcknowledgeBeforeSync => "acknowledge-before-sync",
            Plant::LostSync => "lost-sync",
            Plant::IndexBack => "index-back",
            Plant::LostWakeup => "lost-wakeup",
            Plant::EarlyExpiry => "early-expiry",
            Plant::LostDeregistration => "lost-deregistration",
            Plant::StaleResult => "stale-result",
            Plant::EarlyRemoval => "early-removal",
            Plant::GreedySync => "greedy-sync",
            Plant::HastyAnswer => "hasty-answer",
        }
    }

    /// The kind of world in which it lives.
    pub fn world(self) -> WorldName {
        if in_edge(Some(self)).is_some() { WorldName::Edge } else { WorldName::Server }
    }

    /// The bug of a name.
    pub fn named(name: &str) -> Option<Plant> {
        PLANTS.into_iter().find(|plant| plant.name() == name)
    }
}

/// The bug in the replica, if it is one of its.
pub fn in_replica(plant: Option<Plant>) -> Option<Bug> {
    match plant? {
        Plant::AcknowledgeBeforeSync => Some(Bug::HastyAcknowledge),
        Plant::IndexBack => Some(Bug::ForgetIndexes),
        Plant::EarlyExpiry => Some(Bug::EarlyExpiry),
        _ => None,
    }
}

/// The bug in the agent's brain, if it is one of its.
pub fn in_edge(plant: Option<Plant>) -> Option<EdgeBug> {
    match plant? {
        Plant::LostDeregistration => Some(EdgeBug::LostDeregistration),
        Plant::StaleResult => Some(EdgeBug::StaleResult),
        Plant::EarlyRemoval => Some(EdgeBug::EarlyRemoval),
        Plant::GreedySync => Some(EdgeBug::GreedySync),
        Plant::HastyAnswer => Some(EdgeBug::HastyAnswer),
        _ => None,
    }
}

/// The bug in the log, if it is one of its.
pub fn in_log(plant: Option<Plant>, options: &mut WalOptions) {
    if plant == Some(Plant::LostSync) {
        options.fault = Fault::SkipSync;
    }
}

/// The bug in the waiters, if it is one of theirs.
pub fn in_waiters(plant: Option<Plant>) -> u64 {
    if plant == Some(Plant::LostWakeup) { LOSE_EVERY } else { 0 }
}
