//! `agent`: runs an agent in the foreground. Its flags are rows of the configuration's table in
//! the agent crate, which also parses them; this file only hands over.

use std::process::ExitCode;

use tribune_agent::config::{flags, parse_agent_args};

use super::base::{Api, Command, Console, Failure, Flag, Run};

pub(crate) const COMMAND: Command = Command {
    name: "agent",
    synopsis: "Runs an agent",
    arguments: "[options]",
    help: "
Runs an agent in the foreground until it is interrupted.

    $ {program} agent -dev
    $ {program} agent -server -bootstrap-expect=1 -data-dir=/var/lib/tribune

All flags of Consul's agent are accepted. When it starts, the agent names
those that it does not use yet: what is for clusters, gossip, gRPC and
recursors.
",
    flags: &[],
    api: Api::None,
    run: Run::Words { run, flags: table_flags },
};

pub(crate) fn table_flags() -> Vec<Flag> {
    let of_row = |flag: flags::Flag| match flag.is_bool {
        true => Flag::bool(flag.name, flag.doc),
        false => Flag::text(flag.name, flag.doc),
    };
    flags::flags().into_iter().map(of_row).collect()
}

/// Flags are read here first, since only here is there a usage to show; the agent says the rest.
///
/// Source: transcripts/config/validate.txt.
fn run(_console: &mut Console, words: &[String]) -> Result<(), Failure> {
    parse_agent_args(words).map_err(|error| Failure::with_usage(error.to_string()))?;
    if tribune_agent::run(words) == ExitCode::SUCCESS { Ok(()) } else { Err(Failure::code(1)) }
}
