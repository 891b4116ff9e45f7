//! Every command there is, in the order of the help. Help, dispatch and flags read this table.

use super::base::Command;
use super::{
    agent, catalog, event, force_leave, info, join, kv, leave, maint, members, monitor, reload,
    rtt, services, session, validate, version, watch,
};

pub(crate) const COMMANDS: &[Command] = &[
    agent::COMMAND,
    catalog::COMMAND,
    catalog::datacenters::COMMAND,
    catalog::nodes::COMMAND,
    catalog::services::COMMAND,
    event::COMMAND,
    force_leave::COMMAND,
    info::COMMAND,
    join::COMMAND,
    kv::COMMAND,
    kv::delete::COMMAND,
    kv::export::COMMAND,
    kv::get::COMMAND,
    kv::import::COMMAND,
    kv::put::COMMAND,
    leave::COMMAND,
    maint::COMMAND,
    members::COMMAND,
    monitor::COMMAND,
    reload::COMMAND,
    rtt::COMMAND,
    services::COMMAND,
    services::deregister::COMMAND,
    services::register::COMMAND,
    session::COMMAND,
    session::create::COMMAND,
    session::destroy::COMMAND,
    session::info::COMMAND,
    session::list::COMMAND,
    session::renew::COMMAND,
    validate::COMMAND,
    version::COMMAND,
    watch::COMMAND,
];
