//! Everything an agent's brain can ask of its body. Effects are to be done in their order.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tribune_api::agent::AgentService;
use tribune_api::health::HealthCheck;
use tribune_state::Command;
use tribune_state::ids::{CheckId, NodeName, ServiceId};

use crate::check::probe::ProbeRequest;
use crate::error::EdgeError;
use crate::input::{RequestId, SeenIndexes, Ticket};

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Effect {
    /// Show these to readers. Comes before the replies of the same step.
    Publish(Vec<Change>),
    /// Run a probe; every one that is started must be reported once.
    Probe(Box<ProbeRequest>),
    /// Read a node's rows in the catalog, as soon as they are past what was seen, and report.
    Follow(Box<Follow>),
    /// Write to the catalog and report. At most one is under way.
    Propose(Ticket, Box<Command>),
    /// Read what the catalog holds for this node.
    ReadCatalog,
    /// Put registrations on disk and report. At most one is under way.
    Persist(Ticket, Save),
    /// Answer a request.
    Reply(RequestId, Result<(), EdgeError>),
    /// Something the operator may want to read.
    Note(Note),
}

/// A node to read for a check that follows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Follow {
    /// The check.
    pub check: CheckId,
    /// Its registration.
    pub generation: u64,
    /// The node.
    pub node: NodeName,
    /// Up to where it has been read; wait for more, for some minutes at most.
    pub after: SeenIndexes,
}

/// A row that readers see has changed, or is gone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Change {
    /// A service.
    Service(ServiceId, Option<Arc<AgentService>>),
    /// A check.
    Check(CheckId, Option<Arc<HealthCheck>>),
}

/// Bytes for the file of registrations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Save {
    /// To be added at its end.
    Append(Vec<u8>),
    /// To replace all of it at once, by a rename.
    Replace(Vec<u8>),
}

/// A fact for the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Note {
    /// A check went from one state to another.
    CheckChanged {
        /// The check.
        check: CheckId,
        /// Before.
        from: String,
        /// Now.
        to: String,
    },
    /// A check changes too often and is held at its worse state from now on.
    Held {
        /// The check.
        check: CheckId,
        /// Its points.
        points: u32,
    },
    /// A check that was held has been quiet for long enough.
    LetGo {
        /// The check.
        check: CheckId,
    },
    /// What was registered in an earlier life cannot be registered any more; it is forgotten.
    NotRestored {
        /// The check.
        check: CheckId,
        /// Why not.
        why: String,
    },
    /// A check asked for a shorter interval than there is.
    IntervalRaised {
        /// The check.
        check: CheckId,
        /// What it asked for.
        asked: Duration,
        /// What it runs at.
        every: Duration,
    },
    /// Every port of exposed checks is taken: this one does not go through its proxy.
    NotExposed {
        /// The check.
        check: CheckId,
    },
    /// A service was removed, since this check stayed critical for as long as it said.
    ServiceRemoved {
        /// The service.
        service: ServiceId,
        /// The check.
        check: CheckId,
    },
    /// The catalog held something of this node that nobody registered here; it is removed.
    NotOurs {
        /// Its id.
        id: String,
    },
    /// The last write to the catalog failed; it will be tried again.
    SyncFailed {
        /// How many items wait.
        waiting: usize,
    },
}
