//! Every field of every definition, with values of wrong types, sizes and ranges: each is refused
//! by its name or is there afterwards, and the next request is served.
//! The fields come from the types themselves, so that a new one is walked without being named.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tribune_api::agent::{CheckRegistration, CheckUpdate, ServiceDefinition};
use tribune_api::catalog::{CatalogDeregistration, CatalogRegistration};
use tribune_api::coordinate::CoordinateEntry;
use tribune_api::messages;
use tribune_api::shape::{self, Kind, Part, Way};
use tribune_api::txn::TxnOp;

use super::memory::{Agent, ask};

/// A body to be spoilt, and where what it says can be read.
struct Door {
    request: &'static str,
    /// A valid one.
    body: Value,
    parts: Vec<Part>,
    /// Where the parts stand in the body.
    below: Vec<Way>,
    reads: &'static [&'static str],
    /// Fields that are taken and shown nowhere, as in Consul.
    hidden: &'static [&'static str],
    /// False if what is sent is not to be found afterwards, since something is deleted or read.
    keeps: bool,
}

fn parts<T: DeserializeOwned>() -> Vec<Part> {
    shape::parts::<T>().unwrap()
}

fn field(name: &'static str) -> Way {
    Way::Field(name, Vec::new())
}

/// A check of an agent shows its name, its texts and its times; how it runs is its own affair.
const HIDDEN_IN_CHECKS: [&str; 26] = [
    "ScriptArgs",
    "Args",
    "HTTP",
    "Header",
    "Method",
    "Body",
    "DisableRedirects",
    "TCP",
    "TCPUseTLS",
    "UDP",
    "GRPC",
    "GRPCUseTLS",
    "H2PING",
    "H2PingUseTLS",
    "OSService",
    "DockerContainerID",
    "Shell",
    "AliasNode",
    "AliasService",
    "TLSServerName",
    "TLSSkipVerify",
    "SuccessBeforePassing",
    "FailuresBeforeWarning",
    "FailuresBeforeCritical",
    "OutputMaxSize",
    "Token",
];

fn services() -> Vec<Door> {
    let door = |body: Value, below: Vec<Way>| Door {
        request: "PUT /v1/agent/service/register",
        body,
        parts: parts::<ServiceDefinition>(),
        below,
        reads: &["/v1/agent/services", "/v1/agent/checks", "/v1/catalog/node-services/node1"],
        hidden: &HIDDEN_IN_CHECKS,
        keeps: true,
    };
    let proxy = json!({"Name": "s", "Kind": "connect-proxy", "Port": 1,
        "Proxy": {"DestinationServiceName": "w",
            "Upstreams": [{"DestinationName": "u", "LocalBindPort": 2}]},
        "Check": {"TTL": "10s"}, "Checks": [{"TTL": "10s"}]});
    let of_sidecar = vec![field("Connect"), field("SidecarService")];
    vec![
        door(proxy, Vec::new()),
        door(json!({"Name": "s", "Connect": {"Native": true}}), Vec::new()),
        door(json!({"Name": "s", "Port": 1, "Connect": {"SidecarService": {}}}), of_sidecar),
    ]
}

fn checks() -> Vec<Door> {
    let door = |request, body: Value, parts| Door {
        request,
        body,
        parts,
        below: Vec::new(),
        reads: &["/v1/agent/checks"],
        hidden: &HIDDEN_IN_CHECKS,
        keeps: true,
    };
    vec![
        door(
            "PUT /v1/agent/check/register",
            json!({"Name": "c", "TTL": "10s"}),
            parts::<CheckRegistration>(),
        ),
        door(
            "PUT /v1/agent/check/register",
            json!({"Name": "c", "TCP": "127.0.0.1:1", "Interval": "10s",
                "FailuresBeforeCritical": 5}),
            parts::<CheckRegistration>(),
        ),
        door("PUT /v1/agent/check/update/t", json!({"Status": "passing"}), parts::<CheckUpdate>()),
    ]
}

const CATALOG: &[&str] = &[
    "/v1/catalog/nodes",
    "/v1/catalog/node/n",
    "/v1/catalog/node-services/n",
    "/v1/health/node/n",
];

