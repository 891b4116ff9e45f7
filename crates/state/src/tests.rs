//! What must hold across all nouns: no watcher misses a change, no index falls, a snapshot is the
//! state, and bytes read back as what was written.

use crate::catalog::{
    Catalog, CatalogCommand, CatalogQuery, CheckRow, Deregister, KIND_PROXY, NodeRow, Register,
    ServiceRead, ServiceRow,
};
use crate::codec::{decode_entry, encode_entry};
use crate::coordinate::{Coordinate, CoordinateCommand, CoordinateQuery, CoordinateUpdate};
use crate::feed::Event;
use crate::filter::{self, Filter};
use crate::ids::{Index, Key, LogIndex, NodeName, ServiceName, SessionId};
use crate::kv::{KvCommand, KvQuery, KvSet};
use crate::level::{LEVEL_MAX, Level};
use crate::session::{Behavior, SessionCommand, SessionCreate, SessionQuery};
use crate::system::SystemCommand;
use crate::txn::{KvOp, TxnCommand, TxnOp, Verb};
use crate::watch::{Topic, touched};
use crate::{Command, Entry, Query, Stamp, Store, TextMap, Visible};
use bytes::Bytes;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

const KEYS: [&str; 5] = ["", "a", "a/b", "a/c", "b"];
const NODES: [&str; 3] = ["n1", "N2", "n2"];
const SERVICES: [&str; 2] = ["web", "db"];

fn key() -> impl Strategy<Value = Key> {
    (0..KEYS.len()).prop_map(|n| Key::from(KEYS[n]))
}

fn node_name() -> impl Strategy<Value = NodeName> {
    (0..NODES.len()).prop_map(|n| NODES[n].into())
}

fn service_name() -> impl Strategy<Value = ServiceName> {
    (0..SERVICES.len()).prop_map(|n| SERVICES[n].into())
}

fn session() -> impl Strategy<Value = SessionId> + Clone {
    (1..4_u128).prop_map(|n| SessionId(uuid::Uuid::from_u128(n)))
}

fn meta() -> impl Strategy<Value = Option<TextMap>> {
    option::of(
        any::<bool>().prop_map(|one| TextMap::from_iter([("rack", if one { "1" } else { "2" })])),
    )
}

fn kv_set() -> impl Strategy<Value = KvSet> {
    (key(), 0..3_u8, 0..2_u64).prop_map(|(key, value, flags)| KvSet {
        key,
        value: Bytes::from(vec![value; usize::from(value)]),
        flags,
    })
}

fn kv_command() -> impl Strategy<Value = KvCommand> {
    let index = (0..30_u64).prop_map(Index);
    let holder = session().prop_map(|id| id.to_string());
    prop_oneof![
        3 => kv_set().prop_map(KvCommand::Set),
        1 => (kv_set(), index.clone()).prop_map(|(set, index)| KvCommand::Cas(set, index)),
        2 => (kv_set(), holder.clone()).prop_map(|(set, id)| KvCommand::Lock(set, id)),
        1 => (kv_set(), holder).prop_map(|(set, id)| KvCommand::Unlock(set, id)),
        2 => key().prop_map(KvCommand::Delete),
        1 => (key(), index).prop_map(|(key, index)| KvCommand::DeleteCas(key, index)),
        1 => key().prop_map(KvCommand::DeleteTree),
    ]
}

fn session_command() -> impl Strategy<Value = SessionCommand> {
    let create = (session(), node_name(), any::<bool>(), any::<bool>());
    prop_oneof![
        3 => create.prop_map(|(id, node, delete, check)| SessionCommand::Create(SessionCreate {
            id,
            name: String::new(),
            node,
            lock_delay_ns: 1,
            behavior: if delete { Behavior::Delete } else { Behavior::Release },
            ttl: String::new(),
            ttl_ms: 0,
            node_checks: if check { vec!["c0".into()] } else { Vec::new() },
            service_checks: None,
        })),
        1 => session().prop_map(SessionCommand::Destroy),
    ]
}

fn node_row() -> impl Strategy<Value = NodeRow> {
    (node_name(), 0..3_u8, 0..2_u8, meta()).prop_map(|(node, id, address, meta)| NodeRow {
        id: if id == 0 { String::new() } else { format!("id-{id}") },
        node,
        address: address.to_string(),
        datacenter: "dc1".to_owned(),
        tagged_addresses: None,
        meta,
        locality: None,
        create_index: Index(0),
        modify_index: Index(0),
    })
}

