//! `agent`: runs an agent in the foreground. Its flags belong to the configuration's table in the
//! agent crate, which parses them; this file only hands over.

use super::base::{Api, Command, Console, Failure, Run};

pub(crate) const COMMAND: Command = Command {
    name: "agent",
    synopsis: "Runs an agent",
    arguments: "[options]",
    help: "
Runs an agent in the foreground until it is interrupted.

    $ {program} agent -dev
    $ {program} agent -server -bootstrap-expect=1 -data-dir=/var/lib/tribune
",
    flags: &[],
    api: Api::None,
    run: Run::Words(run),
};

fn run(_console: &mut Console, _words: &[String]) -> Result<(), Failure> {
    Err(Failure::text("==> this build holds no agent"))
}
