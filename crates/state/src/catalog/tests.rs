//! The rules of the catalog that surprise, and the tables against a naive model.

use super::*;
use crate::command::Command;
use crate::entry::Entry;
use crate::ids::{CheckId, Index, LogIndex, NodeName, ServiceId, ServiceName};
use crate::session::{Behavior, SessionCommand, SessionCreate};
use crate::stamp::Stamp;
use crate::{Event, Outcome, Query, Refusal, SessionId, Store, Visible};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A store that is spoken to in words.
#[derive(Default)]
struct World {
    store: Store,
    at: u64,
}

impl World {
    fn apply(&mut self, command: impl Into<Command>) -> (Outcome, Vec<Event>) {
        self.at += 1;
        let at = LogIndex(self.at);
        let entry = Entry { at, stamp: Stamp::default(), command: command.into() };
        let applied = self.store.apply(&entry);
        (applied.outcome, applied.events)
    }

    fn done(&mut self, command: impl Into<Command>) -> Vec<Event> {
        let (outcome, events) = self.apply(command);
        assert_eq!(outcome, Outcome::Flag(true));
        events
    }

    fn refused(&mut self, command: impl Into<Command>) -> String {
        match self.apply(command) {
            (Outcome::Refused(refusal), events) => {
                assert!(events.is_empty(), "a refusal changes nothing");
                refusal.to_string()
            }
            (other, _) => panic!("expected a refusal, got {other:?}"),
        }
    }

    fn ask(&self, query: CatalogQuery) -> (u64, String) {
        let answer = self.store.view().answer(&Query::Catalog(query), &Visible::All);
        let crate::Body::Catalog(body) = answer.body else { panic!("not of the catalog") };
        (answer.index.0, show(&body))
    }
}

impl From<CatalogCommand> for Command {
    fn from(command: CatalogCommand) -> Command {
        Command::Catalog(command)
    }
}

/// An answer in short: names, ids and states.
fn show(body: &CatalogBody) -> String {
    let checks = |rows: &[Arc<CheckRow>]| {
        let one = |row: &Arc<CheckRow>| format!("{}/{}={}", row.node, row.id, row.status.as_str());
        rows.iter().map(one).collect::<Vec<_>>().join(" ")
    };
    match body {
        CatalogBody::Nodes(rows) => {
            rows.iter().map(|row| row.node.to_string()).collect::<Vec<_>>().join(" ")
        }
        CatalogBody::Node(None) => "none".to_owned(),
        CatalogBody::Node(Some((node, services))) => {
            let ids: Vec<String> = services.iter().map(|row| row.id.to_string()).collect();
            format!("{} {}: {}", node.node, node.address, ids.join(" "))
        }
        CatalogBody::Services(names) => names
            .iter()
            .map(|(name, tags)| format!("{name}[{}]", tags.join(",")))
            .collect::<Vec<_>>()
            .join(" "),
        CatalogBody::Instances(found) => found
            .iter()
            .map(|one| {
                let ServiceRow { id, port, .. } = one.service.as_ref();
                format!("{}/{id}:{port}({})", one.node.node, checks(&one.checks))
            })
            .collect::<Vec<_>>()
            .join(" "),
        CatalogBody::Checks(rows) => checks(rows),
        CatalogBody::Verdicts(verdicts, others) => {
            let bar = |bar: &Bar| match bar {
                Bar::NodeMaintenance(_) => "node set apart".to_owned(),
                Bar::ServiceMaintenance(_) => "set apart".to_owned(),
                Bar::NodeCheck(row) => format!("node's {}", row.id),
                Bar::ServiceCheck(row) => row.id.to_string(),
                Bar::MissingTag(tag) => format!("no {tag}"),
            };
            let bars = |bars: &[Bar]| bars.iter().map(bar).collect::<Vec<_>>().join(",");
            let one = |own: &Verdict| {
                format!("{}({}|{})", own.instance.service.id, bars(&own.passing), bars(&own.dns))
            };
            let others = others.iter().map(|name| format!("?{name}"));
            verdicts.iter().map(one).chain(others).collect::<Vec<_>>().join(" ")
        }
        CatalogBody::NodeInfos(found) => found
            .iter()
            .map(|info| format!("{}({})", info.node.node, checks(&info.checks)))
            .collect::<Vec<_>>()
            .join(" "),
    }
}

