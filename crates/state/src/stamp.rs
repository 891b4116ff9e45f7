//! Who asked for an entry, when and why; made in `admit` and nowhere else.

use serde::{Deserialize, Serialize};

/// What every entry carries beside its command. Rows do not keep it; history does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Wall time in milliseconds since 1970, as the leader saw it; never goes back in the log.
    pub wall_ms: u64,
    /// The accessor id of the author's token; none while access lists are off.
    pub author: Option<uuid::Uuid>,
    /// Through which door the write came.
    pub source: Source,
    /// A free text given by the author, empty if none.
    pub reason: String,
    /// The forwarding server and its sequence number, so that a retried write counts once.
    pub origin: Option<Origin>,
}

/// Identifies one forwarded write of one server incarnation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Origin {
    /// The forwarding server's data-dir incarnation.
    pub incarnation: uuid::Uuid,
    /// Its own counter, from one.
    pub seq: u64,
}

/// The door through which a write came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Source {
    /// The server itself: its chores and first entries.
    #[default]
    Server,
    /// The HTTP API.
    Http,
    /// An agent's anti-entropy.
    Agent,
}
