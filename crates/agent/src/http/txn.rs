//! `/v1/txn`: several operations, all or none. Whether an operation succeeds is decided by the
//! state; here they are only read, bounded and printed.
//! Invariant: an operation that no state could run is refused before anything is written.

use std::sync::Arc;

use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use serde::Serialize;
use tribune_api::catalog::{Node, NodeService};
use tribune_api::decode::{Unknown, decode};
use tribune_api::health::HealthCheck;
use tribune_api::messages;
use tribune_api::txn as wire;
use tribune_node::cluster::Consistency;
use tribune_state::codec::encode_ops;
use tribune_state::kv::KvSet;
use tribune_state::txn::{
    KvOp, TxnCommand, TxnOp, TxnOutcome, TxnQuery, TxnResult, Verb, WithValue,
};
use tribune_state::{Body, Command, Index, Key, Outcome, Query};

use super::convert::{self, Empty};
use super::error::HttpError;
use super::kv::RowJson;
use super::meta::{INDEX, KNOWN_LEADER};
use super::options::{self, Options, tenancy_complaint};
use super::wire::reply::{Reply, TYPE_JSON_UTF8};
use super::{Api, Call};

/// Source: transcripts/txn/more.txt.
const OPS_MAX: usize = 128;

pub async fn run(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    let options = Options::parse(&call, &api.config)?;
    let write = options::write(&call, &api.config)?;
    let layout = api.layout(&call.params);
    let bytes_max = api.config.txn_body_bytes_max.max(api.config.kv_value_bytes_max);
    let body = call.body.read(bytes_max).await.map_err(|error| {
        HttpError::body(error, |bytes| messages::txn_too_large(bytes, bytes_max))
    })?;
    let asked: Vec<wire::TxnOp> = decode(&body, Unknown::Refuse)
        .map_err(|error| HttpError::BadRequest(format!("Failed to parse body: {error}")))?;
    let plan = Plan::of(asked, &api.config.datacenter, api.config.kv_value_bytes_max)?;
    if plan.refused.is_empty() && plan.writes {
        let command = Command::Txn(TxnCommand { ops: plan.ops });
        return match api.cluster.propose(command, write).await? {
            Outcome::Txn(outcome) => Ok(print(&outcome, None, layout)),
            Outcome::Refused(why) => Err(HttpError::internal(why.to_string())),
            other => Err(HttpError::internal(format!("unexpected outcome {other:?}"))),
        };
    }
    if !plan.refused.is_empty() {
        let outcome = TxnOutcome { results: Vec::new(), errors: plan.refused };
        // A refused read was never done: its headers say so.
        let meta = (!plan.writes).then(wire::QueryMeta::default);
        return Ok(print(&outcome, meta, layout));
    }
    let query = Query::Txn(TxnQuery { ops: encode_ops(&plan.ops) });
    let mut read = options.read();
    read.wait = None;
    let shared = api.cluster.ask(query, read).await?;
    let Body::Txn(outcome) = &shared.answer().body else {
        return Err(HttpError::internal("the read answered another question"));
    };
    let status = api.cluster.status();
    let stale = options.consistency == Consistency::Stale;
    let meta = wire::QueryMeta {
        index: 1,
        last_contact: if stale { status.last_contact_ms } else { 0 },
        known_leader: status.leader.is_some(),
        ..wire::QueryMeta::default()
    };
    Ok(print(outcome, Some(meta), layout))
}

/// A request as the state can run it.
struct Plan {
    ops: Vec<TxnOp>,
    /// Operations that cannot be run: their numbers, and why.
    refused: Vec<(usize, String)>,
    writes: bool,
}

impl Plan {
    fn of(
        asked: Vec<wire::TxnOp>,
        datacenter: &str,
        value_bytes_max: usize,
    ) -> Result<Plan, HttpError> {
        if asked.len() > OPS_MAX {
            return Err(HttpError::TooLarge(messages::txn_too_many_ops(asked.len(), OPS_MAX)));
        }
        for op in asked.iter().filter_map(|op| op.kv.as_ref()) {
            let bytes = op.value.0.len();
            if bytes > value_bytes_max {
                let text = messages::txn_value_too_large(&op.key, bytes, value_bytes_max);
                return Err(HttpError::TooLarge(text));
            }
        }
        let mut plan = Plan { ops: Vec::new(), refused: Vec::new(), writes: false };
        // An operation without a noun does nothing and is not counted.
        let present = asked.into_iter().filter_map(|op| to_op(op, datacenter));
        for (number, (writes, op)) in present.enumerate() {
            plan.writes |= writes;
            match op {
                Ok(op) => plan.ops.push(op),
                Err(why) => plan.refused.push((number, why)),
            }
        }
        Ok(plan)
    }
}

