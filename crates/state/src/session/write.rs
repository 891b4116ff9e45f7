//! How sessions begin and end. Source: surface H.4 of Consul; transcripts session/*.

use super::rows::{Behavior, SessionRow};
use crate::catalog::CheckStatus;
use crate::feed::Event;
use crate::ids::{CheckId, Index, NodeName, SessionId};
use crate::kv;
use crate::outcome::{Outcome, Refusal};
use crate::store::Tables;
use serde::{Deserialize, Serialize};

/// The wish for a session; `admit` has checked its values and given it an id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionCreate {
    /// Its id; nil until `admit` fills it in.
    pub id: SessionId,
    /// A name for people.
    pub name: String,
    /// The node it lives on.
    pub node: NodeName,
    /// Lock delay in nanoseconds.
    pub lock_delay_ns: u64,
    /// What happens to its keys.
    pub behavior: Behavior,
    /// Its time to live as it was sent.
    pub ttl: String,
    /// The same in milliseconds, 0 if it has none.
    pub ttl_ms: u64,
    /// The node's checks it depends on.
    pub node_checks: Vec<CheckId>,
    /// The services' checks it depends on.
    pub service_checks: Option<Vec<(CheckId, String)>>,
}

/// One write of sessions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionCommand {
    /// Begins a session.
    Create(SessionCreate),
    /// Ends a session; one that does not exist is no error.
    Destroy(SessionId),
}

pub(crate) fn apply(
    tables: &mut Tables,
    command: &SessionCommand,
    index: Index,
    events: &mut Vec<Event>,
) -> Outcome {
    match command {
        SessionCommand::Create(create) => match begin(tables, create, index, events) {
            Ok(()) => Outcome::SessionCreated(create.id),
            Err(refusal) => Outcome::Refused(refusal),
        },
        SessionCommand::Destroy(id) => {
            end(tables, *id, index, events);
            Outcome::Flag(true)
        }
    }
}

fn begin(
    tables: &mut Tables,
    create: &SessionCreate,
    index: Index,
    events: &mut Vec<Event>,
) -> Result<(), Refusal> {
    if tables.sessions.get(create.id).is_some() {
        return Err(Refusal::SessionExists(create.id));
    }
    let node = tables.catalog.node(&create.node).ok_or(Refusal::MissingNode)?.node.clone();
    let row = SessionRow {
        id: create.id,
        name: create.name.clone(),
        node,
        lock_delay_ns: create.lock_delay_ns,
        behavior: create.behavior,
        ttl: create.ttl.clone(),
        ttl_ms: create.ttl_ms,
        node_checks: create.node_checks.clone(),
        service_checks: create.service_checks.clone(),
        create_index: index,
        modify_index: index,
    };
    for check in row.checks() {
        let found = tables
            .catalog
            .check(&create.node, check)
            .ok_or_else(|| Refusal::MissingCheck(check.to_string()))?;
        if found.status == CheckStatus::Critical {
            return Err(Refusal::CheckNotPassing(check.to_string(), "critical".to_owned()));
        }
    }
    tables.sessions.put(row);
    tables.sessions.index = index;
    events.push(Event::Session {
        id: create.id,
        removed: false,
        released: Vec::new(),
        lock_delay_ms: 0,
    });
    Ok(())
}

/// Ends a session: its keys are given back or deleted in the same entry.
pub(crate) fn end(tables: &mut Tables, id: SessionId, index: Index, events: &mut Vec<Event>) {
    let Some(row) = tables.sessions.remove(id) else { return };
    tables.sessions.index = index;
    let delete = row.behavior == Behavior::Delete;
    let released = kv::release_all(&mut tables.kv, id, delete, index, events);
    events.push(Event::Session {
        id,
        removed: true,
        released,
        lock_delay_ms: row.lock_delay_ns.div_ceil(1_000_000),
    });
}

/// Ends the sessions of a node that is gone.
pub(crate) fn end_for_node(
    tables: &mut Tables,
    node: &NodeName,
    index: Index,
    events: &mut Vec<Event>,
) {
    let node = node.folded();
    let from = (node.clone(), SessionId(uuid::Uuid::nil()));
    let ids: Vec<SessionId> = tables
        .sessions
        .by_node
        .range::<_, (NodeName, SessionId)>(from..)
        .take_while(|(name, _)| *name == node)
        .map(|(_, id)| *id)
        .collect();
    for id in ids {
        end(tables, id, index, events);
    }
}

/// Ends the sessions that depend on a check that is critical or gone.
pub(crate) fn end_for_check(
    tables: &mut Tables,
    node: &NodeName,
    check: &CheckId,
    index: Index,
    events: &mut Vec<Event>,
) {
    let node = node.folded();
    let from = (node.clone(), check.clone(), SessionId(uuid::Uuid::nil()));
    let ids: Vec<SessionId> = tables
        .sessions
        .by_check
        .range::<_, (NodeName, CheckId, SessionId)>(from..)
        .take_while(|(name, id, _)| *name == node && id == check)
        .map(|(_, _, id)| *id)
        .collect();
    for id in ids {
        end(tables, id, index, events);
    }
}
