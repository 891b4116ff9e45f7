//! `session info`: all that is known of one session.

use super::{details, only_id, unknown};
use crate::cli::base::output::{FORMAT_FLAG, Format, format, json};
use crate::cli::base::{Api, Command, Console, Failure, Parsed, Run};

pub(crate) const COMMAND: Command = Command {
    name: "session info",
    synopsis: "Shows a session",
    arguments: "[options] ID",
    help: "
Shows a session, and exits 1 if there is none with this id.
",
    flags: &[FORMAT_FLAG],
    api: Api::Servers,
    run: Run::Flags(run),
};

fn run(console: &mut Console, flags: &Parsed) -> Result<(), Failure> {
    let format = format(flags)?;
    let id = only_id(flags)?;
    let client = console.client(flags)?;
    let read = client.session().info(id);
    let read = if flags.bool("stale") { read.stale() } else { read };
    let found = console
        .wait(read.into_future())?
        .map_err(|error| Failure::text(format!("Error! Failed reading session: {error}")))?;
    let session = found.ok_or_else(|| unknown(id))?;
    match format {
        Format::Pretty => console.print(&details(&session)),
        Format::Json => json(console, &session),
    }
    Ok(())
}
