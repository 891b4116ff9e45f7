//! The simulator's program. It alone reads a real clock, to keep to its budget of minutes.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a tool tells its user")]

mod program;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    match program::run_program(&program::Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("tribune-sim: {error:#}");
            ExitCode::FAILURE
        }
    }
}
