//! `why`: why things are as they are. Ours; Consul has no such command.

pub(crate) mod service;

use super::base::{Api, Command, Run};

pub(crate) const COMMAND: Command = Command {
    name: "why",
    synopsis: "Says why clients are given a service or not",
    arguments: "<subcommand> [options] [args]",
    help: "
Says why things are as they are.

    $ {program} why service web
",
    flags: &[],
    api: Api::None,
    run: Run::Parent,
};
