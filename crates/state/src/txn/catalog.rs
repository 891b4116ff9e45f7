//! The operations of a transaction on nodes, service instances and checks.
//!
//! Source: transcripts txn/basic, txn/more for what each answers and for every text.

use super::{TxnOp, TxnResult, Verb};
use crate::catalog::{CheckRow, NodeRow, ServiceRow};
use crate::catalog::{put_check, put_node, put_service};
use crate::catalog::{remove_check, remove_node, remove_service};
use crate::feed::Event;
use crate::ids::{CheckId, Index, NodeName, ServiceId};
use crate::store::Tables;
use std::sync::Arc;

const NO_NODE: &str = "Must provide node";
const NO_SERVICE: &str = "Must provide service name (Service.Service) when service ID is provided";

/// What is wrong with an operation whatever the state is.
pub(super) fn preflight(op: &TxnOp) -> Option<String> {
    match op {
        TxnOp::Node(Verb::Get, _) | TxnOp::Service(Verb::Get, ..) => None,
        TxnOp::Node(_, row) if row.node.is_empty() => Some(NO_NODE.to_owned()),
        TxnOp::Service(_, _, row) if row.service.is_empty() => Some(NO_SERVICE.to_owned()),
        _ => None,
    }
}

/// Runs one operation; what it reads or wrote is added to the results.
pub(super) fn apply(
    tables: &mut Tables,
    op: &TxnOp,
    index: Index,
    events: &mut Vec<Event>,
    results: &mut Vec<TxnResult>,
) -> Result<(), String> {
    let result = match op {
        TxnOp::Node(verb, row) => node(tables, *verb, row, index, events)?.map(TxnResult::Node),
        TxnOp::Service(verb, node, row) => {
            service(tables, *verb, node, row, index, events)?.map(TxnResult::Service)
        }
        TxnOp::Check(verb, row) => check(tables, *verb, row, index, events)?.map(TxnResult::Check),
        TxnOp::Kv(_) | TxnOp::Refused(_) => None,
    };
    results.extend(result);
    Ok(())
}

fn node(
    tables: &mut Tables,
    verb: Verb,
    wish: &NodeRow,
    index: Index,
    events: &mut Vec<Event>,
) -> Result<Option<Arc<NodeRow>>, String> {
    let find = |tables: &Tables| {
        if wish.node.is_empty() {
            tables.catalog.node_by_id(&wish.id).cloned()
        } else {
            tables.catalog.node(&wish.node).cloned()
        }
    };
    let missing = || format!("node {:?} doesn't exist", wish.node);
    let found = find(tables);
    is_current(verb, found.as_ref().map(|row| row.modify_index), wish.modify_index)
        .map_err(|verb| format!("failed to {verb} node {:?}, index is stale", wish.node))?;
    match verb {
        Verb::Get => {}
        Verb::Set | Verb::Cas => {
            put_node(tables, wish, index, events).map_err(|refusal| refusal.to_string())?;
        }
        Verb::Delete | Verb::DeleteCas => {
            remove_node(tables, &wish.node, index, events);
            return Ok(None);
        }
    }
    find(tables).map(Some).ok_or_else(missing)
}

fn service(
    tables: &mut Tables,
    verb: Verb,
    node: &NodeName,
    wish: &ServiceRow,
    index: Index,
    events: &mut Vec<Event>,
) -> Result<Option<Arc<ServiceRow>>, String> {
    let id =
        if wish.id.is_empty() { ServiceId::from(wish.service.as_str()) } else { wish.id.clone() };
    let missing = || format!("service {id:?} on node {node:?} doesn't exist");
    let found = tables.catalog.service(node, &id);
    is_current(verb, found.map(|row| row.modify_index), wish.modify_index).map_err(|verb| {
        format!("failed to {verb} service {id:?} on node {node:?}, index is stale")
    })?;
    match verb {
        Verb::Get => {}
        Verb::Set | Verb::Cas => {
            put_service(tables, node, wish, index, events)
                .map_err(|refusal| refusal.to_string())?;
        }
        Verb::Delete | Verb::DeleteCas => {
            remove_service(tables, node, &id, index, events);
            return Ok(None);
        }
    }
    tables.catalog.service(node, &id).cloned().map(Some).ok_or_else(missing)
}

fn check(
    tables: &mut Tables,
    verb: Verb,
    wish: &CheckRow,
    index: Index,
    events: &mut Vec<Event>,
) -> Result<Option<Arc<CheckRow>>, String> {
    let node = &wish.node;
    let id = if wish.id.is_empty() { CheckId::from(wish.name.as_str()) } else { wish.id.clone() };
    let missing = || format!("check {id:?} on node {node:?} doesn't exist");
    let found = tables.catalog.check(node, &id);
    is_current(verb, found.map(|row| row.modify_index), wish.modify_index).map_err(|verb| {
        format!("failed to {verb} check {id:?} on node {node:?}, index is stale")
    })?;
    match verb {
        Verb::Get => {}
        Verb::Set | Verb::Cas => {
            put_check(tables, node, wish, index, events).map_err(|refusal| refusal.to_string())?;
        }
        Verb::Delete | Verb::DeleteCas => {
            remove_check(tables, node, &id, index, events);
            return Ok(None);
        }
    }
    tables.catalog.check(node, &id).cloned().map(Some).ok_or_else(missing)
}

