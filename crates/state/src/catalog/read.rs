//! What reads the catalog, and the index each read waits on. Source: surface B.1; transcripts.

use super::query::{Catalog, CatalogBody, CatalogQuery, Instance, STATE_ANY, ServiceRead, WhyRead};
use super::rows::{CatalogTables, CheckRow, NodeRow, ServiceRow};
use super::verdict::{Verdict, has_tag};
use crate::coordinate::{CoordinateTables, sort_near};
use crate::filter::{Filter, NodeInfo, SERVICE_NODE, ServiceNode};
use crate::ids::{Index, NodeName, ServiceName};
use crate::query::ReadIndexes;
use crate::store::Tables;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub(crate) fn answer(tables: &Tables, query: &CatalogQuery) -> (Index, CatalogBody) {
    let reading = Reading { tables: &tables.catalog, coordinates: &tables.coordinates, query };
    (indexes(&tables.catalog, query).answer, reading.body())
}

/// The indexes of a read, without its answer.
pub(crate) fn indexes(tables: &CatalogTables, query: &CatalogQuery) -> ReadIndexes {
    let change = changed_at(tables, query);
    let answer = match &query.what {
        // As Consul's, it moves with every check. Source: transcripts/agent/alias.txt.
        Catalog::ServiceChecks(_) => change.max(tables.marks.checks),
        _ => change,
    };
    ReadIndexes { answer, change }
}

fn changed_at(tables: &CatalogTables, query: &CatalogQuery) -> Index {
    let marks = &tables.marks;
    let with_nodes = |index: Index| {
        if query.reads_nodes() { index.max(marks.nodes) } else { index }
    };
    match &query.what {
        Catalog::Nodes => marks.nodes,
        Catalog::Node(name) => marks.of_node(name),
        Catalog::Services => with_nodes(marks.services),
        Catalog::Service(read) if read.connect => marks.of_connect(&read.service),
        Catalog::Service(read) => marks.of_service(&read.service),
        Catalog::ServiceChecks(service) => marks.of_service(service),
        Catalog::Why(read) => marks.of_service(&read.service),
        Catalog::NodeChecks(_) => marks.checks,
        Catalog::State(_) => with_nodes(marks.checks),
        Catalog::NodeInfos | Catalog::NodeInfo(_) | Catalog::Dump => {
            marks.nodes.max(marks.services).max(marks.checks)
        }
        Catalog::Nothing => Index(0),
    }
}

/// One read under way.
struct Reading<'a> {
    tables: &'a CatalogTables,
    coordinates: &'a CoordinateTables,
    query: &'a CatalogQuery,
}

