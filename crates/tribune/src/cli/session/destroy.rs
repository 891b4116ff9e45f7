//! `session destroy`: ends a session, and with it its locks.

use super::only_id;
use crate::cli::base::{Api, Command, Console, Failure, Parsed, Run};

pub(crate) const COMMAND: Command = Command {
    name: "session destroy",
    synopsis: "Ends a session",
    arguments: "[options] ID",
    help: "
Ends a session; the keys it holds are released or deleted, as its behavior
says. One that does not exist is no error.
",
    flags: &[],
    api: Api::Servers,
    run: Run::Flags(run),
};

fn run(console: &mut Console, flags: &Parsed) -> Result<(), Failure> {
    let id = only_id(flags)?;
    let client = console.client(flags)?;
    console
        .wait(client.session().destroy(id).into_future())?
        .map_err(|error| Failure::text(format!("Error! Failed destroying session: {error}")))?;
    console.line(&format!("Success! Destroyed session: {id}"));
    Ok(())
}
