//! Measures a running program against the floor of this machine: a bare hyper server that answers
//! bodies of the same size, under the same client, in the same run. It prints and judges nothing.
//! Not shipped. Figures in docs/benchmarks.md say which command made them.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a tool tells its user")]

mod agent;
mod bare;
mod cases;
mod load;
mod report;
mod target;
mod wire;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::{Args, Parser, Subcommand};

use cases::CASES;
use report::Report;

#[derive(Parser)]
#[command(name = "tribune-bench", about = "Benchmarks that print medians and ratios")]
struct Bench {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Run cases against a program
    Run(Options),
    /// Be the bare server that others are compared with
    Bare {
        /// Where to listen
        address: std::net::SocketAddr,
        /// Bytes of a body
        #[arg(long, default_value_t = 480)]
        bytes: usize,
    },
    /// Be the server that HTTP checks look at
    Target {
        /// Where to listen
        address: std::net::SocketAddr,
    },
}

/// How the cases are run.
#[derive(Args, Clone)]
struct Options {
    /// The program to measure
    #[arg(long)]
    program: PathBuf,
    /// Only cases whose name contains one of these
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Rounds; the cases alternate, and medians are printed
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds that a throughput case loads the server in each round
    #[arg(long, default_value_t = 1.5)]
    seconds: f64,
    /// Sizes of a tenth and one round: shows that everything runs
    #[arg(long)]
    smoke: bool,
}

impl Options {
    /// How long one measurement loads the server.
    fn span(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }

    /// A case's size, a tenth of it in a smoke run.
    fn size(&self, whole: usize) -> usize {
        if self.smoke { whole / 10 } else { whole }
    }
}

fn main() -> ExitCode {
    let done = match Bench::parse().what {
        What::Run(options) => run(options),
        What::Bare { address, bytes } => bare::serve(address, bytes),
        What::Target { address } => target::serve(address),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(mut options: Options) -> Result<()> {
    if options.smoke {
        options.rounds = 1;
        options.seconds = options.seconds.min(SMOKE_SECONDS);
    }
    options.program = std::path::absolute(&options.program)?;
    let chosen = |name: &str| {
        options.only.is_empty() || options.only.iter().any(|part| name.contains(part.as_str()))
    };
    let chosen: Vec<_> = CASES.iter().filter(|case| chosen(case.name)).collect();
    if chosen.is_empty() {
        bail!("no case has such a name");
    }
    // One thread for the client: it must not take the servers' core.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut report = Report::default();
    for round in 0..options.rounds {
        for case in &chosen {
            eprintln!("round {} of {}: {}", round + 1, options.rounds, case.name);
            runtime.block_on((case.run)(&options, &mut report))?;
        }
    }
    print!("{}", report.table());
    Ok(())
}

/// Long enough for a figure, short enough for each push.
const SMOKE_SECONDS: f64 = 0.5;
