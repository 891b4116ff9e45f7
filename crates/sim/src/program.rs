//! What the program is asked for, and the runs that come of it: seeds with a story first, then
//! new ones until the hours and operations are reached or the budget is spent.

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tribune_sim::plant::{PLANTS, Plant};
use tribune_sim::run::{Finished, run};
use tribune_sim::setup::Scale;
use tribune_sim::tally::Tally;
use tribune_sim::{report, seeds};

/// Simulates servers under faults and checks what must hold
#[derive(Debug, clap::Parser)]
#[command(name = "tribune-sim")]
pub struct Options {
    /// The base seed; the worlds of a run have the seeds from it on
    #[arg(long, env = "SEED", default_value_t = 1)]
    seed: u64,
    /// How many worlds share the hours and operations
    #[arg(long, default_value_t = 90)]
    seeds: u32,
    /// Simulated hours, in all
    #[arg(long, default_value_t = 30.0)]
    hours: f64,
    /// Acknowledged operations, in all
    #[arg(long, default_value_t = 3_000_000)]
    ops: u64,
    /// Real minutes after which no further world begins
    #[arg(long)]
    budget_minutes: Option<f64>,
    /// The same in seconds
    #[arg(long)]
    seconds: Option<f64>,
    /// Plant a bug and stop when it is found
    #[arg(long, value_name = "NAME")]
    bug: Option<String>,
    /// Tell how often each planted bug is found, from so many base seeds
    #[arg(long, value_name = "BASE_SEEDS", num_args = 0..=1, default_missing_value = "20")]
    plant_rate: Option<u64>,
    /// Go on where the last part in this file ended, and append this part
    #[arg(long, value_name = "FILE")]
    resume: Option<PathBuf>,
    /// Print each seed as it ends
    #[arg(long)]
    verbose: bool,
    /// Run the base seed's world alone, and print its events from this second on
    #[arg(long, value_name = "SECOND")]
    trace: Option<f64>,
}

/// The first so many base seeds must each find every planted bug.
const BASE_SEEDS_MUST: u64 = 3;

/// After so many worlds that failed there is enough to look at.
const FAILED_MAX: usize = 10;

/// How far apart base seeds lie, so that their worlds differ.
const BASE_SEED_STEP: u64 = 1_000_000;

/// Runs what is asked for; true if all is well.
///
/// # Errors
/// If the options or the file to resume are wrong.
pub fn run_program(options: &Options) -> Result<bool> {
    println!("SEED={}", options.seed);
    let plant = match &options.bug {
        None => None,
        Some(name) => match Plant::named(name) {
            Some(plant) => Some(plant),
            None => {
                bail!("there is no bug {name:?}; there are {}", PLANTS.map(Plant::name).join(", "))
            }
        },
    };
    let scale = scale(options)?;
    match (options.trace, options.plant_rate, plant) {
        (Some(second), ..) => trace(options, scale, plant, seconds(second)?),
        (_, Some(bases), _) => Ok(plant_rate(options, scale, bases)),
        (_, _, Some(plant)) => Ok(find_one(options, scale, plant)),
        _ => plain(options, scale),
    }
}

/// The size of one world.
fn scale(options: &Options) -> Result<Scale> {
    let worlds = options.seeds.max(1);
    Ok(Scale {
        duration: seconds(options.hours * 3600.0)? / worlds,
        operations: options.ops / u64::from(worlds),
    })
}

fn seconds(seconds: f64) -> Result<Duration> {
    Duration::try_from_secs_f64(seconds).with_context(|| format!("{seconds} is no time"))
}

/// How many worlds ended well, and what they came to.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Part {
    /// The seeds from here, up to and without `to`.
    from: u64,
    to: u64,
    passed: u64,
    failed: Vec<u64>,
    real_seconds: u64,
    tally: Tally,
}

impl Part {
    fn take(&mut self, options: &Options, finished: &Finished) {
        self.tally.add(&finished.tally);
        if finished.violation.is_none() {
            self.passed += 1;
            if options.verbose {
                let (seed, trace) = (finished.seed, finished.trace);
                println!(
                    "seed {seed}: {} operations, trace {trace:016x}",
                    finished.tally.acknowledged()
                );
            }
        } else {
            self.failed.push(finished.seed);
        }
    }

    fn add(&mut self, other: &Part) {
        self.to = self.to.max(other.to);
        self.passed += other.passed;
        self.failed.extend(&other.failed);
        self.real_seconds += other.real_seconds;
        self.tally.add(&other.tally);
    }
}