type Planned = (bool, Result<TxnOp, String>);

fn to_op(asked: wire::TxnOp, datacenter: &str) -> Option<Planned> {
    if let Some(op) = asked.kv {
        return Some(kv_op(op));
    }
    if let Some(op) = asked.node {
        let writes = op.verb != "get";
        return Some((writes, node_op(&op.verb, op.node, datacenter)));
    }
    if let Some(op) = asked.service {
        let writes = op.verb != "get";
        return Some((writes, service_op(&op.verb, &op.node, op.service)));
    }
    let op = asked.check?;
    Some((op.verb != "get", check_op(&op.verb, op.check)))
}

/// A key with an unknown verb counts as a read: so does Consul.
fn kv_op(op: wire::KvOp) -> Planned {
    let key = Key::from(op.key.as_str());
    let set = KvSet { key: key.clone(), value: op.value.0, flags: op.flags };
    let index = Index(op.index);
    let (writes, planned) = match op.verb.as_str() {
        "set" => (true, KvOp::Set(set)),
        "cas" => (true, KvOp::Cas(set, index)),
        "lock" => (true, KvOp::Lock(set, op.session)),
        "unlock" => (true, KvOp::Unlock(set, op.session)),
        "delete" => (true, KvOp::Delete(key.clone())),
        "delete-tree" => (true, KvOp::DeleteTree(key.clone())),
        "delete-cas" => (true, KvOp::DeleteCas(key.clone(), index)),
        "get" => (false, KvOp::Get(key.clone())),
        "get-or-empty" => (false, KvOp::GetOrEmpty(key.clone())),
        "get-tree" => (false, KvOp::GetTree(key.clone())),
        "check-index" => (false, KvOp::CheckIndex(key.clone(), index)),
        "check-session" => (false, KvOp::CheckSession(key.clone(), op.session)),
        "check-not-exists" => (false, KvOp::CheckNotExists(key.clone())),
        other => return (false, Err(format!("unknown KV operation: {other}"))),
    };
    if let Some(complaint) = tenancy_complaint(&op.namespace, &op.partition, "") {
        return (writes, Err(complaint));
    }
    if key.is_empty() && !matches!(planned, KvOp::DeleteTree(_) | KvOp::GetTree(_)) {
        return (writes, Err(messages::TXN_MUST_PROVIDE_KEY.to_owned()));
    }
    (writes, Ok(TxnOp::Kv(planned)))
}

fn verb(text: &str, noun: &str) -> Result<Verb, String> {
    match text {
        "get" => Ok(Verb::Get),
        "set" => Ok(Verb::Set),
        "cas" => Ok(Verb::Cas),
        "delete" => Ok(Verb::Delete),
        "delete-cas" => Ok(Verb::DeleteCas),
        other => Err(format!("unknown {noun} operation: {other}")),
    }
}

fn node_op(text: &str, node: Node, datacenter: &str) -> Result<TxnOp, String> {
    let verb = verb(text, "node")?;
    if verb != Verb::Get && node.node.is_empty() {
        return Err(messages::MUST_PROVIDE_NODE.to_owned());
    }
    if let Some(complaint) = tenancy_complaint("", &node.partition, &node.peer_name) {
        return Err(complaint);
    }
    Ok(TxnOp::Node(verb, Box::new(convert::txn_node_row(node, datacenter))))
}

fn service_op(text: &str, node: &str, service: NodeService) -> Result<TxnOp, String> {
    let verb = verb(text, "service")?;
    if verb != Verb::Get && service.service.is_empty() {
        return Err(messages::MUST_PROVIDE_SERVICE_NAME.to_owned());
    }
    if let Some(complaint) = convert::service_complaint(&service, 0) {
        return Err(complaint);
    }
    Ok(TxnOp::Service(verb, node.into(), Box::new(convert::service_row(service, node))))
}

fn check_op(text: &str, check: HealthCheck) -> Result<TxnOp, String> {
    let verb = verb(text, "check")?;
    if let Some(complaint) = tenancy_complaint("", "", &check.peer_name) {
        return Err(complaint);
    }
    Ok(TxnOp::Check(verb, Box::new(convert::check_row(check, ""))))
}