/// What only says how to write, what the servers number themselves, and what they take from the
/// service.
const HIDDEN_IN_CATALOG: [&str; 7] = [
    "Datacenter",
    "SkipNodeUpdate",
    "Token",
    "CreateIndex",
    "ModifyIndex",
    "ServiceName",
    "ServiceTags",
];

/// What another verb would look at.
const HIDDEN_IN_KEYS: [&str; 2] = ["Index", "Session"];

fn catalog() -> Vec<Door> {
    let door = |request, body: Value, parts| Door {
        request,
        body,
        parts,
        below: Vec::new(),
        reads: CATALOG,
        hidden: &HIDDEN_IN_CATALOG,
        keeps: request == "PUT /v1/catalog/register",
    };
    let whole = json!({"Node": "n", "Address": "127.0.0.1", "Service": {"Service": "s"},
        "Check": {"Name": "c"}, "Checks": [{"Name": "d"}]});
    vec![
        door("PUT /v1/catalog/register", whole, parts::<CatalogRegistration>()),
        door(
            "PUT /v1/catalog/deregister",
            json!({"Node": "none"}),
            parts::<CatalogDeregistration>(),
        ),
    ]
}

/// Where a node stands that is in the catalog.
fn place() -> Value {
    json!({"Node": "node1", "Coord": {
        "Vec": [0, 0, 0, 0, 0, 0, 0, 0], "Error": 1.5, "Adjustment": 0, "Height": 0.00001}})
}

fn coordinates() -> Vec<Door> {
    vec![Door {
        request: UPDATE,
        body: place(),
        parts: parts::<CoordinateEntry>(),
        below: Vec::new(),
        reads: &["/v1/coordinate/nodes"],
        // Of a node that is not in the catalog nothing is kept, as in Consul.
        hidden: &["Node"],
        keeps: true,
    }]
}

const UPDATE: &str = "PUT /v1/coordinate/update";

fn transactions() -> Vec<Door> {
    let node = json!({"Node": "n", "Address": "127.0.0.1"});
    let first = json!({"Node": {"Verb": "set", "Node": node.clone()}});
    let mut doors = Vec::new();
    for verb in ["set", "cas", "delete", "delete-cas", "get"] {
        let nouns = [
            ("KV", json!({"Verb": verb, "Key": "a", "Value": "MQ=="})),
            ("Node", json!({"Verb": verb, "Node": node.clone()})),
            ("Service", json!({"Verb": verb, "Node": "n", "Service": {"ID": "s", "Service": "s"}})),
            ("Check", json!({"Verb": verb, "Check": {"Node": "n", "Name": "c"}})),
        ];
        for (noun, op) in nouns {
            let is_of_noun = |part: &Part| match part.way.as_slice() {
                [Way::Item, Way::Field(name, _), ..] => *name == noun,
                _ => false,
            };
            doors.push(Door {
                request: "PUT /v1/txn",
                body: json!([{noun: op}, first.clone()]),
                parts: parts::<Vec<TxnOp>>().into_iter().filter(is_of_noun).collect(),
                below: Vec::new(),
                reads: CATALOG,
                hidden: if noun == "KV" { &HIDDEN_IN_KEYS } else { &HIDDEN_IN_CATALOG },
                keeps: matches!(verb, "set" | "cas"),
            });
        }
    }
    doors
}

/// Settings that are kept as they come.
const FREE: [&str; 3] = ["Config", "EnvoyExtensions", "PeerMeta"];

fn beyond(limit: i128) -> Value {
    serde_json::from_str(&limit.to_string()).unwrap()
}

/// Values that no reader of this kind can take.
fn wrong(kind: Kind) -> Vec<Value> {
    let no_scalar = [json!([]), json!({})];
    let own: Vec<Value> = match kind {
        Kind::Bool => vec![json!("true"), json!(1)],
        Kind::Whole(min, max) => {
            let (below, above) = (beyond(min - 1), beyond(max + 1));
            vec![json!("80"), json!(true), json!(1.5), json!(1e300), below, above]
        }
        Kind::Float => vec![json!("1"), json!(true)],
        Kind::Text => vec![json!(1), json!(true)],
        Kind::List => return vec![json!("x"), json!(1), json!(true), json!({})],
        Kind::Map | Kind::Object => return vec![json!("x"), json!(1), json!(true), json!([])],
        Kind::Own => vec![json!(true), json!("no such thing!"), json!(1e300)],
    };
    own.into_iter().chain(no_scalar).collect()
}

