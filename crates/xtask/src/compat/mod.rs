//! Plays the recordings of a real Consul against Tribune and compares the answers.
//! The numbers it prints are the measure of compatibility; nothing here excuses a difference.

mod agent;
mod binding;
mod compare;
mod corpus;
pub mod dns;
pub mod http;
mod json;
mod pattern;
mod play;
#[cfg(test)]
mod tests;
mod transcript;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;

use anyhow::{Result, bail};
use clap::Args;

use crate::workspace;
use corpus::Numbers;
use play::Outcome;
use transcript::Transcript;

#[derive(Args)]
pub struct Options {
    /// Judge the exchanges that need this capability, or `all`
    #[arg(long, default_value = "engine")]
    capability: String,
    /// Play only this file (`kv/basic`), or every one that starts so (`kv/`)
    #[arg(long)]
    file: Vec<String>,
    /// Explain the first differences of each failing exchange
    #[arg(long)]
    diff: bool,
    /// Explain every difference, and name the exchanges that pass
    #[arg(long)]
    verbose: bool,
    /// Add what passes to the list of what must pass
    #[arg(long)]
    update: bool,
    /// Fail below 98 % of all, or 90 % of any file
    #[arg(long)]
    floor: bool,
    /// Agents at a time
    #[arg(long, default_value_t = 3)]
    jobs: usize,
    /// Play against this program and build nothing
    #[arg(long)]
    program: Option<PathBuf>,
}

type Played = BTreeMap<String, Vec<Outcome>>;

pub fn run(options: &Options) -> Result<()> {
    corpus::check_manifest()?;
    let transcripts = corpus::transcripts()?;
    let judged = corpus::judged(&transcripts, &options.capability)?;
    let chosen = |name: &str| {
        judged.contains_key(name)
            && (options.file.is_empty() || options.file.iter().any(|file| name.starts_with(file)))
    };
    let transcripts: Vec<_> = transcripts.into_iter().filter(|t| chosen(&t.name)).collect();
    if transcripts.is_empty() {
        bail!("no file has an exchange of that kind");
    }
    let program = match &options.program {
        Some(program) => std::path::absolute(program)?,
        None => workspace::program("tribune")?,
    };
    agent::choose_port_base();
    let mut played = play_all(&program, &transcripts, options.jobs);
    let mut broken = broken_promises(&played, &judged)?;
    if !broken.is_empty() {
        again_alone(&program, &transcripts, &mut played, &broken);
        broken = broken_promises(&played, &judged)?;
    }
    report(&played, &judged, options);
    if options.update {
        let added = corpus::add_passing(&passed(&played, &judged))?;
        println!("{added} exchanges added to those that must pass");
    }
    for (file, numbers) in &broken {
        println!("must pass but does not: {file} {}", corpus::ranges(numbers));
    }
    if !broken.is_empty() {
        bail!("an exchange that passed before does not pass");
    }
    if options.floor { check_floor(&played, &judged) } else { Ok(()) }
}

/// Plays every file, a few agents at a time.
fn play_all(program: &Path, transcripts: &[Transcript], jobs: usize) -> Played {
    let queue = Mutex::new(transcripts.iter());
    let played = Mutex::new(Played::new());
    thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let Some(transcript) = queue.lock().ok().and_then(|mut next| next.next())
                    else {
                        return;
                    };
                    let outcomes = play::play(program, transcript, &folder_of(transcript));
                    if let Ok(mut played) = played.lock() {
                        played.insert(transcript.name.clone(), outcomes);
                    }
                }
            });
        }
    });
    played.into_inner().unwrap_or_default()
}

/// Plays files once more with nothing beside them, and prints both results.
fn again_alone(program: &Path, transcripts: &[Transcript], played: &mut Played, broken: &Numbers) {
    for transcript in transcripts.iter().filter(|t| broken.contains_key(&t.name)) {
        let first = played.get(&transcript.name).cloned().unwrap_or_default();
        let second = play::play(program, transcript, &folder_of(transcript));
        for number in broken.get(&transcript.name).into_iter().flatten() {
            let say = |outcomes: &[Outcome]| {
                outcomes
                    .iter()
                    .find(|outcome| outcome.number == *number)
                    .and_then(|outcome| outcome.differences.first().cloned())
                    .unwrap_or_else(|| "as recorded".to_owned())
            };
            let (name, first, second) = (&transcript.name, say(&first), say(&second));
            println!("{name} {number}: first: {first}; once more alone: {second}");
        }
        played.insert(transcript.name.clone(), second);
    }
}

fn folder_of(transcript: &Transcript) -> PathBuf {
    workspace::target().join("compat").join(transcript.name.replace('/', "-"))
}

