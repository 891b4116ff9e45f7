//! `join`: makes the agent join the pool of others.

use super::base::{Api, Command, Console, Failure, Flag, Parsed, Run};

pub(crate) const COMMAND: Command = Command {
    name: "join",
    synopsis: "Makes the agent join others",
    arguments: "[options] ADDRESS...",
    help: "
Makes the agent join the pool that the agents at these addresses belong to.

    $ {program} join 10.0.0.2 10.0.0.3:8301
",
    flags: &[Flag::bool("wan", "Join the servers of other datacenters.")],
    api: Api::Agent,
    run: Run::Flags(run),
};

/// Source: consul-surface F.2.
fn run(console: &mut Console, flags: &Parsed) -> Result<(), Failure> {
    if flags.words.is_empty() {
        return Err(Failure::with_usage("At least one address to join must be specified."));
    }
    let client = console.client(flags)?;
    let mut joined = 0_usize;
    for address in &flags.words {
        let join = client.agent().join(address);
        let join = if flags.bool("wan") { join.option("wan", 1) } else { join };
        match console.wait(join.into_future())? {
            Ok(()) => joined += 1,
            Err(error) => console.error(&format!("Error joining address '{address}': {error}")),
        }
    }
    if joined == 0 {
        return Err(Failure::text("Failed to join any nodes."));
    }
    console.line(&format!("Successfully joined cluster by contacting {joined} nodes."));
    Ok(())
}
