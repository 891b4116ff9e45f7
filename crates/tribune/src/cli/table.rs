//! Every command there is, in the order of the help. Help, dispatch and flags read this table.

use super::base::Command;
use super::{agent, catalog, event, info, kv, leave, members, reload, session, validate, version};

pub(crate) const COMMANDS: &[Command] = &[
    agent::COMMAND,
    catalog::COMMAND,
    catalog::datacenters::COMMAND,
    catalog::nodes::COMMAND,
    catalog::services::COMMAND,
    event::COMMAND,
    info::COMMAND,
    kv::COMMAND,
    kv::delete::COMMAND,
    kv::export::COMMAND,
    kv::get::COMMAND,
    kv::import::COMMAND,
    kv::put::COMMAND,
    leave::COMMAND,
    members::COMMAND,
    reload::COMMAND,
    session::COMMAND,
    session::create::COMMAND,
    session::destroy::COMMAND,
    session::info::COMMAND,
    session::list::COMMAND,
    session::renew::COMMAND,
    validate::COMMAND,
    version::COMMAND,
];
