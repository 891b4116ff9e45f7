//! `services`: what is registered with the agent, from files and flags.

pub(crate) mod definitions;
pub(crate) mod deregister;
pub(crate) mod register;

use super::base::{Api, Command, Run};

pub(crate) const COMMAND: Command = Command {
    name: "services",
    synopsis: "Registers services with the agent and takes them out",
    arguments: "<subcommand> [options] [args]",
    help: "
Registers services with the agent of this machine and takes them out again:
those of definition files, or one that flags describe.

    $ {program} services register web.hcl
    $ {program} services register -name=web -port=8080
    $ {program} services deregister -id=web
",
    flags: &[],
    api: Api::None,
    run: Run::Parent,
};
