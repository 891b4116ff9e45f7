//! The recorded answers, played without sockets; and arbitrary packets. An independent decoder
//! writes the requests and reads the answers.

use super::*;
use hickory_proto::op::{Edns, Message, MessageType, Query, ResponseCode};
use hickory_proto::rr::rdata::opt::{ClientSubnet, EdnsCode, EdnsOption};
use hickory_proto::rr::{Name, RData, Record};
use proptest::prelude::*;
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;
use tribune_node::metrics::Registry;
use tribune_state::catalog::{
    CatalogCommand, CheckRow, NodeRow, Register, ServiceRow, Weights as DnsWeights,
};
use tribune_state::{Command, Entry, Index, LogIndex, NodeName, Stamp, Store};

const BASIC: &str = include_str!("../../../tribune/tests/compat/transcripts/dns/basic.txt");
const SERVICE: &str = include_str!("../../../tribune/tests/compat/transcripts/dns/service.txt");
const LIMITS: &str = include_str!("../../../tribune/tests/compat/transcripts/dns/limits.txt");
const ANSWERS: &str =
    include_str!("../../../tribune/tests/compat/transcripts/dns/limits_answers.txt");
const TRUNCATE: &str =
    include_str!("../../../tribune/tests/compat/transcripts/dns/limits_truncate.txt");

/// The time that stands for `<serial>`, and the port for `<port-server>`.
const SERIAL: u32 = 1_700_000_000;
const SERVER_PORT: i64 = 8300;

fn node(name: &str, address: &str, meta: &[(&str, &str)]) -> NodeRow {
    let pair = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    NodeRow {
        id: String::new(),
        node: name.into(),
        address: address.to_owned(),
        datacenter: "dc1".to_owned(),
        tagged_addresses: None,
        meta: Some(meta.iter().map(pair).collect()),
        locality: None,
        create_index: Index(0),
        modify_index: Index(0),
    }
}

fn put(store: &mut Store, node: NodeRow, service: Option<ServiceRow>, checks: Vec<CheckRow>) {
    let register = Register { node, skip_node_update: false, service, checks };
    let command = Command::Catalog(CatalogCommand::Register(Box::new(register)));
    let at = LogIndex(store.at().0 + 1);
    store.apply(&Entry { at, stamp: Stamp::default(), command });
}