/// The seeds with a story, and then new ones.
fn plain(options: &Options, scale: Scale) -> Result<bool> {
    let started = Instant::now();
    let budget = match (options.budget_minutes, options.seconds) {
        (Some(minutes), _) => Some(seconds(minutes * 60.0)?),
        (None, Some(budget)) => Some(seconds(budget)?),
        (None, None) => None,
    };
    let mut all = Part::default();
    if let Some(path) = &options.resume {
        for part in parts(path)? {
            all.add(&part);
        }
    }
    let mut part = Part { from: all.to.max(options.seed), ..Part::default() };
    part.to = part.from;
    let told = stories(options);
    let enough = |part: &Part| {
        let simulated = all.tally.simulated + part.tally.simulated;
        let done = all.tally.acknowledged() + part.tally.acknowledged();
        simulated.as_secs_f64() >= options.hours * 3600.0 && done >= options.ops
    };
    while !enough(&part)
        && part.failed.len() < FAILED_MAX
        && budget.is_none_or(|budget| started.elapsed() < budget)
    {
        let finished = run(part.to, scale, None, None);
        if finished.violation.is_some() {
            tell(&finished, scale, None);
        }
        part.take(options, &finished);
        part.to += 1;
    }
    part.real_seconds = started.elapsed().as_secs();
    if let Some(path) = &options.resume {
        append(path, &part)?;
    }
    if !enough(&part) {
        println!(
            "ended before the hours and operations were reached: budget spent, or enough failed"
        );
    }
    all.add(&part);
    all.add(&told);
    let failed = all.failed.len() as u64;
    print!("{}", report::summary(&all.tally, failed));
    println!("real seconds               {}", all.real_seconds);
    if failed > 0 {
        println!("seeds that failed: {:?}", all.failed);
    }
    println!("{} passed, {failed} failed", all.passed);
    Ok(failed == 0)
}

/// The seeds that ever failed; they come on top of the hours and operations asked for.
fn stories(options: &Options) -> Part {
    let mut part = Part::default();
    for story in seeds::stories() {
        let finished = run(story.seed, story.scale(), None, None);
        if finished.violation.is_some() {
            println!("again: {}", story.story);
            tell(&finished, story.scale(), None);
        }
        part.take(options, &finished);
    }
    part
}

fn parts(path: &Path) -> Result<Vec<Part>> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {path:?}"))?;
    let parse = |line| serde_json::from_str(line).with_context(|| format!("a part in {path:?}"));
    text.lines().map(parse).collect()
}

fn append(path: &Path, part: &Part) -> Result<()> {
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .with_context(|| format!("appending to {path:?}"))?;
    writeln!(file, "{}", serde_json::to_string(part)?)?;
    Ok(())
}

/// Says what failed and how to see it again, and shows the last moments before it.
fn tell(finished: &Finished, scale: Scale, plant: Option<Plant>) {
    let bug = plant.map(|plant| format!(" --bug {}", plant.name())).unwrap_or_default();
    let replay = format!(
        "cargo run -p tribune-sim -- --seed {} --seeds 1 --hours {} --ops {} --trace 0{bug}",
        finished.seed,
        scale.duration.as_secs_f64() / 3600.0,
        scale.operations,
    );
    let (text, from) = report::failure(finished, &replay);
    print!("{text}");
    if plant.is_none() {
        println!("the last moments:");
        run(finished.seed, scale, plant, Some(from));
    }
}

fn trace(options: &Options, scale: Scale, plant: Option<Plant>, from: Duration) -> Result<bool> {
    let finished = run(options.seed, scale, plant, Some(from));
    let mut part = Part::default();
    part.take(options, &finished);
    if let Some((at, violation)) = &finished.violation {
        println!("at {at:?} the rule {:?} broke: {}", violation.rule, violation.what);
    }
    print!("{}", report::summary(&finished.tally, part.failed.len() as u64));
    println!("trace {:016x}", finished.trace);
    println!("{} passed, {} failed", part.passed, part.failed.len());
    Ok(part.failed.is_empty())
}

/// How a planted bug was found.
struct Found {
    worlds: u32,
    simulated: Duration,
    rule: &'static str,
}

/// Looks for a planted bug in the worlds from a base seed on, as many as CI runs.
fn find(options: &Options, scale: Scale, plant: Plant, base: u64) -> Option<(Found, Finished)> {
    let mut simulated = Duration::ZERO;
    for n in 0..options.seeds {
        let finished = run(base + u64::from(n), scale, Some(plant), None);
        simulated += finished.tally.simulated;
        if let Some((_, violation)) = &finished.violation {
            let rule = violation.rule;
            return Some((Found { worlds: n + 1, simulated, rule }, finished));
        }
    }
    None
}

fn find_one(options: &Options, scale: Scale, plant: Plant) -> bool {
    match find(options, scale, plant, options.seed) {
        Some((found, finished)) => {
            tell(&finished, scale, Some(plant));
            let Found { worlds, simulated, .. } = found;
            println!("{} was found in world {worlds}, after {simulated:?}", plant.name());
            println!("1 passed, 0 failed");
            true
        }
        None => {
            println!("{} was not found in {} worlds", plant.name(), options.seeds);
            println!("0 passed, 1 failed");
            false
        }
    }
}

/// How often each planted bug is found, and how soon.
fn plant_rate(options: &Options, scale: Scale, bases: u64) -> bool {
    let (mut passed, mut failed) = (0, 0);
    for plant in PLANTS {
        let mut rules: Vec<&str> = Vec::new();
        let (mut found, mut worlds, mut simulated) = (0_u32, 0_u32, Duration::ZERO);
        let mut must = true;
        for base in 0..bases {
            let seed = options.seed + base * BASE_SEED_STEP;
            match find(options, scale, plant, seed) {
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
    failed == 0
}
