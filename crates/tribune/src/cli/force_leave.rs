//! `force-leave`: counts a failed member as one that left.

use super::base::{Api, Command, Console, Failure, Flag, Parsed, Run};

pub(crate) const COMMAND: Command = Command {
    name: "force-leave",
    synopsis: "Counts a failed member as one that left",
    arguments: "[options] NODE",
    help: "
Counts a member that failed as one that left, so that nobody waits for it to
come back. A member that is alive joins again by itself.

    $ {program} force-leave node7
",
    flags: &[
        Flag::bool("prune", "Forget the member at once."),
        Flag::bool("wan", "A member of the pool of all datacenters' servers."),
    ],
    api: Api::Agent,
    run: Run::Flags(run),
};

/// Source: consul-surface F.2.
fn run(console: &mut Console, flags: &Parsed) -> Result<(), Failure> {
    let [node] = flags.words.as_slice() else {
        return Err(Failure::with_usage("A single node name must be specified to force leave."));
    };
    let client = console.client(flags)?;
    let leave = client.agent().force_leave(node, flags.bool("prune"));
    let leave = if flags.bool("wan") { leave.option("wan", 1) } else { leave };
    console
        .wait(leave.into_future())?
        .map_err(|error| Failure::text(format!("Error force leaving: {error}")))
}
