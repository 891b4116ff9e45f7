//! `/v1/session/`: sessions in, sessions out. When a session ends is decided elsewhere.
//! Invariant: what reaches a command has been checked with Consul's texts.

use std::sync::Arc;
use std::time::Duration;

use tribune_api::decode::{Unknown, decode};
use tribune_api::duration::GoDuration;
use tribune_api::messages;
use tribune_api::session::{SessionCreate as Asked, SessionCreated};
use tribune_node::cluster::{ClusterSignal, Consistency, Read, SignalAnswer};
use tribune_state::ids::CheckId;
use tribune_state::session::{Behavior, SessionCommand, SessionCreate, SessionQuery};
use tribune_state::{Body, Command, NodeName, Outcome, Query, Refusal, SessionId};

use super::error::HttpError;
use super::options::{self, Options};
use super::wire::reply::Reply;
use super::{Api, Call, convert};

/// Source: consul-surface B.8.
const TTL_MAX: Duration = Duration::from_secs(24 * 3600);
const LOCK_DELAY_DEFAULT: GoDuration = GoDuration::from_secs(15);
const LOCK_DELAY_MAX: GoDuration = GoDuration::from_secs(60);
/// What a session depends on unless it says otherwise.
const CHECK_DEFAULT: &str = "serfHealth";
/// A session is a few names and lists of checks.
const BODY_BYTES_MAX: usize = 1 << 20;

pub async fn create(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    let write = options::write(&call, &api.config)?;
    let layout = api.layout(&call.params);
    let body = call.body.read(BODY_BYTES_MAX).await.map_err(|error| {
        HttpError::body(error, |bytes| format!("request body of {bytes} bytes is too large"))
    })?;
    let asked: Asked = if body.is_empty() {
        Asked::default()
    } else {
        decode(&body, Unknown::Ignore).map_err(|error| HttpError::decode(&error))?
    };
    let command = to_command(asked, &api.config.node_name, api.config.session_ttl_min)?;
    let command = Command::Session(SessionCommand::Create(command));
    match api.cluster.propose(command, write).await? {
        Outcome::SessionCreated(id) => {
            Ok(Reply::json(&SessionCreated { id: id.to_string() }, layout))
        }
        Outcome::Refused(why) => Err(refused(&why)),
        other => Err(HttpError::internal(format!("unexpected outcome {other:?}"))),
    }
}

fn refused(why: &Refusal) -> HttpError {
    HttpError::internal(format!("apply failed: {why}"))
}

fn to_command(asked: Asked, own_node: &str, ttl_min: Duration) -> Result<SessionCreate, HttpError> {
    let ttl_ms = ttl_ms(&asked.ttl, ttl_min)?;
    let behavior = match asked.behavior.as_str() {
        "" | "release" => Behavior::Release,
        "delete" => Behavior::Delete,
        other => return Err(HttpError::internal(format!("Invalid Behavior setting '{other}'"))),
    };
    let lock_delay = asked.lock_delay.map_or(LOCK_DELAY_DEFAULT, |delay| delay.0);
    let node = if asked.node.is_empty() { own_node.to_owned() } else { asked.node };
    // The older list wins: it speaks of node checks as well.
    let checks = asked.checks.or(asked.node_checks);
    let node_checks = checks.unwrap_or_else(|| vec![CHECK_DEFAULT.to_owned()]);
    let service_checks = asked.service_checks.filter(|checks| !checks.is_empty()).map(|checks| {
        checks.into_iter().map(|check| (CheckId::from(check.id), check.namespace)).collect()
    });
    Ok(SessionCreate {
        id: SessionId(uuid::Uuid::nil()),
        name: asked.name,
        node: NodeName::from(node),
        lock_delay_ns: u64::try_from(lock_delay.min(LOCK_DELAY_MAX).0).unwrap_or_default(),
        behavior,
        ttl: asked.ttl,
        ttl_ms,
        node_checks: node_checks.into_iter().map(CheckId::from).collect(),
        service_checks,
    })
}

/// Source: transcripts/session/basic.txt.
fn ttl_ms(text: &str, ttl_min: Duration) -> Result<u64, HttpError> {
    if text.is_empty() {
        return Ok(0);
    }
    let ttl: GoDuration = text
        .parse()
        .map_err(|error| HttpError::internal(format!("Session TTL '{text}' invalid: {error}")))?;
    let bounds = GoDuration::from_std(ttl_min)..=GoDuration::from_std(TTL_MAX);
    if ttl != GoDuration::ZERO && !bounds.contains(&ttl) {
        return Err(HttpError::internal(format!(
            "Invalid Session TTL '{}', must be between [{}={}]",
            ttl.0,
            bounds.start(),
            bounds.end(),
        )));
    }
    Ok(u64::try_from(ttl.to_std().as_millis()).unwrap_or(u64::MAX))
}

