//! The programs of `examples/go`: the getting-started program started, started late and killed;
//! the one that finds it; the web server whose greeting is a key.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::agent::{Agent, Seen, get};
use super::findings::{Findings, Promise};
use super::program::{Program, until};

pub fn play(agent: &Agent, programs: &Path, findings: &mut Findings) -> Result<()> {
    println!("== Go: register, three times over, and discover");
    for round in 1..=ROUNDS {
        let mut register = register(programs, &[])?;
        listens(agent, &mut register, &format!("go, round {round}"), findings)?;
        if round == 1 {
            discover(programs)?;
        }
        leaves(agent, register, findings)?;
    }
    println!("== Go: its port opens {DELAY_SECONDS} s after it registered");
    let late = start_late(agent, programs, findings)?;
    println!("== Go: killed");
    killed(agent, late, findings)?;
    println!("== Go: a greeting from the key/value store");
    config(agent, programs, findings)
}

/// From the moment the server listens, how long until clients are told of it.
pub fn listens(
    agent: &Agent,
    register: &mut Program,
    who: &str,
    findings: &mut Findings,
) -> Result<()> {
    let listening = register.printed("listening")?;
    let (mut health, mut dns) = (None, None);
    until("the service is offered by health and by DNS", || {
        if health.is_none() && agent.offers(SERVICE)? {
            health = Some(listening.elapsed());
        }
        if dns.is_none() && agent.resolves(SERVICE)? {
            dns = Some(listening.elapsed());
        }
        Ok(health.is_some() && dns.is_some())
    })?;
    findings.add(format!("{who}: listening, then passing"), START, health.unwrap_or_default());
    findings.add(format!("{who}: listening, then in DNS"), START, dns.unwrap_or_default());
    Ok(())
}

/// A program that is interrupted takes its service out itself.
pub fn leaves(agent: &Agent, register: Program, findings: &mut Findings) -> Result<()> {
    let asked = Instant::now();
    register.interrupt()?;
    let gone = until("gone after it was interrupted", || is_gone(agent))?;
    findings.add("interrupted, then gone", START, gone - asked);
    Ok(())
}

fn register(programs: &Path, arguments: &[String]) -> Result<Program> {
    Program::start("register", Command::new(programs.join("register")).args(arguments))
}

fn discover(programs: &Path) -> Result<()> {
    let discover = Program::start("discover", &mut Command::new(programs.join("discover")))?;
    found(&discover.finish()?)
}

/// What `discover` says when it was greeted, whichever way it found the service.
pub fn found(said: &str) -> Result<()> {
    for way in ["health: ", "dns: "] {
        let found = said.lines().any(|line| line.starts_with(way) && line.contains(GREETING));
        if !found {
            bail!("discover did not find the service by {way}{said:?}");
        }
    }
    Ok(())
}

/// A service that takes long to start is neither removed nor offered before it is there.
fn start_late(agent: &Agent, programs: &Path, findings: &mut Findings) -> Result<Program> {
    let mut register = register(programs, &[format!("-delay={DELAY_SECONDS}s")])?;
    let registered = register.printed("registered")?;
    let almost = Duration::from_secs(DELAY_SECONDS) - ALMOST;
    until("the delay is almost over", || {
        match agent.sees(SERVICE)? {
            Seen::Critical => {}
            seen => bail!("not listening yet, and {seen:?}, {:?} in", registered.elapsed()),
        }
        if agent.resolves(SERVICE)? {
            bail!("DNS names a service that does not listen yet");
        }
        Ok(registered.elapsed() > almost)
    })?;
    listens(agent, &mut register, "go, late", findings)?;
    Ok(register)
}

fn killed(agent: &Agent, register: Program, findings: &mut Findings) -> Result<()> {
    let killed = register.kill()?;
    let critical = until("critical", || Ok(agent.sees(SERVICE)? == Seen::Critical))?;
    if agent.offers(SERVICE)? || agent.resolves(SERVICE)? {
        bail!("a critical service is still offered");
    }
    findings.add("killed, then critical", CRITICAL, critical - killed);
    let gone = until("gone after it was killed", || is_gone(agent))?;
    findings.add("critical, then gone", GONE, gone - critical);
    Ok(())
}

fn config(agent: &Agent, programs: &Path, findings: &mut Findings) -> Result<()> {
    agent.put(KEY, "good morning")?;
    let started = Instant::now();
    let config = Program::start("config", &mut Command::new(programs.join("config")))?;
    let at = until("the first greeting", || Ok(greets("good morning")))?;
    findings.add("go: config serves what the key holds", START, at - started);
    let changed = Instant::now();
    agent.put(KEY, "good evening")?;
    let at = until("the changed greeting", || Ok(greets("good evening")))?;
    findings.add("go: config serves what the key was changed to", START, at - changed);
    config.kill().map(drop)
}

/// Whether the web server of `config` answers so.
pub fn greets(greeting: &str) -> bool {
    let to = SocketAddr::from((Ipv4Addr::LOCALHOST, CONFIG_PORT));
    get(to, "/").is_ok_and(|body| String::from_utf8_lossy(&body).trim() == greeting)
}

fn is_gone(agent: &Agent) -> Result<bool> {
    Ok(agent.sees(SERVICE)? == Seen::Gone && !agent.resolves(SERVICE)?)
}

/// What the examples register.
const SERVICE: &str = "my-service";
const GREETING: &str = "hello from my-service";
const KEY: &str = "/v1/kv/config/greeting";
const CONFIG_PORT: u16 = 8081;
/// The worst of a few starts says more than one.
const ROUNDS: u32 = 3;
/// Less than the interval of the check, and more than most programs take.
const DELAY_SECONDS: u64 = 8;
/// How long before the port opens we stop to expect that it does not.
const ALMOST: Duration = Duration::from_millis(500);
/// A change is seen within a second.
pub const START: Promise = Promise::seconds(1);
/// The interval and the timeout of the example's check.
const CRITICAL: Promise = Promise::seconds(12);
/// What the check asks for, and two seconds to do it.
const GONE: Promise = Promise::seconds(12);
