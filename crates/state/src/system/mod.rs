//! The cluster's own settings: its id, its level, and the upkeep of other tables.

use crate::feed::Event;
use crate::ids::Index;
use crate::kv;
use crate::level::{LEVEL_FIRST, Level};
use crate::outcome::Outcome;
use crate::store::Tables;
use serde::{Deserialize, Serialize};

/// One write of the cluster's settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SystemCommand {
    /// Names the cluster, if it has no name yet.
    ClusterId(uuid::Uuid),
    /// Raises the level.
    Level(Level),
    /// Forgets the graves of deleted keys up to an index, however many there are.
    ReapTombstones(Index),
    /// Changes nothing; proves that writes work.
    Barrier,
    /// Forgets the oldest graves of deleted keys.
    ReapOldest {
        /// Up to this index.
        through: Index,
        /// So many at most.
        most: u32,
    },
}

/// One read of the cluster's settings.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SystemQuery {
    /// All of them.
    Settings,
}

/// What a read of the cluster's settings found.
#[derive(Clone, Debug)]
pub enum SystemBody {
    /// All of them.
    Settings(System),
}

/// The cluster's settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct System {
    /// The cluster's id, nil before its first leader.
    pub cluster_id: uuid::Uuid,
    /// What may be written.
    pub level: Level,
    /// External indexes are this much above log positions.
    pub index_base: u64,
    /// The index of the last change of these.
    pub index: Index,
    /// The newest stamp of any applied entry, in milliseconds since 1970: stamps never go back,
    /// also where a snapshot is all that is left of the log.
    pub stamp_ms: u64,
}

impl Default for System {
    fn default() -> System {
        System {
            cluster_id: uuid::Uuid::nil(),
            level: LEVEL_FIRST,
            index_base: 0,
            index: Index(0),
            stamp_ms: 0,
        }
    }
}

pub(crate) fn apply(
    tables: &mut Tables,
    command: &SystemCommand,
    index: Index,
    events: &mut Vec<Event>,
) -> Outcome {
    match command {
        SystemCommand::ClusterId(id) => {
            let fresh = tables.system.cluster_id.is_nil();
            if fresh {
                tables.system.cluster_id = *id;
                tables.system.index = index;
                events.push(Event::System);
            }
            Outcome::Flag(fresh)
        }
        SystemCommand::Level(level) => {
            let higher = *level > tables.system.level;
            if higher {
                tables.system.level = *level;
                tables.system.index = index;
                events.push(Event::System);
            }
            Outcome::Flag(higher)
        }
        SystemCommand::ReapTombstones(through) => {
            kv::reap(&mut tables.kv, *through, u32::MAX);
            Outcome::Done
        }
        SystemCommand::ReapOldest { through, most } => {
            kv::reap(&mut tables.kv, *through, *most);
            Outcome::Done
        }
        SystemCommand::Barrier => Outcome::Done,
    }
}