pub async fn destroy(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    let write = options::write(&call, &api.config)?;
    let id = call.rest_or(messages::MISSING_SESSION)?;
    // What cannot be a session's id ends as well as one that is gone.
    if let Some(id) = parse_id(&id) {
        let command = Command::Session(SessionCommand::Destroy(id));
        if let Outcome::Refused(why) = api.cluster.propose(command, write).await? {
            return Err(refused(&why));
        }
    }
    Ok(Reply::json(&true, api.layout(&call.params)))
}

pub async fn renew(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    options::own_datacenter(&call.params, &api.config)?;
    options::refuse_tenancy(&call)?;
    let text = call.rest_or(messages::MISSING_SESSION)?;
    let missing = || HttpError::NotFound(messages::session_not_found(&text));
    let id = parse_id(&text).ok_or_else(missing)?;
    match api.cluster.signal(ClusterSignal::SessionRenew(id)).await? {
        SignalAnswer::NotFound => return Err(missing()),
        SignalAnswer::Done => {}
    }
    let query = Query::Session(SessionQuery::Info(id));
    let read = Read { consistency: Consistency::Default, ..Read::default() };
    let shared = api.cluster.ask(query, read).await?;
    let sessions = sessions_of(&shared.answer().body);
    if sessions.is_empty() {
        return Err(missing());
    }
    Ok(Reply::json(&sessions, api.layout(&call.params)))
}

pub async fn info(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    let id = call.rest_or(messages::MISSING_SESSION)?;
    let query = parse_id(&id).map_or(SessionQuery::None, SessionQuery::Info);
    list_of(api, call, query).await
}

pub async fn of_node(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    let node = call.rest_or(messages::MISSING_NODE_NAME)?;
    list_of(api, call, SessionQuery::Node(NodeName::from(node))).await
}

pub async fn list(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    list_of(api, call, SessionQuery::List).await
}

async fn list_of(api: Arc<Api>, call: Call, query: SessionQuery) -> Result<Reply, HttpError> {
    let options = Options::parse(&call, &api.config)?;
    let shared = api.ask(Query::Session(query), &options).await?;
    let meta = api.meta(&shared, &options);
    Ok(meta.put(api.encode(&shared, 0, api.layout(&call.params), sessions_of)))
}

fn sessions_of(body: &Body) -> Vec<tribune_api::session::Session> {
    match body {
        Body::Session(rows) => rows.iter().map(|row| convert::session(row)).collect(),
        _ => Vec::new(),
    }
}

fn parse_id(text: &str) -> Option<SessionId> {
    // Consul knows ids in their hyphenated form alone.
    const HYPHENATED_BYTES: usize = 36;
    (text.len() == HYPHENATED_BYTES).then(|| text.parse().ok().map(SessionId)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL_MIN: Duration = Duration::from_secs(10);

    fn command(body: &str) -> Result<SessionCreate, HttpError> {
        let asked = decode(body.as_bytes(), Unknown::Ignore).unwrap();
        to_command(asked, "node1", TTL_MIN)
    }

    #[test]
    fn an_empty_wish_gets_consuls_defaults() {
        let session = command("{}").unwrap();
        assert_eq!(session.node.as_str(), "node1");
        assert_eq!(session.lock_delay_ns, 15_000_000_000);
        assert_eq!(session.node_checks, vec![CheckId::from("serfHealth")]);
        assert_eq!(session.service_checks, None);
    }

    #[test]
    fn an_empty_list_of_checks_is_kept_empty() {
        for body in [r#"{"Checks":[]}"#, r#"{"NodeChecks":[]}"#] {
            assert!(command(body).unwrap().node_checks.is_empty(), "{body}");
        }
    }

    #[test]
    fn mistakes_have_consuls_texts() {
        for (body, text) in [
            (r#"{"TTL":"1s"}"#, "Invalid Session TTL '1000000000', must be between [10s=24h0m0s]"),
            (
                r#"{"TTL":"25h"}"#,
                "Invalid Session TTL '90000000000000', must be between [10s=24h0m0s]",
            ),
            (r#"{"TTL":"abc"}"#, "Session TTL 'abc' invalid: time: invalid duration \"abc\""),
            (r#"{"Behavior":"explode"}"#, "Invalid Behavior setting 'explode'"),
        ] {
            assert_eq!(command(body), Err(HttpError::internal(text)), "{body}");
        }
    }

    #[test]
    fn a_lock_delay_is_bounded_on_both_sides_and_a_ttl_of_zero_is_none() {
        for (body, nanos) in
            [(r#"{"LockDelay":"61s"}"#, 60_000_000_000), (r#"{"LockDelay":-1}"#, 0)]
        {
            assert_eq!(command(body).unwrap().lock_delay_ns, nanos, "{body}");
        }
        assert_eq!(command(r#"{"TTL":"0s"}"#).unwrap().ttl_ms, 0);
    }

    #[test]
    fn only_hyphenated_ids_are_ids() {
        assert!(parse_id("00000000-0000-0000-0000-000000000001").is_some());
        for text in ["notauuid", "", "00000000000000000000000000000001"] {
            assert!(parse_id(text).is_none(), "{text}");
        }
    }
}
