//! The reads of the catalog, of health, of coordinates and for the pages, as clients rely on
//! them: what is empty and what is null, in which order rows come, how a filter is refused, and
//! what the headers say of a cache. Sources: transcripts catalog/basic, health/more, internal/ui.

use hyper::{Method, StatusCode as S};
use serde_json::Value;
use tribune_api::messages as m;

use super::memory::{api, ask, script, send};
use crate::http::{Api, HttpConfig, HttpError, Reply};
use std::sync::Arc;

/// Three nodes with an instance of `web` each; from n1 on, n3 stands nearer than n2.
async fn world() -> Arc<Api> {
    let api = api(HttpConfig::default());
    for (node, meta, port, status) in [
        ("n1", r#"{"rack":"a"}"#, 80, "passing"),
        ("n2", "null", 81, "critical"),
        ("n3", r#"{"rack":"a","zone":"1"}"#, 82, "warning"),
    ] {
        let body = format!(
            r#"{{"Node":"{node}","Address":"10.0.0.{port}","NodeMeta":{meta},"Service":
            {{"ID":"w","Service":"web","Tags":["v{port}"],"Port":{port}}},"Check":
            {{"CheckID":"c","Name":"c","ServiceID":"w","Status":"{status}"}}}}"#
        );
        assert_eq!(ask(&api, "PUT /v1/catalog/register", &body).await.0, 200);
    }
    for (node, at) in [("n1", 0.0), ("n2", 0.5), ("n3", 0.1)] {
        let body = format!(
            r#"{{"Node":"{node}","Coord":{{"Vec":[{at},0,0,0,0,0,0,0],"Error":1.5,
            "Adjustment":0,"Height":0.00001}}}}"#
        );
        assert_eq!(ask(&api, "PUT /v1/coordinate/update", &body).await.0, 200);
    }
    api
}

async fn json(api: &Arc<Api>, target: &str) -> Value {
    let (status, text) = ask(api, &format!("GET {target}"), "").await;
    assert_eq!(status, 200, "{target}: {text}");
    serde_json::from_str(&text).unwrap()
}