/// The agent that a recording begins with.
fn recorded_agent(meta: &[(&str, &str)]) -> Store {
    let mut store = Store::default();
    let service = ServiceRow {
        id: "consul".into(),
        service: "consul".into(),
        port: SERVER_PORT,
        ..ServiceRow::default()
    };
    put(&mut store, node("node1", "127.0.0.1", meta), Some(service), Vec::new());
    store
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn service_row(value: &Value) -> ServiceRow {
    let weight = |key| value.pointer(key).and_then(Value::as_i64).unwrap_or(1);
    let tags = value.get("Tags").and_then(Value::as_array);
    ServiceRow {
        id: text(value, "ID").into(),
        service: text(value, "Service").into(),
        address: text(value, "Address").to_owned(),
        port: value.get("Port").and_then(Value::as_i64).unwrap_or(0),
        tags: tags.map(|tags| tags.iter().filter_map(Value::as_str).map(str::to_owned).collect()),
        weights: DnsWeights {
            passing: weight("/Weights/Passing"),
            warning: weight("/Weights/Warning"),
        },
        ..ServiceRow::default()
    }
}

fn check_row(value: &Value) -> CheckRow {
    CheckRow {
        node: NodeName::default(),
        id: text(value, "CheckID").into(),
        name: text(value, "Name").to_owned(),
        status: text(value, "Status").into(),
        notes: String::new(),
        output: String::new(),
        service_id: text(value, "ServiceID").into(),
        service_name: "".into(),
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

fn node_row(value: &Value) -> NodeRow {
    let meta = value.get("NodeMeta").and_then(Value::as_object);
    let meta: Vec<(&str, &str)> = meta
        .iter()
        .flat_map(|meta| meta.iter())
        .filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
        .collect();
    node(text(value, "Node"), text(value, "Address"), &meta)
}

/// Does what a recording's request does, as far as names are concerned.
fn play(store: &mut Store, path: &str, body: &Value) {
    match path {
        "/v1/catalog/register" => {
            let checks = body.get("Check").map(check_row).into_iter().collect();
            put(store, node_row(body), body.get("Service").map(service_row), checks);
        }
        "/v1/txn" => {
            for op in body.as_array().into_iter().flatten() {
                if let Some(row) = op.pointer("/Node/Node") {
                    put(store, node_row(row), None, Vec::new());
                }
                if let Some(row) = op.pointer("/Service/Service") {
                    let name = op.pointer("/Service/Node").and_then(Value::as_str).unwrap();
                    let view = store.view();
                    let node = view.catalog().node(&name.into()).unwrap().as_ref().clone();
                    put(store, node, Some(service_row(row)), Vec::new());
                }
            }
        }
        other => assert_eq!(other, "/v1/query", "a request that no recording has"),
    }
}

/// A `DIG` line as a request.
fn request(line: &str) -> (Vec<u8>, Transport) {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (name, kind) = match words.as_slice() {
        ["-x", address, ..] => {
            (Name::from(address.parse::<std::net::IpAddr>().unwrap()).to_ascii(), "PTR")
        }
        [name, kind, ..] => ((*name).to_owned(), *kind),
        _ => panic!("no question: {line}"),
    };
    let mut name = Name::from_labels(name.split('.').filter(|l| !l.is_empty()).map(str::as_bytes))
        .expect("a name");
    name.set_fqdn(true);
    let mut query = Query::query(name, kind.parse().expect("a kind"));
    if words.contains(&"CH") {
        query.set_query_class(hickory_proto::rr::DNSClass::CH);
    }
    let mut message = Message::new();
    message.set_id(7).add_query(query);
    message.set_recursion_desired(!words.contains(&"+norecurse") && kind != "AXFR");
    let mut edns: Option<Edns> = None;
    for word in &words {
        match word.split_once('=') {
            Some(("+bufsize", bytes)) => {
                edns.get_or_insert_with(Edns::new).set_max_payload(bytes.parse().unwrap());
            }
            Some(("+subnet", subnet)) => {
                let (address, prefix) = subnet.split_once('/').unwrap();
                let (address, prefix) = (address.parse().unwrap(), prefix.parse().unwrap());
                let subnet = EdnsOption::Subnet(ClientSubnet::new(address, prefix, 0));
                let edns = edns.get_or_insert_with(Edns::new);
                edns.set_max_payload(1232).options_mut().insert(subnet);
            }
            _ => {}
        }
    }
    message.extensions_mut().clone_from(&edns);
    let transport = if words.contains(&"+tcp") { Transport::Tcp } else { Transport::Udp };
    (message.to_vec().expect("a request"), transport)
}

/// An answer as recordings have it.
fn lines(message: &Message) -> Vec<String> {
    let status = match message.response_code() {
        ResponseCode::NoError => "NOERROR",
        ResponseCode::NXDomain => "NXDOMAIN",
        ResponseCode::Refused => "REFUSED",
        ResponseCode::NotImp => "NOTIMP",
        other => panic!("an outcome that no recording has: {other}"),
    };
    let flags = [
        ("qr", message.message_type() == MessageType::Response),
        ("aa", message.authoritative()),
        ("tc", message.truncated()),
        ("rd", message.recursion_desired()),
        ("ra", message.recursion_available()),
    ];
    let flags: Vec<&str> = flags.iter().filter(|(_, set)| *set).map(|(name, _)| *name).collect();
    let mut lines = vec![format!("status {status}"), format!("flags {}", flags.join(" "))];
    if let Some(edns) = message.extensions() {
        lines.push(format!("edns udp {}", edns.max_payload()));
        if let Some(EdnsOption::Subnet(subnet)) = edns.option(EdnsCode::Subnet) {
            let (source, scope) = (subnet.source_prefix(), subnet.scope_prefix());
            lines.push(format!("subnet {}/{source}/{scope}", subnet.addr()));
        }
    }
    lines.push("question".to_owned());
    let question = &message.queries()[0];
    let (class, kind) = (question.query_class(), question.query_type());
    lines.push(format!("  {} {class} {kind}", question.name().to_ascii()));
    for (name, records) in [
        ("answer", message.answers()),
        ("authority", message.name_servers()),
        ("additional", message.additionals()),
    ] {
        lines.push(format!("{name} {}", records.len()));
        let mut written: Vec<String> = records.iter().map(show).collect();
        written.sort();
        lines.extend(written);
    }
    lines
}

fn show(record: &Record) -> String {
    let data = match record.data() {
        RData::TXT(txt) => {
            let strings = txt.txt_data().iter();
            strings.map(|text| format!("\"{}\"", String::from_utf8_lossy(text))).collect()
        }
        RData::CNAME(name) => name.to_ascii(),
        RData::NS(name) => name.to_ascii(),
        RData::PTR(name) => name.to_ascii(),
        RData::SRV(srv) => {
            let (weight, port) = (srv.weight(), srv.port());
            format!("{} {weight} {port} {}", srv.priority(), srv.target().to_ascii())
        }
        other => other.to_string(),
    };
    let (class, kind) = (record.dns_class(), record.record_type());
    format!("  {} {} {class} {kind} {data}", record.name().to_ascii(), record.ttl())
}

/// Plays a recording and compares every answer; returns how many were compared.
fn replay(recording: &str, settings: &DnsSettings, meta: &[(&str, &str)]) -> usize {
    let mut store = recorded_agent(meta);
    let mut shuffler = Shuffler::new(1);
    let mut compared = 0;
    for block in recording.split("\n\n") {
        let of_mode = |mode: &str| block.lines().any(|line| line == mode);
        let mut asked = block.lines().filter_map(|line| line.strip_prefix("> "));
        let Some(first) = asked.next() else { continue };
        let expected: Vec<String> = block
            .lines()
            .filter_map(|line| line.strip_prefix("< "))
            .map(|line| line.replace("<serial>", &SERIAL.to_string()))
            .map(|line| line.replace("<port-server>", &SERVER_PORT.to_string()))
            .collect();
        if let Some(line) = first.strip_prefix("DIG ") {
            // Prepared queries are not there yet.
            if line.to_lowercase().contains("query.") && !line.contains("none.") {
                continue;
            }
            let (bytes, transport) = request(line);
            let view = store.view();
            let source = Source { view: &view, settings, unix_s: SERIAL };
            let answer = answer(&bytes, transport, &source, &mut shuffler).expect(line);
            let mut actual = lines(&Message::from_vec(&answer).expect(line));
            if of_mode("! shape") {
                // The question has three words, a record has more.
                let is_record = |line: &str| line.split_whitespace().count() > 3;
                actual.retain(|line| !(line.starts_with("  ") && is_record(line)));
            }
            assert_eq!(actual, expected, "{line}");
            compared += 1;
        } else {
            let path = first.split(' ').nth(1).unwrap();
            let body = serde_json::from_str(asked.next().unwrap()).unwrap();
            play(&mut store, path, &body);
        }
    }
    compared
}

#[test]
fn answers_are_those_of_the_recordings() {
    let meta = [
        ("rfc1035-free", "as it is"),
        ("consul-network-segment", ""),
        ("consul-version", "1.23.0"),
    ];
    let plain = DnsSettings::default();
    assert_eq!(replay(BASIC, &plain, &meta), 49);
    assert_eq!(replay(SERVICE, &plain, &[]), 61);
    assert_eq!(replay(LIMITS, &plain, &[]), 13);
    let few = DnsSettings {
        udp_answers_max: 2,
        a_records_max: 5,
        node_meta_txt: false,
        ..DnsSettings::default()
    };
    assert_eq!(replay(ANSWERS, &few, &[]), 8);
    let truncate = DnsSettings { enable_truncate: true, ..DnsSettings::default() };
    assert_eq!(replay(TRUNCATE, &truncate, &[]), 8);
}

/// A world in which every kind of record occurs.
fn small_world() -> Store {
    let mut store = recorded_agent(&[("a`b", "c=d"), ("e=f", &"long".repeat(100))]);
    for (n, address) in ["", "127.0.0.9", "2001:db8::1", "host.example.com", "x.service.consul"]
        .into_iter()
        .enumerate()
    {
        let service = ServiceRow {
            id: format!("x{n}").into(),
            service: "x".into(),
            address: address.to_owned(),
            port: -1,
            ..ServiceRow::default()
        };
        put(&mut store, node(&format!("n.{n}"), "127.0.0.3", &[]), Some(service), Vec::new());
    }
    let circle = ServiceRow {
        id: "circle".into(),
        service: "circle".into(),
        address: "circle.service.consul".to_owned(),
        ..ServiceRow::default()
    };
    put(&mut store, node("n.0", "127.0.0.3", &[]), Some(circle), Vec::new());
    let mesh = ServiceRow {
        id: "mesh".into(),
        service: "mesh".into(),
        connect_native: true,
        ..ServiceRow::default()
    };
    put(&mut store, node("n.0", "127.0.0.3", &[]), Some(mesh), Vec::new());
    put(&mut store, node(&"long".repeat(60), "bad..name", &[]), None, Vec::new());
    store
}

fn ask(bytes: &[u8], transport: Transport, seed: u64) -> Option<Vec<u8>> {
    let view = small_world().view();
    let settings = DnsSettings { alt_domain: Some("alt.".to_owned()), ..DnsSettings::default() };
    let source = Source { view: &view, settings: &settings, unix_s: SERIAL };
    answer(bytes, transport, &source, &mut Shuffler::new(seed))
}

#[test]
fn a_circle_of_aliases_ends() {
    for (kind, count) in [("A", 1), ("CNAME", 1), ("SRV", 1), ("MX", 0)] {
        let (bytes, transport) = request(&format!("circle.service.consul. {kind}"));
        let message = Message::from_vec(&ask(&bytes, transport, 1).unwrap()).unwrap();
        assert_eq!(message.answers().len(), count, "{kind}");
    }
}

#[test]
fn the_second_domain_is_answered_in_its_own_name() {
    let (bytes, transport) = request("n.0.node.alt. AAAA");
    let message = Message::from_vec(&ask(&bytes, transport, 1).unwrap()).unwrap();
    assert_eq!(message.response_code(), ResponseCode::NoError);
    let (bytes, transport) = request("none.node.alt. A");
    let message = Message::from_vec(&ask(&bytes, transport, 1).unwrap()).unwrap();
    assert_eq!(message.name_servers()[0].name().to_ascii(), "alt.");
}

/// Source: consul-surface E.1; transcripts/dns/service.txt for a service without one.
#[test]
fn a_service_in_the_mesh_has_a_virtual_address() {
    for (line, expected) in [
        ("mesh.virtual.consul. A", Some("240.0.0.1")),
        ("mesh.virtual.dc1.consul. ANY", Some("240.0.0.1")),
        ("MESH.virtual.consul. AAAA", None),
        ("x.virtual.consul. A", None),
    ] {
        let (bytes, transport) = request(line);
        let message = Message::from_vec(&ask(&bytes, transport, 1).unwrap()).unwrap();
        let found = message.answers().first().map(show).unwrap_or_default();
        assert_eq!(message.response_code(), ResponseCode::NoError, "{line}");
        assert!(message.name_servers().is_empty(), "{line}");
        assert!(expected.map_or(found.is_empty(), |own| found.contains(own)), "{line}: {found}");
    }
}

#[test]
fn every_order_of_instances_comes_up() {
    let (bytes, transport) = request("x.service.consul. SRV +tcp");
    let first = |seed| {
        let message = Message::from_vec(&ask(&bytes, transport, seed).unwrap()).unwrap();
        show(&message.answers()[0])
    };
    let seen: std::collections::BTreeSet<String> = (0..64).map(first).collect();
    assert_eq!(seen.len(), 5);
}

#[test]
fn a_ttl_is_that_of_the_name_else_of_the_longest_beginning() {
    let ttls = [("web", 7), ("we*", 2), ("w*", 9), ("*", 1)];
    let ttls = ttls.map(|(name, ttl_s)| (name.to_owned(), ttl_s));
    let settings = DnsSettings { service_ttls_s: BTreeMap::from(ttls), ..DnsSettings::default() };
    for (service, ttl_s) in [("web", 7), ("web2", 2), ("wx", 9), ("db", 1)] {
        assert_eq!(settings.service_ttl_s(service), ttl_s, "{service}");
    }
}

#[test]
fn what_is_no_question_is_refused_or_left_alone() {
    let (good, _) = request("x.service.consul. A");
    let code = |bytes: &[u8]| {
        let answer = ask(bytes, Transport::Udp, 1)?;
        Some(Message::from_vec(&answer).unwrap().response_code())
    };
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    assert_eq!(code(&good[..11]), None, "no header");
    assert_eq!(code(&with(2, 0x81)), None, "an answer");
    assert_eq!(code(&with(2, 0x29)), Some(ResponseCode::NotImp), "another operation");
    assert_eq!(code(&with(5, 2)), Some(ResponseCode::FormErr), "two questions");
    assert_eq!(code(&with(12, 0xc0)), Some(ResponseCode::FormErr), "a pointer as a question");
    assert_eq!(code(&good[..20]), Some(ResponseCode::FormErr), "cut short");
}

fn any_question() -> impl Strategy<Value = String> {
    let label = prop_oneof![
        8 => proptest::sample::select(vec![
            "x", "circle", "n", "0", "4", "_x", "_tcp", "service", "node", "addr", "connect", "dc",
            "dc1", "7f000001", "consul", "peer", "virtual", "mesh", "in-addr", "ip6", "arpa", "ns",
        ])
        .prop_map(str::to_owned),
        1 => "[a-z_-]{1,63}",
    ];
    let kind = proptest::sample::select(vec![
        "A", "AAAA", "SRV", "ANY", "TXT", "MX", "NS", "SOA", "PTR", "CNAME", "AXFR",
    ]);
    let domain = proptest::sample::select(vec!["consul.", "CONSUL.", "alt.", "arpa.", "com."]);
    let options = proptest::sample::select(vec![
        "",
        "+tcp",
        "+bufsize=513",
        "+bufsize=1232",
        "+bufsize=1232 +subnet=10.0.0.0/8",
        "+bufsize=65535",
        "+bufsize=0",
    ]);
    (proptest::collection::vec(label, 0..4), domain, kind, options).prop_map(
        |(labels, domain, kind, options)| {
            let name: String = labels.iter().map(|label| format!("{label}.")).collect();
            format!("{name}{domain} {kind} {options}")
        },
    )
}

proptest! {
    #[test]
    fn every_answer_fits_and_is_read_by_another_decoder(line in any_question(), seed: u64) {
        let (bytes, transport) = request(&line);
        let asked = Message::from_vec(&bytes).unwrap();
        let answer = ask(&bytes, transport, seed).expect("a question is answered");
        let message = Message::from_vec(&answer).unwrap();
        prop_assert_eq!(message.id(), asked.id());
        prop_assert_eq!(message.queries(), asked.queries());
        let offered = asked.extensions().as_ref().map_or(0, Edns::max_payload);
        if transport == Transport::Udp {
            prop_assert!(answer.len() <= usize::from(offered.max(512)), "{}", line);
            prop_assert!(offered > 512 || message.answers().len() <= 3);
        }
    }

    #[test]
    fn any_bytes_cost_only_themselves(
        noise in proptest::collection::vec(any::<u8>(), 0..200),
        line in any_question(),
        at in any::<prop::sample::Index>(),
        byte: u8,
    ) {
        let _ = ask(&noise, Transport::Udp, 1);
        let (mut bytes, transport) = request(&line);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Some(answer) = ask(&bytes, transport, 1) {
            prop_assert!(answer.len() >= 12);
        }
        bytes.truncate(at);
        let _ = ask(&bytes, transport, 1);
    }
}

/// Serves the small world on a free port.
async fn served(
    registry: &Registry,
    is_stale: bool,
) -> (SocketAddr, CancellationToken, tokio::task::JoinHandle<()>) {
    let view = small_world().view();
    let listeners = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listeners.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let (_, settings) = tokio::sync::watch::channel(Arc::new(DnsSettings::default()));
    let measure = Measure::new(registry, "node1");
    let views = Arc::new(move || Newest { view: view.clone(), is_stale });
    let task = tokio::spawn(serve(listeners, views, settings, measure, 1, shutdown.clone()));
    (address, shutdown, task)
}

#[tokio::test]
async fn both_sockets_answer_and_bad_packets_cost_only_themselves() {
    let (address, shutdown, task) = served(&Registry::new(), false).await;
    let (bytes, _) = request("n.0.node.consul. A");

    let udp = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    udp.send_to(b"\x00", address).await.unwrap();
    udp.send_to(&bytes, address).await.unwrap();
    let mut buffer = [0_u8; 512];
    let length = udp.recv(&mut buffer).await.unwrap();
    let by_udp = Message::from_vec(&buffer[..length]).unwrap();
    assert_eq!(show(&by_udp.answers()[0]), "  n.0.node.consul. 0 IN A 127.0.0.3");

    let mut bad = tokio::net::TcpStream::connect(address).await.unwrap();
    bad.write_all(&[0xff, 0xff]).await.unwrap();
    assert_eq!(bad.read(&mut buffer).await.unwrap(), 0, "too long a request ends the connection");

    let mut tcp = tokio::net::TcpStream::connect(address).await.unwrap();
    for _ in 0..2 {
        tcp.write_u16(u16::try_from(bytes.len()).unwrap()).await.unwrap();
        tcp.write_all(&bytes).await.unwrap();
        let length = usize::from(tcp.read_u16().await.unwrap());
        let mut answer = vec![0_u8; length];
        tcp.read_exact(&mut answer).await.unwrap();
        assert_eq!(Message::from_vec(&answer).unwrap().answers(), by_udp.answers());
    }
    shutdown.cancel();
    task.await.unwrap();
    bind(address).await.expect("the port is free again");
}

#[tokio::test]
async fn answers_without_a_leader_are_counted() {
    for (is_stale, expected) in [(true, 2.0), (false, 0.0)] {
        let registry = Registry::new();
        let (address, shutdown, task) = served(&registry, is_stale).await;
        let (bytes, _) = request("n.0.node.consul. A");
        let udp = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        // What is no question is not answered, and not counted.
        udp.send_to(b"\x00", address).await.unwrap();
        for _ in 0..2 {
            udp.send_to(&bytes, address).await.unwrap();
            udp.recv(&mut [0; 512]).await.unwrap();
        }
        let snapshot = registry.snapshot();
        let counted = snapshot.counters.iter().find(|own| own.name == "dns.stale_queries");
        assert_eq!(counted.unwrap().total_sum, expected);
        shutdown.cancel();
        task.await.unwrap();
    }
}