/// Whether a conditional operation may go on; if not, the verb for its error. The index of a row
/// that does not exist is zero.
fn is_current(verb: Verb, found: Option<Index>, expected: Index) -> Result<(), &'static str> {
    let matches = found.unwrap_or_default() == expected;
    match verb {
        Verb::Cas if !matches => Err("set"),
        Verb::DeleteCas if !matches => Err("delete"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::TxnCommand;
    use super::*;
    use crate::{Command, Entry, LogIndex, Outcome, Stamp, Store};

    /// Applies operations at the next position; what they came to in short.
    fn run(store: &mut Store, ops: Vec<TxnOp>) -> String {
        let at = LogIndex(store.at().0 + 1);
        let command = Command::Txn(TxnCommand { ops });
        let applied = store.apply(&Entry { at, stamp: Stamp::default(), command });
        let Outcome::Txn(outcome) = applied.outcome else { panic!("not a transaction") };
        let results = outcome.results.iter().map(|result| match result {
            TxnResult::Node(row) => format!("node {} {}", row.node, row.modify_index.0),
            TxnResult::Service(row) => format!("service {} {}", row.id, row.modify_index.0),
            TxnResult::Check(row) => format!("check {} {}", row.id, row.status.as_str()),
            other => format!("{other:?}"),
        });
        let errors = outcome.errors.iter().map(|(n, why)| format!("{n}: {why}"));
        results.chain(errors).collect::<Vec<_>>().join("; ")
    }

    fn node(name: &str, index: u64) -> Box<NodeRow> {
        Box::new(NodeRow {
            id: String::new(),
            node: name.into(),
            address: index.to_string(),
            datacenter: String::new(),
            tagged_addresses: None,
            meta: None,
            locality: None,
            create_index: Index(0),
            modify_index: Index(index),
        })
    }

    fn service(id: &str, name: &str, index: u64) -> Box<ServiceRow> {
        Box::new(ServiceRow {
            id: id.into(),
            service: name.into(),
            modify_index: Index(index),
            port: i64::try_from(index).unwrap_or_default(),
            ..ServiceRow::default()
        })
    }

    fn check(node: &str, id: &str, service: &str, index: u64) -> Box<CheckRow> {
        Box::new(CheckRow {
            node: node.into(),
            id: CheckId::default(),
            name: id.to_owned(),
            status: "".into(),
            notes: index.to_string(),
            output: String::new(),
            service_id: service.into(),
            service_name: "".into(),
            service_tags: None,
            kind: String::new(),
            interval: String::new(),
            timeout: String::new(),
            exposed_port: 0,
            definition: Arc::from(""),
            create_index: Index(0),
            modify_index: Index(index),
        })
    }

    /// Source: transcript txn/more, exchanges on nodes, services and checks.
    #[test]
    fn every_verb_answers_as_recorded() {
        use TxnOp::{Check, Node, Service};
        use Verb::{Cas, Delete, DeleteCas, Get, Set};
        let mut store = Store::default();
        let script = [
            (vec![Node(Set, node("t1", 0))], "node t1 1"),
            (vec![Node(Cas, node("t1", 1))], "node t1 2"),
            (vec![Node(Cas, node("t1", 1))], "0: failed to set node \"t1\", index is stale"),
            (vec![Node(Get, node("none", 0))], "0: node \"none\" doesn't exist"),
            (vec![Node(Set, node("", 0))], "0: Must provide node"),
            (vec![Node(Delete, node("none", 0))], ""),
            (
                vec![Node(DeleteCas, node("t1", 1))],
                "0: failed to delete node \"t1\", index is stale",
            ),
            (vec![Service(Set, "t1".into(), service("s1", "tx", 0))], "service s1 8"),
            (vec![Service(Get, "t1".into(), service("s1", "", 0))], "service s1 8"),
            (vec![Service(Cas, "t1".into(), service("s1", "tx", 8))], "service s1 10"),
            (
                vec![Service(Cas, "t1".into(), service("s1", "tx", 1))],
                "0: failed to set service \"s1\" on node \"t1\", index is stale",
            ),
            (
                vec![Service(Get, "t1".into(), service("none", "", 0))],
                "0: service \"none\" on node \"t1\" doesn't exist",
            ),
            (
                vec![Service(Set, "none".into(), service("", "tx", 0))],
                "0: Missing node registration",
            ),
            (
                vec![Service(Delete, "t1".into(), service("s1", "", 0))],
                "0: Must provide service name (Service.Service) when service ID is provided",
            ),
            (vec![Check(Set, check("t1", "c", "s1", 0))], "check c critical"),
            (
                vec![Check(Cas, check("t1", "c", "s1", 1))],
                "0: failed to set check \"c\" on node \"t1\", index is stale",
            ),
            (
                vec![Check(Get, check("t1", "none", "", 0))],
                "0: check \"none\" on node \"t1\" doesn't exist",
            ),
            (vec![Check(Set, check("none", "c", "", 0))], "0: Missing node registration"),
            (vec![Check(Set, check("t1", "c2", "no", 0))], "0: Missing service registration"),
            (
                vec![Check(DeleteCas, check("t1", "c", "", 1))],
                "0: failed to delete check \"c\" on node \"t1\", index is stale",
            ),
            (vec![Check(DeleteCas, check("t1", "c", "", 15)), Node(Delete, node("t1", 0))], ""),
            (vec![Node(Get, node("t1", 0))], "0: node \"t1\" doesn't exist"),
        ];
        for (n, (ops, expected)) in script.into_iter().enumerate() {
            assert_eq!(run(&mut store, ops), expected, "step {}", n + 1);
        }
    }

    #[test]
    fn an_operation_wrong_in_itself_keeps_the_others_from_being_tried() {
        let mut store = Store::default();
        let bogus = TxnOp::Refused("unknown KV operation: bogus".to_owned());
        let ops = vec![TxnOp::Node(Verb::Get, node("none", 0)), bogus];
        assert_eq!(run(&mut store, ops), "1: unknown KV operation: bogus");
    }
}
