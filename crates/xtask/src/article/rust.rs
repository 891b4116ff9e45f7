//! The programs of `examples/rust`: register and find by a watch, a greeting that follows its key,
//! and changes of it under a lock and by compare-and-set.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::Result;

use super::agent::Agent;
use super::findings::Findings;
use super::go;
use super::program::{Program, until};

pub fn play(agent: &Agent, programs: &Path, findings: &mut Findings) -> Result<()> {
    println!("== Rust: discover waits, then register");
    // It watches: it is started before there is anything to find.
    let discover = start(programs, "discover", &[])?;
    let mut register = start(programs, "register", &[])?;
    go::listens(agent, &mut register, "rust", findings)?;
    go::found(&discover.finish()?)?;
    go::leaves(agent, register, findings)?;
    println!("== Rust: a greeting set under a lock, by many at once");
    agent.put("/v1/kv/config/greeting", "before")?;
    let mut serve = start(programs, "config", &["serve"])?;
    serve.printed("listening")?;
    // Compare-and-set with index 0 at its start left alone what was there.
    until("the greeting that was there", || Ok(go::greets("before")))?;
    set(programs, findings)?;
    serve.interrupt()
}

fn set(programs: &Path, findings: &mut Findings) -> Result<()> {
    let many = SETTERS.iter().map(|word| start(programs, "config", &["set", word]));
    for setter in many.collect::<Result<Vec<_>>>()? {
        setter.finish()?;
    }
    let started = Instant::now();
    start(programs, "config", &["set", "after"])?.finish()?;
    let at = until("the greeting that was set", || Ok(go::greets("after")))?;
    findings.add("rust: config set, then served", go::START, at - started);
    Ok(())
}

fn start(programs: &Path, name: &'static str, arguments: &[&str]) -> Result<Program> {
    Program::start(name, Command::new(programs.join(name)).args(arguments))
}

/// More than one wants the lock.
const SETTERS: &[&str] = &["one", "two", "three", "four", "five"];