fn node(name: &str) -> NodeRow {
    NodeRow {
        id: String::new(),
        node: name.into(),
        address: "127.0.0.1".to_owned(),
        datacenter: "dc1".to_owned(),
        tagged_addresses: None,
        meta: None,
        locality: None,
        create_index: Index(0),
        modify_index: Index(0),
    }
}

fn service(id: &str, name: &str, port: i64) -> ServiceRow {
    ServiceRow { id: id.into(), service: name.into(), port, ..ServiceRow::default() }
}

fn check(id: &str, service: &str, status: &str) -> CheckRow {
    CheckRow {
        node: NodeName::default(),
        id: id.into(),
        name: id.to_owned(),
        status: status.into(),
        notes: String::new(),
        output: String::new(),
        service_id: service.into(),
        service_name: ServiceName::default(),
        service_tags: None,
        kind: String::new(),
        interval: String::new(),
        timeout: String::new(),
        exposed_port: 0,
        definition: Arc::from(""),
        create_index: Index(0),
        modify_index: Index(0),
    }
}

fn register(node: NodeRow, service: Option<ServiceRow>, checks: Vec<CheckRow>) -> CatalogCommand {
    CatalogCommand::Register(Box::new(Register { node, skip_node_update: false, service, checks }))
}

fn deregister(node: &str, service: &str, check: &str) -> CatalogCommand {
    CatalogCommand::Deregister(Deregister {
        node: node.into(),
        service_id: Some(service.into()),
        check_id: Some(check.into()),
    })
}

fn of(service: &str) -> CatalogQuery {
    CatalogQuery::service(service.into())
}

fn passing(service: &str) -> CatalogQuery {
    let service = service.into();
    Catalog::Service(ServiceRead { service, passing: true, ..ServiceRead::default() }).into()
}

fn web(node_name: &str, id: &str, status: &str) -> CatalogCommand {
    register(node(node_name), Some(service(id, "web", 80)), vec![check("c", id, status)])
}

#[test]
fn an_identical_registration_moves_no_index_and_wakes_nobody() {
    let mut world = World::default();
    world.done(web("a", "w1", "passing"));
    assert_eq!(world.done(web("a", "w1", "passing")), Vec::new());
    assert_eq!(world.ask(of("web")), (1, "a/w1:80(a/c=passing)".to_owned()));
}

#[test]
fn a_service_keeps_its_own_index_when_others_change() {
    let mut world = World::default();
    world.done(web("a", "w1", "passing"));
    world.done(register(node("b"), Some(service("", "other", 1)), vec![]));
    assert_eq!(world.ask(of("web")).0, 1);
    world.done(deregister("b", "other", ""));
    assert_eq!(world.ask(of("other")), (3, String::new()), "the index goes on without instances");
    assert_eq!(world.ask(of("web")).0, 1);
}

#[test]
fn a_node_check_counts_for_every_instance_on_the_node() {
    let mut world = World::default();
    world.done(web("a", "w1", "passing"));
    world.done(web("b", "w2", "passing"));
    world.done(register(node("a"), None, vec![check("disk", "", "warning")]));
    assert_eq!(world.ask(of("web")).0, 3);
    assert_eq!(world.ask(passing("web")), (3, "b/w2:80(b/c=passing)".to_owned()));
    let state = Catalog::State("warning".to_owned()).into();
    assert_eq!(world.ask(state), (3, "a/disk=warning".to_owned()));
}

