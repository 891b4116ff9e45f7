//! The rows of the session table.

use crate::ids::{CheckId, Index, NodeName, SessionId};
use crate::table::{Set, Table};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What happens to the keys of a session that ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Behavior {
    /// Their locks are given back.
    #[default]
    Release,
    /// They are deleted.
    Delete,
}

/// One session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRow {
    /// Its id.
    pub id: SessionId,
    /// A name for people.
    pub name: String,
    /// The node it lives on, as it was registered.
    pub node: NodeName,
    /// How long its keys stay locked after it ends, in nanoseconds.
    pub lock_delay_ns: u64,
    /// What happens to its keys.
    pub behavior: Behavior,
    /// Its time to live as it was sent, empty if it has none.
    pub ttl: String,
    /// The same in milliseconds, 0 if it has none.
    pub ttl_ms: u64,
    /// The node's checks it depends on.
    pub node_checks: Vec<CheckId>,
    /// The services' checks it depends on: their ids, with a namespace as sent.
    pub service_checks: Option<Vec<(CheckId, String)>>,
    /// The index of its creation.
    pub create_index: Index,
    /// The index of its last change.
    pub modify_index: Index,
}

/// The session table and the ways to find a session.
#[derive(Clone, Debug, Default)]
pub struct SessionTables {
    pub(crate) rows: Table<SessionId, Arc<SessionRow>>,
    /// By node, in lower case.
    pub(crate) by_node: Set<(NodeName, SessionId)>,
    /// By node and check.
    pub(crate) by_check: Set<(NodeName, CheckId, SessionId)>,
    /// The index of the newest change.
    pub(crate) index: Index,
}

impl SessionTables {
    /// The session of an id.
    pub fn get(&self, id: SessionId) -> Option<&Arc<SessionRow>> {
        self.rows.get(&id)
    }

    /// The live session that a text names, if any.
    pub fn parse(&self, text: &str) -> Option<SessionId> {
        let id = SessionId(uuid::Uuid::try_parse(text).ok()?);
        self.rows.contains(&id).then_some(id)
    }

    /// Every session, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<SessionRow>> {
        self.rows.iter().map(|(_, row)| row)
    }

    pub(crate) fn put(&mut self, row: SessionRow) {
        let node = row.node.folded();
        self.by_node.insert((node.clone(), row.id));
        for check in row.checks() {
            self.by_check.insert((node.clone(), check.clone(), row.id));
        }
        self.rows.insert(row.id, Arc::new(row));
    }

    pub(crate) fn remove(&mut self, id: SessionId) -> Option<Arc<SessionRow>> {
        let row = self.rows.remove(&id)?;
        let node = row.node.folded();
        self.by_node.remove(&(node.clone(), id));
        for check in row.checks() {
            self.by_check.remove(&(node.clone(), check.clone(), id));
        }
        Some(row)
    }
}

impl SessionRow {
    /// Every check it depends on.
    pub fn checks(&self) -> impl Iterator<Item = &CheckId> {
        let services = self.service_checks.iter().flatten().map(|(id, _)| id);
        self.node_checks.iter().chain(services)
    }
}
