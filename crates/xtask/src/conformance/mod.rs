//! Lets the tests of the official Go client judge the program.
//! A test that did not report, or skipped itself, has not passed.

mod client;
mod fixtures;
mod list;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;

use crate::workspace;
use client::{Client, Verdict};
use list::{ClientTest, Package};

#[derive(Args)]
pub struct Options {
    /// Run the tests that need one of these capabilities, those `promised`, or `all`
    #[arg(long, default_value = "engine")]
    capability: String,
    /// Run only tests whose name contains this
    #[arg(long)]
    only: Option<String>,
    /// Add what passes to the list of what must pass
    #[arg(long)]
    update: bool,
    /// Print what failing tests printed
    #[arg(long)]
    verbose: bool,
    /// Tests at a time
    #[arg(long, default_value_t = 3)]
    parallel: usize,
    /// Judge this program and build nothing
    #[arg(long)]
    program: Option<PathBuf>,
    /// Put no program into PATH: shows which tests need none
    #[arg(long)]
    no_program: bool,
}

pub fn run(options: &Options) -> Result<()> {
    let mut tests = list::tests(&options.capability)?;
    if let Some(only) = &options.only {
        tests.retain(|test| test.name.contains(only));
    }
    let program = match (&options.program, options.no_program) {
        (_, true) => None,
        (Some(program), _) => Some(std::path::absolute(program)?),
        (None, _) => Some(workspace::program("tribune")?),
    };
    let client = Client::prepare(program.as_deref())?;
    if !client.is_isolated() {
        println!("no namespaces here: leftovers of failed tests may disturb later ones");
    }
    let mut passed = BTreeSet::new();
    for package in Package::ALL {
        let names = names_of(&tests, package);
        if !names.is_empty() {
            let (verdicts, printed) = client.run(package, &names, options.parallel)?;
            passed.extend(passed_of(&verdicts));
            if options.verbose && names.iter().any(|name| !passed.contains(*name)) {
                println!("{printed}");
            }
        }
    }
    once_more(&client, &tests, &mut passed, options)?;
    judge(&tests, &passed, options)
}

/// Runs each test that has not passed once more, alone, and prints both results.
fn once_more(
    client: &Client,
    tests: &[ClientTest],
    passed: &mut BTreeSet<String>,
    options: &Options,
) -> Result<()> {
    if options.no_program {
        return Ok(());
    }
    for test in tests {
        if passed.contains(&test.name) {
            continue;
        }
        let (verdicts, printed) = client.run(test.package, &[&test.name], 1)?;
        let good = verdicts.get(&test.name) == Some(&Verdict::Passed);
        println!(
            "{}: first: failed; once more alone: {}",
            test.name,
            if good { "passed" } else { "failed" }
        );
        if good {
            passed.insert(test.name.clone());
        } else {
            for line in complaint(&printed) {
                println!("    {line}");
            }
        }
    }
    Ok(())
}

fn judge(tests: &[ClientTest], passed: &BTreeSet<String>, options: &Options) -> Result<()> {
    let passed: BTreeSet<String> = tests
        .iter()
        .map(|test| &test.name)
        .filter(|name| passed.contains(*name))
        .cloned()
        .collect();
    if options.no_program {
        println!("{}", passed.iter().cloned().collect::<Vec<_>>().join("\n"));
        println!("{} tests pass without a program", passed.len());
        return Ok(());
    }
    if options.update {
        println!("{} tests added to those that must pass", list::add_passing(&passed)?);
    }
    let promised = list::passing()?;
    let broken: Vec<&str> = tests
        .iter()
        .map(|test| test.name.as_str())
        .filter(|name| promised.contains(*name) && !passed.contains(*name))
        .collect();
    for name in &broken {
        println!("must pass but does not: {name}");
    }
    let alone = list::client_only()?;
    let ours = tests.iter().filter(|test| alone.contains(&test.name));
    let (ours, good) = ours.fold((0, 0), |(all, good), test| {
        (all + 1, good + usize::from(passed.contains(&test.name)))
    });
    println!("of these, {good} of {ours} never contact a server");
    println!("{} passed, {} failed", passed.len(), tests.len() - passed.len());
    if !broken.is_empty() {
        bail!("a test that passed before does not pass");
    }
    Ok(())
}

fn names_of(tests: &[ClientTest], package: Package) -> Vec<&str> {
    tests.iter().filter(|test| test.package == package).map(|test| test.name.as_str()).collect()
}

fn passed_of(verdicts: &BTreeMap<String, Verdict>) -> impl Iterator<Item = String> {
    verdicts
        .iter()
        .filter(|(_, verdict)| **verdict == Verdict::Passed)
        .map(|(name, _)| name.clone())
}

/// The lines in which a test says why it failed.
fn complaint(printed: &str) -> Vec<&str> {
    let telling = |line: &&str| {
        let line = line.trim_start();
        // The last two are the lines of a difference between two values.
        ["panic:", "Error:", "Messages:", "- ", "+ "].iter().any(|m| line.starts_with(m))
            || line.split_once(".go:").is_some_and(|(_, rest)| rest.contains(": "))
    };
    printed.lines().filter(telling).take(COMPLAINT_LINES_MAX).collect()
}

/// The client whose tests judge.
const MODULE: &str = "github.com/hashicorp/consul/api";
/// Enough to see what a test missed.
const COMPLAINT_LINES_MAX: usize = 12;
