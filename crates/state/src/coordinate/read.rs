//! What reads coordinates; every answer carries the index of the whole table.

use super::rows::{CoordinateRow, CoordinateTables};
use crate::ids::{Index, NodeName};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One read of coordinates.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CoordinateQuery {
    /// Those of every node, of one segment if one is named.
    Nodes(Option<String>),
    /// Those of one node, of one segment if one is named.
    Node(NodeName, Option<String>),
}

/// What a read of coordinates found.
#[derive(Clone, Debug)]
pub enum CoordinateBody {
    /// Coordinates, by node and segment.
    Rows(Vec<Arc<CoordinateRow>>),
}

pub(crate) fn answer(
    tables: &CoordinateTables,
    query: &CoordinateQuery,
) -> (Index, CoordinateBody) {
    let (rows, segment): (Vec<&Arc<CoordinateRow>>, _) = match query {
        CoordinateQuery::Nodes(segment) => (tables.iter().collect(), segment),
        CoordinateQuery::Node(node, segment) => (tables.of(node).collect(), segment),
    };
    let wanted = |row: &&&Arc<CoordinateRow>| segment.as_ref().is_none_or(|s| *s == row.segment);
    let rows = rows.iter().filter(wanted).map(|row| Arc::clone(row)).collect();
    (tables.index, CoordinateBody::Rows(rows))
}

/// Sorts rows by the estimated round trip from a node; what stands nowhere comes last, and what
/// is equally far stays in order. Nothing moves if the node itself stands nowhere.
///
/// Source: surface A.3; Consul 1.22 documentation of `near`.
pub fn sort_near<T>(
    tables: &CoordinateTables,
    from: &NodeName,
    rows: &mut [T],
    node_of: impl Fn(&T) -> &NodeName,
) {
    let own: Vec<&Arc<CoordinateRow>> = tables.of(from).collect();
    if own.is_empty() {
        return;
    }
    let mut known: BTreeMap<NodeName, f64> = BTreeMap::new();
    for row in rows.iter() {
        let node = node_of(row).folded();
        let there = node.clone();
        known.entry(node).or_insert_with(|| distance_s(tables, &own, &there));
    }
    let far = |row: &T| known.get(&node_of(row).folded()).copied().unwrap_or(f64::INFINITY);
    rows.sort_by(|a, b| far(a).partial_cmp(&far(b)).unwrap_or(Ordering::Equal));
}

/// The distance within a segment that both are in; infinite if there is none.
fn distance_s(tables: &CoordinateTables, from: &[&Arc<CoordinateRow>], to: &NodeName) -> f64 {
    let both = |own: &&Arc<CoordinateRow>| {
        let other = tables.get(to, &own.segment)?;
        Some(own.coordinate.distance_s(&other.coordinate))
    };
    from.iter().find_map(both).unwrap_or(f64::INFINITY)
}
