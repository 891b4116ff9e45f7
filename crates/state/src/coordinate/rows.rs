//! The rows: one coordinate for each node and segment.

use crate::ids::{Index, NodeName};
use crate::table::Table;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// How many dimensions a coordinate has.
pub const DIMENSIONS: usize = 8;

/// A place in the network. Distances between places are round trips in seconds.
///
/// Source: Consul 1.22 documentation of network coordinates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Coordinate {
    /// The place in space.
    pub vec: [f64; DIMENSIONS],
    /// How sure the node is of it; less is surer.
    pub error: f64,
    /// What to add to estimates, since real networks are no space.
    pub adjustment: f64,
    /// The part of a round trip that is the same to all others.
    pub height: f64,
}

impl Default for Coordinate {
    /// Where a node stands that has measured nothing yet.
    fn default() -> Coordinate {
        Coordinate { vec: [0.0; DIMENSIONS], error: 1.5, adjustment: 0.0, height: 1e-5 }
    }
}

impl Coordinate {
    /// The estimated round trip to another place, in seconds.
    pub fn distance_s(&self, other: &Coordinate) -> f64 {
        let squares = self.vec.iter().zip(&other.vec).map(|(own, other)| (own - other).powi(2));
        let distance = squares.sum::<f64>().sqrt() + self.height + other.height;
        let adjusted = distance + self.adjustment + other.adjustment;
        if adjusted > 0.0 { adjusted } else { distance }
    }

    /// True if every number is finite.
    pub fn is_finite(&self) -> bool {
        let others = [self.error, self.adjustment, self.height];
        self.vec.iter().chain(&others).all(|number| number.is_finite())
    }
}

/// The coordinate of a node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CoordinateRow {
    /// The node, as it was registered.
    pub node: NodeName,
    /// The part of the pool in which it was measured; empty for the whole pool.
    pub segment: String,
    /// The coordinate.
    pub coordinate: Coordinate,
}

/// The coordinates by node and segment.
#[derive(Clone, Debug, Default)]
pub struct CoordinateTables {
    rows: Table<(NodeName, String), Arc<CoordinateRow>>,
    /// The index of the last change.
    pub(crate) index: Index,
}

impl CoordinateTables {
    /// Every coordinate, by node.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<CoordinateRow>> {
        self.rows.iter().map(|(_, row)| row)
    }

    /// The coordinates of a node, by segment.
    pub fn of(&self, node: &NodeName) -> impl Iterator<Item = &Arc<CoordinateRow>> + use<'_> {
        let node = node.folded();
        self.rows
            .range::<_, (NodeName, String)>((node.clone(), String::new())..)
            .take_while(move |((name, _), _)| *name == node)
            .map(|(_, row)| row)
    }

    /// Puts a row in place.
    pub(crate) fn load(&mut self, row: Arc<CoordinateRow>) {
        self.rows.insert((row.node.folded(), row.segment.clone()), row);
    }

    pub(crate) fn get(&self, node: &NodeName, segment: &str) -> Option<&Arc<CoordinateRow>> {
        self.rows.get(&(node.folded(), segment.to_owned()))
    }

    /// Forgets the coordinates of a node. True if there were any.
    pub(crate) fn remove(&mut self, node: &NodeName) -> bool {
        let segments: Vec<String> = self.of(node).map(|row| row.segment.clone()).collect();
        for segment in &segments {
            self.rows.remove(&(node.folded(), segment.clone()));
        }
        !segments.is_empty()
    }
}