/// What the verdicts leave out is what the read that clients use leaves out.
#[test]
fn every_reason_keeps_an_instance_out_and_without_one_it_is_in() {
    let mut world = World::default();
    world.done(web("a1", "ok", "passing"));
    world.done(web("a2", "warned", "warning"));
    world.done(web("a3", "failing", "critical"));
    let apart = check("_service_maintenance:apart", "apart", "critical");
    world.done(register(node("n1"), Some(service("apart", "web", 1)), vec![apart]));
    let sick = vec![check("_node_maintenance", "", "critical"), check("disk", "", "critical")];
    world.done(register(node("n2"), Some(service("far", "web", 1)), sick));
    let why = |tags: &[&str], only_passing| {
        let tags = tags.iter().map(ToString::to_string).collect();
        Catalog::Why(WhyRead { service: "web".into(), tags, only_passing }).into()
    };
    let (_, all) = world.ask(why(&[], false));
    let parts = [
        "apart(set apart|set apart)",
        "far(node set apart,node's disk|node set apart,node's disk)",
        "ok(|)",
    ];
    for part in parts {
        assert!(all.contains(part), "{part} of {all}");
    }
    let warned =
        |text: &str| text.split("warned(").nth(1).unwrap().split(')').next().unwrap().to_owned();
    assert!(warned(&all).ends_with('|'), "in DNS: {all}");
    assert!(!warned(&world.ask(why(&[], true)).1).ends_with('|'));
    assert!(world.ask(why(&["V2"], false)).1.contains("ok(no V2|no V2)"));
    let (_, passing) = world.ask(passing("web"));
    assert!(passing.contains("/ok:") && !passing.contains("/warned:"), "{passing}");
    let unknown = WhyRead { service: "wbe".into(), tags: vec![], only_passing: false };
    assert_eq!(world.ask(Catalog::Why(unknown).into()).1, "?web");
}

#[test]
fn names_are_found_in_any_case_and_keep_their_first_spelling() {
    let mut world = World::default();
    world.done(web("Alpha", "w1", "passing"));
    assert_eq!(world.done(web("ALPHA", "w1", "passing")), Vec::new());
    assert_eq!(world.ask(of("WEB")).1, "Alpha/w1:80(Alpha/c=passing)");
    assert_eq!(world.ask(Catalog::Node("alpha".into()).into()).1, "Alpha 127.0.0.1: w1");
}

#[test]
fn tags_are_all_wanted_in_any_case() {
    let mut world = World::default();
    let mut row = service("w1", "web", 80);
    row.tags = Some(["v1".to_owned(), "Prod".to_owned()].into());
    world.done(register(node("a"), Some(row), vec![]));
    for (tags, found) in [(vec!["PROD"], 1), (vec!["v1", "prod"], 1), (vec!["v1", "no"], 0)] {
        let query = Catalog::Service(ServiceRead {
            service: "web".into(),
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            ..ServiceRead::default()
        });
        assert_eq!(world.ask(query.into()).1.is_empty(), found == 0, "{tags:?}");
    }
    assert_eq!(world.ask(Catalog::Services.into()).1, "web[v1,Prod]");
}

#[test]
fn a_refused_registration_leaves_nothing() {
    let mut world = World::default();
    let bad = register(node("x"), None, vec![check("c", "nosuch", "")]);
    assert_eq!(world.refused(bad), "Unknown service ID 'nosuch' for check ID 'c'");
    assert_eq!(world.ask(Catalog::Node("x".into()).into()), (1, "none".to_owned()));
}

#[test]
fn the_end_of_a_node_takes_services_checks_and_sessions_with_it() {
    let mut world = World::default();
    world.done(web("a", "w1", "passing"));
    let id = begin_session(&mut world, "a", "c");
    let events = world.done(deregister("a", "", ""));
    assert!(events.iter().any(|event| matches!(event, Event::Session { removed: true, .. })));
    assert!(world.store.view().sessions().get(id).is_none());
    assert_eq!(world.ask(of("web")), (3, String::new()));
    assert_eq!(world.ask(Catalog::Node("a".into()).into()), (3, "none".to_owned()));
    assert_eq!(world.ask(Catalog::Nodes.into()), (3, String::new()));
}

#[test]
fn a_session_ends_when_its_check_turns_critical_or_goes() {
    for end in [web("a", "w1", "critical"), deregister("a", "", "c"), deregister("a", "w1", "")] {
        let mut world = World::default();
        world.done(web("a", "w1", "passing"));
        let id = begin_session(&mut world, "a", "c");
        world.done(end.clone());
        assert!(world.store.view().sessions().get(id).is_none(), "{end:?}");
    }
}

