//! Runs the example programs against an agent of their own and measures what they promise: the
//! getting-started program of the Go client first, then the same with the Rust client.
//! Prints every time it measured; fails only far beyond what is promised, since machines are busy.

mod agent;
mod findings;
mod go;
mod program;
mod rust;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::{isolate, workspace};
use agent::Agent;
use findings::Findings;

#[derive(Args)]
pub struct Options {
    /// Run this program in place of the one that is built
    #[arg(long)]
    program: Option<PathBuf>,
    /// Everything is built and the ports are ours: play
    #[arg(long, hide = true)]
    inside: bool,
}

pub fn run(options: &Options) -> Result<()> {
    let folder = workspace::target().join("article");
    if options.inside {
        let program = options.program.as_deref().context("--inside needs --program")?;
        return play(program, &folder);
    }
    // The programs of the workspace are built together; the Rust examples are among them.
    let built = workspace::program("tribune")?;
    build_go(&folder)?;
    let program = options.program.as_ref().map_or(Ok(built), std::path::absolute)?;
    let isolated = isolate::possible();
    if !isolated {
        println!("no namespaces here: the examples use the ports of this machine");
        check_ports()?;
    }
    // Not the file that runs now: the build may have replaced it.
    let own = workspace::target().join("debug").join("tribune-xtask");
    let arguments = [
        own.display().to_string(),
        "article".to_owned(),
        "--inside".to_owned(),
        format!("--program={}", program.display()),
    ];
    workspace::step("examples", &mut isolate::shell(isolated, "", &arguments))
}

fn build_go(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut go = Command::new("go");
    go.current_dir(workspace::root().join("examples/go"));
    go.arg("build").arg("-o").arg(folder).args(["./register", "./discover", "./config"]);
    workspace::step("build the Go examples", &mut go).context("the examples need Go")
}

/// The examples use the ports that every such program uses.
fn check_ports() -> Result<()> {
    for port in PORTS {
        if TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, *port))).is_err() {
            bail!("port {port} is in use: end what listens there, or run as root");
        }
    }
    Ok(())
}

fn play(program: &Path, go_examples: &Path) -> Result<()> {
    let mut findings = Findings::default();
    let agent = Agent::start(program)?;
    go::play(&agent, go_examples, &mut findings)?;
    rust::play(&agent, &workspace::target().join("debug"), &mut findings)?;
    agent.stop()?;
    print!("{findings}");
    findings.judge()
}

/// HTTP and DNS of the agent, and what the examples serve on.
const PORTS: &[u16] = &[8500, 8600, 8080, 8081];
