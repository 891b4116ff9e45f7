//! A server in memory through its handle: what is written is read, and watchers wake.

use super::*;
use crate::cluster::{Cluster, ClusterError, Consistency, Member, Read, Wait, Write};
use std::time::Duration;
use tribune_durable::MemDisk;
use tribune_state::catalog::{NodeRow, Register};
use tribune_state::kv::{KvBody, KvCommand, KvQuery, KvSet};
use tribune_state::{Body, Command, Index, Key, Outcome, Query};

fn config() -> ServerConfig {
    let node = NodeRow {
        id: String::new(),
        node: "node1".into(),
        address: "127.0.0.1".into(),
        datacenter: "dc1".into(),
        tagged_addresses: None,
        meta: None,
        locality: None,
        create_index: Index(0),
        modify_index: Index(0),
    };
    ServerConfig {
        identity: Identity::fresh(None),
        datacenter: "dc1".into(),
        rpc_address: "127.0.0.1:8300".into(),
        member: Member {
            name: "node1".into(),
            address: std::net::Ipv4Addr::LOCALHOST.into(),
            port: 8301,
            tags: std::collections::BTreeMap::new(),
        },
        own: Register { node, skip_node_update: false, service: None, checks: Vec::new() },
        first: None,
        snapshot_entries: 100,
        metrics: crate::metrics::Registry::new(),
        hold: Duration::from_secs(7),
    }
}

fn put(key: &str, value: &str) -> Command {
    let value = value.as_bytes().to_vec().into();
    Command::Kv(KvCommand::Set(KvSet { key: Key::from(key), value, flags: 0 }))
}

fn get(key: &str) -> Query {
    Query::Kv(KvQuery::Get(Key::from(key)))
}

fn value(body: &Body) -> Option<String> {
    match body {
        Body::Kv(KvBody::Rows(rows)) => {
            rows.first().map(|row| String::from_utf8_lossy(row.value()).into_owned())
        }
        _ => None,
    }
}

#[tokio::test]
async fn who_gets_an_answer_can_read_its_own_write() {
    let (server, stopped) = start::<MemDisk>(config(), DiskKind::Memory).expect("starts");
    for n in 0..300 {
        let outcome = server.propose(put("a", &n.to_string()), Write::default()).await;
        assert_eq!(outcome, Ok(Outcome::Flag(true)));
        for consistency in [Consistency::Default, Consistency::Stale, Consistency::Consistent] {
            let read = Read { consistency, ..Read::default() };
            let answer = server.ask(get("a"), read).await.expect("answered");
            assert_eq!(value(&answer.answer().body), Some(n.to_string()));
        }
    }
    stopped.stop().await.expect("stops");
}

#[tokio::test]
async fn a_watcher_wakes_with_the_change_and_leaves_nothing_behind() {
    let (server, stopped) = start::<MemDisk>(config(), DiskKind::Memory).expect("starts");
    server.propose(put("a", "1"), Write::default()).await.expect("written");
    let first = server.ask(get("a"), Read::default()).await.expect("answered");
    let index = first.answer().index;
    let wait = Some(Wait { index, max: Duration::from_secs(60) });
    let watcher = server.clone();
    let watch =
        tokio::spawn(async move { watcher.ask(get("a"), Read { wait, ..Read::default() }).await });
    while server.parked() == 0 {
        tokio::task::yield_now().await;
    }
    server.propose(put("b", "1"), Write::default()).await.expect("written");
    assert_eq!(server.parked(), 1, "another key wakes nobody");
    server.propose(put("a", "2"), Write::default()).await.expect("written");
    let answer = watch.await.expect("joined").expect("answered");
    assert_eq!(value(&answer.answer().body).as_deref(), Some("2"));
    assert!(answer.answer().index > index);
    assert_eq!(server.parked(), 0);
    stopped.stop().await.expect("stops");
}

#[tokio::test]
async fn another_datacenter_has_no_path() {
    let (server, stopped) = start::<MemDisk>(config(), DiskKind::Memory).expect("starts");
    let read = Read { datacenter: Some("nowhere".into()), ..Read::default() };
    let error = server.ask(get("a"), read).await.expect_err("refused");
    assert_eq!(error, ClusterError::NoPathToDatacenter);
    stopped.stop().await.expect("stops");
}

#[tokio::test]
async fn requests_and_those_that_fail_are_counted() {
    let config = config();
    let registry = config.metrics.clone();
    let (server, stopped) = start::<MemDisk>(config, DiskKind::Memory).expect("starts");
    server.propose(put("a", "1"), Write::default()).await.expect("written");
    server.ask(get("a"), Read::default()).await.expect("answered");
    let read = Read { datacenter: Some("nowhere".into()), ..Read::default() };
    server.ask(get("a"), read).await.expect_err("refused");
    let snapshot = registry.snapshot();
    for (name, expected) in [("rpc.request", 3.0), ("rpc.request_error", 1.0), ("rpc.query", 2.0)] {
        let found = snapshot.counters.iter().find(|own| own.name == name).expect(name);
        assert_eq!(found.total_sum, expected, "{name}");
    }
    stopped.stop().await.expect("stops");
}

#[tokio::test]
async fn a_restart_on_the_same_disk_finds_snapshot_and_log() {
    let disk = MemDisk::new();
    let config_one = config();
    let identity = config_one.identity.clone();
    let (server, stopped) = start(config_one, DiskKind::Directory(disk.clone())).expect("starts");
    for n in 0..250 {
        server.propose(put(&format!("k{n}"), "v"), Write::default()).await.expect("written");
    }
    let at = server.view().at();
    stopped.stop().await.expect("stops");
    let config_two = ServerConfig { identity, ..config() };
    let (server, stopped) = start(config_two, DiskKind::Directory(disk)).expect("starts again");
    server.writable().await.expect("leads");
    assert_eq!(server.view().kv().len(), 250);
    assert!(server.view().at() > at);
    stopped.stop().await.expect("stops");
}
