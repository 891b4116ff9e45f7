//! The project's chores behind `cargo xtask`: one subcommand each, run from anywhere inside.
//! Not shipped. `verify` never writes to the tree; only `fix` and the `--update` flags do.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a tool tells its user")]

mod article;
mod compat;
mod conformance;
mod isolate;
mod programs;
mod steps;
mod tidy;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Chores of this workspace")]
struct Xtask {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Everything a change must pass; writes nothing
    Verify {
        /// Leave out the minute of simulation, for who runs its whole share anyway
        #[arg(long)]
        without_simulation: bool,
    },
    /// Format, and apply what clippy can mend
    Fix,
    /// Check the house rules that can be checked
    Tidy,
    /// Play the recordings of a real Consul and compare
    Compat(compat::Options),
    /// Run the official Go client's tests against the program
    Conformance(conformance::Options),
    /// Run the example programs and measure what they promise
    Article(article::Options),
    /// Try programs that people use with Consul against the program
    Programs(programs::Options),
    /// Run the seeded simulation
    Sim {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Measure the program beside the floor of this machine; `--smoke` for a quick look
    Bench {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
}

fn main() -> ExitCode {
    let chore = Xtask::parse().chore;
    let done = match chore {
        Chore::Verify { without_simulation } => steps::verify(!without_simulation),
        Chore::Fix => steps::fix(),
        Chore::Tidy => tidy::run(),
        Chore::Compat(options) => compat::run(&options),
        Chore::Conformance(options) => conformance::run(&options),
        Chore::Article(options) => article::run(&options),
        Chore::Programs(options) => programs::run(&options),
        Chore::Sim { args } => steps::sim(&args),
        Chore::Bench { args } => steps::bench(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
