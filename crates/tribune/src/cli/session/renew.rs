//! `session renew`: starts a session's TTL anew.

use super::{only_id, unknown};
use crate::cli::base::output::{FORMAT_FLAG, Format, format, json};
use crate::cli::base::{Api, Command, Console, Failure, Parsed, Run};

pub(crate) const COMMAND: Command = Command {
    name: "session renew",
    synopsis: "Starts a session's TTL anew",
    arguments: "[options] ID",
    help: "
Starts the TTL of a session anew, and exits 1 if there is none with this id.
",
    flags: &[FORMAT_FLAG],
    api: Api::Servers,
    run: Run::Flags(run),
};

fn run(console: &mut Console, flags: &Parsed) -> Result<(), Failure> {
    let format = format(flags)?;
    let id = only_id(flags)?;
    let client = console.client(flags)?;
    let found = console
        .wait(client.session().renew(id).into_future())?
        .map_err(|error| Failure::text(format!("Error! Failed renewing session: {error}")))?;
    let session = found.ok_or_else(|| unknown(id))?;
    match format {
        Format::Pretty => console.line(&format!("Success! Renewed session: {id}")),
        Format::Json => json(console, &session),
    }
    Ok(())
}
