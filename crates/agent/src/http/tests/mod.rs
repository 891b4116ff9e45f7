//! The rules all routes share, and one round of each noun, against a cluster in memory. The exact
//! answers are the recordings' business.

mod fields;
pub mod memory;
mod reads;
mod walk;

use std::time::Duration;

use hyper::header::{ALLOW, HeaderValue, LOCATION};
use hyper::{Method, StatusCode as S};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tribune_api::messages as m;

use self::memory::{Agent, api, ask, script, send};
use super::*;

#[tokio::test]
async fn unknown_paths_and_methods_are_answered_as_consul_does() {
    let api = api(HttpConfig::default());
    script(
        &api,
        &[
            ("GET /v1/nosuch", "", S::NOT_FOUND, m::NO_SUCH_ENDPOINT),
            ("GET /nosuch", "", S::NOT_FOUND, m::NOT_V1),
            ("GET /v1", "", S::NOT_FOUND, m::NOT_V1),
            ("GET /v1/", "", S::NOT_FOUND, m::NO_SUCH_ENDPOINT),
            ("OPTIONS /v1/nosuch", "", S::NOT_FOUND, m::NO_SUCH_ENDPOINT),
            ("GET /v1/acl/list", "", S::NOT_FOUND, m::NO_SUCH_ENDPOINT),
            ("GET /v1/acl/policies", "", S::UNAUTHORIZED, m::ACL_DISABLED),
            ("PUT /v1/agent/token/agent", "{}", S::UNAUTHORIZED, m::ACL_DISABLED),
            ("GET /v1/operator/utilization", "", S::NOT_FOUND, m::UTILIZATION_ENTERPRISE),
            ("GET /v1/query", "", S::NOT_IMPLEMENTED, "prepared queries: not implemented yet"),
            ("PATCH /v1/kv/k", "", S::METHOD_NOT_ALLOWED, "method PATCH not allowed"),
            ("GET /v1/kv/k%07", "", S::BAD_REQUEST, ""),
            ("GET /robots.txt", "", S::OK, m::ROBOTS),
        ],
    )
    .await;
}

#[tokio::test]
async fn methods_are_listed_and_the_default_policy_is_told() {
    let api = api(HttpConfig::default());
    for (method, status) in [(Method::OPTIONS, S::OK), (Method::HEAD, S::METHOD_NOT_ALLOWED)] {
        let reply = send(&api, method, "/v1/kv/k", b"").await;
        assert_eq!(reply.status, status);
        assert_eq!(reply.headers[ALLOW], "OPTIONS,GET,PUT,DELETE");
        assert_eq!(reply.headers[DEFAULT_POLICY], "allow");
    }
}

#[tokio::test]
async fn paths_are_redirected_to_their_clean_form_with_their_parameters() {
    let api = api(HttpConfig::default());
    for (target, status, location) in [
        ("/v1/kv?a=1", 307, "/v1/kv/?a=1"),
        ("/v1/kv/a//b", 307, "/v1/kv/a/b"),
        ("/ui", 307, "/ui/"),
        ("/", 301, "/ui/"),
    ] {
        let reply = send(&api, Method::GET, target, b"").await;
        assert_eq!(reply.status.as_u16(), status, "{target}");
        assert_eq!(reply.headers[LOCATION], location);
        assert!(reply.body.starts_with(b"<a href=\"/"));
        assert!(send(&api, Method::PUT, target, b"").await.body.is_empty());
    }
}

#[tokio::test]
async fn an_operator_can_close_doors() {
    let config = HttpConfig {
        block_endpoints: vec!["/v1/catalog/node/".into()],
        allow_write_http_from: vec!["10.0.0.0/8".parse().unwrap()],
        response_headers: vec![(
            HeaderName::from_static("access-control-allow-origin"),
            HeaderValue::from_static("*"),
        )],
        ui_enabled: false,
        ..HttpConfig::default()
    };
    let api = api(config);
    script(
        &api,
        &[
            ("GET /v1/catalog/node/node1", "", S::FORBIDDEN, m::ENDPOINT_BLOCKED),
            ("PUT /v1/kv/a", "x", S::FORBIDDEN, m::ACCESS_RESTRICTED),
            ("GET /v1/catalog/nodes?cached", "", S::OK, "*"),
            ("GET /", "", S::OK, m::UI_DISABLED),
            ("GET /ui/", "", S::NOT_FOUND, m::NOT_V1),
        ],
    )
    .await;
    let reply = send(&api, Method::GET, "/nosuch", b"").await;
    assert_eq!(reply.headers["access-control-allow-origin"], "*");
}

