//! Small worlds: the rules hold, planted bugs are found, and a seed is a world.

use crate::plant::{PLANTS, Plant};
use crate::run::{Finished, run};
use crate::setup::Scale;
use std::time::Duration;

const SMALL: Scale = Scale { duration: Duration::from_secs(5 * 60), operations: 8_000 };

/// Worlds in which each planted bug must be found by one at least.
const PLANTED: std::ops::Range<u64> = 100..106;

fn check(seed: u64, plant: Option<Plant>) -> Finished {
    println!("SEED={seed}");
    run(seed, SMALL, plant, None)
}

#[test]
fn the_rules_hold_in_small_worlds() {
    for seed in 1..=6 {
        let finished = check(seed, None);
        assert_eq!(finished.violation, None, "seed {seed}");
        assert!(finished.tally.acknowledged() > 4_000, "{:?}", finished.tally);
    }
}

#[test]
fn two_runs_of_a_seed_are_the_same_event_for_event() {
    let (first, second) = (check(5, None), check(5, None));
    assert_eq!(first.trace, second.trace);
    assert_eq!(first.tally, second.tally);
    assert_ne!(first.trace, check(6, None).trace);
}

#[test]
fn each_planted_bug_is_found() {
    for plant in PLANTS {
        let found = PLANTED.into_iter().find_map(|seed| check(seed, Some(plant)).violation);
        let rule = found.map(|(_, violation)| violation.rule);
        println!("{}: {rule:?}", plant.name());
        assert!(rule.is_some(), "{} was not found", plant.name());
    }
}

#[test]
fn the_faults_that_strike_are_of_every_kind() {
    let mut all = crate::tally::Tally::default();
    for seed in 10..22 {
        all.add(&check(seed, None).tally);
    }
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
    for name in wanted {
        let count = all.faults.get(name).map_or(0, |(count, _)| *count);
        assert!(count > 0, "{name} never struck: {:?}", all.faults);
    }
    assert!(all.faults.values().any(|(_, during)| *during > 0), "none during a snapshot");
}
