//! The planted bugs: whether, how soon, and by which rule each is found.

use super::{Options, tell};
use anyhow::Result;
use std::time::Duration;
use tribune_sim::plant::{PLANTS, Plant};
use tribune_sim::run::{Finished, run};
use tribune_sim::share::Share;

/// The first so many base seeds must each find every planted bug.
const BASE_SEEDS_MUST: u64 = 3;

/// How far apart base seeds lie, so that their worlds differ.
const BASE_SEED_STEP: u64 = 1_000_000;

/// How a planted bug was found.
struct Found {
    worlds: u32,
    simulated: Duration,
    rule: &'static str,
}

/// Looks for a planted bug in the worlds from a base seed on, as many as CI runs.
fn find(share: Share, plant: Plant, base: u64) -> Option<(Found, Finished)> {
    let mut simulated = Duration::ZERO;
    for n in 0..share.worlds {
        let seed = base + u64::from(n);
        let finished = run(plant.world(), seed, share.scale(), Some(plant), None);
        simulated += finished.tally.simulated;
        if let Some((_, violation)) = &finished.violation {
            let rule = violation.rule;
            return Some((Found { worlds: n + 1, simulated, rule }, finished));
        }
    }
    None
}

/// Plants one bug and looks for it.
///
/// # Errors
/// If the options are wrong.
pub fn find_one(options: &Options, plant: Plant) -> Result<bool> {
    let share = options.share(plant.world())?;
    let found = find(share, plant, options.seed);
    match &found {
        Some((Found { worlds, simulated, .. }, finished)) => {
            tell(plant.world(), finished, share.scale(), Some(plant));
            println!("{} was found in world {worlds}, after {simulated:?}", plant.name());
            println!("1 passed, 0 failed");
        }
        None => {
            println!("{} was not found in {} worlds", plant.name(), share.worlds);
            println!("0 passed, 1 failed");
        }
    }
    Ok(found.is_some())
}

/// How often each planted bug is found, and how soon.
///
/// # Errors
/// If the options are wrong.
pub fn rate(options: &Options, bases: u64) -> Result<bool> {
    let (mut passed, mut failed) = (0, 0);
    let worlds = options.worlds();
    for plant in PLANTS.into_iter().filter(|plant| worlds.contains(&plant.world())) {
        let share = options.share(plant.world())?;
        let mut rules: Vec<&str> = Vec::new();
        let (mut found, mut worlds, mut simulated) = (0_u32, 0_u32, Duration::ZERO);
        let mut must = true;
        for base in 0..bases {
            let seed = options.seed + base * BASE_SEED_STEP;
            match find(share, plant, seed) {
                Some((one, _)) => {
                    found += 1;
                    worlds += one.worlds;
                    simulated += one.simulated;
                    if !rules.contains(&one.rule) {
                        rules.push(one.rule);
                    }
                }
                None => must &= base >= BASE_SEEDS_MUST,
            }
        }
        let mean = simulated / found.max(1);
        println!(
            "{:<24} found from {found} of {bases} base seeds, in {worlds} worlds, after {mean:.0?} \
             simulated on average; by: {}",
            plant.name(),
            rules.join("; ")
        );
        *(if must { &mut passed } else { &mut failed }) += 1;
    }
    println!("{passed} passed, {failed} failed");
    Ok(failed == 0)
}
