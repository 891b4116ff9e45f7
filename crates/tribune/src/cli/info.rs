//! `info`: the agent's numbers, by subsystem.

use super::base::{Api, Command, Console, Failure, Parsed, Run};

pub(crate) const COMMAND: Command = Command {
    name: "info",
    synopsis: "Shows numbers of the agent for debugging",
    arguments: "[options]",
    help: "
Shows numbers of the agent and its subsystems.
",
    flags: &[],
    api: Api::Agent,
    run: Run::Flags(run),
};

/// Source: transcripts/cli/general.txt.
fn run(console: &mut Console, flags: &Parsed) -> Result<(), Failure> {
    let client = console.client(flags)?;
    let itself = console
        .wait(client.agent().itself().into_future())?
        .map_err(|error| Failure::text(format!("Error querying agent: {error}")))?;
    for (group, numbers) in &itself.stats {
        console.line(&format!("{group}:"));
        for (name, value) in numbers {
            console.line(&format!("\t{name} = {value}"));
        }
    }
    Ok(())
}
