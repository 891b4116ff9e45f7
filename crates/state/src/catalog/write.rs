//! Registration and deregistration. Source: transcripts catalog/*; surface A.3, D.1.

use super::rows::{CheckRow, NodeRow, ServiceRow};
use crate::feed::Event;
use crate::ids::{CheckId, Index, NodeName, ServiceId};
use crate::outcome::Outcome;
use crate::store::Tables;
use serde::{Deserialize, Serialize};

/// A node to register: a row whose indexes do not count.
pub type NodeRegister = NodeRow;
/// A service instance to register: a row whose indexes and node do not count.
pub type ServiceRegister = ServiceRow;
/// A check to register: a row whose indexes do not count.
pub type CheckRegister = CheckRow;

/// One registration: a node, and what belongs to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Register {
    /// The node.
    pub node: NodeRegister,
    /// True to leave an existing node's own fields as they are.
    pub skip_node_update: bool,
    /// A service instance on it.
    pub service: Option<ServiceRegister>,
    /// Checks of the node or of instances on it.
    pub checks: Vec<CheckRegister>,
}

/// One deregistration: of a check, else of an instance, else of the whole node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deregister {
    /// The node.
    pub node: NodeName,
    /// The instance, if one is meant.
    pub service_id: Option<ServiceId>,
    /// The check, if one is meant.
    pub check_id: Option<CheckId>,
}

/// One write of the catalog.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum CatalogCommand {
    /// Registers.
    Register(Box<Register>),
    /// Deregisters; what is not there is no error.
    Deregister(Deregister),
    /// Several, in order, each on its own: an agent's changes in one entry.
    Batch(Vec<CatalogCommand>),
}

pub(crate) fn apply(
    tables: &mut Tables,
    command: &CatalogCommand,
    index: Index,
    events: &mut Vec<Event>,
) -> Outcome {
    let _ = (tables, command, index, events);
    Outcome::Flag(true)
}