/// The values of a pointer in each row of an answer, joined by blanks.
async fn column(api: &Arc<Api>, target: &str, pointer: &str) -> String {
    let rows = json(api, target).await;
    let rows = rows.as_array().unwrap_or_else(|| panic!("{target}: {rows}")).iter();
    let cell = |row: &Value| match row.pointer(pointer) {
        Some(Value::String(text)) => text.clone(),
        other => other.map_or("-".to_owned(), Value::to_string),
    };
    rows.map(cell).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn what_is_not_there_is_empty_null_or_404_as_the_route_has_it() {
    let api = api(HttpConfig::default());
    let overview = r#"{"Nodes":null,"Services":null,"Checks":null}"#;
    script(
        &api,
        &[
            ("GET /v1/catalog/nodes", "", S::OK, "[]"),
            ("GET /v1/catalog/services", "", S::OK, "{}"),
            ("GET /v1/catalog/service/none", "", S::OK, "[]"),
            ("GET /v1/catalog/connect/none", "", S::OK, "[]"),
            ("GET /v1/catalog/node/none", "", S::OK, "null"),
            ("GET /v1/catalog/node-services/none", "", S::OK, r#"{"Node":null,"Services":null}"#),
            ("GET /v1/catalog/gateway-services/none", "", S::OK, "[]"),
            ("GET /v1/catalog/gateway-services/none?index=1&wait=1ms", "", S::OK, "[]"),
            ("GET /v1/health/service/none", "", S::OK, "[]"),
            ("GET /v1/health/connect/none", "", S::OK, "[]"),
            ("GET /v1/health/ingress/none", "", S::OK, "[]"),
            ("GET /v1/health/checks/none", "", S::OK, "[]"),
            ("GET /v1/health/node/none", "", S::OK, "[]"),
            ("GET /v1/health/state/purple", "", S::OK, "[]"),
            ("GET /v1/coordinate/nodes", "", S::OK, "[]"),
            ("GET /v1/coordinate/node/none", "", S::NOT_FOUND, ""),
            ("GET /v1/internal/ui/nodes", "", S::OK, "[]"),
            ("GET /v1/internal/ui/node/none", "", S::NOT_FOUND, ""),
            ("GET /v1/internal/ui/services", "", S::OK, "[]"),
            ("GET /v1/internal/ui/catalog-overview", "", S::OK, overview),
            ("GET /v1/internal/ui/exported-services?peer=none", "", S::OK, "[]"),
            ("GET /v1/internal/ui/gateway-services-nodes/none", "", S::OK, "[]"),
            ("GET /v1/internal/ui/gateway-intentions/none", "", S::OK, "[]"),
        ],
    )
    .await;
}

#[tokio::test]
async fn the_services_of_no_gateway_have_the_headers_of_a_read() {
    let api = api(HttpConfig::default());
    let reply = send(&api, Method::GET, "/v1/catalog/gateway-services/in", b"").await;
    for (name, expected) in [
        ("x-consul-index", "1"),
        ("x-consul-knownleader", "true"),
        ("x-consul-effective-consistency", "leader"),
        ("x-consul-query-backend", "blocking-query"),
    ] {
        assert_eq!(reply.headers[name], expected, "{name}");
    }
}

#[tokio::test]
async fn a_name_that_is_missing_is_400_with_its_text() {
    let api = api(HttpConfig::default());
    for (route, text) in [
        ("catalog/service/", m::MISSING_SERVICE_NAME),
        ("catalog/connect/", m::MISSING_SERVICE_NAME),
        ("catalog/node/", m::MISSING_NODE_NAME),
        ("catalog/gateway-services/", "Missing gateway name"),
        ("catalog/gateway-services/a?wait=bogus", m::INVALID_WAIT),
        ("health/service/", m::MISSING_SERVICE_NAME),
        ("health/connect/", m::MISSING_SERVICE_NAME),
        ("health/ingress/", m::MISSING_SERVICE_NAME),
        ("health/checks/", m::MISSING_SERVICE_NAME),
        ("health/node/", m::MISSING_NODE_NAME),
        ("health/state/", "Missing check state"),
        ("internal/ui/node/", m::MISSING_NODE_NAME),
        ("internal/ui/service-topology/", m::MISSING_SERVICE_NAME),
        ("internal/ui/service-topology/web", "Missing service kind"),
        ("internal/ui/service-topology/web?kind=bogus", "Unsupported service kind \"bogus\""),
    ] {
        let found = ask(&api, &format!("GET /v1/{route}"), "").await;
        assert_eq!(found, (400, text.to_owned()), "{route}");
    }
}

#[tokio::test]
async fn metadata_that_was_not_sent_is_null_where_nodes_are_and_empty_where_they_are_flat() {
    let api = world().await;
    let by_node = "/v1/catalog/nodes?filter=Node==n2";
    assert_eq!(column(&api, by_node, "/Meta").await, "null");
    let flat = "/v1/catalog/service/web?filter=Node==n2";
    assert_eq!(column(&api, flat, "/NodeMeta").await, "null");
    assert_eq!(column(&api, flat, "/ServiceMeta").await, "{}");
    let health = "/v1/health/service/web?filter=Node.Node==n2";
    assert_eq!(column(&api, health, "/Service/Meta").await, "null");
    assert_eq!(column(&api, health, "/Node/TaggedAddresses").await, "null");
    // An upstream shows its datacenter in the catalog, a path not whether a check made it.
    let proxy = r#"{"Node":"n1","Address":"a","Service":{"Kind":"connect-proxy","Service":"p",
        "Port":7,"Proxy":{"DestinationServiceName":"web","Upstreams":[{"DestinationName":"db"}],
        "Expose":{"Paths":[{"Path":"/h","ListenerPort":1}]}}}}"#;
    assert_eq!(ask(&api, "PUT /v1/catalog/register", proxy).await.0, 200);
    let found = json(&api, "/v1/health/connect/web").await;
    let at = |pointer: &str| found.pointer(pointer).cloned();
    assert_eq!(at("/0/Service/Proxy/Upstreams/0/Datacenter"), Some("".into()));
    assert_eq!(at("/0/Service/Proxy/Expose/Paths/0/ParsedFromCheck"), None);
    assert_eq!(at("/0/Service/TaggedAddresses/consul-virtual/Address"), Some("240.0.0.1".into()));
    assert_eq!(at("/0/Service/TaggedAddresses/consul-virtual/Port"), Some(7.into()));
}