/// Values of this kind that are odd, each with the text that shows it.
fn odd(kind: Kind) -> Vec<(Value, String)> {
    let text = |own: String| {
        let shown =
            String::from_utf8(tribune_api::json::to_json(&own, tribune_api::json::Layout::Compact));
        (json!(own), shown.unwrap())
    };
    match kind {
        Kind::Whole(..) => [424_242, -424_242]
            .into_iter()
            .map(|number: i64| (json!(number), number.to_string()))
            .collect(),
        Kind::Text => vec![
            text("o\u{202e}\u{0}\u{fffd}d😀 <&>\"\\\u{1b}[31m é".into()),
            text("../%2f?x=1#".into()),
            text("long".repeat(20_000)),
        ],
        _ => Vec::new(),
    }
}

fn name(part: &Part) -> &'static str {
    let names = part.way.iter().rev().filter_map(|step| match step {
        Way::Field(name, _) => Some(*name),
        _ => None,
    });
    names.into_iter().next().unwrap_or("")
}

impl Door {
    fn spoilt(&self, part: &Part, value: &Value) -> String {
        let mut body = self.body.clone();
        let way: Vec<Way> = self.below.iter().chain(&part.way).cloned().collect();
        shape::put(&mut body, &way, value.clone(), 0);
        body.to_string()
    }

    fn is_free(&self, part: &Part) -> bool {
        let is_of = |step: &Way| matches!(step, Way::Field(name, _) if FREE.contains(name));
        part.kind == Kind::Own && part.way.iter().any(is_of)
    }

    fn is_hidden(&self, part: &Part, value: &Value) -> bool {
        // A port below one asks for the next free one, and for that of the service itself.
        let is_port = matches!(name(part), "Port" | "LocalServicePort");
        let picks_port = !self.below.is_empty() && is_port && value.as_i64() < Some(1);
        picks_port || self.hidden.contains(&name(part))
    }

    async fn is_served(&self, agent: &Agent, after: &str) {
        let (status, text) = ask(&agent.api, self.request, &self.body.to_string()).await;
        let is_conflict = status == 409 && self.request == "PUT /v1/txn";
        assert!(status == 200 || is_conflict, "{status} {text} after {after}");
    }
}

/// Refusals that Consul has another status for, by transcripts of agent, catalog and txn.
fn is_recorded(status: u16, text: &str) -> bool {
    match status {
        404 => text.starts_with("ServiceID "),
        409 => text.contains("\"What\":"),
        413 => text.contains("too large"),
        500 => [
            "Must provide ",
            "Bad node ID",
            "Unknown service ID",
            "Scripts are disabled",
            "not implemented",
            "No path to datacenter",
            messages::INCOMPATIBLE_COORDINATE,
        ]
        .iter()
        .any(|start| text.starts_with(start)),
        _ => false,
    }
}

async fn wrong_types_are_refused(doors: Vec<Door>) {
    for door in doors {
        let agent = Agent::start().await;
        for part in &door.parts {
            for value in wrong(part.kind) {
                if door.is_free(part) || (part.way.is_empty() && door.below.is_empty()) {
                    continue;
                }
                let body = door.spoilt(part, &value);
                let (status, text) = ask(&agent.api, door.request, &body).await;
                let about = format!("{} {body}: {status} {text}", door.request);
                assert_eq!(status, 400, "{about}");
                // Consul's words for a text that is no duration or base64 have not its field.
                let quotes = part.kind == Kind::Own && value.is_string();
                assert!(quotes || text.contains(name(part)), "{about}");
                assert!(text.len() < 8 * 1024, "{about}");
                door.is_served(&agent, &body).await;
            }
        }
        agent.stop().await;
    }
}

