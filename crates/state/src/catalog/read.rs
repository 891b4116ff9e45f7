//! What reads the catalog, and the index each read waits on. Source: surface B.1; transcripts.

use super::rows::{CatalogTables, CheckRow, NodeRow, ServiceRow};
use super::verdict::{Door, Verdict, has_tag};
use crate::ids::{Index, NodeName, ServiceName};
use crate::watch::Topic;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The state that stands for all.
pub const STATE_ANY: &str = "any";

/// One read of the catalog.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CatalogQuery {
    /// Every node, or those with all of this metadata.
    Nodes(BTreeMap<String, String>),
    /// One node and its services.
    Node(NodeName),
    /// Every service with its tags, or those on nodes with this metadata.
    Services(BTreeMap<String, String>),
    /// A service's instances with their nodes and checks: what catalog/service and
    /// health/service show.
    Service {
        /// The service.
        service: ServiceName,
        /// Tags that an instance must all have, in any case.
        tags: Vec<String>,
        /// Metadata that its node must all have.
        node_meta: BTreeMap<String, String>,
        /// True to leave out instances with a check that is not passing.
        passing: bool,
        /// True to find the mesh endpoints of the service instead.
        connect: bool,
    },
    /// The checks of one node.
    NodeChecks(NodeName),
    /// The checks of a service's instances.
    ServiceChecks(ServiceName, BTreeMap<String, String>),
    /// The checks in a state; `any` stands for all.
    State(String, BTreeMap<String, String>),
    /// Every instance of a service, and why it is not given to clients.
    Why {
        /// The service.
        service: ServiceName,
        /// Tags that clients ask for.
        tags: Vec<String>,
        /// True if DNS leaves out warnings.
        only_passing: bool,
    },
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
    /// Instances with the reasons; if there is none, the names of all services.
    Verdicts(Vec<Verdict>, Vec<ServiceName>),
}

impl CatalogQuery {
    /// What can change the answer.
    pub fn topics(&self) -> Vec<Topic> {
        match self {
            CatalogQuery::Nodes(_) => vec![Topic::Nodes],
            CatalogQuery::Node(node) => vec![Topic::Node(node.folded())],
            CatalogQuery::NodeChecks(node) => vec![Topic::NodeChecks(node.folded())],
            CatalogQuery::Services(meta) => with_nodes(Topic::Services, meta),
            CatalogQuery::Service { service, connect: true, .. } => {
                vec![Topic::ServiceMesh(service.folded())]
            }
            CatalogQuery::Service { service, .. } | CatalogQuery::ServiceChecks(service, _) => {
                vec![Topic::Service(service.folded())]
            }
            CatalogQuery::State(_, meta) => with_nodes(Topic::Checks, meta),
            CatalogQuery::Why { service, .. } => vec![Topic::Service(service.folded())],
        }
    }
}

fn with_nodes(topic: Topic, meta: &BTreeMap<String, String>) -> Vec<Topic> {
    if meta.is_empty() { vec![topic] } else { vec![topic, Topic::Nodes] }
}

pub(crate) fn answer(tables: &CatalogTables, query: &CatalogQuery) -> (Index, CatalogBody) {
    let marks = &tables.marks;
    match query {
        CatalogQuery::Nodes(meta) => {
            let rows = tables.nodes.iter().map(|(_, row)| row);
            let rows = rows.filter(|row| has_meta(row, meta)).cloned().collect();
            (marks.nodes, CatalogBody::Nodes(rows))
        }
        CatalogQuery::Node(name) => {
            let found = tables
                .node(name)
                .map(|node| (node.clone(), tables.services_on(name).cloned().collect::<Vec<_>>()));
            (marks.of_node(name), CatalogBody::Node(found))
        }
        CatalogQuery::Services(meta) => {
            (index_with(tables, marks.services, meta), CatalogBody::Services(names(tables, meta)))
        }
        CatalogQuery::Service { service, tags, node_meta, passing, connect } => {
            let index =
                if *connect { marks.of_connect(service) } else { marks.of_service(service) };
            let wanted = |instance: &Instance| {
                has_tags(&instance.service, tags)
                    && has_meta(&instance.node, node_meta)
                    && !(*passing && instance.is_failing())
            };
            let mut found = instances(tables, service, *connect);
            found.retain(wanted);
            (index, CatalogBody::Instances(found))
        }
        CatalogQuery::NodeChecks(name) => {
            (marks.checks, CatalogBody::Checks(tables.checks_on(name).cloned().collect()))
        }
        CatalogQuery::ServiceChecks(service, meta) => {
            let checks = service_checks(tables, service, meta);
            (marks.of_service(service), CatalogBody::Checks(checks))
        }
        CatalogQuery::Why { service, tags, only_passing } => {
            (marks.of_service(service), verdicts(tables, service, tags, *only_passing))
        }
        CatalogQuery::State(state, meta) => {
            let rows = tables.checks.iter().map(|(_, row)| row);
            let rows = rows
                .filter(|row| state == STATE_ANY || row.status.as_str() == state)
                .filter(|row| meta.is_empty() || node_has(tables, &row.node, meta));
            let checks = rows.cloned().collect();
            (index_with(tables, marks.checks, meta), CatalogBody::Checks(checks))
        }
    }
}

