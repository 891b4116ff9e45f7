//! `leave`: the agent says goodbye to the others and ends.

use super::base::{Api, Command, Console, Failure, Parsed, Run, help};

pub(crate) const COMMAND: Command = Command {
    name: "leave",
    synopsis: "Makes the agent leave the cluster and end",
    arguments: "[options]",
    help: "
Makes the agent leave the cluster and shut down. Unlike a crash, a leave makes
the others forget its services at once.
",
    flags: &[],
    api: Api::Agent,
    run: Run::Flags(run),
};

/// Source: transcripts/cli/leave.txt.
fn run(console: &mut Console, flags: &Parsed) -> Result<(), Failure> {
    if !flags.words.is_empty() {
        console.print(&help::command(console.program(), &COMMAND));
        let found = flags.words.join(" ");
        return Err(Failure::text(format!("Error found unexpected args: [{found}]")));
    }
    let client = console.client(flags)?;
    console
        .wait(client.agent().leave().into_future())?
        .map_err(|error| Failure::text(format!("Error leaving: {error}")))?;
    console.line("Graceful leave complete");
    Ok(())
}
