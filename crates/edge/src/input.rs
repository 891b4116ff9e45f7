//! Everything that can happen to an agent's brain. Inputs are data: a run can be replayed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tribune_api::agent::{CheckRegistration, ServiceDefinition};
use tribune_state::TextMap;
use tribune_state::catalog::{CheckRow, CheckStatus, NodeRow, ServiceRow};
use tribune_state::ids::{CheckId, Index, ServiceId};

/// Which request an [`Effect::Reply`](crate::Effect::Reply) answers. The body counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RequestId(pub u64);

/// Which write a report is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ticket(pub u64);

/// What arrives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Input {
    /// Time has passed: a deadline may be due.
    Tick,
    /// Of the time since the last input, the machine slept this long. It does not count.
    Slept(Duration),
    /// Somebody asks for something and waits.
    Ask(RequestId, Box<Ask>),
    /// A probe has ended.
    Probed(Box<ProbeResult>),
    /// A node that a check follows has been read, or the reason why not.
    Followed(Box<Followed>),
    /// The cluster has taken a write, or it has not.
    Proposed(Ticket, Taken),
    /// What the catalog holds for this node, as [`Effect::ReadCatalog`](crate::Effect) asked.
    Catalog(Box<CatalogSnapshot>),
    /// Registrations are on disk, or the reason why not.
    Persisted(Ticket, Result<(), String>),
}

/// Whether the cluster took a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Taken {
    /// It is in the catalog, readable here.
    Yes,
    /// It is not, or nobody knows.
    No,
}

/// How a probe ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeResult {
    /// The check it was for.
    pub check: CheckId,
    /// The registration it was for.
    pub generation: u64,
    /// What it found.
    pub status: CheckStatus,
    /// What it says about it.
    pub output: String,
    /// How long it waited, after it was asked for, before it began.
    pub waited: Duration,
    /// How long it took.
    pub took: Duration,
}

/// What became of [`Effect::Follow`](crate::Effect).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Followed {
    /// The check that follows.
    pub check: CheckId,
    /// The registration it was for.
    pub generation: u64,
    /// What the catalog holds, or why it could not be read.
    pub found: Result<FollowedNode, String>,
}

/// What the catalog holds for a node that a check follows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FollowedNode {
    /// Up to where it has been read.
    pub at: SeenIndexes,
    /// The ids of its services.
    pub services: BTreeSet<ServiceId>,
    /// The checks of it and of them.
    pub checks: Vec<Arc<CheckRow>>,
}

/// Up to where a node has been read; zero is nowhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SeenIndexes {
    /// The index of the node with its services.
    pub node: Index,
    /// That of its checks.
    pub checks: Index,
}

/// What can be asked of an agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Ask {
    /// Register a service and its checks.
    RegisterService {
        /// What to register.
        definition: Box<ServiceDefinition>,
        /// True to drop the service's checks that are not in it.
        replace_existing_checks: bool,
    },
    /// Register what the configuration's files declare, all of it or nothing, and drop what they
    /// declared before and do not any more. It is not kept on disk.
    Declare(Declared),
    /// Deregister a service, its checks and its sidecar.
    DeregisterService(ServiceId),
    /// Register a check of a service or of the node.
    RegisterCheck(Box<CheckRegistration>),
    /// Deregister a check.
    DeregisterCheck(CheckId),
    /// Say how a TTL check is.
    UpdateTtl(TtlUpdate),
    /// Put a service, or with none the node, into maintenance or take it out.
    Maintain {
        /// The service, or none for the node.
        service: Option<ServiceId>,
        /// True to put it in.
        enable: bool,
        /// Why.
        reason: String,
    },
    /// Compare with the catalog now.
    SyncNow,
    /// Take over settings that may change while the agent runs.
    Renew(Renewed),
}

/// The settings that may change while the agent runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renewed {
    /// All the metadata of the node's own row.
    pub node_meta: Option<TextMap>,
    /// True to keep no output of checks from now on.
    pub discard_check_output: bool,
}

/// Everything that the configuration's files declare.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Declared {
    /// The services, each with its checks: exactly these.
    pub services: Vec<ServiceDefinition>,
    /// Checks that stand alone, of the node or of a service.
    pub checks: Vec<CheckRegistration>,
}

/// How a TTL check is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TtlUpdate {
    /// The check.
    pub check: CheckId,
    /// Its new state.
    pub status: CheckStatus,
    /// What its owner says.
    pub output: String,
}

/// What the catalog holds for this node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CatalogSnapshot {
    /// The node's row, if there is one.
    pub node: Option<Arc<NodeRow>>,
    /// The services on it.
    pub services: Vec<Arc<ServiceRow>>,
    /// The checks of it and of them.
    pub checks: Vec<Arc<CheckRow>>,
}