#[tokio::test]
async fn the_page_for_people_lies_where_it_is_told_to() {
    let api = api(HttpConfig { ui_path: "/pages/all/".into(), ..HttpConfig::default() });
    for (target, status, location) in [
        ("/", 301, Some("/pages/all/")),
        ("/pages/all", 307, Some("/pages/all/")),
        ("/pages/all/", 200, None),
        ("/pages/all/services", 200, None),
        ("/ui/", 404, None),
        ("/pages/", 404, None),
    ] {
        let reply = send(&api, Method::GET, target, b"").await;
        assert_eq!(reply.status.as_u16(), status, "{target}");
        assert_eq!(
            reply.headers.get(LOCATION).map(HeaderValue::as_bytes),
            location.map(str::as_bytes)
        );
    }
}

#[tokio::test]
async fn the_page_for_people_may_be_the_first_one_and_hides_nothing() {
    for (ui_enabled, text) in [(true, "*"), (false, m::UI_DISABLED)] {
        let config = HttpConfig { ui_path: "/".into(), ui_enabled, ..HttpConfig::default() };
        let exchanges = [
            ("GET /", "", S::OK, text),
            ("GET /ui/", "", S::NOT_FOUND, m::NOT_V1),
            ("GET /v1/nosuch", "", S::NOT_FOUND, m::NO_SUCH_ENDPOINT),
            ("GET /v1/status/leader", "", S::OK, "*"),
        ];
        script(&api(config), &exchanges).await;
    }
}

#[tokio::test]
async fn the_page_for_people_counts_what_it_does_not_list() {
    let api = api(HttpConfig::default());
    for number in 0..502 {
        assert_eq!(ask(&api, &format!("PUT /v1/kv/key{number:03}"), "").await.0, 200);
    }
    let (_, html) = ask(&api, "GET /ui/", "").await;
    assert!(html.contains("<h2>Keys (502)</h2>"), "{html}");
    assert!(html.contains("key499") && !html.contains("key500"), "{html}");
    assert!(html.contains("and 2 more"), "{html}");
}

