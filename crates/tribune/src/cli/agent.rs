//! `agent`: runs an agent in the foreground. Its flags are rows of the configuration's table in
//! the agent crate, which also parses them; this file only hands over.

use tribune_agent::config::{AgentArgs, FlagError, Machine, flags, load, parse_agent_args};

use super::base::{Api, Command, Console, Failure, Flag, Run};

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
    run: Run::Words { run, flags: table_flags },
};

fn table_flags() -> Vec<Flag> {
    let of_row = |flag: flags::Flag| match flag.is_bool {
        true => Flag::bool(flag.name, flag.doc),
        false => Flag::text(flag.name, flag.doc),
    };
    flags::flags().into_iter().map(of_row).collect()
}

/// Source: transcripts/config/validate.txt.
fn run(console: &mut Console, words: &[String]) -> Result<(), Failure> {
    let args = parse(words)?;
    let loaded = load(&args, &Machine).map_err(|errors| Failure::text(format!("==> {errors}")))?;
    for warning in &loaded.warnings {
        console.error(warning);
    }
    Err(Failure::text("==> this build holds no agent"))
}

fn parse(words: &[String]) -> Result<AgentArgs, Failure> {
    parse_agent_args(words).map_err(|error| match error {
        FlagError::Help => Failure::usage(),
        other => Failure::with_usage(other.to_string()),
    })
}
