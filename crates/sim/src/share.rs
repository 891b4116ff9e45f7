//! The worlds there are, and how much of each is CI's share.

use std::time::Duration;

/// A kind of world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WorldName {
    /// A server with its log, its disk and its clients.
    Server,
    /// An agent with its checks, its catalog and its clients.
    Edge,
}

/// Every kind of world.
pub const WORLDS: [WorldName; 2] = [WorldName::Server, WorldName::Edge];

/// What is asked of one world.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// How long it goes on.
    pub duration: Duration,
    /// How many operations should get done in it.
    pub operations: u64,
}

/// What is asked of all worlds of a kind together.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    /// How many worlds share it.
    pub worlds: u32,
    /// How long they go on, in all.
    pub duration: Duration,
    /// How many operations should get done, in all.
    pub operations: u64,
}

impl WorldName {
    /// The name by which it is asked for.
    pub fn name(self) -> &'static str {
        match self {
            WorldName::Server => "server",
            WorldName::Edge => "edge",
        }
    }

    /// The kind of a name.
    pub fn named(name: &str) -> Option<WorldName> {
        WORLDS.into_iter().find(|world| world.name() == name)
    }

    /// What CI simulates of it.
    pub fn share(self) -> Share {
        let (worlds, hours, operations) = match self {
            WorldName::Server => (90, 30, 3_000_000),
            WorldName::Edge => (90, 30, 1_000_000),
        };
        Share { worlds, duration: Duration::from_secs(hours * 3600), operations }
    }
}

impl Share {
    /// The size of one of its worlds.
    pub fn scale(&self) -> Scale {
        let worlds = self.worlds.max(1);
        Scale { duration: self.duration / worlds, operations: self.operations / u64::from(worlds) }
    }
}
