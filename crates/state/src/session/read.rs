//! What reads sessions; every answer carries the index of the whole table.

use super::rows::{SessionRow, SessionTables};
use crate::ids::{Index, NodeName, SessionId};
use std::sync::Arc;

/// One read of sessions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SessionQuery {
    /// One session.
    Info(SessionId),
    /// Nothing: an id that cannot be one was asked for, and the table's index is wanted.
    None,
    /// The sessions of a node.
    Node(NodeName),
    /// Every session.
    List,
}

pub(crate) fn answer(
    tables: &SessionTables,
    query: &SessionQuery,
) -> (Index, Vec<Arc<SessionRow>>) {
    let rows = match query {
        SessionQuery::Info(id) => tables.get(*id).cloned().into_iter().collect(),
        SessionQuery::None => Vec::new(),
        SessionQuery::Node(node) => of_node(tables, node),
        SessionQuery::List => tables.iter().cloned().collect(),
    };
    (tables.index, rows)
}

fn of_node(tables: &SessionTables, node: &NodeName) -> Vec<Arc<SessionRow>> {
    let node = node.folded();
    let from = (node.clone(), SessionId(uuid::Uuid::nil()));
    tables
        .by_node
        .range::<_, (NodeName, SessionId)>(from..)
        .take_while(|(name, _)| *name == node)
        .filter_map(|(_, id)| tables.get(*id).cloned())
        .collect()
}