fn begin_session(world: &mut World, node: &str, check: &str) -> SessionId {
    let id = SessionId(uuid::Uuid::from_u128(7));
    let create = SessionCreate {
        id,
        name: String::new(),
        node: node.into(),
        lock_delay_ns: 0,
        behavior: Behavior::Release,
        ttl: String::new(),
        ttl_ms: 0,
        node_checks: vec![CheckId::from(check)],
        service_checks: None,
    };
    let (outcome, _) = world.apply(Command::Session(SessionCommand::Create(create)));
    assert_eq!(outcome, Outcome::SessionCreated(id));
    id
}

#[test]
fn a_name_is_its_nodes_until_that_one_has_failed() {
    let with_id = |name: &str, id: &str| NodeRow { id: id.to_owned(), ..node(name) };
    let mut world = World::default();
    world.done(register(with_id("a", "id-1"), None, vec![check("serfHealth", "", "passing")]));
    let refusal = world.refused(register(with_id("a", "id-2"), None, vec![]));
    assert!(refusal.contains("Node name a is reserved by node id-1"), "{refusal}");
    world.done(register(node("a"), None, vec![check("serfHealth", "", "critical")]));
    world.done(register(with_id("a", "id-2"), None, vec![]));
    world.done(register(with_id("b", "ID-2"), None, vec![]));
    let nodes = Catalog::Nodes.into();
    assert_eq!(world.ask(nodes).1, "b", "an id with a new name is the same node, renamed");
}

#[test]
fn an_instance_keeps_its_uuid_and_its_checks_follow_its_new_name() {
    let mut world = World::default();
    let uuid = uuid::Uuid::from_u128(5);
    let first = ServiceRow { uuid, ..service("w1", "web", 80) };
    world.done(register(node("a"), Some(first), vec![check("c", "w1", "passing")]));
    world.done(register(node("a"), Some(service("w1", "shop", 80)), vec![]));
    let view = world.store.view();
    let row = view.catalog().service(&"a".into(), &"w1".into()).unwrap();
    assert_eq!(row.uuid, uuid);
    assert_eq!(world.ask(of("web")), (2, String::new()));
    let checks = Catalog::ServiceChecks("shop".into()).into();
    assert_eq!(world.ask(checks), (2, "a/c=passing".to_owned()));
}

/// Source: transcripts/agent/registration.txt.
#[test]
fn mesh_endpoints_show_the_virtual_address_of_their_service() {
    let mut world = World::default();
    let proxy = |id: &str, of: &str, port| ServiceRow {
        kind: KIND_PROXY.to_owned(),
        proxy_destination: of.into(),
        ..service(id, "proxy", port)
    };
    let shown = |world: &World, id: &str| {
        let view = world.store.view();
        let row = view.catalog().service(&"a".into(), &id.into()).unwrap().clone();
        let own = row.tagged_addresses.as_ref().and_then(|all| all.get(VIRTUAL_TAG).cloned());
        own.map(|own| format!("{}:{}", own.address, own.port)).unwrap_or_default()
    };
    for (id, of, port) in [("p1", "web", 1), ("p2", "Web", 2), ("p3", "db", 3)] {
        world.done(register(node("a"), Some(proxy(id, of, port)), vec![]));
    }
    let own = ["p1", "p2", "p3"].map(|id| shown(&world, id));
    assert_eq!(own, ["240.0.0.1:1", "240.0.0.1:2", "240.0.0.2:3"]);
    // One endpoint is left, and changes: the address stays.
    world.done(deregister("a", "p1", ""));
    world.done(register(node("a"), Some(proxy("p2", "web", 7)), vec![]));
    assert_eq!(shown(&world, "p2"), "240.0.0.1:7");
    let address =
        |world: &World, of: &str| world.store.view().catalog().virtual_address(&of.into());
    assert_eq!(address(&world, "WEB"), Some(std::net::Ipv4Addr::new(240, 0, 0, 1)));
    // The last one goes, and what comes next gets its address.
    world.done(deregister("a", "p2", ""));
    assert_eq!(address(&world, "web"), None);
    world.done(register(node("a"), Some(proxy("p4", "cache", 4)), vec![]));
    world.done(register(node("a"), Some(service("w", "plain", 80)), vec![]));
    assert_eq!((shown(&world, "p4"), shown(&world, "w")), ("240.0.0.1:4".into(), String::new()));
}

