//! Every row of the table of routes is asked for with all that a client may get wrong: none makes a
//! handler panic or wait for ever. A new route is walked without being named here.

use std::fmt::Write as _;
use std::sync::OnceLock;
use std::time::Duration;

use hyper::Method;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use proptest::prelude::*;
use proptest::string::string_regex;
use tokio::task::JoinSet;
use tribune_node::metrics::Registry;

use super::memory::{Agent, ask, send};
use crate::http::operation::{Operation, ReloadHandle};
use crate::http::routes::{ROUTES, Route};
use crate::log::{self, Log};
use crate::telemetry::{self, Telemetry};

/// Parameters of some route each.
const NAMES: [&str; 41] = [
    "acquire",
    "cached",
    "cas",
    "consistent",
    "dc",
    "enable",
    "filter",
    "flags",
    "format",
    "hash",
    "index",
    "keys",
    "kind",
    "leader",
    "logjson",
    "loglevel",
    "max_stale",
    "merge-central-config",
    "name",
    "near",
    "node",
    "node-meta",
    "note",
    "ns",
    "partition",
    "passing",
    "peer",
    "pretty",
    "prune",
    "raw",
    "reason",
    "recurse",
    "release",
    "replace-existing-checks",
    "segment",
    "separator",
    "service",
    "stale",
    "tag",
    "wait",
    "wan",
];

/// What some of them take, and what none does.
const VALUES: [&str; 22] = [
    "",
    "0",
    "1",
    "-1",
    "18446744073709551615",
    "18446744073709551616",
    "1s",
    "-1s",
    "9999999h",
    "1",
    "true",
    "maybe",
    "dc1",
    "INFO",
    "prometheus",
    "a:b",
    ":",
    "_agent",
    "ingress-gateway",
    "ID==x",
    "Node matches \"(\"",
    "%zz",
];

/// What may stand behind a pattern: what is there, what is not, and what is no name at all.
fn rest() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "", "t", "web", "node1", "web/t", "nosuch", "%ff", "%2f", "a%00"
        ])
        .prop_map(str::to_owned),
        "\\PC{0,12}",
    ]
}

fn query() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        2 => prop::sample::select(&VALUES[..]).prop_map(str::to_owned),
        1 => "[-0-9a-z=\" ]{0,9}",
    ];
    let pair = (prop::sample::select(&NAMES[..]), value);
    let pairs = prop::collection::vec(pair, 0..4).prop_map(|pairs| {
        let mut query = String::new();
        for (name, value) in pairs {
            let _ = write!(query, "{name}={value}&");
        }
        query
    });
    prop_oneof![4 => pairs, 1 => "\\PC{0,20}"]
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let field =
        "\"(Name|Node|Address|ID|TTL|Status|Coord|Verb|Key)\":(\"[a-z]{0,3}\"|[0-9]|null),?";
    let object = format!("\\{{({field}){{0,4}}\\}}?");
    let ops = format!("\\[\\{{\"(KV|Node|Service|Check)\":\\{{({field}){{0,3}}\\}}\\}}\\]");
    let bytes = |regex: &str| string_regex(regex).unwrap().prop_map(String::into_bytes);
    prop_oneof![any::<Vec<u8>>(), bytes(&object), bytes(&ops)]
}

/// Longer than a reader may wait for a change, which is ten minutes and a sixteenth.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(15 * 60);

/// One log for all: it has a thread of its own.
fn quiet_log() -> Log {
    static LOG: OnceLock<Log> = OnceLock::new();
    LOG.get_or_init(log::tests::quiet).clone()
}

/// All that a running agent has, so that no route says that its part is missing.
fn operation(tasks: &mut JoinSet<()>) -> Operation {
    let (reload, mut requests) = ReloadHandle::new();
    tasks.spawn(async move {
        while let Some(answer) = requests.recv().await {
            // Whoever asked may have gone.
            let _ = answer.send(Ok(()));
        }
    });
    let config = telemetry::tests::config();
    let telemetry = Telemetry::new(Registry::new(), &config, "machine");
    let mut operation = Operation::default();
    operation.log = Some(quiet_log());
    operation.telemetry = Some(telemetry.into());
    operation.reload = Some(reload);
    operation
}

/// The path that asks a route for what is named. Only addresses of this machine are joined.
fn path(route: &Route, rest: &str) -> String {
    match route.pattern {
        "/v1/agent/join/" => format!("{}127.0.0.1:1", route.pattern),
        pattern if pattern.ends_with('/') => format!("{pattern}{rest}"),
        pattern => pattern.to_owned(),
    }
}

/// Asks every route by each of its methods, and by one that it may not have.
async fn walk(rest: &str, query: &str, body: &[u8]) {
    let mut tasks = JoinSet::new();
    let agent = Agent::start_with(operation(&mut tasks)).await;
    let service = r#"{"Name":"web","Port":1,"Check":{"TTL":"1m"}}"#;
    assert_eq!(ask(&agent.api, "PUT /v1/agent/service/register", service).await.0, 200);
    let json = Some(HeaderValue::from_static("application/json"));
    for route in ROUTES {
        let target = format!("{}?{query}", path(route, rest));
        for method in [Method::GET, Method::PUT, Method::POST, Method::DELETE] {
            if route.handler(&method).is_none() && method != Method::POST {
                continue;
            }
            let asked = format!("{method} {target:?}");
            let answer = send(&agent.api, method, &target, body);
            // Time flies while everybody waits.
            let reply = tokio::time::timeout(ANSWER_TIME_MAX, answer).await;
            let reply = reply.unwrap_or_else(|_| panic!("{asked} is never answered"));
            let status = reply.status;
            assert!(status.as_u16() >= 200, "{asked}: {status}");
            // An error says at most what was sent, escaped, and some words; a verdict is JSON.
            let sent = target.len() + body.len();
            let is_short = reply.body.len() <= 1024 + 8 * sent;
            let is_error = !status.is_success() && reply.headers.get(CONTENT_TYPE) != json.as_ref();
            assert!(!is_error || is_short, "{asked}: {status} {:?}", reply.body);
        }
    }
    agent.stop().await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn no_request_makes_a_handler_panic_or_wait_for_ever(
        rest in rest(),
        query in query(),
        body in body(),
    ) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().start_paused(true).build().unwrap();
        runtime.block_on(walk(&rest, &query, &body));
    }
}

#[test]
fn every_route_that_is_there_has_its_parts_in_the_walk() {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut tasks = JoinSet::new();
        let agent = Agent::start_with(operation(&mut tasks)).await;
        let mut missing = Vec::new();
        for route in ROUTES {
            for method in [Method::GET, Method::PUT, Method::POST, Method::DELETE] {
                let reply = send(&agent.api, method.clone(), &path(route, "x"), b"").await;
                let text = String::from_utf8_lossy(&reply.body).into_owned();
                if reply.status == 501 && PARTS.iter().any(|part| text.starts_with(part)) {
                    missing.push((method, route.pattern));
                }
            }
        }
        assert_eq!(missing, []);
        agent.stop().await;
    });
}

/// What routes say that find a part of the agent missing.
const PARTS: [&str; 4] = ["log streams", "metrics", "reloading", "the agent's own services"];