#[tokio::test]
async fn rows_come_by_name_or_the_nearest_first() {
    let api = world().await;
    for (target, pointer, plain, near) in [
        ("/v1/catalog/nodes", "/Node", "n1 n2 n3", "n1 n3 n2"),
        ("/v1/catalog/service/web", "/Node", "n1 n2 n3", "n1 n3 n2"),
        ("/v1/health/service/web", "/Node/Node", "n1 n2 n3", "n1 n3 n2"),
        ("/v1/health/checks/web", "/Node", "n1 n2 n3", "n1 n3 n2"),
        ("/v1/health/state/any", "/Node", "n1 n2 n3", "n1 n3 n2"),
        ("/v1/coordinate/nodes", "/Node", "n1 n2 n3", "n1 n2 n3"),
        ("/v1/internal/ui/nodes", "/Node", "n1 n2 n3", "n1 n2 n3"),
    ] {
        assert_eq!(column(&api, target, pointer).await, plain, "{target}");
        assert_eq!(column(&api, &format!("{target}?near=n1"), pointer).await, near, "{target}");
        // From a node that stands nowhere, in the store's order.
        assert_eq!(column(&api, &format!("{target}?near=none"), pointer).await, plain, "{target}");
    }
    let farthest = column(&api, "/v1/catalog/nodes?near=n2", "/Node").await;
    assert_eq!(farthest, "n2 n3 n1");
}

#[tokio::test]
async fn reads_are_narrowed_by_tag_metadata_health_and_filter() {
    let api = world().await;
    for (target, expected) in [
        ("/v1/health/service/web?passing", "n1"),
        ("/v1/health/service/web?tag=V81", "n2"),
        ("/v1/health/service/web?tag=v81&tag=v80", ""),
        ("/v1/health/service/web?node-meta=rack:a", "n1 n3"),
        ("/v1/health/service/web?node-meta=rack:a&node-meta=zone:1", "n3"),
        ("/v1/health/service/web?filter=Checks.Status!=critical", "n1 n3"),
        ("/v1/health/service/web?filter=not+Service.Port==80&near=n1", "n3 n2"),
        ("/v1/health/service/web?peer=east", ""),
    ] {
        assert_eq!(column(&api, target, "/Node/Node").await, expected, "{target}");
    }
    for (target, expected) in [
        ("/v1/health/checks/web?filter=Status==warning", "n3"),
        ("/v1/health/checks/web?node-meta=rack:a", "n1 n3"),
        ("/v1/health/node/n2?filter=Name==c", "n2"),
        ("/v1/health/state/CRITICAL", "n2"),
        ("/v1/health/state/any?filter=ServiceName==web+and+Node!=n1", "n2 n3"),
        ("/v1/catalog/nodes?filter=Meta.rack==a", "n1 n3"),
        ("/v1/internal/ui/nodes?filter=Node==n3", "n3"),
    ] {
        assert_eq!(column(&api, target, "/Node").await, expected, "{target}");
    }
    assert_eq!(json(&api, "/v1/catalog/services?filter=ServicePort==82").await["web"][0], "v82");
    let node = json(&api, "/v1/catalog/node/n1?filter=Port==1").await;
    assert_eq!((&node["Node"]["Node"], &node["Services"]), (&"n1".into(), &serde_json::json!({})));
    let node = json(&api, "/v1/catalog/node-services/n1?filter=Port==1").await;
    assert_eq!(node["Services"], serde_json::json!([]));
}

#[tokio::test]
async fn a_filter_that_is_refused_says_why_with_the_headers_of_a_read() {
    let api = world().await;
    let why = |text: &str| format!("Failed to create boolean expression evaluator: {text}");
    let selector = |name: &str| why(&format!("Selector \"{name}\" is not valid"));
    let no_match = "1:6 (5): no match found, expected: \"!=\", \".\", \"==\", \"[\", \
        [ \\t\\r\\n] or [a-zA-Z0-9_]";
    let number = "Failed to coerce value \"eighty\" for selector \"Service.Port\": \
        strconv.ParseInt: parsing \"eighty\": invalid syntax";
    let empty = "Invalid match operator \"Is Empty\" for selector \"Service.ID\"";
    for (target, text) in [
        ("catalog/nodes?filter=bogus", why(no_match)),
        ("catalog/nodes?filter=Nope==1", selector("Nope")),
        ("catalog/services?filter=Service==web", selector("Service")),
        ("catalog/service/web?filter=Service.Port==80", selector("Service")),
        ("catalog/connect/web?filter=Service.Port==80", selector("Service")),
        ("catalog/node/n1?filter=ServicePort==80", selector("ServicePort")),
        ("catalog/node-services/n1?filter=ServicePort==80", selector("ServicePort")),
        ("health/service/web?filter=ServicePort==80", selector("ServicePort")),
        ("health/service/web?filter=Service.Port==eighty", why(number)),
        ("health/service/web?filter=Service.ID+is+empty", why(empty)),
        ("health/connect/web?filter=Nope==1", selector("Nope")),
        ("health/checks/web?filter=Service==web", selector("Service")),
        ("health/node/n1?filter=Service==web", selector("Service")),
        ("health/state/any?filter=Service==web", selector("Service")),
        ("internal/ui/nodes?filter=Nope==1", selector("Nope")),
        ("internal/ui/services?filter=ServiceName==db", selector("ServiceName")),
    ] {
        let reply = send(&api, Method::GET, &format!("/v1/{target}"), b"").await;
        let found = String::from_utf8_lossy(&reply.body).into_owned();
        assert_eq!((reply.status.as_u16(), found.trim_end()), (500, text.as_str()), "{target}");
        // Of instances an agent would answer from a view that it keeps, which has none.
        let of_view = ["internal", "health/service", "health/connect"];
        if !of_view.iter().any(|own| target.starts_with(own)) {
            assert_eq!(reply.headers["x-consul-index"], "1", "{target}");
        }
    }
}

