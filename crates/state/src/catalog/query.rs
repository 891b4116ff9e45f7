//! One read of the catalog: what is asked for, and how it is narrowed and ordered.

use super::rows::{CheckRow, NodeRow, ServiceRow};
use super::verdict::{Door, Verdict};
use crate::filter::{Filter, NodeInfo};
use crate::ids::{NodeName, ServiceName};
use crate::watch::Topic;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The state that stands for all.
pub const STATE_ANY: &str = "any";

/// One read of the catalog.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CatalogQuery {
    /// What is asked for.
    pub what: Catalog,
    /// Metadata that a row's node must all have.
    pub node_meta: BTreeMap<String, String>,
    /// What every row must pass; its model is the endpoint's.
    pub filter: Option<Filter>,
    /// The node from which on rows are sorted by distance.
    pub near: Option<NodeName>,
}

/// What a read of the catalog asks for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Catalog {
    /// Every node.
    Nodes,
    /// One node and its services.
    Node(NodeName),
    /// Every service with its tags.
    Services,
    /// A service's instances with their nodes and checks.
    Service(ServiceRead),
    /// The checks of one node.
    NodeChecks(NodeName),
    /// The checks of a service's instances.
    ServiceChecks(ServiceName),
    /// The checks in a state; `any` stands for all.
    State(String),
    /// Every node with its services and checks.
    NodeInfos,
    /// One node with its services and checks.
    NodeInfo(NodeName),
    /// Every instance of every service.
    Dump,
    /// Every instance of a service, and why it is not given to clients.
    Why(WhyRead),
    /// What is of a part that holds nothing yet, such as another cluster's services.
    Nothing,
}

/// Which instances of a service are asked for: what catalog/service and health/service show.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceRead {
    /// The service.
    pub service: ServiceName,
    /// Tags that an instance must all have, in any case.
    pub tags: Vec<String>,
    /// True to leave out instances with a check that is not passing.
    pub passing: bool,
    /// True to find the mesh endpoints of the service instead.
    pub connect: bool,
}

/// Whose instances are judged, and as whom.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WhyRead {
    /// The service.
    pub service: ServiceName,
    /// Tags that clients ask for.
    pub tags: Vec<String>,
    /// True if DNS leaves out warnings.
    pub only_passing: bool,
}

/// One service instance with its node and every check that concerns it.
#[derive(Clone, Debug)]
pub struct Instance {
    /// Where it runs.
    pub node: Arc<NodeRow>,
    /// The instance.
    pub service: Arc<ServiceRow>,
    /// The node's checks, then its own.
    pub checks: Vec<Arc<CheckRow>>,
}

impl Instance {
    /// True if any check of it or of its node is not passing.
    pub fn is_failing(&self) -> bool {
        self.checks.iter().any(|check| Door::Passing.is_barred_by(&check.status))
    }
}

/// What a read of the catalog found.
#[derive(Clone, Debug)]
pub enum CatalogBody {
    /// Nodes by name.
    Nodes(Vec<Arc<NodeRow>>),
    /// One node and its services by id; none if there is no such node.
    Node(Option<(Arc<NodeRow>, Vec<Arc<ServiceRow>>)>),
    /// Services with the tags of all their instances.
    Services(BTreeMap<ServiceName, Vec<String>>),
    /// Instances.
    Instances(Vec<Instance>),
    /// Checks.
    Checks(Vec<Arc<CheckRow>>),
    /// Nodes with all they have.
    NodeInfos(Vec<NodeInfo>),
    /// Instances with the reasons; if there is none, the names of all services.
    Verdicts(Vec<Verdict>, Vec<ServiceName>),
}

impl From<Catalog> for CatalogQuery {
    /// All of it, in the store's order.
    fn from(what: Catalog) -> CatalogQuery {
        CatalogQuery { what, node_meta: BTreeMap::new(), filter: None, near: None }
    }
}

impl CatalogQuery {
    /// Every instance of a service.
    pub fn service(service: ServiceName) -> CatalogQuery {
        Catalog::Service(ServiceRead { service, ..ServiceRead::default() }).into()
    }

    /// The same, narrowed to nodes with this metadata.
    #[must_use]
    pub fn on_nodes_with(mut self, node_meta: BTreeMap<String, String>) -> CatalogQuery {
        self.node_meta = node_meta;
        self
    }

    /// What can change the answer. A change of who is near whom wakes nobody, as in Consul.
    pub fn topics(&self) -> Vec<Topic> {
        match &self.what {
            Catalog::Nodes => vec![Topic::Nodes],
            Catalog::Node(node) => vec![Topic::Node(node.folded())],
            Catalog::NodeChecks(node) => vec![Topic::NodeChecks(node.folded())],
            Catalog::Services if self.reads_nodes() => vec![Topic::Services, Topic::Nodes],
            Catalog::Services => vec![Topic::Services],
            Catalog::Service(read) if read.connect => {
                vec![Topic::ServiceMesh(read.service.folded())]
            }
            Catalog::Service(read) => vec![Topic::Service(read.service.folded())],
            Catalog::Why(read) => vec![Topic::Service(read.service.folded())],
            Catalog::ServiceChecks(service) => vec![Topic::Service(service.folded())],
            Catalog::State(_) if self.reads_nodes() => vec![Topic::Checks, Topic::Nodes],
            Catalog::State(_) => vec![Topic::Checks],
            Catalog::NodeInfos | Catalog::NodeInfo(_) | Catalog::Dump => {
                vec![Topic::Nodes, Topic::Services, Topic::Checks]
            }
            Catalog::Nothing => vec![Topic::System],
        }
    }

    /// True if what nodes say of themselves decides about rows that are not nodes.
    pub(super) fn reads_nodes(&self) -> bool {
        let filtered = matches!(self.what, Catalog::Services) && self.filter.is_some();
        !self.node_meta.is_empty() || filtered
    }
}
