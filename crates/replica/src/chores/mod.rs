//! What the leader does by itself. A chore proposes commands; it never writes.

pub(crate) mod coordinates;
pub(crate) mod reconcile;
pub(crate) mod session_ttl;
pub(crate) mod tombstones;
