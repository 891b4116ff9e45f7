//! `services register`: from files, or one service from flags.

use serde_json::{Map, Value};
use tribune_client::Client;

use super::definitions::{self, Definition};
use crate::cli::base::{Api, Command, Console, Failure, Flag, Parsed, Run};

pub(crate) const COMMAND: Command = Command {
    name: "services register",
    synopsis: "Registers services with the agent",
    arguments: "[options] [FILE...]",
    help: "
Registers the services of definition files, or one service that flags
describe. A service that is registered already takes the new definition.

    $ {program} services register web.hcl api.json
    $ {program} services register -name=web -port=8080 -tag=blue -tag=v2

A service that is registered so stays until it is deregistered; it has no
check unless its file defines one.
",
    flags: &[
        Flag::text("address", "Where clients reach it; the node's address if absent."),
        Flag::text("id", "Its id on this agent; its name if absent."),
        Flag::text("kind", "What it is in the mesh; empty for a service like any other."),
        Flag::map("meta", "Metadata; may be given again."),
        Flag::text("name", "Its name."),
        Flag::uint("port", "Where it listens."),
        Flag::list("tag", "A tag; may be given again."),
    ],
    api: Api::Agent,
    run: Run::Flags(run),
};

/// Source: transcripts/cli/services.txt.
fn run(console: &mut Console, flags: &Parsed) -> Result<(), Failure> {
    let from_flags = COMMAND.flags.iter().any(|flag| flags.text(flag.name).is_some());
    let services = match (from_flags, flags.words.is_empty()) {
        (true, false) => {
            let text = "Service registration requires arguments or -id, not both.";
            return Err(Failure::text(text));
        }
        (false, true) => {
            let text = "Service registration requires at least one argument or flags.";
            return Err(Failure::text(text));
        }
        (true, true) => vec![definition(flags)],
        (false, false) => definitions::read(&flags.words)?,
    };
    let client = console.client(flags)?;
    for service in &services {
        console.wait(register(&client, service))??;
        console.line(&format!("Registered service: {}", service.name()));
    }
    Ok(())
}

async fn register(client: &Client, service: &Definition) -> Result<(), Failure> {
    // As the file has it: a round through a type of ours could lose what it does not know.
    let sent = client.put("/v1/agent/service/register", service.0.to_string()).await;
    let name = service.name();
    let failed = |error| Failure::text(format!("Error registering service {name:?}: {error}"));
    sent.map(drop).map_err(failed)
}

fn definition(flags: &Parsed) -> Definition {
    let mut members = Map::new();
    for (flag, key) in [("id", "ID"), ("name", "Name"), ("address", "Address"), ("kind", "Kind")] {
        if let Some(text) = flags.text(flag) {
            members.insert(key.to_owned(), text.into());
        }
    }
    if let Some(port) = flags.uint("port") {
        members.insert("Port".to_owned(), port.into());
    }
    if !flags.list("tag").is_empty() {
        members.insert("Tags".to_owned(), flags.list("tag").into());
    }
    let meta: Map<String, Value> =
        flags.map("meta").map(|(key, value)| (key.to_owned(), value.into())).collect();
    if !meta.is_empty() {
        members.insert("Meta".to_owned(), meta.into());
    }
    Definition(members.into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::base::flags;

    #[test]
    fn flags_make_a_definition_of_what_was_given() {
        let words = "-name=web -port=8 -tag=x -tag=y -address=127.0.0.9 -meta k=v";
        let words: Vec<String> = words.split_whitespace().map(str::to_string).collect();
        let parsed = flags::parse(&COMMAND.all_flags(), &words).unwrap();
        let expected = json!({"Name": "web", "Address": "127.0.0.9", "Port": 8,
            "Tags": ["x", "y"], "Meta": {"k": "v"}});
        assert_eq!(definition(&parsed).0, expected);
    }
}
