//! Checks by the clock: jitter, intervals, TTLs, thresholds, outputs, aliases, maintenance.

use super::*;

#[test]
fn first_runs_are_spread_over_the_interval() {
    let mut world = World::new();
    for at in 0..200 {
        let body = format!(r#"{{"ID":"c{at}","Name":"n","TCP":"127.0.0.1:1","Interval":"10s"}}"#);
        let asked = Box::new(serde_json::from_str(&body).unwrap());
        world.step(Input::Ask(RequestId(1000 + at), Box::new(Ask::RegisterCheck(asked))));
    }
    let begun = world.now;
    world.run_for(9.999);
    assert_eq!(world.probes.len(), 200);
    let mut tenths = BTreeMap::new();
    for (at, _) in &world.probes {
        *tenths.entry((*at - begun).as_secs()).or_insert(0) += 1;
    }
    assert_eq!(tenths.len(), 10);
    assert!(tenths.values().all(|count| (5..=40).contains(count)), "{tenths:?}");
    // Another agent has other times.
    let mut other = World::with(settings(8), Vec::new());
    other.register_check(r#"{"ID":"c0","Name":"n","TCP":"127.0.0.1:1","Interval":"10s"}"#).unwrap();
    other.run_for(10.0);
    let of_first = world.probes.iter().find(|(_, own)| own.check.as_str() == "c0").unwrap().0;
    assert_ne!(other.probes[0].0, of_first);
}

#[test]
fn runs_follow_each_other_at_the_interval_from_start_to_start() {
    for (takes, gap) in [(0.001, 5.0), (2.0, 5.0), (4.999, 5.0), (5.0, 10.0), (6.0, 10.0)] {
        let mut world = World::new();
        world.target.fails_in = secs(takes);
        world.register_check(r#"{"Name":"n","TCP":"127.0.0.1:1","Interval":"5s"}"#).unwrap();
        world.run_for(120.0);
        let mut gaps = world.probes.windows(2).map(|pair| pair[1].0 - pair[0].0);
        assert!(world.probes.len() > 6);
        assert!(gaps.all(|found| found == secs(gap)), "{takes}");
        assert_eq!(world.probes[0].1.timeout, secs(10.0));
    }
}

#[test]
fn an_interval_below_a_second_is_raised() {
    let mut world = World::new();
    let body = r#"{"Name":"n","TCP":"127.0.0.1:1","Interval":"1ms"}"#;
    world.register_check(body).unwrap();
    world.run_for(10.0);
    assert!((9..=11).contains(&world.probes.len()), "{}", world.probes.len());
    // It is said once, and of no check that asks for a second.
    world.register_check(body).unwrap();
    world.register_check(r#"{"Name":"o","TCP":"127.0.0.1:1","Interval":"1s"}"#).unwrap();
    let raised = world.notes.iter().filter(|(_, note)| matches!(note, Note::IntervalRaised { .. }));
    let raised: Vec<_> = raised.map(|(_, note)| note.clone()).collect();
    let asked = Duration::from_millis(1);
    assert_eq!(raised, [Note::IntervalRaised { check: "n".into(), asked, every: secs(1.0) }]);
}

#[test]
fn registering_the_same_check_again_does_not_put_off_its_run() {
    let mut world = World::new();
    let body = r#"{"Name":"s","Check":{"TCP":"127.0.0.1:1","Interval":"10s"}}"#;
    for _ in 0..20 {
        world.register(body).unwrap();
        world.run_for(3.0);
    }
    assert!(world.probes.len() >= 5, "{}", world.probes.len());
}

#[test]
fn a_ttl_check_expires_unless_it_is_heard_of() {
    let mut world = World::new();
    world.register(r#"{"Name":"s","Check":{"TTL":"10s","Status":"passing"}}"#).unwrap();
    let id = "service:s";
    for _ in 0..5 {
        world.run_for(8.0);
        world.ttl(id, "passing", "alive").unwrap();
        assert_eq!(world.told_status(id), "passing");
    }
    world.run_for(9.9);
    assert_eq!(world.status(id), ("passing".into(), "alive".into()));
    world.run_for(0.2);
    let expired = "TTL expired (last output before timeout follows): alive";
    assert_eq!(world.status(id), ("critical".into(), expired.into()));
    assert_eq!(world.told_status(id), "critical");
    world.ttl(id, "warning", "").unwrap();
    assert_eq!((world.status(id).1, world.told_status(id)), (String::new(), "warning".into()));
    // One that nobody ever spoke of says only that.
    world.register_check(r#"{"ID":"t","Name":"n","TTL":"1s","Status":"passing"}"#).unwrap();
    world.run_for(1.1);
    assert_eq!(world.status("t"), ("critical".into(), "TTL expired".into()));
}

#[test]
fn a_ttl_output_is_cut_to_its_size() {
    let mut world = World::new();
    world.register_check(r#"{"ID":"t","Name":"n","TTL":"600s","OutputMaxSize":10}"#).unwrap();
    world.ttl("t", "passing", "more than ten letters").unwrap();
    let cut = "more than  ... (captured 10 of 21 bytes)";
    assert_eq!(world.status("t"), ("passing".into(), cut.into()));
    world.ttl("t", "passing", "short").unwrap();
    assert_eq!(world.status("t").1, "short");
    // A check may ask for less than its agent keeps, never for more.
    world.register_check(r#"{"ID":"u","Name":"n","TTL":"600s","OutputMaxSize":100000}"#).unwrap();
    world.ttl("u", "passing", &"é".repeat(4000)).unwrap();
    assert!(world.status("u").1.ends_with("é ... (captured 4096 of 8000 bytes)"));
}

#[test]
fn a_critical_service_is_removed_after_exactly_the_time_it_asked_for() {
    let mut world = World::new();
    let body = r#"{"Name":"s","Check":{"TTL":"10s","DeregisterCriticalServiceAfter":"5s"}}"#;
    world.register(body).unwrap();
    // It starts critical, which counts.
    let begun = world.now;
    world.run_for(4.9);
    assert!(world.told_service("s").is_some());
    world.run_for(1.0);
    let span = world.removed_at().unwrap().abs_diff(begun);
    assert!(span.abs_diff(secs(5.0)) < secs(0.01), "{span:?}");
    assert!(world.told_service("s").is_none());
    // One that speaks in between stays until it is silent for long enough.
    world.register(body).unwrap();
    world.run_for(4.0);
    world.ttl("service:s", "passing", "").unwrap();
    world.run_for(14.8);
    assert!(world.told_service("s").is_some());
    world.run_for(1.0);
    assert!(world.told_service("s").is_none());
}

#[test]
fn a_check_of_the_node_removes_nothing() {
    let mut world = World::new();
    world.register(r#"{"Name":"s"}"#).unwrap();
    let body = r#"{"Name":"n","TTL":"1s","DeregisterCriticalServiceAfter":"1s"}"#;
    world.register_check(body).unwrap();
    world.run_for(120.0);
    assert_eq!((world.removed_at(), world.services.len(), world.checks.len()), (None, 1, 1));
}

#[test]
fn thresholds_hold_back_a_change() {
    let mut world = World::new();
    world.target.listens = vec![secs(0.0)..secs(30.0), secs(90.0)..secs(1000.0)];
    world
        .register_check(
            r#"{"ID":"c","Name":"n","TCP":"127.0.0.1:1","Interval":"1s","SuccessBeforePassing":5,
            "FailuresBeforeWarning":3,"FailuresBeforeCritical":6}"#,
        )
        .unwrap();
    let mut history = Vec::new();
    while world.now < secs(120.0) {
        let status = world.told_status("c");
        if history.last().is_none_or(|(_, last)| *last != status) {
            history.push((world.now.as_secs(), status));
        }
        world.run_for(0.25);
    }
    let states: Vec<&str> = history.iter().map(|(_, status)| status.as_str()).collect();
    assert_eq!(states, ["critical", "passing", "warning", "critical", "passing"]);
    let spans: Vec<u64> = history.iter().map(|(at, _)| *at).collect();
    assert!((32..=34).contains(&spans[2]) && (35..=37).contains(&spans[3]), "{history:?}");
    assert!((94..=96).contains(&spans[4]), "{history:?}");
}

#[test]
fn an_output_alone_reaches_the_catalog_later() {
    let mut world = World::new();
    world.register_check(r#"{"ID":"t","Name":"n","TTL":"1h","Status":"passing"}"#).unwrap();
    world.ttl("t", "passing", "new").unwrap();
    let told = |world: &World| world.told_check("t").unwrap().output.clone();
    assert_eq!((world.status("t").1, told(&world)), ("new".into(), String::new()));
    // Comparisons with the catalog do not hurry it.
    world.run_for(149.0);
    assert_eq!(told(&world), "");
    world.run_for(302.0);
    assert_eq!(told(&world), "new");
    // A change of state takes the output along.
    world.ttl("t", "passing", "newer").unwrap();
    world.ttl("t", "warning", "newest").unwrap();
    assert_eq!(told(&world), "newest");
}

#[test]
fn an_alias_follows_the_worst_of_its_service() {
    let mut world = World::new();
    world
        .register(r#"{"Name":"al","Checks":[{"Name":"state","CheckID":"w","TTL":"600s"}]}"#)
        .unwrap();
    world.ttl("w", "warning", "").unwrap();
    world.register(r#"{"Name":"other"}"#).unwrap();
    world
        .register_check(r#"{"ID":"f","Name":"follow","AliasService":"al","ServiceID":"other"}"#)
        .unwrap();
    let expect = |world: &World, status: &str, output: &str| {
        assert_eq!(world.status("f"), (status.into(), output.into()));
        assert_eq!(world.told_status("f"), status);
    };
    expect(&world, "warning", "Aliased check \"state\" failing: ");
    world.ttl("w", "critical", "down").unwrap();
    expect(&world, "critical", "Aliased check \"state\" failing: down");
    world.ttl("w", "passing", "").unwrap();
    expect(&world, "passing", "All checks passing.");
    world.deregister("al").unwrap();
    expect(&world, "critical", "Service al could not be found on node ");
    // One that follows itself comes to rest.
    world.register_check(r#"{"ID":"me","Name":"me","AliasService":"other"}"#).unwrap();
    world.run_for(5.0);
    assert!(world.status("me").1.len() < 200);
}

#[test]
fn an_alias_of_the_node_does_not_follow_itself() {
    let mut world = World::new();
    world.register(r#"{"Name":"db","Check":{"CheckID":"w","TTL":"600s"}}"#).unwrap();
    for id in ["a", "b"] {
        let check = format!(r#"{{"ID":"{id}","Name":"{id}","AliasService":"db"}}"#);
        world.register_check(&check).unwrap();
    }
    for status in ["critical", "passing", "critical", "passing"] {
        world.ttl("w", status, "").unwrap();
        assert_eq!((world.status("a").0, world.status("b").0), (status.into(), status.into()));
    }
    // A check of the node counts.
    world.register_check(r#"{"ID":"disk","Name":"disk","TTL":"600s"}"#).unwrap();
    assert_eq!(world.status("a").0, "critical");
}

#[test]
fn a_check_follows_another_node_in_the_catalog() {
    let mut world = World::new();
    let check = r#"{"ID":"f","Name":"f","AliasNode":"node2","AliasService":"db"}"#;
    world.register_check(check).unwrap();
    world.run_for(1.0);
    let unknown = "Service db could not be found on node node2";
    assert_eq!(world.status("f"), ("critical".into(), unknown.into()));
    world.meddle(super::sync::foreign("node2", "db", "c"));
    world.run_for(5.0);
    assert_eq!(world.status("f"), ("passing".into(), "All checks passing.".into()));
    assert_eq!(world.told_status("f"), "passing");
    // Of the node alone, whatever services it has; an unreachable catalog is no good news.
    world.register_check(r#"{"ID":"n","Name":"n","AliasNode":"nosuch"}"#).unwrap();
    world.run_for(1.0);
    assert_eq!(world.status("n"), ("passing".into(), "No checks found.".into()));
    world.cluster = Cluster::Refuses;
    world.run_for(5.0);
    let unread = "Node node2 could not be read from the catalog: no leader";
    assert_eq!(world.status("f"), ("critical".into(), unread.into()));
    world.cluster = Cluster::Takes;
    world.run_for(40.0);
    assert_eq!(world.told_status("f"), "passing");
    world.ask(Ask::DeregisterCheck("f".into())).unwrap();
    world.run_for(40.0);
    assert!(world.told_check("f").is_none());
}

#[test]
fn maintenance_is_a_critical_check_with_a_reason() {
    let mut world = World::new();
    world.register(r#"{"ID":"web1","Name":"web","Tags":["a"]}"#).unwrap();
    world.maintain(Some("web1"), true, "");
    let check = world.checks["_service_maintenance:web1"].clone();
    assert_eq!(
        (check.name.as_str(), check.kind.as_str()),
        ("Service Maintenance Mode", "maintenance")
    );
    assert_eq!((check.status.as_str(), check.interval.as_str()), ("critical", ""));
    assert!(
        check
            .notes
            .ends_with("this service, but no reason was provided. This is a default message.")
    );
    assert_eq!(check.service_tags, Some(vec!["a".to_owned()]));
    world.register_replacing(r#"{"ID":"web1","Name":"web"}"#, true).unwrap();
    assert!(world.checks.contains_key("_service_maintenance:web1"));
    world.maintain(Some("web1"), false, "");
    world.maintain(None, true, "first");
    world.maintain(None, true, "second");
    assert_eq!(world.checks["_node_maintenance"].notes, "first");
    assert_eq!(world.told_status("_node_maintenance"), "critical");
    world.maintain(None, false, "");
    world.maintain(None, false, "");
    assert!(world.checks.is_empty());
}