async fn odd_values_are_refused_or_kept(doors: Vec<Door>) {
    let mut lost = Vec::new();
    for door in doors {
        for part in &door.parts {
            for (value, shown) in odd(part.kind) {
                let agent = Agent::start().await;
                let body = door.spoilt(part, &value);
                let (status, text) = ask(&agent.api, door.request, &body).await;
                let about = format!("{} {:.300}: {status} {text:.300}", door.request, body);
                assert!(status == 200 || status == 400 || is_recorded(status, &text), "{about}");
                let is_kept = door.keeps && !door.is_hidden(part, &value);
                if status == 200 && is_kept {
                    let mut read = text;
                    for path in door.reads {
                        read += &ask(&agent.api, &format!("GET {path}"), "").await.1;
                    }
                    // An output is cut to its size, and says so.
                    if !read.contains(&shown) && !read.contains(" ... (captured ") {
                        lost.push(about.clone());
                    }
                }
                door.is_served(&agent, &about).await;
                agent.stop().await;
            }
        }
    }
    assert!(lost.is_empty(), "{}", lost.join("\n"));
}

async fn null_is_as_if_it_were_not_there(doors: Vec<Door>) {
    for door in doors {
        for part in &door.parts {
            let agent = Agent::start().await;
            let body = door.spoilt(part, &Value::Null);
            let (status, text) = ask(&agent.api, door.request, &body).await;
            let about = format!("{} {body}: {status} {text}", door.request);
            let is_missing = text.starts_with("Missing ")
                || text.starts_with("Invalid check status")
                || text.starts_with("Connect.SidecarService")
                || text.contains("must be")
                || text.contains("cannot be empty")
                || text == messages::INCOMPATIBLE_COORDINATE
                || text.contains("Must provide");
            assert!(matches!(status, 200 | 409) || is_missing, "{about}");
            door.is_served(&agent, &about).await;
            agent.stop().await;
        }
    }
}

macro_rules! walks {
    ($($module:ident $doors:ident)*) => {$(
        mod $module {
            #[tokio::test]
            async fn wrong_types_are_refused() {
                super::wrong_types_are_refused(super::$doors()).await;
            }

            #[tokio::test]
            async fn odd_values_are_refused_or_kept() {
                super::odd_values_are_refused_or_kept(super::$doors()).await;
            }

            #[tokio::test]
            async fn null_is_as_if_it_were_not_there() {
                super::null_is_as_if_it_were_not_there(super::$doors()).await;
            }
        }
    )*};
}

walks! {
    of_services services
    of_checks checks
    of_the_catalog catalog
    of_transactions transactions
    of_coordinates coordinates
}

#[tokio::test]
async fn a_place_that_is_none_is_refused_and_not_written() {
    let agent = Agent::start().await;
    let with = |field: &str, text: &str| {
        let body = place().to_string();
        let own = place()["Coord"][field].to_string();
        let (before, after) = body.split_once(&format!("\"{field}\":{own}")).unwrap();
        format!("{before}\"{field}\":{text}{after}")
    };
    let mut cases = Vec::new();
    for length in (0..DIMENSIONS).chain([DIMENSIONS + 1, 1000]) {
        let numbers = json!(vec![0.0; length]).to_string();
        cases.push((with("Vec", &numbers), 500, messages::INCOMPATIBLE_COORDINATE));
    }
    for number in ["1e309", "-1e400", "1e999999999999"] {
        for field in ["Error", "Adjustment", "Height"] {
            cases.push((with(field, number), 400, number));
        }
        let numbers = format!("[0,0,0,0,0,0,0,{number}]");
        cases.push((with("Vec", &numbers), 400, number));
    }
    for number in ["NaN", "Infinity", "+1", "0x1", "1e", ".5"] {
        cases.push((with("Error", number), 400, "invalid character"));
    }
    cases.push((json!({"Node": "node1"}).to_string(), 400, messages::MISSING_COORDINATE));
    let entry = json!({"Node": "node1", "Coord": []}).to_string();
    cases.push((entry, 400, "Coord"));
    for (body, expected, why) in cases {
        let (status, text) = ask(&agent.api, UPDATE, &body).await;
        assert!(status == expected && text.contains(why), "{body:.200}: {status} {text}");
        assert!(text.len() < 1024, "{body:.200}: {text}");
        let read = ask(&agent.api, "GET /v1/coordinate/nodes", "").await;
        assert_eq!(read, (200, "[]".to_owned()), "{body:.200}");
    }
    assert_eq!(ask(&agent.api, UPDATE, &place().to_string()).await.0, 200);
    let (_, text) = ask(&agent.api, "GET /v1/coordinate/nodes", "").await;
    assert!(text.contains("node1"), "{text}");
    agent.stop().await;
}

/// Of a place in the network.
const DIMENSIONS: usize = 8;