fn service_row() -> impl Strategy<Value = ServiceRow> {
    let row = (0..3_u8, service_name(), 0..3_i64, 0..3_u8, vec(any::<bool>(), 0..2));
    row.prop_map(|(id, service, port, mesh, tags)| ServiceRow {
        id: format!("s{id}").into(),
        service,
        port,
        kind: if mesh == 1 { KIND_PROXY.to_owned() } else { String::new() },
        proxy_destination: if mesh == 1 { "db".into() } else { ServiceName::default() },
        connect_native: mesh == 2,
        tags: Some(tags.iter().map(ToString::to_string).collect()),
        ..ServiceRow::default()
    })
}

fn check_row() -> impl Strategy<Value = CheckRow> {
    let row = (0..3_u8, option::of(0..3_u8), 0..4_u8, 0..2_u8);
    row.prop_map(|(id, service, status, output)| CheckRow {
        node: NodeName::default(),
        id: if id == 2 { "serfHealth".into() } else { format!("c{id}").into() },
        name: String::new(),
        status: ["passing", "warning", "critical", "purple"][usize::from(status)].into(),
        notes: String::new(),
        output: output.to_string(),
        service_id: service.map(|id| format!("s{id}")).unwrap_or_default().into(),
        service_name: ServiceName::default(),
        service_tags: None,
        kind: String::new(),
        interval: String::new(),
        timeout: String::new(),
        exposed_port: 0,
        definition: Arc::from(""),
        create_index: Index(0),
        modify_index: Index(0),
    })
}

fn catalog_command() -> impl Strategy<Value = CatalogCommand> {
    let register = (node_row(), any::<bool>(), option::of(service_row()), vec(check_row(), 0..3))
        .prop_map(|(node, skip_node_update, service, checks)| {
            let register = Register { node, skip_node_update, service, checks };
            CatalogCommand::Register(Box::new(register))
        });
    let deregister = (node_name(), option::of(0..3_u8), option::of(0..3_u8)).prop_map(
        |(node, service, check)| {
            CatalogCommand::Deregister(Deregister {
                node,
                service_id: service.map(|id| format!("s{id}").into()),
                check_id: check.map(|id| format!("c{id}").into()),
            })
        },
    );
    let one = prop_oneof![3 => register, 1 => deregister].boxed();
    prop_oneof![
        4 => one.clone(),
        1 => vec(one, 0..3).prop_map(CatalogCommand::Batch),
    ]
}

fn txn_op() -> impl Strategy<Value = TxnOp> {
    let verb = prop_oneof![
        Just(Verb::Get),
        Just(Verb::Set),
        Just(Verb::Cas),
        Just(Verb::Delete),
        Just(Verb::DeleteCas)
    ];
    prop_oneof![
        kv_set().prop_map(|set| TxnOp::Kv(KvOp::Set(set))),
        key().prop_map(|key| TxnOp::Kv(KvOp::DeleteTree(key))),
        (verb.clone(), node_row()).prop_map(|(verb, row)| TxnOp::Node(verb, Box::new(row))),
        (verb.clone(), node_name(), service_row()).prop_map(|(verb, node, row)| TxnOp::Service(
            verb,
            node,
            Box::new(row)
        )),
        (verb, node_name(), check_row()).prop_map(|(verb, node, mut row)| {
            row.node = node;
            TxnOp::Check(verb, Box::new(row))
        }),
    ]
}

fn coordinate_command() -> impl Strategy<Value = CoordinateCommand> {
    let update = (node_name(), 0..2_u8).prop_map(|(node, error)| {
        let coordinate = Coordinate { error: f64::from(error), ..Coordinate::default() };
        CoordinateUpdate { node, segment: String::new(), coordinate }
    });
    vec(update, 0..3).prop_map(CoordinateCommand::Batch)
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        5 => kv_command().prop_map(Command::Kv),
        3 => session_command().prop_map(Command::Session),
        8 => catalog_command().prop_map(Command::Catalog),
        3 => vec(txn_op(), 0..4).prop_map(|ops| Command::Txn(TxnCommand { ops })),
        1 => coordinate_command().prop_map(Command::Coordinate),
        1 => (0..40_u64)
            .prop_map(|index| Command::System(SystemCommand::ReapTombstones(Index(index)))),
        1 => (0_u64..200, 0_u32..3).prop_map(|(index, most)| {
            let through = Index(index);
            Command::System(SystemCommand::ReapOldest { through, most })
        }),
    ]
}

