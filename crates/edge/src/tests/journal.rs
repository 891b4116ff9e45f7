//! What outlives a restart, a torn write, and a file that has grown.

use proptest::prelude::*;

use super::*;
use crate::RestoreError;

fn again(world: &World, wall_ms: u64) -> World {
    let settings = Settings { wall_ms_at_zero: wall_ms, ..settings(9) };
    World::with(settings, world.file.clone())
}

fn shown(world: &World) -> (Vec<AgentService>, Vec<HealthCheck>) {
    let services = world.services.values().map(|row| row.as_ref().clone()).collect();
    (services, world.checks.values().map(|row| row.as_ref().clone()).collect())
}

#[test]
fn registrations_and_states_come_back() {
    let mut world = World::new();
    world.register(
        r#"{"ID":"web1","Name":"web","Port":80,"Tags":["a"],"Meta":{"k":"v"},"Address":"10.0.0.1",
        "Checks":[{"TTL":"60s","CheckID":"t"},{"TCP":"127.0.0.1:1","Interval":"5s","CheckID":"p"}],
        "Connect":{"SidecarService":{}}}"#,
    ).unwrap();
    world.register(r#"{"Name":"gone"}"#).unwrap();
    world.deregister("gone").unwrap();
    world.register_check(r#"{"ID":"n","Name":"n","TTL":"1h"}"#).unwrap();
    world.ttl("t", "warning", "so so").unwrap();
    world.ttl("n", "passing", "fine").unwrap();
    world.maintain(Some("web1"), true, "work");
    world.run_for(20.0);
    let mut back = again(&world, 20_000);
    // What a probe said is not kept: the next one says it again.
    let (services, mut checks) = shown(&world);
    for check in &mut checks {
        check.output = check.output.replace("connection refused", "");
    }
    assert_eq!(shown(&back), (services, checks));
    // The TTL that was heard of at the start has 40 of its 60 seconds left.
    back.run_for(38.0);
    assert_eq!(back.status("t").0, "warning");
    back.run_for(5.0);
    assert_eq!(back.status("t").0, "critical");
    assert_eq!(back.status("n"), ("passing".into(), "fine".into()));
    assert!(back.told_service("web1-sidecar-proxy").is_some());
    back.deregister("web1").unwrap();
    assert!(back.services.is_empty());
}

#[test]
fn a_ttl_that_passed_while_nobody_ran_has_expired() {
    let mut world = World::new();
    world.register_check(r#"{"ID":"t","Name":"n","TTL":"60s"}"#).unwrap();
    world.ttl("t", "passing", "").unwrap();
    world.run_for(10.0);
    let mut back = again(&world, 3_600_000);
    back.run_for(0.1);
    assert_eq!(back.status("t"), ("critical".into(), "TTL expired".into()));
}

#[test]
fn what_a_file_declares_is_not_kept_but_its_state_is() {
    let mut world = World::new();
    let body = r#"{"Name":"s","Check":{"TTL":"1h","CheckID":"t"}}"#;
    world.declare(&[body], &[]).unwrap();
    world.ttl("t", "passing", "fine").unwrap();
    world.run_for(5.0);
    let mut back = again(&world, 5_000);
    assert!(back.services.is_empty());
    back.declare(&[body], &[]).unwrap();
    assert_eq!(back.status("t"), ("passing".into(), "fine".into()));
}

#[test]
fn a_torn_last_line_counts_not_and_damage_elsewhere_is_named() {
    let mut world = World::new();
    for name in ["a", "b", "c"] {
        world.register(&format!(r#"{{"Name":"{name}"}}"#)).unwrap();
    }
    world.run_for(5.0);
    let whole = world.file.clone();
    let torn = &whole[..whole.len() - 3];
    let mut back = World::with(settings(1), torn.to_vec());
    assert_eq!(back.services.len(), 2);
    // What follows a torn line replaces the file, so that it does not stay in its middle.
    back.register(r#"{"Name":"d"}"#).unwrap();
    assert_eq!(World::with(settings(1), back.file.clone()).services.len(), 3);
    let mut damaged = whole.clone();
    let second = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    damaged[second] = b'#';
    let error = Edge::new(settings(1), &damaged).unwrap_err();
    assert!(matches!(error, RestoreError::Line { line: 2, .. }), "{error}");
    let newer = b"{\"Registrations\":3}\n";
    assert_eq!(Edge::new(settings(1), newer).unwrap_err(), RestoreError::Format(3));
}

#[test]
fn a_power_cut_may_tear_any_part_of_the_last_save_and_of_no_other() {
    let mut world = World::new();
    world.register(r#"{"Name":"a"}"#).unwrap();
    world.run_for(5.0);
    let before = world.file.len();
    let body = r#"{"Name":"b","Checks":[{"TTL":"1h","CheckID":"x"},{"TTL":"1h","CheckID":"y"}]}"#;
    world.register(body).unwrap();
    let last = world.file.len();
    for at in before..last {
        // A sector in the middle never reached the disk, those behind it did.
        let mut torn = world.file.clone();
        let end = torn.len().min(at + 40);
        torn[at..end].fill(0);
        let back = World::with(settings(1), torn);
        assert!(back.services.contains_key("a"), "torn at {at}");
    }
    world.register(r#"{"Name":"c"}"#).unwrap();
    let mut damaged = world.file.clone();
    damaged[before + 30..before + 40].fill(0);
    assert!(Edge::new(settings(1), &damaged).is_err());
}

#[test]
fn a_removal_that_was_cut_off_leaves_no_state_to_a_later_check() {
    let mut world = World::new();
    world.register(r#"{"Name":"s","Check":{"TTL":"1h","CheckID":"t"}}"#).unwrap();
    world.ttl("t", "passing", "well").unwrap();
    world.run_for(5.0);
    world.deregister("s").unwrap();
    let text = String::from_utf8(world.file.clone()).unwrap();
    let cut = text.find("{\"CheckGone\"").unwrap();
    world.file.truncate(cut);
    let mut back = again(&world, 5_000);
    assert!(back.services.is_empty() && back.checks.is_empty());
    back.register(r#"{"Name":"s","Check":{"TTL":"1h","CheckID":"t"}}"#).unwrap();
    assert_eq!(back.status("t"), ("critical".into(), String::new()));
}

#[test]
fn a_file_of_the_first_format_is_read() {
    let old = b"{\"Registrations\":1}\n{\"ServiceGone\":\"s\"}\n{\"CheckGone\":\"c\"}\n";
    assert!(Edge::new(settings(1), old).is_ok());
    assert!(Edge::new(settings(1), &old.map(|byte| if byte == b'G' { 0 } else { byte })).is_err());
}

#[test]
fn a_file_that_has_grown_is_rewritten() {
    let mut world = World::new();
    let padding = "x".repeat(400);
    for at in 0..20_000 {
        let body =
            format!(r#"{{"Name":"s","Port":{},"Meta":{{"k":"{padding}"}}}}"#, at % 60_000 + 1);
        world.register(&body).unwrap();
    }
    assert!(world.file.len() < 1_100_000, "{}", world.file.len());
    assert_eq!(World::with(settings(1), world.file.clone()).services["s"].port, 20_000);
}

#[test]
fn what_is_not_yet_on_disk_is_handed_over_at_the_end() {
    let mut world = World::new();
    world.register_check(r#"{"ID":"t","Name":"n","TTL":"1h"}"#).unwrap();
    world.run_for(5.0);
    assert_eq!(world.edge.unsaved(), None);
    world.ttl("t", "passing", "fine").unwrap();
    let Some(Save::Replace(bytes)) = world.edge.unsaved() else { panic!("nothing to save") };
    let back = World::with(settings(1), bytes);
    assert_eq!(back.status("t"), ("passing".into(), "fine".into()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>, tail: Vec<u8>) {
        let _ = Edge::new(settings(1), &bytes);
        let mut file = b"{\"Registrations\":1}\n".to_vec();
        file.extend(tail);
        let _ = Edge::new(settings(1), &file);
    }

    #[test]
    fn every_prefix_of_the_file_can_be_read(
        ids in prop::collection::vec((0u8..4, any::<bool>()), 1..20),
        cut: prop::sample::Index,
    ) {
        let mut world = World::new();
        for (id, comes) in ids {
            let name = format!("s{id}");
            if comes {
                let body = format!(r#"{{"Name":"{name}","Check":{{"TTL":"1h"}}}}"#);
                world.register(&body).unwrap();
            } else {
                let _ = world.deregister(&name);
            }
        }
        let length = cut.index(world.file.len() + 1);
        prop_assert!(Edge::new(settings(1), &world.file[..length]).is_ok());
        prop_assert_eq!(shown(&again(&world, 0)).0, shown(&world).0);
    }
}
