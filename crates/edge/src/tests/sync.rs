//! Anti-entropy: whatever the cluster does, the catalog comes to hold what is registered here,
//! and nothing of others is touched.

use std::collections::BTreeSet;

use proptest::prelude::*;
use tribune_state::catalog::{Deregister, Register};
use tribune_state::{Tags, TextMap};

use super::*;

pub(super) fn foreign(node_name: &str, service: &str, check: &str) -> CatalogCommand {
    let row = |id: &str| ServiceRow {
        id: id.into(),
        service: id.into(),
        tags: Some(Tags::default()),
        meta: Some(TextMap::default()),
        ..ServiceRow::default()
    };
    let check_row = |id: &str| CheckRow {
        node: node_name.into(),
        id: id.into(),
        name: id.into(),
        status: CheckStatus::Passing,
        notes: String::new(),
        output: "theirs".into(),
        service_id: "".into(),
        service_name: "".into(),
        service_tags: None,
        kind: String::new(),
        interval: String::new(),
        timeout: String::new(),
        exposed_port: 0,
        definition: Arc::from(""),
        create_index: Index(0),
        modify_index: Index(0),
    };
    CatalogCommand::Register(Box::new(Register {
        node: NodeRow { node: node_name.into(), id: String::new(), ..node() },
        skip_node_update: true,
        service: Some(row(service)),
        checks: vec![check_row(check)],
    }))
}

fn ids(world: &World) -> (BTreeSet<String>, BTreeSet<String>) {
    let found = world.snapshot();
    let services = found.services.iter().map(|row| row.id.to_string()).collect();
    let checks = found.checks.iter().map(|row| row.id.to_string()).collect();
    (services, checks)
}

