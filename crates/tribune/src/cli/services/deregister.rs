//! `services deregister`: those of files, or one by its id.

use tribune_client::Client;

use super::definitions;
use crate::cli::base::{Api, Command, Console, Failure, Flag, Parsed, Run};

pub(crate) const COMMAND: Command = Command {
    name: "services deregister",
    synopsis: "Takes services out of the agent",
    arguments: "[options] [FILE...]",
    help: "
Takes services out of the agent of this machine: those of definition files,
by their ids, or one whose id is given.

    $ {program} services deregister web.hcl
    $ {program} services deregister -id=web
",
    flags: &[Flag::text("id", "The id of the service.")],
    api: Api::Agent,
    run: Run::Flags(run),
};

/// Source: transcripts/cli/services.txt.
fn run(console: &mut Console, flags: &Parsed) -> Result<(), Failure> {
    let id = flags.text("id").filter(|id| !id.is_empty());
    let services: Vec<(String, String)> = match (id, flags.words.is_empty()) {
        (Some(_), false) => {
            let text = "Service deregistration requires arguments or -id, not both.";
            return Err(Failure::text(text));
        }
        (None, true) => {
            let text = "Service deregistration requires at least one argument or -id.";
            return Err(Failure::text(text));
        }
        // By its id alone a service has no name to show.
        (Some(id), true) => vec![(id.to_owned(), String::new())],
        (None, false) => {
            let found = definitions::read(&flags.words)?;
            found.iter().map(|own| (own.id().to_owned(), own.name().to_owned())).collect()
        }
    };
    let client = console.client(flags)?;
    for (id, name) in &services {
        console.wait(deregister(&client, id, name))??;
        console.line(&format!("Deregistered service: {}", if name.is_empty() { id } else { name }));
    }
    Ok(())
}

async fn deregister(client: &Client, id: &str, name: &str) -> Result<(), Failure> {
    let failed = |error| Failure::text(format!("Error deregistering service {name:?}: {error}"));
    client.agent().deregister_service(id).await.map_err(failed)
}
