//! Checks that keep changing: counted always, held only where the agent says so.

use super::*;
use crate::FlapSettings;

fn damping() -> Settings {
    Settings { flap: Some(FlapSettings::DEFAULT), ..settings(7) }
}

fn flapping(settings: Settings) -> World {
    let mut world = World::with(settings, Vec::new());
    world.register(r#"{"Name":"s","Check":{"TTL":"1h","CheckID":"t"}}"#).unwrap();
    for status in ["passing", "critical", "passing", "critical"] {
        world.ttl("t", status, status).unwrap();
        world.run_for(2.0);
    }
    world
}

#[test]
fn changes_are_counted_but_nothing_is_held_unless_asked_for() {
    let mut world = flapping(settings(7));
    world.ttl("t", "passing", "well").unwrap();
    let facts = world.facts("t");
    // The first result is where it starts.
    assert_eq!((facts.runs.results, facts.turns.transitions), (5, 4));
    assert_eq!(facts.turns.damped, None);
    assert_eq!(world.told_status("t"), "passing");
}

#[test]
fn a_check_that_flaps_is_held_at_the_worse_state_with_its_reason() {
    let mut world = flapping(damping());
    world.ttl("t", "passing", "well").unwrap();
    assert_eq!(world.status("t"), ("critical".into(), "well".into()));
    assert_eq!(world.told_status("t"), "critical");
    let facts = world.facts("t");
    assert_eq!((facts.status, facts.judged), (CheckStatus::Critical, CheckStatus::Passing));
    let damped = facts.turns.damped.unwrap();
    assert!(damped.points > damped.suppress && damped.reuse == 1000, "{damped:?}");
    assert!(damped.reuse_in > secs(60.0) && damped.reuse_in < secs(180.0), "{damped:?}");
    let held = world.notes.iter().filter(|(_, note)| matches!(note, Note::Held { .. })).count();
    assert_eq!(held, 1);
    // Quiet for that long, it is let go, and the catalog hears of it.
    world.run_to(world.now + damped.reuse_in - secs(0.5));
    assert_eq!(world.told_status("t"), "critical");
    world.run_for(1.0);
    assert_eq!((world.told_status("t"), world.facts("t").turns.damped), ("passing".into(), None));
    assert!(world.notes.iter().any(|(_, note)| matches!(note, Note::LetGo { .. })));
}

#[test]
fn a_held_check_that_changes_again_is_held_longer_up_to_the_ceiling() {
    let mut world = flapping(damping());
    for _ in 0..50 {
        world.ttl("t", "passing", "").unwrap();
        world.ttl("t", "critical", "").unwrap();
    }
    let damped = world.facts("t").turns.damped.unwrap();
    assert!((7990..=8000).contains(&damped.points), "{damped:?}");
    world.ttl("t", "passing", "").unwrap();
    world.run_for(179.0);
    assert_eq!(world.told_status("t"), "critical");
    world.run_for(2.0);
    assert_eq!(world.told_status("t"), "passing");
}

#[test]
fn what_is_held_though_it_passes_is_not_removed() {
    let settings = damping();
    let mut world = World::with(settings, Vec::new());
    let body = r#"{"Name":"s","Check":{"TTL":"1h","CheckID":"t",
        "DeregisterCriticalServiceAfter":"20s"}}"#;
    world.register(body).unwrap();
    for _ in 0..10 {
        world.ttl("t", "critical", "").unwrap();
        world.ttl("t", "passing", "").unwrap();
    }
    assert_eq!(world.told_status("t"), "critical");
    world.run_for(100.0);
    assert!(world.told_service("s").is_some());
    world.ttl("t", "critical", "").unwrap();
    world.run_for(21.0);
    assert!(world.told_service("s").is_none());
}