impl Reading<'_> {
    fn body(&self) -> CatalogBody {
        match &self.query.what {
            Catalog::Nodes => CatalogBody::Nodes(self.nodes()),
            Catalog::Node(name) => CatalogBody::Node(self.node(name)),
            Catalog::Services => CatalogBody::Services(self.names()),
            Catalog::Service(read) => CatalogBody::Instances(self.service(read)),
            Catalog::NodeChecks(name) => {
                CatalogBody::Checks(self.checks(self.tables.checks_on(name)))
            }
            Catalog::ServiceChecks(service) => CatalogBody::Checks(self.service_checks(service)),
            Catalog::State(state) => {
                let rows = self.tables.checks.iter().map(|(_, row)| row);
                let wanted = rows.filter(|row| is_in(row, state));
                CatalogBody::Checks(self.checks(wanted.filter(|row| self.wants_node(&row.node))))
            }
            Catalog::NodeInfos => CatalogBody::NodeInfos(self.infos(self.tables.all_nodes())),
            Catalog::NodeInfo(name) => {
                CatalogBody::NodeInfos(self.infos(self.tables.node(name).into_iter()))
            }
            Catalog::Dump => CatalogBody::Instances(self.instances(self.tables.all_instances())),
            Catalog::Why(read) => self.verdicts(read),
            Catalog::Nothing => CatalogBody::Instances(Vec::new()),
        }
    }

    fn nodes(&self) -> Vec<Arc<NodeRow>> {
        let rows = self.tables.all_nodes().filter(|row| has_meta(row, &self.query.node_meta));
        let mut rows: Vec<_> =
            rows.filter(|row| passes(self.filter(), |f| f.matches(&***row))).cloned().collect();
        self.sort(&mut rows, |row| &row.node);
        rows
    }

    fn node(&self, name: &NodeName) -> Option<(Arc<NodeRow>, Vec<Arc<ServiceRow>>)> {
        let node = self.tables.node(name)?.clone();
        let rows = self.tables.services_on(name);
        let rows = rows.filter(|row| passes(self.filter(), |f| f.matches(&***row)));
        Some((node, rows.cloned().collect()))
    }

    fn names(&self) -> BTreeMap<ServiceName, Vec<String>> {
        let mut names: BTreeMap<ServiceName, Vec<&String>> = BTreeMap::new();
        let mut seen: BTreeSet<(&ServiceName, &String)> = BTreeSet::new();
        let rows = self.tables.all_services();
        for row in rows.filter(|row| self.wants_node(&row.node) && self.wants_flat(row)) {
            let tags = names.entry(row.service.clone()).or_default();
            let own = row.tags.as_deref().unwrap_or_default().iter();
            tags.extend(own.filter(|tag| seen.insert((&row.service, tag))));
        }
        let list = |tags: Vec<&String>| tags.into_iter().cloned().collect();
        names.into_iter().map(|(name, tags)| (name, list(tags))).collect()
    }

    fn service(&self, read: &ServiceRead) -> Vec<Instance> {
        let mut found = if read.connect {
            self.instances(self.tables.endpoints(&read.service))
        } else {
            self.instances(self.tables.instances(&read.service))
        };
        found.retain(|instance| {
            has_tags(&instance.service, &read.tags) && !(read.passing && instance.is_failing())
        });
        self.sort(&mut found, |instance| &instance.node.node);
        found
    }

    fn verdicts(&self, read: &WhyRead) -> CatalogBody {
        let found = self.instances(self.tables.instances(&read.service)).into_iter();
        let judge = |instance| Verdict::of(instance, &read.tags, read.only_passing);
        let found: Vec<_> = found.map(judge).collect();
        let others = match found.is_empty() {
            true => self.names().into_keys().collect(),
            false => Vec::new(),
        };
        CatalogBody::Verdicts(found, others)
    }

    fn instances<'a>(&self, rows: impl Iterator<Item = &'a Arc<ServiceRow>>) -> Vec<Instance> {
        let found = rows.filter_map(|row| self.tables.instance(row));
        let found = found.filter(|instance| has_meta(&instance.node, &self.query.node_meta));
        found.filter(|instance| passes(self.filter(), |filter| shows(filter, instance))).collect()
    }

    fn checks<'a>(&self, rows: impl Iterator<Item = &'a Arc<CheckRow>>) -> Vec<Arc<CheckRow>> {
        let rows = rows.filter(|row| passes(self.filter(), |f| f.matches(&***row)));
        let mut rows: Vec<_> = rows.cloned().collect();
        self.sort(&mut rows, |row| &row.node);
        rows
    }

    fn service_checks(&self, service: &ServiceName) -> Vec<Arc<CheckRow>> {
        let rows = self.tables.instances(service).filter(|row| self.wants_node(&row.node));
        let mut checks: Vec<_> =
            rows.flat_map(|row| self.tables.checks_of(&row.node, &row.id)).collect();
        checks.sort_by_cached_key(|check| (check.node.folded(), check.id.clone()));
        self.checks(checks.into_iter())
    }

    fn infos<'a>(&self, nodes: impl Iterator<Item = &'a Arc<NodeRow>>) -> Vec<NodeInfo> {
        let info = |node: &Arc<NodeRow>| NodeInfo {
            node: node.clone(),
            services: self.tables.services_on(&node.node).cloned().collect(),
            checks: self.tables.checks_on(&node.node).cloned().collect(),
        };
        nodes.map(info).filter(|info| passes(self.filter(), |f| f.matches(info))).collect()
    }

    fn filter(&self) -> Option<&Filter> {
        self.query.filter.as_ref()
    }

    fn wants_node(&self, node: &NodeName) -> bool {
        let meta = &self.query.node_meta;
        meta.is_empty() || self.tables.node(node).is_some_and(|node| has_meta(node, meta))
    }

    /// True if an instance and its node, seen as one, pass the filter.
    fn wants_flat(&self, service: &ServiceRow) -> bool {
        passes(self.filter(), |filter| {
            let node = self.tables.node(&service.node);
            node.is_some_and(|node| filter.matches(&ServiceNode { node, service }))
        })
    }

    fn sort<T>(&self, rows: &mut [T], node_of: impl Fn(&T) -> &NodeName) {
        if let Some(from) = &self.query.near {
            sort_near(self.coordinates, from, rows, node_of);
        }
    }
}

/// States are the same in any case.
fn is_in(row: &CheckRow, state: &str) -> bool {
    state == STATE_ANY || row.status.as_str().eq_ignore_ascii_case(state)
}

fn passes(filter: Option<&Filter>, matches: impl FnOnce(&Filter) -> bool) -> bool {
    filter.is_none_or(matches)
}

/// An instance stands for two models: as health shows it, and flat as the catalog does.
fn shows(filter: &Filter, instance: &Instance) -> bool {
    if filter.is_over(&SERVICE_NODE) {
        let flat = ServiceNode { node: &instance.node, service: &instance.service };
        return filter.matches(&flat);
    }
    filter.matches(instance)
}

fn has_meta(node: &NodeRow, wanted: &BTreeMap<String, String>) -> bool {
    let has = |key, value: &String| {
        node.meta.as_ref().and_then(|meta| meta.get(key)) == Some(value.as_str())
    };
    wanted.iter().all(|(key, value)| has(key, value))
}

fn has_tags(service: &ServiceRow, wanted: &[String]) -> bool {
    wanted.iter().all(|tag| has_tag(service, tag))
}
