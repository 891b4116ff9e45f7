//! The cluster as a front door sees it: propose, ask, signal, and who is in it.
//!
//! A server implements it with its own replica; a client agent will forward to a server. A front
//! door never authorises replicated data and never reaches past this trait.

use crate::shared::SharedAnswer;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tribune_state::coordinate::CoordinateUpdate;
use tribune_state::{Command, Index, Outcome, Query, SessionId, Source, View, Visible};

/// A boxed future, so that `dyn Cluster` can be handed around.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a front door can ask of the cluster.
pub trait Cluster: Send + Sync + 'static {
    /// Writes; the answer comes after the write is durable and readable here.
    fn propose(&self, command: Command, write: Write)
    -> Pending<'_, Result<Outcome, ClusterError>>;

    /// Reads, and waits if asked to.
    fn ask(&self, query: Query, read: Read)
    -> Pending<'_, Result<Arc<SharedAnswer>, ClusterError>>;

    /// Changes what only the leader knows and no log keeps.
    fn signal(&self, signal: ClusterSignal) -> Pending<'_, Result<SignalAnswer, ClusterError>>;

    /// The newest state of this server.
    fn view(&self) -> View;

    /// Who is in the pool.
    fn members(&self) -> Vec<Member>;

    /// How the cluster stands.
    fn status(&self) -> Status;

    /// What of it every answer to a read says.
    fn contact(&self) -> Contact {
        let status = self.status();
        Contact { known_leader: status.leader.is_some(), last_contact_ms: status.last_contact_ms }
    }
}

/// Whether this server knows a leader, and since when it last heard from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Contact {
    /// True if there is a leader.
    pub known_leader: bool,
    /// In milliseconds; 0 on the leader.
    pub last_contact_ms: u64,
}

/// What comes with a write.
#[derive(Clone, Debug, Default)]
pub struct Write {
    /// The datacenter to write in; none means this one.
    pub datacenter: Option<String>,
    /// The door it came through.
    pub source: Source,
}

/// What comes with a read.
#[derive(Clone, Debug, Default)]
pub struct Read {
    /// The datacenter to read in; none means this one.
    pub datacenter: Option<String>,
    /// Which rows the asker may see.
    pub visible: Visible,
    /// How fresh the answer must be.
    pub consistency: Consistency,
    /// Set if the answer is to wait for a change.
    pub wait: Option<Wait>,
}

/// How long to wait for what. The server adds up to a sixteenth of it at random.
#[derive(Clone, Copy, Debug)]
pub struct Wait {
    /// The answer waits until its index is past this.
    pub index: Index,
    /// For this long at most; already bounded by the front door's limits.
    pub max: Duration,
}

/// How fresh an answer must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Consistency {
    /// The leader's state, under its lease.
    #[default]
    Default,
    /// This server's state, however old.
    Stale,
    /// The leader's state, after a quorum has confirmed it.
    Consistent,
}

/// A change of volatile state.
#[derive(Clone, Debug)]
pub enum ClusterSignal {
    /// A session is renewed for its time to live.
    SessionRenew(SessionId),
    /// A node says where it stands in the network; gathered, and written with others soon.
    Coordinate(CoordinateUpdate),
}

/// What a signal came to.
#[derive(Clone, Debug)]
pub enum SignalAnswer {
    /// Done.
    Done,
    /// What it names does not exist.
    NotFound,
}

/// A member of the gossip pool.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its node name.
    pub name: String,
    /// Its address.
    pub address: std::net::IpAddr,
    /// Its gossip port.
    pub port: u16,
    /// What it says of itself.
    pub tags: std::collections::BTreeMap<String, String>,
}

/// How the cluster stands.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// The leader's RPC address, if there is a leader.
    pub leader: Option<String>,
    /// The voters' RPC addresses.
    pub peers: Vec<String>,
    /// True if this server leads.
    pub is_leader: bool,
    /// The leader's term.
    pub term: u64,
    /// The last log position that is applied here.
    pub applied: u64,
    /// The last log position that is committed.
    pub committed: u64,
    /// The last log position there is here.
    pub last: u64,
    /// Since when this server last heard from the leader, in milliseconds; 0 on the leader.
    pub last_contact_ms: u64,
}

/// Why the cluster did not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClusterError {
    /// There is no leader, or it was lost before the answer.
    #[error("No cluster leader")]
    NoLeader,
    /// The datacenter is not known.
    #[error("No path to datacenter")]
    NoPathToDatacenter,
    /// Too many writes wait already; nothing was written.
    #[error("too many writes wait: try again later")]
    Overloaded,
    /// Too many blocking queries wait already.
    #[error("too many blocking queries wait: try again later, or ask without an index")]
    TooManyWait,
    /// The disk is full; nothing was written. Deletes and reads still work.
    #[error("no space left on the data directory's disk: only deletes and reads work")]
    DiskFull,
    /// The disk is full and its reserve is spent; nothing was written.
    #[error("no space left on the data directory's disk, not even for deletes: only reads work")]
    DiskSpent,
    /// The entry would be larger than the limit.
    #[error("entry of {have} bytes is larger than the limit of {limit} bytes")]
    TooLarge {
        /// Its size.
        have: usize,
        /// The limit.
        limit: usize,
    },
    /// The server is stopping; whether the write happened is not known.
    #[error("server is stopping")]
    Stopping,
}