/// Of a reload.
#[test]
fn renewed_settings_hold_at_once_and_the_node_is_told_of_its_metadata() {
    let mut world = World::new();
    world.register(r#"{"Name":"s","Check":{"TTL":"10s"}}"#).unwrap();
    let node_meta = Some(TextMap::from_iter([("rack", "b")]));
    let renewed = Renewed { node_meta: node_meta.clone(), discard_check_output: true };
    world.ask(Ask::Renew(renewed.clone())).unwrap();
    assert_eq!(world.snapshot().node.unwrap().meta, node_meta);
    world.ttl("service:s", "passing", "words").unwrap();
    assert_eq!(world.status("service:s"), ("passing".into(), String::new()));
    // What is the same is not told again; the comparison finds nothing either.
    let index = world.snapshot().node.unwrap().modify_index;
    world.ask(Ask::Renew(renewed)).unwrap();
    world.run_for(200.0);
    assert_eq!(world.snapshot().node.unwrap().modify_index, index);
}

#[test]
fn a_registration_is_readable_when_it_is_answered() {
    let mut world = World::new();
    world.register(r#"{"ID":"a","Name":"s","Port":1,"Check":{"TTL":"10s"}}"#).unwrap();
    assert_eq!(world.told_service("a").unwrap().port, 1);
    let check = world.told_check("service:a").unwrap();
    assert_eq!((check.service_name.as_str(), check.kind.as_str()), ("s", "ttl"));
    world.deregister("a").unwrap();
    assert!(world.told_service("a").is_none() && world.told_check("service:a").is_none());
}

#[test]
fn what_is_asked_for_while_the_catalog_is_read_is_written() {
    let mut world = World::new();
    world.register_check(r#"{"ID":"c","Name":"c","TTL":"1h"}"#).unwrap();
    world.run_for(1.0);
    world.faults.reads_take = secs(2.0);
    world.step(Input::Ask(RequestId(999), Box::new(Ask::SyncNow)));
    world.run_for(0.1);
    let node: CatalogCommand =
        CatalogCommand::Deregister(Deregister { node: "node1".into(), ..Deregister::default() });
    world.meddle(node);
    // What the read will say is that the catalog has it.
    world.register_check(r#"{"ID":"c","Name":"c","TTL":"1h"}"#).unwrap();
    assert!(world.told_check("c").is_some());
}

#[test]
fn a_change_that_changes_nothing_is_not_written() {
    let mut world = World::new();
    let body = r#"{"Name":"s","Port":1,"Check":{"TTL":"10h","Status":"passing"}}"#;
    world.register(body).unwrap();
    world.run_for(1.0);
    let index = world.told_service("s").unwrap().modify_index;
    let written = world.proposals;
    world.ttl("service:s", "passing", "").unwrap();
    world.run_for(600.0);
    assert_eq!(world.proposals, written, "comparisons find nothing to write");
    world.register(body).unwrap();
    assert_eq!(world.told_service("s").unwrap().modify_index, index);
}

#[test]
fn many_changes_share_few_writes() {
    let mut world = World::new();
    world.run_for(1.0);
    let before = world.proposals;
    for at in 0..1000 {
        let body = format!(r#"{{"ID":"s{at}","Name":"s","Check":{{"TTL":"1h"}}}}"#);
        let definition = Box::new(serde_json::from_str(&body).unwrap());
        let ask = Ask::RegisterService { definition, replace_existing_checks: false };
        world.step(Input::Ask(RequestId(5000 + at), Box::new(ask)));
    }
    world.run_for(1.0);
    assert_eq!(ids(&world).0.len(), 1000);
    assert_eq!(world.answers.len(), 1000);
    assert!(world.proposals - before <= 12, "{}", world.proposals - before);
}

#[test]
fn what_nobody_registered_here_is_removed_but_not_what_is_others() {
    let mut world = World::new();
    world.register(r#"{"Name":"mine"}"#).unwrap();
    world.meddle(foreign("node1", "stranger", "strange-check"));
    world.meddle(foreign("node1", "consul", "serfHealth"));
    world.meddle(foreign("node2", "stranger", "strange-check"));
    world.run_for(121.0);
    let kept = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(ids(&world), (kept(&["consul", "mine"]), kept(&["serfHealth"])));
    let view = world.view();
    let other = NodeName::from("node2");
    assert_eq!(view.catalog().services_on(&other).count(), 1);
    assert_eq!(view.catalog().checks_on(&other).count(), 1);
    assert!(world.notes.iter().any(|(_, note)| *note == Note::NotOurs { id: "stranger".into() }));
}

#[test]
fn what_vanished_from_the_catalog_comes_back() {
    let mut world = World::new();
    world.register(r#"{"Name":"s","Check":{"TTL":"1h"}}"#).unwrap();
    let whole_node = Deregister { node: "node1".into(), service_id: None, check_id: None };
    world.meddle(CatalogCommand::Deregister(whole_node));
    assert!(world.told_service("s").is_none());
    world.run_for(121.0);
    assert!(world.told_service("s").is_some() && world.told_check("service:s").is_some());
}

#[test]
fn the_catalogs_tags_win_where_the_service_says_so() {
    let mut world = World::new();
    for (name, expected) in [("yes", "theirs"), ("no", "mine")] {
        let allow = name == "yes";
        let body = format!(
            r#"{{"Name":"{name}","Tags":["mine"],"EnableTagOverride":{allow},
            "Check":{{"TTL":"1h"}}}}"#
        );
        world.register(&body).unwrap();
        let mut row = world.told_service(name).unwrap().as_ref().clone();
        row.tags = Some(["theirs".to_owned()].into());
        world.meddle(CatalogCommand::Register(Box::new(Register {
            node: node(),
            skip_node_update: true,
            service: Some(row),
            checks: Vec::new(),
        })));
        world.run_for(300.0);
        let expected = vec![expected.to_owned()];
        assert_eq!(
            world.told_service(name).unwrap().tags.as_deref(),
            Some(&expected[..]),
            "{name}"
        );
        assert_eq!(world.services[name].tags, expected, "{name}");
        assert_eq!(world.checks[&format!("service:{name}")].service_tags, Some(expected));
    }
}

#[test]
fn a_failure_is_answered_and_repeated() {
    let mut world = World::new();
    world.run_for(1.0);
    world.cluster = Cluster::Refuses;
    world.register(r#"{"Name":"s"}"#).unwrap();
    assert!(world.told_service("s").is_none());
    world.run_for(120.0);
    // At most every fifteen seconds once it has failed for a while.
    let failures = world.notes.iter().filter(|(_, note)| matches!(note, Note::SyncFailed { .. }));
    assert!((8..=16).contains(&failures.count()));
    world.cluster = Cluster::Takes;
    world.run_for(15.0);
    assert!(world.told_service("s").is_some());
}

#[test]
fn one_item_that_is_never_taken_does_not_hold_up_the_others() {
    let mut world = World::new();
    for at in 0..20 {
        world.register(&format!(r#"{{"Name":"s{at}"}}"#)).unwrap();
    }
    world.faults.poison = Some("s7".into());
    for at in 0..20 {
        let body = format!(r#"{{"Name":"s{at}","Port":{}}}"#, at + 1);
        world.register(&body).unwrap();
    }
    world.run_for(300.0);
    for at in 0..20 {
        let expected = if at == 7 { 0 } else { at + 1 };
        assert_eq!(world.told_service(&format!("s{at}")).unwrap().port, expected);
    }
    world.faults.poison = None;
    world.run_for(60.0);
    assert_eq!(world.told_service("s7").unwrap().port, 8);
}

/// One step of a random history.
#[derive(Clone, Debug)]
enum Step {
    Register(u8, u8, bool),
    Deregister(u8),
    Check(u8, u8),
    DropCheck(u8),
    Ttl(u8, u8),
    Meddle(u8),
    Vanish(u8),
    Cluster(u8),
    Wait(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0u8..6, 0u8..3, any::<bool>()).prop_map(|(a, b, c)| Step::Register(a, b, c)),
        3 => (0u8..6).prop_map(Step::Deregister),
        2 => (0u8..6, 0u8..6).prop_map(|(a, b)| Step::Check(a, b)),
        1 => (0u8..6).prop_map(Step::DropCheck),
        3 => (0u8..6, 0u8..3).prop_map(|(a, b)| Step::Ttl(a, b)),
        1 => (0u8..6).prop_map(Step::Meddle),
        1 => (0u8..6).prop_map(Step::Vanish),
        2 => (0u8..6).prop_map(Step::Cluster),
        3 => (0u8..30).prop_map(Step::Wait),
    ]
}

/// Does the step; what is refused, such as removing what is not there, is no matter here.
fn play(world: &mut World, step: Step) {
    let status = |which: u8| ["passing", "warning", "critical"][usize::from(which) % 3];
    match step {
        Step::Register(id, port, replace) => {
            let check = if port == 0 { "" } else { r#","Check":{"TTL":"20s"}"# };
            let body = format!(r#"{{"ID":"s{id}","Name":"s","Port":{port}{check}}}"#);
            world.register_replacing(&body, replace).unwrap();
        }
        Step::Deregister(id) => {
            let told = world.deregister(&format!("s{id}")).is_ok();
            if told && world.cluster == Cluster::Takes {
                assert!(world.told_service(&format!("s{id}")).is_none(), "answered too early");
            }
        }
        Step::Check(id, service) => {
            let body = format!(
                r#"{{"ID":"c{id}","Name":"n","TTL":"15s","ServiceID":"s{service}",
                "DeregisterCriticalServiceAfter":"30s"}}"#
            );
            let _ = world.register_check(&body);
        }
        Step::DropCheck(id) => {
            let _ = world.ask(Ask::DeregisterCheck(format!("c{id}").as_str().into()));
        }
        Step::Ttl(id, which) => {
            let _ = world.ttl(&format!("c{id}"), status(which), "said");
        }
        Step::Meddle(id) => {
            world.meddle(foreign("node1", &format!("s{id}"), &format!("c{id}")));
        }
        Step::Vanish(id) => {
            world.meddle(CatalogCommand::Deregister(Deregister {
                node: "node1".into(),
                service_id: Some(format!("s{id}").as_str().into()),
                check_id: None,
            }));
        }
        Step::Cluster(which) => {
            world.cluster = match which {
                0 => Cluster::Refuses,
                1 => Cluster::TakesInSilence,
                _ => Cluster::Takes,
            };
        }
        Step::Wait(span) => world.run_for(f64::from(span)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    #[test]
    fn every_history_converges(steps in prop::collection::vec(step(), 1..60), seed: u8) {
        let mut world = World::with(settings(seed), Vec::new());
        world.meddle(foreign("node1", "consul", "serfHealth"));
        world.meddle(foreign("node2", "s1", "c1"));
        let others = |world: &World| {
            let (view, other) = (world.view(), NodeName::from("node2"));
            let services: Vec<_> = view.catalog().services_on(&other).cloned().collect();
            (services, view.catalog().checks_on(&other).cloned().collect::<Vec<_>>())
        };
        let before = others(&world);
        for step in steps {
            play(&mut world, step);
        }
        world.cluster = Cluster::Takes;
        world.run_for(200.0);
        // What is registered is what the catalog holds, beside what is the server's.
        let (mut services, mut checks) = ids(&world);
        prop_assert!(services.remove("consul") && checks.remove("serfHealth"));
        prop_assert_eq!(&services, &world.services.keys().cloned().collect::<BTreeSet<_>>());
        prop_assert_eq!(&checks, &world.checks.keys().cloned().collect::<BTreeSet<_>>());
        for (id, own) in &world.checks {
            let told = world.told_check(id).unwrap();
            prop_assert_eq!(told.status.as_str(), own.status.as_str());
            prop_assert_eq!(told.service_id.as_str(), own.service_id.as_str());
        }
        for (id, own) in &world.services {
            prop_assert_eq!(world.told_service(id).unwrap().port, own.port);
        }
        prop_assert_eq!(others(&world), before);
        // And it rests.
        world.run_for(1000.0);
        let written = world.proposals;
        world.run_for(600.0);
        prop_assert_eq!(world.proposals, written);
    }
}
