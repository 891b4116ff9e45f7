//! What the program is asked for. What comes of it is in `share` (the seeds with a story, then
//! new ones) and `plants` (the planted bugs).

mod plants;
mod share;

use anyhow::{Context, Result, bail};
use std::path::PathBuf;
use std::time::Duration;
use tribune_sim::plant::{PLANTS, Plant};
use tribune_sim::report;
use tribune_sim::run::{Finished, run};
use tribune_sim::share::{Scale, Share, WORLDS, WorldName};

/// Simulates servers and agents under faults and checks what must hold
#[derive(Debug, clap::Parser)]
#[command(name = "tribune-sim")]
pub struct Options {
    /// Which worlds: server or edge; both if none is named
    #[arg(long, value_name = "WORLD", value_parser = world_named)]
    world: Option<WorldName>,
    /// The base seed; the worlds of a run have the seeds from it on
    #[arg(long, env = "SEED", default_value_t = 1)]
    seed: u64,
    /// How many worlds share the hours and operations; 90 of each kind
    #[arg(long)]
    seeds: Option<u32>,
    /// Simulated hours, in all; 30 of each kind
    #[arg(long)]
    hours: Option<f64>,
    /// Acknowledged operations, in all; 3 million of servers and 1 million of agents
    #[arg(long)]
    ops: Option<u64>,
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

fn world_named(name: &str) -> Result<WorldName, String> {
    WorldName::named(name).ok_or_else(|| {
        format!("there is no world {name:?}; there are {}", WORLDS.map(WorldName::name).join(", "))
    })
}

impl Options {
    /// The kinds of world that are asked for.
    fn worlds(&self) -> Vec<WorldName> {
        WORLDS.into_iter().filter(|world| self.world.is_none_or(|asked| asked == *world)).collect()
    }

    /// What is asked of a kind.
    fn share(&self, world: WorldName) -> Result<Share> {
        let usual = world.share();
        Ok(Share {
            worlds: self.seeds.unwrap_or(usual.worlds),
            duration: match self.hours {
                Some(hours) => seconds(hours * 3600.0)?,
                None => usual.duration,
            },
            operations: self.ops.unwrap_or(usual.operations),
        })
    }

    /// The real time that may be spent.
    fn budget(&self) -> Result<Option<Duration>> {
        match (self.budget_minutes, self.seconds) {
            (Some(minutes), _) => Ok(Some(seconds(minutes * 60.0)?)),
            (None, Some(budget)) => Ok(Some(seconds(budget)?)),
            (None, None) => Ok(None),
        }
    }
}

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
    match (options.trace, options.plant_rate, plant) {
        (Some(second), ..) => trace(options, plant, seconds(second)?),
        (_, Some(bases), _) => plants::rate(options, bases),
        (_, _, Some(plant)) => plants::find_one(options, plant),
        _ => share::simulate(options),
    }
}

fn seconds(seconds: f64) -> Result<Duration> {
    Duration::try_from_secs_f64(seconds).with_context(|| format!("{seconds} is no time"))
}

/// Says what failed and how to see it again, and shows the last moments before it.
fn tell(world: WorldName, finished: &Finished, scale: Scale, plant: Option<Plant>) {
    let bug = plant.map(|plant| format!(" --bug {}", plant.name())).unwrap_or_default();
    let replay = format!(
        "cargo run -p tribune-sim -- --world {} --seed {} --seeds 1 --hours {} --ops {} --trace \
         0{bug}",
        world.name(),
        finished.seed,
        scale.duration.as_secs_f64() / 3600.0,
        scale.operations,
    );
    let (text, from) = report::failure(finished, &replay);
    print!("{text}");
    if plant.is_none() {
        println!("the last moments:");
        run(world, finished.seed, scale, plant, Some(from));
    }
}

/// Runs one world and prints its events.
fn trace(options: &Options, plant: Option<Plant>, from: Duration) -> Result<bool> {
    let named = options.world.or(plant.map(Plant::world));
    let world = named.context("a trace is of one world: name it with --world")?;
    let scale = options.share(world)?.scale();
    let finished = run(world, options.seed, scale, plant, Some(from));
    let failed = u64::from(finished.violation.is_some());
    if let Some((at, violation)) = &finished.violation {
        println!("at {at:?} the rule {:?} broke: {}", violation.rule, violation.what);
    }
    print!("{}", report::summary(world, &finished.tally, failed));
    println!("trace {:016x}", finished.trace);
    println!("{} passed, {failed} failed", 1 - failed);
    Ok(failed == 0)
}
