//! `session`: what locks hang on. Consul's program has no such command; this one is ours.

pub(crate) mod create;
pub(crate) mod destroy;
pub(crate) mod info;
pub(crate) mod list;
pub(crate) mod renew;

use tribune_client::api::session::Session;

use super::base::output::block;
use super::base::{Api, Command, Failure, Parsed, Run};

pub(crate) const COMMAND: Command = Command {
    name: "session",
    synopsis: "Makes, lists, renews and ends sessions",
    arguments: "<subcommand> [options] [args]",
    help: "
Makes, lists, renews and ends sessions. A session holds the locks of keys;
when it ends, they are released or deleted.

    $ {program} session create -name=deploy -ttl=30s
    $ {program} kv put -acquire -session=<id> deploy/lock me
    $ {program} session destroy <id>
",
    flags: &[],
    api: Api::None,
    run: Run::Parent,
};

/// The session that a command is about.
fn only_id(flags: &Parsed) -> Result<&str, Failure> {
    match flags.words.as_slice() {
        [id] if !id.is_empty() => Ok(id),
        [] | [_] => Err(Failure::text("Error! Missing ID argument")),
        more => {
            let count = more.len();
            Err(Failure::text(format!("Error! Too many arguments (expected 1, got {count})")))
        }
    }
}

fn unknown(id: &str) -> Failure {
    Failure::text(format!("Error! No session exists with ID: {id}"))
}

fn details(session: &Session) -> String {
    let checks = |list: Option<Vec<String>>| list.unwrap_or_default().join(", ");
    let service_checks = session
        .service_checks
        .as_ref()
        .map(|list| list.iter().map(|check| check.id.clone()).collect::<Vec<_>>());
    block(&[
        ("ID", session.id.clone()),
        ("Name", session.name.clone()),
        ("Node", session.node.clone()),
        ("TTL", session.ttl.clone()),
        ("Behavior", session.behavior.clone()),
        ("Lock Delay", session.lock_delay.to_string()),
        ("Node Checks", checks(session.node_checks.clone())),
        ("Service Checks", checks(service_checks)),
        ("Create Index", session.create_index.to_string()),
        ("Modify Index", session.modify_index.to_string()),
    ])
}