/// Reads of every kind over the small world of the commands above.
fn queries() -> Vec<Query> {
    let racks = [BTreeMap::new(), BTreeMap::from([("rack".to_owned(), "1".to_owned())])];
    let mut all = vec![Query::Session(SessionQuery::List)];
    for key in KEYS.map(Key::from) {
        all.push(Query::Kv(KvQuery::Get(key.clone())));
        all.push(Query::Kv(KvQuery::List(key.clone())));
        all.push(Query::Kv(KvQuery::Keys { prefix: key, separator: b"/".to_vec() }));
    }
    for node in NODES.map(NodeName::from) {
        all.push(Query::Session(SessionQuery::Node(node.clone())));
        all.push(Query::Catalog(Catalog::Node(node.clone()).into()));
        all.push(Query::Catalog(Catalog::NodeChecks(node).into()));
    }
    for meta in racks {
        let mut push = |what: Catalog| {
            all.push(Query::Catalog(CatalogQuery::from(what).on_nodes_with(meta.clone())));
        };
        push(Catalog::Nodes);
        push(Catalog::Services);
        for state in ["any", "critical", "purple"] {
            push(Catalog::State(state.to_owned()));
        }
        for service in SERVICES.map(ServiceName::from) {
            push(Catalog::ServiceChecks(service.clone()));
            for (passing, connect) in [(false, false), (true, false), (false, true)] {
                let (service, tags) = (service.clone(), Vec::new());
                push(Catalog::Service(ServiceRead { service, tags, passing, connect }));
            }
        }
    }
    all.extend(filtered());
    all.push(Query::Coordinate(CoordinateQuery::Nodes(None)));
    for what in [Catalog::NodeInfos, Catalog::NodeInfo("n1".into()), Catalog::Dump] {
        all.push(Query::Catalog(what.into()));
    }
    all
}

/// Reads with filters: what they look at beyond their rows must wake them too.
fn filtered() -> Vec<Query> {
    let service = |service: &str| CatalogQuery::service(service.into());
    let narrowed = |query: CatalogQuery, text: &str, model| {
        let filter = Some(Filter::new(text, model).unwrap());
        Query::Catalog(CatalogQuery { filter, ..query })
    };
    vec![
        narrowed(service("web"), "Node.Meta.rack == 1", &filter::INSTANCE),
        narrowed(service("web"), "not Checks.Status == critical", &filter::INSTANCE),
        narrowed(service("db"), "NodeMeta.rack == 1 or ServicePort != 1", &filter::SERVICE_NODE),
        narrowed(Catalog::Services.into(), "NodeMeta.rack == 1", &filter::SERVICE_NODE),
        narrowed(Catalog::Nodes.into(), "Meta.rack == 1", &filter::NODE),
        narrowed(Catalog::Node("n1".into()).into(), "Port == 1", &filter::NODE_SERVICE),
        narrowed(Catalog::State("any".to_owned()).into(), "ServiceName == web", &filter::CHECK),
        narrowed(Catalog::NodeInfos.into(), "Services.Port == 1", &filter::NODE_INFO),
    ]
}

/// A store after a leader's first entry, as every real one is: index 1 means "nothing yet".
fn fresh() -> Store {
    let mut store = Store::default();
    store.skip(LogIndex(1));
    store
}

fn answer(store: &Store, query: &Query) -> (Index, String) {
    let answer = store.view().answer(query, &Visible::All);
    (answer.index, format!("{:?}", answer.body))
}

fn apply(store: &mut Store, command: Command) -> Vec<Event> {
    let at = LogIndex(store.at().0 + 1);
    store.apply(&Entry { at, stamp: Stamp::default(), command }).events
}

/// True if one of the events ends the query's wait.
fn wakes(events: &[Event], query: &Query) -> bool {
    let topics = query.topics();
    let covers = |topic: &Topic, woken: &Topic| match (topic, woken) {
        (Topic::KvPrefix(prefix), Topic::KvKey(key)) => {
            key.as_bytes().starts_with(prefix.as_bytes())
        }
        _ => topic == woken,
    };
    let mut found = false;
    for event in events {
        touched(event, |woken| found |= topics.iter().any(|topic| covers(topic, &woken)));
    }
    found
}

