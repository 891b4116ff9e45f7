//! `monitor`: shows the agent's log while it is written.

use tribune_client::Client;

use super::base::console::runtime;
use super::base::{Api, Command, Console, Failure, Flag, Parsed, Run};

pub(crate) const COMMAND: Command = Command {
    name: "monitor",
    synopsis: "Shows the agent's log while it is written",
    arguments: "[options]",
    help: "
Shows what the agent logs from now on, until it is interrupted. The level may
be lower than the one the agent logs at itself.

    $ {program} monitor -log-level=debug
",
    flags: &[
        Flag::bool("log-json", "Show lines as JSON."),
        Flag::text("log-level", "trace, debug, info (the default), warn or error."),
    ],
    api: Api::Agent,
    run: Run::Flags(run),
};

/// Source: transcripts/cli/event.txt.
fn run(console: &mut Console, flags: &Parsed) -> Result<(), Failure> {
    let client = console.client(flags)?;
    let level = flags.text_or("log-level", LEVEL_DEFAULT).to_owned();
    runtime()?.block_on(follow(console, &client, &level, flags.bool("log-json")))
}

async fn follow(
    console: &mut Console,
    client: &Client,
    level: &str,
    as_json: bool,
) -> Result<(), Failure> {
    let opened = client.agent().monitor(level, as_json).await;
    let mut log =
        opened.map_err(|error| Failure::text(format!("Error starting monitor: {error}")))?;
    loop {
        match log.next().await {
            Ok(Some(part)) => console.write(&part),
            // An agent that was killed ends its connections without a word.
            Ok(None) | Err(_) => {
                console.error("Remote side ended the monitor! This usually means that the");
                console.error("remote side has exited or crashed.");
                return Ok(());
            }
        }
    }
}

const LEVEL_DEFAULT: &str = "INFO";
