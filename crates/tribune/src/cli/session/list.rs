//! `session list`: all of them, or those of a node.

use tribune_client::api::session::Session;

use crate::cli::base::output::{FORMAT_FLAG, Format, format, json, table};
use crate::cli::base::{Api, Command, Console, Failure, Flag, Parsed, Run};

pub(crate) const COMMAND: Command = Command {
    name: "session list",
    synopsis: "Lists the sessions",
    arguments: "[options]",
    help: "
Lists the sessions of the datacenter, or of one node.
",
    flags: &[FORMAT_FLAG, Flag::text("node", "Only sessions of this node.")],
    api: Api::Servers,
    run: Run::Flags(run),
};

fn run(console: &mut Console, flags: &Parsed) -> Result<(), Failure> {
    let format = format(flags)?;
    if let Some(word) = flags.words.first() {
        return Err(Failure::text(format!("Error! Unexpected argument: {word}")));
    }
    let client = console.client(flags)?;
    let read = match flags.text_or("node", "") {
        "" => client.session().list(),
        node => client.session().node(node),
    };
    let read = if flags.bool("stale") { read.stale() } else { read };
    let sessions = console
        .wait(read.into_future())?
        .map_err(|error| Failure::text(format!("Error! Failed listing sessions: {error}")))?;
    match format {
        Format::Json => json(console, &sessions),
        Format::Pretty if sessions.is_empty() => {}
        Format::Pretty => console.print(&table(&rows(&sessions))),
    }
    Ok(())
}

fn rows(sessions: &[Session]) -> Vec<Vec<String>> {
    let or_dash = |text: &str| if text.is_empty() { "-".to_string() } else { text.to_string() };
    let head = ["ID", "Name", "Node", "TTL", "Behavior", "Lock Delay"];
    let mut rows = vec![head.map(str::to_string).to_vec()];
    rows.extend(sessions.iter().map(|session| {
        vec![
            session.id.clone(),
            or_dash(&session.name),
            session.node.clone(),
            or_dash(&session.ttl),
            session.behavior.clone(),
            session.lock_delay.to_string(),
        ]
    }));
    rows
}
