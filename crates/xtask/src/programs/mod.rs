//! Lets programs that people use with Consul judge the agent: each is had from its package, built
//! where it must be, and tried against a fresh agent within namespaces of its own.
//! What cannot be had is left out with a line that says so; what breaks a promise fails the run.

mod golang;
mod guests;
mod haproxy;
mod known;
mod page;
mod python;
mod rust;
mod sample;
mod scrape;
mod scripts;
mod stage;
mod template;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::{isolate, workspace};
use guests::{Guest, Prepared};
use stage::Stage;

#[derive(Args)]
pub struct Options {
    /// Try also what takes long to build
    #[arg(long)]
    all: bool,
    /// Try only programs whose name contains this, also those that take long to build
    #[arg(long)]
    only: Option<String>,
    /// Judge this program and build nothing of ours
    #[arg(long)]
    program: Option<PathBuf>,
    /// Have and build the programs, and try none
    #[arg(long)]
    prepare: bool,
    /// Print what is tried and how
    #[arg(long)]
    list: bool,
    /// What the run calls itself with, within the namespaces
    #[arg(long, hide = true)]
    inside: Option<String>,
}

pub fn run(options: &Options) -> Result<()> {
    if let Some(name) = &options.inside {
        return inside(name, options.program.as_deref().context("no program")?);
    }
    let chosen = |guest: &&Guest| match &options.only {
        Some(only) => guest.name.contains(only.as_str()),
        None => options.all || !guest.is_heavy,
    };
    let chosen: Vec<&Guest> = guests::ALL.iter().filter(chosen).collect();
    if chosen.is_empty() {
        bail!("no program is called so");
    }
    if options.list {
        for guest in chosen {
            println!("{}: {}", guest.name, guest.what);
        }
        return Ok(());
    }
    let tribune = match &options.program {
        Some(program) => std::path::absolute(program)?,
        None => workspace::program("tribune")?,
    };
    if !isolate::possible() {
        bail!("programs are tried in namespaces of their own, which this user may not make");
    }
    let mut count = Count::default();
    for guest in chosen {
        let word = match one(guest, &tribune, options.prepare) {
            Ok(Tried::Passed(line)) => {
                count.passed += 1;
                format!("passed: {line}")
            }
            Ok(Tried::Skipped(why)) => {
                count.skipped += 1;
                format!("skipped: {why}")
            }
            Err(error) => {
                count.failed += 1;
                format!("FAILED: {error:#}")
            }
        };
        println!("{}: {word}", guest.name);
    }
    println!("{} passed, {} failed, {} skipped", count.passed, count.failed, count.skipped);
    if count.failed > 0 {
        bail!("a program does not find what it is promised");
    }
    if count.passed == 0 {
        bail!("no program was tried");
    }
    Ok(())
}

#[derive(Default)]
struct Count {
    passed: usize,
    failed: usize,
    skipped: usize,
}

enum Tried {
    Passed(String),
    Skipped(String),
}

/// Has and builds one program, then tries it.
fn one(guest: &Guest, tribune: &Path, only_prepare: bool) -> Result<Tried> {
    let folder = folder(guest.name);
    fs::create_dir_all(&folder)?;
    let started = Instant::now();
    if let Prepared::Absent(why) = (guest.prepare)(&folder)? {
        return Ok(Tried::Skipped(why));
    }
    let prepared = started.elapsed();
    if only_prepare {
        return Ok(Tried::Passed(format!("prepared in {:.1} s", prepared.as_secs_f64())));
    }
    let started = Instant::now();
    let line = enter(guest, tribune, &folder)?;
    let tried = started.elapsed();
    Ok(Tried::Passed(format!(
        "{line} (prepared in {:.1} s, tried for {:.1} s)",
        prepared.as_secs_f64(),
        tried.as_secs_f64()
    )))
}

/// Runs this program once more within fresh namespaces and returns its last line.
fn enter(guest: &Guest, tribune: &Path, folder: &Path) -> Result<String> {
    let out = folder.join("out.log");
    let err = folder.join("err.log");
    // Not the file that runs now: the build may have replaced it.
    let own = workspace::target().join("debug").join("tribune-xtask").display().to_string();
    let tribune = tribune.display().to_string();
    let again = [&own, "programs", "--inside", guest.name, "--program", &tribune];
    let mut command = isolate::shell(true, "", &again.map(str::to_owned));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CONSUL_") {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null()).stdout(File::create(&out)?).stderr(File::create(&err)?);
    let mut child = command.spawn().context("enter namespaces")?;
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if started.elapsed() > TRY_TIMEOUT {
            // All that runs within ends with it.
            child.kill()?;
            child.wait()?;
            bail!("not done after {} s", TRY_TIMEOUT.as_secs());
        }
        thread::sleep(POLL);
    };
    if !status.success() {
        let err = fs::read_to_string(&err)?;
        bail!("{}; logs in {}", err.trim().trim_start_matches("xtask: "), folder.display());
    }
    let out = fs::read_to_string(&out)?;
    out.lines().last().map(str::to_owned).context("it said nothing")
}

/// Within the namespaces: tries one program and prints one line.
fn inside(name: &str, tribune: &Path) -> Result<()> {
    let guest = guests::ALL.iter().find(|guest| guest.name == name).context("no such program")?;
    let stage = Stage { folder: folder(name), tribune: tribune.to_owned() };
    println!("{}", (guest.attempt)(&stage)?);
    Ok(())
}

fn folder(name: &str) -> PathBuf {
    workspace::target().join("programs").join(name)
}

/// The longest takes a minute.
const TRY_TIMEOUT: Duration = Duration::from_secs(240);
const POLL: Duration = Duration::from_millis(20);