/// An outcome as Consul prints it: 409 if there are errors, and about the read if it was one.
fn print(
    outcome: &TxnOutcome,
    meta: Option<wire::QueryMeta>,
    layout: tribune_api::json::Layout,
) -> Reply {
    let failed = !outcome.errors.is_empty();
    let results = (!failed).then(|| outcome.results.iter().map(result).collect());
    let errors = failed.then(|| outcome.errors.iter().map(error).collect());
    let known_leader = meta.as_ref().map(|meta| meta.known_leader);
    let mut reply = Reply::json(&AnswerJson { results, errors, meta }, layout);
    if failed {
        reply.status = StatusCode::CONFLICT;
        reply.headers.insert(CONTENT_TYPE, TYPE_JSON_UTF8);
    }
    match known_leader {
        None => reply,
        Some(known) => {
            let text = if known { "true" } else { "false" };
            reply.with(KNOWN_LEADER, HeaderValue::from_static(text)).with(INDEX, 1_u64)
        }
    }
}

/// `tribune_api::txn::TxnAnswer` with rows in place of copies.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct AnswerJson<'a> {
    results: Option<Vec<ResultJson<'a>>>,
    errors: Option<Vec<wire::TxnError>>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    meta: Option<wire::QueryMeta>,
}

#[derive(Serialize)]
enum ResultJson<'a> {
    #[serde(rename = "KV")]
    Row(RowJson<'a>),
    #[serde(rename = "KV")]
    Empty(tribune_api::kv::KvPair),
    Node(Node),
    Service(NodeService),
    Check(HealthCheck),
}

fn result(result: &TxnResult) -> ResultJson<'_> {
    match result {
        TxnResult::Kv(row, WithValue::Yes) => ResultJson::Row(RowJson::with_value(row)),
        TxnResult::Kv(row, WithValue::No) => ResultJson::Row(RowJson::without_value(row)),
        TxnResult::NoKv(key) => {
            let key = key.to_string();
            ResultJson::Empty(tribune_api::kv::KvPair { key, ..Default::default() })
        }
        TxnResult::Node(row) => ResultJson::Node(convert::node(row)),
        TxnResult::Service(row) => ResultJson::Service(convert::service(row, Empty::AsSent)),
        TxnResult::Check(row) => ResultJson::Check(convert::check(row, Empty::AsSent)),
    }
}

fn error((number, why): &(usize, String)) -> wire::TxnError {
    wire::TxnError { op_index: u64::try_from(*number).unwrap_or(u64::MAX), what: why.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(body: &str) -> Result<Plan, HttpError> {
        Plan::of(decode(body.as_bytes(), Unknown::Refuse).unwrap(), "dc1", 20)
    }

    #[test]
    fn operations_that_cannot_run_are_listed_with_consuls_texts() {
        for (body, writes, number, text) in [
            (r#"[{"KV":{"Verb":"SET","Key":"a"}}]"#, false, 0, "unknown KV operation: SET"),
            (
                r#"[{"KV":{"Verb":"set","Key":"a"}},{"KV":{"Verb":"bogus","Key":"b"}}]"#,
                true,
                1,
                "unknown KV operation: bogus",
            ),
            (r#"[{"KV":{"Verb":"set"}}]"#, true, 0, "Must provide key"),
            (
                r#"[{"Node":{"Verb":"lock","Node":{"Node":"t"}}}]"#,
                true,
                0,
                "unknown node operation: lock",
            ),
            (r#"[{"Node":{"Verb":"set","Node":{}}}]"#, true, 0, "Must provide node"),
            (
                r#"[{"Service":{"Verb":"delete","Node":"t","Service":{"ID":"s"}}}]"#,
                true,
                0,
                messages::MUST_PROVIDE_SERVICE_NAME,
            ),
        ] {
            let plan = plan(body).unwrap();
            assert_eq!(plan.refused, [(number, text.to_owned())], "{body}");
            assert_eq!(plan.writes, writes, "{body}");
        }
    }

    #[test]
    fn an_operation_without_a_noun_is_none_and_the_first_noun_counts() {
        assert!(plan("[{}]").unwrap().ops.is_empty());
        let both = r#"[{"Node":{"Verb":"get"},"KV":{"Verb":"get","Key":"a"}}]"#;
        let plan = plan(both).unwrap();
        assert!(matches!(plan.ops.as_slice(), [TxnOp::Kv(KvOp::Get(_))]));
    }

    #[test]
    fn too_much_is_refused_with_consuls_texts() {
        let many = format!("[{}]", vec!["{}"; OPS_MAX + 1].join(","));
        let text = messages::txn_too_many_ops(OPS_MAX + 1, OPS_MAX);
        assert_eq!(plan(&many).err(), Some(HttpError::TooLarge(text)));
        let long = r#"[{"KV":{"Verb":"set","Key":"a","Value":"eHh4eHh4eHh4eHh4eHh4eHh4eHh4"}}]"#;
        let text = messages::txn_value_too_large("a", 21, 20);
        assert_eq!(plan(long).err(), Some(HttpError::TooLarge(text)));
    }
}
