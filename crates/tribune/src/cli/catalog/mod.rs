//! `catalog`: what is registered.

pub(crate) mod datacenters;
pub(crate) mod nodes;
pub(crate) mod services;

use tribune_client::Read;

use super::base::{Api, Command, Failure, Parsed, Run};

pub(crate) const COMMAND: Command = Command {
    name: "catalog",
    synopsis: "Shows what is registered",
    arguments: "<subcommand> [options] [args]",
    help: "
Shows the datacenters, nodes and services of the catalog.

    $ {program} catalog services -tags
    $ {program} catalog nodes -service=web
",
    flags: &[],
    api: Api::None,
    run: Run::Parent,
};

fn no_words(flags: &Parsed) -> Result<(), Failure> {
    match flags.words.len() {
        0 => Ok(()),
        count => Err(Failure::text(format!("Too many arguments (expected 0, got {count})"))),
    }
}

/// The options that all of these take.
fn read<T>(read: Read<T>, flags: &Parsed) -> Read<T> {
    let read = if flags.bool("stale") { read.stale() } else { read };
    let filter = flags.text_or("filter", "");
    let read = if filter.is_empty() { read } else { read.filter(filter) };
    flags.map("node-meta").fold(read, |read, (key, value)| read.node_meta(key, value))
}