#[tokio::test]
async fn a_read_says_whether_a_cache_would_have_held_it() {
    let api = world().await;
    let cache = |reply: &Reply| {
        let text = |name: &str| reply.headers.get(name).map(|own| own.to_str().unwrap().to_owned());
        (text("x-cache"), text("age"))
    };
    let (miss, hit) = (Some("MISS".to_owned()), Some("HIT".to_owned()));
    for target in ["catalog/services", "catalog/service/web", "health/service/web"] {
        let target = format!("/v1/{target}?cached");
        let first = send(&api, Method::GET, &target, b"").await;
        assert_eq!(cache(&first), (miss.clone(), None), "{target}");
        let again = send(&api, Method::GET, &target, b"").await;
        assert_eq!(cache(&again), (hit.clone(), Some("0".to_owned())), "{target}");
        assert_eq!(first.body, again.body);
    }
    // These no cache keeps; and nobody asked here.
    for target in ["catalog/nodes?cached", "health/checks/web?cached", "catalog/services"] {
        let reply = send(&api, Method::GET, &format!("/v1/{target}"), b"").await;
        assert_eq!(cache(&reply), (None, None), "{target}");
    }
    let both = ask(&api, "GET /v1/health/service/web?cached&consistent", "").await;
    let text = "Cannot specify ?cached with ?consistent, conflicting semantics.";
    assert_eq!(both, (400, text.to_owned()));
}

#[tokio::test]
async fn a_read_says_how_consistent_it_was() {
    let api = world().await;
    for (options, mode) in [("", "leader"), ("?stale", "stale"), ("?consistent", "consistent")] {
        for route in ["catalog/nodes", "catalog/service/web", "health/state/any"] {
            let target = format!("/v1/{route}{options}");
            let reply = send(&api, Method::GET, &target, b"").await;
            assert_eq!(reply.headers["x-consul-effective-consistency"], mode, "{target}");
        }
        let target = format!("/v1/coordinate/nodes{options}");
        let reply = send(&api, Method::GET, &target, b"").await;
        assert!(!reply.headers.contains_key("x-consul-effective-consistency"), "{target}");
    }
}

/// Source: transcripts/agent/alias.txt, exchange 10; a watcher of the service is not woken.
#[tokio::test]
async fn the_checks_of_a_service_have_the_index_of_all_checks() {
    let api = world().await;
    let other = r#"{"Node":"n1","Address":"10.0.0.80","SkipNodeUpdate":true,"Check":{"Name":"x"}}"#;
    let index = |reply: Reply| reply.headers["x-consul-index"].to_str().unwrap().to_owned();
    let before = index(send(&api, Method::GET, "/v1/health/checks/web", b"").await);
    assert_eq!(ask(&api, "PUT /v1/catalog/register", other).await.0, 200);
    let all = index(send(&api, Method::GET, "/v1/health/state/any", b"").await);
    assert_ne!(before, all);
    assert_eq!(index(send(&api, Method::GET, "/v1/health/checks/web", b"").await), all);
}

#[tokio::test]
async fn a_server_is_named_among_datacenters_as_among_nodes() {
    let api = world().await;
    let found = json(&api, "/v1/coordinate/datacenters").await;
    assert_eq!(found[0]["Coordinates"][0]["Node"], "node1");
    assert_eq!(column(&api, "/v1/coordinate/node/n2", "/Coord/Vec/0").await, "0.5");
}

/// Source: transcripts/status/paths.txt, exchange 72.
#[tokio::test]
async fn an_update_without_a_coordinate_closes_the_connection() {
    let api = world().await;
    let reply = send(&api, Method::PUT, "/v1/coordinate/update", br#"{"Node":"none"}"#).await;
    assert!(reply.hangs_up);
    assert!(!Reply::from(HttpError::NotFound(String::new())).hangs_up);
}
