//! Many probes at once: their limits, how late they are, and what is known of them.

use super::*;
use crate::ProbesMax;

fn crowd(settings: Settings, count: u32, fails_in: f64) -> World {
    let mut world = World::with(settings, Vec::new());
    world.target.fails_in = secs(fails_in);
    for at in 0..count {
        let body = format!(r#"{{"ID":"c{at}","Name":"n","TCP":"127.0.0.1:1","Interval":"10s"}}"#);
        let asked = Box::new(serde_json::from_str(&body).unwrap());
        let request = RequestId(1000 + u64::from(at));
        world.step(Input::Ask(request, Box::new(Ask::RegisterCheck(asked))));
    }
    world
}

fn most_at_once(world: &World, takes: f64) -> usize {
    let starts: Vec<Duration> = world.probes.iter().map(|(at, _)| *at).collect();
    let running = |at: Duration| {
        starts.iter().filter(|from| (**from..**from + secs(takes)).contains(&at)).count()
    };
    starts.iter().map(|at| running(*at)).max().unwrap()
}

#[test]
fn no_more_probes_run_at_a_time_than_allowed_and_none_is_forgotten() {
    let probes_max = ProbesMax { quick: 3, slow: 2, programs: 1 };
    let mut world = crowd(Settings { probes_max, ..settings(7) }, 40, 0.5);
    world.run_for(60.0);
    assert_eq!(most_at_once(&world, 0.5), 3);
    for at in 0..40 {
        let id = format!("c{at}");
        let runs = world.probes.iter().filter(|(_, own)| own.check.as_str() == id).count();
        assert!((5..=6).contains(&runs), "{id} ran {runs} times");
    }
    // What waits shows in the facts, and its lateness is counted.
    let totals = world.edge.probe_totals();
    assert_eq!(totals.late.total(), world.probes.len() as u64 - totals.running as u64);
    assert!(totals.late.all_but(10).unwrap() > secs(0.1));
}

/// Source: consul-surface C; Consul 1.22 documentation, `expose`.
#[test]
fn a_proxy_that_exposes_checks_is_where_they_go() {
    let mut world = World::new();
    world
        .register(
            r#"{"ID":"web1","Name":"web","Port":80,"Checks":[
            {"CheckID":"h","HTTP":"http://127.0.0.1:80/up?x","Interval":"10s"},
            {"CheckID":"g","GRPC":"127.0.0.1:80/svc","Interval":"10s"},
            {"CheckID":"t","TCP":"127.0.0.1:80","Interval":"10s"}]}"#,
        )
        .unwrap();
    let ports = |world: &World| {
        let told = |id| world.told_check(id).map_or(-1, |row| row.exposed_port);
        ["h", "g", "t", "late"].map(told)
    };
    let last = |world: &World, id: &str| {
        let of = world.probes.iter().rev().find(|(_, own)| own.check.as_str() == id);
        match of.unwrap().1.spec.as_ref() {
            crate::ProbeSpec::Http(own) => own.url.clone(),
            crate::ProbeSpec::Grpc(own) => format!("{} {}", own.address, own.service),
            other => panic!("{other:?}"),
        }
    };
    world.run_for(15.0);
    assert_eq!(ports(&world), [0, 0, 0, -1]);
    let proxy = r#"{"Name":"px","Kind":"connect-proxy","Port":9,"Address":"127.0.0.7","Proxy":
        {"DestinationServiceName":"web","DestinationServiceID":"web1","Expose":{"Checks":true}}}"#;
    world.register(proxy).unwrap();
    world.run_for(15.0);
    assert_eq!(ports(&world), [21_501, 21_500, 0, -1]);
    assert_eq!(last(&world, "h"), "http://127.0.0.7:21501/up?x");
    assert_eq!(last(&world, "g"), "127.0.0.7:21500 svc");
    // One that comes later gets the next port, one that goes gives its own back.
    let late =
        r#"{"ID":"late","Name":"late","ServiceID":"web1","HTTP":"http://x","Interval":"10s"}"#;
    world.register_check(late).unwrap();
    world.ask(Ask::DeregisterCheck("g".into())).unwrap();
    world.run_for(15.0);
    assert_eq!(ports(&world), [21_501, -1, 0, 21_502]);
    world.deregister("px").unwrap();
    world.run_for(15.0);
    assert_eq!(ports(&world), [0, -1, 0, 0]);
    assert_eq!(last(&world, "h"), "http://127.0.0.1:80/up?x");
}

