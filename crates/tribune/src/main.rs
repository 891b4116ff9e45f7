//! The program: an agent, and the command line to one. It decides nothing; see `cli`.

#![forbid(unsafe_code)]

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
