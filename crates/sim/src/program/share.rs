//! The plain run: of each kind of world the seeds with a story first, then new ones until the
//! hours and operations are reached or the budget is spent; in parts that go on, if asked to.

use super::{Options, tell};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};
use tribune_sim::run::{Finished, run};
use tribune_sim::share::WorldName;
use tribune_sim::tally::Tally;
use tribune_sim::{report, seeds};

/// After so many worlds that failed there is enough to look at.
const FAILED_MAX: usize = 10;

/// How many worlds ended well, and what they came to.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Part {
    /// The name of the kind of world.
    world: String,
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
        if finished.violation.is_some() {
            self.failed.push(finished.seed);
            return;
        }
        self.passed += 1;
        if options.verbose {
            let (seed, trace) = (finished.seed, finished.trace);
            let done = finished.tally.acknowledged();
            println!("seed {seed}: {done} operations, trace {trace:016x}");
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

/// Simulates the share of every kind that is asked for; true if all rules held.
///
/// # Errors
/// If the options or the file to resume are wrong.
pub fn simulate(options: &Options) -> Result<bool> {
    let worlds = options.worlds();
    let budget = options.budget()?;
    let started = Instant::now();
    let (mut passed, mut failed) = (0, 0);
    for (at, world) in worlds.iter().enumerate() {
        let left = budget.map(|budget| budget.saturating_sub(started.elapsed()));
        let later = u32::try_from(worlds.len() - at).unwrap_or(1);
        let part = of_one_kind(options, *world, left.map(|left| left / later))?;
        passed += part.passed;
        failed += part.failed.len();
    }
    println!("{passed} passed, {failed} failed");
    Ok(failed == 0)
}

fn of_one_kind(options: &Options, world: WorldName, budget: Option<Duration>) -> Result<Part> {
    let started = Instant::now();
    let share = options.share(world)?;
    let scale = share.scale();
    let mut all = Part::default();
    if let Some(path) = &options.resume {
        for part in parts(path)?.iter().filter(|part| part.world == world.name()) {
            all.add(part);
        }
    }
    let from = all.to.max(options.seed);
    let mut part = Part { world: world.name().to_owned(), from, to: from, ..Part::default() };
    let told = stories(options, world);
    let enough = |part: &Part| {
        let simulated = all.tally.simulated + part.tally.simulated;
        let done = all.tally.acknowledged() + part.tally.acknowledged();
        simulated >= share.duration && done >= share.operations
    };
    while !enough(&part)
        && part.failed.len() < FAILED_MAX
        && budget.is_none_or(|budget| started.elapsed() < budget)
    {
        let finished = run(world, part.to, scale, None, None);
        if finished.violation.is_some() {
            tell(world, &finished, scale, None);
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
    print!("{}", report::summary(world, &all.tally, failed));
    println!("worlds                     {}", all.passed + failed);
    println!("real seconds               {}\n", all.real_seconds);
    if failed > 0 {
        println!("seeds that failed: {:?}", all.failed);
    }
    Ok(all)
}

/// The seeds that ever failed; they come on top of the hours and operations asked for.
fn stories(options: &Options, world: WorldName) -> Part {
    let mut part = Part::default();
    for story in seeds::stories().iter().filter(|story| story.world == world) {
        let finished = run(world, story.seed, story.scale(), None, None);
        if finished.violation.is_some() {
            println!("again: {}", story.story);
            tell(world, &finished, story.scale(), None);
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