#[test]
fn without_a_crowd_nothing_is_late_and_nothing_drifts() {
    let mut world = crowd(settings(7), 40, 0.5);
    world.run_for(3600.0);
    let totals = world.edge.probe_totals();
    assert_eq!(totals.late.all_but(u64::MAX), Some(Duration::from_millis(1)));
    let of_one: Vec<Duration> = world
        .probes
        .iter()
        .filter(|(_, own)| own.check.as_str() == "c7")
        .map(|(at, _)| *at)
        .collect();
    let last = u32::try_from(of_one.len()).unwrap() - 1;
    assert_eq!(of_one[of_one.len() - 1], of_one[0] + secs(10.0) * last);
}

#[test]
fn who_hangs_delays_only_its_like() {
    let probes_max = ProbesMax { quick: 4, slow: 1, programs: 1 };
    let mut world = crowd(Settings { probes_max, ..settings(7) }, 8, 9.0);
    world.run_for(200.0);
    // All of them hang, one at a time, so that the places of the quick are free.
    world.register_check(r#"{"ID":"quick","Name":"n","TTL":"1h"}"#).unwrap();
    world.target.fails_in = secs(0.001);
    world.register_check(r#"{"ID":"q","Name":"n","TCP":"127.0.0.1:2","Interval":"10s"}"#).unwrap();
    let from = world.probes.len();
    world.target.listens = vec![secs(0.0)..secs(10_000.0)];
    world.run_for(100.0);
    let of_quick: Vec<_> =
        world.probes[from..].iter().filter(|(_, own)| own.check.as_str() == "q").collect();
    assert_eq!(of_quick.len(), 10);
    let late = world.facts("q").runs.last.unwrap().late;
    assert_eq!(late, Duration::ZERO);
}

#[test]
fn a_probe_holds_its_place_until_it_is_reported_whatever_becomes_of_its_check() {
    let probes_max = ProbesMax { quick: 1, slow: 1, programs: 1 };
    let mut world = crowd(Settings { probes_max, ..settings(7) }, 2, 0.5);
    while world.probes.is_empty() {
        world.run_for(0.01);
    }
    let first = world.probes[0].1.check.clone();
    world.ask(Ask::DeregisterCheck(first.clone())).unwrap();
    assert_eq!(world.edge.probe_totals().running, 1);
    world.run_for(30.0);
    assert_eq!(most_at_once(&world, 0.5), 1);
    assert!(world.probes.iter().skip(1).all(|(_, own)| own.check != first));
}

#[test]
fn the_facts_of_a_check_say_what_readers_do_not_see() {
    let mut world = World::new();
    world.target.listens = vec![secs(0.0)..secs(1000.0)];
    let body = r#"{"Name":"s","Check":{"TCP":"127.0.0.1:1","Interval":"10s","Timeout":"3s",
        "FailuresBeforeCritical":3,"DeregisterCriticalServiceAfter":"1h"}}"#;
    world.register(body).unwrap();
    world.register_check(r#"{"ID":"other","Name":"n","TTL":"60s"}"#).unwrap();
    let fresh = world.facts("service:s");
    assert_eq!((fresh.runs.results, fresh.runs.last, fresh.turns.transitions), (0, None, 0));
    assert!(fresh.runs.next_due_in.is_some_and(|wait| wait < secs(10.0)));
    assert_eq!(world.facts("other").runs.expires_in, Some(secs(60.0) - CLUSTER_TAKES));
    while world.probes.is_empty() {
        world.run_for(0.1);
    }
    // Passes at its first three runs, then fails.
    let first = world.probes[0].0;
    world.target.listens = vec![secs(0.0)..first + secs(25.0)];
    world.run_to(first + secs(45.0));
    let facts = world.facts("service:s");
    let last = facts.runs.last.unwrap();
    assert_eq!((last.found, last.took), (CheckStatus::Critical, Duration::from_millis(1)));
    assert_eq!(facts.status, CheckStatus::Passing, "two failures of three");
    assert_eq!((facts.runs.failures, facts.runs.successes, facts.removal_in), (2, 0, None));
    assert_eq!(facts.turns.failures_before_critical, 3);
    let sum = last.began_ago + facts.runs.next_due_in.unwrap();
    assert_eq!(sum, secs(10.0));
    world.run_to(first + secs(55.0));
    let facts = world.facts("service:s");
    assert_eq!((facts.status, facts.turns.transitions), (CheckStatus::Critical, 1));
    assert!(facts.removal_in.is_some_and(|left| left > secs(3590.0)));
    assert!(!facts.is_untold && !facts.is_declared && facts.turns.damped.is_none());
    // Those of one service come with those of the node.
    world.register(r#"{"Name":"t","Check":{"TTL":"1h"}}"#).unwrap();
    let of_s: Vec<String> = world
        .edge
        .facts(world.now, Some(&"s".into()))
        .iter()
        .map(|f| f.check.to_string())
        .collect();
    assert_eq!(of_s, ["other", "service:s"]);
}