fn restored(store: &Store) -> Store {
    let bytes = snapshot_bytes(store);
    Store::restore(std::iter::once(bytes.as_slice())).expect("a snapshot restores")
}

fn snapshot_bytes(store: &Store) -> Vec<u8> {
    let mut bytes = Vec::new();
    store.view().records().for_each(|record| record.put(&mut bytes));
    bytes
}

#[test]
fn a_snapshot_of_a_later_level_is_refused_by_its_level_and_not_by_what_it_brought() {
    let mut store = fresh();
    apply(&mut store, Command::System(SystemCommand::Level(Level(LEVEL_MAX.0 + 1))));
    let mut bytes = snapshot_bytes(&store);
    bytes.extend_from_slice(b"a record of later times");
    let refused = Store::restore(std::iter::once(bytes.as_slice())).expect_err("refused");
    assert_eq!(
        refused.to_string(),
        "level 2 is above 1, the highest that this program knows: run the later version that \
         wrote it"
    );
}

proptest! {
    #[test]
    fn no_change_is_missed_and_no_index_falls(commands in vec(command(), 0..60)) {
        let queries = queries();
        let mut store = fresh();
        for command in commands {
            let before: Vec<_> = queries.iter().map(|query| answer(&store, query)).collect();
            let events = apply(&mut store, command.clone());
            for (query, (index, body)) in queries.iter().zip(before) {
                let (new_index, new_body) = answer(&store, query);
                prop_assert!(new_index >= index, "{query:?} fell after {command:?}");
                if new_body != body {
                    prop_assert!(new_index > index, "{query:?} stood still after {command:?}");
                    prop_assert!(wakes(&events, query), "{query:?} missed {command:?}");
                    let at = store.view().indexes(query).map(|indexes| indexes.change);
                    prop_assert!(at.is_none_or(|at| at > index), "{query:?} sleeps on {command:?}");
                }
            }
        }
    }

    #[test]
    fn a_snapshot_holds_the_whole_state(
        commands in vec(command(), 0..60),
        after in vec(command(), 0..10),
    ) {
        let mut store = fresh();
        for command in commands {
            apply(&mut store, command);
        }
        let mut copy = restored(&store);
        for command in after {
            prop_assert_eq!(copy.at(), store.at());
            prop_assert_eq!(copy.chain(), store.chain());
            for query in queries() {
                prop_assert_eq!(answer(&copy, &query), answer(&store, &query));
            }
            prop_assert_eq!(apply(&mut copy, command.clone()), apply(&mut store, command));
        }
        prop_assert_eq!(copy.chain(), store.chain());
    }

    #[test]
    fn an_entry_reads_back_as_it_was_written(command in command()) {
        let stamp = Stamp::default();
        let bytes = encode_entry(&stamp, &command);
        prop_assert_eq!(decode_entry(&bytes), Ok((stamp, command)));
    }

    #[test]
    fn bytes_that_are_no_entry_are_refused_in_peace(
        command in command(),
        noise in vec(any::<u8>(), 0..100),
        at in any::<prop::sample::Index>(),
        bit in 0..8_u32,
    ) {
        let _ = decode_entry(&noise);
        let mut bytes = encode_entry(&Stamp::default(), &command).to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        if let Ok((_, command)) = decode_entry(&bytes) {
            apply(&mut Store::default(), command);
        }
        bytes.truncate(at);
        prop_assert!(decode_entry(&bytes).is_err(), "an entry that is cut short");
    }

    #[test]
    fn bytes_that_are_no_snapshot_are_refused_in_peace(
        commands in vec(command(), 0..20),
        noise in vec(any::<u8>(), 0..100),
        at in any::<prop::sample::Index>(),
        bit in 0..8_u32,
    ) {
        let _ = Store::restore(std::iter::once(noise.as_slice()));
        let mut store = fresh();
        for command in commands {
            apply(&mut store, command);
        }
        let mut bytes = snapshot_bytes(&store);
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        if let Ok(damaged) = Store::restore(std::iter::once(bytes.as_slice())) {
            for query in queries() {
                answer(&damaged, &query);
            }
        }
        bytes.truncate(at);
        prop_assert!(Store::restore(std::iter::once(bytes.as_slice())).is_err());
    }
}