#[test]
fn mesh_endpoints_are_proxies_and_native_instances() {
    let mut world = World::default();
    let proxy = ServiceRow {
        kind: KIND_PROXY.to_owned(),
        proxy_destination: "web".into(),
        ..service("p1", "web-proxy", 21_000)
    };
    let native = ServiceRow { connect_native: true, ..service("n1", "Web", 81) };
    world.done(register(node("a"), Some(proxy), vec![]));
    world.done(register(node("b"), Some(native), vec![]));
    let read = ServiceRead { service: "web".into(), connect: true, ..ServiceRead::default() };
    let query = || CatalogQuery::from(Catalog::Service(read.clone()));
    assert_eq!(world.ask(query()), (2, "a/p1:21000() b/n1:81()".to_owned()));
    world.done(deregister("a", "p1", ""));
    assert_eq!(world.ask(query()), (3, "b/n1:81()".to_owned()));
}

#[test]
fn a_batch_does_what_it_can_and_tells_the_first_refusal() {
    let mut world = World::default();
    let bad = register(node("x"), None, vec![check("c", "nosuch", "")]);
    let batch = CatalogCommand::Batch(vec![bad, web("a", "w1", "passing")]);
    let (outcome, _) = world.apply(batch);
    assert!(matches!(outcome, Outcome::Refused(Refusal::UnknownService { .. })));
    assert_eq!(world.ask(of("web")).1, "a/w1:80(a/c=passing)");
}

/// Nodes, services and checks as plain maps: what the tables must agree with.
#[derive(Default)]
struct Model {
    nodes: BTreeMap<u8, u8>,
    services: BTreeMap<(u8, u8), (u8, u8)>,
    checks: BTreeMap<(u8, u8), (Option<u8>, bool)>,
}

#[derive(Clone, Debug)]
enum Op {
    Node(u8, u8),
    Service(u8, u8, u8, u8),
    Check(u8, u8, Option<u8>, bool),
    DropCheck(u8, u8),
    DropService(u8, u8),
    DropNode(u8),
}

fn op() -> impl Strategy<Value = Op> {
    let (n, s, c) = (0..3u8, 0..3u8, 0..3u8);
    prop_oneof![
        2 => (n.clone(), 0..2u8).prop_map(|(n, address)| Op::Node(n, address)),
        4 => (n.clone(), s.clone(), 0..2u8, 0..2u8).prop_map(|(n, s, name, port)| {
            Op::Service(n, s, name, port)
        }),
        4 => (n.clone(), c.clone(), proptest::option::of(s.clone()), any::<bool>())
            .prop_map(|(n, c, s, ok)| Op::Check(n, c, s, ok)),
        1 => (n.clone(), c).prop_map(|(n, c)| Op::DropCheck(n, c)),
        1 => (n.clone(), s).prop_map(|(n, s)| Op::DropService(n, s)),
        1 => n.prop_map(Op::DropNode),
    ]
}

impl Model {
    /// Applies an operation and says whether it is one that the catalog accepts.
    fn apply(&mut self, op: &Op) -> bool {
        match *op {
            Op::Node(n, address) => {
                self.nodes.insert(n, address);
            }
            Op::Service(n, s, name, port) => {
                self.nodes.insert(n, 0);
                self.services.insert((n, s), (name, port));
            }
            Op::Check(n, c, s, ok) => {
                if s.is_some_and(|s| !self.services.contains_key(&(n, s))) {
                    return false;
                }
                self.nodes.insert(n, 0);
                self.checks.insert((n, c), (s, ok));
            }
            Op::DropCheck(n, c) => {
                self.checks.remove(&(n, c));
            }
            Op::DropService(n, s) => {
                if self.services.remove(&(n, s)).is_some() {
                    self.checks.retain(|key, row| key.0 != n || row.0 != Some(s));
                }
            }
            Op::DropNode(n) => {
                self.nodes.remove(&n);
                self.services.retain(|key, _| key.0 != n);
                self.checks.retain(|key, _| key.0 != n);
            }
        }
        true
    }

