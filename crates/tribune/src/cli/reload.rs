//! `reload`: the agent reads its configuration anew.

use super::base::{Api, Command, Console, Failure, Parsed, Run};

pub(crate) const COMMAND: Command = Command {
    name: "reload",
    synopsis: "Makes the agent read its configuration anew",
    arguments: "[options]",
    help: "
Makes the agent read its configuration files anew, as SIGHUP does.
",
    flags: &[],
    api: Api::Agent,
    run: Run::Flags(run),
};

fn run(console: &mut Console, flags: &Parsed) -> Result<(), Failure> {
    let client = console.client(flags)?;
    console
        .wait(client.agent().reload().into_future())?
        .map_err(|error| Failure::text(format!("Error reloading: {error}")))?;
    console.line("Configuration reload triggered");
    Ok(())
}
