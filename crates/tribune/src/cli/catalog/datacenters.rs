//! `catalog datacenters`: their names.

use super::no_words;
use crate::cli::base::{Api, Command, Console, Failure, Parsed, Run};

pub(crate) const COMMAND: Command = Command {
    name: "catalog datacenters",
    synopsis: "Lists the datacenters",
    arguments: "[options]",
    help: "
Lists the known datacenters, the nearest first.
",
    flags: &[],
    api: Api::Agent,
    run: Run::Flags(run),
};

fn run(console: &mut Console, flags: &Parsed) -> Result<(), Failure> {
    no_words(flags)?;
    let client = console.client(flags)?;
    let names = console
        .wait(client.catalog().datacenters().into_future())?
        .map_err(|error| Failure::text(format!("Error listing datacenters: {error}")))?;
    for name in names {
        console.line(&name);
    }
    Ok(())
}