    fn instances(&self, name: u8, passing: bool) -> String {
        let mut found = Vec::new();
        for ((n, s), (own, port)) in &self.services {
            let of_node = self.checks.iter().filter(|(key, row)| key.0 == *n && row.0.is_none());
            let of_it = self.checks.iter().filter(|(key, row)| key.0 == *n && row.0 == Some(*s));
            let checks: Vec<_> = of_node.chain(of_it).collect();
            if *own == name && !(passing && checks.iter().any(|(_, row)| !row.1)) {
                let checks: Vec<String> =
                    checks.iter().map(|(key, row)| show_check(**key, row.1)).collect();
                found.push(format!("n{n}/s{s}:{port}({})", checks.join(" ")));
            }
        }
        found.join(" ")
    }
}

fn show_check((n, c): (u8, u8), ok: bool) -> String {
    format!("n{n}/c{c}={}", if ok { "passing" } else { "critical" })
}

fn command(op: &Op) -> CatalogCommand {
    let at =
        |n: u8, address: u8| NodeRow { address: address.to_string(), ..node(&format!("n{n}")) };
    match *op {
        Op::Node(n, address) => register(at(n, address), None, vec![]),
        Op::Service(n, s, name, port) => {
            let row = service(&format!("s{s}"), &format!("name{name}"), i64::from(port));
            register(at(n, 0), Some(row), vec![])
        }
        Op::Check(n, c, s, ok) => {
            let service = s.map(|s| format!("s{s}")).unwrap_or_default();
            let status = if ok { "passing" } else { "critical" };
            register(at(n, 0), None, vec![check(&format!("c{c}"), &service, status)])
        }
        Op::DropCheck(n, c) => deregister(&format!("n{n}"), "", &format!("c{c}")),
        Op::DropService(n, s) => deregister(&format!("n{n}"), &format!("s{s}"), ""),
        Op::DropNode(n) => deregister(&format!("n{n}"), "", ""),
    }
}

proptest! {
    #[test]
    fn the_catalog_agrees_with_plain_maps(ops in proptest::collection::vec(op(), 0..50)) {
        let mut world = World::default();
        let mut model = Model::default();
        for op in &ops {
            let (outcome, _) = world.apply(command(op));
            prop_assert_eq!(outcome == Outcome::Flag(true), model.apply(op));
            let nodes: Vec<String> = model.nodes.keys().map(|n| format!("n{n}")).collect();
            prop_assert_eq!(world.ask(Catalog::Nodes.into()).1, nodes.join(" "));
            for name in 0..2 {
                let text = format!("name{name}");
                prop_assert_eq!(world.ask(of(&text)).1, model.instances(name, false));
                prop_assert_eq!(world.ask(passing(&text)).1, model.instances(name, true));
            }
            for n in 0..3 {
                let services: Vec<String> = model
                    .services
                    .keys()
                    .filter(|key| key.0 == n)
                    .map(|key| format!("s{}", key.1))
                    .collect();
                let expected = model.nodes.get(&n).map_or("none".to_owned(), |address| {
                    format!("n{n} {address}: {}", services.join(" "))
                });
                let name: NodeName = format!("n{n}").as_str().into();
                prop_assert_eq!(world.ask(Catalog::Node(name.clone()).into()).1, expected);
                let checks: Vec<String> = model
                    .checks
                    .iter()
                    .filter(|(key, _)| key.0 == n)
                    .map(|(key, row)| show_check(*key, row.1))
                    .collect();
                prop_assert_eq!(world.ask(Catalog::NodeChecks(name).into()).1, checks.join(" "));
            }
            let checks: Vec<String> =
                model.checks.iter().map(|(key, row)| show_check(*key, row.1)).collect();
            let any = Catalog::State(STATE_ANY.to_owned()).into();
            prop_assert_eq!(world.ask(any).1, checks.join(" "));
        }
    }
}

#[test]
fn ids_are_unique_per_node_only() {
    let mut world = World::default();
    world.done(web("a", "w", "passing"));
    world.done(web("b", "w", "critical"));
    let id: ServiceId = "w".into();
    let view = world.store.view();
    assert_eq!(view.catalog().checks_of(&"a".into(), &id).count(), 1);
    assert_eq!(world.ask(of("web")).1, "a/w:80(a/c=passing) b/w:80(b/c=critical)");
}
