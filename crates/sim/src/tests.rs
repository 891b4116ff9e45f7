//! Small worlds: the rules hold, planted bugs are found, and a seed is a world.

use crate::plant::{PLANTS, Plant};
use crate::run::{Finished, run};
use crate::share::{Scale, WORLDS, WorldName};
use crate::tally::Tally;
use std::time::Duration;

const SMALL: Scale = Scale { duration: Duration::from_secs(5 * 60), operations: 8_000 };

/// Worlds in which each planted bug must be found by one at least.
const PLANTED: std::ops::Range<u64> = 100..106;

fn check(world: WorldName, seed: u64, plant: Option<Plant>) -> Finished {
    println!("{} SEED={seed}", world.name());
    run(world, seed, SMALL, plant, None)
}

#[test]
fn the_rules_hold_in_small_worlds() {
    for world in WORLDS {
        for seed in 1..=6 {
            let finished = check(world, seed, None);
            assert_eq!(finished.violation, None, "seed {seed}");
            assert!(finished.tally.acknowledged() > 2_000, "{:?}", finished.tally);
        }
    }
}

#[test]
fn two_runs_of_a_seed_are_the_same_event_for_event() {
    for world in WORLDS {
        let (first, second) = (check(world, 5, None), check(world, 5, None));
        assert_eq!(first.trace, second.trace);
        assert_eq!(first.tally, second.tally);
        assert_ne!(first.trace, check(world, 6, None).trace);
    }
}

#[test]
fn each_planted_bug_is_found() {
    for plant in PLANTS {
        let world = plant.world();
        let found = PLANTED.into_iter().find_map(|seed| check(world, seed, Some(plant)).violation);
        let rule = found.map(|(_, violation)| violation.rule);
        println!("{}: {rule:?}", plant.name());
        assert!(rule.is_some(), "{} was not found", plant.name());
    }
}

/// Runs some worlds and asserts that each of these faults struck at least once.
fn strikes(world: WorldName, wanted: &[&str]) {
    let mut all = Tally::default();
    for seed in 10..22 {
        all.add(&check(world, seed, None).tally);
    }
    for name in wanted {
        let count = all.faults.get(*name).map_or(0, |(count, _)| *count);
        assert!(count > 0, "{name} never struck: {:?}", all.faults);
    }
    assert!(all.faults.values().any(|(_, during)| *during > 0), "none in the middle of something");
}

#[test]
fn the_faults_that_strike_a_server_are_of_every_kind() {
    let wanted = [
        "disk: full",
        "disk: read failed",
        "disk: sync failed",
        "disk: write failed",
        "end within recovery",
        "killed",
        "monotonic clock jumped",
        "power lost",
        "power loss: write lost",
        "power loss: write kept",
        "process paused",
        "slow disk",
        "wall clock jumped",
    ];
    strikes(WorldName::Server, &wanted);
}

#[test]
fn the_faults_that_strike_an_agent_are_of_every_kind() {
    let wanted = [
        "disk: full",
        "ended within a save",
        "killed",
        "machine slept, and its clock",
        "machine slept, and said so",
        "monotonic clock jumped",
        "power lost",
        "process paused",
        "read slow, and shows the past",
        "save failed",
        "strangers: node removed",
        "strangers: tags changed",
        "wall clock jumped",
        "write done, answer lost",
        "write given up, done later",
        "write lost",
        "write refused",
    ];
    strikes(WorldName::Edge, &wanted);
}