#[tokio::test]
async fn keys_go_in_and_come_out() {
    let api = api(HttpConfig::default());
    let flags = "Conflicting flags: acquire=x&cas=1";
    script(
        &api,
        &[
            ("GET /v1/kv/a", "", S::NOT_FOUND, ""),
            ("PUT /v1/kv/a?flags=7", "8080", S::OK, "true"),
            ("PUT /v1/kv/a?cas=0", "x", S::OK, "false"),
            ("GET /v1/kv/a?raw", "", S::OK, "8080"),
            ("GET /v1/kv/?keys", "", S::OK, "[\"a\"]"),
            ("PUT /v1/kv/", "x", S::BAD_REQUEST, m::MISSING_KEY),
            ("PUT /v1/kv/a?cas=1&acquire=x", "", S::BAD_REQUEST, flags),
            (
                "PUT /v1/kv/a?acquire=",
                "",
                S::INTERNAL_SERVER_ERROR,
                "raft apply failed: missing session",
            ),
            ("GET /v1/kv/a?dc=nowhere", "", S::INTERNAL_SERVER_ERROR, m::NO_PATH_TO_DATACENTER),
            ("DELETE /v1/kv/a", "", S::OK, "true"),
            ("GET /v1/kv/a", "", S::NOT_FOUND, ""),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_row_is_indented_when_asked_and_carries_its_index() {
    let api = api(HttpConfig::default());
    ask(&api, "PUT /v1/kv/a", "1").await;
    let expected =
        r#"[{"LockIndex":0,"Key":"a","Flags":0,"Value":"MQ==","CreateIndex":11,"ModifyIndex":11}]"#;
    assert_eq!(ask(&api, "GET /v1/kv/a", "").await.1, expected);
    let reply = send(&api, Method::GET, "/v1/kv/a?pretty", b"").await;
    assert!(reply.body.starts_with(b"[\n    {\n        \"LockIndex\": 0,"));
    assert_eq!(reply.headers["x-consul-index"], "11");
    assert_eq!(reply.headers["x-consul-knownleader"], "true");
}

#[tokio::test]
async fn sessions_begin_and_end() {
    let api = api(HttpConfig::default());
    ask(&api, "PUT /v1/catalog/register", r#"{"Node":"node1","Address":"127.0.0.1"}"#).await;
    let (status, text) = ask(&api, "PUT /v1/session/create", r#"{"Checks":[]}"#).await;
    assert_eq!(status, 200, "{text}");
    let created: tribune_api::session::SessionCreated = serde_json::from_str(&text).unwrap();
    let renewed = ask(&api, &format!("PUT /v1/session/renew/{}", created.id), "").await;
    assert!(renewed.1.contains(&created.id), "{renewed:?}");
    let missing = "apply failed: Missing check 'nosuch' registration";
    script(
        &api,
        &[
            (
                "PUT /v1/session/create",
                r#"{"Checks":["nosuch"]}"#,
                S::INTERNAL_SERVER_ERROR,
                missing,
            ),
            ("PUT /v1/session/destroy/notauuid", "", S::OK, "true"),
            ("GET /v1/session/info/notauuid", "", S::OK, "[]"),
            ("PUT /v1/session/renew/x", "", S::NOT_FOUND, "Session id 'x' not found"),
            ("PUT /v1/session/renew/", "", S::BAD_REQUEST, m::MISSING_SESSION),
        ],
    )
    .await;
}

#[tokio::test]
async fn transactions_answer_200_or_409() {
    let api = api(HttpConfig::default());
    script(
        &api,
        &[
            ("PUT /v1/txn", r#"[{"KV":{"Verb":"set","Key":"a","Value":"MQ=="}}]"#, S::OK, "*"),
            ("PUT /v1/txn", r#"[{"KV":{"Verb":"get","Key":"none"}}]"#, S::CONFLICT, "*"),
            ("PUT /v1/txn", "null", S::OK, "*"),
            ("PUT /v1/txn", "", S::BAD_REQUEST, "Failed to parse body: EOF"),
        ],
    )
    .await;
    let (_, text) = ask(&api, "PUT /v1/txn", r#"[{"KV":{"Verb":"explode","Key":"a"}}]"#).await;
    assert!(text.contains("\"KnownLeader\":false") && text.contains("\"Index\":0"), "{text}");
}

#[tokio::test]
async fn events_are_listed_after_they_are_fired() {
    let api = api(HttpConfig::default());
    let long = "x".repeat(301);
    script(
        &api,
        &[
            ("GET /v1/event/list", "", S::OK, "[]"),
            ("PUT /v1/event/fire/deploy", "payload", S::OK, "*"),
            ("PUT /v1/event/fire/deploy?service=none", "", S::OK, "*"),
            ("PUT /v1/event/fire/deploy", &long, S::PAYLOAD_TOO_LARGE, "*"),
            ("PUT /v1/event/fire/", "", S::BAD_REQUEST, m::MISSING_EVENT_NAME),
        ],
    )
    .await;
    let reply = send(&api, Method::GET, "/v1/event/list?name=deploy", b"").await;
    let events: Vec<tribune_api::event::UserEvent> = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!((events.len(), events[0].ltime), (1, 2));
    assert_ne!(reply.headers["x-consul-index"], "1");
}

#[tokio::test]
async fn a_registered_service_is_found_and_shown_on_the_page() {
    let api = api(HttpConfig::default());
    let body = r#"{"Node":"ext","Address":"127.0.0.7","Service":{"Service":"db","Tags":["<b>"],
        "Port":1},"Check":{"Name":"c","Status":"passing","ServiceID":"db"}}"#;
    let unknown = "Unknown service ID 'nosuch' for check ID 'c'";
    let dangling = r#"{"Node":"x","Address":"a","Check":{"Name":"c","ServiceID":"nosuch"}}"#;
    script(
        &api,
        &[
            ("PUT /v1/catalog/register", body, S::OK, "true"),
            ("PUT /v1/catalog/register", dangling, S::INTERNAL_SERVER_ERROR, unknown),
            ("GET /v1/catalog/services", "", S::OK, r#"{"db":["\u003cb\u003e"]}"#),
            ("GET /v1/catalog/service/none", "", S::OK, "[]"),
            ("GET /v1/catalog/node/none", "", S::OK, "null"),
            ("GET /v1/health/service/db?passing=abc", "", S::BAD_REQUEST, m::INVALID_PASSING),
        ],
    )
    .await;
    let (_, text) = ask(&api, "GET /v1/health/service/db?passing", "").await;
    let found: Vec<tribune_api::health::CheckServiceNode> = serde_json::from_str(&text).unwrap();
    assert_eq!((found.len(), found[0].checks.len()), (1, 1));
    let (status, page) = ask(&api, "GET /ui/", "").await;
    assert_eq!(status, 200);
    assert!(page.contains("<td>db</td>") && page.contains("&lt;b&gt;"), "{page}");
}

#[tokio::test]
async fn an_agent_counts_what_is_registered_at_it() {
    let agent = Agent::start().await;
    let service = r#"{"Name":"s","Port":1,"Checks":[{"TTL":"1m"},{"TCP":"a:1","Interval":"1m"}]}"#;
    assert_eq!(ask(&agent.api, "PUT /v1/agent/service/register", service).await.0, 200);
    let (_, text) = ask(&agent.api, "GET /v1/agent/self", "").await;
    let found: tribune_api::agent::Self_ = serde_json::from_str(&text).unwrap();
    let own = |name: &str| found.stats["agent"][name].clone();
    let counts = ["services", "checks", "check_ttls", "check_monitors"].map(own);
    assert_eq!(counts, ["1", "3", "2", "0"]);
    agent.stop().await;
}

#[tokio::test]
async fn a_cached_query_says_how_it_was_answered() {
    let api = api(HttpConfig::default());
    for expected in ["MISS", "HIT"] {
        let reply = send(&api, Method::GET, "/v1/health/service/a?cached", b"").await;
        assert_eq!(reply.headers["x-cache"], expected);
        assert_eq!(reply.headers["x-consul-query-backend"], "streaming");
        assert_eq!(reply.headers["x-consul-knownleader"], "false");
    }
}

#[tokio::test]
async fn a_body_without_end_is_refused_and_its_sender_is_told_why() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let served = Server::new(api(HttpConfig::default()), ServerLimits::default(), shutdown.clone());
    let server = tokio::spawn(served.run(listener));
    let (mut receive, mut send) = TcpStream::connect(address).await.unwrap().into_split();
    let sender = tokio::spawn(async move {
        let head = "PUT /v1/kv/big HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
        send.write_all(head.as_bytes()).await.unwrap();
        let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
        // Ends when the server has closed: what is refused is not read for ever.
        while send.write_all(chunk.as_bytes()).await.is_ok() {}
    });
    let mut answer = Vec::new();
    let mut buffer = [0; 1024];
    while !answer.windows(9).any(|window| window == b"too large") {
        let read = tokio::time::timeout(Duration::from_secs(10), receive.read(&mut buffer));
        let bytes = read.await.unwrap().unwrap();
        assert!(bytes > 0, "{}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&buffer[..bytes]);
    }
    assert!(answer.starts_with(b"HTTP/1.1 413"));
    drop(receive);
    tokio::time::timeout(Duration::from_secs(10), sender).await.unwrap().unwrap();
    shutdown.cancel();
    server.await.unwrap();
}