fn verdicts(
    tables: &CatalogTables,
    service: &ServiceName,
    tags: &[String],
    only_passing: bool,
) -> CatalogBody {
    let found = instances(tables, service, false).into_iter();
    let found: Vec<_> = found.map(|instance| Verdict::of(instance, tags, only_passing)).collect();
    let others = match found.is_empty() {
        true => names(tables, &BTreeMap::new()).into_keys().collect(),
        false => Vec::new(),
    };
    CatalogBody::Verdicts(found, others)
}

fn names(
    tables: &CatalogTables,
    meta: &BTreeMap<String, String>,
) -> BTreeMap<ServiceName, Vec<String>> {
    let mut names: BTreeMap<ServiceName, BTreeSet<&String>> = BTreeMap::new();
    for (_, row) in tables.services.iter() {
        if meta.is_empty() || node_has(tables, &row.node, meta) {
            let tags = names.entry(row.service.clone()).or_default();
            tags.extend(row.tags.iter().flatten());
        }
    }
    let list = |tags: BTreeSet<&String>| tags.into_iter().cloned().collect();
    names.into_iter().map(|(name, tags)| (name, list(tags))).collect()
}

fn service_checks(
    tables: &CatalogTables,
    service: &ServiceName,
    meta: &BTreeMap<String, String>,
) -> Vec<Arc<CheckRow>> {
    let rows = tables.instances(service);
    let rows = rows.filter(|row| meta.is_empty() || node_has(tables, &row.node, meta));
    let mut checks: Vec<_> =
        rows.flat_map(|row| tables.checks_of(&row.node, &row.id).cloned()).collect();
    checks.sort_by_cached_key(|check| (check.node.folded(), check.id.clone()));
    checks
}

fn node_has(tables: &CatalogTables, node: &NodeName, meta: &BTreeMap<String, String>) -> bool {
    tables.node(node).is_some_and(|node| has_meta(node, meta))
}

/// A filter on node metadata makes the nodes part of what was read.
fn index_with(tables: &CatalogTables, index: Index, meta: &BTreeMap<String, String>) -> Index {
    if meta.is_empty() { index } else { index.max(tables.marks.nodes) }
}
fn instances(tables: &CatalogTables, service: &ServiceName, connect: bool) -> Vec<Instance> {
    if connect {
        tables.endpoints(service).filter_map(|row| tables.instance(row)).collect()
    } else {
        tables.instances(service).filter_map(|row| tables.instance(row)).collect()
    }
}

impl Instance {
    /// True if any check of it or of its node is not passing.
    pub fn is_failing(&self) -> bool {
        self.checks.iter().any(|check| Door::Passing.is_barred_by(&check.status))
    }
}

fn has_meta(node: &NodeRow, wanted: &BTreeMap<String, String>) -> bool {
    let has = |key, value| node.meta.as_ref().and_then(|meta| meta.get(key)) == Some(value);
    wanted.iter().all(|(key, value)| has(key, value))
}

fn has_tags(service: &ServiceRow, wanted: &[String]) -> bool {
    wanted.iter().all(|tag| has_tag(service, tag))
}
