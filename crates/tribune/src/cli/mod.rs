//! The command line. `table` lists every command once; this file finds the one that is asked for
//! and runs it. Adding a command is one row there and one file `<noun>/<verb>.rs`.
//! Invariant: the exit code and both streams are those of Consul's program for every command that
//! it has too. Source: transcripts/cli.

mod agent;
mod base;
mod catalog;
mod demo;
mod event;
mod force_leave;
mod info;
mod join;
mod kv;
mod later;
mod leave;
mod maint;
mod members;
mod monitor;
mod reload;
mod rtt;
mod services;
mod session;
mod table;
mod validate;
mod version;
mod watch;
mod why;

use std::path::Path;
use std::process::ExitCode;

use self::base::{Command, Console, Failure, Run, flags, help};
use self::table::COMMANDS;

/// Nothing that could be run was asked for. Source: transcripts/cli/general.txt.
const EXIT_NO_COMMAND: u8 = 127;

/// Consul has what was asked for, and this program has not yet: a failure like any other.
const EXIT_LATER: u8 = 1;

/// Runs what the process was called with.
pub fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    let called = arguments.next().unwrap_or_default();
    let name = Path::new(&called).file_name().and_then(|name| name.to_str());
    let mut console = Console::of_process(name.unwrap_or("tribune"));
    let mut words = Vec::new();
    for (position, argument) in arguments.enumerate() {
        match argument.into_string() {
            Ok(word) => words.push(word),
            Err(_) => {
                console.error(&format!("argument {} is not valid UTF-8", position + 1));
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::from(run(&mut console, &words))
}

/// Runs a command line and answers its exit code.
pub(crate) fn run(console: &mut Console, words: &[String]) -> u8 {
    if let Some(word) = words.first() {
        match word.as_str() {
            "-v" | "-version" | "--version" => {
                version::print(console);
                return 0;
            }
            "-h" | "-help" | "--help" => {
                console.print(&help::program(console.program()));
                return 0;
            }
            _ => {}
        }
    }
    if let Some(name) = later::find(words) {
        console.error(&later::refusal(console.program(), name));
        return EXIT_LATER;
    }
    let Some((command, rest)) = find(words) else {
        console.eprint(&help::program(console.program()));
        if let Some(word) = words.first() {
            console.error(&later::unknown(word, ""));
        }
        return EXIT_NO_COMMAND;
    };
    match run_command(console, command, rest) {
        Ok(()) => 0,
        Err(failure) => {
            let code = report(console, command, failure);
            // Last, where it is seen below the list of what there is.
            if let (Run::Parent, Some(word)) = (&command.run, rest.first()) {
                console.error(&later::unknown(word, command.name));
            }
            code
        }
    }
}

/// The command with the longest name that `words` begin with, and what follows it.
fn find(words: &[String]) -> Option<(&'static Command, &[String])> {
    let longest = COMMANDS.iter().map(|command| command.words().count()).max().unwrap_or(0);
    (1..=longest.min(words.len())).rev().find_map(|count| {
        let (name, rest) = words.split_at(count);
        let command = COMMANDS.iter().find(|command| command.words().eq(name.iter()))?;
        Some((command, rest))
    })
}

fn run_command(console: &mut Console, command: &Command, rest: &[String]) -> Result<(), Failure> {
    let wants_help = |word: &String| matches!(word.as_str(), "-h" | "-help" | "--help");
    if rest.iter().take_while(|word| *word != "--").any(wants_help) {
        console.print(&help::command(console.program(), command));
        return Ok(());
    }
    match command.run {
        Run::Parent => Err(Failure::usage()),
        Run::Words { run, .. } => run(console, rest),
        Run::Flags(run) => {
            let parsed = flags::parse(&command.all_flags(), rest)
                .map_err(|error| Failure::with_usage(error.to_string()))?;
            run(console, &parsed)
        }
    }
}

fn report(console: &mut Console, command: &Command, failure: Failure) -> u8 {
    if let Some(text) = &failure.text {
        console.error(text);
    }
    if failure.shows_usage {
        console.eprint(&help::command(console.program(), command));
    }
    failure.code
}

#[cfg(test)]
mod tests;
