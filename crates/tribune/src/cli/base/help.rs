//! Help texts, made from the table.

use super::command::{Command, Run};
use super::flags::{Flag, Kind};
use super::output::table;
use crate::cli::table::COMMANDS;

/// Help is wrapped at this column, as usual for terminals.
const WIDTH: usize = 80;

/// What the program can do.
///
/// Source: transcripts/cli/general.txt, the first line.
pub(crate) fn program(name: &str) -> String {
    let top = COMMANDS.iter().filter(|command| !command.name.contains(' '));
    let rows: Vec<_> = top.map(|command| row(command.name, command)).collect();
    format!(
        "Usage: {name} [--version] [--help] <command> [<args>]\n\nAvailable commands are:\n{}",
        table(&rows)
    )
}

/// What one command does and takes.
pub(crate) fn command(program: &str, command: &Command) -> String {
    let mut text = format!("Usage: {program} {} {}\n\n", command.name, command.arguments);
    for line in command.help.trim().replace("{program}", program).lines() {
        text.push_str(format!("  {line}").trim_end());
        text.push('\n');
    }
    if matches!(command.run, Run::Parent) {
        let below = format!("{} ", command.name);
        let children = COMMANDS.iter().filter_map(|child| {
            let name = child.name.strip_prefix(&below)?;
            Some(row(name, child))
        });
        text.push_str(&format!("\nSubcommands:\n{}", table(&children.collect::<Vec<_>>())));
    }
    let listed = match command.run {
        Run::Words { flags, .. } => flags(),
        Run::Parent | Run::Flags(_) => command.flags.to_vec(),
    };
    let own: Vec<_> = listed.iter().collect();
    for (title, flags) in [("Command Options", own), ("HTTP API Options", command.api_flags())] {
        if !flags.is_empty() {
            text.push_str(&format!("\n{title}\n\n"));
            text.extend(flags.into_iter().map(flag));
        }
    }
    format!("{}\n", text.trim_end())
}

fn row(name: &str, command: &Command) -> Vec<String> {
    vec![format!("    {name}"), command.synopsis.to_string()]
}

fn flag(flag: &Flag) -> String {
    let value = match flag.kind {
        Kind::Bool => "",
        Kind::Text | Kind::List => "=<value>",
        Kind::Uint => "=<number>",
        Kind::Map => "=<key=value>",
    };
    let mut text = format!("  -{}{value}\n", flag.name);
    let mut line = String::new();
    for word in flag.help.split_whitespace() {
        if !line.is_empty() && line.len() + word.len() + 1 > WIDTH - 5 {
            text.push_str(&format!("     {line}\n"));
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    text.push_str(&format!("     {line}\n\n"));
    text
}
