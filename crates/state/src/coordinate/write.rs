//! Writes of coordinates. They come in batches that the leader gathers.

use super::rows::{Coordinate, CoordinateRow};
use crate::feed::Event;
use crate::ids::{Index, NodeName};
use crate::outcome::Outcome;
use crate::store::Tables;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A node's word on where it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CoordinateUpdate {
    /// The node.
    pub node: NodeName,
    /// The part of the pool; empty for the whole pool.
    pub segment: String,
    /// Where it stands.
    pub coordinate: Coordinate,
}

/// One write of coordinates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum CoordinateCommand {
    /// Several updates; those of nodes that are not registered are left out.
    Batch(Vec<CoordinateUpdate>),
}

pub(crate) fn apply(
    tables: &mut Tables,
    command: &CoordinateCommand,
    index: Index,
    events: &mut Vec<Event>,
) -> Outcome {
    let CoordinateCommand::Batch(updates) = command;
    let mut changed = false;
    for update in updates {
        let Some(node) = tables.catalog.node(&update.node) else { continue };
        let row = CoordinateRow {
            node: node.node.clone(),
            segment: update.segment.clone(),
            coordinate: update.coordinate.clone(),
        };
        if tables.coordinates.get(&row.node, &row.segment).is_some_and(|own| **own == row) {
            continue;
        }
        tables.coordinates.load(Arc::new(row));
        changed = true;
    }
    if changed {
        tables.coordinates.index = index;
        events.push(Event::Coordinates);
    }
    Outcome::Flag(changed)
}

/// Forgets the coordinates of a node that is removed.
pub(crate) fn remove_of_node(
    tables: &mut Tables,
    node: &NodeName,
    index: Index,
    events: &mut Vec<Event>,
) {
    if tables.coordinates.remove(node) {
        tables.coordinates.index = index;
        events.push(Event::Coordinates);
    }
}
