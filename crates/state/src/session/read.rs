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

impl SessionTables {
    pub(crate) fn answer(&self, query: &SessionQuery) -> (Index, Vec<Arc<SessionRow>>) {
        let rows = match query {
            SessionQuery::Info(id) => self.get(*id).cloned().into_iter().collect(),
            SessionQuery::None => Vec::new(),
            SessionQuery::Node(node) => self.of_node(node),
            SessionQuery::List => self.iter().cloned().collect(),
        };
        (self.index, rows)
    }

    fn of_node(&self, node: &NodeName) -> Vec<Arc<SessionRow>> {
        let node = node.folded();
        let from = (node.clone(), SessionId(uuid::Uuid::nil()));
        self.by_node
            .range::<_, (NodeName, SessionId)>(from..)
            .take_while(|(name, _)| *name == node)
            .filter_map(|(_, id)| self.get(*id).cloned())
            .collect()
    }
}