/// The judged exchanges that were answered as recorded.
fn passed(played: &Played, judged: &Numbers) -> Numbers {
    let of = |(file, outcomes): (&String, &Vec<Outcome>)| {
        let good = outcomes.iter().filter(|outcome| outcome.differences.is_empty());
        let numbers = good.map(|outcome| outcome.number);
        let numbers = numbers.filter(|number| judged.get(file).is_some_and(|j| j.contains(number)));
        (file.clone(), numbers.collect())
    };
    played.iter().map(of).collect()
}

/// The exchanges on the list of what must pass that were judged and did not.
fn broken_promises(played: &Played, judged: &Numbers) -> Result<Numbers> {
    let promised = corpus::passing()?;
    let passed = passed(played, judged);
    let mut broken = Numbers::new();
    for file in played.keys() {
        let (Some(promised), Some(judged)) = (promised.get(file), judged.get(file)) else {
            continue;
        };
        let kept = passed.get(file);
        let lost = promised.iter().filter(|number| {
            judged.contains(number) && !kept.is_some_and(|kept| kept.contains(number))
        });
        let lost: std::collections::BTreeSet<usize> = lost.copied().collect();
        if !lost.is_empty() {
            broken.insert(file.clone(), lost);
        }
    }
    Ok(broken)
}

fn report(played: &Played, judged: &Numbers, options: &Options) {
    let passed = passed(played, judged);
    let (mut all, mut good) = (0, 0);
    for (file, outcomes) in played {
        let of_file = judged.get(file).cloned().unwrap_or_default();
        let kept = passed.get(file).cloned().unwrap_or_default();
        let failing: std::collections::BTreeSet<usize> = &of_file - &kept;
        let tail = match failing.is_empty() {
            true => String::new(),
            false => format!("  differ: {}", corpus::ranges(&failing)),
        };
        println!("{file:<24} {:>3}/{:<3}{tail}", kept.len(), of_file.len());
        all += of_file.len();
        good += kept.len();
        let mut said: &[String] = &[];
        for outcome in outcomes.iter().filter(|outcome| of_file.contains(&outcome.number)) {
            explain(file, outcome, said, options);
            said = &outcome.differences;
        }
    }
    println!(
        "{}: {good} of {all} exchanges as recorded ({})",
        options.capability,
        percent(good, all)
    );
}

/// Prints what differed, unless the exchange before said the same.
fn explain(file: &str, outcome: &Outcome, said: &[String], options: &Options) {
    let Outcome { number, line, title, differences } = outcome;
    let title: String = title.chars().take(TITLE_CHARS_MAX).collect();
    if differences.is_empty() {
        if options.verbose {
            println!("  pass {file} {number} (line {line}) {title}");
        }
        return;
    }
    if !options.diff && !options.verbose {
        return;
    }
    println!("  DIFF {file} {number} (line {line}) {title}");
    if differences == said {
        println!("       the same");
        return;
    }
    let shown = if options.verbose { usize::MAX } else { DIFFERENCES_SHOWN };
    for difference in differences.iter().take(shown) {
        println!("       {difference}");
    }
    if differences.len() > shown {
        println!("       and {} more", differences.len() - shown);
    }
}

fn check_floor(played: &Played, judged: &Numbers) -> Result<()> {
    let passed = passed(played, judged);
    let count = |numbers: &Numbers, file: &String| numbers.get(file).map_or(0, |n| n.len());
    let (mut all, mut good) = (0, 0);
    let mut low = Vec::new();
    for file in played.keys() {
        let (of_file, kept) = (count(judged, file), count(&passed, file));
        all += of_file;
        good += kept;
        if kept * 100 < of_file * FLOOR_FILE_PERCENT {
            low.push(format!("{file} {}", percent(kept, of_file)));
        }
    }
    if good * 100 < all * FLOOR_TOTAL_PERCENT {
        low.push(format!("all {}", percent(good, all)));
    }
    if !low.is_empty() {
        bail!("below the floor: {}", low.join(", "));
    }
    Ok(())
}

/// With one digit, rounded down: 98.0 % is reached, not nearly so.
fn percent(part: usize, whole: usize) -> String {
    let tenths = (part * 1000).checked_div(whole).unwrap_or_default();
    format!("{}.{} %", tenths / 10, tenths % 10)
}

/// Of all judged exchanges.
const FLOOR_TOTAL_PERCENT: usize = 98;
/// Of those of each file.
const FLOOR_FILE_PERCENT: usize = 90;
/// Enough to see what kind of difference it is.
const DIFFERENCES_SHOWN: usize = 4;
/// A request may be pages long.
const TITLE_CHARS_MAX: usize = 100;
